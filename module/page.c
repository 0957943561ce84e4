// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a page and their transitions.
 *
 *              attach + read                     write it to swap
 *   slot only ----------------> frame and slot <------------------ frame only
 *             <----------------  (clean)                           (dirty, or
 *                  detach                                     never swapped)
 *
 * A page with a folio pointer is resident. The pointer changes from NULL to a
 * locked folio by compare-and-exchange, so of two faults on a page only one
 * reads it and the other waits for the folio lock. It changes back to NULL
 * under that lock. The slot changes under the lock as well.
 *
 * While a page is attached to a folio, holding the folio lock keeps the page
 * object.
 *
 * Life time: the views that hold a page own one reference together (sharers
 * counts them), and a user takes one of its own if it leaves RCU before it is
 * done with a page that has no frame. The last put frees the slot and the
 * frame.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "box.h"
#include "failpoint.h"
#include "frame.h"
#include "page.h"
#include "pagebox.h"
#include "stats.h"
#include "swap.h"
#include "user.h"

static struct kmem_cache *pb_page_cache;

/**
 * pb_page_new - make a page without contents
 * @box: the box of the page
 * @index: its index in the box
 * @root: a page of the root view
 *
 * Return: a page with one sharer, or NULL without memory
 */
struct pb_page *pb_page_new(struct pb_box *box, pgoff_t index, bool root)
{
	struct pb_page *page = pb_may_fail(
		alloc_page, NULL, kmem_cache_alloc(pb_page_cache, PB_GFP));

	if (!page)
		return NULL;
	page->folio = NULL;
	page->index = index;
	page->frame = PB_NONE;
	page->slot = PB_NONE;
	page->root = root;
	page->shared = false;
	page->ahead = false;
	page->lost = false;
	page->valid = 0;
	page->dirtied = 0;
	refcount_set(&page->refs, 1);
	atomic_set(&page->sharers, 1);
	pb_count(box, PB_STAT_PAGES);
	return page;
}

static void page_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(pb_page_cache, container_of(rcu, struct pb_page, rcu));
}

static void page_release(struct pb_box *box, struct pb_page *page,
			 struct folio *folio)
{
	if (folio) {
		u32 frame = pb_page_detach(box, page, folio);

		/* No view shows it, hence no PTE maps it. */
		WARN_ON_ONCE(folio_mapped(folio));
		pb_frame_put(&box->frames, folio, frame);
	}
	pb_page_free_slot(box, page);
	pb_count_add(box, PB_STAT_PAGES, -1);
	call_rcu(&page->rcu, page_free_rcu);
}

/* Longest pause between two attempts to lock a busy page. */
#define LATE_PAUSE (HZ / 10UL)

/**
 * struct late - deferred work on a page whose folio is busy
 * @work: the work
 * @box: the box, referenced
 * @page: the page; its last reference, or the one that @drop drops
 * @pause: time until the next attempt, in jiffies
 * @finish: function to call with the folio locked, or NULL if the page has none
 * @drop: for page_late_unmap()
 */
struct late {
	struct delayed_work work;
	struct pb_box *box;
	struct pb_page *page;
	unsigned long pause;
	void (*finish)(struct late *late, struct folio *folio);
	void (*drop)(struct pb_box *box, struct pb_page *page);
};

/**
 * pb_page_folio - get the folio of a page
 * @page: the page; under RCU, or referenced by the caller
 *
 * The page may have left the folio before its lock is taken: see
 * pb_page_owns().
 *
 * Return: the folio with a reference for the caller; NULL when the page is in
 * no frame; ERR_PTR(-EAGAIN) when it has just left one
 */
struct folio *pb_page_folio(struct pb_page *page)
{
	struct folio *folio = READ_ONCE(page->folio);

	if (folio && !folio_try_get(folio))
		return ERR_PTR(-EAGAIN);
	return folio;
}

