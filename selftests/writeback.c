// SPDX-License-Identifier: GPL-2.0
/*
 * Write-back: the time at which writes to shared mappings reach the store. The
 * store is a file that the tests also read directly.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 64
#define PAGES 16
#define TAG 100
#define NEVER PAGEBOX_MAX_DIRTY_AGE

static void flush_after(int box, uint32_t age_ms, uint32_t ratio)
{
	box_configure(box, (struct pagebox_config){
				   .set = PAGEBOX_SET_DIRTY,
				   .dirty_age_ms = age_ms,
				   .dirty_ratio = ratio,
			   });
}

/* The number of pages of the file with the pattern of @tag + i. */
static size_t pages_in_file(int file, size_t pages, uint64_t tag)
{
	uint64_t page[page_size / sizeof(uint64_t)];
	uint64_t expected[page_size / sizeof(uint64_t)];
	size_t count = 0;

	for (size_t i = 0; i < pages; i++) {
		if (pread(file, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot read page %zu of a file", i);
		page_fill(expected, tag + i);
		count += !memcmp(page, expected, page_size);
	}
	return count;
}

static off_t size_of(int file)
{
	struct stat stat;

	if (fstat(file, &stat))
		die("fstat");
	return stat.st_size;
}

FIXTURE(sync)
{
	int file;
	int box;
	char *map;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(sync)
{
	enum { MSYNC, FSYNC, FDATASYNC } call;
};

FIXTURE_VARIANT_ADD(sync, msync){ .call = MSYNC };
FIXTURE_VARIANT_ADD(sync, fsync){ .call = FSYNC };
FIXTURE_VARIANT_ADD(sync, fdatasync){ .call = FDATASYNC };

FIXTURE_SETUP(sync)
{
	self->file = store_file(PAGES * page_size, TAG);
	self->box = box_new_quiet(FRAMES, self->file);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	self->before = box_stats(self->box);
}

NO_TEARDOWN(sync);

static int sync_box(FIXTURE_DATA(sync) * self,
		    const FIXTURE_VARIANT(sync) * variant)
{
	switch (variant->call) {
	case MSYNC:
		return msync(self->map, PAGES * page_size, MS_SYNC);
	case FSYNC:
		return fsync(self->box);
	default:
		return fdatasync(self->box);
	}
}

/* Dirty pages are written by the call, once, and not before. */
TEST_F(sync, writes_dirty_pages)
{
	EXPECT_TRUE(box_info(self->box).flags & PAGEBOX_INFO_WRITABLE);
	pages_fill(self->map, PAGES, 1);
	EXPECT_EQ(PAGES, box_stats(self->box).frames_dirty);
	EXPECT_TRUE(file_holds(self->file, PAGES, TAG));

	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_TRUE(file_holds(self->file, PAGES, 1));
	EXPECT_EQ(PAGES, box_stats(self->box).store_writes);
	EXPECT_EQ(0, box_stats(self->box).frames_dirty);
	EXPECT_EQ(0, box_stats(self->box).swap_writes);

	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_EQ(PAGES, box_stats(self->box).store_writes);
	EXPECT_EQ(0, box_stats(self->box).io_errors);
}

/* Pages that were only read are not written. */
TEST_F(sync, clean_pages_are_not_written)
{
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_EQ(0, box_stats(self->box).store_writes);
	page_fill(page_at(self->map, 3), 3);
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_EQ(1, box_stats(self->box).store_writes);
	EXPECT_TRUE(file_holds(self->file, 3, TAG));
}

/* A page stays mapped while it is cleaned: reading it does not fault. */
TEST_F(sync, pages_stay_mapped)
{
	struct pagebox_stats now;

	pages_fill(self->map, PAGES, 1);
	ASSERT_EQ(0, sync_box(self, variant));
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_FAULTS(self->box, now, 0);
}

/* Later writes make it dirty again, and are not missed. */
TEST_F(sync, written_again)
{
	for (int round = 1; round <= 5; round++) {
		pages_fill(self->map, PAGES, 1000 * round);
		EXPECT_EQ(PAGES, box_stats(self->box).frames_dirty);
		ASSERT_EQ(0, sync_box(self, variant));
		EXPECT_TRUE(file_holds(self->file, PAGES, 1000 * round));
		EXPECT_EQ(PAGES * round, box_stats(self->box).store_writes);
	}
}

static int fill_shared(void *context)
{
	FIXTURE_DATA(sync) *self = context;

	pages_fill(box_map(self->box, PAGES, MAP_SHARED), PAGES, 1);
	return 0;
}

/* Dirty pages of a process that has exited are written for any caller. */
TEST_F(sync, pages_of_another_process)
{
	EXPECT_EQ(0, in_child(fill_shared, self));
	EXPECT_EQ(PAGES, box_stats(self->box).frames_dirty);
	EXPECT_TRUE(file_holds(self->file, PAGES, TAG));
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_TRUE(file_holds(self->file, PAGES, 1));
	EXPECT_EQ(PAGES, box_stats(self->box).store_writes);
}

static int serve_fill(void *context, int tag)
{
	pages_fill(*(char **)context, PAGES, tag);
	return 0;
}

/* So are pages that are dirty only in another process's page table. */
TEST_F(sync, dirty_in_another_page_table)
{
	struct child child = child_fork(serve_fill, &self->map);

	for (int tag = 1; tag < 300; tag += 100) {
		EXPECT_EQ(0, child_ask(&child, tag));
		ASSERT_EQ(0, sync_box(self, variant));
		EXPECT_TRUE(file_holds(self->file, PAGES, tag));
	}
	child_end(&child);
}

/* Pages dirtied by write() are written back as well. */
TEST_F(sync, written_by_write)
{
	uint64_t page[page_size / sizeof(uint64_t)];

	for (size_t i = 0; i < PAGES; i++) {
		page_fill(page, 1 + i);
		ASSERT_EQ(page_size,
			  pwrite(self->box, page, page_size, i * page_size));
	}
	EXPECT_EQ(PAGES, box_stats(self->box).frames_dirty);
	EXPECT_TRUE(file_holds(self->file, PAGES, TAG));
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_TRUE(file_holds(self->file, PAGES, 1));
}

struct counting {
	char *map;
	uint64_t turn; /* relaxed atomics */
	bool stop;
};

/* Writes an increasing number to all pages. */
static void *count_up(void *context)
{
	struct counting *counting = context;

	while (!__atomic_load_n(&counting->stop, __ATOMIC_RELAXED)) {
		uint64_t turn = counting->turn + 1;

		for (size_t i = 0; i < PAGES; i++)
			*(volatile uint64_t *)page_at(counting->map, i) = turn;
		__atomic_store_n(&counting->turn, turn, __ATOMIC_RELEASE);
	}
	return NULL;
}

static uint64_t first_word(int file, size_t page)
{
	uint64_t word;

	if (pread(file, &word, sizeof(word), page * page_size) != sizeof(word))
		die("cannot read a file");
	return word;
}

static bool counted(struct counting *counting)
{
	return __atomic_load_n(&counting->turn, __ATOMIC_RELAXED) > 10;
}

/*
 * While another thread writes, each call writes at least the values from before
 * it, and the last one all.
 */
TEST_F(sync, written_meanwhile)
{
	struct counting counting = { .map = self->map };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, count_up, &counting));
	EXPECT_TRUE(eventually(counted(&counting)));
	for (int round = 0; round < 50; round++) {
		uint64_t turn =
			__atomic_load_n(&counting.turn, __ATOMIC_ACQUIRE);

		ASSERT_EQ(0, sync_box(self, variant));
		for (size_t i = 0; i < PAGES; i++)
			EXPECT_LE(turn, first_word(self->file, i));
	}
	__atomic_store_n(&counting.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ASSERT_EQ(0, sync_box(self, variant));
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(counting.turn, first_word(self->file, i));
}

/* Private pages are not written by either call. */
TEST_F(sync, private_pages_stay)
{
	char *map = box_map(self->box, PAGES, MAP_PRIVATE);

	pages_fill(map, PAGES, 1);
	ASSERT_EQ(0, msync(map, PAGES * page_size, MS_SYNC));
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_EQ(0, box_stats(self->box).store_writes);
	EXPECT_TRUE(file_holds(self->file, PAGES, TAG));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

/*
 * Dirty pages truncated from the file are lost, which is reported once; the
 * file does not grow again.
 */
TEST_F(sync, truncated_store)
{
	const size_t left = PAGES / 2;

	pages_fill(self->map, PAGES, 1);
	ASSERT_EQ(0, ftruncate(self->file, left * page_size));
	EXPECT_EQ(-1, sync_box(self, variant));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ((off_t)(left * page_size), size_of(self->file));
	EXPECT_TRUE(file_holds(self->file, left, 1));
	EXPECT_EQ(0, box_stats(self->box).frames_dirty);

	drop_ptes(self->map, PAGES);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, left)));
	EXPECT_TRUE(pages_hold(self->map, left, 1));
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_EQ((off_t)(left * page_size), size_of(self->file));
}

