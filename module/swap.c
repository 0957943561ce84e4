// SPDX-License-Identifier: GPL-2.0
/*
 * The swap area of a box: slots of a backend.
 *
 * A page keeps its slot when it is read back, so that it can be evicted again
 * without a write while it is clean; the slot is freed with the page. The area
 * maps slots to pages so that it can be emptied slot by slot, moving the pages
 * elsewhere.
 *
 * The owner of a page serialises changes of its slot with its folio lock. The
 * area protects only its own map.
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

	/* A RAM area has no more slots than RAM backends may have pages. */
	if (backend->ops->kind == PAGEBOX_BACKEND_RAM)
		room = min_t(u64, room, pb_ram_max);
	if (limit)
		room = min_t(u64, room, limit);
	return min_t(u64, room, PB_SWAP_MAX);
}

/**
 * pb_swap_new - make an empty swap area
 * @backend: holds the slots; belongs to the area on success
 * @limit: most slots, or 0 for as many as the backend has room for
 * @parity: PB_SWAP_PARITY or 0, see struct pb_swap
 *
 * Return: the area; -ENOSPC when there is no room for a page; -ENOMEM
 */
struct pb_swap *pb_swap_new(struct pb_backend *backend, u32 limit, u32 parity)
{
	u32 room = swap_room(backend, limit);
	struct pb_swap *swap;

	if (!room)
		return ERR_PTR(-ENOSPC);
	swap = pb_may_fail(alloc_swap, NULL, kzalloc(sizeof(*swap), PB_GFP));
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
 * @swap: area without slots in use, unreachable even under RCU; or NULL
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
 * pb_swap_slot_get - take the lowest free slot
 * @swap: the area
 * @page: the page it is for; the caller sets its slot
 *
 * Context: may sleep.
 * Return: the slot with the parity of the area; PB_NONE if none is free, or
 * memory is short
 */
u32 pb_swap_slot_get(struct pb_swap *swap, struct pb_page *page)
{
	u32 slot;
	int err;

	xa_lock(&swap->slots);
	err = pb_may_fail(alloc_slot, -ENOMEM,
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
 * pb_swap_slot_put - free a slot
 * @swap: the area
 * @slot: the slot, with or without parity
 *
 * Context: may sleep.
 */
void pb_swap_slot_put(struct pb_swap *swap, u32 slot)
{
	struct pb_backend *backend = swap->backend;

	slot &= ~PB_SWAP_PARITY;
	/* First: once the slot is free, its next owner may write to it. */
	if (backend->ops->discard)
		backend->ops->discard(backend, slot);
	pb_window(slot_free);
	xa_lock(&swap->slots);
	if (!WARN_ON_ONCE(!__xa_erase(&swap->slots, slot)))
		WRITE_ONCE(swap->used, swap->used - 1);
	xa_unlock(&swap->slots);
}

/**
 * pb_swap_next - walk the pages that have slots
 * @swap: the area
 * @slot: where to start, without parity; set to the slot that was found
 *
 * Pages that are being freed are skipped. The caller locks the folio to check
 * that the page still has the slot.
 *
 * Return: the page with the lowest slot from @slot on, with a reference; or NULL
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
