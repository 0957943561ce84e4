// SPDX-License-Identifier: GPL-2.0
/*
 * A store that is truncated while the box uses it: pages past the end are
 * dropped wherever they were. After the store has grown again, the mapping
 * shows its contents.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/counters.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/repeater.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 16
#define FRAMES (2 * PAGES)
#define TAG 100
#define NEW 200

static int fsync_error(int fd)
{
	return fsync(fd) ? errno : 0;
}

/* Whether the mapping equals the file, byte by byte. */
static bool is_as_file(char *map, int file, size_t pages)
{
	char page[page_size];

	for (size_t i = 0; i < pages; i++) {
		if (pread(file, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("page %zu of the store cannot be read", i);
		if (memcmp(page, page_at(map, i), page_size)) {
			printf("# page %zu differs from the store\n", i);
			return false;
		}
	}
	return true;
}

static bool is_zero_from(const char *page, size_t from)
{
	for (size_t i = from; i < page_size; i++) {
		if (page[i])
			return false;
	}
	return true;
}

/* Waits until exactly the first @pages pages have a frame. */
static bool frames_become(int box, unsigned long pages)
{
	for (int i = 0; i < 6000; i++) {
		if (box_stats(box).frames_used == pages)
			return true;
		usleep(10000);
	}
	return false;
}

FIXTURE(truncated)
{
	int file;
	int box;
	char *map;
};

FIXTURE_VARIANT(truncated)
{
	bool unnoticed; /* the box is not notified */
	size_t odd; /* bytes of the page at the end of the file */
};

FIXTURE_VARIANT_ADD(truncated, at_a_page){};
FIXTURE_VARIANT_ADD(truncated, in_a_page){ .odd = 1234 };
FIXTURE_VARIANT_ADD(truncated, at_a_page_unnoticed){ .unnoticed = true };

FIXTURE_VARIANT_ADD(truncated, in_a_page_unnoticed){ .unnoticed = true,
						     .odd = 1234 };

/* The number of remaining pages, including the partial one. */
#define LEFT 4

FIXTURE_SETUP(truncated)
{
	failpoints_off();
	if (variant->unnoticed)
		failpoint_set("watch_event fail");
	self->file = store_file(PAGES * page_size, TAG);
	self->box = box_new_quiet(FRAMES, self->file);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
}

FIXTURE_TEARDOWN(truncated)
{
	failpoints_off();
	close(self->box);
	close(self->file);
}

static void shrink(int file, size_t odd)
{
	size_t bytes = odd ? (LEFT - 1) * page_size + odd : LEFT * page_size;

	if (ftruncate(file, bytes))
		die("cannot truncate the store");
}

static void grow(int file)
{
	if (ftruncate(file, PAGES * page_size))
		die("cannot set the size of the store");
}

/* A page that was read is dropped, and its frame freed. */
TEST_F(truncated, clean)
{
	pages_touch(self->map, PAGES);
	shrink(self->file, variant->odd);
	if (variant->unnoticed)
		drop_ptes(page_at(self->map, 7), 1);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, 7)));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, 8)));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, LEFT)));
	EXPECT_TRUE(pages_hold(self->map, LEFT - 1, TAG));
	EXPECT_TRUE(frames_become(self->box, LEFT));
	EXPECT_EQ(0, fsync_error(self->box));
	grow(self->file);
	EXPECT_TRUE(is_as_file(self->map, self->file, PAGES));
	EXPECT_EQ(0, fsync_error(self->box));
	EXPECT_TRUE(is_as_file(self->map, self->file, PAGES));
}

/* It is unmapped when truncation returns, even before the worker runs. */
TEST_F(truncated, unmapped_at_once)
{
	pages_touch(self->map, PAGES);
	if (variant->unnoticed)
		failpoints_off();
	failpoint_set("truncate_trim stop times 1");
	shrink(self->file, variant->odd);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, 7)));
	EXPECT_TRUE(failpoint_waits("truncate_trim", 1));
	failpoint_go("truncate_trim");
	EXPECT_TRUE(frames_become(self->box, LEFT));
}

