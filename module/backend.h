/* SPDX-License-Identifier: GPL-2.0 */
/* A backend: an array of pages that can be read and written. */
#ifndef _PAGEBOX_BACKEND_H
#define _PAGEBOX_BACKEND_H

#include <linux/fs.h>
#include <linux/types.h>

#include "pagebox.h"

struct pb_backend;
struct pb_box;
struct pb_io;

/**
 * struct pb_backend_ops - the operations of a kind of backend
 * @kind: its number in the ABI
 * @inline_io: @rw neither sleeps for long nor takes foreign locks, so the
 *             submitter of a request calls it, possibly under mmap_lock;
 *             otherwise a worker calls it
 * @rw: read or write @nr pages of the request, starting at its page @first. The
 *      result applies to all of them: 0, or an error such as -EIO, -ENOSPC or
 *      -ENOMEM; -ENODATA if a page lies past the end
 * @sync: make written pages durable; NULL if not applicable
 * @discard: the contents of page @index are no longer needed; may be NULL
 * @bytes: current size in bytes; U64_MAX if unbounded
 * @release: free the backend
 *
 * All but @bytes may sleep; none of them touches frames or views.
 */
struct pb_backend_ops {
	enum pagebox_backend kind;
	bool inline_io;
	int (*rw)(struct pb_backend *backend, const struct pb_io *io,
		  unsigned int first, unsigned int nr);
	int (*sync)(struct pb_backend *backend, bool datasync);
	void (*discard)(struct pb_backend *backend, pgoff_t index);
	u64 (*bytes)(struct pb_backend *backend);
	void (*release)(struct pb_backend *backend);
};

/**
 * struct pb_backend - an array of pages that can be read and written
 * @ops: its operations; invariant
 * @file: the file or block device, or NULL for RAM; invariant
 * @writable: pages can be written; invariant
 * @exact: a page past the end is an error; otherwise it reads as zero, and is
 *         not written
 * @read_us: delay of each read, in microseconds
 * @write_us: delay of each write, in microseconds
 */
struct pb_backend {
	const struct pb_backend_ops *ops;
	struct file *file;
	bool writable;
	bool exact;
	u32 read_us;
	u32 write_us;
};

/* For pb_backend_new(): the backend must be writable. */
#define PB_BACKEND_MUST_WRITE true

struct pb_backend *pb_backend_new(const struct pb_box *box, int fd,
				  bool must_write);
struct pb_backend *pb_backend_ram_new(bool privileged);
struct pb_backend *pb_backend_file_new(int fd, bool must_write);
void pb_backend_release(struct pb_backend *backend);
int pb_backend_sync(struct pb_backend *backend, bool datasync);

extern unsigned long pb_ram_max;

static inline u64 pb_backend_bytes(struct pb_backend *backend)
{
	return backend->ops->bytes(backend);
}

#endif /* _PAGEBOX_BACKEND_H */
