// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz the whole inspector, from its arguments to its output. The input consists
 * of parts separated by "%%" lines: first the arguments, one per line and starting
 * with the command, then the files of the only box, in the order of part_of().
 *
 * For commands that open a box only the arguments are parsed: there is no module.
 */
#include <getopt.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "libpagebox.h"
#include "options.h"

#define MOST_WORDS 16
#define PARTS 8

static const struct command *const commands[] = {
	&ls_command,	   &stat_command,    &map_command, &frames_command,
	&policies_command, &new_command,     &set_command, &prefetch_command,
	&pageout_command,  &discard_command,
};

#define NR_LOOKING 5 /* the first ones only read files */

struct part {
	const char *at;
	size_t size;
};

static struct part parts[PARTS];

static char root[28] = "/tmp/pagebox-fuzz.XXXXXX";

/* The directory of the box contains those of its mappings. */
static unsigned int part_of(const char *path)
{
	static const char *const names[PARTS] = { NULL,	    "summary", "stats",
						  "frames", "maps",    NULL,
						  "pages",  "policies" };
	const char *name = strrchr(path, '/') + 1;
	const char *inside = path + strlen(root) + strlen("/1/");

	if (name > inside && !strcmp(name, "stats"))
		return 5;
	for (unsigned int i = 1; i < PARTS; i++) {
		if (names[i] && !strcmp(name, names[i]))
			return i;
	}
	return 0;
}

static FILE *open_part(const char *path)
{
	const struct part *part = &parts[part_of(path)];

	if (part == parts)
		return NULL;
	return fmemopen((void *)part->at, part->size, "r");
}

static void split(const char *text, size_t size)
{
	const char *end = text + size;

	memset(parts, 0, sizeof(parts));
	for (unsigned int i = 0; i < PARTS; i++) {
		const char *next = memmem(text, end - text, "\n%%\n", 4);

		parts[i].at = text;
		/* files end with a newline */
		parts[i].size = (next ? next + !!i : end) - text;
		if (!next)
			break;
		text = next + 4;
	}
}

static int split_words(char *text, char **words)
{
	char *save, *word;
	int nr = 0;

	for (word = strtok_r(text, "\n", &save); word && nr < MOST_WORDS;
	     word = strtok_r(NULL, "\n", &save))
		words[nr++] = word;
	words[nr] = NULL;
	return nr;
}

static unsigned int find_command(const char *name)
{
	unsigned int i = 0;

	while (i < ARRAY_SIZE(commands) && strcmp(commands[i]->name, name))
		i++;
	return i;
}

const char *__asan_default_options(void);

/* A run that ends early leaks memory by design. */
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* Output must not control a terminal, whatever names contain. */
static void check_output(char *text, bool is_coloured)
{
	for (char *c = text; is_coloured && *c; c++) {
		if (*c == '\033')
			*c = ' ';
	}
	fuzz_check_text(text, strlen(text) + 1);
}

static void run_words(int nr, char **words)
{
	unsigned int i = find_command(words[0]);
	static struct options options;
	FILE *terminal = stdout;
	char *text = NULL;
	size_t size;

	if (i == ARRAY_SIZE(commands))
		return;
	optind = 0;
	opterr = 0;
	memset(&options, 0, sizeof(options));
	fuzz_open = open_part;
	stdout = open_memstream(&text, &size);
	if (!stdout)
		abort();
	if (FUZZ_BEGINS() && !parse_options(nr, words, commands[i], &options)) {
		FUZZ_CHECK(options.first <= options.last);
		/* repeating forever finds nothing more */
		options.interval = 0;
		if (i < NR_LOOKING)
			commands[i]->run(&options);
	}
	FUZZ_IS_OVER();
	fclose(stdout);
	stdout = terminal;
	check_output(text, options.colors);
	free(text);
	free(options.boxes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *words[MOST_WORDS + 1];
	int nr;

	split((const char *)data, size);
	if (!parts[0].at)
		return 0;
	text = strndup(parts[0].at, parts[0].size);
	nr = text ? split_words(text, words) : 0;
	if (nr)
		run_words(nr, words);
	free(text);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

static char box[sizeof(root) + 8];

static void remove_box(void)
{
	rmdir(box);
	rmdir(root);
}

/* Create the directory of the box; its files come from the input. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setlocale(LC_CTYPE, "C.UTF-8");
	if (!mkdtemp(root))
		abort();
	snprintf(box, sizeof(box), "%s/1", root);
	if (mkdir(box, 0700) || setenv("PAGEBOX_DEBUGFS", root, 1) ||
	    atexit(remove_box))
		abort();
	return 0;
}
