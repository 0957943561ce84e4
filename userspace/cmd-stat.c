// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox stat: what happened, in a box and in each of its mappings.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "select.h"
#include "sheet.h"

enum {
	BOX,
	MAP,
	PID,
	FAULTS,
	MAJOR = FAULTS + PAGEBOX_FAULT_NR,
	CLEAN,
	DIRTY,
	SPARED,
	TURNS,
	PINNED,
	USED,
	SWAP,
	PAGES,
	VIEWS,
};

static const struct column columns[] = {
	[BOX] = { "BOX", KIND_NUMBER, "number of the box" },
	[MAP] = { "MAP", KIND_NUMBER,
		  "number of the mapping; none for the whole box" },
	[PID] = { "PID", KIND_NUMBER, "process of the mapping" },
	[FAULTS +
		PAGEBOX_FAULT_ZERO] = { "ZERO", KIND_NUMBER,
					"faults: a frame was cleared for a new page" },
	[FAULTS +
		PAGEBOX_FAULT_MINOR] = { "MINOR", KIND_NUMBER,
					 "faults: in a frame, only the PTE was missing" },
	[FAULTS +
		PAGEBOX_FAULT_FILE] = { "FILE", KIND_NUMBER,
					"faults: the page was read from the store" },
	[FAULTS +
		PAGEBOX_FAULT_SWAPIN] = { "SWAPIN", KIND_NUMBER,
					  "faults: the page was read from swap" },
	[FAULTS +
		PAGEBOX_FAULT_COW] = { "COW", KIND_NUMBER,
				       "faults: a write made an own copy of a shared page" },
	[FAULTS +
		PAGEBOX_FAULT_MKWRITE] = { "MKWRITE", KIND_NUMBER,
					   "faults: a write needed only the permission" },
	[FAULTS + PAGEBOX_FAULT_FAILED] = { "FAILED", KIND_NUMBER,
					    "faults: the access got SIGBUS" },
	[MAJOR] = { "MAJOR", KIND_NUMBER, "faults that had to read" },
	[CLEAN] = { "CLEAN", KIND_NUMBER, "frames taken from unchanged pages" },
	[DIRTY] = { "DIRTY", KIND_NUMBER,
		    "frames taken after a write to swap" },
	[SPARED] = { "SPARED", KIND_NUMBER, "second chances the hand gave" },
	[TURNS] = { "TURNS", KIND_NUMBER, "revolutions of the hand" },
	[PINNED] = { "PINNED", KIND_NUMBER, "frames the hand could not take" },
	[USED] = { "USED", KIND_NUMBER, "frames that hold a page now" },
	[SWAP] = { "SWAP", KIND_NUMBER, "swap slots in use now" },
	[PAGES] = { "PAGES", KIND_NUMBER, "pages that exist now" },
	[VIEWS] = { "VIEWS", KIND_NUMBER, "views that exist now" },
};

static const struct layout layout = {
	.name = "stats",
	.columns = columns,
	.nr = ARRAY_SIZE(columns),
	.people =
		"BOX,MAP,PID,ZERO,MINOR,FILE,SWAPIN,COW,MKWRITE,FAILED,CLEAN,DIRTY",
	.programs =
		"BOX,MAP,PID,ZERO,MINOR,FILE,SWAPIN,COW,MKWRITE,FAILED,MAJOR,CLEAN,DIRTY,SPARED,TURNS,PINNED,USED,SWAP,PAGES,VIEWS",
};

/**
 * struct sample - the counters of a box or a mapping at one moment
 * @box: number of the box
 * @map: number of the mapping, PB_NONE for the box
 * @pid: process of the mapping
 * @counters: the counters
 */
struct sample {
	__u64 box;
	__u64 map;
	__u64 pid;
	struct pb_counters counters;
};

struct samples {
	struct sample *at;
	size_t nr;
};

static struct sample *add_sample(struct samples *samples)
{
	struct sample *bigger = reallocarray(samples->at, samples->nr + 1,
					     sizeof(*samples->at));

	if (!bigger)
		errx(EXIT_FAILURE, "out of memory");
	samples->at = bigger;
	return &bigger[samples->nr];
}

/* A mapping of several VMAs is read once: they come in order of the mapping. */
static bool is_first_vma(const struct box *box, size_t i)
{
	return !i || box->vmas[i - 1].map != box->vmas[i].map;
}

static int sample_box(const struct box *box, struct samples *samples,
		      struct pb_error *error)
{
	struct sample *sample = add_sample(samples);
	int ret = pb_read_counters(box->id, &sample->counters, error);

