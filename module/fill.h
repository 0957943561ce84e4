/* SPDX-License-Identifier: GPL-2.0 */
/* Reads into frames. */
#ifndef _PAGEBOX_FILL_H
#define _PAGEBOX_FILL_H

#include <linux/atomic.h>
#include <linux/completion.h>

#include "io.h"
#include "stats.h"

/**
 * struct pb_fill - a read into frames
 * @io: the request
 * @page: the page attached to each frame, or NULL for a blank frame
 * @frame: numbers of the frames
 * @fresh: bit n: page n was made for this read
 * @state: whether the submitting task still waits, see fill.c
 * @waited: completed when the read is done and the submitting task waits
 */
struct pb_fill {
	struct pb_io io;
	struct pb_page *page[PB_IO_MAX];
	u32 frame[PB_IO_MAX];
	u32 fresh;
	atomic_t state;
	struct completion waited;
};

enum pagebox_fault_class
pb_fill_source(struct pb_box *box, const struct pb_page *page, pgoff_t index,
	       struct pb_backend **backend, pgoff_t *at);
struct pb_fill *pb_fill_new(struct pb_box *box, struct pb_backend *backend,
			    pgoff_t at);
void pb_fill_add(struct pb_fill *fill, struct pb_page *page,
		 struct pb_blank *blank, bool fresh);
int pb_fill_run(struct pb_fill *fill);
int pb_fill_finish(struct pb_fill *fill, unsigned int i);
void pb_fill_free(struct pb_fill *fill);
void pb_fill_undo(struct pb_box *box, struct pb_page *page, struct folio *folio,
		  bool fresh);
int pb_fill_readahead(struct pb_box *box, struct pb_view *view, pgoff_t index,
		      unsigned int nr, enum pagebox_fault_class *class);
int pb_fill_range(struct pb_box *box, struct pb_view *view, pgoff_t *index,
		  unsigned int nr, enum pb_stat why);

#endif /* _PAGEBOX_FILL_H */
