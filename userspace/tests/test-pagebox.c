// SPDX-License-Identifier: GPL-2.0
/*
 * Test the inspector from the command line: its output, its error messages and
 * its exit status.
 */
#include <signal.h>
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

/* ---- output -------------------------------------------------------------- */

static void ls_shows_every_box(void **state)
{
	(void)state;
	expect(samples(), "ls", 0, "/tmp/a text.txt 100,101\n");
	expect(samples(), "ls", 0, "3 idle ");
	expect(samples(), "ls -n -o box,pids 2", 0, "2 200\n");
	expect(samples(), "ls -r -n -p 101 -o BOX,NAME", 0,
	       "1 demo\\x20program\n");
	expect(samples(), "ls -P -o SWAP_KIND 1", 0, "SWAP_KIND=\"ram\"\n");
	expect(samples(), "ls 2", 0, "sparse  1000 lru ");
}

static void ls_shows_the_settings(void **state)
{
	static const char columns[] =
		"STORE_KIND,WRITABLE,SWAP_PAGES,SWAP_HIGH,STORE_READ_US,"
		"STORE_WRITE_US,SWAP_READ_US,SWAP_WRITE_US,READAHEAD,SWAPPINESS,"
		"REFERENCES,REFERENCES_AUTO,OOM,"
		"OOM_WAIT_MS,OVERCOMMIT,DIRTY_AGE_MS,DIRTY_RATIO";
	char words[300];

	(void)state;
	snprintf(words, sizeof(words), "ls -rno %s", columns);
	expect(samples(), words, 0,
	       "file 0 65536 4 100 200 0 0 8 100 exact 1 sigbus 10000 always 30000 20\n"
	       "none 0 2048 0 0 0 50 70 0 60 hardware 0 wait 1500 never 30000 20\n"
	       "ram 1 0 0 0 0 0 0 0 100 every 0 kill 10000 always 5000 50\n");
	expect(samples(), "ls -rn 3", 0,
	       " ram 1 0 0 0 0 0 0 0 100 every 0 kill 10000 always 5000 50\n");
	expect(samples(), "ls -J -o WRITABLE,SWAP_PAGES 1", 0,
	       "\"writable\": false,\n         \"swap_pages\": 65536");
}

/* The default columns fit a terminal. */
static void ls_is_narrow(void **state)
{
	(void)state;
	assert_int_equal(pagebox(samples(), "ls"), 0);
	for (const char *line = output; *line; line += strcspn(line, "\n") + 1)
		assert_in_range(strcspn(line, "\n"), 1, 80);
}

static void policies_are_listed(void **state)
{
	(void)state;
	expect(samples(), "policies -rn", 0, "clock\nfifo\nrandom\nlru\n");
	expect(samples(), "policies", 0, "POLICY\nclock\n");
}

static void stat_counts_box_and_mappings(void **state)
{
	(void)state;
	expect(samples(), "stat -r -n 1", 0,
	       "1 - - 0 4 8 1 3 1 2 9 3 2 7 1 0 5 2 8 3 20 21 22 23 24 25 26 27 28 29 30 31 4 35 36 37 38\n"
	       "1 1 100 0 3 8 1 2 1 2 9 - - - - - - - - - - - - - - - - - - - - - - - - - -\n"
	       "1 2 101 0 1 0 0 1 0 0 0 - - - - - - - - - - - - - - - - - - - - - - - - - -\n");
}

