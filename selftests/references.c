// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses are tracked: the policies against textbook algorithms, for programs
 * that do nothing but access their pages.
 *
 * No test drops a PTE or binds itself to one CPU, as user programs do not
 * either.
 */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define MOST_FRAMES 32
#define TAG 7

static int box_with_policy(const char *policy, unsigned int frames,
			   enum pagebox_references references)
{
	struct pagebox_config config = {
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_POLICY |
		       PAGEBOX_SET_REFERENCES,
		.frames = frames,
		.references = references,
	};

	snprintf(config.policy, sizeof(config.policy), "%s", policy);
	return box_with(config);
}

/* Faults that brought a page into a frame. */
static unsigned long loads(int box)
{
	struct pagebox_stats now = box_stats(box);

	return now.faults[PAGEBOX_FAULT_ZERO] +
	       now.faults[PAGEBOX_FAULT_SWAPIN];
}

static unsigned long minor_faults(int box)
{
	return box_stats(box).faults[PAGEBOX_FAULT_MINOR];
}

static void write_page(char *map, size_t page)
{
	*(volatile char *)page_at(map, page) = 1;
}

/* --- textbooks --- */

/* A policy's state of its frames. */
struct textbook {
	unsigned int frames;
	unsigned int used;
	unsigned int hand;
	unsigned long faults;
	unsigned long clock;
	struct {
		int page;
		bool referenced;
		unsigned long loaded;
		unsigned long used;
	} frame[MOST_FRAMES];
};

/* The frame whose @which comes first. */
static unsigned int oldest(const struct textbook *book, bool by_use)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < book->frames; i++) {
		unsigned long one = by_use ? book->frame[i].used :
					     book->frame[i].loaded;
		unsigned long other = by_use ? book->frame[best].used :
					       book->frame[best].loaded;

		if (one < other)
			best = i;
	}
	return best;
}

/* The victim of a policy. */
typedef unsigned int (*victim_fn)(struct textbook *book);

static unsigned int fifo_victim(struct textbook *book)
{
	return oldest(book, false);
}

static unsigned int lru_victim(struct textbook *book)
{
	return oldest(book, true);
}

static unsigned int clock_victim(struct textbook *book)
{
	unsigned int victim;

	while (book->frame[book->hand].referenced) {
		book->frame[book->hand].referenced = false;
		book->hand = (book->hand + 1) % book->frames;
	}
	victim = book->hand;
	book->hand = (book->hand + 1) % book->frames;
	return victim;
}

static void textbook_access(struct textbook *book, int page, victim_fn victim)
{
	unsigned int i = 0;

	book->clock++;
	while (i < book->used && book->frame[i].page != page)
		i++;
	if (i == book->used) {
		book->faults++;
		if (book->used < book->frames)
			book->used++;
		else
			i = victim(book);
		book->frame[i].page = page;
		book->frame[i].loaded = book->clock;
	}
	book->frame[i].referenced = true;
	book->frame[i].used = book->clock;
}

/* --- textbook reference strings --- */

static const char *const strings[] = {
	"123412512345",
	"70120304230321201701",
	"012301401234",
	"232152453252",
};

FIXTURE(textbook)
{
	unsigned long sum;
};

FIXTURE_VARIANT(textbook)
{
	const char *policy;
	enum pagebox_references references;
	victim_fn victim;
	unsigned long sum;
};

FIXTURE_VARIANT_ADD(textbook, clock){ .policy = "clock",
				      .victim = clock_victim,
				      .sum = 75 };

FIXTURE_VARIANT_ADD(textbook, clock_every){
	.policy = "clock",
	.references = PAGEBOX_REFERENCES_EVERY,
	.victim = clock_victim,
	.sum = 75,
};

FIXTURE_VARIANT_ADD(textbook,
		    fifo){ .policy = "fifo", .victim = fifo_victim, .sum = 78 };

FIXTURE_VARIANT_ADD(textbook, lru_every){
	.policy = "lru",
	.references = PAGEBOX_REFERENCES_EVERY,
	.victim = lru_victim,
	.sum = 69,
};

NO_SETUP(textbook);

NO_TEARDOWN(textbook);

static unsigned long faults_in_box(const char *policy,
				   enum pagebox_references references,
				   unsigned int frames, const char *string)
{
	int box = box_with_policy(policy, frames, references);
	char *map = box_map(box, 10, MAP_SHARED);
	unsigned long faults;

	for (; *string; string++)
		write_page(map, *string - '0');
	faults = loads(box);
	unmap(map, 10);
	close(box);
	return faults;
}

static unsigned long faults_in_book(victim_fn victim, unsigned int frames,
				    const char *string)
{
	struct textbook book = { .frames = frames };

	for (; *string; string++)
		textbook_access(&book, *string - '0', victim);
	return book.faults;
}

