// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: what a box gives back when the machine is short of memory, and
 * gets again when it needs it. drop_caches calls all shrinkers.
 */

#include <sys/mman.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/load.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES ((size_t)(small_size() ? 32 : 256))
#define TAG 1

static void shrink_all(void)
{
	write_text("/proc/sys/vm/drop_caches", "2");
}

/*
 * The machine may have to ask several times: a first look at a page may do no
 * more than forget that it was accessed.
 */
static bool something_shrunk(int box)
{
	shrink_all();
	return box_stats(box).shrunk > 0;
}

/* Free frames have memory; after their pages have gone it is not needed. */
TEST(free_frames)
{
	int box = box_new(PAGES, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	pages_fill(map, PAGES, TAG);
	unmap(map, PAGES);
	EXPECT_EQ(0, box_stats(box).frames_used);
	EXPECT_TRUE(eventually(something_shrunk(box)));
	EXPECT_GE(PAGES, box_stats(box).shrunk);

	map = box_map(box, PAGES, MAP_PRIVATE);
	EXPECT_TRUE(pages_are_zero(map, PAGES));
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* Clean pages of a store can be read again. */
TEST(clean_pages)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_store(PAGES, file);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats now;

	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	EXPECT_TRUE(eventually(something_shrunk(box)));
	now = box_stats(box);
	EXPECT_EQ(PAGES - now.shrunk, now.frames_used);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	EXPECT_EQ(now.faults[PAGEBOX_FAULT_FILE] + now.shrunk,
		  box_stats(box).faults[PAGEBOX_FAULT_FILE]);
	EXPECT_EQ(PAGES, box_stats(box).frames_used);
}

/* Dirty pages are not: nothing is written for the machine's sake, or lost. */
TEST(dirty_pages)
{
	int box = box_new(PAGES, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct pagebox_stats now;

	pages_fill(map, PAGES, TAG);
	shrink_all();
	shrink_all();
	now = box_stats(box);
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_EQ(PAGES, now.frames_dirty);
	EXPECT_EQ(0, now.swap_writes);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	EXPECT_FAULTS(box, now, 0);
}

/* A page in a frame that has a copy in RAM swap needs only one of the two. */
TEST(copies_in_ram_swap)
{
	int box = box_new(PAGES, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct pagebox_stats now;

	pages_fill(map, PAGES, TAG);
	EXPECT_EQ(PAGES, map_range(box, PAGEBOX_IOC_PAGE_OUT, map, PAGES));
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	now = box_stats(box);
	EXPECT_EQ(PAGES, now.swap_used);
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_EQ(0, now.shrunk);
	EXPECT_TRUE(eventually(something_shrunk(box)));
	now = box_stats(box);
	EXPECT_GT(2 * PAGES, now.frames_used + now.swap_used);
	EXPECT_LE(PAGES, now.frames_used + now.swap_used);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	/* A page without a copy has to be written again before it goes. */
	EXPECT_EQ(PAGES, map_range(box, PAGEBOX_IOC_PAGE_OUT, map, PAGES));
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* Locked pages stay, clean as they are. */
TEST(locked_pages)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_store(PAGES, file);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats now;

	ASSERT_EQ(0, mlock(map, 8 * page_size));
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	EXPECT_TRUE(eventually(something_shrunk(box)));
	now = box_stats(box);
	EXPECT_EQ(8, now.frames_locked);
	EXPECT_TRUE(pages_hold(map, 8, TAG));
	EXPECT_FAULTS(box, now, 0);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
}

/* Memory that the machine takes while two processes work is missed by none. */
TEST(under_load)
{
	const unsigned int frames = 2 * PAGES;
	int box = box_new(frames, 0);
	struct load load;

	load_start(&load, box, PAGES);
	for (int round = 0; round < (int)reduced(20); round++) {
		ASSERT_TRUE(load_goes_on(&load));
		shrink_all();
	}
	EXPECT_TRUE(load_end(&load));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, box_stats(box).io_errors);
	/* Both have gone, and with them most of what the frames held. */
	EXPECT_TRUE(eventually(something_shrunk(box)));
}

/* A box that nobody has used has nothing to give. */
TEST(nothing_to_give)
{
	int box = box_new(PAGES, 0);

	shrink_all();
	EXPECT_EQ(0, box_stats(box).shrunk);
}

TEST_HARNESS_MAIN
