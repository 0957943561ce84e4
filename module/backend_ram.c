// SPDX-License-Identifier: GPL-2.0
/*
 * A backend in memory: sparse, growing as it is written, limited for the module
 * as a whole, and charged to the cgroup of the writer.
 */
#include <linux/highmem.h>
#include <linux/slab.h>

#include "backend.h"
#include "failpoint.h"
#include "io.h"
#include "pagebox.h"

/* Module-wide: the cap, and the number of pages of all RAM backends. */
unsigned long pb_ram_max;
static atomic_long_t pb_ram_total;

struct pb_backend_ram {
	struct pb_backend backend;
	struct xarray pages;
	bool privileged;
};

static struct pb_backend_ram *to_ram(struct pb_backend *backend)
{
	return container_of(backend, struct pb_backend_ram, backend);
}

/* Pages that were never written read as zero. */
static void ram_read(struct pb_backend_ram *ram, pgoff_t index,
		     struct folio *folio)
{
	struct page *from = xa_load(&ram->pages, index);

	if (from)
		copy_highpage(folio_page(folio, 0), from);
	else
		clear_highpage(folio_page(folio, 0));
}

static struct page *ram_page_new(struct pb_backend_ram *ram, pgoff_t index)
{
	const gfp_t gfp = GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_NOWARN;
	struct page *page;
	int err = -ENOSPC;

	if (atomic_long_inc_return(&pb_ram_total) >
	    pb_cap(pb_ram_max, ram->privileged))
		goto out_total;
	err = -ENOMEM;
	page = pb_may_fail(alloc_ram_page, NULL, alloc_page(gfp));
	if (!page)
		goto out_total;
	err = pb_may_fail(store_ram_page, -ENOMEM,
			  xa_err(xa_store(&ram->pages, index, page, PB_GFP)));
	if (err)
		goto out_page;
	return page;

out_page:
	__free_page(page);
out_total:
	atomic_long_dec(&pb_ram_total);
	return ERR_PTR(err);
}

static int ram_write(struct pb_backend_ram *ram, pgoff_t index,
		     struct folio *folio)
{
	struct page *to = xa_load(&ram->pages, index);

	if (!to)
		to = ram_page_new(ram, index);
	if (IS_ERR(to))
		return PTR_ERR(to);
	copy_highpage(to, folio_page(folio, 0));
	return 0;
}

static int ram_rw(struct pb_backend *backend, const struct pb_io *io,
		  unsigned int first, unsigned int nr)
{
	struct pb_backend_ram *ram = to_ram(backend);
	int err = 0;

	for (unsigned int i = first; i < first + nr && !err; i++) {
		if (io->write)
			err = ram_write(ram, io->index + i, io->folio[i]);
		else
			ram_read(ram, io->index + i, io->folio[i]);
	}
	return err;
}

static void ram_discard(struct pb_backend *backend, pgoff_t index)
{
	struct page *page = xa_erase(&to_ram(backend)->pages, index);

	if (!page)
		return;
	__free_page(page);
	atomic_long_dec(&pb_ram_total);
}

static u64 ram_bytes(struct pb_backend *backend)
{
	return U64_MAX;
}

static void ram_release(struct pb_backend *backend)
{
	struct pb_backend_ram *ram = to_ram(backend);
	struct page *page;
	unsigned long index;

	xa_for_each(&ram->pages, index, page) {
		ram_discard(backend, index);
		cond_resched();
	}
	xa_destroy(&ram->pages);
	kfree(ram);
}

static const struct pb_backend_ops ram_ops = {
	.kind = PAGEBOX_BACKEND_RAM,
	.inline_io = true,
	.rw = ram_rw,
	.discard = ram_discard,
	.bytes = ram_bytes,
	.release = ram_release,
};

/**
 * pb_backend_ram_new - make an empty backend in memory
 * @privileged: it may use the reserve of pb_cap()
 *
 * The owner serialises writes and discards of a page, and reads against
 * discards, with the page's folio lock.
 *
 * Return: the backend, or NULL if memory is short
 */
struct pb_backend *pb_backend_ram_new(bool privileged)
{
	struct pb_backend_ram *ram =
		pb_may_fail(alloc_backend, NULL, kzalloc(sizeof(*ram), PB_GFP));

	if (!ram)
		return NULL;
	ram->backend.ops = &ram_ops;
	ram->backend.writable = true;
	ram->privileged = privileged;
	xa_init_flags(&ram->pages, XA_FLAGS_ACCOUNT);
	return &ram->backend;
}
