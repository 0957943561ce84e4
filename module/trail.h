/* SPDX-License-Identifier: GPL-2.0 */
/* Trails: the pages that each thread currently accesses. */
#ifndef _PAGEBOX_TRAIL_H
#define _PAGEBOX_TRAIL_H

#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>

struct pb_box;
struct vm_fault;

/**
 * struct pb_trails - the trails of the threads that use a box
 * @lock: leaf
 * @table: by thread; @lock
 */
struct pb_trails {
	spinlock_t lock; /* the table */
	DECLARE_HASHTABLE(table, 6);
};

void pb_trails_init(struct pb_trails *trails);
void pb_trails_destroy(struct pb_trails *trails);
void pb_trail_step(struct pb_box *box, const struct vm_fault *vmf);

/*
 * A hash of the instruction that the current thread executes. The same
 * registers mean that the same instruction has not completed in between.
 */
static inline u32 pb_instruction(void)
{
	return jhash(task_pt_regs(current), sizeof(struct pt_regs),
		     hash_ptr(current, 32));
}

#endif /* _PAGEBOX_TRAIL_H */
