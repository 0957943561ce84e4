// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: how a frame is taken from a page.
 *
 * The policy proposes frames; which ones, and which of them it spares, is its
 * business (policy.h). Accessed means the bit that the CPU sets in a PTE, in any
 * process, or the folio's referenced flag, to which core mm moves the bit when
 * it takes a PTE away. What was not spared is weighed by swappiness, and becomes
 * a victim.
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
 *
 * mlock() may come between the look at a page's VMAs and its unmap. So they are
 * looked at once more after it: pb_map_locks().
 *
 * Dirty victims are written by requests that own the folio lock until the write
 * is done. What happens to the page then is decided in their callback; the
 * evictor only waits, and if it is killed nothing is left undone.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/psi.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "pagebox.h"
#include "trace.h"

static unsigned int patience_ms = 1000;
module_param(patience_ms, uint, 0644);
MODULE_PARM_DESC(patience_ms,
		 "ms to wait while no frame can be had (default 1000)");

/**
 * pb_evict_patience - when to give up, if no frame can be had from now on
 *
 * Return: that time, in jiffies
 */
unsigned long pb_evict_patience(void)
{
	return jiffies + msecs_to_jiffies(READ_ONCE(patience_ms));
}

/* The folio in a frame, locked and referenced, if it holds a page. */
static struct folio *lock_frame(struct pb_box *box, u32 number)
{
	struct folio *folio = pb_frame_lookup(&box->frames, number);

