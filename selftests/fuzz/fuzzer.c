// SPDX-License-Identifier: GPL-2.0
/*
 * fuzzer: random system calls, run against the module.
 *
 *	fuzzer [--seed N] [--execs N] [--seconds N] [--corpus FILE]
 *	fuzzer --replay FILE [--times N]
 *
 * Programs that ran new code are written to standard output, and can be the
 * corpus of the next run; progress goes to standard error. The exit status is 1
 * if a program did something forbidden; it is printed then. "make fuzz" runs it
 * in a VM.
 */
#include <err.h>
#include <getopt.h>
#include <stdlib.h>

#include "fuzz.h"
#include "lib/test.h"

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "execs", required_argument, NULL, 'e' },
	{ "seconds", required_argument, NULL, 't' },
	{ "corpus", required_argument, NULL, 'c' },
	{ "replay", required_argument, NULL, 'r' },
	{ "times", required_argument, NULL, 'n' },
	{ NULL },
};

static uint64_t to_number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (end == text || *end)
		errx(2, "'%s' is not a number", text);
	return value;
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file)
		err(2, "%s", path);
	return file;
}

int main(int argc, char **argv)
{
	struct fuzz_session session = { .seed = 1,
					.out = stdout,
					.log = stderr };
	unsigned int times = 1;
	FILE *replay = NULL;
	bool well;
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (letter) {
		case 's':
			session.seed = to_number(optarg);
			break;
		case 'e':
			session.execs = to_number(optarg);
			break;
		case 't':
			session.seconds = to_number(optarg);
			break;
		case 'c':
			session.corpus = open_file(optarg);
			break;
		case 'r':
			replay = open_file(optarg);
			break;
		case 'n':
			times = to_number(optarg);
			break;
		default:
			return 2;
		}
	}
	if (optind < argc)
		errx(2, "usage error: see the first lines of fuzzer.c");
	well = replay ? fuzz_session_replay(&session, replay, times) :
			fuzz_session_run(&session);
	fprintf(stderr, "# seed %lu: %lu programs, %lu killed, %u kept; ",
		session.seed, session.done, session.killed, session.kept);
	if (session.covered)
		fprintf(stderr, "%u places and %u steps in the module\n",
			session.seen.places, session.seen.steps);
	else
		fprintf(stderr, "this kernel has no KCOV\n");
	return !well;
}
