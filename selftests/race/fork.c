// SPDX-License-Identifier: GPL-2.0
/*
 * Copy-on-write and fork that are overtaken. Two processes share pages and write
 * to one at the same moment; and a fork is stopped while it goes through the
 * pages of a mapping, which are evicted, written and copied meanwhile.
 */

#include <errno.h>
#include <signal.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "race.h"

/* The scene of the case that runs. */
static struct scene *s;

#define FRAMES 16

/* A private mapping with pages of its own, in frames and mapped, and a child's. */
FIXTURE(share){};

FIXTURE_SETUP(share)
{
	s = scene_of_map(FRAMES);
	ASSERT_EQ(0, run(s, MAIN, fork_child, 0));
}

FIXTURE_TEARDOWN(share)
{
	scene_end(s);
}

/* With the child and the mapping all pages go: nothing was counted twice. */
static void expect_nothing_left(struct __test_metadata *_metadata,
				struct scene *s)
{
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	EXPECT_EQ(0, run(s, A, unmap_map, 0));
	EXPECT_EQ(0, box_stats(s->box).pages);
	EXPECT_EQ(0, box_stats(s->box).frames_used);
	EXPECT_EQ(0, box_stats(s->box).swap_used);
	EXPECT_EQ(1, box_stats(s->box).views);
}

static unsigned long copies(struct scene *s)
{
	return box_stats(s->box).faults[PAGEBOX_FAULT_COW];
}

/*
 * Of two who write to a page that they share, one copies it; the other waits, and
 * then the page is its own, unless it is so fast that it still looks shared.
 */
TEST_F(share, two_breaks)
{
	stop(s, A, "cow_install", write_map, WITH(0, NEW));
	start(s, CHILD, write_map, WITH(0, NEWER));
	EXPECT_TRUE(blocks(s, CHILD));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).frames_used);
	failpoint_go("cow_install");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, CHILD));
	EXPECT_LE(1, copies(s));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	EXPECT_EQ(PAGES + 1, box_stats(s->box).frames_used);
	EXPECT_EQ(1, run(s, B, sharers_of_map, 0));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEWER)));
	expect_nothing_left(_metadata, s);
}

/*
 * The copy is in the view, but other threads still see the old page: until that
 * is over, nobody else may take it for his own.
 */
TEST_F(share, break_before_unmap)
{
	EXPECT_TRUE(run(s, B, map_is_old, 0));
	stop(s, A, "cow_unmap", write_map, WITH(0, NEW));
	start(s, CHILD, write_map, WITH(0, NEWER));
	EXPECT_TRUE(blocks(s, CHILD));
	EXPECT_EQ(OLD, run(s, B, see_map, 0));
	failpoint_go("cow_unmap");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, CHILD));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEWER)));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	expect_nothing_left(_metadata, s);
}

/*
 * Before the first has given the old page up, it still looks shared: then both
 * have copied it, and it goes.
 */
TEST_F(share, break_before_unshare)
{
	stop(s, A, "cow_unshare", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, CHILD, write_map, WITH(0, NEWER)));
	EXPECT_EQ(PAGES + 2, box_stats(s->box).pages);
	failpoint_go("cow_unshare");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(2, copies(s));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	EXPECT_EQ(PAGES + 1, box_stats(s->box).frames_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEWER)));
	expect_nothing_left(_metadata, s);
}

/* The other sharer exits instead: the page goes with him who was stopped. */
TEST_F(share, exit_before_unshare)
{
	stop(s, A, "cow_unshare", write_map, WITH(0, NEW));
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	failpoint_go("cow_unshare");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
	EXPECT_EQ(PAGES, box_stats(s->box).frames_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
}

/* One word of page 0, as the whole page with that tag has it. */
static long write_word(struct scene *s, long tag)
{
	*(volatile uint64_t *)s->map = page_word(tag, 0);
	return 0;
}

/*
 * The frame into which the page was read goes to the copy. Another thread that looks
 * at it meanwhile waits for that: it must not see the page any more.
 */
TEST_F(share, read_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_map, WITH(0, NEW));
	start(s, B, see_map, 0);
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	result(s, B);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	EXPECT_EQ(1, copies(s));
	EXPECT_EQ(pages + 1, box_stats(s->box).pages);
}

/* One that writes to it needs no copy then. */
TEST_F(share, break_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_word, NEW);
	start(s, B, write_map, WITH(0, NEW));
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, B));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	EXPECT_EQ(1, copies(s));
	EXPECT_EQ(pages + 1, box_stats(s->box).pages);
}

/* The other sharer exits meanwhile: the page goes when the copy is there. */
TEST_F(share, exit_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_map, WITH(0, NEW));
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_EQ(pages, box_stats(s->box).pages);
}

