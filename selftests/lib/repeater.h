/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that repeat an operation until they are stopped. */
#ifndef PAGEBOX_LIB_REPEATER_H
#define PAGEBOX_LIB_REPEATER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct repeater;

/* One round; false if the pages are wrong. */
typedef bool (*round_fn)(struct repeater *repeater, unsigned int round);

/**
 * struct repeater - a thread that repeats a round until it is stopped
 * @round: the round
 * @box: for the round, if needed
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

/* The number of completed rounds. */
unsigned int repeater_rounds(struct repeater *repeater);

/* Waits for @rounds more rounds. */
bool repeater_goes_on(struct repeater *repeater, unsigned int rounds);

/* Stops the thread; whether all rounds were right. */
bool repeater_end(struct repeater *repeater);

/* A round: writes all pages and checks them. */
bool write_and_check(struct repeater *repeater, unsigned int round);

#endif /* PAGEBOX_LIB_REPEATER_H */
