// SPDX-License-Identifier: GPL-2.0
/*
 * A workload on a store whose expected contents are always known, for tests of
 * the stores that a test VM sets up: loop devices, device mapper, NVMe, ext4,
 * ...
 *
 *	workload [-s BYTES] [-n FRAMES] [-t SECONDS | -d OPS] [-k] [-S SEED] [-w SWAP] STORE
 *
 * Two processes change the first BYTES of STORE (all of it), an existing file
 * or block device, at random through a box of FRAMES frames (256), for SECONDS
 * (5) or for exactly OPS operations, which are then determined by SEED (1)
 * alone. At the end the store is written back and compared, bypassing the box,
 * with the expected contents. The processes also have private pages, which use
 * SWAP if given. With -k one process is killed at a random moment. With -d the
 * last line is "checksum" and a number that depends on the contents.
 *
 *	workload -F [-s BYTES] STORE
 *
 * Gives each page of STORE a pattern of its own, without a box.
 *
 *	workload -R PAGE [-s BYTES] [-n FRAMES] STORE
 *
 * STORE was prepared with -F, and PAGE is unreadable now: it must raise SIGBUS,
 * and all others must be right. Prints "failed as expected" and waits for a
 * line on standard input; afterwards the page must be right as well.
 *
 *	workload -W [-s BYTES] [-n FRAMES] STORE
 *
 * STORE is not writable now: write-back must fail with EIO, reported to every
 * user. Prints "failed as expected" and waits for a line; afterwards write-back
 * must work, and the store must have the changes and otherwise its old
 * contents.
 *
 * BYTES may end in K, M or G. Exit status 0: all bytes agree. Otherwise the
 * first differing page is printed.
 *
 * The model is a hash of each 512-byte sector. Each process owns every other
 * sector, so both continuously write to the same pages, yet each sector depends
 * only on the order of operations in one process.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define PROCESSES 2
#define SECTOR 512
#define SECTOR_WORDS (SECTOR / sizeof(uint64_t))
#define CHUNK (1024 * 1024) /* bytes of the store read or written at once */
#define MOST_DIRTY 1024 /* pages changed by -W at most */

struct options {
	enum { WORK, FILL, READ_ERROR, WRITE_ERROR } mode;
	uint64_t bytes;
	unsigned int frames;
	unsigned int seconds;
	uint64_t operations;
	bool counted;
	bool kill;
	uint64_t seed;
	size_t bad_page;
	const char *swap;
	const char *store;
};

/*
 * The operation that a process is about to do or has not finished, to be
 * completed if the process is killed. Written in this order: the operation,
 * that it has started, the sectors, the model, that it is done.
 */
struct journal {
	size_t page;
	unsigned int sectors; /* bit n: the process's n-th sector of the page */
	uint64_t tag;
	bool active;
};

/* State shared by the processes besides the store. */
struct shared {
	bool stop; /* relaxed atomic */
	uint64_t operations[PROCESSES];
	struct journal journal[PROCESSES];
};

struct workload {
	struct options options;
	int box;
	size_t pages;
	char *map;
	uint64_t *model; /* the hash of each sector */
	struct shared *shared;
};

/* One process. */
struct worker {
	struct workload *load;
	unsigned int who;
	uint64_t seed;
	char *map;
	char *private;
	size_t private_pages;
	uint64_t *tag; /* of each private page, 0: not written yet */
};

/* --- options --- */

static uint64_t parse_size(const char *text)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	errno = 0;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit && !end[1])
		return value << (10 * (unit - units + 1));
	if (end == text || *end)
		die("'%s' is not a size", text);
	return value;
}

static struct options parse(int argc, char **argv)
{
	struct options options = { .seconds = 5, .seed = 1 };
	int option;

	while ((option = getopt(argc, argv, "s:n:t:d:kS:w:FR:W")) >= 0) {
		switch (option) {
		case 's':
			options.bytes = parse_size(optarg);
			break;
		case 'n':
			options.frames = parse_number(optarg);
			break;
		case 't':
			options.seconds = parse_number(optarg);
			break;
		case 'd':
			options.operations = parse_number(optarg);
			options.counted = true;
			break;
		case 'k':
			options.kill = true;
			break;
		case 'S':
			options.seed = parse_number(optarg);
			break;
		case 'w':
			options.swap = optarg;
			break;
		case 'F':
			options.mode = FILL;
			break;
		case 'R':
			options.mode = READ_ERROR;
			options.bad_page = parse_number(optarg);
			break;
		case 'W':
			options.mode = WRITE_ERROR;
			break;
		default:
			exit(2);
		}
	}
	errno = 0;
	if (optind + 1 != argc)
		die("usage error: one store is required");
	if (options.kill && options.counted)
		die("-k and -d exclude each other: a killed process does not finish");
	options.store = argv[optind];
	return options;
}

