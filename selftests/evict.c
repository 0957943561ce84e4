// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: a box with fewer frames than pages, under faults of every class.
 * Below 128 frames a fault evicts one victim, so the counts are exact.
 */

#include <sys/mman.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 32
#define TAG 1000

static uint64_t evictions(const struct pagebox_stats *stats)
{
	return stats->evict_clean + stats->evict_dirty;
}

FIXTURE(full)
{
	int box;
	char *shared;
	char *private;
};

FIXTURE_SETUP(full)
{
	self->box = box_new(FRAMES, 0);
	self->shared = box_map(self->box, PAGES, MAP_SHARED);
	self->private = box_map(self->box, PAGES, MAP_PRIVATE);
}

NO_TEARDOWN(full);

/* A zero page that was only read is dropped, and is a zero fault again. */
TEST_F(full, zero_pages_are_dropped)
{
	struct pagebox_stats before = box_stats(self->box), now;

	EXPECT_TRUE(pages_are_zero(self->shared, PAGES));
	EXPECT_TRUE(pages_are_zero(self->shared, PAGES));
	EXPECT_FAULTS(self->box, before, .zero = 2 * PAGES);
	now = box_stats(self->box);
	EXPECT_EQ(2 * PAGES - FRAMES, now.evict_clean);
	EXPECT_EQ(0, now.evict_dirty);
	EXPECT_EQ(0, now.swap_used);
	EXPECT_EQ(FRAMES, now.frames_used);
	EXPECT_EQ(FRAMES, now.pages);
}

/* A written page goes to swap and comes back intact. */
TEST_F(full, dirty_pages_are_swapped)
{
	struct pagebox_stats before = box_stats(self->box), now;

	pages_fill(self->shared, PAGES, 1);
	EXPECT_FAULTS(self->box, before, .zero = PAGES);
	now = box_stats(self->box);
	EXPECT_EQ(PAGES - FRAMES, now.evict_dirty);
	EXPECT_EQ(PAGES - FRAMES, now.swap_used);
	EXPECT_EQ(FRAMES, now.frames_used);
	EXPECT_EQ(PAGES, now.pages);
	EXPECT_EQ(0, now.major);

	EXPECT_TRUE(pages_hold(self->shared, PAGES, 1));
	EXPECT_FAULTS(self->box, now, .swapin = PAGES);
	EXPECT_EQ(PAGES, box_stats(self->box).major);
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/* Private pages are swapped as shared ones are. */
TEST_F(full, private_pages_are_swapped)
{
	struct pagebox_stats now;

	pages_fill(self->private, PAGES, 1);
	now = box_stats(self->box);
	EXPECT_EQ(PAGES - FRAMES, now.evict_dirty);
	EXPECT_EQ(PAGES - FRAMES, now.swap_used);
	EXPECT_TRUE(pages_hold(self->private, PAGES, 1));
	EXPECT_FAULTS(self->box, now, .swapin = PAGES);
	EXPECT_TRUE(pages_are_zero(self->shared, PAGES));
	unmap(self->private, PAGES);
	EXPECT_EQ(0, box_stats(self->box).swap_used);
}

/*
 * A page that was swapped in and not changed keeps its slot: nothing is
 * written.
 */
TEST_F(full, unchanged_page_keeps_its_slot)
{
	struct pagebox_stats now;

	pages_fill(self->shared, 2 * FRAMES, 1);
	EXPECT_TRUE(pages_hold(self->shared, 2 * FRAMES, 1));
	now = box_stats(self->box);
	EXPECT_EQ(2 * FRAMES, now.evict_dirty);
	EXPECT_EQ(FRAMES, now.evict_clean);
	EXPECT_EQ(2 * FRAMES, now.swap_used);
	EXPECT_TRUE(pages_hold(self->shared, 2 * FRAMES, 1));
	EXPECT_EQ(now.evict_dirty, box_stats(self->box).evict_dirty);
	EXPECT_EQ(now.evict_clean + 2 * FRAMES,
		  box_stats(self->box).evict_clean);
}

/* A page that was swapped in and changed is written again, with the change. */
TEST_F(full, changed_page_is_written_again)
{
	struct pagebox_stats now;

	pages_fill(self->shared, PAGES, 1);
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 1));
	now = box_stats(self->box);
	pages_fill(self->shared, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 500));
	EXPECT_EQ(now.evict_dirty + PAGES, box_stats(self->box).evict_dirty);
}

