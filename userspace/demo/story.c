// SPDX-License-Identifier: GPL-2.0
/*
 * story: the voice of the demo.
 *
 * On a terminal it speaks in colour and takes a breath between chapters; into
 * a pipe it says the same words at once. Its lines are no longer than the terminal
 * is wide.
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

/* Long lines are hard to read, and short ones need room for a word. */
#define WIDTH_MAX 80
#define WIDTH_MIN 20

/* COLUMNS speaks for a terminal at the other end of a pipe, and over any other. */
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
 * story_begin() - set the voice
 * @path: the program that shows the boxes
 * @is_paced: with pauses
 * @is_coloured: with colour
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

/* For the reader's sake only: nothing depends on how long it takes. */
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

/* Words in lines. One that does not fit has a line of its own. */
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
 * story_say() - a paragraph
 * @format: its words; how they are broken into lines does not matter
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

/* The most words in a command of the inspector, its name included. */
#define MAX_WORDS 16

static void split_words(char *command, char **words)
{
	size_t nr = 0;
	char *save;

	for (char *word = strtok_r(command, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (nr == MAX_WORDS)
			errx(EXIT_FAILURE, "too many words for the inspector");
		words[nr++] = word;
	}
	words[nr] = NULL;
}

/*
 * posix_spawn() does not copy the address space: a fork() here would clone the
 * view that is about to be shown.
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
 * story_inspect() - run the inspector for everyone to see
 * @format: its command and arguments, without its name
 *
 * Whatever this process and its children have mapped stands still meanwhile.
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
		errx(EXIT_FAILURE, "the inspector could not show this");
	gap = true;
}
