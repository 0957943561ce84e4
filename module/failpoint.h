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
	PB_FAIL_TRAIL,
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
	PB_FAIL_WATCH,
	PB_FAIL_WATCH_EVENT,
	PB_FAIL_PAGE_BUSY,
	PB_FAIL_SPLIT,
	PB_FAIL_NR,

	PB_WINDOW_FAULT_LOCK = PB_FAIL_NR,
	PB_WINDOW_EVICT_UNMAP,
	PB_WINDOW_FAULT_ATTACH,
	PB_WINDOW_FAULT_READ,
	PB_WINDOW_FAULT_INSTALL,
	PB_WINDOW_FAULT_UNMAP,
	PB_WINDOW_FAULT_PUBLISH,
	PB_WINDOW_FAULT_CHECK,
	PB_WINDOW_FAULT_FRAME,
	PB_WINDOW_FAULT_MAP,
	PB_WINDOW_FILL_SOURCE,
	PB_WINDOW_FILL_WAIT,
	PB_WINDOW_FILL_FRAMES,
	PB_WINDOW_FILL_ATTACH,
	PB_WINDOW_FILL_SETTLE,
	PB_WINDOW_COW_INSTALL,
	PB_WINDOW_COW_UNMAP,
	PB_WINDOW_COW_UNSHARE,
	PB_WINDOW_COW_HANDOVER,
	PB_WINDOW_MKWRITE_COPIED,
	PB_WINDOW_MKWRITE_LOCK,
	PB_WINDOW_MKWRITE_MAP,
	PB_WINDOW_EVICT_LOCK,
	PB_WINDOW_EVICT_JUDGE,
	PB_WINDOW_EVICT_DETACH,
	PB_WINDOW_EVICT_WRITTEN,
	PB_WINDOW_EVICT_SLOT,
	PB_WINDOW_EVICT_RELEASE,
	PB_WINDOW_EVICT_PINS,
	PB_WINDOW_EVICT_WAIT,
	PB_WINDOW_EVICT_GOT,
	PB_WINDOW_SLOT_TAKEN,
	PB_WINDOW_SLOT_FREE,
	PB_WINDOW_RESIZE_LIMIT,
	PB_WINDOW_POLICY_SWITCH,
	PB_WINDOW_POLICY_LOCK,
	PB_WINDOW_SHRINK_SCAN,
	PB_WINDOW_FORK_PIN,
	PB_WINDOW_FORK_PROTECT,
	PB_WINDOW_FORK_DONE,
	PB_WINDOW_FORK_SHARE,
	PB_WINDOW_CLOSE_DISCARD,
	PB_WINDOW_CLOSE_VMA,
	PB_WINDOW_CLOSE_VIEW,
	PB_WINDOW_VIEW_DROP,
	PB_WINDOW_PAGE_LATE,
	PB_WINDOW_PAGE_FREE,
	PB_WINDOW_DISCARD_REPLACE,
	PB_WINDOW_DISCARD_LOCK,
	PB_WINDOW_DISCARD_UNMAP,
	PB_WINDOW_DISCARD_UNSHARE,
	PB_WINDOW_IO_END,
	PB_WINDOW_IO_BEGIN,
	PB_WINDOW_WRITE_COPY,
	PB_WINDOW_WRITE_DONE,
	PB_WINDOW_WRITE_CLEAN,
	PB_WINDOW_WRITE_CLEANED,
	PB_WINDOW_WRITE_LOCK,
	PB_WINDOW_WRITE_AGAIN,
	PB_WINDOW_LOCK_IDLE,
	PB_WINDOW_FSYNC_SYNC,
	PB_WINDOW_FLUSH_WRITE,
	PB_WINDOW_FLUSH_AGAIN,
	PB_WINDOW_FAREWELL_STOP,
	PB_WINDOW_FAREWELL_WRITE,
	PB_WINDOW_TRUNCATE_NOTED,
	PB_WINDOW_TRUNCATE_TRIM,
	PB_WINDOW_SWAPOFF_LEAVE,
	PB_WINDOW_SWAPOFF_ATTACH,
	PB_WINDOW_SWAPOFF_PAGE,
	PB_WINDOW_CONFIG_MOVE,
	PB_WINDOW_CONFIG_SEAL,
	PB_WINDOW_SWAP_FREE,
	PB_WINDOW_SWAP_SET,
	PB_WINDOW_BOX_FIND,
	PB_WINDOW_BOX_DESTROY,
	PB_WINDOW_BOX_SEAL,
	PB_WINDOW_OPEN_BOX,
	PB_WINDOW_USER_GET,
	PB_WINDOW_JOIN_INSTALL,
	PB_WINDOW_JOIN_FOUND,
	PB_WINDOW_MMAP_MAP,
	PB_WINDOW_READ_COPY,
	PB_WINDOW_SHOW_FRAME,
	PB_WINDOW_SHOW_MAP,
	PB_WINDOW_SHOW_LOOK,
	PB_WINDOW_SHOW_PAGE,
	PB_WINDOW_MAP_SYNC,
	PB_WINDOW_MAP_FREE,
	PB_WINDOW_OOM_CHOOSE,
	PB_WINDOW_STACK_UNMAP,
	PB_WINDOW_COMMIT_COVER,
	PB_WINDOW_UNLOAD,
	PB_FAILPOINT_NR,
};

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
