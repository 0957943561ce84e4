// SPDX-License-Identifier: GPL-2.0
/*
 * Memory errors in frames: the frame is retired. The contents are restored if
 * there is a copy, otherwise only that page is lost.
 *
 * The errors are injected as an administrator can: the kernel treats them like
 * hardware errors, but the memory is intact. As it stays unused until the next
 * boot, there are few of them.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 16
#define FRAMES 12
#define TAG 100
#define NEW 200

#define HARD_OFFLINE "/sys/devices/system/memory/hard_offline_page"
#define KPF_HWPOISON 19

static bool is_poisoned(uint64_t pfn)
{
	int file = open("/proc/kpageflags", O_RDONLY);
	uint64_t flags = 0;

	if (pread(file, &flags, sizeof(flags), pfn * sizeof(flags)) !=
	    sizeof(flags))
		die("/proc/kpageflags cannot be read");
	close(file);
	return flags & 1ULL << KPF_HWPOISON;
}

/* The kernel cannot recover the page by itself, and says so. */
static void poison(uint64_t pfn)
{
	int file = open(HARD_OFFLINE, O_WRONLY);
	char text[32];

	if (file < 0)
		die(HARD_OFFLINE ": the kernel needs CONFIG_MEMORY_FAILURE");
	snprintf(text, sizeof(text), "0x%llx",
		 (unsigned long long)pfn * page_size);
	if (write(file, text, strlen(text)) < 0 && errno != EBUSY)
		die(HARD_OFFLINE);
	close(file);
	if (!is_poisoned(pfn))
		die("page frame 0x%llx has no error", (unsigned long long)pfn);
}

static uint64_t pfn_of(const char *page)
{
	uint64_t entry = pagemap(page);

	if (!(entry & PAGEMAP_PRESENT))
		die("the page is not mapped");
	return entry & PAGEMAP_PFN;
}

/* Injects an error into a mapped page; the next access faults. */
static uint64_t poison_page(char *page)
{
	uint64_t pfn = pfn_of(page);

	poison(pfn);
	drop_ptes(page, 1);
	return pfn;
}

/* The number of retired frames. */
static unsigned int retired(int box)
{
	struct frame_row *rows;
	size_t nr = frame_rows(box_info(box).id, &rows);
	unsigned int n = 0;

	for (size_t i = 0; i < nr; i++)
		n += !strcmp(rows[i].tier, "retired");
	free(rows);
	return n;
}

static bool is_lost(int box, const char *page)
{
	struct page_row row;

	return page_row_at(box_info(box).id, page, &row) &&
	       !strcmp(row.state, "lost");
}

static int fsync_error(int fd)
{
	return fsync(fd) ? errno : 0;
}

FIXTURE(stored)
{
	int file;
	int box;
	char *map;
};

FIXTURE_SETUP(stored)
{
	self->file = store_file(PAGES * page_size, TAG);
	self->box = box_new_quiet(FRAMES, self->file);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
}

NO_TEARDOWN(stored);

/* The store has a copy: the error is invisible, but the frame is never reused. */
TEST_F(stored, clean)
{
	struct frame_row *rows;
	struct pagebox_stats before;
	uint64_t pfn;
	size_t nr;

	pages_touch(self->map, 8);
	before = box_stats(self->box);
	pfn = poison_page(page_at(self->map, 3));
	EXPECT_TRUE(page_holds(page_at(self->map, 3), TAG + 3));
	EXPECT_NE(pfn, pfn_of(page_at(self->map, 3)));
	EXPECT_EQ(before.store_reads + 1, box_stats(self->box).store_reads);
	EXPECT_EQ(before.frames_used, box_stats(self->box).frames_used);
	EXPECT_EQ(1, retired(self->box));

	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(FRAMES - 1, box_stats(self->box).frames_used);
	nr = frame_rows(box_info(self->box).id, &rows);
	EXPECT_EQ(FRAMES, nr);
	for (size_t i = 0; i < nr; i++) {
		if (rows[i].pfn == (long)pfn) {
			EXPECT_STREQ("retired", rows[i].tier);
			EXPECT_EQ(-1, rows[i].page);
		}
	}
	free(rows);
	EXPECT_EQ(0, fsync_error(self->box));
}

