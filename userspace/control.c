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
 * pb_open() - make a box
 *
 * Return: its file descriptor, close-on-exec, or a negative errno.
 */
int pb_open(void)
{
	int fd = open("/dev/pagebox", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * pb_configure() - set up a box before its first mmap()
 * @fd: the box
 * @config: which fields to set, and to what; the size is filled in here
 *
 * Return: 0 or a negative errno.
 */
int pb_configure(int fd, struct pagebox_config *config)
{
	config->size = sizeof(*config);
	return ioctl(fd, PAGEBOX_IOC_CONFIGURE, config) ? -errno : 0;
}

/**
 * pb_info() - what a box is
 * @fd: the box
 * @info: filled
 *
 * Return: 0 or a negative errno.
 */
int pb_info(int fd, struct pagebox_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ioctl(fd, PAGEBOX_IOC_INFO, info) ? -errno : 0;
}

/**
 * pb_stats() - what happened in a box, or in one mapping of it
 * @fd: the box
 * @address: in the mapping that is asked for, NULL for the whole box
 * @stats: filled
 *
 * Return: 0 or a negative errno.
 */
int pb_stats(int fd, const void *address, struct pagebox_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	stats->address = (unsigned long)address;
	return ioctl(fd, PAGEBOX_IOC_STATS, stats) ? -errno : 0;
}
