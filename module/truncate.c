// SPDX-License-Identifier: GPL-2.0
/*
 * A store that is truncated while a box uses it.
 *
 * Core mm truncates a mapping together with its file. The file behind a box has
 * a mapping of its own, and nothing there knows of the box, so the box has to
 * notice. It compares the size of the store with the size that it knows:
 *
 *   - synchronously, in a notification of the file (fsnotify), where there is
 *     one. The truncating task takes the PTEs away before its call returns;
 *   - at every fault, fsync, flush, eviction and write past the end. Block
 *     devices, network file systems and kernels without fsnotify have only that.
 *     A store that shrinks and grows back between two looks goes unnoticed there.
 *
 * What is noticed is the lowest new end, the cut, also when the store has grown
 * again by the time somebody acts on it. While there is a cut, accesses past it
 * wait, and pages past it are not written. A worker clears it: it drops the pages
 * of the root view that lie past it, from frames and from swap, and zeroes the
 * tail of the page that it goes through. A dirty page that is dropped is lost;
 * fsync() reports that once for each truncation.
 *
 * The notification runs with the inode lock of the store, for which requests
 * wait that hold folios. So it waits for no folio: it notes the cut, unmaps, and
 * leaves the rest to the worker. Nor does it lock out a fault that has found its
 * page already: such a fault maps the page, and the worker unmaps it, as its
 * folio lock comes after that of the fault.
 *
 * A fault that brings a page in while the worker is at work either puts it into
 * the view before the worker gets there, which then drops it; or begins to read
 * it after the truncation, so that it reads what the store has by now. Before it
 * returns the page it looks for a cut once more, under the folio lock.
 */
#include <linux/fsnotify_backend.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "pagebox.h"

/* Look at the size. Return true if there is a cut that there was not. */
static bool note_size(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;
	bool shrunk;
	u64 end;

	spin_lock(&t->lock);
	/* Under the lock, so that the sizes are noted in the order they had. */
	end = pb_backend_bytes(box->store);
	shrunk = end < t->end;
	if (shrunk && end < t->cut) {
		WRITE_ONCE(t->cut, end);
		WRITE_ONCE(t->first, end >> PAGE_SHIFT);
	}
	if (shrunk)
		WRITE_ONCE(t->seq, t->seq + 1);
	/* Whoever sees this end (with acquire) sees its cut. */
	smp_store_release(&t->end, end);
	spin_unlock(&t->lock);
	return shrunk;
}

static void unmap_from(struct pb_box *box, pgoff_t first)
{
	pb_box_unmap(box, first, ULONG_MAX - first);
}

/**
 * pb_truncate_notice - compare the size of the store with the known one
 * @box: a sealed box with a store
 *
 * If the store has shrunk, nothing past its end stays mapped, and a worker drops
 * what is there.
 *
 * Context: sleeps, but waits for no folio; the lock of the store's inode may be
 * held.
 */
void pb_truncate_notice(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;

	if (!note_size(box))
		return;
	pb_window(PB_WINDOW_TRUNCATE_NOTED);
	unmap_from(box, READ_ONCE(t->first));
	/* The flusher of a box that ends may get here; the box ends then. */
	if (!kref_get_unless_zero(&box->ref))
		return;
	if (!queue_work(box->user->wq, &t->work))
		pb_box_put_later(box);
}

/* Lock a page that is not under I/O. NULL: it has no frame. */
static struct folio *lock_idle(struct pb_box *box, struct pb_page *page)
{
	struct folio *folio;

	/* No signal reaches a worker. */
	return pb_page_lock_idle(box, page, &folio) ? NULL : folio;
}

/* A page of the root view from @index on, with a reference. */
static struct pb_page *next_page(struct pb_box *box, pgoff_t *index)
{
	struct pb_page *page;

	rcu_read_lock();
	do {
		page = pb_view_next(&box->root, index, ULONG_MAX);
	} while (page && !pb_page_tryget(page));
	rcu_read_unlock();
	return page;
}

/*
 * The page is not in the store any more: drop it. One without a frame may get
 * one meanwhile; the fault that brings it in finds the cut before it maps it.
 * Another page may have taken its place in the view.
 */
