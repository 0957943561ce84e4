// SPDX-License-Identifier: GPL-2.0
/*
 * Replacement policies and swappiness: the choice of victims, and intact
 * contents under every policy, also while it changes.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/repeater.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 32
#define TAG 100
#define POLICIES "/sys/kernel/debug/pagebox/policies"

static const char *const policies[] = { "clock", "fifo", "random", "lru" };

static int policy_error(int box, const char *policy)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_POLICY };

	snprintf(config.policy, sizeof(config.policy), "%s", policy);
	return configure_error(box, config);
}

static void set_policy(int box, const char *policy)
{
	if (policy_error(box, policy))
		die("policy %s", policy);
}

static void set_swappiness(int box, unsigned int swappiness)
{
	box_configure(box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_SWAPPINESS,
					       .swappiness = swappiness });
}

static void access_page(char *page, bool write)
{
	if (write)
		*(volatile char *)page = 1;
	else
		(void)*(volatile char *)page;
}

/* Whether the file lists this policy. */
static bool is_listed(const char *policy)
{
	char text[1024], want[32];
	int file = open(POLICIES, O_RDONLY | O_CLOEXEC);
	ssize_t got = file < 0 ? -1 : read(file, text + 1, sizeof(text) - 2);

	if (got < 0)
		die("cannot read " POLICIES);
	close(file);
	text[0] = '\n';
	text[got + 1] = '\0';
	snprintf(want, sizeof(want), "\n%s\n", policy);
	return strstr(text, want);
}

/* All policies are listed, and no others can be set. */
TEST(names)
{
	int box = box_new(FRAMES, 0);

	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		EXPECT_TRUE(is_listed(policies[i]));
		EXPECT_EQ(0, policy_error(box, policies[i]));
		EXPECT_STREQ(policies[i], box_info(box).policy);
	}
	EXPECT_FALSE(is_listed("nosuchpolicy"));
	EXPECT_EQ(ENOENT, policy_error(box, "nosuchpolicy"));
	EXPECT_STREQ("lru", box_info(box).policy);
}

/* A box under load while its policy changes repeatedly. */
FIXTURE(load)
{
	int box;
	struct repeater writer[2];
};

FIXTURE_VARIANT(load)
{
	unsigned int frames;
};

FIXTURE_VARIANT_ADD(load, few_frames){ .frames = FRAMES };
FIXTURE_VARIANT_ADD(load, most_frames){ .frames = 2 * PAGES - 4 };

FIXTURE_SETUP(load)
{
	self->box = box_new(variant->frames, 0);
	repeater_start(&self->writer[0], write_and_check, self->box,
		       box_map(self->box, PAGES, MAP_SHARED), PAGES);
	repeater_start(&self->writer[1], write_and_check, self->box,
		       box_map_from(self->box, PAGES, PAGES, MAP_PRIVATE),
		       PAGES);
}

FIXTURE_TEARDOWN(load)
{
	for (int i = 0; i < 2; i++)
		EXPECT_TRUE(repeater_end(&self->writer[i]));
	EXPECT_EQ(2 * PAGES, box_stats(self->box).pages);
	EXPECT_GE(variant->frames, box_stats(self->box).frames_used);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	close(self->box);
}

TEST_F(load, policy_changes)
{
	uint64_t evictions = 0;

	for (int round = 0; round < (int)reduced(3 * ARRAY_SIZE(policies));
	     round++) {
		struct pagebox_stats now;

		set_policy(self->box, policies[round % ARRAY_SIZE(policies)]);
		/*
		 * The pass that ends first may have begun earlier: one whole
		 * pass each.
		 */
		for (int i = 0; i < 2; i++)
			EXPECT_TRUE(repeater_goes_on(&self->writer[i], 2));
		now = box_stats(self->box);
		EXPECT_LT(evictions, now.evict_clean + now.evict_dirty);
		evictions = now.evict_clean + now.evict_dirty;
	}
}

TEST_F(load, swappiness_changes)
{
	static const unsigned int swappiness[] = { 0, 200, 100, 50, 150 };

	for (size_t round = 0; round < reduced(10); round++) {
		set_swappiness(self->box, swappiness[round % 5]);
		set_policy(self->box, policies[round % ARRAY_SIZE(policies)]);
		for (int i = 0; i < 2; i++)
			EXPECT_TRUE(repeater_goes_on(&self->writer[i], 1));
	}
}

