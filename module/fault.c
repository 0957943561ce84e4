// SPDX-License-Identifier: GPL-2.0
/*
 * The fault: from an index to a locked folio.
 *
 *   fault_try():   the index exists, and no truncation of the store is pending
 *   fault_step():  look the index up in the view
 *                    in a frame   lock the folio, check the look-up again;
 *                                 a write copies a page that others see
 *                    in no frame  attach the blank frame, read the page
 *                    no page yet  make one: of the root view, or for a write
 *                                 to an overlay the view's own
 *   then           0           the folio is locked, everything is checked
 *                  NEED_FRAME  take a frame or evict one, retry
 *                  -EAGAIN     lost a race, retry
 *
 * Each attempt starts with a fresh look-up. Nothing is locked between two
 * attempts, and the blank frame in hand is not attached to any page.
 *
 * Every user of a locked folio checks the look-up under the folio lock: the
 * view must still lead from the index to the page, and the page to the folio.
 * Changing a view's entry from one page to another takes the folio lock of the
 * old page if it is in a frame, so the old page cannot be mapped after the
 * change. Evictions hold the same lock (see evict.c).
 *
 * Copy on write
 *
 * A page that other views share is first read into a frame and copied under its
 * folio lock in the next attempt: by then the view may be its only sharer, and
 * no copy is needed.
 *
 * As soon as the view drops the old page, another sharer may become its only
 * owner and write to it, so no PTE of this process may map it by then. The
 * fault that copies the page first unmaps the index, under the folio lock of
 * the old page. That removes the PTEs of all processes, which costs each a
 * minor fault. It is skipped when there is nothing to unmap: the PTE of this
 * fault is empty, and the process has no second VMA that may map the same
 * index of the view (mremap() can make one).
 *
 * Exception: the frame for the copy may come from evicting the very page to be
 * copied. If that page is the preferred victim, this would loop. In the second
 * attempt the frame into which the page is read back becomes the copy itself,
 * and the page stays in swap or the store.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>

#include "backend.h"
#include "box.h"
#include "engine.h"
#include "evict.h"
#include "failpoint.h"
#include "fault.h"
#include "fill.h"
#include "frame.h"
#include "map.h"
#include "page.h"
#include "pagebox.h"
#include "pte.h"
#include "stats.h"
#include "store.h"
#include "trace.h"
#include "view.h"

/* The step needs a frame to proceed. */
#define NEED_FRAME 1

/* Do writes go to a view's own pages? */
static bool fault_in_overlay(const struct pb_fault *f)
{
	return f->view != &f->box->root;
}

/* Must this write go to another page than the one in the locked folio? */
static bool fault_needs_copy(const struct pb_fault *f, struct pb_page *page,
			     struct folio *folio)
{
	return f->write && fault_in_overlay(f) &&
	       (page->root || !pb_page_writable(f->box, page, folio));
}

/* Does the view still show the page there? */
static bool fault_still_there(const struct pb_fault *f,
			      const struct pb_page *page)
{
	bool same;

	rcu_read_lock();
	same = pb_view_look(f->box, f->view, f->index) == page;
	rcu_read_unlock();
	return same;
}

/* The blank frame becomes the result. */
static void fault_use_blank(struct pb_fault *f)
{
	folio_mark_uptodate(f->blank.folio);
	f->folio = f->blank.folio;
	f->blank.folio = NULL;
}

/*
 * The view has another page at the index now; remove the old one from the page
 * tables of the process. The caller holds the folio lock of the old page, so
 * it cannot be mapped again.
 */
static void fault_unmap(struct pb_fault *f)
{
	struct pb_map *map = f->map;

	if (READ_ONCE(map->vmas) > 1 ||
	    (f->address && pte_present(pb_pte_read(map->mm, f->address))))
		pb_box_unmap(map->box, f->index, 1);
}

static void fault_clear_blank(struct pb_fault *f)
{
	if (!f->blank.zeroed)
		clear_highpage(folio_page(f->blank.folio, 0));
	f->blank.zeroed = false;
}

