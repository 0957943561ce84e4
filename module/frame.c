// SPDX-License-Identifier: GPL-2.0
/*
 * The frame table: numbered physical pages.
 *
 * A frame is in one of six conditions:
 *
 *   never used   its number is not below frames->fresh
 *   free         on the free list; folio->private is NULL
 *   bare         on the bare list: free, and its folio was given back
 *   blank        taken by a fault; no page is in it yet, folio->private is NULL
 *   in use       folio->private is the page in it
 *   retired      its folio has a memory error; it is never taken again
 *
 * Folios stay in their frame when a page leaves it: an eviction hands a frame
 * from one page to the next without going through the page allocator. Only a
 * folio that somebody else still refers to (a pin, an I/O under way) must not
 * be used again; it is dropped from the table and its last user frees it.
 *
 * Frames that were free are taken before bare ones and those before ones that
 * were never used, last freed first, and all of them before one is evicted.
 *
 * The limit may change at any time. Frames with numbers above a new, lower one
 * disappear as they become free; evict.c sees to that.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "compat_mm.h"
#include "failpoint.h"
#include "frame.h"
#include "memcg.h"
#include "page.h"
#include "pagebox.h"
#include "policy.h"

/* Module-wide: the cap, and how many frames have a folio. */
unsigned long pb_frames_max;
static atomic_long_t pb_frames_total;

/*
 * How many victims one eviction takes. Small boxes evict one by one, so that
 * the hand is that of the textbooks; large ones share the cost of an unmap,
 * which is a TLB shootdown.
 */
static u32 frames_batch(u32 limit)
{
	return clamp_t(u32, limit / 64, 1, PB_BATCH_MAX);
}

/* pb_frame.next of a frame that is not free. */
#define PB_TAKEN (PB_NONE - 1)
/* The same, of one that is retired. */
#define PB_RETIRED (PB_NONE - 2)

static struct pb_frame *frame_at(struct pb_frames *frames, u32 number)
{
	return genradix_ptr(&frames->table, number);
}

/**
 * pb_frames_init - make an empty frame table
 * @frames: where
 * @limit: how many frames it has
 */
void pb_frames_init(struct pb_frames *frames, u32 limit)
{
	spin_lock_init(&frames->lock);
	spin_lock_init(&frames->policy_lock);
	mutex_init(&frames->evict_lock);
	genradix_init(&frames->table);
	frames->free = PB_NONE;
	frames->bare = PB_NONE;
	frames->limit = limit;
	frames->batch = frames_batch(limit);
	frames->barren = jiffies - 1;
	frames->relieve_after = jiffies;
}

/* A folio has left its table for good. */
static void folio_drop(struct folio *folio)
{
	atomic_long_dec(&pb_frames_total);
	folio_clear_active(folio);
	folio_put_refs(folio, PB_TABLE_REFS);
}

static void drop_list(struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		list_del(&folio->lru);
		folio_drop(folio);
	}
}

/* A frame that was taken off a list goes to the other. */
static void push_locked(struct pb_frames *frames, u32 *list, u32 number)
{
	lockdep_assert_held(&frames->lock);
	frame_at(frames, number)->next = *list;
	WRITE_ONCE(*list, number);
}

/* Retire a frame that is on no list, if its folio has a memory error. */
static bool retire_locked(struct pb_frames *frames, u32 number)
{
	struct pb_frame *frame = frame_at(frames, number);

	lockdep_assert_held(&frames->lock);
	if (!frame->folio || !folio_test_hwpoison(frame->folio))
		return false;
	frame->next = PB_RETIRED;
	return true;
}

/* Make up to @nr free frames bare; their folios go to a list. */
static unsigned long strip_locked(struct pb_frames *frames, unsigned long nr,
				  struct list_head *folios)
{
	unsigned long done = 0;

	lockdep_assert_held(&frames->lock);
	while (done < nr && frames->free != PB_NONE) {
		u32 number = frames->free;
		struct pb_frame *frame = frame_at(frames, number);

		WRITE_ONCE(frames->free, frame->next);
		WRITE_ONCE(frames->idle, frames->idle - 1);
		if (retire_locked(frames, number))
			continue;
		/* Nobody else has it in a list: it is on no LRU. */
		list_add(&frame->folio->lru, folios);
		frame->folio = NULL;
		frame->waiters = 0;
		push_locked(frames, &frames->bare, number);
		done++;
	}
	return done;
}

