// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses by the kernel: process_vm_readv() and _writev(), direct I/O and
 * pages held by a pipe, to evicted pages and during eviction.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/repeater.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES ((size_t)(small_size() ? 8 : 16))
#define PAGES ((size_t)(small_size() ? 32 : 64))
#define CHUNK 4

FIXTURE(gup)
{
	int box;
	char *map;
	char *plain;
};

FIXTURE_VARIANT(gup)
{
	int flags;
};

FIXTURE_VARIANT_ADD(gup, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(gup, private){ .flags = MAP_PRIVATE };

/* A full box, mostly in swap, and the same contents in anonymous memory. */
FIXTURE_SETUP(gup)
{
	self->box = box_new(FRAMES, 0);
	self->map = box_map(self->box, PAGES, variant->flags);
	pages_fill(self->map, PAGES, 1);
	self->plain = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->plain);
}

NO_TEARDOWN(gup);

static ssize_t vm_read(pid_t pid, char *to, char *from, size_t pages)
{
	struct iovec local = { .iov_base = to, .iov_len = pages * page_size };
	struct iovec remote = { .iov_base = from,
				.iov_len = pages * page_size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

static ssize_t vm_write(pid_t pid, char *to, char *from, size_t pages)
{
	struct iovec local = { .iov_base = from, .iov_len = pages * page_size };
	struct iovec remote = { .iov_base = to, .iov_len = pages * page_size };

	return process_vm_writev(pid, &local, 1, &remote, 1, 0);
}

/* Another process's evicted pages are read with the right contents. */
TEST_F(gup, process_vm_readv)
{
	struct pagebox_stats before = box_stats(self->box);
	ssize_t chunk = CHUNK * page_size;

	for (size_t i = 0; i < PAGES; i += CHUNK)
		ASSERT_EQ(chunk, vm_read(getpid(), page_at(self->plain, i),
					 page_at(self->map, i), CHUNK));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, 1));
	EXPECT_LE(PAGES - FRAMES,
		  box_stats(self->box).faults[PAGEBOX_FAULT_SWAPIN] -
			  before.faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* Writes from outside survive eviction. */
TEST_F(gup, process_vm_writev)
{
	ssize_t chunk = CHUNK * page_size;

	pages_fill(self->plain, PAGES, 500);
	for (size_t i = 0; i < PAGES; i += CHUNK)
		ASSERT_EQ(chunk, vm_write(getpid(), page_at(self->map, i),
					  page_at(self->plain, i), CHUNK));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
}

enum { HOLDS_OLD, HOLDS_NEW };

static int serve_contents(void *context, int command)
{
	FIXTURE_DATA(gup) *self = context;

	return pages_hold(self->map, PAGES, command == HOLDS_OLD ? 1 : 500);
}

/* A parent reads and writes its child's pages: only the child's copy changes. */
TEST_F(gup, child)
{
	struct child child = child_fork(serve_contents, self);
	ssize_t chunk = CHUNK * page_size;

	pages_fill(self->plain, PAGES, 500);
	for (size_t i = 0; i < PAGES; i += CHUNK)
		ASSERT_EQ(chunk, vm_write(child.pid, page_at(self->map, i),
					  page_at(self->plain, i), CHUNK));
	EXPECT_TRUE(child_ask(&child, HOLDS_NEW));
	EXPECT_TRUE(pages_hold(self->map, PAGES,
			       variant->flags == MAP_PRIVATE ? 1 : 500));
	memset(self->plain, 0, PAGES * page_size);
	for (size_t i = 0; i < PAGES; i += CHUNK)
		ASSERT_EQ(chunk, vm_read(child.pid, page_at(self->plain, i),
					 page_at(self->map, i), CHUNK));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, 500));
	child_end(&child);
}

/* System calls copy to and from evicted pages. */
TEST_F(gup, read_and_write)
{
	ssize_t all = PAGES * page_size;
	int file = memfd_create("copy", MFD_CLOEXEC);

	ASSERT_EQ(all, pwrite(file, self->map, all, 0));
	ASSERT_EQ(all, pread(file, self->plain, all, 0));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, 1));
	pages_fill(self->plain, PAGES, 500);
	ASSERT_EQ(all, pwrite(file, self->plain, all, 0));
	ASSERT_EQ(all, pread(file, self->map, all, 0));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
}

/* Direct reads land in the box's pages and survive eviction. */
TEST_F(gup, direct_read)
{
	int loop = loop_open(store_file(PAGES * page_size, 500));
	ssize_t chunk = CHUNK * page_size;

	for (size_t i = 0; i < PAGES; i += CHUNK)
		ASSERT_EQ(chunk, pread(loop, page_at(self->map, i), chunk,
				       i * page_size));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
	close(loop);
}

/* Direct writes read the contents of evicted pages. */
TEST_F(gup, direct_write)
{
	int file = store_file(PAGES * page_size, 500);
	int loop = loop_open(file);
	ssize_t chunk = CHUNK * page_size;

	for (size_t i = 0; i < PAGES; i += CHUNK)
		ASSERT_EQ(chunk, pwrite(loop, page_at(self->map, i), chunk,
					i * page_size));
	for (size_t i = 0; i < PAGES; i += CHUNK)
		ASSERT_EQ(chunk, pread(loop, page_at(self->plain, i), chunk,
				       i * page_size));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, 1));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	close(loop);
}

/*
 * Direct I/O both ways while another thread causes evictions: a page under I/O
 * must not be evicted, or data of one round shows up in another.
 */
