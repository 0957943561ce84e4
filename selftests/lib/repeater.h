/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that repeat one thing until they are ended. */
#ifndef PAGEBOX_LIB_REPEATER_H
#define PAGEBOX_LIB_REPEATER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct repeater;

/* One round; false if its pages are not what they should be. */
typedef bool (*round_fn)(struct repeater *repeater, unsigned int round);

/**
 * struct repeater - a thread that repeats a round until it is ended
 * @round: the round
 * @box: for it, if it needs one
 * @map: its pages
 * @pages: their number
 */
struct repeater {
	round_fn round;
	int box;
	char *map;
	size_t pages;

	pthread_t thread;
	bool stop; /* relaxed atomics, as is rounds */
	unsigned int rounds;
	bool right;
};

/* Sets all fields and starts the thread. */
void repeater_start(struct repeater *repeater, round_fn round, int box,
		    char *map, size_t pages);

/* The number of rounds that are done. */
unsigned int repeater_rounds(struct repeater *repeater);

/* Waits until it has done so many more. */
bool repeater_goes_on(struct repeater *repeater, unsigned int rounds);

/* Ends it: whether all rounds were right. */
bool repeater_end(struct repeater *repeater);

/* A round: writes all pages and checks them. */
bool write_and_check(struct repeater *repeater, unsigned int round);

#endif /* PAGEBOX_LIB_REPEATER_H */
