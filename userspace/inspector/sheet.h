/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sheet: print tables, using libsmartcols.
 *
 * By default a sheet is printed in sections with titles. With --raw, --pairs and
 * --json it is a single table with more columns.
 */
#ifndef SHEET_H
#define SHEET_H

#include "compiler.h"
#include "options.h"
#include "strip.h"

enum kind {
	KIND_TEXT,
	KIND_STRIP,
	KIND_NUMBER,
	KIND_TRUTH,
};

/**
 * struct column - a column of a table
 * @name: heading; in lower case the key in JSON
 * @kind: type of its cells
 * @help: help text
 */
struct column {
	const char *name;
	enum kind kind;
	const char *help;
};

/**
 * struct layout - the columns of a table
 * @name: key of the table in JSON
 * @columns: available columns; their indices address cells
 * @nr: number of columns
 * @people: default columns of a table; other formats default to all
 */
struct layout {
	const char *name;
	const struct column *columns;
	size_t nr;
	const char *people;
};

/* Size of a text after each byte is escaped as \\x and two digits. */
#define SHEET_SAFE(size) (4 * (size) + 1)

struct sheet;

const char *sheet_safe(char *out, size_t size, const char *text);
struct sheet *sheet_new(const struct layout *layout,
			const struct options *options);
void sheet_row(struct sheet *sheet);
__printf(3, 4) void sheet_text(struct sheet *sheet, size_t column,
			       const char *format, ...);
void sheet_number(struct sheet *sheet, size_t column, __u64 number);
void sheet_strip(struct sheet *sheet, size_t column,
		 const struct strip_row *row, const char *blank);
void sheet_color(struct sheet *sheet, size_t column, const char *color);
__printf(2, 3) void sheet_section(struct sheet *sheet, const char *format, ...);
void sheet_end(struct sheet *sheet);

#endif /* SHEET_H */
