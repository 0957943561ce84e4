// SPDX-License-Identifier: GPL-2.0
/*
 * The store: pages are read from a file one by one on access, and written back
 * if it is writable.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 16
#define TAG 100

FIXTURE(store)
{
	int file;
	int box;
	char *map;
	struct pagebox_info info;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(store)
{
	int flags;
};

FIXTURE_VARIANT_ADD(store, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(store, private){ .flags = MAP_PRIVATE };

/* Maps one page more than the store has. */
FIXTURE_SETUP(store)
{
	self->file = store_file(PAGES * page_size, TAG);
	self->box = box_new_store(PAGES * 2, self->file);
	self->map = box_map(self->box, PAGES + 1, variant->flags);
	self->info = box_info(self->box);
	self->before = box_stats(self->box);
}

NO_TEARDOWN(store);

/* Each page reads as with pread(), and costs one major fault. */
TEST_F(store, contents_and_counters)
{
	char page[page_size];

	for (size_t i = 0; i < PAGES; i++) {
		ASSERT_EQ(page_size,
			  pread(self->file, page, page_size, i * page_size));
		EXPECT_EQ(0, memcmp(page, page_at(self->map, i), page_size));
	}
	EXPECT_FAULTS(self->box, self->before, .file = PAGES);
	EXPECT_EQ(PAGES, box_stats(self->box).major);
	EXPECT_EQ(PAGES, box_stats(self->box).store_reads);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_FAULTS(self->box, self->before, .file = PAGES);
}

/* Only accessed pages are read. */
TEST_F(store, untouched_pages_are_not_read)
{
	EXPECT_TRUE(page_holds(page_at(self->map, 3), TAG + 3));
	EXPECT_TRUE(page_holds(page_at(self->map, PAGES - 1), TAG + PAGES - 1));
	EXPECT_FAULTS(self->box, self->before, .file = 2);
	EXPECT_EQ(2, box_stats(self->box).frames_used);
	EXPECT_EQ(2, box_stats(self->box).pages);
}

/* A first write reads the page, too: the rest keeps the store's contents. */
TEST_F(store, write_keeps_the_rest_of_the_page)
{
	char page[page_size];

	page_at(self->map, 2)[7] = 'x';
	EXPECT_FAULTS(self->box, self->before, .file = 1);
	ASSERT_EQ(page_size, pread(self->file, page, page_size, 2 * page_size));
	page[7] = 'x';
	EXPECT_EQ(0, memcmp(page, page_at(self->map, 2), page_size));
}

/* A writable store gets the writes to the root view, and only these. */
TEST_F(store, file_is_written)
{
	EXPECT_TRUE(self->info.flags & PAGEBOX_INFO_WRITABLE);
	pages_fill(self->map, PAGES, 1);
	drop_ptes(self->map, PAGES);
	unmap(self->map, PAGES + 1);
	ASSERT_EQ(0, fsync(self->box));
	if (variant->flags == MAP_SHARED) {
		EXPECT_TRUE(file_holds(self->file, PAGES, 1));
		EXPECT_EQ(PAGES, box_stats(self->box).store_writes);
	} else {
		EXPECT_TRUE(file_holds(self->file, PAGES, TAG));
		EXPECT_EQ(0, box_stats(self->box).store_writes);
	}
	EXPECT_EQ(PAGES * page_size, box_info(self->box).store_bytes);
}

/* An access past the end of the store raises SIGBUS, for that page alone. */
TEST_F(store, past_the_end)
{
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, PAGES)));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, PAGES)));
	EXPECT_FAULTS(self->box, self->before, .failed = 2);
	EXPECT_TRUE(page_holds(page_at(self->map, PAGES - 1), TAG + PAGES - 1));
	EXPECT_EQ(1, box_stats(self->box).frames_used);
}

/*
 * The box references the file itself: its fd may be closed before the first
 * access.
 */