/* Every policy keeps all contents, with batched frames, too. */
TEST(contents)
{
	const size_t pages = small_size() ? 50 : 500;
	const size_t frames = small_size() ? 16 : 192;

	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		int box = box_new(frames, 0);
		char *map = box_map(box, pages, MAP_PRIVATE);

		set_policy(box, policies[i]);
		EXPECT_EQ(small_size() ? 1 : 3, box_info(box).batch);
		pages_fill(map, pages, TAG);
		EXPECT_TRUE(pages_hold(map, pages, TAG));
		EXPECT_EQ(pages, box_stats(box).pages);
		EXPECT_LE(pages - frames, box_stats(box).swap_reads);
		unmap(map, pages);
		EXPECT_EQ(0, box_stats(box).pages);
		close(box);
	}
}

/* --- fifo --- */

/* The pages of the frames, in order of frame number. */
static void table_text(int box, char *text)
{
	struct frame_row *rows;
	size_t count = frame_rows(box_info(box).id, &rows);

	*text = '\0';
	for (size_t i = 0; i < count; i++)
		text += sprintf(text, "%ld ", rows[i].page);
	free(rows);
}

/* A queue of frames: the oldest is reloaded next. */
struct fifo {
	long page[FRAMES];
	unsigned int next;
	unsigned int evictions;
};

static void fifo_access(struct fifo *fifo, long page)
{
	for (int i = 0; i < FRAMES; i++)
		if (fifo->page[i] == page)
			return;
	fifo->evictions += fifo->page[fifo->next] >= 0;
	fifo->page[fifo->next] = page;
	fifo->next = (fifo->next + 1) % FRAMES;
}

static void fifo_text(const struct fifo *fifo, char *text)
{
	for (int i = 0; i < FRAMES; i++)
		text += sprintf(text, "%ld ", fifo->page[i]);
}

/* Victims are taken in load order, whether used or not. */
TEST(fifo_order)
{
	struct fifo fifo = { .page = { -1, -1, -1, -1, -1, -1, -1, -1 } };
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);
	char want[FRAMES * 8], seen[FRAMES * 8];
	uint64_t seed = 1;

	set_policy(box, "fifo");
	EXPECT_EQ(1, box_info(box).batch);
	for (int turn = 0; turn < 150; turn++) {
		/* A scan first, then random pages: nearly half of them hits. */
		long page = turn < PAGES ? turn : rnd(&seed) % (2 * FRAMES);

		access_page(page_at(map, page), rnd(&seed) % 2);
		fifo_access(&fifo, page);
		fifo_text(&fifo, want);
		table_text(box, seen);
		ASSERT_STREQ(want, seen)
		TH_LOG("turn %d, page %ld", turn, page);
	}
	EXPECT_LT(50, fifo.evictions);
	EXPECT_EQ(fifo.evictions,
		  box_stats(box).evict_clean + box_stats(box).evict_dirty);
	EXPECT_EQ(0, box_stats(box).second_chances);
}

/* The number of times a page used between any two others was read again. */
static unsigned int hot_page_reads(const char *policy)
{
	int box = box_new_store(FRAMES, store_file(PAGES * page_size, TAG));
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_stats before, after;

	set_policy(box, policy);
	access_page(map, false);
	before = box_stats(box);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 1; i < PAGES; i++) {
			access_page(page_at(map, i), false);
			access_page(map, false);
		}
	}
	after = box_stats(box);
	close(box);
	return after.faults[PAGEBOX_FAULT_FILE] -
	       before.faults[PAGEBOX_FAULT_FILE] - 2 * (PAGES - 1);
}

/*
 * lru and the clock keep a hot page, except at the first eviction, when all
 * pages look alike; fifo ignores use.
 */
TEST(hot_page)
{
	EXPECT_GE(1, hot_page_reads("lru"));
	EXPECT_GE(1, hot_page_reads("clock"));
	EXPECT_LE(2 * PAGES / FRAMES - 1, hot_page_reads("fifo"));
}

