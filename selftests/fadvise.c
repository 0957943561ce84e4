// SPDX-License-Identifier: GPL-2.0
/*
 * Advice and readahead: the effects of posix_fadvise() and madvise() that the
 * counters show, and pages that are read ahead of faults.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 64
#define TAG 100

static void set_readahead(int box, unsigned int pages)
{
	box_configure(box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_READAHEAD,
					       .readahead = pages });
}

/*
 * A box with a store and a frame for every page; an eighth of them is PAGES /
 * 4.
 */
FIXTURE(readahead)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(readahead)
{
	int flags;
};

FIXTURE_VARIANT_ADD(readahead, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(readahead, private){ .flags = MAP_PRIVATE };

FIXTURE_SETUP(readahead)
{
	self->box =
		box_new_store(2 * PAGES, store_file(PAGES * page_size, TAG));
	self->map = box_map(self->box, PAGES, variant->flags);
}

FIXTURE_TEARDOWN(readahead)
{
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	close(self->box);
}

/* Whether each page is read exactly once, at the fault or before it. */
static void expect_each_read_once(struct __test_metadata *_metadata, int box)
{
	struct pagebox_stats now = box_stats(box);

	EXPECT_EQ(PAGES, now.store_reads);
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_EQ(now.readahead, now.readahead_hits);
	EXPECT_EQ(PAGES - now.readahead, now.faults[PAGEBOX_FAULT_FILE]);
	EXPECT_EQ(now.readahead, now.faults[PAGEBOX_FAULT_MINOR]);
	EXPECT_EQ(PAGES - now.readahead, now.major);
}

/* Sequential faults read neighbouring pages, up to the configured number. */
TEST_F(readahead, sequence)
{
	static const unsigned int most[] = { 2, 8, 32 };
	const unsigned int bound = 2 * PAGES / 8;
	uint64_t last = 0, step;

	for (size_t turn = 0; turn < ARRAY_SIZE(most); turn++) {
		set_readahead(self->box, most[turn]);
		for (size_t i = turn * 20; i < turn * 20 + 20; i++) {
			EXPECT_TRUE(page_holds(page_at(self->map, i), TAG + i));
			step = box_stats(self->box).readahead - last;
			EXPECT_GT(most[turn], step);
			EXPECT_GT(bound, step);
			last += step;
		}
		EXPECT_LT(0, last);
	}
	EXPECT_LE(20, box_stats(self->box).readahead_hits);
	pages_touch(self->map, PAGES);
	expect_each_read_once(_metadata, self->box);
}

/* With readahead of two pages, half of a sequence is read by faults. */
TEST_F(readahead, pairs)
{
	set_readahead(self->box, 2);
	pages_touch(self->map, PAGES);
	expect_each_read_once(_metadata, self->box);
	EXPECT_LE(PAGES / 2 - 1, box_stats(self->box).readahead);
	EXPECT_GE(PAGES / 2, box_stats(self->box).readahead);
}

/* Readahead resumes at the start of another sequence. */
TEST_F(readahead, two_sequences)
{
	set_readahead(self->box, 8);
	pages_touch(page_at(self->map, PAGES / 2), PAGES / 2);
	EXPECT_LE(PAGES / 2 - 8, box_stats(self->box).readahead);
	pages_touch(self->map, PAGES / 2);
	expect_each_read_once(_metadata, self->box);
	EXPECT_LE(PAGES - 20, box_stats(self->box).readahead);
}

/* Random faults read only the pages they need. */
static void touch_at_random(char *map)
{
	for (size_t i = 0; i < PAGES; i++)
		pages_touch(page_at(map, (5 + i * 7) % PAGES), 1);
}

TEST_F(readahead, random)
{
	set_readahead(self->box, 16);
	touch_at_random(self->map);
	EXPECT_EQ(0, box_stats(self->box).readahead);
	EXPECT_EQ(0, box_stats(self->box).readahead_hits);
	expect_each_read_once(_metadata, self->box);
}

/* Readahead is off by default, and with a single page. */
TEST_F(readahead, off)
{
	pages_touch(self->map, PAGES / 2);
	set_readahead(self->box, 1);
	pages_touch(page_at(self->map, PAGES / 2), PAGES / 2);
	EXPECT_EQ(0, box_stats(self->box).readahead);
	expect_each_read_once(_metadata, self->box);
}

/* A mapping with MADV_RANDOM gets no readahead until its advice changes. */
TEST_F(readahead, madvise)
{
	set_readahead(self->box, 16);
	ASSERT_EQ(0, madvise(self->map, PAGES * page_size, MADV_RANDOM));
	pages_touch(self->map, PAGES / 2);
	EXPECT_EQ(0, box_stats(self->box).readahead);
	ASSERT_EQ(0, madvise(self->map, PAGES * page_size, MADV_SEQUENTIAL));
	pages_touch(page_at(self->map, PAGES / 2), PAGES / 2);
	EXPECT_LE(PAGES / 4, box_stats(self->box).readahead);
	expect_each_read_once(_metadata, self->box);
}

/* MADV_SEQUENTIAL starts readahead before a sequence is detected. */
TEST_F(readahead, madvise_sequential)
{
	set_readahead(self->box, 16);
	ASSERT_EQ(0, madvise(self->map, PAGES * page_size, MADV_SEQUENTIAL));
	pages_touch(page_at(self->map, 10), 1);
	EXPECT_EQ(15, box_stats(self->box).readahead);
	EXPECT_EQ(16, box_stats(self->box).store_reads);
	EXPECT_EQ(0, box_stats(self->box).readahead_hits);
}

/* At most an eighth of the frames is read at once. */
TEST(bounded_by_frames)
{
	static const unsigned int frames[] = { 8, 16, 40, 80 };

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		int box = box_new_store(frames[i],
					store_file(PAGES * page_size, TAG));
		char *map = box_map(box, PAGES, MAP_SHARED);
		uint64_t last = 0, step;

		set_readahead(box, PAGEBOX_MAX_READAHEAD);
		for (size_t page = 0; page < PAGES; page++) {
			EXPECT_TRUE(page_holds(page_at(map, page), TAG + page));
			step = box_stats(box).readahead - last;
			EXPECT_GT(frames[i] / 8, step);
			last += step;
		}
		EXPECT_EQ(frames[i] / 8 > 1, last > 0);
		EXPECT_GE(last, box_stats(box).readahead_hits);
		EXPECT_GE(frames[i], box_stats(box).frames_used);
		close(box);
	}
}

