// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a box: one set per CPU, added up when somebody looks. A sum read
 * while programs fault is exact for each counter as of some moment in between,
 * not for all of them as of the same one.
 */
#include <linux/percpu.h>

#include "pagebox.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

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
	[PB_STAT_PAGES] = "pages",
	[PB_STAT_VIEWS] = "views",
};

/**
 * pb_stats_init - make the counters
 * @box: whose
 *
 * Return: 0 or -ENOMEM
 */
int pb_stats_init(struct pb_box *box)
{
	box->stats = alloc_percpu_gfp(struct pb_stats, PB_GFP);
	return box->stats ? 0 : -ENOMEM;
}

/**
 * pb_stats_destroy - give the counters back
 * @box: whose
 */
void pb_stats_destroy(struct pb_box *box)
{
	WARN_ON_ONCE(pb_stats_read(box, PB_STAT_PAGES));
	WARN_ON_ONCE(pb_stats_read(box, PB_STAT_VIEWS));
	free_percpu(box->stats);
}

/**
 * pb_stats_read - add a counter up
 * @box: whose
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

/**
 * pb_stats_fill - all counters of a box, for the ABI
 * @box: whose
 * @out: every counter is filled
 */
void pb_stats_fill(struct pb_box *box, struct pagebox_stats *out)
{
	for (unsigned int i = 0; i < PAGEBOX_FAULT_NR; i++)
		out->faults[i] = pb_stats_read(box, i);
	out->major = pb_stats_read(box, PB_STAT_MAJOR);
	out->evict_clean = pb_stats_read(box, PB_STAT_EVICT_CLEAN);
	out->evict_dirty = pb_stats_read(box, PB_STAT_EVICT_DIRTY);
	out->second_chances = pb_stats_read(box, PB_STAT_SECOND_CHANCE);
	out->revolutions = pb_stats_read(box, PB_STAT_REVOLUTION);
	out->pinned_skips = pb_stats_read(box, PB_STAT_PINNED);
	out->frames_used = READ_ONCE(box->frames.used);
	out->swap_used = atomic_long_read(&box->swap.used);
	out->pages = pb_stats_read(box, PB_STAT_PAGES);
	out->views = pb_stats_read(box, PB_STAT_VIEWS);
}
