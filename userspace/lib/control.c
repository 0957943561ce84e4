// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a box, each wrapped once.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "libpagebox.h"

/**
 * pagebox_open() - make a box
 *
 * Return: its file descriptor, close-on-exec, or a negative errno.
 */
int pagebox_open(void)
{
	int fd = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * pagebox_configure() - set up a box, or change it while it is used
 * @fd: the box
 * @config: which fields to set, and to what; the size is filled in here
 *
 * Return: 0 or a negative errno.
 */
int pagebox_configure(int fd, struct pagebox_config *config)
{
	config->size = sizeof(*config);
	return ioctl(fd, PAGEBOX_IOC_CONFIGURE, config) ? -errno : 0;
}

/**
 * pagebox_info() - what a box is
 * @fd: the box
 * @info: filled
 *
 * Return: 0 or a negative errno.
 */
int pagebox_info(int fd, struct pagebox_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ioctl(fd, PAGEBOX_IOC_INFO, info) ? -errno : 0;
}

/**
 * pagebox_stats() - what happened in a box, or in one mapping of it
 * @fd: the box
 * @address: in the mapping that is asked for, NULL for the whole box
 * @stats: filled
 *
 * Return: 0 or a negative errno.
 */
int pagebox_stats(int fd, const void *address, struct pagebox_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	stats->address = (unsigned long)address;
	return ioctl(fd, PAGEBOX_IOC_STATS, stats) ? -errno : 0;
}

static int do_range(int fd, unsigned long request, struct pagebox_range *range)
{
	range->size = sizeof(*range);
	return ioctl(fd, request, range) ? -errno : 0;
}

/**
 * pagebox_prefetch() - bring pages into frames, without mapping them
 * @fd: the box
 * @range: which pages; the size is filled in here, and for how many pages
 *         something was done
 *
 * Return: 0 or a negative errno.
 */
int pagebox_prefetch(int fd, struct pagebox_range *range)
{
	return do_range(fd, PAGEBOX_IOC_PREFETCH, range);
}

/**
 * pagebox_page_out() - take the frames of pages away
 * @fd: the box
 * @range: as for pagebox_prefetch()
 *
 * Return: 0 or a negative errno.
 */
int pagebox_page_out(int fd, struct pagebox_range *range)
{
	return do_range(fd, PAGEBOX_IOC_PAGE_OUT, range);
}

/**
 * pagebox_discard() - forget the contents of pages
 * @fd: the box
 * @range: as for pagebox_prefetch()
 *
 * Return: 0 or a negative errno.
 */
int pagebox_discard(int fd, struct pagebox_range *range)
{
	return do_range(fd, PAGEBOX_IOC_DISCARD, range);
}

/**
 * pagebox_join() - get a file descriptor of another box
 * @fd: any box; the new file descriptor has its access mode
 * @id: number of the other box
 *
 * Return: the file descriptor, close-on-exec, or a negative errno.
 */
int pagebox_join(int fd, __u32 id)
{
	struct pagebox_join join = { .size = sizeof(join), .id = id };
	int joined = ioctl(fd, PAGEBOX_IOC_JOIN, &join);

	return joined < 0 ? -errno : joined;
}

/**
 * pagebox_stack() - make a mapping grow downwards as it is used
 * @fd: the box
 * @address: in the mapping
 * @top: bytes at its upper end that may be touched from the start
 * @limit: bytes that it may grow to, 0 for the whole mapping
 *
 * Return: 0 or a negative errno.
 */
int pagebox_stack(int fd, const void *address, __u64 top, __u64 limit)
{
	struct pagebox_stack stack = {
		.size = sizeof(stack),
		.address = (unsigned long)address,
		.top = top,
		.limit = limit,
	};

	return ioctl(fd, PAGEBOX_IOC_STACK, &stack) ? -errno : 0;
}
