// SPDX-License-Identifier: GPL-2.0
/*
 * The swap area: in memory or in a file, bounded, shared over fork, and
 * replaced while the box is used.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/load.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES ((size_t)(small_size() ? 4 : 8))
#define PAGES ((size_t)(small_size() ? 16 : 64))
#define IN_SWAP (PAGES - FRAMES)
#define SLOTS (2 * PAGES)

/* A memfd of @slots pages, which are not allocated yet. */
static int swap_file(size_t slots)
{
	int fd = memfd_create("swap", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, slots * page_size))
		die("cannot make a swap file");
	return fd;
}

/* A box that swaps to @fd, with at most @slots slots (0: no bound). */
static int box_new_swap(unsigned int frames, int fd, unsigned int slots)
{
	return box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP,
		.frames = frames,
		.swap_fd = fd,
		.swap_pages = slots,
	});
}

/* The number of patterns of @tag to @tag + @pages - 1 in the file. */
static size_t patterns_in_file(int file, size_t slots, size_t pages,
			       uint64_t tag)
{
	uint64_t page[page_size / sizeof(uint64_t)];
	uint64_t expected[page_size / sizeof(uint64_t)];
	size_t count = 0;

	for (size_t slot = 0; slot < slots; slot++) {
		if (pread(file, page, page_size, slot * page_size) !=
		    (ssize_t)page_size)
			die("cannot read slot %zu", slot);
		for (size_t i = 0; i < pages; i++) {
			page_fill(expected, tag + i);
			count += !memcmp(page, expected, page_size);
		}
	}
	return count;
}

FIXTURE(area)
{
	int fd;
	int box;
	char *map;
};

FIXTURE_VARIANT(area)
{
	enum pagebox_backend kind;
	bool tmpfs;
	int flags;
};

FIXTURE_VARIANT_ADD(area, ram_shared){ .kind = PAGEBOX_BACKEND_RAM,
				       .flags = MAP_SHARED };

FIXTURE_VARIANT_ADD(area, ram_private){ .kind = PAGEBOX_BACKEND_RAM,
					.flags = MAP_PRIVATE };

FIXTURE_VARIANT_ADD(area, memfd_shared){ .kind = PAGEBOX_BACKEND_FILE,
					 .flags = MAP_SHARED };

FIXTURE_VARIANT_ADD(area, memfd_private){ .kind = PAGEBOX_BACKEND_FILE,
					  .flags = MAP_PRIVATE };

FIXTURE_VARIANT_ADD(area, tmpfs_private){
	.kind = PAGEBOX_BACKEND_FILE,
	.tmpfs = true,
	.flags = MAP_PRIVATE,
};

FIXTURE_SETUP(area)
{
	if (variant->kind == PAGEBOX_BACKEND_RAM)
		self->fd = PAGEBOX_FD_RAM;
	else if (variant->tmpfs)
		self->fd = tmpfs_file(tmpfs_new(SLOTS), "swap", SLOTS);
	else
		self->fd = swap_file(SLOTS);
	self->box = box_new_swap(FRAMES, self->fd, PAGES);
	self->map = box_map(self->box, PAGES, variant->flags);
}

NO_TEARDOWN(area);

/* Pages go to slots and come back, and each step is counted. */
TEST_F(area, contents_and_counters)
{
	struct pagebox_stats now;

	EXPECT_EQ(variant->kind, box_info(self->box).swap_kind);
	EXPECT_EQ(PAGES, box_info(self->box).swap_pages);
	pages_fill(self->map, PAGES, 1);
	now = box_stats(self->box);
	EXPECT_EQ(IN_SWAP, now.evict_dirty);
	EXPECT_EQ(IN_SWAP, now.swap_writes);
	EXPECT_EQ(IN_SWAP, now.swap_used);
	EXPECT_EQ(IN_SWAP, now.swap_high);
	EXPECT_EQ(0, now.swap_reads);

	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_FAULTS(self->box, now, .swapin = PAGES);
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, now.swap_reads);
	EXPECT_EQ(PAGES, now.swap_writes);
	EXPECT_EQ(PAGES, now.swap_used);
	EXPECT_EQ(PAGES, now.swap_high);
	EXPECT_EQ(0, now.store_writes);
	EXPECT_EQ(0, now.io_errors);
}

