// SPDX-License-Identifier: GPL-2.0
/*
 * First in, first out: the page that was loaded first is evicted first, used or
 * not. Some programs fault more often with more frames (L. A. Belady,
 * R. A. Nelson and G. S. Shedler, "An Anomaly in Space-Time Characteristics of
 * Certain Programs Running in a Paging Machine", 1969).
 */
#include "policy_queue.h"

static void fifo_start(struct pb_policy_box *box)
{
	pb_queue_init(box->state);
}

static void fifo_load(struct pb_policy_box *box, u32 frame)
{
	pb_queue_add(box->state, box, frame);
}

static void fifo_unload(struct pb_policy_box *box, u32 frame)
{
	pb_queue_del(box->state, box, frame);
}

static unsigned int fifo_pick(struct pb_policy_box *box, u32 *frame,
			      unsigned int nr)
{
	return pb_queue_pick(box->state, frame, nr);
}

const struct pb_policy pb_policy_fifo = {
	.name = "fifo",
	.owner = THIS_MODULE,
	.size = sizeof(struct pb_queue),
	.start = fifo_start,
	.load = fifo_load,
	.unload = fifo_unload,
	.pick = fifo_pick,
};
