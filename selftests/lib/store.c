// SPDX-License-Identifier: GPL-2.0
/* Files and disks behind a box; see store.h. */

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"

int store_file(size_t bytes, uint64_t tag)
{
	int fd = memfd_create("store", MFD_CLOEXEC);
	char *page = malloc(page_size);

	if (fd < 0 || !page)
		die("cannot make a store");
	for (size_t at = 0; at < bytes; at += page_size) {
		size_t part = bytes - at < page_size ? bytes - at : page_size;

		page_fill(page, tag + at / page_size);
		if (pwrite(fd, page, part, at) != (ssize_t)part)
			die("cannot fill a store");
	}
	free(page);
	return fd;
}

int read_only(int file)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s again", path);
	return fd;
}

bool file_holds(int file, size_t pages, uint64_t tag)
{
	uint64_t page[page_size / sizeof(uint64_t)];

	for (size_t i = 0; i < pages; i++) {
		if (pread(file, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot read page %zu of a file", i);
		if (!page_holds(page, tag + i))
			return false;
	}
	return true;
}

static int load_loop(void *context)
{
	(void)context;
	execlp("modprobe", "modprobe", "-q", "loop", NULL);
	die("cannot run modprobe");
}

int loop_open(int file)
{
	struct loop_config config = {
		.fd = file, .info = { .lo_flags = LO_FLAGS_AUTOCLEAR }
	};
	int control, loop, number;
	char path[32];

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		in_child(load_loop, NULL);
		control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	}
	if (control < 0)
		die("/dev/loop-control: the kernel needs CONFIG_BLK_DEV_LOOP");
	number = ioctl(control, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	loop = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config))
		die("cannot set up %s", path);
	close(control);
	return loop;
}

int tmpfs_new(size_t pages)
{
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char bytes[32];
	int mount;

	snprintf(bytes, sizeof(bytes), "%zu", pages * page_size);
	if (context < 0 ||
	    fsconfig(context, FSCONFIG_SET_STRING, "size", bytes, 0) ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		die("cannot make a tmpfs");
	mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		die("cannot mount a tmpfs");
	close(context);
	return mount;
}

int tmpfs_file(int tmpfs, const char *name, size_t pages)
{
	int file = openat(tmpfs, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (file < 0 || ftruncate(file, pages * page_size))
		die("cannot make a file on a tmpfs");
	return file;
}
