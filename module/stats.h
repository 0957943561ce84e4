/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of a box, and the conditions of its frames. */
#ifndef _PAGEBOX_STATS_H
#define _PAGEBOX_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

#include "box.h"
#include "pagebox.h"

/**
 * enum pb_stat - counters of a box
 * @PB_STAT_MAJOR: faults that waited for a read; the numbers below it are those
 *                 of the ABI's fault classes
 * @PB_STAT_EVICT_CLEAN: pages evicted without a write
 * @PB_STAT_EVICT_DIRTY: pages evicted after a write to store or swap
 * @PB_STAT_SECOND_CHANCE: frames kept by the policy for their accessed bit
 * @PB_STAT_REVOLUTION: revolutions of the hand
 * @PB_STAT_PINNED: frames that could not be evicted
 * @PB_STAT_READAHEAD: pages read ahead
 * @PB_STAT_READAHEAD_HIT: pages read ahead that were used later
 * @PB_STAT_PREFETCHED: pages brought in on request
 * @PB_STAT_PAGED_OUT: pages evicted on request
 * @PB_STAT_DISCARDED: pages discarded on request
 * @PB_STAT_STORE_READ: pages read from the store
 * @PB_STAT_STORE_WRITE: pages written to it
 * @PB_STAT_SWAP_READ: pages read from the swap area
 * @PB_STAT_SWAP_WRITE: pages written to it
 * @PB_STAT_IO_ERROR: pages that could not be read or written
 * @PB_STAT_SHRUNK: pages of memory that the shrinker gave back
 * @PB_STAT_OOM_KILL: processes killed because no frame could be had
 * @PB_STAT_PAGES: current number of pages
 * @PB_STAT_VIEWS: current number of views
 * @PB_STAT_NR: number of counters
 */
enum pb_stat {
	PB_STAT_MAJOR = PB_FAULT_NR,
	PB_STAT_EVICT_CLEAN,
	PB_STAT_EVICT_DIRTY,
	PB_STAT_SECOND_CHANCE,
	PB_STAT_REVOLUTION,
	PB_STAT_PINNED,
	PB_STAT_READAHEAD,
	PB_STAT_READAHEAD_HIT,
	PB_STAT_PREFETCHED,
	PB_STAT_PAGED_OUT,
	PB_STAT_DISCARDED,
	PB_STAT_STORE_READ,
	PB_STAT_STORE_WRITE,
	PB_STAT_SWAP_READ,
	PB_STAT_SWAP_WRITE,
	PB_STAT_IO_ERROR,
	PB_STAT_SHRUNK,
	PB_STAT_OOM_KILL,
	PB_STAT_PAGES,
	PB_STAT_VIEWS,
	PB_STAT_NR,
};

struct pb_stats {
	u64 n[PB_STAT_NR];
};

/**
 * struct pb_census - numbers of frames by condition
 * @locked: frames under mlock()
 * @pinned: frames with a foreign reference
 * @dirty: frames that hold the only copy of their contents
 */
struct pb_census {
	u64 locked;
	u64 pinned;
	u64 dirty;
};

extern const char *const pb_stat_names[PB_STAT_NR];

int pb_stats_init(struct pb_box *box);
void pb_stats_destroy(struct pb_box *box);
u64 pb_stats_read(struct pb_box *box, unsigned int stat);
void pb_stats_census(struct pb_box *box, struct pb_census *census);
void pb_stats_swap(struct pb_box *box, u64 *used, u64 *high);
void pb_stats_fill(struct pb_box *box, struct pagebox_stats *out);

static inline void pb_count_add(struct pb_box *box, unsigned int stat, s64 n)
{
	this_cpu_add(box->stats->n[stat], n);
}

static inline void pb_count(struct pb_box *box, unsigned int stat)
{
	this_cpu_inc(box->stats->n[stat]);
}

#endif /* _PAGEBOX_STATS_H */
