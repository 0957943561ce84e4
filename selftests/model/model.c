// SPDX-License-Identifier: GPL-2.0
/*
 * Random programs against an oracle that knows every byte.
 *
 *	model                     the selftest
 *	model [OPTION...]         programs from seeds
 *
 *   --seed N        the first seed (1)
 *   --count N       number of programs, each from the next seed (1)
 *   --ops M         operations of each (200)
 *   --seconds S     start no more programs after that time
 *   --noise yes|no  concurrent operations without effect (every other program)
 *   --replay FILE   run the program in FILE (-: standard input)
 *   --tries N       number of runs of it, or of one that is being shrunk (1)
 *   --print         print the program instead of running it
 *   --no-shrink     print a failing program as it is
 *   --announce      write each seed to the kernel log before its run
 *
 * A program that fails is shrunk to few operations and printed; the output can
 * be passed to --replay. Exit status 0: all programs agreed with the oracle.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/test.h"
#include "model.h"

/* Seconds that a program may run without progress. */
#define PATIENCE (small_size() ? 2 : 60)
/* The same for a part of a program that hangs. */
#define SHORT_PATIENCE (small_size() ? 1 : 10)

struct options {
	uint64_t seed;
	unsigned int count;
	unsigned int ops;
	unsigned int seconds;
	unsigned int tries;
	int noise; /* or -1: depends on the seed */
	const char *replay;
	bool print;
	bool shrink;
	bool announce;
};

struct totals {
	unsigned int programs;
	uint64_t operations;
	uint64_t accesses;
	uint64_t noises;
	uint64_t faults;
	uint64_t evictions;
	double seconds;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void generate(struct program *program, uint64_t seed,
		     const struct options *o)
{
	struct profile profile = { .ops = o->ops,
				   .noise = o->noise < 0 ? seed % 2 :
							   o->noise };

	program_generate(program, seed, &profile);
}

static void total(struct totals *totals, const struct run *r)
{
	totals->programs++;
	totals->operations += r->operations;
	totals->accesses += r->accesses;
	totals->noises += r->noises;
	totals->faults += r->faults;
	totals->evictions += r->evictions;
}

/* --- shrinking --- */

/* Runs it up to @tries times, until it fails. */
static bool still_fails(struct run *r, unsigned int tries)
{
	unsigned int patience = r->hangs ? SHORT_PATIENCE : PATIENCE;

	for (unsigned int i = 0; i < tries; i++)
		if (!run_program(r, patience))
			return true;
	return false;
}

/* Leaves out the @nr operations from @first on. */
static void leave_out(struct program *to, const struct program *from,
		      unsigned int first, unsigned int nr)
{
	to->nr = from->nr - nr;
	memcpy(to->op, from->op, first * sizeof(*to->op));
	memcpy(to->op + first, from->op + first + nr,
	       (to->nr - first) * sizeof(*to->op));
}

/*
 * Leaves out smaller and smaller parts as long as the program still fails. In
 * the result, every single operation is needed.
 */
static void shrink(struct run *r, struct program *least, unsigned int tries)
{
	unsigned int part = least->nr / 2;
	bool smaller = false, hangs = r->hangs;

	while (part) {
		for (unsigned int at = 0; at < least->nr;) {
			unsigned int nr =
				part < least->nr - at ? part : least->nr - at;

			leave_out(&r->program, least, at, nr);
			r->hangs = hangs;
			if (still_fails(r, tries)) {
				memcpy(least, &r->program, sizeof(*least));
				smaller = true;
			} else {
				at += nr;
			}
		}
		/* Single operations are repeated as long as that helps. */
		if (part > 1 || !smaller)
			part /= 2;
		smaller = false;
	}
	memcpy(&r->program, least, sizeof(*least));
}

static void report(struct run *r, const char *what)
{
	printf("# %s fails at operation %u: %s\n", what, r->failed_op,
	       r->failure);
	fflush(stdout);
}

static void shrink_and_print(struct run *r, const struct options *o)
{
	static struct program least;

	memcpy(&least, &r->program, sizeof(least));
	if (o->shrink) {
		shrink(r, &least, o->tries);
		if (still_fails(r, o->tries * 4))
			report(r, "the shrunk program");
		else
			printf("# the shrunk program fails only sometimes\n");
	}
	program_print(&least);
	fflush(stdout);
}

/* --- command line --- */

static void announce(uint64_t seed, unsigned int ops)
{
	char text[80];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	int length = snprintf(text, sizeof(text),
			      "<6>pagebox model: --seed %llu --ops %u\n",
			      (unsigned long long)seed, ops);

	if (fd < 0 || write(fd, text, length) != length)
		die("/dev/kmsg");
	close(fd);
}

static bool run_seed(struct run *r, uint64_t seed, const struct options *o,
		     struct totals *totals)
{
	char what[64];

