/* SPDX-License-Identifier: GPL-2.0 */
/* userfaultfd. */
#ifndef PAGEBOX_LIB_UFFD_H
#define PAGEBOX_LIB_UFFD_H

#include <linux/userfaultfd.h>
#include <stddef.h>
#include <stdint.h>

/* Tracks writes without a monitor; Linux 6.7, missing in older headers. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC 0x8000
#endif

/* An fd, or -1 if the kernel does not have the features. */
int uffd_open(uint64_t features);

/* 0 or errno. */
int uffd_register(int uffd, char *map, size_t pages, uint64_t mode);

#endif /* PAGEBOX_LIB_UFFD_H */