/* --- contents of sectors --- */

static uint64_t sector_hash(const void *sector)
{
	const uint64_t *words = sector;
	uint64_t hash = 0;

	for (size_t i = 0; i < SECTOR_WORDS; i++)
		hash = mix(hash ^ words[i]) + i;
	return hash;
}

static void sector_fill(void *sector, size_t page, unsigned int n, uint64_t tag)
{
	uint64_t word = mix(mix(tag) ^ mix(page * 64 + n));
	uint64_t *words = sector;

	for (size_t i = 0; i < SECTOR_WORDS; i++)
		words[i] = word + i * 0xbf58476d1ce4e5b9ULL;
}

static unsigned int sectors_per_page(void)
{
	return page_size / SECTOR;
}

/* The number of sectors of a page that a process owns, and its n-th one. */
static unsigned int own_sectors(void)
{
	return sectors_per_page() / PROCESSES;
}

static unsigned int own_sector(unsigned int who, unsigned int n)
{
	return n * PROCESSES + who;
}

/* --- the store, bypassing the box --- */

/* Bypasses the page cache if possible. */
static int store_open(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s", path);
	return fd;
}

static size_t store_pages(const struct options *options)
{
	int fd = open(options->store, O_RDONLY | O_CLOEXEC);
	off_t end;

	if (fd < 0)
		die("cannot open %s", options->store);
	end = lseek(fd, 0, SEEK_END);
	close(fd);
	errno = 0;
	if (end < (off_t)page_size || (uint64_t)end < options->bytes)
		die("%s has only %lld bytes", options->store, (long long)end);
	return (options->bytes ? options->bytes : (uint64_t)end) / page_size;
}

static char *chunk_alloc(void)
{
	char *chunk = aligned_alloc(page_size, CHUNK);

	if (!chunk)
		die("no memory");
	return chunk;
}

static size_t chunk_pages(size_t first, size_t pages)
{
	size_t most = CHUNK / page_size;

	return pages - first < most ? pages - first : most;
}

/*
 * Reads the first @pages pages and passes them one by one to @look, which
 * returns whether to continue.
 */
static void store_read(const char *path, size_t pages, void *context,
		       bool (*look)(void *context, size_t index, char *page))
{
	int fd = store_open(path, O_RDONLY);
	char *chunk = chunk_alloc();
	bool go_on = true;
	size_t n;

	for (size_t first = 0; go_on && first < pages; first += n) {
		ssize_t length;

		n = chunk_pages(first, pages);
		length = n * page_size;
		if (pread(fd, chunk, length, first * page_size) != length)
			die("cannot read %s at page %zu", path, first);
		for (size_t i = 0; go_on && i < n; i++)
			go_on = look(context, first + i, chunk + i * page_size);
	}
	free(chunk);
	close(fd);
}

static bool take_down(void *context, size_t index, char *page)
{
	uint64_t *model = (uint64_t *)context + index * sectors_per_page();

	for (unsigned int n = 0; n < sectors_per_page(); n++)
		model[n] = sector_hash(page + n * SECTOR);
	return true;
}

/* Parameters and result of a comparison. */
struct comparison {
	const uint64_t *model;
	uint64_t checksum;
	size_t page;
	unsigned int sector;
	bool differs;
};

static bool compare(void *context, size_t index, char *page)
{
	struct comparison *comparison = context;
	const uint64_t *model = comparison->model + index * sectors_per_page();

	for (unsigned int n = 0; n < sectors_per_page(); n++) {
		uint64_t hash = sector_hash(page + n * SECTOR);

		comparison->checksum = mix(comparison->checksum ^ hash) + n;
		if (hash == model[n])
			continue;
		comparison->page = index;
		comparison->sector = n;
		comparison->differs = true;
		return false;
	}
	return true;
}

