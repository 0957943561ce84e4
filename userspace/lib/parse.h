/* SPDX-License-Identifier: GPL-2.0 */
/*
 * parse: text files whose shape a table describes.
 */
#ifndef PARSE_H
#define PARSE_H

#include <stddef.h>

#include "libpagebox.h"

/* The longest line: a path of which each byte is escaped, and its key. */
#define PARSE_LINE (4 * PATH_MAX + 64)

/**
 * struct parse_field - one named value and where it goes
 * @name: key of the line, or heading of the column
 * @offset: of the value in the structure
 * @size: of the value in the structure
 * @parse: turns a word into the value; false when the word is no such value
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

/* At most this many fields describe one file. */
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
