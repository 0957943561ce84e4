/* SPDX-License-Identifier: GPL-2.0 */
/* Write-back: write dirty pages of the root view to the store. */
#ifndef _PAGEBOX_WRITEBACK_H
#define _PAGEBOX_WRITEBACK_H

#include <linux/types.h>

struct file;
struct pb_box;

int pb_writeback_range(struct pb_box *box, pgoff_t first, pgoff_t last);
int pb_writeback_fsync(struct file *file, loff_t start, loff_t end,
		       int datasync);
void pb_writeback_last(struct pb_box *box);
void pb_writeback_init(struct pb_box *box);
void pb_writeback_start(struct pb_box *box);
void pb_writeback_stop(struct pb_box *box);

#endif /* _PAGEBOX_WRITEBACK_H */
