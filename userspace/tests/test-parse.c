// SPDX-License-Identifier: GPL-2.0
/*
 * Test how libpagebox parses debugfs files: valid, truncated, overlong, reordered,
 * corrupted and hostile ones.
 */
#include <errno.h>

#include "sandbox.h"

#include "libpagebox.h"

static struct pagebox_error error;

/* ---- valid files --------------------------------------------------------- */

static int samples_setup(void **state)
{
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/good", getenv("SAMPLES"));
	return setenv("PAGEBOX_DEBUGFS", path, 1);
}

static void boxes_ascend(void **state)
{
	__u64 *ids;
	size_t nr;

	(void)state;
	assert_int_equal(pagebox_read_boxes(&ids, &nr, &error), 0);
	assert_int_equal(nr, 3);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(ids[i], i + 1);
	free(ids);
}

static void summary_is_read(void **state)
{
	struct pagebox_summary s;

	(void)state;
	assert_int_equal(pagebox_read_summary(1, &s, &error), 0);
	assert_int_equal(s.box, 1);
	assert_string_equal(s.name, "demo program");
	assert_string_equal(s.store, "/tmp/a text.txt");
	assert_int_equal(s.bytes, 1ULL << 40);
	assert_int_equal(s.hand, 2);
	assert_int_equal(s.maps, 2);
	assert_string_equal(s.store_kind, "file");
	assert_false(s.store_writable);
	assert_string_equal(s.swap, "ram");
	assert_int_equal(s.swap_pages, 65536);
	assert_int_equal(s.swap_high, 4);
	assert_int_equal(s.store_read_us, 100);
	assert_int_equal(s.store_write_us, 200);
	assert_int_equal(s.readahead, 8);
	assert_int_equal(s.oom_wait_ms, 10000);
	assert_int_equal(s.dirty_age_ms, 30000);
	assert_int_equal(s.dirty_ratio, 20);
	assert_int_equal(pagebox_read_summary(2, &s, &error), 0);
	assert_string_equal(s.swap, "/dev/a disk");
	assert_int_equal(s.swap_pages, 2048);
	assert_int_equal(s.swap_read_us, 50);
	assert_int_equal(s.swap_write_us, 70);
	assert_int_equal(s.swappiness, 60);
	assert_string_equal(s.references, "hardware");
	assert_false(s.references_auto);
	assert_string_equal(s.oom, "wait");
	assert_string_equal(s.overcommit, "never");
	assert_int_equal(pagebox_read_summary(3, &s, &error), 0);
	assert_true(s.store_writable);
}

static void counters_are_read(void **state)
{
	struct pagebox_counters c;

	(void)state;
	assert_int_equal(pagebox_read_counters(1, &c, &error), 0);
	assert_int_equal(c.faults[PAGEBOX_FAULT_FILE], 8);
	assert_int_equal(c.faults[PAGEBOX_FAULT_FAILED], 2);
	assert_int_equal(c.second_chances, 7);
	assert_int_equal(c.readahead, 20);
	assert_int_equal(c.readahead_hits, 21);
	assert_int_equal(c.prefetched, 22);
	assert_int_equal(c.paged_out, 23);
	assert_int_equal(c.discarded, 24);
	assert_int_equal(c.store_reads, 25);
	assert_int_equal(c.store_writes, 26);
	assert_int_equal(c.swap_reads, 27);
	assert_int_equal(c.swap_writes, 28);
	assert_int_equal(c.io_errors, 29);
	assert_int_equal(c.shrunk, 30);
	assert_int_equal(c.oom_kills, 31);
	assert_int_equal(c.swap_high, 4);
	assert_int_equal(c.frames_locked, 35);
	assert_int_equal(c.frames_pinned, 36);
	assert_int_equal(c.frames_dirty, 37);
	assert_int_equal(c.committed, 38);
	assert_int_equal(c.views, 3);
	assert_int_equal(pagebox_read_map_counters(1, 2, &c, &error), 0);
	assert_int_equal(c.faults[PAGEBOX_FAULT_COW], 1);
}

static void frames_are_read(void **state)
{
	struct pagebox_frame *frames;
	size_t nr;

	(void)state;
	assert_int_equal(pagebox_read_frames(1, &frames, &nr, &error), 0);
	assert_int_equal(nr, 8);
	assert_true(frames[2].hand);
	assert_false(frames[3].hand);
	assert_int_equal(frames[3].pins, 1);
	assert_int_equal(frames[5].pfn, 4101);
	assert_true(frames[5].page == PAGEBOX_NONE);
	assert_true(frames[7].pfn == PAGEBOX_NONE);
	free(frames);
}

