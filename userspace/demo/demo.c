// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox-demo: read, edit and fork a text on too few frames.
 *
 * The program explains each step and leaves results in its working directory.
 * scripts/demo.sh compares them with the same work done by ordinary tools:
 *
 *	words, words-after		word counts, as text
 *	parent.txt, child.txt		the edited texts
 *	before, parent, child		the edits, in pages: "ucase|lcase first
 *					count", before the fork and after it in
 *					each process
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libpagebox.h"
#include "output.h"
#include "story.h"

/**
 * struct demo - the text and its box
 * @any_byte: any byte can be part of a word, not only printable ones
 * @path: path of the text
 * @bytes: size of the text
 * @pages: size of the text in pages
 * @frames: frame limit of the box
 * @box: file descriptor of the box
 * @id: number of the box
 */
struct demo {
	bool any_byte;
	const char *path;
	size_t bytes;
	size_t pages;
	size_t frames;
	int box;
	unsigned int id;
};

/* Pages per edit. */
#define EDIT 64
#define CHILD_EDIT 32
#define LATE_EDIT 16

__printf(2, 3) static void leave(const char *name, const char *format, ...)
{
	FILE *file = fopen(name, "a");
	va_list args;

	if (!file)
		err(EXIT_FAILURE, "%s", name);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	if (fclose(file))
		err(EXIT_FAILURE, "%s", name);
}

static int make_box(unsigned int *id)
{
	struct pagebox_info info;
	int fd = pagebox_open();

	if (fd < 0) {
		errno = -fd;
		err(EXIT_FAILURE, "/dev/pagebox");
	}
	errno = -pagebox_info(fd, &info);
	if (errno)
		err(EXIT_FAILURE, "info of a box");
	*id = info.id;
	return fd;
}

static struct pagebox_stats stats_of(int box)
{
	struct pagebox_stats stats;

	errno = -pagebox_stats(box, NULL, &stats);
	if (errno)
		err(EXIT_FAILURE, "statistics of a box");
	return stats;
}

static char *map_box(int box, size_t bytes, int prot, int flags)
{
	char *at = mmap(NULL, bytes, prot, flags, box, 0);

	if (at == MAP_FAILED)
		err(EXIT_FAILURE, "mmap of /dev/pagebox");
	return at;
}

static char *page_at(char *text, size_t number)
{
	return text + number * PAGEBOX_PAGE_SIZE;
}

static void first_touch(void)
{
	unsigned int id;
	int box = make_box(&id);
	char *at = map_box(box, 16 * PAGEBOX_PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_SHARED);

	story_chapter("An empty box");
	story_say("open(\"/dev/pagebox\") and mmap() of 16 pages allocate\n"
		  "nothing yet. Now the program writes to pages 3, 4 and 9.");
	page_at(at, 3)[0] = page_at(at, 4)[0] = page_at(at, 9)[0] = 1;
	story_inspect("map %u", id);
	story_say(
		"Three page faults of class 'zero': each cleared a frame for\n"
		"a page on its first access. The other 13 pages cost nothing.\n"
		"This is demand paging.");
	if (stats_of(box).faults[PAGEBOX_FAULT_ZERO] != 3)
		errx(EXIT_FAILURE, "the box did not count three such faults");
	munmap(at, 16 * PAGEBOX_PAGE_SIZE);
	close(box);
}

enum byte {
	BYTE_OTHER,
	BYTE_SPACE,
	BYTE_LETTER,
};

/* Classify bytes as "LC_ALL=C wc -w" does. */
static void sort_bytes(const struct demo *demo, unsigned char *bytes)
{
	for (int c = 0; c <= UCHAR_MAX; c++) {
		if (isspace(c))
			bytes[c] = BYTE_SPACE;
		else if (demo->any_byte || isprint(c))
			bytes[c] = BYTE_LETTER;
		else
			bytes[c] = BYTE_OTHER;
	}
}

static size_t count_words(const struct demo *demo, const char *text)
{
	unsigned char bytes[UCHAR_MAX + 1];
	bool in_word = false;
	size_t words = 0;

	sort_bytes(demo, bytes);
	for (size_t i = 0; i < demo->bytes; i++) {
		enum byte byte = bytes[(unsigned char)text[i]];

		if (byte == BYTE_LETTER && !in_word)
			words++;
		if (byte != BYTE_OTHER)
			in_word = byte == BYTE_LETTER;
	}
	return words;
}

