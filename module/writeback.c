// SPDX-License-Identifier: GPL-2.0
/*
 * Write-back: write dirty pages of the root view to the store.
 *
 *   writeback_next()      find the next resident page of the root view
 *   writeback_lock_due()  lock its folio; skip it unless it is dirty
 *   writeback_clean()     clear the dirty marks, set PG_writeback
 *   writeback_add()       unlock the folio, add it to a request
 *   writeback_done()      clear PG_writeback
 *
 * A page is dirty if one of its PTEs is, which the CPU marks, or its folio,
 * which gets the mark when a PTE is removed or when write() or a pin changes
 * the page. So a page is cleaned under the folio lock: folio_mkclean() removes
 * the mark and the write permission from all PTEs and leaves them in place; the
 * next write fault restores both. A process may write to the page during the
 * write; the page is then dirty again, as with any file.
 *
 * A folio under write-back stays in its frame and its page in the root view
 * until the write is done. So the write needs no reference of its own: the
 * frame table's keeps the folio. Faults map the page as usual. An eviction, a
 * discard or a second write finds the folio busy and skips it, or waits for the
 * write without the folio lock. Never wait for a write with the folio lock
 * held: core mm waits for that lock in a way that no signal interrupts.
 *
 * Pages are written by msync(), fsync() and fdatasync(), by the flusher when
 * they have been dirty for long or too many are, by evictions (evict.c), and
 * after the last file descriptor and mapping are closed. A page that could not
 * be written stays dirty in its frame and is retried. The error is reported
 * once per open file by fsync(), as errseq_t does.
 *
 * Pages are written one by one, in unspecified order: the store's contents
 * after a crash depend on the underlying file or device.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "backend.h"
#include "box.h"
#include "engine.h"
#include "failpoint.h"
#include "io.h"
#include "page.h"
#include "pte.h"
#include "store.h"
#include "truncate.h"
#include "view.h"
#include "writeback.h"

/* Shortest and longest interval between two flushes, in milliseconds. */
#define FLUSH_OFTEN 20
#define FLUSH_SELDOM 1000

/**
 * struct pb_writeback - a write of pages that stay in their frames
 * @io: the request
 * @flight: the group that it belongs to
 */
struct pb_writeback {
	struct pb_io io;
	struct pb_flight *flight;
};

static_assert(sizeof(struct pb_writeback) <= PB_IO_SIZE);
static_assert(!offsetof(struct pb_writeback, io));

static void writeback_done(struct pb_io *io)
{
	struct pb_flight *flight =
		container_of(io, struct pb_writeback, io)->flight;

	pb_window(write_done);
	for (unsigned int i = 0; i < io->nr; i++) {
		if (io->err[i]) {
			folio_set_dirty(io->folio[i]);
			pb_store_failed(io->box, io->err[i]);
		}
		/* Last: from here on it may leave its frame. */
		folio_end_writeback(io->folio[i]);
	}
	pb_io_free(io);
	pb_flight_done(flight);
}

/**
 * struct writer - a pass over the dirty pages of a box
 * @box: the box
 * @flight: its writes
 * @io: the write that the next page may be added to, or NULL
 * @wait: wait for folio locks and for earlier writes, else skip busy pages
 * @before: write only pages found dirty at or before this jiffy; 0 for all
 */
struct writer {
	struct pb_box *box;
	struct pb_flight *flight;
	struct pb_io *io;
	bool wait;
	unsigned long before;
};

static void writeback_submit(struct writer *w)
{
	if (w->io)
		pb_io_submit(w->io);
	w->io = NULL;
}

/*
 * Find the next resident page of the root view, and take a reference to its
 * folio. RCU does not keep the page: check it again under the folio lock.
 */
static struct pb_page *writeback_next(struct pb_box *box, pgoff_t *index,
				      pgoff_t last, struct folio **folio)
{
	struct pb_page *page;

	rcu_read_lock();
	for (;; ++*index) {
		page = pb_view_next(&box->root, index, last);
		if (!page)
			break;
		*folio = pb_page_folio(page);
		if (!IS_ERR_OR_NULL(*folio))
			break;
	}
	rcu_read_unlock();
	return page;
}

