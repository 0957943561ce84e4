// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox: the inspector. Shows and configures the boxes of /dev/pagebox.
 */
#include <err.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "output.h"
#include "sheet.h"

#define PAGEBOX_VERSION "0.1"

static const struct command *const commands[] = {
	&ls_command,	   &stat_command,    &map_command, &frames_command,
	&policies_command, &new_command,     &set_command, &prefetch_command,
	&pageout_command,  &discard_command,
};

#define NR_COMMANDS (ARRAY_SIZE(commands))

static void list_commands(FILE *out)
{
	fputs("Usage: pagebox COMMAND [OPTION...] [BOX...]\n"
	      "Inspect and configure the virtual memory sandboxes of /dev/pagebox.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i]->name,
			commands[i]->summary);
	fputs("\n'pagebox COMMAND --help' lists options and columns. See also pagebox(8).\n",
	      out);
}

static void list_columns(const struct layout *layout)
{
	printf("\nColumns of %s:\n", layout->name);
	for (size_t i = 0; i < layout->nr; i++)
		printf("  %-15s %s\n", layout->columns[i].name,
		       layout->columns[i].help);
}

static void explain_command(const struct command *command)
{
	list_usage(command);
	printf("%c%s.\n%s\n\nOptions:\n", command->summary[0] - 'a' + 'A',
	       command->summary + 1, command->details);
	list_options(command);
	for (size_t i = 0; command->layouts[i]; i++)
		list_columns(command->layouts[i]);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

static int show_version(void)
{
	puts("pagebox " PAGEBOX_VERSION);
	return EXIT_SUCCESS;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct options options;
	int status;

	switch (parse_options(argc, argv, command, &options)) {
	case 0:
		break;
	case 'h':
		explain_command(command);
		return EXIT_SUCCESS;
	case 'V':
		return show_version();
	default:
		fprintf(stderr, "Try 'pagebox %s --help'.\n", command->name);
		return EXIT_USAGE;
	}
	status = command->run(&options);
	free(options.boxes);
	return status;
}

static bool is_one_of(const char *word, const char *a, const char *b,
		      const char *c)
{
	return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

static int dispatch(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		list_commands(stderr);
		return EXIT_USAGE;
	}
	if (is_one_of(argv[1], "-h", "--help", "help")) {
		list_commands(stdout);
		return EXIT_SUCCESS;
	}
	if (is_one_of(argv[1], "-V", "--version", "version"))
		return show_version();
	command = find_command(argv[1]);
	if (!command) {
		warnx("unknown command '%s'; 'pagebox --help' lists the commands",
		      argv[1]);
		return EXIT_USAGE;
	}
	/* getopt_long() prints argv[0] as the program name */
	argv[1] = argv[0];
	return run_command(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	output_begin();
	setlocale(LC_CTYPE, "");
	return output_end(dispatch(argc, argv));
}
