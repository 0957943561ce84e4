// SPDX-License-Identifier: GPL-2.0
/*
 * Core dumps of programs with memory in a box. The memory counts as anonymous,
 * private or shared, and is dumped by default. Untouched pages are holes and
 * are not faulted in. A shared mapping of a box with a store counts as
 * file-backed and is left out.
 */

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"
#define CORE_FILE "/tmp/pagebox-core"

#define FRAMES 8
#define PAGES 24
#define TAG 1
#define STORE_TAG 500

/* 1 GiB: faulting it in page by page would be noticed. */
#define SPARSE_PAGES (small_size() ? 4096 : sized(262144, 262144))

/* A program header of a core file, 64-bit ELF. */
struct segment {
	uint32_t type;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t unused;
	uint64_t file_size;
	uint64_t memory_size;
	uint64_t align;
};

/* Offsets of e_phoff and e_phnum in the ELF header. */
#define SEGMENTS_AT 32
#define SEGMENTS_NR 56

FIXTURE(core)
{
	char pattern[256];
};

FIXTURE_SETUP(core)
{
	FILE *file = fopen(CORE_PATTERN, "r");

	if (!file || !fgets(self->pattern, sizeof(self->pattern), file))
		die(CORE_PATTERN);
	fclose(file);
	write_text(CORE_PATTERN, CORE_FILE);
	unlink(CORE_FILE);
}

FIXTURE_TEARDOWN(core)
{
	write_text(CORE_PATTERN, "%s", self->pattern);
	unlink(CORE_FILE);
}

/* Ends the calling process with a core dump. */
static void dump(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_CORE, &all))
		die("RLIMIT_CORE");
	signal(SIGABRT, SIG_DFL);
	abort();
}

static bool has_dumped(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFSIGNALED(status) && WCOREDUMP(status);
}

static void read_core(void *to, size_t size, off_t from)
{
	int core = open(CORE_FILE, O_RDONLY);

	if (core < 0)
		die(CORE_FILE);
	if (pread(core, to, size, from) != (ssize_t)size)
		die("the core file ends too early");
	close(core);
}

/* The segment of the core file that begins at @address. */
static struct segment segment_at(const void *address)
{
	struct segment segment;
	uint64_t at;
	uint16_t nr;

	read_core(&at, sizeof(at), SEGMENTS_AT);
	read_core(&nr, sizeof(nr), SEGMENTS_NR);
	for (unsigned int i = 0; i < nr; i++) {
		read_core(&segment, sizeof(segment), at + i * sizeof(segment));
		if (segment.type == PT_LOAD &&
		    segment.address == (uintptr_t)address)
			return segment;
	}
	die("the core file has no segment at %p", address);
}

/* Page @i of a segment. */
static const void *core_page(const struct segment *segment, size_t i)
{
	static char page[65536];

	read_core(page, page_size, segment->offset + i * page_size);
	return page;
}

static bool core_holds(const struct segment *segment, size_t first,
		       size_t pages, uint64_t tag)
{
	for (size_t i = 0; i < pages; i++)
		if (!page_holds(core_page(segment, first + i),
				tag ? tag + i : 0))
			return false;
	return true;
}

static bool is_all_there(const struct segment *segment, size_t pages)
{
	return segment->file_size == pages * page_size;
}

/*
 * The core file has what a child wrote to every second page of a new mapping,
 * including swapped pages. The other pages are holes and were not faulted in.
 */
static void dump_holds(struct __test_metadata *_metadata, int flags)
{
	int box = box_new(FRAMES, 64);
	char *map = box_map(box, 2 * PAGES, flags);
	struct pagebox_stats before, after;
	struct segment segment;
	pid_t pid;

	before = box_stats(box);
	pid = fork_tied();
	if (!pid) {
		for (size_t i = 0; i < PAGES; i++)
			page_fill(page_at(map, 2 * i), TAG + i);
		dump();
	}
	ASSERT_TRUE(has_dumped(pid));
	after = box_stats(box);
	EXPECT_EQ(PAGES, after.faults[PAGEBOX_FAULT_ZERO] -
				 before.faults[PAGEBOX_FAULT_ZERO]);
	EXPECT_EQ(0, after.faults[PAGEBOX_FAULT_FAILED]);

	segment = segment_at(map);
	ASSERT_TRUE(is_all_there(&segment, 2 * PAGES));
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_TRUE(core_holds(&segment, 2 * i, 1, TAG + i));
		EXPECT_TRUE(core_holds(&segment, 2 * i + 1, 1, 0));
	}
	unmap(map, 2 * PAGES);
	close(box);
}

