// SPDX-License-Identifier: GPL-2.0
/* Boxes, processes and users are isolated from each other. */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "lib/user.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 24

/* Two boxes hold different contents at the same index. */
TEST(contents)
{
	int a = box_new(FRAMES, 0), b = box_new(FRAMES, 0);
	char *map_a = box_map(a, PAGES, MAP_SHARED);
	char *map_b = box_map(b, PAGES, MAP_SHARED);

	pages_fill(map_a, PAGES, 1);
	EXPECT_TRUE(pages_are_zero(map_b, PAGES));
	pages_fill(map_b, PAGES, 500);
	EXPECT_TRUE(pages_hold(map_a, PAGES, 1));
	EXPECT_TRUE(pages_hold(map_b, PAGES, 500));
}

/* Eviction in one box affects no frame and no counter of another. */
TEST(eviction)
{
	int quiet = box_new(FRAMES, 0), busy = box_new(2, 0);
	char *still = box_map(quiet, FRAMES, MAP_PRIVATE);
	char *map = box_map(busy, PAGES, MAP_PRIVATE);
	struct pagebox_stats before, after;

	pages_fill(still, FRAMES, 1);
	before = box_stats(quiet);
	for (int round = 0; round < 5; round++) {
		pages_fill(map, PAGES, 100 * round + 100);
		EXPECT_TRUE(pages_hold(map, PAGES, 100 * round + 100));
	}
	EXPECT_LT(100, box_stats(busy).evict_dirty);
	after = box_stats(quiet);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	EXPECT_TRUE(pages_hold(still, FRAMES, 1));
	after = box_stats(quiet);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
}

/* Closing one box does not affect the contents of another. */
TEST(closing)
{
	int a = box_new(FRAMES, 0), b = box_new(FRAMES, 0);
	char *map_a = box_map(a, PAGES, MAP_PRIVATE);
	char *map_b = box_map(b, PAGES, MAP_PRIVATE);

	pages_fill(map_a, PAGES, 1);
	pages_fill(map_b, PAGES, 500);
	unmap(map_a, PAGES);
	close(a);
	EXPECT_TRUE(pages_hold(map_b, PAGES, 500));
}

/* A box id is not reused while the module is loaded. */
TEST(ids_are_not_reused)
{
	unsigned int last = 0;

	for (int i = 0; i < 16; i++) {
		int box = box_open();
		unsigned int id = box_info(box).id;

		EXPECT_LT(last, id);
		last = id;
		close(box);
	}
}

/* A box's debugfs directory is removed with it, and only with it. */
TEST(debugfs_directory)
{
	int a = box_new(FRAMES, 0), b = box_new(FRAMES, 0);
	unsigned int id_a = box_info(a).id, id_b = box_info(b).id;

	EXPECT_FALSE(box_is_gone(id_a));
	EXPECT_FALSE(box_is_gone(id_b));
	close(a);
	EXPECT_TRUE(eventually(box_is_gone(id_a)));
	EXPECT_FALSE(box_is_gone(id_b));
}

static int open_as_nobody(void *context)
{
	(void)context;
	if (setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		die("cannot change to user nobody");
	return open(PAGEBOX_DEVICE, O_RDWR) < 0 ? errno : 0;
}

/* The device belongs to its owner: another user cannot open it. */
TEST(other_user)
{
	struct stat stat_of_device;

	ASSERT_EQ(0, stat(PAGEBOX_DEVICE, &stat_of_device));
	ASSERT_EQ(0600, stat_of_device.st_mode & 0777);
	EXPECT_EQ(0, stat_of_device.st_uid);
	EXPECT_EQ(EACCES, in_child(open_as_nobody, NULL));
}

static int look_as_nobody(void *context)
{
	if (setresuid(NOBODY, NOBODY, NOBODY))
		die("cannot change to user nobody");
	return debugfs_text(*(unsigned int *)context, "frames") ? 0 : errno;
}

/* Nor can another user read the frames in debugfs. */
TEST(other_user_looks)
{
	unsigned int id = box_info(box_open()).id;

	EXPECT_EQ(EACCES, in_child(look_as_nobody, &id));
}

static int use_inherited(void *context)
{
	char *map;

	if (setresuid(NOBODY, NOBODY, NOBODY))
		die("cannot change to user nobody");
	map = box_map(*(int *)context, PAGES, MAP_SHARED);
	return !pages_hold(map, PAGES, 1);
}

/* A passed fd is sufficient permission, as with any file. */
TEST(other_user_with_fd)
{
	int box = box_new(FRAMES, 0);

	pages_fill(box_map(box, PAGES, MAP_SHARED), PAGES, 1);
	EXPECT_EQ(0, in_child(use_inherited, &box));
}

TEST_HARNESS_MAIN
