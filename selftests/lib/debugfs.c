// SPDX-License-Identifier: GPL-2.0
/* The tables below debugfs; see debugfs.h. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/debugfs.h"
#include "lib/test.h"

#define DEBUGFS "/sys/kernel/debug/pagebox"

char *debugfs_text(unsigned int id, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%u/%s", id, name);
	return file_text(path);
}

bool box_is_gone(unsigned int id)
{
	char *text = debugfs_text(id, "summary");

	free(text);
	return !text;
}

bool no_box_is_left(void)
{
	DIR *directory = opendir(DEBUGFS);
	struct dirent *entry;
	bool none = true;

	if (!directory)
		die(DEBUGFS);
	while ((entry = readdir(directory)))
		none &= entry->d_name[0] < '0' || entry->d_name[0] > '9';
	closedir(directory);
	return none;
}

static char *debugfs_must(unsigned int id, const char *name)
{
	char *text = debugfs_text(id, name);

	if (!text)
		die("cannot read " DEBUGFS "/%u/%s, mount debugfs and be root",
		    id, name);
	return text;
}

long debugfs_number(unsigned int id, const char *name, const char *key)
{
	char *text = debugfs_must(id, name);
	char *save, *line;
	size_t length = strlen(key);

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, key, length) && line[length] == ' ') {
			long value = strtol(line + length, NULL, 10);

			free(text);
			return value;
		}
	}
	errno = 0;
	die("%s of box %u has no line '%s'", name, id, key);
}

/* "-" is -1, "root" is ROOT_SHARERS, anything else must be a number. */
static long column_number(const char *column, const char *line)
{
	char *end;
	long value;

	if (!strcmp(column, "-"))
		return -1;
	if (!strcmp(column, "root"))
		return ROOT_SHARERS;
	value = strtoul(column, &end, 0);
	errno = 0;
	if (end == column || *end)
		die("'%s' is not a number in '%s'", column, line);
	return value;
}

#define MAX_COLUMNS 9

/*
 * Passes the columns of each row to @add. The header must be @header, and each
 * row must have as many columns as the header.
 */
static size_t table_rows(unsigned int id, const char *name, const char *header,
			 size_t row_size, void **rows,
			 void (*add)(void *row, char (*column)[32],
				     const char *line))
{
	char *text = debugfs_must(id, name);
	char *save, *line = strtok_r(text, "\n", &save);
	char column[MAX_COLUMNS][32];
	size_t count = 0;
	int columns = 1;

	errno = 0;
	if (!line || strcmp(line, header))
		die("%s of box %u begins with '%s' instead of '%s'", name, id,
		    line, header);
	for (const char *c = header; *c; c++)
		columns += *c == ' ';
	*rows = NULL;
	while ((line = strtok_r(NULL, "\n", &save))) {
		int got = sscanf(line,
				 "%31s %31s %31s %31s %31s %31s %31s %31s %31s",
				 column[0], column[1], column[2], column[3],
				 column[4], column[5], column[6], column[7],
				 column[8]);

		errno = 0;
		if (got != columns)
			die("%s of box %u: the columns of '%s' are not those of '%s'",
			    name, id, line, header);
		*rows = realloc(*rows, (count + 1) * row_size);
		if (!*rows)
			die("realloc");
		add((char *)*rows + count++ * row_size, column, line);
	}
	free(text);
	return count;
}

static void add_frame_row(void *to, char (*column)[32], const char *line)
{
	struct frame_row *row = to;

	row->frame = column_number(column[0], line);
	row->pfn = column_number(column[1], line);
	row->page = column_number(column[2], line);
	snprintf(row->tier, sizeof(row->tier), "%.15s", column[3]);
	row->sharers = column_number(column[4], line);
	row->referenced = column_number(column[5], line);
	row->dirty = column_number(column[6], line);
	row->pins = column_number(column[7], line);
	row->hand = !strcmp(column[8], ">");
	if (!row->hand && strcmp(column[8], "-"))
		die("column 'hand' is neither > nor - in '%s'", line);
}

size_t frame_rows(unsigned int id, struct frame_row **rows)
{
	return table_rows(id, "frames",
			  "frame pfn page tier sharers R D pins hand",
			  sizeof(**rows), (void **)rows, add_frame_row);
}

static void add_map_row(void *to, char (*column)[32], const char *line)
{
	struct map_row *row = to;

	row->map = column_number(column[0], line);
	row->pid = column_number(column[1], line);
	snprintf(row->type, sizeof(row->type), "%.15s", column[2]);
	row->start = column_number(column[3], line);
	row->end = column_number(column[4], line);
	row->pgoff = column_number(column[5], line);
	snprintf(row->prot, sizeof(row->prot), "%.7s", column[6]);
}

size_t map_rows(unsigned int id, struct map_row **rows)
{
	return table_rows(id, "maps", "map pid type start end pgoff prot",
			  sizeof(**rows), (void **)rows, add_map_row);
}

static void add_page_row(void *to, char (*column)[32], const char *line)
{
	struct page_row *row = to;

	row->index = column_number(column[0], line);
	row->address = column_number(column[1], line);
	snprintf(row->state, sizeof(row->state), "%.15s", column[2]);
	row->frame = column_number(column[3], line);
	row->slot = column_number(column[4], line);
	row->sharers = column_number(column[5], line);
	snprintf(row->pte, sizeof(row->pte), "%.7s", column[6]);
}

size_t page_rows(unsigned int id, long map, struct page_row **rows)
{
	char name[64];

	snprintf(name, sizeof(name), "%ld/pages", map);
	return table_rows(id, name,
			  "index address state frame slot sharers pte",
			  sizeof(**rows), (void **)rows, add_page_row);
}

struct map_row map_row_at(unsigned int id, const void *address)
{
	uintptr_t at = (uintptr_t)address;
	struct map_row *rows;
	size_t count = map_rows(id, &rows);

	for (size_t i = 0; i < count; i++) {
		if (rows[i].pid == getpid() && rows[i].start <= at &&
		    at < rows[i].end) {
			struct map_row row = rows[i];

			free(rows);
			return row;
		}
	}
	errno = 0;
	die("maps of box %u has no row of process %d for %p", id, getpid(),
	    address);
}

bool page_row_at(unsigned int id, const void *address, struct page_row *row)
{
	struct map_row map = map_row_at(id, address);
	struct page_row *rows;
	size_t count = page_rows(id, map.map, &rows);
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		found = rows[i].address == (uintptr_t)address;
		if (found)
			*row = rows[i];
	}
	free(rows);
	return found;
}

long frame_of(unsigned int id, const char *tier, long page)
{
	struct frame_row *rows;
	size_t count = frame_rows(id, &rows);
	long frame = -1;

	for (size_t i = 0; i < count; i++)
		if (rows[i].page == page && !strcmp(rows[i].tier, tier))
			frame = rows[i].frame;
	free(rows);
	return frame;
}
