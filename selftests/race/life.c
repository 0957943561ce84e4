// SPDX-License-Identifier: GPL-2.0
/*
 * Races at the beginning and the end of a box and of the module: unload against
 * open, readers of debugfs against destruction, the first use of a box against
 * its configuration, and discards against other sharers of the page.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "race.h"

/* The scene of the current case. */
static struct scene *s;

#define INITSTATE "/sys/module/pagebox/initstate"

static long open_another(struct scene *s, long unused)
{
	return open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);
}

static long close_fd(struct scene *s, long fd)
{
	return close(fd);
}

/* One read(): the file may end before a second one. */
static long read_file(unsigned int id, const char *name)
{
	char path[96], text[4096];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/pagebox/%u/%s", id,
		 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, text, sizeof(text));
	close(fd);
	return got;
}

static long read_frames(struct scene *s, long unused)
{
	return read_file(s->id, "frames");
}

static long read_map_stats(struct scene *s, long map)
{
	char name[32];

	snprintf(name, sizeof(name), "%ld/stats", map);
	return read_file(s->id, name);
}

/* Half of a scene's size. */
static long set_size(struct scene *s, long fd)
{
	return configure_error(
		fd, (struct pagebox_config){ .set = PAGEBOX_SET_BYTES,
					     .bytes = PAGES * page_size });
}

static long set_size_and_frames(struct scene *s, long fd)
{
	return configure_error(
		fd, (struct pagebox_config){ .set = PAGEBOX_SET_BYTES |
						    PAGEBOX_SET_FRAMES,
					     .bytes = PAGES * page_size,
					     .frames = 2 * PAGES });
}

static long map_and_unmap(struct scene *s, long fd)
{
	char *map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? errno : munmap(map, page_size);
}

static long unload(struct scene *s, long unused)
{
	return module_unload("pagebox");
}

FIXTURE(end){};

FIXTURE_SETUP(end)
{
	s = scene_new();
	s->private = true;
	s->fill_root = true;
	s->fill_map = true;
	scene_begin(s);
}

FIXTURE_TEARDOWN(end)
{
	scene_end(s);
}

/* An open in progress keeps the module loaded. */
TEST_F(end, unload_during_open)
{
	long fd;

	EXPECT_EQ(0, run(s, A, leave_box, 0));
	stop(s, OUTSIDE, "open_box", open_another, 0);
	EXPECT_EQ(EAGAIN, module_unload("pagebox"));
	failpoint_go("open_box");
	fd = result(s, OUTSIDE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(EAGAIN, module_unload("pagebox"));
	EXPECT_EQ(0, run(s, OUTSIDE, close_fd, fd));
	EXPECT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", "frames=64");
}

static bool is_going(void)
{
	char state[16] = "";
	int fd = open(INITSTATE, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, state, sizeof(state) - 1);

	close(fd);
	return got > 0 && !strncmp(state, "going", 5);
}

static bool is_going_or_gone(void)
{
	return is_going() || access(INITSTATE, F_OK);
}

/*
 * An open during unload fails. There is no failpoint inside a module being
 * unloaded, so unload is only delayed, and repeated until it was in progress
 * both before and after the open.
 */
TEST_F(end, open_during_unload)
{
	bool seen = false;

	EXPECT_EQ(0, run(s, A, leave_box, 0));
	for (int i = 0; i < 10 && !seen; i++) {
		int fd, error;

		failpoint_set("unload delay 2000");
		start(s, OUTSIDE, unload, 0);
		ASSERT_TRUE(eventually(is_going_or_gone()));
		seen = is_going();
		fd = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);
		error = errno;
		seen &= is_going();
		EXPECT_EQ(-1, fd);
		if (seen)
			EXPECT_EQ(ENODEV, error);
		EXPECT_EQ(0, result(s, OUTSIDE));
		module_load("pagebox.ko", "frames=64");
	}
	EXPECT_TRUE(seen);
}

