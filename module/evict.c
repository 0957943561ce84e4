// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: take a frame from a page.
 *
 *   evict_propose()       the policy, or the hand, proposes frames; lock them
 *   evict_judge()         the policy keeps some, swappiness skips some; the
 *                         others are victims
 *   pb_evict_victims()    unmap the victims, then check pins and mlock()
 *     evict_release()     clean: detach the page from its frame
 *     evict_write()       dirty: write it; the callback detaches it
 *   pb_evict_wait()       wait for the writes
 *
 * Accessed bits
 *
 * A page is accessed if the CPU has set the bit in a PTE of any process, or the
 * folio has the referenced flag, to which core mm moves the bit when it removes
 * a PTE.
 *
 * A cleared bit may stay clear although the page is in use: a CPU sets it when
 * it loads the entry into its TLB, and a small working set never leaves the
 * TLB. TLB sizes are unknown, so neither flushing some entries nor waiting is
 * sure to help. With references=exact (and every) a page that stays therefore
 * loses its PTEs together with its bit. The unmap flushes the TLBs of all CPUs
 * that run the process, as for a victim, and the next access is a minor fault,
 * which installs a PTE with the bit set. The price is one fault per page in use
 * and revolution of the hand, so it is the default for few frames only
 * (PB_EXACT_FRAMES).
 *
 * Order
 *
 * Two races dictate the order of the steps.
 *
 * A fault may have looked the page up, but not mapped it yet. If the page were
 * evicted in between, the fault would map a frame that belongs to another page.
 * The folio lock closes this: fault() returns with it held, core mm drops it
 * after the PTE is set, and a victim stays locked from before the unmap until
 * its page has left the frame. The evictor only tries the lock: a frame that is
 * being faulted in is a poor victim anyway.
 *
 * A pin (O_DIRECT, process_vm_readv(), ...) may hold a reference without a PTE.
 * New pins need a PTE or a fault, so none is added after the unmap. If the
 * folio then has more references than those of the table, the evictor and the
 * faults that wait for its lock, the page stays in its frame, and its next
 * access is a minor fault.
 *
 * mlock() may come between the check of a page's VMAs and its unmap, so the
 * VMAs are checked again after it: pb_map_locks().
 *
 * Writes
 *
 * Requests write dirty victims and own their folio locks until the write is
 * done. Their callback decides the fate of the page; the evictor only waits,
 * and leaves nothing undone if it is killed.
 *
 * No victim
 *
 * A sweep over all frames that takes none reports why (struct pb_obstacles). A
 * frame that another task holds, or that is being written, becomes free or
 * evictable without the evictor, however slow that task or disk is, so a fault
 * waits for it until it is killed. A page under mlock(), or one that cannot be
 * written because swap is full or the device fails, does not: if there is
 * nothing else, the OOM policy acts at once. A reference from outside
 * (O_DIRECT, a pipe) can be either; it counts as the latter after pin_sweeps=
 * sweeps.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/psi.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "backend.h"
#include "box.h"
#include "compat_mm.h"
#include "engine.h"
#include "evict.h"
#include "failpoint.h"
#include "frame.h"
#include "io.h"
#include "map.h"
#include "memcg.h"
#include "page.h"
#include "pagebox.h"
#include "policy.h"
#include "pte.h"
#include "stats.h"
#include "store.h"
#include "swap.h"
#include "trace.h"
#include "trail.h"
#include "truncate.h"
#include "view.h"

static unsigned int pin_sweeps = 250;
module_param(pin_sweeps, uint, 0644);
MODULE_PARM_DESC(pin_sweeps,
		 "sweeps over all frames that wait for pins (default 250)");

/* The pause after a sweep that took no frame, in milliseconds. */
#define SWEEP_PAUSE 4

/*
 * Return the folio in a frame, locked and referenced, if it holds a page. A
 * frame that is taken but cannot be locked, or has no page yet, is busy.
 */
static struct folio *evict_lock_frame(struct pb_box *box, u32 number,
				      struct pb_obstacles *seen)
{
	struct folio *folio = pb_frame_lookup(&box->frames, number);

	if (folio) {
		pb_window(evict_lock);
		if (!pb_folio_trylock(folio)) {
			pb_count(box, PB_STAT_PINNED);
		} else {
			if (folio->private && !folio_test_hwpoison(folio))
				return folio;
			if (folio->private) {
				pb_poison_retire(box, folio);
				seen->busy++;
				return NULL;
			}
			folio_unlock(folio);
		}
		folio_put(folio);
	}
	seen->busy += pb_frame_taken(&box->frames, number);
	seen->unavailable += pb_frame_retired(&box->frames, number);
	return NULL;
}

