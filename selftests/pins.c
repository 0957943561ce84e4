// SPDX-License-Identifier: GPL-2.0
/*
 * Pages held for I/O by the kernel while their frames are wanted: direct reads
 * into them, direct writes from them, process_vm_writev() and pages in a pipe,
 * by two threads that also write to other parts of the same pages. A third
 * thread causes evictions and a fourth one forks. No write may be lost.
 *
 * Each thread owns every other sector of each page, so the contents of its
 * sectors depend on it alone. Anonymous memory is the oracle.
 *
 *   PAGEBOX_FULL=1   10,000 pins instead of some hundreds
 *   PAGEBOX_SEED=N   another sequence
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 48
#define PAGES 96
#define SECTOR 512
#define PER_PAGE 8 /* sectors */
#define THREADS 2
#define MOST 8 /* sectors of one pin, possibly all in different pages */
#define OWN (PAGES * PER_PAGE / THREADS) /* sectors of one thread */

/* State shared by all threads. */
struct arena {
	int box;
	bool private;
	char *map;
	char *oracle;
	int loop; /* a disk with as many sectors */
	pthread_rwlock_t apart; /* direct reads and conflicting forks */
	bool clash;
	unsigned long pins; /* atomic, as are the following */
	unsigned long goal;
	unsigned long forks;
	unsigned long pressed;
	bool wrong;
	uint64_t seed;
};

/* A pinning thread. @disk is the oracle of its half of the disk. */
struct pinner {
	struct arena *arena;
	unsigned int who;
	uint64_t seed;
	int pipe[2];
	char *plain;
	char *disk;
};

static bool goes_on(struct arena *arena)
{
	return !__atomic_load_n(&arena->wrong, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&arena->pins, __ATOMIC_RELAXED) < arena->goal;
}

