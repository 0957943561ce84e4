/* SPDX-License-Identifier: GPL-2.0 */
/* A swap area: slots of a backend. */
#ifndef _PAGEBOX_SWAP_H
#define _PAGEBOX_SWAP_H

#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "box.h"
#include "pagebox.h"

/**
 * struct pb_swap - a swap area
 * @backend: the backend that holds the slots; invariant
 * @slots: slot -> page; its xa_lock
 * @limit: most slots; invariant
 * @used: number of slots taken; written under the xa_lock of @slots, read
 *        without it
 * @high: the highest @used so far; as @used
 * @parity: PB_SWAP_PARITY or 0, the top bit of this area's slots in
 *          pb_page.slot; invariant. While one area replaces another, pages have
 *          slots in both
 */
struct pb_swap {
	struct pb_backend *backend;
	struct xarray slots;
	u32 limit;
	u32 used;
	u32 high;
	u32 parity;
};

/* The bit of pb_page.slot that tells two areas apart; see struct pb_swap. */
#define PB_SWAP_PARITY BIT(31)

/* Most slots of an area: numbers below PB_NONE & ~PB_SWAP_PARITY. */
#define PB_SWAP_MAX (PB_SWAP_PARITY - 1)

struct pb_swap *pb_swap_new(struct pb_backend *backend, u32 limit, u32 parity);
void pb_swap_release(struct pb_swap *swap);
u32 pb_swap_slot_get(struct pb_swap *swap, struct pb_page *page);
void pb_swap_slot_put(struct pb_swap *swap, u32 slot);
struct pb_page *pb_swap_next(struct pb_swap *swap, u32 *slot);

/* The area that a slot of a page belongs to. */
static inline struct pb_swap *pb_box_swap_of(struct pb_box *box, u32 slot)
{
	struct pb_swap *swap;

	/* RCU: an area without slots in use may be freed concurrently. */
	rcu_read_lock();
	swap = READ_ONCE(box->swap);
	if (!swap || swap->parity != (slot & PB_SWAP_PARITY))
		swap = READ_ONCE(box->swap_old);
	rcu_read_unlock();
	return swap;
}

#endif /* _PAGEBOX_SWAP_H */