TEST_F(gup, direct_io_under_pressure)
{
	struct repeater presser;
	int loop = loop_open(store_file(PAGES * page_size, 500));
	ssize_t chunk = CHUNK * page_size;

	repeater_start(&presser, write_and_check, self->box,
		       box_map_from(self->box, PAGES, FRAMES, variant->flags),
		       FRAMES);
	EXPECT_TRUE(repeater_goes_on(&presser, 2));
	for (unsigned int round = 0; round < reduced(6); round++) {
		uint64_t tag = 1000 * round + 1000;

		for (size_t i = 0; i < PAGES / 2; i += CHUNK) {
			pages_fill(page_at(self->map, i), CHUNK, tag + i);
			ASSERT_EQ(chunk, pwrite(loop, page_at(self->map, i),
						chunk, i * page_size));
		}
		for (size_t i = 0; i < PAGES / 2; i += CHUNK) {
			char *to = page_at(self->map, PAGES / 2 + i);

			ASSERT_EQ(chunk, pread(loop, to, chunk, i * page_size));
			ASSERT_TRUE(pages_hold(to, CHUNK, tag + i));
		}
		ASSERT_TRUE(pages_hold(self->map, PAGES / 2, tag));
	}
	EXPECT_TRUE(repeater_end(&presser));
	EXPECT_LT(2 * PAGES, box_stats(self->box).faults[PAGEBOX_FAULT_SWAPIN]);
	close(loop);
}

/* Makes a pipe take references to pages, without copying them. */
static void pipe_holds(int pipe, char *map, size_t pages)
{
	struct iovec iov = { .iov_base = map, .iov_len = pages * page_size };

	if (vmsplice(pipe, &iov, 1, 0) != (ssize_t)iov.iov_len)
		die("vmsplice");
}

static void pipe_drain(int pipe, char *to, size_t pages)
{
	for (size_t i = 0; i < pages * page_size;) {
		ssize_t got = read(pipe, to + i, pages * page_size - i);

		if (got <= 0)
			die("cannot drain a pipe");
		i += got;
	}
}

/*
 * Pages held by a pipe are skipped and counted by the clock; after the pipe
 * releases them, they are evicted like others.
 */
TEST_F(gup, pinned_pages_stay)
{
	unsigned int id = box_info(self->box).id;
	const char *tier = variant->flags == MAP_SHARED ? "root" : "private";
	struct frame_row *rows;
	long frame[CHUNK];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	pages_touch(self->map, CHUNK);
	pipe_holds(ends[1], self->map, CHUNK);
	for (size_t i = 0; i < CHUNK; i++) {
		frame[i] = frame_of(id, tier, i);
		ASSERT_LE(0, frame[i]);
	}
	ASSERT_EQ(FRAMES, frame_rows(id, &rows));
	for (size_t i = 0; i < CHUNK; i++)
		EXPECT_EQ(1, rows[frame[i]].pins);
	free(rows);

	for (int round = 0; round < 3; round++)
		EXPECT_TRUE(pages_hold(page_at(self->map, CHUNK), PAGES - CHUNK,
				       1 + CHUNK));
	for (size_t i = 0; i < CHUNK; i++)
		EXPECT_EQ(frame[i], frame_of(id, tier, i));
	EXPECT_LT(CHUNK, box_stats(self->box).pinned_skips);

	page_fill(self->map, 900);
	pipe_drain(ends[0], self->plain, CHUNK);
	EXPECT_TRUE(page_holds(self->plain, 900));
	EXPECT_TRUE(pages_hold(page_at(self->plain, 1), CHUNK - 1, 2));

	for (int round = 0; round < 3; round++)
		EXPECT_TRUE(pages_hold(page_at(self->map, CHUNK), PAGES - CHUNK,
				       1 + CHUNK));
	for (size_t i = 0; i < CHUNK; i++)
		EXPECT_EQ(-1, frame_of(id, tier, i));
	EXPECT_TRUE(page_holds(self->map, 900));
}

/* If every frame is held, accesses raise SIGBUS; later they succeed. */
TEST_F(gup, all_frames_pinned)
{
	unsigned long sweeps = module_param("pin_sweeps");
	struct pagebox_stats before;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	pages_touch(self->map, FRAMES);
	pipe_holds(ends[1], self->map, FRAMES);
	before = box_stats(self->box);
	module_param_set("pin_sweeps", 20);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, FRAMES)));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, FRAMES + 1)));
	module_param_set("pin_sweeps", sweeps);
	EXPECT_LE(2 * 20 * FRAMES, box_stats(self->box).pinned_skips);
	EXPECT_FAULTS(self->box, before, .failed = 2);
	EXPECT_TRUE(pages_hold(self->map, FRAMES, 1));
	pipe_drain(ends[0], self->plain, FRAMES);
	EXPECT_TRUE(pages_hold(self->plain, FRAMES, 1));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* Pages that a pipe holds after the box is destroyed are safe to read. */
TEST_F(gup, pipe_outlives_the_box)
{
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	pages_touch(self->map, CHUNK);
	pipe_holds(ends[1], self->map, CHUNK);
	unmap(self->map, PAGES);
	close(self->box);
	self->box = box_new(FRAMES, 0);
	pages_fill(box_map(self->box, PAGES, MAP_PRIVATE), PAGES, 700);
	pipe_drain(ends[0], self->plain, CHUNK);
	EXPECT_TRUE(pages_hold(self->plain, CHUNK, 1));
}

TEST_HARNESS_MAIN