static void count(unsigned long *counter, unsigned long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* The offset of a thread's @n-th sector, in the map and in the oracle. */
static size_t place(const struct pinner *pinner, size_t n)
{
	return (n * THREADS + pinner->who) * SECTOR;
}

static void check_sector(struct pinner *pinner, size_t n)
{
	struct arena *arena = pinner->arena;
	size_t at = place(pinner, n);
	char seen[SECTOR];

	memcpy(seen, arena->map + at, SECTOR);
	if (!memcmp(seen, arena->oracle + at, SECTOR))
		return;
	fprintf(stderr, "# thread %u: sector %zu of page %zu is wrong\n",
		pinner->who, at % page_size / SECTOR, at / page_size);
	__atomic_store_n(&arena->wrong, true, __ATOMIC_RELAXED);
}

static void random_bytes(struct pinner *pinner, char *to, size_t bytes)
{
	uint64_t word = (uint64_t)rnd(&pinner->seed) << 32 | rnd(&pinner->seed);

	for (size_t i = 0; i < bytes; i += sizeof(word), word += 0x9e3779b9)
		memcpy(to + i, &word, sizeof(word));
}

/* Some of its sectors, anywhere in the map, without duplicates. */
static unsigned int choose(struct pinner *pinner, size_t *chosen,
			   struct iovec *iov)
{
	unsigned int nr = 1 + rnd(&pinner->seed) % MOST;
	size_t first = rnd(&pinner->seed);
	size_t step = 1 + 2 * (rnd(&pinner->seed) % (OWN / 4));

	for (unsigned int i = 0; i < nr; i++) {
		chosen[i] = (first + i * step) % OWN;
		iov[i].iov_base = pinner->arena->map + place(pinner, chosen[i]);
		iov[i].iov_len = SECTOR;
	}
	return nr;
}

/* Adjacent sectors of its half of the disk. */
static size_t choose_disk(struct pinner *pinner, unsigned int nr)
{
	return rnd(&pinner->seed) % (OWN - nr + 1);
}

static off_t disk_offset(const struct pinner *pinner, size_t sector)
{
	return (pinner->who * OWN + sector) * SECTOR;
}

/*
 * A transfer stops at a page that cannot be had: with an error at the first
 * one, else short.
 */
static void check_length(ssize_t got, unsigned int nr, const char *what)
{
	if (got == (ssize_t)nr * SECTOR)
		return;
	if (got >= 0)
		errno = EFAULT;
	die("a %s of %u sectors: %zd bytes", what, nr, got);
}

static void direct_read(struct pinner *pinner)
{
	struct arena *arena = pinner->arena;
	struct iovec iov[MOST];
	size_t chosen[MOST];
	unsigned int nr = choose(pinner, chosen, iov);
	size_t from = choose_disk(pinner, nr);
	ssize_t got;

	if (arena->clash)
		pthread_rwlock_rdlock(&arena->apart);
	got = preadv(arena->loop, iov, nr, disk_offset(pinner, from));
	if (arena->clash)
		pthread_rwlock_unlock(&arena->apart);
	check_length(got, nr, "direct read");
	for (unsigned int i = 0; i < nr; i++)
		memcpy(arena->oracle + place(pinner, chosen[i]),
		       pinner->disk + (from + i) * SECTOR, SECTOR);
	for (unsigned int i = 0; i < nr; i++)
		check_sector(pinner, chosen[i]);
	count(&arena->pins, nr);
}

static void check_disk(struct pinner *pinner, size_t first, unsigned int nr)
{
	ssize_t length = nr * SECTOR;

	if (pread(pinner->arena->loop, pinner->plain, length,
		  disk_offset(pinner, first)) != length)
		die("cannot read the disk");
	if (!memcmp(pinner->plain, pinner->disk + first * SECTOR, length))
		return;
	fprintf(stderr, "# thread %u: a direct write had wrong contents\n",
		pinner->who);
	__atomic_store_n(&pinner->arena->wrong, true, __ATOMIC_RELAXED);
}

static void direct_write(struct pinner *pinner)
{
	struct arena *arena = pinner->arena;
	struct iovec iov[MOST];
	size_t chosen[MOST];
	unsigned int nr = choose(pinner, chosen, iov);
	size_t to = choose_disk(pinner, nr);

	check_length(pwritev(arena->loop, iov, nr, disk_offset(pinner, to)), nr,
		     "direct write");
	for (unsigned int i = 0; i < nr; i++)
		memcpy(pinner->disk + (to + i) * SECTOR,
		       arena->oracle + place(pinner, chosen[i]), SECTOR);
	check_disk(pinner, to, nr);
	count(&arena->pins, nr);
}

static void vm_write(struct pinner *pinner)
{
	struct arena *arena = pinner->arena;
	struct iovec local, remote[MOST];
	size_t chosen[MOST];
	unsigned int nr = choose(pinner, chosen, remote);

	random_bytes(pinner, pinner->plain, nr * SECTOR);
	local.iov_base = pinner->plain;
	local.iov_len = nr * SECTOR;
	check_length(process_vm_writev(getpid(), &local, 1, remote, nr, 0), nr,
		     "process_vm_writev");
	for (unsigned int i = 0; i < nr; i++)
		memcpy(arena->oracle + place(pinner, chosen[i]),
		       pinner->plain + i * SECTOR, SECTOR);
	for (unsigned int i = 0; i < nr; i++)
		check_sector(pinner, chosen[i]);
	count(&arena->pins, nr);
}

static void write_sector(struct pinner *pinner)
{
	size_t n = rnd(&pinner->seed) % OWN, at = place(pinner, n);

	random_bytes(pinner, pinner->arena->oracle + at, SECTOR);
	memcpy(pinner->arena->map + at, pinner->arena->oracle + at, SECTOR);
	check_sector(pinner, rnd(&pinner->seed) % OWN);
}

/*
 * A pipe holds sectors while others are written, which causes evictions. The
 * held sectors must keep their contents and still be in the mapping. If a page
 * was shared by a fork and copied since, it differs from the pipe's, but the
 * contents are the same, as these sectors were not written.
 */
static void pipe_holds(struct pinner *pinner)
{
	struct arena *arena = pinner->arena;
	struct iovec iov[MOST];
	size_t chosen[MOST];
	unsigned int nr = choose(pinner, chosen, iov);
	ssize_t length = nr * SECTOR, got = 0, n;

	check_length(vmsplice(pinner->pipe[1], iov, nr, 0), nr, "vmsplice");
	for (unsigned int i = 0; i < MOST; i++)
		check_sector(pinner, rnd(&pinner->seed) % OWN);
	for (; got < length; got += n) {
		n = read(pinner->pipe[0], pinner->plain + got, length - got);
		if (n <= 0)
			die("cannot drain a pipe");
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (memcmp(pinner->plain + i * SECTOR,
			   arena->oracle + place(pinner, chosen[i]), SECTOR)) {
			fprintf(stderr,
				"# thread %u: a pipe held wrong contents\n",
				pinner->who);
			__atomic_store_n(&arena->wrong, true, __ATOMIC_RELAXED);
		}
		check_sector(pinner, chosen[i]);
	}
	count(&arena->pins, nr);
}

static void *pin(void *context)
{
	static void (*const ways[])(struct pinner *) = {
		direct_read, direct_write, vm_write,
		pipe_holds,  write_sector, write_sector,
	};
	struct pinner *pinner = context;

	while (goes_on(pinner->arena))
		ways[rnd(&pinner->seed) % 6](pinner);
	for (size_t n = 0; n < OWN; n++)
		check_sector(pinner, n);
	return NULL;
}

/* Writes pages of its own, as many as there are frames. */
static void *press(void *context)
{
	struct arena *arena = context;
	char *map = box_map_from(arena->box, PAGES, FRAMES,
				 arena->private ? MAP_PRIVATE : MAP_SHARED);
	uint64_t tag = 1;

	while (goes_on(arena)) {
		pages_fill(map, FRAMES, tag);
		if (!pages_hold(map, FRAMES, tag))
			__atomic_store_n(&arena->wrong, true, __ATOMIC_RELAXED);
		count(&arena->pressed, 1);
		tag += FRAMES;
	}
	return NULL;
}

/*
 * Forks, and lets the child write to some of the private pages. Linux before
 * 6.5 takes plain references for direct I/O, which fork() cannot tell from
 * others: there, fork() during a direct read loses the read, also in anonymous
 * memory.
 */
static void *spawn(void *context)
{
	struct arena *arena = context;
	uint64_t seed = arena->seed;

	while (goes_on(arena)) {
		size_t page = rnd(&seed) % PAGES;
		int status;
		pid_t pid;

		if (arena->clash)
			pthread_rwlock_wrlock(&arena->apart);
		pid = fork();
		if (!pid) {
			if (arena->private)
				memset(page_at(arena->map, page), 0, page_size);
			_exit(0);
		}
		if (arena->clash)
			pthread_rwlock_unlock(&arena->apart);
		if (pid < 0)
			die("fork");
		status = child_status(pid);
		if (status)
			die("the child ended with %d (256 + N: signal N)",
			    status);
		count(&arena->forks, 1);
	}
	return NULL;
}

static bool forks_clash(void)
{
	unsigned int major, minor;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		die("uname");
	return major < 6 || (major == 6 && minor < 5);
}

static char *memory(size_t bytes)
{
	char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		die("mmap");
	return map;
}

static void pinner_init(struct pinner *pinner, struct arena *arena,
			unsigned int who)
{
	pinner->arena = arena;
	pinner->who = who;
	pinner->seed = arena->seed * THREADS + who;
	pinner->plain = memory(MOST * SECTOR);
	pinner->disk = memory(OWN * SECTOR);
	if (pipe2(pinner->pipe, O_CLOEXEC))
		die("pipe");
}

FIXTURE(pins)
{
	struct arena arena;
	struct pinner pinner[THREADS];
};

FIXTURE_VARIANT(pins)
{
	int flags;
};

FIXTURE_VARIANT_ADD(pins, shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(pins, private){ .flags = MAP_PRIVATE };

/* The disk starts as zeroes, the pages as a pattern. */
FIXTURE_SETUP(pins)
{
	struct arena *arena = &self->arena;
	int file = memfd_create("disk", MFD_CLOEXEC);

	ASSERT_EQ(0, ftruncate(file, PAGES * page_size));
	/*
	 * On a slow machine, many concurrent faults may hold their frames for
	 * long.
	 */
	arena->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_OOM,
		.frames = FRAMES,
		.oom = PAGEBOX_OOM_WAIT,
		.oom_wait_ms = 60000,
	});
	arena->private = variant->flags == MAP_PRIVATE;
	arena->map = box_map(arena->box, PAGES, variant->flags);
	arena->oracle = memory(PAGES * page_size);
	arena->loop = loop_open(file);
	arena->clash = forks_clash();
	pthread_rwlock_init(&arena->apart, NULL);
	arena->goal = sized(1000, 10000);
	arena->seed = seed_given();
	pages_fill(arena->map, PAGES, 1);
	pages_fill(arena->oracle, PAGES, 1);
	for (unsigned int i = 0; i < THREADS; i++)
		pinner_init(&self->pinner[i], arena, i);
}

