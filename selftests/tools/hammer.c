// SPDX-License-Identifier: GPL-2.0
/*
 * Evictions against faults, forks and pins: a box with far fewer frames than
 * pages, and in two processes threads that each know what their own words hold.
 *
 *	hammer [--seconds S] [--evictions N] [--seed N] [--disk DEVICE]
 *
 *   --seconds S     go on for so long (10)
 *   --evictions N   or until so many frames were taken
 *   --disk DEVICE   direct I/O from and to this device, which is overwritten
 *
 * Exit status 0: no thread has read anything but what it wrote last.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 160 /* shared ones; as many private ones in each process */
#define DIRECT 4 /* pages of each thread for direct I/O */
#define FRAMES 32
#define RANGE 16 /* pages that are brought in at once */
#define PROCESSES 2
#define THREADS 2
#define WORKERS (PROCESSES * THREADS)

/* What all see; atomics. */
struct shared {
	bool stop;
	bool wrong;
	uint64_t forks;
	uint64_t pins;
};

struct worker {
	unsigned int number; /* its word in each line of 64 bytes */
	uint64_t seed;
	int box;
	int disk;
	char *map; /* MAP_SHARED */
	char *own; /* MAP_PRIVATE, the process's */
	char *direct; /* pages of its own, shared or private */
	uint64_t shared_word[PAGES];
	uint64_t own_word[PAGES];
};

static struct shared *shared;

static void wrong(const struct worker *w, const char *what, size_t page,
		  uint64_t got, uint64_t wanted)
{
	fprintf(stderr, "# worker %u: %s, page %zu: %#llx instead of %#llx\n",
		w->number, what, page, (unsigned long long)got,
		(unsigned long long)wanted);
	__atomic_store_n(&shared->wrong, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->stop, true, __ATOMIC_SEQ_CST);
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* The worker's word in a page; which line it is in depends on the page. */
static uint64_t *word_of(const struct worker *w, char *map, size_t page)
{
	return (uint64_t *)(map + page * page_size + page % 64 * 64) +
	       w->number;
}

static void look(const struct worker *w, const char *what, char *map,
		 const uint64_t *words, size_t page)
{
	uint64_t got = *(volatile uint64_t *)word_of(w, map, page);

	if (got != words[page])
		wrong(w, what, page, got, words[page]);
}

static void touch(struct worker *w, bool own)
{
	char *map = own ? w->own : w->map;
	uint64_t *words = own ? w->own_word : w->shared_word;
	size_t page = rnd(&w->seed) % PAGES;

	look(w, own ? "private" : "shared", map, words, page);
	if (rnd(&w->seed) % 2) {
		words[page] = (uint64_t)rnd(&w->seed) << 8 | w->number;
		*(volatile uint64_t *)word_of(w, map, page) = words[page];
	}
}

/* The same by a pin. */
static void pin(struct worker *w, bool own)
{
	char *map = own ? w->own : w->map;
	uint64_t *words = own ? w->own_word : w->shared_word;
	size_t page = rnd(&w->seed) % PAGES;
	uint64_t value = (uint64_t)rnd(&w->seed) << 8 | w->number;
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { word_of(w, map, page), sizeof(value) };

	if (process_vm_writev(getpid(), &local, 1, &remote, 1, 0) !=
	    sizeof(value))
		die("process_vm_writev");
	words[page] = value;
	look(w, "after process_vm_writev", map, words, page);
	value = 0;
	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) !=
	    sizeof(value))
		die("process_vm_readv");
	if (value != words[page])
		wrong(w, "process_vm_readv", page, value, words[page]);
	count(&shared->pins);
}

/* Pages that come in at once drive as many others out, and then go themselves. */
static void push(struct worker *w, bool own)
{
	char *map = own ? w->own : w->map;
	char *range = page_at(map, rnd(&w->seed) % (PAGES - RANGE));

	if (map_range(w->box, PAGEBOX_IOC_PREFETCH, range, RANGE) < 0 ||
	    map_range(w->box, PAGEBOX_IOC_PAGE_OUT, range, RANGE) < 0)
		die("a range of pages");
}

/* A page goes to the disk and comes back. */
static void direct(struct worker *w)
{
	char *page = w->direct + rnd(&w->seed) % DIRECT * page_size;
	uint64_t tag = (uint64_t)rnd(&w->seed) << 8 | w->number;
	off_t at = (off_t)w->number * page_size;

	if (w->disk < 0)
		return;
	page_fill(page, tag);
	if (pwrite(w->disk, page, page_size, at) != (ssize_t)page_size)
		die("direct write");
	page_fill(page, tag + 1);
	if (pread(w->disk, page, page_size, at) != (ssize_t)page_size)
		die("direct read");
	if (!page_holds(page, tag))
		wrong(w, "direct I/O", 0, 0, tag);
	count(&shared->pins);
}

