/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places where a test can make an operation fail, or hold up whoever gets there.
 *
 *	new = pb_may_fail(BOX, NULL, kzalloc(...));	NULL on request
 *	if (pb_fail(PB_FAIL_COPY_IN) || get_user(...))	the same by hand
 *		return -EFAULT;
 *	pb_window(PB_WINDOW_EVICT_UNMAP);	between two steps, where others
 *						may overtake
 *
 * Until somebody writes to /sys/kernel/debug/pagebox/failpoints, or loads the
 * module with fail_nth=, each is a no-op in the instruction stream. failpoint.c
 * has the language of that file.
 */
#ifndef _PAGEBOX_FAILPOINT_H
#define _PAGEBOX_FAILPOINT_H

#include <linux/jump_label.h>
#include <linux/types.h>

#include "failpoints.h"

DECLARE_STATIC_KEY_FALSE(pb_failpoints_on);

bool pb_failpoint_hit(enum pb_failpoint point);
void pb_failpoint_spin(enum pb_failpoint point);

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
 * pb_may_fail - an operation that can be made to fail
 * @point: where we are, without the PB_FAIL_
 * @failure: what it returns when it fails
 * @operation: the operation, which is then not even begun
 *
 * Return: @operation or @failure
 */
#define pb_may_fail(point, failure, operation) \
	(pb_fail(PB_FAIL_##point) ? (failure) : (operation))

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

/**
 * pb_window_atomic - a window in a section that must not sleep
 * @point: where we are, one of PB_WINDOW_*
 *
 * Who is stopped here spins, for some seconds at most.
 *
 * Context: under RCU, without spinlocks.
 */
static inline void pb_window_atomic(enum pb_failpoint point)
{
	if (static_branch_unlikely(&pb_failpoints_on))
		pb_failpoint_spin(point);
}

void pb_failpoints_init(void);

struct dentry;
void pb_failpoints_debugfs(struct dentry *root);

#endif /* _PAGEBOX_FAILPOINT_H */