/*
 * Unwritten changes are lost: the page has the store's contents, and fsync()
 * reports it.
 */
TEST_F(stored, dirty)
{
	pages_fill(self->map, 8, NEW);
	poison_page(page_at(self->map, 3));
	EXPECT_EQ(EIO, fsync_error(self->box));
	EXPECT_EQ(0, fsync_error(self->box));
	EXPECT_TRUE(page_holds(page_at(self->map, 3), TAG + 3));
	EXPECT_TRUE(pages_hold(self->map, 3, NEW));
	EXPECT_TRUE(file_holds(self->file, 3, NEW));
	EXPECT_EQ(1, retired(self->box));
	page_fill(page_at(self->map, 3), NEW + 3);
	EXPECT_EQ(0, fsync_error(self->box));
	EXPECT_TRUE(file_holds(self->file, 8, NEW));
}

/* The same, but an access finds the error first. */
TEST_F(stored, dirty_and_accessed)
{
	page_fill(page_at(self->map, 3), NEW);
	poison_page(page_at(self->map, 3));
	EXPECT_TRUE(page_holds(page_at(self->map, 3), TAG + 3));
	EXPECT_EQ(EIO, fsync_error(self->box));
	EXPECT_EQ(0, fsync_error(self->box));
}

/* read() and write() get the store's contents, too. */
TEST_F(stored, read_and_write)
{
	char page[page_size];

	pages_touch(self->map, 2);
	poison_page(self->map);
	poison_page(page_at(self->map, 1));
	EXPECT_EQ(page_size, pread(self->box, page, page_size, 0));
	EXPECT_TRUE(page_holds(page, TAG));
	EXPECT_EQ(1, pwrite(self->box, page, 1, page_size));
	EXPECT_EQ(2, retired(self->box));
}

/* A private mapping copies from the store, not from the frame. */
TEST_F(stored, copied)
{
	char *map = box_map(self->box, PAGES, MAP_PRIVATE);
	char expected[page_size];

	pages_touch(map, 4);
	poison_page(page_at(map, 3));
	page_at(map, 3)[5] = 1;
	page_fill(expected, TAG + 3);
	expected[5] = 1;
	EXPECT_EQ(0, memcmp(expected, page_at(map, 3), page_size));
	EXPECT_EQ(1, retired(self->box));
	unmap(map, PAGES);
}

/* The evictor retires the frame and writes nothing. */
TEST_F(stored, evicted)
{
	pages_fill(self->map, 4, NEW);
	poison(pfn_of(page_at(self->map, 3)));
	for (int i = 0; i < 4; i++)
		pages_touch(page_at(self->map, 4), PAGES - 4);
	EXPECT_EQ(1, retired(self->box));
	EXPECT_EQ(EIO, fsync_error(self->box));
	EXPECT_TRUE(file_holds(self->file, 3, NEW));
	EXPECT_TRUE(page_holds(page_at(self->map, 3), TAG + 3));
}

/* A locked page is restored as well. */
TEST_F(stored, locked)
{
	ASSERT_EQ(0, mlock(self->map, 2 * page_size));
	poison(pfn_of(page_at(self->map, 1)));
	for (int i = 0; i < 4; i++)
		pages_touch(page_at(self->map, 4), PAGES - 4);
	EXPECT_EQ(1, retired(self->box));
	EXPECT_TRUE(pages_hold(self->map, 2, TAG));
	ASSERT_EQ(0, munlock(self->map, 2 * page_size));
}

/* An error in a free frame: it is retired on allocation. */
TEST_F(stored, free_frame)
{
	uint64_t pfn;

	pages_touch(self->map, 4);
	pfn = pfn_of(page_at(self->map, 2));
	ASSERT_EQ(4, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, 4));
	poison(pfn);
	for (int i = 0; i < 2; i++)
		EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(1, retired(self->box));
	EXPECT_EQ(FRAMES - 1, box_stats(self->box).frames_used);
}

/*
 * A limit below a retired frame, and back: a frame with a new number is a new
 * one.
 */
