// SPDX-License-Identifier: GPL-2.0
/* Backends: arrays of pages in memory, in a file or on a block device. */
#include "backend.h"
#include "box.h"
#include "failpoint.h"
#include "pagebox.h"

/**
 * pb_backend_new - make a backend for a file descriptor
 * @box: for this box
 * @fd: a file descriptor of the caller, or PAGEBOX_FD_RAM
 * @must_write: PB_BACKEND_MUST_WRITE, or false to accept a read-only file
 *
 * Return: the backend, or an error of PAGEBOX_IOC_CONFIGURE
 */
struct pb_backend *pb_backend_new(const struct pb_box *box, int fd,
				  bool must_write)
{
	if (fd == PAGEBOX_FD_RAM)
		return pb_backend_ram_new(box->privileged) ?: ERR_PTR(-ENOMEM);
	return pb_backend_file_new(fd, must_write);
}

/**
 * pb_backend_sync - make written pages durable
 * @backend: the backend, or NULL
 * @datasync: as for fdatasync()
 *
 * Context: sleeps; a file system may take its locks.
 * Return: 0, or an error, including that of an earlier buffered write
 */
int pb_backend_sync(struct pb_backend *backend, bool datasync)
{
	if (!backend || !backend->ops->sync)
		return 0;
	return pb_may_fail(backend_sync, -EIO,
			   backend->ops->sync(backend, datasync));
}

/**
 * pb_backend_release - free a backend
 * @backend: a backend without requests in flight, or NULL
 */
void pb_backend_release(struct pb_backend *backend)
{
	if (backend)
		backend->ops->release(backend);
}
