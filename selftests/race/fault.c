// SPDX-License-Identifier: GPL-2.0
/*
 * Races against faults: an actor is stopped at a sync point of its fault,
 * another one changes the state that it has looked up, and the first one
 * continues. Where a fault must not be overtaken, the other actor must wait.
 *
 * Each test states the effect of a missing recheck or wait.
 */

#include <signal.h>

#include "lib/counters.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "race.h"

/* The scene of the current case. */
static struct scene *s;

#define FRAMES 16

/*
 * Pages in the root view, which the private mapping shows as well until they
 * are written there. The mapping has no PTEs.
 */
FIXTURE(fault){};

FIXTURE_SETUP(fault)
{
	s = scene_of_root(FRAMES);
}

FIXTURE_TEARDOWN(fault)
{
	scene_end(s);
}

/*
 * The looked-up page is discarded before it is locked. Without a recheck, the
 * fault would map an unused frame.
 */
TEST_F(fault, discard_before_lock)
{
	stop(s, A, "fault_lock", see_map, 0);
	EXPECT_EQ(1, run(s, OUTSIDE, discard_root, 0));
	failpoint_go("fault_lock");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, run(s, B, see_map, 0));
	EXPECT_EQ(0, run(s, B, see_root, 0));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
	EXPECT_EQ(PAGES, box_stats(s->box).frames_used);
}

/* The view gets a private page before the root's, looked up, is locked. */
TEST_F(fault, write_before_lock)
{
	stop(s, A, "fault_lock", see_map, 0);
	run(s, B, write_map_and_drop, WITH(0, NEW));
	failpoint_go("fault_lock");
	EXPECT_EQ(NEW, result(s, A));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, B, root_is_old, 0));
}

/* The frame of a looked-up page is not taken away. */
TEST_F(fault, page_out_before_lock)
{
	struct pagebox_stats before = box_stats(s->box);

	stop(s, A, "fault_lock", see_map, 0);
	EXPECT_EQ(0, run(s, OUTSIDE, page_out_root, 0));
	EXPECT_EQ(before.pinned_skips + 1, box_stats(s->box).pinned_skips);
	failpoint_go("fault_lock");
	EXPECT_EQ(OLD, result(s, A));
	EXPECT_EQ(1, run(s, OUTSIDE, page_out_root, 0));
	EXPECT_TRUE(run(s, B, map_is_old, 0));
}

/* A page in swap is discarded after a fault has looked it up. */
TEST_F(fault, discard_in_swap)
{
	run(s, B, write_map, WITH(0, NEW));
	run(s, B, page_out_all, 0);
	stop(s, A, "fault_lock", see_map, 0);
	EXPECT_EQ(1, run(s, B, discard_map, 0));
	failpoint_go("fault_lock");
	EXPECT_EQ(OLD, result(s, A));
	EXPECT_TRUE(run(s, B, map_is_old, 0));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
}

/* The same after the fault has a frame for it and has rechecked. */
TEST_F(fault, discard_in_swap_later)
{
	run(s, B, write_map, WITH(0, NEW));
	run(s, B, page_out_all, 0);
	failpoint_set("fault_lock stop after 1 times 1 pid %d",
		      s->actor[MAIN].pid);
	start(s, A, see_map, 0);
	ASSERT_TRUE(failpoint_waits("fault_lock", 1));
	EXPECT_EQ(1, run(s, B, discard_map, 0));
	failpoint_go("fault_lock");
	EXPECT_EQ(OLD, result(s, A));
	EXPECT_TRUE(run(s, B, map_is_old, 0));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
}

/* Once a fault has its page, a discard waits for the PTE and removes it. */
TEST_F(fault, discard_before_pte)
{
	run(s, A, drop_root, 0);
	stop(s, A, "fault_map", see_root, 0);
	start(s, OUTSIDE, discard_root, 0);
	EXPECT_TRUE(blocks(s, OUTSIDE));
	failpoint_go("fault_map");
	EXPECT_EQ(1, result(s, OUTSIDE));
	/* The read may have come before or after. */
	EXPECT_NE(-1, result(s, A));
	EXPECT_EQ(0, run(s, B, see_root, 0));
}

/* Neither the frame nor the mapping is removed then. */
TEST_F(fault, unmap_before_pte)
{
	run(s, A, drop_root, 0);
	stop(s, A, "fault_map", touch_root, 0);
	EXPECT_EQ(0, run(s, OUTSIDE, page_out_root, 0));
	start(s, B, unmap_root, 0);
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("fault_map");
	EXPECT_EQ(0, result(s, B));
	/* The mapping may be removed before the access is retried. */
	result(s, A);
	EXPECT_EQ(SIGSEGV, run(s, A, touch_root, 0));
	EXPECT_TRUE(run(s, B, map_is_old, 0));
}

/*
 * Two faults find the same untouched page, and each allocates one: a read in
 * the root view, a write in the private one. The written page stays.
 */
TEST_F(fault, write_before_new_page)
{
	run(s, OUTSIDE, discard_root, 0);
	stop(s, A, "fault_publish", see_map, 0);
	run(s, B, write_map_and_drop, WITH(0, NEW));
	failpoint_go("fault_publish");
	EXPECT_EQ(NEW, result(s, A));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_EQ(0, run(s, B, see_root, 0));
}