TEST_F(stored, resized)
{
	pages_touch(self->map, FRAMES);
	for (size_t i = 0; i < FRAMES; i++)
		if (frame_of(box_info(self->box).id, "root", i) == FRAMES - 1)
			poison_page(page_at(self->map, i));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(1, retired(self->box));
	box_set_frames(self->box, 4);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(0, retired(self->box));
	box_set_frames(self->box, FRAMES);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(FRAMES, box_stats(self->box).frames_used);
}

/*
 * A program injects an error into its own memory. Core mm keeps the reference
 * it took for that, so the page is never freed. A kernel that tracks page
 * allocations by module warns at unload.
 */
TEST_F(stored, madvise)
{
	uint64_t pfn;

	if (!access("/proc/allocinfo", F_OK)) {
		printf("# left out: this kernel tracks page allocations by module\n");
		return;
	}
	pages_touch(self->map, 4);
	pfn = pfn_of(page_at(self->map, 3));
	if (madvise(page_at(self->map, 3), page_size, MADV_HWPOISON))
		EXPECT_EQ(EBUSY, errno);
	EXPECT_TRUE(is_poisoned(pfn));
	drop_ptes(self->map, PAGES);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_EQ(1, retired(self->box));
}

FIXTURE(private)
{
	int box;
	char *map;
};

FIXTURE_SETUP(private)
{
	self->box = box_new(FRAMES, 2 * PAGES);
	self->map = box_map(self->box, PAGES, MAP_PRIVATE);
	pages_fill(self->map, 4, NEW);
}

NO_TEARDOWN(private);

static volatile sig_atomic_t code;

static void note_code(int signal, siginfo_t *info, void *context)
{
	code = info->si_code;
	_exit(info->si_code == BUS_MCEERR_AR ? 77 : 78);
}

static int read_it(void *page)
{
	struct sigaction action = { .sa_sigaction = note_code,
				    .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, NULL);
	return *(volatile char *)page;
}

/* The only copy: this page is lost until it is discarded. */
TEST_F(private, dirty)
{
	char *page = page_at(self->map, 2);

	poison_page(page);
	EXPECT_EQ(SIGBUS, signal_of_read(page));
	EXPECT_EQ(SIGBUS, signal_of_write(page));
	EXPECT_EQ(77, in_child(read_it, page));
	EXPECT_TRUE(is_lost(self->box, page));
	EXPECT_EQ(1, retired(self->box));
	EXPECT_EQ(3, box_stats(self->box).frames_used);
	EXPECT_TRUE(pages_hold(self->map, 2, NEW));
	EXPECT_TRUE(page_holds(page_at(self->map, 3), NEW + 3));
	EXPECT_EQ(0, map_range(self->box, PAGEBOX_IOC_PREFETCH, page, 1));
	EXPECT_EQ(SIGBUS, signal_of_read(page));

	EXPECT_EQ(1, map_range(self->box, PAGEBOX_IOC_DISCARD, page, 1));
	EXPECT_TRUE(pages_are_zero(page, 1));
	page_fill(page, NEW + 2);
	EXPECT_TRUE(pages_hold(self->map, 4, NEW));
}

/* A page that was swapped in and still has its slot. */
TEST_F(private, in_swap_too)
{
	ASSERT_EQ(4, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, self->map, 4));
	EXPECT_TRUE(pages_hold(self->map, 4, NEW));
	poison_page(page_at(self->map, 2));
	EXPECT_TRUE(pages_hold(self->map, 4, NEW));
	EXPECT_EQ(1, retired(self->box));
	EXPECT_EQ(5, box_stats(self->box).swap_reads);
}

/* A page changed after swap-in: the copy in swap is stale. */
TEST_F(private, changed_since_swap)
{
	ASSERT_EQ(4, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, self->map, 4));
	page_fill(page_at(self->map, 2), NEW);
	poison_page(page_at(self->map, 2));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, 2)));
	EXPECT_EQ(3, box_stats(self->box).swap_used);
}

/* The swap area is removed before the error is noticed: its copy is kept. */
TEST_F(private, swap_exchanged)
{
	ASSERT_EQ(4, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, self->map, 4));
	pages_touch(self->map, 4);
	poison(pfn_of(page_at(self->map, 2)));
	box_set_swap(self->box, PAGEBOX_FD_RAM, 0);
	EXPECT_EQ(1, retired(self->box));
	EXPECT_TRUE(pages_hold(self->map, 4, NEW));
}