/* With a read-only store the calls succeed and write nothing. */
TEST_F(sync, read_only_store)
{
	close(self->box);
	unmap(self->map, PAGES);
	self->box = box_new_quiet(FRAMES, read_only(self->file));
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	EXPECT_FALSE(box_info(self->box).flags & PAGEBOX_INFO_WRITABLE);
	pages_fill(self->map, PAGES, 1);
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_TRUE(file_holds(self->file, PAGES, TAG));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	EXPECT_EQ(0, box_stats(self->box).store_writes);
}

/* The same for a box without a store. */
TEST_F(sync, no_store)
{
	close(self->box);
	unmap(self->map, PAGES);
	self->box = box_new(FRAMES, 0);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	pages_fill(self->map, PAGES, 1);
	ASSERT_EQ(0, sync_box(self, variant));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* A file that ends within a page keeps its size, and its end is written. */
TEST(partial_last_page)
{
	const size_t odd = 1234;
	int file = store_file(3 * page_size + odd, TAG);
	int box = box_new_quiet(FRAMES, file);
	char *map = box_map(box, 4, MAP_SHARED);
	uint64_t page[page_size / sizeof(uint64_t)];

	pages_fill(map, 4, 1);
	ASSERT_EQ(0, fsync(box));
	EXPECT_EQ((off_t)(3 * page_size + odd), size_of(file));
	EXPECT_TRUE(file_holds(file, 3, 1));
	EXPECT_EQ(odd, pread(file, page, page_size, 3 * page_size));
	EXPECT_EQ(0, memcmp(page, page_at(map, 3), odd));
	EXPECT_EQ(0, box_stats(box).frames_dirty);
}

/* msync() of a range leaves the other pages dirty. */
TEST(msync_of_a_range)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(FRAMES, file);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	ASSERT_EQ(0, msync(page_at(map, 4), 3 * page_size, MS_SYNC));
	EXPECT_EQ(3, pages_in_file(file, PAGES, 1));
	EXPECT_EQ(3, box_stats(box).store_writes);
	EXPECT_EQ(PAGES - 3, box_stats(box).frames_dirty);
	ASSERT_EQ(0, msync(map, PAGES * page_size, MS_SYNC));
	EXPECT_TRUE(file_holds(file, PAGES, 1));
	EXPECT_EQ(PAGES, box_stats(box).store_writes);
}