/* Length of the run of neighbouring indices that begins at folio[0]. */
static unsigned int evict_run_length(struct folio **folio, unsigned int nr)
{
	unsigned int n = 1;

	while (n < nr && folio[n]->index == folio[0]->index + n)
		n++;
	return n;
}

/* Read the dirty and accessed bits of folios, and clear the accessed bits. */
static void evict_harvest(struct pb_box *box, struct folio **folio,
			  struct pb_pte_bits *bits, unsigned int nr)
{
	unsigned int n;

	for (unsigned int i = 0; i < nr; i += n) {
		n = evict_run_length(folio + i, nr - i);
		pb_pte_harvest(box->inode->i_mapping, folio + i, bits + i, n,
			       true);
	}
	for (unsigned int i = 0; i < nr; i++) {
		bits[i].young |= folio_test_referenced(folio[i]);
		bits[i].dirty |= folio_test_dirty(folio[i]);
		folio_clear_referenced(folio[i]);
	}
}

static int evict_by_index(const void *a, const void *b)
{
	const struct folio *x = *(struct folio *const *)a;
	const struct folio *y = *(struct folio *const *)b;

	return x->index < y->index ? -1 : x->index > y->index;
}

/* Sort and unmap folios; all PTE bits are in their flags afterwards. */
static void evict_unmap(struct pb_box *box, struct folio **folio,
			unsigned int nr)
{
	unsigned int n;

	sort(folio, nr, sizeof(*folio), evict_by_index, NULL);
	for (unsigned int i = 0; i < nr; i += n) {
		n = evict_run_length(folio + i, nr - i);
		pb_pte_unmap(box->inode->i_mapping, folio + i, n);
	}
}

/*
 * Release folios that stay in their frames. Those whose accessed bit was
 * cleared lose their PTEs, or their next access might go unnoticed.
 */
static void evict_skip(struct pb_box *box, struct folio **folio,
		       const struct pb_pte_bits *bits, unsigned int nr)
{
	struct folio *young[PB_BATCH_MAX];
	unsigned int n = 0;

	if (pb_frames_references(&box->frames) != PAGEBOX_REFERENCES_HARDWARE) {
		for (unsigned int i = 0; i < nr; i++) {
			if (bits[i].young && !bits[i].locked)
				young[n++] = folio[i];
		}
		evict_unmap(box, young, n);
	}
	for (unsigned int i = 0; i < nr; i++)
		pb_folio_release(folio[i]);
}

/*
 * Swappiness: victims are dirty (must be written) or clean. Only a percentage
 * of the less wanted kind is taken.
 */
static bool evict_outweighed(struct pb_frames *frames, bool dirty)
{
	u32 swappiness = READ_ONCE(frames->swappiness);
	u32 share = dirty ? swappiness : PAGEBOX_MAX_SWAPPINESS - swappiness;

	lockdep_assert_held(&frames->evict_lock);
	if (share >= 100)
		return false;
	frames->weight += share;
	if (frames->weight < 100)
		return true;
	frames->weight -= 100;
	return false;
}

/**
 * enum round - how selective the evictor is
 * @ROUND_LAST: takes every page that can be evicted
 * @ROUND_WEIGHED: also takes accessed pages, but weighs by swappiness
 * @ROUND_POLICY: the policy decides
 */
enum round {
	ROUND_LAST,
	ROUND_WEIGHED,
	ROUND_POLICY,
};

static bool evict_is_victim(struct pb_box *box, const struct folio *folio,
			    const struct pb_pte_bits *bits, enum round round,
			    struct pb_obstacles *seen)
{
	const struct pb_page *page = folio->private;

	if (bits->locked) {
		pb_count(box, PB_STAT_PINNED);
		seen->unavailable++;
		return false;
	}
	/* Always ask the policy: it may use the accessed bit. */
	if (round == ROUND_POLICY && pb_frames_ask(&box->frames, page->frame,
						   bits->young, bits->dirty)) {
		pb_count(box, PB_STAT_SECOND_CHANCE);
		return false;
	}
	return round == ROUND_LAST ||
	       !evict_outweighed(&box->frames, bits->dirty);
}

static void evict_judge(struct pb_box *box, struct folio **folio,
			unsigned int nr, enum round round, struct pb_victims *v)
{
	struct pb_pte_bits bits[PB_BATCH_MAX];
	unsigned int stay = 0;

	pb_window(evict_judge);
	evict_harvest(box, folio, bits, nr);
	for (unsigned int i = 0; i < nr; i++) {
		if (evict_is_victim(box, folio[i], &bits[i], round, &v->seen)) {
			v->folio[v->nr++] = folio[i];
		} else {
			folio[stay] = folio[i];
			bits[stay++] = bits[i];
		}
	}
	evict_skip(box, folio, bits, stay);
}

