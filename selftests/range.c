// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEBOX_IOC_PREFETCH, _PAGE_OUT and _DISCARD: of the root view by offset, and
 * of a mapping by address.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/repeater.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 32
#define TAG 100

/* A box with a frame for every page, written through one mapping. */
FIXTURE(range)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(range)
{
	int flags;
};

FIXTURE_VARIANT_ADD(range, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(range, private){ .flags = MAP_PRIVATE };

FIXTURE_SETUP(range)
{
	self->box = box_new(2 * PAGES, 0);
	self->map = box_map(self->box, PAGES, variant->flags);
	pages_fill(self->map, PAGES, TAG);
}

FIXTURE_TEARDOWN(range)
{
	EXPECT_EQ(0, box_stats(self->box).io_errors);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	close(self->box);
}

static long prefetch(int box, const char *map, size_t pages)
{
	return map_range(box, PAGEBOX_IOC_PREFETCH, map, pages);
}

static long page_out(int box, const char *map, size_t pages)
{
	return map_range(box, PAGEBOX_IOC_PAGE_OUT, map, pages);
}

static long discard(int box, const char *map, size_t pages)
{
	return map_range(box, PAGEBOX_IOC_DISCARD, map, pages);
}

/* Page-out writes dirty pages once; they come back on access. */
TEST_F(range, page_out)
{
	struct pagebox_stats before = box_stats(self->box), now;

	EXPECT_EQ(10, page_out(self->box, page_at(self->map, 4), 10));
	now = box_stats(self->box);
	EXPECT_EQ(before.paged_out + 10, now.paged_out);
	EXPECT_EQ(before.swap_writes + 10, now.swap_writes);
	EXPECT_EQ(10, now.swap_used);
	EXPECT_EQ(PAGES - 10, now.frames_used);
	EXPECT_EQ(PAGES, now.pages);
	EXPECT_FAULTS(self->box, before, 0);
	EXPECT_EQ(0, page_out(self->box, page_at(self->map, 4), 10));
	EXPECT_EQ(PAGES - 10, page_out(self->box, self->map, PAGES));
	EXPECT_EQ(0, box_stats(self->box).frames_used);

	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_FAULTS(self->box, before, .swapin = PAGES);
	EXPECT_EQ(PAGES, box_stats(self->box).major);
}

/* A page that is unchanged since swap-in is not written again. */
TEST_F(range, page_out_of_clean_pages)
{
	struct pagebox_stats now;

	EXPECT_EQ(PAGES, page_out(self->box, self->map, PAGES));
	pages_touch(self->map, PAGES);
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, page_out(self->box, self->map, PAGES));
	EXPECT_EQ(now.swap_writes, box_stats(self->box).swap_writes);
	EXPECT_EQ(now.paged_out + PAGES, box_stats(self->box).paged_out);
	EXPECT_EQ(0, box_stats(self->box).frames_used);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
}

/* Prefetch brings pages into frames without mapping them. */
TEST_F(range, prefetch)
{
	struct pagebox_stats before, now;

	EXPECT_EQ(0, prefetch(self->box, self->map, PAGES));
	EXPECT_EQ(0, box_stats(self->box).prefetched);
	EXPECT_EQ(PAGES, page_out(self->box, self->map, PAGES));
	before = box_stats(self->box);
	EXPECT_EQ(5, prefetch(self->box, page_at(self->map, 3), 5));
	now = box_stats(self->box);
	EXPECT_EQ(5, now.prefetched);
	EXPECT_EQ(5, now.frames_used);
	EXPECT_EQ(before.swap_reads + 5, now.swap_reads);
	EXPECT_FAULTS(self->box, before, 0);
	EXPECT_EQ(PAGES - 5, prefetch(self->box, self->map, PAGES));
	EXPECT_EQ(PAGES, box_stats(self->box).prefetched);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(0, pagemap(page_at(self->map, i)) & PAGEMAP_PRESENT);

	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_FAULTS(self->box, before, .minor = PAGES);
	EXPECT_EQ(before.major, box_stats(self->box).major);
}