/**
 * pb_page_trylock - lock a page in its frame, without waiting
 * @page: the page; under RCU, or referenced by the caller
 *
 * Return: its folio, locked, referenced and not under write-back; NULL when the
 * page is in no frame; ERR_PTR(-EAGAIN) when it is busy
 */
struct folio *pb_page_trylock(struct pb_page *page)
{
	struct folio *folio = pb_page_folio(page);

	if (IS_ERR_OR_NULL(folio))
		return folio;
	if (pb_folio_trylock(folio)) {
		if (pb_page_owns(page, folio))
			return folio;
		folio_unlock(folio);
	}
	folio_put(folio);
	return ERR_PTR(-EAGAIN);
}

/* The same for callers that defer their work if the page is busy. */
static struct folio *page_trylock(struct pb_page *page)
{
	return pb_may_fail(page_busy, ERR_PTR(-EAGAIN), pb_page_trylock(page));
}

/* Never wait here: very many of these works may be queued. */
static void page_late_work(struct work_struct *work)
{
	struct late *late =
		container_of(to_delayed_work(work), struct late, work);
	struct pb_box *box = late->box;
	struct folio *folio;

	pb_window(page_late);
	folio = page_trylock(late->page);
	if (IS_ERR(folio)) {
		late->pause = min(2 * late->pause, LATE_PAUSE);
		queue_delayed_work(pb_wq, &late->work, late->pause);
		return;
	}
	late->finish(late, folio);
	kfree(late);
	pb_box_put_later(box);
}

/* The caller passes on a reference to the box. */
static struct late *page_late_new(struct pb_box *box, struct pb_page *page,
				  void (*finish)(struct late *late,
						 struct folio *folio))
{
	struct late *late = kmalloc(sizeof(*late), GFP_KERNEL | __GFP_NOFAIL);

	late->box = box;
	late->page = page;
	late->pause = 1;
	late->finish = finish;
	INIT_DELAYED_WORK(&late->work, page_late_work);
	return late;
}

static void page_late_free(struct late *late, struct folio *folio)
{
	page_release(late->box, late->page, folio);
}

static void page_late_unmap(struct late *late, struct folio *folio)
{
	if (folio) {
		if (folio_mapped(folio))
			pb_box_unmap(late->box, late->page->index, 1);
		pb_folio_release(folio);
	}
	late->drop(late->box, late->page);
}

/*
 * The box is being destroyed, so it has no requests and no tasks. Others may
 * still hold references to its folios, and take their locks for a moment: a bio
 * that has read into a page marks it dirty.
 */
static void page_free_last(struct pb_box *box, struct pb_page *page)
{
	struct folio *folio = page->folio;

	if (folio) {
		folio_get(folio);
		folio_lock(folio);
	}
	page_release(box, page, folio);
}

/*
 * Free a page. Do not wait for its I/O: a process that was killed because a
 * disk does not respond must be able to exit.
 */
static void page_free(struct pb_box *box, struct pb_page *page)
{
	struct folio *folio;
	struct late *late;

	pb_window(page_free);
	folio = page_trylock(page);
	if (!IS_ERR(folio)) {
		page_release(box, page, folio);
		return;
	}
	if (!kref_get_unless_zero(&box->ref)) {
		page_free_last(box, page);
		return;
	}
	late = page_late_new(box, page, page_late_free);
	queue_delayed_work(pb_wq, &late->work, 0);
}

/**
 * pb_page_unmap_later - remove a busy page from all page tables
 * @box: the box of the page
 * @page: the page, which a view no longer holds
 * @drop: pb_page_unshare() for that view's share, which keeps the page until
 *        then, or pb_page_put() for a reference of the caller
 *
 * For a task that is being killed and must not wait for the folio lock. A
 * worker unmaps the page as soon as it gets the lock.
 */
void pb_page_unmap_later(struct pb_box *box, struct pb_page *page,
			 void (*drop)(struct pb_box *box, struct pb_page *page))
{
	struct late *late = page_late_new(box, page, page_late_unmap);

	kref_get(&box->ref);
	late->drop = drop;
	queue_delayed_work(pb_wq, &late->work, 0);
}

