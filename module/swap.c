// SPDX-License-Identifier: GPL-2.0
/*
 * The swap area of a box: slots of a backend.
 *
 * A page keeps its slot when it is read back, so that it can lose its frame
 * again without a write as long as it has not changed; the slot goes with the
 * page. The area knows which page has which slot, so that it can be emptied:
 * slot by slot, the pages are moved elsewhere.
 *
 * A page changes its slot under the lock of its folio, that is its owner's
 * business. What is locked here is who has which slot.
 */
#include <linux/slab.h>

#include "backend.h"
#include "failpoint.h"
#include "page.h"
#include "pagebox.h"
#include "swap.h"

static u32 swap_room(struct pb_backend *backend, u32 limit)
{
	u64 room = pb_backend_bytes(backend) >> PAGE_SHIFT;

	/* What can be promised of memory is not more than there may be. */
	if (backend->ops->kind == PAGEBOX_BACKEND_RAM)
		room = min_t(u64, room, pb_ram_max);
	if (limit)
		room = min_t(u64, room, limit);
	return min_t(u64, room, PB_SWAP_MAX);
}

/**
 * pb_swap_new - make an empty swap area
 * @backend: where; belongs to the area on success
 * @limit: most slots, or 0 for as many as the backend has room for now
 * @parity: PB_SWAP_PARITY or 0, see struct pb_swap
 *
 * Return: the area; -ENOSPC when there is no room for a page, -ENOMEM
 */
struct pb_swap *pb_swap_new(struct pb_backend *backend, u32 limit, u32 parity)
{
	u32 room = swap_room(backend, limit);
	struct pb_swap *swap;

	if (!room)
		return ERR_PTR(-ENOSPC);
	swap = pb_may_fail(SWAP, NULL, kzalloc(sizeof(*swap), PB_GFP));
	if (!swap)
		return ERR_PTR(-ENOMEM);
	swap->backend = backend;
	backend->exact = true;
	xa_init_flags(&swap->slots, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	swap->limit = room;
	swap->parity = parity;
	return swap;
}

/**
 * pb_swap_release - free a swap area and its backend
 * @swap: whose slots are all free, and which nobody can find any more, not even
 *        under RCU; or NULL
 */
void pb_swap_release(struct pb_swap *swap)
{
	if (!swap)
		return;
	WARN_ON_ONCE(swap->used);
	xa_destroy(&swap->slots);
	pb_backend_release(swap->backend);
	kfree(swap);
}

/**
 * pb_swap_slot_get - take a slot, the lowest that is free
 * @swap: the area
 * @page: what it is for; the caller sets its slot
 *
 * Context: may sleep.
 * Return: the slot with the parity of the area; PB_NONE when all are taken, or
 * without memory
 */
u32 pb_swap_slot_get(struct pb_swap *swap, struct pb_page *page)
{
	u32 slot;
	int err;

	xa_lock(&swap->slots);
	err = pb_may_fail(SLOT, -ENOMEM,
			  __xa_alloc(&swap->slots, &slot, page,
				     XA_LIMIT(0, swap->limit - 1), PB_GFP));
	if (!err) {
		WRITE_ONCE(swap->used, swap->used + 1);
		WRITE_ONCE(swap->high, max(swap->high, swap->used));
	}
	xa_unlock(&swap->slots);
	return err ? PB_NONE : slot | swap->parity;
}

/**
 * pb_swap_slot_put - a slot is not needed any more
 * @swap: the area
 * @slot: the slot, with or without parity
 *
 * Context: may sleep.
 */
void pb_swap_slot_put(struct pb_swap *swap, u32 slot)
{
	struct pb_backend *backend = swap->backend;

	slot &= ~PB_SWAP_PARITY;
	/* First: once it is free, somebody may write to it. */
	if (backend->ops->discard)
		backend->ops->discard(backend, slot);
	pb_window(PB_WINDOW_SLOT_FREE);
	xa_lock(&swap->slots);
	if (!WARN_ON_ONCE(!__xa_erase(&swap->slots, slot)))
		WRITE_ONCE(swap->used, swap->used - 1);
	xa_unlock(&swap->slots);
}

/**
 * pb_swap_next - walk the pages that have slots
 * @swap: the area
 * @slot: where to begin, without parity; set to the slot that was found
 *
 * Pages that are just being freed are passed over. Whether the page still has
 * the slot can be said once its folio is locked.
 *
 * Return: the page with the lowest slot from there on, with a reference, or NULL
 */
struct pb_page *pb_swap_next(struct pb_swap *swap, u32 *slot)
{
	unsigned long at = *slot;
	struct pb_page *page;

	rcu_read_lock();
	page = xa_find(&swap->slots, &at, swap->limit - 1, XA_PRESENT);
	while (page && !pb_page_tryget(page))
		page = xa_find_after(&swap->slots, &at, swap->limit - 1,
				     XA_PRESENT);
	rcu_read_unlock();
	*slot = at;
	return page;
}
