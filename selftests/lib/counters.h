/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of boxes and mappings. */
#ifndef PAGEBOX_LIB_COUNTERS_H
#define PAGEBOX_LIB_COUNTERS_H

#include <stdbool.h>

#include "pagebox.h"

struct pagebox_stats box_stats(int box);

/* The faults of the mapping at @address. */
struct pagebox_stats map_stats(int box, const void *address);

/*
 * Waits until the box has @pages pages. When a mapping is destroyed, a worker
 * frees the pages whose frames are busy.
 */
bool pages_become(int box, unsigned long pages);

/* Whether only an empty root view is left. */
bool box_is_empty(int box);

/* The rest of pagebox_stats.faults is reserved. */
#define FAULT_CLASSES (PAGEBOX_FAULT_FAILED + 1)

/* Faults by class, in the order of enum pagebox_fault_class. */
struct faults {
	unsigned int zero;
	unsigned int minor;
	unsigned int file;
	unsigned int swapin;
	unsigned int cow;
	unsigned int mkwrite;
	unsigned int failed;
};

/* Both return a text to compare, valid for a few calls. */
const char *faults_text(struct faults faults);
const char *faults_between(const struct pagebox_stats *before,
			   const struct pagebox_stats *after);

/* Since @_before, @_box had exactly the named faults. */
#define EXPECT_FAULTS(_box, _before, ...)                             \
	do {                                                          \
		struct pagebox_stats __now = box_stats(_box);         \
		const char *__want, *__got;                           \
		__want = faults_text((struct faults){ __VA_ARGS__ }); \
		__got = faults_between(&(_before), &__now);           \
		EXPECT_STREQ(__want, __got);                          \
	} while (0)

#endif /* PAGEBOX_LIB_COUNTERS_H */
