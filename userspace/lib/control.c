// SPDX-License-Identifier: GPL-2.0
/*
 * Wrappers of the ioctls of a box.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "libpagebox.h"

/**
 * pagebox_open() - create a box
 *
 * Return: its file descriptor, close-on-exec, or a negative errno.
 */
int pagebox_open(void)
{
	int fd = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * pagebox_configure() - configure a box, even while it is in use
 * @fd: the box
 * @config: fields to set and their values; the size is filled in here
 *
 * Return: 0 or a negative errno.
 */
int pagebox_configure(int fd, struct pagebox_config *config)
{
	config->size = sizeof(*config);
	return ioctl(fd, PAGEBOX_IOC_CONFIGURE, config) ? -errno : 0;
}

/**
 * pagebox_info() - get the configuration of a box
 * @fd: the box
 * @info: filled in
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
 * pagebox_stats() - get the counters of a box or of one of its mappings
 * @fd: the box
 * @address: an address in the mapping, NULL for the whole box
 * @stats: filled in
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
 * pagebox_prefetch() - load pages into frames, without mapping them
 * @fd: the box
 * @range: the pages; the size and the number of pages affected are filled in
 *
 * Return: 0 or a negative errno.
 */
int pagebox_prefetch(int fd, struct pagebox_range *range)
{
	return do_range(fd, PAGEBOX_IOC_PREFETCH, range);
}

/**
 * pagebox_page_out() - evict pages
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
 * pagebox_discard() - drop the contents of pages
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
 * pagebox_stack() - make a mapping grow downwards on access
 * @fd: the box
 * @address: an address in the mapping
 * @top: bytes at its upper end that are accessible from the start
 * @limit: maximum size in bytes, 0 for the whole mapping
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