/*
 * Lock a folio. Before it waits, it submits the pending write: other tasks may
 * wait for that.
 */
static int writeback_lock(struct writer *w, struct folio *folio)
{
	if (folio_trylock(folio))
		return 0;
	if (!w->wait)
		return -EAGAIN;
	writeback_submit(w);
	return folio_lock_killable(folio);
}

static bool writeback_is_dirty(struct pb_box *box, struct folio *folio)
{
	struct pb_pte_bits bits;

	if (folio_test_dirty(folio))
		return true;
	if (!folio_mapped(folio))
		return false;
	pb_pte_harvest(box->inode->i_mapping, &folio, &bits, 1, false);
	return bits.dirty;
}

/* The folio may hold another page by now, even one at the same address. */
static bool writeback_is_due(struct writer *w, struct pb_page *page,
			     struct folio *folio)
{
	if (!pb_page_owns(page, folio) || !page->root ||
	    !folio_test_uptodate(folio))
		return false;
	if (w->before &&
	    (!page->dirtied || time_after(page->dirtied, w->before)))
		return false;
	return writeback_is_dirty(w->box, folio);
}

/*
 * Lock a page that is due, after any earlier write of it. Return 1 with the
 * folio locked, 0 when the page is not due or busy, or -EINTR.
 */
static int writeback_lock_due(struct writer *w, struct pb_page *page,
			      struct folio *folio)
{
	int err;

	for (;;) {
		err = writeback_lock(w, folio);
		if (err)
			return err == -EAGAIN ? 0 : err;
		if (!writeback_is_due(w, page, folio)) {
			folio_unlock(folio);
			return 0;
		}
		if (!folio_test_writeback(folio) &&
		    folio_test_hwpoison(folio)) {
			/* The caller drops its reference. */
			folio_get(folio);
			return pb_poison_retire(w->box, folio);
		}
		if (!folio_test_writeback(folio))
			return 1;
		folio_unlock(folio);
		if (!w->wait)
			return 0;
		pb_window(write_again);
		writeback_submit(w);
		err = folio_wait_writeback_killable(folio);
		if (err)
			return err;
	}
}

/*
 * Make the page clean and set PG_writeback. The caller has checked that it is
 * dirty: folio_mkclean() does not distinguish a dirty PTE from a writable one.
 */
static void writeback_clean(struct pb_box *box, struct pb_page *page,
			    struct folio *folio)
{
	pb_window(write_clean);
	folio_mkclean(folio);
	pb_store_clear_tail(box, folio);
	folio_clear_dirty(folio);
	page->dirtied = 0;
	folio_start_writeback(folio);
	pb_window(write_cleaned);
}

/* Start an empty write in the writer's group. */
static struct pb_io *writeback_begin(struct writer *w, pgoff_t index)
{
	struct pb_io *io =
		pb_io_new(w->box, w->box->store, index, true, writeback_done);

	container_of(io, struct pb_writeback, io)->flight = w->flight;
	pb_flight_add(w->flight);
	return io;
}

/* Add a locked folio to the pending write; the folio is unlocked on return. */
static void writeback_add(struct writer *w, struct pb_page *page,
			  struct folio *folio)
{
	if (w->io && !pb_io_continues(w->io, w->box->store, page->index))
		writeback_submit(w);
	if (!w->io)
		w->io = writeback_begin(w, page->index);
	writeback_clean(w->box, page, folio);
	folio_unlock(folio);
	w->io->folio[w->io->nr++] = folio;
}

/* Start writing the dirty pages from @index to @last. */
static int writeback_pages(struct writer *w, pgoff_t index, pgoff_t last)
{
	struct pb_page *page;
	struct folio *folio;
	int err = 0;

	for (; !err && index <= last; index++) {
		page = writeback_next(w->box, &index, last, &folio);
		if (!page)
			break;
		pb_window(write_lock);
		err = writeback_lock_due(w, page, folio);
		if (err > 0) {
			writeback_add(w, page, folio);
			err = 0;
		}
		folio_put(folio);
		cond_resched();
		if (index == ULONG_MAX)
			break;
	}
	writeback_submit(w);
	return err;
}