/* Let the policy, or the hand, propose frames, and lock their folios. */
static unsigned int evict_propose(struct pb_box *box, struct folio **folio,
				  unsigned int *nr, enum round round,
				  struct pb_obstacles *seen)
{
	u32 number[PB_BATCH_MAX];
	unsigned int locked = 0;
	bool wrapped;

	*nr = pb_frames_propose(&box->frames, number, *nr,
				round != ROUND_POLICY, &wrapped);
	if (wrapped)
		pb_count(box, PB_STAT_REVOLUTION);
	for (unsigned int i = 0; i < *nr; i++) {
		folio[locked] = evict_lock_frame(box, number[i], seen);
		if (folio[locked])
			locked++;
	}
	return locked;
}

/**
 * struct sweep - progress of an evictor
 * @all: number of frames
 * @rounds: number of rounds
 * @budget: frames left to check; each round checks @all
 * @last: the last round has begun
 *
 * The first round may do nothing but clear accessed bits. The others take pages
 * that it has kept, even if they have been accessed again since: otherwise a
 * box whose frames are all in use could not evict. The last round reaches every
 * frame and counts the remaining obstacles.
 */
struct sweep {
	u32 all;
	u32 rounds;
	u64 budget;
	bool last;
};

static void evict_sweep_init(struct sweep *sweep, struct pb_frames *frames,
			     bool stuck)
{
	sweep->all = max(pb_frames_nr(frames), 1U);
	sweep->last = false;
	/* With equal weights, the weighed round is the same as the last. */
	sweep->rounds = READ_ONCE(frames->swappiness) == 100 ? 2 : 3;
	sweep->budget = (u64)(stuck ? 1 : sweep->rounds) * sweep->all;
}

/* Return the current round, and set how many frames are left in it. */
static enum round evict_sweep_round(const struct sweep *sweep, u64 *left)
{
	u64 after = (sweep->budget - 1) / sweep->all;

	*left = sweep->budget - after * sweep->all;
	if (after + 1 == sweep->rounds)
		return ROUND_POLICY;
	return after ? ROUND_WEIGHED : ROUND_LAST;
}

/* Collect at most a batch of victims; none when the task is being killed. */
static void evict_collect(struct pb_box *box, struct pb_victims *v,
			  struct sweep *sweep)
{
	struct folio *window[PB_BATCH_MAX];
	u32 batch = READ_ONCE(box->frames.batch);
	unsigned int nr, locked;
	enum round round;
	u64 left;

	v->nr = 0;
	while (v->nr < batch && sweep->budget &&
	       !fatal_signal_pending(current)) {
		round = evict_sweep_round(sweep, &left);
		if (round == ROUND_LAST && !sweep->last) {
			sweep->last = true;
			v->seen = (struct pb_obstacles){};
		}
		nr = min_t(u64, batch - v->nr, left);
		locked = evict_propose(box, window, &nr, round, &v->seen);
		sweep->budget -= nr;
		evict_judge(box, window, locked, round, v);
		cond_resched();
	}
}

/* Report the accessed bits of some frames to the policy. */
static void evict_sample_frames(struct pb_box *box, u32 first, u32 nr)
{
	struct folio *folio[PB_BATCH_MAX];
	struct pb_pte_bits bits[PB_BATCH_MAX];
	struct pb_obstacles seen = {};
	unsigned int locked = 0;

	for (u32 i = first; i < first + nr; i++) {
		folio[locked] = evict_lock_frame(box, i, &seen);
		if (folio[locked])
			locked++;
	}
	evict_harvest(box, folio, bits, locked);
	for (unsigned int i = 0; i < locked; i++) {
		const struct pb_page *page = folio[i]->private;

		pb_frames_sample(&box->frames, page->frame, bits[i].young);
	}
	evict_skip(box, folio, bits, locked);
}

/* Report recent accesses to a policy that samples them. */
static void evict_sample(struct pb_box *box)
{
	struct pb_frames *frames = &box->frames;
	u32 nr = pb_frames_nr(frames);

	lockdep_assert_held(&frames->evict_lock);
	if (!frames->policy.policy->sample || frames->sampled < nr / 4 ||
	    pb_frames_references(frames) == PAGEBOX_REFERENCES_EVERY)
		return;
	frames->sampled = 0;
	for (u32 i = 0; i < nr; i += PB_BATCH_MAX) {
		evict_sample_frames(box, i, min_t(u32, nr - i, PB_BATCH_MAX));
		cond_resched();
	}
}

/*
 * The contents are safe outside the frame: detach the page from it. A page of
 * the root view that is zero or the same as in the store is dropped altogether.
 */
