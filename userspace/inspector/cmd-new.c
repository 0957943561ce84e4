// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox new: run a program that inherits a new box.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "reach.h"

/* Exit statuses of env(1) and similar programs. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NO_PROGRAM 127

/* By default the box is named after the program, if that is a valid name. */
static void name_after(struct settings *settings, const char *program)
{
	const char *slash = strrchr(program, '/');
	char name[PAGEBOX_NAME_LEN];
	struct pagebox_error ignored;

	if (is_given(settings, SETTING_NAME))
		return;
	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : program);
	settings_take(settings, SETTING_NAME, name, &ignored);
}

static int make_box(const struct options *options)
{
	struct settings settings = options->settings;
	struct pagebox_error error;
	int fd = reach_new(&error);

	if (fd < 0)
		errx(EXIT_FAILURE, "%s", error.text);
	name_after(&settings, options->words[0]);
	if (settings_apply(&settings, fd, &error))
		errx(EXIT_FAILURE, "%s", error.text);
	return fd;
}

static void set_variable(const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	if (setenv(name, text, 1))
		errx(EXIT_FAILURE, "out of memory");
}

/* Use a descriptor above the standard ones, even if some of them are closed. */
static void pass_on(int box)
{
	struct pagebox_info info;
	int fd = fcntl(box, F_DUPFD, STDERR_FILENO + 1);

	if (fd < 0)
		err(EXIT_FAILURE, "cannot pass on the file descriptor");
	errno = -pagebox_info(box, &info);
	if (errno)
		err(EXIT_FAILURE, "cannot get the box number");
	set_variable("PAGEBOX_FD", fd);
	set_variable("PAGEBOX_BOX", info.id);
}

static int run(const struct options *options)
{
	pass_on(make_box(options));
	execvp(options->words[0], options->words);
	warn("%s", options->words[0]);
	return errno == ENOENT ? EXIT_NO_PROGRAM : EXIT_CANNOT_RUN;
}

const struct command new_command = {
	.name = "new",
	.summary = "run a program that inherits a new box",
	.operands = OPERANDS_COMMAND,
	.details =
		"The program inherits the open box: PAGEBOX_FD is the file descriptor number,\n"
		"PAGEBOX_BOX the box number. It must use this file descriptor: opening\n"
		"/dev/fd/$PAGEBOX_FD creates another box, as every open() of the device does.\n"
		"By default the box is 1 TiB large, has no store, and swaps to RAM.",
	.flags = "",
	.settings = SETTINGS_NEW,
	.run = run,
};
