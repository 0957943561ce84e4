// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEBOX_IOC_JOIN: an fd of a box by its number, given permission, and a box
 * shared by several processes until the last one leaves it.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/test.h"
#include "lib/user.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 24

/* A box opened by this process, and an fd of another box to join through. */
FIXTURE(join)
{
	int box;
	int door;
	unsigned int id;
	char *map;
};

FIXTURE_SETUP(join)
{
	self->box = box_new(FRAMES, 0);
	self->door = box_open();
	self->id = box_info(self->box).id;
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	pages_fill(self->map, PAGES, 1);
}

NO_TEARDOWN(join);

static int must_join(int door, unsigned int id)
{
	int box = box_join(door, id);

	if (box < 0)
		die("cannot join box %u: %d", id, box);
	return box;
}

/* The joined fd refers to the same box: same pages, counters and number. */
TEST_F(join, same_box)
{
	int joined = must_join(self->door, self->id);
	struct pagebox_info info = box_info(joined), own = box_info(self->box);
	struct pagebox_stats before = box_stats(joined);
	char *map;

	EXPECT_TRUE(is_same(&own, &info, sizeof(own)));
	map = box_map(joined, PAGES, MAP_SHARED);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_LT(before.faults[PAGEBOX_FAULT_SWAPIN],
		  box_stats(self->box).faults[PAGEBOX_FAULT_SWAPIN]);
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
	EXPECT_EQ(1, box_stats(self->box).views);
}

/* A box can be joined through its own fd, too. */
TEST_F(join, through_itself)
{
	int joined = must_join(self->box, self->id);

	EXPECT_EQ(self->id, box_info(joined).id);
	EXPECT_NE(self->box, joined);
	close(joined);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* Opening an fd again through /proc creates a new box. */
TEST_F(join, reopened)
{
	char path[64];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->box);
	other = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, other);
	EXPECT_NE(self->id, box_info(other).id);
	EXPECT_EQ(0, box_stats(other).pages);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

static long map_of(unsigned int id, const void *address)
{
	return map_row_at(id, address).map;
}

/* Shared mappings of one process are one map, whichever fd they use. */
TEST_F(join, one_map_for_all_fds)
{
	int joined = must_join(self->door, self->id);
	char *map = box_map(joined, PAGES, MAP_SHARED);

	close(joined);
	EXPECT_EQ(map_of(self->id, self->map), map_of(self->id, map));
	EXPECT_EQ(1, debugfs_number(self->id, "summary", "maps"));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	unmap(self->map, PAGES);
	EXPECT_EQ(1, debugfs_number(self->id, "summary", "maps"));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_NE(NULL, strstr(maps_line(map), " " PAGEBOX_DEVICE));
	/* Advice affects the pages of the mapping. */
	drop_ptes(map, PAGES);
	root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES);
	EXPECT_EQ(0, madvise(map, PAGES * page_size, MADV_WILLNEED));
	EXPECT_LT(0, box_stats(self->box).prefetched);
	self->map = map;
}

/* A mapping of a read-only fd cannot be made writable in any way. */
TEST_F(join, mapping_of_a_reader_stays_one)
{
	int door = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);
	int reader = must_join(door, self->id);
	char *map =
		mmap(NULL, PAGES * page_size, PROT_READ, MAP_SHARED, reader, 0);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(map_of(self->id, self->map), map_of(self->id, map));
	EXPECT_EQ(-1, mprotect(map, page_size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, remap_file_pages(map, page_size, 0, 1, 0));
	EXPECT_EQ(EINVAL, errno);
	unmap(map, PAGES);
	close(reader);
	close(door);
}

/* Private mappings of a joined box are private. */
TEST_F(join, private_mappings)
{
	int joined = must_join(self->door, self->id);
	char *map = box_map(joined, PAGES, MAP_PRIVATE);

	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_EQ(2, box_stats(self->box).views);
}

