// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox map: show where the pages of each mapping are, as a strip or a list.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"
#include "sheet.h"

enum {
	BOX,
	MAP,
	PID,
	TYPE,
	PROT,
	PAGE,
	ADDRESS,
	/* strip only */
	PAGES,
	PER_CHAR,
	STRIP,
	/* list only */
	STATE = PAGES,
	FRAME,
	SLOT,
	TIER,
	SHARERS,
	PTE,
};

#define COMMON_COLUMNS                                                 \
	[BOX] = { "BOX", KIND_NUMBER, "box number" },                  \
	[MAP] = { "MAP", KIND_NUMBER, "mapping number" },              \
	[PID] = { "PID", KIND_NUMBER, "process of the mapping" },      \
	[TYPE] = { "TYPE", KIND_TEXT, "shared or private" },           \
	[PROT] = { "PROT", KIND_TEXT, "protection: rwx" },             \
	[PAGE] = { "PAGE", KIND_NUMBER, "index of the (first) page" }, \
	[ADDRESS] = { "ADDRESS", KIND_TEXT, "virtual address of that page" }

static const struct column strip_columns[] = {
	COMMON_COLUMNS,
	[PAGES] = { "PAGES", KIND_NUMBER, "number of pages in the row" },
	[PER_CHAR] = { "PER_CHAR", KIND_NUMBER, "pages per character" },
	[STRIP] = { "STRIP", KIND_STRIP,
		    "the characters; no value for a row without pages" },
};

static const struct layout strip_layout = {
	.name = "strips",
	.columns = strip_columns,
	.nr = ARRAY_SIZE(strip_columns),
	.people = "PAGE,STRIP",
};

static const struct column list_columns[] = {
	COMMON_COLUMNS,
	[STATE] = { "STATE", KIND_TEXT,
		    "location of the contents: zero, store, frame or swap" },
	[FRAME] = { "FRAME", KIND_NUMBER, "frame number" },
	[SLOT] = { "SLOT", KIND_NUMBER, "swap slot number" },
	[TIER] = { "TIER", KIND_TEXT, "root, or own: this view wrote to it" },
	[SHARERS] = { "SHARERS", KIND_NUMBER, "views that hold the page" },
	[PTE] = { "PTE", KIND_TEXT,
		  "hardware bits: Accessed, Dirty, Writable" },
};

static const struct layout list_layout = {
	.name = "pages",
	.columns = list_columns,
	.nr = ARRAY_SIZE(list_columns),
	.people = "PAGE,ADDRESS,STATE,FRAME,SLOT,TIER,SHARERS,PTE",
};

static const char legend[] = STRIP_LEGEND
	"x in swap   - in no frame   . no page: never accessed, or clean and dropped\n";

/**
 * struct map_display - state of the display
 * @options: user options
 * @sheet: output table
 * @target: the box
 * @frames: its frame table, for the dirty bits; NULL when not needed
 * @nr_frames: number of frames
 * @shown: number of VMAs with output
 * @gone: number of VMAs whose mapping ended before it was read
 * @has_errors: a page was lost to a memory error
 */
struct map_display {
	const struct options *options;
	struct sheet *sheet;
	const struct target *target;
	struct pagebox_frame *frames;
	size_t nr_frames;
	size_t shown;
	size_t gone;
	bool has_errors;
};

/**
 * struct piece - the part of a VMA that is shown
 * @vma: the VMA, cut to the requested pages
 * @pages: its pages that exist, by address
 * @nr: number of these pages
 */
struct piece {
	struct pagebox_vma vma;
	const struct pagebox_page *pages;
	size_t nr;
};

static __u64 page_at(const struct pagebox_vma *vma, __u64 address)
{
	return vma->pgoff + (address - vma->start) / PAGEBOX_PAGE_SIZE;
}

/* Whether a page belongs to the root view. */
static bool is_root(const struct pagebox_vma *vma,
		    const struct pagebox_page *page)
{
	return vma->shared || page->sharers == PAGEBOX_ROOT_PAGE;
}

static bool is_dirty(const struct map_display *display,
		     const struct pagebox_page *page)
{
	if (page->frame < display->nr_frames &&
	    display->frames[page->frame].page == page->index)
		return display->frames[page->frame].dirty == 1;
	return strchr(page->pte, 'D');
}

static char letter_of(struct map_display *display,
		      const struct pagebox_vma *vma,
		      const struct pagebox_page *page)
{
	if (page->state == PAGEBOX_STATE_LOST) {
		display->has_errors = true;
		return STRIP_ERROR;
	}
	if (page->state == PAGEBOX_STATE_SWAP)
		return 'x';
	if (page->state != PAGEBOX_STATE_FRAME)
		return '-';
	return strip_letter(is_root(vma, page), page->sharers,
			    is_dirty(display, page));
}

