// SPDX-License-Identifier: GPL-2.0
/* The ends of a box, and mmap() calls with odd arguments. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 8

FIXTURE(bounds)
{
	int box;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(bounds)
{
	int flags;
};

FIXTURE_VARIANT_ADD(bounds, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(bounds, private){ .flags = MAP_PRIVATE };

FIXTURE_SETUP(bounds)
{
	self->box = box_new(16, PAGES);
	self->before = box_stats(self->box);
}

NO_TEARDOWN(bounds);

/* An access past the end of the box raises SIGBUS, as with files. */
TEST_F(bounds, past_the_end)
{
	char *map = box_map(self->box, 2 * PAGES, variant->flags);

	pages_fill(map, PAGES, 1);
	for (size_t i = PAGES; i < 2 * PAGES; i++) {
		EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, i)));
		EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, i)));
	}
	EXPECT_FAULTS(self->box, self->before, .zero = PAGES,
		      .failed = 2 * PAGES);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/* A mapping that lies entirely past the end has no accessible page. */
TEST_F(bounds, behind_the_end)
{
	char *map = box_map_from(self->box, PAGES, 2, variant->flags);

	EXPECT_EQ(SIGBUS, signal_of_read(map));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, 1)));
	EXPECT_FAULTS(self->box, self->before, .failed = 2);
	EXPECT_EQ(0, box_stats(self->box).frames_used);
}

/* An unaligned offset is EINVAL. */
TEST_F(bounds, odd_offsets)
{
	for (long offset = 1; offset < (long)page_size; offset = offset * 2 + 1)
		EXPECT_EQ(-1, syscall(SYS_mmap, NULL, page_size, PROT_READ,
				      variant->flags, self->box, offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, syscall(SYS_mmap, NULL, 0, PROT_READ, variant->flags,
			      self->box, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, box_info(self->box).flags);
}

/* Offsets beyond any box size are refused, or SIGBUS on access; never a page. */
TEST_F(bounds, huge_offsets)
{
	const unsigned long offsets[] = {
		PAGEBOX_DEFAULT_SIZE,	 PAGEBOX_MAX_SIZE, (1UL << 62),
		(1UL << 63) - page_size, 1UL << 63,	   -page_size,
		-2 * page_size,
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		long map = syscall(SYS_mmap, NULL, 2 * page_size,
				   PROT_READ | PROT_WRITE, variant->flags,
				   self->box, offsets[i]);

		if (map == -1) {
			EXPECT_TRUE(errno == EOVERFLOW || errno == EINVAL)
			TH_LOG("offset %#lx: errno %d", offsets[i], errno);
			continue;
		}
		EXPECT_EQ(SIGBUS, signal_of_read((void *)map))
		TH_LOG("offset %#lx", offsets[i]);
		EXPECT_EQ(SIGBUS, signal_of_write((void *)(map + page_size)));
	}
	EXPECT_EQ(0, box_stats(self->box).pages);
	EXPECT_EQ(0, box_stats(self->box).frames_used);
}

/* The last page of the largest box is accessible, the next one is not. */
TEST_F(bounds, last_page_of_the_largest_box)
{
	const size_t last = PAGEBOX_MAX_SIZE / page_size - 1;
	int box = box_new(4, last + 1);
	char *map = box_map_from(box, last, 2, variant->flags);

	page_fill(map, 1);
	EXPECT_TRUE(page_holds(map, 1));
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, 1)));
}

/* mremap() may grow a mapping past the end; that part raises SIGBUS. */
TEST_F(bounds, grown_past_the_end)
{
	char *map = box_map(self->box, PAGES, variant->flags);

	pages_fill(map, PAGES, 1);
	map = mremap(map, PAGES * page_size, 2 * PAGES * page_size,
		     MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(map, PAGES)));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

/* A system call gets EFAULT where an access raises SIGBUS. */
TEST_F(bounds, system_call_past_the_end)
{
	char *map = box_map(self->box, PAGES + 1, variant->flags);
	int file = memfd_create("sink", MFD_CLOEXEC);

	EXPECT_EQ(-1, write(file, page_at(map, PAGES), page_size));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1,
		  madvise(page_at(map, PAGES), page_size, MADV_POPULATE_READ));
	EXPECT_EQ(EFAULT, errno);
}

/*
 * A shared mapping of a read-only fd cannot be written, even after mprotect().
 * A private mapping writes to its own copies.
 */
TEST(read_only_fd)
{
	int box = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);
	char *map;

	ASSERT_LE(0, box);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, box, 0));
	EXPECT_EQ(EACCES, errno);
	map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, box, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(pages_are_zero(map, 1));
	EXPECT_EQ(SIGSEGV, signal_of_write(map));
	EXPECT_EQ(-1, mprotect(map, page_size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	map = box_map(box, PAGES, MAP_PRIVATE);
	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

/* A write-only fd cannot be mapped. */
TEST(write_only_fd)
{
	int box = open(PAGEBOX_DEVICE, O_WRONLY | O_CLOEXEC);

	ASSERT_LE(0, box);
	EXPECT_EQ(MAP_FAILED,
		  mmap(NULL, page_size, PROT_WRITE, MAP_SHARED, box, 0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED,
		  mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, box, 0));
	EXPECT_EQ(EACCES, errno);
}

TEST_HARNESS_MAIN
