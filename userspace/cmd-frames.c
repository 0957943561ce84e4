// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox frames: the clock. Every frame of a box and the hand that goes
 * around them.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"
#include "sheet.h"

enum {
	BOX,
	HAND,
	FRAME,
	/* of a list */
	PFN,
	PAGE,
	TIER,
	SHARERS,
	ACCESSED,
	DIRTY,
	PINS,
	/* of a strip */
	FRAMES = PFN,
	STRIP,
	MARKS,
};

static const struct column list_columns[] = {
	[BOX] = { "BOX", KIND_NUMBER, "number of the box" },
	[HAND] = { "HAND", KIND_TRUTH, "the hand looks at this frame next" },
	[FRAME] = { "FRAME", KIND_NUMBER, "number of the frame" },
	[PFN] = { "PFN", KIND_NUMBER, "its physical page number" },
	[PAGE] = { "PAGE", KIND_NUMBER, "index of the page in it" },
	[TIER] = { "TIER", KIND_TEXT, "of that page: root or private" },
	[SHARERS] = { "SHARERS", KIND_NUMBER, "views that hold the page" },
	[ACCESSED] = { "A", KIND_TRUTH, "accessed since the hand passed" },
	[DIRTY] = { "D", KIND_TRUTH,
		    "changed: to be written before it is reused" },
	[PINS] = { "PINS", KIND_NUMBER, "references that keep the hand off" },
};

static const struct layout list_layout = {
	.name = "frames",
	.columns = list_columns,
	.nr = ARRAY_SIZE(list_columns),
	.people = "HAND,FRAME,PFN,PAGE,TIER,SHARERS,A,D,PINS",
};

static const struct column strip_columns[] = {
	[BOX] = { "BOX", KIND_NUMBER, "number of the box" },
	[HAND] = { "HAND", KIND_NUMBER,
		   "frame the hand looks at next, in its row" },
	[FRAME] = { "FRAME", KIND_NUMBER, "number of the first frame" },
	[FRAMES] = { "FRAMES", KIND_NUMBER,
		     "how many frames the row stands for" },
	[STRIP] = { "STRIP", KIND_STRIP,
		    "the characters; none for empty frames only" },
	[MARKS] = { "ACCESSED", KIND_STRIP,
		    "a * for each that was accessed since the hand passed" },
};

static const struct layout strip_layout = {
	.name = "clock",
	.columns = strip_columns,
	.nr = ARRAY_SIZE(strip_columns),
	.people = "FRAME,STRIP",
};

static const char legend[] = STRIP_LEGEND
	". empty   * accessed since the hand passed   ^ the hand\n";

/**
 * struct clock_view - what is being shown
 * @options: how
 * @sheet: where to
 * @box: the box
 * @frames: its frame table
 * @nr: how many
 * @has_errors: some frames were retired
 */
struct clock_view {
	const struct options *options;
	struct sheet *sheet;
	const struct box *box;
	struct pb_frame *frames;
	size_t nr;
	bool has_errors;
};

static bool is_empty(const struct pb_frame *frame)
{
	return frame->page == PB_NONE;
}

/* Where the hand stands; the number of frames when nowhere. */
static size_t find_hand(const struct clock_view *view)
{
	size_t i = 0;

	while (i < view->nr && !view->frames[i].hand)
		i++;
	return i;
}

static void section(const struct clock_view *view)
{
	const struct pb_summary *s = &view->box->summary;
	char name[SHEET_SAFE(sizeof(s->name))];

	sheet_section(view->sheet,
		      "box %llu (%s): %llu of %zu frames used, hand at %zu",
		      view->box->id, sheet_safe(name, sizeof(name), s->name),
		      s->frames_used, view->nr, find_hand(view));
}

static void truth(const struct clock_view *view, size_t column, bool value)
{
	if (view->options->format == FORMAT_TABLE)
		sheet_text(view->sheet, column, "%c", value ? '1' : '.');
	else
		sheet_text(view->sheet, column, "%d", value);
}

static void hand_cell(const struct clock_view *view,
		      const struct pb_frame *frame)
{
	if (view->options->format == FORMAT_TABLE)
		sheet_text(view->sheet, HAND, "%s", frame->hand ? "   >" : "");
	else
		sheet_text(view->sheet, HAND, "%d", frame->hand);
}

static void list_row(const struct clock_view *view,
		     const struct pb_frame *frame)
{
	struct sheet *sheet = view->sheet;

	sheet_row(sheet);
	sheet_number(sheet, BOX, view->box->id);
	hand_cell(view, frame);
	sheet_number(sheet, FRAME, frame->number);
	sheet_number(sheet, PFN, frame->pfn);
	if (strcmp(frame->tier, "-"))
		sheet_text(sheet, TIER, "%s", frame->tier);
	if (is_empty(frame))
		return;
	sheet_number(sheet, PAGE, frame->page);
	sheet_number(sheet, SHARERS, frame->sharers);
	truth(view, ACCESSED, frame->accessed == 1);
	truth(view, DIRTY, frame->dirty == 1);
	sheet_number(sheet, PINS, frame->pins);
	sheet_color(sheet, FRAME, frame->accessed == 1 ? "green" : "blue");
}

/* Frames from @i on that were never used and say nothing one by one. */
static size_t count_unused(const struct clock_view *view, size_t i)
{
	size_t end = i;

	while (end < view->nr && view->frames[end].pfn == PB_NONE &&
	       !view->frames[end].hand)
		end++;
	return end - i;
}

/* Below this, a row for each is no longer than it is clear. */
#define MANY_UNUSED 4

