// SPDX-License-Identifier: GPL-2.0
/*
 * Filling frames: reading contents from a backend into memory.
 *
 * A read is a request (struct pb_fill) that owns its frames, and the folio
 * locks of the pages attached to them. The submitting task waits, and takes
 * everything back when the read is done. The wait is killable: a killed task
 * leaves the request behind, which then completes by itself as readahead does.
 *
 * Two kinds of frames are filled. A frame with a page attached has a locked
 * folio that is not up to date, so other tasks that want the page wait for it.
 * A blank frame is filled for a copy, and only the submitting task knows it.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/psi.h>

#include "backend.h"
#include "box.h"
#include "evict.h"
#include "failpoint.h"
#include "fill.h"
#include "frame.h"
#include "io.h"
#include "page.h"
#include "pagebox.h"
#include "stats.h"
#include "store.h"
#include "swap.h"
#include "view.h"

/* The states of a read. */
enum fill_state {
	FILL_WAITED,
	FILL_DONE,
	FILL_ABANDONED,
};

static_assert(sizeof(struct pb_fill) <= PB_IO_SIZE);
static_assert(!offsetof(struct pb_fill, io));

/**
 * pb_fill_source - find the contents of a page
 * @box: the box
 * @page: a page, or NULL for an index that has none
 * @index: its index in the box
 * @backend: set to the backend, or NULL when the contents are zero
 * @at: set to the index in the backend
 *
 * The result is stable while the page is attached to a locked folio. Under RCU
 * alone it may be outdated; for a page whose swap area has just been removed it
 * is zero.
 *
 * Return: the class of a fault that reads the page
 */
enum pagebox_fault_class
pb_fill_source(struct pb_box *box, const struct pb_page *page, pgoff_t index,
	       struct pb_backend **backend, pgoff_t *at)
{
	u32 slot = page ? READ_ONCE(page->slot) : PB_NONE;
	struct pb_swap *swap;

	if (slot != PB_NONE) {
		pb_window_atomic(fill_source);
		swap = pb_box_swap_of(box, slot);
		*backend = swap ? swap->backend : NULL;
		*at = slot & ~PB_SWAP_PARITY;
		return swap ? PAGEBOX_FAULT_SWAPIN : PAGEBOX_FAULT_ZERO;
	}
	*backend = box->store;
	*at = index;
	return box->store ? PAGEBOX_FAULT_FILE : PAGEBOX_FAULT_ZERO;
}

/**
 * pb_fill_undo - free the frame of a page that could not be read
 * @box: the box
 * @page: the page
 * @folio: its folio, locked and referenced; unlocked and released on return
 * @fresh: the page was made for this read, and put into the root view
 */
void pb_fill_undo(struct pb_box *box, struct pb_page *page, struct folio *folio,
		  bool fresh)
{
	/* If it was discarded in between, the discarding task drops it. */
	bool drop = fresh &&
		    !pb_view_replace(&box->root, page->index, page, NULL);
	u32 frame = pb_page_detach(box, page, folio);

	pb_frame_put(&box->frames, folio, frame);
	if (drop)
		pb_page_unshare(box, page);
}

/**
 * pb_fill_finish - take a page over from a read that is done
 * @fill: the read
 * @i: number of the page in the read; it is attached to its frame
 *
 * Return: 0, then the folio is up to date, and the caller owns its lock and its
 * reference; or the error, then the page is in no frame
 */
int pb_fill_finish(struct pb_fill *fill, unsigned int i)
{
	struct pb_page *page = fill->page[i];
	struct folio *folio = fill->io.folio[i];
	u32 valid = page->valid;

	if (fill->io.err[i]) {
		pb_fill_undo(fill->io.box, page, folio, fill->fresh & BIT(i));
		return fill->io.err[i];
	}
	if (valid)
		folio_zero_segment(folio, valid, PAGE_SIZE);
	folio_mark_uptodate(folio);
	return 0;
}

/**
 * pb_fill_free - free a read
 * @fill: one that is done, or was never run
 */
void pb_fill_free(struct pb_fill *fill)
{
	pb_io_free(&fill->io);
}

static void fill_finish_alone(struct pb_fill *fill)
{
	struct pb_io *io = &fill->io;

	for (unsigned int i = 0; i < io->nr; i++) {
		if (!fill->page[i]) {
			pb_frame_put_blank(&io->box->frames, io->folio[i],
					   fill->frame[i]);
		} else if (!pb_fill_finish(fill, i)) {
			pb_folio_release(io->folio[i]);
		}
	}
	pb_fill_free(fill);
}

static void fill_done(struct pb_io *io)
{
	struct pb_fill *fill = container_of(io, struct pb_fill, io);

	if (atomic_cmpxchg(&fill->state, FILL_WAITED, FILL_DONE) == FILL_WAITED)
		complete(&fill->waited);
	else
		fill_finish_alone(fill);
}