static bool evict_release(struct pb_box *box, struct folio *folio, bool dirty)
{
	struct pb_page *page = folio->private;
	bool forget = page->slot == PB_NONE;
	u32 frame;

	if (forget && (WARN_ON_ONCE(!page->root) ||
		       pb_view_replace(&box->root, page->index, page, NULL))) {
		/* Another task discards the page, and waits for the lock. */
		pb_count(box, PB_STAT_PINNED);
		pb_folio_release(folio);
		return false;
	}
	pb_window(evict_detach);
	trace_pagebox_evict(box->id, page->index, page->frame,
			    pb_page_slot(page), page->root, dirty);
	pb_count(box, dirty ? PB_STAT_EVICT_DIRTY : PB_STAT_EVICT_CLEAN);
	frame = pb_page_detach(box, page, folio);
	if (forget)
		pb_page_unshare(box, page);
	pb_frame_put(&box->frames, folio, frame);
	return true;
}

/**
 * struct pb_eviction - a write of victims
 * @io: the request
 * @page: the pages
 * @slot: swap slot that each page is written to, or PB_NONE for the store
 * @flight: the writes of this evictor
 */
struct pb_eviction {
	struct pb_io io;
	struct pb_page *page[PB_IO_MAX];
	u32 slot[PB_IO_MAX];
	struct pb_flight *flight;
};

static_assert(sizeof(struct pb_eviction) <= PB_IO_SIZE);
static_assert(!offsetof(struct pb_eviction, io));

static struct pb_eviction *evict_write_of(struct pb_io *io)
{
	return container_of(io, struct pb_eviction, io);
}

static void evict_write_ended(struct pb_eviction *e, unsigned int i)
{
	struct pb_io *io = &e->io;
	struct pb_box *box = io->box;
	struct pb_page *page = e->page[i];
	u32 slot = e->slot[i];

	pb_window(evict_written);
	if (io->err[i]) {
		folio_set_dirty(io->folio[i]);
		if (slot == PB_NONE)
			pb_store_failed(box, io->err[i]);
		else if (slot != page->slot)
			pb_swap_slot_put(pb_box_swap_of(box, slot), slot);
		pb_count(box, PB_STAT_PINNED);
		/* A page truncated from the store leaves its frame soon. */
		if (io->err[i] != -ENODATA)
			atomic_inc(&e->flight->failed);
		pb_folio_release(io->folio[i]);
		return;
	}
	page->valid = 0;
	if (slot != page->slot) {
		u32 old = page->slot;

		WRITE_ONCE(page->slot, slot);
		if (old != PB_NONE)
			pb_swap_slot_put(pb_box_swap_of(box, old), old);
	}
	evict_release(box, io->folio[i], true);
}

static void evict_write_done(struct pb_io *io)
{
	struct pb_eviction *e = evict_write_of(io);
	struct pb_flight *flight = e->flight;

	for (unsigned int i = 0; i < io->nr; i++)
		evict_write_ended(e, i);
	pb_io_free(io);
	pb_flight_done(flight);
}

/* Does the page have a slot in the current swap area? Needs swap_lock. */
static bool evict_in_swap(const struct pb_box *box, const struct pb_page *page)
{
	lockdep_assert_held(&box->swap_lock);
	return page->slot != PB_NONE &&
	       (page->slot & PB_SWAP_PARITY) == box->swap->parity;
}

/*
 * Free the slot of a page that is also in a frame, since it was read back.
 * Called with swap_lock held; only tries folio locks. After a failure there is
 * no retry before the next tick, or an evictor that finds swap full would check
 * all frames for each of them.
 */
static bool evict_reclaim_slot(struct pb_box *box)
{
	u32 nr = pb_frames_nr(&box->frames);
	struct pb_obstacles seen = {};
	bool reclaimed = false;
	struct folio *folio;

	lockdep_assert_held(&box->swap_lock);
	if (time_before_eq(jiffies, READ_ONCE(box->frames.barren)))
		return false;
	for (u32 i = 0; i < nr && !reclaimed; i++) {
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
		folio = evict_lock_frame(box, i, &seen);
		if (!folio)
			continue;
		reclaimed = folio_test_uptodate(folio) &&
			    evict_in_swap(box, folio->private);
		if (reclaimed) {
			pb_page_free_slot(box, folio->private);
			folio_set_dirty(folio);
		}
		pb_folio_release(folio);
	}
	if (!reclaimed)
		WRITE_ONCE(box->frames.barren, jiffies);
	return reclaimed;
}

/* Get a slot for a page in the current swap area, or PB_NONE if it is full. */
static u32 evict_slot_for(struct pb_box *box, struct pb_page *page,
			  struct pb_backend **backend)
{
	u32 slot = PB_NONE;

