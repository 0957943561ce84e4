/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's failpoints, see module/failpoint.c.
 *
 * All of them are turned off when a test begins and when it ends, so that an
 * interrupted test leaves none set for the next one. A case that uses them is
 * skipped if the module has none.
 */
#ifndef PAGEBOX_LIB_FAILPOINT_H
#define PAGEBOX_LIB_FAILPOINT_H

#include <stdbool.h>

/* Skips the whole program when the module has none. */
void need_failpoints(void);

/* One command, like "fault_lock stop times 1 pid 17"; it must be accepted. */
void failpoint_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The errno of a command, 0 when it was accepted. */
int failpoint_error(const char *command);

struct failpoint {
	char kind[16];
	unsigned long hits;
	unsigned long done;
	unsigned long waiting;
	char setting[96];
};

/* The line of a point, or of "all". */
struct failpoint failpoint_state(const char *name);

/* Waits until @tasks tasks are stopped at a point; false on timeout. */
bool failpoint_waits(const char *name, unsigned long tasks);

/* Releases the tasks stopped there and turns the point off. */
void failpoint_go(const char *name);

void failpoints_off(void);

#endif /* PAGEBOX_LIB_FAILPOINT_H */
