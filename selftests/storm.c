// SPDX-License-Identifier: GPL-2.0
/*
 * Processes of two threads that do everything at once in a box of few frames:
 * read and write shared and private mappings, call read() and write(), pin,
 * fork, copy on write, swap, msync(), ioctls, direct I/O. Each thread knows the
 * contents of its own words and pages, so a lost write or a stale page is
 * detected at once.
 *
 * Some processes are killed at random moments. Right afterwards every byte of
 * the survivors must be right, and so must be the words and pages of the killed
 * threads in the root view; one that was being written may be partly written.
 * At the end the store must have all contents, and the box must be empty.
 *
 *   PAGEBOX_FULL=1   1,000 kills instead of 50
 *   PAGEBOX_SEED=N   other moments
 *
 * With options it is a program for scripts, without kills:
 *
 *	storm --seconds S [--seed N] [--disk DEVICE]
 *
 *   --disk DEVICE   direct I/O from and to this device, which is overwritten
 *
 * The first wrong line is printed, and the exit status is 1.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/repeater.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PROCESSES 4
#define THREADS 2
#define WORKERS \
	(PROCESSES * THREADS) /* as many words as fit in a 64-byte line */
#define VICTIMS 2 /* the first processes, which are killed */
#define MOST_ROUNDS 500
#define FOR_EVER ULONG_MAX

/* The pages of the box. */
#define WORD_PAGES 32 /* in the root view, and in each private mapping */
#define AREA_PAGES 8 /* in the root view, for each thread */
#define AREA(worker) (2 * WORD_PAGES + (worker)*AREA_PAGES)
#define MINE_FIRST AREA(WORKERS) /* of a private mapping for each thread */
#define MINE_PAGES 16
#define PARENT_FIRST (MINE_FIRST + MINE_PAGES)
#define PARENT_PAGES 12
#define PAGES (PARENT_FIRST + PARENT_PAGES)

#define STORE_TAG 1 /* page i of the store, from MINE_FIRST on, has this + i */
#define PARENT_TAG 100000

/* The target of a write, and its method. */
enum { WORD, PAGE, CALL };

/*
 * A thread's writes to the root view, for the checks after its death. Written
 * in this order: what it is about to write, that it writes, the word or the
 * page, the new value or tag, that it is done.
 */
struct record {
	uint64_t word[WORD_PAGES];
	uint64_t tag[AREA_PAGES];
	size_t page;
	uint64_t next;
	int kind;
	bool writing;
	uint32_t turn;
	unsigned long operations; /* atomic */
};

/* State shared by all processes; atomics. */
struct shared {
	bool stop;
	bool wrong;
	uint64_t forks;
	uint64_t pins;
	struct record record[WORKERS];
};

struct worker {
	unsigned int number;
	unsigned long operations;
	uint64_t seed;
	int box;
	int disk;
	struct record *record;
	char *map; /* words in the root view */
	char *area; /* pages in the root view */
	char *own; /* words in the process's private mapping */
	char *mine; /* pages in a private mapping of the thread */
	char *buffer;
	struct worker *mate;
	uint64_t own_word[WORD_PAGES]; /* relaxed atomics */
	uint64_t mine_tag[MINE_PAGES];
	uint64_t mine_base; /* the tag of its first page in the root view */
};

static struct shared *shared;

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static bool must_stop(void)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

static void wrong(const struct worker *w, const char *what, size_t page,
		  uint64_t got, uint64_t wanted)
{
	fprintf(stderr, "# worker %u: %s, page %zu: %#llx instead of %#llx\n",
		w->number, what, page, (unsigned long long)got,
		(unsigned long long)wanted);
	__atomic_store_n(&shared->wrong, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->stop, true, __ATOMIC_SEQ_CST);
}

/* --- words: a thread's own in each line of each page --- */

/* The line depends on the page. */
static uint64_t *word_in(char *map, size_t page, unsigned int worker)
{
	return (uint64_t *)(page_at(map, page) + page % 64 * 64) + worker;
}

/* A value encodes its worker, its page and its turn. */
static uint64_t value_of(unsigned int worker, size_t page, uint32_t turn)
{
	return (uint64_t)(worker + 1) << 56 | (uint64_t)page << 40 | turn;
}

static void fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void begin_write(struct record *record, int kind, size_t page,
			uint64_t next)
{
	record->kind = kind;
	record->page = page;
	record->next = next;
	fence();
	record->writing = true;
	fence();
}

