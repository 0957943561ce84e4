/* SPDX-License-Identifier: GPL-2.0 */
/*
 * strip: a long line of things, drawn as one character each.
 */
#ifndef STRIP_H
#define STRIP_H

#include <stdbool.h>
#include <stddef.h>

#include "pagebox.h"

/* The most characters in a row. */
#define STRIP_WIDTH 64

/* What stands for a thing that nothing is known about. */
#define STRIP_BLANK '.'

/* What strip_letter() says, for legends. */
#define STRIP_LEGEND \
	"o private copy   s still shared since fork   r root page   capital: dirty\n"

/* A frame with a memory error, or a page that one has taken; where there is any. */
#define STRIP_ERROR '!'
#define STRIP_ERROR_LEGEND "! memory error\n"

/**
 * struct strip_mark - a thing that is not blank
 * @at: its place in the strip, from 0
 * @letter: its character
 */
struct strip_mark {
	__u64 at;
	char letter;
};

/**
 * struct strip_row - a row of the drawing
 * @at: place of its first thing
 * @length: how many things it stands for
 * @cells: a character per cell, "" when every thing of the row is blank
 */
struct strip_row {
	__u64 at;
	__u64 length;
	char cells[STRIP_WIDTH + 1];
};

/**
 * struct strip - a drawing
 * @length: how many things there are
 * @per_char: how many of them share a character
 * @width: characters in a row
 * @marks: the ones that are not blank, ascending
 * @nr_marks: how many
 */
struct strip {
	__u64 length;
	__u64 per_char;
	unsigned int width;
	const struct strip_mark *marks;
	size_t nr_marks;
};

char strip_letter(bool is_root, __u64 sharers, bool is_dirty);
__u64 strip_rows(const struct strip *strip);
void strip_fit(struct strip *strip, __u64 rows);
bool strip_next(const struct strip *strip, size_t *mark, struct strip_row *row);
void strip_paint(char *out, size_t size, const char *cells);

/* Room for a painted row. */
#define STRIP_PAINTED (STRIP_WIDTH * 12 + 1)

#endif /* STRIP_H */