static void drop_page(struct pb_box *box, struct pb_page *page)
{
	struct folio *folio = lock_idle(box, page);
	bool gone;

	gone = !pb_view_replace(&box->root, page->index, page, NULL);
	if (gone && !folio) {
		/* Pairs with the compare-and-exchange in pb_page_attach(). */
		smp_mb();
		folio = lock_idle(box, page);
	}
	if (folio) {
		if (gone && folio_mapped(folio))
			pb_box_unmap(box, page->index, 1);
		if (gone && pb_box_writes_back(box) &&
		    folio_test_dirty(folio)) {
			box->truncate.lost = true;
			pb_count(box, PB_STAT_IO_ERROR);
		}
		folio_unlock(folio);
		folio_put(folio);
	}
	if (gone)
		pb_page_unshare(box, page);
}

/* Zero a page from @offset on: in its frame, and in swap when it is read. */
static void zero_tail(struct pb_page *page, struct folio *folio, size_t offset)
{
	if (folio_test_uptodate(folio) && !folio_test_hwpoison(folio))
		folio_zero_segment(folio, offset, PAGE_SIZE);
	page->keep = min_not_zero(page->keep, (u32)offset);
	folio_unlock(folio);
	folio_put(folio);
}

/* The end goes through a page: what is behind it is zero from now on. */
static void trim_tail(struct pb_box *box, pgoff_t index, size_t offset)
{
	struct folio *folio;
	struct pb_page *page;
	pgoff_t found = index;

	page = next_page(box, &found);
	if (page && found == index) {
		folio = lock_idle(box, page);
		if (!folio) {
			/* In swap: zeroed by the next read, or below. */
			page->keep = min_not_zero(page->keep, (u32)offset);
			/* As in drop_page(). */
			smp_mb();
			folio = lock_idle(box, page);
		}
		if (folio)
			zero_tail(page, folio, offset);
	}
	if (page)
		pb_page_put(box, page);
}

static void trim(struct pb_box *box, u64 cut)
{
	pgoff_t index = cut >> PAGE_SHIFT;
	struct pb_page *page;

	pb_window(PB_WINDOW_TRUNCATE_TRIM);
	if (offset_in_page(cut))
		trim_tail(box, index++, offset_in_page(cut));
	unmap_from(box, index);
	for (;;) {
		page = next_page(box, &index);
		if (!page)
			break;
		drop_page(box, page);
		pb_page_put(box, page);
		cond_resched();
	}
}

/**
 * pb_truncate_trim - act on a cut
 * @box: a sealed box
 *
 * Context: a worker, which no signal reaches: it waits for folios under I/O.
 */
void pb_truncate_trim(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;
	unsigned int seq;
	u64 cut;

	mutex_lock(&t->trim);
	spin_lock(&t->lock);
	while (t->cut != PB_CUT_NONE) {
		cut = t->cut;
		seq = t->seq;
		spin_unlock(&t->lock);
		trim(box, cut);
		/* Before anybody who waits goes on, and asks for the error. */
		if (t->lost)
			pb_writeback_failed(box, -EIO);
		t->lost = false;
		spin_lock(&t->lock);
		/* Pages that came in meanwhile may be behind a new cut. */
		if (seq != t->seq)
			continue;
		WRITE_ONCE(t->cut, PB_CUT_NONE);
		WRITE_ONCE(t->first, PB_CUT_NONE);
	}
	spin_unlock(&t->lock);
	mutex_unlock(&t->trim);
	wake_up_all(&t->wait);
}

static void trim_work(struct work_struct *work)
{
	struct pb_box *box = container_of(work, struct pb_box, truncate.work);

	pb_truncate_trim(box);
	pb_box_put_later(box);
}

/**
 * pb_truncate_init - nothing is known of a store yet
 * @box: a new box
 */
void pb_truncate_init(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;

	spin_lock_init(&t->lock);
	mutex_init(&t->trim);
	init_waitqueue_head(&t->wait);
	t->cut = PB_CUT_NONE;
	t->first = PB_CUT_NONE;
	INIT_WORK(&t->work, trim_work);
}

/**
 * pb_truncate_start - remember the size of the store
 * @box: about to be sealed: it has no pages yet
 */
void pb_truncate_start(struct pb_box *box)
{
	if (box->store)
		box->truncate.end = pb_backend_bytes(box->store);
}

/**
 * pb_truncate_wait - wait until a page does not lie behind a cut
 * @box: a sealed box
 * @index: the page, or PB_CUT_ANY for all there are
 *
 * Context: sleeps; no folio lock is held.
 * Return: 0, or -EINTR when the task is being killed
 */
int pb_truncate_wait(struct pb_box *box, pgoff_t index)
{
	struct pb_truncate *t = &box->truncate;

	if (!pb_truncate_pending(box, index))
		return 0;
	return wait_event_killable(t->wait, index < READ_ONCE(t->first)) ?
		       -EINTR :
		       0;
}

