// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of a box is charged to the cgroup of the program that makes it grow.
 * Only a program that exceeds its own cgroup's limit is killed. cgroup v2 must
 * be mounted at /sys/fs/cgroup.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define CGROUP "/sys/fs/cgroup"
#define MIB (1024UL * 1024)
#define LIMIT ((small_size() ? 1 : 8) * MIB)
#define WANTED (8 * LIMIT)
/* seconds; a debug kernel is slow with so many pages */
#define PATIENCE 240
#define LOGLEVELS "/proc/sys/kernel/printk"

static void read_into(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = -1;

	if (fd >= 0)
		length = read(fd, text, room - 1);
	if (length < 0)
		die("cannot read %s", path);
	text[length] = '\0';
	close(fd);
}

FIXTURE(memcg)
{
	char group[64];
	char loglevels[64];
	int box;
	unsigned int *progress;
};

FIXTURE_VARIANT(memcg)
{
	bool few_frames;
};

FIXTURE_VARIANT_ADD(memcg, frames){};
FIXTURE_VARIANT_ADD(memcg, swap){ .few_frames = true };

static void group_path(FIXTURE_DATA(memcg) * self, const char *name, char *path,
		       size_t room)
{
	snprintf(path, room, "%s/%s", self->group, name);
}

static void group_set(FIXTURE_DATA(memcg) * self, const char *name,
		      const char *value)
{
	char path[128];

	group_path(self, name, path, sizeof(path));
	write_text(path, "%s", value);
}

static long group_number(FIXTURE_DATA(memcg) * self, const char *name)
{
	char path[128], text[64];

	group_path(self, name, path, sizeof(path));
	read_into(path, text, sizeof(text));
	return strtol(text, NULL, 10);
}

static long group_kills(FIXTURE_DATA(memcg) * self)
{
	char path[128], text[256];
	char *line;

	group_path(self, "memory.events", path, sizeof(path));
	read_into(path, text, sizeof(text));
	line = strstr(text, "oom_kill ");
	errno = 0;
	if (!line)
		die("%s has no line 'oom_kill'", path);
	return strtol(line + strlen("oom_kill "), NULL, 10);
}

/*
 * A box large enough for all requests, and a cgroup with a lower limit.
 *
 * The kernel's report of an OOM kill has a stack trace through the module. It
 * uses the default log level, which is lowered below a warning for the test.
 */
FIXTURE_SETUP(memcg)
{
	unsigned long max_frames = module_param("max_frames");
	unsigned long frames = variant->few_frames ? 16 : WANTED / page_size;
	unsigned int console;
	char text[32];

	read_into(LOGLEVELS, self->loglevels, sizeof(self->loglevels));
	console = strtoul(self->loglevels, NULL, 10);
	snprintf(text, sizeof(text), "%u 6", console);
	write_text(LOGLEVELS, "%s", text);

	write_text(CGROUP "/cgroup.subtree_control", "+memory");
	snprintf(self->group, sizeof(self->group), CGROUP "/box-%d", getpid());
	ASSERT_EQ(0, mkdir(self->group, 0755));
	snprintf(text, sizeof(text), "%lu", LIMIT);
	group_set(self, "memory.max", text);
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP,
		.frames = frames < max_frames ? frames : max_frames,
		.swap_fd = variant->few_frames ? PAGEBOX_FD_RAM :
						 PAGEBOX_FD_NONE,
	});
	self->progress = shared_memory(page_size);
}

FIXTURE_TEARDOWN(memcg)
{
	close(self->box);
	EXPECT_TRUE(eventually(!rmdir(self->group)));
	write_text(LOGLEVELS, "%s", self->loglevels);
}