	down_read(&box->swap_lock);
	if (!box->swap)
		goto out_unlock;
	*backend = box->swap->backend;
	if (evict_in_swap(box, page)) {
		slot = page->slot;
		goto out_unlock;
	}
	slot = pb_swap_slot_get(box->swap, page);
	pb_window(slot_taken);
	if (slot == PB_NONE && evict_reclaim_slot(box))
		slot = pb_swap_slot_get(box->swap, page);
out_unlock:
	up_read(&box->swap_lock);
	return slot;
}

static void evict_submit(struct pb_eviction **batch)
{
	if (*batch)
		pb_io_submit(&(*batch)->io);
	*batch = NULL;
}

/* Return the write for a page that goes to @at: @batch, or a new one. */
static struct pb_eviction *evict_write_for(struct pb_box *box,
					   struct pb_backend *backend,
					   pgoff_t at, struct pb_victims *v,
					   struct pb_eviction **batch)
{
	struct pb_eviction *e = *batch;

	if (e && !pb_io_continues(&e->io, backend, at))
		evict_submit(batch);
	if (*batch)
		return *batch;
	e = evict_write_of(pb_io_new(box, backend, at, true, evict_write_done));
	if (!v->flight)
		v->flight = pb_flight_new();
	e->flight = v->flight;
	pb_flight_add(e->flight);
	*batch = e;
	return e;
}

/* Write a victim, in one request with its neighbours in the backend. */
static bool evict_write(struct pb_box *box, struct folio *folio,
			struct pb_victims *v, struct pb_eviction **batch)
{
	struct pb_page *page = folio->private;
	struct pb_backend *backend = box->store;
	pgoff_t at = page->index;
	struct pb_eviction *e;
	u32 slot = PB_NONE;

	if (!page->root || !pb_box_writes_back(box)) {
		slot = evict_slot_for(box, page, &backend);
		if (slot == PB_NONE)
			return false;
		pb_window(evict_slot);
		at = slot & ~PB_SWAP_PARITY;
	}
	if (slot == PB_NONE)
		pb_store_clear_tail(box, folio);
	folio_clear_dirty(folio);
	e = evict_write_for(box, backend, at, v, batch);
	e->page[e->io.nr] = page;
	e->slot[e->io.nr] = slot;
	e->io.folio[e->io.nr++] = folio;
	return true;
}

/* Evict an unmapped victim, or start its write. */
static bool evict_page(struct pb_box *box, struct folio *folio,
		       struct pb_victims *v, struct pb_eviction **batch)
{
	const struct pb_page *page = folio->private;
	bool done;

	if (folio_test_hwpoison(folio)) {
		pb_poison_retire(box, folio);
		v->seen.busy++;
		return false;
	}
	if (pb_frame_pinned(&box->frames, folio, page->frame)) {
		v->seen.pinned++;
	} else if (pb_map_locks(box, page)) {
		v->seen.unavailable++;
	} else {
		pb_window(evict_release);
		if (!folio_test_dirty(folio)) {
			done = evict_release(box, folio, false);
			v->seen.busy += !done;
			return done;
		}
		if (!v->no_io && evict_write(box, folio, v, batch))
			return true;
		v->seen.unavailable++;
	}
	pb_count(box, PB_STAT_PINNED);
	pb_folio_release(folio);
	return false;
}

/**
 * pb_evict_victims - take pages out of their frames
 * @box: the box
 * @v: folios that hold a page, locked and referenced; released on return
 *
 * Pages that are pinned, or get no swap slot, stay and are counted in @v->seen.
 *
 * Return: how many were evicted or are being written; pb_evict_wait() waits for
 * the writes
 */
unsigned int pb_evict_victims(struct pb_box *box, struct pb_victims *v)
{
	struct pb_eviction *batch = NULL;
	unsigned int done = 0;

	pb_window(evict_unmap);
	evict_unmap(box, v->folio, v->nr);
	pb_window(evict_pins);
	for (unsigned int i = 0; i < v->nr; i++)
		done += evict_page(box, v->folio[i], v, &batch);
	evict_submit(&batch);
	return done;
}

/**
 * pb_evict_wait - wait for the writes of evictions
 * @v: as passed to one or more pb_evict_victims(); pages that could not be
 *     written are counted in @v->seen
 *
 * Return: 0, or -EINTR when the task is being killed
 */
int pb_evict_wait(struct pb_victims *v)
{
	struct pb_flight *flight = v->flight;
	u32 failed = 0;
	int err = 0;

	v->flight = NULL;
	if (flight)
		err = pb_flight_wait(flight, &failed);
	v->seen.unavailable += failed;
	return err;
}

static bool evict_has_free(struct pb_frames *frames, u32 want)
{
	return READ_ONCE(frames->idle) >= want;
}

