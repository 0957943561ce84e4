// SPDX-License-Identifier: GPL-2.0
/*
 * First in, first out: the page that was loaded first is taken first, used or
 * not. With some programs it takes more faults with more frames (L. A. Belady,
 * R. A. Nelson and G. S. Shedler, "An Anomaly in Space-Time Characteristics of
 * Certain Programs Running in a Paging Machine", 1969).
 *
 * A page that was proposed and stays, because it is locked or because the engine
 * preferred another, keeps its place in the queue. So that the others get their
 * turn, pick goes on behind the page that it proposed last. It begins again with
 * the oldest once as many pages were loaded as were passed: at every load if one
 * was, which keeps the order; and if thousands of locked pages are at the head
 * of the queue, each load pays for another look at one of them.
 */
#include "policy.h"

/**
 * struct fifo - the queue of a box
 * @queue: the pages, oldest first
 * @last: which was proposed last, or @queue to begin with the oldest
 * @passed: pages that were proposed and stay, minus those loaded since
 */
struct fifo {
	struct list_head queue;
	struct list_head *last;
	unsigned int passed;
};

static void begin_again(struct fifo *fifo)
{
	fifo->last = &fifo->queue;
	fifo->passed = 0;
}

static void fifo_start(struct pb_policy_box *box)
{
	struct fifo *fifo = box->state;

	INIT_LIST_HEAD(&fifo->queue);
	begin_again(fifo);
}

static void fifo_load(struct pb_policy_box *box, u32 frame)
{
	union pb_policy_note *note = pb_policy_note(box, frame);
	struct fifo *fifo = box->state;

	note->frame = frame;
	list_add_tail(&note->list, &fifo->queue);
	if (fifo->passed)
		fifo->passed--;
	if (!fifo->passed)
		begin_again(fifo);
}

static void fifo_unload(struct pb_policy_box *box, u32 frame)
{
	union pb_policy_note *note = pb_policy_note(box, frame);
	struct fifo *fifo = box->state;

	if (fifo->last == &note->list)
		fifo->last = note->list.prev;
	if (fifo->passed)
		fifo->passed--;
	list_del(&note->list);
}

static unsigned int fifo_pick(struct pb_policy_box *box, u32 *frame,
			      unsigned int nr)
{
	struct fifo *fifo = box->state;
	unsigned int n = 0;

	if (list_is_last(fifo->last, &fifo->queue))
		begin_again(fifo);
	while (n < nr && !list_is_last(fifo->last, &fifo->queue)) {
		fifo->last = fifo->last->next;
		frame[n++] = pb_policy_frame(fifo->last);
	}
	fifo->passed += n;
	/* No frame holds a page; the engine will find that out. */
	if (!n)
		frame[n++] = pb_policy_advance(box);
	return n;
}

const struct pb_policy pb_policy_fifo = {
	.name = "fifo",
	.owner = THIS_MODULE,
	.size = sizeof(struct fifo),
	.start = fifo_start,
	.load = fifo_load,
	.unload = fifo_unload,
	.pick = fifo_pick,
};
