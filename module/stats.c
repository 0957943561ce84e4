// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a box: one set per CPU, summed when they are read. While programs
 * fault, each sum is correct for some moment during the read, but not all of them
 * for the same moment.
 */
#include <linux/pagemap.h>
#include <linux/percpu.h>

#include "box.h"
#include "failpoint.h"
#include "frame.h"
#include "pagebox.h"
#include "pte.h"
#include "stats.h"
#include "swap.h"

const char *const pb_stat_names[PB_STAT_NR] = {
	[PAGEBOX_FAULT_ZERO] = "faults_zero",
	[PAGEBOX_FAULT_MINOR] = "faults_minor",
	[PAGEBOX_FAULT_FILE] = "faults_file",
	[PAGEBOX_FAULT_SWAPIN] = "faults_swapin",
	[PAGEBOX_FAULT_COW] = "faults_cow",
	[PAGEBOX_FAULT_MKWRITE] = "faults_mkwrite",
	[PAGEBOX_FAULT_FAILED] = "faults_failed",
	[PB_STAT_MAJOR] = "major",
	[PB_STAT_EVICT_CLEAN] = "evict_clean",
	[PB_STAT_EVICT_DIRTY] = "evict_dirty",
	[PB_STAT_SECOND_CHANCE] = "second_chances",
	[PB_STAT_REVOLUTION] = "revolutions",
	[PB_STAT_PINNED] = "pinned_skips",
	[PB_STAT_READAHEAD] = "readahead",
	[PB_STAT_READAHEAD_HIT] = "readahead_hits",
	[PB_STAT_PREFETCHED] = "prefetched",
	[PB_STAT_PAGED_OUT] = "paged_out",
	[PB_STAT_DISCARDED] = "discarded",
	[PB_STAT_STORE_READ] = "store_reads",
	[PB_STAT_STORE_WRITE] = "store_writes",
	[PB_STAT_SWAP_READ] = "swap_reads",
	[PB_STAT_SWAP_WRITE] = "swap_writes",
	[PB_STAT_IO_ERROR] = "io_errors",
	[PB_STAT_SHRUNK] = "shrunk",
	[PB_STAT_OOM_KILL] = "oom_kills",
	[PB_STAT_PAGES] = "pages",
	[PB_STAT_VIEWS] = "views",
};

/**
 * pb_stats_init - allocate the counters
 * @box: the box
 *
 * Return: 0 or -ENOMEM
 */
int pb_stats_init(struct pb_box *box)
{
	box->stats = pb_may_fail(alloc_stats, NULL,
				 alloc_percpu_gfp(struct pb_stats, PB_GFP));
	return box->stats ? 0 : -ENOMEM;
}

/**
 * pb_stats_destroy - free the counters
 * @box: the box
 */
void pb_stats_destroy(struct pb_box *box)
{
	WARN_ON_ONCE(pb_stats_read(box, PB_STAT_PAGES));
	WARN_ON_ONCE(pb_stats_read(box, PB_STAT_VIEWS));
	free_percpu(box->stats);
}

/**
 * pb_stats_read - read a counter
 * @box: the box
 * @stat: enum pagebox_fault_class or enum pb_stat
 *
 * Return: the sum over all CPUs
 */
u64 pb_stats_read(struct pb_box *box, unsigned int stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(box->stats, cpu)->n[stat]);
	return sum;
}

/* Count a frame, unless its folio is locked. */
static void census_folio(struct pb_box *box, struct folio *folio,
			 struct pb_census *census)
{
	struct pb_pte_bits bits;

	if (!folio_trylock(folio))
		return;
	if (folio->private) {
		pb_pte_harvest(box->inode->i_mapping, &folio, &bits, 1, false);
		census->locked += bits.locked;
		census->dirty += bits.dirty || folio_test_dirty(folio);
		census->pinned += folio_ref_count(folio) >
				  PB_FRAME_REFS + bits.mapped;
	}
	folio_unlock(folio);
}

/**
 * pb_stats_census - count frames by condition
 * @box: the box
 * @census: filled
 *
 * Frames that are being faulted in, read or written are left out.
 */
void pb_stats_census(struct pb_box *box, struct pb_census *census)
{
	u32 nr = READ_ONCE(box->frames.fresh);
	struct folio *folio;

	memset(census, 0, sizeof(*census));
	for (u32 i = 0; i < nr; i++) {
		folio = pb_frame_lookup(&box->frames, i);
		if (!folio)
			continue;
		census_folio(box, folio, census);
		folio_put(folio);
		cond_resched();
	}
}

/**
 * pb_stats_swap - count the swap slots of a box
 * @box: the box
 * @used: set to the number of slots in use
 * @high: set to the highest number ever in use in the current area
 */
void pb_stats_swap(struct pb_box *box, u64 *used, u64 *high)
{
	mutex_lock(&box->lock);
	*used = box->swap ? READ_ONCE(box->swap->used) : 0;
	*high = box->swap ? READ_ONCE(box->swap->high) : 0;
	if (box->swap_old)
		*used += READ_ONCE(box->swap_old->used);
	mutex_unlock(&box->lock);
}

/**
 * pb_stats_fill - get the counters of a box for the ABI
 * @box: the box
 * @out: filled, except for @committed: see pb_commit_sum()
 */
void pb_stats_fill(struct pb_box *box, struct pagebox_stats *out)
{
	struct pb_census census;

	for (unsigned int i = 0; i < PB_FAULT_NR; i++)
		out->faults[i] = pb_stats_read(box, i);
	out->major = pb_stats_read(box, PB_STAT_MAJOR);
	out->evict_clean = pb_stats_read(box, PB_STAT_EVICT_CLEAN);
	out->evict_dirty = pb_stats_read(box, PB_STAT_EVICT_DIRTY);
	out->second_chances = pb_stats_read(box, PB_STAT_SECOND_CHANCE);
	out->revolutions = pb_stats_read(box, PB_STAT_REVOLUTION);
	out->pinned_skips = pb_stats_read(box, PB_STAT_PINNED);
	out->frames_used = READ_ONCE(box->frames.used);
	pb_stats_swap(box, &out->swap_used, &out->swap_high);
	out->pages = pb_stats_read(box, PB_STAT_PAGES);
	out->views = pb_stats_read(box, PB_STAT_VIEWS);
	out->readahead = pb_stats_read(box, PB_STAT_READAHEAD);
	out->readahead_hits = pb_stats_read(box, PB_STAT_READAHEAD_HIT);
	out->prefetched = pb_stats_read(box, PB_STAT_PREFETCHED);
	out->paged_out = pb_stats_read(box, PB_STAT_PAGED_OUT);
	out->discarded = pb_stats_read(box, PB_STAT_DISCARDED);
	out->store_reads = pb_stats_read(box, PB_STAT_STORE_READ);
	out->store_writes = pb_stats_read(box, PB_STAT_STORE_WRITE);
	out->swap_reads = pb_stats_read(box, PB_STAT_SWAP_READ);
	out->swap_writes = pb_stats_read(box, PB_STAT_SWAP_WRITE);
	out->io_errors = pb_stats_read(box, PB_STAT_IO_ERROR);
	out->shrunk = pb_stats_read(box, PB_STAT_SHRUNK);
	out->oom_kills = pb_stats_read(box, PB_STAT_OOM_KILL);
	pb_stats_census(box, &census);
	out->frames_locked = census.locked;
	out->frames_pinned = census.pinned;
	out->frames_dirty = census.dirty;
}