/* --- the clock --- */

static void same_accesses(char *map)
{
	uint64_t seed = 7;

	for (int i = 0; i < 200; i++) {
		size_t page = rnd(&seed) % (2 * FRAMES);

		access_page(page_at(map, page), rnd(&seed) % 2);
	}
}

/* After a change from other policies, the clock behaves as in a new box. */
TEST(clock_is_the_default)
{
	int plain = box_new(FRAMES, 0), other = box_new(FRAMES, 0);
	struct pagebox_stats want, seen;

	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		set_policy(other, policies[i]);
	set_policy(other, "clock");
	same_accesses(box_map(plain, PAGES, MAP_SHARED));
	same_accesses(box_map(other, PAGES, MAP_SHARED));
	want = box_stats(plain);
	seen = box_stats(other);
	EXPECT_LT(0, want.second_chances);
	EXPECT_TRUE(is_same(&want, &seen, sizeof(want)));
}

/* --- random --- */

/* Victims are spread over the table, in no order. */
TEST(random_victims)
{
	int box = box_new(FRAMES, 0);
	unsigned int id = box_info(box).id;
	char *map = box_map(box, 10 * PAGES, MAP_SHARED);
	unsigned int taken = 0, in_order = 0, turns = 0;
	long last = -1;

	set_policy(box, "random");
	for (size_t i = 0; i < 8 * FRAMES; i++) {
		long frame;

		access_page(page_at(map, i), false);
		frame = frame_of(id, "root", i);
		ASSERT_LE(0, frame);
		if (i < FRAMES)
			continue;
		taken |= 1U << frame;
		in_order += frame == (last + 1) % FRAMES;
		last = frame;
		turns++;
	}
	EXPECT_LE(4, __builtin_popcount(taken));
	EXPECT_GT(turns / 2, in_order);
}

/* --- swappiness --- */

/*
 * A full box: the first half of the frames dirty, the other half clean pages of
 * a read-only store.
 */
FIXTURE(swappiness)
{
	int box;
	char *map;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(swappiness)
{
	const char *policy;
};

FIXTURE_VARIANT_ADD(swappiness, clock){ .policy = "clock" };
FIXTURE_VARIANT_ADD(swappiness, fifo){ .policy = "fifo" };
FIXTURE_VARIANT_ADD(swappiness, lru){ .policy = "lru" };
FIXTURE_VARIANT_ADD(swappiness, random){ .policy = "random" };

#define DIRTY (FRAMES / 2)

FIXTURE_SETUP(swappiness)
{
	char path[64];
	int reader;

	snprintf(path, sizeof(path), "/proc/self/fd/%d",
		 store_file(PAGES * page_size, TAG));
	reader = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, reader);
	self->box = box_new_store(FRAMES, reader);
	set_policy(self->box, variant->policy);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	pages_fill(self->map, DIRTY, 500);
	pages_touch(page_at(self->map, DIRTY), FRAMES - DIRTY);
	self->before = box_stats(self->box);
	ASSERT_EQ(FRAMES, self->before.frames_used);
}

FIXTURE_TEARDOWN(swappiness)
{
	EXPECT_TRUE(pages_hold(self->map, DIRTY, 500));
	EXPECT_TRUE(pages_hold(page_at(self->map, DIRTY), PAGES - DIRTY,
			       TAG + DIRTY));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	close(self->box);
}

/* 0: no dirty page is evicted while there is a clean one. */
TEST_F(swappiness, none)
{
	set_swappiness(self->box, 0);
	pages_touch(page_at(self->map, FRAMES), PAGES - FRAMES);
	EXPECT_EQ(PAGES - FRAMES, box_stats(self->box).evict_clean);
	EXPECT_EQ(0, box_stats(self->box).evict_dirty);
	EXPECT_EQ(0, box_stats(self->box).swap_writes);
	pages_fill(self->map, DIRTY, 500);
	/*
	 * The dirty ones were skipped, and lost their PTEs with the accessed
	 * bit.
	 */
	EXPECT_FAULTS(self->box, self->before, .file = PAGES - FRAMES,
		      .minor = DIRTY);

	/* With nothing but dirty pages, these are evicted. */
	box_set_frames(self->box, DIRTY - 1);
	EXPECT_LT(0, box_stats(self->box).evict_dirty);
}

