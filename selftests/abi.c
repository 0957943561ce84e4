// SPDX-License-Identifier: GPL-2.0
/*
 * module/ABI-debugfs against the running module: the files, their modes, and
 * the keys and columns of their tables.
 */

#include <ctype.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"

#define DOCUMENT "ABI-debugfs"
#define DIRECTORY "/sys/kernel/debug/pagebox"
#define MAX_FILES 32

enum table { NONE, KEYS, COLUMNS };

/**
 * struct entry - one "What:" of the document
 * @path: the path, in which <NAME> stands for a number
 * @writable: "(RW)" and not "(RO)"
 * @table: the meaning of the words
 * @words: keys or columns, separated by spaces
 * @files: files that match
 */
struct entry {
	char path[96];
	bool writable;
	enum table table;
	char words[1024];
	unsigned int files;
};

static struct entry entries[MAX_FILES];
static size_t nr_entries;

static char *files[MAX_FILES];
static size_t nr_files;
static unsigned int our_box;

static void add_word(char *words, const char *word)
{
	size_t used = strlen(words);

	snprintf(words + used, sizeof(entries[0].words) - used, "%s%.*s",
		 used ? " " : "", (int)strcspn(word, " "), word);
}

static void parse_line(const char *line)
{
	static bool in_table;
	struct entry *entry = nr_entries ? &entries[nr_entries - 1] : NULL;

	if (!strncmp(line, "What:", 5)) {
		if (nr_entries == MAX_FILES)
			die(DOCUMENT " has more than %d entries", MAX_FILES);
		if (sscanf(line, "What: %95s", entries[nr_entries].path) != 1)
			die(DOCUMENT " has an entry without a path");
		nr_entries++;
		in_table = false;
	} else if (!entry || strncmp(line, "\t\t", 2)) {
		return;
	} else if (!strncmp(line, "\t\t(RW)", 6)) {
		entry->writable = true;
	} else if (!strcmp(line, "\t\tKeys:")) {
		entry->table = KEYS;
	} else if (!strcmp(line, "\t\tColumns:")) {
		entry->table = COLUMNS;
	} else if (!strncmp(line, "\t\t==", 4)) {
		in_table = !in_table;
	} else if (in_table && !isspace(line[2])) {
		add_word(entry->words, line + 2);
	}
}

/* The document is installed next to this program. */
static void read_document(void)
{
	char path[PATH_MAX], *text, *line, *save;
	ssize_t length;

	length = readlink("/proc/self/exe", path, PATH_MAX - sizeof(DOCUMENT));
	if (length < 0)
		die("/proc/self/exe");
	path[length] = '\0';
	snprintf(strrchr(path, '/'), sizeof("/" DOCUMENT), "/" DOCUMENT);
	text = file_text(path);
	if (!text)
		die("%s", path);
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		parse_line(line);
	free(text);
}

static int add_file(const char *path, const struct stat *stat, int type,
		    struct FTW *ftw)
{
	(void)stat;
	if (type == FTW_D && ftw->level == 1 && isdigit(path[ftw->base]) &&
	    strtoul(path + ftw->base, NULL, 10) != our_box)
		return FTW_SKIP_SUBTREE;
	if (type != FTW_F)
		return FTW_CONTINUE;
	if (nr_files == MAX_FILES)
		die("more than %d files in debugfs", MAX_FILES);
	files[nr_files++] = strdup(path);
	return FTW_CONTINUE;
}

static bool path_matches(const char *pattern, const char *path)
{
	while (*pattern) {
		if (*pattern == '<') {
			size_t digits = strspn(path, "0123456789");

			if (!digits)
				return false;
			path += digits;
			pattern += strcspn(pattern, ">") + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*path;
}

/* The entry of a file; @count is set to the number of entries that match. */
static struct entry *entry_of(const char *path, unsigned int *count)
{
	struct entry *found = NULL;

	*count = 0;
	for (size_t i = 0; i < nr_entries; i++) {
		if (path_matches(entries[i].path, path)) {
			found = &entries[i];
			++*count;
		}
	}
	return found;
}

/* The first word of each line, or all words of the first line. */
static void words_of_file(const char *path, enum table table, char *words)
{
	char *text = file_text(path), *line, *save;

	if (!text)
		die("%s", path);
	*words = '\0';
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (table == COLUMNS) {
			snprintf(words, sizeof(entries[0].words), "%s", line);
			break;
		}
		add_word(words, line);
	}
	free(text);
}

FIXTURE(abi)
{
	int box;
};

FIXTURE_SETUP(abi)
{
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE };

	self->box = box_new(8, 0);
	our_box = box_info(self->box).id;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char *map = box_map(self->box, 4, flags[i]);

		page_fill(map, 1);
		/* Its directory exists once it has a row. */
		map_row_at(our_box, map);
	}
	read_document();
	if (nftw(DIRECTORY, add_file, 8, FTW_PHYS | FTW_ACTIONRETVAL))
		die(DIRECTORY);
}

FIXTURE_TEARDOWN(abi)
{
	for (size_t i = 0; i < nr_files; i++)
		free(files[i]);
	close(self->box);
}

/* One entry for each file, with its mode, and a file for each entry. */
TEST_F(abi, files)
{
	for (size_t i = 0; i < nr_files; i++) {
		unsigned int count;
		struct entry *entry = entry_of(files[i], &count);
		struct stat stat_buf;

		EXPECT_EQ(1, count)
		TH_LOG("%s", files[i]);
		if (!entry)
			continue;
		entry->files++;
		ASSERT_EQ(0, stat(files[i], &stat_buf));
		EXPECT_EQ(entry->writable, !!(stat_buf.st_mode & 0222))
		TH_LOG("%s: mode %o", files[i], stat_buf.st_mode);
	}
	for (size_t i = 0; i < nr_entries; i++) {
		const char *path = entries[i].path;

		/* Only built on request. */
		if (!strcmp(path, DIRECTORY "/failpoints") &&
		    access(path, F_OK))
			continue;
		EXPECT_LE(1, entries[i].files)
		TH_LOG("no file %s", path);
	}
}

/* Keys and columns are those of the document, in its order. */
TEST_F(abi, words)
{
	char words[sizeof(entries[0].words)];
	unsigned int count, tables = 0;

	for (size_t i = 0; i < nr_files; i++) {
		struct entry *entry = entry_of(files[i], &count);

		if (!entry || entry->table == NONE)
			continue;
		words_of_file(files[i], entry->table, words);
		EXPECT_STREQ(entry->words, words)
		TH_LOG("%s", files[i]);
		tables++;
	}
	EXPECT_LE(8, tables);
}

TEST_HARNESS_MAIN