static void stat_watches_the_growth(void **state)
{
	(void)state;
	expect(samples(), "stat -w0.01 -c2 -rno COW,PAGES 3", 0, "0 0\n0 0\n");
	expect(samples(), "stat -w0.01 -c2 -rno COW,PAGES 2", 0,
	       "3 3\n3 -\n0 3\n0 -\n");
	expect(samples(),
	       "stat -w0.01 -c2 -rno MAP,STORE_READS,SWAP_HIGH,OOM_KILLS,FRAMES_DIRTY,COMMITTED 2",
	       0,
	       "- 3 3 3 3 3\n1 - - - - -\n"
	       "- 0 3 0 3 3\n1 - - - - -\n");
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

/* A page has the same letter in "map" and "frames". */
static void a_letter_means_one_thing(void **state)
{
	static const char letters[] =
		"o private copy   s still shared since fork   "
		"r root page   capital: dirty\n";

	(void)state;
	expect(samples(), "map -s", 0, letters);
	expect(samples(), "frames -s", 0, letters);
	/* pages 0, 1, 2, 5 and 7, and their frames */
	expect(samples(), "map -rn -o STRIP 1 -p 100", 0, "rOSx-R.o\n");
	expect(samples(), "frames -srn -o STRIP 1", 0, "rOSRo...\n");
	/* Accessed and Dirty match the PTE */
	expect(samples(), "map -rn -l -o PTE -g 1 -p 100 1", 0, "ADW\n");
	expect(samples(), "frames -rn -o FRAME,A,D 1", 0, "1 1 1\n");
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
	expect(samples(), "frames -s", 0, ". empty   * accessed since");
	expect(samples(), "frames -s", 0, "   64 ... 960 frames empty\n");
	expect(samples(), "frames -srn -o STRIP,ACCESSED 1", 0,
	       "rOSRo... **......\n");
	expect(samples(), "frames -s 1", 0,
	       "    0 rOSRo...\n      **\n        ^\n");
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
		"stat -JO",  "map -JOl",   "frames -JO", "policies -J",
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
	expect(samples(), "frames -J -o HAND,A 1", 0,
	       "\"hand\": true,\n         \"a\": false");
}

/* ---- messages ------------------------------------------------------------ */

static void misuse_is_status_2(void **state)
{
	(void)state;
	expect(samples(), "", 2, "Usage: pagebox COMMAND");
	expect(samples(), "maps", 2, "unknown command 'maps'");
	expect(samples(), "map one", 2, "invalid box number 'one'");
	expect(samples(), "map 0", 2, "invalid box number '0'");
	expect(samples(), "map -p -3", 2, "invalid process number '-3'");
	expect(samples(), "map -o PAGE,FOO", 2, "unknown column 'FOO'");
	expect(samples(), "map -o ''", 2, "unknown column ''");
	expect(samples(), "map -l -s", 2, "are mutually exclusive");
	expect(samples(), "map -J -r", 2, "are mutually exclusive");
	expect(samples(), "map -N 0", 2, "invalid page count '0'");
	expect(samples(), "map -g 5-3", 2, "invalid last page '3'");
	expect(samples(), "map --range=", 2, "invalid first page ''");
	expect(samples(), "ls -l", 2, "Try 'pagebox ls --help'");
	expect(samples(), "ls --color=red", 2, "invalid color mode 'red'");
	expect(samples(), "stat -wnan", 2, "invalid interval 'nan'");
	expect(samples(), "stat -c 3", 2, "--count requires --watch");
}

/* These fail before the device is opened. */
static void misuse_of_settings_is_status_2(void **state)
{
	(void)state;
	expect(samples(), "set", 2, "this command takes a box number");
	expect(samples(), "set 3", 2, "nothing to set; 'pagebox set --help'");
	expect(samples(), "set 3 4 --frames 8", 2,
	       "this command takes a box number");
	expect(samples(), "set 0 --frames 8", 2, "invalid box number '0'");
	expect(samples(), "set 4294967296 --frames 8", 2, "invalid box number");
	expect(samples(), "set 3 --frames 1", 2,
	       "--frames: invalid value '1': expected a number of frames, 2 or more");
	expect(samples(), "set 3 --frames 8 --oom-wait 5us", 2,
	       "--oom-wait: invalid value '5us': expected a time");
	expect(samples(), "set 3 --store ram", 2,
	       "--store is only for new boxes");
	expect(samples(), "set 3 --references some", 2,
	       "--references: invalid value 'some': expected auto, hardware, exact or every");
	expect(samples(), "set 3 --size 1M", 2, "--size is only for new boxes");
	expect(samples(), "set 3 --swap-pages 8", 2,
	       "--swap-pages requires --swap");
	expect(samples(), "set 3 --frames", 2, "Try 'pagebox set --help'");
	expect(samples(), "set -J 3", 2, "Try 'pagebox set --help'");
	expect(samples(), "set --color 3", 2, "Try 'pagebox set --help'");
	expect(samples(), "ls --frames 8", 2, "Try 'pagebox ls --help'");
	expect(samples(), "new", 2, "this command takes a program to run");
	expect(samples(), "new --frames 8 --", 2, "a program to run");
	expect(samples(), "new --read-only true", 2,
	       "--read-only requires --store PATH");
	expect(samples(), "new --size 5000 true", 2,
	       "--size: invalid value '5000'");
	expect(samples(), "prefetch 1", 2, "a box number and a page range");
	expect(samples(), "pageout 1 2 3", 2, "a box number and a page range");
	expect(samples(), "discard 1 3-2", 2, "invalid last page '2'");
	expect(samples(), "discard 1 x", 2, "invalid first page 'x'");
	expect(samples(), "discard 1 0-17179869184", 2, "invalid last page");
	expect(samples(), "policies 1", 2, "this command takes options only");
}

/* Valid commands reach the device, which does not exist on this machine. */
static void without_a_module_it_is_said(void **state)
{
	static const char *const words[] = {
		"set 3 --frames 8",
		"set 3 --references every",
		"set --frames=8 --oom wait --oom-wait 2s 3",
		"new --store none -- ls --frames",
		"new --frames 8 ls -l --color=auto",
		"prefetch 1 0-17179869183",
		"pageout 1 7",
		"discard 4294967295 7-7",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		expect(samples(), words[i], 1,
		       "module is not loaded: run 'insmod");
	expect("/nonexistent", "policies", 1,
	       "module is not loaded: run 'insmod");
}

/* Help texts fit a terminal. */
static void help_is_narrow(void **state)
{
	static const char *const commands[] = {
		"ls",  "stat", "map",	   "frames",  "policies",
		"new", "set",  "prefetch", "pageout", "discard",
	};
	char words[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(words, sizeof(words), "%s --help", commands[i]);
		expect(samples(), words, 0, commands[i]);
		for (const char *line = output; *line;
		     line += strcspn(line, "\n") + 1)
			assert_in_range(strcspn(line, "\n"), 0, 80);
	}
}

static void help_is_status_0(void **state)
{
	(void)state;
	expect(samples(), "--help", 0, "frames");
	expect(samples(), "map --help", 0, "Columns of pages");
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
	       "the pagebox module is not loaded: run 'insmod");
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

static void remove_file(const char *name)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s/%s'", sandbox, name);
	assert_int_equal(system(command), 0);
}

/* A mapping ends while it is read, with and without its directory. */
static void a_mapping_that_goes_is_skipped(void **state)
{
	static const char *const gone[] = { "5/1/pages", "5/1/stats", "5/1" };

	(void)state;
	copy_sample("1", "5");
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
		remove_file(gone[i]);
		expect(sandbox, "map 5", 0, "map 2 of process 101");
		expect(sandbox, "map -J", 0, "\"map\": 2");
		if (i)
			expect(sandbox, "stat -rn -o MAP 5", 0, "-\n2\n");
	}
	assert_int_equal(pagebox(sandbox, "map -rn -o MAP"), 0);
	assert_string_equal(output, "2\n");
	assert_int_equal(pagebox(sandbox, "stat -w0.01 -c2 -rn -o MAP"), 0);
	assert_string_equal(output, "-\n2\n-\n2\n");
}