/* Fill the blank frame with the contents of an index that has no page yet. */
static int fault_read_blank(struct pb_fault *f)
{
	struct pb_backend *backend;
	struct pb_fill *fill;
	pgoff_t at;
	int err;

	f->class = pb_fill_source(f->box, NULL, f->index, &backend, &at);
	if (!backend) {
		fault_clear_blank(f);
		return 0;
	}
	f->major = true;
	fill = pb_fill_new(f->box, backend, at);
	pb_fill_add(fill, NULL, &f->blank, false);
	err = pb_fill_run(fill);
	if (err)
		return err;
	f->blank.folio = fill->io.folio[0];
	f->blank.zeroed = false;
	err = fill->io.err[0];
	pb_fill_free(fill);
	return err;
}

/*
 * Fill the blank frame, to which the page is attached. On return it is no
 * longer blank: it is the result, or was given back.
 */
static int fault_read_page(struct pb_fault *f, struct pb_page *page, bool fresh)
{
	struct pb_backend *backend;
	struct pb_fill *fill;
	pgoff_t at;
	int err;

	if (page->lost) {
		pb_fill_undo(f->box, page, f->blank.folio, false);
		f->blank.folio = NULL;
		return -EHWPOISON;
	}
	f->class = pb_fill_source(f->box, page, f->index, &backend, &at);
	if (!backend) {
		fault_clear_blank(f);
		fault_use_blank(f);
		return 0;
	}
	f->major = true;
	fill = pb_fill_new(f->box, backend, at);
	pb_fill_add(fill, page, &f->blank, fresh);
	err = pb_fill_run(fill);
	if (err)
		return err;
	err = pb_fill_finish(fill, 0);
	if (!err)
		f->folio = fill->io.folio[0];
	pb_fill_free(fill);
	return err;
}

/* Detach the page from the blank frame. */
static void fault_take_back(struct pb_fault *f, struct pb_page *page)
{
	pb_page_detach(f->box, page, f->blank.folio);
	folio_unlock(f->blank.folio);
}

/*
 * Make the filled blank frame the view's own page, in place of @old (NULL if
 * the view had none). The page is dirty: the frame holds the only copy.
 */
static int fault_install_own(struct pb_fault *f, struct pb_page *old)
{
	struct pb_box *box = f->box;
	struct pb_page *page = pb_page_new(box, f->index, false);
	int err;

	if (!page)
		return -ENOMEM;
	pb_page_attach(box, page, &f->blank);
	folio_mark_uptodate(f->blank.folio);
	folio_set_dirty(f->blank.folio);
	err = pb_view_replace(f->view, f->index, old, page);
	if (err) {
		fault_take_back(f, page);
		pb_page_unshare(box, page);
		return err;
	}
	fault_use_blank(f);
	return 0;
}

/*
 * The view has a new page of its own at the index, and hides the page of the
 * root view there. Another thread may just have mapped the root page. It checks
 * the view's entry under the folio lock: either it sees our entry, or we see
 * its folio and wait for its PTE.
 *
 * That thread may be waiting for a disk. A killed task does not wait for it:
 * its access has not happened, so until a worker removes that PTE, surviving
 * threads (of another process with the same memory) see the old contents.
 */
static void fault_unmap_root(struct pb_fault *f)
{
	struct pb_box *box = f->box;
	struct folio *folio;
	struct pb_page *old;

	/*
	 * Pairs with pb_page_attach() and with the barrier in
	 * fault_step_new_root().
	 */
	smp_mb();
	old = pb_view_get(box, &box->root, f->index);
	if (IS_ERR_OR_NULL(old))
		return;
	if (pb_page_lock(box, old, &folio)) {
		pb_page_unmap_later(box, old, pb_page_put);
		return;
	}
	if (folio) {
		fault_unmap(f);
		pb_folio_release(folio);
	}
	pb_page_put(box, old);
}

