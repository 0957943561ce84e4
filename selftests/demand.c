// SPDX-License-Identifier: GPL-2.0
/* Demand zero: pages are allocated zeroed on first access, and are counted. */

#include <sys/mman.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 32

FIXTURE(demand)
{
	int box;
	char *map;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(demand)
{
	int flags;
};

FIXTURE_VARIANT_ADD(demand, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(demand, private){ .flags = MAP_PRIVATE };

FIXTURE_SETUP(demand)
{
	self->box = box_new(PAGES * 2, 0);
	self->map = box_map(self->box, PAGES, variant->flags);
	self->before = box_stats(self->box);
}

NO_TEARDOWN(demand);

/* A mapping alone costs no fault, no frame and no page. */
TEST_F(demand, mapping_is_free)
{
	EXPECT_FAULTS(self->box, self->before, 0);
	EXPECT_EQ(0, self->before.frames_used);
	EXPECT_EQ(0, self->before.pages);
	EXPECT_EQ(0, self->before.swap_used);
	EXPECT_EQ(variant->flags == MAP_PRIVATE ? 2 : 1, self->before.views);
}

/*
 * The first read of each page is one zero fault and one frame; later reads
 * none.
 */
TEST_F(demand, read_gives_zeroes)
{
	struct pagebox_stats now;

	EXPECT_TRUE(pages_are_zero(self->map, PAGES));
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES);
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_EQ(PAGES, now.pages);
	EXPECT_EQ(0, now.major);

	EXPECT_TRUE(pages_are_zero(self->map, PAGES));
	EXPECT_FAULTS(self->box, now, 0);
}

/* The first write of each page is one zero fault, and the data is kept. */
TEST_F(demand, write_is_kept)
{
	struct pagebox_stats now;

	pages_fill(self->map, PAGES, 1);
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES);
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_EQ(PAGES, now.pages);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_FAULTS(self->box, now, 0);
}

/*
 * A write after a read costs a shared mapping nothing. A private mapping copies
 * the root's page, and the retried access finds the copy.
 */
TEST_F(demand, read_then_write)
{
	bool private = variant->flags == MAP_PRIVATE;
	struct pagebox_stats now;

	pages_touch(self->map, PAGES);
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES);
	now = box_stats(self->box);
	pages_fill(self->map, PAGES, 1);
	if (private)
		EXPECT_FAULTS(self->box, now, .cow = PAGES, .minor = PAGES);
	else
		EXPECT_FAULTS(self->box, now, 0);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_EQ(private ? 2 * PAGES : PAGES, box_stats(self->box).pages);
}

/* Dropped PTEs cost one minor fault each; no contents are lost. */
TEST_F(demand, dropped_ptes_are_minor_faults)
{
	struct pagebox_stats now;

	pages_fill(self->map, PAGES, 1);
	now = box_stats(self->box);
	drop_ptes(self->map, PAGES);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_FAULTS(self->box, now, .minor = PAGES);
	EXPECT_EQ(now.pages, box_stats(self->box).pages);
}

/* MADV_POPULATE_WRITE faults in each page exactly once. */
TEST_F(demand, populate)
{
	ASSERT_EQ(0,
		  madvise(self->map, PAGES * page_size, MADV_POPULATE_WRITE));
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES);
	pages_fill(self->map, PAGES, 1);
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES);
}

/* A mapping counts its own faults, the box counts all. */
TEST_F(demand, counters_per_mapping)
{
	char *other = box_map_from(self->box, PAGES, PAGES, variant->flags);
	struct pagebox_stats mine, theirs;

	pages_touch(self->map, 3);
	pages_touch(other, 5);
	mine = map_stats(self->box, page_at(self->map, PAGES - 1));
	theirs = map_stats(self->box, other);
	EXPECT_FAULTS(self->box, self->before, .zero = 8);
	if (variant->flags == MAP_PRIVATE) {
		EXPECT_EQ(3, mine.faults[PAGEBOX_FAULT_ZERO]);
		EXPECT_EQ(5, theirs.faults[PAGEBOX_FAULT_ZERO]);
	}
	EXPECT_EQ(0, mine.frames_used);
	EXPECT_EQ(0, mine.pages);
	EXPECT_EQ(0, mine.views);
}

/*
 * An unconfigured box is 1 TiB, can be mapped whole, and has only the touched
 * pages.
 */
TEST(sparse_terabyte)
{
	const size_t last = PAGEBOX_DEFAULT_SIZE / page_size - 1;
	const size_t touched[] = { 0,	   1,	     511,      512,
				   262144, last / 3, last - 1, last };
	int box = box_open();
	struct pagebox_info info = box_info(box);
	struct pagebox_stats before;
	char *map;

	EXPECT_EQ(PAGEBOX_DEFAULT_SIZE, info.bytes);
	EXPECT_EQ(0, info.store_bytes);
	EXPECT_EQ(page_size, info.page_size);
	EXPECT_EQ(module_param("frames"), info.frames);
	ASSERT_LE(ARRAY_SIZE(touched), info.frames);
	map = mmap(NULL, PAGEBOX_DEFAULT_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_NORESERVE, box, 0);
	ASSERT_NE(MAP_FAILED, map);
	before = box_stats(box);
	for (size_t i = 0; i < ARRAY_SIZE(touched); i++)
		page_fill(page_at(map, touched[i]), 1 + i);
	for (size_t i = 0; i < ARRAY_SIZE(touched); i++)
		EXPECT_TRUE(page_holds(page_at(map, touched[i]), 1 + i));
	EXPECT_FAULTS(box, before, .zero = ARRAY_SIZE(touched));
	EXPECT_EQ(ARRAY_SIZE(touched), box_stats(box).pages);
}

TEST_HARNESS_MAIN