/* MS_ASYNC and MS_INVALIDATE succeed and lose nothing. */
TEST(other_flags_of_msync)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(FRAMES, file);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	EXPECT_EQ(0, msync(map, PAGES * page_size, MS_ASYNC));
	EXPECT_EQ(0, msync(map, PAGES * page_size, MS_ASYNC | MS_INVALIDATE));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_EQ(0, msync(map, PAGES * page_size, MS_SYNC | MS_INVALIDATE));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_TRUE(file_holds(file, PAGES, 1));
	EXPECT_EQ(0, box_stats(box).io_errors);
}

/* Evicted pages go to the store and come back from there, not from swap. */
TEST(eviction)
{
	const unsigned int frames = 4;
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(frames, file);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats now;

	pages_fill(map, PAGES, 1);
	now = box_stats(box);
	EXPECT_EQ(PAGES - frames, now.evict_dirty);
	EXPECT_EQ(PAGES - frames, now.store_writes);
	EXPECT_EQ(PAGES - frames, pages_in_file(file, PAGES, 1));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_FAULTS(box, now, .file = PAGES);
	now = box_stats(box);
	EXPECT_EQ(0, now.swap_writes);
	EXPECT_EQ(0, now.swap_high);
	EXPECT_EQ(PAGES, now.store_writes);
	EXPECT_EQ(2 * PAGES, now.store_reads);
	EXPECT_TRUE(file_holds(file, PAGES, 1));
}

FIXTURE(last)
{
	int file;
};

FIXTURE_VARIANT(last)
{
	enum { CLOSE_LAST, UNMAP_LAST, EXIT, KILLED } way;
};

FIXTURE_VARIANT_ADD(last, close){ .way = CLOSE_LAST };
FIXTURE_VARIANT_ADD(last, munmap){ .way = UNMAP_LAST };
FIXTURE_VARIANT_ADD(last, exit){ .way = EXIT };
FIXTURE_VARIANT_ADD(last, kill){ .way = KILLED };

FIXTURE_SETUP(last)
{
	self->file = store_file(PAGES * page_size, TAG);
}

NO_TEARDOWN(last);

