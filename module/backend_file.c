// SPDX-License-Identifier: GPL-2.0
/*
 * A backend in a regular file, given by its file descriptor.
 *
 * A fault waits for the read under mmap_lock or the VMA lock. File systems take
 * locks for a read that they also hold while they copy from user memory, that
 * is outside mmap_lock; so the read itself is done by a worker, which holds
 * nothing. (The loop driver has the same worker for the same reason.) What is
 * left is a real deadlock in one case only: on a file system whose reads take
 * the lock of the inode, a write(2) into the store from a buffer that is a
 * mapping of the very same page.
 */
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "pagebox.h"

static struct workqueue_struct *pb_file_wq;

/**
 * struct file_read - one read under way, on the stack of who waits for it
 * @work: for the worker
 * @done: the worker has finished
 * @file: to read from
 * @folio: to read into
 * @pos: byte offset of the page in the file
 * @ret: bytes that were read, or an error
 */
struct file_read {
	struct work_struct work;
	struct completion done;
	struct file *file;
	struct folio *folio;
	loff_t pos;
	ssize_t ret;
};

static void file_read_work(struct work_struct *work)
{
	struct file_read *rd = container_of(work, struct file_read, work);
	struct bio_vec bvec = {
		.bv_page = folio_page(rd->folio, 0),
		.bv_len = PAGE_SIZE,
	};
	struct iov_iter iter;
	ssize_t n;

	iov_iter_bvec(&iter, ITER_DEST, &bvec, 1, PAGE_SIZE);
	do {
		n = vfs_iter_read(rd->file, &iter, &rd->pos, 0);
	} while (n > 0 && iov_iter_count(&iter));
	rd->ret = n < 0 ? n : PAGE_SIZE - iov_iter_count(&iter);
	complete(&rd->done);
}

static int file_read(struct pb_backend *backend, pgoff_t index,
		     struct folio *folio)
{
	struct file_read rd = {
		.file = backend->file,
		.folio = folio,
		.pos = (loff_t)index << PAGE_SHIFT,
	};

	init_completion(&rd.done);
	INIT_WORK_ONSTACK(&rd.work, file_read_work);
	queue_work(pb_file_wq, &rd.work);
	wait_for_completion(&rd.done);
	destroy_work_on_stack(&rd.work);
	if (rd.ret < 0)
		return rd.ret;

	/* The last page of the file ends with zeroes. */
	folio_zero_segment(folio, rd.ret, PAGE_SIZE);
	return 0;
}

static u64 file_bytes(struct pb_backend *backend)
{
	return i_size_read(file_inode(backend->file));
}

static void file_release(struct pb_backend *backend)
{
	fput(backend->file);
	kfree(backend);
}

static const struct pb_backend_ops file_ops = {
	.read = file_read,
	.bytes = file_bytes,
	.release = file_release,
};

static int file_check(struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	if (S_ISDIR(mode))
		return -EISDIR;
	if (S_ISFIFO(mode) || S_ISSOCK(mode))
		return -ESPIPE;
	if (!S_ISREG(mode))
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	/* An ordinary file of /proc or the like has no such operation. */
	if (!file->f_op->read_iter)
		return -EINVAL;
	return 0;
}

/**
 * pb_backend_file_new - make a backend of a file
 * @fd: the caller's file descriptor; a reference of its own is taken
 *
 * Return: the backend; -EBADF for a closed @fd, -EISDIR, -ESPIPE, -EINVAL for
 * what is not a regular file, -EACCES for one that is not open for reading,
 * -ENOMEM
 */
struct pb_backend *pb_backend_file_new(int fd)
{
	struct pb_backend *backend;
	struct file *file = fget(fd);
	int err;

	if (!file)
		return ERR_PTR(-EBADF);
	err = file_check(file);
	if (err)
		goto out_file;
	err = -ENOMEM;
	backend = kzalloc(sizeof(*backend), PB_GFP);
	if (!backend)
		goto out_file;
	backend->ops = &file_ops;
	backend->file = file;
	return backend;

out_file:
	fput(file);
	return ERR_PTR(err);
}

int __init pb_backend_file_init(void)
{
	pb_file_wq = alloc_workqueue("pagebox_file", WQ_UNBOUND, 0);
	return pb_file_wq ? 0 : -ENOMEM;
}

void pb_backend_file_exit(void)
{
	destroy_workqueue(pb_file_wq);
}
