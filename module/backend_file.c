// SPDX-License-Identifier: GPL-2.0
/*
 * A backend in a regular file or a block device, given by its file descriptor.
 *
 * Direct I/O is used where the file allows it, for three reasons: a page is not
 * kept in memory twice, a write reports its failure when it returns, and measured
 * delays are the device's. A partial page at the end of the file goes through the
 * page cache, and so does everything if direct I/O does not work with pages, for
 * example because blocks are larger.
 *
 * Workers run all this (io.c explains why). One deadlock remains, which only the
 * user can cause: a write(2) to the file behind a box, from a buffer in that box,
 * holds the lock of the inode while it waits for a page of the buffer, and the
 * worker needs that lock to read the page. All such waits end when the program
 * is killed.
 */
#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "backend.h"
#include "compat.h"
#include "failpoint.h"
#include "io.h"
#include "pagebox.h"

/**
 * struct pb_backend_file - a backend in a file
 * @backend: common part
 * @direct: direct I/O is assumed to work; never set again once it is false
 */
struct pb_backend_file {
	struct pb_backend backend;
	bool direct;
};

/**
 * struct transfer - a read or write of neighbouring pages
 * @to: backend that is read or written
 * @write: a write, otherwise a read
 * @pos: position of the first page in the file
 * @nr: number of pages
 * @bvec: the pages
 */
struct transfer {
	struct pb_backend_file *to;
	bool write;
	loff_t pos;
	unsigned int nr;
	struct bio_vec bvec[PB_IO_MAX];
};

static struct pb_backend_file *to_file(struct pb_backend *backend)
{
	return container_of(backend, struct pb_backend_file, backend);
}

/* A block device's node has no size; the host of its mapping has. */
static u64 file_bytes(struct pb_backend *backend)
{
	return i_size_read(backend->file->f_mapping->host);
}

/* Override the file's flags, which its user may change at any time. */
static void kiocb_init(struct kiocb *iocb, const struct transfer *t,
		       size_t done, bool direct)
{
	init_sync_kiocb(iocb, t->to->backend.file);
	iocb->ki_pos = t->pos + done;
	iocb->ki_flags &= ~(IOCB_APPEND | IOCB_DIRECT);
	if (direct)
		iocb->ki_flags |= IOCB_DIRECT;
	if (t->write)
		iocb->ki_flags |= IOCB_WRITE;
}

/* One call of the file system. Return as read() and write() do. */
static ssize_t transfer_piece(const struct transfer *t, size_t done,
			      size_t bytes, bool direct)
{
	struct file *file = t->to->backend.file;
	struct kiocb iocb;
	struct iov_iter iter;

	kiocb_init(&iocb, t, done, direct);
	iov_iter_bvec(&iter, t->write ? ITER_SOURCE : ITER_DEST, t->bvec, t->nr,
		      (size_t)t->nr << PAGE_SHIFT);
	iov_iter_advance(&iter, done);
	iov_iter_truncate(&iter, bytes);
	return t->write ? vfs_iocb_iter_write(file, &iocb, &iter) :
			  vfs_iocb_iter_read(file, &iocb, &iter);
}

/*
 * Number of bytes that can bypass the page cache: whole pages, or none if a short
 * transfer has stopped within a page.
 */
static size_t transfer_direct(const struct transfer *t, size_t done,
			      size_t left)
{
	if (!READ_ONCE(t->to->direct) || offset_in_page(done))
		return 0;
	return left & PAGE_MASK;
}

/*
 * Return the number of bytes transferred, less than @bytes if the file ended
 * first; or an error.
 */
static ssize_t transfer_run(const struct transfer *t, size_t bytes)
{
	size_t done = 0;
	ssize_t n = 1;

	while (n && done < bytes) {
		size_t left = bytes - done;
		size_t direct = transfer_direct(t, done, left);

		n = transfer_piece(t, done, direct ?: left, direct);
		if (n == -EINVAL && direct)
			WRITE_ONCE(t->to->direct, false);
		else if (n >= 0)
			done += n;
		else
			return n;
	}
	return done;
}

static void zero_from(const struct pb_io *io, unsigned int first,
		      unsigned int nr, size_t bytes)
{
	for (unsigned int i = bytes >> PAGE_SHIFT; i < nr; i++) {
		folio_zero_segment(io->folio[first + i], offset_in_page(bytes),
				   PAGE_SIZE);
		bytes = 0;
	}
}

static void transfer_init(struct transfer *t, struct pb_backend *backend,
			  const struct pb_io *io, unsigned int first,
			  unsigned int nr)
{
	t->to = to_file(backend);
	t->write = io->write;
	t->pos = (loff_t)(io->index + first) << PAGE_SHIFT;
	t->nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		t->bvec[i].bv_page = folio_page(io->folio[first + i], 0);
		t->bvec[i].bv_len = PAGE_SIZE;
		t->bvec[i].bv_offset = 0;
	}
}

