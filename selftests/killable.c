// SPDX-License-Identifier: GPL-2.0
/*
 * A signal that kills ends every wait for a slow backend at once, whoever waits
 * and for what; the read or write that was waited for goes on alone, and the page
 * is right for those who come later.
 *
 * That the wait was ended and not over is shown by the backend's counter: pages
 * count when they have been read or written, and these take seconds.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pagebox_test.h"

#define FRAMES 8
#define PAGES 4
#define SLOW_US (small_size() ? 250000 : 4000000)

static void slow_swap(int box)
{
	box_configure(box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_SWAP_DELAY,
					       .swap_read_us = SLOW_US });
}

static void slow_store(int box, unsigned int read_us, unsigned int write_us)
{
	box_configure(box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_STORE_DELAY,
					       .store_read_us = read_us,
					       .store_write_us = write_us });
}

/* What a child does, and then waits in. */
static void touch(int box, char *map)
{
	pages_touch(map, 1);
}

static void change(int box, char *map)
{
	*(volatile char *)map = 0;
}

/* The kernel touches the page for it. */
static void receive(int box, char *map)
{
	int zero = open("/dev/zero", O_RDONLY);

	if (zero < 0 || read(zero, map, 1) != 1)
		die("cannot read into the page");
}

static void read_device(int box, char *map)
{
	char byte;

	if (pread(box, &byte, 1, 0) != 1)
		die("cannot read the device");
}

static void prefetch(int box, char *map)
{
	root_range(box, PAGEBOX_IOC_PREFETCH, 0, 1);
}

static void discard(int box, char *map)
{
	root_range(box, PAGEBOX_IOC_DISCARD, 0, 1);
}

static void synchronize(int box, char *map)
{
	if (msync(map, page_size, MS_SYNC))
		die("msync");
}

static pid_t start(int box, char *map, void (*act)(int box, char *map))
{
	pid_t pid = fork_tied();

	if (pid)
		return pid;
	act(box, map);
	_exit(0);
}

/* A wait that only a signal that kills can end looks like one for a disk. */
static bool is_waiting(void *context)
{
	char path[32], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", *(pid_t *)context);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		die("cannot read %s", path);
	fclose(file);
	return state == 'D';
}

/* Kills a child that waits: how it ended, or -1 if it does not wait. */
static int killed_while_waiting(pid_t pid)
{
	if (!eventually(is_waiting, &pid))
		return -1;
	kill(pid, SIGKILL);
	return child_status(pid);
}

FIXTURE(slow)
{
	int box;
	char *map;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(slow)
{
	void (*act)(int box, char *map);
	bool alone;
};

FIXTURE_VARIANT_ADD(slow, touch){
	.act = touch,
};

FIXTURE_VARIANT_ADD(slow, change){
	.act = change,
};

FIXTURE_VARIANT_ADD(slow, receive){
	.act = receive,
};

FIXTURE_VARIANT_ADD(slow, read){
	.act = read_device,
};

/* It leaves pages alone that somebody else reads. */
FIXTURE_VARIANT_ADD(slow, prefetch){
	.act = prefetch,
	.alone = true,
};

/* A shared page in swap, which takes long to read. */
FIXTURE_SETUP(slow)
{
	self->box = box_new(FRAMES, 0);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	pages_fill(self->map, PAGES, 1);
	ASSERT_EQ(PAGES, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES));
	slow_swap(self->box);
	self->before = box_stats(self->box);
}

FIXTURE_TEARDOWN(slow)
{
	close(self->box);
}

/* A read is over when the page can be used; its own reference goes after that. */
static bool nothing_is_pinned(void *context)
{
	return !box_stats(*(int *)context).frames_pinned;
}

static bool no_frame_is_used(void *context)
{
	return !box_stats(*(int *)context).frames_used;
}

TEST_F(slow, reader_is_killed)
{
	pid_t pid = start(self->box, self->map, variant->act);

	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_EQ(self->before.swap_reads, box_stats(self->box).swap_reads);

	/* The read that was left behind brings the page for us. */
	EXPECT_TRUE(page_holds(self->map, 1));
	EXPECT_EQ(self->before.swap_reads + 1, box_stats(self->box).swap_reads);
	EXPECT_TRUE(eventually(nothing_is_pinned, &self->box));
}

/* Those who wait for a page that somebody else reads can be killed as well. */
TEST_F(slow, second_reader_is_killed)
{
	pid_t first = start(self->box, self->map, touch);
	pid_t pid;
	int ended;

	ASSERT_TRUE(eventually(is_waiting, &first));
	pid = start(self->box, self->map, variant->act);
	ended = variant->alone ? child_status(pid) : killed_while_waiting(pid);
	ASSERT_EQ(variant->alone ? 0 : 256 + SIGKILL, ended);
	EXPECT_EQ(self->before.swap_reads, box_stats(self->box).swap_reads);
	EXPECT_EQ(0, child_status(first));
	EXPECT_TRUE(page_holds(self->map, 1));
}