/* A child sees what was there at its birth, and what it writes is its own. */
static void live(struct worker *w)
{
	for (unsigned int i = 0; i < 24; i++)
		touch(w, true);
	for (size_t page = 0; page < PAGES; page += 8)
		look(w, "private, in a child", w->own, w->own_word, page);
	_exit(0);
}

static void bear(struct worker *w)
{
	pid_t pid = fork_tied();

	if (!pid)
		live(w);
	for (unsigned int i = 0; i < 20; i++)
		touch(w, true);
	if (child_status(pid))
		wrong(w, "a child", 0, 0, 0);
	count(&shared->forks);
}

static void *work(void *context)
{
	struct worker *w = context;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		unsigned int what = rnd(&w->seed) % 512;

		/* A fork takes as long as hundreds of faults, a direct read ten. */
		if (what == 0)
			bear(w);
		else if (what < 8)
			direct(w);
		else if (what < 64)
			pin(w, rnd(&w->seed) % 2);
		else if (what < 128)
			push(w, rnd(&w->seed) % 2);
		else
			touch(w, rnd(&w->seed) % 2);
	}
	for (size_t page = 0; page < PAGES; page++) {
		look(w, "shared, at the end", w->map, w->shared_word, page);
		look(w, "private, at the end", w->own, w->own_word, page);
	}
	return NULL;
}

static void process(int box, const char *disk, unsigned int number,
		    uint64_t seed)
{
	static struct worker workers[THREADS];
	char *map = box_map(box, PAGES, MAP_SHARED);
	char *own = box_map_from(box, PAGES, PAGES, MAP_PRIVATE);
	pthread_t thread;

	for (unsigned int t = 0; t < THREADS; t++) {
		struct worker *w = &workers[t];

		w->number = number * THREADS + t;
		w->seed = seed * WORKERS + w->number;
		w->box = box;
		w->map = map;
		w->own = own;
		w->direct = box_map_from(box, 2 * PAGES + w->number * DIRECT,
					 DIRECT, t ? MAP_SHARED : MAP_PRIVATE);
		w->disk = disk ? open(disk, O_RDWR | O_DIRECT | O_CLOEXEC) : -1;
		if (disk && w->disk < 0)
			die("cannot open %s", disk);
	}
	if (pthread_create(&thread, NULL, work, &workers[1]))
		die("pthread_create");
	work(&workers[0]);
	pthread_join(thread, NULL);
	_exit(0);
}

struct options {
	uint64_t seed;
	uint64_t evictions;
	unsigned int seconds;
	const char *disk;
};

static struct options parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "evictions", required_argument, NULL, 'e' },
		{ "seed", required_argument, NULL, 'r' },
		{ "disk", required_argument, NULL, 'd' },
		{}
	};
	struct options o = { .seconds = 10, .seed = 1 };
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (option == 's')
			o.seconds = atoi(optarg);
		else if (option == 'e')
			o.evictions = atoll(optarg);
		else if (option == 'r')
			o.seed = atoll(optarg);
		else if (option == 'd')
			o.disk = optarg;
		else
			exit(2);
	}
	return o;
}

static uint64_t evictions(int box)
{
	struct pagebox_stats stats = box_stats(box);

	return stats.evict_clean + stats.evict_dirty;
}

static void wait_until_done(int box, const struct options *o)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	time_t end = time(NULL) + o->seconds;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED) &&
	       time(NULL) < end &&
	       (!o->evictions || evictions(box) < o->evictions))
		nanosleep(&pause, NULL);
	__atomic_store_n(&shared->stop, true, __ATOMIC_SEQ_CST);
}

static void report(int box)
{
	struct pagebox_stats stats = box_stats(box);
	uint64_t faults = 0;

	for (int i = 0; i < FAULT_CLASSES; i++)
		faults += stats.faults[i];
	printf("# evictions %llu\n# faults %llu\n# forks %llu\n# pins %llu\n",
	       (unsigned long long)evictions(box), (unsigned long long)faults,
	       (unsigned long long)shared->forks,
	       (unsigned long long)shared->pins);
	errno = 0;
	if (stats.faults[PAGEBOX_FAULT_FAILED])
		die("%llu accesses failed",
		    (unsigned long long)stats.faults[PAGEBOX_FAULT_FAILED]);
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	int box = box_new(FRAMES, 2 * PAGES + WORKERS * DIRECT);
	pid_t pid[PROCESSES];
	bool good = true;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			die("fork");
		if (!pid[i])
			process(box, o.disk, i, o.seed);
	}
	wait_until_done(box, &o);
	for (unsigned int i = 0; i < PROCESSES; i++)
		good &= !child_status(pid[i]);
	report(box);
	return !(good && !shared->wrong);
}
