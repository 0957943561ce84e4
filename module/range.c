// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges: prefetch, page out and discard pages on request.
 *
 * A range is a range of indices in a view. Addresses are looked up in the caller's
 * mapping, and mmap_lock is held for reading during the operation, so that the
 * mapping and its view stay. All waits are killable.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "box.h"
#include "config.h"
#include "evict.h"
#include "failpoint.h"
#include "fill.h"
#include "frame.h"
#include "io.h"
#include "map.h"
#include "page.h"
#include "pagebox.h"
#include "pte.h"
#include "range.h"
#include "stats.h"
#include "store.h"
#include "view.h"

/* Without a store only pages that exist have contents: skip to the next. */
static bool range_skip_untouched(struct pb_box *box, struct pb_view *view,
				 pgoff_t *index, pgoff_t last)
{
	bool found;

	if (box->store)
		return true;
	rcu_read_lock();
	found = pb_view_next_shown(box, view, index, last);
	rcu_read_unlock();
	return found;
}

/**
 * pb_range_prefetch - bring pages into frames
 * @box: a sealed box
 * @view: the view that shows them; the caller keeps it
 * @first: first index
 * @last: last index
 * @most: most pages to read
 * @pages: set to the number of pages read, also on failure
 *
 * Stops without an error when no frame can be had, and at the end of the store.
 *
 * Return: 0, -EINTR, or the error of a read
 */
int pb_range_prefetch(struct pb_box *box, struct pb_view *view, pgoff_t first,
		      pgoff_t last, u64 most, u64 *pages)
{
	int n;

	*pages = 0;
	while (*pages < most && first <= last && pb_box_has(box, first) &&
	       range_skip_untouched(box, view, &first, last)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		n = pb_fill_range(box, view, &first,
				  min3((u64)last - first + 1, most - *pages,
				       (u64)PB_IO_MAX),
				  PB_STAT_PREFETCHED);
		if (n == -ENOSPC)
			break;
		if (n < 0)
			return n;
		*pages += n;
		cond_resched();
	}
	return 0;
}

static bool range_is_mlocked(struct pb_box *box, struct folio *folio)
{
	struct pb_pte_bits bits;

	if (!folio_mapped(folio))
		return false;
	pb_pte_harvest(box->inode->i_mapping, &folio, &bits, 1, false);
	return bits.locked;
}

static void range_add_victim(struct pb_box *box, struct pb_victims *v,
			     struct folio *folio)
{
	if (folio_test_uptodate(folio) && !range_is_mlocked(box, folio)) {
		v->folio[v->nr++] = folio;
		return;
	}
	pb_folio_release(folio);
}

/* Collect the next pages in frames that the view shows, at most a batch. */
static void range_collect(struct pb_box *box, struct pb_view *view,
			  pgoff_t *index, pgoff_t last, struct pb_victims *v)
{
	struct folio *folio;
	struct pb_page *page;

	v->nr = 0;
	while (v->nr < PB_BATCH_MAX && *index <= last &&
	       !fatal_signal_pending(current)) {
		rcu_read_lock();
		page = pb_view_next_shown(box, view, index, last);
		folio = page ? pb_page_trylock(page) : NULL;
		rcu_read_unlock();
		if (!IS_ERR_OR_NULL(folio))
			range_add_victim(box, v, folio);
		*index = page ? *index + 1 : last + 1;
		cond_resched();
	}
}

/**
 * pb_range_page_out - evict pages
 * @box: a sealed box
 * @view: the view that shows them; the caller keeps it
 * @first: first index
 * @last: last index
 * @pages: set to the number of pages evicted, including those whose write fails
 *         later; also on failure
 *
 * Pages that are locked, pinned or under I/O stay, and so do pages that cannot be
 * written.
 *
 * Return: 0 or -EINTR
 */
int pb_range_page_out(struct pb_box *box, struct pb_view *view, pgoff_t first,
		      pgoff_t last, u64 *pages)
{
	struct pb_victims v = {};
	unsigned int n;

	*pages = 0;
	while (first <= last) {
		range_collect(box, view, &first, last, &v);
		n = pb_evict_victims(box, &v);
		pb_count_add(box, PB_STAT_PAGED_OUT, n);
		*pages += n;
		if (fatal_signal_pending(current))
			break;
	}
	return pb_evict_wait(&v);
}

/*
 * Remove a page from a view. A fault that saw it there holds its folio lock until
 * the PTE is set; a later fault does not find it in the view. So once the lock
 * was acquired and the PTEs are cleared, the page is no longer shown here, and
 * only then another sharer may take it over.
 *
 * The view, too, is changed under the folio lock. Otherwise write-back could write
 * the discarded contents after others have read the page again. For the same
 * reason, wait for a write in flight first. A page without a frame may get one
 * concurrently: the fault attaches the frame before it checks the view, so either
 * it sees the change and drops the frame, or this function sees the frame. A task
 * that is killed while it waits for the lock of that frame leaves the unmap to a
 * worker, which drops the page afterwards.
 *
 * Return 0, -EAGAIN if the view shows another page by now, or -EINTR.
 */