/* Untouched pages are skipped. */
TEST_F(range, prefetch_of_nothing)
{
	char *untouched =
		box_map_from(self->box, 2 * PAGES, PAGES, variant->flags);
	struct pagebox_stats before = box_stats(self->box), after;

	EXPECT_EQ(0, prefetch(self->box, untouched, PAGES));
	EXPECT_EQ(0, page_out(self->box, untouched, PAGES));
	EXPECT_EQ(0, discard(self->box, untouched, PAGES));
	after = box_stats(self->box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
}

/* Discarded pages are zero again, whether they were in frames or in swap. */
TEST_F(range, discard)
{
	struct pagebox_stats now;

	EXPECT_EQ(4, page_out(self->box, page_at(self->map, 6), 4));
	now = box_stats(self->box);
	EXPECT_EQ(8, discard(self->box, page_at(self->map, 4), 8));
	EXPECT_EQ(now.discarded + 8, box_stats(self->box).discarded);
	EXPECT_EQ(PAGES - 8, box_stats(self->box).pages);
	EXPECT_EQ(PAGES - 8, box_stats(self->box).frames_used);
	EXPECT_EQ(0, box_stats(self->box).swap_used);
	EXPECT_EQ(0, discard(self->box, page_at(self->map, 4), 8));

	now = box_stats(self->box);
	EXPECT_TRUE(pages_hold(self->map, 4, TAG));
	EXPECT_TRUE(pages_are_zero(page_at(self->map, 4), 8));
	EXPECT_TRUE(pages_hold(page_at(self->map, 12), PAGES - 12, TAG + 12));
	EXPECT_FAULTS(self->box, now, .zero = 8);
	pages_fill(page_at(self->map, 4), 8, 500);
	EXPECT_TRUE(pages_hold(page_at(self->map, 4), 8, 500));
}

/* A mapping split by mprotect() is still one mapping. */
TEST_F(range, split_mapping)
{
	ASSERT_EQ(0, mprotect(page_at(self->map, 5), 3 * page_size, PROT_READ));
	ASSERT_EQ(0, mprotect(page_at(self->map, 9), page_size, PROT_NONE));
	EXPECT_EQ(PAGES, page_out(self->box, self->map, PAGES));
	EXPECT_EQ(6, prefetch(self->box, page_at(self->map, 4), 6));
	EXPECT_EQ(PAGES, discard(self->box, self->map, PAGES));
	ASSERT_EQ(0, mprotect(self->map, PAGES * page_size, PROT_READ));
	EXPECT_TRUE(pages_are_zero(self->map, PAGES));
}

/* Locked pages keep their frames; the others of the range lose theirs. */
TEST_F(range, locked_pages_stay)
{
	stay_on_this_cpu();
	ASSERT_EQ(0, mlock(page_at(self->map, 2), 3 * page_size));
	EXPECT_EQ(3, box_stats(self->box).frames_locked);
	EXPECT_EQ(PAGES - 3, page_out(self->box, self->map, PAGES));
	EXPECT_EQ(3, box_stats(self->box).frames_used);
	for (size_t i = 2; i < 5; i++)
		EXPECT_NE(0, pagemap(page_at(self->map, i)) & PAGEMAP_PRESENT);
	ASSERT_EQ(0, munlock(page_at(self->map, 2), 3 * page_size));
	EXPECT_EQ(3, page_out(self->box, self->map, PAGES));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
}

/* So do pages held by a pipe; the pipe keeps their contents. */
TEST_F(range, pinned_pages_stay)
{
	struct iovec iov = { page_at(self->map, 2), 3 * page_size };
	char page[page_size];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(iov.iov_len, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(PAGES - 3, page_out(self->box, self->map, PAGES));
	EXPECT_EQ(3, box_stats(self->box).frames_used);
	EXPECT_EQ(3, box_stats(self->box).frames_pinned);
	for (size_t i = 0; i < 3; i++) {
		ASSERT_EQ(page_size, read(ends[0], page, page_size));
		EXPECT_TRUE(page_holds(page, TAG + 2 + i));
	}
	EXPECT_EQ(0, box_stats(self->box).frames_pinned);
	EXPECT_EQ(3, page_out(self->box, self->map, PAGES));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
}

/* A page discarded while a pipe holds it belongs to the pipe alone. */
TEST_F(range, discard_of_pinned_pages)
{
	struct iovec iov = { self->map, 3 * page_size };
	char page[page_size];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(iov.iov_len, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(3, discard(self->box, self->map, 3));
	EXPECT_TRUE(pages_are_zero(self->map, 3));
	pages_fill(self->map, PAGES, 500);
	for (size_t i = 0; i < 3; i++) {
		ASSERT_EQ(page_size, read(ends[0], page, page_size));
		EXPECT_TRUE(page_holds(page, TAG + i));
	}
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
}

enum { HOLDS_OLD, HOLDS_ZERO, DISCARD };

static int serve_range(void *context, int command)
{
	FIXTURE_DATA(range) *self = context;

	switch (command) {
	case HOLDS_OLD:
		return pages_hold(self->map, PAGES, TAG);
	case HOLDS_ZERO:
		return pages_are_zero(self->map, PAGES);
	default:
		return discard(self->box, self->map, PAGES);
	}
}

/*
 * A discard leaves the other sharers of a fork their pages; a shared mapping is
 * common to all.
 */
TEST_F(range, discard_after_fork)
{
	struct child child = child_fork(serve_range, self);
	bool private = variant->flags == MAP_PRIVATE;

	EXPECT_TRUE(child_ask(&child, HOLDS_OLD));
	EXPECT_EQ(PAGES, discard(self->box, self->map, PAGES));
	EXPECT_TRUE(pages_are_zero(self->map, PAGES));
	EXPECT_TRUE(child_ask(&child, private ? HOLDS_OLD : HOLDS_ZERO));
	if (private) {
		EXPECT_EQ(PAGES, child_ask(&child, DISCARD));
		EXPECT_TRUE(child_ask(&child, HOLDS_ZERO));
		EXPECT_EQ(2 * PAGES, box_stats(self->box).discarded);
	}
	child_end(&child);
}

/* Page-out by one sharer affects all, and keeps the contents for all. */
TEST_F(range, page_out_after_fork)
{
	struct child child = child_fork(serve_range, self);

	EXPECT_TRUE(child_ask(&child, HOLDS_OLD));
	EXPECT_EQ(PAGES, page_out(self->box, self->map, PAGES));
	EXPECT_EQ(0, box_stats(self->box).frames_used);
	EXPECT_TRUE(child_ask(&child, HOLDS_OLD));
	EXPECT_EQ(PAGES, box_stats(self->box).frames_used);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
	child_end(&child);
}

/* The pages of the root view that a private mapping shows belong to its range. */
TEST(private_over_root)
{
	int box = box_new(4 * PAGES, 0);
	char *shared = box_map(box, PAGES, MAP_SHARED);
	char *private = box_map(box, PAGES, MAP_PRIVATE);
	struct pagebox_stats now;

	pages_fill(shared, PAGES, TAG);
	pages_fill(private, PAGES / 2, 500);
	now = box_stats(box);
	EXPECT_EQ(PAGES + PAGES / 2, now.frames_used);

	EXPECT_EQ(PAGES, page_out(box, private, PAGES));
	EXPECT_EQ(PAGES / 2, box_stats(box).frames_used);
	EXPECT_EQ(PAGES / 2, page_out(box, shared, PAGES));
	EXPECT_EQ(0, box_stats(box).frames_used);
	EXPECT_EQ(PAGES, prefetch(box, private, PAGES));
	EXPECT_EQ(PAGES / 2, prefetch(box, shared, PAGES));

	/* Only its private pages can be discarded; the root's stay. */
	EXPECT_EQ(PAGES / 2, discard(box, private, PAGES));
	EXPECT_TRUE(pages_hold(private, PAGES, TAG));
	EXPECT_TRUE(pages_hold(shared, PAGES, TAG));
	EXPECT_EQ(PAGES, box_stats(box).pages);
	EXPECT_EQ(PAGES, discard(box, shared, PAGES));
	EXPECT_TRUE(pages_are_zero(private, PAGES));
}

/* Without addresses the range is in the root view, mapped or not. */
TEST(root_by_offset)
{
	int box = box_new(4 * PAGES, 0);
	char *shared = box_map(box, PAGES, MAP_SHARED);
	char *private = box_map(box, PAGES, MAP_PRIVATE);

	pages_fill(shared, PAGES, TAG);
	pages_fill(private, PAGES, 500);
	unmap(shared, PAGES);
	EXPECT_EQ(10, root_range(box, PAGEBOX_IOC_PAGE_OUT, 5, 10));
	EXPECT_EQ(2 * PAGES - 10, box_stats(box).frames_used);
	EXPECT_EQ(4, root_range(box, PAGEBOX_IOC_PREFETCH, 3, 6));
	EXPECT_EQ(2 * PAGES - 6, box_stats(box).frames_used);
	EXPECT_EQ(20, root_range(box, PAGEBOX_IOC_DISCARD, 0, 20));
	EXPECT_EQ(2 * PAGES - 20, box_stats(box).pages);
	EXPECT_TRUE(pages_hold(private, PAGES, 500));
	shared = box_map(box, PAGES, MAP_SHARED);
	EXPECT_TRUE(pages_are_zero(shared, 20));
	EXPECT_TRUE(pages_hold(page_at(shared, 20), PAGES - 20, TAG + 20));
}

/* A range can cover a whole terabyte; its existing pages are found. */
TEST(whole_box)
{
	size_t all = PAGEBOX_DEFAULT_SIZE / page_size;
	int box = box_new(64, 0);

	ASSERT_EQ(1, pwrite(box, "x", 1, 0));
	ASSERT_EQ(1, pwrite(box, "x", 1, PAGEBOX_DEFAULT_SIZE / 2));
	ASSERT_EQ(1, pwrite(box, "x", 1, PAGEBOX_DEFAULT_SIZE - 1));
	EXPECT_EQ(3, root_range(box, PAGEBOX_IOC_PAGE_OUT, 0, all));
	EXPECT_EQ(3, box_stats(box).swap_used);
	EXPECT_EQ(3, root_range(box, PAGEBOX_IOC_PREFETCH, 0, all));
	EXPECT_EQ(3, box_stats(box).frames_used);
	EXPECT_EQ(3, root_range(box, PAGEBOX_IOC_DISCARD, 0, all));
	EXPECT_EQ(0, box_stats(box).pages);
	EXPECT_EQ(0, box_stats(box).swap_used);
}

/* Prefetch reads from the store, up to its end. */
TEST(prefetch_from_a_store)
{
	int file = store_file(PAGES * page_size - 5, TAG);
	int box = box_new_store(2 * PAGES, file);
	char *map = box_map(box, PAGES + 4, MAP_SHARED);
	struct pagebox_stats before = box_stats(box);

	pages_touch(page_at(map, 3), 2);
	EXPECT_EQ(PAGES - 2, prefetch(box, map, PAGES + 4));
	EXPECT_EQ(PAGES - 2, box_stats(box).prefetched);
	EXPECT_EQ(PAGES, box_stats(box).store_reads);
	EXPECT_EQ(PAGES, box_stats(box).frames_used);
	EXPECT_FAULTS(box, before, .file = 2);
	EXPECT_TRUE(pages_hold(map, PAGES - 1, TAG));
	EXPECT_FAULTS(box, before, .file = 2, .minor = PAGES - 3);
	EXPECT_EQ(0, prefetch(box, page_at(map, PAGES), 4));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, PAGES)));
}

