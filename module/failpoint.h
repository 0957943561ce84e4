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

/*
 * All points: PB_FAIL_* can fail, PB_WINDOW_* are windows, where a task may
 * sleep. failpoint.c has their names, in the same order.
 */
enum pb_failpoint {
	PB_FAIL_CACHE,
	PB_FAIL_POOL,
	PB_FAIL_WORKQUEUE,
	PB_FAIL_POLICY,
	PB_FAIL_DEVICE,
	PB_FAIL_DEBUGFS,
	PB_FAIL_BOX,
	PB_FAIL_BOX_NUMBER,
	PB_FAIL_MOUNT,
	PB_FAIL_INODE,
	PB_FAIL_FILE,
	PB_FAIL_FD,
	PB_FAIL_STATS,
	PB_FAIL_SHRINKER,
	PB_FAIL_POLICY_STATE,
	PB_FAIL_MAP,
	PB_FAIL_VIEW,
	PB_FAIL_PAGE,
	PB_FAIL_FRAME,
	PB_FAIL_FRAME_TABLE,
	PB_FAIL_SWAP,
	PB_FAIL_SLOT,
	PB_FAIL_BACKEND,
	PB_FAIL_BACKEND_FILE,
	PB_FAIL_BACKEND_READ,
	PB_FAIL_BACKEND_WRITE,
	PB_FAIL_BACKEND_SYNC,
	PB_FAIL_RAM_PAGE,
	PB_FAIL_RAM_INDEX,
	PB_FAIL_COPY_IN,
	PB_FAIL_COPY_OUT,
	PB_FAIL_COPY_IN_ITER,
	PB_FAIL_COPY_OUT_ITER,
	PB_FAIL_FAULT_IN,
	PB_FAIL_NR,

	PB_WINDOW_FAULT_LOCK = PB_FAIL_NR,
	PB_WINDOW_EVICT_UNMAP,
	PB_FAILPOINT_NR,
};

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

void pb_failpoints_init(void);

struct dentry;
void pb_failpoints_debugfs(struct dentry *root);

#endif /* _PAGEBOX_FAILPOINT_H */
