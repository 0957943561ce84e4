// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: the memory that a box returns under memory pressure and
 * reallocates later. drop_caches calls all shrinkers.
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
 * Several calls may be needed: the first one may only clear a page's accessed
 * bit.
 */
static bool something_shrunk(int box)
{
	shrink_all();
	return box_stats(box).shrunk > 0;
}

/* Free frames have memory; after their pages are freed it is not needed. */
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

/*
 * Dirty pages cannot: nothing is written under memory pressure, and nothing is
 * lost.
 */
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

/* A page with a frame and a copy in RAM swap needs only one of them. */
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
	/* A page without a copy must be written again before it is evicted. */
	EXPECT_EQ(PAGES, map_range(box, PAGEBOX_IOC_PAGE_OUT, map, PAGES));
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* Locked pages stay, even clean ones. */
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

/* Shrinking under two busy processes is transparent to them. */
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
	/* Both have exited, and most of the memory of the frames is returned. */
	EXPECT_TRUE(eventually(something_shrunk(box)));
}

/* An unused box has no memory to return. */
TEST(nothing_to_give)
{
	int box = box_new(PAGES, 0);

	shrink_all();
	EXPECT_EQ(0, box_stats(box).shrunk);
}

TEST_HARNESS_MAIN
