/* SPDX-License-Identifier: GPL-2.0 */
/* The configuration of a box. */
#ifndef _PAGEBOX_CONFIG_H
#define _PAGEBOX_CONFIG_H

#include <linux/types.h>

#include "pagebox.h"

struct pb_box;

/**
 * struct pb_tunables - settings that can be changed while a box is used
 * @readahead: most pages to read at once
 * @oom: enum pagebox_oom
 * @oom_wait_ms: milliseconds
 * @overcommit: enum pagebox_overcommit
 * @dirty_age_ms: milliseconds
 * @dirty_ratio: percent of the frame limit
 * @store_read_us: microseconds; also in struct pb_backend
 * @store_write_us: as @store_read_us
 * @swap_read_us: as @store_read_us
 * @swap_write_us: as @store_read_us
 *
 * Each is read on its own, with READ_ONCE(), and written under pb_box.config.
 */
struct pb_tunables {
	u32 readahead;
	u32 oom;
	u32 oom_wait_ms;
	u32 overcommit;
	u32 dirty_age_ms;
	u32 dirty_ratio;
	u32 store_read_us;
	u32 store_write_us;
	u32 swap_read_us;
	u32 swap_write_us;
};

void pb_box_seal(struct pb_box *box);
int pb_box_configure(struct pb_box *box, const struct pagebox_config *config);
void pb_box_info(struct pb_box *box, struct pagebox_info *info);

#endif /* _PAGEBOX_CONFIG_H */