/* Take the frames above the limit from a list. */
static void unlink_above_locked(struct pb_frames *frames, u32 *link,
				struct list_head *folios)
{
	lockdep_assert_held(&frames->lock);
	while (*link != PB_NONE) {
		struct pb_frame *frame = frame_at(frames, *link);

		if (*link < frames->limit) {
			link = &frame->next;
			continue;
		}
		*link = frame->next;
		if (!frame->folio)
			continue;
		list_add(&frame->folio->lru, folios);
		frame->folio = NULL;
		frame->waiters = 0;
		WRITE_ONCE(frames->idle, frames->idle - 1);
	}
}

/* Frames below the limit that an abandoned change has left on no list. */
static void relink_locked(struct pb_frames *frames, u32 before)
{
	u32 end = min(frames->fresh, frames->limit);

	lockdep_assert_held(&frames->lock);
	for (u32 i = before; i < end; i++) {
		u32 next = frame_at(frames, i)->next;

		if (next != PB_TAKEN && next != PB_RETIRED)
			push_locked(frames, &frames->bare, i);
	}
}

/**
 * pb_frames_set_limit - change the limit
 * @frames: table
 * @limit: how many frames it may have from now on
 *
 * No frame above a lower limit is taken any more. Those that are in use stay
 * until they are put; pb_frames_trim() says when.
 */
void pb_frames_set_limit(struct pb_frames *frames, u32 limit)
{
	LIST_HEAD(folios);
	u32 before;

	spin_lock(&frames->lock);
	before = frames->limit;
	WRITE_ONCE(frames->limit, limit);
	WRITE_ONCE(frames->batch, frames_batch(limit));
	unlink_above_locked(frames, &frames->free, &folios);
	unlink_above_locked(frames, &frames->bare, &folios);
	relink_locked(frames, before);
	spin_unlock(&frames->lock);
	drop_list(&folios);
}

/* A frame disappears, and if it was retired its folio with it. */
static void unretire_locked(struct pb_frames *frames, u32 number,
			    struct list_head *folios)
{
	struct pb_frame *frame = frame_at(frames, number);

	lockdep_assert_held(&frames->lock);
	if (frame->next != PB_RETIRED)
		return;
	list_add(&frame->folio->lru, folios);
	frame->folio = NULL;
	frame->waiters = 0;
	frame->next = PB_NONE;
}

/**
 * pb_frames_trim - are all frames above the limit gone?
 * @frames: table; the limit is not changed meanwhile
 *
 * Return: true if no frame above it is in use; then it is as if they had never
 * been
 */
bool pb_frames_trim(struct pb_frames *frames)
{
	LIST_HEAD(folios);
	bool gone = true;

	spin_lock(&frames->lock);
	for (u32 i = frames->limit; gone && i < frames->fresh; i++)
		gone = frame_at(frames, i)->next != PB_TAKEN;
	for (u32 i = frames->limit; gone && i < frames->fresh; i++)
		unretire_locked(frames, i, &folios);
	if (gone && frames->fresh > frames->limit)
		WRITE_ONCE(frames->fresh, frames->limit);
	spin_unlock(&frames->lock);
	drop_list(&folios);
	return gone;
}

/**
 * pb_frames_shrink - give memory of free frames back
 * @frames: table
 * @nr: how many pages at most
 *
 * The frames stay free; whoever takes one gets a new folio.
 *
 * Return: how many pages were given back
 */
unsigned long pb_frames_shrink(struct pb_frames *frames, unsigned long nr)
{
	LIST_HEAD(folios);

	spin_lock(&frames->lock);
	nr = strip_locked(frames, nr, &folios);
	spin_unlock(&frames->lock);
	drop_list(&folios);
	return nr;
}

/**
 * pb_frames_destroy - give all folios back
 * @frames: table of which no frame is in use
 */
void pb_frames_destroy(struct pb_frames *frames)
{
	WARN_ON_ONCE(frames->used);
	for (u32 i = 0; i < frames->fresh; i++) {
		struct folio *folio = frame_at(frames, i)->folio;

		if (folio)
			folio_drop(folio);
	}
	genradix_free(&frames->table);
}