	if (!folio)
		return NULL;
	pb_window(PB_WINDOW_EVICT_LOCK);
	if (!pb_folio_trylock(folio)) {
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

/* What the PTEs of some folios say; their accessed bits are cleared. */
static void harvest(struct pb_box *box, struct folio **folio,
		    struct pb_pte_bits *bits, unsigned int nr)
{
	unsigned int n;

	for (unsigned int i = 0; i < nr; i += n) {
		n = run_length(folio + i, nr - i);
		pb_pte_harvest(box->inode->i_mapping, folio[i]->index,
			       folio + i, bits + i, n, true);
	}
	for (unsigned int i = 0; i < nr; i++) {
		bits[i].young |= folio_test_referenced(folio[i]);
		bits[i].dirty |= folio_test_dirty(folio[i]);
		folio_clear_referenced(folio[i]);
	}
}

/*
 * Swappiness: of the kind of victims that is less wanted, those that must be
 * written or those that need not, only so many of a hundred are taken.
 */
static bool outweighed(struct pb_frames *frames, bool dirty)
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
 * enum round - how choosy the evictor is
 * @ROUND_LAST: takes what can be taken
 * @ROUND_WEIGHED: takes what was accessed too, but weighs by swappiness
 * @ROUND_POLICY: the policy decides
 */
enum round {
	ROUND_LAST,
	ROUND_WEIGHED,
	ROUND_POLICY,
};

static bool is_victim(struct pb_box *box, struct folio *folio,
		      const struct pb_pte_bits *bits, enum round round)
{
	const struct pb_page *page = folio->private;

	if (bits->locked) {
		spare_folio(box, folio, PB_STAT_PINNED);
		return false;
	}
	/* The policy is asked in any case: it may want to know the bit. */
	if (round == ROUND_POLICY && pb_frames_ask(&box->frames, page->frame,
						   bits->young, bits->dirty)) {
		spare_folio(box, folio, PB_STAT_SECOND_CHANCE);
		return false;
	}
	if (round != ROUND_LAST && outweighed(&box->frames, bits->dirty)) {
		folio_unlock(folio);
		folio_put(folio);
		return false;
	}
	return true;
}

static void judge(struct pb_box *box, struct folio **folio, unsigned int nr,
		  enum round round, struct pb_victims *v)
{
	struct pb_pte_bits bits[PB_BATCH_MAX];

	pb_window(PB_WINDOW_EVICT_JUDGE);
	harvest(box, folio, bits, nr);
	for (unsigned int i = 0; i < nr; i++) {
		if (is_victim(box, folio[i], &bits[i], round))
			v->folio[v->nr++] = folio[i];
	}
}

/* Let the policy, or the hand, propose frames, and lock what is in them. */
static unsigned int propose(struct pb_box *box, struct folio **folio,
			    unsigned int *nr, enum round round)
{
	u32 number[PB_BATCH_MAX];
	unsigned int locked = 0;
	bool wrapped;

	*nr = pb_frames_propose(&box->frames, number, *nr,
				round != ROUND_POLICY, &wrapped);
	if (wrapped)
		pb_count(box, PB_STAT_REVOLUTION);
	for (unsigned int i = 0; i < *nr; i++) {
		folio[locked] = lock_frame(box, number[i]);
		if (folio[locked])
			locked++;
	}
	return locked;
}

/**
 * struct sweep - how far an evictor goes before it gives up
 * @all: how many frames there are
 * @rounds: how many rounds
 * @budget: frames that may still be looked at, as many as there are each round
 *
 * The first round may do nothing but clear accessed bits. The others take what
 * it has spared, also if CPUs have accessed it again meanwhile, or a box whose
 * frames are all busy could not evict; what is left in the end is pinned or
 * locked.
 */
struct sweep {
	u32 all;
	u32 rounds;
	u64 budget;
};

static void sweep_init(struct sweep *sweep, struct pb_frames *frames,
		       bool stuck)
{
	sweep->all = max(pb_frames_nr(frames), 1U);
	/* If all weigh the same, the round that weighs is like the last. */
	sweep->rounds = READ_ONCE(frames->swappiness) == 100 ? 2 : 3;
	sweep->budget = (u64)(stuck ? 1 : sweep->rounds) * sweep->all;
}

/* Which round it is, and how many frames are left in it. */
static enum round sweep_round(const struct sweep *sweep, u64 *left)
{
	u64 after = (sweep->budget - 1) / sweep->all;

	*left = sweep->budget - after * sweep->all;
	if (after + 1 == sweep->rounds)
		return ROUND_POLICY;
	return after ? ROUND_WEIGHED : ROUND_LAST;
}

/* Collect victims: at most a batch, and none for a task that is being killed. */
static void collect(struct pb_box *box, struct pb_victims *v,
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
		round = sweep_round(sweep, &left);
		nr = min_t(u64, batch - v->nr, left);
		locked = propose(box, window, &nr, round);
		sweep->budget -= nr;
		judge(box, window, locked, round, v);
		cond_resched();
	}
}

/* Tell a policy that wants to know which pages were accessed lately. */
static void sample(struct pb_box *box)
{
	struct pb_frames *frames = &box->frames;
	u32 nr = pb_frames_nr(frames);
	struct pb_pte_bits bits;
	struct pb_page *page;
	struct folio *folio;

	lockdep_assert_held(&frames->evict_lock);
	if (!frames->policy.policy->sample || frames->sampled < nr / 4)
		return;
	frames->sampled = 0;
	for (u32 i = 0; i < nr; i++) {
		folio = lock_frame(box, i);
		if (!folio)
			continue;
		page = folio->private;
		harvest(box, &folio, &bits, 1);
		pb_frames_sample(frames, page->frame, bits.young);
		folio_unlock(folio);
		folio_put(folio);
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
static void unmap(struct pb_box *box, struct pb_victims *v)
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
 * The contents are safe outside the frame: take the page out of it. A page of
 * the root view that is as the store has it, or zero, is not kept at all.
 */
static bool release(struct pb_box *box, struct folio *folio, bool dirty)
{
	struct pb_page *page = folio->private;
	bool forget = page->slot == PB_NONE;
	u32 frame;

	if (forget && (WARN_ON_ONCE(!page->root) ||
		       pb_view_replace(&box->root, page->index, page, NULL))) {
		/* Somebody discards the page, and waits for the folio lock. */
		spare_folio(box, folio, PB_STAT_PINNED);
		return false;
	}
	pb_window(PB_WINDOW_EVICT_DETACH);
	trace_pagebox_evict(box->id, page->index, page->frame,
			    pb_page_slot(page), page->root, dirty);
	pb_count(box, dirty ? PB_STAT_EVICT_DIRTY : PB_STAT_EVICT_CLEAN);
	frame = pb_page_detach(box, page, folio);
	if (forget)
		pb_page_unshare(box, page);
	pb_frame_put(&box->frames, folio, frame);
	return true;
}

/* io->frame[] of an eviction's write is the slot, or PB_NONE for the store. */
static void write_ended(struct pb_io *io, unsigned int i)
{
	struct pb_box *box = io->box;
	struct pb_page *page = io->page[i];
	u32 slot = io->frame[i];

	pb_window(PB_WINDOW_EVICT_WRITTEN);
	if (io->err[i]) {
		folio_set_dirty(io->folio[i]);
		if (slot == PB_NONE)
			pb_writeback_failed(box, io->err[i]);
		else if (slot != page->slot)
			pb_swap_slot_put(pb_box_swap_of(box, slot), slot);
		spare_folio(box, io->folio[i], PB_STAT_PINNED);
		return;
	}
	if (slot != page->slot) {
		u32 old = page->slot;

		WRITE_ONCE(page->slot, slot);
		if (old != PB_NONE)
			pb_swap_slot_put(pb_box_swap_of(box, old), old);
	}
	release(box, io->folio[i], true);
}

static void evict_done(struct pb_io *io)
{
	struct pb_flight *flight = io->flight;

	for (unsigned int i = 0; i < io->nr; i++)
		write_ended(io, i);
	pb_io_free(io);
	pb_flight_done(flight);
}

/* Does the page have its slot in the area that is used now? With swap_lock. */
static bool in_swap(const struct pb_box *box, const struct pb_page *page)
{
	lockdep_assert_held(&box->swap_lock);
	return page->slot != PB_NONE &&
	       (page->slot & PB_SWAP_PARITY) == box->swap->parity;
}

/*
 * Take a slot from a page that is in a frame as well, as it was read back: it
 * does not need both. With swap_lock; only tries folio locks. When that was in
 * vain it is not tried again before the next tick, or an evictor that finds swap
 * full would look at all frames for each of them.
 */
static bool reclaim_slot(struct pb_box *box)
{
	u32 nr = pb_frames_nr(&box->frames);
	bool reclaimed = false;
	struct folio *folio;

	lockdep_assert_held(&box->swap_lock);
	if (time_before_eq(jiffies, READ_ONCE(box->frames.barren)))
		return false;
	for (u32 i = 0; i < nr && !reclaimed; i++) {
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
		folio = lock_frame(box, i);
		if (!folio)
			continue;
		reclaimed = folio_test_uptodate(folio) &&
			    in_swap(box, folio->private);
		if (reclaimed) {
			pb_page_free_slot(box, folio->private);
			folio_set_dirty(folio);
		}
		folio_unlock(folio);
		folio_put(folio);
	}
	if (!reclaimed)
		WRITE_ONCE(box->frames.barren, jiffies);
	return reclaimed;
}

/* Take a slot for a page in the area that is used now. PB_NONE: there is none. */
static u32 slot_for(struct pb_box *box, struct pb_page *page,
		    struct pb_backend **backend)
{
	u32 slot = PB_NONE;

	down_read(&box->swap_lock);
	if (!box->swap)
		goto out_unlock;
	*backend = box->swap->backend;
	if (in_swap(box, page)) {
		slot = page->slot;
		goto out_unlock;
	}
	slot = pb_swap_slot_get(box->swap, page);
	pb_window(PB_WINDOW_SLOT_TAKEN);
	if (slot == PB_NONE && reclaim_slot(box))
		slot = pb_swap_slot_get(box->swap, page);
out_unlock:
	up_read(&box->swap_lock);
	return slot;
}

static void submit(struct pb_io **io)
{
	if (*io)
		pb_io_submit(*io);
	*io = NULL;
}

/* Write a victim, together with its neighbours in the backend. */
static bool write_out(struct pb_box *box, struct folio *folio,
		      struct pb_victims *v, struct pb_io **batch)
{
	struct pb_page *page = folio->private;
	struct pb_backend *backend = box->store;
	struct pb_io *io = *batch;
	pgoff_t at = page->index;
	u32 slot = PB_NONE;

	if (!page->root || !pb_box_writes_back(box)) {
		slot = slot_for(box, page, &backend);
		if (slot == PB_NONE)
			return false;
		pb_window(PB_WINDOW_EVICT_SLOT);
		at = slot & ~PB_SWAP_PARITY;
	}
	folio_clear_dirty(folio);
	if (io && (io->backend != backend || io->nr == PB_IO_MAX ||
		   at != io->index + io->nr))
		submit(batch);
	io = *batch;
	if (!io) {
		io = pb_io_new(box, backend, at, true, evict_done);
		if (!v->flight)
			v->flight = pb_flight_new();
		io->flight = v->flight;
		pb_flight_add(io->flight);
		*batch = io;
	}
	io->page[io->nr] = page;
	io->frame[io->nr] = slot;
	io->folio[io->nr++] = folio;
	return true;
}

/* An unmapped victim: out of its frame, or on the way. */
static bool evict(struct pb_box *box, struct folio *folio, struct pb_victims *v,
		  struct pb_io **batch)
{
	const struct pb_page *page = folio->private;

	if (!pb_frame_pinned(&box->frames, folio, page->frame) &&
	    !pb_map_locks(box, page)) {
		pb_window(PB_WINDOW_EVICT_RELEASE);
		if (!folio_test_dirty(folio))
			return release(box, folio, false);
		if (!v->no_io && write_out(box, folio, v, batch))
			return true;
	}
	spare_folio(box, folio, PB_STAT_PINNED);
	return false;
}

/**
 * pb_evict_victims - take pages out of their frames
 * @box: the box
 * @v: folios that hold a page, locked and referenced; neither afterwards
 *
 * Pages that turn out to be pinned, or for which there is no swap slot, stay.
 *
 * Return: how many are out, or being written and out if that goes well; for
 * the writes, pb_evict_wait()
 */
unsigned int pb_evict_victims(struct pb_box *box, struct pb_victims *v)
{
	struct pb_io *batch = NULL;
	unsigned int done = 0;

	pb_window(PB_WINDOW_EVICT_UNMAP);
	unmap(box, v);
	pb_window(PB_WINDOW_EVICT_PINS);
	for (unsigned int i = 0; i < v->nr; i++)
		done += evict(box, v->folio[i], v, &batch);
	submit(&batch);
	return done;
}

/**
 * pb_evict_wait - wait for the writes of evictions
 * @v: what pb_evict_victims() was given, once or several times
 *
 * Return: 0, or -EINTR when the task is being killed
 */
int pb_evict_wait(struct pb_victims *v)
{
	struct pb_flight *flight = v->flight;

	v->flight = NULL;
	return flight ? pb_flight_wait(flight) : 0;
}

static bool has_free(struct pb_frames *frames)
{
	return READ_ONCE(frames->free) != PB_NONE;
}

/* Asks for one page after which a task is stuck; and how long it is watched. */
#define STUCK_AGAIN 8
#define STUCK_OTHERS 8

/*
 * An instruction may need several pages at once. When policy and swappiness
 * agree that nothing but what was loaded last may go, each of its faults takes
 * the frame of the page that the one before has brought, and it never ends. Then
 * the task asks again and again for the same page, with the same registers. What
 * the hand comes to is taken in this case: that is another page in the end.
 *
 * A task that shares its entry with another one has it alone some time later.
 */
static bool is_stuck(struct pb_frames *frames, pgoff_t index)
{
	u32 who = jhash(task_pt_regs(current), sizeof(struct pt_regs),
			hash_ptr(current, 32));
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
 * Evict a batch, or at least one page within all rounds. Return 1 when there
 * may be a free frame now, 0 when not, -EINTR.
 */
static int evict_batch(struct pb_box *box, const pgoff_t *index)
{
	struct pb_frames *frames = &box->frames;
	struct pb_victims v = {};
	struct sweep sweep;
	int err = 0;

	if (mutex_lock_killable(&frames->evict_lock))
		return -EINTR;
	sweep_init(&sweep, frames, index && is_stuck(frames, *index));
	/* Whoever held the lock before may have evicted for us as well. */
	if (!has_free(frames))
		sample(box);
	while (!has_free(frames) && sweep.budget && !err) {
		collect(box, &v, &sweep);
		frames->sampled += v.nr;
		if (pb_evict_victims(box, &v)) {
			pb_window(PB_WINDOW_EVICT_WAIT);
			err = pb_evict_wait(&v);
		} else if (fatal_signal_pending(current)) {
			err = -EINTR;
		}
	}
	mutex_unlock(&frames->evict_lock);
	return err ?: has_free(frames);
}

/*
 * Take a frame; if there is none, try to evict, and say whether that worked.
 * @index: of the page that a fault needs it for, or NULL.
 */
static int try_frame(struct pb_box *box, struct pb_spare *spare,
		     const pgoff_t *index, bool *evicted)
{
	unsigned long pressure;
	int err = pb_frame_get(&box->frames, spare);

	*evicted = false;
	if (err != -EAGAIN)
		return err;
	psi_memstall_enter(&pressure);
	err = evict_batch(box, index);
	psi_memstall_leave(&pressure);
	if (err < 0)
		return err;
	pb_window(PB_WINDOW_EVICT_GOT);
	*evicted = err;
	return pb_frame_get(&box->frames, spare);
}

/**
 * pb_evict_try_frame - take a frame, evicting if none is free, without patience
 * @box: from this box
 * @spare: filled on success, as by pb_frame_get()
 *
 * For frames that would be nice to have.
 *
 * Return: 0, -EAGAIN when nothing can be evicted now, -ENOMEM, -EINTR
 */
int pb_evict_try_frame(struct pb_box *box, struct pb_spare *spare)
{
	bool evicted;
	int err;

	/* Others may be faster. */
	do {
		err = try_frame(box, spare, NULL, &evicted);
		if (fatal_signal_pending(current) && err == -EAGAIN)
			err = -EINTR;
	} while (err == -EAGAIN && evicted);
	return err;
}

/**
 * pb_evict_get_frame - take a frame, evicting if none is free
 * @box: from this box
 * @spare: filled on success, as by pb_frame_get()
 * @index: the page that a fault needs it for
 *
 * When all frames are pinned, locked or cannot be written out, this waits for
 * one, a second unless patience_ms says otherwise, looking at all of them again
 * at every tick. From then on the box's OOM policy decides how long it goes on.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -ENOSPC when no frame is to be had; -ENOMEM when the machine has
 * no memory and the box no frame; -EINTR when the task is being killed
 */
int pb_evict_get_frame(struct pb_box *box, struct pb_spare *spare,
		       pgoff_t index)
{
	unsigned long deadline = 0;
	unsigned int since = 0;
	bool evicted;
	int err;

	for (;;) {
		err = try_frame(box, spare, &index, &evicted);
		if (err != -EAGAIN)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		/* Others were faster. */
		if (evicted) {
			deadline = 0;
			continue;
		}
		if (!deadline)
			deadline = pb_evict_patience();
		err = time_before(jiffies, deadline) ? 0 : pb_oom(box, &since);
		if (err)
			return err;
		schedule_timeout_killable(1);
	}
}

/* Evict what is in the frames from @first on that can be. Return how much was. */
static int evict_from(struct pb_box *box, u32 first)
{
	struct pb_victims v = {};
	struct pb_pte_bits bits;
	struct folio *folio;
	u32 end = READ_ONCE(box->frames.fresh);
	unsigned int done = 0;

	for (u32 i = first; i < end; i++) {
		folio = lock_frame(box, i);
		if (folio) {
			harvest(box, &folio, &bits, 1);
			v.folio[v.nr++] = folio;
		}
		if (folio && bits.locked)
			spare_folio(box, v.folio[--v.nr], PB_STAT_PINNED);
		if (v.nr == PB_BATCH_MAX || i + 1 == end) {
			done += pb_evict_victims(box, &v);
			v.nr = 0;
		}
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	pb_evict_victims(box, &v);
	return pb_evict_wait(&v) ?: done;
}

/**
 * pb_evict_resize - change the frame limit
 * @box: the box; its configuration is locked
 * @limit: the new limit
 *
 * The pages in frames above a lower limit are evicted.
 *
 * Return: 0; -EBUSY when patience has an end and none of those that are left
 * could be, because they are locked or pinned or there is no room for them in
 * swap; -EINTR. After an error the limit is what it was
 */
int pb_evict_resize(struct pb_box *box, u32 limit)
{
	struct pb_frames *frames = &box->frames;
	unsigned long deadline = pb_evict_patience();
	u32 before = frames->limit;
	int done;

	lockdep_assert_held(&box->config);
	pb_frames_set_limit(frames, limit);
	pb_window(PB_WINDOW_RESIZE_LIMIT);
	while (!pb_frames_trim(frames)) {
		done = evict_from(box, limit);
		if (done > 0)
			deadline = pb_evict_patience();
		else if (!done && time_after(jiffies, deadline))
			done = -EBUSY;
		if (done < 0) {
			pb_frames_set_limit(frames, before);
			return done;
		}
		if (!done)
			schedule_timeout_killable(1);
	}
	return 0;
}

/**
 * pb_evict_set_policy - another policy decides from now on
 * @box: the box; its configuration is locked
 * @policy: the policy; set to the one before, or NULL
 * @state: zeroed memory of its size; set to that of the one before
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
	pb_window(PB_WINDOW_POLICY_SWITCH);
	pb_frames_set_policy(frames, policy, state);
	frames->sampled = 0;
	mutex_unlock(&frames->evict_lock);
	return 0;
}

/*
 * What the shrinker can do with a page without I/O: take it out of its frame if
 * it was not used lately, or else give up the copy of it that is in RAM.
 */
static unsigned int shrink_folio(struct pb_box *box, struct folio *folio,
				 struct pb_victims *v)
{
	struct pb_page *page = folio->private;
	struct pb_pte_bits bits;
	unsigned int freed = 0;
	struct pb_swap *swap;

	harvest(box, &folio, &bits, 1);
	if (!bits.dirty && !bits.locked && !bits.young) {
		v->folio[v->nr++] = folio;
		return 0;
	}
	if (page->slot != PB_NONE) {
		swap = pb_box_swap_of(box, page->slot);
		if (swap->backend->ops->kind == PAGEBOX_BACKEND_RAM) {
			pb_page_free_slot(box, page);
			folio_set_dirty(folio);
			freed = 1;
		}
	}
	folio_unlock(folio);
	folio_put(folio);
	return freed;
}

/**
 * pb_evict_shrink - give memory back that is easy to spare
 * @box: the box
 * @nr: how many frames to look at
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
		folio = lock_frame(box, frames->shrunk++ % all);
		if (folio)
			freed += shrink_folio(box, folio, &v);
		if (v.nr == PB_BATCH_MAX || nr == 1) {
			freed += pb_frames_shrink(frames,
						  pb_evict_victims(box, &v));
			v.nr = 0;
		}
	}
	mutex_unlock(&frames->evict_lock);
	return freed;
}
