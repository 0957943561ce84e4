// SPDX-License-Identifier: GPL-2.0
/*
 * options: what the user asked for.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "options.h"
#include "sheet.h"

/* Long options without a letter. */
enum {
	OPT_COLOR = 256,
};

enum color {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/**
 * struct choice - an option, and its line in the help
 * @option: as getopt_long() wants it; val is the letter
 * @argument: name of its argument, with what stands between
 * @help: what it does
 */
struct choice {
	struct option option;
	const char *argument;
	const char *help;
};

#define COMMON "JrPnoOphV"

static const struct choice choices[] = {
	{ { "list", no_argument, NULL, 'l' },
	  "",
	  "a row for each page or frame" },
	{ { "strip", no_argument, NULL, 's' },
	  "",
	  "a character for each page or frame" },
	{ { "per-char", required_argument, NULL, 'N' },
	  " N",
	  "N pages to a character" },
	{ { "range", required_argument, NULL, 'g' },
	  " A[-B]",
	  "only pages A to B of the box" },
	{ { "watch", optional_argument, NULL, 'w' },
	  "[SEC]",
	  "look again every second, or every SEC; show what changed" },
	{ { "count", required_argument, NULL, 'c' },
	  " N",
	  "stop after N looks" },
	{ { "pid", required_argument, NULL, 'p' },
	  " PID",
	  "only mappings of this process" },
	{ { "json", no_argument, NULL, 'J' }, "", "write JSON" },
	{ { "raw", no_argument, NULL, 'r' },
	  "",
	  "write words with single spaces between" },
	{ { "pairs", no_argument, NULL, 'P' }, "", "write KEY=\"value\" pairs" },
	{ { "noheadings", no_argument, NULL, 'n' },
	  "",
	  "leave out headings and legends" },
	{ { "output", required_argument, NULL, 'o' },
	  " COLUMNS",
	  "choose columns" },
	{ { "output-all", no_argument, NULL, 'O' }, "", "all columns" },
	{ { "color", optional_argument, NULL, OPT_COLOR },
	  "[=WHEN]",
	  "auto (only on a terminal), always or never" },
	{ { "help", no_argument, NULL, 'h' }, "", "show this help" },
	{ { "version", no_argument, NULL, 'V' }, "", "show the version" },
};

#define NR_CHOICES (ARRAY_SIZE(choices))

static bool is_allowed(const struct choice *choice,
		       const struct command *command)
{
	int letter = choice->option.val;

	return letter == OPT_COLOR || strchr(COMMON, letter) ||
	       strchr(command->flags, letter);
}

/* The options of a command in the two shapes that getopt_long() wants. */
static void collect_options(const struct command *command, char *letters,
			    struct option *options)
{
	for (size_t i = 0; i < NR_CHOICES; i++) {
		const struct option *option = &choices[i].option;

		if (!is_allowed(&choices[i], command))
			continue;
		*options++ = *option;
		if (option->val == OPT_COLOR)
			continue;
		*letters++ = option->val;
		for (int colons = option->has_arg; colons; colons--)
			*letters++ = ':';
	}
	*letters = '\0';
	memset(options, 0, sizeof(*options));
}

/**
 * list_options() - write the options of a command, for its help
 * @command: the command
 */
void list_options(const struct command *command)
{
	for (size_t i = 0; i < NR_CHOICES; i++) {
		const struct choice *choice = &choices[i];
		char letter[] = "   ";
		char name[32];

		if (!is_allowed(choice, command))
			continue;
		if (choice->option.val < OPT_COLOR)
			snprintf(letter, sizeof(letter), "-%c,",
				 choice->option.val);
		snprintf(name, sizeof(name), "%s%s", choice->option.name,
			 choice->argument);
		printf("  %-3s --%-18s %s\n", letter, name, choice->help);
	}
}

static __u64 to_number(const char *text, __u64 least, __u64 most,
		       const char *what)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || number < least ||
	    number > most)
		errx(EXIT_USAGE, "'%s' is not %s", text, what);
	return number;
}

static double to_seconds(const char *text)
{
	double seconds;
	char *end;

	if (!text)
		return 1;
	seconds = strtod(text, &end);
	if (end == text || *end || !isfinite(seconds) || seconds < 0.01 ||
	    seconds > 86400)
		errx(EXIT_USAGE,
		     "'%s' is not a number of seconds between 0.01 and 86400",
		     text);
	return seconds;
}

static void to_range(const char *text, struct options *options)
{
	char first[24] = "";
	size_t length = strcspn(text, "-");

	if (length < sizeof(first))
		memcpy(first, text, length);
	options->first =
		to_number(first, 0, ~0ULL, "the number of a first page");
	options->last = options->first;
	if (text[length])
		options->last = to_number(text + length + 1, options->first,
					  ~0ULL, "the number of a last page");
}

