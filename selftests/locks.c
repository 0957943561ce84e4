// SPDX-License-Identifier: GPL-2.0
/*
 * File locks of a box: fcntl(), open file descriptions, flock(). Each box is a
 * separate file, whichever file descriptor it is used through.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/harness.h"
#include "lib/proc.h"
#include "lib/test.h"

#define FRAMES 8

/* The kinds of lock; all except POSIX belong to an open file description. */
enum kind {
	POSIX,
	OFD,
	FLOCK,
};

/* Locks, or unlocks, bytes @from to @to of a file: 0 or errno. */
static int lock_range(enum kind kind, int fd, short type, bool wait, long from,
		      long to)
{
	static const int cmds[][2] = {
		[POSIX] = { F_SETLK, F_SETLKW },
		[OFD] = { F_OFD_SETLK, F_OFD_SETLKW },
	};
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = from,
		.l_len = to - from + 1,
	};

	if (kind == FLOCK)
		return flock(fd, (type == F_UNLCK ? LOCK_UN :
				  type == F_RDLCK ? LOCK_SH :
						    LOCK_EX) |
					 (wait ? 0 : LOCK_NB)) ?
			       errno :
			       0;
	return fcntl(fd, cmds[kind][wait], &lock) ? errno : 0;
}

static int lock(enum kind kind, int fd, short type)
{
	return lock_range(kind, fd, type, false, 0, 99);
}

/* Commands to a child with an fd of its own or an inherited one. */
enum command {
	LOCK,
	UNLOCK,
	SHARE,
	CLOSE,
};

/**
 * struct other - another process that uses a box
 * @kind: of its locks
 * @id: the box to join after closing @fd; 0 to use @fd
 */
struct other {
	enum kind kind;
	unsigned int id;
	int fd;
};

static int serve_locks(void *context, int command)
{
	struct other *other = context;

	if (other->id) {
		int door = box_open();

		close(other->fd);
		other->fd = box_join(door, other->id);
		other->id = 0;
		close(door);
		if (other->fd < 0)
			return -1;
	}
	switch (command) {
	case LOCK:
		return lock(other->kind, other->fd, F_WRLCK);
	case SHARE:
		return lock(other->kind, other->fd, F_RDLCK);
	case UNLOCK:
		return lock(other->kind, other->fd, F_UNLCK);
	case CLOSE:
		return close(other->fd);
	}
	return -1;
}

FIXTURE(locks)
{
	int box;
	unsigned int id;
	struct other other;
	struct child child;
};

FIXTURE_VARIANT(locks)
{
	enum kind kind;
};

FIXTURE_VARIANT_ADD(locks, posix){ .kind = POSIX };
FIXTURE_VARIANT_ADD(locks, ofd){ .kind = OFD };
FIXTURE_VARIANT_ADD(locks, flock){ .kind = FLOCK };

FIXTURE_SETUP(locks)
{
	self->box = box_new(FRAMES, 64);
	self->id = box_info(self->box).id;
	self->other = (struct other){ .kind = variant->kind,
				      .id = self->id,
				      .fd = self->box };
	self->child = child_fork(serve_locks, &self->other);
	if (child_ask(&self->child, UNLOCK))
		die("the child cannot use the box");
}

FIXTURE_TEARDOWN(locks)
{
	child_end(&self->child);
	close(self->box);
}

TEST_F(locks, of_one_box_conflict)
{
	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
	EXPECT_EQ(EAGAIN, child_ask(&self->child, LOCK));
	EXPECT_EQ(EAGAIN, child_ask(&self->child, SHARE));
	EXPECT_EQ(0, lock(variant->kind, self->box, F_UNLCK));
	EXPECT_EQ(0, child_ask(&self->child, SHARE));
	EXPECT_EQ(0, lock(variant->kind, self->box, F_RDLCK));
	EXPECT_EQ(EAGAIN, lock(variant->kind, self->box, F_WRLCK));
	EXPECT_EQ(0, child_ask(&self->child, UNLOCK));
	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
}

TEST_F(locks, of_two_boxes_do_not)
{
	int other = box_new(FRAMES, 64);

	EXPECT_EQ(0, child_ask(&self->child, LOCK));
	EXPECT_EQ(0, lock(variant->kind, other, F_WRLCK));
	close(other);
	EXPECT_EQ(EAGAIN, lock(variant->kind, self->box, F_WRLCK));
}

