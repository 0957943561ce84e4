// SPDX-License-Identifier: GPL-2.0
/*
 * The store of a box, as seen by requests and faults: its end, and its write
 * errors.
 *
 * Core mm truncates a mapping together with its file. The file behind a box has
 * a mapping of its own that does not know the box, so the box must notice the
 * truncation itself. It compares the size of the store with the known size:
 *
 *   - synchronously, in a notification of the file (fsnotify), if there is one.
 *     The truncating task removes the PTEs before its call returns;
 *   - at every fault, fsync, flush, eviction and write past the end. Block
 *     devices, network file systems and kernels without fsnotify have only
 *     that. There a store that shrinks and grows back between two checks goes
 *     unnoticed.
 *
 * The lowest new end is the cut, even if the store has grown again before a
 * task acts on it. While there is a cut, accesses past it wait, and pages past
 * it are not written. A worker drops them and clears the cut (truncate.c).
 *
 * The notification runs with the inode lock of the store held, and requests
 * that hold folios wait for that lock. So the notification never waits for a
 * folio: it notes the cut, unmaps, and leaves the rest to the worker. It does
 * not stop a fault that has already found its page: the fault maps the page,
 * and the worker unmaps it, since it takes the folio lock after the fault.
 */
#include <linux/fsnotify_backend.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "backend.h"
#include "box.h"
#include "failpoint.h"
#include "pagebox.h"
#include "store.h"
#include "truncate.h"

/* Read the size. Return true if the store has shrunk. */
static bool store_note_size(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;
	bool shrunk;
	u64 end;

	spin_lock(&t->lock);
	/* Under the lock, so that the sizes are noted in order. */
	end = pb_backend_bytes(box->store);
	shrunk = end < t->end;
	if (shrunk && end < t->cut) {
		WRITE_ONCE(t->cut, end);
		WRITE_ONCE(t->first, end >> PAGE_SHIFT);
	}
	if (shrunk)
		WRITE_ONCE(t->seq, t->seq + 1);
	/* A reader that sees this end (with acquire) also sees its cut. */
	smp_store_release(&t->end, end);
	spin_unlock(&t->lock);
	return shrunk;
}

/**
 * pb_store_notice - compare the size of the store with the known one
 * @box: a sealed box with a store
 *
 * If the store has shrunk, pages past its end are unmapped, and a worker drops
 * them.
 *
 * Context: sleeps, but waits for no folio; the caller may hold the lock of the
 * store's inode.
 */
void pb_store_notice(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;

	if (!store_note_size(box))
		return;
	pb_window(truncate_noted);
	pb_box_unmap_from(box, READ_ONCE(t->first));
	/* The flusher of a box that is being destroyed may get here. */
	if (!kref_get_unless_zero(&box->ref))
		return;
	if (!queue_work(box->user->wq, &t->work))
		pb_box_put_later(box);
}

/**
 * pb_store_start - note the initial size of the store
 * @box: the box, which is about to be sealed and has no pages
 */
void pb_store_start(struct pb_box *box)
{
	if (box->store)
		box->truncate.end = pb_backend_bytes(box->store);
}

/**
 * pb_store_wait - wait until no cut lies before a page
 * @box: a sealed box
 * @index: index of the page, or PB_CUT_ANY for all pages
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0, or -EINTR when the task is being killed
 */
int pb_store_wait(struct pb_box *box, pgoff_t index)
{
	struct pb_truncate *t = &box->truncate;

	if (!pb_store_pending(box, index))
		return 0;
	return wait_event_killable(t->wait, index < READ_ONCE(t->first)) ?
		       -EINTR :
		       0;
}

/**
 * pb_store_clear_tail - zero a page past the end of the store before it is
 * written
 * @box: a sealed box with a store
 * @folio: folio of a root page, locked and not under write-back
 *
 * A program may write past the end of a file in the file's last page. That is
 * not written to the file, so it must not stay in memory either, where it would
 * hide the contents of the file once that has grown.
 */
void pb_store_clear_tail(struct pb_box *box, struct folio *folio)
{
	u64 end = pb_backend_bytes(box->store);

	if (offset_in_page(end) && folio->index == end >> PAGE_SHIFT)
		folio_zero_segment(folio, offset_in_page(end), PAGE_SIZE);
}

/**
 * pb_store_failed - record a write error of the store
 * @box: the box
 * @err: the error
 */
void pb_store_failed(struct pb_box *box, int err)
{
	/* The store has shrunk: reported if the page is dropped. */
	if (err == -ENODATA)
		pb_store_pending(box, 0);
	else
		mapping_set_error(box->inode->i_mapping, err);
}

#if IS_ENABLED(CONFIG_FSNOTIFY)

/**
 * struct pb_watch - a notification of a file
 * @mark: the mark; it keeps the structure while callbacks use it
 * @lock: protects @box
 * @box: the box that uses the file as its store, or NULL when it no longer does
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

/* Get the box of a watch, with a reference, if it is in use. */
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

/* Also called for writes of the box itself, which do not change the size. */
static int watch_event(struct fsnotify_mark *mark, u32 mask,
		       struct inode *inode, struct inode *dir,
		       const struct qstr *name, u32 cookie)
{
	struct pb_box *box = watch_box(watch_of(mark));

	if (!box)
		return 0;
	/* An unsealed box has no page, and reads the size when it is sealed. */
	if (smp_load_acquire(&box->sealed) && !pb_fail(watch_event))
		pb_store_pending(box, 0);
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
 * pb_watch_new - watch a file for changes
 * @box: the box that is going to use it
 * @store: a backend
 *
 * Return: the watch; NULL for a backend without notifications; or an error such
 * as -ENOMEM
 */
struct pb_watch *pb_watch_new(struct pb_box *box, struct pb_backend *store)
{
	struct pb_watch *watch;
	int err;

	if (store->ops->kind != PAGEBOX_BACKEND_FILE)
		return NULL;
	watch = pb_may_fail(alloc_watch, NULL, kzalloc(sizeof(*watch), PB_GFP));
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
 * pb_watch_end - stop watching a file
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
 * pb_watches_init - initialise the watches
 *
 * Return: 0 or -ENOMEM
 */
int __init pb_watches_init(void)
{
	/* Several boxes may have the same store. */
	watch_group = pb_may_fail(alloc_watch, ERR_PTR(-ENOMEM),
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
