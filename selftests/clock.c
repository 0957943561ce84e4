// SPDX-License-Identifier: GPL-2.0
/*
 * The clock hand against a model of the textbook algorithm: in a box of few
 * frames, the frame table must match the model after each access.
 */

#include <fcntl.h>
#include <sys/mman.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 24

struct clock {
	long page[FRAMES];
	bool referenced[FRAMES];
	unsigned int used;
	unsigned int hand;
	unsigned int chances;
	unsigned int revolutions;
	unsigned int evictions;
};

static void clock_advance(struct clock *clock)
{
	clock->hand = (clock->hand + 1) % FRAMES;
	if (!clock->hand)
		clock->revolutions++;
}

static unsigned int clock_victim(struct clock *clock)
{
	unsigned int victim;

	while (clock->referenced[clock->hand]) {
		clock->referenced[clock->hand] = false;
		clock->chances++;
		clock_advance(clock);
	}
	victim = clock->hand;
	clock_advance(clock);
	clock->evictions++;
	return victim;
}

static void clock_access(struct clock *clock, long page)
{
	unsigned int frame = 0;

	while (frame < clock->used && clock->page[frame] != page)
		frame++;
	if (frame == clock->used) {
		if (clock->used < FRAMES)
			clock->used++;
		else
			frame = clock_victim(clock);
	}
	clock->page[frame] = page;
	clock->referenced[frame] = true;
}

/* One word per frame: its page, R if referenced, > at the hand. */
static void clock_text(const struct clock *clock, char *text)
{
	for (unsigned int i = 0; i < FRAMES; i++)
		text += sprintf(
			text, "%ld%s%s ", i < clock->used ? clock->page[i] : -1,
			i < clock->used && clock->referenced[i] ? "R" : "",
			clock->hand == i ? ">" : "");
}

static void table_text(unsigned int id, char *text)
{
	struct frame_row *rows;
	size_t count = frame_rows(id, &rows);

	if (count != FRAMES)
		die("frames of box %u has %zu rows", id, count);
	for (size_t i = 0; i < count; i++)
		text += sprintf(text, "%ld%s%s ", rows[i].page,
				rows[i].referenced == 1 ? "R" : "",
				rows[i].hand ? ">" : "");
	free(rows);
}

FIXTURE(hand)
{
	int box;
	unsigned int id;
	char *map;
	struct clock clock;
};

FIXTURE_VARIANT(hand)
{
	int flags;
	bool write;
};

