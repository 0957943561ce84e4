/* SPDX-License-Identifier: GPL-2.0 */
/* /proc of the calling process. */
#ifndef PAGEBOX_LIB_PROC_H
#define PAGEBOX_LIB_PROC_H

#include <stdint.h>

/* The pagemap entry of @address. */
uint64_t pagemap(const void *address);

#define PAGEMAP_PRESENT 0x8000000000000000ULL
#define PAGEMAP_PFN 0x007fffffffffffffULL

/* A field of the smaps entry of @address, in KiB. */
long smaps_kb(const void *address, const char *field);

/* The maps line of @address, valid until the next call. */
const char *maps_line(const void *address);

#endif /* PAGEBOX_LIB_PROC_H */
