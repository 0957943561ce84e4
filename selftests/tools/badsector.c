// SPDX-License-Identifier: GPL-2.0
/*
 * A swap area with a page that is unreadable for a while, for a test that
 * provides such a device:
 *
 *	badsector [-s] [-p PAGES] -b SLOT SWAP
 *
 *   -s        use the pages of a shared mapping instead of a private one
 *   -p PAGES  number of pages (1010)
 *   -b SLOT   the page of SWAP that fails
 *
 * Swaps all pages of a box out to SWAP and prints "swapped out". After a line
 * on standard input, SLOT is unreadable: each access to its page must raise
 * SIGBUS, kernel accesses to it must fail, and all other pages must be right,
 * in a child too, although several pages are read at once. Prints "failed as
 * expected"; after one more line the page must be right as well.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 64

struct options {
	bool shared;
	size_t pages;
	long slot;
	const char *swap;
};

struct state {
	struct options options;
	int box;
	char *map;
	size_t bad; /* the page in the slot that fails */
};

static struct options parse(int argc, char **argv)
{
	struct options options = { .pages = 1010, .slot = -1 };
	int option;

	while ((option = getopt(argc, argv, "sp:b:")) >= 0) {
		switch (option) {
		case 's':
			options.shared = true;
			break;
		case 'p':
			options.pages = parse_number(optarg);
			break;
		case 'b':
			options.slot = parse_number(optarg);
			break;
		default:
			exit(2);
		}
	}
	errno = 0;
	if (optind + 1 != argc || options.slot < 0)
		die("usage error: a slot and a swap area are required");
	options.swap = argv[optind];
	return options;
}

/* Prints a line, and waits for one. */
static void say(const char *what)
{
	int c;

	puts(what);
	fflush(stdout);
	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
	errno = 0;
	if (c == EOF)
		die("nobody answered");
}

static uint64_t tag_of(size_t page)
{
	return 7000000 + page;
}

static void fill(struct state *state)
{
	size_t pages = state->options.pages;
	int swap = open(state->options.swap, O_RDWR | O_CLOEXEC);

	if (swap < 0)
		die("cannot open %s", state->options.swap);
	state->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP |
		       PAGEBOX_SET_READAHEAD,
		.frames = FRAMES,
		.swap_fd = swap,
		.readahead = 8,
	});
	close(swap);
	state->map = box_map(state->box, pages,
			     state->options.shared ? MAP_SHARED : MAP_PRIVATE);
	for (size_t i = 0; i < pages; i++)
		page_fill(page_at(state->map, i), tag_of(i));
	if (map_range(state->box, PAGEBOX_IOC_PAGE_OUT, state->map, pages) < 0)
		die("PAGEBOX_IOC_PAGE_OUT");
	errno = 0;
	if (box_stats(state->box).frames_used)
		die("some pages are still in frames");
}

/* The page whose only copy is in the slot. */
static size_t page_in_slot(const struct state *state)
{
	unsigned int id = box_info(state->box).id;
	struct page_row *rows;
	size_t count, found = 0, bad = 0;

	count = page_rows(id, map_row_at(id, state->map).map, &rows);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].slot != state->options.slot || rows[i].frame >= 0)
			continue;
		bad = rows[i].index;
		found++;
	}
	free(rows);
	errno = 0;
	if (found != 1)
		die("slot %ld has %zu pages", state->options.slot, found);
	return bad;
}

/* A system call reads the page: its errno. */
static int errno_of_call(const struct state *state)
{
	int file = memfd_create("copy", MFD_CLOEXEC), error;

	errno = 0;
	if (pwrite(file, page_at(state->map, state->bad), page_size, 0) > 0)
		errno = 0;
	error = errno;
	close(file);
	return error;
}

static int errno_of_pread(const struct state *state)
{
	char page[page_size];

	errno = 0;
	if (pread(state->box, page, page_size, state->bad * page_size) >= 0)
		return 0;
	return errno;
}

/*
 * Each access fails, every time. So does a write, as it needs the rest of the
 * page.
 */
static void bad_page_fails(const struct state *state)
{
	char *at = page_at(state->map, state->bad);

	for (int i = 0; i < 3; i++) {
		int signal = signal_of_read(at), error;

		errno = 0;
		if (signal != SIGBUS)
			die("reading page %zu gave signal %d", state->bad,
			    signal);
		signal = signal_of_write(at);
		if (signal != SIGBUS)
			die("writing page %zu gave signal %d", state->bad,
			    signal);
		error = errno_of_call(state);
		errno = 0;
		if (error != EFAULT)
			die("write() from page %zu gave error %d", state->bad,
			    error);
		error = state->options.shared ? errno_of_pread(state) : EIO;
		errno = 0;
		if (error != EIO)
			die("pread() of page %zu gave error %d", state->bad,
			    error);
	}
}

static void others_hold(const struct state *state)
{
	for (size_t i = 0; i < state->options.pages; i++)
		if (i != state->bad &&
		    !page_holds(page_at(state->map, i), tag_of(i)))
			die("page %zu is wrong", i);
}

static int as_a_child(void *context)
{
	const struct state *state = context;

	bad_page_fails(state);
	others_hold(state);
	return 0;
}

/* The failed page is accessible again. */
static void all_is_well(const struct state *state)
{
	for (size_t i = 0; i < state->options.pages; i++)
		if (!page_holds(page_at(state->map, i), tag_of(i)))
			die("page %zu is wrong", i);
}

static void run(struct state *state)
{
	struct pagebox_stats stats;

	fill(state);
	state->bad = page_in_slot(state);
	say("swapped out");
	bad_page_fails(state);
	others_hold(state);
	bad_page_fails(state);
	if (in_child(as_a_child, state))
		die("a child saw something else");
	stats = box_stats(state->box);
	errno = 0;
	if (!stats.io_errors || !stats.faults[PAGEBOX_FAULT_FAILED])
		die("no error was counted");
	say("failed as expected");
	all_is_well(state);
	printf("page %zu failed %llu times, %zu others were right\n",
	       state->bad, (unsigned long long)stats.io_errors,
	       state->options.pages - 1);
}

int main(int argc, char **argv)
{
	struct state state = { .options = parse(argc, argv) };

	run(&state);
	return 0;
}
