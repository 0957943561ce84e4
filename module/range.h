/* SPDX-License-Identifier: GPL-2.0 */
/* Ranges of pages: prefetch, page out, discard. */
#ifndef _PAGEBOX_RANGE_H
#define _PAGEBOX_RANGE_H

#include <linux/types.h>

#include "pagebox.h"

struct pb_box;
struct pb_view;

int pb_range(struct pb_box *box, unsigned int nr, struct pagebox_range *range);
int pb_range_prefetch(struct pb_box *box, struct pb_view *view, pgoff_t first,
		      pgoff_t last, u64 most, u64 *pages);
int pb_range_page_out(struct pb_box *box, struct pb_view *view, pgoff_t first,
		      pgoff_t last, u64 *pages);

#endif /* _PAGEBOX_RANGE_H */
