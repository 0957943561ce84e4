// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox frames: show the frames of a box and the clock hand.
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
	/* list only */
	PFN,
	PAGE,
	TIER,
	SHARERS,
	ACCESSED,
	DIRTY,
	PINS,
	/* strip only */
	FRAMES = PFN,
	STRIP,
	MARKS,
};

static const struct column list_columns[] = {
	[BOX] = { "BOX", KIND_NUMBER, "box number" },
	[HAND] = { "HAND", KIND_TRUTH, "the hand visits this frame next" },
	[FRAME] = { "FRAME", KIND_NUMBER, "frame number" },
	[PFN] = { "PFN", KIND_NUMBER, "physical page frame number" },
	[PAGE] = { "PAGE", KIND_NUMBER, "index of the page in the frame" },
	[TIER] = { "TIER", KIND_TEXT, "tier of the page: root or private" },
	[SHARERS] = { "SHARERS", KIND_NUMBER, "views that hold the page" },
	[ACCESSED] = { "A", KIND_TRUTH, "accessed since the hand passed" },
	[DIRTY] = { "D", KIND_TRUTH,
		    "dirty: written before the frame is reused" },
	[PINS] = { "PINS", KIND_NUMBER, "references that block eviction" },
};

static const struct layout list_layout = {
	.name = "frames",
	.columns = list_columns,
	.nr = ARRAY_SIZE(list_columns),
	.people = "HAND,FRAME,PFN,PAGE,TIER,SHARERS,A,D,PINS",
};

