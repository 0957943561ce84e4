// SPDX-License-Identifier: GPL-2.0
/*
 * VMAs are split, merged, moved, grown and cut. Their pages are not affected,
 * except that private pages are freed with their part of the mapping.
 */

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 16
#define TAG 100

FIXTURE(vma)
{
	int box;
	unsigned int id;
	char *map;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(vma)
{
	int flags;
	unsigned int frames;
};

FIXTURE_VARIANT_ADD(vma, private){ .flags = MAP_PRIVATE, .frames = 64 };
FIXTURE_VARIANT_ADD(vma, shared){ .flags = MAP_SHARED, .frames = 64 };
FIXTURE_VARIANT_ADD(vma, private_evicting){ .flags = MAP_PRIVATE, .frames = 5 };

FIXTURE_SETUP(vma)
{
	self->box = box_new(variant->frames, 0);
	self->id = box_info(self->box).id;
	self->map = box_map(self->box, PAGES, variant->flags);
	pages_fill(self->map, PAGES, TAG);
	self->before = box_stats(self->box);
}

NO_TEARDOWN(vma);

static void protect(char *map, size_t pages, int prot)
{
	if (mprotect(map, pages * page_size, prot))
		die("mprotect");
}

/* Whether the rows of this process in maps cover @pages pages from @map on. */
static bool maps_cover(unsigned int id, const char *map, size_t pages)
{
	uintptr_t at = (uintptr_t)map, end = at + pages * page_size;

	while (at < end)
		at = map_row_at(id, (void *)at).end;
	return at == end;
}

/* A page that is allocated again after the setup shows as a zero fault. */
static bool nothing_was_made(int box, const struct pagebox_stats *before)
{
	struct pagebox_stats now = box_stats(box);

	return now.faults[PAGEBOX_FAULT_ZERO] ==
		       before->faults[PAGEBOX_FAULT_ZERO] &&
	       now.faults[PAGEBOX_FAULT_COW] ==
		       before->faults[PAGEBOX_FAULT_COW] &&
	       now.pages == before->pages && now.views == before->views;
}

/* mprotect() splits the mapping in three and merges it again. */
TEST_F(vma, mprotect_splits_and_rejoins)
{
	for (int round = 0; round < 3; round++) {
		protect(page_at(self->map, 4 + round), 5, PROT_READ);
		EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
		EXPECT_EQ(SIGSEGV,
			  signal_of_write(page_at(self->map, 4 + round)));
		EXPECT_EQ(SIGSEGV,
			  signal_of_write(page_at(self->map, 8 + round)));
		EXPECT_STREQ("r--",
			     map_row_at(self->id, page_at(self->map, 5 + round))
				     .prot);
		EXPECT_TRUE(maps_cover(self->id, self->map, PAGES));
		protect(page_at(self->map, 4 + round), 5,
			PROT_READ | PROT_WRITE);
		drop_ptes(self->map, PAGES);
		EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	}
	EXPECT_TRUE(nothing_was_made(self->box, &self->before));
	pages_fill(self->map, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
	EXPECT_TRUE(nothing_was_made(self->box, &self->before));
	EXPECT_TRUE(maps_cover(self->id, self->map, PAGES));
}

/* PROT_NONE hides the pages, and they come back. */
/*
 * On Linux 6.1 a failed split opens the new VMA, and closes it with a size of
 * zero. Nothing has been unmapped.
 */
TEST_F(vma, failed_split)
{
	failpoint_set("split_vma fail times 1");
	protect(page_at(self->map, 4), 4, PROT_READ);
	EXPECT_EQ(1, failpoint_state("split_vma").done);
	failpoint_set("split_vma off");
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_TRUE(nothing_was_made(self->box, &self->before));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

TEST_F(vma, prot_none)
{
	protect(self->map, PAGES, PROT_NONE);
	EXPECT_EQ(SIGSEGV, signal_of_read(self->map));
	protect(self->map, PAGES, PROT_READ | PROT_WRITE);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_TRUE(nothing_was_made(self->box, &self->before));
}

/* An address range of @pages pages that nothing else uses. */
static char *reserve(size_t pages)
{
	char *range = mmap(NULL, pages * page_size, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (range == MAP_FAILED)
		die("no room for %zu pages", pages);
	return range;
}

/* Moving the mapping moves its pages; nothing is read or copied. */
TEST_F(vma, mremap_moves)
{
	char *to = reserve(PAGES);

	ASSERT_EQ(to, mremap(self->map, PAGES * page_size, PAGES * page_size,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(SIGSEGV, signal_of_read(self->map));
	EXPECT_TRUE(pages_hold(to, PAGES, TAG));
	pages_fill(to, PAGES, 500);
	drop_ptes(to, PAGES);
	EXPECT_TRUE(pages_hold(to, PAGES, 500));
	EXPECT_TRUE(nothing_was_made(self->box, &self->before));
	EXPECT_TRUE(maps_cover(self->id, to, PAGES));
}

/* A grown mapping shows its old pages and then the following ones of the box. */
TEST_F(vma, mremap_grows)
{
	char *map = mremap(self->map, PAGES * page_size, 2 * PAGES * page_size,
			   MREMAP_MAYMOVE);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	EXPECT_TRUE(pages_are_zero(page_at(map, PAGES), PAGES));
	EXPECT_EQ(self->before.faults[PAGEBOX_FAULT_ZERO] + PAGES,
		  box_stats(self->box).faults[PAGEBOX_FAULT_ZERO]);
	pages_fill(page_at(map, PAGES), PAGES, TAG + PAGES);
	EXPECT_TRUE(pages_hold(map, 2 * PAGES, TAG));
	EXPECT_EQ(self->before.views, box_stats(self->box).views);
}

/* A shrunk mapping loses its end; a private one frees the frames. */
TEST_F(vma, mremap_shrinks)
{
	ASSERT_EQ(self->map,
		  mremap(self->map, PAGES * page_size, 6 * page_size, 0));
	EXPECT_TRUE(pages_hold(self->map, 6, TAG));
	EXPECT_EQ(SIGSEGV, signal_of_read(page_at(self->map, 6)));
	EXPECT_EQ(variant->flags == MAP_PRIVATE ? 6 : PAGES,
		  box_stats(self->box).pages);
}

/* A part of the middle can be moved; the rest stays. */
TEST_F(vma, mremap_of_a_part)
{
	char *to = reserve(5);

	ASSERT_EQ(to, mremap(page_at(self->map, 6), 5 * page_size,
			     5 * page_size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_TRUE(pages_hold(self->map, 6, TAG));
	EXPECT_TRUE(pages_hold(to, 5, TAG + 6));
	EXPECT_TRUE(pages_hold(page_at(self->map, 11), PAGES - 11, TAG + 11));
	EXPECT_EQ(SIGSEGV, signal_of_read(page_at(self->map, 6)));
	EXPECT_EQ(SIGSEGV, signal_of_read(page_at(self->map, 10)));
	pages_fill(to, 5, 500);
	drop_ptes(to, 5);
	EXPECT_TRUE(pages_hold(to, 5, 500));
	EXPECT_TRUE(nothing_was_made(self->box, &self->before));
	EXPECT_EQ(6, map_row_at(self->id, to).pgoff);
}

/* Unmapping a part of a private mapping frees exactly its pages. */
TEST_F(vma, partial_munmap)
{
	size_t left = variant->flags == MAP_PRIVATE ? PAGES - 5 : PAGES;
	struct pagebox_stats now;

	unmap(page_at(self->map, 3), 5);
	now = box_stats(self->box);
	EXPECT_EQ(left, now.pages);
	EXPECT_EQ(self->before.views, now.views);
	EXPECT_LE(now.pages, now.frames_used + now.swap_used);
	EXPECT_TRUE(pages_hold(self->map, 3, TAG));
	EXPECT_TRUE(pages_hold(page_at(self->map, 8), PAGES - 8, TAG + 8));
	EXPECT_EQ(SIGSEGV, signal_of_read(page_at(self->map, 3)));

	unmap(self->map, 3);
	unmap(page_at(self->map, 8), PAGES - 8);
	now = box_stats(self->box);
	EXPECT_EQ(1, now.views);
	EXPECT_EQ(variant->flags == MAP_PRIVATE ? 0 : PAGES, now.pages);
	if (variant->flags == MAP_PRIVATE) {
		EXPECT_EQ(0, now.frames_used);
		EXPECT_EQ(0, now.swap_used);
	}
}

/* A mapping placed in the hole of another one is separate. */
TEST_F(vma, map_into_the_hole)
{
	char *hole = page_at(self->map, 4);
	char *map;

	map = mmap(hole, 4 * page_size, PROT_READ | PROT_WRITE,
		   variant->flags | MAP_FIXED, self->box, 4 * page_size);
	ASSERT_EQ(hole, map);
	if (variant->flags == MAP_SHARED)
		EXPECT_TRUE(pages_hold(map, 4, TAG + 4));
	if (variant->flags == MAP_PRIVATE)
		EXPECT_TRUE(pages_are_zero(map, 4));
	pages_fill(map, 4, 500);
	EXPECT_TRUE(pages_hold(self->map, 4, TAG));
	EXPECT_TRUE(pages_hold(map, 4, 500));
	EXPECT_TRUE(pages_hold(page_at(self->map, 8), PAGES - 8, TAG + 8));
}

/* MADV_DONTNEED drops PTEs but no page, in any part of the mapping. */
TEST_F(vma, dontneed)
{
	for (size_t i = 0; i < PAGES; i += 3)
		drop_ptes(page_at(self->map, i), i + 2 < PAGES ? 2 : 1);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_TRUE(nothing_was_made(self->box, &self->before));
}

static int serve_parts(void *context, int first)
{
	FIXTURE_DATA(vma) *self = context;

	return pages_hold(page_at(self->map, first), 4, TAG + first);
}

/* A child after a split inherits every part; its writes are private. */
TEST_F(vma, fork_after_split)
{
	bool private = variant->flags == MAP_PRIVATE;
	struct child child;

	protect(page_at(self->map, 4), 4, PROT_READ);
	unmap(page_at(self->map, 8), 4);
	child = child_fork(serve_parts, self);
	EXPECT_EQ(private ? self->before.views + 1 : 1,
		  box_stats(self->box).views);
	for (int first = 0; first < PAGES; first += first == 4 ? 8 : 4)
		EXPECT_TRUE(child_ask(&child, first));
	pages_fill(self->map, 4, 500);
	if (private)
		EXPECT_TRUE(child_ask(&child, 0));
	EXPECT_TRUE(child_ask(&child, 12));
	child_end(&child);
	EXPECT_EQ(self->before.views, box_stats(self->box).views);
	EXPECT_TRUE(pages_hold(self->map, 4, 500));
	EXPECT_TRUE(pages_hold(page_at(self->map, 4), 4, TAG + 4));
}

/* Two mappings side by side, in memory and in the box. */
static char *map_neighbours(int box, int left_flags, int right_flags)
{
	char *range = reserve(PAGES);
	size_t half = PAGES / 2;

	if (mmap(range, half * page_size, PROT_READ | PROT_WRITE,
		 left_flags | MAP_FIXED, box, 0) != range ||
	    mmap(page_at(range, half), half * page_size, PROT_READ | PROT_WRITE,
		 right_flags | MAP_FIXED, box,
		 half * page_size) != page_at(range, half))
		die("cannot map neighbours");
	return range;
}

#define GUARD 4 /* pages before it */

static int sees_the_guard(void *map)
{
	bool right = pages_hold(map, GUARD, TAG);

	pages_fill(map, GUARD, 500);
	return right ? signal_of_read(page_at(map, GUARD)) : 0;
}

/*
 * A guard region, where supported for such mappings, is inherited. fork()
 * copies PTEs for it, and still the child has a view of its own.
 */
TEST_F(vma, guard_region)
{
	char *guard = page_at(self->map, GUARD);

	if (madvise(guard, 2 * page_size, MADV_GUARD_INSTALL)) {
		EXPECT_EQ(EINVAL, errno);
		return;
	}
	EXPECT_EQ(SIGSEGV, signal_of_write(guard));
	EXPECT_EQ(SIGSEGV, in_child(sees_the_guard, self->map));
	EXPECT_TRUE(pages_hold(self->map, GUARD,
			       variant->flags == MAP_PRIVATE ? TAG : 500));
	pages_fill(self->map, GUARD, TAG);
	EXPECT_EQ(0, madvise(guard, 2 * page_size, MADV_GUARD_REMOVE));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
}

FIXTURE(neighbours)
{
	int box;
	char *map;
	char *shared;
};

FIXTURE_VARIANT(neighbours)
{
	int left;
	int right;
};

FIXTURE_VARIANT_ADD(neighbours, both_private){ .left = MAP_PRIVATE,
					       .right = MAP_PRIVATE };

FIXTURE_VARIANT_ADD(neighbours, private_shared){ .left = MAP_PRIVATE,
						 .right = MAP_SHARED };

FIXTURE_VARIANT_ADD(neighbours, shared_private){ .left = MAP_SHARED,
						 .right = MAP_PRIVATE };

FIXTURE_SETUP(neighbours)
{
	self->box = box_new(64, 0);
	self->map = map_neighbours(self->box, variant->left, variant->right);
	self->shared = box_map(self->box, PAGES, MAP_SHARED);
	pages_fill(self->map, PAGES, TAG);
}

NO_TEARDOWN(neighbours);

/*
 * After mprotect() across the border each side keeps its own pages, also when
 * they are faulted in again. The kernel may move the border of two similar
 * VMAs, as these are.
 */
TEST_F(neighbours, mprotect_over_the_border)
{
	static const struct {
		size_t first, pages;
	} steps[] = {
		{ 4, 8 },  { 0, 8 },  { 8, 4 }, { 12, 4 },
		{ 2, 12 }, { 0, 16 }, { 7, 2 },
	};
	struct pagebox_stats before = box_stats(self->box);

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		char *part = page_at(self->map, steps[i].first);

		protect(part, steps[i].pages, PROT_READ);
		drop_ptes(self->map, PAGES);
		EXPECT_TRUE(pages_hold(self->map, PAGES, TAG))
		TH_LOG("read-only, step %zu", i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		char *part = page_at(self->map, steps[i].first);

		protect(part, steps[i].pages, PROT_READ | PROT_WRITE);
		drop_ptes(self->map, PAGES);
		EXPECT_TRUE(pages_hold(self->map, PAGES, TAG))
		TH_LOG("writable, step %zu", i);
		pages_fill(part, steps[i].pages, TAG + steps[i].first);
	}
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_TRUE(nothing_was_made(self->box, &before));
}

/* A private side never shows in the box, a shared side always does. */
TEST_F(neighbours, sides_stay_what_they_are)
{
	size_t half = PAGES / 2;

	protect(self->map, PAGES, PROT_READ);
	protect(page_at(self->map, 4), 8, PROT_READ | PROT_WRITE);
	pages_fill(page_at(self->map, 4), 8, 900);
	for (size_t i = 4; i < 12; i++) {
		bool private = (i < half ? variant->left : variant->right) ==
			       MAP_PRIVATE;

		EXPECT_TRUE(page_holds(page_at(self->shared, i),
				       private ? 0 : 900 + i - 4));
	}
}

/* Unmapping one side frees only that side's pages. */
TEST_F(neighbours, unmap_one_side)
{
	struct pagebox_stats before = box_stats(self->box);
	size_t half = PAGES / 2;
	size_t freed = variant->left == MAP_PRIVATE ? half : 0;

	protect(self->map, PAGES, PROT_READ);
	unmap(self->map, half);
	EXPECT_EQ(before.pages - freed, box_stats(self->box).pages);
	drop_ptes(page_at(self->map, half), half);
	EXPECT_TRUE(pages_hold(page_at(self->map, half), half, TAG + half));
}

/* Unmapping a range across the border affects both. */
TEST_F(neighbours, unmap_over_the_border)
{
	unmap(page_at(self->map, 6), 4);
	EXPECT_TRUE(pages_hold(self->map, 6, TAG));
	EXPECT_TRUE(pages_hold(page_at(self->map, 10), 6, TAG + 10));
	EXPECT_EQ(SIGSEGV, signal_of_read(page_at(self->map, 7)));
	EXPECT_EQ(SIGSEGV, signal_of_read(page_at(self->map, 8)));
}

/* Committed_AS, in KiB. */
static long committed_kb(void)
{
	return proc_sum("/proc/meminfo", "Committed_AS: %ld");
}

/* mremap() as a 32-bit program calls it: 0 or errno. */
static int mremap_32(void *map, size_t old_size, size_t new_size, int flags)
{
#ifdef __x86_64__
	int result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(163), "b"(map), "c"(old_size), "d"(new_size),
		       "S"(flags), "D"(0)
		     : "memory", "r8", "r9", "r10", "r11");
	return result < 0 ? -result : 0;
#else
	return 1;
#endif
}

/* Debian's kernels run 32-bit programs; others raise SIGSEGV. */
static int try_mremap_32(void *map)
{
	return mremap_32(map, page_size, page_size, 0);
}

/*
 * Two mappings of the same pages would not be private. For anonymous memory the
 * kernel moves the pages from the old mapping, or refuses; a box refuses.
 */
TEST(private_pages_get_no_alias)
{
	const int aliasing = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
	const size_t size = PAGES * page_size;
	int box = box_new(64, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE | MAP_32BIT);
	bool runs_32 = in_child(try_mremap_32, map) != 256 + SIGSEGV;
	long before = committed_kb();

	if (!runs_32)
		TH_LOG("this kernel runs no 32-bit programs");
	pages_fill(map, PAGES, TAG);
	for (unsigned int i = 0; i < 100; i++) {
		EXPECT_EQ(MAP_FAILED, mremap(map, size, size, aliasing, NULL));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(MAP_FAILED, mremap(page_at(map, 2), 3 * page_size,
					     3 * page_size, aliasing, NULL));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(MAP_FAILED, mremap(map, 0, size, MREMAP_MAYMOVE));
		EXPECT_EQ(EINVAL, errno);
		/* The kernel rounds this size to 0 as well. */
		EXPECT_EQ(MAP_FAILED, mremap(map, -1, size, MREMAP_MAYMOVE));
		EXPECT_EQ(EINVAL, errno);
		if (!runs_32)
			continue;
		EXPECT_NE(0, mremap_32(map, 0, size, MREMAP_MAYMOVE));
		EXPECT_NE(0, mremap_32(map, size, size, aliasing));
	}
	/* Nothing stays committed after 600 attempts at 16 pages. */
	EXPECT_GT(1000, committed_kb() - before);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	EXPECT_EQ(PAGES, box_stats(box).pages);
	EXPECT_EQ(PAGES, box_stats(box).committed);

	/* It can still be moved, split and grown. */
	map = mremap(map, 4 * page_size, 8 * page_size, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(pages_hold(map, 4, TAG));
	EXPECT_EQ(0, mprotect(page_at(map, 2), page_size, PROT_READ));
	close(box);
}

/* A locked mapping that is refused stays locked, and counts once. */
TEST(locked_pages_get_no_alias)
{
	const int aliasing = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
	int box = box_new(64, 0);
	char *map = box_map(box, 4, MAP_PRIVATE);

	pages_fill(map, 4, TAG);
	ASSERT_EQ(0, mlock(map, 4 * page_size));
	EXPECT_EQ(MAP_FAILED,
		  mremap(map, 4 * page_size, 4 * page_size, aliasing, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(4 * page_size / 1024, smaps_kb(map, "Locked"));
	EXPECT_TRUE(pages_hold(map, 4, TAG));
	EXPECT_EQ(4, box_stats(box).frames_locked);
	unmap(map, 4);
	close(box);
}

/* Shared mappings can have any number of aliases, as with any file. */
TEST(shared_pages_get_aliases)
{
	int box = box_new(64, 0);
	char *map = box_map(box, 4, MAP_SHARED);
	char *alias;

	pages_fill(map, 4, TAG);
	alias = mremap(map, 0, 4 * page_size, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, alias);
	EXPECT_TRUE(pages_hold(alias, 4, TAG));
	page_fill(alias, TAG + 50);
	EXPECT_TRUE(page_holds(map, TAG + 50));
	unmap(alias, 4);
	EXPECT_TRUE(pages_hold(page_at(map, 1), 3, TAG + 1));
	close(box);
}

TEST_HARNESS_MAIN
