// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps a box and the module alive: fds and mappings, nothing else. The
 * module has to leave at once when they are gone, and come back when loaded.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pagebox_test.h"

#define FRAMES 8
#define PAGES 24
#define PARAMETERS "/sys/module/pagebox/parameters"

/* Whether delete_module() works: 0 or its errno. */
static int unload(void)
{
	return syscall(SYS_delete_module, "pagebox", O_NONBLOCK) ? errno : 0;
}

/* The parameters that the module has now, as insmod takes them. */
static void current_parameters(char *text, size_t room)
{
	DIR *directory = opendir(PARAMETERS);
	struct dirent *entry;

	if (!directory)
		die("cannot read " PARAMETERS);
	*text = '\0';
	while ((entry = readdir(directory))) {
		size_t used = strlen(text);

		if (entry->d_name[0] != '.')
			snprintf(text + used, room - used, "%s=%lu ",
				 entry->d_name, module_param(entry->d_name));
	}
	closedir(directory);
}

static void load(const char *parameters)
{
	const char *path = getenv("PAGEBOX_KO");
	int fd;

	errno = 0;
	if (!path)
		die("set PAGEBOX_KO to the path of pagebox.ko");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		die("finit_module of %s", path);
	close(fd);
}

/* A refused unload changes nothing: the box works and can be opened anew. */
static void expect_refusal(struct __test_metadata *_metadata)
{
	int error = unload();

	EXPECT_TRUE(error == EWOULDBLOCK || error == EBUSY)
	TH_LOG("errno %d", error);
	close(box_open());
}

/* A mapping is enough to keep a box, its pages and its frames. */
TEST(mapping_outlives_fd)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	unsigned int id = box_info(box).id;

	pages_fill(map, PAGES, 1);
	close(box);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_EQ(FRAMES, debugfs_number(id, "stats", "frames_used"));
	EXPECT_EQ(PAGES, debugfs_number(id, "stats", "pages"));
}

/* An fd is enough too: shared pages wait for the next mapping. */
TEST(fd_outlives_mapping)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	unmap(map, PAGES);
	EXPECT_EQ(PAGES, box_stats(box).pages);
	EXPECT_TRUE(pages_hold(box_map(box, PAGES, MAP_SHARED), PAGES, 1));
}

/* A child's mapping keeps the box that its parent opened, mapped and left. */
static int serve_inherited(void *context, int command)
{
	(void)command;
	return pages_hold(*(char **)context, PAGES, 1);
}

TEST(child_outlives_both)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct child child;

	pages_fill(map, PAGES, 1);
	fcntl(box, F_SETFD, FD_CLOEXEC);
	child = child_fork(serve_inherited, &map);
	unmap(map, PAGES);
	close(box);
	EXPECT_TRUE(child_ask(&child, 0));
	child_end(&child);
}

/* rmmod is refused while there is an fd, or a mapping, and works right after. */
TEST(unload_and_load)
{
	char parameters[256];
	char *map;
	int box;

	current_parameters(parameters, sizeof(parameters));
	box = box_open();
	expect_refusal(_metadata);
	map = box_map(box, PAGES, MAP_SHARED);
	pages_fill(map, PAGES, 1);
	close(box);
	expect_refusal(_metadata);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	unmap(map, PAGES);

	ASSERT_EQ(0, unload());
	EXPECT_EQ(-1, open(PAGEBOX_DEVICE, O_RDWR));
	EXPECT_EQ(-1, access("/sys/kernel/debug/pagebox", F_OK));
	EXPECT_EQ(-1, access("/sys/module/pagebox", F_OK));
	load(parameters);
	box = box_open();
	EXPECT_EQ(1, box_info(box).id);
	pages_fill(box_map(box, PAGES, MAP_PRIVATE), PAGES, 1);
}

static int use_swap_and_fork(void *context)
{
	char *map = box_map(box_new(FRAMES, 0), PAGES, MAP_PRIVATE);

	(void)context;
	pages_fill(map, PAGES, 1);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		pages_fill(map, PAGES, 100 + i);
		if (!pid)
			_exit(0);
		if (child_status(pid))
			return 1;
	}
	return !pages_hold(map, PAGES, 101);
}

/* Nothing of a used box lingers: the module can go as soon as its user has. */
TEST(unload_after_use)
{
	char parameters[256];

	current_parameters(parameters, sizeof(parameters));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, in_child(use_swap_and_fork, NULL));
		ASSERT_EQ(0, unload());
		load(parameters);
	}
}

static int unload_as_nobody(void *context)
{
	(void)context;
	if (setresuid(65534, 65534, 65534))
		die("cannot become nobody");
	return unload();
}

/* An open debugfs file of a box that goes meanwhile reads as an error or end. */
TEST(debugfs_file_outlives_the_box)
{
	char path[64], text[64];
	int box = box_open();
	ssize_t got;
	int file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/pagebox/%u/frames",
		 box_info(box).id);
	file = open(path, O_RDONLY);
	ASSERT_LE(0, file);
	close(box);
	got = read(file, text, sizeof(text));
	EXPECT_TRUE(got <= 0) TH_LOG("read() gave %zd", got);
	close(file);
	EXPECT_EQ(EPERM, in_child(unload_as_nobody, NULL));
}

TEST_HARNESS_MAIN