NO_TEARDOWN(pins);

TEST_F_TIMEOUT(pins, no_write_is_lost, 900)
{
	struct arena *arena = &self->arena;
	struct pagebox_stats stats;
	pthread_t thread[THREADS + 2];

	TH_LOG("seed %llu", (unsigned long long)arena->seed);
	for (unsigned int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, pin,
					    &self->pinner[i]));
	ASSERT_EQ(0, pthread_create(&thread[THREADS], NULL, press, arena));
	ASSERT_EQ(0, pthread_create(&thread[THREADS + 1], NULL, spawn, arena));
	for (unsigned int i = 0; i < THREADS + 2; i++)
		pthread_join(thread[i], NULL);

	stats = box_stats(arena->box);
	TH_LOG("%lu pins, %llu frames taken, %llu skipped, %lu forks, %llu copied",
	       arena->pins,
	       (unsigned long long)(stats.evict_clean + stats.evict_dirty),
	       (unsigned long long)stats.pinned_skips, arena->forks,
	       (unsigned long long)stats.faults[PAGEBOX_FAULT_COW]);
	EXPECT_FALSE(arena->wrong);
	EXPECT_LE(arena->goal, arena->pins);
	EXPECT_LT(0, stats.evict_dirty);
	EXPECT_LT(0, arena->pressed);
	EXPECT_LT(0, arena->forks);
	EXPECT_EQ(0, stats.faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, memcmp(arena->map, arena->oracle, PAGES * page_size));
	EXPECT_EQ(0, box_stats(arena->box).frames_pinned);
}

TEST_HARNESS_MAIN
