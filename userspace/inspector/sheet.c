// SPDX-License-Identifier: GPL-2.0
/*
 * sheet: print tables, using libsmartcols.
 */
#include <err.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>
#include <wctype.h>

#include "libpagebox.h"
#include "sheet.h"

#define MAX_COLUMNS 48

/**
 * struct sheet - a table under construction
 * @layout: the available columns
 * @options: user options
 * @table: the rows that are not printed yet
 * @line: the last row
 * @place: position of each layout column in @table, -1 if it is not shown
 * @sections: number of sections printed
 */
struct sheet {
	const struct layout *layout;
	const struct options *options;
	struct libscols_table *table;
	struct libscols_line *line;
	int place[MAX_COLUMNS];
	size_t sections;
};

/* libsmartcols only fails if memory runs out. */
static void must(int ret)
{
	if (ret)
		errx(EXIT_FAILURE, "out of memory");
}

static void *need(void *object)
{
	must(!object);
	return object;
}

static int json_type(enum kind kind)
{
	switch (kind) {
	case KIND_NUMBER:
		return SCOLS_JSON_NUMBER;
	case KIND_TRUTH:
		return SCOLS_JSON_BOOLEAN_OPTIONAL;
	default:
		return SCOLS_JSON_STRING;
	}
}

static void add_column(struct sheet *sheet, size_t i, int place)
{
	const struct column *column = &sheet->layout->columns[i];
	int flags = column->kind == KIND_NUMBER ? SCOLS_FL_RIGHT : 0;
	struct libscols_column *new;

	new = need(
		scols_table_new_column(sheet->table, column->name, 0, flags));
	must(scols_column_set_json_type(new, json_type(column->kind)));
	/* strips contain escape sequences; other columns are escaped */
	if (column->kind == KIND_STRIP)
		must(scols_column_set_safechars(new, "\033"));
	sheet->place[i] = place;
}

static size_t find_column(const struct layout *layout, const char *name,
			  size_t length)
{
	for (size_t i = 0; i < layout->nr; i++) {
		const char *known = layout->columns[i].name;

		if (strlen(known) == length &&
		    !strncasecmp(known, name, length))
			return i;
	}
	warnx("unknown column '%.*s'; available:", (int)length, name);
	for (size_t i = 0; i < layout->nr; i++)
		fprintf(stderr, " %s", layout->columns[i].name);
	fputc('\n', stderr);
	exit(EXIT_USAGE);
}

/* Return: the names of the columns, NULL for all of them. */
static const char *chosen_columns(const struct sheet *sheet)
{
	const struct options *options = sheet->options;

	if (options->all_columns)
		return NULL;
	if (options->columns)
		return options->columns;
	return options->format == FORMAT_TABLE ? sheet->layout->people : NULL;
}

static void add_columns(struct sheet *sheet, const char *name)
{
	int place = 0;

	for (;;) {
		size_t length = strcspn(name, ",");
		size_t i = find_column(sheet->layout, name, length);

		if (sheet->place[i] < 0)
			add_column(sheet, i, place++);
		if (!name[length])
			return;
		name += length + 1;
	}
}

static void add_all_columns(struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->layout->nr; i++)
		add_column(sheet, i, i);
}

static void new_table(struct sheet *sheet)
{
	const struct options *options = sheet->options;
	struct libscols_table *table = need(scols_new_table());
	const char *columns = chosen_columns(sheet);

	sheet->table = table;
	must(scols_table_set_name(table, sheet->layout->name));
	must(scols_table_enable_json(table, options->format == FORMAT_JSON));
	must(scols_table_enable_raw(table, options->format == FORMAT_RAW));
	must(scols_table_enable_export(table, options->format == FORMAT_PAIRS));
	must(scols_table_enable_noheadings(table, options->no_headings));
	must(scols_table_enable_colors(table, options->colors));
	/* never wrap a row */
	must(scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS));
	must(scols_table_set_termwidth(table, 1 << 14));

	memset(sheet->place, -1, sizeof(sheet->place));
	if (columns)
		add_columns(sheet, columns);
	else
		add_all_columns(sheet);
}

/**
 * sheet_new() - start a table
 * @layout: the available columns
 * @options: user options
 *
 * Exits with a list of the columns if the user requested one that is not in the
 * layout.
 *
 * Return: the sheet, for sheet_end().
 */
struct sheet *sheet_new(const struct layout *layout,
			const struct options *options)
{
	struct sheet *sheet = need(calloc(1, sizeof(*sheet)));

	sheet->layout = layout;
	sheet->options = options;
	new_table(sheet);
	return sheet;
}

static struct libscols_cell *cell_at(struct sheet *sheet, size_t column)
{
	return need(scols_line_get_cell(sheet->line, sheet->place[column]));
}