FIXTURE_VARIANT_ADD(hand, shared_reads){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(hand, shared_writes){ .flags = MAP_SHARED, .write = true };

FIXTURE_VARIANT_ADD(hand, private_writes){ .flags = MAP_PRIVATE,
					   .write = true };

FIXTURE_SETUP(hand)
{
	self->box = box_new(FRAMES, PAGES);
	self->id = box_info(self->box).id;
	self->map = box_map(self->box, PAGES, variant->flags);
	ASSERT_EQ(1, box_info(self->box).batch);
}

NO_TEARDOWN(hand);

static void access_page(FIXTURE_DATA(hand) * self, bool write, size_t page)
{
	char *at = page_at(self->map, page);

	if (write)
		*(volatile char *)at = 1;
	else
		(void)*(volatile char *)at;
	clock_access(&self->clock, page);
}

static void expect_agreement(struct __test_metadata *_metadata,
			     FIXTURE_DATA(hand) * self)
{
	struct pagebox_stats stats = box_stats(self->box);
	char want[FRAMES * 16], seen[FRAMES * 16];

	clock_text(&self->clock, want);
	table_text(self->id, seen);
	ASSERT_STREQ(want, seen);
	ASSERT_EQ(self->clock.chances, stats.second_chances);
	ASSERT_EQ(self->clock.revolutions, stats.revolutions);
	ASSERT_EQ(self->clock.evictions, stats.evict_clean + stats.evict_dirty);
	ASSERT_EQ(0, stats.pinned_skips);
}

/* Frames are filled in order; a scan evicts them in that order. */
TEST_F(hand, scan)
{
	for (size_t i = 0; i < 2 * PAGES; i++) {
		access_page(self, variant->write, i % PAGES);
		expect_agreement(_metadata, self);
	}
}

/* A page used between all others gets its second chance and stays. */
TEST_F(hand, hot_page_stays)
{
	long frame;

	access_page(self, variant->write, 0);
	frame = frame_of(self->id,
			 variant->flags == MAP_SHARED ? "root" : "private", 0);
	EXPECT_EQ(0, frame);
	for (size_t i = 0; i < FRAMES; i++)
		access_page(self, variant->write, i);
	expect_agreement(_metadata, self);
	access_page(self, variant->write,
		    FRAMES); /* all are skipped, page 0 is evicted */
	access_page(self, variant->write, 0); /* page 1 is evicted */
	expect_agreement(_metadata, self);
	for (size_t i = FRAMES + 1; i < PAGES; i++) {
		access_page(self, variant->write, 0);
		access_page(self, variant->write, i);
		expect_agreement(_metadata, self);
		EXPECT_EQ(1, self->clock.page[1] == 0);
	}
}

/* 120 random accesses, nearly half of them hits. */
TEST_F(hand, random_accesses)
{
	uint64_t seed = 42;

	for (int i = 0; i < 120; i++) {
		access_page(self, variant->write, rnd(&seed) % (2 * FRAMES));
		expect_agreement(_metadata, self);
	}
	EXPECT_LT(20, self->clock.evictions);
	EXPECT_LT(20, self->clock.chances);
}

static int serve_touch(void *context, int page)
{
	FIXTURE_DATA(hand) *self = context;

	return *(volatile char *)page_at(self->map, page);
}

/* The accessed bits of all processes count as references. */
TEST(other_process_references)
{
	FIXTURE_DATA(hand) self = { .box = box_new(FRAMES, PAGES) };
	struct child child;

	self.id = box_info(self.box).id;
	self.map = box_map(self.box, PAGES, MAP_SHARED);
	child = child_fork(serve_touch, &self);
	for (size_t i = 0; i <= FRAMES; i++)
		access_page(&self, false, i);
	expect_agreement(_metadata, &self);

	child_ask(&child, 1);
	child_ask(&child, 3);
	clock_access(&self.clock, 1);
	clock_access(&self.clock, 3);
	expect_agreement(_metadata, &self);
	access_page(&self, false, FRAMES + 1); /* 1 is skipped, 2 evicted */
	expect_agreement(_metadata, &self);
	EXPECT_EQ(FRAMES + 1, self.clock.page[2]);
	access_page(&self, false, FRAMES + 2); /* 3 is skipped, 4 evicted */
	expect_agreement(_metadata, &self);
	EXPECT_EQ(FRAMES + 2, self.clock.page[4]);
	child_end(&child);
}

/* Reading the table changes neither the bits nor the hand. */
TEST(reading_the_table_is_no_access)
{
	FIXTURE_DATA(hand) self = { .box = box_new(FRAMES, PAGES) };

	self.id = box_info(self.box).id;
	self.map = box_map(self.box, PAGES, MAP_SHARED);
	for (size_t i = 0; i < FRAMES + 2; i++)
		access_page(&self, false, i);
	for (int i = 0; i < 10; i++) {
		struct page_row row;

		expect_agreement(_metadata, &self);
		EXPECT_TRUE(
			page_row_at(self.id, page_at(self.map, FRAMES), &row));
		EXPECT_FALSE(page_row_at(self.id, page_at(self.map, 0), &row));
	}
}

/* The bits of a row are those of the PTE: referenced, dirty. */
TEST(dirty_column)
{
	int box = box_new(FRAMES, PAGES);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct frame_row *rows;

	(void)*(volatile char *)map;
	*(volatile char *)page_at(map, 1) = 1;
	ASSERT_EQ(FRAMES, frame_rows(box_info(box).id, &rows));
	EXPECT_EQ(0, rows[0].dirty);
	EXPECT_EQ(1, rows[0].referenced);
	EXPECT_EQ(1, rows[1].dirty);
	EXPECT_EQ(1, rows[1].referenced);
	EXPECT_EQ(-1, rows[2].dirty);
	drop_ptes(map, 2);
	free(rows);
	ASSERT_EQ(FRAMES, frame_rows(box_info(box).id, &rows));
	EXPECT_EQ(0, rows[0].dirty);
	EXPECT_EQ(1, rows[1].dirty);
	free(rows);
}

/*
 * One access suffices to be referenced. A page with two accessed PTEs is still
 * referenced after both are removed, one after the other.
 */
TEST(references_of_two_mappings)
{
	int box = box_new(FRAMES, PAGES);
	char *map[2] = { box_map(box, PAGES, MAP_SHARED),
			 box_map(box, PAGES, MAP_SHARED) };
	struct frame_row *rows;

	for (int i = 0; i < 2; i++)
		(void)*(volatile char *)map[i];
	for (int i = 0; i < 2; i++) {
		drop_ptes(map[i], 1);
		ASSERT_EQ(FRAMES, frame_rows(box_info(box).id, &rows));
		EXPECT_EQ(1, rows[0].referenced)
		TH_LOG("%d PTEs removed", i + 1);
		free(rows);
	}
	close(box);
}

static void clear_accessed_bits(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY);

	if (fd < 0 || write(fd, "1", 1) != 1)
		die("/proc/self/clear_refs");
	close(fd);
}

