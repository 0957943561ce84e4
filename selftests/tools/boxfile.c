// SPDX-License-Identifier: GPL-2.0
/*
 * A preload library that lets an unmodified program use a box.
 *
 *   PAGEBOX_FD     the box, as passed by "pagebox new"
 *   PAGEBOX_FILE   this path, or everything below it if it ends in a slash, is
 *                  the box: opening it gives a new file description of the box.
 *                  fstat() returns the data of the file, if it exists: the store
 *   PAGEBOX_ANON   if set, private anonymous mappings of 64 KiB and more are
 *                  private mappings of the box, to which nothing else may write:
 *                  zero at first, and each one is a separate view
 *
 * All operations on the file go to the box: read, write, mmap, msync, fsync,
 * locks. Only its size is fixed: ftruncate() accepts the current size, or any
 * smaller one if the box has no store.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pagebox.h"

#define MOST_FDS 1024
#define LEAST_ANON (64 * 1024)

/* The file that each fd of the box stands for, or NULL. */
static char *file_of[MOST_FDS];

#define REAL(name)                                                 \
	({                                                         \
		static typeof(&(name)) real;                       \
		if (!real)                                         \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
		real;                                              \
	})

static int box_fd(void)
{
	const char *text = getenv("PAGEBOX_FD");

	return text ? atoi(text) : -1;
}

static bool is_box(const char *path)
{
	const char *file = getenv("PAGEBOX_FILE");
	size_t length = file ? strlen(file) : 0;

	if (!length || !path)
		return false;
	if (file[length - 1] == '/')
		return !strncmp(path, file, length) && path[length];
	return !strcmp(path, file);
}

/* --- the box as a file --- */

static int box_open(const char *path, int flags)
{
	struct pagebox_info info = { .size = sizeof(info) };
	struct pagebox_join join = { .size = sizeof(join) };
	int fd;

	if (ioctl(box_fd(), PAGEBOX_IOC_INFO, &info))
		return -1;
	join.id = info.id;
	fd = ioctl(box_fd(), PAGEBOX_IOC_JOIN, &join);
	if (fd < 0)
		return -1;
	if (fd >= MOST_FDS) {
		close(fd);
		errno = EMFILE;
		return -1;
	}
	if (!(flags & O_CLOEXEC))
		fcntl(fd, F_SETFD, 0);
	file_of[fd] = strdup(path);
	return fd;
}

/* The mode argument is present if a file may be created. */
#define MODE(last, flags)                                  \
	({                                                 \
		mode_t mode = 0;                           \
		va_list args;                              \
		va_start(args, last);                      \
		if ((flags) & (O_CREAT | __O_TMPFILE))     \
			mode = va_arg(args, unsigned int); \
		va_end(args);                              \
		mode;                                      \
	})

int open(const char *path, int flags, ...)
{
	mode_t mode = MODE(flags, flags);

	return is_box(path) ? box_open(path, flags) :
			      REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode = MODE(flags, flags);

	return is_box(path) ? box_open(path, flags) :
			      REAL(open64)(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	mode_t mode = MODE(flags, flags);

	return is_box(path) ? box_open(path, flags) :
			      REAL(openat)(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
	mode_t mode = MODE(flags, flags);

	return is_box(path) ? box_open(path, flags) :
			      REAL(openat64)(at, path, flags, mode);
}

/* The variants that -D_FORTIFY_SOURCE calls. */
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

static const char *file_behind(int fd)
{
	return fd >= 0 && fd < MOST_FDS ? file_of[fd] : NULL;
}

int close(int fd)
{
	if (file_behind(fd)) {
		free(file_of[fd]);
		file_of[fd] = NULL;
	}
	return REAL(close)(fd);
}

int fstat(int fd, struct stat *to)
{
	const char *file = file_behind(fd);

	if (file && !stat(file, to))
		return 0;
	return REAL(fstat)(fd, to);
}

int fstat64(int fd, struct stat64 *to)
{
	const char *file = file_behind(fd);

	if (file && !stat64(file, to))
		return 0;
	return REAL(fstat64)(fd, to);
}

/* The size of a box is fixed. */
static int box_truncate(int fd, off64_t bytes)
{
	struct pagebox_info info = { .size = sizeof(info) };

	if (ioctl(fd, PAGEBOX_IOC_INFO, &info))
		return -1;
	if ((uint64_t)bytes == info.bytes ||
	    ((uint64_t)bytes < info.bytes &&
	     !(info.flags & PAGEBOX_INFO_STORE)))
		return 0;
	errno = EFBIG;
	return -1;
}

int ftruncate(int fd, off_t bytes)
{
	return file_behind(fd) ? box_truncate(fd, bytes) :
				 REAL(ftruncate)(fd, bytes);
}

int ftruncate64(int fd, off64_t bytes)
{
	return file_behind(fd) ? box_truncate(fd, bytes) :
				 REAL(ftruncate64)(fd, bytes);
}

/* --- the box as memory --- */

static bool is_anon(size_t length, int flags)
{
	return getenv("PAGEBOX_ANON") && length >= LEAST_ANON &&
	       (flags & MAP_ANONYMOUS) && (flags & MAP_TYPE) == MAP_PRIVATE &&
	       !(flags & (MAP_HUGETLB | MAP_GROWSDOWN | MAP_STACK));
}

void *mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset)
{
	if (!is_anon(length, flags))
		return REAL(mmap)(at, length, prot, flags, fd, offset);
	return REAL(mmap)(at, length, prot, flags & ~MAP_ANONYMOUS, box_fd(),
			  0);
}

void *mmap64(void *at, size_t length, int prot, int flags, int fd,
	     off64_t offset)
{
	if (!is_anon(length, flags))
		return REAL(mmap64)(at, length, prot, flags, fd, offset);
	return REAL(mmap64)(at, length, prot, flags & ~MAP_ANONYMOUS, box_fd(),
			    0);
}