	generate(&r->program, seed, o);
	if (o->announce)
		announce(seed, o->ops);
	snprintf(what, sizeof(what), "seed %llu", (unsigned long long)seed);
	for (unsigned int i = 0; i < o->tries; i++) {
		bool good = run_program(r, PATIENCE);

		total(totals, r);
		if (!good) {
			report(r, what);
			return false;
		}
	}
	return true;
}

static void print_totals(struct totals *totals, double start)
{
	unsigned long long operations = totals->operations + totals->accesses;
	double seconds = now() - start;

	printf("# %u programs, %llu operations, %.1f s, %.0f operations per second\n",
	       totals->programs, operations, seconds, operations / seconds);
	printf("# %llu of them in storms, %llu acts of noise, %llu faults, %llu evictions\n",
	       (unsigned long long)totals->accesses,
	       (unsigned long long)totals->noises,
	       (unsigned long long)totals->faults,
	       (unsigned long long)totals->evictions);
	fflush(stdout);
}

static int run_seeds(const struct options *o)
{
	struct run *r = run_new();
	struct totals totals = {};
	double start = now();
	uint64_t seed = o->seed;
	bool good = true;

	for (; good && seed < o->seed + o->count; seed++) {
		if (o->seconds && now() - start > o->seconds)
			break;
		good = run_seed(r, seed, o, &totals);
	}
	print_totals(&totals, start);
	printf("# next seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	if (!good)
		shrink_and_print(r, o);
	return !good;
}

static int replay(const struct options *o)
{
	struct run *r = run_new();
	bool fails;

	if (!program_read(&r->program, o->replay))
		die("%s is empty", o->replay);
	fails = still_fails(r, o->tries);
	if (fails) {
		report(r, o->replay);
		if (o->shrink)
			shrink_and_print(r, o);
	}
	return fails;
}

static int print(const struct options *o)
{
	static struct program program;

	generate(&program, o->seed, o);
	program_print(&program);
	return 0;
}

enum {
	SEED,
	COUNT,
	NR_OPS,
	SECONDS,
	NOISE,
	REPLAY,
	TRIES,
	PRINT,
	NO_SHRINK,
	ANNOUNCE
};

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, SEED },
	{ "count", required_argument, NULL, COUNT },
	{ "ops", required_argument, NULL, NR_OPS },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "noise", required_argument, NULL, NOISE },
	{ "replay", required_argument, NULL, REPLAY },
	{ "tries", required_argument, NULL, TRIES },
	{ "print", no_argument, NULL, PRINT },
	{ "no-shrink", no_argument, NULL, NO_SHRINK },
	{ "announce", no_argument, NULL, ANNOUNCE },
	{}
};

static void parse(struct options *o, int option)
{
	switch (option) {
	case SEED:
		o->seed = parse_number(optarg);
		break;
	case COUNT:
		o->count = parse_number(optarg);
		break;
	case NR_OPS:
		o->ops = parse_number(optarg);
		if (o->ops > OPS - 32)
			die("a program has at most %u operations", OPS - 32);
		break;
	case SECONDS:
		o->seconds = parse_number(optarg);
		break;
	case NOISE:
		o->noise = !strcmp(optarg, "yes");
		break;
	case REPLAY:
		o->replay = optarg;
		break;
	case TRIES:
		o->tries = parse_number(optarg);
		break;
	case PRINT:
		o->print = true;
		break;
	case NO_SHRINK:
		o->shrink = false;
		break;
	case ANNOUNCE:
		o->announce = true;
		break;
	default:
		exit(2);
	}
}

