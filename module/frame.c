// SPDX-License-Identifier: GPL-2.0
/*
 * The frame table: numbered physical pages.
 *
 * A frame is in one of six conditions:
 *
 *   never used   its number is not below frames->fresh
 *   free         on the free list, with its folio; folio->private is NULL
 *   bare         on the bare list; its folio was given back
 *   blank        taken, without a page yet; folio->private is NULL
 *   in use       folio->private is the page in it
 *   retired      its folio has a memory error; it is never taken again
 *
 *                        take, new folio            attach
 *   never used or bare ------------------> blank -----------> in use
 *              ^                           |   ^                 |
 *              |                       put |   | take            |
 *              |          shrink           v   |  detach + put   |
 *              '-------------------------- free <----------------'
 *                                           |
 *                                           | memory error
 *                                           v
 *                                         retired
 *
 * A put makes the frame bare if others still refer to its folio, and retired if
 * the folio has a memory error. A blank frame whose folio cannot be allocated
 * becomes bare again. With a lower limit, the frames above it become never used
 * as they are put; evict.c evicts the pages in them.
 *
 * A folio stays in its frame when a page leaves it, so evictions pass frames from
 * page to page without the page allocator. A folio with other references (a pin,
 * I/O in flight) must not be reused: it is dropped from the table, and its last
 * user frees it.
 *
 * Order of allocation: free, bare, never used; LIFO within each. A page is
 * evicted only if no such frame is left.
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

/* Module-wide: the cap, and the number of frames with a folio. */
unsigned long pb_frames_max;
static atomic_long_t pb_frames_total;

/*
 * Number of victims per eviction. Small boxes evict one by one, which is the
 * textbook clock; large ones share the cost of an unmap, which is a TLB
 * shootdown.
 */
static u32 frames_batch(u32 limit)
{
	return clamp_t(u32, limit / 64, 1, PB_BATCH_MAX);
}

/* pb_frame.next of a frame that is blank or in use. */
#define PB_TAKEN (PB_NONE - 1)
/* pb_frame.next of a retired frame. */
#define PB_RETIRED (PB_NONE - 2)

static struct pb_frame *frame_at(struct pb_frames *frames, u32 number)
{
	return genradix_ptr(&frames->table, number);
}

/**
 * pb_frames_init - make an empty frame table
 * @frames: the table
 * @limit: most frames that it may have
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

/* Give up a folio that has left the table. */
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

/* Put a frame that is on no list on top of one. */
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

/* Make up to @nr free frames bare, and collect their folios in a list. */
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
		/* The folio is on no LRU, so lru is unused. */
		list_add(&frame->folio->lru, folios);
		frame->folio = NULL;
		frame->waiters = 0;
		push_locked(frames, &frames->bare, number);
		done++;
	}
	return done;
}

/* Remove the frames above the limit from a list. */
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

/* Relink frames below the limit that an abandoned change left on no list. */
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
 * @limit: most frames that it may have
 *
 * No frame above a lower limit is taken from now on. Frames in use stay until
 * they are put: see pb_frames_trim().
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

/* Collect the folio of a frame above the limit, if the frame is retired. */
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
 * pb_frames_trim - reset the frames above the limit, unless one is in use
 * @frames: table; the caller serialises changes of the limit
 *
 * Return: true if no frame above the limit is in use; they are never used now
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
 * pb_frames_shrink - give the folios of free frames back
 * @frames: table
 * @nr: most pages to give back
 *
 * The frames become bare, and get a new folio when they are taken.
 *
 * Return: number of pages given back
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
 * pb_frames_destroy - free the table and all its folios
 * @frames: table without frames in use
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

/* Take the first frame off a list. */
static u32 pop_locked(struct pb_frames *frames, u32 *list)
{
	u32 number = *list;

	lockdep_assert_held(&frames->lock);
	WRITE_ONCE(*list, frame_at(frames, number)->next);
	return number;
}

/*
 * Take a free, bare or never used frame, if its entry exists. Return PB_NONE if
 * there is none.
 */
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