static void open_text(struct demo *demo)
{
	struct pagebox_config config = {
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE,
		.store_fd = open(demo->path, O_RDONLY | O_CLOEXEC),
	};
	struct stat stat;

	if (config.store_fd < 0 || fstat(config.store_fd, &stat))
		err(EXIT_FAILURE, "%s", demo->path);
	demo->bytes = stat.st_size;
	demo->pages = (demo->bytes + PAGEBOX_PAGE_SIZE - 1) / PAGEBOX_PAGE_SIZE;
	demo->frames = demo->pages / 4;
	if (demo->frames < 4 * EDIT)
		errx(EXIT_FAILURE, "%s is too short for the demo", demo->path);
	config.frames = demo->frames;
	demo->box = make_box(&demo->id);
	errno = -pagebox_configure(demo->box, &config);
	if (errno)
		err(EXIT_FAILURE, "cannot configure a box with store %s",
		    demo->path);
	close(config.store_fd);
}

static void read_text(struct demo *demo)
{
	struct pagebox_stats stats;
	size_t words;
	char *text;

	story_chapter("A text four times the size of the box's memory");
	open_text(demo);
	story_say(
		"The store of a new box is the file %s: %zu\n"
		"bytes, %zu pages. The box gets %zu frames, a quarter of that.\n"
		"The program maps the box shared and counts the words in a\n"
		"plain loop over memory.",
		basename(demo->path), demo->bytes, demo->pages, demo->frames);
	text = map_box(demo->box, demo->bytes, PROT_READ, MAP_SHARED);
	words = count_words(demo, text);
	leave("words", "%zu\n", words);
	stats = stats_of(demo->box);
	story_say(
		"%zu words, and %llu faults of class 'file': each read a page\n"
		"from the store. For %llu of them no frame was free, so\n"
		"another page was evicted. Those pages were clean and could\n"
		"simply be dropped: the store still holds them. These are\n"
		"left in memory:",
		words, stats.faults[PAGEBOX_FAULT_FILE], stats.evict_clean);
	story_inspect("map %u -N 8", demo->id);
	story_say(
		"This is the clock. The hand goes around the frames and evicts\n"
		"the first page that was not accessed since the hand last\n"
		"passed. A page that was, marked '*', gets a second chance\n"
		"(%llu so far).",
		stats.second_chances);
	story_inspect("frames %u -s", demo->id);
	munmap(text, demo->bytes);
}

static void edit(char *text, const char *how, size_t first, size_t count,
		 const char *notes)
{
	int (*change)(int) = strcmp(how, "ucase") ? tolower : toupper;
	char *at = page_at(text, first);

	for (size_t i = 0; i < count * PAGEBOX_PAGE_SIZE; i++)
		at[i] = change((unsigned char)at[i]);
	leave(notes, "%s %zu %zu\n", how, first, count);
}

/* First pages of the edited parts. */
static size_t early(const struct demo *demo)
{
	return demo->pages / 8 / EDIT * EDIT;
}

static size_t others(const struct demo *demo)
{
	return early(demo) + EDIT;
}

static size_t late(const struct demo *demo)
{
	return early(demo) + EDIT + CHILD_EDIT;
}

static void show_edits(const struct demo *demo)
{
	story_inspect("map %u -g %zu-%zu", demo->id, early(demo),
		      early(demo) + 2 * EDIT - 1);
}

static char *edit_text(struct demo *demo)
{
	char *text = map_box(demo->box, demo->bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE);

	story_chapter("SHOUTING, in private");
	story_say(
		"A second mapping of the same box, this time MAP_PRIVATE, sees\n"
		"the same pages. The program turns pages %zu to %zu into\n"
		"CAPITALS.",
		early(demo), early(demo) + EDIT - 1);
	edit(text, "ucase", early(demo), EDIT, "before");
	show_edits(demo);
	story_say(
		"Each page was first read ('file': from the store), then\n"
		"written. The write hit a page of the root view, which others\n"
		"may see, so this view got a private copy: 'cow'. The access\n"
		"was retried and found the copy in its frame: 'minor'.");
	story_inspect("stat %u", demo->id);
	return text;
}

