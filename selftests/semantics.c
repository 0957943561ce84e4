// SPDX-License-Identifier: GPL-2.0
/* Visibility between shared and private mappings of one box. */

#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "pagebox.h"

#define PAGES 8

FIXTURE(box)
{
	int box;
	char *shared;
	char *private;
	struct pagebox_stats before;
};

FIXTURE_SETUP(box)
{
	self->box = box_new(PAGES * 6, 0);
	self->shared = box_map(self->box, PAGES, MAP_SHARED);
	self->private = box_map(self->box, PAGES, MAP_PRIVATE);
	self->before = box_stats(self->box);
}

NO_TEARDOWN(box);

/* Two shared mappings show the same frames. */
TEST_F(box, shared_is_shared)
{
	char *other = box_map(self->box, PAGES, MAP_SHARED);

	pages_fill(self->shared, PAGES, 1);
	EXPECT_TRUE(pages_hold(other, PAGES, 1));
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES, .minor = PAGES);
	pages_fill(other, PAGES, 50);
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 50));
	EXPECT_EQ(PAGES, box_stats(self->box).frames_used);
}

/*
 * A private page that was only read is the root's current page: shared writes
 * are visible in it until its first write makes a copy.
 */
TEST_F(box, private_sees_shared_writes_until_broken)
{
	pages_touch(self->private, PAGES);
	pages_fill(self->shared, PAGES, 1);
	EXPECT_TRUE(pages_hold(self->private, PAGES, 1));
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES, .minor = PAGES);

	self->private[0] = ~self->private[0];
	pages_fill(self->shared, PAGES, 50);
	EXPECT_TRUE(pages_hold(page_at(self->private, 1), PAGES - 1, 51));
	self->private[0] = ~self->private[0];
	EXPECT_TRUE(page_holds(self->private, 1));
	EXPECT_EQ(1, box_stats(self->box).faults[PAGEBOX_FAULT_COW]);
	EXPECT_EQ(PAGES + 1, box_stats(self->box).pages);
}

/* The first private write copies the root's page, in one fault. */
TEST_F(box, private_write_copies_the_root)
{
	pages_fill(self->shared, PAGES, 1);
	for (size_t i = 0; i < PAGES; i++)
		page_at(self->private, i)[0] = page_at(self->shared, i)[0];
	EXPECT_TRUE(pages_hold(self->private, PAGES, 1));
	EXPECT_EQ(PAGES, box_stats(self->box).faults[PAGEBOX_FAULT_COW]);
	pages_fill(self->private, PAGES, 50);
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 1));
}

/* A private write to an untouched page allocates no page of the root. */
TEST_F(box, private_write_leaves_the_root_alone)
{
	pages_fill(self->private, PAGES, 1);
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES);
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
	EXPECT_TRUE(pages_are_zero(self->shared, PAGES));
	EXPECT_TRUE(pages_hold(self->private, PAGES, 1));
	EXPECT_FAULTS(self->box, self->before, .zero = 2 * PAGES);
}

/* Two private mappings of one process are independent. */
TEST_F(box, private_mappings_are_independent)
{
	char *other = box_map(self->box, PAGES, MAP_PRIVATE);

	EXPECT_EQ(self->before.views + 1, box_stats(self->box).views);
	pages_fill(self->private, PAGES, 1);
	EXPECT_TRUE(pages_are_zero(other, PAGES));
	pages_fill(other, PAGES, 50);
	EXPECT_TRUE(pages_hold(self->private, PAGES, 1));
	EXPECT_TRUE(pages_hold(other, PAGES, 50));
	EXPECT_TRUE(pages_are_zero(self->shared, PAGES));
	unmap(other, PAGES);
	EXPECT_EQ(self->before.views, box_stats(self->box).views);
	EXPECT_TRUE(pages_hold(self->private, PAGES, 1));
}

/* A private mapping at an offset shows the pages there. */
TEST_F(box, offset)
{
	char *part;

	pages_fill(self->shared, PAGES, 1);
	part = box_map_from(self->box, 3, 2, MAP_PRIVATE);
	EXPECT_TRUE(pages_hold(part, 2, 4));
	page_fill(part, 50);
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 1));
}

enum { FILL_SHARED, SHARED_HOLDS, PRIVATE_HOLDS };

static int serve_box(void *context, int command)
{
	FIXTURE_DATA(box) *self = context;

	switch (command) {
	case FILL_SHARED:
		pages_fill(self->shared, PAGES, 70);
		return 0;
	case SHARED_HOLDS:
		return pages_hold(self->shared, PAGES, 1);
	default:
		return pages_hold(self->private, PAGES, 70);
	}
}

/* A shared mapping stays shared over fork, in both directions. */
TEST_F(box, shared_over_fork)
{
	struct child child = child_fork(serve_box, self);

	pages_fill(self->shared, PAGES, 1);
	EXPECT_TRUE(child_ask(&child, SHARED_HOLDS));
	child_ask(&child, FILL_SHARED);
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 70));
	EXPECT_TRUE(child_ask(&child, PRIVATE_HOLDS));
	EXPECT_EQ(PAGES, box_stats(self->box).frames_used);
	child_end(&child);
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 70));
}

static int serve_received(void *context, int command)
{
	static char *map;

	if (!map)
		map = box_map(receive_fd(*(int *)context), PAGES, MAP_SHARED);
	if (command == SHARED_HOLDS)
		return pages_hold(map, PAGES, 1);
	pages_fill(map, PAGES, 70);
	return 0;
}

/*
 * The fd is the box: an older process that receives it over a socket shares its
 * pages.
 */
TEST(passed_fd)
{
	struct child child;
	int ends[2];
	char *map;
	int box;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	child = child_fork(serve_received, &ends[1]);
	box = box_new(PAGES * 2, 0);
	map = box_map(box, PAGES, MAP_SHARED);
	pages_fill(map, PAGES, 1);
	send_fd(ends[0], box);
	EXPECT_TRUE(child_ask(&child, SHARED_HOLDS));
	child_ask(&child, FILL_SHARED);
	EXPECT_TRUE(pages_hold(map, PAGES, 70));
	EXPECT_EQ(PAGES, box_stats(box).frames_used);
	child_end(&child);
}

/* A duplicated fd is the same box, a second open() is another. */
TEST(dup_and_open)
{
	int box = box_new(PAGES * 2, 0);
	int twin = dup(box);
	int other = box_new(PAGES * 2, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	EXPECT_EQ(box_info(box).id, box_info(twin).id);
	EXPECT_TRUE(pages_hold(box_map(twin, PAGES, MAP_SHARED), PAGES, 1));
	EXPECT_NE(box_info(box).id, box_info(other).id);
	EXPECT_TRUE(pages_are_zero(box_map(other, PAGES, MAP_SHARED), PAGES));
}

TEST_HARNESS_MAIN