/* The first frame of a list. */
static u32 pop_locked(struct pb_frames *frames, u32 *list)
{
	u32 number = *list;

	lockdep_assert_held(&frames->lock);
	WRITE_ONCE(*list, frame_at(frames, number)->next);
	return number;
}

/* A free frame, or one that was never used and has its entry; else PB_NONE. */
static u32 take_locked(struct pb_frames *frames)
{
	lockdep_assert_held(&frames->lock);
	if (frames->free != PB_NONE) {
		WRITE_ONCE(frames->idle, frames->idle - 1);
		return pop_locked(frames, &frames->free);
	}
	if (frames->bare != PB_NONE)
		return pop_locked(frames, &frames->bare);
	if (frames->fresh < frames->limit && frame_at(frames, frames->fresh))
		return frames->fresh++;
	return PB_NONE;
}

/* Take the number of a free frame, or of one that was never used. */
static int frame_take(struct pb_frames *frames, struct pb_blank *blank)
{
	struct pb_frame *frame;
	u32 number, fresh;

	for (;;) {
		spin_lock(&frames->lock);
		do {
			number = take_locked(frames);
		} while (number != PB_NONE && retire_locked(frames, number));
		if (number != PB_NONE)
			break;
		fresh = frames->fresh;
		if (fresh >= frames->limit)
			fresh = PB_NONE;
		spin_unlock(&frames->lock);
		if (fresh == PB_NONE)
			return -EAGAIN;
		if (pb_fail(PB_FAIL_FRAME_TABLE) ||
		    !genradix_ptr_alloc(&frames->table, fresh, PB_GFP))
			return -ENOMEM;
	}
	frame = frame_at(frames, number);
	frame->next = PB_TAKEN;
	WRITE_ONCE(frames->used, frames->used + 1);
	blank->folio = frame->folio;
	blank->frame = number;
	blank->zeroed = false;
	spin_unlock(&frames->lock);
	return 0;
}

/*
 * The frame is free; a folio stays in it, unless the frame is above the limit.
 */
static void frame_give_back(struct pb_frames *frames, struct folio *folio,
			    u32 number)
{
	struct folio *old = NULL;
	struct pb_frame *frame;

	spin_lock(&frames->lock);
	frame = frame_at(frames, number);
	if (frame->folio != folio)
		frame->waiters = 0;
	frame->folio = folio;
	if (number >= frames->limit) {
		frame->next = PB_NONE;
		frame->folio = NULL;
		frame->waiters = 0;
		old = folio;
	} else if (folio && !retire_locked(frames, number)) {
		push_locked(frames, &frames->free, number);
		WRITE_ONCE(frames->idle, frames->idle + 1);
	} else if (!folio) {
		push_locked(frames, &frames->bare, number);
	}
	WRITE_ONCE(frames->used, frames->used - 1);
	spin_unlock(&frames->lock);
	if (old)
		folio_drop(old);
}

/*
 * May the table have one more folio? Beyond the cap there are a few for every
 * box, so that nobody who has taken all others can keep it from going on.
 */
static bool folio_allowed(const struct pb_frames *frames)
{
	unsigned long all = pb_cap(pb_frames_max, frames->privileged);

	return atomic_long_read(&pb_frames_total) <= all ||
	       READ_ONCE(frames->used) + READ_ONCE(frames->idle) <=
		       PAGEBOX_MIN_FRAMES;
}

/*
 * A frame without a folio gets one, if the module's cap and the machine allow. As
 * long as the box can evict instead it does not insist: it leaves some room in its
 * cgroup, and the allocation fails before an OOM killer is called.
 */
static int frame_populate(struct pb_frames *frames, struct pb_blank *blank,
			  bool force)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_NOWARN | __GFP_ZERO;
	unsigned long left;

	atomic_long_inc(&pb_frames_total);
	if (!folio_allowed(frames))
		goto out_total;
	if (!force && READ_ONCE(frames->used) > PAGEBOX_MIN_FRAMES &&
	    time_after_eq(jiffies, READ_ONCE(frames->relieve_after))) {
		gfp |= __GFP_NORETRY;
		if (pb_memcg_is_short(PB_MEMCG_ALL, &left))
			goto out_total;
	}

	blank->folio = pb_may_fail(FRAME, NULL, folio_alloc(gfp, 0));
	if (!blank->folio)
		goto out_total;

	blank->folio->private = NULL;
	folio_ref_add(blank->folio, PB_TABLE_REFS - 1);
	/*
	 * When core mm takes a PTE with the accessed bit away it calls
	 * folio_mark_accessed(), which would make a folio that is marked already
	 * active and forget the mark. An active one keeps it.
	 */
	folio_set_active(blank->folio);
	blank->zeroed = true;
	spin_lock(&frames->lock);
	frame_at(frames, blank->frame)->folio = blank->folio;
	spin_unlock(&frames->lock);
	return 0;

