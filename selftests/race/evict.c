// SPDX-License-Identifier: GPL-2.0
/*
 * Races against eviction: an evictor is stopped between two steps, and the page
 * is accessed, written, pinned, locked, discarded or moved. Conversely,
 * operations that an evictor must not overtake.
 */

#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "race.h"

/* The scene of the current case. */
static struct scene *s;

#define FRAMES PAGES

/* All frames of a box hold pages of its root view, dirty and mapped. */
FIXTURE(evict){};

FIXTURE_SETUP(evict)
{
	s = scene_of_root(FRAMES);
}

FIXTURE_TEARDOWN(evict)
{
	scene_end(s);
}

static void expect_contents(struct __test_metadata *_metadata, struct scene *s,
			    long first)
{
	run(s, A, recycle, FRAMES);
	EXPECT_TRUE(run(s, A, root_holds, WITH(0, first)));
	for (long i = 1; i < PAGES; i++)
		EXPECT_TRUE(run(s, A, root_holds, WITH(i, OLD + i)));
}

/*
 * A fault waits for the evictor that holds the folio lock. A waiter's reference
 * does not count as a pin, so the page is evicted, and the fault reads it back.
 */
TEST_F(evict, fault_before_unmap)
{
	struct pagebox_stats before;

	run(s, A, drop_root, 0);
	before = box_stats(s->box);
	stop(s, OUTSIDE, "evict_unmap", page_out_root, 0);
	start(s, A, see_root, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("evict_unmap");
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_EQ(OLD, result(s, A));
	EXPECT_FAULTS(s->box, before, .swapin = 1);
	expect_contents(_metadata, s, OLD);
}

/*
 * A write after the evictor has checked the accessed and dirty bits, and before
 * it removes the PTE, is written to swap as well.
 */
TEST_F(evict, write_before_unmap)
{
	struct pagebox_stats before;

	/* Clean, with its contents in swap, and its PTE writable. */
	ASSERT_EQ(1, run(s, OUTSIDE, page_out_root, 0));
	ASSERT_EQ(OLD, run(s, A, see_root, 0));
	before = box_stats(s->box);
	stop(s, OUTSIDE, "evict_unmap", page_out_root, 0);
	run(s, A, write_root, WITH(0, NEW));
	failpoint_go("evict_unmap");
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_EQ(before.evict_dirty + 1, box_stats(s->box).evict_dirty);
	EXPECT_EQ(before.swap_writes + 1, box_stats(s->box).swap_writes);
	expect_contents(_metadata, s, NEW);
}

/* CPUs keep references to previously locked pages until they are drained. */
static bool page_can_go(struct scene *s)
{
	run(s, OUTSIDE, drop_caches, 0);
	return run(s, OUTSIDE, page_out_root, 0) == 1;
}

/*
 * mlock() finds the PTE and does not fault: if the page were evicted, it would
 * be locked and not in memory.
 */
TEST_F(evict, mlock_before_unmap)
{
	struct pagebox_stats before = box_stats(s->box);
	long frame = frame_of(s->id, "root", 0);

	stop(s, OUTSIDE, "evict_unmap", page_out_root, 0);
	EXPECT_EQ(0, run(s, A, lock_root, 0));
	failpoint_go("evict_unmap");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(frame, frame_of(s->id, "root", 0));
	EXPECT_EQ(before.pinned_skips + 1, box_stats(s->box).pinned_skips);
	/* The private page at the same index is not locked. */
	run(s, B, write_map, WITH(0, NEW));
	EXPECT_EQ(1, run(s, B, page_out_map, 0));
	EXPECT_EQ(0, run(s, A, unlock_root, 0));
	EXPECT_TRUE(eventually(page_can_go(s)));
	expect_contents(_metadata, s, OLD);
}

/*
 * A page that is pinned while the evictor holds its lock stays in its frame,
 * and later writes are visible through the pin.
 */
TEST_F(evict, pin_before_unmap)
{
	uint64_t seen[page_size / sizeof(uint64_t)];
	long frame = frame_of(s->id, "root", 0);

	stop(s, OUTSIDE, "evict_unmap", page_out_root, 0);
	EXPECT_EQ((long)page_size, run(s, A, lend_root, 0));
	failpoint_go("evict_unmap");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(frame, frame_of(s->id, "root", 0));
	run(s, A, write_root, WITH(0, NEW));
	ASSERT_EQ((ssize_t)page_size, read(s->pipe[0], seen, page_size));
	EXPECT_TRUE(page_holds(seen, NEW));
	EXPECT_EQ(1, run(s, OUTSIDE, page_out_root, 0));
	expect_contents(_metadata, s, NEW);
}

/* After the unmap the page can no longer be pinned: the task must wait. */
TEST_F(evict, pin_after_unmap)
{
	stop(s, OUTSIDE, "evict_pins", page_out_root, 0);
	start(s, A, vm_write_root, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("evict_pins");
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_EQ((long)page_size, result(s, A));
	expect_contents(_metadata, s, NEW);
}

/* The same after the check for pins. */
TEST_F(evict, pin_after_check)
{
	stop(s, OUTSIDE, "evict_release", page_out_root, 0);
	start(s, A, lend_root, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("evict_release");
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_EQ((long)page_size, result(s, A));
	expect_contents(_metadata, s, OLD);
}

/* A page that is being written to swap is discarded afterwards, with its slot. */
TEST_F(evict, discard_during_write)
{
	stop(s, OUTSIDE, "evict_slot", page_out_root, 0);
	start(s, A, discard_root, 0);
	EXPECT_TRUE(blocks(s, A));
	EXPECT_EQ(1, box_stats(s->box).swap_used);
	failpoint_go("evict_slot");
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_EQ(1, result(s, A));
	EXPECT_EQ(0, box_stats(s->box).swap_used);
	EXPECT_EQ(PAGES - 1, box_stats(s->box).pages);
	expect_contents(_metadata, s, 0);
}

/* The swap area is removed while a page is written to it. */
TEST_F(evict, exchange_during_write)
{
	static const char *const windows[] = { "slot_taken", "evict_slot",
					       "evict_written" };
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		stop(s, OUTSIDE, windows[i], page_out_root, 0);
		start(s, A, exchange_swap, 2 * PAGES + i);
		EXPECT_TRUE(blocks(s, A));
		failpoint_go(windows[i]);
		EXPECT_EQ(1, result(s, OUTSIDE));
		EXPECT_EQ(0, result(s, A));
		EXPECT_EQ(2 * PAGES + i, box_info(s->box).swap_pages);
		EXPECT_EQ(0, box_stats(s->box).swap_used);
		EXPECT_EQ(OLD, run(s, B, see_root, 0));
	}
	expect_contents(_metadata, s, OLD);
}

/*
 * A clean page leaves the root view, and before it has left its frame the same
 * index is read again, into another frame.
 */
TEST_F(evict, fault_before_detach)
{
	scene_end(s);
	s = scene_new();
	s->store = store_file(2 * PAGES * page_size, OLD);
	scene_begin(s);
	run(s, A, see_root, 0);
	stop(s, OUTSIDE, "evict_detach", page_out_root, 0);
	EXPECT_EQ(OLD, run(s, A, see_root, 0));
	EXPECT_EQ(2, box_stats(s->box).frames_used);
	failpoint_go("evict_detach");
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_EQ(1, box_stats(s->box).frames_used);
	EXPECT_EQ(1, box_stats(s->box).pages);
	EXPECT_TRUE(run(s, A, root_is_old, 0));
}

/* Another task takes the frame that an evictor has just freed. */
TEST_F(evict, lose_the_frame)
{
	stop(s, A, "evict_got", see_root, PAGES);
	EXPECT_EQ(0, run(s, OUTSIDE, write_device, WITH(PAGES + 1, NEW)) -
			     (long)page_size);
	failpoint_go("evict_got");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(FRAMES, box_stats(s->box).frames_used);
	EXPECT_EQ(PAGES + 2, box_stats(s->box).pages);
	expect_contents(_metadata, s, OLD);
}

/* The page of a proposed frame is discarded before it is locked. */
TEST_F(evict, discard_before_lock)
{
	ASSERT_EQ(0, frame_of(s->id, "root", 0));
	stop(s, A, "evict_lock", see_root, PAGES);
	EXPECT_EQ(1, run(s, OUTSIDE, discard_root, 0));
	EXPECT_EQ(PAGES - 1, box_stats(s->box).pages);
	failpoint_go("evict_lock");
	EXPECT_EQ(0, result(s, A));
	expect_contents(_metadata, s, 0);
}

/* A policy that has proposed a frame stays until it has the result. */
TEST_F(evict, switch_policy)
{
	stop(s, A, "evict_lock", see_root, PAGES);
	start(s, OUTSIDE, set_policy, true);
	EXPECT_TRUE(blocks(s, OUTSIDE));
	EXPECT_STREQ("clock", box_info(s->box).policy);
	failpoint_go("evict_lock");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_STREQ("fifo", box_info(s->box).policy);
	expect_contents(_metadata, s, OLD);
}

/* A new policy starts when no evictor is running. */
TEST_F(evict, evict_during_switch)
{
	stop(s, OUTSIDE, "policy_switch", set_policy, true);
	start(s, A, see_root, PAGES);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("policy_switch");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
	expect_contents(_metadata, s, OLD);
}

/* A box is not destroyed while a shrinker uses it. */
TEST_F(evict, close_during_shrink)
{
	scene_end(s);
	s = scene_new();
	s->private = true;
	s->fill_root = true;
	scene_begin(s);
	stop(s, OUTSIDE, "shrink_scan", drop_caches, 0);
	start(s, A, leave_box, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("shrink_scan");
	EXPECT_EQ(1, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
}

TEST_HARNESS_MAIN
