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
	READAHEAD,
	READAHEAD_HITS,
	PREFETCHED,
	PAGED_OUT,
	DISCARDED,
	STORE_READS,
	STORE_WRITES,
	SWAP_READS,
	SWAP_WRITES,
	IO_ERRORS,
	SHRUNK,
	OOM_KILLS,
	SWAP_HIGH,
	FRAMES_LOCKED,
	FRAMES_PINNED,
	FRAMES_DIRTY,
	COMMITTED,
	NR_COLUMNS,
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
	[DIRTY] = { "DIRTY", KIND_NUMBER, "frames taken after a write" },
	[SPARED] = { "SPARED", KIND_NUMBER, "second chances the hand gave" },
	[TURNS] = { "TURNS", KIND_NUMBER, "revolutions of the hand" },
	[PINNED] = { "PINNED", KIND_NUMBER, "frames the hand could not take" },
	[USED] = { "USED", KIND_NUMBER, "frames that hold a page now" },
	[SWAP] = { "SWAP", KIND_NUMBER, "swap slots in use now" },
	[PAGES] = { "PAGES", KIND_NUMBER, "pages that exist now" },
	[VIEWS] = { "VIEWS", KIND_NUMBER, "views that exist now" },
	[READAHEAD] = { "READAHEAD", KIND_NUMBER, "pages read by readahead" },
	[READAHEAD_HITS] = { "READAHEAD_HITS", KIND_NUMBER,
			     "those that were used later" },
	[PREFETCHED] = { "PREFETCHED", KIND_NUMBER,
			 "pages brought in by prefetch or fadvise" },
	[PAGED_OUT] = { "PAGED_OUT", KIND_NUMBER,
			"pages that lost their frame to pageout" },
	[DISCARDED] = { "DISCARDED", KIND_NUMBER, "pages dropped by discard" },
	[STORE_READS] = { "STORE_READS", KIND_NUMBER,
			  "pages read from the store" },
	[STORE_WRITES] = { "STORE_WRITES", KIND_NUMBER,
			   "pages written to the store" },
	[SWAP_READS] = { "SWAP_READS", KIND_NUMBER, "pages read from swap" },
	[SWAP_WRITES] = { "SWAP_WRITES", KIND_NUMBER, "pages written to swap" },
	[IO_ERRORS] = { "IO_ERRORS", KIND_NUMBER,
			"pages that could not be read or written" },
	[SHRUNK] = { "SHRUNK", KIND_NUMBER,
		     "pages given back, the machine being short" },
	[OOM_KILLS] = { "OOM_KILLS", KIND_NUMBER,
			"processes killed for want of a frame" },
	[SWAP_HIGH] = { "SWAP_HIGH", KIND_NUMBER,
			"most swap slots ever in use" },
	[FRAMES_LOCKED] = { "FRAMES_LOCKED", KIND_NUMBER,
			    "frames with a page under mlock() now" },
	[FRAMES_PINNED] = { "FRAMES_PINNED", KIND_NUMBER,
			    "frames others hold a reference to now" },
	[FRAMES_DIRTY] = { "FRAMES_DIRTY", KIND_NUMBER,
			   "frames whose contents are nowhere else now" },
	[COMMITTED] = { "COMMITTED", KIND_NUMBER,
			"pages that mappings have promised now" },
};

static const struct layout layout = {
	.name = "stats",
	.columns = columns,
	.nr = ARRAY_SIZE(columns),
	.people =
		"BOX,MAP,PID,ZERO,MINOR,FILE,SWAPIN,COW,MKWRITE,FAILED,CLEAN,DIRTY",
};

/**
 * struct counter - what a column counts
 * @offset: in struct pb_counters
 * @stands: it goes up and down, so it is shown as it is
 * @of_map: mappings have it too
 */
struct counter {
	size_t offset;
	bool stands;
	bool of_map;
};

#define COUNTER(member)                                        \
	{                                                      \
		.offset = offsetof(struct pb_counters, member) \
	}
#define GAUGE(member)                                                          \
	{                                                                      \
		.offset = offsetof(struct pb_counters, member), .stands = true \
	}
#define OF_MAP(member)                                                         \
	{                                                                      \
		.offset = offsetof(struct pb_counters, member), .of_map = true \
	}

