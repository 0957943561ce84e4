// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox ls: list the boxes.
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
	[BOX] = { "BOX", KIND_NUMBER, "box number" },
	[NAME] = { "NAME", KIND_TEXT, "name" },
	[OWNER] = { "OWNER", KIND_NUMBER, "UID that opened it" },
	[SIZE] = { "SIZE", KIND_NUMBER, "size in bytes" },
	[USED] = { "USED", KIND_NUMBER, "frames that hold a page" },
	[FRAMES] = { "FRAMES", KIND_NUMBER, "frame limit" },
	[HAND] = { "HAND", KIND_NUMBER, "frame the hand visits next" },
	[POLICY] = { "POLICY", KIND_TEXT, "replacement policy" },
	[BATCH] = { "BATCH", KIND_NUMBER, "maximum victims per eviction" },
	[STORE] = { "STORE", KIND_TEXT, "backing store: path or ram" },
	[STORE_SIZE] = { "STORE_SIZE", KIND_NUMBER,
			 "size of the store in bytes" },
	[SWAP] = { "SWAP", KIND_NUMBER, "swap slots in use" },
	[SWAP_KIND] = { "SWAP_KIND", KIND_TEXT,
			"swap area: none, ram or path" },
	[PAGES] = { "PAGES", KIND_NUMBER, "pages that exist" },
	[VIEWS] = { "VIEWS", KIND_NUMBER,
		    "views: the root view and private views" },
	[MAPS] = { "MAPS", KIND_NUMBER, "mappings" },
	[PIDS] = { "PIDS", KIND_TEXT, "processes that map the box" },
	[STORE_KIND] = { "STORE_KIND", KIND_TEXT, "none, ram, file or block" },
	[WRITABLE] = { "WRITABLE", KIND_TRUTH,
		       "dirty pages are written to the store" },
	[SWAP_PAGES] = { "SWAP_PAGES", KIND_NUMBER,
			 "size of the swap area in slots" },
	[SWAP_HIGH] = { "SWAP_HIGH", KIND_NUMBER, "peak swap slots in use" },
	[STORE_READ_US] = { "STORE_READ_US", KIND_NUMBER,
			    "delay of each store read, microseconds" },
	[STORE_WRITE_US] = { "STORE_WRITE_US", KIND_NUMBER,
			     "delay of each store write, microseconds" },
	[SWAP_READ_US] = { "SWAP_READ_US", KIND_NUMBER,
			   "delay of each swap read, microseconds" },
	[SWAP_WRITE_US] = { "SWAP_WRITE_US", KIND_NUMBER,
			    "delay of each swap write, microseconds" },
	[READAHEAD] = { "READAHEAD", KIND_NUMBER, "maximum pages per read" },
	[SWAPPINESS] = { "SWAPPINESS", KIND_NUMBER,
			 "0 to 200; lower values evict fewer dirty pages" },
	[REFERENCES] = { "REFERENCES", KIND_TEXT,
			 "access tracking: hardware, exact or every" },
	[REFERENCES_AUTO] = { "REFERENCES_AUTO", KIND_TRUTH,
			      "REFERENCES depends on the frame limit" },
	[OOM] = { "OOM", KIND_TEXT,
		  "when out of frames: sigbus, kill or wait" },
	[OOM_WAIT_MS] = { "OOM_WAIT_MS", KIND_NUMBER, "duration of wait" },
	[OVERCOMMIT] = { "OVERCOMMIT", KIND_TEXT,
			 "mapping more than fits: always or never" },
	[DIRTY_AGE_MS] = { "DIRTY_AGE_MS", KIND_NUMBER,
			   "age at which dirty pages are written" },
	[DIRTY_RATIO] = { "DIRTY_RATIO", KIND_NUMBER,
			  "percentage of dirty frames that starts writing" },
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

/* Processes without duplicates, in the order of their mappings. */
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
	.summary = "list boxes: frames, swap, pages, processes",
	.operands = OPERANDS_BOXES,
	.details = ALL_BOXES,
	.flags = "p",
	.layouts = { &layout },
	.run = run,
};
