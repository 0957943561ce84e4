// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz the parsers of debugfs files: the first byte selects the parser, starting at
 * 'A'; the rest is the file.
 */
#include "fuzz.h"
#include "libpagebox.h"

static const uint8_t *text;
static size_t text_size;
static struct pagebox_error error;

static FILE *open_text(const char *path)
{
	(void)path;
	return fmemopen((void *)text, text_size, "r");
}

/* An error sets a terminated message and returns no records. */
static void check_refusal(int ret, const void *records, size_t nr)
{
	FUZZ_CHECK(ret < 0);
	FUZZ_CHECK(strnlen(error.text, sizeof(error.text)) <
		   sizeof(error.text));
	FUZZ_CHECK(error.text[0]);
	FUZZ_CHECK_TEXT(error.text);
	FUZZ_CHECK(!records && !nr);
}

static void parse_summary(void)
{
	struct pagebox_summary s;
	int ret = pagebox_read_summary(1, &s, &error);

	if (ret) {
		check_refusal(ret, NULL, 0);
		return;
	}
	FUZZ_CHECK_END(s.name);
	FUZZ_CHECK_END(s.policy);
	FUZZ_CHECK_END(s.store);
	FUZZ_CHECK_TEXT(s.store_kind);
	FUZZ_CHECK_END(s.swap);
	FUZZ_CHECK_TEXT(s.references);
	FUZZ_CHECK_TEXT(s.oom);
	FUZZ_CHECK_TEXT(s.overcommit);
}

static void parse_counters(void)
{
	struct pagebox_counters counters;
	int ret = pagebox_read_counters(1, &counters, &error);

	if (ret)
		check_refusal(ret, NULL, 0);
}

static void parse_map_counters(void)
{
	struct pagebox_counters counters;
	int ret = pagebox_read_map_counters(1, 2, &counters, &error);

	if (ret)
		check_refusal(ret, NULL, 0);
}

static void parse_frames(void)
{
	struct pagebox_frame *frames;
	size_t nr;
	int ret = pagebox_read_frames(1, &frames, &nr, &error);

	if (ret)
		check_refusal(ret, frames, nr);
	for (size_t i = 0; i < nr; i++) {
		FUZZ_CHECK(frames[i].number == i);
		FUZZ_CHECK_TEXT(frames[i].tier);
	}
	free(frames);
}

static void parse_vmas(void)
{
	struct pagebox_vma *vmas;
	size_t nr;
	int ret = pagebox_read_vmas(1, &vmas, &nr, &error);

	if (ret)
		check_refusal(ret, vmas, nr);
	for (size_t i = 0; i < nr; i++) {
		FUZZ_CHECK(vmas[i].start < vmas[i].end);
		FUZZ_CHECK_TEXT(vmas[i].prot);
	}
	free(vmas);
}

static void parse_pages(void)
{
	struct pagebox_page *pages;
	size_t nr;
	int ret = pagebox_read_pages(1, 2, &pages, &nr, &error);

	if (ret)
		check_refusal(ret, pages, nr);
	for (size_t i = 0; i < nr; i++) {
		FUZZ_CHECK(pages[i].state <= PAGEBOX_STATE_LOST);
		FUZZ_CHECK_TEXT(pages[i].pte);
	}
	free(pages);
}

static void parse_policies(void)
{
	struct pagebox_policy *policies;
	size_t nr;
	int ret = pagebox_read_policies(&policies, &nr, &error);

	if (ret)
		check_refusal(ret, policies, nr);
	for (size_t i = 0; i < nr; i++)
		FUZZ_CHECK_END(policies[i].name);
	free(policies);
}

static void (*const parsers[])(void) = {
	parse_summary, parse_counters, parse_map_counters, parse_frames,
	parse_vmas,    parse_pages,    parse_policies,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	text = data + 1;
	text_size = size - 1;
	memset(&error, 0, sizeof(error));
	fuzz_open = open_text;
	if (FUZZ_BEGINS())
		parsers[(uint8_t)(data[0] - 'A') % ARRAY_SIZE(parsers)]();
	FUZZ_IS_OVER();
	return 0;
}