/* The box is not destroyed while its debugfs files are read. */
TEST_F(end, close_during_show)
{
	stop(s, OUTSIDE, "show_frame", read_frames, 0);
	start(s, A, leave_box, 0);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("show_frame");
	EXPECT_LT(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(-ENOENT, run(s, OUTSIDE, read_frames, 0));
}

FIXTURE(begin)
{
	int box;
};

FIXTURE_SETUP(begin)
{
	self->box = box_open();
	s = scene_new();
	s->fill_map = true;
	scene_begin(s);
	ASSERT_EQ(0, run(s, MAIN, fork_child, 0));
}

FIXTURE_TEARDOWN(begin)
{
	scene_end(s);
	close(self->box);
}

/*
 * A configuration whose size was checked, but not set when the box is used, is
 * refused as a whole.
 */
TEST_F(begin, use_during_configure)
{
	struct pagebox_info before = box_info(self->box), after;

	stop(s, OUTSIDE, "config_seal", set_size_and_frames, self->box);
	EXPECT_EQ(0, run(s, A, map_and_unmap, self->box));
	failpoint_go("config_seal");
	EXPECT_EQ(EBUSY, result(s, OUTSIDE));
	after = box_info(self->box);
	EXPECT_EQ(before.bytes, after.bytes);
	EXPECT_EQ(before.frames, after.frames);
}

/* While frames have changed and the size has not, the box cannot be used. */
TEST_F(begin, use_during_change)
{
	stop(s, OUTSIDE, "config_move", set_size_and_frames, self->box);
	start(s, A, map_and_unmap, self->box);
	EXPECT_TRUE(blocks(s, A));
	failpoint_go("config_move");
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(PAGES * page_size, box_info(self->box).bytes);
	EXPECT_EQ(2 * PAGES, box_info(self->box).frames);
}

/* A bio that has read into a page holds its lock during teardown. */
TEST_F(begin, teardown_with_a_busy_page)
{
	int box = box_new(PAGES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	unmap(map, PAGES);
	failpoint_set("page_busy fail times 1");
	close(box);
	EXPECT_EQ(1, failpoint_state("page_busy").done);
}

/* The first use sees a size that was set concurrently. */
TEST_F(begin, configure_during_use)
{
	stop(s, A, "box_seal", map_and_unmap, self->box);
	EXPECT_EQ(0, run(s, OUTSIDE, set_size, self->box));
	failpoint_go("box_seal");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(PAGES * page_size, box_info(self->box).bytes);
	EXPECT_EQ(EBUSY, run(s, OUTSIDE, set_size, self->box));
}

/* A mapping is destroyed at once; its debugfs state, when it has no reader. */
TEST_F(begin, unmap_during_show)
{
	struct map_row *rows;
	long map = -1;

	for (size_t i = map_rows(s->id, &rows); i-- > 0;)
		if (rows[i].pid == s->actor[MAIN].pid &&
		    rows[i].start == (uintptr_t)s->map)
			map = rows[i].map;
	free(rows);
	ASSERT_LT(0, map);
	stop(s, OUTSIDE, "show_map", read_map_stats, map);
	EXPECT_EQ(0, run(s, A, unmap_map, 0));
	failpoint_go("show_map");
	EXPECT_LT(0, result(s, OUTSIDE));
}

/*
 * A page that one process discards is still mapped there for a moment: until it
 * is unmapped, the other process does not become its owner.
 */
TEST_F(begin, write_during_discard)
{
	stop(s, A, "discard_unmap", discard_map, 0);
	start(s, CHILD, write_map, WITH(0, NEW));
	EXPECT_TRUE(blocks(s, CHILD));
	failpoint_go("discard_unmap");
	EXPECT_EQ(1, result(s, A));
	EXPECT_EQ(0, result(s, CHILD));
	EXPECT_EQ(0, run(s, B, see_map, 0));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEW)));
}

/*
 * A page in swap has left the view and is not freed yet: the next is another
 * page.
 */
TEST_F(begin, read_during_discard)
{
	EXPECT_EQ(PAGES, run(s, B, page_out_all, 0));
	stop(s, A, "discard_lock", discard_map, 0);
	EXPECT_EQ(0, run(s, B, see_map, 0));
	failpoint_go("discard_lock");
	EXPECT_EQ(1, result(s, A));
	EXPECT_EQ(0, run(s, B, see_map, 0));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
}

/*
 * A mapping is destroyed while its directory is about to be created. Checking
 * only then whether it is dead would free a listed object.
 */
TEST(unmap_before_its_directory)
{
	int box = box_new(16, 0);
	unsigned int id = box_info(box).id;
	struct map_row *rows;
	char *map;

	failpoint_set("map_sync stop times 1");
	map = box_map(box, 1, MAP_PRIVATE);
	ASSERT_TRUE(failpoint_waits("map_sync", 1));
	unmap(map, 1);
	failpoint_go("map_sync");
	for (int i = 0; i < 64; i++) {
		map = box_map(box, 1, MAP_PRIVATE);
		EXPECT_EQ(1, debugfs_number(id, "summary", "maps"));
		ASSERT_EQ(1, map_rows(id, &rows));
		EXPECT_LE(0, debugfs_number(id, "summary", "views"));
		free(rows);
		unmap(map, 1);
	}
	EXPECT_EQ(0, debugfs_number(id, "summary", "maps"));
	close(box);
}

TEST_HARNESS_MAIN
