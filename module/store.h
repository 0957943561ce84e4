/* SPDX-License-Identifier: GPL-2.0 */
/* The store of a box: its end, and its write errors. */
#ifndef _PAGEBOX_STORE_H
#define _PAGEBOX_STORE_H

#include <linux/kconfig.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "backend.h"
#include "box.h"
#include "truncate.h"

void pb_store_start(struct pb_box *box);
void pb_store_notice(struct pb_box *box);
int pb_store_wait(struct pb_box *box, pgoff_t index);
void pb_store_clear_tail(struct pb_box *box, struct folio *folio);
void pb_store_failed(struct pb_box *box, int err);

#if IS_ENABLED(CONFIG_FSNOTIFY)
struct pb_watch *pb_watch_new(struct pb_box *box, struct pb_backend *store);
void pb_watch_end(struct pb_watch *watch);
int pb_watches_init(void);
void pb_watches_exit(void);
#else
static inline struct pb_watch *pb_watch_new(struct pb_box *box,
					    struct pb_backend *store)
{
	return NULL;
}

static inline void pb_watch_end(struct pb_watch *watch)
{
}

static inline int pb_watches_init(void)
{
	return 0;
}

static inline void pb_watches_exit(void)
{
}
#endif

/* Are dirty pages of the root view written back to the store? */
static inline bool pb_box_writes_back(const struct pb_box *box)
{
	return box->store && box->store->writable;
}

/**
 * pb_box_end - get the end of the box
 * @box: a sealed box
 *
 * A store that is shorter than the box bounds it; the file may grow and shrink.
 *
 * Return: its current size in bytes
 */
static inline u64 pb_box_end(struct pb_box *box)
{
	if (!box->store)
		return box->bytes;
	return min(box->bytes, pb_backend_bytes(box->store));
}

/**
 * pb_box_has - does the box have a page at this index?
 * @box: a sealed box
 * @index: the index
 *
 * Return: true if an access there is not past the end
 */
static inline bool pb_box_has(struct pb_box *box, pgoff_t index)
{
	return index < box->bytes >> PAGE_SHIFT &&
	       (u64)index << PAGE_SHIFT < pb_box_end(box);
}

/**
 * pb_store_pending - does a page lie past a cut that is still to be handled?
 * @box: a sealed box
 * @index: index of the page
 *
 * Checks the size of the store, and notices if it has shrunk.
 *
 * Context: as for pb_store_notice().
 * Return: true if so: the page may differ from the store
 */
static inline bool pb_store_pending(struct pb_box *box, pgoff_t index)
{
	struct pb_truncate *t = &box->truncate;

	if (!box->store)
		return false;
	/* Pairs with the release in store_note_size(). */
	if (pb_backend_bytes(box->store) != smp_load_acquire(&t->end))
		pb_store_notice(box);
	return index >= READ_ONCE(t->first);
}

#endif /* _PAGEBOX_STORE_H */
