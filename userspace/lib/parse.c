// SPDX-License-Identifier: GPL-2.0
/*
 * parse: parse text files described by a table.
 *
 * There are three formats: "key value" lines, rows of words below a header line,
 * and lines of a single value. Every line ends with a newline; a line that does
 * not is truncated, and an error.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "parse.h"

/**
 * struct reader - a file being read line by line
 * @file: the open file
 * @path: its path, for messages
 * @number: number of the current line, from 1
 * @line: the current line without its newline
 * @error: destination of error messages
 */
struct reader {
	FILE *file;
	const char *path;
	size_t number;
	char line[PARSE_LINE];
	struct pagebox_error *error;
};

int pagebox_fail(struct pagebox_error *error, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	pagebox_printable(error->text);
	return code;
}

static int bad_line(struct reader *r, const char *what)
{
	return pagebox_fail(r->error, -EBADMSG, "%s: line %zu: %s", r->path,
			    r->number, what);
}

static int out_of_memory(struct reader *r)
{
	return pagebox_fail(r->error, -ENOMEM, "%s: out of memory", r->path);
}

static int cannot_read(struct reader *r, int code)
{
	return pagebox_fail(r->error, code, "%s: %s", r->path, strerror(-code));
}

/* Files of a module that is being unloaded fail to open in several ways. */
static int code_of_open(void)
{
	switch (errno) {
	case ENOTDIR:
	case ENODEV:
	case ENXIO:
		return -ENOENT;
	default:
		return -errno;
	}
}

/*
 * When a box or mapping ends, debugfs removes its files before their directory.
 * Reading an open file then fails with EIO, and its link count is zero, which
 * distinguishes it from other errors. Looking up its path instead could block on
 * other readers.
 */
static int code_of_read(FILE *file)
{
	int code = -errno;
	struct stat stat;

	if (!fstat(fileno(file), &stat) && !stat.st_nlink)
		return -ENOENT;
	return code;
}

static int reader_open(struct reader *r, const char *path,
		       struct pagebox_error *error)
{
	r->path = path;
	r->number = 0;
	r->error = error;
	r->file = fopen(path, "re");
	return r->file ? 0 : cannot_read(r, code_of_open());
}

/* Return: 1 for a line, 0 at the end of the file, or a negative errno. */
static int reader_line(struct reader *r)
{
	size_t length = 0;
	int c;

	r->number++;
	while ((c = getc_unlocked(r->file)) != EOF && c != '\n') {
		if (!c)
			return bad_line(r, "contains a zero byte");
		if (length == sizeof(r->line) - 1)
			return bad_line(r, "is too long");
		r->line[length++] = c;
	}
	r->line[length] = '\0';
	if (ferror(r->file))
		return cannot_read(r, code_of_read(r->file));
	if (c == EOF && length)
		return bad_line(r, "is truncated");
	return c != EOF;
}

static bool to_number(const char *word, __u64 *value)
{
	int base = word[0] == '0' && word[1] == 'x' ? 16 : 10;
	const char *digits = base == 16 ? word + 2 : word;
	char *end;

	if (!isxdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*value = strtoull(digits, &end, base);
	return !errno && !*end;
}

bool parse_number(const char *word, void *value, size_t size)
{
	return size == sizeof(__u64) && to_number(word, value);
}

/* A number, or "-" for no value. */
bool parse_optional(const char *word, void *value, size_t size)
{
	static const __u64 none = PAGEBOX_NONE;

	if (strcmp(word, "-") || size != sizeof(none))
		return parse_number(word, value, size);
	memcpy(value, &none, sizeof(none));
	return true;
}

/* Return: the length of the UTF-8 sequence at @s, 0 if it is invalid. */
static size_t utf8_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80 ? 1 :
			s[0] < 0xc2 ? 0 :
			s[0] < 0xe0 ? 2 :
			s[0] < 0xf0 ? 3 :
			s[0] < 0xf5 ? 4 :
				      0;

	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* surrogates and overlong forms are invalid in JSON */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

/**
 * pagebox_character() - length of the first character of a text
 * @text: the text, not empty
 *
 * Return: its length in bytes; 0 for a control character or invalid UTF-8.
 */
size_t pagebox_character(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (*s < ' ' || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0))
		return 0;
	return utf8_length(s);
}