/* With its last mapping goes the reason to show a process that was asked for. */
static void a_process_that_goes_is_named(void **state)
{
	(void)state;
	copy_sample("1", "5");
	remove_file("5/2");
	expect(sandbox, "map -p 101", 1, "process 101 maps no box");
	expect(sandbox, "stat -p 101", 1, "process 101 maps no box");
	expect(sandbox, "map -p 100", 0, "map 1 of process 100");
	remove_file("5/1");
	expect(sandbox, "map 5", 0, "nothing is mapped");
	expect(sandbox, "map -g 0-1", 0, "nothing is mapped");
}

/* debugfs removes the files of a box one by one, and then its directory. */
static void a_box_that_goes_is_skipped(void **state)
{
	static const char *const looks[][2] = {
		{ "stats", "stat" },	{ "stats", "stat -w0.01 -c2" },
		{ "frames", "frames" }, { "frames", "frames -s" },
		{ "frames", "map" },	{ "maps", "ls" },
		{ "maps", "map -l" },	{ "maps", "frames" },
		{ "maps", "stat" },	{ "summary", "ls" },
		{ "summary", "stat" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		char file[16], words[64];

		copy_sample("1", "5");
		copy_sample("2", "2");
		snprintf(file, sizeof(file), "5/%s", looks[i][0]);
		remove_file(file);
		snprintf(words, sizeof(words), "%s -rn -o BOX", looks[i][1]);
		expect(sandbox, words, 0, "2\n");
		assert_null(strchr(output, '5'));
		assert_null(strstr(output, "no longer"));
		snprintf(words, sizeof(words), "%s -J", looks[i][1]);
		expect(sandbox, words, 0, "\"box\": 2");
		assert_null(strstr(output, "\"box\": 5"));
		snprintf(words, sizeof(words), "%s 5", looks[i][1]);
		expect(sandbox, words, 1, "there is no box 5; 'pagebox ls'");
		remove_file("5");
		remove_file("2");
	}
}

/* In box 5: an escape, a quote, a tab, an accented e, an invalid byte, a C1. */
static void rename_box(void)
{
	char command[512];

	copy_sample("1", "5");
	snprintf(
		command, sizeof(command),
		"sed -i -e 's/^name .*/name %s/' -e 's/^store .*/store %s/' '%s/5/summary'",
		"a\\\\033[2J\"\\\\011\\\\303\\\\251\\\\377\\\\302\\\\233",
		"\\/x\\\\012y", sandbox);
	assert_int_equal(system(command), 0);
}

static void expect_printable(const char *words)
{
	assert_int_equal(pagebox(sandbox, words), 0);
	for (const char *c = output; *c; c++) {
		if (*c != '\n' && (*c < ' ' || *c > '~'))
			fail_msg("pagebox %s: byte %#hhx in:\n%s", words, *c,
				 output);
	}
}

/* Names may contain any byte, but no output may control the terminal. */
static void names_cannot_talk_to_the_terminal(void **state)
{
	(void)state;
	rename_box();
	setenv("LC_ALL", "C", 1);
	expect_printable("ls -O");
	expect_printable("ls --raw");
	expect_printable("ls --pairs");
	expect_printable("map");
	expect_printable("frames");
	setenv("LC_ALL", "C.UTF-8", 1);
	expect(sandbox, "ls -n -o NAME,STORE", 0,
	       "a\\x1b[2J\"\\x09\303\251\\xff\\xc2\\x9b");
	expect(sandbox, "ls -n -o NAME,STORE", 0, " /x\\x0ay\n");
	expect(sandbox, "map 5", 0,
	       "box 5 (a\\x1b[2J\"\\x09\303\251\\xff\\xc2\\x9b) map 1");
	expect(sandbox, "frames 5", 0,
	       "box 5 (a\\x1b[2J\"\\x09\303\251\\xff\\xc2\\x9b): 5");
	expect(sandbox, "ls -J", 0,
	       "\"a\\u001b[2J\\\"\\t\303\251\357\277\275\357\277\275\357\277\275\"");
	expect(sandbox, "ls -J", 0, "\"/x\\ny\"");
	expect(sandbox, "ls -rn -o STORE", 0, "/x\\x0ay\n");
	unsetenv("LC_ALL");
}

/* A file that exists but cannot be read is an error. */
static void a_file_that_cannot_be_read_is_named(void **state)
{
	char path[128];

	(void)state;
	copy_sample("1", "5");
	remove_file("5/stats");
	snprintf(path, sizeof(path), "%s/5/stats", sandbox);
	assert_int_equal(symlink("/proc/self/mem", path), 0);
	expect(sandbox, "stat", 1, "5/stats: Input/output error");
	expect(sandbox, "stat 5", 1, "5/stats: Input/output error");
}

static void spoiled_files_are_reported(void **state)
{
	(void)state;
	copy_sample("1", "1");
	copy_sample("2", "2");
	sandbox_file("1/1/pages", "index address state\n");
	expect(sandbox, "map", 1, "1/1/pages: 'frame' is missing");
	expect(sandbox, "map", 1, "box 2 (sparse)");
	sandbox_file("1/frames", "frame");
	expect(sandbox, "frames 1", 1, "frames: line 1: is truncated");
	sandbox_file("1/summary", "box 1\n");
	expect(sandbox, "ls", 1, "summary: 'name' is missing");
	expect(sandbox, "ls", 1, "sparse");
}

/* A retired frame, and a page that was lost with one. */
static void memory_errors_are_drawn(void **state)
{
	(void)state;
	copy_sample("1", "1");
	expect(sandbox, "map -rn -o STRIP 1 -p 100", 0, "rOSx-R.o\n");
	assert_int_equal(pagebox(sandbox, "map"), 0);
	assert_null(strstr(output, "memory error"));
	sandbox_file("1/1/pages", "index address state frame slot sharers pte\n"
				  "1 0x7f0000001000 frame 1 - 1 ADW\n"
				  "3 0x7f0000003000 lost - - 1 -\n");
	sandbox_file("1/frames", "frame pfn page tier sharers R D pins hand\n"
				 "0 - - - - - - - >\n"
				 "1 4097 1 private 1 1 1 0 -\n"
				 "2 4098 - retired - - - - -\n");
	expect(sandbox, "map -rn -o STRIP 1 -p 100", 0, ".O.!....\n");
	expect(sandbox, "map 1", 0, "dropped\n! memory error\n");
	expect(sandbox, "map -l 1 -p 100", 0, " lost ");
	expect(sandbox, "frames -srn -o STRIP 1", 0, ".O!\n");
	expect(sandbox, "frames -s 1", 0, "the hand\n! memory error\n");
	expect(sandbox, "frames 1", 0, "    2 4098    - retired ");
}

/* Inconsistent rows: addresses outside the mapping, frames that do not exist. */
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

static const char complete[] =
	"PAGEBOX_DEBUGFS='%s' PATH=\"$(dirname '%s'):$PATH\" bash -c '"
	". \"$SAMPLES/../../inspector/pagebox.bash\"; COMP_WORDS=(pagebox %s);"
	"COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pagebox;"
	"printf \"%%s \" \"${COMPREPLY[@]}\"' 2>&1";

static void complete_is(const char *words, const char *offers)
{
	char command[1024];
	FILE *pipe;

	snprintf(command, sizeof(command), complete, samples(),
		 getenv("PAGEBOX"), words);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	output[fread(output, 1, sizeof(output) - 1, pipe)] = '\0';
	assert_int_equal(pclose(pipe), 0);
	if (strcmp(output, offers))
		fail_msg("pagebox %s: completed to '%s'", words, output);
}

static void words_are_completed(void **state)
{
	(void)state;
	complete_is("p", "policies prefetch pageout ");
	complete_is("set \"\"", "1 2 3 ");
	complete_is("discard \"\"", "1 2 3 ");
	complete_is("stat -o STORE", "STORE_READS STORE_WRITES ");
	complete_is("set --dirty", "--dirty-age --dirty-ratio ");
	complete_is("set 3 --policy r", "random ");
	complete_is("set 3 --policy = \"\"", "clock fifo random lru ");
	complete_is("set 3 --policy =", "clock fifo random lru ");
	complete_is("set 3 --oom k", "kill ");
	complete_is("set 3 --references e", "exact every ");
	complete_is("new --ref", "--references ");
	complete_is("set 3 --frames \"\"", " ");
	complete_is("new --swap n", "none ");
	complete_is("new --read-only --frames 64 --oom = kill mapfil",
		    "mapfile ");
	complete_is("new -- mapfil", "mapfile ");
	complete_is("new -- ls --frames /dev/nul", "/dev/null ");
}

/* Short output is written at exit, long output before. */
static void a_full_disk_is_noticed(void **state)
{
	static const char *const commands[] = {
		"--help",
		"--version",
		"help",
		"version",
		"ls",
		"ls --json",
		"ls --raw",
		"ls --pairs",
		"ls -n",
		"stat",
		"stat --json",
		"stat -w0.01 -c3",
		"stat -w0.01",
		"map",
		"map --json",
		"map -l",
		"map -l --json",
		"frames",
		"frames --json",
		"frames -s",
		"frames -s --json",
		"policies",
		"policies --json",
		"policies --raw",
		"ls --help",
		"stat --help",
		"map --help",
		"frames --help",
		"policies --help",
		"new --help",
		"set --help",
		"prefetch --help",
		"pageout --help",
		"discard --help",
		"ls --version",
		"new --version",
	};
	char words[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(words, sizeof(words), "%s >/dev/full", commands[i]);
		expect(samples(), words, 1, "cannot write the output");
	}
}

/* List boxes into a pipe without a reader. Return: the child. */
static pid_t list_into(int pipe, int errors)
{
	pid_t pid;

	pid = fork();
	if (pid)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	dup2(pipe, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	setenv("PAGEBOX_DEBUGFS", samples(), 1);
	execl("/bin/sh", "sh", "-c", "exec \"$PAGEBOX\" ls", NULL);
	_exit(127);
}

static void a_closed_pipe_is_noticed(void **state)
{
	int out[2], errors[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(out) | pipe(errors), 0);
	close(out[0]);
	pid = list_into(out[1], errors[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	close(out[1]);
	close(errors[1]);
	output[read(errors[0], output, sizeof(output) - 1)] = '\0';
	close(errors[0]);
	assert_non_null(strstr(output, "cannot write the output: Broken pipe"));
}

/* Files that are opened later must not receive the output. */
static void closed_files_are_no_output(void **state)
{
	(void)state;
	expect(samples(), "ls >&-", 1,
	       "cannot write the output: Bad file descriptor");
	expect(samples(), "--version 0<&- >&-", 1, "cannot write the output");
	/* no output, so no error */
	expect(samples(), "ls -n -p 100 3 >&-", 1, "process 100 maps no box");
}

#define SANDBOXED(test) \
	cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ls_shows_every_box),
		cmocka_unit_test(ls_shows_the_settings),
		cmocka_unit_test(ls_is_narrow),
		cmocka_unit_test(policies_are_listed),
		cmocka_unit_test(stat_counts_box_and_mappings),
		cmocka_unit_test(stat_watches_the_growth),
		cmocka_unit_test(map_draws_each_kind_of_page),
		cmocka_unit_test(a_letter_means_one_thing),
		cmocka_unit_test(map_skips_a_terabyte),
		cmocka_unit_test(map_lists_pages),
		cmocka_unit_test(frames_show_the_hand),
		cmocka_unit_test(colour_is_for_those_who_want_it),
		cmocka_unit_test(json_is_json),
		cmocka_unit_test(misuse_is_status_2),
		cmocka_unit_test(misuse_of_settings_is_status_2),
		cmocka_unit_test(without_a_module_it_is_said),
		cmocka_unit_test(help_is_status_0),
		cmocka_unit_test(help_is_narrow),
		cmocka_unit_test(the_missing_are_named),
		SANDBOXED(no_boxes_are_no_error),
		SANDBOXED(a_mapping_that_goes_is_skipped),
		SANDBOXED(a_process_that_goes_is_named),
		SANDBOXED(a_box_that_goes_is_skipped),
		SANDBOXED(names_cannot_talk_to_the_terminal),
		SANDBOXED(a_file_that_cannot_be_read_is_named),
		SANDBOXED(spoiled_files_are_reported),
		SANDBOXED(memory_errors_are_drawn),
		SANDBOXED(lies_do_no_harm),
		cmocka_unit_test(words_are_completed),
		cmocka_unit_test(a_full_disk_is_noticed),
		cmocka_unit_test(a_closed_pipe_is_noticed),
		cmocka_unit_test(closed_files_are_no_output),
	};

	return cmocka_run_group_tests_name("pagebox", tests, NULL, NULL);
}