static const struct counter counters[NR_COLUMNS] = {
	[FAULTS + PAGEBOX_FAULT_ZERO] = OF_MAP(faults[PAGEBOX_FAULT_ZERO]),
	[FAULTS + PAGEBOX_FAULT_MINOR] = OF_MAP(faults[PAGEBOX_FAULT_MINOR]),
	[FAULTS + PAGEBOX_FAULT_FILE] = OF_MAP(faults[PAGEBOX_FAULT_FILE]),
	[FAULTS + PAGEBOX_FAULT_SWAPIN] = OF_MAP(faults[PAGEBOX_FAULT_SWAPIN]),
	[FAULTS + PAGEBOX_FAULT_COW] = OF_MAP(faults[PAGEBOX_FAULT_COW]),
	[FAULTS + PAGEBOX_FAULT_MKWRITE] =
		OF_MAP(faults[PAGEBOX_FAULT_MKWRITE]),
	[FAULTS + PAGEBOX_FAULT_FAILED] = OF_MAP(faults[PAGEBOX_FAULT_FAILED]),
	[MAJOR] = OF_MAP(major),
	[CLEAN] = COUNTER(evict_clean),
	[DIRTY] = COUNTER(evict_dirty),
	[SPARED] = COUNTER(second_chances),
	[TURNS] = COUNTER(revolutions),
	[PINNED] = COUNTER(pinned_skips),
	[USED] = GAUGE(frames_used),
	[SWAP] = GAUGE(swap_used),
	[PAGES] = GAUGE(pages),
	[VIEWS] = GAUGE(views),
	[READAHEAD] = COUNTER(readahead),
	[READAHEAD_HITS] = COUNTER(readahead_hits),
	[PREFETCHED] = COUNTER(prefetched),
	[PAGED_OUT] = COUNTER(paged_out),
	[DISCARDED] = COUNTER(discarded),
	[STORE_READS] = COUNTER(store_reads),
	[STORE_WRITES] = COUNTER(store_writes),
	[SWAP_READS] = COUNTER(swap_reads),
	[SWAP_WRITES] = COUNTER(swap_writes),
	[IO_ERRORS] = COUNTER(io_errors),
	[SHRUNK] = COUNTER(shrunk),
	[OOM_KILLS] = COUNTER(oom_kills),
	[SWAP_HIGH] = GAUGE(swap_high),
	[FRAMES_LOCKED] = GAUGE(frames_locked),
	[FRAMES_PINNED] = GAUGE(frames_pinned),
	[FRAMES_DIRTY] = GAUGE(frames_dirty),
	[COMMITTED] = GAUGE(committed),
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

/* Return: 0, or a negative errno when the box itself could not be read. */
static int sample_all(const struct box *box, struct samples *samples,
		      struct pb_error *error, int *status)
{
	int ret = sample_box(box, samples, error);

	if (ret)
		return ret;
	for (size_t i = 0; i < box->nr_vmas; i++) {
		if (is_first_vma(box, i))
			report(sample_map(box, &box->vmas[i], samples, error),
			       error, status);
	}
	return 0;
}

static bool has_mapping(const struct samples *samples)
{
	for (size_t i = 0; i < samples->nr; i++) {
		if (samples->at[i].map != PB_NONE)
			return true;
	}
	return false;
}

static struct samples take_samples(struct selection *selection,
				   const struct options *options)
{
	struct samples samples = { .nr = 0 };
	struct pb_error error;

	for (size_t i = 0; i < selection->nr; i++) {
		const struct box *box = &selection->boxes[i];
		int ret = sample_all(box, &samples, &error, &selection->status);

		report_box(box->id, options, ret, &error, &selection->status);
	}
	if (!has_mapping(&samples))
		report_process(options, &selection->status);
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

static __u64 count_of(const struct sample *sample, size_t column)
{
	__u64 count;

	memcpy(&count,
	       (const char *)&sample->counters + counters[column].offset,
	       sizeof(count));
	return count;
}

/* What counts up is shown as the growth since @old, NULL for all of it. */
static void add_row(struct sheet *sheet, const struct sample *new,
		    const struct sample *old)
{
	sheet_row(sheet);
	sheet_number(sheet, BOX, new->box);
	sheet_number(sheet, MAP, new->map);
	sheet_number(sheet, PID, new->pid);
	for (size_t i = FAULTS; i < NR_COLUMNS; i++) {
		__u64 before = old && !counters[i].stands ? count_of(old, i) :
							    0;

		if (new->map == PB_NONE || counters[i].of_map)
			sheet_number(sheet, i, count_of(new, i) - before);
	}
}

static void show(const struct options *options, const struct samples *new,
		 const struct samples *old)
{
	struct sheet *sheet = sheet_new(&layout, options);

	for (size_t i = 0; i < new->nr; i++)
		add_row(sheet, &new->at[i], find_sample(old, &new->at[i]));
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
		struct samples new = take_samples(&selection, options);

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
	.operands = OPERANDS_BOXES,
	.details = ALL_BOXES,
	.flags = "pwc",
	.layouts = { &layout },
	.run = run,
};
