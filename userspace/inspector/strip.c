// SPDX-License-Identifier: GPL-2.0
/*
 * strip: draw a long sequence of items with a character each.
 *
 * A mapping can have 2^34 pages with only four of them in use, so blanks are never
 * visited: drawing goes from mark to mark, and all rows without marks between two
 * rows with marks become a single blank row. Rows start at multiples of their
 * length, so that a page stays in its column when its neighbours change.
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "strip.h"

/**
 * strip_letter() - character of a page in a frame, the same in all strips
 * @is_root: the page belongs to the root view
 * @sharers: number of views that hold a private page
 * @is_dirty: the page must be written before its frame is reused
 *
 * Return: the character.
 */
char strip_letter(bool is_root, __u64 sharers, bool is_dirty)
{
	char letter = is_root ? 'r' : sharers > 1 ? 's' : 'o';

	return is_dirty ? toupper((unsigned char)letter) : letter;
}

static __u64 row_length(const struct strip *strip)
{
	return strip->per_char * strip->width;
}

/* The most frequent character of the marks in a cell; on a tie the first. */
static char cell_letter(const struct strip_mark *marks, size_t nr)
{
	size_t count[UCHAR_MAX + 1] = { 0 };
	char best = marks[0].letter;

	if (nr == 1)
		return best;
	for (size_t i = 0; i < nr; i++)
		count[(unsigned char)marks[i].letter]++;
	for (size_t i = 0; i < nr; i++) {
		if (count[(unsigned char)marks[i].letter] >
		    count[(unsigned char)best])
			best = marks[i].letter;
	}
	return best;
}

/* Draw @row from its marks, the first at @mark. Return: the next mark. */
static size_t draw_row(const struct strip *strip, size_t mark,
		       struct strip_row *row)
{
	size_t cells = (row->length + strip->per_char - 1) / strip->per_char;

	memset(row->cells, STRIP_BLANK, cells);
	row->cells[cells] = '\0';
	while (mark < strip->nr_marks &&
	       strip->marks[mark].at - row->at < row->length) {
		size_t cell =
			(strip->marks[mark].at - row->at) / strip->per_char;
		size_t end = mark + 1;

		while (end < strip->nr_marks &&
		       (strip->marks[end].at - row->at) / strip->per_char ==
			       cell)
			end++;
		row->cells[cell] = cell_letter(strip->marks + mark, end - mark);
		mark = end;
	}
	return mark;
}

/**
 * strip_next() - draw the next row
 * @strip: the drawing
 * @mark: the first mark not drawn yet; initially 0
 * @row: the previous row, initially with length 0; set to the next one
 *
 * Return: false after the last row.
 */
bool strip_next(const struct strip *strip, size_t *mark, struct strip_row *row)
{
	__u64 whole = row_length(strip), start;

	row->at += row->length;
	if (row->at >= strip->length)
		return false;
	start = *mark < strip->nr_marks ?
			strip->marks[*mark].at / whole * whole :
			strip->length;
	if (start > row->at) {
		row->length = start - row->at;
		row->cells[0] = '\0';
		return true;
	}
	row->length = strip->length - row->at < whole ?
			      strip->length - row->at :
			      whole;
	*mark = draw_row(strip, *mark, row);
	return true;
}

/**
 * strip_rows() - count the rows of the drawing
 * @strip: the drawing
 *
 * Return: the number of rows that strip_next() returns.
 */
__u64 strip_rows(const struct strip *strip)
{
	struct strip_row row = { .length = 0 };
	size_t mark = 0;
	__u64 rows = 0;

	while (strip_next(strip, &mark, &row))
		rows++;
	return rows;
}

/**
 * strip_fit() - choose the items per character to fit a number of rows
 * @strip: its per_char is set, to a power of two
 * @rows: maximum number of rows, at least 1
 */
void strip_fit(struct strip *strip, __u64 rows)
{
	strip->per_char = 1;
	while (row_length(strip) < strip->length && strip_rows(strip) > rows)
		strip->per_char *= 2;
}

static const char *color_of(char letter)
{
	switch (tolower((unsigned char)letter)) {
	case 'o':
		return isupper((unsigned char)letter) ? "1;32" : "32";
	case 's':
		return isupper((unsigned char)letter) ? "1;33" : "33";
	case 'r':
		return isupper((unsigned char)letter) ? "1;36" : "36";
	case 'x':
		return "31";
	case STRIP_ERROR:
		return "1;31";
	default:
		return "2";
	}
}

/**
 * strip_paint() - colour a row
 * @out: set to the row with escape sequences
 * @size: size of @out, at least STRIP_PAINTED
 * @cells: the row
 */
void strip_paint(char *out, size_t size, const char *cells)
{
	const char *last = NULL;
	size_t used = 0;

	for (; *cells; cells++) {
		const char *color = color_of(*cells);

		if (!last || strcmp(last, color))
			used += snprintf(out + used, size - used, "\033[0;%sm",
					 color);
		used += snprintf(out + used, size - used, "%c", *cells);
		last = color;
	}
	snprintf(out + used, size - used, "\033[0m");
}
