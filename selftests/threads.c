// SPDX-License-Identifier: GPL-2.0
/*
 * Threads and processes at work in one box of few frames, for a bounded number
 * of operations. Each worker owns one slot in every page and knows what it
 * last wrote there, so that a lost write or a stale page is seen at once.
 */

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define WORKERS 4
#define PAGES 48
#define OPERATIONS (small_size() ? 150 : sized(800, 1600)) /* of each worker */
#define SLOT_WORDS 8
#define FOR_EVER UINT32_MAX

struct worker {
	char *map;
	unsigned int number;
	unsigned int operations;
	bool stop; /* relaxed atomics, as are those of written */
	bool failed;
	uint64_t written[PAGES];
	pthread_t thread;
};

struct crew {
	struct worker worker[WORKERS];
};

static uint64_t *slot_of(char *map, size_t page, unsigned int worker)
{
	return (uint64_t *)page_at(map, page) + (worker + 1) * SLOT_WORDS;
}

/* A value tells its worker, its page and its turn. */
static uint64_t value_of(unsigned int worker, size_t page, unsigned int turn)
{
	return (uint64_t)(worker + 1) << 56 | (uint64_t)page << 40 | turn;
}

static void *work(void *context)
{
	struct worker *worker = context;
	uint64_t seed = worker->number + 77;

	for (unsigned int turn = 1;
	     turn <= worker->operations &&
	     !__atomic_load_n(&worker->stop, __ATOMIC_RELAXED);
	     turn++) {
		size_t page = rnd(&seed) % PAGES;
		volatile uint64_t *slot =
			slot_of(worker->map, page, worker->number);
		uint64_t value = value_of(worker->number, page, turn);

		if (*slot != worker->written[page]) {
			fprintf(stderr,
				"# worker %u, turn %u, page %zu: %#llx instead of %#llx\n",
				worker->number, turn, page,
				(unsigned long long)*slot,
				(unsigned long long)worker->written[page]);
			worker->failed = true;
			break;
		}
		if (rnd(&seed) % 3 == 0)
			continue;
		*slot = value;
		__atomic_store_n(&worker->written[page], value,
				 __ATOMIC_RELEASE);
	}
	return NULL;
}

static void crew_start(struct crew *crew, char *map, unsigned int first,
		       unsigned int end, unsigned int operations)
{
	for (unsigned int i = first; i < end; i++) {
		struct worker *worker = &crew->worker[i];

		worker->map = map;
		worker->number = i;
		worker->operations = operations;
		if (pthread_create(&worker->thread, NULL, work, worker))
			die("pthread_create");
	}
}

/* For a crew that works for ever. */
static void crew_stop(struct crew *crew)
{
	for (unsigned int i = 0; i < WORKERS; i++)
		__atomic_store_n(&crew->worker[i].stop, true, __ATOMIC_RELAXED);
}

static bool crew_finish(struct crew *crew, unsigned int first, unsigned int end)
{
	bool right = true;

	for (unsigned int i = first; i < end; i++) {
		pthread_join(crew->worker[i].thread, NULL);
		right &= !crew->worker[i].failed;
	}
	return right;
}

/* Whether every slot of the workers has what they wrote last. */
static bool crew_left(const struct crew *crew, char *map, unsigned int first,
		      unsigned int end)
{
	for (unsigned int i = first; i < end; i++)
		for (size_t page = 0; page < PAGES; page++)
			if (*slot_of(map, page, i) !=
			    crew->worker[i].written[page])
				return false;
	return true;
}

/* The root's clean pages behind a private mapping's may be there or not. */
static void expect_pages(struct __test_metadata *_metadata, int box, int flags)
{
	uint64_t pages = box_stats(box).pages;

	EXPECT_LE(PAGES, pages);
	EXPECT_GE(flags == MAP_PRIVATE ? 2 * PAGES : PAGES, pages);
}

FIXTURE(threads)
{
	int box;
	char *map;
	struct crew crew;
};

FIXTURE_VARIANT(threads)
{
	int flags;
	unsigned int frames;
};

FIXTURE_VARIANT_ADD(threads, shared){
	.flags = MAP_SHARED,
	.frames = 12,
};

FIXTURE_VARIANT_ADD(threads, private){
	.flags = MAP_PRIVATE,
	.frames = 12,
};

FIXTURE_VARIANT_ADD(threads, private_with_room){
	.flags = MAP_PRIVATE,
	.frames = 512,
};