/* Exits unless the store is as expected. Returns a checksum. */
static uint64_t store_check(struct workload *load)
{
	struct comparison comparison = { .model = load->model };

	store_read(load->options.store, load->pages, &comparison, compare);
	errno = 0;
	if (comparison.differs)
		die("page %zu of %s differs, in sector %u", comparison.page,
		    load->options.store, comparison.sector);
	return comparison.checksum;
}

static void store_fill(const struct options *options)
{
	size_t pages = store_pages(options), n;
	int fd = store_open(options->store, O_WRONLY);
	char *chunk = chunk_alloc();

	for (size_t first = 0; first < pages; first += n) {
		ssize_t length;

		n = chunk_pages(first, pages);
		length = n * page_size;
		pages_fill(chunk, n, first + 1);
		if (pwrite(fd, chunk, length, first * page_size) != length)
			die("cannot write %s at page %zu", options->store,
			    first);
	}
	if (fsync(fd))
		die("cannot write %s", options->store);
	free(chunk);
	close(fd);
}

/* --- the box --- */

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s", path);
	return fd;
}

static void box_make(struct workload *load, int flags, unsigned int frames)
{
	const struct options *options = &load->options;
	int store = open_or_die(options->store, flags);
	int swap = options->swap ? open_or_die(options->swap, O_RDWR) :
				   PAGEBOX_FD_RAM;

	load->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
		       PAGEBOX_SET_SWAP,
		.frames = options->frames ? options->frames : frames,
		.store_fd = store,
		.swap_fd = swap,
	});
	close(store);
	if (options->swap)
		close(swap);
	load->map = box_map(load->box, load->pages, MAP_SHARED);
}

static void model_make(struct workload *load)
{
	load->model = shared_memory(load->pages * sectors_per_page() *
				    sizeof(*load->model));
	store_read(load->options.store, load->pages, load->model, take_down);
}

/* --- one process --- */

static uint64_t *model_of(struct workload *load, size_t page, unsigned int n)
{
	return &load->model[page * sectors_per_page() + n];
}

/* Applies the operation of a journal to the store, through a mapping of it. */
static void redo(struct workload *load, char *map, unsigned int who)
{
	const struct journal *journal = &load->shared->journal[who];

	for (unsigned int i = 0; i < own_sectors(); i++) {
		unsigned int n = own_sector(who, i);
		uint64_t sector[SECTOR_WORDS];

		if (!(journal->sectors & (1U << i)))
			continue;
		sector_fill(sector, journal->page, n, journal->tag);
		memcpy(page_at(map, journal->page) + n * SECTOR, sector,
		       SECTOR);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		*model_of(load, journal->page, n) = sector_hash(sector);
	}
}

static struct journal *begin(struct worker *worker, size_t page,
			     unsigned int sectors)
{
	struct journal *journal = &worker->load->shared->journal[worker->who];

	journal->page = page;
	journal->sectors = sectors;
	journal->tag = (uint64_t)rnd(&worker->seed) << 32 | rnd(&worker->seed);
	__atomic_store_n(&journal->active, true, __ATOMIC_SEQ_CST);
	return journal;
}

static void end(struct journal *journal)
{
	__atomic_store_n(&journal->active, false, __ATOMIC_SEQ_CST);
}

static void write_by_mapping(struct worker *worker, size_t page)
{
	unsigned int all = (1U << own_sectors()) - 1;
	struct journal *journal =
		begin(worker, page, 1 + rnd(&worker->seed) % all);

	redo(worker->load, worker->map, worker->who);
	end(journal);
}

/* Writes one sector with a system call. */
static void write_by_call(struct worker *worker, size_t page)
{
	unsigned int i = rnd(&worker->seed) % own_sectors();
	unsigned int n = own_sector(worker->who, i);
	struct journal *journal = begin(worker, page, 1U << i);
	uint64_t sector[SECTOR_WORDS];

	sector_fill(sector, page, n, journal->tag);
	if (pwrite(worker->load->box, sector, SECTOR,
		   page * page_size + n * SECTOR) != SECTOR)
		die("cannot write to page %zu of the box", page);
	*model_of(worker->load, page, n) = sector_hash(sector);
	end(journal);
}

static void check_page(struct worker *worker, size_t page)
{
	for (unsigned int i = 0; i < own_sectors(); i++) {
		unsigned int n = own_sector(worker->who, i);
		uint64_t sector[SECTOR_WORDS];

		memcpy(sector, page_at(worker->map, page) + n * SECTOR, SECTOR);
		errno = 0;
		if (sector_hash(sector) != *model_of(worker->load, page, n))
			die("page %zu of the box differs, in sector %u", page,
			    n);
	}
}

