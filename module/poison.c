// SPDX-License-Identifier: GPL-2.0
/*
 * Memory errors: a frame whose memory is broken.
 *
 * Core mm marks the page of memory (PG_hwpoison), at any time and without the
 * folio lock, and leaves everything else to its owner. So the mark is looked for
 * where a folio is about to be used, with its lock held: before a fault returns
 * or copies it, before it is written, and when an evictor comes by. What is found
 * then is dealt with here: the page leaves the frame, and the frame is retired. It
 * keeps its number and its folio, holds no page any more, and goes with the box.
 *
 * The contents are not read. If they have a copy in the store or in swap they are
 * read from there at the next access, and nobody notices. If not, they are lost: a
 * page of a writable store is again what the store has, and fsync() says that once;
 * any other page stays lost until it is discarded, and accesses raise SIGBUS.
 *
 * A mark that comes after the look reaches core mm, which tries to take the folio
 * of a fault out of a page cache that it is not in. That fails because the frame
 * table holds two references where a page cache holds one: see PB_TABLE_REFS.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/pagemap.h>

#include "box.h"
#include "engine.h"
#include "frame.h"
#include "page.h"
#include "pagebox.h"
#include "store.h"
#include "view.h"

/* Is the page that of the store, which it comes back from, or of nothing? */
static bool poison_comes_back(struct pb_box *box, const struct pb_page *page,
			      bool lost)
{
	if (!page->root)
		return false;
	return pb_box_writes_back(box) || (page->slot == PB_NONE && !lost);
}

/* Take a page out of a broken frame. */
static void poison_give_up(struct pb_box *box, struct pb_page *page,
			   struct folio *folio)
{
	bool lost = folio_test_dirty(folio);
	bool dropped = false;
	u32 frame = page->frame;

	pr_notice_ratelimited("box %u: memory error in frame %u, page %lu %s\n",
			      box->id, frame, page->index,
			      lost ? "is lost" : "is read again when needed");
	if (poison_comes_back(box, page, lost)) {
		/* A page that is being discarded is the discarder's. */
		dropped = !pb_view_replace(&box->root, page->index, page, NULL);
		if (lost && dropped)
			pb_store_failed(box, -EIO);
	} else if (lost) {
		/* What is in swap is older. */
		pb_page_free_slot(box, page);
		WRITE_ONCE(page->lost, true);
	}
	pb_page_detach(box, page, folio);
	pb_frame_put(&box->frames, folio, frame);
	if (dropped)
		pb_page_unshare(box, page);
}

/**
 * pb_poison_retire - take a page out of a frame with a memory error
 * @box: the box
 * @folio: that holds a page and is marked; locked and referenced by the caller, who
 *         has neither afterwards
 *
 * If the folio is under write-back, this waits for that, and the caller finds the
 * folio again.
 *
 * Context: as an eviction.
 * Return: 0, or -EINTR when the task is being killed while it waits
 */
int pb_poison_retire(struct pb_box *box, struct folio *folio)
{
	struct pb_page *page = folio->private;
	int err;

	if (folio_test_writeback(folio)) {
		folio_unlock(folio);
		err = folio_wait_writeback_killable(folio);
		folio_put(folio);
		return err;
	}
	if (folio_mapped(folio))
		pb_box_unmap(box, page->index, 1);
	poison_give_up(box, page, folio);
	return 0;
}
