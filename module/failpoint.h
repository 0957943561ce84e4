/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places where a test can make an operation fail, or hold up whoever gets there.
 *
 *	if (pb_fail(PB_FAIL_PAGE))	as if the allocation below had failed
 *		return NULL;
 *	pb_window(PB_WINDOW_EVICT);	between two steps that others can get between
 *
 * Until somebody writes to /sys/kernel/debug/pagebox/failpoints, or loads the
 * module with fail_nth=, each is a no-op in the instruction stream. failpoint.c
 * has the language of that file.
 */
#ifndef _PAGEBOX_FAILPOINT_H
#define _PAGEBOX_FAILPOINT_H

#include <linux/jump_label.h>
#include <linux/types.h>

/*
 * All points: F(ID, name) can fail, W(ID, name) is a window, where a task may
 * sleep. The names are what the file shows, in this order.
 */
/* clang-format off */
#define PB_FAILPOINTS(F, W) \
	F(PAGE, alloc_page) \
	F(FRAME, alloc_frame) \
	F(BACKEND_READ, backend_read) \
	F(BACKEND_WRITE, backend_write) \
	W(FAULT_LOCK, fault_lock) \
	W(EVICT_UNMAP, evict_unmap)
/* clang-format on */

#define PB_FAIL_ID(id, name) PB_FAIL_##id,
#define PB_WINDOW_ID(id, name) PB_WINDOW_##id,
enum pb_failpoint {
	PB_FAILPOINTS(PB_FAIL_ID, PB_WINDOW_ID) PB_FAILPOINT_NR,
};
#undef PB_FAIL_ID
#undef PB_WINDOW_ID

DECLARE_STATIC_KEY_FALSE(pb_failpoints_on);

bool pb_failpoint_hit(enum pb_failpoint point);

/**
 * pb_fail - shall this operation fail?
 * @point: where we are, one of PB_FAIL_*
 *
 * Context: any but interrupts.
 * Return: true if the caller has to act as if it had failed
 */
static inline bool pb_fail(enum pb_failpoint point)
{
	return static_branch_unlikely(&pb_failpoints_on) &&
	       pb_failpoint_hit(point);
}

/**
 * pb_window - a place where others may overtake
 * @point: where we are, one of PB_WINDOW_*
 *
 * Context: may sleep, for as long as a test wants, with whatever locks the
 * caller holds.
 */
static inline void pb_window(enum pb_failpoint point)
{
	if (static_branch_unlikely(&pb_failpoints_on))
		pb_failpoint_hit(point);
}

void pb_failpoints_init(void);

struct dentry;
void pb_failpoints_debugfs(struct dentry *root);

#endif /* _PAGEBOX_FAILPOINT_H */
