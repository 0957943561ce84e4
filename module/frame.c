// SPDX-License-Identifier: GPL-2.0
/*
 * The frame table: numbered physical pages, and the hand that goes round.
 *
 * A frame is in one of four conditions:
 *
 *   never used   its number is not below frames->fresh
 *   free         on the free list; folio->private is NULL
 *   spare        taken by a fault; no page is in it yet, folio->private is NULL
 *   in use       folio->private is the page in it
 *
 * Folios stay in their frame when a page leaves it: an eviction hands a frame
 * from one page to the next without going through the page allocator. Only a
 * folio that somebody else still refers to (a pin, an I/O under way) must not
 * be used again; it is dropped from the table and its last user frees it.
 *
 * Frames that were free are taken before ones that were never used, last freed
 * first, and all of them before one is evicted.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "pagebox.h"

/* Module-wide: the cap, and how many frames have a folio. */
unsigned long pb_frames_max;
static atomic_long_t pb_frames_total;

/* References to the folio of a frame, without PTEs: the table's, the holder's. */
#define PB_FRAME_REFS 2

/*
 * How many victims one eviction takes. Small boxes evict one by one, so that
 * the hand is that of the textbooks; large ones share the cost of an unmap,
 * which is a TLB shootdown.
 */
static u32 frames_batch(u32 limit)
{
	return clamp_t(u32, limit / 64, 1, PB_BATCH_MAX);
}

/**
 * pb_frames_init - make an empty frame table
 * @frames: where
 * @limit: how many frames it has
 *
 * Return: 0 or -ENOMEM
 */
int pb_frames_init(struct pb_frames *frames, u32 limit)
{
	spin_lock_init(&frames->lock);
	mutex_init(&frames->evict_lock);
	frames->free = PB_NONE;
	return pb_frames_resize(frames, limit);
}

/**
 * pb_frames_resize - change the limit of a table that was never used
 * @frames: table
 * @limit: how many frames it shall have
 *
 * Return: 0 or -ENOMEM, after which the table is as it was
 */
int pb_frames_resize(struct pb_frames *frames, u32 limit)
{
	struct pb_frame *table = kvcalloc(limit, sizeof(*table), PB_GFP);

	if (!table)
		return -ENOMEM;
	WARN_ON_ONCE(frames->fresh);
	spin_lock(&frames->lock);
	swap(frames->table, table);
	frames->limit = limit;
	frames->batch = frames_batch(limit);
	spin_unlock(&frames->lock);
	kvfree(table);
	return 0;
}

/**
 * pb_frames_destroy - give all folios back
 * @frames: table of which no frame is in use
 */
void pb_frames_destroy(struct pb_frames *frames)
{
	WARN_ON_ONCE(frames->used);
	for (u32 i = 0; i < frames->fresh; i++) {
		if (!frames->table[i].folio)
			continue;
		folio_put(frames->table[i].folio);
		atomic_long_dec(&pb_frames_total);
	}
	kvfree(frames->table);
}

/* Take the number of a free frame, or of one that was never used. */
static int frame_take(struct pb_frames *frames, struct pb_spare *spare)
{
	u32 number = PB_NONE;

	spin_lock(&frames->lock);
	if (frames->free != PB_NONE) {
		number = frames->free;
		frames->free = frames->table[number].next;
	} else if (frames->fresh < frames->limit) {
		number = frames->fresh++;
	}
	if (number != PB_NONE) {
		frames->used++;
		spare->folio = frames->table[number].folio;
		spare->frame = number;
		spare->zeroed = false;
	}
	spin_unlock(&frames->lock);
	return number == PB_NONE ? -EAGAIN : 0;
}

static void frame_give_back(struct pb_frames *frames, struct folio *folio,
			    u32 number)
{
	spin_lock(&frames->lock);
	if (frames->table[number].folio != folio) {
		frames->table[number].folio = folio;
		frames->table[number].waiters = 0;
	}
	frames->table[number].next = frames->free;
	frames->free = number;
	frames->used--;
	spin_unlock(&frames->lock);
}

/* A frame without a folio gets one, if the module's cap and the machine allow. */
static int frame_populate(struct pb_frames *frames, struct pb_spare *spare)
{
	if (atomic_long_inc_return(&pb_frames_total) > pb_frames_max)
		goto out_total;

	spare->folio = folio_alloc(
		GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_NOWARN | __GFP_ZERO, 0);
	if (!spare->folio)
		goto out_total;

	spare->folio->private = NULL;
	spare->zeroed = true;
	spin_lock(&frames->lock);
	frames->table[spare->frame].folio = spare->folio;
	spin_unlock(&frames->lock);
	return 0;

out_total:
	atomic_long_dec(&pb_frames_total);
	frame_give_back(frames, NULL, spare->frame);
	/* With frames of its own a box can evict, else nothing is to be had. */
	return READ_ONCE(frames->used) ? -EAGAIN : -ENOMEM;
}

