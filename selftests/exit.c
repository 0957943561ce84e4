// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that exit or are killed under heavy faulting: the box returns to
 * its state without them.
 */

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 16
#define PAGES 48

struct progress {
	unsigned int operations;
};

FIXTURE(leaving)
{
	int box;
	char *map;
	struct progress *progress;
	struct pagebox_stats before;
};

/* A parent whose private pages are partly in swap and must stay intact. */
FIXTURE_SETUP(leaving)
{
	self->box = box_new(FRAMES, 0);
	self->map = box_map(self->box, PAGES, MAP_PRIVATE);
	self->progress = shared_memory(page_size);
	pages_fill(self->map, PAGES, 1);
	self->before = box_stats(self->box);
}

NO_TEARDOWN(leaving);

/* Writes and reads random pages of @map, for @limit operations or endlessly. */
static void hammer(char *map, struct progress *progress, uint64_t seed,
		   unsigned int limit)
{
	for (unsigned int i = 0; !limit || i < limit; i++) {
		volatile char *page = page_at(map, rnd(&seed) % PAGES);

		if (rnd(&seed) % 2)
			*page = i;
		else
			(void)*page;
		__atomic_fetch_add(&progress->operations, 1, __ATOMIC_RELAXED);
	}
}

/* A page that is read before it is written would be one of the root view's. */
static int hammer_and_exit(void *context)
{
	FIXTURE_DATA(leaving) *self = context;
	char *own = box_map(self->box, PAGES, MAP_PRIVATE);

	hammer(self->map, self->progress, 1, sized(500, 5000));
	pages_fill(own, PAGES, 500);
	hammer(own, self->progress, 2, sized(500, 5000));
	return 0;
}

/* The box is as before, except for which of the parent's pages are in frames. */
static void expect_recovery(struct __test_metadata *_metadata,
			    FIXTURE_DATA(leaving) * self)
{
	struct pagebox_stats now;

	EXPECT_TRUE(pages_become(self->box, self->before.pages));
	now = box_stats(self->box);
	EXPECT_EQ(self->before.views, now.views);
	EXPECT_GE(FRAMES, now.frames_used);
	EXPECT_LE(PAGES, now.frames_used + now.swap_used);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	unmap(self->map, PAGES);
	now = box_stats(self->box);
	EXPECT_EQ(0, now.frames_used);
	EXPECT_EQ(0, now.swap_used);
	EXPECT_EQ(0, now.pages);
	EXPECT_EQ(1, now.views);
}

/* A child that exits leaves its parent's pages and none of its own. */
TEST_F(leaving, exit)
{
	for (int round = 0; round < 3; round++)
		EXPECT_EQ(0, in_child(hammer_and_exit, self));
	expect_recovery(_metadata, self);
}

static bool hammer_runs(struct progress *progress)
{
	return __atomic_load_n(&progress->operations, __ATOMIC_RELAXED) >
	       sized(300, 3000);
}

static pid_t fork_hammer(FIXTURE_DATA(leaving) * self, uint64_t seed)
{
	pid_t pid = fork_tied();

	if (!pid)
		hammer(self->map, self->progress, seed, 0);
	return pid;
}

/* kill -9 at any moment is as clean as exit. */
TEST_F(leaving, kill)
{
	for (int round = 0; round < 5; round++) {
		pid_t pid;

		self->progress->operations = 0;
		pid = fork_hammer(self, round);
		EXPECT_TRUE(eventually(hammer_runs(self->progress)));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_EQ(256 + SIGKILL, child_status(pid));
	}
	expect_recovery(_metadata, self);
}

/* So is killing three relatives that share pages, while they fault. */
TEST_F(leaving, kill_relatives)
{
	pid_t pids[3];

	for (int i = 0; i < 3; i++)
		pids[i] = fork_hammer(self, i);
	EXPECT_TRUE(eventually(hammer_runs(self->progress)));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		EXPECT_EQ(256 + SIGKILL, child_status(pids[i]));
		self->progress->operations = 0;
		if (i < 2)
			EXPECT_TRUE(eventually(hammer_runs(self->progress)));
	}
	expect_recovery(_metadata, self);
}

static void *hammer_thread(void *context)
{
	FIXTURE_DATA(leaving) *self = context;

	hammer(self->map, self->progress, (uintptr_t)&self, 0);
	return NULL;
}

static int threads_and_exit(void *context)
{
	FIXTURE_DATA(leaving) *self = context;
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, hammer_thread, self))
			die("pthread_create");
	if (!eventually(hammer_runs(self->progress)))
		die("the threads do not run");
	_exit(0);
}

/* A process that exits while its other threads fault. */
TEST_F(leaving, exit_with_threads)
{
	for (int round = 0; round < 3; round++) {
		self->progress->operations = 0;
		EXPECT_EQ(0, in_child(threads_and_exit, self));
	}
	expect_recovery(_metadata, self);
}

static int exit_after_fork(void *context)
{
	FIXTURE_DATA(leaving) *self = context;
	pid_t pid = fork_hammer(self, 7);

	if (!eventually(hammer_runs(self->progress)))
		die("the child does not run");
	kill(pid, SIGKILL);
	_exit(0);
}

/*
 * A parent exits before its child: the child's pages outlive it until the child
 * exits.
 */
TEST_F(leaving, parent_goes_first)
{
	EXPECT_EQ(0, in_child(exit_after_fork, self));
	EXPECT_TRUE(
		eventually(box_stats(self->box).views == self->before.views));
	expect_recovery(_metadata, self);
}

/* exec() drops the mapping as exit() does. */
static int exec_true(void *context)
{
	FIXTURE_DATA(leaving) *self = context;

	pages_fill(self->map, PAGES, 300);
	execlp("true", "true", NULL);
	die("cannot run true");
}

TEST_F(leaving, exec)
{
	EXPECT_EQ(0, in_child(exec_true, self));
	expect_recovery(_metadata, self);
}

TEST_HARNESS_MAIN
