// SPDX-License-Identifier: GPL-2.0
/*
 * The device as a file: read, write, seek, advice. Reads and writes access the
 * pages of the root view, as MAP_SHARED mappings do, and get them as faults do.
 *
 * The buffer may be a mapping of the page that is read or written, and faulting
 * it in may take the box's last frames. So no page of the box is held while
 * waiting for user memory: the copy runs with page faults disabled. If it makes
 * no progress, the page is released, the buffer's next byte is faulted in, and
 * the copy is tried again. Only one byte is faulted in, because a box of two
 * frames has room for that and the page, and for no more.
 */
#include <linux/fadvise.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "box.h"
#include "config.h"
#include "dev.h"
#include "failpoint.h"
#include "fault.h"
#include "fill.h"
#include "io.h"
#include "map.h"
#include "page.h"
#include "pagebox.h"
#include "range.h"
#include "stats.h"
#include "store.h"
#include "view.h"
#include "writeback.h"

static pgoff_t index_of(const struct kiocb *iocb)
{
	return iocb->ki_pos >> PAGE_SHIFT;
}

/* Number of bytes of a request in the next page; 0 at the end of the box. */
static size_t next_part(struct pb_box *box, const struct kiocb *iocb,
			const struct iov_iter *iter)
{
	u64 end = pb_box_end(box);
	u64 pos = iocb->ki_pos;

	if (pos >= end)
		return 0;
	return min3((u64)iov_iter_count(iter), end - pos,
		    (u64)PAGE_SIZE - offset_in_page(pos));
}

/* Any signal ends a transfer with progress, only a fatal one ends any. */
static bool interrupted(size_t done)
{
	return done ? signal_pending(current) : fatal_signal_pending(current);
}

/* Was the page never touched, so that it reads as zeroes? */
static bool is_hole(struct pb_box *box, pgoff_t index)
{
	bool hole;

	rcu_read_lock();
	hole = !box->store && !pb_view_peek(&box->root, index);
	rcu_read_unlock();
	return hole;
}

/* Does the read continue the last one, or is the file marked as sequential? */
static bool in_sequence(const struct kiocb *iocb)
{
	const struct file *file = iocb->ki_filp;

	if (file->f_mode & FMODE_RANDOM)
		return false;
	return file->f_ra.ra_pages || iocb->ki_pos == file->f_ra.prev_pos;
}

/*
 * Read the requested page together with those after it. The request fails with
 * the error of the requested page. The page counts as read by a fault.
 */
static int devio_readahead(struct pb_box *box, const struct kiocb *iocb)
{
	unsigned int nr = READ_ONCE(box->tune.readahead);
	enum pagebox_fault_class class;
	int ret;

	if (nr < 2 || !in_sequence(iocb))
		return 0;
	ret = pb_fill_readahead(box, &box->root, index_of(iocb), nr, &class);
	/* The requested page may still get a frame: the caller waits for one. */
	if (ret <= 0)
		return ret == -ENOSPC ? 0 : ret;
	pb_count(box, class);
	pb_count(box, PB_STAT_MAJOR);
	return 0;
}

/* As pb_fault_root(). Mark the folio referenced: there is no PTE to do so. */
static int devio_get_folio(struct pb_box *box, const struct kiocb *iocb,
			   bool write, struct folio **folio)
{
	int err = pb_fault_root(box, index_of(iocb), write, folio);

	if (!err)
		folio_set_referenced(*folio);
	return err;
}

static size_t devio_copy_out(struct folio *folio, size_t offset, size_t n,
			     struct iov_iter *to)
{
	void *from = kmap_local_folio(folio, offset);
	size_t copied;

	/*
	 * Copy bytes, do not pass a page reference: a pipe would treat the page
	 * as one of the page cache.
	 */
	pagefault_disable();
	copied = pb_may_fail(copy_to_iter, 0, copy_to_iter(from, n, to));
	pagefault_enable();
	kunmap_local(from);
	return copied;
}

static size_t devio_copy_in(struct folio *folio, size_t offset, size_t n,
			    struct iov_iter *from)
{
	void *to = kmap_local_folio(folio, offset);
	size_t copied;

	pagefault_disable();
	copied = pb_may_fail(copy_from_iter, 0, copy_from_iter(to, n, from));
	pagefault_enable();
	kunmap_local(to);
	return copied;
}

/* Return the number of bytes read, 0 at the end, -EAGAIN to try again. */
static ssize_t devio_read_page(struct pb_box *box, struct kiocb *iocb,
			       struct iov_iter *to, size_t n)
{
	struct folio *folio;
	size_t copied;
	int err;

	if (is_hole(box, index_of(iocb))) {
		copied = pb_may_fail(copy_to_iter, 0, iov_iter_zero(n, to));
		return copied ?: -EFAULT;
	}
	err = devio_readahead(box, iocb);
	if (!err)
		err = devio_get_folio(box, iocb, false, &folio);
	/* The store may have shrunk. */
	if (err)
		return err == -ENODATA ? 0 : err;

