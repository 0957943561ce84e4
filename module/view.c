// SPDX-License-Identifier: GPL-2.0
/*
 * A view: maps each index to a page.
 *
 * Readers look up under RCU and check again under the folio lock of the page
 * found. Writers replace one known entry by another, so that of two faults that
 * change an entry one wins and the other looks it up again.
 */
#include <linux/pagemap.h>

#include "box.h"
#include "failpoint.h"
#include "page.h"
#include "pagebox.h"
#include "stats.h"
#include "view.h"

/**
 * pb_view_init - initialise an empty view
 * @box: the box of the view
 * @view: the view
 */
void pb_view_init(struct pb_box *box, struct pb_view *view)
{
	xa_init_flags(&view->pages, XA_FLAGS_ACCOUNT);
	pb_count(box, PB_STAT_VIEWS);
}

/**
 * pb_view_destroy - drop all pages of a view
 * @box: the box of the view
 * @view: the view; no VMA maps it
 */
void pb_view_destroy(struct pb_box *box, struct pb_view *view)
{
	pb_view_drop(box, view, 0, ULONG_MAX);
	xa_destroy(&view->pages);
	pb_count_add(box, PB_STAT_VIEWS, -1);
}

/**
 * pb_view_peek - look a page of the view itself up
 * @view: the view
 * @index: the index
 *
 * Context: under RCU, which keeps the page object but not its place.
 * Return: the page or NULL
 */
struct pb_page *pb_view_peek(struct pb_view *view, pgoff_t index)
{
	return xa_load(&view->pages, index);
}

/**
 * pb_view_look - look up the page that a view shows
 * @box: the box of the view
 * @view: the view
 * @index: the index
 *
 * Context: as for pb_view_peek().
 * Return: its own page, else the root view's, else NULL
 */
struct pb_page *pb_view_look(struct pb_box *box, struct pb_view *view,
			     pgoff_t index)
{
	struct pb_page *page = pb_view_peek(view, index);

	if (!page && view != &box->root)
		page = pb_view_peek(&box->root, index);
	return page;
}

/**
 * pb_view_trylock - look a page up and lock it in its frame, without waiting
 * @view: the view
 * @index: the index
 * @page: set to the page on success
 *
 * This is the whole look-up of a minor fault. RCU is held from the first
 * look-up of the entry to the second one, under the folio lock, so the page
 * object cannot be reused in between.
 *
 * Return: the folio, locked, referenced and up to date; or NULL when there is
 * no page or no frame, or the lock is taken
 */
struct folio *pb_view_trylock(struct pb_view *view, pgoff_t index,
			      struct pb_page **page)
{
	XA_STATE(xas, &view->pages, index);
	struct folio *folio = NULL;

	rcu_read_lock();
	do {
		*page = xas_load(&xas);
	} while (xas_retry(&xas, *page));
	if (*page)
		folio = READ_ONCE((*page)->folio);
	if (!folio || !folio_try_get(folio))
		goto out_none;
	if (!folio_trylock(folio))
		goto out_put;
	if (pb_page_owns(*page, folio) && folio_test_uptodate(folio) &&
	    xas_reload(&xas) == *page) {
		rcu_read_unlock();
		return folio;
	}
	folio_unlock(folio);
out_put:
	folio_put(folio);
out_none:
	rcu_read_unlock();
	return NULL;
}

/**
 * pb_view_next - find the next page
 * @view: the view
 * @index: first index; set to the index of the page found
 * @last: last index
 *
 * Context: as for pb_view_peek().
 * Return: the page or NULL
 */
struct pb_page *pb_view_next(struct pb_view *view, pgoff_t *index, pgoff_t last)
{
	return xa_find(&view->pages, index, last, XA_PRESENT);
}

/**
 * pb_view_next_shown - find the next page that a view shows
 * @box: the box of the view
 * @view: the view
 * @index: first index; set to the index of the page found
 * @last: last index
 *
 * Context: as for pb_view_peek().
 * Return: the view's own page or the root view's, or NULL
 */
struct pb_page *pb_view_next_shown(struct pb_box *box, struct pb_view *view,
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

/**
 * pb_view_next_get - find the next page of the view itself, and reference it
 * @view: the view
 * @index: first index; set to the index of the page found
 * @last: last index
 *
 * Return: the page with a reference for the caller, or NULL
 */
struct pb_page *pb_view_next_get(struct pb_view *view, pgoff_t *index,
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

/**
 * pb_view_get - look up the page that a view shows, and reference it
 * @box: the box of the view
 * @view: the view
 * @index: the index
 *
 * Return: the page with a reference for the caller; NULL when there is none;
 * ERR_PTR(-EAGAIN) when it is just being freed
 */
struct pb_page *pb_view_get(struct pb_box *box, struct pb_view *view,
			    pgoff_t index)
{
	struct pb_page *page;

	rcu_read_lock();
	page = pb_view_look(box, view, index);
	if (page && !pb_page_tryget(page))
		page = ERR_PTR(-EAGAIN);
	rcu_read_unlock();
	return page;
}

/**
 * pb_view_replace - change an entry, unless it has changed
 * @view: the view
 * @index: the index
 * @old: the expected page, or NULL
 * @new: the new page, or NULL
 *
 * Does not change the number of sharers.
 *
 * Return: 0; -EAGAIN when the entry is not @old; -ENOMEM
 */
int pb_view_replace(struct pb_view *view, pgoff_t index, struct pb_page *old,
		    struct pb_page *new)
{
	void *seen;

	/* Changing an existing entry needs no memory. */
	if (!old && pb_fail(store_page))
		return -ENOMEM;
	seen = xa_cmpxchg(&view->pages, index, old, new, PB_GFP);
	if (xa_is_err(seen))
		return xa_err(seen);
	return seen == old ? 0 : -EAGAIN;
}

/**
 * pb_view_drop - drop a range of pages
 * @box: the box of the view
 * @view: the view; no VMA shows the range through it
 * @first: first index
 * @last: last index
 */
void pb_view_drop(struct pb_box *box, struct pb_view *view, pgoff_t first,
		  pgoff_t last)
{
	struct pb_page *page;
	unsigned long index;

	xa_for_each_range(&view->pages, index, page, first, last) {
		xa_erase(&view->pages, index);
		pb_window(view_drop);
		pb_page_unshare(box, page);
		cond_resched();
	}
}

/**
 * pb_view_share - let another view share the next page
 * @from: the view that holds the page
 * @to: the view that will share it
 * @index: first index; set to the index of the page found
 * @last: last index
 *
 * Return: the page, with one more sharer; NULL when there is none up to @last;
 * -ENOMEM, with @from unchanged
 */
struct pb_page *pb_view_share(struct pb_view *from, struct pb_view *to,
			      pgoff_t *index, pgoff_t last)
{
	XA_STATE(xas, &from->pages, *index);
	struct pb_page *page;
	void *seen;

	/* The lock keeps a fault from replacing the page. */
	xas_lock(&xas);
	page = xas_find(&xas, last);
	if (page)
		atomic_inc(&page->sharers);
	xas_unlock(&xas);
	if (!page)
		return NULL;

	*index = xas.xa_index;
	pb_window(fork_share);
	seen = pb_may_fail(store_page, XA_ERROR(-ENOMEM),
			   xa_cmpxchg(&to->pages, *index, NULL, page, PB_GFP));
	if (!seen)
		return page;

	/* Either two VMAs show the same index, or there is no memory. */
	atomic_dec(&page->sharers);
	return xa_is_err(seen) ? ERR_PTR(xa_err(seen)) : page;
}
