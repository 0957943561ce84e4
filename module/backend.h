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
 * struct pb_backend_ops - what every backend can do
 * @kind: what it is, for the ABI
 * @inline_io: @rw neither sleeps for long nor takes locks of others: who submits
 *             a request calls it, and may hold mmap_lock; else a worker does
 * @rw: read or write the @nr pages of the request from its page @first on, all
 *      or nothing as far as the caller is concerned; 0 or -EIO, -ENOSPC, -ENOMEM
 *      and the like; -ENODATA when one lies past the end
 * @sync: what was written is made durable, or NULL when that means nothing
 * @discard: the contents of page @index are not needed any more, or NULL
 * @bytes: size now, in bytes; U64_MAX without a bound
 * @release: free the backend
 *
 * All but @bytes may sleep; none touches frames or views.
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
 * @ops: what it can do; invariant
 * @file: what is behind it, or NULL for RAM; invariant
 * @writable: invariant
 * @exact: a page past the end is an error; else it is zero, and not written
 * @read_us: added to each read, in microseconds
 * @write_us: added to each write
 */
struct pb_backend {
	const struct pb_backend_ops *ops;
	struct file *file;
	bool writable;
	bool exact;
	u32 read_us;
	u32 write_us;
};

/* What pb_backend_new() shall be able to do. */
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
