// SPDX-License-Identifier: GPL-2.0
/*
 * Only fds and mappings keep a box and the module alive. After the last one,
 * the module must be unloadable at once, and can be loaded again.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 24

/* Whether the module cannot be unloaded; the attempt changes nothing. */
static bool unload_refused(void)
{
	int error = module_unload("pagebox");

	if (error != EWOULDBLOCK && error != EBUSY)
		fprintf(stderr, "# delete_module() gave %d\n", error);
	close(box_open());
	return error == EWOULDBLOCK || error == EBUSY;
}

/* A mapping keeps a box, its pages and its frames. */
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

/* So does an fd: shared pages stay for the next mapping. */
TEST(fd_outlives_mapping)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	unmap(map, PAGES);
	EXPECT_EQ(PAGES, box_stats(box).pages);
	EXPECT_TRUE(pages_hold(box_map(box, PAGES, MAP_SHARED), PAGES, 1));
}

/* A child's mapping keeps a box that its parent opened, mapped and closed. */
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

/* rmmod is refused while there is an fd or a mapping, and works right after. */
TEST(unload_and_load)
{
	char parameters[256];
	char *map;
	int box;

	module_parameters(parameters, sizeof(parameters));
	box = box_open();
	EXPECT_TRUE(unload_refused());
	map = box_map(box, PAGES, MAP_SHARED);
	pages_fill(map, PAGES, 1);
	close(box);
	EXPECT_TRUE(unload_refused());
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	unmap(map, PAGES);

	ASSERT_EQ(0, module_unload("pagebox"));
	EXPECT_EQ(-1, open(PAGEBOX_DEVICE, O_RDWR));
	EXPECT_EQ(-1, access("/sys/kernel/debug/pagebox", F_OK));
	EXPECT_EQ(-1, access("/sys/module/pagebox", F_OK));
	module_load("pagebox.ko", parameters);
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

/* A used box leaves nothing behind: the module can be unloaded at once. */
TEST(unload_after_use)
{
	char parameters[256];

	module_parameters(parameters, sizeof(parameters));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, in_child(use_swap_and_fork, NULL));
		ASSERT_EQ(0, module_unload("pagebox"));
		module_load("pagebox.ko", parameters);
	}
}

static int unload_as_nobody(void *context)
{
	(void)context;
	if (setresuid(65534, 65534, 65534))
		die("cannot change to user nobody");
	return module_unload("pagebox");
}

/* An open debugfs file of a destroyed box reads as an error or the end. */
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

/* --- references to a box --- */

/**
 * struct hold - the only reference to a box
 * @box: the box, when hold() is called
 * @fd: its fds, if any
 * @map: a mapping
 * @child: a process
 * @pid: a process without commands
 */
struct hold {
	int box;
	int fd[2];
	char *map;
	struct child child;
	pid_t pid;
};

typedef void (*hold_fn)(struct hold *hold);

static void hold_fd(struct hold *hold)
{
	hold->fd[0] = hold->box;
}

static void hold_dup(struct hold *hold)
{
	hold->fd[0] = dup(hold->box);
	close(hold->box);
}

static void hold_joined(struct hold *hold)
{
	int door = box_open();

	hold->fd[0] = box_join(door, box_info(hold->box).id);
	close(door);
	close(hold->box);
}

static void release_fd(struct hold *hold)
{
	close(hold->fd[0]);
}

/* An fd in a socket's queue, and in no process. */
static void hold_in_flight(struct hold *hold)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, hold->fd))
		die("socketpair");
	send_fd(hold->fd[0], hold->box);
	close(hold->box);
}

static void release_sockets(struct hold *hold)
{
	close(hold->fd[0]);
	close(hold->fd[1]);
}

static void hold_shared(struct hold *hold)
{
	hold->map = box_map(hold->box, PAGES, MAP_SHARED);
	close(hold->box);
}

static void hold_private(struct hold *hold)
{
	hold->map = box_map(hold->box, PAGES, MAP_PRIVATE);
	close(hold->box);
}

static void hold_joined_map(struct hold *hold)
{
	hold_joined(hold);
	hold->map = box_map(hold->fd[0], PAGES, MAP_PRIVATE);
	close(hold->fd[0]);
}

static void *map_in_thread(void *context)
{
	struct hold *hold = context;

	hold->map = box_map(hold->box, PAGES, MAP_SHARED);
	close(hold->box);
	return NULL;
}

static void hold_map_of_a_thread(struct hold *hold)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, map_in_thread, hold))
		die("pthread_create");
	pthread_join(thread, NULL);
}

