// SPDX-License-Identifier: GPL-2.0
/* /proc and debugfs agree about the mappings of a box. */

#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 16
#define PAGES 40

FIXTURE(procfs)
{
	int box;
	unsigned int id;
	char *map;
	long page_kb;
};

FIXTURE_VARIANT(procfs)
{
	int flags;
};

FIXTURE_VARIANT_ADD(procfs, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(procfs, private){ .flags = MAP_PRIVATE };

/* With hardware references, eviction keeps the PTEs of resident pages. */
FIXTURE_SETUP(procfs)
{
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_REFERENCES,
		.frames = FRAMES,
		.references = PAGEBOX_REFERENCES_HARDWARE,
	});
	self->id = box_info(self->box).id;
	self->map = box_map_from(self->box, 3, PAGES, variant->flags);
	self->page_kb = page_size / 1024;
}

NO_TEARDOWN(procfs);

/* A mapping is listed with its device and its protection. */
TEST_F(procfs, maps)
{
	const char *line = maps_line(self->map);
	char want[64];

	EXPECT_NE(NULL, strstr(line, variant->flags == MAP_SHARED ? " rw-s " :
								    " rw-p "))
	TH_LOG("%s", line);
	snprintf(want, sizeof(want), " %08lx ", 3 * page_size);
	EXPECT_NE(NULL, strstr(line, want)) TH_LOG("%s", line);
	EXPECT_NE(NULL, strstr(line, PAGEBOX_DEVICE)) TH_LOG("%s", line);
}

/* debugfs has the same range, offset and protection. */
TEST_F(procfs, maps_and_debugfs)
{
	struct map_row row = map_row_at(self->id, self->map);

	EXPECT_EQ((uintptr_t)self->map, row.start);
	EXPECT_EQ((uintptr_t)page_at(self->map, PAGES), row.end);
	EXPECT_EQ(3, row.pgoff);
	EXPECT_STREQ("rw-", row.prot);
	EXPECT_STREQ(variant->flags == MAP_SHARED ? "shared" : "private",
		     row.type);
}

/* Rss counts mapped pages, and Pss divides them between two processes. */
TEST_F(procfs, rss_and_pss)
{
	EXPECT_EQ(0, smaps_kb(self->map, "Rss"));
	pages_fill(self->map, 6, 1);
	EXPECT_EQ(6 * self->page_kb, smaps_kb(self->map, "Rss"));
	EXPECT_EQ(6 * self->page_kb, smaps_kb(self->map, "Pss"));
	drop_ptes(self->map, 2);
	EXPECT_EQ(4 * self->page_kb, smaps_kb(self->map, "Rss"));
	pages_fill(self->map, PAGES, 1);
	EXPECT_EQ(FRAMES * self->page_kb, smaps_kb(self->map, "Rss"));
	EXPECT_EQ(0, smaps_kb(self->map, "Swap"));
	EXPECT_EQ(0, smaps_kb(self->map, "Anonymous"));
}

/* With exact references, Rss is the pages used since the last scan. */
TEST_F(procfs, rss_with_exact_references)
{
	box_configure(self->box, (struct pagebox_config){
					 .set = PAGEBOX_SET_REFERENCES,
					 .references = PAGEBOX_REFERENCES_EXACT,
				 });
	pages_fill(self->map, PAGES, 1);
	EXPECT_GT(FRAMES * self->page_kb, smaps_kb(self->map, "Rss"));
	pages_touch(page_at(self->map, PAGES - FRAMES / 2), FRAMES / 2);
	EXPECT_LE(FRAMES / 2 * self->page_kb, smaps_kb(self->map, "Rss"));
}

static int serve_smaps(void *context, int page)
{
	FIXTURE_DATA(procfs) *self = context;

	pages_touch(page_at(self->map, page), 1);
	return smaps_kb(self->map, "Pss");
}

/* A page mapped by two processes is half in each one's Pss. */
TEST_F(procfs, pss_of_two_processes)
{
	struct child child;

	pages_fill(self->map, 4, 1);
	child = child_fork(serve_smaps, self);
	EXPECT_EQ(self->page_kb / 2, child_ask(&child, 0));
	EXPECT_EQ(self->page_kb, child_ask(&child, 1));
	EXPECT_EQ(4 * self->page_kb, smaps_kb(self->map, "Rss"));
	EXPECT_EQ(3 * self->page_kb, smaps_kb(self->map, "Pss"));
	child_end(&child);
	EXPECT_EQ(4 * self->page_kb, smaps_kb(self->map, "Pss"));
}