/**
 * struct child - the forked process
 * @pid: PID of the child
 * @orders: the parent writes a byte here for each step
 * @answers: the child writes a byte here after each step
 */
struct child {
	pid_t pid;
	int orders;
	int answers;
};

static bool await(int fd)
{
	char byte;
	ssize_t got;

	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	return got == 1;
}

static void signal_done(int fd)
{
	if (write(fd, "", 1) != 1)
		err(EXIT_FAILURE, "pipe");
}

/* Let the child do its next step, and wait for it. */
static void order(const struct child *child)
{
	signal_done(child->orders);
	if (!await(child->answers))
		errx(EXIT_FAILURE, "the child died");
}

/* write() straight from the mapping: the kernel takes the faults. */
static void save(const struct demo *demo, const char *text, const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t done = 0;

	if (fd < 0)
		err(EXIT_FAILURE, "%s", name);
	while (done < demo->bytes) {
		ssize_t written = write(fd, text + done, demo->bytes - done);

		if (written <= 0)
			err(EXIT_FAILURE, "%s", name);
		done += written;
	}
	if (close(fd))
		err(EXIT_FAILURE, "%s", name);
}

/* If the parent dies, its pipe ends close and the child exits. */
static void be_child(const struct demo *demo, char *text, int orders,
		     int answers)
{
	if (!await(orders))
		_exit(EXIT_FAILURE);
	edit(text, "lcase", early(demo), CHILD_EDIT, "child");
	edit(text, "ucase", others(demo), CHILD_EDIT, "child");
	signal_done(answers);

	if (!await(orders))
		_exit(EXIT_FAILURE);
	save(demo, text, "child.txt");
	signal_done(answers);

	_exit(await(orders) ? EXIT_SUCCESS : EXIT_FAILURE);
}

static struct child fork_child(const struct demo *demo, char *text)
{
	int orders[2], answers[2];
	struct child child;

