// SPDX-License-Identifier: GPL-2.0
/* Counters; see counters.h. */

#include <stdio.h>
#include <sys/ioctl.h>

#include "lib/counters.h"
#include "lib/test.h"

static struct pagebox_stats stats_at(int box, uintptr_t address)
{
	struct pagebox_stats stats = { .size = sizeof(stats),
				       .address = address };

	if (ioctl(box, PAGEBOX_IOC_STATS, &stats))
		die("PAGEBOX_IOC_STATS of address %#lx",
		    (unsigned long)address);
	return stats;
}

struct pagebox_stats box_stats(int box)
{
	return stats_at(box, 0);
}

bool pages_become(int box, unsigned long pages)
{
	return eventually(box_stats(box).pages == pages);
}

bool box_is_empty(int box)
{
	struct pagebox_stats stats = box_stats(box);

	return stats.views == 1 && !stats.pages && !stats.frames_used &&
	       !stats.frames_locked && !stats.swap_used && !stats.committed;
}

struct pagebox_stats map_stats(int box, const void *address)
{
	return stats_at(box, (uintptr_t)address);
}

const char *faults_text(struct faults faults)
{
	static char texts[4][160];
	static unsigned int turn;
	char *text = texts[turn++ % 4];

	snprintf(
		text, sizeof(texts[0]),
		"zero %u minor %u file %u swapin %u cow %u mkwrite %u failed %u",
		faults.zero, faults.minor, faults.file, faults.swapin,
		faults.cow, faults.mkwrite, faults.failed);
	return text;
}

const char *faults_between(const struct pagebox_stats *before,
			   const struct pagebox_stats *after)
{
	unsigned int delta[FAULT_CLASSES];

	for (int i = 0; i < FAULT_CLASSES; i++)
		delta[i] = after->faults[i] - before->faults[i];
	return faults_text((struct faults){
		.zero = delta[PAGEBOX_FAULT_ZERO],
		.minor = delta[PAGEBOX_FAULT_MINOR],
		.file = delta[PAGEBOX_FAULT_FILE],
		.swapin = delta[PAGEBOX_FAULT_SWAPIN],
		.cow = delta[PAGEBOX_FAULT_COW],
		.mkwrite = delta[PAGEBOX_FAULT_MKWRITE],
		.failed = delta[PAGEBOX_FAULT_FAILED],
	});
}
