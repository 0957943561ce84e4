// SPDX-License-Identifier: GPL-2.0
/*
 * The contents of a store after a power failure during writes: the program for
 * the VM of scripts/powercut, which cuts the power.
 *
 *	powercut -i [-S SEED] STORE
 *	powercut -c BASE,SYNCED [-S SEED] STORE
 *	powercut -w BASE [-m] [-S SEED] STORE
 *
 *   -i   create STORE, all pages of generation 0, and sync it
 *   -c   check it, without a box: each page is whole, of a generation in which
 *        it was written, and not older than it was when generation SYNCED was
 *        synced. Prints "found GENERATION", the newest one.
 *   -w   write generation BASE, which has all pages, and then one generation
 *        after the other, each with about every fourth page, until the power is
 *        cut. Prints "synced GENERATION" after msync(), fsync() or fdatasync()
 *        has returned; these pages must survive.
 *   -m   write through a mapping, which is written back by evictions and
 *        msync(); otherwise by write(), with the flusher running
 *
 * SEED determines the pages and their order in each generation.
 *
 * No page may be torn, so each one changes atomically for write-back: write()
 * holds the page's lock; through a mapping the change is made under mlock()
 * without a flusher, so that no eviction sees half of it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 1024
#define FRAMES 128
#define SHARE 4 /* one in this many pages is written in a generation */

struct options {
	enum { NOTHING, INIT, CHECK, WRITE } mode;
	uint64_t base;
	uint64_t synced;
	bool mapped;
	uint64_t seed;
	const char *store;
};

static struct options parse(int argc, char **argv)
{
	struct options options = { .seed = 1 };
	int option;

	while ((option = getopt(argc, argv, "ic:w:mS:")) >= 0) {
		switch (option) {
		case 'i':
			options.mode = INIT;
			break;
		case 'c':
			options.mode = CHECK;
			if (sscanf(optarg, "%ju,%ju", &options.base,
				   &options.synced) != 2)
				exit(2);
			break;
		case 'w':
			options.mode = WRITE;
			options.base = strtoull(optarg, NULL, 0);
			break;
		case 'm':
			options.mapped = true;
			break;
		case 'S':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		default:
			exit(2);
		}
	}
	if (optind + 1 != argc || options.mode == NOTHING)
		exit(2);
	options.store = argv[optind];
	return options;
}

/* --- pages and generations --- */

/*
 * The first word is the generation; the others are derived from it and the
 * page.
 */
static void page_make(char *page, const struct options *options, size_t index,
		      uint64_t generation)
{
	page_fill(page, mix(options->seed ^ mix(generation * PAGES + index)));
	memcpy(page, &generation, sizeof(generation));
}

/* Whether the page is written in this generation. */
static bool is_written(const struct options *options, size_t index,
		       uint64_t generation)
{
	if (generation == options->base)
		return true;
	return mix(mix(options->seed ^ generation) + index) % SHARE == 0;
}

/* The oldest acceptable generation of a page. */
static uint64_t oldest(const struct options *options, size_t index)
{
	uint64_t generation = options->synced;

	while (generation > options->base &&
	       !is_written(options, index, generation))
		generation--;
	return generation;
}

/* --- the check --- */

static uint64_t generation_of(const char *page)
{
	uint64_t generation;

	memcpy(&generation, page, sizeof(generation));
	return generation;
}

static bool page_is_right(const struct options *options, size_t index,
			  const char *page)
{
	uint64_t generation = generation_of(page);
	char want[page_size];

	page_make(want, options, index, generation);
	if (memcmp(page, want, page_size))
		fprintf(stderr,
			"page %zu of %s is torn: its first word is generation %ju\n",
			index, options->store, generation);
	else if (generation < oldest(options, index))
		fprintf(stderr,
			"page %zu of %s is lost: it has generation %ju, but %ju was synced\n",
			index, options->store, generation,
			oldest(options, index));
	else if (!is_written(options, index, generation))
		fprintf(stderr,
			"page %zu of %s is of generation %ju, in which it was not written\n",
			index, options->store, generation);
	else
		return true;
	return false;
}

