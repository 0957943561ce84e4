/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options: what the user asked for, and the subcommands to ask for.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "settings.h"

#define EXIT_USAGE 2

enum format {
	FORMAT_TABLE,
	FORMAT_RAW,
	FORMAT_PAIRS,
	FORMAT_JSON,
};

/**
 * struct options - what the user asked for
 * @format: how tables are written
 * @no_headings: leave out headings, titles and legends
 * @colors: colour is wanted and the output can show it
 * @columns: argument of -o, NULL for the usual ones
 * @all_columns: every column there is
 * @pid: only mappings of this process, 0 for all
 * @list: one row per page or frame
 * @strip: one character per page or frame
 * @per_char: pages to a character, 0 to choose
 * @first: first page of the box to show
 * @last: last page of the box to show
 * @interval: seconds between two looks, 0 for a single look
 * @rounds: how many looks, 0 for no end
 * @boxes: numbers of the boxes that are meant
 * @nr_boxes: how many, 0 for all there are
 * @settings: how a box is to be configured
 * @words: a program to run and its arguments, up to NULL
 */
struct options {
	enum format format;
	bool no_headings;
	bool colors;
	const char *columns;
	bool all_columns;
	__u64 pid;
	bool list;
	bool strip;
	__u64 per_char;
	__u64 first;
	__u64 last;
	double interval;
	__u64 rounds;
	__u64 *boxes;
	size_t nr_boxes;
	struct settings settings;
	char **words;
};

/* What stands behind the options of a command. */
enum operands {
	OPERANDS_NONE,
	OPERANDS_BOXES,
	OPERANDS_BOX,
	OPERANDS_RANGE,
	OPERANDS_COMMAND,
};

struct layout;

/**
 * struct command - a subcommand
 * @name: its name
 * @summary: what it does, in a line
 * @operands: what stands behind its options
 * @details: what else there is to know, for its help
 * @flags: the short options that only some commands know
 * @settings: SETTING_BIT() of those that it takes
 * @layouts: the tables it can write, for its help; ends with NULL
 * @run: does it; returns the exit status
 */
struct command {
	const char *name;
	const char *summary;
	enum operands operands;
	const char *details;
	const char *flags;
	unsigned int settings;
	const struct layout *layouts[3];
	int (*run)(const struct options *options);
};

extern const struct command ls_command;
extern const struct command stat_command;
extern const struct command map_command;
extern const struct command frames_command;
extern const struct command policies_command;
extern const struct command new_command;
extern const struct command set_command;
extern const struct command prefetch_command;
extern const struct command pageout_command;
extern const struct command discard_command;

#define ALL_BOXES "All boxes by default."

/* Whether the output is for a person: then titles and legends help. */
static inline bool is_for_people(const struct options *options)
{
	return options->format == FORMAT_TABLE && !options->no_headings;
}

int parse_options(int argc, char **argv, const struct command *command,
		  struct options *options);
void list_usage(const struct command *command);
void list_options(const struct command *command);
unsigned int strip_width(const struct options *options);
int terminal_rows(void);

#endif /* OPTIONS_H */
