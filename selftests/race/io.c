// SPDX-License-Identifier: GPL-2.0
/*
 * Races against write-back, changes of the frame limit and the swap area, and
 * readahead: an actor or the flusher is stopped between two steps, and another
 * operation runs.
 */

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/store.h"
#include "lib/test.h"
#include "race.h"

/* The scene of the current case. */
static struct scene *s;

/* --- write-back --- */

/* Pages of a store, all in frames; the first is dirty. */
static struct scene *stored_pages(bool private)
{
	struct scene *s = scene_new();

	s->store = store_file(2 * PAGES * page_size, OLD);
	s->private = private;
	scene_begin(s);
	run(s, A, root_is_old, 0);
	run(s, A, write_root, WITH(0, NEW));
	return s;
}

FIXTURE(sync){};

FIXTURE_VARIANT(sync)
{
	const char *window;
	long written; /* the store's contents by then */
	bool locked; /* whether the folio is */
};

/* The page is marked clean, and about to be written. */
FIXTURE_VARIANT_ADD(sync, before_write){ .window = "write_cleaned",
					 .written = OLD,
					 .locked = true };

/* The store has it, and write-back is about to end. */
FIXTURE_VARIANT_ADD(sync, after_write){ .window = "write_done",
					.written = NEW };

FIXTURE_SETUP(sync)
{
	s = stored_pages(false);
	failpoint_set("%s stop times 1", variant->window);
	start(s, OUTSIDE, sync_box, 0);
	ASSERT_TRUE(failpoint_waits(variant->window, 1));
	ASSERT_TRUE(file_holds(s->store, 1, variant->written));
}

FIXTURE_TEARDOWN(sync)
{
	scene_end(s);
}

/*
 * A page under write-back is written to by two others: the first makes the PTE
 * writable and at most waits for the folio lock, never for the write; the
 * second only writes. So the page is dirty after the write-back, whatever the
 * store got, and is written again later.
 */
TEST_F(sync, write)
{
	start(s, A, poke_root, 0);
	EXPECT_EQ(variant->locked, blocks(s, A));
	EXPECT_EQ(0, run(s, B, write_root, WITH(0, NEWER)));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(1, box_stats(s->box).frames_dirty);
	EXPECT_EQ(0, run(s, OUTSIDE, sync_box, 0));
	EXPECT_TRUE(run(s, A, root_holds, WITH(0, NEWER)));
	EXPECT_TRUE(file_holds(s->store, 1, NEWER));
	EXPECT_EQ(0, box_stats(s->box).frames_dirty);
}

