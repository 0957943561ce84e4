// SPDX-License-Identifier: GPL-2.0
/*
 * Trails: with references=every, a thread faults whenever it changes pages.
 *
 * A thread's trail is the set of pages of a box that it has mapped since it
 * last moved on to another instruction. When another instruction faults, the
 * pages on the trail lose their PTEs, so the way back is a fault as well. The
 * pages that one execution of one instruction needs are on the trail together,
 * or it would never complete: the second fault of an instruction has the same
 * registers as the first. (A system call has one set of user registers, so its
 * pages count as those of one instruction.)
 *
 * A trail belongs to a thread, not to its process: two threads that unmap each
 * other's pages might never progress. If another thread of the process has
 * mapped a page, accesses to it go unnoticed until that thread leaves it.
 *
 * Only PTEs of the thread's own process are removed, unlike an unmap through
 * the box's i_mmap. Pages under mlock() keep theirs.
 */
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/slab.h>

#include "box.h"
#include "compat_mm.h"
#include "failpoint.h"
#include "frame.h"
#include "pagebox.h"
#include "pte.h"
#include "trail.h"

/*
 * An instruction of x86-64 makes progress with 8 pages: 2 for its code, and 6
 * for a string move or the state that XRSTOR reads. Gathers complete element by
 * element.
 */
#define TRAIL_MAX 8

/**
 * struct step - a page on a trail
 * @mm: identity of the process
 * @index: index of the page in the box
 * @address: address at which it is mapped
 */
struct step {
	const struct mm_struct *mm;
	pgoff_t index;
	unsigned long address;
};

/**
 * struct pb_trail - the trail of a thread in a box
 * @node: in pb_trails.table; pb_trails.lock
 * @thread: the thread; holds a reference
 * @instruction: pb_instruction() of the last fault
 * @nr: number of pages on it
 * @step: the pages, oldest first
 *
 * Only the thread itself accesses the fields without a lock.
 */
struct pb_trail {
	struct hlist_node node;
	struct pid *thread;
	u32 instruction;
	unsigned int nr;
	struct step step[TRAIL_MAX];
};

/**
 * pb_trails_init - initialise the trails
 * @trails: the trails of a new box
 */
void pb_trails_init(struct pb_trails *trails)
{
	spin_lock_init(&trails->lock);
	hash_init(trails->table);
}

/**
 * pb_trails_destroy - free all trails
 * @trails: the trails of a box without mappings
 */
void pb_trails_destroy(struct pb_trails *trails)
{
	struct hlist_node *next;
	struct pb_trail *trail;
	int i;

	hash_for_each_safe(trails->table, i, next, trail, node) {
		put_pid(trail->thread);
		kfree(trail);
	}
}

/* Find the trail of @thread, or one in its bucket whose thread has exited. */
static struct pb_trail *trail_find_locked(struct pb_trails *trails,
					  struct pid *thread)
{
	struct pb_trail *trail, *unused = NULL;

	lockdep_assert_held(&trails->lock);
	hash_for_each_possible(trails->table, trail, node,
			       (unsigned long)thread) {
		if (trail->thread == thread)
			return trail;
		if (!pid_has_task(trail->thread, PIDTYPE_PID))
			unused = trail;
	}
	return unused;
}

/* Get the trail of the current thread, or NULL without memory. */
static struct pb_trail *trail_of_current(struct pb_trails *trails)
{
	struct pid *thread = task_pid(current), *before = NULL;
	struct pb_trail *trail;

	spin_lock(&trails->lock);
	trail = trail_find_locked(trails, thread);
	if (trail && trail->thread != thread) {
		before = trail->thread;
		trail->thread = get_pid(thread);
		trail->nr = 0;
		/* Move it to its bucket, which may be another one. */
		hash_del(&trail->node);
		hash_add(trails->table, &trail->node, (unsigned long)thread);
	}
	spin_unlock(&trails->lock);
	put_pid(before);
	if (trail)
		return trail;

	trail = pb_may_fail(alloc_trail, NULL, kzalloc(sizeof(*trail), PB_GFP));
	if (!trail)
		return NULL;
	trail->thread = get_pid(thread);
	spin_lock(&trails->lock);
	hash_add(trails->table, &trail->node, (unsigned long)thread);
	spin_unlock(&trails->lock);
	return trail;
}

/* Remove the PTE of a page on the trail. */
static void trail_leave(struct pb_box *box, const struct step *step)
{
	struct address_space *mapping = box->inode->i_mapping;
	struct vm_area_struct *vma;

	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, step->index, step->index); vma;
	     vma = pb_pte_vma_next(vma, step->index, step->index)) {
		if (vma->vm_mm == step->mm && vma->vm_start <= step->address &&
		    step->address < vma->vm_end && !(vma->vm_flags & VM_LOCKED))
			pb_zap_range(vma, step->address, PAGE_SIZE);
	}
	i_mmap_unlock_read(mapping);
}

static bool trail_same_step(const struct step *a, const struct step *b)
{
	return a->mm == b->mm && a->address == b->address;
}

/* The thread moves on to another page: unmap the pages on its trail. */
static void trail_leave_all(struct pb_box *box, struct pb_trail *trail,
			    const struct step *now)
{
	for (unsigned int i = 0; i < trail->nr; i++) {
		if (!trail_same_step(&trail->step[i], now))
			trail_leave(box, &trail->step[i]);
	}
	trail->nr = 0;
}

/* Append a page to the trail; if that is full, unmap the oldest one. */
static void trail_append(struct pb_box *box, struct pb_trail *trail,
			 const struct step *now)
{
	for (unsigned int i = 0; i < trail->nr; i++) {
		if (trail_same_step(&trail->step[i], now))
			return;
	}
	if (trail->nr == TRAIL_MAX) {
		trail_leave(box, &trail->step[0]);
		trail->nr--;
		memmove(trail->step, trail->step + 1,
			trail->nr * sizeof(*trail->step));
	}
	trail->step[trail->nr++] = *now;
}

static void trail_step(struct pb_box *box, const struct vm_fault *vmf)
{
	struct step now = {
		.mm = vmf->vma->vm_mm,
		.index = vmf->pgoff,
		.address = vmf->address & PAGE_MASK,
	};
	struct pb_trail *trail = trail_of_current(&box->trails);
	u32 instruction = pb_instruction();

	if (!trail)
		return;
	if (trail->instruction != instruction)
		trail_leave_all(box, trail, &now);
	trail->instruction = instruction;
	trail_append(box, trail, &now);
}

/**
 * pb_trail_step - the current thread faults on a page
 * @box: the box
 * @vmf: the fault
 *
 * With references=every, removes the PTEs of the pages that the thread accessed
 * before. Without memory for a trail it removes none, and later accesses to
 * this page may go unnoticed.
 *
 * Context: in a fault, without folio locks; sleeps.
 */
void pb_trail_step(struct pb_box *box, const struct vm_fault *vmf)
{
	if (pb_frames_references(&box->frames) == PAGEBOX_REFERENCES_EVERY)
		trail_step(box, vmf);
}
