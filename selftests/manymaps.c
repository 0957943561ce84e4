// SPDX-License-Identifier: GPL-2.0
/*
 * Very many mappings and VMAs: the cost must be linear in their number. A step
 * that walks all of them for each of them would cost 64 times as much for eight
 * times as many.
 *
 * The test compares CPU times of the same work in one run: the growth for
 * mappings of a box with that for a memfd, as debug kernels walk all VMAs
 * frequently.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

/* A debug kernel needs a minute for 8,000 mappings. */
#define FEW (small_size() || slow_kernel() ? 50 : sized(2000, 4000))
#define TIMES 8
/* Allows for cache misses and noise; a quadratic cost is eightfold. */
#define BOUND 3
#define TRIES 3

static uint64_t cpu_time(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now))
		die("clock_gettime");
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t time_of(struct timeval time)
{
	return time.tv_sec * 1000000000ULL + time.tv_usec * 1000ULL;
}

/* CPU time of fork() in the parent, and of the child until its exit. */
static uint64_t cost_of_fork(void)
{
	uint64_t begin = cpu_time();
	struct rusage usage;
	pid_t pid;

	pid = fork_tied();
	if (!pid)
		_exit(0);
	if (wait4(pid, NULL, 0, &usage) != pid)
		die("wait4");
	return cpu_time() - begin + time_of(usage.ru_stime) +
	       time_of(usage.ru_utime);
}

/* A box, or a memfd; with strict overcommit if a size is given. */
static int open_memory(bool is_box, unsigned int pages, bool promises)
{
	int fd;

	if (!is_box) {
		fd = memfd_create("pages", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, pages * page_size))
			die("memfd");
		return fd;
	}
	fd = box_new(16, pages);
	if (promises)
		box_configure(fd,
			      (struct pagebox_config){
				      .set = PAGEBOX_SET_OVERCOMMIT |
					     PAGEBOX_SET_FRAMES,
				      .frames = 2 * pages + 16,
				      .overcommit = PAGEBOX_OVERCOMMIT_NEVER });
	return fd;
}

typedef uint64_t (*work_fn)(bool is_box, unsigned int nr);

/* The cheapest of several tries, as the least disturbed one. */
static uint64_t cost_of(work_fn work, bool is_box, unsigned int nr)
{
	uint64_t cost, least = UINT64_MAX;

	for (unsigned int i = 0; i < TRIES; i++) {
		cost = work(is_box, nr);
		if (cost < least)
			least = cost;
	}
	return least;
}

/* The growth of a box's cost beyond linear, relative to a memfd's. */
static double excess(struct __test_metadata *_metadata, work_fn work)
{
	double growth[2];

	for (int is_box = 0; is_box < 2; is_box++) {
		uint64_t few = cost_of(work, is_box, FEW);
		uint64_t many = cost_of(work, is_box, FEW * TIMES);

		growth[is_box] = (double)many / few;
		TH_LOG("%s: %u cost %llu us, %u cost %llu us",
		       is_box ? "box" : "memfd", FEW,
		       (unsigned long long)few / 1000, FEW * TIMES,
		       (unsigned long long)many / 1000);
	}
	return growth[1] / (growth[0] > TIMES ? growth[0] : TIMES);
}

/* Every second one is read-only, so that neighbours are not merged. */
static uint64_t fork_many(bool is_box, unsigned int maps)
{
	char **map = calloc(maps, sizeof(*map));
	int fd = open_memory(is_box, 64, false);
	uint64_t cost;

	for (unsigned int i = 0; i < maps; i++) {
		map[i] = mmap(NULL, page_size,
			      i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			      MAP_PRIVATE, fd, 0);
		if (map[i] == MAP_FAILED)
			die("mapping %u", i);
	}
	cost = cost_of_fork();
	for (unsigned int i = 0; i < maps; i++)
		unmap(map[i], 1);
	close(fd);
	free(map);
	return cost;
}

TEST(fork_of_many_private_mappings)
{
	EXPECT_GT(BOUND, excess(_metadata, fork_many));
}

/* A mapping of @pages VMAs of one page each. */
static char *split_mapping(int fd, unsigned int pages)
{
	char *map = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED)
		die("mmap");
	for (unsigned int i = 0; i < pages; i += 2)
		if (mprotect(page_at(map, i), page_size, PROT_READ))
			die("mprotect");
	return map;
}

static uint64_t unmap_one_by_one(bool is_box, unsigned int pages)
{
	int fd = open_memory(is_box, pages, false);
	char *map = split_mapping(fd, pages);
	uint64_t begin = cpu_time();

	for (unsigned int i = 0; i < pages; i++)
		unmap(page_at(map, i), 1);
	close(fd);
	return cpu_time() - begin;
}

TEST(munmap_of_many_vmas)
{
	EXPECT_GT(BOUND, excess(_metadata, unmap_one_by_one));
}

/*
 * fork() of a mapping of many VMAs, and the child's exit, in a box with strict
 * overcommit.
 */
static uint64_t fork_split(bool is_box, unsigned int pages)
{
	int fd = open_memory(is_box, pages, true);
	char *map = split_mapping(fd, pages);
	uint64_t cost = cost_of_fork();

	unmap(map, pages);
	close(fd);
	return cost;
}

TEST(exit_with_many_vmas)
{
	EXPECT_GT(BOUND, excess(_metadata, fork_split));
}

/* The committed pages are right when counting starts with existing mappings. */
TEST(promises_are_counted_when_they_begin_to_count)
{
	int box = box_new(16, 64);
	char *map = box_map(box, 16, MAP_PRIVATE);
	char *other = box_map(box, 4, MAP_SHARED);

	unmap(page_at(map, 4), 4);
	EXPECT_EQ(16, box_stats(box).committed);
	box_configure(box, (struct pagebox_config){
				   .set = PAGEBOX_SET_OVERCOMMIT,
				   .overcommit = PAGEBOX_OVERCOMMIT_NEVER });
	EXPECT_EQ(16, box_stats(box).committed);
	unmap(page_at(map, 8), 4);
	EXPECT_EQ(12, box_stats(box).committed);
	unmap(map, 16);
	EXPECT_EQ(4, box_stats(box).committed);
	unmap(other, 4);
	EXPECT_EQ(0, box_stats(box).committed);
	close(box);
}

TEST_HARNESS_MAIN