static int range_discard_page(struct pb_box *box, struct pb_view *view,
			      pgoff_t index, struct pb_page *page)
{
	struct folio *folio;
	int err;

	err = pb_page_lock_idle(box, page, &folio);
	if (err)
		return err;
	pb_window(discard_replace);
	err = pb_view_replace(view, index, page, NULL);
	if (!err && !folio) {
		pb_window(discard_lock);
		/* Pairs with the compare-and-exchange in pb_page_attach(). */
		smp_mb();
		err = pb_page_lock(box, page, &folio);
		if (err) {
			pb_page_unmap_later(box, page, pb_page_unshare);
			return err;
		}
	}
	if (folio) {
		pb_window(discard_unmap);
		if (!err && folio_mapped(folio))
			pb_box_unmap(box, index, 1);
		pb_folio_release(folio);
	}
	if (err)
		return err;
	pb_window(discard_unshare);
	pb_page_unshare(box, page);
	pb_count(box, PB_STAT_DISCARDED);
	return 0;
}

static int range_discard(struct pb_box *box, struct pb_view *view,
			 pgoff_t first, pgoff_t last, u64 *pages)
{
	struct pb_page *page;
	int err;

	/* Unmap the whole range first, so that single pages rarely need it. */
	pb_box_unmap(box, first, last - first + 1);
	while (first <= last) {
		page = pb_view_next_get(view, &first, last);
		if (!page)
			break;
		err = range_discard_page(box, view, first, page);
		pb_page_put(box, page);
		if (err && err != -EAGAIN)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!err) {
			++*pages;
			first++;
		}
		cond_resched();
	}
	return 0;
}

/* Do request @nr to @length bytes from page @first on. */
static int range_do(struct pb_box *box, unsigned int nr, struct pb_view *view,
		    pgoff_t first, u64 length, u64 *pages)
{
	u64 all = box->bytes >> PAGE_SHIFT;
	u64 n = length >> PAGE_SHIFT;
	pgoff_t last = first + n - 1;

	*pages = 0;
	if (first >= all || n > all - first)
		return -EINVAL;
	switch (nr) {
	case _IOC_NR(PAGEBOX_IOC_PREFETCH):
		return pb_range_prefetch(box, view, first, last, n, pages);
	case _IOC_NR(PAGEBOX_IOC_PAGE_OUT):
		return pb_range_page_out(box, view, first, last, pages);
	case _IOC_NR(PAGEBOX_IOC_DISCARD):
		return range_discard(box, view, first, last, pages);
	}
	return -ENOTTY;
}

/* The map of an address, and its VMA there. */
static struct pb_map *map_at(struct pb_box *box, unsigned long address,
			     struct vm_area_struct **vma)
{
	struct mm_struct *mm = current->mm;

	*vma = vma_lookup(mm, address);
	if (!*vma || !(*vma)->vm_file)
		return NULL;
	return pb_map_find(box, (*vma)->vm_file, mm);
}

/* The map that all addresses belong to; it may have several VMAs there. */
static struct pb_map *map_of_range(struct pb_box *box, unsigned long start,
				   unsigned long end)
{
	struct vm_area_struct *vma;
	struct pb_map *map = map_at(box, start, &vma);

	while (map && vma->vm_end < end) {
		if (map_at(box, vma->vm_end, &vma) != map)
			return NULL;
	}
	return map;
}

static int range_of_map(struct pb_box *box, unsigned int nr,
			struct pagebox_range *range)
{
	unsigned long start = untagged_addr(range->start);
	unsigned long end = start + range->length;
	struct vm_area_struct *vma;
	struct pb_map *map;
	u64 part, pages;
	int err = 0;

	if (end < start || range->length > TASK_SIZE)
		return -EINVAL;
	map = map_of_range(box, start, end);
	if (!map)
		return -ENOENT;
	for (; !err && start < end; start += part) {
		vma = vma_lookup(current->mm, start);
		part = min(end, vma->vm_end) - start;
		err = range_do(box, nr, map->view,
			       linear_page_index(vma, start), part, &pages);
		range->pages += pages;
	}
	return err;
}

static int range_of_addresses(struct pb_box *box, unsigned int nr,
			      struct pagebox_range *range)
{
	struct mm_struct *mm = current->mm;
	int err;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	err = range_of_map(box, nr, range);
	mmap_read_unlock(mm);
	return err;
}

/**
 * pb_range - PAGEBOX_IOC_PREFETCH, _PAGE_OUT and _DISCARD
 * @box: the box; is sealed
 * @nr: _IOC_NR() of the request. The caller has checked whether the file must be
 *      open for writing
 * @range: from the user; @pages is set, also on failure
 *
 * Context: without mmap_lock; sleeps.
 * Return: 0 or an error of the ABI
 */
int pb_range(struct pb_box *box, unsigned int nr, struct pagebox_range *range)
{
	range->pages = 0;
	if (range->flags & ~PAGEBOX_RANGE_ADDRESS || !range->length ||
	    !PAGE_ALIGNED(range->start | range->length))
		return -EINVAL;
	pb_box_seal(box);
	if (range->flags & PAGEBOX_RANGE_ADDRESS)
		return range_of_addresses(box, nr, range);
	return range_do(box, nr, &box->root, range->start >> PAGE_SHIFT,
			range->length, &range->pages);
}