/* The file holds each of them once. */
TEST_F(area, pages_are_there)
{
	pages_fill(self->map, PAGES, 1);
	if (variant->kind == PAGEBOX_BACKEND_FILE)
		EXPECT_EQ(IN_SWAP, patterns_in_file(self->fd, PAGES, PAGES, 1));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	if (variant->kind == PAGEBOX_BACKEND_FILE)
		EXPECT_EQ(PAGES, patterns_in_file(self->fd, PAGES, PAGES, 1));
}

/* Freed slots are reused; the high-water mark stays. */
TEST_F(area, slots_are_used_again)
{
	for (int round = 0; round < (int)reduced(6); round++) {
		char *map = box_map_from(self->box, PAGES, PAGES, MAP_PRIVATE);

		EXPECT_TRUE(pages_are_zero(map, PAGES));
		pages_fill(map, PAGES, 1000 * round + 1);
		EXPECT_TRUE(pages_hold(map, PAGES, 1000 * round + 1));
		EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
		unmap(map, PAGES);
		EXPECT_EQ(0, box_stats(self->box).swap_used);
		EXPECT_EQ(PAGES, box_stats(self->box).swap_high);
	}
}

/* Another area of the same kind; the current one would be refused. */
static int other_area(const FIXTURE_VARIANT(area) * variant)
{
	return variant->kind == PAGEBOX_BACKEND_RAM ? PAGEBOX_FD_RAM :
						      swap_file(SLOTS);
}

static int serve_hold(void *context, int tag)
{
	return pages_hold(*(char **)context, PAGES, tag);
}

static int fill_inherited(void *context)
{
	char *map = *(char **)context;

	if (!pages_hold(map, PAGES, 1))
		return 1;
	pages_fill(map, PAGES / 4, 500);
	return !pages_hold(map, PAGES / 4, 500);
}

/* fork() takes no slots: both views share them until one writes. */
TEST_F(area, fork_shares_slots)
{
	struct pagebox_stats before;
	struct child child;
	char *map;

	ASSERT_EQ(0, swap_error(self->box, other_area(variant), SLOTS));
	map = box_map_from(self->box, PAGES, PAGES, MAP_PRIVATE);
	pages_fill(map, PAGES, 1);
	before = box_stats(self->box);
	child = child_fork(serve_hold, &map);
	EXPECT_EQ(before.swap_used, box_stats(self->box).swap_used);
	EXPECT_TRUE(child_ask(&child, 1));
	EXPECT_GE(PAGES, box_stats(self->box).swap_used);
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
	child_end(&child);

	EXPECT_EQ(0, in_child(fill_inherited, &map));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_GE(PAGES, box_stats(self->box).swap_used);
	unmap(map, PAGES);
	EXPECT_EQ(0, box_stats(self->box).swap_used);
}

/* No page is lost with just enough slots, and with one too few. */
TEST_F(area, bounded)
{
	const size_t slots = PAGES / 4, pages = FRAMES + slots;

	ASSERT_EQ(0, swap_error(self->box, other_area(variant), slots));
	EXPECT_EQ(slots, box_info(self->box).swap_pages);
	pages_fill(self->map, pages, 1);
	EXPECT_EQ(slots, box_stats(self->box).swap_used);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, pages)));
	EXPECT_EQ(1, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(slots, box_stats(self->box).swap_used);
	EXPECT_EQ(slots, box_stats(self->box).swap_high);

	ASSERT_EQ(0, swap_error(self->box, swap_file(PAGES), 0));
	EXPECT_TRUE(pages_hold(self->map, pages, 1));
	pages_fill(self->map, pages + 1, 500);
	EXPECT_TRUE(pages_hold(self->map, pages + 1, 500));
}

/* One spare slot suffices to access and write all pages. */
TEST_F(area, one_slot_to_spare)
{
	const size_t slots = PAGES / 4, pages = FRAMES + slots - 1;

	ASSERT_EQ(0, swap_error(self->box, other_area(variant), slots));
	pages_fill(self->map, pages, 1);
	EXPECT_TRUE(pages_hold(self->map, pages, 1));
	pages_fill(self->map, pages, 500);
	EXPECT_TRUE(pages_hold(self->map, pages, 500));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(slots, box_stats(self->box).swap_high);
}