/* The page is not evicted during the write; a discard waits. */
TEST_F(sync, discard)
{
	EXPECT_EQ(0, run(s, A, page_out_root, 0));
	start(s, A, discard_root, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(1, result(s, A));
	EXPECT_EQ(NEW, run(s, A, see_root, 0));
	EXPECT_TRUE(file_holds(s->store, 1, NEW));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
}

/* fsync() waits for writes in progress and for redirtied pages. */
TEST_F(sync, sync)
{
	bool again = !variant->locked;

	if (again)
		EXPECT_EQ(0, run(s, A, write_root, WITH(0, NEWER)));
	start(s, A, sync_root, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(file_holds(s->store, 1, again ? NEWER : NEW));
	EXPECT_EQ(1 + again, box_stats(s->box).store_writes);
	EXPECT_EQ(0, box_stats(s->box).frames_dirty);
}

/* For a page that is already clean, fsync() waits for a write in progress. */
TEST_F(sync, sync_of_a_clean_page)
{
	start(s, A, sync_root, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(file_holds(s->store, 1, NEW));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(1, box_stats(s->box).store_writes);
}

/* A process that exits while its last page is written does not wait. */
TEST_F(sync, unmap)
{
	EXPECT_EQ(0, run(s, A, unmap_root, 0));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_TRUE(file_holds(s->store, 1, NEW));
	EXPECT_EQ(0, box_stats(s->box).frames_pinned);
}

FIXTURE(store){};

FIXTURE_SETUP(store)
{
	s = stored_pages(false);
}

FIXTURE_TEARDOWN(store)
{
	scene_end(s);
}

/*
 * msync() waits for the evictor that holds the page. To the evictor it looks
 * like a pin, so the page stays, and msync() writes it.
 */
TEST_F(store, sync_during_evict)
{
	stop(s, OUTSIDE, "evict_pins", page_out_root, 0);
	start(s, A, sync_root, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("evict_pins");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(file_holds(s->store, 1, NEW));
	EXPECT_EQ(1, box_stats(s->box).store_writes);
	EXPECT_EQ(PAGES, box_stats(s->box).frames_used);
}

/* The page to be written next is discarded, and so not written. */
TEST_F(store, discard_before_sync)
{
	stop(s, A, "write_lock", sync_root, 0);
	EXPECT_EQ(1, run(s, OUTSIDE, discard_root, 0));
	EXPECT_EQ(OLD, run(s, B, see_root, 0));
	failpoint_go("write_lock");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, box_stats(s->box).store_writes);
	EXPECT_TRUE(file_holds(s->store, PAGES, OLD));
}

/*
 * The store shrinks while a fault reads past its new end: the read fails. After
 * it has grown again, it succeeds.
 */
TEST_F(store, truncate_during_fault)
{
	stop(s, A, "fault_publish", touch_root, PAGES);
	ASSERT_EQ(0, ftruncate(s->store, PAGES * page_size));
	failpoint_go("fault_publish");
	EXPECT_EQ(SIGBUS, result(s, A));
	EXPECT_EQ(SIGBUS, run(s, A, touch_root, PAGES));
	EXPECT_EQ(PAGES, box_stats(s->box).frames_used);
	ASSERT_EQ(0, ftruncate(s->store, 2 * PAGES * page_size));
	EXPECT_EQ(0, run(s, A, see_root, PAGES));
	EXPECT_TRUE(run(s, A, root_holds, WITH(0, NEW)));
}

/*
 * The store loses a page and gets it back before the worker has dropped it. A
 * reader waits, and sees the store's zeroes.
 */
TEST_F(store, fault_before_trim)
{
	failpoint_set("truncate_trim stop times 1");
	ASSERT_EQ(0, ftruncate(s->store, 0));
	ASSERT_TRUE(failpoint_waits("truncate_trim", 1));
	ASSERT_EQ(0, ftruncate(s->store, 2 * PAGES * page_size));
	start(s, A, see_root, 1);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("truncate_trim");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, run(s, A, see_root, 0));
	EXPECT_EQ(EIO, run(s, OUTSIDE, sync_box, 0));
	EXPECT_EQ(0, run(s, OUTSIDE, sync_box, 0));
}

/* A fault has read its page, and rechecks it before mapping it. */
TEST_F(store, truncate_after_read)
{
	stop(s, A, "fault_check", touch_root, PAGES);
	ASSERT_EQ(0, ftruncate(s->store, PAGES * page_size));
	failpoint_go("fault_check");
	EXPECT_EQ(SIGBUS, result(s, A));
	EXPECT_TRUE(run(s, A, root_holds, WITH(0, NEW)));
}

/* A fault that has its page, and maps it after its truncation. */
TEST_F(store, truncate_before_map)
{
	int end;

	EXPECT_EQ(0, run(s, A, drop_root, 1));
	stop(s, A, "fault_map", touch_root, 1);
	ASSERT_EQ(0, ftruncate(s->store, 0));
	failpoint_go("fault_map");
	/* The worker may unmap it before the access is retried. */
	end = result(s, A);
	EXPECT_TRUE(!end || end == SIGBUS);
	EXPECT_EQ(EIO, run(s, OUTSIDE, sync_box, 0));
	EXPECT_EQ(SIGBUS, run(s, A, touch_root, 1));
	EXPECT_EQ(0, box_stats(s->box).frames_used);
}

/*
 * The store is truncated and grows again while a page is about to be written:
 * it is not written to its former place.
 */
TEST_F(store, truncate_before_write)
{
	stop(s, OUTSIDE, "write_cleaned", sync_box, 0);
	failpoint_set("truncate_trim delay 100 times 1");
	ASSERT_EQ(0, ftruncate(s->store, 0));
	ASSERT_EQ(0, ftruncate(s->store, 2 * PAGES * page_size));
	failpoint_go("write_cleaned");
	EXPECT_EQ(EIO, result(s, OUTSIDE));
	EXPECT_EQ(0, run(s, OUTSIDE, sync_box, 0));
	EXPECT_EQ(0, box_stats(s->box).store_writes);
	EXPECT_EQ(0, run(s, A, see_root, 0));
}

/* --- the end of a box --- */

/* The flusher is stopped at some point; the second page is dirtied after that. */
FIXTURE(flush){};

FIXTURE_VARIANT(flush)
{
	const char *window;
};

/* It has found a page to write. */
FIXTURE_VARIANT_ADD(flush, begins){ .window = "flush_write" };

/* It holds a page locked and clean, not yet written. */
FIXTURE_VARIANT_ADD(flush, writes){ .window = "write_cleaned" };

/* It is about to schedule its next run. */
FIXTURE_VARIANT_ADD(flush, ends){ .window = "flush_again" };

FIXTURE_SETUP(flush)
{
	s = stored_pages(true);
	failpoint_set("%s stop times 1", variant->window);
	ASSERT_EQ(0, run(s, A, flush_often, 0));
	ASSERT_TRUE(failpoint_waits(variant->window, 1));
	run(s, A, write_root, WITH(1, NEWER));
}

FIXTURE_TEARDOWN(flush)
{
	scene_end(s);
}

/* The last close waits for the flusher, and writes the rest. */
TEST_F(flush, close)
{
	start(s, A, leave_box, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(file_holds(s->store, 2, NEW));
	EXPECT_EQ(-ENOENT, run(s, OUTSIDE, join_box, 0));
}

FIXTURE(last){};

FIXTURE_SETUP(last)
{
	s = stored_pages(true);
}

FIXTURE_TEARDOWN(last)
{
	scene_end(s);
}

/* During the last write-back the box can no longer be joined. */
TEST_F(last, join_during_farewell)
{
	failpoint_set("farewell_write stop times 1");
	start(s, A, leave_box, 0);
	ASSERT_TRUE(failpoint_waits("farewell_write", 1));
	EXPECT_EQ(-ENOENT, run(s, OUTSIDE, join_box, 0));
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("farewell_write");
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(file_holds(s->store, 1, NEW));
}

/* Nor by a task that has just looked it up. */
TEST_F(last, close_during_find)
{
	stop(s, OUTSIDE, "box_find", join_box, 0);
	EXPECT_EQ(0, run(s, A, leave_box, 0));
	EXPECT_TRUE(file_holds(s->store, 1, NEW));
	failpoint_go("box_find");
	EXPECT_EQ(-ENOENT, result(s, OUTSIDE));
}

/* A task that has a reference keeps the box, and writes it back on close. */
TEST_F(last, close_during_join)
{
	long joined;

	stop(s, OUTSIDE, "join_found", join_box, 0);
	EXPECT_EQ(0, run(s, A, leave_box, 0));
	EXPECT_TRUE(file_holds(s->store, 1, OLD));
	failpoint_go("join_found");
	joined = result(s, OUTSIDE);
	ASSERT_LE(0, joined);
	EXPECT_EQ(NEW, run(s, OUTSIDE, see_and_close, joined));
	EXPECT_TRUE(file_holds(s->store, 1, NEW));
}

/* --- frames and swap --- */

#define FRAMES 8
#define AHEAD 4

/* Pages without a store in the root view, all in frames, dirty. */
FIXTURE(memory){};

FIXTURE_SETUP(memory)
{
	s = scene_of_root(FRAMES);
}

FIXTURE_TEARDOWN(memory)
{
	scene_end(s);
}

/* A fault that has a frame above the new limit, without a page in it yet. */
TEST_F(memory, limit_below_spare)
{
	stop(s, A, "fault_frame", write_root, WITH(PAGES, OLD + PAGES));
	start(s, OUTSIDE, set_frames, PAGES);
	EXPECT_TRUE(polls(s, OUTSIDE));
	failpoint_go("fault_frame");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(PAGES, box_stats(s->box).frames_used);
	EXPECT_TRUE(run(s, A, root_is_old, 0));
	EXPECT_TRUE(run(s, A, root_holds, WITH(PAGES, OLD + PAGES)));
}

/* Operations continue while a limit is being lowered, within the new limit. */
TEST_F(memory, use_during_resize)
{
	stop(s, OUTSIDE, "resize_limit", set_frames, 3);
	EXPECT_EQ(3, box_info(s->box).frames);
	run(s, A, write_root, WITH(PAGES, NEW));
	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	run(s, CHILD, write_map, WITH(0, NEW));
	EXPECT_TRUE(run(s, CHILD, root_is_old, 0));
	EXPECT_EQ(1, run(s, B, discard_root, 0));
	run(s, B, page_out_all, 0);
	failpoint_go("resize_limit");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_GE(3, box_stats(s->box).frames_used);
	EXPECT_EQ(0, run(s, A, see_root, 0));
	EXPECT_EQ(OLD + 1, run(s, A, see_root, 1));
	EXPECT_TRUE(run(s, A, root_holds, WITH(PAGES, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEW)));
	EXPECT_EQ(0, run(s, A, see_map, 0));
}

static long set_frames_and_policy(struct scene *s, long frames)
{
	return configure_error(
		s->box, (struct pagebox_config){ .set = PAGEBOX_SET_FRAMES |
							PAGEBOX_SET_POLICY,
						 .frames = frames,
						 .policy = "fifo" });
}

/* A change that is killed while it waits for the evictor has changed nothing. */
TEST_F(memory, kill_during_change)
{
	EXPECT_EQ(0, run(s, OUTSIDE, set_frames, PAGES));
	stop(s, A, "evict_judge", write_root, WITH(PAGES, NEW));
	start(s, OUTSIDE, set_frames_and_policy, FRAMES);
	EXPECT_TRUE(blocks(s, OUTSIDE));
	EXPECT_EQ(256 + SIGKILL, kill_actor(s, OUTSIDE));
	EXPECT_EQ(PAGES, box_info(s->box).frames);
	EXPECT_STREQ("clock", box_info(s->box).policy);
	failpoint_go("evict_judge");
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(run(s, A, root_is_old, 0));
	EXPECT_GE(PAGES, box_stats(s->box).frames_used);
}

/* Two changes of the configuration are serialised. */
TEST_F(memory, exchange_during_resize)
{
	stop(s, OUTSIDE, "resize_limit", set_frames, 3);
	start(s, A, exchange_swap, FRAMES);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("resize_limit");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(3, box_info(s->box).frames);
	EXPECT_EQ(FRAMES, box_info(s->box).swap_pages);
	EXPECT_TRUE(run(s, A, root_is_old, 0));
}

static void read_ahead(struct scene *s)
{
	box_configure(s->box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_READAHEAD |
						      PAGEBOX_SET_FRAMES,
					       .readahead = AHEAD,
					       .frames = 8 * AHEAD });
	run(s, B, page_out_all, 0);
	run(s, A, advise_sequential, 0);
}

/*
 * Readahead looks up pages in swap without a lock, while the area is replaced:
 * when it continues, neither area has the page that it saw.
 */
TEST_F(memory, exchange_under_readahead)
{
	if (get_nprocs() < 2)
		SKIP(return, "a task stopped without sleeping keeps a CPU");
	read_ahead(s);
	failpoint_set("swap_free stop times 1");
	stop(s, A, "fill_source", see_root, 0);
	start(s, OUTSIDE, exchange_swap, FRAMES);
	EXPECT_TRUE(failpoint_waits("swap_free", 1));
	EXPECT_EQ(1, failpoint_state("fill_source").waiting);
	failpoint_go("fill_source");
	EXPECT_EQ(OLD, result(s, A));
	failpoint_go("swap_free");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_TRUE(run(s, A, root_is_old, 0));
	EXPECT_EQ(0, box_stats(s->box).swap_used);
}

/*
 * The area is removed, and the pages are in the new one, before it starts to
 * read.
 */
TEST_F(memory, exchange_before_read)
{
	read_ahead(s);
	stop(s, A, "fill_attach", see_root, 0);
	EXPECT_EQ(0, run(s, OUTSIDE, exchange_swap, FRAMES));
	EXPECT_EQ(PAGES, run(s, B, page_out_all, 0));
	failpoint_go("fill_attach");
	EXPECT_EQ(OLD, result(s, A));
	EXPECT_TRUE(run(s, A, root_is_old, 0));
	EXPECT_EQ(0, box_stats(s->box).io_errors);
}

/* A page of the old area has been discarded, and still has its slot. */
static void exchange_during_free(struct __test_metadata *_metadata,
				 struct scene *s)
{
	run(s, B, page_out_all, 0);
	stop(s, A, "page_free", discard_root, 0);
	start(s, OUTSIDE, exchange_swap, FRAMES);
	ASSERT_TRUE(eventually(box_stats(s->box).swap_used == 1));
}

/* It cannot be moved: the area is released after the slot is free. */
TEST_F(memory, exchange_during_free)
{
	exchange_during_free(_metadata, s);
	EXPECT_FALSE(s->actor[OUTSIDE].done);
	failpoint_go("page_free");
	EXPECT_EQ(1, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, box_stats(s->box).swap_used);
	EXPECT_EQ(0, run(s, B, see_root, 0));
	EXPECT_EQ(OLD + 1, run(s, B, see_root, 1));
}

/*
 * The waiting task is killed. The other pages are in the new area by then, and
 * moving them back would require reads: both areas stay until the box is
 * destroyed.
 */
TEST_F(memory, kill_during_exchange)
{
	box_configure(s->box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_SWAP_DELAY,
					       .swap_read_us = 1000 });
	exchange_during_free(_metadata, s);
	EXPECT_EQ(PAGES - 1, run(s, B, page_out_all, 0));
	EXPECT_EQ(256 + SIGKILL, kill_actor(s, OUTSIDE));
	failpoint_go("page_free");
	EXPECT_EQ(1, result(s, A));
	EXPECT_EQ(PAGES - 1, box_stats(s->box).swap_used);
	EXPECT_EQ(0, run(s, B, see_root, 0));
	EXPECT_EQ(OLD + 1, run(s, B, see_root, 1));
	EXPECT_EQ(PAGES - 1, box_stats(s->box).swap_used);
}

/* A failpoint delay in atomic context does not sleep. */
TEST_F(memory, delayed_readahead)
{
	read_ahead(s);
	failpoint_set("fill_source delay 2 times 3");
	EXPECT_EQ(OLD, run(s, A, see_root, 0));
	EXPECT_EQ(3, failpoint_state("fill_source").done);
	EXPECT_TRUE(run(s, A, root_is_old, 0));
}

/* A page in swap that is being moved out of an area under removal. */
FIXTURE(swapoff){};

FIXTURE_VARIANT(swapoff)
{
	const char *window;
	bool locked;
};

FIXTURE_VARIANT_ADD(swapoff, found){ .window = "swapoff_page" };
FIXTURE_VARIANT_ADD(swapoff, unattached){ .window = "swapoff_attach" };
FIXTURE_VARIANT_ADD(swapoff, read){ .window = "swapoff_leave", .locked = true };

FIXTURE_SETUP(swapoff)
{
	s = scene_of_root(FRAMES);
	run(s, A, page_out_all, 0);
	stop(s, OUTSIDE, variant->window, exchange_swap, FRAMES);
}

FIXTURE_TEARDOWN(swapoff)
{
	scene_end(s);
}

/* Another task reads it, */
TEST_F(swapoff, fault)
{
	start(s, A, see_root, 0);
	EXPECT_EQ(variant->locked, blocks(s, A));
	failpoint_go(variant->window);
	EXPECT_EQ(OLD, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, box_stats(s->box).swap_used);
	EXPECT_EQ(PAGES, run(s, A, page_out_all, 0));
	EXPECT_EQ(PAGES, box_stats(s->box).swap_used);
	EXPECT_TRUE(run(s, A, root_is_old, 0));
}

/* writes to it, and pages it out to the new area, */
TEST_F(swapoff, write)
{
	start(s, A, write_root, WITH(0, NEW));
	if (!blocks(s, A))
		EXPECT_EQ(1, run(s, B, page_out_root, 0));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	run(s, A, page_out_all, 0);
	EXPECT_EQ(PAGES, box_stats(s->box).swap_used);
	EXPECT_TRUE(run(s, A, root_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, A, root_holds, WITH(1, OLD + 1)));
}

/* or discards it. */
TEST_F(swapoff, discard)
{
	start(s, A, discard_root, 0);
	EXPECT_EQ(variant->locked, blocks(s, A));
	failpoint_go(variant->window);
	EXPECT_EQ(1, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, box_stats(s->box).swap_used);
	EXPECT_EQ(PAGES - 1, box_stats(s->box).pages);
	EXPECT_EQ(PAGES - 1, box_stats(s->box).frames_used);
	EXPECT_EQ(0, run(s, A, see_root, 0));
	EXPECT_EQ(OLD + 1, run(s, A, see_root, 1));
}

TEST_HARNESS_MAIN
