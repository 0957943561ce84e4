// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox stat: show the counters of a box and of each of its mappings.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "faults.h"
#include "select.h"
#include "sheet.h"

enum {
	BOX,
	MAP,
	PID,
	FAULTS,
	MAJOR = FAULTS + FAULT_CLASSES,
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
	[BOX] = { "BOX", KIND_NUMBER, "box number" },
	[MAP] = { "MAP", KIND_NUMBER,
		  "mapping number; no value for the whole box" },
	[PID] = { "PID", KIND_NUMBER, "process of the mapping" },
	[FAULTS +
		PAGEBOX_FAULT_ZERO] = { "ZERO", KIND_NUMBER,
					"faults that cleared a frame for a new page" },
	[FAULTS +
		PAGEBOX_FAULT_MINOR] = { "MINOR", KIND_NUMBER,
					 "faults on a page in a frame; only the PTE was missing" },
	[FAULTS +
		PAGEBOX_FAULT_FILE] = { "FILE", KIND_NUMBER,
					"faults that read the page from the store" },
	[FAULTS +
		PAGEBOX_FAULT_SWAPIN] = { "SWAPIN", KIND_NUMBER,
					  "faults that read the page from swap" },
	[FAULTS +
		PAGEBOX_FAULT_COW] = { "COW", KIND_NUMBER,
				       "write faults that copied a shared page" },
	[FAULTS +
		PAGEBOX_FAULT_MKWRITE] = { "MKWRITE", KIND_NUMBER,
					   "write faults; only write permission was missing" },
	[FAULTS + PAGEBOX_FAULT_FAILED] = { "FAILED", KIND_NUMBER,
					    "faults that raised SIGBUS" },
	[MAJOR] = { "MAJOR", KIND_NUMBER,
		    "faults that read from the store or swap" },
	[CLEAN] = { "CLEAN", KIND_NUMBER, "clean pages evicted" },
	[DIRTY] = { "DIRTY", KIND_NUMBER, "dirty pages evicted after a write" },
	[SPARED] = { "SPARED", KIND_NUMBER, "second chances" },
	[TURNS] = { "TURNS", KIND_NUMBER, "revolutions of the hand" },
	[PINNED] = { "PINNED", KIND_NUMBER,
		     "frames skipped because they were pinned" },
	[USED] = { "USED", KIND_NUMBER, "frames that hold a page now" },
	[SWAP] = { "SWAP", KIND_NUMBER, "swap slots in use now" },
	[PAGES] = { "PAGES", KIND_NUMBER, "pages that exist now" },
	[VIEWS] = { "VIEWS", KIND_NUMBER, "views that exist now" },
	[READAHEAD] = { "READAHEAD", KIND_NUMBER, "pages read ahead" },
	[READAHEAD_HITS] = { "READAHEAD_HITS", KIND_NUMBER,
			     "pages read ahead and used later" },
	[PREFETCHED] = { "PREFETCHED", KIND_NUMBER,
			 "pages loaded by prefetch or fadvise" },
	[PAGED_OUT] = { "PAGED_OUT", KIND_NUMBER, "pages evicted by pageout" },
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
		     "memory pages released because memory was low" },
	[OOM_KILLS] = { "OOM_KILLS", KIND_NUMBER,
			"processes killed because no frame was free" },
	[SWAP_HIGH] = { "SWAP_HIGH", KIND_NUMBER, "peak swap slots in use" },
	[FRAMES_LOCKED] = { "FRAMES_LOCKED", KIND_NUMBER,
			    "frames with a locked page (mlock) now" },
	[FRAMES_PINNED] = { "FRAMES_PINNED", KIND_NUMBER,
			    "frames with outside references now" },
	[FRAMES_DIRTY] = { "FRAMES_DIRTY", KIND_NUMBER,
			   "frames that hold the only copy of a page now" },
	[COMMITTED] = { "COMMITTED", KIND_NUMBER,
			"pages committed to mappings now" },
};

static const struct layout layout = {
	.name = "stats",
	.columns = columns,
	.nr = ARRAY_SIZE(columns),
	.people =
		"BOX,MAP,PID,ZERO,MINOR,FILE,SWAPIN,COW,MKWRITE,FAILED,CLEAN,DIRTY",
};

/**
 * struct counter - the counter behind a column
 * @offset: offset in struct pagebox_counters
 * @stands: a level, shown as it is; others are shown as growth
 * @of_map: mappings have it too
 */
struct counter {
	size_t offset;
	bool stands;
	bool of_map;
};

#define COUNTER(member)                                             \
	{                                                           \
		.offset = offsetof(struct pagebox_counters, member) \
	}
#define GAUGE(member)                                                \
	{                                                            \
		.offset = offsetof(struct pagebox_counters, member), \
		.stands = true                                       \
	}
