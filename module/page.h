/* SPDX-License-Identifier: GPL-2.0 */
/* A page of a box: the place of its contents. */
#ifndef _PAGEBOX_PAGE_H
#define _PAGEBOX_PAGE_H

#include <linux/atomic.h>
#include <linux/pagemap.h>
#include <linux/refcount.h>

#include "box.h"
#include "frame.h"
#include "swap.h"

/**
 * struct pb_page - a virtual page: the place of its contents
 * @folio: the frame's folio, or NULL. Set once from NULL to a *locked* folio by
 *         compare-and-exchange, cleared under the folio lock; so the holder of
 *         the folio lock who finds the folio here owns the page
 * @index: place in the box in pages; invariant
 * @frame: number of the frame while @folio is set; folio lock
 * @slot: swap slot with the contents, or with a copy of them when @folio is
 *        set and clean, or PB_NONE; with the parity of its area; folio lock
 * @root: a page of the root view; invariant
 * @shared: more than one view has held it since it entered this frame, and a
 *          former sharer may have left a pin; folio lock
 * @ahead: readahead read it, and it was not accessed yet; folio lock
 * @lost: a memory error destroyed the contents; set once under the folio lock,
 *        read without
 * @valid: number of valid bytes of the copy in @slot, the rest being zero; 0
 *         when all are valid. Set by truncate.c; folio lock
 * @dirtied: when the flusher first found it dirty, in jiffies, or 0; folio lock
 * @refs: life time: one for all sharers together, and one for each user that
 *        keeps the page without lock or RCU
 * @sharers: number of views that hold the page. If it is one, that view may
 *           write to the page, see pb_page_writable()
 * @rcu: pages are looked up under RCU
 *
 * A clean page of the root view without a slot is not kept: a missing entry
 * means "as in the store, or zero".
 */
struct pb_page {
	struct folio *folio;
	pgoff_t index;
	u32 frame;
	u32 slot;
	bool root;
	bool shared;
	bool ahead;
	bool lost;
	u32 valid;
	unsigned long dirtied;
	refcount_t refs;
	atomic_t sharers;
	struct rcu_head rcu;
};

struct pb_page *pb_page_new(struct pb_box *box, pgoff_t index, bool root);
void pb_page_put(struct pb_box *box, struct pb_page *page);
void pb_page_unshare(struct pb_box *box, struct pb_page *page);
void pb_page_unmap_later(struct pb_box *box, struct pb_page *page,
			 void (*drop)(struct pb_box *box,
				      struct pb_page *page));
bool pb_page_attach(struct pb_box *box, struct pb_page *page,
		    const struct pb_blank *blank);
u32 pb_page_detach(struct pb_box *box, struct pb_page *page,
		   struct folio *folio);
void pb_page_borrow(struct pb_page *page, const struct pb_page *from);
void pb_page_unborrow(struct pb_page *page);
void pb_page_hand_over(struct pb_box *box, struct pb_page *from,
		       struct pb_page *to, struct folio *folio);
struct folio *pb_page_folio(struct pb_page *page);
struct folio *pb_page_trylock(struct pb_page *page);
int pb_page_lock(struct pb_box *box, struct pb_page *page,
		 struct folio **folio);
int pb_page_lock_idle(struct pb_box *box, struct pb_page *page,
		      struct folio **folio);
bool pb_page_writable(struct pb_box *box, struct pb_page *page,
		      struct folio *folio);
void pb_page_free_slot(struct pb_box *box, struct pb_page *page);
int pb_pages_init(void);
void pb_pages_exit(void);

/*
 * Does the locked folio hold this page? If so, the page object is alive: it
 * leaves its folio, under the folio lock, before it is freed.
 */
static inline bool pb_page_owns(const struct pb_page *page,
				const struct folio *folio)
{
	return folio->private == page;
}

static inline void pb_folio_release(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

/*
 * Lock a folio to take its page away, without waiting. A folio under write-back
 * must stay where it is, see writeback.c.
 */
static inline bool pb_folio_trylock(struct folio *folio)
{
	if (!folio_trylock(folio))
		return false;
	if (!folio_test_writeback(folio))
		return true;
	folio_unlock(folio);
	return false;
}

/* Get the number of the page's slot in its area, or PB_NONE. */
static inline u32 pb_page_slot(const struct pb_page *page)
{
	u32 slot = READ_ONCE(page->slot);

	return slot == PB_NONE ? PB_NONE : slot & ~PB_SWAP_PARITY;
}

static inline bool pb_page_tryget(struct pb_page *page)
{
	return refcount_inc_not_zero(&page->refs);
}

/* Tell the policy that a page in a frame is accessed. */
static inline void pb_folio_referenced(struct pb_box *box,
				       const struct folio *folio)
{
	const struct pb_page *page = folio->private;

	pb_frame_referenced(&box->frames, page->frame);
}

#endif /* _PAGEBOX_PAGE_H */
