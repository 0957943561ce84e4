/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A queue of the pages in frames, for policies that take victims from its head.
 *
 * A page that was proposed and stays, because it is locked or because the engine
 * preferred another, keeps its place. To reach the others, pb_queue_pick()
 * resumes behind the page that it proposed last. It restarts at the head once as
 * many pages were added as were passed. With one passed page that is at every
 * load, which keeps the order; with thousands of locked pages at the head, each
 * load pays for one more look at one of them.
 */
#ifndef _PAGEBOX_POLICY_QUEUE_H
#define _PAGEBOX_POLICY_QUEUE_H

#include "policy.h"

/**
 * struct pb_queue - the queue of a box
 * @pages: the pages, the next victim first
 * @last: the page that was proposed last, or @pages to start at the head
 * @passed: number of pages that were proposed and stay, minus those added since
 */
struct pb_queue {
	struct list_head pages;
	struct list_head *last;
	unsigned int passed;
};

static inline void pb_queue_rewind(struct pb_queue *queue)
{
	queue->last = &queue->pages;
	queue->passed = 0;
}

static inline void pb_queue_init(struct pb_queue *queue)
{
	INIT_LIST_HEAD(&queue->pages);
	pb_queue_rewind(queue);
}

/* Add the page in @frame at the end. */
static inline void pb_queue_add(struct pb_queue *queue,
				struct pb_policy_box *box, u32 frame)
{
	union pb_policy_note *note = pb_policy_note(box, frame);

	note->frame = frame;
	list_add_tail(&note->list, &queue->pages);
	if (queue->passed)
		queue->passed--;
	if (!queue->passed)
		pb_queue_rewind(queue);
}

static inline void pb_queue_del(struct pb_queue *queue,
				struct pb_policy_box *box, u32 frame)
{
	union pb_policy_note *note = pb_policy_note(box, frame);

	if (queue->last == &note->list)
		queue->last = note->list.prev;
	if (queue->passed)
		queue->passed--;
	list_del(&note->list);
}

/* Move the page in @frame to the end. */
static inline void pb_queue_move(struct pb_queue *queue,
				 struct pb_policy_box *box, u32 frame)
{
	union pb_policy_note *note = pb_policy_note(box, frame);

	if (queue->last == &note->list)
		queue->last = note->list.prev;
	list_move_tail(&note->list, &queue->pages);
}

/* As @pick of struct pb_policy. */
static inline unsigned int pb_queue_pick(struct pb_queue *queue, u32 *frame,
					 unsigned int nr)
{
	unsigned int n = 0;

	if (list_is_last(queue->last, &queue->pages))
		pb_queue_rewind(queue);
	while (n < nr && !list_is_last(queue->last, &queue->pages)) {
		queue->last = queue->last->next;
		frame[n++] = pb_policy_frame(queue->last);
	}
	queue->passed += n;
	return n;
}

#endif /* _PAGEBOX_POLICY_QUEUE_H */