#define OF_MAP(member)                                               \
	{                                                            \
		.offset = offsetof(struct pagebox_counters, member), \
		.of_map = true                                       \
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
 * struct reading - a snapshot of the counters of a box or a mapping
 * @box: box number
 * @map: mapping number, PAGEBOX_NONE for the box
 * @pid: process of the mapping
 * @counters: the counters
 */
struct reading {
	__u64 box;
	__u64 map;
	__u64 pid;
	struct pagebox_counters counters;
};

struct readings {
	struct reading *at;
	size_t nr;
};

static struct reading *add_reading(struct readings *readings)
{
	struct reading *bigger = reallocarray(readings->at, readings->nr + 1,
					      sizeof(*readings->at));

	if (!bigger)
		errx(EXIT_FAILURE, "out of memory");
	readings->at = bigger;
	return &bigger[readings->nr];
}

/* VMAs are sorted by mapping; read a mapping only at its first VMA. */
static bool is_first_vma(const struct target *target, size_t i)
{
	return !i || target->vmas[i - 1].map != target->vmas[i].map;
}

static int read_box(const struct target *target, struct readings *readings,
		    struct pagebox_error *error)
{
	struct reading *reading = add_reading(readings);
	int ret = pagebox_read_counters(target->id, &reading->counters, error);

	if (ret)
		return ret;
	reading->box = target->id;
	reading->map = PAGEBOX_NONE;
	reading->pid = PAGEBOX_NONE;
	readings->nr++;
	return 0;
}

static int read_map(const struct target *target, const struct pagebox_vma *vma,
		    struct readings *readings, struct pagebox_error *error)
{
	struct reading *reading = add_reading(readings);
	int ret = pagebox_read_map_counters(target->id, vma->map,
					    &reading->counters, error);

	if (ret)
		return ret;
	reading->box = target->id;
	reading->map = vma->map;
	reading->pid = vma->pid ? vma->pid : PAGEBOX_NONE;
	readings->nr++;
	return 0;
}

/* Return: 0, or a negative errno if the box itself could not be read. */
static int read_all(const struct target *target, struct readings *readings,
		    struct pagebox_error *error, int *status)
{
	int ret = read_box(target, readings, error);

	if (ret)
		return ret;
	for (size_t i = 0; i < target->nr_vmas; i++) {
		if (is_first_vma(target, i))
			report(read_map(target, &target->vmas[i], readings,
					error),
			       error, status);
	}
	return 0;
}

static bool has_mapping(const struct readings *readings)
{
	for (size_t i = 0; i < readings->nr; i++) {
		if (readings->at[i].map != PAGEBOX_NONE)
			return true;
	}
	return false;
}

static struct readings take_readings(struct selection *selection,
				     const struct options *options)
{
	struct readings readings = { .nr = 0 };
	struct pagebox_error error;

	for (size_t i = 0; i < selection->nr; i++) {
		const struct target *target = &selection->targets[i];
		int ret =
			read_all(target, &readings, &error, &selection->status);

		report_box(target->id, options, ret, &error,
			   &selection->status);
	}
	if (!has_mapping(&readings))
		report_process(options, &selection->status);
	return readings;
}

static const struct reading *find_reading(const struct readings *readings,
					  const struct reading *like)
{
	for (size_t i = 0; i < readings->nr; i++) {
		if (readings->at[i].box == like->box &&
		    readings->at[i].map == like->map)
			return &readings->at[i];
	}
	return NULL;
}

static __u64 count_of(const struct reading *reading, size_t column)
{
	__u64 count;

	memcpy(&count,
	       (const char *)&reading->counters + counters[column].offset,
	       sizeof(count));
	return count;
}

/* Counters are shown as growth since @old; NULL shows totals. */
static void add_row(struct sheet *sheet, const struct reading *new,
		    const struct reading *old)
{
	sheet_row(sheet);
	sheet_number(sheet, BOX, new->box);
	sheet_number(sheet, MAP, new->map);
	sheet_number(sheet, PID, new->pid);
	for (size_t i = FAULTS; i < NR_COLUMNS; i++) {
		__u64 before = old && !counters[i].stands ? count_of(old, i) :
							    0;

		if (new->map == PAGEBOX_NONE || counters[i].of_map)
			sheet_number(sheet, i, count_of(new, i) - before);
	}
}

static void show(const struct options *options, const struct readings *new,
		 const struct readings *old)
{
	struct sheet *sheet = sheet_new(&layout, options);

	for (size_t i = 0; i < new->nr; i++)
		add_row(sheet, &new->at[i], find_reading(old, &new->at[i]));
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

/* Show once, or at every interval until the count is reached or no box is left. */
static int run(const struct options *options)
{
	struct readings old = { .nr = 0 };
	int status = EXIT_SUCCESS;

	for (__u64 round = 1;; round++) {
		struct selection selection = select_boxes(options);
		struct readings new = take_readings(&selection, options);

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
	.summary = "count faults by class, evictions and hand revolutions",
	.operands = OPERANDS_BOXES,
	.details = ALL_BOXES,
	.flags = "pwc",
	.layouts = { &layout },
	.run = run,
};