/*
 * The view has copied a page of the root view, whose folio is locked. The lock
 * prevents its eviction, but not its being discarded.
 */
static bool fault_was_replaced(struct pb_fault *f, const struct pb_page *page)
{
	/* Pairs with the barrier in fault_step_new_root(). */
	smp_mb();
	return pb_view_peek(&f->box->root, f->index) != page;
}

/* The page is in a frame, and all checks are done under the folio lock. */
static int fault_step_locked(struct pb_fault *f, struct pb_page *page,
			     struct folio *folio)
{
	struct pb_box *box = f->box;
	struct pb_page *old = NULL;
	int err = NEED_FRAME;
	bool replaced = false;

	if (folio_test_hwpoison(folio))
		return pb_poison_retire(box, folio) ?: -EAGAIN;
	if (page->ahead) {
		page->ahead = false;
		pb_count(box, PB_STAT_READAHEAD_HIT);
	}
	if (!fault_needs_copy(f, page, folio)) {
		f->folio = folio;
		return 0;
	}
	if (!f->blank.folio) {
		f->short_of_frames = true;
		goto out_unlock;
	}

	copy_highpage(folio_page(f->blank.folio, 0), folio_page(folio, 0));
	f->blank.zeroed = false;
	if (!page->root)
		old = page;
	pb_window(cow_install);
	err = fault_install_own(f, old);
	if (err)
		goto out_unlock;
	f->class = PAGEBOX_FAULT_COW;
	trace_pagebox_cow(box->id, f->map->id, f->index, page->frame,
			  f->blank.frame, atomic_read(&page->sharers));
	pb_window(cow_unmap);
	fault_unmap(f);
	replaced = !old && fault_was_replaced(f, page);
out_unlock:
	pb_folio_release(folio);
	if (!err)
		pb_window(cow_unshare);
	/* Not earlier: for the last sharer, this locks the folio. */
	if (!err && old)
		pb_page_unshare(box, old);
	if (replaced)
		fault_unmap_root(f);
	return err;
}

/* The page was in a frame at the look-up; the caller holds a reference. */
static int fault_step_resident(struct pb_fault *f, struct pb_page *page,
			       struct folio *folio, u32 frame)
{
	int err = pb_frame_lock(&f->box->frames, folio, frame);

	if (err)
		return err;
	if (pb_page_owns(page, folio) && folio_test_uptodate(folio) &&
	    fault_still_there(f, page))
		return fault_step_locked(f, page, folio);
	pb_folio_release(folio);
	return -EAGAIN;
}

/*
 * Hand the frame into which a page was just read, and which has not been
 * written since, from the page to the copy. While our view shares the page, its
 * contents cannot change. Those of a page of the root view can, but were these
 * at some time during the fault.
 *
 * The view's entry changes while the page still has the frame and the folio is
 * locked. So this process does not map a page of the view itself then, and
 * cannot map it later. A thread that had mapped it might have become its only
 * owner, and its writes would be missing from the copy.
 */
static int fault_hand_over(struct pb_fault *f, struct pb_page *page)
{
	struct pb_page *old = page->root ? NULL : page;
	struct pb_box *box = f->box;
	struct pb_page *new = pb_page_new(box, f->index, false);
	int err = -ENOMEM;

	if (!new)
		goto out_unlock;
	pb_page_borrow(new, page);
	err = pb_view_replace(f->view, f->index, old, new);
	if (err)
		goto out_new;
	pb_page_hand_over(box, page, new, f->folio);
	f->class = PAGEBOX_FAULT_COW;
	trace_pagebox_cow(box->id, f->map->id, f->index, PB_NONE, new->frame,
			  atomic_read(&page->sharers));
	pb_window(cow_handover);
	if (old)
		pb_page_unshare(box, old);
	else
		fault_unmap_root(f);
	return 0;

out_new:
	pb_page_unborrow(new);
	pb_page_unshare(box, new);
out_unlock:
	pb_folio_release(f->folio);
	f->folio = NULL;
	return err;
}

