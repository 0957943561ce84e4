/* SPDX-License-Identifier: GPL-2.0 */
/* The end of a store, and its truncation. */
#ifndef _PAGEBOX_TRUNCATE_H
#define _PAGEBOX_TRUNCATE_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct pb_box;
struct pb_watch;

/**
 * struct pb_truncate - the known end of the store
 * @lock: leaf; held while the size is read and noted
 * @end: the size noted last; written under @lock
 * @cut: the lowest end past which pages must still be dropped, or PB_CUT_NONE;
 *       @lock
 * @first: index of the page that contains @cut; written under @lock
 * @seq: number of times that the store shrank; as @first
 * @trim: held while pages are dropped; outermost, taken by workers
 * @lost: a dropped page was dirty; @trim
 * @wait: for @first to become PB_CUT_NONE
 * @work: drops pages
 * @watch: the notification, or NULL; changed under pb_box.lock until the box is
 *         sealed
 */
struct pb_truncate {
	spinlock_t lock; /* reading and noting the size */
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

/* An index past any cut. */
#define PB_CUT_ANY (PB_CUT_NONE - 1)

void pb_truncate_init(struct pb_box *box);
void pb_truncate_trim(struct pb_box *box);

#endif /* _PAGEBOX_TRUNCATE_H */
