// SPDX-License-Identifier: GPL-2.0
/*
 * kill -9 at random moments of processes that do everything at once in a box:
 * read and write shared and private mappings, call read and write, fork, copy on
 * write, swap, msync, ioctls. Right afterwards every byte of the survivors is
 * what it has to be, and so is what the dead have left in the root view: all of
 * a page or, where they were writing it, as much of it as they got to. In the end
 * the store has it all and the box is empty.
 *
 *   PAGEBOX_FULL=1   1,000 kills instead of 50
 *   PAGEBOX_SEED=N   other moments
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/load.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 32
#define VICTIMS 2
#define MOST_ROUNDS 500

/* Who uses which pages of the box. */
#define LOAD_PAGES 16 /* twice that, from page 0 on */
#define AREA_PAGES 16 /* of the root view, for each victim */
#define AREA(who) (32 + (who)*AREA_PAGES)
#define PRIVATE_FIRST AREA(VICTIMS) /* of each victim's own view */
#define PRIVATE_PAGES 20
#define PARENT_FIRST (PRIVATE_FIRST + PRIVATE_PAGES)
#define PARENT_PAGES 12
#define PAGES (PARENT_FIRST + PARENT_PAGES)

#define STORE_TAG 1 /* page i of the store begins as this + i */
#define PARENT_TAG 100000

/*
 * What a victim has done, for those who look after it is dead. Written in this
 * order: what it is about to write, that it writes, the page, the tag, that it is
 * done.
 */
struct record {
	uint64_t tag[AREA_PAGES];
	size_t page;
	uint64_t next; /* tag of what is being written */
	bool by_call;
	bool writing;
	bool wrong;
	unsigned long operations; /* atomic */
};

struct victim {
	int box;
	unsigned int who;
	pid_t pid;
	struct record *record;
	char *area; /* its pages of the root view */
	uint64_t seed;

	/* Of the process alone. */
	char *private;
	uint64_t tag[PRIVATE_PAGES]; /* 0: as in the root view */
	char *buffer;
};

static void wrong(struct victim *victim, const char *what, size_t page)
{
	fprintf(stderr, "# victim %u: %s, page %zu\n", victim->who, what, page);
	victim->record->wrong = true;
}

/* --- what a victim does --- */

static void fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Word by word, in order, so that one can see how far it came. */
static void copy_words(char *to, const char *from)
{
	for (size_t i = 0; i < page_size / sizeof(uint64_t); i++)
		((volatile uint64_t *)to)[i] = ((const uint64_t *)from)[i];
}

static void write_area(struct victim *victim)
{
	struct record *record = victim->record;
	size_t page = rnd(&victim->seed) % AREA_PAGES;

	record->page = page;
	record->next = (uint64_t)rnd(&victim->seed) << 32 | rnd(&victim->seed);
	record->by_call = rnd(&victim->seed) % 2;
	page_fill(victim->buffer, record->next);
	fence();
	record->writing = true;
	fence();
	if (!record->by_call)
		copy_words(page_at(victim->area, page), victim->buffer);
	else if (pwrite(victim->box, victim->buffer, page_size,
			(AREA(victim->who) + page) * page_size) !=
		 (ssize_t)page_size)
		die("pwrite");
	fence();
	record->tag[page] = record->next;
	fence();
	record->writing = false;
}

static void check_area(struct victim *victim)
{
	size_t page = rnd(&victim->seed) % AREA_PAGES;
	const char *at = page_at(victim->area, page);

	if (rnd(&victim->seed) % 2) {
		if (pread(victim->box, victim->buffer, page_size,
			  (AREA(victim->who) + page) * page_size) !=
		    (ssize_t)page_size)
			die("pread");
		at = victim->buffer;
	}
	if (!page_holds(at, victim->record->tag[page]))
		wrong(victim, "shared", page);
}

static void check_private(struct victim *victim, size_t page)
{
	uint64_t tag = victim->tag[page] ?: STORE_TAG + PRIVATE_FIRST + page;

	if (!page_holds(page_at(victim->private, page), tag))
		wrong(victim, "private", page);
}

static void use_private(struct victim *victim)
{
	size_t page = rnd(&victim->seed) % PRIVATE_PAGES;

	check_private(victim, page);
	page = rnd(&victim->seed) % PRIVATE_PAGES;
	victim->tag[page] = 1 + rnd(&victim->seed);
	page_fill(page_at(victim->private, page), victim->tag[page]);
}