#define DEFAULTS                                           \
	((struct options){ .seed = 1,                      \
			   .count = 1,                     \
			   .ops = small_size() ? 20 : 200, \
			   .tries = 1,                     \
			   .noise = -1,                    \
			   .shrink = !small_size() })

static int by_command(int argc, char **argv)
{
	struct options o = DEFAULTS;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		parse(&o, option);
	catch_signals();
	if (o.print)
		return print(&o);
	return o.replay ? replay(&o) : run_seeds(&o);
}

/* --- the selftest --- */

/* Programs from fixed seeds, so that every run of the test is the same. */
static bool seeds_pass(uint64_t seed, unsigned int count, bool noise)
{
	struct options o = DEFAULTS;

	o.seed = seed;
	o.count = count;
	o.ops /= 2;
	o.noise = noise;
	catch_signals();
	return !run_seeds(&o);
}

TEST(programs)
{
	EXPECT_TRUE(seeds_pass(1, sized(100, 100), false));
}

TEST(programs_under_noise)
{
	EXPECT_TRUE(seeds_pass(1001, sized(100, 100), true));
}

/* Replaces the operation before the last check of box 0 with a spoiled byte. */
static void spoil(struct program *program)
{
	unsigned int i = program->nr - 1;

	while (i &&
	       (program->op[i].kind != OP_CHECK_ROOT || program->op[i].arg[0]))
		i--;
	if (!i)
		die("the program does not look at its box");
	program->op[i - 1] = (struct op){ .kind = OP_SPOIL,
					  .proc = program->op[i].proc,
					  .arg = { 0, 1 } };
}

/*
 * A byte changed behind the oracle's back is detected, and the program is
 * shrunk.
 */
TEST(failures_are_seen_and_shrunk)
{
	static struct program least;
	struct options o = DEFAULTS;
	struct run *r = run_new();

	o.noise = 0;
	catch_signals();
	generate(&r->program, 7, &o);
	ASSERT_TRUE(run_program(r, PATIENCE));
	spoil(&r->program);
	ASSERT_FALSE(run_program(r, PATIENCE));
	memcpy(&least, &r->program, sizeof(least));
	shrink(r, &least, 1);
	program_print(&least);
	EXPECT_FALSE(run_program(r, PATIENCE));
	/*
	 * The box, the byte, the checking process, and the origin of that
	 * process.
	 */
	EXPECT_LE(3, least.nr);
	EXPECT_GE(6, least.nr);
}

/* A program is unchanged after printing and reading. */
TEST(text)
{
	static struct program a, b;
	struct options o = DEFAULTS;
	char path[] = "/tmp/model.XXXXXX";
	int out = mkstemp(path), saved = dup(STDOUT_FILENO);

	ASSERT_LE(0, out);
	generate(&a, 3, &o);
	fflush(stdout);
	ASSERT_LE(0, dup2(out, STDOUT_FILENO));
	program_print(&a);
	fflush(stdout);
	ASSERT_LE(0, dup2(saved, STDOUT_FILENO));
	ASSERT_TRUE(program_read(&b, path));
	unlink(path);
	EXPECT_EQ(a.nr, b.nr);
	for (unsigned int i = 0; i < a.nr; i++) {
		EXPECT_EQ(a.op[i].kind, b.op[i].kind);
		EXPECT_EQ(a.op[i].proc, b.op[i].proc);
		EXPECT_EQ(a.op[i].thread, b.op[i].thread);
		EXPECT_EQ(0, memcmp(a.op[i].arg, b.op[i].arg,
				    sizeof(a.op[i].arg)));
	}
}

/* The harness defines main() itself. */
#define main run_selftest
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--", 2))
			return by_command(argc, argv);
	return run_selftest(argc, argv);
}