/* 200: no clean page is evicted while there is a dirty one. */
TEST_F(swappiness, full)
{
	set_swappiness(self->box, 200);
	pages_touch(page_at(self->map, FRAMES), DIRTY);
	EXPECT_EQ(DIRTY, box_stats(self->box).evict_dirty);
	EXPECT_EQ(0, box_stats(self->box).evict_clean);
	EXPECT_EQ(DIRTY, box_stats(self->box).swap_used);
	pages_touch(page_at(self->map, FRAMES + DIRTY), 4);
	EXPECT_EQ(DIRTY, box_stats(self->box).evict_dirty);
	EXPECT_EQ(4, box_stats(self->box).evict_clean);
}

/* 100: the policy alone decides; these two take the frames in order. */
TEST_F(swappiness, even)
{
	bool in_order = !strcmp(variant->policy, "clock") ||
			!strcmp(variant->policy, "fifo");
	struct pagebox_stats now;

	set_swappiness(self->box, 100);
	pages_touch(page_at(self->map, FRAMES), FRAMES);
	now = box_stats(self->box);
	EXPECT_EQ(FRAMES, now.evict_clean + now.evict_dirty);
	if (in_order) {
		EXPECT_EQ(DIRTY, now.evict_dirty);
		EXPECT_EQ(FRAMES - DIRTY, now.evict_clean);
	}
}

/* --- an instruction that needs two pages --- */

/*
 * A box in which the page loaded last is the preferred victim of policy or
 * swappiness. Another page must be evicted, or the instruction never completes.
 */
FIXTURE(two_pages)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(two_pages)
{
	const char *policy;
	unsigned int swappiness;
	bool write;
};

FIXTURE_VARIANT_ADD(two_pages, clock_0){ .policy = "clock" };

FIXTURE_VARIANT_ADD(two_pages, clock_200){ .policy = "clock",
					   .swappiness = 200,
					   .write = true };

FIXTURE_VARIANT_ADD(two_pages, fifo_0){ .policy = "fifo" };

FIXTURE_VARIANT_ADD(two_pages, fifo_200){ .policy = "fifo",
					  .swappiness = 200,
					  .write = true };

FIXTURE_VARIANT_ADD(two_pages, lru_0){ .policy = "lru" };

FIXTURE_VARIANT_ADD(two_pages, lru_200){ .policy = "lru",
					 .swappiness = 200,
					 .write = true };

FIXTURE_VARIANT_ADD(two_pages, random_0){ .policy = "random" };

FIXTURE_VARIANT_ADD(two_pages, random_200){ .policy = "random",
					    .swappiness = 200,
					    .write = true };

FIXTURE_VARIANT_ADD(two_pages, mru){ .policy = "mru", .swappiness = 100 };

FIXTURE_VARIANT_ADD(two_pages, mru_write){ .policy = "mru",
					   .swappiness = 100,
					   .write = true };

FIXTURE_SETUP(two_pages)
{
	if (!strcmp(variant->policy, "mru"))
		module_load("pagebox_mru.ko", "");
	self->box = box_new(FRAMES, 0);
	set_policy(self->box, variant->policy);
	set_swappiness(self->box, variant->swappiness);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	if (variant->write)
		pages_touch(self->map, FRAMES);
	else
		pages_fill(self->map, FRAMES - 1, TAG);
}

FIXTURE_TEARDOWN(two_pages)
{
	unmap(self->map, PAGES);
	close(self->box);
	EXPECT_TRUE(strcmp(variant->policy, "mru") ||
		    !module_unload("pagebox_mru"));
}

/* It spans two pages, and is read and written at once. */
struct word {
	uint64_t value;
} __attribute__((packed));

static uint64_t evictions(int box)
{
	struct pagebox_stats now = box_stats(box);

	return now.evict_clean + now.evict_dirty;
}

TEST_F(two_pages, one_instruction)
{
	char *end = page_at(self->map, PAGES - 1);
	volatile struct word *word = (volatile struct word *)(end - 4);
	uint64_t before = evictions(self->box);

	if (variant->write)
		word->value = TAG;
	EXPECT_EQ(variant->write ? TAG : 0, word->value);
	EXPECT_GE(before + 64, evictions(self->box));
	EXPECT_TRUE(variant->write || pages_hold(self->map, FRAMES - 1, TAG));
}