/* So is a dirty page. The loss is reported once per open file. */
TEST_F(truncated, dirty)
{
	int other = box_join(self->box, box_info(self->box).id);

	pages_fill(self->map, PAGES, NEW);
	shrink(self->file, variant->odd);
	EXPECT_EQ(EIO, fsync_error(self->box));
	EXPECT_EQ(0, fsync_error(self->box));
	EXPECT_EQ(EIO, fsync_error(other));
	EXPECT_EQ(0, fsync_error(other));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, 5)));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, 9)));
	EXPECT_EQ(PAGES - LEFT, box_stats(self->box).io_errors);
	EXPECT_EQ(LEFT, box_stats(self->box).frames_used);
	EXPECT_TRUE(file_holds(self->file, LEFT - 1, NEW));
	grow(self->file);
	EXPECT_TRUE(is_as_file(self->map, self->file, PAGES));
	EXPECT_TRUE(pages_are_zero(page_at(self->map, LEFT), PAGES - LEFT));
	EXPECT_EQ(0, fsync_error(self->box));
	close(other);
}

/* A second truncation of dirty pages is another loss. */
TEST_F(truncated, twice)
{
	for (int i = 0; i < 2; i++) {
		pages_fill(self->map, PAGES, NEW);
		shrink(self->file, variant->odd);
		EXPECT_EQ(EIO, fsync_error(self->box));
		EXPECT_EQ(0, fsync_error(self->box));
		grow(self->file);
	}
	EXPECT_TRUE(is_as_file(self->map, self->file, PAGES));
}

/* The flusher, an eviction and a read of the device detect it, too. */
TEST_F(truncated, flusher)
{
	pages_fill(self->map, PAGES, NEW);
	shrink(self->file, variant->odd);
	box_configure(self->box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_DIRTY,
					       .dirty_age_ms = 1 });
	EXPECT_TRUE(frames_become(self->box, LEFT));
	EXPECT_EQ(EIO, fsync_error(self->box));
	EXPECT_EQ(0, fsync_error(self->box));
}

TEST_F(truncated, read_and_write)
{
	char page[page_size];

	pages_fill(self->map, PAGES, NEW);
	shrink(self->file, variant->odd);
	EXPECT_EQ(0, pread(self->box, page, page_size, 9 * page_size));
	EXPECT_EQ(-1, pwrite(self->box, page, page_size, 9 * page_size));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(page_size, pread(self->box, page, page_size, 0));
	EXPECT_TRUE(page_holds(page, NEW));
	EXPECT_EQ(EIO, fsync_error(self->box));
	EXPECT_EQ(0, fsync_error(self->box));
}

/*
 * Writes past the end, in the partial page, do not reach the store and do not
 * reappear.
 */
TEST_F(truncated, behind_the_end)
{
	char *last = page_at(self->map, LEFT - 1);

	shrink(self->file, variant->odd);
	page_fill(last, NEW);
	EXPECT_EQ(0, fsync_error(self->box));
	grow(self->file);
	EXPECT_TRUE(is_as_file(self->map, self->file, PAGES));
	EXPECT_EQ(!!variant->odd, is_zero_from(last, variant->odd));
	page_fill(last, NEW);
	EXPECT_EQ(0, fsync_error(self->box));
	EXPECT_TRUE(is_as_file(self->map, self->file, PAGES));
	EXPECT_TRUE(page_holds(last, NEW));
}

/* Private pages do not belong to the store: they remain. */
TEST_F(truncated, private)
{
	char *map = box_map(self->box, PAGES, MAP_PRIVATE);

	pages_touch(map, PAGES);
	page_fill(page_at(map, 9), NEW);
	shrink(self->file, variant->odd);
	if (variant->unnoticed)
		EXPECT_EQ(0, fsync_error(self->box));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, 7)));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, 7)));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, 9)));
	EXPECT_TRUE(pages_hold(map, LEFT - 1, TAG));
	grow(self->file);
	EXPECT_TRUE(page_holds(page_at(map, 9), NEW));
	EXPECT_TRUE(is_as_file(map, self->file, 9));
	EXPECT_EQ(0, fsync_error(self->box));
}

