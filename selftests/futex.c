// SPDX-License-Identifier: GPL-2.0
/*
 * Futexes in a box without FUTEX_PRIVATE. The kernel identifies them by the
 * object behind the page: a private mapping is a separate object in each
 * process, a shared mapping is one object for all.
 */

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/harness.h"
#include "lib/proc.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 16
#define STACK_PAGES 16
#define ROUNDS (small_size() ? 2 : sized(20, 200))

/**
 * struct waiter - a thread that sleeps until its word changes
 * @word: initially 0
 * @tid: of the thread, atomic
 */
struct waiter {
	uint32_t *word;
	pid_t tid;
	pthread_t thread;
};

static void *wait_for_word(void *context)
{
	struct waiter *waiter = context;

	__atomic_store_n(&waiter->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	while (!__atomic_load_n(waiter->word, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, waiter->word, FUTEX_WAIT, 0, NULL, NULL, 0);
	return NULL;
}

/* Starts a waiter; it sleeps when this returns. */
static void waiter_start(struct waiter *waiter, void *word)
{
	*waiter = (struct waiter){ .word = word };
	if (pthread_create(&waiter->thread, NULL, wait_for_word, waiter))
		die("pthread_create");
	if (!eventually(task_call(__atomic_load_n(
				&waiter->tid, __ATOMIC_ACQUIRE)) == SYS_futex))
		die("a thread does not sleep in its wait");
}

static long wake(uint32_t *word)
{
	return syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Changes the word and wakes; the number of threads woken. */
static long waiter_end(struct waiter *waiter)
{
	long woken;

	__atomic_store_n(waiter->word, 1, __ATOMIC_RELEASE);
	woken = wake(waiter->word);
	if (woken == 1)
		pthread_join(waiter->thread, NULL);
	return woken;
}

/* Commands to the child. */
enum command {
	WAIT,
	WAKE,
	END,
};

struct kin {
	uint32_t *word;
	struct waiter waiter;
};

static int serve_waits(void *context, int command)
{
	struct kin *kin = context;

	switch (command) {
	case WAIT:
		waiter_start(&kin->waiter, kin->word);
		return 0;
	case WAKE:
		return wake(kin->word);
	case END:
		return waiter_end(&kin->waiter);
	}
	return -1;
}

FIXTURE(futex)
{
	int box;
	char *map;
	struct kin kin;
};

FIXTURE_SETUP(futex)
{
	self->box = box_new(FRAMES, 64);
	self->map = box_map(self->box, 2, MAP_PRIVATE);
	self->kin.word = (uint32_t *)self->map;
}

NO_TEARDOWN(futex);

/* Whether the page is private already or untouched before fork(). */
FIXTURE_VARIANT(futex)
{
	bool touched;
};

FIXTURE_VARIANT_ADD(futex, touched){ .touched = true };
FIXTURE_VARIANT_ADD(futex, untouched){ .touched = false };

/* Parent and child wait at the same address; each wakes only its own waiter. */
TEST_F(futex, wakes_its_own_process)
{
	struct child child;

	if (variant->touched)
		*self->kin.word = 0;
	child = child_fork(serve_waits, &self->kin);
	ASSERT_EQ(0, child_ask(&child, WAIT));
	EXPECT_EQ(0, wake(self->kin.word));
	waiter_start(&self->kin.waiter, self->kin.word);
	EXPECT_EQ(1, waiter_end(&self->kin.waiter));
	EXPECT_EQ(1, child_ask(&child, END));
	child_end(&child);
}

/* A waiter is found after its page was swapped out. */
TEST_F(futex, wakes_after_an_eviction)
{
	struct waiter waiter;

	if (variant->touched)
		*self->kin.word = 0;
	waiter_start(&waiter, self->map);
	EXPECT_EQ(1, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, self->map, 1));
	/* Read first, so that the page comes back without a write. */
	EXPECT_EQ(0, *(volatile uint32_t *)self->map);
	EXPECT_EQ(1, waiter_end(&waiter));
}

/* A waiter from before fork() is found after both processes wrote to the page. */
TEST_F(futex, wakes_after_fork)
{
	struct waiter waiter;
	struct child child;

	if (variant->touched)
		*self->kin.word = 0;
	waiter_start(&waiter, self->map);
	child = child_fork(serve_waits, &self->kin);
	EXPECT_EQ(0, child_ask(&child, WAKE));
	EXPECT_EQ(0, child_ask(&child, WAIT));
	EXPECT_EQ(1, waiter_end(&waiter));
	EXPECT_EQ(1, child_ask(&child, END));
	child_end(&child);
}

/* A later mapping at the same address does not share futexes with the old one. */
TEST_F(futex, a_new_mapping_is_another_object)
{
	struct waiter waiter, new;

	if (variant->touched)
		*self->kin.word = 0;
	waiter_start(&waiter, self->map);
	unmap(self->map, 2);
	self->map = box_map(self->box, 2, MAP_PRIVATE);
	EXPECT_EQ(0, wake((uint32_t *)self->map));
	waiter_start(&new, self->map);
	EXPECT_EQ(1, waiter_end(&new));
	/* The first thread sleeps until this process exits. */
}

/* In a shared mapping, a wake reaches the other process. */
TEST(shared_mappings_share_futexes)
{
	int box = box_new(FRAMES, 64);
	char *map = box_map(box, 1, MAP_SHARED);
	struct kin kin = { .word = (uint32_t *)map };
	struct waiter waiter;
	struct child child;

	waiter_start(&waiter, map);
	child = child_fork(serve_waits, &kin);
	*kin.word = 1;
	EXPECT_EQ(1, child_ask(&child, WAKE));
	pthread_join(waiter.thread, NULL);
	child_end(&child);
	unmap(map, 1);
	close(box);
}

static void *no_work(void *context)
{
	return context;
}

/* Starts threads on a stack in the box, and joins them. */
static int join_threads(void *stack)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (pthread_attr_setstack(&attr, stack, STACK_PAGES * page_size))
		die("pthread_attr_setstack");
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (pthread_create(&thread, &attr, no_work, NULL))
			die("pthread_create");
		pthread_join(thread, NULL);
	}
	pthread_attr_destroy(&attr);
	return 0;
}

/*
 * A thread exits with a wake without FUTEX_PRIVATE, for which pthread_join()
 * waits.
 */
TEST(threads_are_joined_in_both_processes)
{
	int box = box_new(64, 64), status;
	char *stack = box_map(box, STACK_PAGES, MAP_PRIVATE);
	pid_t pid;

	memset(stack, 1, STACK_PAGES * page_size);
	pid = fork_tied();
	if (!pid)
		_exit(join_threads(stack));
	EXPECT_EQ(0, join_threads(stack));
	status = child_status(pid);
	EXPECT_EQ(0, status);
	unmap(stack, STACK_PAGES);
	close(box);
}

/* Forks repeatedly while another thread joins its own threads. */
static void *join_all_the_time(void *stack)
{
	join_threads(stack);
	return NULL;
}

TEST(threads_are_joined_while_others_fork)
{
	int box = box_new(64, 64);
	char *stack = box_map(box, STACK_PAGES, MAP_PRIVATE);
	pthread_t thread;
	pid_t pid;

	memset(stack, 1, STACK_PAGES * page_size);
	if (pthread_create(&thread, NULL, join_all_the_time, stack))
		die("pthread_create");
	while (pthread_tryjoin_np(thread, NULL)) {
		pid = fork_tied();
		if (!pid)
			_exit(0);
		EXPECT_EQ(0, child_status(pid));
	}
	unmap(stack, STACK_PAGES);
	close(box);
}

TEST_HARNESS_MAIN