/**
 * pb_page_put - drop a reference
 * @box: the box of the page
 * @page: the page
 *
 * Context: may sleep; the caller does not hold the lock of the page's folio.
 */
void pb_page_put(struct pb_box *box, struct pb_page *page)
{
	if (refcount_dec_and_test(&page->refs))
		page_free(box, page);
}

/**
 * pb_page_unshare - drop the share of one view
 * @box: the box of the page
 * @page: the page
 *
 * Context: as for pb_page_put().
 */
void pb_page_unshare(struct pb_box *box, struct pb_page *page)
{
	if (atomic_dec_and_test(&page->sharers))
		pb_page_put(box, page);
}

/**
 * pb_page_attach - put a page into a frame
 * @box: the box of the page
 * @page: the page, referenced by the caller
 * @blank: the frame; its folio is locked on success
 *
 * Other tasks find the folio at once and wait for its lock. A task may hold the
 * lock before, but releases it without waiting, since the frame has no page.
 *
 * Return: false when the page has got a frame in between
 */
bool pb_page_attach(struct pb_box *box, struct pb_page *page,
		    const struct pb_blank *blank)
{
	struct folio *folio = blank->folio;

	if (READ_ONCE(page->folio))
		return false;
	folio_lock(folio);
	folio->mapping = box->inode->i_mapping;
	folio->index = page->index;
	folio->private = page;
	if (!cmpxchg(&page->folio, NULL, folio)) {
		/* From here on a fork that shares it sees the folio. */
		page->shared = atomic_read(&page->sharers) > 1;
		page->frame = blank->frame;
		pb_frame_loaded(&box->frames, blank->frame);
		return true;
	}
	folio->private = NULL;
	folio->mapping = NULL;
	folio_unlock(folio);
	return false;
}

/**
 * pb_page_detach - take a page out of its frame
 * @box: the box of the page
 * @page: the page
 * @folio: its folio, locked, unmapped and not under write-back; stays locked
 *
 * Return: the number of the frame, which is now blank
 */
u32 pb_page_detach(struct pb_box *box, struct pb_page *page,
		   struct folio *folio)
{
	u32 frame = page->frame;

	WARN_ON_ONCE(folio_test_writeback(folio));
	pb_frame_unloaded(&box->frames, frame);
	page->ahead = false;
	page->dirtied = 0;
	folio->private = NULL;
	folio->mapping = NULL;
	folio_clear_dirty(folio);
	folio_clear_referenced(folio);
	folio_clear_uptodate(folio);
	page->frame = PB_NONE;
	/* Pairs with the compare-and-exchange in pb_page_attach(). */
	smp_store_release(&page->folio, NULL);
	return frame;
}

/**
 * pb_page_borrow - let a new page show the frame of another one
 * @page: the new page, not yet visible to others
 * @from: the page whose contents it will have; its folio is locked
 *
 * The new page can then be put into a view: a look-up leads to the locked
 * folio.
 */
void pb_page_borrow(struct pb_page *page, const struct pb_page *from)
{
	page->folio = from->folio;
	page->frame = from->frame;
}

/**
 * pb_page_unborrow - undo pb_page_borrow()
 * @page: the new page; it was not put into a view
 */
void pb_page_unborrow(struct pb_page *page)
{
	page->folio = NULL;
	page->frame = PB_NONE;
}

/**
 * pb_page_hand_over - give the frame to the page that has borrowed it
 * @box: the box of the pages
 * @from: the page in the frame; not mapped, and with a copy elsewhere
 * @to: the new page, which will hold the only copy
 * @folio: the folio, locked; stays locked
 */
