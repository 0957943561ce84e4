// SPDX-License-Identifier: GPL-2.0
/*
 * What somebody who means no good may try: with an fd that was handed to him,
 * as another user, as root of a user namespace. module/SECURITY.md says what is
 * promised, and names the cases here that prove it.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pagebox_test.h"

/* --- who may join and configure --- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write '%s' to %s", text, path);
	close(fd);
}

/* Becomes @uid without capabilities, but root with all of them in its own namespace. */
static void become_root_of_namespace(uid_t uid)
{
	char map[32];

	become(uid, 0);
	/* Or /proc/self would belong to the user that we were. */
	if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER))
		die("unshare");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	if (geteuid())
		die("not root of the namespace");
}

/* Who does it: to a box whose fd was inherited. */
struct visitor {
	int box;
	uid_t uid;
	uint64_t caps;
	bool namespace;
};

/* What a child returns; one that could not even try returns 1. */
enum { ALLOWED = 10, REFUSED };

/* Tries to change the name, and to join. */
static int visit(void *context)
{
	struct visitor *visitor = context;
	unsigned int id = box_info(visitor->box).id;
	int configured, joined;

	if (visitor->namespace)
		become_root_of_namespace(visitor->uid);
	else
		become(visitor->uid, visitor->caps);
	configured =
		configure_error(visitor->box, (struct pagebox_config){
						      .set = PAGEBOX_SET_NAME,
						      .name = "visited",
					      });
	joined = box_join(visitor->box, id);
	if (!configured && joined >= 0)
		return ALLOWED;
	if (configured == EPERM && joined == -EPERM)
		return REFUSED;
	die("configured: %d, joined: %d", configured, joined);
}

/* The user that opened it and CAP_SYS_ADMIN of the machine; an fd is not enough. */
TEST(who_may_configure)
{
	static const struct {
		uid_t owner;
		struct visitor visitor;
		int result;
	} cases[] = {
		{ 0, { .uid = 0, .caps = ALL_CAPS }, ALLOWED },
		{ 0, { .uid = SOMEBODY }, REFUSED },
		{ 0, { .uid = SOMEBODY, .caps = CAP(CAP_SYS_ADMIN) }, ALLOWED },
		{ 0, { .uid = SOMEBODY, .namespace = true }, REFUSED },
		{ SOMEBODY, { .uid = SOMEBODY }, ALLOWED },
		{ SOMEBODY, { .uid = NOBODY }, REFUSED },
		{ SOMEBODY, { .uid = 0 }, REFUSED },
		{ SOMEBODY, { .uid = SOMEBODY, .namespace = true }, ALLOWED },
		{ SOMEBODY, { .uid = NOBODY, .namespace = true }, REFUSED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int box = cases[i].owner ? box_of(cases[i].owner) : box_open();
		struct visitor visitor = cases[i].visitor;

		visitor.box = box;
		EXPECT_EQ(cases[i].result, in_child(visit, &visitor))
		TH_LOG("case %zu", i);
		EXPECT_EQ(cases[i].result == ALLOWED,
			  !strcmp("visited", box_info(box).name));
		close(box);
	}
}

/* An fd for reading shows the box, and changes nothing of it. */
TEST(configure_through_reader)
{
	int reader = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);
	int writer = open(PAGEBOX_DEVICE, O_WRONLY | O_CLOEXEC);
	struct pagebox_config config = {
		.set = PAGEBOX_SET_NAME,
		.name = "changed",
	};
	int joined;

	ASSERT_LE(0, reader);
	EXPECT_EQ(EBADF, configure_error(reader, config));
	EXPECT_NE(0, strcmp("changed", box_info(reader).name));
	/* Nor does joining make more of it. */
	joined = box_join(reader, box_info(reader).id);
	ASSERT_LE(0, joined);
	EXPECT_EQ(EBADF, configure_error(joined, config));
	EXPECT_EQ(0, configure_error(writer, config));
}

/* --- a box is not there before it is ready --- */

#define BIRTHS 100

struct birth {
	int door;
	unsigned int next;
	unsigned int joined;
};

/* Joins box after box as soon as there is one, and uses it. */
static void *join_the_newborn(void *context)
{
	struct birth *birth = context;

	for (unsigned int i = 0; i < BIRTHS; i++) {
		int box;
		char *map;

		do
			box = box_join(birth->door, birth->next + i);
		while (box < 0);
		map = box_map(box, 2, MAP_PRIVATE);
		page_fill(map, 1);
		if (!page_holds(map, 1))
			die("a page of a new box");
		unmap(map, 2);
		close(box);
		__atomic_store_n(&birth->joined, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

TEST(joined_at_birth)
{
	struct birth birth = { .door = box_open() };
	pthread_t thread;

	birth.next = box_info(birth.door).id + 1;
	ASSERT_EQ(0, pthread_create(&thread, NULL, join_the_newborn, &birth));
	for (unsigned int i = 0; i < BIRTHS; i++) {
		int box = box_open();

		ASSERT_EQ(birth.next + i, box_info(box).id);
		while (__atomic_load_n(&birth.joined, __ATOMIC_ACQUIRE) <= i)
			sched_yield();
		close(box);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/* --- whom a box may kill --- */

#define FRAMES 8

struct tenant {
	int box;
	uid_t uid;
};

/* Fills @pages pages of its own. */
static int take(void *context, int pages)
{
	struct tenant *tenant = context;

	become(tenant->uid, 0);
	pages_fill(box_map(tenant->box, pages, MAP_PRIVATE), pages, 1);
	return 0;
}

static int want_all(void *context)
{
	return take(context, FRAMES / 2);
}

static int kill_box(int box)
{
	box_configure(box, (struct pagebox_config){
				   .set = PAGEBOX_SET_FRAMES |
					  PAGEBOX_SET_SWAP | PAGEBOX_SET_OOM,
				   .frames = FRAMES,
				   .swap_fd = PAGEBOX_FD_NONE,
				   .oom = PAGEBOX_OOM_KILL,
			   });
	return box;
}

/* A box of @owner runs out of frames: does the guest, who has the most, die? */
static bool guest_is_killed(struct __test_metadata *_metadata, uid_t owner)
{
	int box = kill_box(owner ? box_of(owner) : box_open());
	struct tenant guest = { .box = box, .uid = NOBODY };
	struct tenant greedy = { .box = box, .uid = owner };
	struct child child = child_fork(take, &guest);
	bool killed;

	EXPECT_EQ(0, child_ask(&child, FRAMES - 2));
	killed = in_child(want_all, &greedy) != 256 + SIGKILL;
	EXPECT_EQ(1, box_stats(box).oom_kills);
	if (killed) {
		EXPECT_EQ(256 + SIGKILL, child_status(child.pid));
	} else {
		child_end(&child);
	}
	close(box);
	return killed;
}

/* Only a box of one who may kill him kills a guest of another user. */
TEST(kills_its_own)
{
	EXPECT_FALSE(guest_is_killed(_metadata, SOMEBODY));
	EXPECT_TRUE(guest_is_killed(_metadata, 0));
}

TEST_HARNESS_MAIN