/* Prefetch of more than the frames stops early and does no harm. */
TEST(prefetch_of_more_than_fits)
{
	const unsigned int frames = 8;
	int box = box_new_store(frames, store_file(PAGES * page_size, TAG));
	char *map = box_map(box, PAGES, MAP_SHARED);
	long done = prefetch(box, map, PAGES);

	EXPECT_LE(frames, done);
	EXPECT_GE(PAGES, done);
	EXPECT_EQ(done, box_stats(box).prefetched);
	EXPECT_EQ(done, box_stats(box).store_reads);
	EXPECT_EQ(frames, box_stats(box).frames_used);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
}

/* With every frame locked, prefetch brings in nothing and is no error. */
TEST(prefetch_without_a_frame)
{
	const unsigned int frames = 8;
	int box = box_new_store(frames, store_file(PAGES * page_size, TAG));
	char *map = box_map(box, PAGES, MAP_SHARED);

	stay_on_this_cpu();
	ASSERT_EQ(0, mlock(map, frames * page_size));
	EXPECT_EQ(0, prefetch(box, page_at(map, frames), frames));
	EXPECT_EQ(0, prefetch(box, map, PAGES));
	EXPECT_EQ(0, box_stats(box).prefetched);
	EXPECT_TRUE(pages_hold(map, frames, TAG));
	ASSERT_EQ(0, munlock(map, frames * page_size));
	EXPECT_EQ(frames, prefetch(box, page_at(map, frames), frames));
}