/* A new area takes over the pages, wherever they are. */
TEST_F(area, exchange)
{
	int other = swap_file(PAGES);

	pages_fill(self->map, PAGES, 1);
	EXPECT_TRUE(pages_hold(self->map, PAGES / 2, 1));
	for (int round = 1; round <= 3; round++) {
		ASSERT_EQ(0, swap_error(self->box, other, 0));
		EXPECT_EQ(PAGEBOX_BACKEND_FILE, box_info(self->box).swap_kind);
		EXPECT_EQ(PAGES, box_info(self->box).swap_pages);
		EXPECT_LE(IN_SWAP, box_stats(self->box).swap_used);
		EXPECT_TRUE(pages_hold(self->map, PAGES, round));

		ASSERT_EQ(0, swap_error(self->box, self->fd, PAGES));
		EXPECT_EQ(variant->kind, box_info(self->box).swap_kind);
		/* The old area is not needed any more. */
		ASSERT_EQ(0, ftruncate(other, 0));
		ASSERT_EQ(0, ftruncate(other, PAGES * page_size));
		EXPECT_TRUE(pages_hold(self->map, PAGES, round));
		pages_fill(self->map, PAGES, round + 1);
	}
	EXPECT_TRUE(pages_hold(self->map, PAGES, 4));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/* An area cannot be removed while its pages have no other place. */
TEST_F(area, no_room_elsewhere)
{
	struct pagebox_stats now;

	pages_fill(self->map, PAGES, 1);
	EXPECT_EQ(ENOMEM, swap_error(self->box, PAGEBOX_FD_NONE, 0));
	EXPECT_EQ(ENOMEM, swap_error(self->box, swap_file(4), 0));
	EXPECT_EQ(ENOMEM, swap_error(self->box, PAGEBOX_FD_RAM, 4));
	EXPECT_EQ(variant->kind, box_info(self->box).swap_kind);
	EXPECT_EQ(PAGES, box_info(self->box).swap_pages);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	pages_fill(self->map, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
	now = box_stats(self->box);
	EXPECT_EQ(0, now.faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_GE(PAGES, now.swap_used);
	EXPECT_EQ(PAGES, now.pages);
}

/* With frames for all pages it can: they are read into memory. */
TEST_F(area, none)
{
	struct pagebox_stats now;

	pages_fill(self->map, PAGES, 1);
	box_set_frames(self->box, 2 * PAGES);
	ASSERT_EQ(0, swap_error(self->box, PAGEBOX_FD_NONE, 0));
	EXPECT_EQ(PAGEBOX_BACKEND_NONE, box_info(self->box).swap_kind);
	EXPECT_EQ(0, box_info(self->box).swap_pages);
	now = box_stats(self->box);
	EXPECT_EQ(0, now.swap_used);
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_EQ(now.major, box_stats(self->box).major);
	ASSERT_EQ(0, swap_error(self->box, self->fd, PAGES));
	pages_fill(self->map, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
}

/*
 * The current area set again with another bound: whether accepted or refused,
 * pages do not overwrite each other.
 */
TEST_F(area, same_area_again)
{
	pages_fill(self->map, PAGES, 1);
	EXPECT_TRUE(pages_hold(page_at(self->map, 10), 5, 11));
	for (int round = 0; round < 3; round++) {
		swap_error(self->box, self->fd, PAGES - round % 2);
		EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	}
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/* munmap() frees the slots of its pages at once. */
TEST_F(area, munmap_of_a_part)
{
	char *map = box_map_from(self->box, PAGES, PAGES, MAP_PRIVATE);

	pages_fill(map, PAGES, 1);
	unmap(map, PAGES - 4);
	EXPECT_GE(4, box_stats(self->box).swap_used);
	EXPECT_EQ(4, box_stats(self->box).pages);
	EXPECT_TRUE(pages_hold(page_at(map, PAGES - 4), 4, 1 + PAGES - 4));
}

FIXTURE(load)
{
	int area[3];
	int box;
	struct load load;
};

/* Two processes that always need pages from swap. */
FIXTURE_SETUP(load)
{
	self->area[0] = swap_file(6 * PAGES);
	self->area[1] = swap_file(6 * PAGES);
	self->area[2] = PAGEBOX_FD_RAM;
	self->box = box_new_swap(FRAMES, self->area[0], 0);
	load_start(&self->load, self->box, PAGES);
}

NO_TEARDOWN(load);

/* seconds, for a debug kernel */
#define PATIENCE 240

/* The area is exchanged repeatedly, and they read only their own writes. */
TEST_F_TIMEOUT(load, exchange, PATIENCE)
{
	unsigned int rounds = sized(12, 24);
	struct pagebox_stats now;

	for (unsigned int round = 1; round <= rounds; round++) {
		ASSERT_TRUE(load_goes_on(&self->load));
		ASSERT_EQ(0, swap_error(self->box, self->area[round % 3], 0));
	}
	EXPECT_TRUE(load_goes_on(&self->load));
	EXPECT_TRUE(load_end(&self->load));
	EXPECT_TRUE(pages_become(self->box, PAGES));
	now = box_stats(self->box);
	EXPECT_EQ(0, now.faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, now.io_errors);
	EXPECT_GE(PAGES, now.swap_used);
}

/* A bound below the area's size, and one above it. */
TEST(as_many_slots_as_there_are)
{
	int box = box_new_swap(FRAMES, swap_file(10), 0);

	EXPECT_EQ(10, box_info(box).swap_pages);
	ASSERT_EQ(0, swap_error(box, swap_file(10), 7));
	EXPECT_EQ(7, box_info(box).swap_pages);
	ASSERT_EQ(0, swap_error(box, swap_file(10), 20));
	EXPECT_EQ(10, box_info(box).swap_pages);
	ASSERT_EQ(0, swap_error(box, PAGEBOX_FD_RAM, 7));
	EXPECT_EQ(7, box_info(box).swap_pages);
}

/*
 * A swap file that cannot be written because its file system is full: its pages
 * stay in memory and an access that needs a frame raises SIGBUS. With free
 * space again, the box continues.
 */
TEST(full_file_system)
{
	int tmpfs = tmpfs_new(20);
	int ballast = tmpfs_file(tmpfs, "ballast", 16);
	int box = box_new_swap(FRAMES, tmpfs_file(tmpfs, "swap", 20), 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	ASSERT_EQ(0, posix_fallocate(ballast, 0, 16 * page_size));
	pages_fill(map, FRAMES + 4, 1);
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, FRAMES + 4)));
	EXPECT_LT(0, box_stats(box).io_errors);
	EXPECT_EQ(1, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(4, box_stats(box).swap_used);
	EXPECT_EQ(FRAMES, box_stats(box).frames_used);

	ASSERT_EQ(0, ftruncate(ballast, 0));
	pages_fill(page_at(map, FRAMES + 4), 8, 1 + FRAMES + 4);
	EXPECT_TRUE(pages_hold(map, FRAMES + 12, 1));
	EXPECT_EQ(1, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* A page whose slot was truncated raises SIGBUS instead of reading as zeroes. */
TEST(truncated_file)
{
	int file = swap_file(PAGES);
	int box = box_new_swap(FRAMES, file, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	pages_fill(map, PAGES, 1);
	ASSERT_EQ(0, ftruncate(file, 0));
	EXPECT_EQ(SIGBUS, signal_of_read(map));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, 1)));
	EXPECT_LE(2, box_stats(box).io_errors);
	EXPECT_EQ(2, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* A swap file belongs to one box, and is free after the box is destroyed. */
TEST(file_is_let_go)
{
	int tmpfs = tmpfs_new(PAGES);
	int file = tmpfs_file(tmpfs, "swap", PAGES);
	int box = box_new_swap(FRAMES, file, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	pages_fill(map, PAGES, 1);
	unmap(map, PAGES);
	close(box);
	box = box_new_swap(FRAMES, file, 0);
	map = box_map(box, PAGES, MAP_PRIVATE);
	EXPECT_TRUE(pages_are_zero(map, PAGES));
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
}

TEST_HARNESS_MAIN