/*
 * A task is stuck after so many requests for one page; as many in a row
 * for other pages reset the count.
 */
#define STUCK_AGAIN 8
#define STUCK_OTHERS 8

/*
 * An instruction may need several pages at once. When policy and swappiness
 * agree that only the page loaded last may be evicted, its pages evict each
 * other, and it never completes. The task then asks for the same page again and
 * again, with the same registers. In this case the evictor takes the pages at
 * the hand, which sooner or later are others.
 *
 * A task that shares its entry with another one gets one of its own some time
 * later.
 */
static bool evict_is_stuck(struct pb_frames *frames, pgoff_t index)
{
	u32 who = pb_instruction();
	u32 epoch = frames->asked++ / 1024;
	struct pb_repeat *repeat =
		&frames->repeat[hash_32(who + epoch, PB_REPEAT_BITS)];

	lockdep_assert_held(&frames->evict_lock);
	if (repeat->who != who || repeat->others == STUCK_OTHERS) {
		*repeat = (struct pb_repeat){ .who = who, .index = index };
	} else if (repeat->index != index) {
		repeat->others++;
	} else {
		repeat->again++;
		repeat->others = 0;
	}
	if (repeat->again < STUCK_AGAIN)
		return false;
	repeat->again = 0;
	return true;
}

/*
 * Evict until @want frames are free; sweep until at least one page was evicted,
 * or all rounds are over. Return 1 if there may be a free frame now; 0 if not,
 * with the reason in @seen; or -EINTR.
 */
static int evict_batch(struct pb_box *box, const pgoff_t *index, u32 want,
		       struct pb_obstacles *seen)
{
	struct pb_frames *frames = &box->frames;
	struct pb_victims v = {};
	struct sweep sweep;
	int err = 0;

	if (mutex_lock_killable(&frames->evict_lock))
		return -EINTR;
	evict_sweep_init(&sweep, frames,
			 index && evict_is_stuck(frames, *index));
	/* The previous evictor may have freed enough frames. */
	if (!evict_has_free(frames, want))
		evict_sample(box);
	while (!evict_has_free(frames, want) && sweep.budget && !err) {
		evict_collect(box, &v, &sweep);
		frames->sampled += v.nr;
		if (pb_evict_victims(box, &v)) {
			pb_window(evict_wait);
			err = pb_evict_wait(&v);
		} else if (fatal_signal_pending(current)) {
			err = -EINTR;
		}
	}
	mutex_unlock(&frames->evict_lock);
	*seen = v.seen;
	/* Freed frames were taken by other tasks: not all were checked. */
	seen->busy += !!sweep.budget;
	return err ?: evict_has_free(frames, 1);
}

/* Relieving the cgroup was expensive and did not help: pause it. */
static void evict_relief_in_vain(struct pb_frames *frames)
{
	WRITE_ONCE(frames->relieve_after, jiffies + HZ / 4);
}

/*
 * Give frames back if the cgroup of the task is near its limit: further
 * charges, such as those for page tables, would invoke the OOM killer. This
 * does not help if the frames are charged to others.
 */
static int evict_relieve_memcg(struct pb_box *box)
{
	struct pb_frames *frames = &box->frames;
	u32 want = READ_ONCE(frames->batch) + 1;
	unsigned long before, after;
	struct pb_obstacles seen;
	int err;

	if (READ_ONCE(frames->used) <= PAGEBOX_MIN_FRAMES ||
	    time_before(jiffies, READ_ONCE(frames->relieve_after)) ||
	    !pb_memcg_is_short(PB_MEMCG_LOW, &before))
		return 0;
	err = evict_batch(box, NULL, want, &seen);
	if (err < 0)
		return err;
	if (READ_ONCE(frames->idle) > 1)
		pb_frames_shrink(frames, READ_ONCE(frames->idle) - 1);
	if (pb_memcg_is_short(PB_MEMCG_LOW, &after) && after <= before)
		evict_relief_in_vain(frames);
	return 0;
}

/*
 * Take a frame; if there is none, try to evict, and report the success in
 * @evicted or the obstacles in @seen. @index: of the faulting page, or NULL.
 */
static int evict_try_frame(struct pb_box *box, struct pb_blank *blank,
			   const pgoff_t *index, bool *evicted,
			   struct pb_obstacles *seen)
{
	unsigned long pressure;
	int err = evict_relieve_memcg(box);

	*evicted = false;
	if (!err)
		err = pb_frame_get(&box->frames, blank, false);
	if (err != -EAGAIN)
		return err;
	/* Pages truncated from the store give their frames back. */
	err = pb_store_wait(box, PB_CUT_ANY);
	if (err)
		return err;
	psi_memstall_enter(&pressure);
	err = evict_batch(box, index, 1, seen);
	psi_memstall_leave(&pressure);
	if (err < 0)
		return err;
	pb_window(evict_got);
	*evicted = err;
	return pb_frame_get(&box->frames, blank, false);
}