void pb_page_hand_over(struct pb_box *box, struct pb_page *from,
		       struct pb_page *to, struct folio *folio)
{
	pb_frame_unloaded(&box->frames, to->frame);
	from->ahead = false;
	from->dirtied = 0;
	from->frame = PB_NONE;
	folio->private = to;
	folio_set_dirty(folio);
	pb_frame_loaded(&box->frames, to->frame);
	/* Pairs with the compare-and-exchange in pb_page_attach(). */
	smp_store_release(&from->folio, NULL);
}

/**
 * pb_page_lock - lock a page in its frame
 * @box: the box of the page
 * @page: the page, referenced by the caller
 * @folio: set to its folio, locked and referenced; NULL when it has no frame
 *
 * The folio may be under I/O.
 *
 * Return: 0, or -EINTR when the task is being killed
 */
int pb_page_lock(struct pb_box *box, struct pb_page *page, struct folio **folio)
{
	u32 frame;
	int err;

	for (;;) {
		rcu_read_lock();
		frame = READ_ONCE(page->frame);
		*folio = pb_page_folio(page);
		rcu_read_unlock();
		if (!*folio)
			return 0;
		if (IS_ERR(*folio))
			continue;
		err = pb_frame_lock(&box->frames, *folio, frame);
		if (err || pb_page_owns(page, *folio))
			return err;
		pb_folio_release(*folio);
	}
}

/**
 * pb_page_lock_idle - lock a page in its frame, after any write-back of it
 * @box: the box of the page
 * @page: the page, referenced by the caller
 * @folio: as for pb_page_lock()
 *
 * Return: as for pb_page_lock()
 */
int pb_page_lock_idle(struct pb_box *box, struct pb_page *page,
		      struct folio **folio)
{
	int err;

	for (;;) {
		err = pb_page_lock(box, page, folio);
		if (err || !*folio || !folio_test_writeback(*folio))
			return err;
		/* Without the lock, which core mm may want; see writeback.c. */
		folio_unlock(*folio);
		pb_window(lock_idle);
		err = folio_wait_writeback_killable(*folio);
		folio_put(*folio);
		if (err)
			return err;
	}
}

/**
 * pb_page_writable - may the view that holds the page write to it?
 * @box: the box of the page
 * @page: the page, not of the root view
 * @folio: its folio, locked, and referenced once by the caller
 *
 * Not if other views hold it too. A former sharer may have passed the page to
 * the kernel, for example to a pipe: its contents there must not change, and it
 * must not see what is written here. As core mm does for anonymous memory, any
 * unknown reference then counts as such a pin. A pin for writing by this view
 * is no obstacle: the page became writable for it and lost its shared mark, and
 * a later fork() would have copied the page.
 *
 * Return: true if so; false if it must be copied
 */
bool pb_page_writable(struct pb_box *box, struct pb_page *page,
		      struct folio *folio)
{
	if (atomic_read(&page->sharers) != 1)
		return false;
	if (page->shared && pb_frame_pinned(&box->frames, folio, page->frame))
		return false;
	page->shared = false;
	return true;
}

/**
 * pb_page_free_slot - free the copy in swap
 * @box: the box of the page
 * @page: the page; its folio is locked, or no other task can find it
 */
void pb_page_free_slot(struct pb_box *box, struct pb_page *page)
{
	u32 slot = page->slot;

	if (slot == PB_NONE)
		return;
	WRITE_ONCE(page->slot, PB_NONE);
	pb_swap_slot_put(pb_box_swap_of(box, slot), slot);
}

/**
 * pb_pages_init - initialise the pages
 *
 * Return: 0 or -ENOMEM
 */
int __init pb_pages_init(void)
{
	pb_page_cache = pb_may_fail(create_cache, NULL,
				    KMEM_CACHE(pb_page, SLAB_ACCOUNT));
	return pb_page_cache ? 0 : -ENOMEM;
}

/**
 * pb_pages_exit - wait until the last page is freed
 */
void pb_pages_exit(void)
{
	/* The callbacks of call_rcu() are code of this module. */
	rcu_barrier();
	kmem_cache_destroy(pb_page_cache);
}