	/* The reference pins the frame's contents; the lock is not needed. */
	folio_unlock(folio);
	pb_window(read_copy);
	copied = devio_copy_out(folio, offset_in_page(iocb->ki_pos), n, to);
	folio_put(folio);
	if (copied)
		return copied;
	/* A pipe may be out of memory; there is nothing to fault in. */
	if (!user_backed_iter(to) || pb_fail(fault_in_iter) ||
	    fault_in_iov_iter_writeable(to, 1))
		return -EFAULT;
	return -EAGAIN;
}

/**
 * pb_read_iter - the read_iter callback
 * @iocb: file and position
 * @to: destination
 *
 * Return: the number of bytes, 0 at the end of the box; -EFAULT, -EINTR, or the
 * error of a fault
 */
ssize_t pb_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct pb_box *box = iocb->ki_filp->private_data;
	ssize_t done = 0, ret = 0;
	size_t n;

	pb_box_seal(box);
	while (iov_iter_count(to)) {
		n = next_part(box, iocb, to);
		ret = n ? devio_read_page(box, iocb, to, n) : 0;
		if (ret > 0) {
			done += ret;
			iocb->ki_pos += ret;
			iocb->ki_filp->f_ra.prev_pos = iocb->ki_pos;
		} else if (ret != -EAGAIN) {
			break;
		}
		if (interrupted(done)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	return done ?: ret;
}

/* Return the number of bytes written, -ENOSPC at the end, -EAGAIN to try again. */
static ssize_t devio_write_page(struct pb_box *box, struct kiocb *iocb,
				struct iov_iter *from, size_t n)
{
	struct folio *folio;
	size_t copied;
	int err;

	/* First, so that a bad address leaves no page behind. */
	if (pb_fail(fault_in_iter) || fault_in_iov_iter_readable(from, 1))
		return -EFAULT;
	err = devio_get_folio(box, iocb, true, &folio);
	if (err)
		return err == -ENODATA ? -ENOSPC : err;

	pb_window(write_copy);
	copied = devio_copy_in(folio, offset_in_page(iocb->ki_pos), n, from);
	if (copied)
		folio_mark_dirty(folio);
	pb_folio_release(folio);
	return copied ?: -EAGAIN;
}

static ssize_t devio_write_pages(struct pb_box *box, struct kiocb *iocb,
				 struct iov_iter *from)
{
	ssize_t done = 0, ret = 0;
	size_t n;

	while (iov_iter_count(from)) {
		n = next_part(box, iocb, from);
		ret = n ? devio_write_page(box, iocb, from, n) : -ENOSPC;
		if (ret > 0) {
			done += ret;
			iocb->ki_pos += ret;
		} else if (ret != -EAGAIN) {
			break;
		}
		if (interrupted(done)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	return done ?: ret;
}

/**
 * pb_write_iter - the write_iter callback
 * @iocb: file and position
 * @from: source
 *
 * Writes to one page are serialised; overlapping writes of several pages may mix
 * page by page. Appending is not possible, because the size of a box is fixed.
 *
 * Return: the number of bytes; -ENOSPC at the end of the box; -EINVAL for an
 * append; -EFAULT, -EINTR, or the error of a fault
 */
ssize_t pb_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct pb_box *box = iocb->ki_filp->private_data;
	ssize_t done;

	if (iocb->ki_flags & IOCB_APPEND)
		return -EINVAL;
	pb_box_seal(box);
	done = devio_write_pages(box, iocb, from);
	return done > 0 ? generic_write_sync(iocb, done) : done;
}

/* Offset of the next page that exists. */
static loff_t next_data(struct pb_box *box, loff_t offset, u64 end)
{
	pgoff_t index = offset >> PAGE_SHIFT;
	bool found;

	rcu_read_lock();
	found = pb_view_next(&box->root, &index, (end - 1) >> PAGE_SHIFT);
	rcu_read_unlock();
	return found ? max(offset, (loff_t)index << PAGE_SHIFT) : -ENXIO;
}

/* Offset of the next page that does not exist; the end counts as a hole. */
static loff_t next_hole(struct pb_box *box, loff_t offset, u64 end)
{
	pgoff_t index = offset >> PAGE_SHIFT;

	while ((u64)index << PAGE_SHIFT < end && !is_hole(box, index)) {
		index++;
		cond_resched();
	}
	return max(offset, (loff_t)index << PAGE_SHIFT);
}

/* SEEK_DATA and SEEK_HOLE in a box without a store. */
static loff_t seek_sparse(struct file *file, loff_t offset, int whence, u64 end)
{
	struct pb_box *box = file->private_data;

	if (offset < 0 || offset >= end)
		return -ENXIO;
	if (whence == SEEK_DATA)
		offset = next_data(box, offset, end);
	else
		offset = next_hole(box, offset, end);
	return offset < 0 ? offset : vfs_setpos(file, offset, MAX_LFS_FILESIZE);
}

/**
 * pb_llseek - lseek()
 * @file: of a box
 * @offset: as for lseek()
 * @whence: as for lseek(). With a store everything up to the end is data,
 *          without one the pages that exist
 *
 * Asking for the size does not count as use of the box, so it is not sealed.
 *
 * Return: the new position; -EINVAL, -ENXIO
 */
loff_t pb_llseek(struct file *file, loff_t offset, int whence)
{
	struct pb_box *box = file->private_data;
	bool sparse;
	u64 end;

	mutex_lock(&box->lock);
	sparse = !box->store;
	end = pb_box_end(box);
	mutex_unlock(&box->lock);

	if (sparse && (whence == SEEK_DATA || whence == SEEK_HOLE))
		return seek_sparse(file, offset, whence, end);
	return generic_file_llseek_size(file, offset, whence, MAX_LFS_FILESIZE,
					end);
}

/* ra_pages serves as a flag: the box configures the size of readahead. */
static void set_pattern(struct file *file, bool random, bool sequential)
{
	spin_lock(&file->f_lock);
	file->f_mode &= ~FMODE_RANDOM;
	if (random)
		file->f_mode |= FMODE_RANDOM;
	spin_unlock(&file->f_lock);
	file->f_ra.ra_pages = sequential ? PB_IO_MAX : 0;
}

/* Stop at the frame limit: more pages would evict each other. */
static void will_need(struct pb_box *box, struct pb_view *view, pgoff_t first,
		      pgoff_t last)
{
	u64 pages;

	pb_range_prefetch(box, view, first, last, READ_ONCE(box->frames.limit),
			  &pages);
}

/* Prefetch pages of the mapping, which mmap_lock keeps. */
static void will_need_mapping(struct file *file, pgoff_t first, pgoff_t last)
{
	struct pb_box *box = file->private_data;
	struct mm_struct *mm = current->mm;
	struct pb_map *map;

	if (mmap_read_lock_killable(mm))
		return;
	map = pb_map_find(box, file, mm);
	if (map)
		will_need(box, map->view, first, last);
	mmap_read_unlock(mm);
}

static void dont_need(struct pb_box *box, pgoff_t first, pgoff_t last)
{
	u64 pages;

	/* Pages that cannot be written stay; fsync() reports the error. */
	pb_writeback_range(box, first, last);
	pb_range_page_out(box, &box->root, first, last, &pages);
}

/* As with files: WILLNEED includes partial pages, DONTNEED does not. */
static void advise_pages(struct file *file, u64 start, u64 end, int advice,
			 bool mapping)
{
	struct pb_box *box = file->private_data;

	pb_box_seal(box);
	end = min(end, box->bytes);
	if (advice == POSIX_FADV_DONTNEED) {
		start = round_up(start, PAGE_SIZE);
		end = round_down(end, PAGE_SIZE);
	}
	if (start >= end)
		return;
	start >>= PAGE_SHIFT;
	end = (end - 1) >> PAGE_SHIFT;
	if (advice == POSIX_FADV_DONTNEED)
		dont_need(box, start, end);
	else if (mapping)
		will_need_mapping(file, start, end);
	else
		will_need(box, &box->root, start, end);
}

static int devio_advise(struct file *file, loff_t offset, loff_t length,
			int advice, bool mapping)
{
	u64 end = length ? (u64)offset + length : U64_MAX;

	if (offset < 0 || length < 0)
		return -EINVAL;
	switch (advice) {
	case POSIX_FADV_NORMAL:
	case POSIX_FADV_RANDOM:
	case POSIX_FADV_SEQUENTIAL:
		set_pattern(file, advice == POSIX_FADV_RANDOM,
			    advice == POSIX_FADV_SEQUENTIAL);
		return 0;
	case POSIX_FADV_WILLNEED:
	case POSIX_FADV_DONTNEED:
		advise_pages(file, offset, end, advice, mapping);
		return 0;
	case POSIX_FADV_NOREUSE:
		return 0;
	}
	return -EINVAL;
}

/**
 * pb_fadvise - posix_fadvise()
 * @file: of a box, with a file descriptor
 * @offset: first byte
 * @length: number of bytes, 0 for all that follow
 * @advice: POSIX_FADV_*
 *
 * It is not an error if the advice cannot be followed.
 *
 * Return: 0 or -EINVAL
 */
int pb_fadvise(struct file *file, loff_t offset, loff_t length, int advice)
{
	return devio_advise(file, offset, length, advice, false);
}

/**
 * pb_fadvise_mapping - madvise(MADV_WILLNEED), which calls the VMA's file
 * @file: the file of a mapping
 * @offset: as for pb_fadvise()
 * @length: as for pb_fadvise()
 * @advice: as for pb_fadvise()
 *
 * Return: 0 or -EINVAL
 */
int pb_fadvise_mapping(struct file *file, loff_t offset, loff_t length,
		       int advice)
{
	return devio_advise(file, offset, length, advice, true);
}
