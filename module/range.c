// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges: bring pages in, take them out, forget them, on request.
 *
 * A range is one of indices in a view. Given as addresses, it is looked up in
 * the caller's mapping, and mmap_lock is held for reading while it is worked on,
 * so that the mapping and its view stay. All waits can be ended by a signal that
 * kills, but for one: who has taken a page from a view waits until no fault can
 * show it there any more.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "pagebox.h"

/*
 * The next page that a view shows, its own or the root view's. Under RCU;
 * @index as for pb_view_next().
 */
static struct pb_page *next_shown(struct pb_box *box, struct pb_view *view,
				  pgoff_t *index, pgoff_t last)
{
	struct pb_page *own, *root = NULL;
	pgoff_t own_at = *index, root_at = *index;

	own = pb_view_next(view, &own_at, last);
	if (view != &box->root)
		root = pb_view_next(&box->root, &root_at, last);
	if (own && (!root || own_at <= root_at)) {
		*index = own_at;
		return own;
	}
	if (root)
		*index = root_at;
	return root;
}

/* Without a store only pages that exist have contents: go on to the next. */
static bool skip_untouched(struct pb_box *box, struct pb_view *view,
			   pgoff_t *index, pgoff_t last)
{
	bool found;

	if (box->store)
		return true;
	rcu_read_lock();
	found = next_shown(box, view, index, last);
	rcu_read_unlock();
	return found;
}

/**
 * pb_range_prefetch - bring pages into frames
 * @box: a sealed box
 * @view: as this view shows them; the caller keeps it
 * @first: first index
 * @last: last index
 * @most: stop after so many pages
 *
 * Stops without an error where no frame can be had, and at the end of the store.
 *
 * Return: how many pages were read; -EINTR, or the error of a read
 */
long pb_range_prefetch(struct pb_box *box, struct pb_view *view, pgoff_t first,
		       pgoff_t last, unsigned long most)
{
	unsigned long done = 0;
	int n;

	while (done < most && first <= last && pb_box_has(box, first) &&
	       skip_untouched(box, view, &first, last)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		n = pb_fill_range(box, view, &first,
				  min3(last - first + 1, most - done,
				       (unsigned long)PB_IO_MAX),
				  PB_STAT_PREFETCHED);
		if (n == -ENOSPC)
			break;
		if (n < 0)
			return n;
		done += n;
		cond_resched();
	}
	return done;
}

/* The folio of a page, locked and referenced, if it is idle. Under RCU. */
static struct folio *trylock_page_folio(struct pb_page *page)
{
	struct folio *folio = READ_ONCE(page->folio);

	if (!folio || !folio_try_get(folio))
		return NULL;
	if (folio_trylock(folio)) {
		if (pb_page_owns(page, folio) && folio_test_uptodate(folio))
			return folio;
		folio_unlock(folio);
	}
	folio_put(folio);
	return NULL;
}

static bool is_mlocked(struct pb_box *box, struct folio *folio)
{
	struct pb_pte_bits bits;

	if (!folio_mapped(folio))
		return false;
	pb_pte_harvest(box->inode->i_mapping, folio->index, &folio, &bits, 1,
		       false);
	return bits.locked;
}

static void add_victim(struct pb_box *box, struct pb_victims *v,
		       struct folio *folio)
{
	if (!is_mlocked(box, folio)) {
		v->folio[v->nr++] = folio;
		return;
	}
	folio_unlock(folio);
	folio_put(folio);
}

/* The next pages in frames that the view shows, at most a batch. */
static void collect(struct pb_box *box, struct pb_view *view, pgoff_t *index,
		    pgoff_t last, struct pb_victims *v)
{
	struct folio *folio;
	struct pb_page *page;

	v->nr = 0;
	while (v->nr < PB_BATCH_MAX && *index <= last &&
	       !fatal_signal_pending(current)) {
		rcu_read_lock();
		page = next_shown(box, view, index, last);
		folio = page ? trylock_page_folio(page) : NULL;
		rcu_read_unlock();
		if (folio)
			add_victim(box, v, folio);
		*index = page ? *index + 1 : last + 1;
		cond_resched();
	}
}

/**
 * pb_range_page_out - take the frames of pages away
 * @box: a sealed box
 * @view: as this view shows them; the caller keeps it
 * @first: first index
 * @last: last index
 *
 * Pages that are locked, pinned or under I/O stay, and so do those that cannot
 * be written.
 *
 * Return: how many pages have lost their frame, but for failed writes; -EINTR
 */
