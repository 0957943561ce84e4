// SPDX-License-Identifier: GPL-2.0
/* Test the output of the demo: lines fit the terminal, colour is optional. */
#include "sandbox.h"

#include "story.h"

static char *said;
static size_t size;
static FILE *terminal;

static void listen_to(const char *columns, bool is_coloured)
{
	terminal = stdout;
	stdout = open_memstream(&said, &size);
	assert_non_null(stdout);
	if (columns)
		setenv("COLUMNS", columns, 1);
	else
		unsetenv("COLUMNS");
	story_begin("/bin/true", false, is_coloured);
}

static void hear(void)
{
	fclose(stdout);
	stdout = terminal;
}

static void lines_fit(const char *columns, size_t least, size_t most)
{
	size_t longest = 0;

	listen_to(columns, false);
	story_say("Words that are\nbroken %s, and %d more of them than a line "
		  "of a wide terminal has room for.",
		  "anywhere", 17);
	hear();
	for (const char *line = said; *line; line += strcspn(line, "\n") + 1) {
		size_t length = strcspn(line, "\n");

		assert_true(!length || line[length - 1] != ' ');
		longest = length > longest ? length : longest;
	}
	assert_in_range(longest, least, most);
	free(said);
}

static void paragraphs_fit_the_terminal(void **state)
{
	(void)state;
	lines_fit("30", 24, 30);
	lines_fit("50", 44, 50);
	lines_fit("80", 70, 80);
	/* the width is clamped; invalid values are ignored */
	lines_fit("500", 70, 80);
	lines_fit("3", 10, 20);
	lines_fit("wide", 70, 80);
	lines_fit(NULL, 70, 80);
}

static void paragraphs_stand_apart(void **state)
{
	(void)state;
	listen_to("80", false);
	story_chapter("One");
	story_say("First.");
	story_say("Second.");
	story_inspect("ls");
	story_say("Third.");
	hear();
	assert_string_equal(
		said,
		"\n1. One\nFirst.\n\nSecond.\n\n$ pagebox ls\n\nThird.\n");
	free(said);
}

static void colour_is_for_those_who_want_it(void **state)
{
	(void)state;
	listen_to("80", true);
	story_chapter("Two");
	hear();
	assert_string_equal(said, "\n\033[1;35m2. Two\033[0m\n");
	free(said);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(paragraphs_fit_the_terminal),
		cmocka_unit_test(paragraphs_stand_apart),
		cmocka_unit_test(colour_is_for_those_who_want_it),
	};

	return cmocka_run_group_tests_name("story", tests, NULL, NULL);
}
