// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot by fork(), as databases take it: a process overwrites the pages of
 * a private mapping of a box, while its child writes the pages at the time of
 * the fork to a file. At any time most pages are in swap.
 *
 *	snapshot [-n FRAMES] [-p PAGES] [-w SWAP] [-r ROUNDS] [-o FILE]
 *
 *   -n FRAMES  frame limit (a quarter of the pages)
 *   -p PAGES   size of the mapping (1024)
 *   -w SWAP    swap to this file or block device (to memory)
 *   -r ROUNDS  number of snapshots, one after the other (3)
 *   -o FILE    output file for the snapshots (a memfd)
 *
 * Exit status 0: every snapshot was the state at its fork(), byte by byte, and
 * no write of the parent was lost.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

struct options {
	unsigned int frames;
	size_t pages;
	const char *swap;
	unsigned int rounds;
	const char *out;
};

/* Progress of parent and child; atomics. */
struct progress {
	size_t saved; /* pages that the child has written */
	size_t overwritten; /* pages that the parent has written since */
};

struct database {
	struct options options;
	int box;
	int out;
	char *map;
	uint64_t *version; /* of each page; determines its contents */
	uint64_t *snapshot; /* the versions at the fork */
	struct progress *progress;
	uint64_t seed;
};

static uint64_t tag_of(size_t page, uint64_t version)
{
	return version << 32 | (page + 1);
}

static size_t count(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	errno = 0;
	if (end == text || *end || !value)
		die("'%s' is not a positive number", text);
	return value;
}

static struct options parse(int argc, char **argv)
{
	struct options options = { .pages = 1024, .rounds = 3 };
	int option;

	while ((option = getopt(argc, argv, "n:p:w:r:o:")) >= 0) {
		switch (option) {
		case 'n':
			options.frames = count(optarg);
			break;
		case 'p':
			options.pages = count(optarg);
			break;
		case 'w':
			options.swap = optarg;
			break;
		case 'r':
			options.rounds = count(optarg);
			break;
		case 'o':
			options.out = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (!options.frames)
		options.frames = (options.pages + 3) / 4;
	if (options.frames < PAGEBOX_MIN_FRAMES)
		options.frames = PAGEBOX_MIN_FRAMES;
	return options;
}

static int open_swap(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s", path);
	return fd;
}

static int open_out(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			     0600) :
			memfd_create("snapshot", MFD_CLOEXEC);

	if (fd < 0)
		die("cannot open the file for snapshots");
	return fd;
}

static void overwrite(struct database *db, size_t page)
{
	db->version[page]++;
	page_fill(page_at(db->map, page), tag_of(page, db->version[page]));
	__atomic_fetch_add(&db->progress->overwritten, 1, __ATOMIC_RELEASE);
}

static void db_open(struct database *db)
{
	size_t pages = db->options.pages;

	db->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP,
		.frames = db->options.frames,
		.swap_fd = db->options.swap ? open_swap(db->options.swap) :
					      PAGEBOX_FD_RAM,
	});
	db->out = open_out(db->options.out);
	db->map = box_map(db->box, pages, MAP_PRIVATE);
	db->version = calloc(pages, sizeof(*db->version));
	db->snapshot = calloc(pages, sizeof(*db->snapshot));
	if (!db->version || !db->snapshot)
		die("no memory");
	db->progress = shared_memory(sizeof(*db->progress));
	for (size_t page = 0; page < pages; page++)
		overwrite(db, page);
}

#define LEAD 256

static bool parent_leads(struct database *db)
{
	size_t half = db->options.pages / 2;

	return __atomic_load_n(&db->progress->overwritten, __ATOMIC_ACQUIRE) >
	       (half < LEAD ? half : LEAD);
}

/*
 * The child: writes all pages directly from the mapping. Half-way it lets its
 * parent get ahead, so that the remaining pages have changed in the parent.
 */
static int save(struct database *db)
{
	for (size_t page = 0; page < db->options.pages; page++) {
		if (page == db->options.pages / 2 &&
		    !eventually(parent_leads(db)))
			die("the parent makes no progress");
		if (pwrite(db->out, page_at(db->map, page), page_size,
			   page * page_size) != (ssize_t)page_size)
			die("cannot write page %zu of the snapshot", page);
		__atomic_fetch_add(&db->progress->saved, 1, __ATOMIC_RELEASE);
	}
	return fsync(db->out) ? 1 : 0;
}

static pid_t fork_saver(struct database *db)
{
	pid_t pid;

	memcpy(db->snapshot, db->version,
	       db->options.pages * sizeof(*db->version));
	db->progress->saved = 0;
	db->progress->overwritten = 0;
	if (ftruncate(db->out, 0))
		die("ftruncate");
	pid = fork_tied();
	if (!pid)
		_exit(save(db));
	return pid;
}

static void overwrite_until_saved(struct database *db, pid_t pid)
{
	int status;
	pid_t done;

	while (!(done = waitpid(pid, &status, WNOHANG)))
		overwrite(db, rnd(&db->seed) % db->options.pages);
	if (done != pid)
		die("waitpid");
	errno = 0;
	if (status)
		die("the child ended with status %#x after %zu pages", status,
		    db->progress->saved);
}

static void check_snapshot(struct database *db)
{
	uint64_t page[page_size / sizeof(uint64_t)];

	for (size_t i = 0; i < db->options.pages; i++) {
		if (pread(db->out, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot read page %zu of the snapshot", i);
		errno = 0;
		if (!page_holds(page, tag_of(i, db->snapshot[i])))
			die("page %zu of the snapshot is not as at the fork",
			    i);
	}
}

static void check_database(struct database *db)
{
	errno = 0;
	for (size_t i = 0; i < db->options.pages; i++)
		if (!page_holds(page_at(db->map, i), tag_of(i, db->version[i])))
			die("page %zu is not as last written", i);
}

static void run_round(struct database *db, unsigned int round)
{
	struct pagebox_stats before = box_stats(db->box), after;
	pid_t pid = fork_saver(db);

	overwrite_until_saved(db, pid);
	check_snapshot(db);
	check_database(db);
	after = box_stats(db->box);
	errno = 0;
	if (after.faults[PAGEBOX_FAULT_FAILED])
		die("%llu accesses failed",
		    (unsigned long long)after.faults[PAGEBOX_FAULT_FAILED]);
	if (after.faults[PAGEBOX_FAULT_COW] == before.faults[PAGEBOX_FAULT_COW])
		die("nothing was copied: the child shared no page");
	printf("snapshot %u: %zu pages, %zu overwritten during it, %llu copied, %llu swapped in\n",
	       round, db->options.pages, db->progress->overwritten,
	       (unsigned long long)(after.faults[PAGEBOX_FAULT_COW] -
				    before.faults[PAGEBOX_FAULT_COW]),
	       (unsigned long long)(after.faults[PAGEBOX_FAULT_SWAPIN] -
				    before.faults[PAGEBOX_FAULT_SWAPIN]));
}

int main(int argc, char **argv)
{
	struct database db = { .options = parse(argc, argv), .seed = 1 };

	db_open(&db);
	for (unsigned int round = 1; round <= db.options.rounds; round++)
		run_round(&db, round);
	return 0;
}