/* A cell without a value is null in JSON and a dash elsewhere. */
static void fill_with_dashes(struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->layout->nr; i++) {
		if (sheet->place[i] >= 0)
			must(scols_cell_set_data(cell_at(sheet, i), "-"));
	}
}

void sheet_row(struct sheet *sheet)
{
	sheet->line = need(scols_table_new_line(sheet->table, NULL));
	if (sheet->options->format != FORMAT_JSON)
		fill_with_dashes(sheet);
}

/* Return: the length of the first character, 0 if it is not printable. */
static size_t printable_length(const char *text)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t length = mbrtowc(&wide, text, MB_CUR_MAX, &state);

	return length < (size_t)-2 && iswprint(wide) ? length : 0;
}

/**
 * sheet_safe() - escape a text for a title
 * @out: set to the text; bytes that are not printable become \\x and two digits,
 *	 as in a table
 * @size: size of @out, at least SHEET_SAFE(size of @text)
 * @text: the text
 *
 * Return: @out.
 */
const char *sheet_safe(char *out, size_t size, const char *text)
{
	size_t used = 0;

	while (*text) {
		size_t length = printable_length(text);

		if (length)
			used += snprintf(out + used, size - used, "%.*s",
					 (int)length, text);
		else
			used += snprintf(out + used, size - used, "\\x%02hhx",
					 *text);
		text += length ? length : 1;
	}
	out[used] = '\0';
	return out;
}

/*
 * In JSON, libsmartcols escapes control characters below 32 only. Replace other
 * ones, and bytes that are not UTF-8, by U+FFFD.
 */
static char *json_text(char *text)
{
	char *safe = need(malloc(3 * strlen(text) + 1)), *next = safe;

	for (char *c = text; *c;) {
		bool is_low = (unsigned char)*c < ' ';
		size_t length = is_low ? 1 : pagebox_character(c);

		if (length)
			next = mempcpy(next, c, length);
		else
			next = stpcpy(next, "\357\277\275");
		c += length ? length : 1;
	}
	*next = '\0';
	free(text);
	return safe;
}

void sheet_text(struct sheet *sheet, size_t column, const char *format, ...)
{
	va_list args;
	char *text;

	if (sheet->place[column] < 0)
		return;
	va_start(args, format);
	must(vasprintf(&text, format, args) < 0);
	va_end(args);
	if (sheet->options->format == FORMAT_JSON)
		text = json_text(text);
	must(scols_line_refer_data(sheet->line, sheet->place[column], text));
}

/* PAGEBOX_NONE leaves the cell empty. */
void sheet_number(struct sheet *sheet, size_t column, __u64 number)
{
	if (number != PAGEBOX_NONE)
		sheet_text(sheet, column, "%llu", number);
}

/**
 * sheet_strip() - fill a cell with a row of a strip
 * @sheet: the sheet
 * @column: column of the strip
 * @row: the row
 * @blank: in a table, text for a row of blanks, after their number
 *
 * In other formats the cell of a row of blanks has no value.
 */
void sheet_strip(struct sheet *sheet, size_t column,
		 const struct strip_row *row, const char *blank)
{
	char painted[STRIP_PAINTED];

	if (row->cells[0] && sheet->options->colors) {
		strip_paint(painted, sizeof(painted), row->cells);
		sheet_text(sheet, column, "%s", painted);
	} else if (row->cells[0]) {
		sheet_text(sheet, column, "%s", row->cells);
	} else if (sheet->options->format == FORMAT_TABLE) {
		sheet_text(sheet, column, "... %llu %s", row->length, blank);
	}
}

void sheet_color(struct sheet *sheet, size_t column, const char *color)
{
	if (sheet->options->colors && sheet->place[column] >= 0)
		must(scols_cell_set_color(cell_at(sheet, column), color));
}

/**
 * sheet_section() - in a table, print the rows so far under a title
 * @sheet: the sheet
 * @format: the title
 *
 * Does nothing in other formats, which have no sections.
 */
void sheet_section(struct sheet *sheet, const char *format, ...)
{
	va_list args;

	if (sheet->options->format != FORMAT_TABLE)
		return;
	if (sheet->sections++)
		putchar('\n');
	if (!sheet->options->no_headings) {
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		putchar('\n');
	}
	must(scols_print_table(sheet->table));
	scols_unref_table(sheet->table);
	new_table(sheet);
}

/**
 * sheet_end() - print the remaining rows and free the sheet
 * @sheet: the sheet
 */
void sheet_end(struct sheet *sheet)
{
	bool json = sheet->options->format == FORMAT_JSON;

	if (json || !scols_table_is_empty(sheet->table))
		must(scols_print_table(sheet->table));
	scols_unref_table(sheet->table);
	free(sheet);
}
