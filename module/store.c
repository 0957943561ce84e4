// SPDX-License-Identifier: GPL-2.0
/*
 * The store of a box as far as requests and faults ask for it: where it ends, and
 * whether it could be written.
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
 * The lowest new end is the cut, also when the store has grown again by the time
 * a task acts on it. While there is a cut, accesses past it wait, and pages past it
 * are not written. A worker drops them and clears the cut (truncate.c).
 *
 * The notification runs with the inode lock of the store, for which requests
 * wait that hold folios. So it waits for no folio: it notes the cut, unmaps, and
 * leaves the rest to the worker. Nor does it lock out a fault that has found its
 * page already: such a fault maps the page, and the worker unmaps it, as its
 * folio lock comes after that of the fault.
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

/* Look at the size. Return true if there is a cut that there was not. */
static bool store_note_size(struct pb_box *box)
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

/**
 * pb_store_notice - compare the size of the store with the known one
 * @box: a sealed box with a store
 *
 * If the store has shrunk, nothing past its end stays mapped, and a worker drops
 * what is there.
 *
 * Context: sleeps, but waits for no folio; the lock of the store's inode may be
 * held.
 */
void pb_store_notice(struct pb_box *box)
{
	struct pb_truncate *t = &box->truncate;

	if (!store_note_size(box))
		return;
	pb_window(PB_WINDOW_TRUNCATE_NOTED);
	pb_box_unmap_from(box, READ_ONCE(t->first));
	/* The flusher of a box that ends may get here; the box ends then. */
	if (!kref_get_unless_zero(&box->ref))
		return;
	if (!queue_work(box->user->wq, &t->work))
		pb_box_put_later(box);
}

/**
 * pb_store_start - remember the size of the store
 * @box: about to be sealed: it has no pages yet
 */
void pb_store_start(struct pb_box *box)
{
	if (box->store)
		box->truncate.end = pb_backend_bytes(box->store);
}

/**
 * pb_store_wait - wait until a page does not lie behind a cut
 * @box: a sealed box
 * @index: the page, or PB_CUT_ANY for all there are
 *
 * Context: sleeps; no folio lock is held.
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
 * pb_store_clear_tail - zero what lies behind the end before it is written
 * @box: a sealed box with a store
 * @folio: of a root page; locked, and written by nobody
 *
 * A program may write behind the end of a file in the file's last page. That does
 * not get into the file; so it must not stay in memory either, where it would be
 * in the file's place once that has grown.
 */
void pb_store_clear_tail(struct pb_box *box, struct folio *folio)
{
	u64 end = pb_backend_bytes(box->store);

	if (offset_in_page(end) && folio->index == end >> PAGE_SHIFT)
		folio_zero_segment(folio, offset_in_page(end), PAGE_SIZE);
}

/**
 * pb_store_failed - remember that the store could not be written
 * @box: the box
 * @err: why
 */
void pb_store_failed(struct pb_box *box, int err)
{
	/* The store has shrunk: told when the page is dropped, if it is. */
	if (err == -ENODATA)
		pb_store_pending(box, 0);
	else
		mapping_set_error(box->inode->i_mapping, err);
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
