// SPDX-License-Identifier: GPL-2.0
/*
 * options: parse the command line.
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

/* Long options without a letter; settings are numbered after these. */
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
 * struct choice - an option and its help
 * @option: argument for getopt_long(); val is the letter
 * @argument: name of its argument, with its separator
 * @help: help text
 */
struct choice {
	struct option option;
	const char *argument;
	const char *help;
};

/* Options of every command, and of every command that prints a table. */
#define COMMON "hV"
#define OF_TABLES "JrPnoO"

static const struct choice choices[] = {
	{ { "list", no_argument, NULL, 'l' },
	  "",
	  "print a row per page or frame" },
	{ { "strip", no_argument, NULL, 's' },
	  "",
	  "print a character per page or frame" },
	{ { "per-char", required_argument, NULL, 'N' },
	  " N",
	  "show N pages per character" },
	{ { "range", required_argument, NULL, 'g' },
	  " A[-B]",
	  "show only pages A to B of the box" },
	{ { "watch", optional_argument, NULL, 'w' },
	  "[SEC]",
	  "repeat every second or SEC; show changes" },
	{ { "count", required_argument, NULL, 'c' },
	  " N",
	  "stop after N repetitions" },
	{ { "pid", required_argument, NULL, 'p' },
	  " PID",
	  "show only mappings of this process" },
	{ { "json", no_argument, NULL, 'J' }, "", "print JSON" },
	{ { "raw", no_argument, NULL, 'r' },
	  "",
	  "print words separated by single spaces" },
	{ { "pairs", no_argument, NULL, 'P' }, "", "print KEY=\"value\" pairs" },
	{ { "noheadings", no_argument, NULL, 'n' },
	  "",
	  "omit headings and legends" },
	{ { "output", required_argument, NULL, 'o' },
	  " COLUMNS",
	  "columns to print, separated by commas" },
	{ { "output-all", no_argument, NULL, 'O' }, "", "print all columns" },
	{ { "color", optional_argument, NULL, OPT_COLOR },
	  "[=WHEN]",
	  "auto (on a terminal), always or never" },
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
 * If a command takes some settings, pass all of them to getopt_long(), which
 * would otherwise accept the name of one as an abbreviation of another.
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

/* Build the short and long option lists of a command for getopt_long(). */
static void collect_options(const struct command *command, char *letters,
			    struct option *options)
{
	/* stop at the program to run: later options are its own */
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
 * list_usage() - print the usage line of a command
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
	/* align with the settings above */
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
 * list_options() - print the options of a command, for its help
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
		errx(EXIT_USAGE, "invalid %s '%s'", what, text);
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
		     "invalid interval '%s': expected 0.01 to 86400 seconds",
		     text);
	return seconds;
}

static void to_range(const char *text, __u64 most, struct options *options)
{
	char first[24] = "";
	size_t length = strcspn(text, "-");

	if (length < sizeof(first))
		memcpy(first, text, length);
	options->first = to_number(first, 0, most, "first page");
	options->last = options->first;
	if (text[length])
		options->last = to_number(text + length + 1, options->first,
					  most, "last page");
}

static enum color to_color(const char *text)
{
	if (!text || !strcmp(text, "always"))
		return COLOR_ALWAYS;
	if (!strcmp(text, "auto"))
		return COLOR_AUTO;
	if (!strcmp(text, "never"))
		return COLOR_NEVER;
	errx(EXIT_USAGE,
	     "invalid color mode '%s': expected auto, always or never", text);
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
		     "--json, --raw and --pairs are mutually exclusive");
	options->format = format;
}

static void to_setting(const struct command *command, enum setting setting,
		       struct options *options)
{
	struct pagebox_error error;

	if (!takes(command, setting))
		errx(EXIT_USAGE,
		     "--%s is only for new boxes: see 'pagebox new --help'",
		     settings_text(setting).name);
	if (settings_take(&options->settings, setting, optarg, &error))
		errx(EXIT_USAGE, "%s", error.text);
}

/* Return: 0, or the letter if the caller must act on it. */
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
			to_number(optarg, 1, 1ULL << 40, "page count");
		return 0;
	case 'g':
		to_range(optarg, ~0ULL, options);
		return 0;
	case 'w':
		options->interval = to_seconds(optarg);
		return 0;
	case 'c':
		options->rounds = to_number(optarg, 1, ~0ULL, "count");
		return 0;
	case 'p':
		options->pid = to_number(optarg, 1, 1 << 22, "process number");
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

static const char a_box[] = "a box number; 'pagebox ls' lists the boxes";

static void parse_boxes(int nr, char **words, struct options *options)
{
	if (!nr)
		return;
	options->boxes = calloc(nr, sizeof(*options->boxes));
	if (!options->boxes)
		errx(EXIT_FAILURE, "out of memory");
	for (int i = 0; i < nr; i++)
		options->boxes[i] = to_number(words[i], 1, ~0U, "box number");
	options->nr_boxes = nr;
}

static void need_words(int nr, int least, int most, const char *what)
{
	if (nr < least || nr > most)
		errx(EXIT_USAGE, "this command takes %s", what);
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
			   "a box number and a page range, FIRST[-LAST]");
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
		errx(EXIT_USAGE, "--list and --strip are mutually exclusive");
	if (options->rounds && !options->interval)
		errx(EXIT_USAGE, "--count requires --watch");
	if (settings_check(&options->settings, &error))
		errx(EXIT_USAGE, "%s", error.text);
}

/**
 * parse_options() - parse the arguments of a command
 * @argc: number of arguments, including the command
 * @argv: arguments, starting with the command
 * @command: the command
 * @options: filled
 *
 * Exits with EXIT_USAGE if an argument is invalid.
 *
 * Return: 0, or the letter of --help or --version, or '?' if getopt_long() has
 * reported an error.
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

/* COLUMNS takes precedence: stdout may be a pipe to a terminal. */
static int terminal_columns(void)
{
	const char *said = getenv("COLUMNS");
	int columns = said ? atoi(said) : 0;

	if (columns <= 0)
		columns = terminal_size().ws_col;
	return columns > 0 ? columns : 80;
}

/* Characters per strip row, leaving room for the other columns. */
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