/*
 * It exits, and another thread would find the page its own, and write to it: what it
 * writes must be in the copy.
 */
TEST_F(share, write_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_word, NEW);
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	start(s, B, write_map, WITH(0, NEW));
	blocks(s, B);
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, B));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_EQ(pages, box_stats(s->box).pages);
}

/* It is discarded meanwhile: the copy is, when it is there. */
TEST_F(share, discard_during_handover)
{
	scene_cramp(s);
	stop(s, A, "cow_handover", write_word, OLD);
	start(s, B, discard_map, 0);
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(1, result(s, B));
	/* The word may be written before that or after it. */
	EXPECT_GE(OLD, run(s, B, see_map, 0));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
}

/* A page that is being copied keeps its frame, and so does the copy. */
TEST_F(share, evict_during_break)
{
	stop(s, A, "cow_install", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, OUTSIDE, page_out_root, 0));
	/* Its frame is busy, and that passes. */
	start(s, OUTSIDE, set_frames, 2);
	EXPECT_TRUE(polls(s, OUTSIDE));
	failpoint_go("cow_install");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(2, box_stats(s->box).frames_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	expect_nothing_left(_metadata, s);
}

/*
 * The copy goes to swap before anybody has a PTE of it: it was not written yet, but
 * what it holds is nowhere else.
 */
TEST_F(share, evict_after_break)
{
	stop(s, A, "mkwrite_copied", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, OUTSIDE, set_frames, 2));
	EXPECT_EQ(PAGES + 1 - 2, box_stats(s->box).swap_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, OLD)));
	failpoint_go("mkwrite_copied");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(1, copies(s));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	expect_nothing_left(_metadata, s);
}

/*
 * The page to be copied is in swap. When it has been read, nobody else may have it
 * any more: then it is written where it is.
 */
TEST_F(share, exit_during_read)
{
	EXPECT_EQ(PAGES, run(s, B, page_out_all, 0));
	stop(s, A, "fault_read", write_map, WITH(0, NEW));
	start(s, MAIN, reap_child, 0);
	EXPECT_EQ(SIGKILL, result(s, MAIN));
	failpoint_go("fault_read");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, copies(s));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
}

/* Fork ---------------------------------------------------------------- */

FIXTURE(clone){};

FIXTURE_VARIANT(clone)
{
	const char *window;
};

/* The page has one sharer more, which does not show it yet. */
FIXTURE_VARIANT_ADD(clone, unpublished){ .window = "fork_share" };

/* The child shows it, and it was not asked yet whether it is pinned. */
FIXTURE_VARIANT_ADD(clone, published){ .window = "fork_pin" };

/* The child shows all, and the parent can still write to them. */
FIXTURE_VARIANT_ADD(clone, writable){ .window = "fork_protect" };
FIXTURE_VARIANT_ADD(clone, protected){ .window = "fork_done" };

FIXTURE_SETUP(clone)
{
	s = scene_of_map(FRAMES);
}

FIXTURE_TEARDOWN(clone)
{
	scene_end(s);
}

/* Pages go to swap while a fork is between them. */
TEST_F(clone, evict)
{
	stop(s, MAIN, variant->window, fork_child, 0);
	EXPECT_EQ(0, run(s, OUTSIDE, set_frames, 2));
	EXPECT_EQ(PAGES - 2, box_stats(s->box).swap_used);
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, MAIN));
	EXPECT_EQ(2, run(s, B, sharers_of_map, 0));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, A, write_map, WITH(0, NEW));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, CHILD, write_map, WITH(0, NEWER));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, A, map_holds, WITH(1, OLD + 1)));
	expect_nothing_left(_metadata, s);
}

/*
 * Another thread of the parent writes while the fork is under way, through a PTE
 * that was writable before it. The child may see that; but not what is written
 * when the fork is done.
 */
TEST_F(clone, write)
{
	long seen = OLD;
	bool late;

	stop(s, MAIN, variant->window, fork_child, 0);
	start(s, A, write_map, WITH(0, NEW));
	late = blocks(s, A);
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, MAIN));
	EXPECT_EQ(0, result(s, A));
	if (!late)
		seen = NEW;
	EXPECT_EQ(seen, run(s, CHILD, see_map, 0));
	run(s, A, write_map, WITH(0, NEWER));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, seen)));
	run(s, CHILD, write_map, WITH(0, OLD));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEWER)));
	EXPECT_EQ(1, run(s, B, sharers_of_map, 0));
	EXPECT_EQ(1, copies(s));
	expect_nothing_left(_metadata, s);
}

