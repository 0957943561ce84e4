/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options: command line options and subcommands.
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
 * struct options - parsed command line
 * @format: output format of tables
 * @no_headings: omit headings, titles and legends
 * @colors: use colour
 * @columns: argument of -o, NULL for the default columns
 * @all_columns: print all columns
 * @pid: only mappings of this process, 0 for all
 * @list: one row per page or frame
 * @strip: one character per page or frame
 * @per_char: pages per character, 0 for automatic
 * @first: first page of the box to show
 * @last: last page of the box to show
 * @interval: seconds between repetitions, 0 to print once
 * @rounds: number of repetitions, 0 for no limit
 * @boxes: numbers of the selected boxes
 * @nr_boxes: number of selected boxes, 0 for all
 * @settings: settings for a box
 * @words: program to run and its arguments, NULL-terminated
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

/* Operands that a command takes after its options. */
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
 * @summary: one-line description
 * @operands: operands after its options
 * @details: further help text
 * @flags: its short options, except those that are common to all commands
 * @settings: SETTING_BIT() of each setting it takes
 * @layouts: tables it can print, for its help; NULL-terminated
 * @run: runs the command; returns the exit status
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

#define ALL_BOXES "Without BOX, all boxes are shown."

/* Whether the output is for people: then print titles and legends. */
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