long pb_range_page_out(struct pb_box *box, struct pb_view *view, pgoff_t first,
		       pgoff_t last)
{
	struct pb_victims v = {};
	unsigned int n;
	long done = 0;

	while (first <= last) {
		collect(box, view, &first, last, &v);
		n = pb_evict_victims(box, &v);
		pb_count_add(box, PB_STAT_PAGED_OUT, n);
		done += n;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return pb_evict_wait(box) ?: done;
}

/*
 * Wait for a read or write of the page, as long as the wait can still be ended.
 * It may be under I/O again afterwards, but that takes a race.
 */
static int wait_for_io(struct pb_box *box, struct pb_page *page)
{
	struct folio *folio;
	u32 frame;
	int err;

	rcu_read_lock();
	frame = READ_ONCE(page->frame);
	folio = READ_ONCE(page->folio);
	if (folio && !folio_try_get(folio))
		folio = NULL;
	rcu_read_unlock();
	if (!folio)
		return 0;
	err = pb_frame_lock(&box->frames, folio, frame);
	if (err)
		return err;
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}

/*
 * Take a page from a view. A fault that saw it there holds its folio lock until
 * the PTE is set; one that comes later sees the view without it. So once the
 * lock was had and the PTEs are gone, the page is not shown here any more, and
 * only then another sharer may take it for its own.
 *
 * Return 0, -EAGAIN when the view shows another page by now, -EINTR.
 */
static int discard_page(struct pb_box *box, struct pb_view *view, pgoff_t index,
			struct pb_page *page)
{
	struct folio *folio;
	int err;

	err = wait_for_io(box, page);
	if (!err)
		err = pb_view_replace(view, index, page, NULL);
	if (err)
		return err;
	folio = pb_page_lock_folio(page);
	if (folio) {
		if (folio_mapped(folio))
			pb_box_unmap(box, index, 1);
		folio_unlock(folio);
		folio_put(folio);
	}
	pb_page_unshare(box, page);
	pb_count(box, PB_STAT_DISCARDED);
	return 0;
}

/* The next page of the view itself, with a reference. */
static struct pb_page *next_own(struct pb_view *view, pgoff_t *index,
				pgoff_t last)
{
	struct pb_page *page;

	rcu_read_lock();
	do {
		page = pb_view_next(view, index, last);
	} while (page && !pb_page_tryget(page));
	rcu_read_unlock();
	return page;
}

/* Return how many pages were dropped, or -EINTR. */
static long discard(struct pb_box *box, struct pb_view *view, pgoff_t first,
		    pgoff_t last)
{
	struct pb_page *page;
	long done = 0;
	int err;

	/* All at once, so that there is seldom a single one left to unmap. */
	pb_box_unmap(box, first, last - first + 1);
	while (first <= last) {
		page = next_own(view, &first, last);
		if (!page)
			break;
		err = discard_page(box, view, first, page);
		pb_page_put(box, page);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (err && err != -EAGAIN)
			return err;
		if (!err) {
			done++;
			first++;
		}
		cond_resched();
	}
	return done;
}

/* Do it, for whole pages of the box. */
static long range_do(struct pb_box *box, unsigned int nr, struct pb_view *view,
		     pgoff_t first, u64 length)
{
	pgoff_t pages = length >> PAGE_SHIFT;
	pgoff_t all = box->bytes >> PAGE_SHIFT;
	pgoff_t last = first + pages - 1;

	if (first >= all || pages > all - first)
		return -EINVAL;
	switch (nr) {
	case _IOC_NR(PAGEBOX_IOC_PREFETCH):
		return pb_range_prefetch(box, view, first, last, pages);
	case _IOC_NR(PAGEBOX_IOC_PAGE_OUT):
		return pb_range_page_out(box, view, first, last);
	case _IOC_NR(PAGEBOX_IOC_DISCARD):
		return discard(box, view, first, last);
	}
	return -ENOTTY;
}

static long range_of_vma(struct pb_box *box, unsigned int nr,
			 const struct pagebox_range *range)
{
	struct mm_struct *mm = current->mm;
	unsigned long start = untagged_addr(range->start);
	struct vm_area_struct *vma = vma_lookup(mm, start);
	struct pb_map *map = NULL;

	if (vma && vma->vm_file)
		map = pb_map_find(box, vma->vm_file, mm);
	if (!map || range->length > vma->vm_end - start)
		return -ENOENT;
	return range_do(box, nr, map->view, linear_page_index(vma, start),
			range->length);
}

static long range_of_addresses(struct pb_box *box, unsigned int nr,
			       const struct pagebox_range *range)
{
	struct mm_struct *mm = current->mm;
	long done;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	done = range_of_vma(box, nr, range);
	mmap_read_unlock(mm);
	return done;
}

/**
 * pb_range - PAGEBOX_IOC_PREFETCH, _PAGE_OUT and _DISCARD
 * @box: the box; sealed by this
 * @nr: _IOC_NR() of the request. That the file is open for writing, where that
 *      is asked for, was checked
 * @range: as the caller gave it; @pages is filled
 *
 * Context: without mmap_lock; sleeps.
 * Return: 0 or an error of the ABI
 */
int pb_range(struct pb_box *box, unsigned int nr, struct pagebox_range *range)
{
	long done;

	if (range->flags & ~PAGEBOX_RANGE_ADDRESS || !range->length ||
	    !PAGE_ALIGNED(range->start | range->length))
		return -EINVAL;
	pb_box_seal(box);
	if (range->flags & PAGEBOX_RANGE_ADDRESS)
		done = range_of_addresses(box, nr, range);
	else
		done = range_do(box, nr, &box->root, range->start >> PAGE_SHIFT,
				range->length);
	if (done < 0)
		return done;
	range->pages = done;
	return 0;
}