/* Discard reverts to the store's contents: changes not yet written are lost. */
TEST(discard_to_a_store)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_store(2 * PAGES, file);
	char *map = box_map(box, PAGES, MAP_SHARED);
	char page[page_size];
	struct pagebox_stats now;

	pages_fill(map, PAGES, 500);
	ASSERT_EQ(0, msync(map, 4 * page_size, MS_SYNC));
	EXPECT_EQ(PAGES, discard(box, map, PAGES));
	now = box_stats(box);
	EXPECT_EQ(0, now.pages);
	EXPECT_EQ(0, now.frames_used);
	EXPECT_EQ(0, now.frames_dirty);
	EXPECT_TRUE(pages_hold(map, 4, 500));
	EXPECT_TRUE(pages_hold(page_at(map, 4), PAGES - 4, TAG + 4));
	EXPECT_FAULTS(box, now, .file = PAGES);
	ASSERT_EQ(page_size, pread(file, page, page_size, 4 * page_size));
	EXPECT_TRUE(page_holds(page, TAG + 4));
}

/* A private page over a store reverts to the root view, then to the store. */
TEST(discard_of_private_pages_over_a_store)
{
	int box = box_new_store(4 * PAGES, store_file(PAGES * page_size, TAG));
	char *shared = box_map(box, PAGES, MAP_SHARED);
	char *private = box_map(box, PAGES, MAP_PRIVATE);

	pages_fill(private, PAGES, 500);
	page_fill(page_at(shared, 3), 900);
	EXPECT_EQ(PAGES, discard(box, private, PAGES));
	EXPECT_TRUE(pages_hold(private, 3, TAG));
	EXPECT_TRUE(page_holds(page_at(private, 3), 900));
	EXPECT_TRUE(pages_hold(page_at(private, 4), PAGES - 4, TAG + 4));
	EXPECT_EQ(1, root_range(box, PAGEBOX_IOC_DISCARD, 3, 1));
	EXPECT_TRUE(pages_hold(private, PAGES, TAG));
}

