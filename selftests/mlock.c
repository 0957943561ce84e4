// SPDX-License-Identifier: GPL-2.0
/*
 * mlock(): a locked page keeps its frame, and a page of a private writable
 * mapping is copied first. The kernel holds references of mlock() and munlock()
 * in per-CPU batches, which must not count as pins for long.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 16
#define LOCKED 6
#define PAGES ((size_t)(small_size() ? 24 : 64))

FIXTURE(mlock)
{
	int box;
	unsigned int id;
	const char *tier;
	char *map;
};

FIXTURE_VARIANT(mlock)
{
	int flags;
};

FIXTURE_VARIANT_ADD(mlock, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(mlock, private){ .flags = MAP_PRIVATE };

FIXTURE_SETUP(mlock)
{
	self->box = box_new(FRAMES, 0);
	self->id = box_info(self->box).id;
	self->map = box_map(self->box, PAGES, variant->flags);
	self->tier = variant->flags == MAP_SHARED ? "root" : "private";
	pages_fill(self->map, PAGES, 1);
}

NO_TEARDOWN(mlock);

/* Uses all pages from @skip on, several times. */
static bool churn(char *map, size_t skip)
{
	bool right = true;

	for (int round = 0; round < 4; round++)
		right &= pages_hold(page_at(map, skip), PAGES - skip, 1 + skip);
	return right;
}

/* mlock() brings pages in, and they stay in their frames. */
TEST_F(mlock, locked_pages_stay)
{
	struct pagebox_stats before;
	long frame[LOCKED];

	ASSERT_EQ(0, mlock(self->map, LOCKED * page_size));
	before = map_stats(self->box, self->map);
	for (size_t i = 0; i < LOCKED; i++) {
		frame[i] = frame_of(self->id, self->tier, i);
		ASSERT_LE(0, frame[i]);
	}
	EXPECT_TRUE(churn(self->map, LOCKED));
	for (size_t i = 0; i < LOCKED; i++)
		EXPECT_EQ(frame[i], frame_of(self->id, self->tier, i));
	before = box_stats(self->box);
	EXPECT_TRUE(pages_hold(self->map, LOCKED, 1));
	EXPECT_FAULTS(self->box, before, 0);
	EXPECT_LT(0, before.pinned_skips);
}

/* After munlock() they can be evicted. */
TEST_F(mlock, munlocked_pages_go)
{
	ASSERT_EQ(0, mlock(self->map, LOCKED * page_size));
	EXPECT_TRUE(churn(self->map, LOCKED));
	ASSERT_EQ(0, munlock(self->map, LOCKED * page_size));
	EXPECT_TRUE(churn(self->map, LOCKED));
	for (size_t i = 0; i < LOCKED; i++)
		EXPECT_EQ(-1, frame_of(self->id, self->tier, i));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* While every frame is locked, accesses raise SIGBUS immediately. */
TEST_F(mlock, all_frames_locked)
{
	struct pagebox_stats before;

	ASSERT_EQ(0, mlock(self->map, FRAMES * page_size));
	before = box_stats(self->box);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, FRAMES)));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, FRAMES + 1)));
	EXPECT_FAULTS(self->box, before, .failed = 2);
	EXPECT_TRUE(pages_hold(self->map, FRAMES, 1));
	ASSERT_EQ(0, munlock(self->map, FRAMES * page_size));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* mlock() of more pages than fit fails, and the box keeps working. */
