// SPDX-License-Identifier: GPL-2.0
/*
 * A short run of the fuzzer, and tests of its basis: programs can be written
 * and read, a seed always gives the same ones, the first programs are good.
 * "make fuzz" runs it for longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

static void __attribute__((constructor)) skip_without_failpoints(void)
{
	need_failpoints();
}

#define SEED 20
#define EXECS 120
#define FULL_EXECS 4800
#define MOST_SECONDS 1700
#define PROGRAMS 2000

/* The text of @program, to be freed. */
static char *text_of(const struct fuzz_program *program)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		die("open_memstream");
	fuzz_write(program, to);
	fclose(to);
	return text;
}

static bool read_text(const char *text, struct fuzz_program *program)
{
	FILE *from = fmemopen((void *)text, strlen(text), "r");
	bool read;

	if (!from)
		die("fmemopen");
	read = fuzz_read(from, program);
	fclose(from);
	return read;
}

TEST(what_is_written_can_be_read)
{
	struct fuzz_maker maker = { .random = SEED };
	struct fuzz_program program, other, back;

	fuzz_make(&maker, &other);
	for (int i = 0; i < PROGRAMS; i++) {
		char *text, *again;

		fuzz_make(&maker, &program);
		fuzz_change(&maker, &program, &other);
		text = text_of(&program);
		ASSERT_TRUE(read_text(text, &back));
		again = text_of(&back);
		ASSERT_STREQ(text, again);
		free(text);
		free(again);
		other = program;
	}
}

TEST(a_seed_gives_the_same_programs)
{
	struct fuzz_maker one = { .random = SEED }, two = { .random = SEED };
	struct fuzz_maker three = { .random = SEED + 1 };
	struct fuzz_program a, b, c;
	int differ = 0;

	for (int i = 0; i < PROGRAMS; i++) {
		fuzz_make(&one, &a);
		fuzz_make(&two, &b);
		fuzz_make(&three, &c);
		ASSERT_EQ(0, memcmp(&a, &b, sizeof(a)));
		differ += !!memcmp(a.calls, c.calls, sizeof(a.calls));
	}
	ASSERT_LT(PROGRAMS / 2, differ);
}

/* A call with a typing error would be skipped silently. */
TEST(every_line_of_the_seeds_is_a_call)
{
	struct fuzz_program program = { .nr = 0 };
	char *text = strdup(fuzz_seeds), *save, *line;
	int programs = 0;

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '#')
			continue;
		if (!strcmp(line, "end")) {
			ASSERT_NE(0, program.nr);
			program.nr = 0;
			programs++;
			continue;
		}
		ASSERT_TRUE(fuzz_read_call(line, &program))
		{
			TH_LOG("'%s' is not a call", line);
		}
	}
	ASSERT_LE(12, programs);
	free(text);
}

/* Faults, evicts and forks as before any fuzzing. */
static int use_box(void *unused)
{
	int box = box_new(8, 0);
	char *map = box_map(box, 64, MAP_PRIVATE);
	struct pagebox_stats stats;

	(void)unused;
	pages_fill(map, 64, 1);
	if (!pages_hold(map, 64, 1))
		return 1;
	stats = box_stats(box);
	if (stats.pages != 64 || stats.frames_used > 8 || stats.views != 2)
		return 2;
	unmap(map, 64);
	stats = box_stats(box);
	return stats.pages || stats.swap_used || stats.views != 1 ||
			       stats.frames_pinned || stats.committed ?
		       3 :
		       0;
}

/* Only a case with a fixture can have a longer timeout. */
FIXTURE(module){};

NO_SETUP(module);

NO_TEARDOWN(module);

TEST_F_TIMEOUT(module, stands_what_nobody_thought_of, MOST_SECONDS)
{
	struct fuzz_session session = { .seed = SEED,
					.execs = sized(EXECS, FULL_EXECS),
					.log = stderr };

	ASSERT_TRUE(fuzz_session_run(&session));
	ASSERT_LE(sized(EXECS, FULL_EXECS), session.done);
	TH_LOG("%llu programs, %llu killed, %u places, %u steps",
	       (unsigned long long)session.done,
	       (unsigned long long)session.killed, session.seen.places,
	       session.seen.steps);
	if (session.first.places) {
		EXPECT_LT(500, session.first.places);
		EXPECT_LT(session.first.places, session.seen.places);
		EXPECT_LT(13, session.kept);
	}
	EXPECT_EQ(0, in_child(use_box, NULL));
	EXPECT_EQ(0, module_unload("pagebox"));
	module_load("pagebox.ko", "frames=64");
	EXPECT_EQ(0, in_child(use_box, NULL));
}

TEST_HARNESS_MAIN