/* A discarded page leaves the clock: it is no victim. */
TEST(frames_are_given_back)
{
	const unsigned int frames = 8;
	int box = box_new(frames, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats now;

	pages_fill(map, frames, TAG);
	EXPECT_EQ(4, discard(box, page_at(map, 2), 4));
	now = box_stats(box);
	pages_fill(page_at(map, frames), 4, TAG + frames);
	EXPECT_EQ(now.evict_dirty, box_stats(box).evict_dirty);
	EXPECT_EQ(now.evict_clean, box_stats(box).evict_clean);
	EXPECT_EQ(frames, box_stats(box).frames_used);
	EXPECT_TRUE(pages_hold(map, 2, TAG));
	EXPECT_TRUE(pages_are_zero(page_at(map, 2), 4));
}

/* --- errors --- */

static int range_error(int box, unsigned long request,
		       struct pagebox_range range)
{
	range.size = sizeof(range);
	return ioctl(box, request, &range) ? errno : 0;
}

static const unsigned long requests[] = {
	PAGEBOX_IOC_PREFETCH,
	PAGEBOX_IOC_PAGE_OUT,
	PAGEBOX_IOC_DISCARD,
};

/* Empty ranges, and ranges past the end of the box. */
TEST(bounds)
{
	const uint64_t end = PAGES * page_size;
	const struct pagebox_range bad[] = {
		{ .start = 0, .length = 0 },
		{ .start = 1, .length = page_size },
		{ .start = 0, .length = 1 },
		{ .start = 0, .length = page_size + 1 },
		{ .start = 0, .length = end + page_size },
		{ .start = end, .length = page_size },
		{ .start = end - page_size, .length = 2 * page_size },
		{ .start = page_size, .length = -page_size },
		{ .start = -page_size, .length = page_size },
		{ .start = -page_size, .length = 2 * page_size },
		{ .start = 1ULL << 63, .length = 1ULL << 63 },
	};
	int box = box_new(8, PAGES);
	struct pagebox_stats before, after;

	pages_fill(box_map(box, PAGES, MAP_SHARED), 4, TAG);
	before = box_stats(box);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			EXPECT_EQ(EINVAL, range_error(box, requests[i], bad[j]))
			TH_LOG("request %zu, range %zu", i, j);
		}
	}
	after = box_stats(box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
}

