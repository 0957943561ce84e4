// SPDX-License-Identifier: GPL-2.0
/*
 * Strict overcommit: a box commits no more pages than its frames and its swap
 * area can hold, whatever happens to the mappings.
 */

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 24
#define SLOTS 41
/* One slot is kept free, as the exchange of pages needs it. */
#define ROOM (FRAMES + SLOTS - 1)

static int box_new_strict(int store)
{
	return box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP |
		       PAGEBOX_SET_OVERCOMMIT | PAGEBOX_SET_STORE,
		.frames = FRAMES,
		.swap_fd = PAGEBOX_FD_RAM,
		SLOTS,
		.overcommit = PAGEBOX_OVERCOMMIT_NEVER,
		.store_fd = store,
	});
}

static char *try_map(int box, size_t pages, int flags)
{
	return mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, flags, box,
		    0);
}

/* The errno of mmap(); 0 if it succeeded and was unmapped again. */
static int map_error(int box, size_t pages, int flags)
{
	char *map = try_map(box, pages, flags);

	if (map == MAP_FAILED)
		return errno;
	unmap(map, pages);
	return 0;
}

/* @pages pages are committed, and exactly the rest is available. */
static void expect_committed(struct __test_metadata *_metadata, int box,
			     size_t pages)
{
	EXPECT_EQ(pages, box_stats(box).committed);
	if (pages < ROOM)
		EXPECT_EQ(0, map_error(box, ROOM - pages, MAP_PRIVATE));
	EXPECT_EQ(ENOMEM, map_error(box, ROOM - pages + 1, MAP_PRIVATE));
	EXPECT_EQ(pages, box_stats(box).committed);
}

FIXTURE(strict)
{
	int box;
};

FIXTURE_SETUP(strict)
{
	self->box = box_new_strict(PAGEBOX_FD_NONE);
	ASSERT_EQ(0, box_stats(self->box).committed);
}

NO_TEARDOWN(strict);

/* A mapping is refused if the box could not hold it. */
TEST_F(strict, mmap)
{
	char *map;

	expect_committed(_metadata, self->box, 0);
	map = box_map(self->box, ROOM, MAP_PRIVATE);
	expect_committed(_metadata, self->box, ROOM);
	pages_fill(map, ROOM, 1);
	EXPECT_TRUE(pages_hold(map, ROOM, 1));
	pages_fill(map, ROOM, 2);
	EXPECT_TRUE(pages_hold(map, ROOM, 2));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	unmap(map, ROOM);
	expect_committed(_metadata, self->box, 0);
}

/* Pages of the root view without a store need frames and swap, too. */
TEST_F(strict, shared)
{
	char *map;

	EXPECT_EQ(ENOMEM, map_error(self->box, ROOM + 1, MAP_SHARED));
	map = box_map(self->box, ROOM, MAP_SHARED);
	expect_committed(_metadata, self->box, ROOM);
	pages_fill(map, ROOM, 1);
	EXPECT_TRUE(pages_hold(map, ROOM, 1));
	pages_fill(map, ROOM, 2);
	EXPECT_TRUE(pages_hold(map, ROOM, 2));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	unmap(map, ROOM);
	expect_committed(_metadata, self->box, 0);
}

/* The sum of several mappings counts. */
TEST_F(strict, several)
{
	char *map[4];

	for (int i = 0; i < 4; i++) {
		map[i] = box_map(self->box, 10, MAP_PRIVATE);
		expect_committed(_metadata, self->box, 10 * (i + 1));
	}
	unmap(map[2], 10);
	expect_committed(_metadata, self->box, 30);
	unmap(map[0], 10);
	unmap(map[3], 10);
	unmap(map[1], 10);
	expect_committed(_metadata, self->box, 0);
}

/* munmap() of either end or the middle returns the pages. */
TEST_F(strict, munmap_of_a_part)
{
	char *map = box_map(self->box, 40, MAP_PRIVATE);

	unmap(map, 4);
	expect_committed(_metadata, self->box, 36);
	unmap(page_at(map, 30), 10);
	expect_committed(_metadata, self->box, 26);
	unmap(page_at(map, 10), 5);
	expect_committed(_metadata, self->box, 21);
	pages_fill(page_at(map, 4), 6, 1);
	pages_fill(page_at(map, 15), 15, 100);
	EXPECT_TRUE(pages_hold(page_at(map, 4), 6, 1));
	unmap(map, 40);
	expect_committed(_metadata, self->box, 0);
}

