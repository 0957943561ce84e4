/* SPDX-License-Identifier: GPL-2.0 */
/*
 * strip: draw a long sequence of items with a character each.
 */
#ifndef STRIP_H
#define STRIP_H

#include <stdbool.h>
#include <stddef.h>

#include "pagebox.h"

/* Maximum number of characters in a row. */
#define STRIP_WIDTH 64

/* Character of an item without a mark. */
#define STRIP_BLANK '.'

/* Legend for strip_letter(). */
#define STRIP_LEGEND \
	"o private copy   s still shared since fork   r root page   capital: dirty\n"

/* A frame with a memory error, or a page lost to one; explained if present. */
#define STRIP_ERROR '!'
#define STRIP_ERROR_LEGEND "! memory error\n"

/**
 * struct strip_mark - an item that is not blank
 * @at: its position in the strip, from 0
 * @letter: its character
 */
struct strip_mark {
	__u64 at;
	char letter;
};

/**
 * struct strip_row - a row of the drawing
 * @at: position of its first item
 * @length: number of items in it
 * @cells: a character per cell, "" if all items are blank
 */
struct strip_row {
	__u64 at;
	__u64 length;
	char cells[STRIP_WIDTH + 1];
};

/**
 * struct strip - a drawing
 * @length: number of items
 * @per_char: items per character
 * @width: characters per row
 * @marks: items that are not blank, by ascending position
 * @nr_marks: number of marks
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

/* Size of a painted row. */
#define STRIP_PAINTED (STRIP_WIDTH * 12 + 1)

#endif /* STRIP_H */
