/* SPDX-License-Identifier: GPL-2.0 */
/* The frame table of a box. */
#ifndef _PAGEBOX_FRAME_H
#define _PAGEBOX_FRAME_H

#include <linux/generic-radix-tree.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "pagebox.h"
#include "policy.h"

/**
 * struct pb_frame - one entry of the frame table
 * @folio: the physical page, or NULL; pb_frames.lock
 * @next: next free frame while this one is free; pb_frames.lock
 * @waiters: number of tasks waiting for the lock of @folio; pb_frames.lock
 * @policy: the policy's note on the frame; pb_frames.policy_lock
 * @loaded: @load of the policy was called for it; pb_frames.policy_lock
 *
 * folio->private is the page in the frame and NULL in a free one; it changes
 * under the folio lock. Entries never move.
 */
struct pb_frame {
	struct folio *folio;
	u32 next;
	u32 waiters;
	union pb_policy_note policy;
	bool loaded;
};

#define PB_FRAME_TABLE GENRADIX(struct pb_frame)

/**
 * struct pb_repeat - detects a task that repeats the faults of one instruction
 * @who: hash of the task and its registers
 * @again: number of repeated requests for a frame for @index
 * @others: number of requests for other pages since
 * @index: a page
 */
struct pb_repeat {
	u32 who;
	u16 again;
	u16 others;
	pgoff_t index;
};

#define PB_REPEAT_BITS 4

/**
 * struct pb_frames - the frame table of a box
 * @lock: a leaf lock, see the fields
 * @table: entries up to @fresh exist; lookups need no lock
 * @limit: most frames that the box may have; @lock
 * @batch: most victims of an eviction; follows from @limit
 * @fresh: frames from this number on were never used; @lock
 * @free: first free frame that has a folio, or PB_NONE; written under @lock,
 *        read without it
 * @bare: first free frame without a folio, or PB_NONE; @lock
 * @used: number of frames that are blank or in use; as @free
 * @idle: length of the list of @free; as @free
 * @evict_lock: one evictor at a time
 * @policy_lock: around every callback of the policy
 * @policy: the replacement policy; changed under both
 * @tells: the policy has a callback for faults that find a page in its frame;
 *         written under @policy_lock, read without it
 * @references: enum pagebox_references as configured; see
 *              pb_frames_references()
 * @privileged: as @privileged of struct pb_box
 * @swappiness: 0 to 200, see the ABI
 * @weight: remainder from weighing victims; @evict_lock
 * @sampled: evictions since the accessed bits were sampled; @evict_lock
 * @asked: number of frames that faults had to evict for; @evict_lock
 * @repeat: some of those faults, by @who; @evict_lock
 * @shrunk: where the shrinker resumes; @evict_lock
 * @barren: the last time no slot could be taken from a page in a frame, in
 *          jiffies
 * @relieve_after: the box does not relieve its cgroup before this time, in
 *                 jiffies, because the last attempt failed
 */
struct pb_frames {
	spinlock_t lock; /* the table, the free list, @used */
	PB_FRAME_TABLE table;
	u32 limit;
	u32 batch;
	u32 fresh;
	u32 free;
	u32 bare;
	u32 used;
	u32 idle;
	struct mutex evict_lock; /* one evictor at a time */
	spinlock_t policy_lock; /* the policy's state */
	struct pb_policy_box policy;
	bool tells;
	u32 references;
	bool privileged;
	u32 swappiness;
	u32 weight;
	u32 sampled;
	u32 asked;
	struct pb_repeat repeat[1 << PB_REPEAT_BITS];
	u32 shrunk;
	unsigned long barren;
	unsigned long relieve_after;
};

/* Most victims of an eviction; bounds its use of the stack. */
#define PB_BATCH_MAX 32

/*
 * References are exact by default up to this number of frames. A revolution of the
 * hand then costs about 3,500 instructions per page in use; one per second, in a
 * box of this size, takes 3 % of a CPU that executes a billion ("make bench"
 * measures it).
 */
#define PB_EXACT_FRAMES 8192

extern unsigned long pb_frames_max;

/**
 * struct pb_blank - a frame that was taken and holds no page yet
 * @folio: referenced, or NULL
 * @frame: its number
 * @zeroed: all its bytes are zero
 */
struct pb_blank {
	struct folio *folio;
	u32 frame;
	bool zeroed;
};

/*
 * References of the table to the folio of a frame. Two, because on a memory error
 * core mm treats a clean folio with one reference as part of the page cache.
 */
#define PB_TABLE_REFS 2

/* Including the caller's reference, and excluding those of PTEs. */
#define PB_FRAME_REFS (PB_TABLE_REFS + 1)

void pb_frames_init(struct pb_frames *frames, u32 limit);
void pb_frames_set_limit(struct pb_frames *frames, u32 limit);
bool pb_frames_trim(struct pb_frames *frames);
unsigned long pb_frames_shrink(struct pb_frames *frames, unsigned long nr);
void pb_frames_destroy(struct pb_frames *frames);
int pb_frame_get(struct pb_frames *frames, struct pb_blank *blank, bool force);
void pb_frame_put(struct pb_frames *frames, struct folio *folio, u32 number);
void pb_frame_put_blank(struct pb_frames *frames, struct folio *folio,
			u32 number);
void pb_frame_loaded(struct pb_frames *frames, u32 number);
void pb_frame_unloaded(struct pb_frames *frames, u32 number);
void pb_frame_referenced(struct pb_frames *frames, u32 number);
bool pb_frame_taken(struct pb_frames *frames, u32 number);
bool pb_frame_retired(struct pb_frames *frames, u32 number);
struct folio *pb_frame_lookup(struct pb_frames *frames, u32 number);
int pb_frame_lock(struct pb_frames *frames, struct folio *folio, u32 number);
bool pb_frame_pinned(struct pb_frames *frames, struct folio *folio, u32 number);

void pb_frames_set_policy(struct pb_frames *frames,
			  const struct pb_policy **policy, void **state);
void pb_frames_policy_name(struct pb_frames *frames, char *name);
unsigned int pb_frames_propose(struct pb_frames *frames, u32 *number,
			       unsigned int nr, bool round, bool *wrapped);
bool pb_frames_ask(struct pb_frames *frames, u32 number, bool accessed,
		   bool dirty);
void pb_frames_sample(struct pb_frames *frames, u32 number, bool accessed);

/* Number of frames that were ever used, so may hold a page. */
static inline u32 pb_frames_nr(const struct pb_frames *frames)
{
	return min(READ_ONCE(frames->fresh), READ_ONCE(frames->limit));
}

/* The kind of references in effect: never PAGEBOX_REFERENCES_AUTO. */
static inline enum pagebox_references
pb_frames_references(const struct pb_frames *frames)
{
	u32 references = READ_ONCE(frames->references);

	if (references != PAGEBOX_REFERENCES_AUTO)
		return references;
	return READ_ONCE(frames->limit) <= PB_EXACT_FRAMES ?
		       PAGEBOX_REFERENCES_EXACT :
		       PAGEBOX_REFERENCES_HARDWARE;
}

#endif /* _PAGEBOX_FRAME_H */