/* A minor fault needs no frame, so it evicts nothing. */
TEST_F(full, minor_fault_evicts_nothing)
{
	struct pagebox_stats now;

	pages_fill(self->shared, FRAMES, 1);
	now = box_stats(self->box);
	for (int round = 0; round < 3; round++) {
		drop_ptes(self->shared, FRAMES);
		EXPECT_TRUE(pages_hold(self->shared, FRAMES, 1));
		EXPECT_TRUE(pages_hold(self->private, FRAMES, 1));
		drop_ptes(self->private, FRAMES);
	}
	EXPECT_FAULTS(self->box, now, .minor = 6 * FRAMES);
	now = box_stats(self->box);
	EXPECT_EQ(0, evictions(&now));
}

/* Neither does a write that only needs the write permission. */
TEST_F(full, mkwrite_evicts_nothing)
{
	struct pagebox_stats now;

	pages_fill(self->private, FRAMES, 1);
	drop_ptes(self->private, FRAMES);
	pages_touch(self->private, FRAMES);
	now = box_stats(self->box);
	pages_fill(self->private, FRAMES, 50);
	EXPECT_FAULTS(self->box, now, .mkwrite = FRAMES);
	EXPECT_TRUE(pages_hold(self->private, FRAMES, 50));
	now = box_stats(self->box);
	EXPECT_EQ(0, evictions(&now));
}

/* Every copy needs a frame, and the original must survive until it is copied. */
TEST_F(full, cow_evicts)
{
	struct pagebox_stats now;

	pages_fill(self->shared, FRAMES, 1);
	for (size_t i = 0; i < FRAMES; i++) {
		page_at(self->private, i)[0] = 'x';
		page_at(self->private, i)[1] = 'y';
	}
	now = box_stats(self->box);
	EXPECT_EQ(FRAMES, now.faults[PAGEBOX_FAULT_COW]);
	EXPECT_LE(FRAMES, evictions(&now));
	EXPECT_TRUE(pages_hold(self->shared, FRAMES, 1));
	for (size_t i = 0; i < FRAMES; i++) {
		char *copy = page_at(self->private, i),
		     *original = page_at(self->shared, i);

		EXPECT_EQ('x', copy[0]);
		EXPECT_EQ('y', copy[1]);
		copy[0] = original[0];
		copy[1] = original[1];
		EXPECT_TRUE(page_holds(copy, 1 + i));
	}
	EXPECT_EQ(2 * FRAMES, box_stats(self->box).pages);
}

static int write_inherited(void *context)
{
	FIXTURE_DATA(full) *self = context;
	struct pagebox_stats before = box_stats(self->box), after;

	self->private[0] = ~self->private[0];
	after = box_stats(self->box);
	if (after.faults[PAGEBOX_FAULT_COW] -
		    before.faults[PAGEBOX_FAULT_COW] !=
	    1)
		return 1;
	self->private[0] = ~self->private[0];
	return page_holds(self->private, 1) ? 0 : 2;
}

/* Copy-on-write of a swapped page: read it, then copy it. */
TEST_F(full, cow_of_a_swapped_page)
{
	struct pagebox_stats now;

	pages_fill(self->private, PAGES, 1);
	now = box_stats(self->box);
	EXPECT_EQ(0, in_child(write_inherited, self));
	EXPECT_LT(now.major, box_stats(self->box).major);
	EXPECT_TRUE(pages_hold(self->private, PAGES, 1));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/* Swap out the page to be copied, and fill all frames. */
static void leave_only_dirty(struct __test_metadata *_metadata,
			     FIXTURE_DATA(full) * self, char *page)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_SWAPPINESS };

	ASSERT_EQ(0, configure_error(self->box, config));
	ASSERT_EQ(1, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, page, 1));
	pages_fill(page_at(self->shared, FRAMES), FRAMES, 50);
}