/* Addresses of which none, or not all, are pages of this box. */
TEST(addresses)
{
	int box = box_new(8, PAGES), other = box_new(8, PAGES);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	char *foreign = box_map(other, PAGES, MAP_PRIVATE);
	const struct pagebox_range outside[] = {
		{ .start = (uintptr_t)foreign, .length = page_size },
		{ .start = 0, .length = page_size },
		{ .start = (uintptr_t)map + 4 * page_size,
		  .length = page_size },
		{ .start = (uintptr_t)map, .length = 5 * page_size },
		{ .start = (uintptr_t)map + 2 * page_size,
		  .length = PAGES * page_size },
	};
	const struct pagebox_range bad[] = {
		{ .start = (uintptr_t)map, .length = 0 },
		{ .start = (uintptr_t)map + 8, .length = page_size },
		{ .start = (uintptr_t)map, .length = page_size - 8 },
		{ .start = (uintptr_t)map, .length = -page_size },
	};

	pages_fill(foreign, 4, TAG);
	pages_fill(map, PAGES, TAG);
	unmap(page_at(map, 4), 1);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(outside); j++) {
			struct pagebox_range range = outside[j];

			range.flags = PAGEBOX_RANGE_ADDRESS;
			EXPECT_EQ(ENOENT, range_error(box, requests[i], range))
			TH_LOG("request %zu, range %zu", i, j);
		}
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			struct pagebox_range range = bad[j];

			range.flags = PAGEBOX_RANGE_ADDRESS;
			EXPECT_EQ(EINVAL, range_error(box, requests[i], range))
			TH_LOG("request %zu, range %zu", i, j);
		}
	}
	EXPECT_TRUE(pages_hold(foreign, 4, TAG));
	EXPECT_TRUE(pages_hold(map, 4, TAG));
	EXPECT_TRUE(pages_hold(page_at(map, 5), PAGES - 5, TAG + 5));
}

/* A read-only fd cannot discard; prefetch and page-out only need read access. */
TEST(read_only_fd)
{
	int reader = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);
	int box = box_new(8, 0), joined;
	char *map = box_map(box, 4, MAP_SHARED);

	ASSERT_LE(0, reader);
	joined = box_join(reader, box_info(box).id);
	ASSERT_LE(0, joined);
	pages_fill(map, 4, TAG);
	EXPECT_EQ(-EBADF, root_range(joined, PAGEBOX_IOC_DISCARD, 0, 4));
	EXPECT_EQ(-EBADF, map_range(joined, PAGEBOX_IOC_DISCARD, map, 4));
	EXPECT_EQ(4, root_range(joined, PAGEBOX_IOC_PAGE_OUT, 0, 4));
	EXPECT_EQ(4, root_range(joined, PAGEBOX_IOC_PREFETCH, 0, 4));
	EXPECT_TRUE(pages_hold(map, 4, TAG));
	EXPECT_EQ(0, box_stats(box).discarded);
}

/* --- ranges under concurrent load --- */

/*
 * Pages are paged out, prefetched and paged out until the thread has done a few
 * rounds.
 */
static bool moved_about(struct repeater *writer)
{
	map_range(writer->box, PAGEBOX_IOC_PAGE_OUT, writer->map, PAGES);
	map_range(writer->box, PAGEBOX_IOC_PREFETCH, writer->map, PAGES);
	root_range(writer->box, PAGEBOX_IOC_PAGE_OUT, 0, 3 * PAGES);
	return repeater_rounds(writer) >= reduced(6);
}