	if (pipe2(orders, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		err(EXIT_FAILURE, "pipe");
	fflush(stdout);
	child.pid = fork();
	if (child.pid < 0)
		err(EXIT_FAILURE, "fork");
	if (!child.pid) {
		close(orders[1]);
		close(answers[0]);
		be_child(demo, text, orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	child.orders = orders[1];
	child.answers = answers[0];
	return child;
}

static struct child fork_text(const struct demo *demo, char *text)
{
	struct child child;

	story_chapter("fork()");
	child = fork_child(demo, text);
	story_say("Process %d is now a copy of process %d. Was memory copied\n"
		  "as well? Compare the same pages in both. The child is\n"
		  "waiting.",
		  child.pid, getpid());
	show_edits(demo);
	story_say(
		"No: each O became an S, a private copy that two views still\n"
		"share. Two of the pages with their frames (PTE: the hardware\n"
		"bits Accessed, Dirty and Writable):");
	story_inspect("map %u -l -g %zu-%zu", demo->id, early(demo),
		      early(demo) + 1);
	return child;
}

static void write_after_fork(const struct demo *demo, char *text,
			     const struct child *child)
{
	struct pagebox_stats before = stats_of(demo->box), after;

	story_chapter("Parting ways");
	story_say(
		"The child whispers in pages %zu to %zu (back to lower case)\n"
		"and shouts in pages %zu to %zu. The parent shouts in pages\n"
		"%zu to %zu.",
		early(demo), early(demo) + CHILD_EDIT - 1, others(demo),
		others(demo) + CHILD_EDIT - 1, late(demo),
		late(demo) + LATE_EDIT - 1);
	order(child);
	edit(text, "ucase", late(demo), LATE_EDIT, "parent");
	after = stats_of(demo->box);
	show_edits(demo);
	story_inspect("map %u -l -g %zu-%zu", demo->id, early(demo),
		      early(demo) + 1);
	story_say(
		"Same addresses, different frames, after %llu more copies on\n"
		"write. Pages that neither process wrote are still shared\n"
		"('s' or 'S'), and neither sees the changes of the other.",
		after.faults[PAGEBOX_FAULT_COW] -
			before.faults[PAGEBOX_FAULT_COW]);
}

static void save_texts(const struct demo *demo, char *text,
		       const struct child *child)
{
	struct pagebox_stats before = stats_of(demo->box), after;

	story_chapter("Two processes, few frames");
	story_say(
		"Each process writes its whole text to a file: %zu pages\n"
		"through %zu frames. The box holds the only copy of an edited\n"
		"page, so it must be written to swap before its frame is\n"
		"reused.",
		demo->pages, demo->frames);
	save(demo, text, "parent.txt");
	order(child);
	after = stats_of(demo->box);
	story_inspect("map %u -N 8", demo->id);
	story_say("'x' is in swap. In this chapter %llu pages were written to\n"
		  "swap and %llu were read back (class 'swapin'); the hand\n"
		  "went around %llu times.",
		  after.evict_dirty - before.evict_dirty,
		  after.faults[PAGEBOX_FAULT_SWAPIN] -
			  before.faults[PAGEBOX_FAULT_SWAPIN],
		  after.revolutions - before.revolutions);
}

static void end_child(const struct child *child)
{
	int status;

	signal_done(child->orders);
	if (waitpid(child->pid, &status, 0) < 0)
		err(EXIT_FAILURE, "waitpid");
	if (status)
		errx(EXIT_FAILURE, "the child failed");
	close(child->orders);
	close(child->answers);
}

static void write_alone(const struct demo *demo, char *text,
			const struct child *child)
{
	char *shared = page_at(text, early(demo) + EDIT - 1);
	struct pagebox_stats before, after;
	char byte;

	story_chapter("Alone again");
	byte = *shared;
	end_child(child);
	before = stats_of(demo->box);
	*shared = byte;
	after = stats_of(demo->box);
	story_say(
		"The parent read page %zu, which both shared. Then the child\n"
		"exited, and the parent wrote to the page. cow: %llu,\n"
		"mkwrite: %llu. The page was no longer shared, so there was\n"
		"nothing to copy: only write permission was missing, and the\n"
		"'mkwrite' fault granted it.",
		early(demo) + EDIT - 1,
		after.faults[PAGEBOX_FAULT_COW] -
			before.faults[PAGEBOX_FAULT_COW],
		after.faults[PAGEBOX_FAULT_MKWRITE] -
			before.faults[PAGEBOX_FAULT_MKWRITE]);
	story_inspect("stat %u", demo->id);
}

static void count_again(const struct demo *demo, char *edited)
{
	char *text = map_box(demo->box, demo->bytes, PROT_READ, MAP_SHARED);

	leave("words-after", "%zu\n", count_words(demo, text));
	munmap(text, demo->bytes);
	munmap(edited, demo->bytes);
	close(demo->box);
}

static void usage(void)
{
	fputs("Usage: pagebox-demo [--paced] [--color] [--any-byte] INSPECTOR TEXT WORKDIR\n"
	      "Normally started by scripts/demo.sh.\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "paced", no_argument, NULL, 'p' },
		{ "color", no_argument, NULL, 'c' },
		{ "any-byte", no_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	struct demo demo = { .any_byte = false };
	bool paced = false, coloured = false;
	struct child child;
	char *text;
	int letter;

	output_begin();
	while ((letter = getopt_long(argc, argv, "pcb", options, NULL)) != -1) {
		if (letter == '?')
			usage();
		paced |= letter == 'p';
		coloured |= letter == 'c';
		demo.any_byte |= letter == 'b';
	}
	if (argc - optind != 3)
		usage();
	demo.path = argv[optind + 1];
	story_begin(argv[optind], paced, coloured);
	if (chdir(argv[optind + 2]))
		err(EXIT_FAILURE, "%s", argv[optind + 2]);

	first_touch();
	read_text(&demo);
	text = edit_text(&demo);
	child = fork_text(&demo, text);
	write_after_fork(&demo, text, &child);
	save_texts(&demo, text, &child);
	write_alone(&demo, text, &child);
	count_again(&demo, text);
	return output_end(EXIT_SUCCESS);
}
