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

/* Long options without a letter; the settings are numbered from the last on. */
enum {
	OPT_COLOR = 256,
	OPT_SETTING,
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

/* Options of every command, and those of all that write tables. */
#define COMMON "hV"
#define OF_TABLES "JrPnoO"

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
	  "look again every second or SEC; show what changed" },
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

	if (letter == OPT_COLOR || strchr(OF_TABLES, letter))
		return command->layouts[0];
	return strchr(COMMON, letter) || strchr(command->flags, letter);
}

static bool takes(const struct command *command, enum setting setting)
{
	return command->settings & SETTING_BIT(setting);
}

/*
 * A command that takes some settings knows the others as well: getopt_long()
 * would take their names for short forms of longer ones.
 */
static struct option *collect_settings(const struct command *command,
				       struct option *options)
{
	for (enum setting i = 0; command->settings && i < SETTING_NR; i++) {
		struct setting_text text = settings_text(i);

		*options++ = (struct option){
			.name = text.name,
			.has_arg = text.argument ? required_argument :
						   no_argument,
			.val = OPT_SETTING + i,
		};
	}
	return options;
}

/* The options of a command in the two shapes that getopt_long() wants. */
static void collect_options(const struct command *command, char *letters,
			    struct option *options)
{
	/* the options of the program that is run are its own */
	if (command->operands == OPERANDS_COMMAND)
		*letters++ = '+';
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
	options = collect_settings(command, options);
	memset(options, 0, sizeof(*options));
}

/**
 * list_usage() - write how a command is called, for its help
 * @command: the command
 */
void list_usage(const struct command *command)
{
	static const char *const operands[] = {
		[OPERANDS_NONE] = "",
		[OPERANDS_BOXES] = " [BOX...]",
		[OPERANDS_BOX] = " BOX",
		[OPERANDS_RANGE] = " BOX FIRST[-LAST]",
		[OPERANDS_COMMAND] = " [--] PROGRAM [ARGUMENT...]",
	};

	printf("Usage: pagebox %s [OPTION...]%s\n", command->name,
	       operands[command->operands]);
}

static void list_settings(const struct command *command)
{
	for (enum setting i = 0; i < SETTING_NR; i++) {
		struct setting_text text = settings_text(i);
		char name[32];

		if (!takes(command, i))
			continue;
		snprintf(name, sizeof(name), "%s%s", text.name,
			 text.argument ? text.argument : "");
		printf("  --%-26s %s\n", name, text.help);
	}
}

static void list_choices(const struct command *command)
{
	/* below settings in line with them */
	int width = command->settings ? 22 : 18;

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
		printf("  %-3s --%-*s %s\n", letter, width, name, choice->help);
	}
}

/**
 * list_options() - write the options of a command, for its help
 * @command: the command
 */
void list_options(const struct command *command)
{
	list_settings(command);
	list_choices(command);
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

static void to_range(const char *text, __u64 most, struct options *options)
{
	char first[24] = "";
	size_t length = strcspn(text, "-");

	if (length < sizeof(first))
		memcpy(first, text, length);
	options->first =
		to_number(first, 0, most, "the number of a first page");
	options->last = options->first;
	if (text[length])
		options->last = to_number(text + length + 1, options->first,
					  most, "the number of a last page");
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

static void to_setting(const struct command *command, enum setting setting,
		       struct options *options)
{
	struct pagebox_error error;

	if (!takes(command, setting))
		errx(EXIT_USAGE,
		     "--%s is for a new box only: see 'pagebox new --help'",
		     settings_text(setting).name);
	if (settings_take(&options->settings, setting, optarg, &error))
		errx(EXIT_USAGE, "%s", error.text);
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
		to_range(optarg, ~0ULL, options);
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

static void need_words(int nr, int least, int most, const char *what)
{
	if (nr < least || nr > most)
		errx(EXIT_USAGE, "this takes %s", what);
}

#define LAST_PAGE (PAGEBOX_MAX_SIZE / PAGEBOX_PAGE_SIZE - 1)

static void parse_operands(const struct command *command, int nr, char **words,
			   struct options *options)
{
	switch (command->operands) {
	case OPERANDS_NONE:
		need_words(nr, 0, 0, "options only");
		break;
	case OPERANDS_BOXES:
		parse_boxes(nr, words, options);
		break;
	case OPERANDS_BOX:
		need_words(nr, 1, 1, a_box);
		parse_boxes(1, words, options);
		break;
	case OPERANDS_RANGE:
		need_words(nr, 2, 2,
			   "a box and a range of pages, FIRST[-LAST]");
		parse_boxes(1, words, options);
		to_range(words[1], LAST_PAGE, options);
		break;
	case OPERANDS_COMMAND:
		need_words(nr, 1, INT_MAX, "a program to run");
		options->words = words;
		break;
	}
}

static void check(const struct options *options)
{
	struct pagebox_error error;

	if (options->list && options->strip)
		errx(EXIT_USAGE, "--list and --strip exclude each other");
	if (options->rounds && !options->interval)
		errx(EXIT_USAGE, "--count goes with --watch");
	if (settings_check(&options->settings, &error))
		errx(EXIT_USAGE, "%s", error.text);
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
	struct option known[NR_CHOICES + SETTING_NR + 1];
	char letters[3 * NR_CHOICES + 2];
	enum color color = COLOR_AUTO;
	int letter;

	memset(options, 0, sizeof(*options));
	options->last = ~0ULL;
	collect_options(command, letters, known);
	while ((letter = getopt_long(argc, argv, letters, known, NULL)) != -1) {
		if (letter >= OPT_SETTING)
			to_setting(command, letter - OPT_SETTING, options);
		else if (apply(letter, options, &color))
			return letter;
	}
	parse_operands(command, argc - optind, argv + optind, options);
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

/* COLUMNS speaks for a terminal at the other end of a pipe, and over any other. */
static int terminal_columns(void)
{
	const char *said = getenv("COLUMNS");
	int columns = said ? atoi(said) : 0;

	if (columns <= 0)
		columns = terminal_size().ws_col;
	return columns > 0 ? columns : 80;
}

/* Characters in a row of a strip, with room for the other columns. */
unsigned int strip_width(const struct options *options)
{
	bool narrow = options->format == FORMAT_TABLE &&
		      terminal_columns() < 76;

	return narrow ? STRIP_WIDTH / 2 : STRIP_WIDTH;
}

int terminal_rows(void)
{
	int rows = terminal_size().ws_row;

	return rows ? rows : 40;
}
