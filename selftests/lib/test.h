/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Basics of all test programs: messages, numbers, sizes, waiting.
 *
 * A helper that cannot do its work ends the test as failed and says why, so that
 * a test reads as its proof and never continues with less than it asked for.
 */
#ifndef PAGEBOX_LIB_TEST_H
#define PAGEBOX_LIB_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Bytes in a page, set before main(). */
extern size_t page_size;

/* Prints the message, and errno when it is set, and fails the test. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Skips the whole program when the module is not loaded, or without root. */
void need_module(void);

/* A pseudorandom number; the same @state gives the same sequence. */
uint32_t rnd(uint64_t *state);

/* A number that looks random, and is the same for the same @value. */
uint64_t mix(uint64_t value);

/* Parses a number of the command line; ends the program if it is none. */
uint64_t parse_number(const char *text);

/* $PAGEBOX_SEED, or 1. */
uint64_t seed_given(void);

/* The text of a file, to be freed; NULL if it cannot be read to its end. */
char *file_text(const char *path);

/* Prints a file, of /proc for instance, as comments; nothing if there is none. */
void show_file(const char *path);

/* Writes to a file of /proc, /sys or the like with one call; it must succeed. */
void write_text(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether two structs, of counters for instance, have the same bytes. */
bool is_same(const void *a, const void *b, size_t size);

/* $PAGEBOX_FULL=1: tests are as large as they can be. */
bool full_size(void);

/* $PAGEBOX_SLOW=1: the kernel checks all it does. */
bool slow_kernel(void);

/* $PAGEBOX_SMALL=1: each case is run thousands of times (see tools/failwalk.c). */
bool small_size(void);

/* A 64th of @usual where cases are small. */
unsigned int reduced(unsigned int usual);

/*
 * How much of something a test does: @usual, or @full with $PAGEBOX_FULL=1, or on
 * a slow kernel a quarter of @usual; else reduced() too.
 */
unsigned int sized(unsigned int usual, unsigned int full);

struct patience {
	struct timespec begin; /* set at the first look */
	unsigned int looks;
};

/* Naps until the next look; false when a minute or $PAGEBOX_PATIENCE s are over. */
bool patience_left(struct patience *patience);

/* Polls until @condition holds: false when patience is over. */
#define eventually(condition)                                     \
	({                                                        \
		struct patience __patience = {};                  \
		bool __holds;                                     \
		do {                                              \
			__holds = (condition);                    \
		} while (!__holds && patience_left(&__patience)); \
		__holds;                                          \
	})

/* Keeps the calling thread on one CPU. */
void stay_on_this_cpu(void);

#endif /* PAGEBOX_LIB_TEST_H */
