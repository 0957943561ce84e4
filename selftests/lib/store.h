/* SPDX-License-Identifier: GPL-2.0 */
/* Files and disks behind a box. */
#ifndef PAGEBOX_LIB_STORE_H
#define PAGEBOX_LIB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A memfd of @bytes bytes; page i has the pattern of @tag + i. */
int store_file(size_t bytes, uint64_t tag);

/* The same file, opened for reading only. */
int read_only(int file);

/* Whether page i of @pages has the pattern of @tag + i in the file itself. */
bool file_holds(int file, size_t pages, uint64_t tag);

/* A loop device on @file, open for direct I/O; closing it removes the device. */
int loop_open(int file);

/* A tmpfs of @pages pages: a directory for openat(), mounted nowhere. */
int tmpfs_new(size_t pages);

/* A file on it, of @pages pages, which take no space until they are written. */
int tmpfs_file(int tmpfs, const char *name, size_t pages);

#endif /* PAGEBOX_LIB_STORE_H */