/* Each string, with three and with four frames. */
TEST_F(textbook, strings)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(strings); i++) {
		const char *string = strings[i / 2];
		unsigned int frames = 3 + i % 2;
		unsigned long want, seen;

		want = faults_in_book(variant->victim, frames, string);
		seen = faults_in_box(variant->policy, variant->references,
				     frames, string);
		EXPECT_EQ(want, seen)
		TH_LOG("%s, %u frames", string, frames);
		self->sum += seen;
	}
	EXPECT_EQ(variant->sum, self->sum);
}

/* Random accesses to twice as many pages as there are frames. */
TEST_F(textbook, random)
{
	struct textbook book = { .frames = 12 };
	int box = box_with_policy(variant->policy, book.frames,
				  variant->references);
	char *map = box_map(box, 2 * book.frames, MAP_PRIVATE);
	uint64_t seed = seed_given();

	for (int i = 0; i < 400; i++) {
		/* Two of three go to half of the pages. */
		int page = rnd(&seed) % (rnd(&seed) % 3 ? 12 : 24);

		write_page(map, page);
		textbook_access(&book, page, variant->victim);
		ASSERT_EQ(book.faults, loads(box)) TH_LOG("access %d", i);
	}
	EXPECT_LT(80, book.faults);
	close(box);
}

/* More frames, more faults: fifo has Belady's anomaly, exact LRU never. */
TEST(belady)
{
	static const char string[] = "123412512345";

	EXPECT_EQ(9, faults_in_box("fifo", PAGEBOX_REFERENCES_AUTO, 3, string));
	EXPECT_EQ(10,
		  faults_in_box("fifo", PAGEBOX_REFERENCES_AUTO, 4, string));
	EXPECT_EQ(10,
		  faults_in_box("lru", PAGEBOX_REFERENCES_EVERY, 3, string));
	EXPECT_EQ(8, faults_in_box("lru", PAGEBOX_REFERENCES_EVERY, 4, string));
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		unsigned long before = ~0UL;

		for (unsigned int frames = 2; frames < 8; frames++) {
			unsigned long faults =
				faults_in_box("lru", PAGEBOX_REFERENCES_EVERY,
					      frames, strings[i]);

			EXPECT_GE(before, faults);
			before = faults;
		}
	}
}

/* --- a working set that fits --- */

#define HOT 24
#define COLD 100
#define ROUNDS 600

/*
 * Faults in 100 rounds of a program with 32 frames that uses 24 pages and one
 * of a hundred others per round. Only the latter should fault.
 */
static unsigned long hot_faults(const char *policy,
				enum pagebox_references references)
{
	int box = box_with_policy(policy, MOST_FRAMES, references);
	char *map = box_map(box, HOT + COLD, MAP_SHARED);
	unsigned long before, after;

	for (int i = 0; i < HOT; i++)
		write_page(map, i);
	before = loads(box);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < HOT; i++)
			write_page(map, i);
		write_page(map, HOT + round % COLD);
	}
	after = loads(box);
	unmap(map, HOT + COLD);
	close(box);
	return (after - before) * 100 / ROUNDS;
}

TEST(working_set)
{
	EXPECT_GE(110, hot_faults("clock", PAGEBOX_REFERENCES_AUTO));
	EXPECT_GE(110, hot_faults("lru", PAGEBOX_REFERENCES_AUTO));
	EXPECT_EQ(100, hot_faults("lru", PAGEBOX_REFERENCES_EVERY));
	EXPECT_LE(300, hot_faults("fifo", PAGEBOX_REFERENCES_AUTO));
}

/* --- levels --- */

/* The largest number of frames with exact references by default. */
#define MOST_EXACT 8192

/* A small box is exact, a large one is not, unless configured. */
TEST(levels)
{
	int box = box_open();
	unsigned int id = box_info(box).id;

	EXPECT_EQ(PAGEBOX_REFERENCES_EXACT, box_info(box).references);
	EXPECT_EQ(1, debugfs_number(id, "summary", "references_auto"));
	box_set_frames(box, MOST_EXACT);
	EXPECT_EQ(PAGEBOX_REFERENCES_EXACT, box_info(box).references);
	box_set_frames(box, MOST_EXACT + 1);
	EXPECT_EQ(PAGEBOX_REFERENCES_HARDWARE, box_info(box).references);
	EXPECT_FALSE(box_info(box).flags & PAGEBOX_INFO_REFERENCES);
	for (uint32_t level = PAGEBOX_REFERENCES_HARDWARE;
	     level <= PAGEBOX_REFERENCES_EVERY; level++) {
		box_configure(box, (struct pagebox_config){
					   .set = PAGEBOX_SET_REFERENCES,
					   .references = level });
		EXPECT_EQ(level, box_info(box).references);
		EXPECT_TRUE(box_info(box).flags & PAGEBOX_INFO_REFERENCES);
	}
	EXPECT_EQ(0, debugfs_number(id, "summary", "references_auto"));
	EXPECT_EQ(EINVAL,
		  configure_error(box, (struct pagebox_config){
					       .set = PAGEBOX_SET_REFERENCES,
					       .references = 4 }));
	EXPECT_EQ(PAGEBOX_REFERENCES_EVERY, box_info(box).references);
}