static void end_write(struct record *record)
{
	fence();
	*(record->kind == WORD ? &record->word[record->page] :
				 &record->tag[record->page]) = record->next;
	fence();
	record->writing = false;
}

/* A word of memory, or of the box: directly, by a pin, or by a call. */
static uint64_t read_word(const struct worker *w, uint64_t *at, off_t offset,
			  unsigned int way)
{
	uint64_t value = 0;
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { at, sizeof(value) };
	ssize_t got;

	if (way > 1)
		return *(volatile uint64_t *)at;
	got = way && offset >= 0 ?
		      pread(w->box, &value, sizeof(value), offset) :
		      process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	if (got != sizeof(value))
		die("cannot read a word with method %u", way);
	count(&shared->pins);
	return value;
}

static void write_word(const struct worker *w, uint64_t *at, off_t offset,
		       uint64_t value, unsigned int way)
{
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { at, sizeof(value) };
	ssize_t put;

	if (way > 1) {
		*(volatile uint64_t *)at = value;
		return;
	}
	put = way && offset >= 0 ?
		      pwrite(w->box, &value, sizeof(value), offset) :
		      process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	if (put != sizeof(value))
		die("cannot write a word with method %u", way);
	count(&shared->pins);
}

static void check_word(const struct worker *w, bool own, size_t page,
		       unsigned int way)
{
	uint64_t want = own ? w->own_word[page] : w->record->word[page];
	uint64_t *at = word_in(own ? w->own : w->map, page, w->number);
	uint64_t got = read_word(w, at, own ? -1 : (char *)at - w->map, way);

	if (got != want)
		wrong(w, own ? "private word" : "shared word", page, got, want);
}

static void set_word(struct worker *w, bool own, size_t page, unsigned int way)
{
	uint64_t value = value_of(w->number, page, ++w->record->turn);
	uint64_t *at = word_in(own ? w->own : w->map, page, w->number);

	if (own) {
		write_word(w, at, -1, value, way);
		__atomic_store_n(&w->own_word[page], value, __ATOMIC_RELEASE);
	} else {
		begin_write(w->record, WORD, page, value);
		write_word(w, at, (char *)at - w->map, value, way);
		end_write(w->record);
	}
}

static void use_word(struct worker *w, bool own)
{
	size_t page = rnd(&w->seed) % WORD_PAGES;
	unsigned int way = rnd(&w->seed) % 8;

	check_word(w, own, page, way);
	if (rnd(&w->seed) % 2)
		set_word(w, own, page, rnd(&w->seed) % 8);
}

static void check_all_words(const struct worker *w)
{
	for (size_t page = 0; page < WORD_PAGES; page++) {
		check_word(w, true, page, 2);
		check_word(w, false, page, 2);
	}
}

/* --- whole pages of a thread --- */

static off_t offset_of_area(const struct worker *w, size_t page)
{
	return (AREA(w->number) + page) * page_size;
}

/* Word by word, in order, so that an interrupted copy shows its progress. */
static void copy_words(char *to, const char *from)
{
	for (size_t i = 0; i < page_size / sizeof(uint64_t); i++)
		((volatile uint64_t *)to)[i] = ((const uint64_t *)from)[i];
}

static void write_area(struct worker *w)
{
	size_t page = rnd(&w->seed) % AREA_PAGES;
	uint64_t tag = (uint64_t)rnd(&w->seed) << 32 | rnd(&w->seed);
	int kind = rnd(&w->seed) % 2 ? CALL : PAGE;

	page_fill(w->buffer, tag);
	begin_write(w->record, kind, page, tag);
	if (kind == PAGE)
		copy_words(page_at(w->area, page), w->buffer);
	else if (pwrite(w->box, w->buffer, page_size,
			offset_of_area(w, page)) != (ssize_t)page_size)
		die("pwrite");
	end_write(w->record);
}

static void check_area(struct worker *w)
{
	size_t page = rnd(&w->seed) % AREA_PAGES;
	const char *at = page_at(w->area, page);

	if (rnd(&w->seed) % 2) {
		if (pread(w->box, w->buffer, page_size,
			  offset_of_area(w, page)) != (ssize_t)page_size)
			die("pread");
		at = w->buffer;
	}
	if (!page_holds(at, w->record->tag[page]))
		wrong(w, "area", page, 0, w->record->tag[page]);
}

