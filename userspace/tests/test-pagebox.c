// SPDX-License-Identifier: GPL-2.0
/*
 * The inspector as its users meet it: what it prints, what it says when
 * something is missing, and its exit status.
 */
#include <sys/wait.h>

#include "sandbox.h"

static char output[1 << 20];

/* Run the inspector on a directory. Return: its exit status. */
static int pagebox(const char *root, const char *words)
{
	char command[1024];
	FILE *pipe;
	int status;

	snprintf(command, sizeof(command), "PAGEBOX_DEBUGFS='%s' '%s' 2>&1 %s",
		 root, getenv("PAGEBOX"), words);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	output[fread(output, 1, sizeof(output) - 1, pipe)] = '\0';
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const char *samples(void)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/good", getenv("SAMPLES"));
	return path;
}

static void expect(const char *root, const char *words, int status,
		   const char *says)
{
	int got = pagebox(root, words);

	if (got != status || !strstr(output, says))
		fail_msg("pagebox %s: status %d, not %d, or no '%s' in:\n%s",
			 words, got, status, says, output);
}

/* ---- what it shows ------------------------------------------------------- */

static void ls_shows_every_box(void **state)
{
	(void)state;
	expect(samples(), "ls", 0, "/tmp/a text.txt 100,101\n");
	expect(samples(), "ls", 0, "3 idle ");
	expect(samples(), "ls -n -o box,pids 2", 0, "2 200\n");
	expect(samples(), "ls -r -n -p 101 -o BOX,NAME", 0,
	       "1 demo\\x20program\n");
	expect(samples(), "ls -P -o SWAP_KIND 1", 0, "SWAP_KIND=\"ram\"\n");
}

static void stat_counts_box_and_mappings(void **state)
{
	(void)state;
	expect(samples(), "stat -r -n 1", 0,
	       "1 - - 0 4 8 1 3 1 2 9 3 2 7 1 0 5 2 8 3\n"
	       "1 1 100 0 3 8 1 2 1 2 9 - - - - - - - - -\n"
	       "1 2 101 0 1 0 0 1 0 0 0 - - - - - - - - -\n");
}

static void stat_watches_the_growth(void **state)
{
	(void)state;
	expect(samples(), "stat -w0.01 -c2 -rno COW,PAGES 3", 0, "0 0\n0 0\n");
	expect(samples(), "stat -w0.01 -c2 -rno COW,PAGES 2", 0,
	       "3 3\n3 -\n0 3\n0 -\n");
}

static void map_draws_each_kind_of_page(void **state)
{
	(void)state;
	expect(samples(), "map 1", 0, "   0 rOSx-R.o\n");
	expect(samples(), "map 1", 0, "capital: dirty");
	expect(samples(), "map 1 -p 101 -n", 0, "..Sx....");
	expect(samples(), "map 1 -n -g 3-5 -p 100", 0, "3 x-R\n");
	expect(samples(), "map 1 -n -N 4 -p 100", 0, "0 r-\n");
}

static void map_skips_a_terabyte(void **state)
{
	(void)state;
	expect(samples(), "map 2", 0,
	       "     1024 ... 268434368 without a page\n");
	expect(samples(), "map 2 -rno PAGE,PAGES,STRIP", 0,
	       "\n1024 268434368 -\n");
}

static void map_lists_pages(void **state)
{
	(void)state;
	expect(samples(), "map 1 -l", 0,
	       "3 0x7f0000003000 swap      -    1 own        2 -\n");
	expect(samples(), "map 1 -l", 0,
	       "0 0x7f0000000000 frame     0    - root       - A..\n");
	expect(samples(), "map 3", 0, "nothing is mapped");
}

static void frames_show_the_hand(void **state)
{
	(void)state;
	expect(samples(), "frames 1", 0,
	       "   >     2 4098    2 private       2 . 1    0\n");
	expect(samples(), "frames 2", 0, "3-1023");
	expect(samples(), "frames -s 1", 0, "    0 ROoro...\n        ^");
}

static void colour_is_for_those_who_want_it(void **state)
{
	(void)state;
	assert_int_equal(pagebox(samples(), "map 1"), 0);
	assert_null(strchr(output, '\033'));
	expect(samples(), "map --color=always 1", 0, "\033[0;1;32mO");
	assert_int_equal(pagebox(samples(), "map -J --color=always 1"), 0);
	assert_null(strchr(output, '\033'));
}

static const char json_check[] =
	"PAGEBOX_DEBUGFS='%s' '%s' %s 2>/dev/null | python3 -m json.tool >/dev/null";

static void json_is_json(void **state)
{
	static const char *const commands[] = {
		"ls -J",     "stat -J",	   "map -J",	 "map -Jl",
		"frames -J", "frames -Js", "map -J 3",	 "ls -JO",
		"stat -JO",  "map -JOl",   "frames -JO",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char command[1024];

		snprintf(command, sizeof(command), json_check, samples(),
			 getenv("PAGEBOX"), commands[i]);
		if (system(command))
			fail_msg("pagebox %s: not JSON", commands[i]);
	}
	expect(samples(), "map -J -o STRIP 1 -p 100", 0,
	       "\"strip\": \"rOSx-R.o\"");
	expect(samples(), "map -J -o STRIP 2", 0, "\"strip\": null");
	expect(samples(), "frames -J -o HAND,R 1", 0,
	       "\"hand\": true,\n         \"r\": false");
}

/* ---- what it says -------------------------------------------------------- */