static void common_cells(const struct map_display *display,
			 const struct pagebox_vma *vma, __u64 page)
{
	struct sheet *sheet = display->sheet;

	sheet_row(sheet);
	sheet_number(sheet, BOX, display->target->id);
	sheet_number(sheet, MAP, vma->map);
	sheet_number(sheet, PID, vma->pid ? vma->pid : PAGEBOX_NONE);
	sheet_text(sheet, TYPE, "%s", vma->shared ? "shared" : "private");
	sheet_text(sheet, PROT, "%s", vma->prot);
	sheet_number(sheet, PAGE, page);
	sheet_text(sheet, ADDRESS, "0x%llx",
		   vma->start + (page - vma->pgoff) * PAGEBOX_PAGE_SIZE);
}

static void section(const struct map_display *display,
		    const struct pagebox_vma *vma, __u64 per_char)
{
	char pid[48] = "";
	char scale[48] = "";
	char name[SHEET_SAFE(sizeof(display->target->summary.name))];

	if (vma->pid)
		snprintf(pid, sizeof(pid), " of process %llu", vma->pid);
	if (per_char > 1)
		snprintf(scale, sizeof(scale),
			 "\n%llu pages per character:", per_char);
	sheet_section(
		display->sheet,
		"box %llu (%s) map %llu%s, %s %s: %llu pages at 0x%llx%s",
		display->target->id,
		sheet_safe(name, sizeof(name), display->target->summary.name),
		vma->map, pid, vma->shared ? "shared" : "private", vma->prot,
		(vma->end - vma->start) / PAGEBOX_PAGE_SIZE, vma->start, scale);
}

static struct strip_mark *make_marks(struct map_display *display,
				     const struct piece *piece)
{
	struct strip_mark *marks = calloc(piece->nr + 1, sizeof(*marks));

	if (!marks)
		errx(EXIT_FAILURE, "out of memory");
	for (size_t i = 0; i < piece->nr; i++) {
		const struct pagebox_page *page = &piece->pages[i];

		marks[i].at =
			(page->address - piece->vma.start) / PAGEBOX_PAGE_SIZE;
		marks[i].letter = letter_of(display, &piece->vma, page);
	}
	return marks;
}

/* Rows for the heading, title and legend. */
#define ROWS_AROUND 8
#define ROWS_MIN 4

static void scale(struct strip *strip, const struct options *options)
{
	int rows = terminal_rows() - ROWS_AROUND;

	strip->width = strip_width(options);
	strip->per_char = options->per_char ? options->per_char : 1;
	if (!options->per_char && options->format == FORMAT_TABLE)
		strip_fit(strip, rows < ROWS_MIN ? ROWS_MIN : rows);
}

static void strip_row(const struct map_display *display,
		      const struct pagebox_vma *vma, const struct strip *strip,
		      const struct strip_row *row)
{
	common_cells(display, vma, vma->pgoff + row->at);
	sheet_number(display->sheet, PAGES, row->length);
	sheet_number(display->sheet, PER_CHAR, strip->per_char);
	sheet_strip(display->sheet, STRIP, row, "without a page");
}

static void show_strip(struct map_display *display, const struct piece *piece)
{
	struct strip_mark *marks = make_marks(display, piece);
	struct strip strip = {
		.length =
			(piece->vma.end - piece->vma.start) / PAGEBOX_PAGE_SIZE,
		.marks = marks,
		.nr_marks = piece->nr,
	};
	struct strip_row row = { .length = 0 };
	size_t mark = 0;

	scale(&strip, display->options);
	while (strip_next(&strip, &mark, &row))
		strip_row(display, &piece->vma, &strip, &row);
	section(display, &piece->vma, strip.per_char);
	free(marks);
}

static void list_row(const struct map_display *display,
		     const struct pagebox_vma *vma,
		     const struct pagebox_page *page)
{
	struct sheet *sheet = display->sheet;

	common_cells(display, vma, page_at(vma, page->address));
	sheet_text(sheet, STATE, "%s", pagebox_state_name(page->state));
	sheet_number(sheet, FRAME, page->frame);
	sheet_number(sheet, SLOT, page->slot);
	sheet_text(sheet, TIER, "%s", is_root(vma, page) ? "root" : "own");
	if (page->sharers != PAGEBOX_ROOT_PAGE)
		sheet_number(sheet, SHARERS, page->sharers);
	if (strcmp(page->pte, "-"))
		sheet_text(sheet, PTE, "%s", page->pte);
}

static void show_list(const struct map_display *display,
		      const struct piece *piece)
{
	for (size_t i = 0; i < piece->nr; i++)
		list_row(display, &piece->vma, &piece->pages[i]);
	section(display, &piece->vma, 1);
}