/* Take a frame as it is, extending the table if necessary. */
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
		if (pb_fail(alloc_frame_table) ||
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

/* Free a frame. The folio, if any, stays in it unless it is above the limit. */
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
 * May the table have one more folio? Each box gets a few beyond the cap, so that
 * other boxes that use up the cap cannot stop it.
 */
static bool folio_allowed(const struct pb_frames *frames)
{
	unsigned long all = pb_cap(pb_frames_max, frames->privileged);

	return atomic_long_read(&pb_frames_total) <= all ||
	       READ_ONCE(frames->used) + READ_ONCE(frames->idle) <=
		       PAGEBOX_MIN_FRAMES;
}

/*
 * Allocate the folio of a bare frame, within the module's cap. While the box can
 * evict instead, it leaves some headroom in its cgroup, and the allocation fails
 * before it invokes an OOM killer.
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

	blank->folio = pb_may_fail(alloc_frame, NULL, folio_alloc(gfp, 0));
	if (!blank->folio)
		goto out_total;

	blank->folio->private = NULL;
	folio_ref_add(blank->folio, PB_TABLE_REFS - 1);
	/*
	 * When core mm zaps a PTE with the accessed bit it calls
	 * folio_mark_accessed(). That activates a folio which already has the
	 * mark, and clears the mark. An active folio keeps it.
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
	/* A box with frames can evict, one without cannot get any. */
	return READ_ONCE(frames->used) ? -EAGAIN : -ENOMEM;
}

/**
 * pb_frame_get - take a frame
 * @frames: of this table
 * @blank: filled on success; the folio has a reference for the caller, and holds
 *         the contents of an earlier page unless @blank->zeroed
 * @force: nothing can be evicted: allocate even if memory is short
 *
 * The folio is not locked. Tasks that looked up an earlier page in it may still
 * be about to lock it, and may hold other folio locks; a fault that kept its
 * blank locked while waiting for another folio could deadlock.
 * pb_page_attach() locks it.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -EAGAIN when something must be evicted first; -ENOMEM when an
 * eviction would not help
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
 * pb_frame_put - free a frame
 * @frames: table
 * @folio: its folio, without a page; the function consumes the caller's lock and
 *         reference
 * @number: of the frame
 *
 * A folio with other references is not reused: a device or another CPU may still
 * write to it. A folio with a memory error stays, and its frame is retired.
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
 * pb_frame_put_blank - free a blank frame
 * @frames: table
 * @folio: its folio, not locked; the function consumes the caller's reference
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
 * @box: the policy's box
 * @frame: a frame passed to a callback, or a number below @box->nr
 *
 * Context: in a callback of the policy.
 * Return: the note; the engine does not touch it while the policy is in use
 */
union pb_policy_note *pb_policy_note(struct pb_policy_box *box, u32 frame)
{
	struct pb_frames *frames = container_of(box, struct pb_frames, policy);

	return &frame_at(frames, frame)->policy;
}
EXPORT_SYMBOL_GPL(pb_policy_note);

/**
 * pb_policy_advance - advance the hand by one frame
 * @box: the policy's box
 *
 * After the last frame the hand returns to frame 0.
 *
 * Context: in a callback of the policy.
 * Return: the frame that the hand was at, below @box->nr
 */
u32 pb_policy_advance(struct pb_policy_box *box)
{
	/* The number of frames may have shrunk. */
	u32 frame = box->hand < box->nr ? box->hand : 0;

	WRITE_ONCE(box->hand, frame + 1 < box->nr ? frame + 1 : 0);
	return frame;
}
EXPORT_SYMBOL_GPL(pb_policy_advance);

/**
 * pb_frame_loaded - tell the policy that a page was put into a frame
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
 * pb_frame_unloaded - tell the policy that the page has left the frame
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
 * pb_frame_referenced - tell the policy that a fault found a page in its frame
 * @frames: table
 * @number: of the frame, whose folio the caller has locked
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
 * pb_frames_set_policy - change the policy
 * @frames: table; the caller excludes evictors
 * @policy: the new policy; set to the old one, or NULL
 * @state: its state, all zero; set to the state of the old policy
 */
