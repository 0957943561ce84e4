// SPDX-License-Identifier: GPL-2.0
/*
 * Removing a swap area: its pages are read into frames and become dirty, so
 * that the next eviction writes them to the current area. The area knows the
 * page of each slot, so no view is searched.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "backend.h"
#include "box.h"
#include "engine.h"
#include "evict.h"
#include "failpoint.h"
#include "fill.h"
#include "frame.h"
#include "page.h"
#include "pagebox.h"
#include "swap.h"

/* The contents are in the frame; free the slot in the old area. */
static void swapoff_leave_slot(struct pb_box *box, struct pb_swap *old,
			       struct pb_page *page, struct folio *folio)
{
	pb_window(swapoff_leave);
	if (page->slot != PB_NONE &&
	    (page->slot & PB_SWAP_PARITY) == old->parity) {
		pb_page_free_slot(box, page);
		folio_set_dirty(folio);
	}
	pb_folio_release(folio);
}

/*
 * Read a page into a frame. Return -EAGAIN when another task was faster, or
 * -ENOMEM without a frame, with the reason in @seen.
 */
static int swapoff_bring_in(struct pb_box *box, struct pb_swap *old,
			    struct pb_page *page, struct pb_obstacles *seen)
{
	struct pb_backend *backend;
	struct pb_blank blank;
	struct folio *folio;
	struct pb_fill *fill;
	pgoff_t at;
	int err;

	err = pb_evict_try_frame(box, &blank, seen);
	if (err)
		return err == -EAGAIN ? -ENOMEM : err;
	folio = blank.folio;
	pb_window(swapoff_attach);
	if (!pb_page_attach(box, page, &blank)) {
		folio_lock(folio);
		pb_frame_put(&box->frames, folio, blank.frame);
		return -EAGAIN;
	}
	if (pb_fill_source(box, page, page->index, &backend, &at) !=
	    PAGEBOX_FAULT_SWAPIN) {
		pb_fill_undo(box, page, folio, false);
		return 0;
	}
	fill = pb_fill_new(box, backend, at);
	pb_fill_add(fill, page, &blank, false);
	if (pb_fill_run(fill))
		return -EINTR;
	err = pb_fill_finish(fill, 0);
	if (!err)
		swapoff_leave_slot(box, old, page, folio);
	pb_fill_free(fill);
	return err;
}

/* Move a page out of the old area, whether it is in a frame or not. */
static int swapoff_move_page(struct pb_box *box, struct pb_swap *old,
			     struct pb_page *page)
{
	struct pb_obstacles seen = {};
	unsigned int pins = 0;
	struct folio *folio;
	int err;

	for (;;) {
		err = pb_page_lock(box, page, &folio);
		if (err)
			return err;
		if (folio && folio_test_hwpoison(folio)) {
			pb_poison_retire(box, folio);
			continue;
		}
		if (folio) {
			swapoff_leave_slot(box, old, page, folio);
			return 0;
		}
		err = swapoff_bring_in(box, old, page, &seen);
		if (err != -EAGAIN && err != -ENOMEM)
			return err;
		if (err == -ENOMEM && !pb_evict_pause(&seen, &pins))
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/**
 * pb_swapoff - move all pages out of an area
 * @box: the box; its configuration is locked
 * @old: the area; no new slots are taken in it
 *
 * Return: 0 when no slot is in use; -ENOMEM when its pages do not fit
 * elsewhere; -EINTR when the task is being killed; or the error of a page that
 * cannot be read
 */
int pb_swapoff(struct pb_box *box, struct pb_swap *old)
{
	struct pb_page *page;
	u32 slot = 0;
	int err;

	lockdep_assert_held(&box->config);
	/* No new slot is taken, but a write in progress may still add one. */
	while (READ_ONCE(old->used)) {
		page = pb_swap_next(old, &slot);
		if (!page) {
			slot = 0;
			schedule_timeout_killable(1);
			if (fatal_signal_pending(current))
				return -EINTR;
			continue;
		}
		pb_window(swapoff_page);
		err = swapoff_move_page(box, old, page);
		pb_page_put(box, page);
		if (err)
			return err;
		slot++;
		cond_resched();
	}
	return 0;
}