/* --- a policy in another module --- */

FIXTURE(mru)
{
	int box;
	char *map;
};

FIXTURE_SETUP(mru)
{
	module_load("pagebox_mru.ko", "");
	self->box = box_new(FRAMES, 0);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
}

FIXTURE_TEARDOWN(mru)
{
	unmap(self->map, PAGES);
	close(self->box);
	EXPECT_EQ(0, module_unload("pagebox_mru"));
	EXPECT_FALSE(is_listed("mru"));
}

/* It evicts the page loaded last, so the first pages of a scan stay. */
TEST_F(mru, victims)
{
	char want[FRAMES * 8], seen[FRAMES * 8];

	EXPECT_TRUE(is_listed("mru"));
	set_policy(self->box, "mru");
	EXPECT_STREQ("mru", box_info(self->box).policy);
	for (size_t i = 0; i < PAGES; i++)
		access_page(page_at(self->map, i), true);
	snprintf(want, sizeof(want), "0 1 2 3 4 5 6 %d ", PAGES - 1);
	table_text(self->box, seen);
	EXPECT_STREQ(want, seen);
	EXPECT_EQ(PAGES - FRAMES, box_stats(self->box).evict_dirty);
	pages_fill(self->map, PAGES, TAG);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
}

static bool refused(int error)
{
	return error == EBUSY || error == EWOULDBLOCK;
}

/* A policy in use cannot be unloaded, and it keeps pagebox loaded. */
TEST_F(mru, module)
{
	int other = box_new(FRAMES, 0);

	set_policy(self->box, "mru");
	set_policy(other, "mru");
	pages_fill(self->map, PAGES, TAG);
	EXPECT_TRUE(refused(module_unload("pagebox_mru")));
	EXPECT_TRUE(refused(module_unload("pagebox")));
	set_policy(self->box, "lru");
	EXPECT_TRUE(refused(module_unload("pagebox_mru")));
	close(other);
	EXPECT_EQ(0, module_unload("pagebox_mru"));
	EXPECT_FALSE(is_listed("mru"));
	EXPECT_EQ(ENOENT, policy_error(self->box, "mru"));
	EXPECT_STREQ("lru", box_info(self->box).policy);
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
	module_load("pagebox_mru.ko", "");
	EXPECT_TRUE(is_listed("mru"));
	EXPECT_EQ(0, policy_error(self->box, "mru"));
	EXPECT_TRUE(pages_hold(self->map, PAGES, TAG));
}

/*
 * A page that is loaded while the policy changes is added to the new one
 * exactly once, so its queue is consistent when the page is evicted.
 */
static int write_last(void *context, int command)
{
	(void)command;
	return signal_of_write(context);
}

static void *change_policy(void *box)
{
	set_policy(*(int *)box, "fifo");
	return box;
}

TEST(loaded_while_the_policy_changes)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct child child = child_fork(write_last, page_at(map, FRAMES));
	pthread_t thread;
	void *result;

	pages_fill(map, 2, TAG);
	failpoint_set("policy_lock stop times 1 pid %d", getpid());
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_policy, &box));
	ASSERT_TRUE(failpoint_waits("policy_lock", 1));
	EXPECT_EQ(0, child_ask(&child, 0));
	failpoint_go("policy_lock");
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(1, root_range(box, PAGEBOX_IOC_DISCARD, FRAMES, 1));
	pages_fill(map, PAGES, TAG);
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
	child_end(&child);
	close(box);
}

/* A policy refused with the rest of a configuration is released. */
TEST_F(mru, refused_configuration)
{
	EXPECT_EQ(EBUSY,
		  configure_error(self->box, (struct pagebox_config){
						     .set = PAGEBOX_SET_POLICY |
							    PAGEBOX_SET_BYTES,
						     .policy = "mru",
						     .bytes = page_size,
					     }));
	EXPECT_STREQ("clock", box_info(self->box).policy);
}

TEST_HARNESS_MAIN