static int fill_and_leave(FIXTURE_DATA(last) * self, int way)
{
	int box = box_new_quiet(FRAMES, self->file);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	if (box_stats(box).frames_dirty != PAGES ||
	    !file_holds(self->file, PAGES, TAG))
		return 1;
	if (way == KILLED)
		raise(SIGKILL);
	if (way == UNMAP_LAST)
		close(box);
	if (way != EXIT)
		unmap(map, PAGES);
	if (way == CLOSE_LAST)
		close(box);
	return 0;
}

/* The last reference to a box writes everything back, whatever drops it. */
TEST_F(last, out)
{
	pid_t pid;

	if (variant->way == CLOSE_LAST || variant->way == UNMAP_LAST) {
		ASSERT_EQ(0, fill_and_leave(self, variant->way));
	} else {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(fill_and_leave(self, variant->way));
		ASSERT_EQ(variant->way == KILLED ? 256 + SIGKILL : 0,
			  child_status(pid));
	}
	EXPECT_TRUE(eventually(pages_in_file(self->file, PAGES, 1) == PAGES));
}

/* A close that is not the last one writes nothing. */
TEST(not_the_last)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(FRAMES, file);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, 1);
	close(dup(box));
	unmap(box_map(box, PAGES, MAP_SHARED), PAGES);
	EXPECT_EQ(0, box_stats(box).store_writes);
	EXPECT_EQ(PAGES, box_stats(box).frames_dirty);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

struct flushed {
	int box;
	int file;
	uint64_t tag;
};

static bool is_flushed(struct flushed *flushed)
{
	return !box_stats(flushed->box).frames_dirty &&
	       pages_in_file(flushed->file, PAGES, flushed->tag) == PAGES;
}

/*
 * Only pages that have been dirty for long enough are written without a call.
 * The flushers of two boxes run about equally often: when the pages of the box
 * with the short age have been written three times, those of the other are
 * still dirty.
 */
TEST(flusher_by_age)
{
	int still = store_file(PAGES * page_size, TAG);
	int quiet = box_new_quiet(FRAMES, still);
	struct flushed flushed;
	char *map;

	flushed.file = store_file(PAGES * page_size, TAG);
	flushed.box = box_new_quiet(FRAMES, flushed.file);
	flush_after(flushed.box, reduced(2000), PAGEBOX_MAX_DIRTY_RATIO);
	pages_fill(box_map(quiet, PAGES, MAP_SHARED), PAGES, 1);
	map = box_map(flushed.box, PAGES, MAP_SHARED);
	for (flushed.tag = 1; flushed.tag < 300; flushed.tag += 100) {
		pages_fill(map, PAGES, flushed.tag);
		EXPECT_TRUE(eventually(is_flushed(&flushed)));
		EXPECT_TRUE(pages_hold(map, PAGES, flushed.tag));
	}
	EXPECT_LE(3 * PAGES, box_stats(flushed.box).store_writes);
	EXPECT_EQ(0, box_stats(quiet).store_writes);
	EXPECT_EQ(PAGES, box_stats(quiet).frames_dirty);
	EXPECT_TRUE(file_holds(still, PAGES, TAG));
}

/* A shorter age applies to pages that are dirty already. */
TEST(flusher_by_a_new_age)
{
	struct flushed flushed = { .tag = 1 };
	char *map;

	flushed.file = store_file(PAGES * page_size, TAG);
	flushed.box = box_new_quiet(FRAMES, flushed.file);
	map = box_map(flushed.box, PAGES, MAP_SHARED);
	pages_fill(map, PAGES, 1);
	EXPECT_EQ(PAGES, box_stats(flushed.box).frames_dirty);
	flush_after(flushed.box, 20, PAGEBOX_MAX_DIRTY_RATIO);
	EXPECT_TRUE(eventually(is_flushed(&flushed)));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

#define RATIO 10

/* Pages under write-back count as neither dirty nor written. */
static bool dirty_below_ratio(int box)
{
	struct pagebox_stats stats = box_stats(box);

	return stats.frames_dirty * 100 <= RATIO * FRAMES &&
	       stats.frames_dirty + stats.store_writes >= PAGES;
}

/* Pages are written at any age if too many frames are dirty. */
TEST(flusher_by_ratio)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_quiet(FRAMES, file);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats now;

	flush_after(box, NEVER, RATIO);
	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(eventually(dirty_below_ratio(box)));
	now = box_stats(box);
	EXPECT_LE(PAGES - now.frames_dirty, now.store_writes);
	EXPECT_LE(PAGES - now.frames_dirty, pages_in_file(file, PAGES, 1));
	EXPECT_EQ(PAGES, now.frames_used);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	ASSERT_EQ(0, fsync(box));
	EXPECT_TRUE(file_holds(file, PAGES, 1));
}

