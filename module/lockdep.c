// SPDX-License-Identifier: GPL-2.0
/*
 * The lock order of pagebox.h, for lockdep. lockdep learns an order when it sees
 * it, and complains when it sees the inverse. So the locks of each new box, which
 * no other task can reach yet, are taken once in the documented order. From then
 * on a single inversion is reported, however rarely it runs, and whether or not
 * the correct order has been seen in use.
 *
 * Folio locks are bits, which lockdep does not track. Nor could it: they belong to
 * requests, and the task that unlocks is often not the one that locked. Their
 * order relies on faults asking for a frame before they lock a folio: see
 * pb_evict_get_frame(). This file takes the locks on both sides of them. core mm
 * teaches the order of page table locks itself.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "box.h"
#include "frame.h"
#include "lockdep.h"
#include "pagebox.h"
#include "swap.h"

static void take_policy_and_frames(struct pb_frames *frames)
{
	spin_lock(&frames->policy_lock);
	spin_lock(&frames->lock);
	spin_unlock(&frames->lock);
	spin_unlock(&frames->policy_lock);
}

static void take_i_mmap(struct pb_box *box)
{
	i_mmap_lock_read(box->inode->i_mapping);
	i_mmap_unlock_read(box->inode->i_mapping);
}

static void take_xarray(struct xarray *xa)
{
	xa_lock(xa);
	xa_unlock(xa);
}

/* Locks that reclaim takes, so no memory may be allocated under them. */
static void take_no_memory(struct pb_box *box)
{
	take_i_mmap(box);
	take_policy_and_frames(&box->frames);
	take_xarray(&box->swap->slots);
	take_xarray(&box->root.pages);
}

/* Locks taken under a folio lock. */
static void take_below_folio_lock(struct pb_box *box)
{
	/* Taking a slot may free one that a page in a frame has. */
	down_read(&box->swap_lock);
	might_alloc(PB_GFP);
	spin_lock(&box->frames.lock);
	spin_unlock(&box->frames.lock);
	take_xarray(&box->swap->slots);
	up_read(&box->swap_lock);

	might_alloc(PB_GFP);
	take_no_memory(box);
}

/* Locks taken under mmap_lock or a VMA lock. */
static void take_below_mmap_lock(struct pb_box *box)
{
	mutex_lock(&box->lock);
	down_read(&box->swap_lock);
	up_read(&box->swap_lock);
	/* A change of size or store, see config.c. */
	mutex_lock(&box->frames.evict_lock);
	mutex_unlock(&box->frames.evict_lock);
	mutex_unlock(&box->lock);

	mutex_lock(&box->oom_lock);
	take_i_mmap(box);
	spin_lock(&box->maps.lock);
	spin_unlock(&box->maps.lock);
	mutex_unlock(&box->oom_lock);

	mutex_lock(&box->frames.evict_lock);
	take_below_folio_lock(box);
	mutex_unlock(&box->frames.evict_lock);
}

/**
 * pb_lockdep_box - teach lockdep the order of a box's locks
 * @box: a new box with its swap area, not reachable by other tasks
 *
 * Context: a process, without mmap_lock; sleeps.
 */
void pb_lockdep_box(struct pb_box *box)
{
	struct mm_struct *mm = current->mm;

	/* A kernel thread that opens the device has no mm. */
	if (!mm)
		return;
	mutex_lock(&box->config);
	mmap_read_lock(mm);
	take_below_mmap_lock(box);
	mmap_read_unlock(mm);
	mutex_unlock(&box->config);

	fs_reclaim_acquire(GFP_KERNEL);
	take_no_memory(box);
	fs_reclaim_release(GFP_KERNEL);
}