TEST_F(store, fd_closed)
{
	ASSERT_EQ(0, close(self->file));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_FAULTS(self->box, self->before, .file = PAGES);
}

/*
 * A page appended to the file is accessible, and the box reports the file's
 * size.
 */
TEST_F(store, growing_file)
{
	char page[page_size];

	EXPECT_EQ(PAGES * page_size, box_info(self->box).store_bytes);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, PAGES)));
	page_fill(page, 7);
	ASSERT_EQ(page_size,
		  pwrite(self->file, page, page_size, PAGES * page_size));
	EXPECT_TRUE(page_holds(page_at(self->map, PAGES), 7));
	EXPECT_EQ((PAGES + 1) * page_size, box_info(self->box).store_bytes);
	EXPECT_FAULTS(self->box, self->before, .failed = 1, .file = 1);
}

/* A page truncated before its first access raises SIGBUS, the others stay. */
TEST_F(store, truncated_file)
{
	ASSERT_EQ(0, ftruncate(self->file, (PAGES - 1) * page_size));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, PAGES - 1)));
	EXPECT_TRUE(pages_hold(self->map, PAGES - 1, TAG));
	EXPECT_EQ((PAGES - 1) * page_size, box_info(self->box).store_bytes);
	EXPECT_FAULTS(self->box, self->before, .failed = 1, .file = PAGES - 1);
}

/* The tail of a file's last page is zero, even in a reused frame. */
TEST(odd_size)
{
	const size_t odd = 1234;
	int file = store_file(3 * page_size + odd, TAG);
	int box = box_new_store(2, file);
	char *map = box_map(box, 5, MAP_SHARED);
	char expected[page_size];

	EXPECT_TRUE(pages_hold(map, 3, TAG));
	memset(expected, 0, page_size);
	ASSERT_EQ(odd, pread(file, expected, page_size, 3 * page_size));
	EXPECT_EQ(0, memcmp(expected, page_at(map, 3), page_size));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, 4)));
	EXPECT_EQ(3 * page_size + odd, box_info(box).store_bytes);
	EXPECT_TRUE(box_info(box).flags & PAGEBOX_INFO_STORE);
}

/* An empty store is a store without pages. */
TEST(empty_file)
{
	int box = box_new_store(4, store_file(0, TAG));
	char *map = box_map(box, 1, MAP_PRIVATE);

	EXPECT_EQ(SIGBUS, signal_of_read(map));
	EXPECT_EQ(0, box_stats(box).frames_used);
}

/* A private write does not hide the store from other mappings. */
TEST(private_copy_beside_the_store)
{
	int box = box_new_store(PAGES * 2, store_file(PAGES * page_size, TAG));
	char *private = box_map(box, PAGES, MAP_PRIVATE);
	char *shared = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats before = box_stats(box);

	pages_fill(private, PAGES, 1);
	EXPECT_FAULTS(box, before, .file = PAGES);
	EXPECT_TRUE(pages_hold(shared, PAGES, TAG));
	EXPECT_FAULTS(box, before, .file = 2 * PAGES);
	EXPECT_TRUE(pages_hold(private, PAGES, 1));
}

/* A read-only store is never written, whatever is written to the box. */
TEST(read_only_store)
{
	int file = store_file(PAGES * page_size, TAG);
	int box = box_new_store(4, read_only(file));
	char *map = box_map(box, PAGES, MAP_SHARED);

	EXPECT_TRUE(box_info(box).flags & PAGEBOX_INFO_STORE);
	EXPECT_FALSE(box_info(box).flags & PAGEBOX_INFO_WRITABLE);
	EXPECT_EQ(PAGEBOX_BACKEND_FILE, box_info(box).store_kind);
	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_EQ(0, fsync(box));
	EXPECT_EQ(0, box_stats(box).store_writes);
	unmap(map, PAGES);
	close(box);
	EXPECT_TRUE(file_holds(file, PAGES, TAG));
}

