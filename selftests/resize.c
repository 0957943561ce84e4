// SPDX-License-Identifier: GPL-2.0
/*
 * The frame limit, changed while the box is used.
 *
 * PAGEBOX_ROUNDS: the number of changes up and down under load (20).
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/load.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define FEW ((size_t)(small_size() ? 4 : 16))
#define MANY 16384
#define PAGES ((size_t)(small_size() ? 16 : 64))

/* The limit is reported as @frames everywhere, and is kept. */
static void expect_limit(struct __test_metadata *_metadata, int box,
			 unsigned int frames)
{
	struct pagebox_info info = box_info(box);
	struct frame_row *rows;
	size_t count = frame_rows(info.id, &rows);

	EXPECT_EQ(frames, info.frames);
	EXPECT_EQ(frames, debugfs_number(info.id, "summary", "frames"));
	EXPECT_GE(frames, box_stats(box).frames_used);
	EXPECT_GE(frames, count);
	for (size_t i = 0; i < count; i++)
		EXPECT_EQ(i, rows[i].frame);
	free(rows);
}

FIXTURE(resize)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(resize)
{
	int flags;
};

FIXTURE_VARIANT_ADD(resize, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(resize, private){ .flags = MAP_PRIVATE };

FIXTURE_SETUP(resize)
{
	stay_on_this_cpu();
	self->box = box_new(PAGES, 0);
	self->map = box_map(self->box, 2 * PAGES, variant->flags);
	pages_fill(self->map, PAGES, 1);
}

NO_TEARDOWN(resize);

/* A lower limit evicts the frames above it, without data loss. */
TEST_F(resize, down)
{
	struct pagebox_stats now;

	ASSERT_EQ(0, frames_error(self->box, FEW));
	expect_limit(_metadata, self->box, FEW);
	now = box_stats(self->box);
	EXPECT_LE(PAGES - FEW, now.swap_used);
	EXPECT_EQ(PAGES, now.pages);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	pages_fill(self->map, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
	EXPECT_EQ(FEW, box_stats(self->box).frames_used);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

/* A higher limit takes effect at once, without evictions. */
TEST_F(resize, up)
{
	struct pagebox_stats now = box_stats(self->box);

	ASSERT_EQ(0, frames_error(self->box, 2 * PAGES));
	pages_fill(page_at(self->map, PAGES), PAGES, 1 + PAGES);
	EXPECT_FAULTS(self->box, now, .zero = PAGES);
	EXPECT_EQ(2 * PAGES, box_stats(self->box).frames_used);
	EXPECT_EQ(0, box_stats(self->box).evict_dirty);
	EXPECT_TRUE(pages_hold(self->map, 2 * PAGES, 1));
	expect_limit(_metadata, self->box, 2 * PAGES);
}

/* Repeated changes, down to the smallest limit. */
TEST_F(resize, up_and_down)
{
	static const unsigned int limits[] = { 2, 300, 3, 64, 2, 1000, 17 };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		ASSERT_EQ(0, frames_error(self->box, limits[i]));
		expect_limit(_metadata, self->box, limits[i]);
		EXPECT_TRUE(pages_hold(self->map, PAGES, 1 + 1000 * i));
		pages_fill(self->map, PAGES, 1 + 1000 * (i + 1));
	}
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/* The eviction batch follows the limit. */
TEST_F(resize, batch)
{
	unsigned int few, many;

	ASSERT_EQ(0, frames_error(self->box, FEW));
	few = box_info(self->box).batch;
	ASSERT_EQ(0, frames_error(self->box, MANY));
	many = box_info(self->box).batch;
	EXPECT_EQ(1, few);
	EXPECT_LT(few, many);
	ASSERT_EQ(0, frames_error(self->box, FEW));
	EXPECT_EQ(few, box_info(self->box).batch);
}

/*
 * Locked pages keep their frames: the limit does not change, and no page is
 * lost.
 */
TEST_F(resize, locked_pages)
{
	struct pagebox_stats now;

	ASSERT_EQ(0, mlock(self->map, 2 * FEW * page_size));
	EXPECT_EQ(2 * FEW, box_stats(self->box).frames_locked);
	EXPECT_EQ(EBUSY, frames_error(self->box, FEW));
	expect_limit(_metadata, self->box, PAGES);
	now = box_stats(self->box);
	EXPECT_TRUE(pages_hold(self->map, 2 * FEW, 1));
	EXPECT_FAULTS(self->box, now, 0);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	pages_fill(page_at(self->map, PAGES), PAGES, 1 + PAGES);
	EXPECT_TRUE(pages_hold(self->map, 2 * PAGES, 1));

	ASSERT_EQ(0, munlock(self->map, 2 * FEW * page_size));
	ASSERT_EQ(0, frames_error(self->box, FEW));
	expect_limit(_metadata, self->box, FEW);
	EXPECT_TRUE(pages_hold(self->map, 2 * PAGES, 1));
}

/* The frame's number counts: pages got frames in order. */
TEST_F(resize, locked_frames)
{
	size_t last = PAGES - FEW / 2;
	struct pagebox_stats now;

	ASSERT_EQ(0, mlock(page_at(self->map, last), FEW / 2 * page_size));
	EXPECT_EQ(EBUSY, frames_error(self->box, FEW));
	expect_limit(_metadata, self->box, PAGES);
	ASSERT_EQ(0, munlock(page_at(self->map, last), FEW / 2 * page_size));

	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	ASSERT_EQ(0, frames_error(self->box, FEW));
	ASSERT_EQ(0, mlock(page_at(self->map, last), FEW / 2 * page_size));
	ASSERT_EQ(0, frames_error(self->box, MANY));
	ASSERT_EQ(0, frames_error(self->box, FEW));
	expect_limit(_metadata, self->box, FEW);
	now = box_stats(self->box);
	EXPECT_TRUE(pages_hold(page_at(self->map, last), FEW / 2, 1 + last));
	EXPECT_FAULTS(self->box, now, 0);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* The same for pages held by a pipe. */
TEST_F(resize, pinned_pages)
{
	struct iovec iov = { .iov_base = self->map,
			     .iov_len = 2 * FEW * page_size };
	char page[page_size];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_LT(0, fcntl(ends[1], F_SETPIPE_SZ, 2 * FEW * page_size));
	ASSERT_EQ((ssize_t)iov.iov_len, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(2 * FEW, box_stats(self->box).frames_pinned);
	EXPECT_EQ(EBUSY, frames_error(self->box, FEW));
	expect_limit(_metadata, self->box, PAGES);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	for (size_t i = 0; i < 2 * FEW; i++) {
		ASSERT_EQ(page_size, read(ends[0], page, page_size));
		EXPECT_TRUE(page_holds(page, 1 + i));
	}
	ASSERT_EQ(0, frames_error(self->box, FEW));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* Pages that cannot be swapped prevent a lower limit, too. */
TEST_F(resize, no_swap)
{
	box_set_swap(self->box, PAGEBOX_FD_NONE, 0);
	EXPECT_NE(0, frames_error(self->box, FEW));
	expect_limit(_metadata, self->box, PAGES);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

static unsigned int rounds(void)
{
	const char *text = getenv("PAGEBOX_ROUNDS");

	return text ? strtoul(text, NULL, 0) : reduced(20);
}

FIXTURE(load)
{
	int box;
	struct load load;
};

/* Two processes that access more pages than the low limit has frames. */
FIXTURE_SETUP(load)
{
	self->box = box_new(FEW, 0);
	load_start(&self->load, self->box, PAGES);
}

NO_TEARDOWN(load);

/* Hundreds of rounds take long. */
#define PATIENCE 3600

/* Under changes up and down, they read only their own writes. */
TEST_F_TIMEOUT(load, up_and_down, PATIENCE)
{
	struct pagebox_stats now;

	for (unsigned int round = 0; round < rounds(); round++) {
		ASSERT_TRUE(load_goes_on(&self->load));
		ASSERT_EQ(0, frames_error(self->box, MANY));
		EXPECT_EQ(MANY, box_info(self->box).frames);
		ASSERT_TRUE(load_goes_on(&self->load));
		ASSERT_EQ(0, frames_error(self->box, FEW));
		EXPECT_EQ(FEW, box_info(self->box).frames);
	}
	EXPECT_TRUE(load_goes_on(&self->load));
	EXPECT_TRUE(load_end(&self->load));
	expect_limit(_metadata, self->box, FEW);
	now = box_stats(self->box);
	EXPECT_EQ(0, now.faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_LT(0, now.faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_EQ(PAGES, now.pages);
}

TEST_HARNESS_MAIN