static void sync_area(struct worker *w)
{
	size_t page = rnd(&w->seed) % AREA_PAGES;

	if (msync(page_at(w->area, page), (AREA_PAGES - page) * page_size,
		  MS_SYNC))
		die("msync");
}

/* A page is written to the disk and read back. */
static void use_disk(struct worker *w)
{
	bool private = rnd(&w->seed) % 2;
	size_t page = rnd(&w->seed) % AREA_PAGES;
	char *at = page_at(private ? w->mine : w->area, page);
	uint64_t *tag = private ? &w->mine_tag[page] : &w->record->tag[page];
	off_t offset = (off_t)w->number * page_size;

	if (w->disk < 0)
		return;
	*tag = (uint64_t)rnd(&w->seed) << 32 | 1;
	page_fill(at, *tag);
	if (pwrite(w->disk, at, page_size, offset) != (ssize_t)page_size)
		die("direct write");
	page_fill(at, *tag + 1);
	if (pread(w->disk, at, page_size, offset) != (ssize_t)page_size)
		die("direct read");
	if (!page_holds(at, *tag))
		wrong(w, "direct I/O", page, 0, *tag);
	count(&shared->pins);
}

static void check_mine(struct worker *w, size_t page)
{
	uint64_t tag = w->mine_tag[page]    ?:
			       w->mine_base ? w->mine_base + page :
					      0;

	if (!page_holds(page_at(w->mine, page), tag))
		wrong(w, "private page", page, 0, tag);
}

static void use_mine(struct worker *w)
{
	size_t page = rnd(&w->seed) % MINE_PAGES;

	check_mine(w, page);
	page = rnd(&w->seed) % MINE_PAGES;
	w->mine_tag[page] = 1 + rnd(&w->seed);
	page_fill(page_at(w->mine, page), w->mine_tag[page]);
}

/* The old mapping is unmapped in two parts. */
static void map_anew(struct worker *w)
{
	if (w->mine) {
		unmap(w->mine, 5);
		unmap(page_at(w->mine, 5), MINE_PAGES - 5);
	}
	w->mine = box_map_from(w->box, MINE_FIRST, MINE_PAGES, MAP_PRIVATE);
	memset(w->mine_tag, 0, sizeof(w->mine_tag));
}

/* --- operations on ranges and processes --- */

static void move_range(struct worker *w)
{
	struct {
		char *map;
		size_t pages;
	} maps[] = { { w->map, WORD_PAGES },
		     { w->own, WORD_PAGES },
		     { w->area, AREA_PAGES },
		     { w->mine, MINE_PAGES } },
	  *of = &maps[rnd(&w->seed) % 4];
	size_t first = rnd(&w->seed) % of->pages;
	size_t pages = of->pages - first < 16 ? of->pages - first : 16;
	char *at = page_at(of->map, first);
	long error = 0;

	switch (rnd(&w->seed) % 4) {
	case 0:
		error = map_range(w->box, PAGEBOX_IOC_PAGE_OUT, at, pages);
		break;
	case 1:
		error = map_range(w->box, PAGEBOX_IOC_PREFETCH, at, pages);
		break;
	case 2:
		if (of->map != w->mine)
			break;
		error = map_range(w->box, PAGEBOX_IOC_DISCARD, at, 1);
		w->mine_tag[first] = 0;
		break;
	case 3:
		drop_ptes(at, pages);
		break;
	}
	if (error < 0) {
		errno = -error;
		die("a range of pages");
	}
}

static void join_and_leave(struct worker *w)
{
	int joined = box_join(w->box, box_info(w->box).id);

	if (joined < 0)
		die("PAGEBOX_IOC_JOIN");
	box_stats(joined);
	close(joined);
}

/*
 * A child's view of the other thread's words: at least the values from before
 * fork(), whole, and none written after it.
 */
static void check_snapshot(const struct worker *w, const uint64_t *before)
{
	const unsigned int mate = w->mate->number;
	uint64_t seen[WORD_PAGES];

	for (int round = 0; round < 2; round++) {
		for (size_t page = 0; page < WORD_PAGES; page++) {
			uint64_t value = *(
				volatile uint64_t *)word_in(w->own, page, mate);

			if ((value &&
			     value >> 40 != value_of(mate, page, 0) >> 40) ||
			    value < before[page] ||
			    (round && value != seen[page]))
				wrong(w, "snapshot", page, value, before[page]);
			seen[page] = value;
		}
		drop_ptes(w->own, WORD_PAGES);
	}
}

