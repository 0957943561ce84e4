// SPDX-License-Identifier: GPL-2.0
/*
 * Frames and swap slots are reused between pages, boxes and users, and no byte
 * of a previous owner may be visible. With PAGEBOX_FULL=1, 100,000 frames are
 * checked.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
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

#define FRAMES 16
#define PAGES 48

/* The same byte fills all secret pages, so each byte is significant. */
#define SECRET 0xa5

static void leave_secrets(char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		memset(page_at(map, i), SECRET, page_size);
}

static bool no_secrets(const char *map, size_t bytes)
{
	return !memchr(map, SECRET, bytes);
}

/* A user with a box: takes pages, fills them with secrets, and frees them. */
struct user {
	uid_t uid;
	int box;
	int store;
	bool is_user;
};

/* Half of the last page of this store is beyond the end of the file. */
#define STORE_BYTES (PAGES * page_size - page_size / 2)

static int user_box(const struct user *user)
{
	int box = box_open();

	box_configure(box,
		      (struct pagebox_config){
			      .set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE,
			      .frames = FRAMES,
			      .store_fd = user->store,
		      });
	return box;
}

/*
 * Unwritten pages are zero, in both kinds of mapping and by read(), including
 * frames that held secrets of the same box.
 */
static bool fresh_is_zero(int box)
{
	char *shared = box_map(box, PAGES, MAP_SHARED);
	char *private = box_map_from(box, PAGES, PAGES, MAP_PRIVATE);
	char *page = malloc(page_size);
	bool right;

	right = pages_are_zero(shared, PAGES);
	leave_secrets(shared, PAGES);
	right &= pages_are_zero(private, PAGES);
	leave_secrets(private, PAGES);
	if (!page || pread(box, page, page_size, 2 * PAGES * page_size) !=
			     (ssize_t)page_size)
		die("read");
	right &= page_holds(page, 0);
	/* By now most are in swap, and come back through the same frames. */
	for (size_t i = 0; i < PAGES * page_size; i++)
		right &= (unsigned char)shared[i] == SECRET &&
			 (unsigned char)private[i] == SECRET;
	unmap(shared, PAGES);
	unmap(private, PAGES);
	free(page);
	return right;
}

/* A store without secrets shows none, nor does the tail of its last page. */
static bool tail_is_zero(int box)
{
	char *map = box_map(box, PAGES, MAP_SHARED);
	char *buffer = malloc(PAGES * page_size);
	ssize_t got = pread(box, buffer, PAGES * page_size, 0);
	bool right = got == (ssize_t)STORE_BYTES && no_secrets(buffer, got);

	right &= no_secrets(map, PAGES * page_size);
	for (size_t i = STORE_BYTES; i < PAGES * page_size; i++)
		right &= !map[i];
	unmap(map, PAGES);
	free(buffer);
	return right;
}

/* One turn: the number of frames used, or -1 for a foreign byte. */
static int turn(void *context, int kind)
{
	struct user *user = context;
	struct pagebox_stats stats;
	bool right;
	int box;

	if (!user->is_user) {
		become(user->uid, CAP(CAP_DAC_OVERRIDE));
		user->is_user = true;
	}
	if (kind) {
		box = user_box(user);
		right = tail_is_zero(box);
	} else {
		box = box_new(FRAMES, 0);
		right = fresh_is_zero(box);
	}
	stats = box_stats(box);
	close(box);
	return right ? (int)(stats.faults[PAGEBOX_FAULT_ZERO] +
			     stats.faults[PAGEBOX_FAULT_FILE] +
			     stats.faults[PAGEBOX_FAULT_SWAPIN]) :
		       -1;
}

/* Neither the half nor the rest of the last store page has a secret. */
static int plain_store(void)
{
	int file = memfd_create("plain", MFD_CLOEXEC);
	char *page = malloc(page_size);

	memset(page, 0x11, page_size);
	for (size_t i = 0; i < PAGES; i++)
		if (pwrite(file, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot fill a store");
	free(page);
	if (ftruncate(file, STORE_BYTES))
		die("ftruncate");
	return file;
}

FIXTURE(recycle){};

NO_SETUP(recycle);

NO_TEARDOWN(recycle);

TEST_F_TIMEOUT(recycle, users, 1200)
{
	struct user user[] = {
		{ .uid = 0, .store = plain_store() },
		{ .uid = SOMEBODY, .store = plain_store() },
		{ .uid = NOBODY, .store = plain_store() },
	};
	struct child child[ARRAY_SIZE(user)];
	unsigned int frames = 0;

	for (size_t i = 0; i < ARRAY_SIZE(user); i++)
		child[i] = child_fork(turn, &user[i]);
	for (unsigned int i = 0; frames < sized(5000, 100000); i++) {
		int used = child_ask(&child[i % ARRAY_SIZE(user)],
				     i / ARRAY_SIZE(user) % 2);

		ASSERT_LT(0, used)
		TH_LOG("a foreign byte after %u frames", frames);
		frames += used;
	}
	for (size_t i = 0; i < ARRAY_SIZE(user); i++)
		child_end(&child[i]);
	TH_LOG("%u frames recycled", frames);
}

/* The locations of all pages, and their PTEs. */
struct snapshot {
	uint64_t entry[FRAMES];
	char row[FRAMES][64];
};

static struct snapshot snapshot(unsigned int id, const char *map)
{
	struct snapshot s = {};
	struct page_row *rows;
	size_t count;

	for (size_t i = 0; i < FRAMES; i++)
		s.entry[i] = pagemap(map + i * page_size);
	count = page_rows(id, map_row_at(id, map).map, &rows);
	errno = 0;
	if (count != FRAMES)
		die("%zu rows", count);
	for (size_t i = 0; i < FRAMES; i++)
		snprintf(s.row[i], sizeof(s.row[i]), "%ld %s %ld %ld %s",
			 rows[i].index, rows[i].state, rows[i].frame,
			 rows[i].slot, rows[i].pte);
	free(rows);
	return s;
}

/* Evictions in one box change no PTE of another box. */
TEST(no_pte_of_another_box)
{
	int quiet = box_new(FRAMES, 0), busy = box_new(2, 0);
	unsigned int id = box_info(quiet).id;
	char *still = box_map(quiet, FRAMES, MAP_PRIVATE);
	char *map = box_map(busy, PAGES, MAP_PRIVATE);
	struct snapshot before, after;

	pages_fill(still, FRAMES, 1);
	before = snapshot(id, still);
	for (int round = 0; round < 5; round++) {
		pages_fill(map, PAGES, 100 * round + 100);
		ASSERT_TRUE(pages_hold(map, PAGES, 100 * round + 100));
	}
	ASSERT_LT(100, box_stats(busy).evict_dirty);
	after = snapshot(id, still);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	EXPECT_TRUE(pages_hold(still, FRAMES, 1));
}

TEST_HARNESS_MAIN