/* Splitting and merging VMAs by mprotect() changes nothing. */
TEST_F(strict, split_and_merge)
{
	char *map = box_map(self->box, 40, MAP_PRIVATE);

	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(0, mprotect(page_at(map, 10), 10 * page_size,
				      PROT_READ));
		expect_committed(_metadata, self->box, 40);
		ASSERT_EQ(0, mprotect(page_at(map, 10), 10 * page_size,
				      PROT_READ | PROT_WRITE));
		expect_committed(_metadata, self->box, 40);
	}
	unmap(map, 40);
	expect_committed(_metadata, self->box, 0);
}

/* Dropped PTEs are not dropped pages. */
TEST_F(strict, madvise)
{
	char *map = box_map(self->box, 40, MAP_PRIVATE);

	pages_fill(map, 40, 1);
	drop_ptes(map, 40);
	expect_committed(_metadata, self->box, 40);
	EXPECT_TRUE(pages_hold(map, 40, 1));
}

/* mremap() that moves or shrinks a mapping keeps the count right. */
TEST_F(strict, mremap)
{
	char *map = box_map(self->box, 40, MAP_PRIVATE);
	char *to = mmap(NULL, 40 * page_size, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, to);
	pages_fill(map, 40, 1);
	ASSERT_EQ(to, mremap(map, 40 * page_size, 40 * page_size,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	expect_committed(_metadata, self->box, 40);
	ASSERT_EQ(to, mremap(to, 40 * page_size, 25 * page_size, 0));
	expect_committed(_metadata, self->box, 25);
	EXPECT_TRUE(pages_hold(to, 25, 1));
	unmap(to, 25);
	expect_committed(_metadata, self->box, 0);
}

/* mremap() cannot be refused; pages it adds past the bound cannot be used. */
TEST_F(strict, mremap_grows_too_far)
{
	char *map = box_map(self->box, 40, MAP_PRIVATE);

	map = mremap(map, 40 * page_size, (ROOM + 1) * page_size,
		     MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, map);
	pages_fill(map, 40, 1);
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, 40)));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, ROOM)));
	EXPECT_TRUE(pages_hold(map, 40, 1));
	expect_committed(_metadata, self->box, 40);
}

/* Pages it adds within the bound are committed on access. */
TEST_F(strict, mremap_grows)
{
	char *map = box_map(self->box, 40, MAP_PRIVATE);

	map = mremap(map, 40 * page_size, ROOM * page_size, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, map);
	pages_fill(map, ROOM, 1);
	EXPECT_TRUE(pages_hold(map, ROOM, 1));
	expect_committed(_metadata, self->box, ROOM);
	unmap(map, ROOM);
	expect_committed(_metadata, self->box, 0);
}