/* The root's page is mapped before the private one is in its view. */
TEST_F(fault, read_before_new_page)
{
	run(s, OUTSIDE, discard_root, 0);
	stop(s, A, "fault_install", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, B, see_map, 0));
	failpoint_go("fault_install");
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_EQ(0, run(s, B, see_root, 0));
}

/* The reverse: the read is about to set its PTE when the write comes. */
TEST_F(fault, write_before_pte)
{
	run(s, OUTSIDE, discard_root, 0);
	stop(s, A, "fault_map", see_map, 0);
	start(s, B, write_map, WITH(0, NEW));
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("fault_map");
	EXPECT_EQ(0, result(s, B));
	EXPECT_NE(-1, result(s, A));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_EQ(0, run(s, B, see_root, 0));
}

/*
 * A write copies a page of the root view while it is discarded, and a read maps
 * its successor. If the write did not check for that PTE, its process would
 * keep a PTE of a page outside its view. The write would never complete, as
 * each attempt to make the PTE writable finds the copy already made.
 */
TEST_F(fault, discard_during_copy)
{
	run(s, B, page_out_all, 0);
	stop(s, OUTSIDE, "discard_replace", discard_root, 0);
	stop(s, A, "cow_install", write_map, WITH(0, NEW));
	failpoint_go("discard_replace");
	EXPECT_TRUE(blocks(s, OUTSIDE));
	stop(s, B, "fault_map", see_map, 0);
	failpoint_set("cow_unshare stop");
	failpoint_go("cow_install");
	ASSERT_TRUE(failpoint_waits("cow_unshare", 1));
	failpoint_go("fault_map");
	EXPECT_NE(-1, result(s, B));
	failpoint_go("cow_unshare");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_EQ(0, run(s, B, see_root, 0));
}

/*
 * The frame of a page of the root view passes to a copy, and the page changes
 * before a PTE maps the copy.
 */
TEST_F(fault, write_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, B, write_root, WITH(0, NEWER)));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, B, root_holds, WITH(0, NEWER)));
	EXPECT_EQ(pages + 1, box_stats(s->box).pages);
}

/*
 * Between the fault and page_mkwrite(), core mm has the page unlocked. If it is
 * discarded there, the write goes to its successor.
 */
TEST_F(fault, discard_before_mkwrite)
{
	stop(s, A, "mkwrite_lock", write_map, WITH(0, NEW));
	EXPECT_EQ(1, run(s, B, discard_map, 0));
	failpoint_go("mkwrite_lock");
	EXPECT_EQ(0, result(s, A));
	run(s, A, drop_map, 0);
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, B, root_is_old, 0));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
}

/* After page_mkwrite() has succeeded, a discard waits for the PTE. */
TEST_F(fault, discard_after_mkwrite)
{
	stop(s, A, "mkwrite_map", write_map, WITH(0, NEW));
	start(s, B, discard_map, 0);
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("mkwrite_map");
	EXPECT_EQ(1, result(s, B));
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(run(s, B, root_is_old, 0));
}

/* Of two faults on a page in swap, one reads it and the other waits. */
TEST_F(fault, two_swapins)
{
	struct pagebox_stats before;

	run(s, B, write_map, WITH(0, NEW));
	run(s, B, page_out_all, 0);
	before = box_stats(s->box);
	stop(s, A, "fault_attach", see_map, 0);
	start(s, B, see_map, 0);
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("fault_attach");
	EXPECT_EQ(NEW, result(s, A));
	EXPECT_EQ(NEW, result(s, B));
	EXPECT_EQ(before.swap_reads + 1, box_stats(s->box).swap_reads);
}

/* Each has a frame for it already: the second frees its own. */
TEST_F(fault, two_frames)
{
	struct pagebox_stats before;

	run(s, B, write_map, WITH(0, NEW));
	run(s, B, page_out_all, 0);
	before = box_stats(s->box);
	stop(s, A, "fault_frame", see_map, 0);
	EXPECT_EQ(NEW, run(s, B, see_map, 0));
	EXPECT_EQ(before.frames_used + 2, box_stats(s->box).frames_used);
	failpoint_go("fault_frame");
	EXPECT_EQ(NEW, result(s, A));
	EXPECT_EQ(before.frames_used + 1, box_stats(s->box).frames_used);
	EXPECT_EQ(before.swap_reads + 1, box_stats(s->box).swap_reads);
}

/*
 * Two faults find that mremap() has added pages. If each committed the missing
 * pages, they would be counted twice.
 */
TEST(two_promises)
{
	struct scene *s = scene_new();

	s->config.set = PAGEBOX_SET_OVERCOMMIT;
	s->config.overcommit = PAGEBOX_OVERCOMMIT_NEVER;
	scene_begin(s);
	EXPECT_EQ(3 * PAGES, box_stats(s->box).committed);
	EXPECT_EQ(0, run(s, B, grow_map, 0));
	stop(s, A, "commit_cover", write_map, WITH(PAGES, NEW));
	run(s, B, write_map, WITH(PAGES + 1, NEWER));
	EXPECT_EQ(4 * PAGES, box_stats(s->box).committed);
	failpoint_go("commit_cover");
	result(s, A);
	EXPECT_EQ(4 * PAGES, box_stats(s->box).committed);
	EXPECT_TRUE(run(s, A, map_holds, WITH(PAGES, NEW)));
	EXPECT_TRUE(run(s, B, map_holds, WITH(PAGES + 1, NEWER)));
	scene_end(s);
}

TEST_HARNESS_MAIN
