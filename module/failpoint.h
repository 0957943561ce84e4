/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Points at which a test can make an operation fail, or delay a task. A point is
 * defined where it is used, by its name alone:
 *
 *	new = pb_may_fail(alloc_box, NULL, kzalloc(...));	NULL on request
 *	if (pb_fail(copy_from_user) || get_user(...))		the same, explicitly
 *		return -EFAULT;
 *	pb_window(evict_unmap);			between two steps, where other
 *						tasks may overtake
 *
 * Places with the same name are one point.
 *
 * Points exist only in builds with PAGEBOX_FAILPOINTS=1. Otherwise pb_may_fail()
 * is its operation, and the others expand to nothing. failpoint.c documents the
 * commands.
 */
#ifndef _PAGEBOX_FAILPOINT_H
#define _PAGEBOX_FAILPOINT_H

struct dentry;

#ifdef PAGEBOX_FAILPOINTS

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/types.h>

enum pb_failpoint_action {
	PB_ACT_OFF,
	PB_ACT_FAIL,
	PB_ACT_DELAY,
	PB_ACT_STOP,
	PB_ACT_NTH,
};

/**
 * struct pb_failpoint_setting - the setting of a point
 * @action: enum pb_failpoint_action
 * @pid: the process that it applies to, or 0 for all
 * @value: milliseconds of a delay, or the number of the hit that fails
 * @after: number of initial hits without an action
 * @times: number of actions, U64_MAX for no limit
 */
struct pb_failpoint_setting {
	enum pb_failpoint_action action;
	pid_t pid;
	u64 value;
	u64 after;
	u64 times;
};

/**
 * struct pb_failpoint - a point, at one of its places
 * @name: of the point
 * @is_window: a task may sleep here; otherwise an operation can fail
 * @first: the first place of that name, which has the state of the point
 * @waiting: number of tasks that are stopped or delayed
 * @round: changes when they may continue
 * @set: its setting
 * @hits: number of hits since it was set
 * @done: number of actions since it was set
 */
struct pb_failpoint {
	const char *name;
	bool is_window;
	struct pb_failpoint *first;
	unsigned int waiting;
	unsigned int round;
	struct pb_failpoint_setting set;
	u64 hits;
	u64 done;
};

/* All places, in a separate section: see failpoint.lds. */
extern struct pb_failpoint pb_failpoints_start[], pb_failpoints_end[];

DECLARE_STATIC_KEY_FALSE(pb_failpoints_on);

bool pb_failpoint_fails(struct pb_failpoint *place);
void pb_failpoint_wait(struct pb_failpoint *place);
void pb_failpoint_spin(struct pb_failpoint *place);

/* The section is an array, so elements must have their natural alignment. */
#define PB_FAILPOINT(text, sleeps)                                       \
	({                                                               \
		static struct pb_failpoint __aligned(                    \
			__alignof__(struct pb_failpoint))                \
			__section("pb_failpoints") pb_failpoint_here = { \
				.name = text,                            \
				.is_window = sleeps,                     \
			};                                               \
		&pb_failpoint_here;                                      \
	})

#define PB_FAILPOINT_FAILS(text)                      \
	(static_branch_unlikely(&pb_failpoints_on) && \
	 pb_failpoint_fails(PB_FAILPOINT(text, false)))

/**
 * pb_fail - must this operation fail?
 * @point: its name
 *
 * Until a point is set, this and the windows are no-ops in the instruction
 * stream.
 *
 * Context: any but interrupts.
 * Return: true if the caller must act as if the operation had failed
 */
#define pb_fail(point) PB_FAILPOINT_FAILS(#point)

/**
 * pb_may_fail - an operation that can be made to fail
 * @point: its name
 * @failure: result of the failure
 * @operation: the operation; not evaluated if it must fail
 *
 * Return: @operation or @failure
 */
#define pb_may_fail(point, failure, operation) \
	(PB_FAILPOINT_FAILS(#point) ? (failure) : (operation))

/**
 * pb_window - a place where other tasks may overtake
 * @point: its name
 *
 * Context: may sleep, for any time that a test chooses, with the caller's locks
 * held.
 */
#define pb_window(point)                                               \
	do {                                                           \
		if (static_branch_unlikely(&pb_failpoints_on))         \
			pb_failpoint_wait(PB_FAILPOINT(#point, true)); \
	} while (0)

/**
 * pb_window_atomic - a window in a section that must not sleep
 * @point: its name
 *
 * A task that is stopped here spins, for some seconds at most.
 *
 * Context: under RCU, without spinlocks.
 */
#define pb_window_atomic(point)                                        \
	do {                                                           \
		if (static_branch_unlikely(&pb_failpoints_on))         \
			pb_failpoint_spin(PB_FAILPOINT(#point, true)); \
	} while (0)

void pb_failpoints_init(void);
void pb_failpoints_debugfs(struct dentry *root);

#else /* PAGEBOX_FAILPOINTS */

#define pb_fail(point) false
#define pb_may_fail(point, failure, operation) (operation)
#define pb_window(point) \
	do {             \
	} while (0)
#define pb_window_atomic(point) \
	do {                    \
	} while (0)

static inline void pb_failpoints_init(void)
{
}

static inline void pb_failpoints_debugfs(struct dentry *root)
{
}

#endif /* PAGEBOX_FAILPOINTS */

#endif /* _PAGEBOX_FAILPOINT_H */
