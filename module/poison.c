// SPDX-License-Identifier: GPL-2.0
/*
 * Memory errors: retire a frame whose memory is broken.
 *
 * Core mm marks the page of memory (PG_hwpoison), at any time and without the
 * folio lock, and leaves everything else to its owner. So the mark is checked
 * under the folio lock before a folio is used: before a fault returns or copies
 * it, before it is written, and when an evictor reaches it. A marked frame is
 * retired here: its page leaves it, and the frame keeps its number and its
 * folio, without a page, until the box is destroyed.
 *
 * The contents are not read. If the store or swap has a copy of them, the next
 * access reads it from there, unnoticed. If not, they are lost: a page of a
 * writable store reverts to the contents of the store, and fsync() reports that
 * once; any other page stays lost until it is discarded, and accesses raise
 * SIGBUS.
 *
 * A mark set after the check is seen by core mm, which tries to remove the
 * folio of the fault from a page cache that it is not in. That fails because
 * the frame table holds two references where a page cache holds one: see
 * PB_TABLE_REFS.
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

/* Can the page be dropped, and read again from the store or as zero? */
static bool poison_comes_back(struct pb_box *box, const struct pb_page *page,
			      bool lost)
{
	if (!page->root)
		return false;
	return pb_box_writes_back(box) || (page->slot == PB_NONE && !lost);
}

/* Detach a page from a broken frame. */
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
		/*
		 * Another task may discard the page; then that task drops it.
		 */
		dropped = !pb_view_replace(&box->root, page->index, page, NULL);
		if (lost && dropped)
			pb_store_failed(box, -EIO);
	} else if (lost) {
		/* The copy in swap is outdated. */
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
 * @folio: a marked folio that holds a page, locked and referenced; unlocked and
 *         released on return
 *
 * If the folio is under write-back, this only waits for the write; the caller
 * then finds the folio again.
 *
 * Context: as for an eviction.
 * Return: 0, or -EINTR when the task is being killed
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