/* A mapping over another one replaces its commitment. */
TEST_F(strict, map_fixed)
{
	char *map = box_map(self->box, 40, MAP_PRIVATE);

	ASSERT_EQ(page_at(map, 10),
		  mmap(page_at(map, 10), 10 * page_size, PROT_READ,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	expect_committed(_metadata, self->box, 30);
	unmap(map, 40);
	expect_committed(_metadata, self->box, 0);
}

struct heir {
	int box;
	char *map;
	size_t pages;
};

/* A child whose mapping fits can fill it; one whose does not gets SIGBUS. */
static int serve(void *context, int command)
{
	struct heir *heir = context;

	(void)command;
	if (signal_of_read(heir->map) || signal_of_write(heir->map))
		return SIGBUS;
	pages_fill(heir->map, heir->pages, 500);
	return pages_hold(heir->map, heir->pages, 500) ? 0 : -1;
}

static int use_new_mapping(void *context)
{
	struct heir *heir = context;
	char *map;

	if (signal_of_read(heir->map) != SIGBUS ||
	    signal_of_write(page_at(heir->map, heir->pages - 1)) != SIGBUS)
		return 1;
	/* The broken mapping has committed nothing. */
	map = try_map(heir->box, 4, MAP_PRIVATE);
	if (map == MAP_FAILED)
		return 2;
	pages_fill(map, 4, 700);
	return pages_hold(map, 4, 700) ? 0 : 3;
}

/* fork() counts the child's private mappings. Beyond the bound they are broken. */
TEST_F(strict, fork)
{
	struct heir heir = { .box = self->box, .pages = 20 };
	struct child children[2];

	heir.map = box_map(self->box, heir.pages, MAP_PRIVATE);
	pages_fill(heir.map, heir.pages, 1);
	for (int i = 0; i < 2; i++) {
		children[i] = child_fork(serve, &heir);
		EXPECT_EQ(heir.pages * (i + 2), box_stats(self->box).committed);
	}
	expect_committed(_metadata, self->box, 3 * heir.pages);
	EXPECT_EQ(0, in_child(use_new_mapping, &heir));
	expect_committed(_metadata, self->box, 3 * heir.pages);

	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, child_ask(&children[i], 0));
	EXPECT_TRUE(pages_hold(heir.map, heir.pages, 1));
	child_end(&children[0]);
	expect_committed(_metadata, self->box, 2 * heir.pages);
	child_end(&children[1]);
	expect_committed(_metadata, self->box, heir.pages);
	unmap(heir.map, heir.pages);
	expect_committed(_metadata, self->box, 0);
}

/* More frames or more swap raise the bound. */
TEST_F(strict, more_room)
{
	EXPECT_EQ(ENOMEM, map_error(self->box, ROOM + 1, MAP_PRIVATE));
	box_set_frames(self->box, FRAMES + 8);
	EXPECT_EQ(0, map_error(self->box, ROOM + 8, MAP_PRIVATE));
	EXPECT_EQ(ENOMEM, map_error(self->box, ROOM + 9, MAP_PRIVATE));
	box_set_swap(self->box, PAGEBOX_FD_RAM, SLOTS - 20);
	EXPECT_EQ(0, map_error(self->box, ROOM - 12, MAP_PRIVATE));
	EXPECT_EQ(ENOMEM, map_error(self->box, ROOM - 11, MAP_PRIVATE));
	box_set_swap(self->box, PAGEBOX_FD_NONE, 0);
	EXPECT_EQ(0, map_error(self->box, FRAMES + 8, MAP_PRIVATE));
	EXPECT_EQ(ENOMEM, map_error(self->box, FRAMES + 9, MAP_PRIVATE));
	EXPECT_EQ(0, box_stats(self->box).committed);
}

/* The policy can change; mapped pages are counted under either. */
TEST_F(strict, policy_is_changed)
{
	struct pagebox_config always = {
		.set = PAGEBOX_SET_OVERCOMMIT,
		.overcommit = PAGEBOX_OVERCOMMIT_ALWAYS,
	};
	struct pagebox_config never = {
		.set = PAGEBOX_SET_OVERCOMMIT,
		.overcommit = PAGEBOX_OVERCOMMIT_NEVER,
	};
	char *map;

	box_configure(self->box, always);
	map = box_map(self->box, 3 * ROOM, MAP_PRIVATE);
	EXPECT_EQ(3 * ROOM, box_stats(self->box).committed);
	box_configure(self->box, never);
	EXPECT_EQ(ENOMEM, map_error(self->box, 1, MAP_PRIVATE));
	pages_fill(map, 10, 1);
	EXPECT_TRUE(pages_hold(map, 10, 1));
	unmap(page_at(map, 10), 3 * ROOM - 10);
	expect_committed(_metadata, self->box, 10);
}

/* Shared pages of a writable store are backed by it and do not count. */
TEST(writable_store)
{
	const size_t pages = 4 * ROOM;
	int box = box_new_strict(store_file(pages * page_size, 1));
	char *map = box_map(box, pages, MAP_SHARED);

	expect_committed(_metadata, box, 0);
	pages_fill(map, pages, 1000);
	EXPECT_TRUE(pages_hold(map, pages, 1000));
	expect_committed(_metadata, box, 0);
	EXPECT_EQ(ENOMEM, map_error(box, pages, MAP_PRIVATE));
}

/* With a read-only store they count. */
TEST(read_only_store)
{
	const size_t pages = 4 * ROOM;
	int store = read_only(store_file(pages * page_size, 1));
	int box = box_new_strict(store);
	char *map;

	EXPECT_EQ(ENOMEM, map_error(box, pages, MAP_SHARED));
	map = box_map(box, 20, MAP_SHARED);
	expect_committed(_metadata, box, 20);
	unmap(map, 20);
	expect_committed(_metadata, box, 0);
}

TEST_HARNESS_MAIN
