// SPDX-License-Identifier: GPL-2.0
/*
 * A view: which page is at which index.
 *
 * Readers look up under RCU and check again once they hold the folio lock of
 * what they found; writers replace one known entry by another, so that of two
 * faults that want to change an entry one wins and the other looks again.
 */
#include <linux/pagemap.h>

#include "box.h"
#include "failpoint.h"
#include "page.h"
#include "pagebox.h"
#include "stats.h"
#include "view.h"

/**
 * pb_view_init - make an empty view
 * @box: it belongs to
 * @view: where
 */
void pb_view_init(struct pb_box *box, struct pb_view *view)
{
	xa_init_flags(&view->pages, XA_FLAGS_ACCOUNT);
	pb_count(box, PB_STAT_VIEWS);
}

/**
 * pb_view_destroy - forget all pages
 * @box: it belongs to
 * @view: that nothing maps any more
 */
void pb_view_destroy(struct pb_box *box, struct pb_view *view)
{
	pb_view_drop(box, view, 0, ULONG_MAX);
	xa_destroy(&view->pages);
	pb_count_add(box, PB_STAT_VIEWS, -1);
}

/**
 * pb_view_peek - look a page up
 * @view: where
 * @index: which
 *
 * Context: under RCU, which keeps the page object but not its place.
 * Return: the page or NULL
 */
struct pb_page *pb_view_peek(struct pb_view *view, pgoff_t index)
{
	return xa_load(&view->pages, index);
}

/**
 * pb_view_look - which page a view shows
 * @box: it belongs to
 * @view: where
 * @index: which
 *
 * Context: under RCU, as pb_view_peek().
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
 * @view: where
 * @index: which
 * @page: set to the page on success
 *
 * This is the whole look-up of a minor fault. RCU is held from the first look
 * at the entry to the second one, under the folio lock, so that the page cannot
 * have become another one in between.
 *
 * Return: the folio, locked and referenced and up to date, or NULL when there
 * is no page, no frame, or the lock is taken
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
 * @view: where
 * @index: where to begin; set to the place of the page that was found
 * @last: where to end
 *
 * Context: under RCU, as pb_view_peek().
 * Return: the page or NULL
 */
struct pb_page *pb_view_next(struct pb_view *view, pgoff_t *index, pgoff_t last)
{
	return xa_find(&view->pages, index, last, XA_PRESENT);
}

/**
 * pb_view_next_shown - find the next page that a view shows
 * @box: it belongs to
 * @view: where
 * @index: where to begin; set to the place of the page that was found
 * @last: where to end
 *
 * Context: under RCU, as pb_view_peek().
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
 * pb_view_next_get - find the next page of the view itself, and keep it
 * @view: where
 * @index: where to begin; set to the place of the page that was found
 * @last: where to end
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
 * pb_view_get - find the page that a view shows, and keep it
 * @box: it belongs to
 * @view: where
 * @index: which
 *
 * Return: the page with a reference for the caller; NULL when there is none;
 * ERR_PTR(-EAGAIN) when it has just gone
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
 * pb_view_replace - change an entry, if it is still what the caller saw
 * @view: where
 * @index: which
 * @old: what the caller saw, or NULL
 * @new: what shall be there, or NULL
 *
 * Sharers are the caller's business.
 *
 * Return: 0, -EAGAIN when something else is there, -ENOMEM
 */
int pb_view_replace(struct pb_view *view, pgoff_t index, struct pb_page *old,
		    struct pb_page *new)
{
	void *seen;

	/* An entry that exists needs no memory. */
	if (!old && pb_fail(PB_FAIL_VIEW))
		return -ENOMEM;
	seen = xa_cmpxchg(&view->pages, index, old, new, PB_GFP);
	if (xa_is_err(seen))
		return xa_err(seen);
	return seen == old ? 0 : -EAGAIN;
}

/**
 * pb_view_drop - drop a range of pages
 * @box: the view belongs to
 * @view: where; no VMA shows the range through it
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
		pb_window(PB_WINDOW_VIEW_DROP);
		pb_page_unshare(box, page);
		cond_resched();
	}
}

/**
 * pb_view_share - let another view hold the next page too
 * @from: the view that has it
 * @to: the view that shall have it
 * @index: where to begin; set to the place of the page that was found
 * @last: where to end
 *
 * Return: the page, now with a sharer more; NULL when there is none up to
 * @last; -ENOMEM, after which @from is as it was
 */
struct pb_page *pb_view_share(struct pb_view *from, struct pb_view *to,
			      pgoff_t *index, pgoff_t last)
{
	XA_STATE(xas, &from->pages, *index);
	struct pb_page *page;
	void *seen;

	/* The lock keeps a fault from replacing the page meanwhile. */
	xas_lock(&xas);
	page = xas_find(&xas, last);
	if (page)
		atomic_inc(&page->sharers);
	xas_unlock(&xas);
	if (!page)
		return NULL;

	*index = xas.xa_index;
	pb_window(PB_WINDOW_FORK_SHARE);
	seen = pb_may_fail(VIEW, XA_ERROR(-ENOMEM),
			   xa_cmpxchg(&to->pages, *index, NULL, page, PB_GFP));
	if (!seen)
		return page;

	/* Already there: two VMAs show the same index. Or no memory. */
	atomic_dec(&page->sharers);
	return xa_is_err(seen) ? ERR_PTR(xa_err(seen)) : page;
}