static void pages_are_read(void **state)
{
	struct pagebox_page *pages;
	struct pagebox_vma *vmas;
	size_t nr;

	(void)state;
	assert_int_equal(pagebox_read_vmas(1, &vmas, &nr, &error), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(vmas[1].end - vmas[1].start, 8 * PAGEBOX_PAGE_SIZE);
	assert_false(vmas[1].shared);
	free(vmas);
	assert_int_equal(pagebox_read_pages(1, 1, &pages, &nr, &error), 0);
	assert_int_equal(nr, 7);
	assert_true(pages[0].sharers == PAGEBOX_ROOT_PAGE);
	assert_int_equal(pages[1].frame, 1);
	assert_string_equal(pages[1].pte, "ADW");
	assert_int_equal(pages[3].state, PAGEBOX_STATE_SWAP);
	assert_int_equal(pages[3].slot, 1);
	free(pages);
}

static void policies_are_read(void **state)
{
	struct pagebox_policy *policies;
	size_t nr;

	(void)state;
	assert_int_equal(pagebox_read_policies(&policies, &nr, &error), 0);
	assert_int_equal(nr, 4);
	assert_string_equal(policies[0].name, "clock");
	assert_string_equal(policies[3].name, "lru");
	free(policies);
}

/* ---- malformed files ----------------------------------------------------- */

#define VMAS "map pid type start end pgoff prot\n"
#define PAGES "index address state frame slot sharers pte\n"
#define FRAMES "frame pfn page tier sharers R D pins hand\n"

/* A malformed file, and the expected error. */
struct bad {
	const char *text;
	const char *says;
};

static void refuse(const char *file, const struct bad *bad, int ret)
{
	if (ret != -EBADMSG || !strstr(error.text, bad->says) ||
	    !strstr(error.text, file))
		fail_msg("%s with '%s': %d, '%s', not '%s'", file, bad->text,
			 ret, error.text, bad->says);
}

static void bad_pages_are_refused(void **state)
{
	static const struct bad table[] = {
		{ "", "\'index\' is missing" },
		{ "index address state frame slot sharers\n",
		  "\'pte\' is missing" },
		{ "index address state frame slot sharers pte",
		  "line 1: is truncated" },
		{ PAGES "1 0x1000 frame 0 - 1 A", "line 2: is truncated" },
		{ PAGES "1 0x1000 frame 0 - 1\n",
		  "line 2: does not match the number" },
		{ PAGES "1 0x1000 frame 0 - 1 A.. more\n",
		  "line 2: does not match" },
		{ PAGES "\n", "line 2: does not match the number" },
		{ PAGES "1 0x1000 asleep 0 - 1 A..\n",
		  "invalid value 'asleep' for 'state'" },
		{ PAGES "-1 0x1000 frame 0 - 1 A..\n",
		  "invalid value '-1' for 'index'" },
		{ PAGES "1 1000q frame 0 - 1 A..\n",
		  "invalid value '1000q' for 'address'" },
		{ PAGES "1 0x frame 0 - 1 A..\n",
		  "invalid value '0x' for 'address'" },
		{ PAGES "99999999999999999999 0x1000 frame 0 - 1 A..\n",
		  "for 'index'" },
		{ PAGES "1 0x1000 frame 0 - 1 a-very-long-word\n",
		  "for 'pte'" },
		{ PAGES "1 0x1000 frame 0 - 1 A\177.\n",
		  "invalid value 'A?.' for 'pte'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct pagebox_page *pages;
		size_t nr;

		sandbox_file("1/1/pages", table[i].text);
		refuse("pages", &table[i],
		       pagebox_read_pages(1, 1, &pages, &nr, &error));
		assert_null(pages);
		assert_int_equal(nr, 0);
	}
}

static void bad_vmas_are_refused(void **state)
{
	static const struct bad table[] = {
		{ VMAS "1 1 private 0x2000 0x2000 0 rw-\n", "invalid range" },
		{ VMAS "1 1 private 0x3000 0x2000 0 rw-\n", "invalid range" },
		{ VMAS "1 1 private 0x2001 0x3000 0 rw-\n", "invalid range" },
		{ VMAS "1 1 private 0x2000 0x3000 0xffffffffffffffff rw-\n",
		  "invalid range" },
		{ VMAS "1 1 public 0x2000 0x3000 0 rw-\n", "'public'" },
		{ VMAS "1 1 private 0x2000 0x3000 0 rw-rw-rw-\n",
		  "for 'prot'" },
		{ VMAS "1 1 private 0x2000 0x3000 0 r\033c\n",
		  "invalid value 'r?c' for 'prot'" },
		{ VMAS "1 1 private 0x2000 0x3000 0 r\\033\n", "for 'prot'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct pagebox_vma *vmas;
		size_t nr;

		sandbox_file("1/maps", table[i].text);
		refuse("maps", &table[i],
		       pagebox_read_vmas(1, &vmas, &nr, &error));
		assert_null(vmas);
	}
}

static void bad_frames_are_refused(void **state)
{
	static const struct bad table[] = {
		{ FRAMES "1 - - - - - - - -\n", "line 2: frame out of order" },
		{ FRAMES "0 - - - - - - - -\n0 - - - - - - - -\n", "line 3" },
		{ FRAMES "0 - - - - - - - <\n",
		  "invalid value '<' for 'hand'" },
		{ FRAMES "0 - - neither-nor-anything - - - - -\n",
		  "for 'tier'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct pagebox_frame *frames;
		size_t nr;

		sandbox_file("1/frames", table[i].text);
		refuse("frames", &table[i],
		       pagebox_read_frames(1, &frames, &nr, &error));
		assert_null(frames);
	}
}

static void bad_summaries_are_refused(void **state)
{
	static const struct bad table[] = {
		{ "", "\'box\' is missing" },
		{ "box 1\nname a\n", "\'owner\' is missing" },
		{ "box\n", "line 1: has a key but no value" },
		{ "box one\n", "invalid value 'one' for 'box'" },
		{ "box 1\nbox 2\n", "line 2: repeats a key" },
		{ "box 1\nname a\nowner", "line 3: is truncated" },
	};
	struct pagebox_summary summary;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		sandbox_file("1/summary", table[i].text);
		refuse("summary", &table[i],
		       pagebox_read_summary(1, &summary, &error));
	}
}

static int read_summary(void)
{
	struct pagebox_summary s;

	return pagebox_read_summary(1, &s, &error);
}

static int read_stats(void)
{
	struct pagebox_counters c;

	return pagebox_read_counters(1, &c, &error);
}

static char *sample(const char *name, size_t *size)
{
	char path[512];
	char *text = malloc(4096);
	FILE *file;

	assert_non_null(text);
	snprintf(path, sizeof(path), "%s/good/1/%s", getenv("SAMPLES"), name);
	file = fopen(path, "re");
	assert_non_null(file);
	*size = fread(text, 1, 4096, file);
	assert_in_range(*size, 1, 4095);
	text[*size] = '\0';
	fclose(file);
	return text;
}

/* An older module does not print every line. */
static size_t refuse_without_line(const char *name, const char *text,
				  const char *line, int (*read)(void))
{
	size_t length = strcspn(line, "\n") + 1;
	char *rest = strdup(text);
	char path[32], says[64];
	struct bad bad = { line, says };

	assert_non_null(rest);
	memmove(rest + (line - text), line + length, strlen(line + length) + 1);
	snprintf(path, sizeof(path), "1/%s", name);
	snprintf(says, sizeof(says), "'%.*s' is missing",
		 (int)strcspn(line, " "), line);
	sandbox_file(path, rest);
	refuse(name, &bad, read());
	free(rest);
	return length;
}

static void every_line_is_needed(void **state)
{
	static const struct {
		const char *name;
		int (*read)(void);
	} files[] = { { "summary", read_summary }, { "stats", read_stats } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		size_t size;
		char *text = sample(files[i].name, &size);

		for (const char *line = text; line < text + size;)
			line += refuse_without_line(files[i].name, text, line,
						    files[i].read);
		free(text);
	}
}

static void bad_policies_are_refused(void **state)
{
	static const struct bad table[] = {
		{ "clock\n\n", "line 2: invalid value '' for 'policy'" },
		{ "a-policy-with-a-long-name\n",
		  "line 1: invalid value 'a-policy" },
		{ "clock\nlru", "line 2: is truncated" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct pagebox_policy *policies;
		size_t nr;

		sandbox_file("policies", table[i].text);
		refuse("policies", &table[i],
		       pagebox_read_policies(&policies, &nr, &error));
		assert_null(policies);
		assert_int_equal(nr, 0);
	}
}

static void zero_bytes_are_refused(void **state)
{
	static const struct bad bad = { "a zero byte",
					"line 1: contains a zero byte" };
	static const char text[] = "box 1\0\nname";
	struct pagebox_summary summary;

	(void)state;
	sandbox_bytes("1/summary", text, sizeof(text));
	refuse("summary", &bad, pagebox_read_summary(1, &summary, &error));
}

static void endless_lines_are_refused(void **state)
{
	static const struct bad bad = { "x x x...", "line 1: is too long" };
	size_t size = 8 << 20;
	char *text = malloc(size);
	struct pagebox_summary summary;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	sandbox_bytes("1/summary", text, size);
	free(text);
	refuse("summary", &bad, pagebox_read_summary(1, &summary, &error));
}

static void many_columns_are_refused(void **state)
{
	static const struct bad bad = { "a a a...", "too many columns" };
	char text[1024];
	struct pagebox_vma *vmas;
	size_t nr;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "a ", 2);
	text[sizeof(text) - 1] = '\n';
	sandbox_bytes("1/maps", text, sizeof(text));
	refuse("maps", &bad, pagebox_read_vmas(1, &vmas, &nr, &error));
}

/* Every prefix of a valid file is rejected, unless it ends with a row. */
static void every_truncation_is_refused(void **state)
{
	static const char text[] = FRAMES
		"0 10 0 root 1 1 0 0 >\n1 - - - - - - - -\n";

	(void)state;
	for (size_t size = 0; size < sizeof(text) - 1; size++) {
		struct pagebox_frame *frames;
		size_t nr;
		int ret;

		sandbox_bytes("1/frames", text, size);
		ret = pagebox_read_frames(1, &frames, &nr, &error);
		assert_int_equal(ret,
				 size && text[size - 1] == '\n' ? 0 : -EBADMSG);
		free(frames);
	}
}

static void a_newer_module_is_understood(void **state)
{
	struct pagebox_vma *vmas;
	size_t nr;

	(void)state;
	sandbox_file("1/maps", "mood map pid type start end node pgoff prot\n"
			       "good 1 7 shared 0x2000 0x4000 0 5 r--\n");
	assert_int_equal(pagebox_read_vmas(1, &vmas, &nr, &error), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(vmas[0].pid, 7);
	assert_int_equal(vmas[0].pgoff, 5);
	assert_true(vmas[0].shared);
	free(vmas);
}

static const char rest_of_summary[] =
	"box 1\nowner 0\nbytes 1\nframes 1\nframes_used 1\nhand 1\n"
	"policy clock\nbatch 1\nstore_bytes 0\nstore_kind none\n"
	"store_writable 0\nswap ram\nswap_used 0\nswap_pages 0\nswap_high 0\n"
	"store_read_us 0\nstore_write_us 0\nswap_read_us 0\nswap_write_us 0\n"
	"readahead 0\nswappiness 0\nreferences exact\nreferences_auto 1\noom kill\noom_wait_ms 0\n"
	"overcommit always\ndirty_age_ms 1\ndirty_ratio 0\n"
	"pages 0\nviews 0\nmaps 0\n";

static int read_names(struct pagebox_summary *s, const char *name,
		      const char *store)
{
	char text[4 * PATH_MAX + 1024];

	snprintf(text, sizeof(text), "name %s\nstore %s\n%s", name, store,
		 rest_of_summary);
	sandbox_file("1/summary", text);
	return pagebox_read_summary(1, s, &error);
}

static void names_are_unescaped(void **state)
{
	struct pagebox_summary s;

	(void)state;
	assert_int_equal(read_names(&s, "\\033[2J\\134\\303\\251 x",
				    "/a\\012\\011\\377b"),
			 0);
	assert_string_equal(s.name, "\033[2J\\\303\251 x");
	assert_string_equal(s.store, "/a\n\t\377b");
}

static void bad_escapes_are_refused(void **state)
{
	static const char *const bad[] = { "\\",    "a\\1",  "\\12",	"\\400",
					   "\\18b", "\\000", "\\\\\\\\" };
	struct pagebox_summary s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(read_names(&s, bad[i], "-"), -EBADMSG);
		assert_non_null(strstr(error.text, "for \'name\'"));
	}
}

/* A path of maximum length, with every byte escaped. */
static void long_paths_are_unescaped(void **state)
{
	char path[4 * PATH_MAX + 1] = "";
	struct pagebox_summary s;

	(void)state;
	for (size_t i = 0; i < PATH_MAX - 1; i++)
		memcpy(path + 4 * i, "\\201", 5);
	assert_int_equal(read_names(&s, "x", path), 0);
	assert_int_equal(strlen(s.store), PATH_MAX - 1);
	assert_int_equal(strspn(s.store, "\201"), PATH_MAX - 1);
}

/* An escape, an invalid byte, an accented letter that is kept, a C1 control. */
static void sentences_cannot_talk_to_the_terminal(void **state)
{
	struct pagebox_summary s;

	(void)state;
	sandbox_file("1/summary", "box \033[2Jx\xff\xc3\xa9\xc2\x9b\177\t\n");
	assert_int_equal(pagebox_read_summary(1, &s, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "invalid value '?[2Jx?\xc3\xa9????"
					   "' for 'box'"));
}

/* Two million rows: the array grows and keeps its contents. */
static void huge_tables_are_read(void **state)
{
	const size_t rows = 2000000;
	struct pagebox_frame *frames;
	char *text;
	size_t size, nr;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	fputs(FRAMES, file);
	for (size_t i = 0; i < rows; i++)
		fprintf(file, "%zu - - - - - - - -\n", i);
	fclose(file);
	sandbox_bytes("1/frames", text, size);
	free(text);
	assert_int_equal(pagebox_read_frames(1, &frames, &nr, &error), 0);
	assert_int_equal(nr, rows);
	assert_int_equal(frames[rows - 1].number, rows - 1);
	free(frames);
}

/* ---- missing files ------------------------------------------------------- */

static void no_policies_are_explained(void **state)
{
	struct pagebox_policy *policies;
	size_t nr;

	(void)state;
	assert_int_equal(pagebox_read_policies(&policies, &nr, &error),
			 -ENOENT);
	assert_non_null(strstr(error.text, "/policies: No such file"));
	setenv("PAGEBOX_DEBUGFS", "/nonexistent", 1);
	assert_int_equal(pagebox_read_policies(&policies, &nr, &error),
			 -ENODEV);
	assert_non_null(strstr(error.text, "module is"));
	assert_null(policies);
}

static void the_gone_are_told_apart(void **state)
{
	struct pagebox_summary summary;
	struct pagebox_page *pages;
	size_t nr;

	(void)state;
	assert_int_equal(pagebox_read_summary(77, &summary, &error), -ENOENT);
	sandbox_file("1/maps", VMAS);
	assert_int_equal(pagebox_read_pages(1, 5, &pages, &nr, &error),
			 -ENOENT);
	assert_non_null(strstr(error.text, "no longer exists"));
}

static void directories_that_are_no_boxes_are_skipped(void **state)
{
	__u64 *ids;
	size_t nr;

	(void)state;
	sandbox_file("12/maps", VMAS);
	sandbox_file("12a/maps", VMAS);
	sandbox_file("faults/maps", VMAS);
	sandbox_file("99999999999999999999999/maps", VMAS);
	assert_int_equal(pagebox_read_boxes(&ids, &nr, &error), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(ids[0], 12);
	free(ids);
}

static void explanations_say_what_to_do(void **state)
{
	(void)state;
	assert_int_equal(pagebox_explain("/r", "/no/module", -ENOENT, &error),
			 -ENODEV);
	assert_non_null(strstr(error.text, "insmod"));
	assert_int_equal(pagebox_explain("/r", "/", -ENOENT, &error), -ENODEV);
	assert_non_null(strstr(error.text, "mount -t debugfs"));
	assert_int_equal(pagebox_explain("/r", "/", -EACCES, &error), -EACCES);
	assert_non_null(strstr(error.text, "root"));
	assert_int_equal(pagebox_explain("/r", "/", -EPERM, &error), -EPERM);
	assert_non_null(strstr(error.text, "locked down"));
}

#define SANDBOXED(test) \
	cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)
#define SAMPLED(test) cmocka_unit_test_setup(test, samples_setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SAMPLED(boxes_ascend),
		SAMPLED(summary_is_read),
		SAMPLED(counters_are_read),
		SAMPLED(frames_are_read),
		SAMPLED(pages_are_read),
		SAMPLED(policies_are_read),
		SANDBOXED(bad_pages_are_refused),
		SANDBOXED(bad_vmas_are_refused),
		SANDBOXED(bad_frames_are_refused),
		SANDBOXED(bad_summaries_are_refused),
		SANDBOXED(every_line_is_needed),
		SANDBOXED(bad_policies_are_refused),
		SANDBOXED(zero_bytes_are_refused),
		SANDBOXED(endless_lines_are_refused),
		SANDBOXED(many_columns_are_refused),
		SANDBOXED(every_truncation_is_refused),
		SANDBOXED(a_newer_module_is_understood),
		SANDBOXED(names_are_unescaped),
		SANDBOXED(bad_escapes_are_refused),
		SANDBOXED(long_paths_are_unescaped),
		SANDBOXED(sentences_cannot_talk_to_the_terminal),
		SANDBOXED(huge_tables_are_read),
		SANDBOXED(no_policies_are_explained),
		SANDBOXED(the_gone_are_told_apart),
		SANDBOXED(directories_that_are_no_boxes_are_skipped),
		cmocka_unit_test(explanations_say_what_to_do),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