/* Number of bytes of the transfer within the current size of the file. */
static size_t transfer_bytes(const struct transfer *t)
{
	u64 end = file_bytes(&t->to->backend);

	if (t->pos >= end)
		return 0;
	return min_t(u64, end - t->pos, (u64)t->nr << PAGE_SHIFT);
}

/*
 * A page may lie past the end of a file that was truncated since the box checked
 * its size. Such a page is neither read nor written: the box does not extend the
 * file. The rest of a page that the end divides reads as zero. For a swap area
 * this is an error, because its file must not be truncated.
 */
static int file_rw(struct pb_backend *backend, const struct pb_io *io,
		   unsigned int first, unsigned int nr)
{
	const struct cred *cred;
	struct transfer t;
	size_t bytes;
	ssize_t n;

	transfer_init(&t, backend, io, first, nr);
	bytes = transfer_bytes(&t);
	if (backend->exact && bytes < (size_t)nr << PAGE_SHIFT)
		return -EIO;
	if (bytes <= (size_t)(nr - 1) << PAGE_SHIFT)
		return -ENODATA;
	cred = override_creds(backend->file->f_cred);
	n = transfer_run(&t, bytes);
	revert_creds(cred);
	if (n < 0)
		return n;
	if (io->write || backend->exact)
		return n < bytes ? -EIO : 0;
	zero_from(io, first, nr, n);
	return 0;
}

/* Reports errors of the writes that went through the page cache, too. */
static int file_sync(struct pb_backend *backend, bool datasync)
{
	if (!backend->file->f_op->fsync)
		return 0;
	return vfs_fsync(backend->file, datasync);
}

static void file_release(struct pb_backend *backend)
{
	fput(backend->file);
	kfree(to_file(backend));
}

static const struct pb_backend_ops file_ops = {
	.kind = PAGEBOX_BACKEND_FILE,
	.rw = file_rw,
	.sync = file_sync,
	.bytes = file_bytes,
	.release = file_release,
};

static const struct pb_backend_ops block_ops = {
	.kind = PAGEBOX_BACKEND_BLOCK,
	.rw = file_rw,
	.sync = file_sync,
	.bytes = file_bytes,
	.release = file_release,
};

/* A box must not be a backend: it could wait for itself. */
static bool file_is_box(const struct file *file)
{
	return file->f_mapping->host->i_sb->s_type->owner == THIS_MODULE;
}

static int check_type(const struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	if (S_ISDIR(mode))
		return -EISDIR;
	if (S_ISFIFO(mode) || S_ISSOCK(mode))
		return -ESPIPE;
	if (!S_ISREG(mode) && !S_ISBLK(mode))
		return -EINVAL;
	return file_is_box(file) ? -EINVAL : 0;
}

static int check_access(const struct file *file, bool must_write)
{
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (must_write && !(file->f_mode & FMODE_WRITE))
		return -EACCES;
	return file->f_flags & O_APPEND ? -EACCES : 0;
}

/* Some files, such as those of /proc, have no positions or no iterators. */
static int check_ops(const struct file *file)
{
	if (!(file->f_mode & FMODE_PREAD) || !file->f_op->read_iter)
		return -EINVAL;
	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	if (!(file->f_mode & FMODE_PWRITE) || !file->f_op->write_iter)
		return -EINVAL;
	return 0;
}

static struct pb_backend *file_new(struct file *file)
{
	struct pb_backend_file *new =
		pb_may_fail(alloc_backend, NULL, kzalloc(sizeof(*new), PB_GFP));

	if (!new)
		return ERR_PTR(-ENOMEM);
	new->backend.ops = S_ISBLK(file_inode(file)->i_mode) ? &block_ops :
							       &file_ops;
	new->backend.file = file;
	new->backend.writable = !!(file->f_mode & FMODE_WRITE);
	new->direct = !!(file->f_mode & FMODE_CAN_ODIRECT);
	return &new->backend;
}

/**
 * pb_backend_file_new - make a backend of a file
 * @fd: a file descriptor of the caller; the backend takes its own reference
 * @must_write: PB_BACKEND_MUST_WRITE, or false to accept a read-only file
 *
 * Return: the backend; -EBADF for a closed @fd; -EISDIR, -ESPIPE or -EINVAL for a
 * file that is neither regular nor a block device, or is a box; -EACCES for a
 * file that is not open for the access needed; -ENOMEM
 */
struct pb_backend *pb_backend_file_new(int fd, bool must_write)
{
	struct file *file = pb_may_fail(get_file, NULL, fget(fd));
	struct pb_backend *backend;
	int err;

	if (!file)
		return ERR_PTR(-EBADF);
	err = check_type(file) ?: check_access(file, must_write);
	if (!err)
		err = check_ops(file);
	backend = err ? ERR_PTR(err) : file_new(file);
	if (IS_ERR(backend))
		fput(file);
	return backend;
}