/* 0: the copy was made with at most two reads of the page. */
static int write_swapped(void *context)
{
	FIXTURE_DATA(full) *self = context;
	struct pagebox_stats before = box_stats(self->box), after;

	*(volatile char *)&self->private[1] = 'x';
	after = box_stats(self->box);
	if (after.faults[PAGEBOX_FAULT_COW] -
		    before.faults[PAGEBOX_FAULT_COW] !=
	    1)
		return 1;
	if (after.swap_reads - before.swap_reads > 2)
		return 2;
	if (self->private[1] != 'x')
		return 3;
	*(volatile char *)&self->private[1] = page_word(1, 0) >> 8;
	return page_holds(self->private, 1) ? 0 : 4;
}

/*
 * If every frame holds a dirty page and clean pages are preferred, the original
 * is the first victim. It is read once more for the copy, not in a loop.
 */
TEST_F(full, cow_when_nothing_else_is_clean)
{
	pages_fill(self->private, 1, 1);
	leave_only_dirty(_metadata, self, self->private);
	EXPECT_EQ(0, in_child(write_swapped, self));
	EXPECT_TRUE(pages_hold(self->private, 1, 1));
	EXPECT_TRUE(pages_hold(page_at(self->shared, FRAMES), FRAMES, 50));
	EXPECT_EQ(FRAMES + 1, box_stats(self->box).pages);
}

TEST_F(full, cow_of_a_root_page_when_nothing_else_is_clean)
{
	pages_fill(self->shared, 1, 1);
	leave_only_dirty(_metadata, self, self->shared);
	EXPECT_EQ(0, write_swapped(self));
	self->private[1] = 'y';
	EXPECT_TRUE(pages_hold(self->shared, 1, 1));
	EXPECT_TRUE(pages_hold(page_at(self->shared, FRAMES), FRAMES, 50));
	EXPECT_EQ(FRAMES + 2, box_stats(self->box).pages);
}

