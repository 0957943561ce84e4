/* SPDX-License-Identifier: GPL-2.0 */
/* What is known of the end of a store, and what is done when it has shrunk. */
#ifndef _PAGEBOX_TRUNCATE_H
#define _PAGEBOX_TRUNCATE_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct pb_box;
struct pb_watch;

/**
 * struct pb_truncate - what is known of the end of the store
 * @lock: a leaf lock around each look at the size
 * @end: the size that was seen last; written under @lock
 * @cut: the lowest end that pages were not dropped for yet, or PB_CUT_NONE;
 *       @lock
 * @first: the page that it is in; written under @lock
 * @seq: how often the store was seen to have shrunk; as @first
 * @trim: around the dropping of pages; outermost, taken by workers
 * @lost: one of them was dirty; @trim
 * @wait: for @first to become PB_CUT_NONE
 * @work: drops pages
 * @watch: the notification, or NULL; changed under pb_box.lock until the box is
 *         sealed
 */
struct pb_truncate {
	spinlock_t lock; /* each look at the size */
	u64 end;
	u64 cut;
	pgoff_t first;
	unsigned int seq;
	struct mutex trim; /* one worker */
	bool lost;
	wait_queue_head_t wait;
	struct work_struct work;
	struct pb_watch *watch;
};

#define PB_CUT_NONE ULONG_MAX

/* An index behind any cut. */
#define PB_CUT_ANY (PB_CUT_NONE - 1)

void pb_truncate_init(struct pb_box *box);
void pb_truncate_trim(struct pb_box *box);

#endif /* _PAGEBOX_TRUNCATE_H */