/* Sequential reads are detected as sequential faults are. */
FIXTURE(reads)
{
	int box;
};

FIXTURE_SETUP(reads)
{
	self->box =
		box_new_store(2 * PAGES, store_file(PAGES * page_size, TAG));
	set_readahead(self->box, 8);
}

NO_TEARDOWN(reads);

/* Reads pages one by one; returns the number of pages read ahead. */
static uint64_t read_pages(int box, size_t first, size_t pages)
{
	uint64_t before = box_stats(box).readahead;
	char page[page_size];

	for (size_t i = first; i < first + pages; i++) {
		if (pread(box, page, page_size, i * page_size) !=
			    (ssize_t)page_size ||
		    !page_holds(page, TAG + i))
			die("page %zu was not read", i);
	}
	return box_stats(box).readahead - before;
}

TEST_F(reads, sequence)
{
	struct pagebox_stats now;

	EXPECT_LE(PAGES - PAGES / 8 - 2, read_pages(self->box, 0, PAGES));
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, now.store_reads);
	EXPECT_EQ(now.readahead, now.readahead_hits);
}

TEST_F(reads, random)
{
	uint64_t ahead = 0;

	for (size_t i = 0; i < PAGES; i++)
		ahead += read_pages(self->box, (5 + i * 7) % PAGES, 1);
	EXPECT_EQ(0, ahead);
	EXPECT_EQ(PAGES, box_stats(self->box).store_reads);
}

/* POSIX_FADV_RANDOM, _SEQUENTIAL and _NORMAL apply to one fd. */
TEST_F(reads, advice)
{
	int joined = box_join(self->box, box_info(self->box).id);

	ASSERT_LE(0, joined);
	ASSERT_EQ(0, posix_fadvise(self->box, 0, 0, POSIX_FADV_RANDOM));
	EXPECT_EQ(0, read_pages(self->box, 0, 16));
	EXPECT_LT(0, read_pages(joined, 16, 16));
	ASSERT_EQ(0, posix_fadvise(self->box, 0, 0, POSIX_FADV_NORMAL));
	EXPECT_LT(0, read_pages(self->box, 32, 16));
	ASSERT_EQ(0, posix_fadvise(self->box, 0, 0, POSIX_FADV_SEQUENTIAL));
	EXPECT_LT(0, read_pages(self->box, 48, 16));
	EXPECT_EQ(PAGES, box_stats(self->box).store_reads);
}

/* --- WILLNEED and DONTNEED --- */

/* A box with a store, partly in frames. */
FIXTURE(advice)
{
	int box;
	char *map;
};

FIXTURE_SETUP(advice)
{
	self->box =
		box_new_store(2 * PAGES, store_file(PAGES * page_size, TAG));
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	pages_touch(page_at(self->map, 8), 4);
}

NO_TEARDOWN(advice);

/* WILLNEED brings pages in, so that accesses only map them. */
TEST_F(advice, fadvise_willneed)
{
	struct pagebox_stats before = box_stats(self->box);

	ASSERT_EQ(0, posix_fadvise(self->box, 4 * page_size, 16 * page_size,
				   POSIX_FADV_WILLNEED));
	EXPECT_EQ(12, box_stats(self->box).prefetched);
	EXPECT_EQ(16, box_stats(self->box).frames_used);
	EXPECT_FAULTS(self->box, before, 0);
	EXPECT_TRUE(pages_hold(page_at(self->map, 4), 16, TAG + 4));
	EXPECT_FAULTS(self->box, before, .minor = 12);
	EXPECT_EQ(0, box_stats(self->box).readahead);

	/* A length of 0 means up to the end. */
	ASSERT_EQ(0, posix_fadvise(self->box, 30 * page_size + 1, 0,
				   POSIX_FADV_WILLNEED));
	EXPECT_EQ(12 + PAGES - 30, box_stats(self->box).prefetched);
	EXPECT_EQ(0, posix_fadvise(self->box, PAGES * page_size, 0,
				   POSIX_FADV_WILLNEED));
	EXPECT_EQ(12 + PAGES - 30, box_stats(self->box).prefetched);
}