TEST_F(core, holds_private_pages)
{
	dump_holds(_metadata, MAP_PRIVATE);
}

TEST_F(core, holds_shared_pages)
{
	dump_holds(_metadata, MAP_SHARED);
}

/* A child's dump has inherited pages, too. */
TEST_F(core, holds_inherited_pages)
{
	int box = box_new(FRAMES, 64);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct segment segment;
	pid_t pid;

	pages_fill(map, PAGES, TAG);
	pid = fork_tied();
	if (!pid)
		dump();
	ASSERT_TRUE(has_dumped(pid));
	segment = segment_at(map);
	ASSERT_TRUE(is_all_there(&segment, PAGES));
	EXPECT_TRUE(core_holds(&segment, 0, PAGES, TAG));
	unmap(map, PAGES);
	close(box);
}

TEST_F(core, does_not_fill_a_sparse_box)
{
	int box = box_new(FRAMES, SPARSE_PAGES);
	struct pagebox_stats before, after;
	struct segment segment;
	char *map;
	pid_t pid;

	map = mmap(NULL, SPARSE_PAGES * page_size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_NORESERVE, box, 0);
	ASSERT_NE(MAP_FAILED, map);
	pages_fill(map, 2, TAG);
	before = box_stats(box);
	pid = fork_tied();
	if (!pid)
		dump();
	ASSERT_TRUE(has_dumped(pid));
	after = box_stats(box);
	EXPECT_EQ(before.pages, after.pages);
	EXPECT_EQ(before.frames_used, after.frames_used);
	EXPECT_EQ(0, after.faults[PAGEBOX_FAULT_FAILED]);
	segment = segment_at(map);
	ASSERT_TRUE(is_all_there(&segment, SPARSE_PAGES));
	EXPECT_TRUE(core_holds(&segment, 0, 2, TAG));
	EXPECT_TRUE(core_holds(&segment, SPARSE_PAGES - 1, 1, 0));
	unmap(map, SPARSE_PAGES);
	close(box);
}

/*
 * Private pages of a box with a store are dumped, including those from the
 * store.
 */
TEST_F(core, holds_private_pages_over_a_store)
{
	int store = store_file(PAGES * page_size, STORE_TAG);
	int box = box_new_store(FRAMES, store);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct segment segment;
	pid_t pid;

	pid = fork_tied();
	if (!pid) {
		page_fill(map, TAG);
		dump();
	}
	ASSERT_TRUE(has_dumped(pid));
	segment = segment_at(map);
	ASSERT_TRUE(is_all_there(&segment, PAGES));
	EXPECT_TRUE(core_holds(&segment, 0, 1, TAG));
	EXPECT_TRUE(core_holds(&segment, 1, PAGES - 1, STORE_TAG + 1));
	unmap(map, PAGES);
	close(box);
	close(store);
}

/* As for any shared file mapping, the store's pages are left out by default. */
TEST_F(core, leaves_a_shared_store_out)
{
	int store = store_file(PAGES * page_size, STORE_TAG);
	int box = box_new_store(FRAMES, store);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats stats;
	struct segment segment;
	pid_t pid;

	pid = fork_tied();
	if (!pid)
		dump();
	ASSERT_TRUE(has_dumped(pid));
	stats = box_stats(box);
	EXPECT_EQ(0, stats.store_reads);
	segment = segment_at(map);
	EXPECT_EQ(0, segment.file_size);
	unmap(map, PAGES);
	close(box);
	close(store);
}

/* MADV_DONTDUMP is honoured. */
TEST_F(core, leaves_out_what_it_is_told_to)
{
	int box = box_new(FRAMES, 64);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct segment segment;
	pid_t pid;

	pages_fill(map, 2, TAG);
	ASSERT_EQ(0, madvise(map, PAGES * page_size, MADV_DONTDUMP));
	pid = fork_tied();
	if (!pid)
		dump();
	ASSERT_TRUE(has_dumped(pid));
	segment = segment_at(map);
	EXPECT_EQ(0, segment.file_size);
	unmap(map, PAGES);
	close(box);
}

TEST_HARNESS_MAIN