/* An access through any of two mappings counts, though the other has a PTE too. */
TEST(reference_through_one_of_two_mappings)
{
	int box = box_new(FRAMES, PAGES);
	char *map[2] = { box_map(box, PAGES, MAP_SHARED),
			 box_map(box, PAGES, MAP_SHARED) };
	struct frame_row *rows;

	for (int i = 0; i < 2; i++) {
		(void)*(volatile char *)map[0];
		(void)*(volatile char *)map[1];
		clear_accessed_bits();
		ASSERT_EQ(FRAMES, frame_rows(box_info(box).id, &rows));
		EXPECT_EQ(0, rows[0].referenced);
		free(rows);
		drop_ptes(map[i], 1);
		(void)*(volatile char *)map[i];
		ASSERT_EQ(FRAMES, frame_rows(box_info(box).id, &rows));
		EXPECT_EQ(1, rows[0].referenced) TH_LOG("mapping %d", i);
		free(rows);
	}
	close(box);
}

/*
 * Freed frames are reused before fresh ones, last in first out. The hand does
 * not move, and the physical page is the same.
 */
TEST(freed_frames_are_used_first)
{
	int box = box_new(FRAMES, 0);
	unsigned int id = box_info(box).id;
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct frame_row *before, *freed, *after;

	pages_fill(map, FRAMES - 2, 1);
	ASSERT_EQ(FRAMES, frame_rows(id, &before));
	unmap(page_at(map, 1), 1);
	unmap(page_at(map, 4), 1);
	ASSERT_EQ(FRAMES, frame_rows(id, &freed));
	for (int frame = 1; frame <= 4; frame += 3) {
		EXPECT_EQ(-1, freed[frame].page);
		EXPECT_EQ(-1, freed[frame].sharers);
		EXPECT_EQ(before[frame].pfn, freed[frame].pfn);
	}
	EXPECT_EQ(-1, freed[FRAMES - 1].pfn);
	EXPECT_EQ(FRAMES - 4, box_stats(box).frames_used);

	for (size_t i = 0; i < 4; i++)
		page_fill(page_at(map, PAGES - 1 - i), 1);
	ASSERT_EQ(FRAMES, frame_rows(id, &after));
	EXPECT_EQ(PAGES - 1, after[4].page);
	EXPECT_EQ(PAGES - 2, after[1].page);
	EXPECT_EQ(PAGES - 3, after[FRAMES - 2].page);
	EXPECT_EQ(PAGES - 4, after[FRAMES - 1].page);
	EXPECT_EQ(before[1].pfn, after[1].pfn);
	EXPECT_EQ(before[4].pfn, after[4].pfn);
	EXPECT_TRUE(after[0].hand);
	EXPECT_EQ(0, box_stats(box).second_chances);
	free(before);
	free(freed);
	free(after);
}

TEST_HARNESS_MAIN