/*
 * Four frames and five pages. The clock skips all four and evicts the first;
 * the other three have lost their PTEs, or not.
 */
static unsigned long minor_after_sweep(enum pagebox_references references)
{
	int box = box_with_policy("clock", 4, references);
	char *map = box_map(box, 5, MAP_SHARED);
	unsigned long before;

	for (int i = 0; i < 5; i++)
		write_page(map, i);
	before = minor_faults(box);
	for (int i = 1; i < 4; i++)
		write_page(map, i);
	return minor_faults(box) - before;
}

TEST(spared_pages)
{
	EXPECT_EQ(0, minor_after_sweep(PAGEBOX_REFERENCES_HARDWARE));
	EXPECT_EQ(3, minor_after_sweep(PAGEBOX_REFERENCES_EXACT));
	EXPECT_EQ(3, minor_after_sweep(PAGEBOX_REFERENCES_AUTO));
}

/* --- every change of page --- */

FIXTURE(every)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(every)
{
	int flags;
};

FIXTURE_VARIANT_ADD(every, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(every, private){ .flags = MAP_PRIVATE };

FIXTURE_SETUP(every)
{
	self->box = box_with_policy("clock", 16, PAGEBOX_REFERENCES_EVERY);
	self->map = box_map(self->box, 8, variant->flags);
	pages_fill(self->map, 8, TAG);
}

FIXTURE_TEARDOWN(every)
{
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	close(self->box);
}

/* A fault for each change of page, none for staying. */
TEST_F(every, changes)
{
	struct pagebox_stats before;

	write_page(self->map, 0);
	before = box_stats(self->box);
	for (int i = 0; i < 10; i++) {
		write_page(self->map, 1);
		write_page(self->map, 1);
		write_page(self->map, 0);
	}
	EXPECT_FAULTS(self->box, before, .minor = 20);
}

/* The previous pages stay mapped for other processes, without a fault. */
static int read_all(void *context, int command)
{
	FIXTURE_DATA(every) *self = context;

	return pages_hold(page_at(self->map, command), 1, TAG + command);
}

TEST_F(every, other_process)
{
	struct child child = child_fork(read_all, self);
	struct pagebox_stats before;

	EXPECT_TRUE(child_ask(&child, 5));
	before = box_stats(self->box);
	write_page(self->map, 0);
	write_page(self->map, 1);
	EXPECT_TRUE(child_ask(&child, 5));
	EXPECT_EQ(before.faults[PAGEBOX_FAULT_MINOR] +
			  (variant->flags == MAP_SHARED ? 2 : 0),
		  minor_faults(self->box));
	child_end(&child);
	pages_fill(self->map, 2, TAG);
}

/* A word across two pages: both are needed at once. */
struct word {
	uint64_t value;
} __attribute__((packed));

TEST_F_TIMEOUT(every, one_instruction, 60)
{
	volatile struct word *word =
		(volatile struct word *)(page_at(self->map, 1) - 4);

	for (uint64_t i = 0; i < 20; i++) {
		word->value = i;
		EXPECT_EQ(i, word->value);
		write_page(self->map, 5);
	}
}

/* A system call with a buffer of many pages. */
TEST_F(every, system_call)
{
	int file = store_file(8 * page_size, TAG);

	ASSERT_EQ(8 * page_size, pread(file, self->map, 8 * page_size, 0));
	EXPECT_TRUE(pages_hold(self->map, 8, TAG));
	ASSERT_EQ(8 * page_size, pwrite(file, self->map, 8 * page_size, 0));
	EXPECT_TRUE(file_holds(file, 8, TAG));
	close(file);
}

/* Pages under mlock() do not fault. */
TEST_F(every, locked)
{
	struct pagebox_stats before;

	ASSERT_EQ(0, mlock(self->map, 4 * page_size));
	for (int i = 0; i < 4; i++)
		write_page(self->map, i);
	before = box_stats(self->box);
	for (int i = 0; i < 12; i++)
		write_page(self->map, i % 4);
	EXPECT_FAULTS(self->box, before, 0);
	ASSERT_EQ(0, munlock(self->map, 4 * page_size));
}

/* Short-lived threads, each with its own trail, lose no write. */
static void *use_pages(void *context)
{
	FIXTURE_DATA(every) *self = context;
	char *map = box_map(self->box, 6, MAP_PRIVATE);
	bool right;

	for (int i = 0; i < 3; i++)
		pages_fill(map, 6, TAG + i);
	right = pages_hold(map, 6, TAG + 2);
	unmap(map, 6);
	return right ? map : NULL;
}

TEST_F(every, threads)
{
	pthread_t thread[4];
	void *result;

	for (unsigned int round = 0; round < reduced(64); round++) {
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(0, pthread_create(&thread[i], NULL, use_pages,
						    self));
		for (int i = 0; i < 4; i++) {
			ASSERT_EQ(0, pthread_join(thread[i], &result));
			EXPECT_NE(NULL, result);
		}
	}
	EXPECT_TRUE(pages_hold(self->map, 8, TAG));
}

TEST_HARNESS_MAIN