/* A child that has its own ideas of the private pages; it may outlive this. */
static void bear(struct victim *victim)
{
	pid_t pid = fork_tied();

	if (!pid) {
		for (int i = 0; i < 8; i++)
			use_private(victim);
		_exit(0);
	}
	if (rnd(&victim->seed) % 2)
		child_status(pid);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void sync_area(struct victim *victim)
{
	size_t page = rnd(&victim->seed) % AREA_PAGES;

	if (msync(page_at(victim->area, page), (AREA_PAGES - page) * page_size,
		  MS_SYNC))
		die("msync");
}

/* Of the area or of the private pages; what it could not do does not matter. */
static void move_pages(struct victim *victim)
{
	size_t page = rnd(&victim->seed) % AREA_PAGES;
	size_t pages = AREA_PAGES - page;

	switch (rnd(&victim->seed) % 6) {
	case 0:
		map_range(victim->box, PAGEBOX_IOC_PAGE_OUT,
			  page_at(victim->area, page), pages);
		break;
	case 1:
		map_range(victim->box, PAGEBOX_IOC_PREFETCH,
			  page_at(victim->area, page), pages);
		break;
	case 2:
		map_range(victim->box, PAGEBOX_IOC_PAGE_OUT,
			  page_at(victim->private, page), pages);
		break;
	case 3:
		map_range(victim->box, PAGEBOX_IOC_PREFETCH,
			  page_at(victim->private, page), pages);
		break;
	case 4:
		if (map_range(victim->box, PAGEBOX_IOC_DISCARD,
			      page_at(victim->private, page), 1) < 0)
			die("PAGEBOX_IOC_DISCARD");
		victim->tag[page] = 0;
		break;
	case 5:
		drop_ptes(victim->private, PRIVATE_PAGES);
		break;
	}
}

static void map_anew(struct victim *victim)
{
	if (victim->private)
		unmap(victim->private, PRIVATE_PAGES);
	victim->private = box_map_from(victim->box, PRIVATE_FIRST,
				       PRIVATE_PAGES, MAP_PRIVATE);
	memset(victim->tag, 0, sizeof(victim->tag));
}

static void join_and_leave(struct victim *victim)
{
	int joined = box_join(victim->box, box_info(victim->box).id);

	if (joined < 0)
		die("PAGEBOX_IOC_JOIN");
	box_stats(joined);
	close(joined);
}

static void operate(struct victim *victim)
{
	unsigned int what = rnd(&victim->seed) % 64;

	if (what < 20)
		write_area(victim);
	else if (what < 30)
		check_area(victim);
	else if (what < 48)
		use_private(victim);
	else if (what < 52)
		bear(victim);
	else if (what < 56)
		sync_area(victim);
	else if (what < 62)
		move_pages(victim);
	else if (what < 63)
		map_anew(victim);
	else
		join_and_leave(victim);
}

static void __attribute__((noreturn)) live(struct victim *victim)
{
	setpgid(0, 0);
	victim->buffer = aligned_alloc(page_size, page_size);
	if (!victim->buffer)
		die("no memory");
	map_anew(victim);
	while (!victim->record->wrong) {
		operate(victim);
		__atomic_fetch_add(&victim->record->operations, 1,
				   __ATOMIC_RELAXED);
	}
	_exit(1);
}

/* --- what its parent does --- */

static void victim_start(struct victim *victim)
{
	victim->record->operations = 0;
	victim->seed = victim->seed * 3 + victim->who + 1;
	victim->pid = fork_tied();
	if (!victim->pid)
		live(victim);
	setpgid(victim->pid, victim->pid);
}

struct moment {
	struct victim *victim;
	unsigned long operations;
};

static bool has_come(void *context)
{
	struct moment *moment = context;
	struct record *record = moment->victim->record;

	return has_ended(&moment->victim->pid) ||
	       __atomic_load_n(&record->operations, __ATOMIC_RELAXED) >=
		       moment->operations;
}

/*
 * After some operations, and then within about one of them. It does not end by
 * itself unless something is wrong.
 */
static bool wait_for_moment(struct victim *victim, uint64_t *seed)
{
	struct moment moment = { victim, rnd(seed) % 64 };
	struct timespec within = { .tv_nsec = rnd(seed) % 2000000 };

	if (!eventually(has_come, &moment) || has_ended(&victim->pid))
		return false;
	nanosleep(&within, NULL);
	return true;
}

/* Reaps what has ended of a process group: is it all? */
static bool all_dead(void *context)
{
	pid_t group = *(pid_t *)context, pid;

	do {
		pid = waitpid(-group, NULL, WNOHANG);
	} while (pid > 0);
	return pid < 0 && errno == ECHILD;
}

/* With its children, or alone: then they get the signal for its death. */
static bool kill_victim(struct victim *victim, uint64_t *seed)
{
	if (kill(rnd(seed) % 2 ? victim->pid : -victim->pid, SIGKILL))
		die("kill");
	return eventually(all_dead, &victim->pid);
}

/* How many words from the beginning on are of the pattern. */
static size_t words_of(const char *page, uint64_t tag)
{
	uint64_t pattern[page_size / sizeof(uint64_t)];
	size_t i = 0;

	page_fill(pattern, tag);
	while (i < page_size / sizeof(uint64_t) &&
	       ((const uint64_t *)page)[i] == pattern[i])
		i++;
	return i;
}

/* New up to some word, and old from there on? */
static bool partly_written(const char *page, uint64_t new, uint64_t old)
{
	size_t words = words_of(page, new);
	uint64_t want[page_size / sizeof(uint64_t)];
	uint64_t first[page_size / sizeof(uint64_t)];

	page_fill(want, old);
	page_fill(first, new);
	memcpy(want, first, words * sizeof(uint64_t));
	return !memcmp(page, want, page_size);
}

/* The page that it was writing, which then gets written for it. */
static bool finish_writing(struct victim *victim)
{
	struct record *record = victim->record;
	char *at = page_at(victim->area, record->page);
	uint64_t old = record->tag[record->page];
	size_t words = page_size / sizeof(uint64_t);
	bool right = partly_written(at, record->next, old);

	/* A call writes a page as a whole. */
	if (record->by_call)
		right = words_of(at, record->next) == words ||
			words_of(at, old) == words;
	page_fill(at, record->next);
	record->tag[record->page] = record->next;
	record->writing = false;
	return right;
}

static bool area_is_right(struct victim *victim)
{
	struct record *record = victim->record;

	if (record->writing && !finish_writing(victim)) {
		fprintf(stderr,
			"# victim %u: page %zu is neither old nor new\n",
			victim->who, record->page);
		return false;
	}
	for (size_t page = 0; page < AREA_PAGES; page++)
		if (!page_holds(page_at(victim->area, page), record->tag[page]))
			return false;
	return !record->wrong;
}

/* The store begins as zeroes where the load works, and else as a pattern. */
static int store_new(void)
{
	int store = store_file(PAGES * page_size, STORE_TAG);
	char zeroes[page_size];

	memset(zeroes, 0, page_size);
	for (size_t i = 0; i < 2 * LOAD_PAGES; i++)
		if (pwrite(store, zeroes, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot write to the store");
	return store;
}

FIXTURE(killstorm)
{
	int store;
	int box;
	char *map;
	char *private;
	struct victim victim[VICTIMS];
	struct load load;
	uint64_t seed;
	unsigned int rounds;
	unsigned int kills;
	unsigned int writing;
};

static void victim_init(struct victim *victim, int box, unsigned int who)
{
	victim->box = box;
	victim->who = who;
	victim->record = mmap(NULL, sizeof(*victim->record),
			      PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (victim->record == MAP_FAILED)
		die("mmap");
	victim->area = box_map_from(box, AREA(who), AREA_PAGES, MAP_SHARED);
	for (size_t i = 0; i < AREA_PAGES; i++)
		victim->record->tag[i] = STORE_TAG + AREA(who) + i;
}

FIXTURE_SETUP(killstorm)
{
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	self->seed = seed_given();
	self->rounds = sized(50, 1000) / VICTIMS ?: 1;
	self->store = store_new();
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
		       PAGEBOX_SET_STORE_DELAY | PAGEBOX_SET_SWAP_DELAY |
		       PAGEBOX_SET_DIRTY | PAGEBOX_SET_READAHEAD |
		       PAGEBOX_SET_OOM,
		.frames = FRAMES,
		.store_fd = self->store,
		.store_read_us = 50,
		.store_write_us = 100,
		.swap_read_us = 50,
		.swap_write_us = 50,
		.dirty_age_ms = 20,
		.dirty_ratio = 50,
		.readahead = 4,
		.oom = PAGEBOX_OOM_WAIT,
		.oom_wait_ms = 60000,
	});
	/* First, so that it does not inherit the mappings that follow. */
	load_start(&self->load, self->box, LOAD_PAGES);
	self->private = box_map_from(self->box, PARENT_FIRST, PARENT_PAGES,
				     MAP_PRIVATE);
	pages_fill(self->private, PARENT_PAGES, PARENT_TAG);
	for (unsigned int i = 0; i < VICTIMS; i++) {
		victim_init(&self->victim[i], self->box, i);
		self->victim[i].seed = self->seed;
	}
}

FIXTURE_TEARDOWN(killstorm)
{
	close(self->box);
	close(self->store);
}

/* The root view, this process and those of the load; each has one private map. */
static bool views_are_back(void *context)
{
	struct pagebox_stats stats = box_stats(*(int *)context);

	return stats.views == 4 && !stats.frames_locked;
}

static bool nothing_is_left(void *context)
{
	struct pagebox_stats stats = box_stats(*(int *)context);

	return stats.views == 1 && !stats.pages && !stats.frames_used &&
	       !stats.swap_used && !stats.committed;
}

static bool store_is_right(FIXTURE_DATA(killstorm) * self)
{
	uint64_t page[page_size / sizeof(uint64_t)];

	for (size_t i = 0; i < VICTIMS * AREA_PAGES; i++) {
		struct victim *victim = &self->victim[i / AREA_PAGES];
		uint64_t tag = victim->record->tag[i % AREA_PAGES];

		if (pread(self->store, page, page_size,
			  (AREA(0) + i) * page_size) != (ssize_t)page_size)
			die("cannot read the store");
		if (!page_holds(page, tag))
			return false;
	}
	return true;
}

/* Nobody has ever written there. */
static bool rest_is_right(FIXTURE_DATA(killstorm) * self)
{
	uint64_t page[page_size / sizeof(uint64_t)];

	for (size_t i = PRIVATE_FIRST; i < PAGES; i++) {
		if (pread(self->store, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot read the store");
		if (!page_holds(page, STORE_TAG + i))
			return false;
	}
	return true;
}

static bool one_round(FIXTURE_DATA(killstorm) * self)
{
	bool right = true;

	for (unsigned int i = 0; i < VICTIMS; i++)
		victim_start(&self->victim[i]);
	for (unsigned int i = 0; i < VICTIMS; i++)
		right &= wait_for_moment(&self->victim[i], &self->seed) &&
			 kill_victim(&self->victim[i], &self->seed);
	for (unsigned int i = 0; right && i < VICTIMS; i++) {
		self->writing += self->victim[i].record->writing;
		self->kills++;
		right &= area_is_right(&self->victim[i]);
	}
	right &= pages_hold(self->private, PARENT_PAGES, PARENT_TAG);
	right &= eventually(views_are_back, &self->box);
	box_configure(self->box, (struct pagebox_config){
					 .set = PAGEBOX_SET_FRAMES,
					 .frames = 24 + rnd(&self->seed) % 16,
				 });
	return right;
}

TEST_F_TIMEOUT(killstorm, survivors_and_store, 900)
{
	struct pagebox_stats stats;

	TH_LOG("seed %llu", (unsigned long long)self->seed);
	/* Until enough, and until one was at the worst moment. */
	for (unsigned int round = 0;
	     round < self->rounds ||
	     (!self->writing && !small_size() && round < MOST_ROUNDS);
	     round++) {
		ASSERT_TRUE(one_round(self)) TH_LOG("round %u", round);
		if (round % 8 == 0)
			ASSERT_TRUE(load_goes_on(&self->load));
	}
	EXPECT_TRUE(load_end(&self->load));
	ASSERT_EQ(0, fsync(self->box));
	EXPECT_TRUE(store_is_right(self));
	EXPECT_TRUE(rest_is_right(self));
	stats = box_stats(self->box);
	TH_LOG("%u kills, %u of them within a write to the root view",
	       self->kills, self->writing);
	TH_LOG("%llu frames taken, %llu swapped in, %llu copied, %llu pages written to the store",
	       (unsigned long long)(stats.evict_clean + stats.evict_dirty),
	       (unsigned long long)stats.faults[PAGEBOX_FAULT_SWAPIN],
	       (unsigned long long)stats.faults[PAGEBOX_FAULT_COW],
	       (unsigned long long)stats.store_writes);
	EXPECT_LT(0, self->writing + small_size());
	EXPECT_LT(0, stats.evict_dirty);
	EXPECT_LT(0, stats.faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_LT(0, stats.faults[PAGEBOX_FAULT_COW]);
	EXPECT_EQ(0, stats.io_errors);

	unmap(self->private, PARENT_PAGES);
	for (unsigned int i = 0; i < VICTIMS; i++)
		unmap(self->victim[i].area, AREA_PAGES);
	EXPECT_LE(0, root_range(self->box, PAGEBOX_IOC_DISCARD, 0, PAGES));
	EXPECT_TRUE(eventually(nothing_is_left, &self->box));
}

TEST_HARNESS_MAIN