/* A child has the contents at the time of fork(), and its writes are private. */
static void __attribute__((noreturn))
live(struct worker *w, const uint64_t *before)
{
	check_snapshot(w, before);
	for (unsigned int i = 0; i < 24; i++) {
		use_word(w, true);
		if (i % 3 == 0)
			use_mine(w);
	}
	for (size_t page = 0; page < WORD_PAGES; page += 8)
		check_word(w, true, page, 2);
	_exit(0);
}

/* It may outlive this process. */
static void bear(struct worker *w)
{
	uint64_t before[WORD_PAGES];
	uint32_t turn = w->record->turn;
	pid_t pid;

	for (size_t page = 0; page < WORD_PAGES; page++)
		before[page] = __atomic_load_n(&w->mate->own_word[page],
					       __ATOMIC_ACQUIRE);
	pid = fork_tied();
	if (!pid) {
		/* Its turns are in a separate record. */
		struct record record = { .turn = turn };

		w->record = &record;
		live(w, before);
	}
	for (unsigned int i = 0; i < 20; i++)
		use_word(w, true);
	if (child_status(pid))
		wrong(w, "a child", 0, 0, 0);
	count(&shared->forks);
}

/* --- workers --- */

/*
 * Frequency of each act, out of 512; a fork takes as long as hundreds of
 * faults.
 */
static const struct {
	unsigned int part;
	void (*act)(struct worker *w);
} acts[] = {
	{ 3, bear },	       { 8, use_disk },	   { 4, map_anew },
	{ 4, join_and_leave }, { 16, sync_area },  { 48, move_range },
	{ 64, write_area },    { 32, check_area }, { 96, use_mine },
};

static void act(struct worker *w)
{
	unsigned int which = rnd(&w->seed) % 512;

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		if (which < acts[i].part) {
			acts[i].act(w);
			return;
		}
		which -= acts[i].part;
	}
	use_word(w, rnd(&w->seed) % 2);
}

static void *work(void *context)
{
	struct worker *w = context;

	for (unsigned long i = 0; i < w->operations && !must_stop(); i++) {
		act(w);
		__atomic_fetch_add(&w->record->operations, 1, __ATOMIC_RELAXED);
	}
	check_all_words(w);
	return NULL;
}

/* The state of a storm. */
struct storm {
	int box;
	int store; /* or -1 */
	const char *disk;
	uint64_t seed;
	unsigned long operations; /* of each thread that is not killed */
	pid_t pid[PROCESSES];
	char *root; /* all pages, in the parent */
	char *private; /* pages of the parent */
	unsigned int kills;
	unsigned int writing; /* kills in the middle of a write */
};