/*
 * The file grows back to its size before anything reacts. Without a
 * notification, this is undetectable.
 */
TEST_F(truncated, and_grown_at_once)
{
	if (variant->unnoticed)
		failpoints_off();
	pages_fill(self->map, PAGES, NEW);
	failpoint_set("truncate_trim delay 200 times 1");
	shrink(self->file, variant->odd);
	grow(self->file);
	EXPECT_TRUE(pages_are_zero(page_at(self->map, LEFT), PAGES - LEFT));
	EXPECT_EQ(1, failpoint_state("truncate_trim").done);
	EXPECT_EQ(EIO, fsync_error(self->box));
	EXPECT_EQ(0, fsync_error(self->box));
	EXPECT_TRUE(is_as_file(self->map, self->file, PAGES));
	EXPECT_TRUE(pages_are_zero(page_at(self->map, LEFT), PAGES - LEFT));
}

/* The last close writes the rest, including the partial page. */
TEST_F(truncated, last_close)
{
	char page[page_size], expected[page_size];

	pages_fill(self->map, PAGES, NEW);
	shrink(self->file, variant->odd);
	unmap(self->map, PAGES);
	close(self->box);
	grow(self->file);
	EXPECT_TRUE(file_holds(self->file, LEFT - 1, NEW));
	page_fill(expected, NEW + LEFT - 1);
	if (variant->odd)
		memset(expected + variant->odd, 0, page_size - variant->odd);
	ASSERT_EQ(page_size,
		  pread(self->file, page, page_size, (LEFT - 1) * page_size));
	EXPECT_EQ(0, memcmp(expected, page, page_size));
	ASSERT_EQ(page_size,
		  pread(self->file, page, page_size, LEFT * page_size));
	EXPECT_TRUE(page_holds(page, 0));
	self->box = box_open();
}

/* Eviction detects a truncation without a notification. */
TEST(eviction_notices)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(LEFT, file);
	char *map = box_map(box, PAGES, MAP_SHARED);

	failpoints_off();
	failpoint_set("watch_event fail");
	pages_fill(page_at(map, 8), LEFT, NEW);
	shrink(file, 0);
	EXPECT_TRUE(pages_hold(map, LEFT, TAG));
	EXPECT_EQ(EIO, fsync_error(box));
	EXPECT_EQ(0, fsync_error(box));
	EXPECT_EQ(0, box_stats(box).store_writes);
	grow(file);
	EXPECT_TRUE(is_as_file(map, file, PAGES));
	failpoints_off();
}

/* Changed pages of a read-only store are in frames and in swap. */
TEST(read_only_store)
{
	const size_t odd = 1234;
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(LEFT, read_only(file));
	char *map = box_map(box, PAGES, MAP_SHARED);
	char expected[page_size];

	failpoints_off();
	pages_fill(map, PAGES, NEW);
	pages_touch(page_at(map, PAGES - 2), 2);
	EXPECT_NE(0, box_stats(box).swap_used);
	shrink(file, odd);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, 7)));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, PAGES - 1)));
	EXPECT_EQ(0, fsync_error(box));
	EXPECT_TRUE(pages_become(box, LEFT));
	EXPECT_GE(LEFT, box_stats(box).swap_used);
	grow(file);

	EXPECT_TRUE(pages_hold(map, LEFT - 1, NEW));
	page_fill(expected, NEW + LEFT - 1);
	memset(expected + odd, 0, page_size - odd);
	EXPECT_EQ(0, memcmp(expected, page_at(map, LEFT - 1), page_size));
	EXPECT_TRUE(pages_are_zero(page_at(map, LEFT), PAGES - LEFT));
	/* It is read from swap once, then again with the new contents. */
	EXPECT_EQ(0, memcmp(expected, page_at(map, LEFT - 1), page_size));
	page_fill(page_at(map, LEFT - 1), NEW);
	pages_touch(page_at(map, LEFT), PAGES - LEFT);
	EXPECT_TRUE(page_holds(page_at(map, LEFT - 1), NEW));
	EXPECT_EQ(0, fsync_error(box));
}

