// SPDX-License-Identifier: GPL-2.0
/* Page contents; see pattern.h. */

#include <stdio.h>

#include "lib/pattern.h"
#include "lib/test.h"

/* Every bit of the result depends on every bit of @value. */
static uint64_t scramble(uint64_t value)
{
	value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93ULL;
	value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93ULL;
	return value ^ (value >> 32);
}

static uint64_t pattern_word(uint64_t seed, size_t i)
{
	return seed ? seed + i * 0x9e3779b97f4a7c15ULL : 0;
}

uint64_t page_word(uint64_t tag, size_t i)
{
	return pattern_word(scramble(tag), i);
}

void page_fill(void *page, uint64_t tag)
{
	uint64_t seed = scramble(tag);
	uint64_t *words = page;

	for (size_t i = 0; i < page_size / sizeof(*words); i++)
		words[i] = pattern_word(seed, i);
}

bool page_holds(const void *page, uint64_t tag)
{
	uint64_t seed = scramble(tag);
	const uint64_t *words = page;

	for (size_t i = 0; i < page_size / sizeof(*words); i++) {
		uint64_t seen = ((volatile const uint64_t *)words)[i];

		if (seen == pattern_word(seed, i))
			continue;
		fprintf(stderr,
			"# WRONG BYTE in page at %p, tag %#llx: word %zu is %#llx instead of %#llx\n",
			page, (unsigned long long)tag, i,
			(unsigned long long)seen,
			(unsigned long long)pattern_word(seed, i));
		return false;
	}
	return true;
}

long page_tag(const void *page, uint64_t most)
{
	uint64_t seen = ((volatile const uint64_t *)page)[1];

	for (uint64_t tag = 0; tag <= most; tag++)
		if (seen == pattern_word(scramble(tag), 1))
			return tag;
	return -1;
}

void pages_fill(char *map, size_t pages, uint64_t tag)
{
	for (size_t i = 0; i < pages; i++)
		page_fill(map + i * page_size, tag + i);
}

bool pages_hold(const char *map, size_t pages, uint64_t tag)
{
	for (size_t i = 0; i < pages; i++)
		if (!page_holds(map + i * page_size, tag + i))
			return false;
	return true;
}

bool pages_are_zero(const char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (!page_holds(map + i * page_size, 0))
			return false;
	return true;
}

void pages_touch(const char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		(void)*(volatile const char *)(map + i * page_size);
}