static enum color to_color(const char *text)
{
	if (!text || !strcmp(text, "always"))
		return COLOR_ALWAYS;
	if (!strcmp(text, "auto"))
		return COLOR_AUTO;
	if (!strcmp(text, "never"))
		return COLOR_NEVER;
	errx(EXIT_USAGE, "'%s' is not auto, always or never", text);
}

static bool is_color_wanted(enum color color)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	if ((no_color && *no_color) || !term || !strcmp(term, "dumb"))
		return false;
	return isatty(STDOUT_FILENO);
}

static void set_format(struct options *options, enum format format)
{
	if (options->format != FORMAT_TABLE && options->format != format)
		errx(EXIT_USAGE,
		     "--json, --raw and --pairs exclude each other");
	options->format = format;
}

/* Return: the letter when someone else has to act on it, 0 otherwise. */
static int apply(int letter, struct options *options, enum color *color)
{
	switch (letter) {
	case 'l':
		options->list = true;
		return 0;
	case 's':
		options->strip = true;
		return 0;
	case 'N':
		options->per_char =
			to_number(optarg, 1, 1ULL << 40, "a number of pages");
		return 0;
	case 'g':
		to_range(optarg, options);
		return 0;
	case 'w':
		options->interval = to_seconds(optarg);
		return 0;
	case 'c':
		options->rounds =
			to_number(optarg, 1, ~0ULL, "a number of looks");
		return 0;
	case 'p':
		options->pid = to_number(optarg, 1, 1 << 22,
					 "the number of a process");
		return 0;
	case 'J':
		set_format(options, FORMAT_JSON);
		return 0;
	case 'r':
		set_format(options, FORMAT_RAW);
		return 0;
	case 'P':
		set_format(options, FORMAT_PAIRS);
		return 0;
	case 'n':
		options->no_headings = true;
		return 0;
	case 'o':
		options->columns = optarg;
		return 0;
	case 'O':
		options->all_columns = true;
		return 0;
	case OPT_COLOR:
		*color = to_color(optarg);
		return 0;
	default:
		return letter;
	}
}

static const char a_box[] = "the number of a box; 'pagebox ls' lists them";

static void parse_boxes(int nr, char **words, struct options *options)
{
	if (!nr)
		return;
	options->boxes = calloc(nr, sizeof(*options->boxes));
	if (!options->boxes)
		errx(EXIT_FAILURE, "out of memory");
	for (int i = 0; i < nr; i++)
		options->boxes[i] = to_number(words[i], 1, ~0U, a_box);
	options->nr_boxes = nr;
}

static void check(const struct options *options)
{
	if (options->list && options->strip)
		errx(EXIT_USAGE, "--list and --strip exclude each other");
	if (options->rounds && !options->interval)
		errx(EXIT_USAGE, "--count goes with --watch");
}

/**
 * parse_options() - read the words after the name of a command
 * @argc: how many words, the name included
 * @argv: the words, the name first
 * @command: the command
 * @options: filled
 *
 * Ends the program with EXIT_USAGE for words that make no sense.
 *
 * Return: 0, or the letter of --help or --version, or '?' for a word that
 * getopt_long() has complained of.
 */
int parse_options(int argc, char **argv, const struct command *command,
		  struct options *options)
{
	struct option known[NR_CHOICES + 1];
	char letters[3 * NR_CHOICES + 1];
	enum color color = COLOR_AUTO;
	int letter;

	memset(options, 0, sizeof(*options));
	options->last = ~0ULL;
	collect_options(command, letters, known);
	while ((letter = getopt_long(argc, argv, letters, known, NULL)) != -1) {
		letter = apply(letter, options, &color);
		if (letter)
			return letter;
	}
	parse_boxes(argc - optind, argv + optind, options);
	check(options);
	options->colors = options->format == FORMAT_TABLE &&
			  is_color_wanted(color);
	return 0;
}

static struct winsize terminal_size(void)
{
	struct winsize size = { .ws_col = 0 };

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		memset(&size, 0, sizeof(size));
	return size;
}

/* COLUMNS speaks for a terminal at the other end of a pipe. */
int terminal_columns(void)
{
	const char *said = getenv("COLUMNS");
	int columns = terminal_size().ws_col;

	if (!columns && said)
		columns = atoi(said);
	return columns > 0 ? columns : 80;
}

int terminal_rows(void)
{
	int rows = terminal_size().ws_row;

	return rows ? rows : 40;
}
