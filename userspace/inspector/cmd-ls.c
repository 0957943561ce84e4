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
	STORE_KIND,
	WRITABLE,
	SWAP_PAGES,
	SWAP_HIGH,
	STORE_READ_US,
	STORE_WRITE_US,
	SWAP_READ_US,
	SWAP_WRITE_US,
	READAHEAD,
	SWAPPINESS,
	REFERENCES,
	REFERENCES_AUTO,
	OOM,
	OOM_WAIT_MS,
	OVERCOMMIT,
	DIRTY_AGE_MS,
	DIRTY_RATIO,
};

static const struct column columns[] = {
	[BOX] = { "BOX", KIND_NUMBER, "number of the box" },
	[NAME] = { "NAME", KIND_TEXT, "what it is called" },
	[OWNER] = { "OWNER", KIND_NUMBER, "uid that opened it" },
	[SIZE] = { "SIZE", KIND_NUMBER, "its size in bytes" },
	[USED] = { "USED", KIND_NUMBER, "frames that hold a page" },
	[FRAMES] = { "FRAMES", KIND_NUMBER, "frames it may use" },
	[HAND] = { "HAND", KIND_NUMBER, "frame the hand looks at next" },
	[POLICY] = { "POLICY", KIND_TEXT, "replacement policy" },
	[BATCH] = { "BATCH", KIND_NUMBER, "most victims of one eviction" },
	[STORE] = { "STORE", KIND_TEXT,
		    "where its pages come from: path or ram" },
	[STORE_SIZE] = { "STORE_SIZE", KIND_NUMBER,
			 "size of the store in bytes" },
	[SWAP] = { "SWAP", KIND_NUMBER, "swap slots in use" },
	[SWAP_KIND] = { "SWAP_KIND", KIND_TEXT,
			"where the swap area is: none, ram or path" },
	[PAGES] = { "PAGES", KIND_NUMBER, "pages that exist" },
	[VIEWS] = { "VIEWS", KIND_NUMBER,
		    "views: the root view and the private ones" },
	[MAPS] = { "MAPS", KIND_NUMBER, "mappings" },
	[PIDS] = { "PIDS", KIND_TEXT, "processes that map it" },
	[STORE_KIND] = { "STORE_KIND", KIND_TEXT, "none, ram, file or block" },
	[WRITABLE] = { "WRITABLE", KIND_TRUTH,
		       "dirty pages go back to the store" },
	[SWAP_PAGES] = { "SWAP_PAGES", KIND_NUMBER, "swap slots there are" },
	[SWAP_HIGH] = { "SWAP_HIGH", KIND_NUMBER,
			"most swap slots ever in use" },
	[STORE_READ_US] = { "STORE_READ_US", KIND_NUMBER,
			    "added to each read from the store" },
	[STORE_WRITE_US] = { "STORE_WRITE_US", KIND_NUMBER,
			     "added to each write to the store" },
	[SWAP_READ_US] = { "SWAP_READ_US", KIND_NUMBER,
			   "added to each read from swap" },
	[SWAP_WRITE_US] = { "SWAP_WRITE_US", KIND_NUMBER,
			    "added to each write to swap" },
	[READAHEAD] = { "READAHEAD", KIND_NUMBER,
			"most pages to read at once" },
	[SWAPPINESS] = { "SWAPPINESS", KIND_NUMBER,
			 "0 to 200; below 100 spares dirty pages" },
	[REFERENCES] = { "REFERENCES", KIND_TEXT,
			 "how accesses are seen: hardware, exact, every" },
	[REFERENCES_AUTO] = { "REFERENCES_AUTO", KIND_TRUTH,
			      "that follows the frame limit" },
	[OOM] = { "OOM", KIND_TEXT, "without a frame: sigbus, kill or wait" },
	[OOM_WAIT_MS] = { "OOM_WAIT_MS", KIND_NUMBER, "how long wait waits" },
	[OVERCOMMIT] = { "OVERCOMMIT", KIND_TEXT,
			 "map more than fits: always or never" },
	[DIRTY_AGE_MS] = { "DIRTY_AGE_MS", KIND_NUMBER,
			   "pages dirty for so long are written" },
	[DIRTY_RATIO] = { "DIRTY_RATIO", KIND_NUMBER,
			  "or when so many of 100 frames are dirty" },
};

static const struct layout layout = {
	.name = "boxes",
	.columns = columns,
	.nr = ARRAY_SIZE(columns),
	.people = "BOX,NAME,OWNER,POLICY,USED,FRAMES,SWAP,PAGES,STORE,PIDS",
};

static bool was_listed(const struct target *target, size_t nr, __u64 pid)
{
	for (size_t i = 0; i < nr; i++) {
		if (target->vmas[i].pid == pid)
			return true;
	}
	return false;
}

/* The processes, in the order of their mappings, each once. */
static char *list_pids(const struct target *target)
{
	char *text = NULL;
	size_t size;
	FILE *list = open_memstream(&text, &size);

	if (!list)
		return NULL;
	for (size_t i = 0; i < target->nr_vmas; i++) {
		if (was_listed(target, i, target->vmas[i].pid))
			continue;
		fprintf(list, "%s%llu", i ? "," : "", target->vmas[i].pid);
	}
	fclose(list);
	return text;
}

static void setting_cells(struct sheet *sheet, const struct pagebox_summary *s)
{
	sheet_text(sheet, STORE_KIND, "%s", s->store_kind);
	sheet_text(sheet, WRITABLE, "%d", s->store_writable);
	sheet_number(sheet, SWAP_PAGES, s->swap_pages);
	sheet_number(sheet, SWAP_HIGH, s->swap_high);
	sheet_number(sheet, STORE_READ_US, s->store_read_us);
	sheet_number(sheet, STORE_WRITE_US, s->store_write_us);
	sheet_number(sheet, SWAP_READ_US, s->swap_read_us);
	sheet_number(sheet, SWAP_WRITE_US, s->swap_write_us);
	sheet_number(sheet, READAHEAD, s->readahead);
	sheet_number(sheet, SWAPPINESS, s->swappiness);
	sheet_text(sheet, REFERENCES, "%s", s->references);
	sheet_text(sheet, REFERENCES_AUTO, "%d", s->references_auto);
	sheet_text(sheet, OOM, "%s", s->oom);
	sheet_number(sheet, OOM_WAIT_MS, s->oom_wait_ms);
	sheet_text(sheet, OVERCOMMIT, "%s", s->overcommit);
	sheet_number(sheet, DIRTY_AGE_MS, s->dirty_age_ms);
	sheet_number(sheet, DIRTY_RATIO, s->dirty_ratio);
}

static void add_row(struct sheet *sheet, const struct target *target)
{
	const struct pagebox_summary *s = &target->summary;
	char *pids = list_pids(target);

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
	setting_cells(sheet, s);
}

static int run(const struct options *options)
{
	struct sheet *sheet = sheet_new(&layout, options);
	struct selection selection = select_boxes(options);

	for (size_t i = 0; i < selection.nr; i++)
		add_row(sheet, &selection.targets[i]);
	sheet_end(sheet);
	select_free(&selection);
	return selection.status;
}

const struct command ls_command = {
	.name = "ls",
	.summary = "list the boxes: frames, swap, pages, who maps them",
	.operands = OPERANDS_BOXES,
	.details = ALL_BOXES,
	.flags = "p",
	.layouts = { &layout },
	.run = run,
};
