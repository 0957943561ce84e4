// SPDX-License-Identifier: GPL-2.0
/*
 * The lock order of pagebox.h, for lockdep. It learns an order when it sees one,
 * and complains when it sees the other; so each new box, which nobody else knows
 * yet, has its locks taken once in the order that is documented. From then on a
 * single place that does it the other way round is enough, however seldom it
 * runs, and whether or not the right way has been seen.
 *
 * Folio locks are bits, which lockdep does not know. Nor could it: they belong
 * to requests, which others than their takers end. What holds them is that a
 * fault asks for a frame before it locks a folio: see pb_evict_get_frame(). Here
 * are the locks on both sides of them. Page tables are core mm's, which teaches
 * their order itself.
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

/* What reclaim waits for: so nobody asks for memory with any of these held. */
static void take_no_memory(struct pb_box *box)
{
	take_i_mmap(box);
	take_policy_and_frames(&box->frames);
	take_xarray(&box->swap->slots);
	take_xarray(&box->root.pages);
}

/* What is taken with a folio lock held. */
static void take_below_folio_lock(struct pb_box *box)
{
	/* A page in a frame may lose its slot meanwhile. */
	down_read(&box->swap_lock);
	might_alloc(PB_GFP);
	spin_lock(&box->frames.lock);
	spin_unlock(&box->frames.lock);
	take_xarray(&box->swap->slots);
	up_read(&box->swap_lock);

	might_alloc(PB_GFP);
	take_no_memory(box);
}

/* What is taken with mmap_lock or a VMA lock held. */
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
 * pb_lockdep_box - tell lockdep the order of a box's locks
 * @box: a new box with its swap area, which nobody else knows
 *
 * Context: a process, without mmap_lock; sleeps.
 */
void pb_lockdep_box(struct pb_box *box)
{
	struct mm_struct *mm = current->mm;

	/* A kernel thread that opens the device has none. */
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