FIXTURE_SETUP(threads)
{
	/* On a slow machine many faults may hold their frames at once for long. */
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_OOM,
		.frames = variant->frames,
		.oom = PAGEBOX_OOM_WAIT,
		.oom_wait_ms = 60000,
	});
	self->map = box_map(self->box, PAGES, variant->flags);
}

FIXTURE_TEARDOWN(threads)
{
	close(self->box);
}

/* Four threads, twelve frames, and no write is lost. */
TEST_F(threads, one_process)
{
	crew_start(&self->crew, self->map, 0, WORKERS, OPERATIONS);
	EXPECT_TRUE(crew_finish(&self->crew, 0, WORKERS));
	EXPECT_TRUE(crew_left(&self->crew, self->map, 0, WORKERS));
	expect_pages(_metadata, self->box, variant->flags);
	EXPECT_GE(variant->frames, box_stats(self->box).frames_used);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	if (variant->frames < PAGES)
		EXPECT_LT(sized(500, 1000),
			  box_stats(self->box).faults[PAGEBOX_FAULT_SWAPIN]);
}

struct team {
	struct crew *crew;
	char *map;
	unsigned int first;
};

static int work_in_child(void *context)
{
	struct team *team = context;

	crew_start(team->crew, team->map, team->first, team->first + 2,
		   OPERATIONS);
	return !(
		crew_finish(team->crew, team->first, team->first + 2) &&
		crew_left(team->crew, team->map, team->first, team->first + 2));
}

/* The same in two processes: shared pages take all writes, private ones their own. */
TEST_F(threads, two_processes)
{
	struct team team = { .crew = &self->crew,
			     .map = self->map,
			     .first = 2 };
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(work_in_child(&team));
	crew_start(&self->crew, self->map, 0, 2, OPERATIONS);
	EXPECT_TRUE(crew_finish(&self->crew, 0, 2));
	EXPECT_EQ(0, child_status(pid));
	EXPECT_TRUE(crew_left(&self->crew, self->map, 0, 2));
	for (size_t page = 0; variant->flags == MAP_PRIVATE && page < PAGES;
	     page++) {
		EXPECT_EQ(0, *slot_of(self->map, page, 2));
		EXPECT_EQ(0, *slot_of(self->map, page, 3));
	}
}

/*
 * What a child has to see: at least what was written before fork(), whole, and
 * nothing of what its parent's threads go on writing. Then it writes itself.
 */
static int check_snapshot(char *map, uint64_t before[WORKERS][PAGES],
			  bool private)
{
	static uint64_t seen[WORKERS][PAGES];

	for (int round = 0; round < 2; round++) {
		for (size_t page = 0; page < PAGES; page++) {
			for (unsigned int i = 0; i < WORKERS; i++) {
				uint64_t value = *(volatile uint64_t *)slot_of(
					map, page, i);

				if (value &&
				    value >> 40 != value_of(i, page, 0) >> 40)
					return 1;
				if (value < before[i][page])
					return 2;
				if (private && round && value != seen[i][page])
					return 3;
				seen[i][page] = value;
			}
		}
		drop_ptes(map, PAGES);
	}
	if (!private)
		return 0;
	pages_fill(map, PAGES, 500);
	return pages_hold(map, PAGES, 500) ? 0 : 4;
}

/* fork() in the middle of it: the child's view is one moment's, the parent's goes on. */
TEST_F(threads, fork_meanwhile)
{
	static uint64_t before[WORKERS][PAGES];

	crew_start(&self->crew, self->map, 0, WORKERS, FOR_EVER);
	for (unsigned int round = 0; round < sized(6, 12); round++) {
		pid_t pid;

		for (unsigned int i = 0; i < WORKERS; i++)
			for (size_t page = 0; page < PAGES; page++)
				before[i][page] = __atomic_load_n(
					&self->crew.worker[i].written[page],
					__ATOMIC_ACQUIRE);
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(check_snapshot(self->map, before,
					     variant->flags == MAP_PRIVATE));
		EXPECT_EQ(0, child_status(pid));
	}
	crew_stop(&self->crew);
	EXPECT_TRUE(crew_finish(&self->crew, 0, WORKERS));
	EXPECT_TRUE(crew_left(&self->crew, self->map, 0, WORKERS));
	expect_pages(_metadata, self->box, variant->flags);
}

struct racer {
	pthread_barrier_t *start;
	char *map;
	unsigned int number;
	bool write;
	pthread_t thread;
};

