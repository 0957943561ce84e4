/* SPDX-License-Identifier: GPL-2.0 */
/*
 * parse: parse text files described by a table.
 */
#ifndef PARSE_H
#define PARSE_H

#include <stddef.h>

#include "libpagebox.h"

/* Maximum line length: a path with every byte escaped, and its key. */
#define PARSE_LINE (4 * PATH_MAX + 64)

/**
 * struct parse_field - a named value and its destination
 * @name: key of the line, or heading of the column
 * @offset: offset of the value in the structure
 * @size: size of the value in the structure
 * @parse: parses a word; returns false if it is invalid
 */
struct parse_field {
	const char *name;
	size_t offset;
	size_t size;
	bool (*parse)(const char *word, void *value, size_t size);
};

#define PARSE_SIZE(type, ...) sizeof(((type *)0)->__VA_ARGS__)
#define PARSE_PLACE(...) \
	.offset = offsetof(__VA_ARGS__), .size = PARSE_SIZE(__VA_ARGS__)
#define PARSE_FIELD(type, member, key, how)                                  \
	{                                                                    \
		.name = key, PARSE_PLACE(type, member), .parse = parse_##how \
	}

bool parse_number(const char *word, void *value, size_t size);
bool parse_optional(const char *word, void *value, size_t size);
bool parse_text(const char *word, void *value, size_t size);
bool parse_word(const char *word, void *value, size_t size);

/* Maximum number of fields of a file. */
#define PARSE_FIELDS 48

int parse_keys(const char *path, const struct parse_field *fields, size_t nr,
	       void *record, struct pagebox_error *error);
int parse_table(const char *path, const struct parse_field *fields, size_t nr,
		size_t record_size, void **records, size_t *nr_records,
		struct pagebox_error *error);
int parse_lines(const char *path, const struct parse_field *field,
		size_t record_size, void **records, size_t *nr_records,
		struct pagebox_error *error);

#endif /* PARSE_H */
