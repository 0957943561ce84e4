/* SPDX-License-Identifier: GPL-2.0 */
/* Page contents: patterns derived from a tag and the position. */
#ifndef PAGEBOX_LIB_PATTERN_H
#define PAGEBOX_LIB_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/test.h"

/* A whole page with the pattern of @tag; tag 0 is all zeroes. */
void page_fill(void *page, uint64_t tag);
bool page_holds(const void *page, uint64_t tag);

/* The tag of a page, judged by one word: up to @most, or -1. */
long page_tag(const void *page, uint64_t most);

/* 64-bit word @i of the pattern of @tag. */
uint64_t page_word(uint64_t tag, size_t i);

/* Page i of @pages gets, or has, the pattern of @tag + i. */
void pages_fill(char *map, size_t pages, uint64_t tag);
bool pages_hold(const char *map, size_t pages, uint64_t tag);
bool pages_are_zero(const char *map, size_t pages);

/* Reads one byte of each page. */
void pages_touch(const char *map, size_t pages);

static inline char *page_at(char *map, size_t index)
{
	return map + index * page_size;
}

#endif /* PAGEBOX_LIB_PATTERN_H */