/**
 * pb_frame_get - take a frame
 * @frames: of this table
 * @spare: filled on success; the folio has a reference for the caller, its
 *         contents are those of whatever page was in it before unless
 *         @spare->zeroed
 *
 * The folio is not locked. Tasks that came too late for a page that was in it
 * may still be about to lock it, and they may hold other folio locks; a fault
 * that kept its spare locked while it waits for another folio could wait for
 * ever. pb_page_attach() locks it.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -EAGAIN when something must be evicted first; -ENOMEM when that
 * would not help either
 */
int pb_frame_get(struct pb_frames *frames, struct pb_spare *spare)
{
	int err = frame_take(frames, spare);

	if (!err && !spare->folio)
		err = frame_populate(frames, spare);
	if (err) {
		spare->folio = NULL;
		return err;
	}
	folio_get(spare->folio);
	return 0;
}

/**
 * pb_frame_put - a frame is free again
 * @frames: table
 * @folio: its folio, holding no page; locked and referenced by the caller, who
 *         has neither afterwards
 * @number: of the frame
 *
 * A folio that others refer to is not used again: a device or another CPU may
 * still write to it.
 */
void pb_frame_put(struct pb_frames *frames, struct folio *folio, u32 number)
{
	bool foreign = pb_frame_pinned(frames, folio, number);

	if (foreign)
		atomic_long_dec(&pb_frames_total);
	frame_give_back(frames, foreign ? NULL : folio, number);
	folio_unlock(folio);
	folio_put(folio);
	if (foreign)
		folio_put(folio);
}

/**
 * pb_frame_lookup - the folio in a frame
 * @frames: table
 * @number: of the frame
 *
 * Return: a folio with a reference for the caller, or NULL for a frame that has
 * none
 */
struct folio *pb_frame_lookup(struct pb_frames *frames, u32 number)
{
	struct folio *folio = NULL;

	spin_lock(&frames->lock);
	if (number < frames->fresh)
		folio = frames->table[number].folio;
	if (folio)
		folio_get(folio);
	spin_unlock(&frames->lock);
	return folio;
}

/**
 * pb_frame_lock - wait for the lock of a folio in a frame
 * @frames: table
 * @folio: the caller has a reference
 * @number: of the frame that it seems to be in
 *
 * Tells the evictor that this reference waits and does not pin. The folio may
 * leave the frame, and the page the folio, before the lock is had.
 */
void pb_frame_lock(struct pb_frames *frames, struct folio *folio, u32 number)
{
	struct pb_frame *frame;

	spin_lock(&frames->lock);
	frame = number < frames->fresh ? &frames->table[number] : NULL;
	if (frame && frame->folio == folio)
		frame->waiters++;
	else
		frame = NULL;
	spin_unlock(&frames->lock);

	folio_lock(folio);
	if (!frame)
		return;
	spin_lock(&frames->lock);
	if (frame->folio == folio)
		frame->waiters--;
	spin_unlock(&frames->lock);
}

/**
 * pb_frame_pinned - may anybody else read or write the frame?
 * @frames: table
 * @folio: its folio, unmapped; locked and referenced by the caller
 * @number: of the frame
 *
 * Who waits for the lock counts himself after he has taken his reference, and
 * stays until he has the lock, which is ours. So the number of those, read
 * first, is not more than the references that are theirs, and a pin cannot be
 * mistaken for one of them.
 *
 * Return: true if there is a reference that is nobody's of us
 */
bool pb_frame_pinned(struct pb_frames *frames, struct folio *folio, u32 number)
{
	int known;

	spin_lock(&frames->lock);
	known = PB_FRAME_REFS + frames->table[number].waiters;
	spin_unlock(&frames->lock);
	/* Pairs with the lock in pb_frame_lock(), after the reference. */
	smp_rmb();
	return folio_ref_count(folio) != known;
}

/**
 * pb_frames_advance - move the hand one frame on
 * @frames: table; the caller holds its evict_lock
 *
 * Return: the frame that the hand has left. The hand stands on frame 0 again
 * after the last frame that was ever used.
 */
u32 pb_frames_advance(struct pb_frames *frames)
{
	u32 number = frames->hand;

	lockdep_assert_held(&frames->evict_lock);
	WRITE_ONCE(frames->hand,
		   number + 1 < READ_ONCE(frames->fresh) ? number + 1 : 0);
	return number;
}
