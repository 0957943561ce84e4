// SPDX-License-Identifier: GPL-2.0
/* A reused frame shows nothing of its previous page. */

#include <sys/mman.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/store.h"
#include "lib/test.h"

#define FRAMES 8
#define PAGES 32

/* Evicted frames: untouched pages replace dirty ones. */
TEST(after_eviction)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, 3 * PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_are_zero(page_at(map, PAGES), PAGES));
	EXPECT_EQ(2 * PAGES - FRAMES,
		  box_stats(box).evict_dirty + box_stats(box).evict_clean);
	for (size_t i = 2 * PAGES; i < 3 * PAGES; i++) {
		char *page = page_at(map, i);

		page[page_size - 1] = 'x';
		EXPECT_EQ('x', page[page_size - 1]);
		page[page_size - 1] = 0;
		EXPECT_TRUE(page_holds(page, 0));
	}
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

/* Freed frames: the same physical pages come back, cleared. */
TEST(after_unmap)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, FRAMES, MAP_PRIVATE);
	uint64_t frame;
	bool same = false;

	pages_fill(map, FRAMES, 1);
	frame = pagemap(map) & PAGEMAP_PFN;
	EXPECT_NE(0, frame);
	unmap(map, FRAMES);
	EXPECT_EQ(0, box_stats(box).frames_used);
	map = box_map(box, FRAMES, MAP_PRIVATE);
	EXPECT_TRUE(pages_are_zero(map, FRAMES));
	for (size_t i = 0; i < FRAMES; i++)
		same |= (pagemap(page_at(map, i)) & PAGEMAP_PFN) == frame;
	EXPECT_TRUE(same);
}

/* Swap slots: a reused slot has only the new page. */
TEST(swap_slots)
{
	int box = box_new(2, 0);

	for (int round = 1; round <= 4; round++) {
		char *map = box_map(box, PAGES, MAP_PRIVATE);

		EXPECT_TRUE(pages_are_zero(map, PAGES));
		pages_fill(map, PAGES, 100 * round);
		EXPECT_TRUE(pages_hold(map, PAGES, 100 * round));
		EXPECT_LE(PAGES - 2, box_stats(box).swap_used);
		unmap(map, PAGES);
		EXPECT_EQ(0, box_stats(box).swap_used);
	}
}

static int fill_and_exit(void *context)
{
	pages_fill(box_map(*(int *)context, PAGES, MAP_PRIVATE), PAGES, 1);
	return 0;
}

/* The next process sees nothing either, in the same box or in another. */
TEST(after_exit)
{
	int box = box_new(FRAMES, 0);

	EXPECT_EQ(0, in_child(fill_and_exit, &box));
	EXPECT_TRUE(pages_are_zero(box_map(box, PAGES, MAP_PRIVATE), PAGES));
	EXPECT_TRUE(pages_are_zero(box_map(box, PAGES, MAP_SHARED), PAGES));
	close(box);
	box = box_new(FRAMES, 0);
	EXPECT_TRUE(pages_are_zero(box_map(box, PAGES, MAP_SHARED), PAGES));
}

/* The tail of a store's last page is zero in a reused frame. */
TEST(store_tail)
{
	int box = box_new_store(2, store_file(PAGES * page_size + 100, 1));
	char *map = box_map(box, PAGES + 1, MAP_SHARED);

	for (int round = 0; round < 3; round++) {
		EXPECT_TRUE(pages_hold(map, PAGES, 1));
		for (size_t i = 100; i < page_size; i++)
			ASSERT_EQ(0, page_at(map, PAGES)[i]);
	}
}

TEST_HARNESS_MAIN