	if (ret)
		return ret;
	sample->box = box->id;
	sample->map = PB_NONE;
	sample->pid = PB_NONE;
	samples->nr++;
	return 0;
}

static int sample_map(const struct box *box, const struct pb_vma *vma,
		      struct samples *samples, struct pb_error *error)
{
	struct sample *sample = add_sample(samples);
	int ret = pb_read_map_counters(box->id, vma->map, &sample->counters,
				       error);

	if (ret)
		return ret;
	sample->box = box->id;
	sample->map = vma->map;
	sample->pid = vma->pid ? vma->pid : PB_NONE;
	samples->nr++;
	return 0;
}

static struct samples take_samples(struct selection *selection)
{
	struct samples samples = { .nr = 0 };
	struct pb_error error;

	for (size_t b = 0; b < selection->nr; b++) {
		const struct box *box = &selection->boxes[b];

		report(sample_box(box, &samples, &error), &error,
		       &selection->status);
		for (size_t i = 0; i < box->nr_vmas; i++) {
			if (is_first_vma(box, i))
				report(sample_map(box, &box->vmas[i], &samples,
						  &error),
				       &error, &selection->status);
		}
	}
	return samples;
}

static const struct sample *find_sample(const struct samples *samples,
					const struct sample *like)
{
	for (size_t i = 0; i < samples->nr; i++) {
		if (samples->at[i].box == like->box &&
		    samples->at[i].map == like->map)
			return &samples->at[i];
	}
	return NULL;
}

/* What counts up is shown as the growth since @old; what stands is shown as is. */
static struct pb_counters grown(const struct pb_counters *new,
				const struct pb_counters *old)
{
	struct pb_counters diff = *new;

	for (size_t i = 0; i < PAGEBOX_FAULT_NR; i++)
		diff.faults[i] -= old->faults[i];
	diff.major -= old->major;
	diff.evict_clean -= old->evict_clean;
	diff.evict_dirty -= old->evict_dirty;
	diff.second_chances -= old->second_chances;
	diff.revolutions -= old->revolutions;
	diff.pinned_skips -= old->pinned_skips;
	return diff;
}

static void add_row(struct sheet *sheet, const struct sample *sample,
		    const struct pb_counters *c)
{
	sheet_row(sheet);
	sheet_number(sheet, BOX, sample->box);
	sheet_number(sheet, MAP, sample->map);
	sheet_number(sheet, PID, sample->pid);
	for (size_t i = 0; i < PAGEBOX_FAULT_NR; i++)
		sheet_number(sheet, FAULTS + i, c->faults[i]);
	sheet_number(sheet, MAJOR, c->major);
	if (sample->map != PB_NONE)
		return;
	sheet_number(sheet, CLEAN, c->evict_clean);
	sheet_number(sheet, DIRTY, c->evict_dirty);
	sheet_number(sheet, SPARED, c->second_chances);
	sheet_number(sheet, TURNS, c->revolutions);
	sheet_number(sheet, PINNED, c->pinned_skips);
	sheet_number(sheet, USED, c->frames_used);
	sheet_number(sheet, SWAP, c->swap_used);
	sheet_number(sheet, PAGES, c->pages);
	sheet_number(sheet, VIEWS, c->views);
}

static void show(const struct options *options, const struct samples *new,
		 const struct samples *old)
{
	static const struct pb_counters nothing;
	struct sheet *sheet = sheet_new(&layout, options);

	for (size_t i = 0; i < new->nr; i++) {
		const struct sample *before = find_sample(old, &new->at[i]);
		struct pb_counters diff =
			grown(&new->at[i].counters,
			      before ? &before->counters : &nothing);

		add_row(sheet, &new->at[i], &diff);
	}
	sheet_end(sheet);
	fflush(stdout);
}

static void pause_for(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Look once, or every interval until the rounds are over or nothing is left. */
static int run(const struct options *options)
{
	struct samples old = { .nr = 0 };
	int status = EXIT_SUCCESS;

	for (__u64 round = 1;; round++) {
		struct selection selection = select_boxes(options);
		struct samples new = take_samples(&selection);

		show(options, &new, &old);
		free(old.at);
		old = new;
		status = selection.status;
		select_free(&selection);
		if (!options->interval || round == options->rounds ||
		    status != EXIT_SUCCESS || ferror(stdout))
			break;
		pause_for(options->interval);
		if (is_for_people(options))
			putchar('\n');
	}
	free(old.at);
	return status;
}

const struct command stat_command = {
	.name = "stat",
	.summary = "count the faults by class, evictions and turns of the hand",
	.flags = "wc",
	.layouts = { &layout },
	.run = run,
};
