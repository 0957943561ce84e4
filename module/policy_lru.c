// SPDX-License-Identifier: GPL-2.0
/*
 * Least recently used: a queue of the pages in the order of the last access that
 * was seen, the victim at its head. Its accuracy depends on how accesses are seen
 * (box->references):
 *
 * every    Each change of page by a thread is a fault, so the order is that of
 *          the accesses: exact LRU, without Belady's anomaly (R. L. Mattson,
 *          J. Gecsei, D. R. Slutz and I. L. Traiger, "Evaluation Techniques for
 *          Storage Hierarchies", 1970). A run of accesses to one page by a thread
 *          counts as one access, at its start.
 *
 * exact    The engine samples the accessed bits of all pages each time a quarter
 *          of the frames was evicted. A page whose bit was set moves to the end
 *          of the queue and loses its PTEs; its next access is a fault, which
 *          moves it there again. So the order is that of the first accesses since
 *          the last sample: pages in use are never the victim, but the order
 *          among them can be wrong within a period.
 *
 * hardware As exact, without the fault: pages whose bit was set in the last
 *          period come after all others, in the order of their frames. A page
 *          whose translation stays in the TLB can look idle.
 */
#include "policy_queue.h"

static void lru_start(struct pb_policy_box *box)
{
	pb_queue_init(box->state);
}

static void lru_load(struct pb_policy_box *box, u32 frame)
{
	pb_queue_add(box->state, box, frame);
}

static void lru_unload(struct pb_policy_box *box, u32 frame)
{
	pb_queue_del(box->state, box, frame);
}

static void lru_reference(struct pb_policy_box *box, u32 frame)
{
	pb_queue_move(box->state, box, frame);
}

static unsigned int lru_pick(struct pb_policy_box *box, u32 *frame,
			     unsigned int nr)
{
	return pb_queue_pick(box->state, frame, nr);
}

/* With _EVERY a fault has reported the access already, in the right order. */
static bool lru_keep(struct pb_policy_box *box, u32 frame, bool accessed,
		     bool dirty)
{
	if (!accessed || box->references == PAGEBOX_REFERENCES_EVERY)
		return false;
	pb_queue_move(box->state, box, frame);
	return true;
}

static void lru_sample(struct pb_policy_box *box, u32 frame, bool accessed)
{
	if (accessed)
		pb_queue_move(box->state, box, frame);
}

const struct pb_policy pb_policy_lru = {
	.name = "lru",
	.owner = THIS_MODULE,
	.size = sizeof(struct pb_queue),
	.start = lru_start,
	.load = lru_load,
	.unload = lru_unload,
	.reference = lru_reference,
	.pick = lru_pick,
	.keep = lru_keep,
	.sample = lru_sample,
};
