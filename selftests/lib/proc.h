/* SPDX-License-Identifier: GPL-2.0 */
/* /proc: other tasks, and the mappings of the calling process. */
#ifndef PAGEBOX_LIB_PROC_H
#define PAGEBOX_LIB_PROC_H

#include <stdint.h>
#include <sys/types.h>

/* The state of a task as in /proc/PID/stat, 'D' for instance. */
char task_state(pid_t pid);

/* The number of the system call in which a task sleeps, or -1. */
long task_call(pid_t tid);

/* The sum of the numbers that @format finds in the lines of a file. */
long proc_sum(const char *path, const char *format);

/*
 * Free memory in KiB. Includes the free pages of each CPU's lists, which
 * MemAvailable does not count, and excludes free objects in slab caches.
 */
long available_kb(void);

/* The pagemap entry of @address. */
uint64_t pagemap(const void *address);

#define PAGEMAP_PRESENT 0x8000000000000000ULL
#define PAGEMAP_PFN 0x007fffffffffffffULL

/* A field of the smaps entry of @address, in KiB. */
long smaps_kb(const void *address, const char *field);

/* The maps line of @address, valid until the next call. */
const char *maps_line(const void *address);

#endif /* PAGEBOX_LIB_PROC_H */
