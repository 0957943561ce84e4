// SPDX-License-Identifier: GPL-2.0
/*
 * reach: get a file descriptor of a box.
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
		return pagebox_fail(error, code,
				    "the module is loaded, but " PAGEBOX_DEVICE
				    " does not exist");
	case -EACCES:
	case -EPERM:
		return pagebox_fail(
			error, code,
			"only root may open " PAGEBOX_DEVICE
			", unless the module is loaded with mode=0666: run this with sudo");
	case -ENFILE:
		return pagebox_fail(
			error, code,
			"the module allows no more boxes: end a program that uses one; 'pagebox ls' lists the boxes");
	default:
		return pagebox_fail(error, code, PAGEBOX_DEVICE ": %s",
				    strerror(-code));
	}
}

/**
 * reach_new() - create a box
 * @error: set to the reason for a failure and a remedy
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
			"there is no box %u; 'pagebox ls' lists the boxes", id);
	case -EPERM:
		return pagebox_fail(
			error, code,
			"box %u was opened by another user: run this as that user, or with sudo",
			id);
	case -ENOTTY:
		return pagebox_fail(
			error, code,
			"the loaded module is older than this program and does not support joining a box");
	default:
		return pagebox_fail(error, code, "box %u: %s", id,
				    strerror(-code));
	}
}

/**
 * reach_box() - get a file descriptor of a box by its number
 * @id: box number
 * @error: set to the reason for a failure and a remedy
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