TEST_F(mlock, more_than_fits)
{
	EXPECT_EQ(-1, mlock(self->map, 2 * FRAMES * page_size));
	ASSERT_EQ(0, munlock(self->map, 2 * FRAMES * page_size));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* Writes to locked pages are kept. */
TEST_F(mlock, written_while_locked)
{
	ASSERT_EQ(0, mlock(self->map, LOCKED * page_size));
	pages_fill(self->map, LOCKED, 500);
	EXPECT_TRUE(churn(self->map, LOCKED));
	EXPECT_TRUE(pages_hold(self->map, LOCKED, 500));
	ASSERT_EQ(0, munlock(self->map, LOCKED * page_size));
	EXPECT_TRUE(churn(self->map, LOCKED));
	EXPECT_TRUE(pages_hold(self->map, LOCKED, 500));
}

/* Unmapping locked pages frees their frames. */
TEST_F(mlock, unmapped_while_locked)
{
	ASSERT_EQ(0, mlock(self->map, LOCKED * page_size));
	unmap(self->map, PAGES);
	if (variant->flags == MAP_PRIVATE)
		EXPECT_EQ(0, box_stats(self->box).frames_used);
	self->map = box_map(self->box, PAGES, variant->flags);
	pages_fill(self->map, PAGES, 1);
	EXPECT_TRUE(churn(self->map, 0));
	EXPECT_EQ(FRAMES, box_stats(self->box).frames_used);
}

/* --- private copies --- */

#define OWN ((size_t)8)

/* Ways to bring all pages in before use. */
FIXTURE(own)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(own)
{
	bool store;
	int flags;
	bool mlock;
};

FIXTURE_VARIANT_ADD(own, mlock){ .mlock = true };
FIXTURE_VARIANT_ADD(own, mlock_with_store){ .store = true, .mlock = true };
FIXTURE_VARIANT_ADD(own, map_populate){ .flags = MAP_POPULATE };

FIXTURE_VARIANT_ADD(own, map_populate_with_store){ .store = true,
						   .flags = MAP_POPULATE };

FIXTURE_VARIANT_ADD(own, map_locked){ .flags = MAP_LOCKED };

FIXTURE_SETUP(own)
{
	self->box = variant->store ?
			    box_new_store(FRAMES,
					  store_file(FRAMES * page_size, 1)) :
			    box_new(FRAMES, 0);
	self->map = box_map(self->box, OWN, MAP_PRIVATE | variant->flags);
	if (variant->mlock)
		ASSERT_EQ(0, mlock(self->map, OWN * page_size));
}

NO_TEARDOWN(own);

/* Writes do not fault, and do not reach the root view. */
TEST_F(own, writes)
{
	struct pagebox_stats before = box_stats(self->box);
	char *shared;

	EXPECT_EQ(OWN, before.frames_used);
	pages_fill(self->map, OWN, 300);
	EXPECT_FAULTS(self->box, before, 0);
	EXPECT_TRUE(pages_hold(self->map, OWN, 300));
	shared = box_map(self->box, OWN, MAP_SHARED);
	EXPECT_TRUE(variant->store ? pages_hold(shared, OWN, 1) :
				     pages_are_zero(shared, OWN));
}

/* The contents are copied before the first write. */
TEST_F(own, contents)
{
	EXPECT_TRUE(variant->store ? pages_hold(self->map, OWN, 1) :
				     pages_are_zero(self->map, OWN));
}

/* Locked pages can be written when no other frame is available. */
TEST_F(own, no_frame_is_needed)
{
	char *rest = box_map_from(self->box, OWN, FRAMES - OWN, MAP_PRIVATE);
	struct pagebox_stats before;

	if (!variant->mlock && !(variant->flags & MAP_LOCKED))
		ASSERT_EQ(0, mlock(self->map, OWN * page_size));
	ASSERT_EQ(0, mlock(rest, (FRAMES - OWN) * page_size));
	before = box_stats(self->box);
	EXPECT_EQ(FRAMES, before.frames_locked);
	for (size_t i = 0; i < OWN; i++)
		EXPECT_EQ(0, signal_of_write(page_at(self->map, i)));
	EXPECT_FAULTS(self->box, before, 0);
}

/* A read-only private mapping shares the root view's pages. */
TEST(read_only_mapping)
{
	int box = box_new_store(FRAMES, store_file(FRAMES * page_size, 1));
	char *map = mmap(NULL, OWN * page_size, PROT_READ,
			 MAP_PRIVATE | MAP_POPULATE, box, 0);
	struct pagebox_stats now = box_stats(box);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(OWN, now.faults[PAGEBOX_FAULT_FILE]);
	EXPECT_EQ(0, now.faults[PAGEBOX_FAULT_COW]);
	EXPECT_TRUE(pages_hold(map, OWN, 1));
}

/*
 * A plain read of a private mapping makes no copy, nor does a read by the
 * kernel.
 */
TEST(reads_share)
{
	int box = box_new_store(FRAMES, store_file(FRAMES * page_size, 1));
	char *map = box_map(box, OWN, MAP_PRIVATE);
	int file = store_file(0, 0);

	EXPECT_TRUE(page_holds(map, 1));
	ASSERT_EQ(page_size, pwrite(file, page_at(map, 1), page_size, 0));
	EXPECT_EQ(1, frame_of(box_info(box).id, "root", 1));
	EXPECT_EQ(2, box_stats(box).pages);
	close(box);
}

/* --- batches of other CPUs --- */

static void go_to_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot move to CPU %u", cpu);
}

/* References batched on one CPU after munlock() on another hold no frame. */
TEST(munlock_on_another_cpu)
{
	int box = box_new(LOCKED, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);

	go_to_cpu(0);
	ASSERT_EQ(0, mlock2(map, LOCKED * page_size, MLOCK_ONFAULT));
	pages_touch(map, LOCKED);
	go_to_cpu(1);
	ASSERT_EQ(0, munlock(map, LOCKED * page_size));
	EXPECT_EQ(0, signal_of_write(page_at(map, LOCKED)));
	EXPECT_EQ(0, signal_of_write(map));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	close(box);
}

TEST_HARNESS_MAIN