void pb_frames_set_policy(struct pb_frames *frames,
			  const struct pb_policy **policy, void **state)
{
	struct pb_policy_box *p = &frames->policy;
	u32 nr;

	pb_window(policy_lock);
	spin_lock(&frames->policy_lock);
	/* Read under the lock: all loaded frames are below it. */
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
 * pb_frames_policy_name - get the name of the policy
 * @frames: table
 * @name: PAGEBOX_NAME_LEN bytes to be filled
 */
void pb_frames_policy_name(struct pb_frames *frames, char *name)
{
	/* The lock keeps the policy and so its module. */
	spin_lock(&frames->policy_lock);
	strscpy(name, frames->policy.policy->name, PAGEBOX_NAME_LEN);
	spin_unlock(&frames->policy_lock);
}

/**
 * pb_frames_propose - ask the policy for frames to look at
 * @frames: table
 * @number: filled with their numbers
 * @nr: number of frames wanted
 * @round: advance the hand instead of asking the policy
 * @wrapped: set if the hand passed frame 0
 *
 * Return: number of frames proposed
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
	/* After a whole revolution the hand is where it was. */
	*wrapped = p->hand < hand || (p->hand == hand && !hand && nr >= p->nr);
	spin_unlock(&frames->policy_lock);
	return nr;
}

/**
 * pb_frames_ask - ask the policy whether to keep a proposed frame
 * @frames: table
 * @number: of the frame
 * @accessed: its page was accessed since its accessed bit was last cleared
 * @dirty: its page must be written before the frame can be freed
 *
 * Return: true to keep the frame
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
 * pb_frame_taken - is a frame blank or in use?
 * @frames: table
 * @number: of the frame
 *
 * Return: whether it is
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
 * pb_frame_lookup - get the folio of a frame
 * @frames: table
 * @number: of the frame
 *
 * Return: the folio with a reference for the caller, or NULL if the frame has
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

/* End a wait. A waiter that gives up drops its reference under the same lock. */
static void wait_end(struct pb_frames *frames, struct pb_frame *frame,
		     struct folio *folio, bool leave)
{
	bool known;

	spin_lock(&frames->lock);
	known = frame && frame->folio == folio;
	if (known)
		frame->waiters--;
	/* Not the last reference: the table has its own. */
	if (known && leave)
		folio_put(folio);
	spin_unlock(&frames->lock);
	if (!known && leave)
		folio_put(folio);
}

/**
 * pb_frame_lock - lock the folio of a frame, killably
 * @frames: table
 * @folio: the folio, referenced by the caller
 * @number: of the frame that held it when the caller looked
 *
 * The evictor does not count the reference as a pin while it waits. The folio may
 * leave the frame, and the page the folio, before the lock is acquired.
 *
 * Return: 0, or -EINTR when the task is being killed, with the reference dropped
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
 * pb_frame_retired - is a frame retired because of a memory error?
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
 * pb_frame_pinned - does anyone else have access to the frame?
 * @frames: table
 * @folio: its folio, locked and referenced by the caller
 * @number: of the frame
 *
 * PTEs do not count: a locked folio is never mapped, and an unmap clears the PTE
 * before it drops the PTE's reference.
 *
 * A waiter for the lock is counted after it takes its reference. It is counted
 * until it has the lock, which the caller holds now, or until it gives up and
 * drops its reference, which happens under pb_frames.lock. So waiters never
 * outnumber their references, and a pin is never mistaken for a waiter.
 *
 * Return: true if anyone but the table, the caller, PTEs and waiters has a
 * reference
 */
bool pb_frame_pinned(struct pb_frames *frames, struct folio *folio, u32 number)
{
	int refs;

	spin_lock(&frames->lock);
	refs = folio_ref_count(folio) - frame_at(frames, number)->waiters;
	spin_unlock(&frames->lock);
	/* References first: a PTE that is cleared in between looks like a pin. */
	smp_rmb();
	return refs != PB_FRAME_REFS + folio_mapcount(folio);
}