/* pages left on the tmpfs with the store */
#define FREE 6

FIXTURE(failing)
{
	int tmpfs;
	int file;
	int box;
	int other;
	char *map;
};

FIXTURE_VARIANT(failing)
{
	unsigned int frames;
};

FIXTURE_VARIANT_ADD(failing, many_frames){ .frames = FRAMES };
FIXTURE_VARIANT_ADD(failing, few_frames){ .frames = 8 };

/* A tmpfs that is full except for @free pages, until its ballast is truncated. */
static int full_tmpfs(size_t free)
{
	int tmpfs = tmpfs_new(PAGES + free);
	int ballast = tmpfs_file(tmpfs, "ballast", PAGES);

	if (posix_fallocate(ballast, 0, PAGES * page_size))
		die("cannot fill a tmpfs");
	close(ballast);
	return tmpfs;
}

static void make_room(int tmpfs)
{
	if (unlinkat(tmpfs, "ballast", 0))
		die("unlinkat");
}

FIXTURE_SETUP(failing)
{
	self->tmpfs = full_tmpfs(FREE);
	self->file = tmpfs_file(self->tmpfs, "store", PAGES);
	self->box = box_new_quiet(variant->frames, self->file);
	self->other = box_join(self->box, box_info(self->box).id);
	ASSERT_LE(0, self->other);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
}

NO_TEARDOWN(failing);

/* An unreported error is reported once; afterwards the call succeeds. */
static void expect_recovery(struct __test_metadata *_metadata, int fd)
{
	int result = fsync(fd);

	EXPECT_TRUE(!result || errno == ENOSPC);
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, fsync(fd));
}

/* The largest number of dirty pages in this box. */
static size_t dirty_pages(const FIXTURE_VARIANT(failing) * variant)
{
	return variant->frames < PAGES ? variant->frames : PAGES;
}

/*
 * A page that cannot be written is kept, and the error is reported to each fd.
 * Once it can be written, it is, and nothing is lost.
 */
TEST_F(failing, sync)
{
	size_t pages = dirty_pages(variant);
	struct pagebox_stats now;

	pages_fill(self->map, pages, 1);
	EXPECT_EQ(-1, msync(self->map, PAGES * page_size, MS_SYNC));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(-1, fsync(self->other));
	EXPECT_EQ(ENOSPC, errno);

	now = box_stats(self->box);
	EXPECT_LE(pages - FREE, now.io_errors);
	EXPECT_EQ(pages - FREE, now.frames_dirty);
	EXPECT_EQ(pages, now.frames_used);
	EXPECT_EQ(FREE, pages_in_file(self->file, PAGES, 1));
	EXPECT_TRUE(pages_hold(self->map, pages, 1));
	EXPECT_FAULTS(self->box, now, 0);

	make_room(self->tmpfs);
	expect_recovery(_metadata, self->box);
	expect_recovery(_metadata, self->other);
	EXPECT_TRUE(file_holds(self->file, pages, 1));
	EXPECT_EQ(0, box_stats(self->box).frames_dirty);
}

TEST_F(failing, flusher)
{
	size_t pages = dirty_pages(variant);

	pages_fill(self->map, pages, 1);
	flush_after(self->box, 20, PAGEBOX_MAX_DIRTY_RATIO);
	EXPECT_TRUE(eventually(box_stats(self->box).io_errors > 0));
	flush_after(self->box, NEVER, PAGEBOX_MAX_DIRTY_RATIO);
	make_room(self->tmpfs);
	EXPECT_EQ(-1, fsync(self->box));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(0, fsync(self->box));
	EXPECT_EQ(-1, fsync(self->other));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(0, fsync(self->other));
	EXPECT_TRUE(file_holds(self->file, pages, 1));
	EXPECT_TRUE(pages_hold(self->map, pages, 1));
}

/*
 * Pages that cannot be written cannot be evicted. When they occupy all frames
 * an access raises SIGBUS, until there is space again.
 */
TEST(frames_full_of_unwritable_pages)
{
	int tmpfs = full_tmpfs(0);
	int file = tmpfs_file(tmpfs, "store", PAGES);
	int box = box_new_quiet(4, file);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, 4, 1);
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, 4)));
	EXPECT_LT(0, box_stats(box).io_errors);
	EXPECT_EQ(1, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_TRUE(pages_hold(map, 4, 1));

	make_room(tmpfs);
	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_EQ(-1, fsync(box));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(0, fsync(box));
	EXPECT_TRUE(file_holds(file, PAGES, 1));
}

TEST_HARNESS_MAIN
