// SPDX-License-Identifier: GPL-2.0
/*
 * The swap area of a box: slots of a backend.
 *
 * A page keeps its slot when it is read back, so that it can lose its frame
 * again without a write as long as it has not changed; the slot goes with the
 * page.
 */
#include "pagebox.h"

/**
 * pb_swap_init - make an empty swap area in RAM
 * @swap: where
 *
 * Return: 0 or -ENOMEM
 */
int pb_swap_init(struct pb_swap *swap)
{
	swap->backend = pb_backend_ram_new();
	if (!swap->backend)
		return -ENOMEM;
	ida_init(&swap->slots);
	atomic_long_set(&swap->used, 0);
	return 0;
}

/**
 * pb_swap_destroy - give the swap area back
 * @swap: whose slots are all free
 */
void pb_swap_destroy(struct pb_swap *swap)
{
	WARN_ON_ONCE(atomic_long_read(&swap->used));
	ida_destroy(&swap->slots);
	pb_backend_release(swap->backend);
}

static int swap_slot_get(struct pb_swap *swap)
{
	int slot = ida_alloc(&swap->slots, PB_GFP);

	if (slot >= 0)
		atomic_long_inc(&swap->used);
	return slot;
}

/**
 * pb_swap_out - write a page to its slot
 * @swap: the area
 * @page: gets a slot when it has none
 * @folio: its folio, locked
 *
 * Return: 0, or -ENOSPC, -ENOMEM, -EIO, after which a page that had no slot
 * still has none
 */
int pb_swap_out(struct pb_swap *swap, struct pb_page *page, struct folio *folio)
{
	int slot = page->slot;
	int err;

	if (page->slot == PB_NONE) {
		slot = swap_slot_get(swap);
		if (slot < 0)
			return slot;
	}
	err = swap->backend->ops->write(swap->backend, slot, folio);
	if (!err)
		WRITE_ONCE(page->slot, slot);
	else if (page->slot == PB_NONE)
		pb_swap_free(swap, slot);
	return err;
}

/**
 * pb_swap_free - a slot is not needed any more
 * @swap: the area
 * @slot: the slot
 */
void pb_swap_free(struct pb_swap *swap, u32 slot)
{
	swap->backend->ops->discard(swap->backend, slot);
	ida_free(&swap->slots, slot);
	atomic_long_dec(&swap->used);
}