/*
 * The page exists, in no frame; the caller holds a reference. If it must be
 * copied, it is only read, and the next attempt copies it.
 */
static int fault_step_absent(struct pb_fault *f, struct pb_page *page)
{
	int err;

	if (!pb_page_attach(f->box, page, &f->blank))
		return -EAGAIN;
	pb_window(fault_attach);
	/* Check again: without the lock a fork could still share the page. */
	if (!fault_still_there(f, page)) {
		fault_take_back(f, page);
		return -EAGAIN;
	}
	err = fault_read_page(f, page, false);
	if (!err)
		pb_window(fault_read);
	if (err || !fault_needs_copy(f, page, f->folio))
		return err;
	if (f->short_of_frames)
		return fault_hand_over(f, page);
	folio_set_referenced(f->folio);
	pb_folio_release(f->folio);
	return -EAGAIN;
}

/* The index has no page yet; make one of the view's own. */
static int fault_step_new_own(struct pb_fault *f)
{
	int err = fault_read_blank(f);

	if (err)
		return err;
	pb_window(fault_install);
	err = fault_install_own(f, NULL);
	if (err)
		return err;
	pb_window(fault_unmap);
	fault_unmap_root(f);
	return 0;
}

/* The index has no page yet; make one of the root view, for all views. */
static int fault_step_new_root(struct pb_fault *f)
{
	struct pb_box *box = f->box;
	struct pb_page *page = pb_page_new(box, f->index, true);
	int err;

	if (!page)
		return -ENOMEM;
	pb_page_attach(box, page, &f->blank);
	pb_window(fault_publish);
	err = pb_view_replace(&box->root, f->index, NULL, page);
	if (err) {
		fault_take_back(f, page);
		pb_page_unshare(box, page);
		return err;
	}
	err = fault_read_page(f, page, true);
	if (err)
		return err;
	pb_window(fault_check);
	/*
	 * Pairs with fault_unmap_root(): our root page first, then the view's
	 * entry.
	 */
	smp_mb();
	if (fault_still_there(f, page))
		return 0;

	/* The view now has its own page there; the root view keeps this one. */
	pb_folio_release(f->folio);
	return -EAGAIN;
}

static int fault_step(struct pb_fault *f)
{
	struct pb_page *page;
	struct folio *folio;
	u32 frame = PB_NONE;
	int err = 0;

	f->class = PAGEBOX_FAULT_MINOR;
	/* Drop the stale result of the previous attempt. */
	f->folio = NULL;
	folio = pb_view_trylock(f->view, f->index, &page);
	if (folio)
		return fault_step_locked(f, page, folio);

	rcu_read_lock();
	page = pb_view_look(f->box, f->view, f->index);
	if (page) {
		folio = pb_page_folio(page);
		frame = READ_ONCE(page->frame);
		/* Both fail when the page is just being detached or freed. */
		if (IS_ERR(folio) || (!folio && !pb_page_tryget(page)))
			err = -EAGAIN;
	}
	rcu_read_unlock();
	if (err)
		return err;
	pb_window(fault_lock);
	if (folio)
		return fault_step_resident(f, page, folio, frame);

	if (page && READ_ONCE(page->lost))
		err = -EHWPOISON;
	else if (!f->blank.folio)
		err = NEED_FRAME;
	else if (page)
		err = fault_step_absent(f, page);
	else if (f->write && fault_in_overlay(f))
		err = fault_step_new_own(f);
	else
		err = fault_step_new_root(f);
	if (page)
		pb_page_put(f->box, page);
	return err;
}

/* Was the page in the locked folio truncated from the store? */
static bool fault_was_truncated(struct pb_fault *f)
{
	const struct pb_page *page = f->folio->private;

	return page->root && (pb_store_pending(f->box, f->index) ||
			      !pb_box_has(f->box, f->index));
}