/* RAM can be a store as well: of zeroes, and as large as the box. */
TEST(ram_store)
{
	int box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_BYTES |
		       PAGEBOX_SET_STORE,
		.frames = 4,
		.bytes = PAGES * page_size,
		.store_fd = PAGEBOX_FD_RAM,
	});
	char *map = box_map(box, PAGES, MAP_SHARED);

	EXPECT_EQ(PAGEBOX_BACKEND_RAM, box_info(box).store_kind);
	EXPECT_TRUE(box_info(box).flags & PAGEBOX_INFO_WRITABLE);
	EXPECT_TRUE(pages_are_zero(map, PAGES));
	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_EQ(PAGES, box_stats(box).store_writes);
	EXPECT_EQ(0, box_stats(box).swap_writes);
	EXPECT_EQ(0, fsync(box));
}

FIXTURE(evicted)
{
	int file;
	int box;
	char *map;
};

FIXTURE_VARIANT(evicted)
{
	bool read_only;
};

FIXTURE_VARIANT_ADD(evicted, read_only){ .read_only = true };
FIXTURE_VARIANT_ADD(evicted, writable){};

#define FEW 4

/* Only evictions write. */
FIXTURE_SETUP(evicted)
{
	self->file = store_file(PAGES * page_size, TAG);
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
		       PAGEBOX_SET_DIRTY,
		.frames = FEW,
		.store_fd = variant->read_only ? read_only(self->file) :
						 self->file,
		.dirty_age_ms = PAGEBOX_MAX_DIRTY_AGE,
		.dirty_ratio = PAGEBOX_MAX_DIRTY_RATIO,
	});
	self->map = box_map(self->box, PAGES, MAP_SHARED);
}

NO_TEARDOWN(evicted);

/* Unchanged pages are dropped and read again. */
TEST_F(evicted, clean_pages)
{
	struct pagebox_stats now;

	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	now = box_stats(self->box);
	EXPECT_EQ(2 * PAGES, now.faults[PAGEBOX_FAULT_FILE]);
	EXPECT_EQ(2 * PAGES, now.store_reads);
	EXPECT_EQ(2 * PAGES - FEW, now.evict_clean);
	EXPECT_EQ(0, now.evict_dirty);
	EXPECT_EQ(0, now.swap_used);
	EXPECT_EQ(0, now.store_writes);
}

/* Changed pages go to swap, or to a writable store, and come back. */
TEST_F(evicted, dirty_pages)
{
	struct pagebox_stats now;

	pages_fill(self->map, PAGES, 1);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, now.evict_dirty);
	EXPECT_EQ(2 * PAGES, now.major);
	if (variant->read_only) {
		EXPECT_EQ(PAGES, now.faults[PAGEBOX_FAULT_FILE]);
		EXPECT_EQ(PAGES, now.faults[PAGEBOX_FAULT_SWAPIN]);
		EXPECT_EQ(PAGES, now.swap_writes);
		EXPECT_EQ(0, now.store_writes);
		EXPECT_TRUE(file_holds(self->file, PAGES, TAG));
	} else {
		EXPECT_EQ(2 * PAGES, now.faults[PAGEBOX_FAULT_FILE]);
		EXPECT_EQ(0, now.faults[PAGEBOX_FAULT_SWAPIN]);
		EXPECT_EQ(0, now.swap_writes);
		EXPECT_EQ(PAGES, now.store_writes);
		EXPECT_TRUE(file_holds(self->file, PAGES, 1));
	}
}

/* Private pages go to swap with any store. */
TEST_F(evicted, private_pages)
{
	char *map = box_map(self->box, PAGES, MAP_PRIVATE);
	struct pagebox_stats now;

	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	now = box_stats(self->box);
	EXPECT_EQ(PAGES, now.swap_writes);
	EXPECT_EQ(0, now.store_writes);
	EXPECT_TRUE(file_holds(self->file, PAGES, TAG));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
}

TEST_HARNESS_MAIN