static void release_map(struct hold *hold)
{
	unmap(hold->map, PAGES);
}

enum { CLOSE_FD, UNMAP };

static int serve_hold(void *context, int command)
{
	struct hold *hold = context;

	if (command == CLOSE_FD)
		close(hold->box);
	else
		release_map(hold);
	return 0;
}

static void hold_child(struct hold *hold)
{
	hold->child = child_fork(serve_hold, hold);
	close(hold->box);
}

static void hold_map_of_a_child(struct hold *hold)
{
	hold->map = box_map(hold->box, PAGES, MAP_PRIVATE);
	hold->child = child_fork(serve_hold, hold);
	child_ask(&hold->child, CLOSE_FD);
	release_map(hold);
	close(hold->box);
}

static void release_child(struct hold *hold)
{
	child_end(&hold->child);
}

/* The child unmaps, and continues to run. */
static void release_map_of_a_child(struct hold *hold)
{
	child_ask(&hold->child, UNMAP);
}

/* A grandchild with the fd and a mapping, after its parent's exit. */
static void hold_grandchild(struct hold *hold)
{
	char byte;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) || pipe(hold->fd))
		die("cannot adopt a grandchild");
	hold->map = box_map(hold->box, PAGES, MAP_PRIVATE);
	hold->pid = fork();
	if (!hold->pid) {
		pid_t grandchild = fork();

		close(hold->fd[1]);
		if (!grandchild)
			byte = read(hold->fd[0], &byte, 1);
		_exit(grandchild < 0);
	}
	if (hold->pid < 0 || child_status(hold->pid))
		die("fork");
	release_map(hold);
	close(hold->box);
	close(hold->fd[0]);
}

static void release_grandchild(struct hold *hold)
{
	int status;

	close(hold->fd[1]);
	if (wait(&status) < 0 || status)
		die("the grandchild failed");
}

/* Another program, which prints something as soon as it runs. */
static void run_cat(struct hold *hold)
{
	int in[2], out[2];
	char byte = 'x';

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("pipe");
	hold->pid = fork_tied();
	if (!hold->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("cat", "cat", NULL);
		die("cannot run cat");
	}
	close(in[0]);
	close(out[1]);
	if (write(in[1], &byte, 1) != 1 || read(out[0], &byte, 1) != 1)
		die("cat does not answer");
	hold->fd[0] = in[1];
	hold->fd[1] = out[0];
}

static void hold_exec(struct hold *hold)
{
	if (fcntl(hold->box, F_SETFD, 0))
		die("F_SETFD");
	run_cat(hold);
	close(hold->box);
}

static void release_exec(struct hold *hold)
{
	release_sockets(hold);
	if (child_status(hold->pid))
		die("cat failed");
}

FIXTURE(holding)
{
	char parameters[256];
	unsigned int id;
	struct hold hold;
};

FIXTURE_VARIANT(holding)
{
	hold_fn hold;
	hold_fn release;
};

FIXTURE_VARIANT_ADD(holding, fd){ .hold = hold_fd, .release = release_fd };
FIXTURE_VARIANT_ADD(holding, dup){ .hold = hold_dup, .release = release_fd };

FIXTURE_VARIANT_ADD(holding, joined){ .hold = hold_joined,
				      .release = release_fd };

FIXTURE_VARIANT_ADD(holding, in_flight){ .hold = hold_in_flight,
					 .release = release_sockets };

FIXTURE_VARIANT_ADD(holding, shared){ .hold = hold_shared,
				      .release = release_map };

FIXTURE_VARIANT_ADD(holding, private){ .hold = hold_private,
				       .release = release_map };

FIXTURE_VARIANT_ADD(holding, joined_map){ .hold = hold_joined_map,
					  .release = release_map };

FIXTURE_VARIANT_ADD(holding, map_of_a_thread){ .hold = hold_map_of_a_thread,
					       .release = release_map };

FIXTURE_VARIANT_ADD(holding, child){ .hold = hold_child,
				     .release = release_child };

FIXTURE_VARIANT_ADD(holding, map_of_a_child){
	.hold = hold_map_of_a_child,
	.release = release_map_of_a_child,
};

FIXTURE_VARIANT_ADD(holding, grandchild){ .hold = hold_grandchild,
					  .release = release_grandchild };

FIXTURE_VARIANT_ADD(holding, exec){ .hold = hold_exec,
				    .release = release_exec };