/* Moves itself to the cgroup and fills pages of the box, counting them. */
static int fill_in_group(FIXTURE_DATA(memcg) * self, size_t pages, int flags)
{
	char *map;

	group_set(self, "cgroup.procs", "0");
	map = box_map(self->box, pages, flags);
	for (size_t i = 0; i < pages; i++) {
		page_fill(page_at(map, i), i + 1);
		__atomic_store_n(self->progress, i + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

static int want_too_much(void *context)
{
	return fill_in_group(context, WANTED / page_size, MAP_SHARED);
}

static int want_too_much_private(void *context)
{
	return fill_in_group(context, WANTED / page_size, MAP_PRIVATE);
}

static void expect_own_fault(struct __test_metadata *_metadata,
			     FIXTURE_DATA(memcg) * self, int status)
{
	EXPECT_TRUE(status == 256 + SIGKILL || status == 256 + SIGBUS)
	TH_LOG("status %d", status);
	EXPECT_LT(0, group_kills(self));
	EXPECT_GE(LIMIT, *self->progress * page_size);
	/* It got most of its limit. */
	EXPECT_LT(LIMIT / 2, *self->progress * page_size);
}

/* The program is killed; its writes to the root view remain. */
TEST_F_TIMEOUT(memcg, shared, PATIENCE)
{
	size_t pages;
	char *map;

	expect_own_fault(_metadata, self, in_child(want_too_much, self));
	pages = *self->progress;
	EXPECT_LE(pages, box_stats(self->box).pages);
	map = box_map(self->box, pages, MAP_SHARED);
	EXPECT_TRUE(pages_hold(map, pages, 1));
	unmap(map, pages);
}

/* Its private pages are freed with it and uncharged. */
TEST_F_TIMEOUT(memcg, private, PATIENCE)
{
	int box;

	expect_own_fault(_metadata, self,
			 in_child(want_too_much_private, self));
	EXPECT_EQ(0, box_stats(self->box).pages);
	EXPECT_EQ(0, box_stats(self->box).swap_used);
	close(self->box);
	EXPECT_TRUE(eventually(group_number(self, "memory.current") <
			       (long)LIMIT / 4));

	box = box_new(16, 0);
	pages_fill(box_map(box, 64, MAP_PRIVATE), 64, 1);
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	self->box = box;
}

/* In a separate box, which swaps to a memfd. */
static int want_swap_file(void *context)
{
	FIXTURE_DATA(memcg) *self = context;
	int file = store_file(0, 0);

	if (ftruncate(file, WANTED))
		die("ftruncate");
	group_set(self, "cgroup.procs", "0");
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP,
		.frames = 16,
		.swap_fd = file,
	});
	return fill_in_group(self, WANTED / page_size, MAP_PRIVATE);
}

/*
 * Memory that a file system allocates for a worker's writes is charged to the
 * opener, too.
 */
TEST_F_TIMEOUT(memcg, swap_file, PATIENCE)
{
	expect_own_fault(_metadata, self, in_child(want_swap_file, self));
}

/* The VM's disk without valuable contents. */
static int scratch_disk(void)
{
	for (char disk = 'a'; disk <= 'z'; disk++) {
		char path[64], serial[64];
		int fd;

		snprintf(path, sizeof(path), "/sys/block/vd%c/serial", disk);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		close(fd);
		read_into(path, serial, sizeof(serial));
		snprintf(path, sizeof(path), "/dev/vd%c", disk);
		if (!strncmp(serial, "pagebox-scratch-", 16))
			return open(path, O_RDWR | O_CLOEXEC);
	}
	errno = 0;
	die("no scratch disk");
}

/* Far more than the cgroup's limit, in a box that swaps to a disk. */
static int want_disk(void *context)
{
	FIXTURE_DATA(memcg) *self = context;
	size_t pages = 4 * LIMIT / page_size;
	char *map;

	group_set(self, "cgroup.procs", "0");
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP,
		.frames = pages,
		.swap_fd = scratch_disk(),
	});
	map = box_map(self->box, pages, MAP_PRIVATE);
	pages_fill(map, pages, 1);
	return !pages_hold(map, pages, 1) ||
	       box_stats(self->box).frames_used >= LIMIT / page_size;
}

/* The box evicts before the cgroup's OOM killer is invoked. */
TEST_F_TIMEOUT(memcg, disk, PATIENCE)
{
	EXPECT_EQ(0, in_child(want_disk, self));
	EXPECT_EQ(0, group_kills(self));
}

static int want_little(void *context)
{
	return fill_in_group(context, LIMIT / 4 / page_size, MAP_SHARED);
}

/* Requests below the limit succeed and are charged to the caller. */
TEST_F(memcg, charged)
{
	EXPECT_EQ(0, in_child(want_little, self));
	EXPECT_EQ(0, group_kills(self));
	EXPECT_EQ(LIMIT / 4 / page_size, box_stats(self->box).pages);
	EXPECT_LE((long)LIMIT / 4, group_number(self, "memory.current"));
}

TEST_HARNESS_MAIN
