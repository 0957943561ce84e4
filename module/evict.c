// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: how a frame is taken from a page.
 *
 * The hand goes over the frames in the order of their numbers. A frame whose
 * page was accessed since the hand last came by is spared, and forgets it; the
 * first one that was not is a victim (the clock algorithm; F. J. Corbato, "A
 * Paging Experiment with the Multics System", 1968). Accessed means the bit
 * that the CPU sets in a PTE, in any process, or the folio's referenced flag,
 * to which core mm moves the bit when it takes a PTE away.
 *
 * Two races decide the sequence.
 *
 * A fault may have looked the page up, and not mapped it yet. Were the page
 * evicted in between, the fault would map a frame that belongs to another page.
 * The folio lock closes this: fault() returns with it held, core mm drops it
 * after the PTE is set, and a victim stays locked from before the unmap until
 * its page has left the frame. The evictor only tries the lock: a frame that
 * is being faulted in is no good victim anyway.
 *
 * A pin (O_DIRECT, process_vm_readv(), ...) may hold a reference while the PTE
 * is gone. New ones need a PTE or our fault, so after the unmap no pin can be
 * added: if there are more references than the table's, ours and those of
 * faults that wait for the lock, hands off. The page stays in its frame, and
 * the next access is a minor fault.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>

#include "pagebox.h"
#include "trace.h"

/* How many ticks a fault waits while no frame can be had: a second. */
#define EVICT_PATIENCE HZ

/**
 * struct victims - frames on their way out
 * @nr: how many
 * @folio: their folios, locked and referenced
 */
struct victims {
	unsigned int nr;
	struct folio *folio[PB_BATCH_MAX];
};

/* The hand's next frame, with its folio locked, if it holds a page. */
static struct folio *hand_next(struct pb_box *box)
{
	struct pb_frames *frames = &box->frames;
	struct folio *folio =
		pb_frame_lookup(frames, pb_frames_advance(frames));

	if (!frames->hand)
		pb_count(box, PB_STAT_REVOLUTION);
	if (!folio)
		return NULL;
	if (!folio_trylock(folio)) {
		pb_count(box, PB_STAT_PINNED);
		goto out_put;
	}
	if (folio->private)
		return folio;
	folio_unlock(folio);
out_put:
	folio_put(folio);
	return NULL;
}

static void spare_folio(struct pb_box *box, struct folio *folio,
			enum pb_stat why)
{
	pb_count(box, why);
	folio_unlock(folio);
	folio_put(folio);
}

/* Length of the run of neighbouring indices that begins at folio[0]. */
static unsigned int run_length(struct folio **folio, unsigned int nr)
{
	unsigned int n = 1;

	while (n < nr && folio[n]->index == folio[0]->index + n)
		n++;
	return n;
}

/*
 * The frames under mlock() are left alone; those that were accessed get a
 * second chance, if chances are given; the others become victims.
 */
static void judge(struct pb_box *box, struct folio **folio, unsigned int nr,
		  bool chances, struct victims *v)
{
	struct pb_pte_bits bits[PB_BATCH_MAX];
	unsigned int i, n;

	for (i = 0; i < nr; i += n) {
		n = run_length(folio + i, nr - i);
		pb_pte_harvest(box->inode->i_mapping, folio[i]->index,
			       folio + i, bits + i, n, true);
	}
	for (i = 0; i < nr; i++) {
		bool referenced = folio_test_referenced(folio[i]);

		folio_clear_referenced(folio[i]);
		if (bits[i].locked)
			spare_folio(box, folio[i], PB_STAT_PINNED);
		else if (chances && (bits[i].young || referenced))
			spare_folio(box, folio[i], PB_STAT_SECOND_CHANCE);
		else
			v->folio[v->nr++] = folio[i];
	}
}

/*
 * Let the hand collect victims: at most the batch. @budget is how many frames
 * the hand may still pass, of two revolutions. The first may do nothing but
 * clear accessed bits. The second takes what the first has spared, also if
 * other CPUs have accessed it again meanwhile, or a box whose frames are all
 * busy could not evict; what is left then is pinned or locked.
 */
static void collect(struct pb_box *box, struct victims *v, u64 *budget)
{
	struct pb_frames *frames = &box->frames;
	struct folio *window[PB_BATCH_MAX];
	unsigned int nr;

	v->nr = 0;
	while (v->nr < frames->batch && *budget) {
		bool chances = *budget > READ_ONCE(frames->fresh);

		for (nr = 0; nr < frames->batch - v->nr && *budget; --*budget) {
			window[nr] = hand_next(box);
			if (window[nr])
				nr++;
		}
		judge(box, window, nr, chances, v);
		cond_resched();
	}
}

static int by_index(const void *a, const void *b)
{
	const struct folio *x = *(struct folio *const *)a;
	const struct folio *y = *(struct folio *const *)b;

	return x->index < y->index ? -1 : x->index > y->index;
}

/* After this, the folios know all that the PTEs knew. */
static void unmap(struct pb_box *box, struct victims *v)
{
	unsigned int i, j, n;

	sort(v->folio, v->nr, sizeof(*v->folio), by_index, NULL);
	for (i = 0; i < v->nr; i += n) {
		bool mapped = false;

		n = run_length(v->folio + i, v->nr - i);
		for (j = i; j < i + n; j++)
			mapped |= folio_mapped(v->folio[j]);
		if (mapped)
			pb_box_unmap(box, v->folio[i]->index, n);
	}
}

/*
 * Make the contents safe outside the frame. A page of the root view that is as
 * it came, from the store or zero, is not kept at all.
 */
static int save(struct pb_box *box, struct pb_page *page, struct folio *folio,
		bool *dirty)
{
	int err;

	*dirty = folio_test_dirty(folio);
	if (*dirty) {
		err = pb_swap_out(&box->swap, page, folio);
		if (!err)
			folio_clear_dirty(folio);
		return err;
	}
	if (page->slot != PB_NONE)
		return 0;
	if (WARN_ON_ONCE(!page->root))
		return -EINVAL;
	return pb_view_replace(&box->root, page->index, page, NULL);
}

/* Take the page out of its frame. False when it must stay. */
static bool evict(struct pb_box *box, struct folio *folio)
{
	struct pb_page *page = folio->private;
	bool dirty, forget;
	u32 frame;

	if (pb_frame_pinned(&box->frames, folio, page->frame) ||
	    save(box, page, folio, &dirty)) {
		spare_folio(box, folio, PB_STAT_PINNED);
		return false;
	}
	forget = page->slot == PB_NONE;
	trace_pagebox_evict(box->id, page->index, page->frame, page->slot,
			    page->root, dirty);
	pb_count(box, dirty ? PB_STAT_EVICT_DIRTY : PB_STAT_EVICT_CLEAN);

	frame = pb_page_detach(page, folio);
	if (forget)
		pb_page_unshare(box, page);
	pb_frame_put(&box->frames, folio, frame);
	return true;
}

static bool has_free(struct pb_frames *frames)
{
	return READ_ONCE(frames->free) != PB_NONE;
}

/*
 * Evict a batch, or at least one page within two revolutions of the hand.
 * Return whether there may be a free frame now.
 */
static bool evict_batch(struct pb_box *box)
{
	struct pb_frames *frames = &box->frames;
	struct victims v;
	u64 budget;
	bool freed;

	mutex_lock(&frames->evict_lock);
	/* Whoever held the lock before has evicted for us as well. */
	freed = has_free(frames);
	budget = 2ULL * READ_ONCE(frames->fresh);
	while (!freed && budget) {
		collect(box, &v, &budget);
		unmap(box, &v);
		for (unsigned int i = 0; i < v.nr; i++)
			freed |= evict(box, v.folio[i]);
	}
	mutex_unlock(&frames->evict_lock);
	return freed;
}

/**
 * pb_evict_get_frame - take a frame, evicting if none is free
 * @box: from this box
 * @spare: filled on success, as by pb_frame_get()
 *
 * When all frames are pinned, locked or cannot be written out, this waits a
 * second for one, looking at all of them again at every tick.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -ENOSPC when no frame is to be had; -ENOMEM when the machine has
 * no memory and the box no frame; -EINTR when the task is being killed
 */
int pb_evict_get_frame(struct pb_box *box, struct pb_spare *spare)
{
	unsigned int patience = EVICT_PATIENCE;
	int err;

	for (;;) {
		err = pb_frame_get(&box->frames, spare);
		if (err != -EAGAIN)
			return err;
		if (evict_batch(box)) {
			patience = EVICT_PATIENCE;
			continue;
		}
		if (!patience--)
			return -ENOSPC;
		if (schedule_timeout_killable(1) &&
		    fatal_signal_pending(current))
			return -EINTR;
	}
}