/**
 * pb_evict_try_frame - try to take a frame, evicting if none is free
 * @box: the box
 * @blank: filled on success, as by pb_frame_get()
 * @seen: set to the obstacles after -EAGAIN
 *
 * For frames that the caller can do without.
 *
 * Return: 0; -EAGAIN when nothing can be evicted now; -ENOMEM; -EINTR when the
 * task is being killed
 */
int pb_evict_try_frame(struct pb_box *box, struct pb_blank *blank,
		       struct pb_obstacles *seen)
{
	bool evicted;
	int err;

	/* Another task may take the freed frame first. */
	do {
		err = evict_try_frame(box, blank, NULL, &evicted, seen);
		if (fatal_signal_pending(current) && err == -EAGAIN)
			err = -EINTR;
	} while (err == -EAGAIN && evicted);
	return err;
}

/*
 * mlock() and munlock() keep folio references in per-CPU batches until these
 * are full. They look like pins, and would stay for ever on an idle CPU.
 */
static DEFINE_PER_CPU(struct work_struct, evict_drain_work);

static void evict_drain_cpu(struct work_struct *work)
{
	pb_lru_add_drain();
}

static void evict_drain_start(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		schedule_work_on(cpu, per_cpu_ptr(&evict_drain_work, cpu));
}

static bool evict_drain_done(void)
{
	int cpu;

	for_each_online_cpu(cpu) {
		if (work_busy(per_cpu_ptr(&evict_drain_work, cpu)))
			return false;
	}
	return true;
}

/**
 * pb_evict_init - initialise eviction
 */
void __init pb_evict_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&evict_drain_work, cpu), evict_drain_cpu);
}

/**
 * pb_evict_exit - wait for the work that evictions started
 */
void pb_evict_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		flush_work(per_cpu_ptr(&evict_drain_work, cpu));
}

/**
 * pb_evict_pause - after a sweep that took no frame: wait, or give up?
 * @seen: why it took none
 * @pins: 0 at first; counts the sweeps that failed because of pins
 *
 * Context: sleeps for some milliseconds, unless it returns false.
 * Return: true to sweep again; false when waiting cannot yield a frame
 */
bool pb_evict_pause(const struct pb_obstacles *seen, unsigned int *pins)
{
	if (!seen->busy && seen->pinned + seen->unavailable) {
		if (!seen->pinned)
			return false;
		if (!(*pins)++)
			evict_drain_start();
		if (*pins > READ_ONCE(pin_sweeps) && evict_drain_done())
			return false;
	}
	schedule_timeout_killable(msecs_to_jiffies(SWEEP_PAUSE));
	return true;
}

/**
 * pb_evict_get_frame - take a frame, evicting if none is free
 * @box: the box
 * @blank: filled on success, as by pb_frame_get()
 * @index: index of the faulting page
 *
 * Waits without limit for frames that other tasks hold or that are being
 * written. When no frame can be evicted, the box grows up to its limit, even if
 * its cgroup is short of memory. After that the OOM policy of the box decides.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -ENOSPC when no frame can be had; -ENOMEM when memory is low and
 * the box has no frame; -EINTR when the task is being killed
 */
int pb_evict_get_frame(struct pb_box *box, struct pb_blank *blank,
		       pgoff_t index)
{
	unsigned int since = 0, pins = 0;
	struct pb_obstacles seen;
	bool evicted;
	int err;

	for (;;) {
		err = evict_try_frame(box, blank, &index, &evicted, &seen);
		if (err != -EAGAIN)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		/* Another task took the freed frame first. */
		if (evicted) {
			pins = 0;
			continue;
		}
		if (pb_evict_pause(&seen, &pins))
			continue;
		err = pb_frame_get(&box->frames, blank, true);
		if (err != -EAGAIN) {
			evict_relief_in_vain(&box->frames);
			return err;
		}
		err = pb_oom(box, &since);
		if (err)
			return err;
		schedule_timeout_killable(msecs_to_jiffies(SWEEP_PAUSE));
	}
}