/**
 * pagebox_printable() - make a text safe for a terminal
 * @text: each control character and invalid byte is replaced by '?'
 */
void pagebox_printable(char *text)
{
	while (*text) {
		size_t length = pagebox_character(text);

		if (!length) {
			*text = '?';
			length = 1;
		}
		text += length;
	}
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The byte after a backslash, in three octal digits; 0 if invalid. */
static unsigned char escaped_byte(const char *s)
{
	if (!is_octal(s[0]) || s[0] > '3' || !is_octal(s[1]) || !is_octal(s[2]))
		return 0;
	return (s[0] - '0') << 6 | (s[1] - '0') << 3 | (s[2] - '0');
}

/* Undo the escapes of a text. */
bool parse_text(const char *word, void *value, size_t size)
{
	char *text = value;
	size_t length = 0;

	for (; *word; word++) {
		char c = *word;

		if (c == '\\') {
			c = escaped_byte(word + 1);
			word += 3;
		}
		if (!c || length + 1 >= size)
			return false;
		text[length++] = c;
	}
	text[length] = '\0';
	return true;
}

/* A word that the module chose, always printable. */
bool parse_word(const char *word, void *value, size_t size)
{
	for (const char *c = word; *c; c++) {
		if (*c <= ' ' || *c > '~' || *c == '\\')
			return false;
	}
	return parse_text(word, value, size);
}

static int put_value(struct reader *r, const struct parse_field *field,
		     const char *word, void *record)
{
	if (field->parse(word, (char *)record + field->offset, field->size))
		return 0;
	return pagebox_fail(r->error, -EBADMSG,
			    "%s: line %zu: invalid value '%.40s' for '%s'",
			    r->path, r->number, word, field->name);
}

static const struct parse_field *find_field(const struct parse_field *fields,
					    size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++) {
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

static int missing(struct reader *r, const struct parse_field *fields,
		   size_t nr, const bool *seen)
{
	for (size_t i = 0; i < nr; i++) {
		if (!seen[i])
			return pagebox_fail(r->error, -EBADMSG,
					    "%s: '%s' is missing", r->path,
					    fields[i].name);
	}
	return 0;
}

static int read_keys(struct reader *r, const struct parse_field *fields,
		     size_t nr, void *record)
{
	bool seen[PARSE_FIELDS] = { false };
	int ret;

	while ((ret = reader_line(r)) > 0) {
		char *value = strchr(r->line, ' ');
		const struct parse_field *field;

		if (!value)
			return bad_line(r, "has a key but no value");
		*value++ = '\0';
		field = find_field(fields, nr, r->line);
		if (!field)
			continue;
		if (seen[field - fields])
			return bad_line(r, "repeats a key");
		ret = put_value(r, field, value, record);
		if (ret)
			return ret;
		seen[field - fields] = true;
	}
	return ret ? ret : missing(r, fields, nr, seen);
}

/**
 * parse_keys() - read a file of "key value" lines
 * @path: the file
 * @fields: required keys; others are ignored
 * @nr: number of fields, at most PARSE_FIELDS
 * @record: filled in
 * @error: set to the reason for a failure
 *
 * Return: 0, -EBADMSG for a malformed file, -ENOENT for a file that does not exist
 * or was removed while it was read, or another errno of open or read.
 */
int parse_keys(const char *path, const struct parse_field *fields, size_t nr,
	       void *record, struct pagebox_error *error)
{
	struct reader r;
	int ret = reader_open(&r, path, error);

	if (ret)
		return ret;
	ret = read_keys(&r, fields, nr, record);
	fclose(r.file);
	return ret;
}

/* Maximum number of columns of a table, including unknown ones. */
#define MAX_COLUMNS (2 * PARSE_FIELDS)

static int read_headings(struct reader *r, const struct parse_field *fields,
			 size_t nr, const struct parse_field **columns,
			 size_t *nr_columns)
{
	bool seen[PARSE_FIELDS] = { false };
	char *save, *word;
	int ret = reader_line(r);

	if (ret < 0)
		return ret;
	*nr_columns = 0;
	for (word = strtok_r(r->line, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		const struct parse_field *field = find_field(fields, nr, word);

		if (*nr_columns == MAX_COLUMNS)
			return bad_line(r, "has too many columns");
		if (field)
			seen[field - fields] = true;
		columns[(*nr_columns)++] = field;
	}
	return missing(r, fields, nr, seen);
}

static int read_row(struct reader *r, const struct parse_field **columns,
		    size_t nr, void *record)
{
	char *save, *word = strtok_r(r->line, " ", &save);
	size_t i;

	for (i = 0; word && i < nr; i++, word = strtok_r(NULL, " ", &save)) {
		int ret = columns[i] ? put_value(r, columns[i], word, record) :
				       0;

		if (ret)
			return ret;
	}
	if (word || i < nr)
		return bad_line(r, "does not match the number of headings");
	return 0;
}

/* Append a zeroed record to the array. */
static void *grow(void **records, size_t nr, size_t *room, size_t size)
{
	if (nr == *room) {
		size_t more = *room ? *room * 2 : 64;
		void *bigger = reallocarray(*records, more, size);

		if (!bigger)
			return NULL;
		*records = bigger;
		*room = more;
	}
	return memset((char *)*records + nr * size, 0, size);
}

static int read_table(struct reader *r, const struct parse_field *fields,
		      size_t nr, size_t size, void **records,
		      size_t *nr_records)
{
	const struct parse_field *columns[MAX_COLUMNS];
	size_t nr_columns, room = 0;
	int ret = read_headings(r, fields, nr, columns, &nr_columns);

	if (ret)
		return ret;
	while ((ret = reader_line(r)) > 0) {
		void *record = grow(records, *nr_records, &room, size);

		if (!record)
			return out_of_memory(r);
		ret = read_row(r, columns, nr_columns, record);
		if (ret)
			return ret;
		++*nr_records;
	}
	return ret;
}

/* On error, return no records at all. */
static int close_table(struct reader *r, int ret, void **records,
		       size_t *nr_records)
{
	fclose(r->file);
	if (ret) {
		free(*records);
		*records = NULL;
		*nr_records = 0;
	}
	return ret;
}

/**
 * parse_table() - read a file of rows below a header line
 * @path: the file
 * @fields: required columns; others are ignored
 * @nr: number of fields, at most PARSE_FIELDS
 * @record_size: size of the structure for a row
 * @records: set to an array that the caller frees; NULL on error
 * @nr_records: set to the number of records
 * @error: set to the reason for a failure
 *
 * Return: 0, -EBADMSG for a malformed file, -ENOENT for a file that does not exist
 * or was removed while it was read, or another errno of open or read.
 */
int parse_table(const char *path, const struct parse_field *fields, size_t nr,
		size_t record_size, void **records, size_t *nr_records,
		struct pagebox_error *error)
{
	struct reader r;
	int ret;

	*records = NULL;
	*nr_records = 0;
	ret = reader_open(&r, path, error);
	if (ret)
		return ret;
	ret = read_table(&r, fields, nr, record_size, records, nr_records);
	return close_table(&r, ret, records, nr_records);
}

static int read_lines(struct reader *r, const struct parse_field *field,
		      size_t size, void **records, size_t *nr_records)
{
	size_t room = 0;
	int ret;

	while ((ret = reader_line(r)) > 0) {
		void *record = grow(records, *nr_records, &room, size);

		if (!record)
			return out_of_memory(r);
		ret = put_value(r, field, r->line, record);
		if (ret)
			return ret;
		++*nr_records;
	}
	return ret;
}

/**
 * parse_lines() - read a file with a value per line
 * @path: the file
 * @field: the value
 * @record_size: size of the structure for a line
 * @records: set to an array that the caller frees; NULL on error
 * @nr_records: set to the number of records
 * @error: set to the reason for a failure
 *
 * Return: as for parse_table().
 */
int parse_lines(const char *path, const struct parse_field *field,
		size_t record_size, void **records, size_t *nr_records,
		struct pagebox_error *error)
{
	struct reader r;
	int ret;

	*records = NULL;
	*nr_records = 0;
	ret = reader_open(&r, path, error);
	if (ret)
		return ret;
	ret = read_lines(&r, field, record_size, records, nr_records);
	return close_table(&r, ret, records, nr_records);
}