static void worker_init(struct worker *w, struct storm *storm,
			unsigned int number)
{
	*w = (struct worker){
		.number = number,
		.operations = storm->operations,
		.seed = storm->seed * WORKERS + number,
		.box = storm->box,
		.disk = -1,
		.record = &shared->record[number],
		.area = box_map_from(storm->box, AREA(number), AREA_PAGES,
				     MAP_SHARED),
		.buffer = aligned_alloc(page_size, page_size),
		.mine_base = storm->store < 0 ? 0 : STORE_TAG + MINE_FIRST,
	};
	if (!w->buffer)
		die("no memory");
	if (storm->disk) {
		w->disk = open(storm->disk, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (w->disk < 0)
			die("cannot open %s", storm->disk);
	}
	map_anew(w);
}

static void __attribute__((noreturn))
process(struct storm *storm, unsigned int number)
{
	static struct worker workers[THREADS];
	char *map = box_map(storm->box, WORD_PAGES, MAP_SHARED);
	char *own =
		box_map_from(storm->box, WORD_PAGES, WORD_PAGES, MAP_PRIVATE);
	pthread_t thread;

	setpgid(0, 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		worker_init(&workers[i], storm, number * THREADS + i);
		workers[i].mate = &workers[!i];
		workers[i].map = map;
		workers[i].own = own;
	}
	if (pthread_create(&thread, NULL, work, &workers[1]))
		die("pthread_create");
	work(&workers[0]);
	pthread_join(thread, NULL);
	_exit(0);
}

static void process_start(struct storm *storm, unsigned int number)
{
	storm->pid[number] = fork_tied();
	if (!storm->pid[number])
		process(storm, number);
	setpgid(storm->pid[number], storm->pid[number]);
}

static void storm_init(struct storm *storm)
{
	shared = shared_memory(sizeof(*shared));
	storm->seed = seed_given();
}

/* Waits for the exit of processes @first and up; whether all were right. */
static bool processes_end(struct storm *storm, unsigned int first)
{
	bool right = true;

	for (unsigned int i = first; i < PROCESSES; i++)
		right &= !child_status(storm->pid[i]);
	return right && !shared->wrong;
}

static unsigned long long evictions(const struct pagebox_stats *stats)
{
	return stats->evict_clean + stats->evict_dirty;
}

static unsigned long long all_faults(const struct pagebox_stats *stats)
{
	unsigned long long faults = 0;

	for (int i = 0; i < FAULT_CLASSES; i++)
		faults += stats->faults[i];
	return faults;
}

static void report(const struct pagebox_stats *stats)
{
	printf("# evictions %llu\n# faults %llu\n# forks %llu\n# pins %llu\n",
	       evictions(stats), all_faults(stats),
	       (unsigned long long)shared->forks,
	       (unsigned long long)shared->pins);
}

/* --- kills --- */

static unsigned long operations_of(unsigned int process)
{
	return __atomic_load_n(&shared->record[process * THREADS].operations,
			       __ATOMIC_RELAXED);
}

/* After some operations, then at a random moment within about one more. */
static bool wait_for_moment(struct storm *storm, unsigned int process)
{
	unsigned long goal = operations_of(process) + rnd(&storm->seed) % 24;
	struct timespec within = { .tv_nsec = rnd(&storm->seed) % 2000000 };
	pid_t pid = storm->pid[process];

	if (!eventually(has_ended(pid) || operations_of(process) >= goal) ||
	    has_ended(pid))
		return false;
	nanosleep(&within, NULL);
	return true;
}

/* Reaps a process group; whether all its processes have exited. */
static bool all_dead(pid_t leader)
{
	pid_t group = leader, pid;

	do {
		pid = waitpid(-group, NULL, WNOHANG);
	} while (pid > 0);
	return pid < 0 && errno == ECHILD;
}

/* With its children, or alone: then they get the signal for its death. */
static bool kill_process(struct storm *storm, unsigned int process)
{
	pid_t pid = storm->pid[process];

	if (kill(rnd(&storm->seed) % 2 ? pid : -pid, SIGKILL))
		die("kill");
	storm->kills++;
	return eventually(all_dead(storm->pid[process]));
}

/* The number of words at the start that match the pattern. */
static size_t words_of(const char *page, uint64_t tag)
{
	size_t i = 0;

	while (i < page_size / sizeof(uint64_t) &&
	       ((const uint64_t *)page)[i] == page_word(tag, i))
		i++;
	return i;
}

/* New up to some word, and old from there on; a call writes all or nothing. */
static bool partly_written(const char *page, uint64_t new, uint64_t old,
			   bool whole)
{
	const size_t words = page_size / sizeof(uint64_t);
	size_t i = words_of(page, new);

	if (whole)
		return i == words || words_of(page, old) == words;
	while (i < words && ((const uint64_t *)page)[i] == page_word(old, i))
		i++;
	return i == words;
}

/* Checks and completes a killed thread's unfinished write. */
static bool finish_writing(struct storm *storm, unsigned int worker)
{
	struct record *record = &shared->record[worker];
	size_t i = record->page;
	bool right;

	if (record->kind == WORD) {
		uint64_t *word = word_in(storm->root, i, worker);

		right = *word == record->word[i] || *word == record->next;
		*word = record->next;
	} else {
		char *page = page_at(storm->root, AREA(worker) + i);

		right = partly_written(page, record->next, record->tag[i],
				       record->kind == CALL);
		page_fill(page, record->next);
	}
	end_write(record);
	if (!right)
		fprintf(stderr,
			"# worker %u: page %zu is neither old nor new\n",
			worker, i);
	return right;
}

/*
 * The contents that a thread has left in pages @root: of the root view or the
 * store.
 */
static bool left_is_right(char *root, unsigned int worker)
{
	struct record *record = &shared->record[worker];

	for (size_t i = 0; i < AREA_PAGES; i++)
		if (!page_holds(page_at(root, AREA(worker) + i),
				record->tag[i]))
			return false;
	for (size_t i = 0; i < WORD_PAGES; i++) {
		uint64_t got = *word_in(root, i, worker);

		if (got == record->word[i])
			continue;
		fprintf(stderr,
			"# worker %u left %#llx in page %zu, not %#llx\n",
			worker, (unsigned long long)got, i,
			(unsigned long long)record->word[i]);
		return false;
	}
	return true;
}

static bool process_left(struct storm *storm, unsigned int process)
{
	bool right = true;

	for (unsigned int i = process * THREADS; i < (process + 1) * THREADS;
	     i++) {
		if (shared->record[i].writing) {
			storm->writing++;
			right &= finish_writing(storm, i);
		}
		right &= left_is_right(storm->root, i);
	}
	return right;
}

static bool survivors_work(const unsigned long *goal)
{
	for (unsigned int i = VICTIMS; i < PROCESSES; i++)
		if (operations_of(i) < goal[i])
			return shared->wrong;
	return true;
}

static bool survivors_go_on(void)
{
	unsigned long goal[PROCESSES];

	for (unsigned int i = VICTIMS; i < PROCESSES; i++)
		goal[i] = operations_of(i) + reduced(20);
	return eventually(survivors_work(goal)) && !shared->wrong;
}

static bool kill_round(struct storm *storm)
{
	bool right = true;

	for (unsigned int i = 0; i < VICTIMS; i++)
		process_start(storm, i);
	for (unsigned int i = 0; i < VICTIMS; i++)
		right &= wait_for_moment(storm, i) && kill_process(storm, i);
	for (unsigned int i = 0; right && i < VICTIMS; i++)
		right &= process_left(storm, i);
	right &= pages_hold(storm->private, PARENT_PAGES, PARENT_TAG);
	box_set_frames(storm->box, 24 + rnd(&storm->seed) % 16);
	return right && !shared->wrong;
}

/* --- the tests --- */

/* The store starts as zeroes where processes write, otherwise as a pattern. */
static int store_new(void)
{
	int store = store_file(PAGES * page_size, STORE_TAG);
	char zeroes[page_size];

	memset(zeroes, 0, page_size);
	for (size_t i = 0; i < MINE_FIRST; i++)
		if (pwrite(store, zeroes, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot write to the store");
	return store;
}

/* On a slow machine, many concurrent faults may hold their frames for long. */
static void storm_box(struct storm *storm, unsigned int frames, bool store)
{
	struct pagebox_config config = {
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_OOM,
		.frames = frames,
		.bytes = PAGES * page_size,
		.store_fd = -1,
		.store_read_us = 50,
		.store_write_us = 100,
		.swap_read_us = 50,
		.swap_write_us = 50,
		.dirty_age_ms = 20,
		.dirty_ratio = 50,
		.readahead = 4,
		.oom = PAGEBOX_OOM_WAIT,
		.oom_wait_ms = 60000,
	};

	if (store) {
		config.store_fd = store_new();
		config.set |= PAGEBOX_SET_STORE | PAGEBOX_SET_STORE_DELAY |
			      PAGEBOX_SET_SWAP_DELAY | PAGEBOX_SET_DIRTY |
			      PAGEBOX_SET_READAHEAD;
	} else {
		config.set |= PAGEBOX_SET_BYTES;
	}
	storm->store = config.store_fd;
	storm->box = box_with(config);
}

/* After all have exited: the root view, the store, and finally an empty box. */
static void check_end(struct __test_metadata *_metadata, struct storm *storm)
{
	struct pagebox_stats stats = box_stats(storm->box);

	report(&stats);
	for (unsigned int i = 0; i < WORKERS; i++)
		EXPECT_TRUE(left_is_right(storm->root, i));
	EXPECT_EQ(0, stats.io_errors);
	EXPECT_EQ(0, stats.faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_LT(0, stats.faults[PAGEBOX_FAULT_COW] + small_size());
	if (storm->store >= 0) {
		char *file = mmap(NULL, PAGES * page_size, PROT_READ,
				  MAP_SHARED, storm->store, 0);

		ASSERT_NE(MAP_FAILED, file);
		ASSERT_EQ(0, fsync(storm->box));
		for (unsigned int i = 0; i < WORKERS; i++)
			EXPECT_TRUE(left_is_right(file, i));
		/* These pages were never written. */
		EXPECT_TRUE(
			pages_are_zero(page_at(file, WORD_PAGES), WORD_PAGES));
		EXPECT_TRUE(pages_hold(page_at(file, MINE_FIRST),
				       PAGES - MINE_FIRST,
				       STORE_TAG + MINE_FIRST));
	}
	unmap(storm->root, PAGES);
	EXPECT_LE(0, root_range(storm->box, PAGEBOX_IOC_DISCARD, 0, PAGES));
	EXPECT_TRUE(eventually(box_is_empty(storm->box)));
}

FIXTURE(storm)
{
	struct storm storm;
};

FIXTURE_VARIANT(storm)
{
	unsigned int frames;
	bool store;
};

FIXTURE_VARIANT_ADD(storm, few_frames){ .frames = 24 };
FIXTURE_VARIANT_ADD(storm, many_frames){ .frames = 1024 };
FIXTURE_VARIANT_ADD(storm, store){ .frames = 32, .store = true };

FIXTURE_SETUP(storm)
{
	storm_init(&self->storm);
	storm_box(&self->storm, variant->frames, variant->store);
	self->storm.operations = small_size() ? 40 : sized(160, 6000);
}

NO_TEARDOWN(storm);

/* No write is lost, and no frame is used twice. */
TEST_F(storm, all_survive)
{
	struct storm *storm = &self->storm;
	struct pagebox_stats stats;

	for (unsigned int i = 0; i < PROCESSES; i++)
		process_start(storm, i);
	EXPECT_TRUE(processes_end(storm, 0));
	storm->root = box_map(storm->box, PAGES, MAP_SHARED);
	stats = box_stats(storm->box);
	EXPECT_GE(variant->frames, stats.frames_used);
	if (variant->frames < PAGES && !small_size()) {
		EXPECT_LT(100, evictions(&stats));
		EXPECT_LT(100, stats.faults[PAGEBOX_FAULT_SWAPIN]);
	}
	check_end(_metadata, storm);
}

FIXTURE(kills)
{
	struct storm storm;
};

FIXTURE_SETUP(kills)
{
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	storm_init(&self->storm);
	storm_box(&self->storm, 32, true);
	self->storm.operations = FOR_EVER;
}

NO_TEARDOWN(kills);

/* Repeats until there were enough kills, and one in the middle of a write. */
TEST_F_TIMEOUT(kills, survivors_and_store, 900)
{
	unsigned int rounds = sized(50, 1000) / VICTIMS ?: 1;
	struct storm *storm = &self->storm;

	TH_LOG("seed %llu", (unsigned long long)storm->seed);
	/* First, so that they do not inherit the mappings that follow. */
	for (unsigned int i = VICTIMS; i < PROCESSES; i++)
		process_start(storm, i);
	storm->root = box_map(storm->box, PAGES, MAP_SHARED);
	storm->private = box_map_from(storm->box, PARENT_FIRST, PARENT_PAGES,
				      MAP_PRIVATE);
	pages_fill(storm->private, PARENT_PAGES, PARENT_TAG);
	for (unsigned int round = 0;
	     round < rounds ||
	     (!storm->writing && !small_size() && round < MOST_ROUNDS);
	     round++) {
		ASSERT_TRUE(kill_round(storm)) TH_LOG("round %u", round);
		if (round % 8 == 0)
			ASSERT_TRUE(survivors_go_on());
	}
	__atomic_store_n(&shared->stop, true, __ATOMIC_SEQ_CST);
	EXPECT_TRUE(processes_end(storm, VICTIMS));
	TH_LOG("%u kills, %u of them within a write to the root view",
	       storm->kills, storm->writing);
	EXPECT_LT(0, storm->writing + small_size());
	EXPECT_LT(0, box_stats(storm->box).evict_dirty);
	unmap(storm->private, PARENT_PAGES);
	check_end(_metadata, storm);
}

/* --- simultaneous accesses --- */

struct racer {
	pthread_barrier_t *start;
	char *map;
	unsigned int number;
	bool write;
	pthread_t thread;
};

/* Walks all pages, each one simultaneously with the other racers. */
static void *race(void *context)
{
	struct racer *racer = context;

	for (size_t page = 0; page < WORD_PAGES; page++) {
		volatile uint64_t *word =
			word_in(racer->map, page, racer->number);

		pthread_barrier_wait(racer->start);
		if (racer->write)
			*word = value_of(racer->number, page, 1);
		else
			(void)*word;
	}
	return NULL;
}

#define RACERS 4

static void run_race(char *map, bool write)
{
	struct racer racers[RACERS];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, RACERS);
	for (unsigned int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){ &start, map, i, write };
		if (pthread_create(&racers[i].thread, NULL, race, &racers[i]))
			die("pthread_create");
	}
	for (unsigned int i = 0; i < RACERS; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

static bool all_words_written(char *map)
{
	for (size_t page = 0; page < WORD_PAGES; page++)
		for (unsigned int i = 0; i < RACERS; i++)
			if (*word_in(map, page, i) != value_of(i, page, 1))
				return false;
	return true;
}

/* Threads that touch a new page simultaneously allocate one page. */
TEST(first_touch_race)
{
	for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
		int box = box_new(2 * WORD_PAGES, 0);
		char *map = box_map(box, WORD_PAGES, flags);

		run_race(map, true);
		EXPECT_TRUE(all_words_written(map));
		EXPECT_EQ(WORD_PAGES, box_stats(box).pages);
		EXPECT_EQ(WORD_PAGES, box_stats(box).frames_used);
		EXPECT_EQ(WORD_PAGES,
			  box_stats(box).faults[PAGEBOX_FAULT_ZERO]);
		EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_COW]);
	}
}

/* Threads that write a shared private page simultaneously get one copy. */
TEST(copy_race)
{
	int box = box_new(3 * WORD_PAGES, 0);
	char *shared = box_map(box, WORD_PAGES, MAP_SHARED);
	char *map = box_map(box, WORD_PAGES, MAP_PRIVATE);

	pages_fill(shared, WORD_PAGES, 1);
	run_race(map, false);
	run_race(map, true);
	EXPECT_TRUE(all_words_written(map));
	EXPECT_EQ(2 * WORD_PAGES, box_stats(box).pages);
	EXPECT_EQ(2 * WORD_PAGES, box_stats(box).frames_used);
	EXPECT_EQ(WORD_PAGES, box_stats(box).faults[PAGEBOX_FAULT_COW]);
	EXPECT_TRUE(pages_hold(shared, WORD_PAGES, 1));
}

static bool read_all(struct repeater *repeater, unsigned int round)
{
	pages_touch(repeater->map, repeater->pages);
	return true;
}

/*
 * One thread keeps as many pages hot as there are frames. None of them is
 * pinned, so another one's fault must find a frame.
 */
TEST(hot_frames_can_be_taken)
{
	const unsigned int frames = 8;
	int box = box_new(frames, 0);
	char *map = box_map(box, WORD_PAGES, MAP_PRIVATE);
	struct repeater reader;

	pages_fill(map, WORD_PAGES, 1);
	repeater_start(&reader, read_all, box, map, frames);
	EXPECT_TRUE(repeater_goes_on(&reader, 10));
	for (int round = 0; round < 5; round++) {
		for (size_t i = frames; i < WORD_PAGES; i++)
			EXPECT_EQ(0, signal_of_read(page_at(map, i)));
	}
	EXPECT_TRUE(repeater_end(&reader));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_TRUE(pages_hold(map, WORD_PAGES, 1));
}

/* --- for scripts --- */

static int by_command(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "disk", required_argument, NULL, 'd' },
		{}
	};
	struct storm storm = { .operations = FOR_EVER };
	struct pagebox_stats stats;
	unsigned int seconds = 10;
	int option;

	storm_init(&storm);
	while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (option == 's')
			seconds = parse_number(optarg);
		else if (option == 'r')
			storm.seed = parse_number(optarg);
		else if (option == 'd')
			storm.disk = optarg;
		else
			return 2;
	}
	storm_box(&storm, 32, false);
	for (unsigned int i = 0; i < PROCESSES; i++)
		process_start(&storm, i);
	for (; seconds && !must_stop(); seconds--)
		sleep(1);
	__atomic_store_n(&shared->stop, true, __ATOMIC_SEQ_CST);
	if (!processes_end(&storm, 0))
		return 1;
	stats = box_stats(storm.box);
	report(&stats);
	return stats.faults[PAGEBOX_FAULT_FAILED] != 0;
}

/* The harness defines main() itself. */
#define main run_selftest
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--", 2))
			return by_command(argc, argv);
	return run_selftest(argc, argv);
}
