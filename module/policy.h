/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacement policies: the choice of the frame to evict next.
 *
 * A policy is a table of a few callbacks, struct pb_policy. The shortest example
 * is policy_clock.c; samples/policy_mru.c is a policy in a separate module, and
 * explains how to write one. The engine (evict.c) does the rest. When a box has
 * no free frame, the engine
 *
 *   1. asks @pick for candidate frames, best victim first;
 *   2. reads and clears the accessed bits of the page in each, in all processes;
 *   3. asks @keep whether to skip the frame this time;
 *   4. evicts the pages of the frames that were not kept,
 *
 * and repeats this until it has enough frames. A policy may propose any frame,
 * even an empty one: the engine skips it, as it skips frames that are locked in
 * memory, pinned or being faulted in. When it has seen as many candidates as
 * there are frames and has no victim, it makes one revolution of the hand
 * without the policy, and keeps none.
 *
 * An access is seen in one of two ways. A fault that finds the page in its frame
 * is reported to @reference immediately. An access through a PTE sets an accessed
 * bit, which is passed to @keep and @sample later. @references of struct
 * pb_policy_box tells how much the second way misses: see enum
 * pagebox_references in the ABI.
 *
 * Every callback runs under one spinlock of the box. So a policy needs no locks,
 * must not sleep, and should be quick. It keeps its data per frame in the frame's
 * note, and its data per box in @size bytes of state.
 */
#ifndef _PAGEBOX_POLICY_H
#define _PAGEBOX_POLICY_H

#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>

#include <pagebox.h>

struct pb_policy;

/**
 * union pb_policy_note - data of a policy on one frame
 * @list: a list entry
 * @frame: number of the frame of @list, set by the policy
 * @word: alternatively, a number
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
 * struct pb_policy_box - the state of a policy in one box
 * @policy: the policy
 * @nr: number of frames, at least one; they are numbered 0 to @nr - 1
 * @hand: the next candidate of a policy that scans frames; shown to users, and
 *        the start of the engine's own revolution
 * @references: how accesses are seen: PAGEBOX_REFERENCES_HARDWARE, _EXACT or
 *              _EVERY; may change at any time
 * @state: @policy->size bytes, initially zero
 */
struct pb_policy_box {
	const struct pb_policy *policy;
	u32 nr;
	u32 hand;
	enum pagebox_references references;
	void *state;
};

/* Most frames that @pick is asked for. */
#define PB_PICK_MAX 32

/**
 * struct pb_policy - a replacement policy
 * @name: its name in the ABI, shorter than PAGEBOX_NAME_LEN
 * @owner: THIS_MODULE, which cannot be unloaded while a box uses the policy
 * @size: bytes of state per box, at most PAGE_SIZE
 * @start: called when a box starts using the policy, before @load is called for
 *         each frame that holds a page. There is no callback for the end of use.
 *         May be NULL
 * @load: a page was put into a frame. May be NULL
 * @unload: the page has left the frame, by an eviction or otherwise; only called
 *          after @load for the same page. May be NULL
 * @reference: a fault has found a page in its frame: an access. Not called for
 *             the fault that loads the page. May be NULL
 * @pick: propose up to @nr frames (1 to PB_PICK_MAX), best victim first; return
 *        their number. Frames that were proposed before and stayed should come
 *        last: the engine asks again when it needs more. If @pick returns 0, the
 *        engine proposes the frame at the hand
 * @keep: return true to keep a frame although it was proposed. Called after its
 *        accessed bit was read and cleared, unless the engine skips the frame.
 *        NULL keeps none
 * @sample: called for each frame that holds a page, with its accessed bit, which
 *          is then cleared; once per period, in which a quarter of the frames is
 *          evicted. Not called with _EVERY, where faults report more. NULL if the
 *          policy does not sample
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

/* The frame of a note in a list. */
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
