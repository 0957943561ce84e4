/* SPDX-License-Identifier: GPL-2.0 */
/* Evictions: take frames from pages. */
#ifndef _PAGEBOX_EVICT_H
#define _PAGEBOX_EVICT_H

#include <linux/init.h>
#include <linux/types.h>

#include "frame.h"

struct pb_box;
struct pb_flight;

/**
 * struct pb_obstacles - reasons why frames could not be taken
 * @busy: held by another task, or under I/O; temporary
 * @pinned: something outside the box holds a reference; may be temporary
 * @unavailable: under mlock(), or the page cannot be written anywhere; waiting
 *               does not help
 */
struct pb_obstacles {
	u32 busy;
	u32 pinned;
	u32 unavailable;
};

/**
 * struct pb_victims - pages to be evicted
 * @nr: number of folios
 * @no_io: skip those that must be written
 * @seen: why some stay
 * @flight: the writes in progress, or NULL; pb_evict_wait() ends it
 * @folio: the folios, locked and referenced
 */
struct pb_victims {
	unsigned int nr;
	bool no_io;
	struct pb_obstacles seen;
	struct pb_flight *flight;
	struct folio *folio[PB_BATCH_MAX];
};

void pb_evict_init(void);
void pb_evict_exit(void);
bool pb_evict_pause(const struct pb_obstacles *seen, unsigned int *pins);
int pb_evict_get_frame(struct pb_box *box, struct pb_blank *blank,
		       pgoff_t index);
int pb_evict_try_frame(struct pb_box *box, struct pb_blank *blank,
		       struct pb_obstacles *seen);
unsigned int pb_evict_victims(struct pb_box *box, struct pb_victims *v);
int pb_evict_wait(struct pb_victims *v);
int pb_evict_resize(struct pb_box *box, u32 limit);
int pb_evict_set_policy(struct pb_box *box, const struct pb_policy **policy,
			void **state);
unsigned long pb_evict_shrink(struct pb_box *box, unsigned long nr);

#endif /* _PAGEBOX_EVICT_H */