/* Closing another box, even of the same process, drops no lock. */
TEST_F(locks, survive_the_close_of_another_box)
{
	int other = box_new(FRAMES, 64);

	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
	EXPECT_EQ(0, lock(variant->kind, other, F_WRLCK));
	close(other);
	EXPECT_EQ(EAGAIN, child_ask(&self->child, LOCK));
}

/*
 * POSIX locks are dropped with any fd of the box, others with the last fd of
 * their description.
 */
TEST_F(locks, go_with_their_owner)
{
	int joined = box_join(self->box, self->id);
	int same = dup(self->box);

	ASSERT_LE(0, joined);
	ASSERT_LE(0, same);
	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
	close(joined);
	EXPECT_EQ(variant->kind == POSIX ? 0 : EAGAIN,
		  child_ask(&self->child, LOCK));
	if (variant->kind == POSIX)
		EXPECT_EQ(0, child_ask(&self->child, UNLOCK));
	EXPECT_EQ(0, lock(variant->kind, same, F_WRLCK));
	close(same);
	EXPECT_EQ(variant->kind == POSIX ? 0 : EAGAIN,
		  child_ask(&self->child, LOCK));
}

/* Conversely, locks of a description are dropped with it. */
TEST_F(locks, end_with_a_description)
{
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
	EXPECT_EQ(EAGAIN, lock(variant->kind, self->box, F_WRLCK));
	EXPECT_EQ(0, child_ask(&self->child, CLOSE));
	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
}

/* The same for the opener's description while others keep the box. */
TEST_F(locks, end_with_the_opener_s_description)
{
	int joined = box_join(self->box, self->id);

	ASSERT_LE(0, joined);
	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
	EXPECT_EQ(EAGAIN, child_ask(&self->child, LOCK));
	close(self->box);
	self->box = joined;
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
}

TEST_F(locks, end_with_a_process)
{
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
	EXPECT_EQ(EAGAIN, lock(variant->kind, self->box, F_WRLCK));
	kill(self->child.pid, SIGKILL);
	child_status(self->child.pid);
	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
	self->child = child_fork(serve_locks, &self->other);
}

/* Whether a task sleeps in fcntl() or flock(). */
static bool sleeps_in_lock(const pid_t *tid)
{
	long call = task_call(__atomic_load_n(tid, __ATOMIC_ACQUIRE));

	return call == SYS_fcntl || call == SYS_flock;
}

/**
 * struct waiter - a thread that waits for a lock
 * @result: 0 or errno
 */
struct waiter {
	enum kind kind;
	int fd;
	pid_t tid;
	int result;
	pthread_t thread;
};

static void *wait_for_lock(void *context)
{
	struct waiter *waiter = context;

	__atomic_store_n(&waiter->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	waiter->result =
		lock_range(waiter->kind, waiter->fd, F_WRLCK, true, 0, 99);
	return NULL;
}

static void waiter_start(struct waiter *waiter)
{
	if (pthread_create(&waiter->thread, NULL, wait_for_lock, waiter))
		die("pthread_create");
	if (!eventually(sleeps_in_lock(&waiter->tid)))
		die("no task waits for the lock");
}

static void nothing(int signal)
{
}

/* A wait ends with the unlock, or with a signal. */
TEST_F(locks, are_waited_for)
{
	struct sigaction action = { .sa_handler = nothing };
	struct waiter waiter = { .kind = variant->kind, .fd = self->box };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
	waiter_start(&waiter);
	pthread_kill(waiter.thread, SIGUSR1);
	pthread_join(waiter.thread, NULL);
	EXPECT_EQ(EINTR, waiter.result);

	waiter_start(&waiter);
	EXPECT_EQ(0, child_ask(&self->child, UNLOCK));
	pthread_join(waiter.thread, NULL);
	EXPECT_EQ(0, waiter.result);
	EXPECT_EQ(EAGAIN, child_ask(&self->child, LOCK));
}

/* Waits for a lock in a separate process, which is then killed. */
TEST_F(locks, are_waited_for_killably)
{
	pid_t pid;

	EXPECT_EQ(0, child_ask(&self->child, LOCK));
	pid = fork_tied();
	if (!pid) {
		signal(SIGUSR1, SIG_IGN);
		_exit(lock_range(variant->kind, self->box, F_WRLCK, true, 0,
				 99));
	}
	EXPECT_TRUE(eventually(sleeps_in_lock(&pid)));
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_status(pid));
	EXPECT_EQ(0, child_ask(&self->child, UNLOCK));
	EXPECT_EQ(0, lock(variant->kind, self->box, F_WRLCK));
}

