// SPDX-License-Identifier: GPL-2.0
/*
 * Least recently used, as far as accessed bits tell: aging. Each frame has a
 * counter. From time to time all counters are shifted to the right and the
 * accessed bits enter at the top, so that the lowest counter belongs to the page
 * whose last accesses are the longest ago. Corbato's experiment (see
 * policy_clock.c) tried such histories of several bits; textbooks call this
 * aging (A. S. Tanenbaum and H. Bos, "Modern Operating Systems", with 8 bits).
 *
 * Within a period between two samples the order of accesses is unknown. Pages
 * with equal counters are taken in the order of their frames, from the hand on.
 */
#include <linux/bits.h>
#include <linux/minmax.h>

#include "policy.h"

/* How many periods are remembered. A page of which all were idle has 0. */
#define HISTORY_BITS 32
/* Accessed in the period that has not ended: shifted into the history by it. */
#define ACCESSED_NOW BIT_ULL(HISTORY_BITS)
/*
 * Proposed in this period. If the page is still there, it could not be taken, or
 * its frame is empty: it comes after all others until the period ends.
 */
#define PROPOSED BIT_ULL(HISTORY_BITS + 1)

/* Most frames that are compared under the lock at once: 64 MiB of small pages. */
#define WINDOW 16384U

static u64 *counter(struct pb_policy_box *box, u32 frame)
{
	return &pb_policy_note(box, frame)->word;
}

static void lru_load(struct pb_policy_box *box, u32 frame)
{
	*counter(box, frame) = ACCESSED_NOW;
}

static void lru_sample(struct pb_policy_box *box, u32 frame, bool accessed)
{
	u64 *word = counter(box, frame);

	*word = (*word & ~PROPOSED) >> 1;
	if (accessed)
		*word |= ACCESSED_NOW >> 1;
}

/* A frame that may be proposed, and its counter. */
struct candidate {
	u64 counter;
	u32 frame;
};

/* Put one behind those of the first @n that have no higher counter. */
static void insert(struct candidate *best, unsigned int n, struct candidate new)
{
	while (n > 0 && best[n - 1].counter > new.counter) {
		best[n] = best[n - 1];
		n--;
	}
	best[n] = new;
}

/* Find the frames with the lowest counters. */
static unsigned int find_best(struct pb_policy_box *box, struct candidate *best,
			      unsigned int nr)
{
	struct candidate new = { .frame = pb_policy_advance(box) };
	unsigned int n = 0;

	for (u32 left = min(box->nr, WINDOW); left; left--) {
		new.counter = *counter(box, new.frame);
		if (n < nr)
			insert(best, n++, new);
		else if (new.counter < best[n - 1].counter)
			insert(best, n - 1, new);
		if (++new.frame >= box->nr)
			new.frame = 0;
	}
	return n;
}

static unsigned int lru_pick(struct pb_policy_box *box, u32 *frame,
			     unsigned int nr)
{
	struct candidate best[PB_PICK_MAX];
	unsigned int n = find_best(box, best, nr);

	for (unsigned int i = 0; i < n; i++) {
		frame[i] = best[i].frame;
		*counter(box, frame[i]) |= PROPOSED;
	}
	/* The hand goes on behind the last one, for those with its counter. */
	WRITE_ONCE(box->hand, frame[n - 1]);
	pb_policy_advance(box);
	return n;
}

static bool lru_spare(struct pb_policy_box *box, u32 frame, bool accessed,
		      bool dirty)
{
	/* The engine has cleared the bit; the next sample would not know. */
	if (accessed)
		*counter(box, frame) |= ACCESSED_NOW;
	return accessed;
}

const struct pb_policy pb_policy_lru = {
	.name = "lru",
	.owner = THIS_MODULE,
	.load = lru_load,
	.pick = lru_pick,
	.spare = lru_spare,
	.sample = lru_sample,
};
