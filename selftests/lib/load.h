/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two processes at work in a box.
 *
 * Each writes pages of a private mapping and its own words in pages of the root
 * view, in random order, and continuously checks that it reads the last value
 * it wrote.
 */
#ifndef PAGEBOX_LIB_LOAD_H
#define PAGEBOX_LIB_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* For in_child(): 0 if a new box works. */
int box_fails(void *unused);

struct load {
	pid_t pid[2];
	struct load_shared *shared;
};

void load_start(struct load *load, int box, size_t pages);

/* Waits until both have made progress; false on timeout. */
bool load_goes_on(struct load *load);

/* Makes both check all pages once more and exit; whether all were right. */
bool load_end(struct load *load);

#endif /* PAGEBOX_LIB_LOAD_H */