FIXTURE_SETUP(holding)
{
	module_parameters(self->parameters, sizeof(self->parameters));
	self->hold.box = box_new(FRAMES, 0);
	self->id = box_info(self->hold.box).id;
	ASSERT_EQ(1, pwrite(self->hold.box, "x", 1, 0));
}

NO_TEARDOWN(holding);

/* Each keeps the box and the module; both can be removed after its release. */
TEST_F(holding, is_enough)
{
	variant->hold(&self->hold);
	EXPECT_TRUE(unload_refused());
	EXPECT_EQ(1, debugfs_number(self->id, "stats", "pages"));
	variant->release(&self->hold);
	ASSERT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", self->parameters);
}

/* --- not references --- */

/* A program executed with a close-on-exec fd and a mapping. */
TEST(exec_lets_go)
{
	struct hold hold = { .box = box_new(FRAMES, 0) };
	char parameters[256];

	module_parameters(parameters, sizeof(parameters));
	hold.map = box_map(hold.box, PAGES, MAP_SHARED);
	pages_fill(hold.map, PAGES, 1);
	run_cat(&hold);
	release_map(&hold);
	close(hold.box);
	ASSERT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", parameters);
	release_exec(&hold);
}

static int serve_dontfork(void *context, int command)
{
	struct hold *hold = context;

	if (command == CLOSE_FD)
		return close(hold->box);
	return signal_of_read(hold->map);
}

/* MADV_DONTFORK: a child inherits neither the mapping nor its pages. */
TEST(dontfork)
{
	struct hold hold = { .box = box_new(FRAMES, 0) };
	struct pagebox_stats before;
	char parameters[256];

	module_parameters(parameters, sizeof(parameters));
	hold.map = box_map(hold.box, PAGES, MAP_PRIVATE);
	pages_fill(hold.map, PAGES, 1);
	ASSERT_EQ(0, madvise(hold.map, PAGES * page_size, MADV_DONTFORK));
	before = box_stats(hold.box);
	hold.child = child_fork(serve_dontfork, &hold);
	EXPECT_EQ(before.views, box_stats(hold.box).views);
	EXPECT_EQ(SIGSEGV, child_ask(&hold.child, UNMAP));
	pages_fill(hold.map, PAGES, 500);
	EXPECT_EQ(0, box_stats(hold.box).faults[PAGEBOX_FAULT_COW]);
	EXPECT_TRUE(pages_hold(hold.map, PAGES, 500));
	child_ask(&hold.child, CLOSE_FD);
	release_map(&hold);
	close(hold.box);
	ASSERT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", parameters);
	child_end(&hold.child);
}

#define JOINS 20

/* Joined and closed repeatedly in any order: one fd keeps the box. */
TEST(joined_and_left)
{
	int door = box_open(), box = box_new(FRAMES, 0);
	unsigned int id = box_info(box).id;
	char *map[JOINS], parameters[256];
	int joined[JOINS];
	uint64_t seed = 3;

	module_parameters(parameters, sizeof(parameters));
	for (int i = 0; i < JOINS; i++) {
		joined[i] = box_join(door, id);
		ASSERT_LE(0, joined[i]);
		map[i] = box_map(joined[i], PAGES,
				 i % 2 ? MAP_SHARED : MAP_PRIVATE);
	}
	pages_fill(map[1], PAGES, 1);
	close(box);
	for (int i = 0; i < JOINS; i++) {
		int last = JOINS - 1 - i;
		int any = rnd(&seed) % (last + 1);

		EXPECT_TRUE(pages_hold(map[any], PAGES, 1));
		if (i % 3)
			close(joined[any]);
		unmap(map[any], PAGES);
		if (i % 3 == 0)
			close(joined[any]);
		map[any] = map[last];
		joined[any] = joined[last];
	}
	EXPECT_EQ(-ENOENT, box_join(door, id));
	close(door);
	ASSERT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", parameters);
}

/* At most max_boxes boxes; joining does not count. */
TEST(max_boxes)
{
	char parameters[256], three[300];
	int box[3], joined;

	module_parameters(parameters, sizeof(parameters));
	snprintf(three, sizeof(three), "%s max_boxes=3", parameters);
	ASSERT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", three);
	EXPECT_EQ(3, module_param("max_boxes"));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			box[i] = box_open();
		EXPECT_EQ(-1, open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC));
		EXPECT_EQ(ENFILE, errno);
		joined = box_join(box[0], box_info(box[1]).id);
		EXPECT_LE(0, joined);
		close(joined);
		for (int i = 0; i < 3; i++)
			close(box[i]);
	}
	ASSERT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", parameters);
}

TEST_HARNESS_MAIN