/* A lock granted after its file descriptor was closed is dropped. */
TEST_F(locks, that_come_too_late_are_dropped)
{
	struct waiter waiter = { .kind = variant->kind };

	waiter.fd = box_join(self->box, self->id);
	ASSERT_LE(0, waiter.fd);
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
	waiter_start(&waiter);
	close(waiter.fd);
	EXPECT_EQ(0, child_ask(&self->child, UNLOCK));
	pthread_join(waiter.thread, NULL);
	EXPECT_EQ(variant->kind == POSIX ? EBADF : 0, waiter.result);
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
}

/* The same with the opener's file, while others keep the box. */
TEST_F(locks, of_the_opener_that_come_too_late_are_dropped)
{
	struct waiter waiter = { .kind = variant->kind, .fd = self->box };
	int joined = box_join(self->box, self->id);

	ASSERT_LE(0, joined);
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
	waiter_start(&waiter);
	close(self->box);
	self->box = joined;
	EXPECT_EQ(0, child_ask(&self->child, UNLOCK));
	pthread_join(waiter.thread, NULL);
	EXPECT_EQ(variant->kind == POSIX ? EBADF : 0, waiter.result);
	EXPECT_EQ(0, child_ask(&self->child, LOCK));
}

/* The lock that would conflict with one on this range. */
static struct flock obstacle(int fd, long from, long to)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = from,
		.l_len = to - from + 1,
	};

	if (fcntl(fd, F_GETLK, &lock))
		die("F_GETLK");
	return lock;
}

TEST(obstacles_are_told)
{
	int box = box_new(FRAMES, 64);
	struct other other = { .kind = POSIX, .fd = box };
	struct child child = child_fork(serve_locks, &other);
	struct flock found;

	EXPECT_EQ(F_UNLCK, obstacle(box, 0, 9).l_type);
	EXPECT_EQ(0, child_ask(&child, LOCK));
	found = obstacle(box, 50, 200);
	EXPECT_EQ(F_WRLCK, found.l_type);
	EXPECT_EQ(child.pid, found.l_pid);
	EXPECT_EQ(0, found.l_start);
	EXPECT_EQ(100, found.l_len);
	EXPECT_EQ(F_UNLCK, obstacle(box, 100, 200).l_type);
	child_end(&child);
	close(box);
}

/* Ranges of a box are locked independently. */
TEST(ranges)
{
	int box = box_new(FRAMES, 64);
	struct other other = { .kind = POSIX, .fd = box };
	struct child child = child_fork(serve_locks, &other);

	EXPECT_EQ(0, lock_range(POSIX, box, F_WRLCK, false, 0, 199));
	EXPECT_EQ(EAGAIN, child_ask(&child, LOCK));
	EXPECT_EQ(0, lock_range(POSIX, box, F_UNLCK, false, 0, 99));
	EXPECT_EQ(0, child_ask(&child, LOCK));
	EXPECT_EQ(EAGAIN, lock_range(POSIX, box, F_WRLCK, false, 99, 99));
	child_end(&child);
	EXPECT_EQ(0, lock_range(POSIX, box, F_WRLCK, false, 0, 199));
	close(box);
}

/* Of two tasks that wait for each other, the second gets EDEADLK. */
TEST(deadlocks_are_seen)
{
	int box = box_new(FRAMES, 64);
	pid_t pid;

	EXPECT_EQ(0, lock_range(POSIX, box, F_WRLCK, false, 0, 9));
	pid = fork_tied();
	if (!pid) {
		int err = lock_range(POSIX, box, F_WRLCK, false, 10, 19);

		_exit(err ?: lock_range(POSIX, box, F_WRLCK, true, 0, 9));
	}
	EXPECT_TRUE(eventually(sleeps_in_lock(&pid)));
	EXPECT_EQ(EDEADLK, lock_range(POSIX, box, F_WRLCK, true, 10, 19));
	EXPECT_EQ(0, lock_range(POSIX, box, F_UNLCK, false, 0, 9));
	EXPECT_EQ(0, child_status(pid));
	close(box);
}

/* A read-only fd cannot take a write lock. */
TEST(readers)
{
	int box = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, box);
	EXPECT_EQ(EBADF, lock(POSIX, box, F_WRLCK));
	EXPECT_EQ(0, lock(POSIX, box, F_RDLCK));
	EXPECT_EQ(0, lock(FLOCK, box, F_WRLCK));
	close(box);
}

TEST_HARNESS_MAIN