/* Cut a VMA to the requested pages. Return: false if none are left. */
static bool cut_vma(struct pagebox_vma *vma, const struct options *options)
{
	__u64 last =
		vma->pgoff + (vma->end - vma->start) / PAGEBOX_PAGE_SIZE - 1;
	__u64 skip = options->first > vma->pgoff ? options->first - vma->pgoff :
						   0;

	if (options->first > last || options->last < vma->pgoff)
		return false;
	if (options->last < last)
		vma->end -= (last - options->last) * PAGEBOX_PAGE_SIZE;
	vma->start += skip * PAGEBOX_PAGE_SIZE;
	vma->pgoff += skip;
	return true;
}

/* Return: the index of the first page at or after @address; @pages is sorted. */
static size_t first_from(const struct pagebox_page *pages, size_t nr,
			 __u64 address)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pages[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void show_vma(struct map_display *display, const struct pagebox_vma *vma,
		     const struct pagebox_page *pages, size_t nr)
{
	struct piece piece = { .vma = *vma };
	size_t from;

	if (!cut_vma(&piece.vma, display->options))
		return;
	display->shown++;
	from = first_from(pages, nr, piece.vma.start);
	piece.pages = pages ? pages + from : NULL;
	piece.nr = first_from(pages, nr, piece.vma.end) - from;
	if (display->options->list)
		show_list(display, &piece);
	else
		show_strip(display, &piece);
}

static int compare_pages(const void *a, const void *b)
{
	const struct pagebox_page *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

/* Show the VMAs of one mapping, from @i on. Return: the index of the next VMA. */
static size_t show_map(struct map_display *display, size_t i, int *status)
{
	const struct target *target = display->target;
	__u64 map = target->vmas[i].map;
	struct pagebox_page *pages;
	struct pagebox_error error;
	size_t nr;
	int ret = pagebox_read_pages(target->id, map, &pages, &nr, &error);

	report(ret, &error, status);
	if (nr)
		qsort(pages, nr, sizeof(*pages), compare_pages);
	for (; i < target->nr_vmas && target->vmas[i].map == map; i++) {
		if (!ret)
			show_vma(display, &target->vmas[i], pages, nr);
		display->gone += ret == -ENOENT;
	}
	free(pages);
	return i;
}

/* Return: 0, or a negative errno if the box could not be read. */
static int read_frames(struct map_display *display, struct pagebox_error *error)
{
	display->frames = NULL;
	display->nr_frames = 0;
	if (!display->target->nr_vmas || display->options->list)
		return 0;
	return pagebox_read_frames(display->target->id, &display->frames,
				   &display->nr_frames, error);
}

/* If mappings have ended, check that the box still exists. */
static int look_again(const struct target *target, struct pagebox_error *error)
{
	struct pagebox_summary summary;

	return pagebox_read_summary(target->id, &summary, error);
}

static void show_box(struct map_display *display, int *status)
{
	const struct target *target = display->target;
	size_t gone = display->gone;
	struct pagebox_error error;
	int ret = read_frames(display, &error);

	if (ret == -ENOENT)
		display->gone += target->nr_vmas;
	for (size_t i = 0; ret != -ENOENT && i < target->nr_vmas;)
		i = show_map(display, i, status);
	if (!ret && display->gone != gone)
		ret = look_again(target, &error);
	report_box(target->id, display->options, ret, &error, status);
	free(display->frames);
}

static size_t count_mappings(const struct selection *selection)
{
	size_t mappings = 0;

	for (size_t i = 0; i < selection->nr; i++)
		mappings += selection->targets[i].nr_vmas;
	return mappings;
}

static void closing_words(const struct map_display *display,
			  struct selection *selection)
{
	const struct options *options = display->options;
	size_t mappings = count_mappings(selection);

	if (display->shown) {
		if (is_for_people(options) && !options->list)
			printf("\n%s%s", legend,
			       display->has_errors ? STRIP_ERROR_LEGEND : "");
	} else if (selection->nr && mappings == display->gone) {
		report_process(options, &selection->status);
		if (selection->status == EXIT_SUCCESS)
			warnx("nothing is mapped: no program has called mmap() on the box");
	} else if (selection->nr) {
		warnx("no mapping covers a page in this range");
	}
}

static int run(const struct options *options)
{
	struct map_display display = {
		.options = options,
	};
	struct selection selection;

	display.sheet = sheet_new(options->list ? &list_layout : &strip_layout,
				  options);
	selection = select_boxes(options);
	for (size_t i = 0; i < selection.nr; i++) {
		display.target = &selection.targets[i];
		show_box(&display, &selection.status);
	}
	sheet_end(display.sheet);
	closing_words(&display, &selection);
	select_free(&selection);
	return selection.status;
}

const struct command map_command = {
	.name = "map",
	.summary = "show where the pages of each mapping are",
	.operands = OPERANDS_BOXES,
	.details = ALL_BOXES,
	.flags = "plsNg",
	.layouts = { &strip_layout, &list_layout },
	.run = run,
};
