/* SPDX-License-Identifier: GPL-2.0 */
/* Evictions: frames are taken from pages. */
#ifndef _PAGEBOX_EVICT_H
#define _PAGEBOX_EVICT_H

#include <linux/init.h>
#include <linux/types.h>

#include "frame.h"

struct pb_box;
struct pb_flight;

/**
 * struct pb_obstacles - why frames could not be taken
 * @busy: in the hands of another task, or under I/O; that passes
 * @pinned: something outside of the box holds a reference; that may pass
 * @unavailable: under mlock(), or the page cannot be written anywhere; that does
 *               not pass by waiting
 */
struct pb_obstacles {
	u32 busy;
	u32 pinned;
	u32 unavailable;
};

/**
 * struct pb_victims - frames on their way out
 * @nr: how many
 * @no_io: those that would have to be written stay
 * @seen: why some stay
 * @flight: the writes that they needed, or NULL; pb_evict_wait() ends it
 * @folio: their folios, locked and referenced
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