static int both_lost(void *page)
{
	return signal_of_read(page) == SIGBUS &&
	       signal_of_write(page) == SIGBUS;
}

static int one_more_fork(void *page)
{
	return both_lost(page) && in_child(both_lost, page) == 1;
}

/* Shared since fork(): lost for both, and for later children. */
TEST_F(private, shared_after_fork)
{
	char *page = page_at(self->map, 2);
	pid_t pid;
	int go[2];
	char byte;

	ASSERT_EQ(0, pipe(go));
	pid = fork_tied();
	if (!pid) {
		if (read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(one_more_fork(page) && pages_hold(self->map, 2, NEW));
	}
	pages_touch(self->map, 4);
	poison_page(page);
	ASSERT_EQ(1, write(go[1], "", 1));
	EXPECT_EQ(1, child_status(pid));
	EXPECT_TRUE(both_lost(page));
	EXPECT_EQ(1, retired(self->box));
	EXPECT_TRUE(pages_hold(self->map, 2, NEW));
	close(go[0]);
	close(go[1]);
}

/* A write to a page that is mapped read-only. */
TEST_F(private, write_to_what_is_mapped)
{
	char *page = page_at(self->map, 2);

	EXPECT_EQ(0, in_child(read_it, page_at(self->map, PAGES - 1)));
	pages_touch(self->map, 4);
	poison(pfn_of(page));
	EXPECT_EQ(SIGBUS, signal_of_write(page));
	EXPECT_EQ(1, retired(self->box));
}

/* A shared page of a box without a store: lost, for read() too. */
TEST(without_a_store)
{
	int box = box_new(FRAMES, PAGES);
	char *map = box_map(box, PAGES, MAP_SHARED);
	char page[page_size];

	pages_fill(map, 4, NEW);
	pages_touch(page_at(map, 8), 1);
	poison_page(page_at(map, 2));
	poison_page(page_at(map, 8));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, 2)));
	EXPECT_EQ(-1, pread(box, page, page_size, 2 * page_size));
	EXPECT_EQ(EIO, errno);
	EXPECT_TRUE(pages_are_zero(page_at(map, 8), 1));
	EXPECT_EQ(2, retired(box));
	EXPECT_EQ(1, root_range(box, PAGEBOX_IOC_DISCARD, 2, 1));
	EXPECT_TRUE(pages_are_zero(page_at(map, 2), 1));
	EXPECT_TRUE(pages_hold(map, 2, NEW));
	unmap(map, PAGES);
	close(box);
}

/*
 * The error occurs when a fault has checked the page and is about to map it.
 * Core mm detects it and does not map the folio.
 */
TEST(error_before_map)
{
	int box = box_new_quiet(FRAMES, store_file(PAGES * page_size, TAG));
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct frame_row *rows;
	pid_t pid;

	failpoints_off();
	pages_touch(map, 1);
	ASSERT_EQ(1, frame_rows(box_info(box).id, &rows) > 0);
	drop_ptes(map, 1);
	failpoint_set("fault_map stop times 1");
	pid = fork_tied();
	if (!pid)
		_exit(read_it(map));
	ASSERT_TRUE(failpoint_waits("fault_map", 1));
	poison(rows[0].pfn);
	failpoint_go("fault_map");
	EXPECT_EQ(77, child_status(pid));
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	EXPECT_EQ(1, retired(box));
	free(rows);
	unmap(map, PAGES);
	close(box);
}

/* A box continues with the remaining frames; without any, accesses fail. */
TEST(no_frame_left)
{
	int box = box_new_quiet(3, store_file(PAGES * page_size, TAG));
	char *map = box_map(box, PAGES, MAP_SHARED);

	for (int i = 0; i < 2; i++) {
		pages_touch(map, 1);
		poison_page(map);
		EXPECT_EQ(0, signal_of_read(map));
		EXPECT_EQ(i + 1, retired(box));
		EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	}
	pages_touch(map, 1);
	poison_page(map);
	EXPECT_EQ(SIGBUS, signal_of_read(map));
	EXPECT_EQ(3, retired(box));
	box_set_frames(box, 5);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	unmap(map, PAGES);
	close(box);
}

TEST_HARNESS_MAIN