/*
 * Pagemap shows a page as present, with the same frame, exactly if debugfs
 * shows it mapped. Half are in swap, some PTEs were dropped.
 */
TEST_F(procfs, pagemap)
{
	size_t mapped = 0, resident = 0, swapped = 0;
	struct frame_row *frames;
	struct page_row *pages;
	size_t count;

	pages_fill(self->map, PAGES - 4, 1);
	drop_ptes(page_at(self->map, PAGES - 10), 2);
	ASSERT_EQ(FRAMES, frame_rows(self->id, &frames));
	count = page_rows(self->id, map_row_at(self->id, self->map).map,
			  &pages);
	EXPECT_EQ(PAGES - 4, count);
	for (size_t i = 0; i < count; i++) {
		uint64_t entry = pagemap((void *)pages[i].address);

		EXPECT_EQ(pages[i].index * page_size,
			  pages[i].address - (uintptr_t)self->map +
				  3 * page_size);
		EXPECT_EQ(!!(entry & PAGEMAP_PRESENT),
			  !!strcmp(pages[i].pte, "-"));
		resident += !strcmp(pages[i].state, "frame");
		swapped += !strcmp(pages[i].state, "swap");
		if (!(entry & PAGEMAP_PRESENT))
			continue;
		mapped++;
		ASSERT_LE(0, pages[i].frame);
		ASSERT_GT(FRAMES, pages[i].frame);
		EXPECT_EQ(frames[pages[i].frame].pfn,
			  (long)(entry & PAGEMAP_PFN));
		EXPECT_EQ(frames[pages[i].frame].page, pages[i].index);
		/* The clock has cleared accessed bits, and nothing else. */
		EXPECT_STREQ("DW", pages[i].pte + 1);
	}
	EXPECT_EQ(FRAMES, resident);
	EXPECT_EQ(FRAMES - 2, mapped);
	EXPECT_EQ(PAGES - 4 - FRAMES, swapped);
	EXPECT_EQ(mapped * self->page_kb, smaps_kb(self->map, "Rss"));
	EXPECT_EQ(0, pagemap(page_at(self->map, PAGES - 1)) & PAGEMAP_PRESENT);
	free(frames);
	free(pages);
}

/* The letters of a PTE: a page that was only read is not dirty. */
TEST_F(procfs, pte_letters)
{
	bool shared = variant->flags == MAP_SHARED;
	struct page_row row;

	pages_touch(self->map, 1);
	ASSERT_TRUE(page_row_at(self->id, self->map, &row));
	EXPECT_STREQ(shared ? "A.W" : "A..", row.pte);
	EXPECT_STREQ("frame", row.state);
	EXPECT_EQ(shared ? 1 : ROOT_SHARERS, row.sharers);
	*self->map = 1;
	ASSERT_TRUE(page_row_at(self->id, self->map, &row));
	EXPECT_STREQ("ADW", row.pte);
	EXPECT_EQ(1, row.sharers);
	drop_ptes(self->map, 1);
	ASSERT_TRUE(page_row_at(self->id, self->map, &row));
	EXPECT_STREQ("-", row.pte);
	EXPECT_STREQ("frame", row.state);
	EXPECT_FALSE(page_row_at(self->id, page_at(self->map, 1), &row));
}

static int serve_nothing(void *context, int command)
{
	(void)context;
	return command;
}

/* Pages shared over fork show their number of views. */
TEST_F(procfs, sharers)
{
	struct child child;
	struct page_row row;

	pages_fill(self->map, 1, 1);
	child = child_fork(serve_nothing, self);
	ASSERT_TRUE(page_row_at(self->id, self->map, &row));
	EXPECT_EQ(variant->flags == MAP_SHARED ? 1 : 2, row.sharers);
	child_end(&child);
	ASSERT_TRUE(page_row_at(self->id, self->map, &row));
	EXPECT_EQ(1, row.sharers);
}

/* A page that was swapped in still has its slot, and shows it. */
TEST_F(procfs, slots)
{
	struct page_row row;

	pages_fill(self->map, PAGES, 1);
	ASSERT_TRUE(page_row_at(self->id, self->map, &row));
	EXPECT_STREQ("swap", row.state);
	EXPECT_EQ(-1, row.frame);
	EXPECT_LE(0, row.slot);
	EXPECT_TRUE(page_holds(self->map, 1));
	ASSERT_TRUE(page_row_at(self->id, self->map, &row));
	EXPECT_STREQ("frame", row.state);
	EXPECT_LE(0, row.frame);
	EXPECT_LE(0, row.slot);
}

TEST_HARNESS_MAIN