/**
 * pb_fill_new - begin a read
 * @box: the box
 * @backend: the backend to read from
 * @at: index of the first page in the backend
 *
 * Return: a read without pages, for pb_fill_add() and then pb_fill_run()
 */
struct pb_fill *pb_fill_new(struct pb_box *box, struct pb_backend *backend,
			    pgoff_t at)
{
	struct pb_io *io = pb_io_new(box, backend, at, false, fill_done);
	struct pb_fill *fill = container_of(io, struct pb_fill, io);

	fill->fresh = 0;
	atomic_set(&fill->state, FILL_WAITED);
	init_completion(&fill->waited);
	return fill;
}

/**
 * pb_fill_add - add the next page to a read
 * @fill: the read
 * @page: the page, attached to the blank frame; or NULL to fill only the frame
 * @blank: the frame; the read takes ownership
 * @fresh: the page was made for this read, and put into the root view
 */
void pb_fill_add(struct pb_fill *fill, struct pb_page *page,
		 struct pb_blank *blank, bool fresh)
{
	unsigned int i = fill->io.nr++;

	fill->page[i] = page;
	fill->io.folio[i] = blank->folio;
	fill->frame[i] = blank->frame;
	if (fresh)
		fill->fresh |= BIT(i);
	blank->folio = NULL;
}

/**
 * pb_fill_run - submit a read and wait for it
 * @fill: the read
 *
 * Context: sleeps. The caller may hold the folio locks of this read only.
 * Return: 0 when it is done: the caller takes each page over, checks the errors
 * in @fill->io, and frees the read. -EINTR when the task is being killed: then
 * the read completes and frees itself.
 */
int pb_fill_run(struct pb_fill *fill)
{
	bool refault = fill->io.backend != fill->io.box->store;
	unsigned long pressure = 0;
	int err;

	if (refault)
		psi_memstall_enter(&pressure);
	pb_io_submit(&fill->io);
	pb_window(fill_wait);
	err = wait_for_completion_killable(&fill->waited);
	if (err && atomic_cmpxchg(&fill->state, FILL_WAITED, FILL_ABANDONED) ==
			   FILL_DONE) {
		/* fill_done() is about to complete it. */
		wait_for_completion(&fill->waited);
		err = 0;
	}
	if (refault)
		psi_memstall_leave(&pressure);
	return err ? -EINTR : 0;
}

/* Is the page in no frame, and its contents in a backend? Called under RCU. */
static bool fill_is_due(struct pb_box *box, struct pb_view *view, pgoff_t index,
			struct pb_backend **backend, pgoff_t *at)
{
	struct pb_page *page = pb_view_look(box, view, index);

	if (page && (READ_ONCE(page->folio) || READ_ONCE(page->lost)))
		return false;
	return pb_fill_source(box, page, index, backend, at) !=
	       PAGEBOX_FAULT_ZERO;
}

/* How many pages from @index on one read can cover; at most @nr. */
static unsigned int fill_run_length(struct pb_box *box, struct pb_view *view,
				    pgoff_t index, unsigned int nr)
{
	struct pb_backend *first, *backend;
	pgoff_t from, at;
	unsigned int n = 0;

	rcu_read_lock();
	if (fill_is_due(box, view, index, &first, &from)) {
		for (n = 1; n < nr && pb_box_has(box, index + n); n++) {
			if (!fill_is_due(box, view, index + n, &backend, &at) ||
			    backend != first || at != from + n)
				break;
		}
	}
	rcu_read_unlock();
	return n;
}

/* Make a page of the root view for an index that has none. */
static bool fill_attach_new(struct pb_fill *fill, pgoff_t index,
			    struct pb_blank *blank)
{
	struct pb_box *box = fill->io.box;
	struct pb_page *page = pb_page_new(box, index, true);
	struct folio *folio = blank->folio;

	if (!page)
		return false;
	pb_page_attach(box, page, blank);
	if (pb_view_replace(&box->root, index, NULL, page)) {
		pb_page_detach(box, page, folio);
		folio_unlock(folio);
		pb_page_unshare(box, page);
		return false;
	}
	pb_fill_add(fill, page, blank, true);
	return true;
}

/* Attach an existing page, if its contents are still where the run expects. */
static bool fill_attach_old(struct pb_fill *fill, struct pb_page *page,
			    struct pb_blank *blank)
{
	struct pb_box *box = fill->io.box;
	struct folio *folio = blank->folio;
	struct pb_backend *backend;
	pgoff_t at;

	if (!pb_page_attach(box, page, blank))
		return false;
	pb_fill_source(box, page, page->index, &backend, &at);
	if (backend == fill->io.backend && at == fill->io.index + fill->io.nr &&
	    !page->lost) {
		pb_fill_add(fill, page, blank, false);
		return true;
	}
	pb_page_detach(box, page, folio);
	folio_unlock(folio);
	return false;
}