static void show_list(const struct clock_view *view)
{
	for (size_t i = 0; i < view->nr; i++) {
		size_t unused = count_unused(view, i);

		if (view->options->format != FORMAT_TABLE ||
		    unused < MANY_UNUSED) {
			list_row(view, &view->frames[i]);
			continue;
		}
		sheet_row(view->sheet);
		sheet_number(view->sheet, BOX, view->box->id);
		sheet_text(view->sheet, HAND, " ");
		sheet_text(view->sheet, FRAME, "%zu-%zu", i, i + unused - 1);
		i += unused - 1;
	}
}

static char letter_of(const struct pb_frame *frame)
{
	return strip_letter(!strcmp(frame->tier, "root"), frame->sharers,
			    frame->dirty == 1);
}

static bool is_retired(const struct pb_frame *frame)
{
	return !strcmp(frame->tier, "retired");
}

static struct strip_mark *make_marks(struct clock_view *view, size_t *nr)
{
	struct strip_mark *marks = calloc(view->nr + 1, sizeof(*marks));

	if (!marks)
		errx(EXIT_FAILURE, "out of memory");
	*nr = 0;
	for (size_t i = 0; i < view->nr; i++) {
		const struct pb_frame *frame = &view->frames[i];
		bool retired = is_retired(frame);

		if (is_empty(frame) && !retired)
			continue;
		view->has_errors |= retired;
		marks[*nr].at = i;
		marks[(*nr)++].letter = retired ? STRIP_ERROR :
						  letter_of(frame);
	}
	return marks;
}

/* A mark for each frame that was accessed. Return: how long up to the last one. */
static int mark_accessed(const struct clock_view *view,
			 const struct strip_row *row, char blank, char *marks)
{
	int length = 0;

	for (size_t i = 0; i < row->length; i++) {
		bool accessed = view->frames[row->at + i].accessed == 1;

		marks[i] = accessed ? '*' : blank;
		if (accessed)
			length = i + 1;
	}
	marks[row->length] = '\0';
	return length;
}

/* What people see below a strip. */
static void row_below(const struct clock_view *view, const char *marks)
{
	sheet_row(view->sheet);
	sheet_text(view->sheet, BOX, " ");
	sheet_text(view->sheet, FRAME, " ");
	sheet_text(view->sheet, FRAMES, " ");
	sheet_text(view->sheet, HAND, " ");
	sheet_text(view->sheet, MARKS, " ");
	sheet_text(view->sheet, STRIP, "%s", marks);
}

/* Programs get the marks in a column, people see them below the strip. */
static void show_marks(const struct clock_view *view,
		       const struct strip_row *row)
{
	char marks[STRIP_WIDTH + 1];
	int length;

	if (!row->cells[0])
		return;
	mark_accessed(view, row, STRIP_BLANK, marks);
	sheet_text(view->sheet, MARKS, "%s", marks);
	if (view->options->format != FORMAT_TABLE)
		return;
	length = mark_accessed(view, row, ' ', marks);
	marks[length] = '\0';
	if (length)
		row_below(view, marks);
}

static void show_hand(const struct clock_view *view, size_t hand,
		      const struct strip_row *row)
{
	char marks[STRIP_WIDTH + 1];

	snprintf(marks, sizeof(marks), "%*s^",
		 row->cells[0] ? (int)(hand - row->at) : 0, "");
	row_below(view, marks);
}

static void strip_row(const struct clock_view *view, size_t hand,
		      const struct strip_row *row)
{
	bool is_here = hand - row->at < row->length;

	sheet_row(view->sheet);
	sheet_number(view->sheet, BOX, view->box->id);
	sheet_number(view->sheet, FRAME, row->at);
	sheet_number(view->sheet, FRAMES, row->length);
	if (is_here)
		sheet_number(view->sheet, HAND, hand);
	sheet_strip(view->sheet, STRIP, row, "frames empty");
	show_marks(view, row);
	if (is_here && view->options->format == FORMAT_TABLE)
		show_hand(view, hand, row);
}

static void show_strip(struct clock_view *view)
{
	struct strip strip = { .length = view->nr, .per_char = 1 };
	struct strip_row row = { .length = 0 };
	size_t mark = 0;
	struct strip_mark *marks = make_marks(view, &strip.nr_marks);

	strip.marks = marks;
	strip.width = strip_width(view->options);
	while (strip_next(&strip, &mark, &row))
		strip_row(view, find_hand(view), &row);
	free(marks);
}

static int show_box(struct clock_view *view)
{
	int status = EXIT_SUCCESS;
	struct pb_error error;
	int ret =
		pb_read_frames(view->box->id, &view->frames, &view->nr, &error);

	report_box(view->box->id, view->options, ret, &error, &status);
	if (ret)
		return status;
	if (view->options->strip)
		show_strip(view);
	else
		show_list(view);
	section(view);
	free(view->frames);
	return status;
}

static int run(const struct options *options)
{
	struct clock_view view = {
		.options = options,
	};
	struct selection selection;

	view.sheet = sheet_new(options->strip ? &strip_layout : &list_layout,
			       options);
	selection = select_boxes(options);
	for (size_t i = 0; i < selection.nr; i++) {
		view.box = &selection.boxes[i];
		if (show_box(&view))
			selection.status = EXIT_FAILURE;
	}
	sheet_end(view.sheet);
	if (selection.nr && is_for_people(options) && options->strip)
		printf("\n%s%s", legend,
		       view.has_errors ? STRIP_ERROR_LEGEND : "");
	select_free(&selection);
	return selection.status;
}

const struct command frames_command = {
	.name = "frames",
	.summary = "show the frame table and the hand of the clock",
	.operands = OPERANDS_BOXES,
	.details = ALL_BOXES,
	.flags = "pls",
	.layouts = { &list_layout, &strip_layout },
	.run = run,
};
