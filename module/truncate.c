// SPDX-License-Identifier: GPL-2.0
/*
 * Truncation of the store while a box uses it: drop the pages past the cut.
 *
 * store.c notes the cut, and a worker clears it here. The worker drops the
 * pages of the root view that lie past it, from frames and from swap, and
 * zeroes the tail of the page that contains it. A dropped dirty page is lost;
 * fsync() reports that once for each truncation.
 *
 * A fault may read a page while the worker runs. Either it puts the page into
 * the view before the worker gets there, and the worker drops the page; or it
 * starts to read after the truncation, and reads the new contents of the store.
 * Before it returns the page it checks for a cut again, under the folio lock.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "box.h"
#include "failpoint.h"
#include "page.h"
#include "stats.h"
#include "store.h"
#include "truncate.h"
#include "view.h"

/* Lock a page that is not under I/O. NULL: it has no frame. */
static struct folio *truncate_lock_idle(struct pb_box *box,
					struct pb_page *page)
{
	struct folio *folio;

	/* No signal interrupts a worker. */
	return pb_page_lock_idle(box, page, &folio) ? NULL : folio;
}

/*
 * Drop a page that is no longer in the store. If it has no frame, a fault may
 * just give it one; the fault finds the cut before it maps the page. Another
 * page may have taken its place in the view.
 */
static void truncate_drop_page(struct pb_box *box, struct pb_page *page)
{
	struct folio *folio = truncate_lock_idle(box, page);
	bool gone;

	gone = !pb_view_replace(&box->root, page->index, page, NULL);
	if (gone && !folio) {
		/* Pairs with the compare-and-exchange in pb_page_attach(). */
		smp_mb();
		folio = truncate_lock_idle(box, page);
	}
	if (folio) {
		if (gone && folio_mapped(folio))
			pb_box_unmap(box, page->index, 1);
		if (gone && pb_box_writes_back(box) &&
		    folio_test_dirty(folio)) {
			box->truncate.lost = true;
			pb_count(box, PB_STAT_IO_ERROR);
		}
		pb_folio_release(folio);
	}
	if (gone)
		pb_page_unshare(box, page);
}

/*
 * Zero a page from @offset on: now in its frame, and later when read from swap.
 */
static void truncate_zero_tail(struct pb_page *page, struct folio *folio,
			       size_t offset)
{
	if (folio_test_uptodate(folio) && !folio_test_hwpoison(folio))
		folio_zero_segment(folio, offset, PAGE_SIZE);
	page->valid = min_not_zero(page->valid, (u32)offset);
	pb_folio_release(folio);
}

/* The store ends within this page: zero the rest of it. */
static void truncate_trim_tail(struct pb_box *box, pgoff_t index, size_t offset)
{
	struct folio *folio;
	struct pb_page *page;
	pgoff_t found = index;

	page = pb_view_next_get(&box->root, &found, index);
	if (page) {
		folio = truncate_lock_idle(box, page);
		if (!folio) {
			/* In swap: zeroed by the next read, or below. */
			page->valid = min_not_zero(page->valid, (u32)offset);
			/* As in truncate_drop_page(). */
			smp_mb();
			folio = truncate_lock_idle(box, page);
		}
		if (folio)
			truncate_zero_tail(page, folio, offset);
	}
	if (page)
		pb_page_put(box, page);
}

static void truncate_trim(struct pb_box *box, u64 cut)
{
	pgoff_t index = cut >> PAGE_SHIFT;
	struct pb_page *page;

	pb_window(truncate_trim);
	if (offset_in_page(cut))
		truncate_trim_tail(box, index++, offset_in_page(cut));
	pb_box_unmap_from(box, index);
	for (;;) {
		page = pb_view_next_get(&box->root, &index, ULONG_MAX);
		if (!page)
			break;
		truncate_drop_page(box, page);
		pb_page_put(box, page);
		cond_resched();
	}
}

/**
 * pb_truncate_trim - drop the pages past the cut
 * @box: a sealed box
 *
 * Context: a worker, since it waits for folios under I/O without a signal.
 */
void pb_truncate_trim(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;
	unsigned int seq;
	u64 cut;

	mutex_lock(&t->trim);
	spin_lock(&t->lock);
	while (t->cut != PB_CUT_NONE) {
		cut = t->cut;
		seq = t->seq;
		spin_unlock(&t->lock);
		truncate_trim(box, cut);
		/* Before waiting tasks proceed, and ask for the error. */
		if (t->lost)
			pb_store_failed(box, -EIO);
		t->lost = false;
		spin_lock(&t->lock);
		/* Pages read in between may lie past a new cut. */
		if (seq != t->seq)
			continue;
		WRITE_ONCE(t->cut, PB_CUT_NONE);
		WRITE_ONCE(t->first, PB_CUT_NONE);
	}
	spin_unlock(&t->lock);
	mutex_unlock(&t->trim);
	wake_up_all(&t->wait);
}

static void truncate_work(struct work_struct *work)
{
	struct pb_box *box = container_of(work, struct pb_box, truncate.work);

	pb_truncate_trim(box);
	pb_box_put_later(box);
}

/**
 * pb_truncate_init - initialise, before the box has a store
 * @box: a new box
 */
void pb_truncate_init(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;

	spin_lock_init(&t->lock);
	mutex_init(&t->trim);
	init_waitqueue_head(&t->wait);
	t->cut = PB_CUT_NONE;
	t->first = PB_CUT_NONE;
	INIT_WORK(&t->work, truncate_work);
}
