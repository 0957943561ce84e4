// SPDX-License-Identifier: GPL-2.0
/*
 * A replacement policy in a module of its own: a place to begin with yours.
 *
 *   insmod pagebox.ko; insmod pagebox_mru.ko
 *   cat /sys/kernel/debug/pagebox/policies
 *
 * Then PAGEBOX_IOC_CONFIGURE takes "mru" as policy. rmmod refuses while a box
 * uses it.
 *
 * "mru" takes the page first that was loaded last. A program that goes round and
 * round over a little more than the frames can hold keeps most of its pages; FIFO,
 * LRU and the clock take each page just before it is needed. Nearly all other
 * programs suffer: try it. One instruction that needs two pages which are not
 * there never gets done in a full box, since each fault takes the page of the
 * other.
 *
 * How to write one:
 *
 *   - Copy this file, choose another name, add it to Kbuild.
 *   - Write pick() first; it is all that a policy must have. It proposes frames,
 *     best victim first, and need not care whether they can be taken.
 *   - Frames that were proposed may stay: the engine passes those that are
 *     locked or pinned and those that keep() speaks for. It asks again until it
 *     has enough victims, so pick() must not propose the same ones again and
 *     again; here, @last is for that.
 *   - load() and unload() say which frames hold a page. A page that comes back
 *     from swap is loaded anew.
 *   - To know what was accessed, add keep() (policy_clock.c) or sample()
 *     (policy_lru.c), and reference() for the faults that find a page there.
 *   - Keep numbers or lists in pb_policy_note(), one for each frame, and the rest
 *     in .size bytes of box->state. Callbacks hold a spinlock: do not sleep, do
 *     not allocate, be quick.
 */
#include "../policy.h"

/**
 * struct mru - what "mru" remembers of a box
 * @stack: the pages, the one that was loaded last in front
 * @last: which was proposed last, or @stack to begin in front
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
	/* All were proposed: begin in front again next time. */
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