static void misuse_is_status_2(void **state)
{
	(void)state;
	expect(samples(), "", 2, "Usage: pagebox COMMAND");
	expect(samples(), "maps", 2, "'maps' is not a command");
	expect(samples(), "map one", 2, "'one' is not the number of a box");
	expect(samples(), "map 0", 2, "'0' is not the number of a box");
	expect(samples(), "map -p -3", 2,
	       "'-3' is not the number of a process");
	expect(samples(), "map -o PAGE,FOO", 2,
	       "there is no column 'FOO' here");
	expect(samples(), "map -o ''", 2, "there is no column ''");
	expect(samples(), "map -l -s", 2, "exclude each other");
	expect(samples(), "map -J -r", 2, "exclude each other");
	expect(samples(), "map -N 0", 2, "'0' is not a number of pages");
	expect(samples(), "map -g 5-3", 2,
	       "'3' is not the number of a last page");
	expect(samples(), "map --range=", 2,
	       "'' is not the number of a first page");
	expect(samples(), "ls -l", 2, "Try 'pagebox ls --help'");
	expect(samples(), "ls --color=red", 2, "'red' is not auto");
	expect(samples(), "stat -wnan", 2, "'nan' is not a number of seconds");
	expect(samples(), "stat -c 3", 2, "--count goes with --watch");
}

static void help_is_status_0(void **state)
{
	(void)state;
	expect(samples(), "--help", 0, "frames");
	expect(samples(), "map --help", 0, "Columns of its pages");
	expect(samples(), "stat -h", 0, "--watch[SEC]");
	expect(samples(), "--version", 0, "pagebox ");
	expect(samples(), "ls -V", 0, "pagebox ");
}

static void the_missing_are_named(void **state)
{
	(void)state;
	expect(samples(), "map 9", 1, "there is no box 9; 'pagebox ls'");
	expect(samples(), "ls 9 1", 1, "demo program");
	expect(samples(), "map -p 4000", 1,
	       "process 4000 maps no box; 'pagebox ls'");
	expect("/nonexistent", "ls", 1,
	       "the pagebox module is not loaded: insmod");
}

static void no_boxes_are_no_error(void **state)
{
	(void)state;
	expect(sandbox, "ls", 0, "there are no boxes: a program makes one");
	expect(sandbox, "map", 0, "there are no boxes");
	assert_int_equal(pagebox(sandbox, "ls -J"), 0);
	assert_string_equal(output, "{\n   \"boxes\": [\n\n   ]\n}\n");
}

static void copy_sample(const char *from, const char *to)
{
	char command[1024];

	snprintf(command, sizeof(command), "cp -r '%s/%s' '%s/%s'", samples(),
		 from, sandbox, to);
	assert_int_equal(system(command), 0);
}

/* A directory without its files: the box went while it was looked at. */
static void a_box_that_goes_is_passed_over(void **state)
{
	char command[128];

	(void)state;
	copy_sample("1", "5");
	snprintf(command, sizeof(command), "rm -r '%s/5/1'", sandbox);
	assert_int_equal(system(command), 0);
	expect(sandbox, "map 5", 0, "map 2 of process 101");
	expect(sandbox, "stat -rn -o MAP 5", 0, "-\n2\n");
}

static void spoiled_files_are_reported(void **state)
{
	(void)state;
	copy_sample("1", "1");
	copy_sample("2", "2");
	sandbox_file("1/1/pages", "index address state\n");
	expect(sandbox, "map", 1, "1/1/pages: no 'frame' in it");
	expect(sandbox, "map", 1, "box 2 (sparse)");
	sandbox_file("1/frames", "frame");
	expect(sandbox, "frames 1", 1, "frames: line 1: is cut short");
	sandbox_file("1/summary", "box 1\n");
	expect(sandbox, "ls", 1, "summary: no 'name' in it");
	expect(sandbox, "ls", 1, "sparse");
}

/* Rows that lie: addresses outside the mapping, frames that do not exist. */
static void lies_do_no_harm(void **state)
{
	(void)state;
	copy_sample("1", "1");
	sandbox_file("1/1/pages",
		     "index address state frame slot sharers pte\n"
		     "9 0xffffffffffffffff frame 18446744073709551614 - 1 A..\n"
		     "3 0x7f0000003000 frame 4000000000 - 1 ADW\n"
		     "1 0x7f0000001001 frame 7 - 0 AAAAAAA\n"
		     "1 0x7f0000001000 swap - - - -\n"
		     "0 0 frame 1 - 1 A..\n");
	expect(sandbox, "map 1 -p 100 -n", 0, "0 .x.O....\n");
	expect(sandbox, "map 1 -p 100 -l", 0, "AAAAAAA");
}

static void a_full_disk_is_noticed(void **state)
{
	(void)state;
	expect(samples(), "ls >/dev/full", 1, "cannot write");
}

#define SANDBOXED(test) \
	cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ls_shows_every_box),
		cmocka_unit_test(stat_counts_box_and_mappings),
		cmocka_unit_test(stat_watches_the_growth),
		cmocka_unit_test(map_draws_each_kind_of_page),
		cmocka_unit_test(map_skips_a_terabyte),
		cmocka_unit_test(map_lists_pages),
		cmocka_unit_test(frames_show_the_hand),
		cmocka_unit_test(colour_is_for_those_who_want_it),
		cmocka_unit_test(json_is_json),
		cmocka_unit_test(misuse_is_status_2),
		cmocka_unit_test(help_is_status_0),
		cmocka_unit_test(the_missing_are_named),
		SANDBOXED(no_boxes_are_no_error),
		SANDBOXED(a_box_that_goes_is_passed_over),
		SANDBOXED(spoiled_files_are_reported),
		SANDBOXED(lies_do_no_harm),
		cmocka_unit_test(a_full_disk_is_noticed),
	};

	return cmocka_run_group_tests_name("pagebox", tests, NULL, NULL);
}
