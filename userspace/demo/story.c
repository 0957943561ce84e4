// SPDX-License-Identifier: GPL-2.0
/*
 * story: text output of the demo.
 *
 * On a terminal it uses colour and pauses between chapters; into a pipe it writes
 * the same text at once. Lines are wrapped to the width of the terminal.
 */
#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "story.h"

static const char *inspector;
static bool paced;
static bool coloured;
static size_t width;
static int chapters;
static bool gap;

/* Longer lines are hard to read; shorter ones do not fit a word. */
#define WIDTH_MAX 80
#define WIDTH_MIN 20

/* COLUMNS takes precedence: stdout may be a pipe to a terminal. */
static size_t terminal_width(void)
{
	const char *said = getenv("COLUMNS");
	struct winsize size = { .ws_col = 0 };
	int columns = said ? atoi(said) : 0;

	if (columns <= 0 && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		columns = size.ws_col;
	if (columns <= 0 || columns > WIDTH_MAX)
		return WIDTH_MAX;
	return columns < WIDTH_MIN ? WIDTH_MIN : columns;
}

/**
 * story_begin() - set up the output
 * @path: path of the inspector
 * @is_paced: pause between chapters
 * @is_coloured: use colour
 */
void story_begin(const char *path, bool is_paced, bool is_coloured)
{
	inspector = path;
	paced = is_paced;
	coloured = is_coloured;
	width = terminal_width();
}

static const char *style(const char *escape)
{
	return coloured ? escape : "";
}

/* For the reader only: correctness does not depend on this delay. */
static void take_a_breath(void)
{
	fflush(stdout);
	if (paced)
		sleep(1);
}

void story_chapter(const char *title)
{
	take_a_breath();
	gap = false;
	printf("\n%s%d. %s%s\n", style("\033[1;35m"), ++chapters, title,
	       style("\033[0m"));
}

/* Fill lines with words; a word that is too long gets its own line. */
static void wrap(char *text)
{
	static const char blanks[] = "\n ";
	size_t used = 0;
	char *save;

	for (char *word = strtok_r(text, blanks, &save); word;
	     word = strtok_r(NULL, blanks, &save)) {
		size_t length = strlen(word);

		if (used && used + 1 + length > width) {
			putchar('\n');
			used = 0;
		}
		used += printf("%s%s", used ? " " : "", word);
	}
	putchar('\n');
}

/**
 * story_say() - print a paragraph
 * @format: its text; line breaks in it are not kept
 */
void story_say(const char *format, ...)
{
	va_list args;
	char *text;

	if (gap)
		putchar('\n');
	gap = true;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		errx(EXIT_FAILURE, "out of memory");
	va_end(args);
	wrap(text);
	free(text);
}

/* Maximum number of words in an inspector command, including its name. */
#define MAX_WORDS 16

static void split_words(char *command, char **words)
{
	size_t nr = 0;
	char *save;

	for (char *word = strtok_r(command, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (nr == MAX_WORDS)
			errx(EXIT_FAILURE,
			     "too many words in an inspector command");
		words[nr++] = word;
	}
	words[nr] = NULL;
}

/*
 * Use posix_spawn() because it does not copy the address space: fork() would
 * clone the view that is about to be shown.
 */
static int run(char **words)
{
	pid_t pid;
	int status;

	errno = posix_spawn(&pid, inspector, NULL, NULL, words, environ);
	if (errno)
		err(EXIT_FAILURE, "%s", inspector);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			err(EXIT_FAILURE, "waitpid");
	}
	return status;
}

/**
 * story_inspect() - print an inspector command and its output
 * @format: command and arguments, without the program name
 *
 * This process waits for the inspector, and its child waits for orders, so the
 * mappings do not change while they are shown.
 */
void story_inspect(const char *format, ...)
{
	char command[256] = "pagebox ";
	char *words[MAX_WORDS + 2];
	size_t length = strlen(command);
	va_list args;

	va_start(args, format);
	vsnprintf(command + length, sizeof(command) - length, format, args);
	va_end(args);
	take_a_breath();
	printf("\n%s$ %s%s\n", style("\033[1m"), command, style("\033[0m"));
	fflush(stdout);
	if (coloured)
		strncat(command, " --color=always",
			sizeof(command) - strlen(command) - 1);
	split_words(command, words);
	if (run(words))
		errx(EXIT_FAILURE, "the inspector failed");
	gap = true;
}