/* Runs through all pages, each time at the same moment as the other racers. */
static void *race(void *context)
{
	struct racer *racer = context;

	for (size_t page = 0; page < PAGES; page++) {
		volatile uint64_t *slot =
			slot_of(racer->map, page, racer->number);

		pthread_barrier_wait(racer->start);
		if (racer->write)
			*slot = value_of(racer->number, page, 1);
		else
			(void)*slot;
	}
	return NULL;
}

static void run_race(char *map, bool write)
{
	struct racer racers[WORKERS];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, WORKERS);
	for (unsigned int i = 0; i < WORKERS; i++) {
		racers[i] = (struct racer){
			.start = &start,
			.map = map,
			.number = i,
			.write = write,
		};
		if (pthread_create(&racers[i].thread, NULL, race, &racers[i]))
			die("pthread_create");
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

static bool all_slots_written(char *map)
{
	for (size_t page = 0; page < PAGES; page++)
		for (unsigned int i = 0; i < WORKERS; i++)
			if (*slot_of(map, page, i) != value_of(i, page, 1))
				return false;
	return true;
}

/* Threads that touch a new page at the same moment make one page of it. */
TEST(first_touch_race)
{
	for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
		int box = box_new(2 * PAGES, 0);
		char *map = box_map(box, PAGES, flags);

		run_race(map, true);
		EXPECT_TRUE(all_slots_written(map));
		EXPECT_EQ(PAGES, box_stats(box).pages);
		EXPECT_EQ(PAGES, box_stats(box).frames_used);
		EXPECT_EQ(PAGES, box_stats(box).faults[PAGEBOX_FAULT_ZERO]);
		EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_COW]);
	}
}

/* Threads that break the same private page at the same moment get one copy. */
TEST(copy_race)
{
	int box = box_new(3 * PAGES, 0);
	char *shared = box_map(box, PAGES, MAP_SHARED);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	pages_fill(shared, PAGES, 1);
	run_race(map, false);
	run_race(map, true);
	EXPECT_TRUE(all_slots_written(map));
	EXPECT_EQ(2 * PAGES, box_stats(box).pages);
	EXPECT_EQ(2 * PAGES, box_stats(box).frames_used);
	EXPECT_EQ(PAGES, box_stats(box).faults[PAGEBOX_FAULT_COW]);
	EXPECT_TRUE(pages_hold(shared, PAGES, 1));
}

struct reader {
	char *map;
	size_t pages;
	bool stop;
	unsigned int rounds;
};

/* Reads a byte of each page, over and over: as hot as pages can be. */
static void *read_on(void *context)
{
	struct reader *reader = context;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		pages_touch(reader->map, reader->pages);
		__atomic_fetch_add(&reader->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool reader_began(void *context)
{
	struct reader *reader = context;

	return __atomic_load_n(&reader->rounds, __ATOMIC_RELAXED) > 10;
}

/*
 * One thread keeps as many pages hot as there are frames. None of them is
 * pinned, so another one's fault must find a frame, however busy they are.
 */
TEST(hot_frames_can_be_taken)
{
	const unsigned int frames = 8;
	int box = box_new(frames, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	struct reader reader = { .map = map, .pages = frames };
	pthread_t thread;

	pages_fill(map, PAGES, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_on, &reader));
	EXPECT_TRUE(eventually(reader_began, &reader));
	for (int round = 0; round < 5; round++) {
		for (size_t i = frames; i < PAGES; i++)
			EXPECT_EQ(0, signal_of_read(page_at(map, i)));
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

/* Mappings that come and go while others in the box fault. */
TEST(map_and_unmap_meanwhile)
{
	int box = box_new(12, 0);
	struct crew *crew = calloc(1, sizeof(*crew));
	char *map = box_map(box, PAGES, MAP_SHARED);

	ASSERT_NE(NULL, crew);
	crew_start(crew, map, 0, 2, 2 * OPERATIONS);
	for (unsigned int round = 1; round <= sized(40, 80); round++) {
		char *other = box_map(box, PAGES, MAP_PRIVATE);

		for (size_t i = 0; i < PAGES; i += 5)
			page_fill(page_at(other, i), 100 * round + i);
		for (size_t i = 0; i < PAGES; i += 5)
			EXPECT_TRUE(
				page_holds(page_at(other, i), 100 * round + i));
		unmap(page_at(other, 10), 10);
		unmap(other, PAGES);
	}
	EXPECT_TRUE(crew_finish(crew, 0, 2));
	EXPECT_TRUE(crew_left(crew, map, 0, 2));
	EXPECT_EQ(1, box_stats(box).views);
	EXPECT_EQ(PAGES, box_stats(box).pages);
	free(crew);
}

TEST_HARNESS_MAIN