/* Pages are prefetched and paged out while a program writes them. */
TEST(under_load)
{
	int box = box_new(PAGES + 4, 0);
	struct repeater writer[2];

	repeater_start(&writer[0], write_and_check, box,
		       box_map(box, PAGES, MAP_SHARED), PAGES);
	repeater_start(&writer[1], write_and_check, box,
		       box_map_from(box, PAGES, PAGES, MAP_PRIVATE), PAGES);
	for (int i = 0; i < 2; i++)
		EXPECT_TRUE(eventually(moved_about(&writer[i])));
	for (int i = 0; i < 2; i++)
		EXPECT_TRUE(repeater_end(&writer[i]));
	EXPECT_LT(0, box_stats(box).paged_out);
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* Discards its pages: each time they must be zero. */
static bool discard_and_check(struct repeater *dropper, unsigned int round)
{
	pages_fill(dropper->map, PAGES, 500);
	return discard(dropper->box, dropper->map, PAGES) == PAGES &&
	       pages_are_zero(dropper->map, PAGES) &&
	       discard(dropper->box, dropper->map, PAGES) >= 0;
}

static int serve_pages(void *map, int command)
{
	if (!command)
		return pages_hold(map, PAGES, TAG);
	pages_fill(map, PAGES, TAG);
	return 0;
}

/* Pages are discarded next to others in use, and by one of two sharers. */
TEST(discard_under_load)
{
	int box = box_new(PAGES / 2, 0);
	char *map = box_map_from(box, PAGES, PAGES, MAP_PRIVATE);
	struct repeater keeper, dropper;
	struct child child;

	pages_fill(map, PAGES, TAG);
	child = child_fork(serve_pages, map);
	repeater_start(&keeper, write_and_check, box,
		       box_map(box, PAGES, MAP_PRIVATE), PAGES);
	repeater_start(&dropper, discard_and_check, box, map, PAGES);
	for (unsigned int round = 0; round < reduced(10); round++) {
		EXPECT_TRUE(child_ask(&child, 0));
		child_ask(&child, 1);
	}
	EXPECT_TRUE(eventually(moved_about(&keeper)));
	EXPECT_TRUE(eventually(moved_about(&dropper)));
	EXPECT_TRUE(repeater_end(&keeper));
	EXPECT_TRUE(repeater_end(&dropper));
	EXPECT_TRUE(child_ask(&child, 0));
	child_end(&child);
	unmap(map, PAGES);
	EXPECT_EQ(PAGES, box_stats(box).pages);
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* --- a model --- */

#define MAPS 3 /* one shared and two private ones */

FIXTURE(model)
{
	int box;
	char *map[MAPS];
	char *plain;
	uint64_t seed;
	uint64_t stored[PAGES];
	uint64_t tag[MAPS][PAGES];
	bool own[MAPS][PAGES];
};

FIXTURE_VARIANT(model)
{
	bool store;
	bool writable;
};

FIXTURE_VARIANT_ADD(model, no_store){ .store = false };
FIXTURE_VARIANT_ADD(model, read_only_store){ .store = true };
FIXTURE_VARIANT_ADD(model, writable_store){ .store = true, .writable = true };

FIXTURE_SETUP(model)
{
	char path[64];
	int file = store_file(PAGES * page_size, TAG);

	self->seed = 0x5eed + variant->store + variant->writable;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (variant->store)
		self->box = box_new_store(
			6, variant->writable ? file : open(path, O_RDONLY));
	else
		self->box = box_new(6, PAGES);
	for (int i = 0; i < MAPS; i++)
		self->map[i] =
			box_map(self->box, PAGES, i ? MAP_PRIVATE : MAP_SHARED);
	for (size_t page = 0; page < PAGES; page++) {
		self->stored[page] = variant->store ? TAG + page : 0;
		self->tag[0][page] = self->stored[page];
	}
	self->plain = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->plain);
}

FIXTURE_TEARDOWN(model)
{
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, box_stats(self->box).io_errors);
	close(self->box);
}

/* The expected tag of a page in a mapping. */
static uint64_t model_tag(const FIXTURE_DATA(model) * self, int map,
			  size_t page)
{
	return self->tag[self->own[map][page] ? map : 0][page];
}

static bool model_holds(FIXTURE_DATA(model) * self, int map, size_t page)
{
	return page_holds(page_at(self->map[map], page),
			  model_tag(self, map, page));
}