static const struct column strip_columns[] = {
	[BOX] = { "BOX", KIND_NUMBER, "box number" },
	[HAND] = { "HAND", KIND_NUMBER,
		   "frame the hand visits next, if in this row" },
	[FRAME] = { "FRAME", KIND_NUMBER,
		    "number of the first frame in the row" },
	[FRAMES] = { "FRAMES", KIND_NUMBER, "number of frames in the row" },
	[STRIP] = { "STRIP", KIND_STRIP,
		    "the characters; no value if all frames are empty" },
	[MARKS] = { "ACCESSED", KIND_STRIP,
		    "* for each frame accessed since the hand passed" },
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
 * struct clock_display - state of the display
 * @options: user options
 * @sheet: output table
 * @target: the box
 * @frames: its frame table
 * @nr: number of frames
 * @has_errors: a frame has been retired
 */
struct clock_display {
	const struct options *options;
	struct sheet *sheet;
	const struct target *target;
	struct pagebox_frame *frames;
	size_t nr;
	bool has_errors;
};

static bool is_empty(const struct pagebox_frame *frame)
{
	return frame->page == PAGEBOX_NONE;
}

/* Return: the position of the hand, or the number of frames if there is none. */
static size_t find_hand(const struct clock_display *display)
{
	size_t i = 0;

	while (i < display->nr && !display->frames[i].hand)
		i++;
	return i;
}

static void section(const struct clock_display *display)
{
	const struct pagebox_summary *s = &display->target->summary;
	char name[SHEET_SAFE(sizeof(s->name))];

	sheet_section(display->sheet,
		      "box %llu (%s): %llu of %zu frames used, hand at %zu",
		      display->target->id,
		      sheet_safe(name, sizeof(name), s->name), s->frames_used,
		      display->nr, find_hand(display));
}

static void truth(const struct clock_display *display, size_t column,
		  bool value)
{
	if (display->options->format == FORMAT_TABLE)
		sheet_text(display->sheet, column, "%c", value ? '1' : '.');
	else
		sheet_text(display->sheet, column, "%d", value);
}

static void hand_cell(const struct clock_display *display,
		      const struct pagebox_frame *frame)
{
	if (display->options->format == FORMAT_TABLE)
		sheet_text(display->sheet, HAND, "%s",
			   frame->hand ? "   >" : "");
	else
		sheet_text(display->sheet, HAND, "%d", frame->hand);
}

static void list_row(const struct clock_display *display,
		     const struct pagebox_frame *frame)
{
	struct sheet *sheet = display->sheet;

	sheet_row(sheet);
	sheet_number(sheet, BOX, display->target->id);
	hand_cell(display, frame);
	sheet_number(sheet, FRAME, frame->number);
	sheet_number(sheet, PFN, frame->pfn);
	if (strcmp(frame->tier, "-"))
		sheet_text(sheet, TIER, "%s", frame->tier);
	if (is_empty(frame))
		return;
	sheet_number(sheet, PAGE, frame->page);
	sheet_number(sheet, SHARERS, frame->sharers);
	truth(display, ACCESSED, frame->accessed == 1);
	truth(display, DIRTY, frame->dirty == 1);
	sheet_number(sheet, PINS, frame->pins);
	sheet_color(sheet, FRAME, frame->accessed == 1 ? "green" : "blue");
}

/* Count the frames from @i on that were never used and are not at the hand. */
static size_t count_unused(const struct clock_display *display, size_t i)
{
	size_t end = i;

	while (end < display->nr && display->frames[end].pfn == PAGEBOX_NONE &&
	       !display->frames[end].hand)
		end++;
	return end - i;
}

/* From this number on, unused frames share a row. */
#define MANY_UNUSED 4

static void show_list(const struct clock_display *display)
{
	for (size_t i = 0; i < display->nr; i++) {
		size_t unused = count_unused(display, i);

		if (display->options->format != FORMAT_TABLE ||
		    unused < MANY_UNUSED) {
			list_row(display, &display->frames[i]);
			continue;
		}
		sheet_row(display->sheet);
		sheet_number(display->sheet, BOX, display->target->id);
		sheet_text(display->sheet, HAND, " ");
		sheet_text(display->sheet, FRAME, "%zu-%zu", i, i + unused - 1);
		i += unused - 1;
	}
}

static char letter_of(const struct pagebox_frame *frame)
{
	return strip_letter(!strcmp(frame->tier, "root"), frame->sharers,
			    frame->dirty == 1);
}

static bool is_retired(const struct pagebox_frame *frame)
{
	return !strcmp(frame->tier, "retired");
}

static struct strip_mark *make_marks(struct clock_display *display, size_t *nr)
{
	struct strip_mark *marks = calloc(display->nr + 1, sizeof(*marks));

	if (!marks)
		errx(EXIT_FAILURE, "out of memory");
	*nr = 0;
	for (size_t i = 0; i < display->nr; i++) {
		const struct pagebox_frame *frame = &display->frames[i];
		bool retired = is_retired(frame);

		if (is_empty(frame) && !retired)
			continue;
		display->has_errors |= retired;
		marks[*nr].at = i;
		marks[(*nr)++].letter = retired ? STRIP_ERROR :
						  letter_of(frame);
	}
	return marks;
}

/* Mark each accessed frame. Return: the length up to the last mark. */
static int mark_accessed(const struct clock_display *display,
			 const struct strip_row *row, char blank, char *marks)
{
	int length = 0;

	for (size_t i = 0; i < row->length; i++) {
		bool accessed = display->frames[row->at + i].accessed == 1;

		marks[i] = accessed ? '*' : blank;
		if (accessed)
			length = i + 1;
	}
	marks[row->length] = '\0';
	return length;
}

/* In a table, marks are a row below the strip. */
static void row_below(const struct clock_display *display, const char *marks)
{
	sheet_row(display->sheet);
	sheet_text(display->sheet, BOX, " ");
	sheet_text(display->sheet, FRAME, " ");
	sheet_text(display->sheet, FRAMES, " ");
	sheet_text(display->sheet, HAND, " ");
	sheet_text(display->sheet, MARKS, " ");
	sheet_text(display->sheet, STRIP, "%s", marks);
}

/* Other formats have a column of marks; a table has a row below the strip. */
static void show_marks(const struct clock_display *display,
		       const struct strip_row *row)
{
	char marks[STRIP_WIDTH + 1];
	int length;

	if (!row->cells[0])
		return;
	mark_accessed(display, row, STRIP_BLANK, marks);
	sheet_text(display->sheet, MARKS, "%s", marks);
	if (display->options->format != FORMAT_TABLE)
		return;
	length = mark_accessed(display, row, ' ', marks);
	marks[length] = '\0';
	if (length)
		row_below(display, marks);
}

static void show_hand(const struct clock_display *display, size_t hand,
		      const struct strip_row *row)
{
	char marks[STRIP_WIDTH + 1];

	snprintf(marks, sizeof(marks), "%*s^",
		 row->cells[0] ? (int)(hand - row->at) : 0, "");
	row_below(display, marks);
}

static void strip_row(const struct clock_display *display, size_t hand,
		      const struct strip_row *row)
{
	bool is_here = hand - row->at < row->length;

	sheet_row(display->sheet);
	sheet_number(display->sheet, BOX, display->target->id);
	sheet_number(display->sheet, FRAME, row->at);
	sheet_number(display->sheet, FRAMES, row->length);
	if (is_here)
		sheet_number(display->sheet, HAND, hand);
	sheet_strip(display->sheet, STRIP, row, "frames empty");
	show_marks(display, row);
	if (is_here && display->options->format == FORMAT_TABLE)
		show_hand(display, hand, row);
}

static void show_strip(struct clock_display *display)
{
	struct strip strip = { .length = display->nr, .per_char = 1 };
	struct strip_row row = { .length = 0 };
	size_t mark = 0;
	struct strip_mark *marks = make_marks(display, &strip.nr_marks);

	strip.marks = marks;
	strip.width = strip_width(display->options);
	while (strip_next(&strip, &mark, &row))
		strip_row(display, find_hand(display), &row);
	free(marks);
}

static int show_box(struct clock_display *display)
{
	int status = EXIT_SUCCESS;
	struct pagebox_error error;
	int ret = pagebox_read_frames(display->target->id, &display->frames,
				      &display->nr, &error);

	report_box(display->target->id, display->options, ret, &error, &status);
	if (ret)
		return status;
	if (display->options->strip)
		show_strip(display);
	else
		show_list(display);
	section(display);
	free(display->frames);
	return status;
}

static int run(const struct options *options)
{
	struct clock_display display = {
		.options = options,
	};
	struct selection selection;

	display.sheet = sheet_new(options->strip ? &strip_layout : &list_layout,
				  options);
	selection = select_boxes(options);
	for (size_t i = 0; i < selection.nr; i++) {
		display.target = &selection.targets[i];
		if (show_box(&display))
			selection.status = EXIT_FAILURE;
	}
	sheet_end(display.sheet);
	if (selection.nr && is_for_people(options) && options->strip)
		printf("\n%s%s", legend,
		       display.has_errors ? STRIP_ERROR_LEGEND : "");
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