/* Wait for writes started by other tasks: their pages may be clean by now. */
static int writeback_wait_for_others(struct pb_box *box, pgoff_t index,
				     pgoff_t last)
{
	struct folio *folio;
	int err = 0;

	for (; !err && index <= last; index++) {
		if (!writeback_next(box, &index, last, &folio))
			break;
		err = folio_wait_writeback_killable(folio);
		folio_put(folio);
		cond_resched();
		if (index == ULONG_MAX)
			break;
	}
	return err;
}

static int writeback_and_wait(struct pb_box *box, pgoff_t first, pgoff_t last,
			      bool wait, unsigned long before)
{
	struct writer w = {
		.box = box,
		.flight = pb_flight_new(),
		.wait = wait,
		.before = before,
	};
	int err = writeback_pages(&w, first, last);

	err = pb_flight_wait(w.flight, NULL) ?: err;
	if (!err && wait)
		err = writeback_wait_for_others(box, first, last);
	return err;
}

/**
 * pb_writeback_range - write dirty pages to the store
 * @box: a sealed box
 * @first: first page
 * @last: last page
 *
 * Write errors are recorded for fsync().
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0 when all dirty pages were written or failed; -EINTR when the task
 * is being killed
 */
int pb_writeback_range(struct pb_box *box, pgoff_t first, pgoff_t last)
{
	if (!pb_box_writes_back(box))
		return 0;
	return writeback_and_wait(box, first, last, true, 0);
}

/*
 * Pages behind a pending truncation of the store are not written, since it may
 * drop them. So start over if a truncation came in between.
 */
static int writeback_range(struct pb_box *box, pgoff_t first, pgoff_t last)
{
	struct pb_truncate *t = &box->truncate;
	unsigned int seq;
	int err;

	do {
		seq = READ_ONCE(t->seq);
		err = pb_store_wait(box, PB_CUT_ANY);
		if (!err)
			err = pb_writeback_range(box, first, last);
	} while (!err && seq != READ_ONCE(t->seq));
	return err;
}

/**
 * pb_writeback_fsync - fsync(), fdatasync() and msync(MS_SYNC)
 * @file: of the box, or of a private mapping
 * @start: first byte
 * @end: last byte
 * @datasync: fdatasync() is sufficient
 *
 * Does nothing for private pages, and for a box whose store is read-only.
 *
 * Return: 0, or an error, possibly an earlier one not yet reported to this file
 */
int pb_writeback_fsync(struct file *file, loff_t start, loff_t end,
		       int datasync)
{
	struct pb_box *box = file->private_data;
	int err, before;

	/* An unsealed box has no dirty page; pairs with pb_box_seal(). */
	if (!smp_load_acquire(&box->sealed))
		return 0;
	err = writeback_range(box, start >> PAGE_SHIFT, end >> PAGE_SHIFT);
	if (!pb_box_writes_back(box))
		return err;
	if (!err) {
		pb_window(fsync_sync);
		err = pb_backend_sync(box->store, datasync);
		if (err)
			pb_store_failed(box, err);
	}
	before = file_check_and_advance_wb_err(file);
	return err ?: before;
}

/* Note the time at which a page was found dirty. Return whether it is. */
static bool writeback_note_dirty(struct pb_box *box, struct pb_page *page,
				 struct folio *folio)
{
	if (!pb_page_owns(page, folio) || !page->root)
		return false;
	if (!writeback_is_dirty(box, folio))
		page->dirtied = 0;
	else if (!page->dirtied)
		page->dirtied = jiffies ?: 1;
	return page->dirtied;
}