/* A page that is being read is discarded: the reader was killed, so may we be. */
TEST(discard_of_a_page_under_io_is_killed)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);
	pid_t reader, pid;

	pages_fill(map, PAGES, 1);
	ASSERT_EQ(PAGES, root_range(box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES));
	slow_swap(box);
	reader = start(box, map, touch);
	ASSERT_TRUE(eventually(is_waiting, &reader));
	pid = start(box, map, discard);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_EQ(0, box_stats(box).swap_reads);
	EXPECT_EQ(0, child_status(reader));
	close(box);
}

/*
 * A copy of a page that is in the store alone is read into the frame of the copy,
 * which nobody knows of when its reader is killed.
 */
TEST(reader_of_own_copy_is_killed)
{
	int store = store_file(PAGES * page_size, 1);
	int box = box_new_store(FRAMES, store);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	pid_t pid;

	slow_store(box, SLOW_US, 0);
	pid = start(box, map, change);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_EQ(0, box_stats(box).store_reads);
	EXPECT_TRUE(eventually(no_frame_is_used, &box));
	EXPECT_EQ(0, box_stats(box).pages);
	EXPECT_TRUE(pages_hold(map, 1, 1));
	close(box);
	close(store);
}

/* A private page, and nobody left to whom it belongs. */
TEST(last_owner_is_killed)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	pid_t pid;

	pages_fill(map, PAGES, 1);
	ASSERT_EQ(PAGES, map_range(box, PAGEBOX_IOC_PAGE_OUT, map, PAGES));
	slow_swap(box);
	pid = start(box, map, touch);
	unmap(map, PAGES);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	/* Its page waits for the read, alone. */
	EXPECT_EQ(0, box_stats(box).swap_reads);
	close(box);
}

/* Evictions and write-back take as long as their writes. */
FIXTURE(writing)
{
	int box;
	char *map;
	int store;
};

FIXTURE_VARIANT(writing)
{
	void (*act)(int box, char *map);
};

FIXTURE_VARIANT_ADD(writing, evict){
	.act = touch,
};

FIXTURE_VARIANT_ADD(writing, msync){
	.act = synchronize,
};

/* All frames are full of pages that must be written, which takes long. */
FIXTURE_SETUP(writing)
{
	self->store = store_file(2 * FRAMES * page_size, 1);
	self->box = box_new_store(FRAMES, self->store);
	slow_store(self->box, 0, SLOW_US);
	self->map = box_map(self->box, 2 * FRAMES, MAP_SHARED);
	pages_fill(page_at(self->map, FRAMES), FRAMES, 100);
}

FIXTURE_TEARDOWN(writing)
{
	close(self->store);
}

TEST_F(writing, writer_is_killed)
{
	char *where = variant->act == touch ? self->map :
					      page_at(self->map, FRAMES);
	pid_t pid = start(self->box, where, variant->act);
	char *file;

	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_EQ(0, box_stats(self->box).store_writes);

	/* And nothing is lost. */
	EXPECT_TRUE(pages_hold(page_at(self->map, FRAMES), FRAMES, 100));
	unmap(self->map, 2 * FRAMES);
	close(self->box);
	file = mmap(NULL, 2 * FRAMES * page_size, PROT_READ, MAP_SHARED,
		    self->store, 0);
	ASSERT_NE(MAP_FAILED, file);
	EXPECT_TRUE(pages_hold(file, FRAMES, 1));
	EXPECT_TRUE(pages_hold(page_at(file, FRAMES), FRAMES, 100));
}

/* A page that is being written is about to be changed: who waits for that. */
TEST(change_during_write_is_killed)
{
	int store = store_file(PAGES * page_size, 1);
	int box = box_new_store(FRAMES, store);
	char *map = box_map(box, PAGES, MAP_SHARED);
	pid_t writer, pid;

	slow_store(box, 0, SLOW_US);
	pages_fill(map, 1, 100);
	writer = start(box, map, synchronize);
	ASSERT_TRUE(eventually(is_waiting, &writer));
	pid = start(box, map, change);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_EQ(0, box_stats(box).store_writes);
	EXPECT_EQ(0, child_status(writer));
	EXPECT_TRUE(page_holds(map, 100));
	EXPECT_TRUE(file_holds(store, 1, 100));
	close(box);
	close(store);
}

TEST_HARNESS_MAIN