out_total:
	atomic_long_dec(&pb_frames_total);
	frame_give_back(frames, NULL, blank->frame);
	/* With frames of its own a box can evict, else nothing is to be had. */
	return READ_ONCE(frames->used) ? -EAGAIN : -ENOMEM;
}

/**
 * pb_frame_get - take a frame
 * @frames: of this table
 * @blank: filled on success; the folio has a reference for the caller, its
 *         contents are those of whatever page was in it before unless
 *         @blank->zeroed
 * @force: nothing can be evicted: take memory although it is short
 *
 * The folio is not locked. Tasks that came too late for a page that was in it
 * may still be about to lock it, and they may hold other folio locks; a fault
 * that kept its blank locked while it waits for another folio could wait for
 * ever. pb_page_attach() locks it.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -EAGAIN when something must be evicted first; -ENOMEM when that
 * would not help either
 */
int pb_frame_get(struct pb_frames *frames, struct pb_blank *blank, bool force)
{
	int err = frame_take(frames, blank);

	if (!err && !blank->folio)
		err = frame_populate(frames, blank, force);
	if (err) {
		blank->folio = NULL;
		return err;
	}
	folio_get(blank->folio);
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
 * still write to it. One with a memory error stays, and its frame is retired.
 */
void pb_frame_put(struct pb_frames *frames, struct folio *folio, u32 number)
{
	bool foreign = !folio_test_hwpoison(folio) &&
		       pb_frame_pinned(frames, folio, number);

	frame_give_back(frames, foreign ? NULL : folio, number);
	pb_folio_release(folio);
	if (foreign)
		folio_drop(folio);
}

/**
 * pb_frame_put_blank - a blank frame is not needed any more
 * @frames: table
 * @folio: its folio, not locked; the caller has no reference afterwards
 * @number: of the frame
 */
void pb_frame_put_blank(struct pb_frames *frames, struct folio *folio,
			u32 number)
{
	folio_lock(folio);
	pb_frame_put(frames, folio, number);
}

/**
 * pb_policy_note - a policy's note on a frame
 * @box: where the policy is at work
 * @frame: a frame that it was told of, or a number below @box->nr
 *
 * Context: in a callback of the policy.
 * Return: its note, which the engine does not touch while the policy is in use
 */
union pb_policy_note *pb_policy_note(struct pb_policy_box *box, u32 frame)
{
	struct pb_frames *frames = container_of(box, struct pb_frames, policy);

	return &frame_at(frames, frame)->policy;
}
EXPORT_SYMBOL_GPL(pb_policy_note);

/**
 * pb_policy_advance - move the hand one frame on
 * @box: where the policy is at work
 *
 * The hand stands on frame 0 again after the last one.
 *
 * Context: in a callback of the policy.
 * Return: the frame that the hand has left, which is below @box->nr
 */
u32 pb_policy_advance(struct pb_policy_box *box)
{
	/* There may be fewer frames than there were. */
	u32 frame = box->hand < box->nr ? box->hand : 0;

	WRITE_ONCE(box->hand, frame + 1 < box->nr ? frame + 1 : 0);
	return frame;
}
EXPORT_SYMBOL_GPL(pb_policy_advance);

/**
 * pb_frame_loaded - a page was put into a frame
 * @frames: table
 * @number: of the frame
 */
void pb_frame_loaded(struct pb_frames *frames, u32 number)
{
	struct pb_policy_box *p = &frames->policy;

	spin_lock(&frames->policy_lock);
	frame_at(frames, number)->loaded = true;
	p->nr = max(p->nr, number + 1);
	if (p->policy->load)
		p->policy->load(p, number);
	spin_unlock(&frames->policy_lock);
}

/**
 * pb_frame_unloaded - the page has left the frame
 * @frames: table
 * @number: of the frame
 */
void pb_frame_unloaded(struct pb_frames *frames, u32 number)
{
	struct pb_policy_box *p = &frames->policy;

	spin_lock(&frames->policy_lock);
	frame_at(frames, number)->loaded = false;
	if (p->policy->unload)
		p->policy->unload(p, number);
	spin_unlock(&frames->policy_lock);
}

/**
 * pb_frame_referenced - a fault has found a page in its frame
 * @frames: table
 * @number: of the frame, whose folio the caller has locked
 *
 * Tells the policy, if it wants to know.
 */
void pb_frame_referenced(struct pb_frames *frames, u32 number)
{
	struct pb_policy_box *p = &frames->policy;

	if (!READ_ONCE(frames->tells))
		return;
	spin_lock(&frames->policy_lock);
	if (p->policy->reference && frame_at(frames, number)->loaded)
		p->policy->reference(p, number);
	spin_unlock(&frames->policy_lock);
}

/**
 * pb_frames_set_policy - another policy decides from now on
 * @frames: table; no evictor is at work
 * @policy: the policy; set to the one before, or NULL
 * @state: memory of its size, all zero; set to that of the one before
 */
void pb_frames_set_policy(struct pb_frames *frames,
			  const struct pb_policy **policy, void **state)
{
	struct pb_policy_box *p = &frames->policy;
	u32 nr;

	pb_window(PB_WINDOW_POLICY_LOCK);
	spin_lock(&frames->policy_lock);
	/* Under the lock: a frame that is loaded is below it. */
	nr = READ_ONCE(frames->fresh);
	swap(p->state, *state);
	swap(p->policy, *policy);
	p->references = pb_frames_references(frames);
	WRITE_ONCE(frames->tells, !!p->policy->reference);
	for (u32 i = 0; i < nr; i++)
		memset(&frame_at(frames, i)->policy, 0,
		       sizeof(union pb_policy_note));
	if (p->policy->start)
		p->policy->start(p);
	for (u32 i = 0; p->policy->load && i < nr; i++) {
		if (frame_at(frames, i)->loaded)
			p->policy->load(p, i);
	}
	spin_unlock(&frames->policy_lock);
}

/**
 * pb_frames_policy_name - which policy decides
 * @frames: table
 * @name: PAGEBOX_NAME_LEN bytes to be filled
 */
void pb_frames_policy_name(struct pb_frames *frames, char *name)
{
	/* With the lock, the policy's module cannot go away. */
	spin_lock(&frames->policy_lock);
	strscpy(name, frames->policy.policy->name, PAGEBOX_NAME_LEN);
	spin_unlock(&frames->policy_lock);
}

/**
 * pb_frames_propose - ask the policy for frames to look at
 * @frames: table
 * @number: filled with their numbers
 * @nr: how many are wanted
 * @round: do not ask, go round with the hand
 * @wrapped: set if the hand began again at frame 0
 *
 * Return: how many numbers were filled in
 */
unsigned int pb_frames_propose(struct pb_frames *frames, u32 *number,
			       unsigned int nr, bool round, bool *wrapped)
{
	struct pb_policy_box *p = &frames->policy;
	unsigned int picked;
	u32 hand;

	spin_lock(&frames->policy_lock);
	p->nr = max(pb_frames_nr(frames), 1U);
	p->references = pb_frames_references(frames);
	hand = p->hand;
	picked = round ? 0 : min(p->policy->pick(p, number, nr), nr);
	if (round) {
		for (; picked < nr; picked++)
			number[picked] = pb_policy_advance(p);
	} else if (!picked) {
		number[picked++] = pb_policy_advance(p);
	}
	nr = picked;
	/* A whole revolution brings the hand back to where it was. */
	*wrapped = p->hand < hand || (p->hand == hand && !hand && nr >= p->nr);
	spin_unlock(&frames->policy_lock);
	return nr;
}

/**
 * pb_frames_ask - shall a frame that was proposed be kept?
 * @frames: table
 * @number: of the frame
 * @accessed: its page was accessed since it was last asked for
 * @dirty: it would have to be written
 *
 * Return: what the policy says
 */
bool pb_frames_ask(struct pb_frames *frames, u32 number, bool accessed,
		   bool dirty)
{
	struct pb_policy_box *p = &frames->policy;
	bool keep = false;

	spin_lock(&frames->policy_lock);
	if (p->policy->keep)
		keep = p->policy->keep(p, number, accessed, dirty);
	spin_unlock(&frames->policy_lock);
	return keep;
}

/**
 * pb_frames_sample - tell the policy of a frame's accessed bit
 * @frames: table
 * @number: of the frame, which holds a page
 * @accessed: its accessed bit
 */
void pb_frames_sample(struct pb_frames *frames, u32 number, bool accessed)
{
	struct pb_policy_box *p = &frames->policy;

	spin_lock(&frames->policy_lock);
	if (p->policy->sample)
		p->policy->sample(p, number, accessed);
	spin_unlock(&frames->policy_lock);
}

/**
 * pb_frame_taken - is a frame in use, or about to be?
 * @frames: table
 * @number: of the frame
 *
 * Return: false for one that is free or was never used
 */
bool pb_frame_taken(struct pb_frames *frames, u32 number)
{
	bool taken = false;

	spin_lock(&frames->lock);
	if (number < frames->fresh)
		taken = frame_at(frames, number)->next == PB_TAKEN;
	spin_unlock(&frames->lock);
	return taken;
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
		folio = frame_at(frames, number)->folio;
	if (folio)
		folio_get(folio);
	spin_unlock(&frames->lock);
	return folio;
}

/* One waiter less; who leaves without the lock leaves with his reference. */
static void wait_end(struct pb_frames *frames, struct pb_frame *frame,
		     struct folio *folio, bool leave)
{
	bool known;

	spin_lock(&frames->lock);
	known = frame && frame->folio == folio;
	if (known)
		frame->waiters--;
	/* The table has a reference too, so this is not the last one. */
	if (known && leave)
		folio_put(folio);
	spin_unlock(&frames->lock);
	if (!known && leave)
		folio_put(folio);
}

/**
 * pb_frame_lock - wait for the lock of a folio in a frame
 * @frames: table
 * @folio: the caller has a reference
 * @number: of the frame that it seems to be in
 *
 * Tells the evictor that this reference waits and does not pin. The folio may
 * leave the frame, and the page the folio, before the lock is had.
 *
 * Return: 0, or -EINTR when the task is being killed; then it has no reference
 * any more
 */
int pb_frame_lock(struct pb_frames *frames, struct folio *folio, u32 number)
{
	struct pb_frame *frame;
	int err;

	spin_lock(&frames->lock);
	frame = number < frames->fresh ? frame_at(frames, number) : NULL;
	if (frame && frame->folio == folio)
		frame->waiters++;
	else
		frame = NULL;
	spin_unlock(&frames->lock);

	err = folio_lock_killable(folio);
	wait_end(frames, frame, folio, err);
	return err;
}

/**
 * pb_frame_retired - was a memory error found in the frame?
 * @frames: table
 * @number: of the frame
 *
 * Return: whether it is retired
 */
bool pb_frame_retired(struct pb_frames *frames, u32 number)
{
	bool retired = false;

	spin_lock(&frames->lock);
	if (number < frames->fresh)
		retired = frame_at(frames, number)->next == PB_RETIRED;
	spin_unlock(&frames->lock);
	return retired;
}

/**
 * pb_frame_pinned - may anybody else read or write the frame?
 * @frames: table
 * @folio: its folio, locked and referenced by the caller
 * @number: of the frame
 *
 * PTEs do not count: nobody maps a locked folio, and who unmaps it is done with
 * the PTE before he lets go of its reference.
 *
 * Who waits for the lock counts himself after he has taken his reference, and
 * stays until he has the lock, which is ours, or leaves with his reference
 * while nobody looks. So no more waiters are counted than have references, and
 * a pin cannot be mistaken for one of them.
 *
 * Return: true if there is a reference that is nobody's of us
 */
bool pb_frame_pinned(struct pb_frames *frames, struct folio *folio, u32 number)
{
	int refs;

	spin_lock(&frames->lock);
	refs = folio_ref_count(folio) - frame_at(frames, number)->waiters;
	spin_unlock(&frames->lock);
	/* The references first: a PTE that goes meanwhile looks like a pin. */
	smp_rmb();
	return refs != PB_FRAME_REFS + folio_mapcount(folio);
}