static int check(const struct options *options)
{
	uint64_t found = 0;
	size_t newer = 0, wrong = 0;
	char page[page_size];
	int fd = open(options->store, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open %s", options->store);
	for (size_t i = 0; i < PAGES; i++) {
		if (pread(fd, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot read page %zu of %s", i, options->store);
		if (!page_is_right(options, i, page)) {
			wrong++;
			continue;
		}
		newer += generation_of(page) > options->synced;
		if (found < generation_of(page))
			found = generation_of(page);
	}
	printf("%zu pages as synced in generation %ju, %zu newer, %zu wrong\n",
	       PAGES - newer - wrong, options->synced, newer, wrong);
	printf("found %ju\n", found);
	return wrong ? 1 : 0;
}

/* --- the writing --- */

static void init(const struct options *options)
{
	int fd = open(options->store, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char page[page_size];

	if (fd < 0)
		die("cannot open %s", options->store);
	for (size_t i = 0; i < PAGES; i++) {
		page_make(page, options, i, 0);
		if (pwrite(fd, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot write %s", options->store);
	}
	if (fsync(fd))
		die("fsync");
}

static int box_on(const struct options *options)
{
	int store = open(options->store, O_RDWR | O_CLOEXEC);

	if (store < 0)
		die("cannot open %s", options->store);
	return box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
		       PAGEBOX_SET_DIRTY,
		.frames = FRAMES,
		.store_fd = store,
		.dirty_age_ms = options->mapped ? PAGEBOX_MAX_DIRTY_AGE : 20,
		.dirty_ratio = options->mapped ? 100 : 20,
	});
}

struct writer {
	const struct options *options;
	int box;
	char *map;
	char *buffer;
	uint64_t seed;
};

static void write_page(struct writer *writer, size_t index)
{
	char *at = page_at(writer->map, index);

	if (!writer->options->mapped) {
		if (pwrite(writer->box, writer->buffer, page_size,
			   index * page_size) != (ssize_t)page_size)
			die("cannot write page %zu", index);
		return;
	}
	if (mlock(at, page_size))
		die("mlock");
	memcpy(at, writer->buffer, page_size);
	if (munlock(at, page_size))
		die("munlock");
}

/* In a different order each time; the number of pages is a power of two. */
static void write_generation(struct writer *writer, uint64_t generation)
{
	size_t first = rnd(&writer->seed), step = 2 * rnd(&writer->seed) + 1;

	for (size_t i = 0; i < PAGES; i++) {
		size_t index = (first + i * step) % PAGES;

		if (!is_written(writer->options, index, generation))
			continue;
		page_make(writer->buffer, writer->options, index, generation);
		write_page(writer, index);
	}
}

static void sync_all(struct writer *writer)
{
	int error;

	switch (rnd(&writer->seed) % 3) {
	case 0:
		error = msync(writer->map, PAGES * page_size, MS_SYNC);
		break;
	case 1:
		error = fsync(writer->box);
		break;
	default:
		error = fdatasync(writer->box);
		break;
	}
	if (error)
		die("cannot sync");
}

/* Occasionally a generation is only synced with the next one. */
static void write_for_ever(const struct options *options)
{
	struct writer writer = {
		.options = options,
		.box = box_on(options),
		.buffer = aligned_alloc(page_size, page_size),
		.seed = mix(options->seed + options->base),
	};

	if (!writer.buffer)
		die("no memory");
	writer.map = box_map(writer.box, PAGES, MAP_SHARED);
	for (uint64_t generation = options->base;; generation++) {
		write_generation(&writer, generation);
		if (generation > options->base && rnd(&writer.seed) % 4 == 0)
			continue;
		sync_all(&writer);
		printf("synced %ju\n", generation);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct options options = parse(argc, argv);

	switch (options.mode) {
	case INIT:
		init(&options);
		break;
	case CHECK:
		return check(&options);
	case WRITE:
		write_for_ever(&options);
		break;
	case NOTHING:
		break;
	}
	return 0;
}