TEST_F(advice, madvise_willneed)
{
	struct pagebox_stats before = box_stats(self->box);

	ASSERT_EQ(0, madvise(page_at(self->map, 4), 16 * page_size,
			     MADV_WILLNEED));
	EXPECT_EQ(12, box_stats(self->box).prefetched);
	EXPECT_FAULTS(self->box, before, 0);
	EXPECT_TRUE(pages_hold(page_at(self->map, 4), 16, TAG + 4));
	EXPECT_FAULTS(self->box, before, .minor = 12);
}

/* In a private mapping, the mapping's own pages are brought in. */
TEST_F(advice, madvise_willneed_of_private_pages)
{
	char *private = box_map(self->box, PAGES, MAP_PRIVATE);
	struct pagebox_stats before;

	pages_fill(private, 10, 500);
	ASSERT_EQ(10, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, private, 10));
	before = box_stats(self->box);
	ASSERT_EQ(0, madvise(private, 10 * page_size, MADV_WILLNEED));
	EXPECT_EQ(before.prefetched + 10, box_stats(self->box).prefetched);
	EXPECT_EQ(before.swap_reads + 10, box_stats(self->box).swap_reads);
	EXPECT_TRUE(pages_hold(private, 10, 500));
	EXPECT_FAULTS(self->box, before, .minor = 10);
}

/* DONTNEED writes pages back and frees their frames; no data is lost. */
TEST_F(advice, fadvise_dontneed)
{
	struct pagebox_stats before, now;

	pages_fill(self->map, 20, 500);
	before = box_stats(self->box);
	ASSERT_EQ(0, posix_fadvise(self->box, 0, 10 * page_size,
				   POSIX_FADV_DONTNEED));
	now = box_stats(self->box);
	EXPECT_EQ(before.paged_out + 10, now.paged_out);
	EXPECT_EQ(before.store_writes + 10, now.store_writes);
	EXPECT_EQ(before.frames_used - 10, now.frames_used);
	EXPECT_EQ(0, now.swap_writes);
	EXPECT_EQ(0, now.discarded);
	EXPECT_TRUE(pages_hold(self->map, 20, 500));
	EXPECT_FAULTS(self->box, now, .file = 10);

	/* As with files, a partially covered page stays. */
	ASSERT_EQ(0, posix_fadvise(self->box, 1, 3 * page_size,
				   POSIX_FADV_DONTNEED));
	EXPECT_EQ(now.paged_out + 2, box_stats(self->box).paged_out);
	ASSERT_EQ(0, posix_fadvise(self->box, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(0, box_stats(self->box).frames_used);
	EXPECT_TRUE(pages_hold(self->map, 20, 500));
	EXPECT_TRUE(pages_hold(page_at(self->map, 20), PAGES - 20, TAG + 20));
}

/* Advice on an fd does not affect private pages. */
TEST_F(advice, dontneed_leaves_private_pages)
{
	char *private = box_map(self->box, PAGES, MAP_PRIVATE);

	pages_fill(private, 10, 500);
	ASSERT_EQ(0, posix_fadvise(self->box, 0, 0, POSIX_FADV_DONTNEED));
	EXPECT_EQ(10, box_stats(self->box).frames_used);
	EXPECT_TRUE(pages_hold(private, 10, 500));
	EXPECT_EQ(0, box_stats(self->box).swap_reads);
}

/* Other kinds of advice succeed or fail as posix_fadvise() documents. */
TEST_F(advice, errors)
{
	EXPECT_EQ(0, posix_fadvise(self->box, 0, 0, POSIX_FADV_NOREUSE));
	EXPECT_EQ(EINVAL, posix_fadvise(self->box, 0, 0, 77));
	EXPECT_EQ(EINVAL, posix_fadvise(self->box, 0, -1, POSIX_FADV_WILLNEED));
	EXPECT_EQ(4, box_stats(self->box).frames_used);
}

/* Without a store, only swapped pages can be read ahead. */
TEST(no_store)
{
	int box = box_new(2 * PAGES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);

	set_readahead(box, 16);
	EXPECT_TRUE(pages_are_zero(map, PAGES));
	EXPECT_EQ(0, box_stats(box).readahead);
	EXPECT_EQ(0, box_stats(box).store_reads);
	ASSERT_EQ(0, posix_fadvise(box, PAGES * page_size, PAGES * page_size,
				   POSIX_FADV_WILLNEED));
	EXPECT_EQ(0, box_stats(box).prefetched);
	EXPECT_EQ(PAGES, box_stats(box).frames_used);
}

TEST_HARNESS_MAIN