/* The smallest possible box can still read, write and copy. */
TEST(two_frames)
{
	int box = box_new(PAGEBOX_MIN_FRAMES, 0);
	char *shared = box_map(box, 6, MAP_SHARED);
	char *private = box_map(box, 6, MAP_PRIVATE);

	pages_fill(shared, 6, 1);
	for (size_t i = 0; i < 6; i++)
		page_at(private, i)[0] = page_at(shared, i)[0];
	EXPECT_TRUE(pages_hold(private, 6, 1));
	pages_fill(private, 6, 50);
	EXPECT_TRUE(pages_hold(shared, 6, 1));
	EXPECT_TRUE(pages_hold(private, 6, 50));
	EXPECT_GE(PAGEBOX_MIN_FRAMES, box_stats(box).frames_used);
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

FIXTURE(model)
{
	int box;
	char *map[3];
	uint64_t tag[3][PAGES];
	bool own[3][PAGES];
};

FIXTURE_VARIANT(model)
{
	unsigned int frames;
	bool store;
};

FIXTURE_VARIANT_ADD(model, two_frames){ .frames = 2 };
FIXTURE_VARIANT_ADD(model, three_frames_store){ .frames = 3, .store = true };
FIXTURE_VARIANT_ADD(model, eight_frames){ .frames = 8 };
FIXTURE_VARIANT_ADD(model, thirty_frames_store){ .frames = 30, .store = true };

/* One shared mapping and two private ones, and the expected page contents. */
FIXTURE_SETUP(model)
{
	if (variant->store)
		self->box = box_new_store(variant->frames,
					  store_file(PAGES * page_size, TAG));
	else
		self->box = box_new(variant->frames, 0);
	for (int i = 0; i < 3; i++)
		self->map[i] =
			box_map(self->box, PAGES, i ? MAP_PRIVATE : MAP_SHARED);
	for (size_t page = 0; page < PAGES; page++)
		self->tag[0][page] = variant->store ? TAG + page : 0;
}

NO_TEARDOWN(model);

/*
 * Random reads, writes and dropped PTEs in three mappings agree with a plain
 * array, whatever was evicted. Failures print the operation.
 */
TEST_F(model, random_operations)
{
	const int operations = small_size() ? 300 : 1500;
	uint64_t seed = 0x5eed + variant->frames;
	struct pagebox_stats now;

	for (int op = 0; op < operations; op++) {
		int which = rnd(&seed) % 3;
		size_t page = rnd(&seed) % PAGES;
		char *at = page_at(self->map[which], page);
		int kind = which && self->own[which][page] ? which : 0;

		switch (rnd(&seed) % 8) {
		case 0 ... 2:
			self->tag[which][page] = op + 2000;
			self->own[which][page] = true;
			page_fill(at, op + 2000);
			break;
		case 3:
			drop_ptes(at, 1);
			break;
		default:
			ASSERT_TRUE(page_holds(at, self->tag[kind][page]))
			{
				TH_LOG("operation %d, map %d, page %zu", op,
				       which, page);
			}
		}
	}
	now = box_stats(self->box);
	EXPECT_LT(small_size() ? 0 : 100, evictions(&now));
	EXPECT_LT(small_size() ? 0 : 100, now.faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_LT(0, now.faults[PAGEBOX_FAULT_COW]);
	EXPECT_EQ(0, now.faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_GE(variant->frames, now.frames_used);
	if (variant->store)
		EXPECT_LT(0, now.faults[PAGEBOX_FAULT_FILE]);
	for (int i = 1; i < 3; i++)
		unmap(self->map[i], PAGES);
	EXPECT_GE(PAGES, box_stats(self->box).pages);
	EXPECT_EQ(1, box_stats(self->box).views);
}

/* Evicting a page removes no PTE of another page at the same index. */
TEST(relatives_keep_their_ptes)
{
	int box = box_new(FRAMES, 0);
	char *map[3];
	struct pagebox_stats before, now;

	for (int i = 0; i < 3; i++) {
		map[i] = box_map(box, 1, MAP_PRIVATE);
		pages_fill(map[i], 1, i);
	}
	before = box_stats(box);
	ASSERT_EQ(1, map_range(box, PAGEBOX_IOC_PAGE_OUT, map[1], 1));
	EXPECT_TRUE(pages_hold(map[0], 1, 0));
	EXPECT_TRUE(pages_hold(map[2], 1, 2));
	now = box_stats(box);
	EXPECT_EQ(before.faults[PAGEBOX_FAULT_MINOR],
		  now.faults[PAGEBOX_FAULT_MINOR]);
	EXPECT_TRUE(pages_hold(map[1], 1, 1));
	now = box_stats(box);
	EXPECT_EQ(before.faults[PAGEBOX_FAULT_SWAPIN] + 1,
		  now.faults[PAGEBOX_FAULT_SWAPIN]);
}

/* Evicting a page removes its PTEs in all mappings. */
TEST(all_ptes_of_a_page_go)
{
	int box = box_new(FRAMES, 0);
	char *map[3];
	struct pagebox_stats before, now;

	for (int i = 0; i < 3; i++) {
		map[i] = box_map(box, 1, MAP_SHARED);
		pages_fill(map[i], 1, 1);
	}
	before = box_stats(box);
	ASSERT_EQ(1, map_range(box, PAGEBOX_IOC_PAGE_OUT, map[1], 1));
	EXPECT_EQ(0, box_stats(box).frames_used);
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(pages_hold(map[i], 1, 1));
	now = box_stats(box);
	EXPECT_EQ(before.faults[PAGEBOX_FAULT_SWAPIN] + 1,
		  now.faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_EQ(before.faults[PAGEBOX_FAULT_MINOR] + 2,
		  now.faults[PAGEBOX_FAULT_MINOR]);
}

/* From 128 frames, evictions are batched; no byte may change. */
TEST(batched)
{
	const size_t frames = small_size() ? 128 : 256;
	const size_t pages = small_size() ? 200 : 700;
	int box = box_new(frames, 0);
	char *map = box_map(box, pages, MAP_PRIVATE);
	struct pagebox_stats now;

	EXPECT_EQ(small_size() ? 2 : 4, box_info(box).batch);
	pages_fill(map, pages, 1);
	EXPECT_TRUE(pages_hold(map, pages, 1));
	now = box_stats(box);
	EXPECT_EQ(pages, now.faults[PAGEBOX_FAULT_ZERO]);
	EXPECT_LE(pages - frames, now.faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_GE(frames, now.frames_used);
	EXPECT_EQ(pages, now.pages);
	unmap(map, pages);
	now = box_stats(box);
	EXPECT_EQ(0, now.frames_used);
	EXPECT_EQ(0, now.swap_used);
	EXPECT_EQ(0, now.pages);
}

TEST_HARNESS_MAIN