/* Close-on-exec, and the access mode of the joining fd. */
TEST_F(join, modes)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int door = open(PAGEBOX_DEVICE, modes[i]);
		int joined = must_join(door, self->id);
		char byte;

		EXPECT_EQ(modes[i], fcntl(joined, F_GETFL) & O_ACCMODE);
		EXPECT_EQ(FD_CLOEXEC, fcntl(joined, F_GETFD));
		EXPECT_EQ(modes[i] == O_RDONLY ? -1 : 1,
			  pwrite(joined, self->map, 1, 0));
		EXPECT_EQ(modes[i] == O_WRONLY ? -1 : 1,
			  pread(joined, &byte, 1, 0));
		close(joined);
		close(door);
	}
}

/* Each joined fd has its own file position. */
TEST_F(join, positions)
{
	int joined = must_join(self->door, self->id);
	char page[page_size];

	ASSERT_EQ(5 * page_size, lseek(joined, 5 * page_size, SEEK_SET));
	EXPECT_EQ(0, lseek(self->box, 0, SEEK_CUR));
	ASSERT_EQ(page_size, read(joined, page, page_size));
	EXPECT_TRUE(page_holds(page, 6));
	EXPECT_EQ(0, lseek(self->box, 0, SEEK_CUR));
}

/* A configuration is visible through every fd. */
TEST_F(join, configuration)
{
	int joined = must_join(self->door, self->id);

	box_configure(joined,
		      (struct pagebox_config){
			      .set = PAGEBOX_SET_NAME | PAGEBOX_SET_FRAMES |
				     PAGEBOX_SET_POLICY,
			      .name = "renamed",
			      .policy = "fifo",
			      .frames = 5,
		      });
	EXPECT_STREQ("renamed", box_info(self->box).name);
	EXPECT_STREQ("fifo", box_info(self->box).policy);
	EXPECT_EQ(5, box_info(self->box).frames);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* --- lifetime --- */

/* The opener may close its fd; a joined fd keeps the box. */
TEST_F(join, opener_leaves)
{
	int joined = must_join(self->door, self->id);

	unmap(self->map, PAGES);
	close(self->box);
	EXPECT_EQ(PAGES, box_stats(joined).pages);
	EXPECT_TRUE(pages_hold(box_map(joined, PAGES, MAP_SHARED), PAGES, 1));
	self->box = joined;
}

/* So does a mapping of a joined fd. */
TEST_F(join, mapping_outlives_all_fds)
{
	int joined = must_join(self->door, self->id);
	char *map = box_map(joined, PAGES, MAP_SHARED);

	unmap(self->map, PAGES);
	close(self->box);
	close(joined);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	pages_fill(map, PAGES, 500);
	self->box = must_join(self->door, self->id);
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/*
 * The box is destroyed with its last fd and mapping, and cannot be joined
 * again.
 */
TEST_F(join, box_goes_with_the_last)
{
	int joined = must_join(self->door, self->id);

	close(self->box);
	unmap(self->map, PAGES);
	EXPECT_FALSE(box_is_gone(self->id));
	close(joined);
	EXPECT_TRUE(eventually(box_is_gone(self->id)));
	EXPECT_EQ(-ENOENT, box_join(self->door, self->id));
	self->box = box_open();
}

#define CREW 6

struct member {
	int inherited;
	int door;
	unsigned int id;
	unsigned int number;
	int box;
	char *map;
};

enum { ENTER, FILL, CHECK_ALL, LEAVE };

static int serve_member(void *context, int command)
{
	struct member *member = context;

	switch (command) {
	case ENTER:
		member->box = must_join(member->door, member->id);
		member->map = box_map(member->box, PAGES, MAP_SHARED);
		close(member->inherited);
		return 0;
	case FILL:
		for (size_t i = member->number; i < PAGES; i += CREW)
			page_fill(page_at(member->map, i), 500 + i);
		return 0;
	case CHECK_ALL:
		return pages_hold(member->map, PAGES, 500);
	default:
		unmap(member->map, PAGES);
		close(member->box);
		return 0;
	}
}

/* Six processes join, write their own pages, and leave in any order. */
TEST(many_processes)
{
	static const int order[CREW] = { 3, 0, 5, 1, 4, 2 };
	struct child child[CREW];
	int door = box_open(), box = box_new(FRAMES, 0);
	unsigned int id = box_info(box).id;

	for (int i = 0; i < CREW; i++) {
		struct member member = {
			.inherited = box, .door = door, .id = id, .number = i
		};

		child[i] = child_fork(serve_member, &member);
	}
	for (int i = 0; i < CREW; i++)
		child_ask(&child[i], ENTER);
	close(box);
	for (int i = 0; i < CREW; i++)
		child_ask(&child[i], FILL);
	for (int i = 0; i < CREW; i++) {
		EXPECT_EQ(PAGES, debugfs_number(id, "stats", "pages"));
		EXPECT_EQ(CREW - i, debugfs_number(id, "summary", "maps"));
		for (int j = i; j < CREW; j++)
			EXPECT_TRUE(child_ask(&child[order[j]], CHECK_ALL));
		child_ask(&child[order[i]], LEAVE);
	}
	EXPECT_TRUE(eventually(box_is_gone(id)));
	for (int i = 0; i < CREW; i++)
		child_end(&child[i]);
}

/* A joined fd can be passed over a socket, and keeps the box in transit. */
TEST_F(join, handed_on)
{
	int joined = must_join(self->door, self->id), received;
	int sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	send_fd(sockets[0], joined);
	close(joined);
	close(self->box);
	unmap(self->map, PAGES);
	EXPECT_FALSE(box_is_gone(self->id));
	received = receive_fd(sockets[1]);
	EXPECT_EQ(self->id, box_info(received).id);
	EXPECT_TRUE(pages_hold(box_map(received, PAGES, MAP_SHARED), PAGES, 1));
	self->box = received;
}

/* A join that fails for lack of an fd leaves no reference. */
TEST_F(join, no_room_for_an_fd)
{
	int last = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit limit;

	ASSERT_LE(0, last);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = last + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(-EMFILE, box_join(self->door, self->id));
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	close(self->box);
	unmap(self->map, PAGES);
	EXPECT_TRUE(eventually(box_is_gone(self->id)));
	self->box = box_open();
}

/* --- permission --- */

/* The uid and box of a join through the inherited fd @door. */
struct attempt {
	int door;
	unsigned int id;
	uid_t uid;
	uint64_t caps;
};

/* Exit codes of a child; a failed test exits with 1. */
enum { JOINED = 10, REFUSED };

static int attempt(void *context)
{
	struct attempt *attempt = context;
	int joined;

	become(attempt->uid, attempt->caps);
	joined = box_join(attempt->door, attempt->id);
	return joined == -EPERM ? REFUSED : joined < 0 ? -joined : JOINED;
}

/* The opener's uid counts, not the possession of an fd. */
TEST(owners)
{
	static const struct {
		uid_t owner, uid;
		uint64_t caps;
		int result;
	} cases[] = {
		{ 0, 0, ALL_CAPS, JOINED },
		{ 0, 0, 0, JOINED },
		{ SOMEBODY, SOMEBODY, 0, JOINED },
		{ SOMEBODY, 0, ALL_CAPS, JOINED },
		{ SOMEBODY, 0, 0, REFUSED },
		{ SOMEBODY, NOBODY, 0, REFUSED },
		{ SOMEBODY, NOBODY, CAP(CAP_SYS_ADMIN), JOINED },
		{ SOMEBODY, NOBODY, ALL_CAPS & ~CAP(CAP_SYS_ADMIN), REFUSED },
		{ 0, SOMEBODY, 0, REFUSED },
	};
	int door = box_open();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int box = box_of(cases[i].owner);
		struct attempt context = {
			.door = door,
			.id = box_info(box).id,
			.uid = cases[i].uid,
			.caps = cases[i].caps,
		};

		EXPECT_EQ(cases[i].owner, box_info(box).owner);
		EXPECT_EQ(cases[i].result, in_child(attempt, &context))
		TH_LOG("case %zu", i);
		close(box);
	}
}

/*
 * The opener stays the owner, even after another user joins and renames the
 * box.
 */
TEST(owner_stays)
{
	int box = box_of(SOMEBODY);
	int joined = must_join(box_open(), box_info(box).id);

	box_configure(joined, (struct pagebox_config){ .set = PAGEBOX_SET_NAME,
						       .name = "taken over" });
	close(box);
	EXPECT_EQ(SOMEBODY, box_info(joined).owner);
}

TEST_HARNESS_MAIN