/**
 * pb_truncate_clear_tail - zero what lies behind the end before it is written
 * @box: a sealed box with a store
 * @folio: of a root page; locked, and written by nobody
 *
 * A program may write behind the end of a file in the file's last page. That does
 * not get into the file; so it must not stay in memory either, where it would be
 * in the file's place once that has grown.
 */
void pb_truncate_clear_tail(struct pb_box *box, struct folio *folio)
{
	u64 end = pb_backend_bytes(box->store);

	if (offset_in_page(end) && folio->index == end >> PAGE_SHIFT)
		folio_zero_segment(folio, offset_in_page(end), PAGE_SIZE);
}

#if IS_ENABLED(CONFIG_FSNOTIFY)

/**
 * struct pb_watch - a notification of a file
 * @mark: core's; keeps the structure until no callback uses it
 * @lock: protects @box
 * @box: which uses the file as its store, or NULL when it does not any more
 */
struct pb_watch {
	struct fsnotify_mark mark;
	spinlock_t lock; /* @box */
	struct pb_box *box;
};

static struct fsnotify_group *watch_group;

static struct pb_watch *watch_of(struct fsnotify_mark *mark)
{
	return container_of(mark, struct pb_watch, mark);
}

/* The box of a watch, with a reference, if it is in use. */
static struct pb_box *watch_box(struct pb_watch *watch)
{
	struct pb_box *box;

	spin_lock(&watch->lock);
	box = watch->box;
	if (box && !kref_get_unless_zero(&box->ref))
		box = NULL;
	spin_unlock(&watch->lock);
	return box;
}

/* Also called for what the box writes: then the size is the known one. */
static int watch_event(struct fsnotify_mark *mark, u32 mask,
		       struct inode *inode, struct inode *dir,
		       const struct qstr *name, u32 cookie)
{
	struct pb_box *box = watch_box(watch_of(mark));

	if (!box)
		return 0;
	/* What is not sealed has no page; and the size is read when it is. */
	if (smp_load_acquire(&box->sealed) && !pb_fail(PB_FAIL_WATCH_EVENT))
		pb_truncate_pending(box, 0);
	pb_box_put_later(box);
	return 0;
}

static void watch_free(struct fsnotify_mark *mark)
{
	kfree(watch_of(mark));
}

static const struct fsnotify_ops watch_ops = {
	.handle_inode_event = watch_event,
	.free_mark = watch_free,
};

/**
 * pb_watch_new - be told when a file changes
 * @box: the box that is going to use it
 * @store: a backend
 *
 * Return: the watch; NULL for what has no notification; -ENOMEM and the like
 */
struct pb_watch *pb_watch_new(struct pb_box *box, struct pb_backend *store)
{
	struct pb_watch *watch;
	int err;

	if (store->ops->kind != PAGEBOX_BACKEND_FILE)
		return NULL;
	watch = pb_may_fail(WATCH, NULL, kzalloc(sizeof(*watch), PB_GFP));
	if (!watch)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&watch->lock);
	watch->box = box;
	fsnotify_init_mark(&watch->mark, watch_group);
	watch->mark.mask = FS_MODIFY;
	err = fsnotify_add_inode_mark(&watch->mark,
				      store->file->f_mapping->host, 0);
	if (!err)
		return watch;
	fsnotify_put_mark(&watch->mark);
	return ERR_PTR(err);
}

/**
 * pb_watch_end - the box does not use the file any more
 * @watch: the watch, or NULL
 */
void pb_watch_end(struct pb_watch *watch)
{
	if (!watch)
		return;
	spin_lock(&watch->lock);
	watch->box = NULL;
	spin_unlock(&watch->lock);
	fsnotify_destroy_mark(&watch->mark, watch_group);
	fsnotify_put_mark(&watch->mark);
}

/**
 * pb_watches_init - get ready for watches
 *
 * Return: 0 or -ENOMEM
 */
int __init pb_watches_init(void)
{
	/* Several boxes may have the same store. */
	watch_group = pb_may_fail(WATCH, ERR_PTR(-ENOMEM),
				  fsnotify_alloc_group(&watch_ops,
						       FSNOTIFY_GROUP_DUPS));
	return PTR_ERR_OR_ZERO(watch_group);
}

/**
 * pb_watches_exit - wait until the last watch is freed
 */
void pb_watches_exit(void)
{
	fsnotify_put_group(watch_group);
	/* The callbacks are code of this module. */
	fsnotify_wait_marks_destroyed();
}

#endif /* CONFIG_FSNOTIFY */