/* A page of the root view, read or written through the file. */
static bool model_file(FIXTURE_DATA(model) * self, size_t page, bool write,
		       uint64_t tag)
{
	off_t at = page * page_size;

	if (write) {
		page_fill(self->plain, tag);
		self->tag[0][page] = tag;
		return pwrite(self->box, self->plain, page_size, at) ==
		       (ssize_t)page_size;
	}
	return pread(self->box, self->plain, page_size, at) ==
		       (ssize_t)page_size &&
	       page_holds(self->plain, self->tag[0][page]);
}

/* After this, the store equals the root view. */
static void model_sync(FIXTURE_DATA(model) * self)
{
	if (fsync(self->box))
		die("fsync");
	memcpy(self->stored, self->tag[0], sizeof(self->stored));
}

/*
 * Discards some pages of one mapping. Eviction may have written any of them
 * back to a writable store, so all are written first.
 */
static bool model_discard(FIXTURE_DATA(model) * self, bool writable, int map,
			  size_t first, size_t pages)
{
	if (writable)
		model_sync(self);
	for (size_t i = first; i < first + pages; i++) {
		self->own[map][i] = false;
		if (!map)
			self->tag[0][i] = self->stored[i];
	}
	return discard(self->box, page_at(self->map[map], first), pages) >= 0;
}

/* Another limit, policy or swap area. */
static bool model_configure(FIXTURE_DATA(model) * self)
{
	static const char policies[][PAGEBOX_NAME_LEN] = { "clock", "fifo",
							   "random", "lru" };
	struct pagebox_config config = {
		.set = rnd(&self->seed) % 2 ?
			       PAGEBOX_SET_FRAMES :
			       PAGEBOX_SET_POLICY | PAGEBOX_SET_READAHEAD |
				       PAGEBOX_SET_SWAPPINESS,
		.frames = 2 + rnd(&self->seed) % PAGES,
		.readahead = rnd(&self->seed) % 8,
		.swappiness = rnd(&self->seed) % 201,
	};

	memcpy(config.policy, policies[rnd(&self->seed) % 4],
	       sizeof(config.policy));
	if (rnd(&self->seed) % 4)
		return !configure_error(self->box, config);
	config.set = PAGEBOX_SET_SWAP;
	config.swap_fd = rnd(&self->seed) % 2 ?
				 store_file(MAPS * PAGES * page_size, 1) :
				 PAGEBOX_FD_RAM;
	if (configure_error(self->box, config))
		return false;
	return config.swap_fd < 0 || !close(config.swap_fd);
}

static bool model_step(FIXTURE_DATA(model) * self, bool writable, uint64_t tag)
{
	int map = rnd(&self->seed) % MAPS;
	size_t page = rnd(&self->seed) % PAGES;
	size_t pages = 1 + rnd(&self->seed) % (PAGES - page);
	char *at = page_at(self->map[map], page);

	switch (rnd(&self->seed) % 16) {
	case 0 ... 4:
		self->tag[map][page] = tag;
		self->own[map][page] = true;
		page_fill(at, tag);
		return true;
	case 5:
		return model_file(self, page, true, tag);
	case 6:
		return model_file(self, page, false, 0);
	case 7:
		return prefetch(self->box, at, pages) >= 0;
	case 8:
		return page_out(self->box, at, pages) >= 0;
	case 9:
		return root_range(self->box, PAGEBOX_IOC_PAGE_OUT, page,
				  pages) >= 0;
	case 10:
		return model_discard(self, writable, map, page,
				     1 + pages % 4 < pages ? 1 + pages % 4 :
							     pages);
	case 11:
		return model_configure(self);
	default:
		return model_holds(self, map, page);
	}
}

/* After any sequence of operations, each page has the expected contents. */
TEST_F(model, random_operations)
{
	for (int step = 0; step < (int)sized(1500, 15000); step++) {
		ASSERT_TRUE(model_step(self, variant->writable, step + 2000))
		TH_LOG("step %d", step);
	}
	for (int map = 0; map < MAPS; map++)
		for (size_t page = 0; page < PAGES; page++)
			ASSERT_TRUE(model_holds(self, map, page));
}

TEST_HARNESS_MAIN
