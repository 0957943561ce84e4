/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacement policies: which frame is taken from its page next.
 *
 * A policy is a table of a few callbacks, struct pb_policy. The shortest one to
 * read is policy_clock.c; samples/policy_mru.c is in a module of its own and says
 * how to write one. The engine (evict.c) does all the rest. When a box has no
 * free frame, it
 *
 *   1. asks @pick for frames to look at, best victim first;
 *   2. finds out whether the page in each was accessed since the engine last
 *      looked at it, by any process, and forgets that;
 *   3. asks @keep whether to leave the frame alone this time;
 *   4. takes the frames that were not kept from their pages,
 *
 * and again until it has enough. A policy may propose what it likes, empty frames
 * too: the engine passes those, and frames that are locked in memory, pinned or
 * being faulted in. When it has looked at as many frames as there are and has no
 * victim, it goes round by itself once, with the hand, and keeps none.
 *
 * An access is seen in one of two ways. A fault that finds the page in its frame
 * is reported to @reference at once. An access through a PTE leaves an accessed
 * bit, which @keep and @sample are told later. @references of struct
 * pb_policy_box says how much the second way misses: see enum
 * pagebox_references in the ABI.
 *
 * Every callback runs under one spinlock of the box. So a policy needs no locks
 * of its own, may not sleep, and should be quick. What it remembers of a frame is
 * in the frame's note, and what it remembers of the box in @size bytes of state.
 */
#ifndef _PAGEBOX_POLICY_H
#define _PAGEBOX_POLICY_H

#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>

#include <pagebox.h>

struct pb_policy;

/**
 * union pb_policy_note - what a policy remembers of one frame
 * @list: a place in a list,
 * @frame: with the number of the frame, which leads back from the list
 * @word: or whatever fits a number
 *
 * All bits are zero when a policy starts, or the frame is new.
 */
union pb_policy_note {
	struct {
		struct list_head list;
		u32 frame;
	};
	u64 word;
};

/**
 * struct pb_policy_box - a policy at work in one box
 * @policy: the policy
 * @nr: how many frames there are, at least one: their numbers are 0 to @nr - 1
 * @hand: the frame that is looked at next; users see it, and the engine's own
 *        round begins there
 * @references: how accesses are seen: PAGEBOX_REFERENCES_HARDWARE, _EXACT or
 *              _EVERY; may change at any time
 * @state: @policy->size bytes, zero at first
 */
struct pb_policy_box {
	const struct pb_policy *policy;
	u32 nr;
	u32 hand;
	enum pagebox_references references;
	void *state;
};

/* Most frames that a policy is asked for at once. */
#define PB_PICK_MAX 32

/**
 * struct pb_policy - a replacement policy
 * @name: what users call it, shorter than PAGEBOX_NAME_LEN
 * @owner: THIS_MODULE, which cannot be unloaded while a box uses the policy
 * @size: bytes of state for each box, at most PAGE_SIZE
 * @start: the box begins to use the policy; @load is called afterwards for each
 *         frame that holds a page. Nothing is called when the box stops using
 *         it. May be NULL
 * @load: a page was put into a frame. May be NULL
 * @unload: the page has left the frame, because it was evicted or for another
 *          reason; not called for a frame whose @load was not. May be NULL
 * @reference: a fault has found a page in its frame: an access. Not called for
 *             the fault that has just loaded the page. May be NULL
 * @pick: propose up to @nr frames (1 to PB_PICK_MAX), best victim first; return
 *        how many. Frames that were proposed before and stayed should come last:
 *        the engine asks again when it needs others. If it returns 0, the
 *        engine takes the frame at the hand
 * @keep: leave this frame alone, though it was proposed? Called after its
 *         accessed bit was read and cleared, unless the engine passed it. NULL
 *        keeps none
 * @sample: called for each frame that holds a page, from time to time (when a
 *          quarter of the frames was evicted since the last time), with its
 *          accessed bit, which is then cleared. Not called with _EVERY, where
 *          faults tell more. NULL if the policy does not sample
 */
struct pb_policy {
	const char *name;
	struct module *owner;
	size_t size;
	void (*start)(struct pb_policy_box *box);
	void (*load)(struct pb_policy_box *box, u32 frame);
	void (*unload)(struct pb_policy_box *box, u32 frame);
	void (*reference)(struct pb_policy_box *box, u32 frame);
	unsigned int (*pick)(struct pb_policy_box *box, u32 *frame,
			     unsigned int nr);
	bool (*keep)(struct pb_policy_box *box, u32 frame, bool accessed,
		     bool dirty);
	void (*sample)(struct pb_policy_box *box, u32 frame, bool accessed);
};

/* The frame whose note is in a list there. */
static inline u32 pb_policy_frame(struct list_head *list)
{
	return list_entry(list, union pb_policy_note, list)->frame;
}

/* For policies. */
union pb_policy_note *pb_policy_note(struct pb_policy_box *box, u32 frame);
u32 pb_policy_advance(struct pb_policy_box *box);
int pb_policy_register(const struct pb_policy *policy);
void pb_policy_unregister(const struct pb_policy *policy);

/* For the engine. */
extern const struct pb_policy pb_policy_clock;
extern const struct pb_policy pb_policy_fifo;
extern const struct pb_policy pb_policy_random;
extern const struct pb_policy pb_policy_lru;
const struct pb_policy *pb_policy_get(const char *name);
void pb_policy_put(const struct pb_policy *policy);
void pb_policies_each(void (*fn)(const char *name, void *arg), void *arg);
int pb_policies_init(void);
void pb_policies_exit(void);

#endif /* _PAGEBOX_POLICY_H */