/* The process is killed in the middle of its fork. */
TEST_F(clone, kill)
{
	stop(s, MAIN, variant->window, fork_child, 0);
	EXPECT_EQ(256 + SIGKILL, kill_actor(s, MAIN));
	EXPECT_EQ(0, box_stats(s->box).pages);
	EXPECT_EQ(0, box_stats(s->box).frames_used);
	EXPECT_EQ(1, box_stats(s->box).views);
}

/* Who is about to make a PTE writable waits for the evictor, but not when killed. */
TEST(kill_before_copy)
{
	struct scene *s = scene_of_map(FRAMES);

	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	EXPECT_EQ(OLD, run(s, CHILD, see_map, 0));
	stop(s, B, "evict_unmap", page_out_map, 0);
	start(s, CHILD, write_map, WITH(0, NEW));
	EXPECT_TRUE(blocks(s, CHILD));
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	failpoint_go("evict_unmap");
	EXPECT_EQ(1, result(s, B));
	EXPECT_TRUE(run(s, A, map_is_old, 0));
	EXPECT_EQ(1, run(s, A, sharers_of_map, 0));
	scene_end(s);
}

/* Another process pins a page of the map and is about to write to it. */
static struct scene *scene_of_a_pinned_page(void)
{
	struct scene *s = scene_of_map(FRAMES);

	run(s, A, write_root, WITH(PAGES, NEW));
	stop(s, OUTSIDE, "fault_map", vm_write_map_from_box, 0);
	return s;
}

/* What it writes is the parent's: the child has a copy from before. */
static void expect_child_is_apart(struct __test_metadata *_metadata,
				  struct scene *s)
{
	EXPECT_EQ(1, run(s, B, sharers_of_map, 0));
	EXPECT_EQ(2, run(s, B, sharers_of_map, 1));
	failpoint_go("fault_map");
	EXPECT_EQ(page_size, result(s, OUTSIDE));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, A, write_map, WITH(1, NEWER));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
}

TEST(fork_of_a_pinned_page)
{
	struct scene *s = scene_of_a_pinned_page();

	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	expect_child_is_apart(_metadata, s);
	scene_end(s);
}

/*
 * Core mm gives the child of a mapping that a userfaultfd watches the PTEs of its
 * parent. Those that watch MAP_PRIVATE mappings of a device came with Linux 6.7.
 */
TEST(fork_of_a_pinned_page_that_is_watched)
{
	struct scene *s = scene_of_a_pinned_page();
	int err = run(s, MAIN, watch_map, 0);

	start(s, MAIN, fork_child, 0);
	EXPECT_TRUE(err == EBADF || run(s, B, hear_of_fork, 0) == 1);
	EXPECT_EQ(0, result(s, MAIN));
	expect_child_is_apart(_metadata, s);
	scene_end(s);
}

/* 0 or errno; EINVAL if the kernel has no guards for such mappings. */
static long advise_last(struct scene *s, long advice)
{
	char *last = page_at(s->map, PAGES - 1);

	return madvise(last, page_size, advice) ? errno : 0;
}

/* So it does where there is a guard region. */
TEST(fork_of_a_pinned_page_near_a_guard)
{
	struct scene *s = scene_of_a_pinned_page();
	long err = run(s, MAIN, advise_last, MADV_GUARD_INSTALL);

	EXPECT_TRUE(!err || err == EINVAL);
	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	EXPECT_EQ(err, run(s, CHILD, advise_last, MADV_GUARD_REMOVE));
	expect_child_is_apart(_metadata, s);
	scene_end(s);
}

FIXTURE(fork_later){};

FIXTURE_VARIANT(fork_later)
{
	const char *window;
};

FIXTURE_VARIANT_ADD(fork_later, locked){ .window = "evict_unmap" };
FIXTURE_VARIANT_ADD(fork_later, unmapped){ .window = "evict_pins" };
FIXTURE_VARIANT_ADD(fork_later, written){ .window = "evict_slot" };

FIXTURE_SETUP(fork_later)
{
	s = scene_of_map(FRAMES);
}

FIXTURE_TEARDOWN(fork_later)
{
	scene_end(s);
}

/* An evictor has a page locked: the fork waits for it. */
TEST_F(fork_later, evict)
{
	stop(s, OUTSIDE, variant->window, set_frames, 2);
	start(s, MAIN, fork_child, 0);
	EXPECT_TRUE(blocks(s, MAIN));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, MAIN));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, CHILD, write_map, WITH(0, NEW));
	EXPECT_TRUE(run(s, A, map_is_old, 0));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	expect_nothing_left(_metadata, s);
}

TEST_HARNESS_MAIN
