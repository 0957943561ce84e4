/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sheet: a table on its way to the user, over libsmartcols.
 *
 * For people a sheet is written in sections, each with a title; for programs
 * (--raw, --pairs, --json) it is a single table with more columns.
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
 * struct column - a column that a table can have
 * @name: heading; in lower case the key in JSON
 * @kind: what its cells hold
 * @help: what they mean
 */
struct column {
	const char *name;
	enum kind kind;
	const char *help;
};

/**
 * struct layout - the columns of a table
 * @name: key of the table in JSON
 * @columns: those it can have; cells are addressed by place in here
 * @nr: how many
 * @people: names of those that people see; programs get all
 */
struct layout {
	const char *name;
	const struct column *columns;
	size_t nr;
	const char *people;
};

/* Room for a text of which each byte is shown as \\x and two digits. */
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
