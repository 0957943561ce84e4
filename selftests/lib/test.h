/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Basics of all test programs: messages, numbers, sizes, waiting.
 *
 * A helper that cannot do its work fails the test with a message, so that
 * callers need no error handling.
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

/* Skips the whole program, before its first case. */
void skip_program(const char *missing) __attribute__((noreturn));

/* Skips the case of the calling process. */
void skip_case(const char *missing) __attribute__((noreturn));

/* Skips the whole program if the module is not loaded or without root. */
void need_module(void);

/* A pseudorandom number; the same @state yields the same sequence. */
uint32_t rnd(uint64_t *state);

/* A hash of @value. */
uint64_t mix(uint64_t value);

/* Parses a number from the command line; exits if it is invalid. */
uint64_t parse_number(const char *text);

/* $PAGEBOX_SEED, or 1. */
uint64_t seed_given(void);

/* The text of a file, to be freed; NULL if it cannot be read to the end. */
char *file_text(const char *path);

/*
 * Prints a file, of /proc for instance, as comments; nothing if it does not
 * exist.
 */
void show_file(const char *path);

/* Writes to a file of /proc, /sys or the like in one call, which must succeed. */
void write_text(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether two structs, of counters for instance, are bytewise equal. */
bool is_same(const void *a, const void *b, size_t size);

/* $PAGEBOX_FULL=1: tests run at their full size. */
bool full_size(void);

/* $PAGEBOX_SLOW=1: a debug kernel. */
bool slow_kernel(void);

/* $PAGEBOX_SMALL=1: each case runs thousands of times (see tools/failwalk.c). */
bool small_size(void);

/* 1/64 of @usual if $PAGEBOX_SMALL is set. */
unsigned int reduced(unsigned int usual);

/*
 * The size of a test: @full with $PAGEBOX_FULL=1, a quarter of @usual on a slow
 * kernel, else reduced(@usual).
 */
unsigned int sized(unsigned int usual, unsigned int full);

struct patience {
	struct timespec begin; /* set by the first poll */
	unsigned int looks;
};

/*
 * Sleeps until the next poll; false after a minute or $PAGEBOX_PATIENCE
 * seconds.
 */
bool patience_left(struct patience *patience);

/* Polls until @condition holds; false on timeout. */
#define eventually(condition)                                     \
	({                                                        \
		struct patience __patience = {};                  \
		bool __holds;                                     \
		do {                                              \
			__holds = (condition);                    \
		} while (!__holds && patience_left(&__patience)); \
		__holds;                                          \
	})

/* Binds the calling thread to its current CPU. */
void stay_on_this_cpu(void);

#endif /* PAGEBOX_LIB_TEST_H */