/* Attach the next page of a run to its frame, if nothing has changed. */
static bool fill_attach(struct pb_fill *fill, struct pb_view *view,
			pgoff_t index, struct pb_blank *blank)
{
	struct pb_box *box = fill->io.box;
	struct pb_page *page;
	bool added;

	page = pb_view_get(box, view, index);
	if (IS_ERR(page))
		return false;
	if (!page)
		return fill->io.backend == box->store &&
		       fill_attach_new(fill, index, blank);
	added = fill_attach_old(fill, page, blank);
	pb_page_put(box, page);
	return added;
}

/* Release the pages. Return how many were read, or the first page's error. */
static int fill_settle(struct pb_fill *fill, enum pb_stat why)
{
	struct pb_io *io = &fill->io;
	int done = 0;

	for (unsigned int i = 0; i < io->nr; i++) {
		if (pb_fill_finish(fill, i))
			continue;
		fill->page[i]->ahead = why == PB_STAT_READAHEAD && i;
		folio_set_referenced(io->folio[i]);
		pb_folio_release(io->folio[i]);
		done++;
	}
	return (io->nr ? io->err[0] : 0) ?: done;
}

/* Give back the frames that the read does not use. Return how many it uses. */
static int fill_put_left(struct pb_fill *fill, struct pb_blank *blank, int nr)
{
	for (int i = fill->io.nr; i < nr; i++)
		pb_frame_put_blank(&fill->io.box->frames, blank[i].folio,
				   blank[i].frame);
	return fill->io.nr;
}

/*
 * Take frames for a run, as many as can be had without the OOM policy: the
 * pages may never be accessed. Return how many, or an error if none.
 */
static int fill_take_frames(struct pb_box *box, struct pb_blank *blank,
			    unsigned int nr)
{
	struct pb_obstacles seen;
	unsigned int got;
	int err = 0;

	for (got = 0; got < nr && !err; got += !err)
		err = pb_evict_try_frame(box, &blank[got], &seen);
	if (got)
		return got;
	return err == -EAGAIN ? -ENOSPC : err;
}

/**
 * pb_fill_range - read neighbouring pages into frames, without mapping them
 * @box: the box
 * @view: look the pages up in this view
 * @index: first index; advanced past the pages that were checked
 * @nr: most pages to check; at most PB_IO_MAX are read
 * @why: the counter for the pages: PB_STAT_READAHEAD if the first page is
 *       needed by a fault, or PB_STAT_PREFETCHED
 *
 * Reads one run of pages that are contiguous in a backend, in one request that
 * uses at most an eighth of the frames.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: how many pages were read, 0 when the page at @index needs no read;
 * -ENOSPC without a frame; -EINTR when the task is being killed; or the error
 * of the first page of the run
 */
int pb_fill_range(struct pb_box *box, struct pb_view *view, pgoff_t *index,
		  unsigned int nr, enum pb_stat why)
{
	struct pb_blank blank[PB_IO_MAX];
	struct pb_backend *backend;
	pgoff_t first = *index, at = 0;
	struct pb_fill *fill;
	bool still;
	int got, n;

	nr = min3(nr, (unsigned int)PB_IO_MAX,
		  max(READ_ONCE(box->frames.limit) / 8, 1U));
	n = fill_run_length(box, view, first, nr);
	*index = first + max(n, 1);
	if (!n)
		return 0;
	pb_window(fill_frames);
	got = fill_take_frames(box, blank, n);
	if (got < 0)
		return got;

	/* It may have taken long to get the frames. */
	rcu_read_lock();
	still = fill_is_due(box, view, first, &backend, &at);
	rcu_read_unlock();
	pb_window(fill_attach);
	fill = pb_fill_new(box, still ? backend : NULL, at);
	for (n = 0; still && n < got; n++)
		still = fill_attach(fill, view, first + n, &blank[n]);
	n = fill_put_left(fill, blank, got);
	*index = first + max(n, 1);
	if (n && pb_fill_run(fill))
		return -EINTR;
	pb_window(fill_settle);
	n = fill_settle(fill, why);
	pb_fill_free(fill);
	if (n > 0)
		pb_count_add(box, why, why == PB_STAT_READAHEAD ? n - 1 : n);
	return n;
}

/**
 * pb_fill_readahead - read a page together with those that follow it
 * @box: the box
 * @view: look the pages up in this view
 * @index: index of the page
 * @nr: most pages to read
 * @class: set to the class of a fault that reads the page
 *
 * Context: as for pb_fill_range().
 * Return: as for pb_fill_range(): more than 0 when the page was read
 */
int pb_fill_readahead(struct pb_box *box, struct pb_view *view, pgoff_t index,
		      unsigned int nr, enum pagebox_fault_class *class)
{
	struct pb_backend *backend;
	struct pb_page *page;
	pgoff_t at;

	rcu_read_lock();
	page = pb_view_look(box, view, index);
	*class = pb_fill_source(box, page, index, &backend, &at);
	rcu_read_unlock();
	return pb_fill_range(box, view, &index, nr, PB_STAT_READAHEAD);
}