/* Evict pages from the frames at @first and above. Return how many. */
static int evict_from(struct pb_box *box, u32 first, struct pb_obstacles *seen)
{
	struct pb_victims v = {};
	struct pb_pte_bits bits;
	struct folio *folio;
	u32 end = READ_ONCE(box->frames.fresh);
	unsigned int done = 0;
	int err;

	for (u32 i = first; i < end; i++) {
		folio = evict_lock_frame(box, i, &v.seen);
		if (folio) {
			evict_harvest(box, &folio, &bits, 1);
			if (bits.locked) {
				pb_count(box, PB_STAT_PINNED);
				v.seen.unavailable++;
				pb_folio_release(folio);
			} else {
				v.folio[v.nr++] = folio;
			}
		}
		if (v.nr == PB_BATCH_MAX || i + 1 == end) {
			done += pb_evict_victims(box, &v);
			v.nr = 0;
		}
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	pb_evict_victims(box, &v);
	err = pb_evict_wait(&v);
	*seen = v.seen;
	return err ?: done;
}

/**
 * pb_evict_resize - change the frame limit
 * @box: the box; its configuration is locked
 * @limit: the new limit
 *
 * Pages in frames above a lower limit are evicted; busy frames are waited for.
 *
 * Return: 0; -EBUSY when the remaining pages are locked or pinned, or swap is
 * full; -EINTR when the task is being killed. After an error the old limit
 * applies
 */
int pb_evict_resize(struct pb_box *box, u32 limit)
{
	struct pb_frames *frames = &box->frames;
	struct pb_obstacles seen;
	u32 before = frames->limit;
	unsigned int pins = 0;
	int done;

	lockdep_assert_held(&box->config);
	pb_frames_set_limit(frames, limit);
	pb_window(resize_limit);
	while (!pb_frames_trim(frames)) {
		done = evict_from(box, limit, &seen);
		if (done > 0)
			pins = 0;
		else if (!done && fatal_signal_pending(current))
			done = -EINTR;
		else if (!done && !pb_evict_pause(&seen, &pins))
			done = -EBUSY;
		if (done < 0) {
			pb_frames_set_limit(frames, before);
			return done;
		}
	}
	return 0;
}

/**
 * pb_evict_set_policy - change the replacement policy
 * @box: the box; its configuration is locked
 * @policy: the new policy; set to the old one, or NULL
 * @state: zeroed memory for its state; set to that of the old one
 *
 * Return: 0, or -EINTR when the task is being killed
 */
int pb_evict_set_policy(struct pb_box *box, const struct pb_policy **policy,
			void **state)
{
	struct pb_frames *frames = &box->frames;

	lockdep_assert_held(&box->config);
	if (mutex_lock_killable(&frames->evict_lock))
		return -EINTR;
	pb_window(policy_switch);
	pb_frames_set_policy(frames, policy, state);
	frames->sampled = 0;
	mutex_unlock(&frames->evict_lock);
	return 0;
}

/*
 * Reclaim memory from a page without I/O: evict it if it was not used lately,
 * or else free the copy of it in RAM swap.
 */
static unsigned int evict_shrink_folio(struct pb_box *box, struct folio *folio,
				       struct pb_victims *v)
{
	struct pb_page *page = folio->private;
	struct pb_pte_bits bits;
	unsigned int freed = 0;
	struct pb_swap *swap;

	pb_pte_harvest(box->inode->i_mapping, &folio, &bits, 1, false);
	if (bits.dirty || bits.locked || folio_test_dirty(folio)) {
		/* It stays, and so does its accessed bit. */
		bits.young = false;
	} else {
		evict_harvest(box, &folio, &bits, 1);
		if (!bits.young) {
			v->folio[v->nr++] = folio;
			return 0;
		}
	}
	if (page->slot != PB_NONE) {
		swap = pb_box_swap_of(box, page->slot);
		if (swap->backend->ops->kind == PAGEBOX_BACKEND_RAM) {
			pb_page_free_slot(box, page);
			folio_set_dirty(folio);
			freed = 1;
		}
	}
	evict_skip(box, &folio, &bits, 1);
	return freed;
}

/**
 * pb_evict_shrink - give back memory for the shrinker
 * @box: the box
 * @nr: how many frames to check
 *
 * Context: reclaim, with any locks held.
 * Return: how many pages of memory were given back
 */
unsigned long pb_evict_shrink(struct pb_box *box, unsigned long nr)
{
	struct pb_frames *frames = &box->frames;
	struct pb_victims v = { .no_io = true };
	unsigned long freed = 0;
	struct folio *folio;
	u32 all;

	if (!mutex_trylock(&frames->evict_lock))
		return 0;
	all = pb_frames_nr(frames);
	for (nr = min_t(unsigned long, nr, all); nr; nr--) {
		folio = evict_lock_frame(box, frames->shrunk++ % all, &v.seen);
		if (folio)
			freed += evict_shrink_folio(box, folio, &v);
		if (v.nr == PB_BATCH_MAX || nr == 1) {
			freed += pb_frames_shrink(frames,
						  pb_evict_victims(box, &v));
			v.nr = 0;
		}
	}
	mutex_unlock(&frames->evict_lock);
	return freed;
}
