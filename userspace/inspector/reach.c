// SPDX-License-Identifier: GPL-2.0
/*
 * reach: a file descriptor of a box.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "reach.h"

static int explain_open(int code, struct pagebox_error *error)
{
	switch (code) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		if (access(PAGEBOX_MODULE, F_OK))
			return pagebox_fail(error, code, PAGEBOX_NOT_LOADED);
		return pagebox_fail(
			error, code,
			"the module is loaded, but there is no " PAGEBOX_DEVICE);
	case -EACCES:
	case -EPERM:
		return pagebox_fail(
			error, code,
			"only root may open " PAGEBOX_DEVICE
			", unless the module is loaded with mode=0666: run this with sudo");
	case -ENFILE:
		return pagebox_fail(
			error, code,
			"there are as many boxes as the module allows: end a program that has one; 'pagebox ls' lists them");
	default:
		return pagebox_fail(error, code, PAGEBOX_DEVICE ": %s",
				    strerror(-code));
	}
}

/**
 * reach_new() - make a box
 * @error: says why not, and what to do
 *
 * Return: its file descriptor, close-on-exec, or a negative errno.
 */
int reach_new(struct pagebox_error *error)
{
	int fd = pagebox_open();

	return fd < 0 ? explain_open(fd, error) : fd;
}

static int explain_join(__u32 id, int code, struct pagebox_error *error)
{
	switch (code) {
	case -ENOENT:
		return pagebox_fail(
			error, code,
			"there is no box %u; 'pagebox ls' shows those there are",
			id);
	case -EPERM:
		return pagebox_fail(
			error, code,
			"box %u was opened by another user: run this as that user, or with sudo",
			id);
	case -ENOTTY:
		return pagebox_fail(
			error, code,
			"the loaded module is older than this program and cannot join boxes");
	default:
		return pagebox_fail(error, code, "box %u: %s", id,
				    strerror(-code));
	}
}

/**
 * reach_box() - get a file descriptor of a box by its number
 * @id: the number
 * @error: says why not, and what to do
 *
 * Return: the file descriptor, close-on-exec, or a negative errno.
 */
int reach_box(__u32 id, struct pagebox_error *error)
{
	int door = reach_new(error);
	int fd;

	if (door < 0)
		return door;
	fd = pagebox_join(door, id);
	close(door);
	return fd < 0 ? explain_join(id, fd, error) : fd;
}
