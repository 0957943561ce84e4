// SPDX-License-Identifier: GPL-2.0
/*
 * Test how strips are drawn: blank rows are compressed, items share characters,
 * and the cost depends on the marks, not on the length.
 */
#include "sandbox.h"

#include "strip.h"

static struct strip make(__u64 length, unsigned int width,
			 const struct strip_mark *marks, size_t nr)
{
	struct strip strip = {
		.length = length,
		.per_char = 1,
		.width = width,
		.marks = marks,
		.nr_marks = nr,
	};

	return strip;
}

/* Draw to a text: the cells of rows, and the lengths of blank rows. */
static char *draw(const struct strip *strip)
{
	struct strip_row row = { .length = 0 };
	static char text[4096];
	size_t mark = 0, used = 0;

	text[0] = '\0';
	while (strip_next(strip, &mark, &row)) {
		if (row.cells[0])
			used += snprintf(text + used, sizeof(text) - used,
					 "%llu:%s ", row.at, row.cells);
		else
			used += snprintf(text + used, sizeof(text) - used,
					 "%llu+%llu ", row.at, row.length);
	}
	return text;
}

static void nothing_is_nothing(void **state)
{
	struct strip empty = make(0, 8, NULL, 0), blank = make(5, 8, NULL, 0);

	(void)state;
	assert_string_equal(draw(&empty), "");
	assert_string_equal(draw(&blank), "0+5 ");
}

static void blanks_between_rows_are_compressed(void **state)
{
	static const struct strip_mark marks[] = { { 1, 'a' },
						   { 40, 'b' },
						   { 41, 'c' } };
	struct strip strip = make(50, 8, marks, ARRAY_SIZE(marks));

	(void)state;
	assert_string_equal(draw(&strip), "0:.a...... 8+32 40:bc...... 48+2 ");
	assert_int_equal(strip_rows(&strip), 4);
}

static void letters_tell_pages_apart(void **state)
{
	(void)state;
	assert_int_equal(strip_letter(true, 1, false), 'r');
	assert_int_equal(strip_letter(true, 5, true), 'R');
	assert_int_equal(strip_letter(false, 1, false), 'o');
	assert_int_equal(strip_letter(false, 1, true), 'O');
	assert_int_equal(strip_letter(false, 2, false), 's');
	assert_int_equal(strip_letter(false, 2, true), 'S');
}

static void the_last_row_ends_with_the_strip(void **state)
{
	static const struct strip_mark marks[] = { { 9, 'z' } };
	struct strip strip = make(10, 8, marks, ARRAY_SIZE(marks));

	(void)state;
	assert_string_equal(draw(&strip), "0+8 8:.z ");
}

static void a_full_width_row_fits(void **state)
{
	struct strip_mark marks[STRIP_WIDTH];
	struct strip strip = make(STRIP_WIDTH, STRIP_WIDTH, marks, STRIP_WIDTH);
	struct strip_row row = { .length = 0 };
	char painted[STRIP_PAINTED];
	size_t mark = 0;

	(void)state;
	for (size_t i = 0; i < STRIP_WIDTH; i++)
		marks[i] = (struct strip_mark){ i, i % 2 ? 'O' : 'S' };
	assert_true(strip_next(&strip, &mark, &row));
	assert_int_equal(strlen(row.cells), STRIP_WIDTH);
	strip_paint(painted, sizeof(painted), row.cells);
	assert_string_equal(painted + strlen(painted) - 4, "\033[0m");
	assert_false(strip_next(&strip, &mark, &row));
}

static void most_pages_decide_a_character(void **state)
{
	static const struct strip_mark marks[] = { { 0, 'a' }, { 1, 'b' },
						   { 3, 'b' }, { 4, 'c' },
						   { 5, 'd' }, { 15, 'e' } };
	struct strip strip = make(16, 4, marks, ARRAY_SIZE(marks));

	(void)state;
	strip.per_char = 4;
	assert_string_equal(draw(&strip), "0:bc.e ");
}

static void long_strips_are_made_to_fit(void **state)
{
	struct strip_mark marks[1000];
	struct strip strip = make(1000, 8, marks, ARRAY_SIZE(marks));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		marks[i] = (struct strip_mark){ i, 'a' };
	strip_fit(&strip, 4);
	assert_int_equal(strip.per_char, 32);
	assert_int_equal(strip_rows(&strip), 4);
	strip_fit(&strip, 1000);
	assert_int_equal(strip.per_char, 1);
}

/* With 2^52 pages, a walk over all of them would not finish. */
static void the_untouched_cost_nothing(void **state)
{
	static const struct strip_mark marks[] = { { 0, 'a' },
						   { 1ULL << 40, 'b' },
						   { (1ULL << 52) - 1, 'c' } };
	struct strip strip = make(1ULL << 52, 64, marks, ARRAY_SIZE(marks));

	(void)state;
	strip_fit(&strip, 10);
	assert_int_equal(strip.per_char, 1);
	assert_int_equal(strip_rows(&strip), 5);
	strip_fit(&strip, 1);
	assert_int_equal(strip_rows(&strip), 1);
	strip.per_char = 1ULL << 40;
	assert_int_equal(strip_rows(&strip), 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(blanks_between_rows_are_compressed),
		cmocka_unit_test(letters_tell_pages_apart),
		cmocka_unit_test(the_last_row_ends_with_the_strip),
		cmocka_unit_test(a_full_width_row_fits),
		cmocka_unit_test(most_pages_decide_a_character),
		cmocka_unit_test(long_strips_are_made_to_fit),
		cmocka_unit_test(the_untouched_cost_nothing),
	};

	return cmocka_run_group_tests_name("strip", tests, NULL, NULL);
}