/* One attempt. The index exists when it begins and when it ends. */
static int fault_try(struct pb_fault *f)
{
	int err;

	if (!pb_box_has(f->box, f->index)) {
		/* This may be the first to notice that the store shrank. */
		pb_store_pending(f->box, f->index);
		return -ENODATA;
	}
	err = pb_store_wait(f->box, f->index);
	if (!err)
		err = fault_step(f);
	if (err)
		return err;
	if (folio_test_hwpoison(f->folio)) {
		err = pb_poison_retire(f->box, f->folio);
		f->folio = NULL;
		return err ?: -EAGAIN;
	}
	if (!fault_was_truncated(f))
		return 0;
	pb_folio_release(f->folio);
	f->folio = NULL;
	return -EAGAIN;
}

/**
 * pb_fault_resolve - find the page, and read or copy it if needed
 * @f: from pb_fault_of()
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0, then @f->folio is locked and referenced; -ENODATA past the end;
 * -ENOSPC without a frame; -ENOMEM; -EINTR when the task is being killed;
 * -EHWPOISON when a memory error destroyed the contents; or the backend's error
 */
int pb_fault_resolve(struct pb_fault *f)
{
	struct pb_box *box = f->box;
	int err;

	do {
		err = fault_try(f);
		if (err == NEED_FRAME) {
			err = pb_evict_get_frame(box, &f->blank, f->index);
			err = err ?: -EAGAIN;
			pb_window(fault_frame);
		} else if (err == -EAGAIN && fatal_signal_pending(current)) {
			err = -EINTR;
		}
	} while (err == -EAGAIN);

	if (f->blank.folio)
		pb_frame_put_blank(&box->frames, f->blank.folio,
				   f->blank.frame);
	if (!err && f->class == PAGEBOX_FAULT_MINOR) {
		pb_folio_referenced(box, f->folio);
		f->class = f->ahead;
	}
	return err;
}

/**
 * pb_fault_count - count a fault, in the box and in its map
 * @f: the fault
 * @class: the class to count it in
 */
void pb_fault_count(const struct pb_fault *f, enum pagebox_fault_class class)
{
	pb_count(f->box, class);
	if (f->major)
		pb_count(f->box, PB_STAT_MAJOR);
	if (!f->map)
		return;
	atomic64_inc(&f->map->faults[class]);
	if (f->major)
		atomic64_inc(&f->map->major);
}

/**
 * pb_fault_own_copy - give a view its own copy of a page that it shares
 * @map: a private map that no task runs in yet
 * @index: index of the page
 *
 * Context: fork(); sleeps.
 * Return: 0 or the error of a fault
 */
int pb_fault_own_copy(struct pb_map *map, pgoff_t index)
{
	struct pb_fault f = pb_fault_of(map, index, 0, true);
	int err = pb_fault_resolve(&f);

	/* A lost page may stay shared. */
	if (err)
		return err == -EHWPOISON ? 0 : err;
	pb_fault_count(&f, f.class);
	pb_folio_release(f.folio);
	return 0;
}

/**
 * pb_fault_root - get a page of the root view, for read() and write()
 * @box: a sealed box
 * @index: index of the page
 * @write: the caller will write to it
 * @folio: set to its folio, locked and referenced
 *
 * Counted as a fault, but in no map.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -ENODATA past the end; -ENOSPC without a frame; -ENOMEM; -EINTR
 * when the task is being killed; -EIO when a memory error destroyed the
 * contents; or the backend's error
 */
int pb_fault_root(struct pb_box *box, pgoff_t index, bool write,
		  struct folio **folio)
{
	struct pb_fault f = {
		.box = box,
		.view = &box->root,
		.index = index,
		.write = write,
		.ahead = PAGEBOX_FAULT_MINOR,
	};
	int err = pb_fault_resolve(&f);

	if (err)
		return err == -EHWPOISON ? -EIO : err;
	if (f.class != PAGEBOX_FAULT_MINOR)
		pb_fault_count(&f, f.class);
	*folio = f.folio;
	return 0;
}