static unsigned long writeback_count_dirty(struct pb_box *box)
{
	unsigned long dirty = 0;
	struct pb_page *page;
	struct folio *folio;
	pgoff_t index;

	for (index = 0;; index++) {
		page = writeback_next(box, &index, ULONG_MAX, &folio);
		if (!page)
			return dirty;
		if (folio_trylock(folio)) {
			dirty += writeback_note_dirty(box, page, folio);
			folio_unlock(folio);
		}
		folio_put(folio);
		cond_resched();
	}
}

/* Interval between two flushes: a quarter of the age limit, clamped. */
static unsigned long writeback_period(struct pb_box *box)
{
	return msecs_to_jiffies(clamp_t(u32,
					READ_ONCE(box->tune.dirty_age_ms) / 4,
					FLUSH_OFTEN, FLUSH_SELDOM));
}

static void writeback_flush_work(struct work_struct *work)
{
	struct pb_box *box =
		container_of(to_delayed_work(work), struct pb_box, flusher);
	u64 limit = (u64)READ_ONCE(box->tune.dirty_ratio) *
		    READ_ONCE(box->frames.limit);
	u64 dirty = writeback_count_dirty(box);
	unsigned long before = 0;

	pb_store_pending(box, 0);
	if (dirty * 100 <= limit)
		before =
			(jiffies - msecs_to_jiffies(READ_ONCE(box->tune.dirty_age_ms))) ?:
				1;
	pb_window(flush_write);
	/* Errors are recorded for fsync(), and the pages stay dirty. */
	if (dirty)
		writeback_and_wait(box, 0, ULONG_MAX, false, before);
	pb_window(flush_again);
	queue_delayed_work(box->user->wq, &box->flusher, writeback_period(box));
}

/**
 * pb_writeback_start - start the flusher of a box
 * @box: the box
 */
void pb_writeback_start(struct pb_box *box)
{
	if (pb_box_writes_back(box))
		mod_delayed_work(box->user->wq, &box->flusher,
				 writeback_period(box));
}

/**
 * pb_writeback_init - initialise the flusher
 * @box: a new box
 */
void pb_writeback_init(struct pb_box *box)
{
	INIT_DELAYED_WORK(&box->flusher, writeback_flush_work);
}

/**
 * pb_writeback_stop - stop the flusher
 * @box: the box
 */
void pb_writeback_stop(struct pb_box *box)
{
	cancel_delayed_work_sync(&box->flusher);
}

/**
 * struct farewell - the last write-back of a box
 * @work: work for a worker, so that no signal interrupts it
 * @box: the box, referenced
 * @flight: for the task that waits
 */
struct farewell {
	struct work_struct work;
	struct pb_box *box;
	struct pb_flight *flight;
};

static void writeback_farewell_work(struct work_struct *work)
{
	struct farewell *last = container_of(work, struct farewell, work);
	struct pb_box *box = last->box;
	unsigned long lost;

	pb_window(farewell_stop);
	pb_writeback_stop(box);
	pb_window(farewell_write);
	if (pb_store_pending(box, PB_CUT_ANY))
		pb_truncate_trim(box);
	writeback_and_wait(box, 0, ULONG_MAX, true, 0);
	lost = writeback_count_dirty(box);
	if (lost)
		pr_notice_ratelimited(
			"box %u: %lu pages could not be written to its store\n",
			box->id, lost);
	pb_box_put_later(box);
	pb_flight_done(last->flight);
	kfree(last);
}

/**
 * pb_writeback_last - write all dirty pages of a box that is closed
 * @box: a box without open files
 *
 * A worker writes them; the wait is killable.
 */
void pb_writeback_last(struct pb_box *box)
{
	struct pb_flight *flight;
	struct farewell *last;

	if (!box->sealed || !pb_box_writes_back(box))
		return;
	flight = pb_flight_new();
	last = kmalloc(sizeof(*last), GFP_KERNEL | __GFP_NOFAIL);
	pb_flight_add(flight);
	kref_get(&box->ref);
	last->box = box;
	last->flight = flight;
	INIT_WORK(&last->work, writeback_farewell_work);
	queue_work(box->user->wq, &last->work);
	pb_flight_wait_closing(flight);
}
