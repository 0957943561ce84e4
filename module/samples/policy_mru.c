// SPDX-License-Identifier: GPL-2.0
/*
 * A replacement policy in a separate module: a template for new ones.
 *
 *   insmod pagebox.ko; insmod pagebox_mru.ko
 *   cat /sys/kernel/debug/pagebox/policies
 *
 * Now PAGEBOX_IOC_CONFIGURE accepts "mru" as policy. rmmod fails while a box
 * uses it.
 *
 * "mru" evicts the page that was loaded last. A program that loops over a few more
 * pages than the box has frames keeps most of its pages, whereas FIFO, LRU and the
 * clock evict each page just before it is needed. Nearly all other programs become
 * slower. An instruction that needs two absent pages makes no progress in a full
 * box by this policy alone: each fault evicts the other page.
 *
 * How to write a policy:
 *
 *   - Copy this file, change the name, add it to Kbuild.
 *   - Write pick() first, the only mandatory callback. It proposes frames, best
 *     victim first, without checking whether they can be evicted.
 *   - A proposed frame may stay: the engine skips frames that are locked or
 *     pinned, and those that keep() returns true for. It asks again until it has
 *     enough victims, so pick() must not propose the same frames repeatedly;
 *     here, @last prevents that.
 *   - load() and unload() tell which frames hold a page. A page that is read back
 *     from swap is loaded anew.
 *   - To learn about accesses, add keep() (policy_clock.c) or sample()
 *     (policy_lru.c), and reference() for faults that find a page in its frame.
 *   - Keep a number or a list entry per frame in pb_policy_note(), and the rest in
 *     .size bytes of box->state. Callbacks run under a spinlock: do not sleep, do
 *     not allocate, be quick.
 */
#include "../policy.h"

/**
 * struct mru - state of "mru" in a box
 * @stack: the pages, the one loaded last at the head
 * @last: the page that was proposed last, or @stack to start at the head
 */
struct mru {
	struct list_head stack;
	struct list_head *last;
};

static void mru_start(struct pb_policy_box *box)
{
	struct mru *mru = box->state;

	INIT_LIST_HEAD(&mru->stack);
	mru->last = &mru->stack;
}

static void mru_load(struct pb_policy_box *box, u32 frame)
{
	union pb_policy_note *note = pb_policy_note(box, frame);
	struct mru *mru = box->state;

	note->frame = frame;
	list_add(&note->list, &mru->stack);
	mru->last = &mru->stack;
}

static void mru_unload(struct pb_policy_box *box, u32 frame)
{
	union pb_policy_note *note = pb_policy_note(box, frame);
	struct mru *mru = box->state;

	if (mru->last == &note->list)
		mru->last = note->list.prev;
	list_del(&note->list);
}

static unsigned int mru_pick(struct pb_policy_box *box, u32 *frame,
			     unsigned int nr)
{
	struct mru *mru = box->state;
	unsigned int n = 0;

	while (n < nr && !list_is_last(mru->last, &mru->stack)) {
		mru->last = mru->last->next;
		frame[n++] = pb_policy_frame(mru->last);
	}
	/* All pages were proposed: start again at the head next time. */
	if (!n)
		mru->last = &mru->stack;
	return n;
}

static const struct pb_policy mru_policy = {
	.name = "mru",
	.owner = THIS_MODULE,
	.size = sizeof(struct mru),
	.start = mru_start,
	.load = mru_load,
	.unload = mru_unload,
	.pick = mru_pick,
};

static int __init mru_init(void)
{
	return pb_policy_register(&mru_policy);
}

static void __exit mru_exit(void)
{
	pb_policy_unregister(&mru_policy);
}

module_init(mru_init);
module_exit(mru_exit);

MODULE_DESCRIPTION("Replacement policy \"mru\" for pagebox");
MODULE_AUTHOR("The pagebox developers");
MODULE_LICENSE("GPL");