/* Two boxes have the same store; one of them is destroyed. */
TEST(two_boxes)
{
	int file = store_file(PAGES * page_size, TAG);
	int box[2] = { box_new_quiet(FRAMES, file),
		       box_new_quiet(FRAMES, file) };
	char *map[2];

	failpoints_off();
	for (int i = 0; i < 2; i++) {
		map[i] = box_map(box[i], PAGES, MAP_SHARED);
		pages_touch(map[i], PAGES);
	}
	shrink(file, 0);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map[0], 7)));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map[1], 7)));
	grow(file);
	EXPECT_TRUE(is_as_file(map[0], file, PAGES));
	EXPECT_TRUE(is_as_file(map[1], file, PAGES));
	unmap(map[0], PAGES);
	close(box[0]);
	shrink(file, 0);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map[1], 7)));
}

/* A block device shrinks, without a notification. */
TEST(loop_device)
{
	int file = store_file(PAGES * page_size, TAG);
	int loop = loop_open(file);
	int box = box_new_quiet(FRAMES, loop);
	char *map = box_map(box, PAGES, MAP_SHARED);

	failpoints_off();
	pages_fill(map, PAGES, NEW);
	shrink(file, 0);
	ASSERT_EQ(0, ioctl(loop, LOOP_SET_CAPACITY));
	EXPECT_EQ(LEFT * page_size, box_info(box).store_bytes);
	EXPECT_EQ(EIO, fsync_error(box));
	EXPECT_EQ(0, fsync_error(box));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, 7)));
	EXPECT_TRUE(pages_hold(map, LEFT, NEW));
	grow(file);
	ASSERT_EQ(0, ioctl(loop, LOOP_SET_CAPACITY));
	EXPECT_TRUE(pages_are_zero(page_at(map, LEFT), PAGES - LEFT));
	EXPECT_EQ(0, fsync_error(box));
	unmap(map, PAGES);
	close(box);
	close(loop);
}

static __thread sigjmp_buf after_signal;

static void leave(int signal)
{
	siglongjmp(after_signal, signal);
}

/* As signal_of_write(), but with one handler for all threads. */
static bool there_or_not(char *page, bool write)
{
	volatile uint64_t *word = (uint64_t *)page;
	int signal = sigsetjmp(after_signal, 1);

	if (signal)
		return signal == SIGBUS;
	if (write)
		word[1] = 1;
	else
		(void)word[1];
	return true;
}

static bool write_what_is_there(struct repeater *repeater, unsigned int round)
{
	return there_or_not(page_at(repeater->map, round % repeater->pages),
			    true);
}

static bool read_what_is_there(struct repeater *repeater, unsigned int round)
{
	return there_or_not(
		page_at(repeater->map, mix(round) % repeater->pages), false);
}

static bool sync_what_is_there(struct repeater *repeater, unsigned int round)
{
	int err = fsync_error(repeater->box);

	return !err || err == EIO;
}

/* The store shrinks and grows while its pages are used and written. */
TEST(racing)
{
	static const round_fn fn[] = { write_what_is_there, read_what_is_there,
				       sync_what_is_there };
	struct repeater repeater[3] = {};
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(PAGES / 2, file);
	char *map = box_map(box, PAGES, MAP_SHARED);
	unsigned int rounds = sized(400, 10000);
	uint64_t seed = seed_given();

	failpoints_off();
	signal(SIGBUS, leave);
	for (int i = 0; i < 3; i++)
		repeater_start(&repeater[i], fn[i], box, map, PAGES);
	for (unsigned int i = 0; i < rounds; i++) {
		ASSERT_EQ(0, ftruncate(file, rnd(&seed) % (PAGES * page_size)));
		if (i % 8 == 0)
			EXPECT_TRUE(repeater_goes_on(&repeater[i / 8 % 3], 1));
		grow(file);
		if (i % 16 == 1)
			EXPECT_TRUE(repeater_goes_on(&repeater[i / 16 % 3], 1));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(repeater_end(&repeater[i]));
	fsync(box);
	EXPECT_EQ(0, fsync_error(box));
	EXPECT_TRUE(is_as_file(map, file, PAGES));
	unmap(map, PAGES);
	close(box);
}

TEST_HARNESS_MAIN