/* A private page must hold the last written contents until it is written again. */
static void use_private(struct worker *worker, size_t page)
{
	char *at = page_at(worker->private, page);

	errno = 0;
	if (worker->tag[page] && !page_holds(at, worker->tag[page]))
		die("private page %zu differs", page);
	worker->tag[page] = 1 + rnd(&worker->seed);
	page_fill(at, worker->tag[page]);
}

static void sync_some(struct worker *worker, size_t page)
{
	size_t pages = worker->load->pages - page;

	if (msync(page_at(worker->map, page),
		  (pages < 16 ? pages : 16) * page_size, MS_SYNC))
		die("msync of page %zu", page);
}

static void operate(struct worker *worker)
{
	unsigned int kind = rnd(&worker->seed) % 64;
	size_t page = rnd(&worker->seed) % worker->load->pages;

	if (kind < 28)
		write_by_mapping(worker, page);
	else if (kind < 36)
		write_by_call(worker, page);
	else if (kind < 52)
		check_page(worker, page);
	else if (kind < 63)
		use_private(worker, page % worker->private_pages);
	else
		sync_some(worker, page);
}

static bool goes_on(const struct worker *worker)
{
	const struct options *options = &worker->load->options;
	const struct shared *shared = worker->load->shared;
	uint64_t done = shared->operations[worker->who];

	if (options->counted)
		return done < (options->operations + worker->who) / PROCESSES;
	return !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

/* It has as many private pages as there are frames: some are always in swap. */
static void __attribute__((noreturn))
work(struct workload *load, unsigned int who)
{
	size_t frames = box_info(load->box).frames;
	struct worker worker = {
		.load = load,
		.who = who,
		.seed = mix(load->options.seed * PROCESSES + who),
		.map = box_map(load->box, load->pages, MAP_SHARED),
		.private_pages = frames < load->pages ? frames : load->pages,
	};

	worker.private = box_map(load->box, worker.private_pages, MAP_PRIVATE);
	worker.tag = calloc(worker.private_pages, sizeof(*worker.tag));
	if (!worker.tag)
		die("no memory");
	while (goes_on(&worker)) {
		operate(&worker);
		__atomic_fetch_add(&load->shared->operations[who], 1,
				   __ATOMIC_RELAXED);
	}
	_exit(0);
}

/* --- the whole test --- */

static void pause_for(uint64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000,
				 .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Waits, and kills a process during it if requested. */
static void let_work(struct workload *load, const pid_t *pid)
{
	uint64_t ms = load->options.seconds * 1000ULL, moment = ms;
	uint64_t seed = load->options.seed ^ getpid();
	unsigned int victim = rnd(&seed) % PROCESSES;

	if (load->options.kill) {
		moment = ms / 4 + rnd(&seed) % (ms / 2 + 1);
		pause_for(moment);
		kill(pid[victim], SIGKILL);
		printf("process %u was killed after %llu operations\n", victim,
		       (unsigned long long)load->shared->operations[victim]);
		moment = ms - moment;
	}
	pause_for(moment);
	__atomic_store_n(&load->shared->stop, true, __ATOMIC_RELAXED);
}

static void reap(struct workload *load, const pid_t *pid)
{
	unsigned int killed = 0;

	for (unsigned int who = 0; who < PROCESSES; who++) {
		int status = child_status(pid[who]);

		killed += status == 256 + SIGKILL;
		errno = 0;
		if (status && status != 256 + SIGKILL)
			die("process %u ended with %d", who, status);
		if (load->shared->journal[who].active)
			redo(load, load->map, who);
	}
	if (killed != load->options.kill)
		die("%u processes were killed", killed);
}

static void run(struct workload *load)
{
	pid_t pid[PROCESSES];

	for (unsigned int who = 0; who < PROCESSES; who++) {
		pid[who] = fork_tied();
		if (!pid[who])
			work(load, who);
	}
	if (!load->options.counted)
		let_work(load, pid);
	reap(load, pid);
	if (msync(load->map, load->pages * page_size, MS_SYNC))
		die("msync");
}

static void work_and_check(struct workload *load)
{
	struct pagebox_stats stats;
	uint64_t checksum;

	load->shared = shared_memory(sizeof(*load->shared));
	model_make(load);
	box_make(load, O_RDWR, 256);
	run(load);
	checksum = store_check(load);
	stats = box_stats(load->box);
	errno = 0;
	if (stats.faults[PAGEBOX_FAULT_FAILED] || stats.io_errors)
		die("%llu accesses failed, %llu pages could not be moved",
		    (unsigned long long)stats.faults[PAGEBOX_FAULT_FAILED],
		    (unsigned long long)stats.io_errors);
	printf("%llu operations, %llu pages read, %llu written, %llu to swap: all bytes agree\n",
	       (unsigned long long)(load->shared->operations[0] +
				    load->shared->operations[1]),
	       (unsigned long long)stats.store_reads,
	       (unsigned long long)stats.store_writes,
	       (unsigned long long)stats.swap_writes);
	if (load->options.counted)
		printf("checksum %016llx\n", (unsigned long long)checksum);
}

static void failed_as_expected(void)
{
	int c;

	puts("failed as expected");
	fflush(stdout);
	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
	errno = 0;
	if (c == EOF)
		die("no line on standard input");
}

static void read_error(struct workload *load)
{
	size_t bad = load->options.bad_page;

	errno = 0;
	if (bad >= load->pages)
		die("no page %zu", bad);
	box_make(load, O_RDONLY, 256);
	if (signal_of_read(page_at(load->map, bad)) != SIGBUS)
		die("page %zu did not raise SIGBUS", bad);
	if (!box_stats(load->box).io_errors)
		die("no error was counted");
	for (size_t i = 0; i < load->pages; i++)
		if (i != bad && !page_holds(page_at(load->map, i), i + 1))
			die("page %zu is wrong", i);
	failed_as_expected();
	if (!page_holds(page_at(load->map, bad), bad + 1))
		die("page %zu is wrong", bad);
}

static size_t dirty_pages(const struct workload *load)
{
	size_t half = (load->pages + 1) / 2;

	return half < MOST_DIRTY ? half : MOST_DIRTY;
}

/* Every other page, so that each one has a neighbour that must not change. */
static void dirty(struct workload *load)
{
	for (size_t i = 0; i < dirty_pages(load); i++) {
		page_fill(page_at(load->map, 2 * i), i + 1);
		take_down(load->model, 2 * i, page_at(load->map, 2 * i));
	}
}

static bool dirty_pages_hold(struct workload *load)
{
	for (size_t i = 0; i < dirty_pages(load); i++)
		if (!page_holds(page_at(load->map, 2 * i), i + 1))
			return false;
	return true;
}

static int sync_map(struct workload *load, int other)
{
	if (other >= 0)
		return fsync(other) ? errno : 0;
	return msync(load->map, load->pages * page_size, MS_SYNC) ? errno : 0;
}

static void must_fail(struct workload *load, int other)
{
	int error = sync_map(load, other);

	errno = 0;
	if (error != EIO)
		die("the write-back gave error %d instead of EIO", error);
}

/* An error in background write-back is still reported, once. */
static void must_recover(struct workload *load, int other)
{
	int error = sync_map(load, other);

	errno = 0;
	if (error && error != EIO)
		die("the write-back gave error %d", error);
	for (int i = 0; i < 2; i++) {
		error = sync_map(load, other);
		errno = 0;
		if (error)
			die("the write-back still gives error %d", error);
	}
}

static void write_error(struct workload *load)
{
	int other;

	model_make(load);
	box_make(load, O_RDWR, 2 * dirty_pages(load) + 64);
	other = box_join(load->box, box_info(load->box).id);
	if (other < 0)
		die("cannot join the box: error %d", -other);
	dirty(load);
	must_fail(load, -1);
	must_fail(load, other);
	errno = 0;
	if (!box_stats(load->box).io_errors)
		die("no error was counted");
	if (!dirty_pages_hold(load))
		die("a page was lost");
	failed_as_expected();
	must_recover(load, -1);
	must_recover(load, other);
	if (!dirty_pages_hold(load))
		die("a page was lost");
	store_check(load);
}

int main(int argc, char **argv)
{
	struct workload load = { .options = parse(argc, argv) };

	load.pages = store_pages(&load.options);
	switch (load.options.mode) {
	case WORK:
		work_and_check(&load);
		break;
	case FILL:
		store_fill(&load.options);
		break;
	case READ_ERROR:
		read_error(&load);
		break;
	case WRITE_ERROR:
		write_error(&load);
		break;
	}
	return 0;
}
