// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox ls: the boxes there are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"
#include "sheet.h"

enum {
	BOX,
	NAME,
	OWNER,
	SIZE,
	USED,
	FRAMES,
	HAND,
	POLICY,
	BATCH,
	STORE,
	STORE_SIZE,
	SWAP,
	SWAP_KIND,
	PAGES,
	VIEWS,
	MAPS,
	PIDS,
};

static const struct column columns[] = {
	[BOX] = { "BOX", KIND_NUMBER, "number of the box" },
	[NAME] = { "NAME", KIND_TEXT, "command that opened it" },
	[OWNER] = { "OWNER", KIND_NUMBER, "uid that opened it" },
	[SIZE] = { "SIZE", KIND_NUMBER, "its size in bytes" },
	[USED] = { "USED", KIND_NUMBER, "frames that hold a page" },
	[FRAMES] = { "FRAMES", KIND_NUMBER, "frames it may use" },
	[HAND] = { "HAND", KIND_NUMBER, "frame the hand looks at next" },
	[POLICY] = { "POLICY", KIND_TEXT, "replacement policy" },
	[BATCH] = { "BATCH", KIND_NUMBER, "most victims of one eviction" },
	[STORE] = { "STORE", KIND_TEXT, "file its pages come from" },
	[STORE_SIZE] = { "STORE_SIZE", KIND_NUMBER,
			 "size of that file in bytes" },
	[SWAP] = { "SWAP", KIND_NUMBER, "swap slots in use" },
	[SWAP_KIND] = { "SWAP_KIND", KIND_TEXT, "where the swap area is" },
	[PAGES] = { "PAGES", KIND_NUMBER, "pages that exist" },
	[VIEWS] = { "VIEWS", KIND_NUMBER,
		    "views: the root view and the private ones" },
	[MAPS] = { "MAPS", KIND_NUMBER, "mappings" },
	[PIDS] = { "PIDS", KIND_TEXT, "processes that map it" },
};

static const struct layout layout = {
	.name = "boxes",
	.columns = columns,
	.nr = ARRAY_SIZE(columns),
	.people = "BOX,NAME,OWNER,USED,FRAMES,SWAP,PAGES,VIEWS,STORE,PIDS",
	.programs =
		"BOX,NAME,OWNER,SIZE,USED,FRAMES,HAND,POLICY,BATCH,STORE,STORE_SIZE,SWAP,SWAP_KIND,PAGES,VIEWS,MAPS,PIDS",
};

static bool was_listed(const struct box *box, size_t nr, __u64 pid)
{
	for (size_t i = 0; i < nr; i++) {
		if (box->vmas[i].pid == pid)
			return true;
	}
	return false;
}

/* The processes, in the order of their mappings, each once. */
static char *list_pids(const struct box *box)
{
	char *text = NULL;
	size_t size;
	FILE *list = open_memstream(&text, &size);

	if (!list)
		return NULL;
	for (size_t i = 0; i < box->nr_vmas; i++) {
		if (was_listed(box, i, box->vmas[i].pid))
			continue;
		fprintf(list, "%s%llu", i ? "," : "", box->vmas[i].pid);
	}
	fclose(list);
	return text;
}

static void add_row(struct sheet *sheet, const struct box *box)
{
	const struct pb_summary *s = &box->summary;
	char *pids = list_pids(box);

	sheet_row(sheet);
	sheet_number(sheet, BOX, s->box);
	sheet_text(sheet, NAME, "%s", s->name);
	sheet_number(sheet, OWNER, s->owner);
	sheet_number(sheet, SIZE, s->bytes);
	sheet_number(sheet, USED, s->frames_used);
	sheet_number(sheet, FRAMES, s->frames);
	sheet_number(sheet, HAND, s->hand);
	sheet_text(sheet, POLICY, "%s", s->policy);
	sheet_number(sheet, BATCH, s->batch);
	if (strcmp(s->store, "-")) {
		sheet_text(sheet, STORE, "%s", s->store);
		sheet_number(sheet, STORE_SIZE, s->store_bytes);
	}
	sheet_number(sheet, SWAP, s->swap_used);
	sheet_text(sheet, SWAP_KIND, "%s", s->swap);
	sheet_number(sheet, PAGES, s->pages);
	sheet_number(sheet, VIEWS, s->views);
	sheet_number(sheet, MAPS, s->maps);
	if (pids && *pids)
		sheet_text(sheet, PIDS, "%s", pids);
	free(pids);
}

static int run(const struct options *options)
{
	struct sheet *sheet = sheet_new(&layout, options);
	struct selection selection = select_boxes(options);

	for (size_t i = 0; i < selection.nr; i++)
		add_row(sheet, &selection.boxes[i]);
	sheet_end(sheet);
	select_free(&selection);
	return selection.status;
}

const struct command ls_command = {
	.name = "ls",
	.summary = "list the boxes: frames, swap, pages, who maps them",
	.flags = "",
	.layouts = { &layout },
	.run = run,
};
