// SPDX-License-Identifier: GPL-2.0
/*
 * Read the debugfs files of a box, each described by a table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "faults.h"
#include "parse.h"

static const char *const state_names[] = {
	[PAGEBOX_STATE_ZERO] = "zero",	 [PAGEBOX_STATE_STORE] = "store",
	[PAGEBOX_STATE_FRAME] = "frame", [PAGEBOX_STATE_SWAP] = "swap",
	[PAGEBOX_STATE_LOST] = "lost",
};

const char *pagebox_state_name(enum pagebox_state state)
{
	return state_names[state];
}

static bool parse_state(const char *word, void *value, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
		enum pagebox_state state = i;

		if (!strcmp(word, state_names[i]) && size == sizeof(state)) {
			memcpy(value, &state, sizeof(state));
			return true;
		}
	}
	return false;
}

/* Parse one of two words as a boolean. */
static bool parse_choice(const char *word, void *value, size_t size,
			 const char *yes, const char *no)
{
	bool is_yes = !strcmp(word, yes);

	if (size != sizeof(is_yes) || (!is_yes && strcmp(word, no)))
		return false;
	memcpy(value, &is_yes, sizeof(is_yes));
	return true;
}

static bool parse_hand(const char *word, void *value, size_t size)
{
	return parse_choice(word, value, size, ">", "-");
}

static bool parse_shared(const char *word, void *value, size_t size)
{
	return parse_choice(word, value, size, "shared", "private");
}

static bool parse_truth(const char *word, void *value, size_t size)
{
	return parse_choice(word, value, size, "1", "0");
}

static bool parse_sharers(const char *word, void *value, size_t size)
{
	static const __u64 root = PAGEBOX_ROOT_PAGE;

	if (strcmp(word, "root") || size != sizeof(root))
		return parse_optional(word, value, size);
	memcpy(value, &root, sizeof(root));
	return true;
}

#define SUMMARY(member, how) \
	PARSE_FIELD(struct pagebox_summary, member, #member, how)

static const struct parse_field summary_fields[] = {
	SUMMARY(box, number),
	SUMMARY(name, text),
	SUMMARY(owner, number),
	SUMMARY(bytes, number),
	SUMMARY(frames, number),
	SUMMARY(frames_used, number),
	SUMMARY(hand, number),
	SUMMARY(policy, text),
	SUMMARY(batch, number),
	SUMMARY(store, text),
	SUMMARY(store_bytes, number),
	SUMMARY(store_kind, word),
	SUMMARY(store_writable, truth),
	SUMMARY(swap, text),
	SUMMARY(swap_used, number),
	SUMMARY(swap_pages, number),
	SUMMARY(swap_high, number),
	SUMMARY(store_read_us, number),
	SUMMARY(store_write_us, number),
	SUMMARY(swap_read_us, number),
	SUMMARY(swap_write_us, number),
	SUMMARY(readahead, number),
	SUMMARY(swappiness, number),
	SUMMARY(references, word),
	SUMMARY(references_auto, truth),
	SUMMARY(oom, word),
	SUMMARY(oom_wait_ms, number),
	SUMMARY(overcommit, word),
	SUMMARY(dirty_age_ms, number),
	SUMMARY(dirty_ratio, number),
	SUMMARY(pages, number),
	SUMMARY(views, number),
	SUMMARY(maps, number),
};

#define FAULTS(class, key) \
	PARSE_FIELD(struct pagebox_counters, faults[class], key, number)
#define COUNTER(member) \
	PARSE_FIELD(struct pagebox_counters, member, #member, number)

/* The file of a mapping contains the first MAP_COUNTERS counters. */
#define MAP_COUNTERS (FAULT_CLASSES + 1)

static const struct parse_field counter_fields[] = {
	FAULTS(PAGEBOX_FAULT_ZERO, "faults_zero"),
	FAULTS(PAGEBOX_FAULT_MINOR, "faults_minor"),
	FAULTS(PAGEBOX_FAULT_FILE, "faults_file"),
	FAULTS(PAGEBOX_FAULT_SWAPIN, "faults_swapin"),
	FAULTS(PAGEBOX_FAULT_COW, "faults_cow"),
	FAULTS(PAGEBOX_FAULT_MKWRITE, "faults_mkwrite"),
	FAULTS(PAGEBOX_FAULT_FAILED, "faults_failed"),
	COUNTER(major),
	COUNTER(evict_clean),
	COUNTER(evict_dirty),
	COUNTER(second_chances),
	COUNTER(revolutions),
	COUNTER(pinned_skips),
	COUNTER(readahead),
	COUNTER(readahead_hits),
	COUNTER(prefetched),
	COUNTER(paged_out),
	COUNTER(discarded),
	COUNTER(store_reads),
	COUNTER(store_writes),
	COUNTER(swap_reads),
	COUNTER(swap_writes),
	COUNTER(io_errors),
	COUNTER(shrunk),
	COUNTER(oom_kills),
	COUNTER(frames_used),
	COUNTER(swap_used),
	COUNTER(swap_high),
	COUNTER(frames_locked),
	COUNTER(frames_pinned),
	COUNTER(frames_dirty),
	COUNTER(committed),
	COUNTER(pages),
	COUNTER(views),
};

#define FRAME(member, key, how) \
	PARSE_FIELD(struct pagebox_frame, member, key, how)

static const struct parse_field frame_fields[] = {
	FRAME(number, "frame", number),	     FRAME(pfn, "pfn", optional),
	FRAME(page, "page", optional),	     FRAME(tier, "tier", word),
	FRAME(sharers, "sharers", optional), FRAME(accessed, "R", optional),
	FRAME(dirty, "D", optional),	     FRAME(pins, "pins", optional),
	FRAME(hand, "hand", hand),
};

#define VMA(member, key, how) PARSE_FIELD(struct pagebox_vma, member, key, how)

static const struct parse_field vma_fields[] = {
	VMA(map, "map", number),     VMA(pid, "pid", number),
	VMA(shared, "type", shared), VMA(start, "start", number),
	VMA(end, "end", number),     VMA(pgoff, "pgoff", number),
	VMA(prot, "prot", word),
};

#define PAGE(member, key, how) \
	PARSE_FIELD(struct pagebox_page, member, key, how)

static const struct parse_field page_fields[] = {
	PAGE(index, "index", number), PAGE(address, "address", number),
	PAGE(state, "state", state),  PAGE(frame, "frame", optional),
	PAGE(slot, "slot", optional), PAGE(sharers, "sharers", sharers),
	PAGE(pte, "pte", word),
};

static void box_path(char *path, __u64 box, const char *file)
{
	snprintf(path, PATH_MAX, "%s/%llu/%s", pagebox_directory(), box, file);
}

static void map_path(char *path, __u64 box, __u64 map, const char *file)
{
	snprintf(path, PATH_MAX, "%s/%llu/%llu/%s", pagebox_directory(), box,
		 map, file);
}

static int check_gone(const char *path, int ret, struct pagebox_error *error)
{
	if (ret == -ENOENT)
		pagebox_fail(error, ret, "%s no longer exists", path);
	return ret;
}

int pagebox_read_summary(__u64 box, struct pagebox_summary *summary,
			 struct pagebox_error *error)
{
	char path[PATH_MAX];
	int ret;

	box_path(path, box, "summary");
	memset(summary, 0, sizeof(*summary));
	ret = parse_keys(path, summary_fields, ARRAY_SIZE(summary_fields),
			 summary, error);
	return check_gone(path, ret, error);
}

static int read_counters(const char *path, size_t nr,
			 struct pagebox_counters *counters,
			 struct pagebox_error *error)
{
	int ret;

	memset(counters, 0, sizeof(*counters));
	ret = parse_keys(path, counter_fields, nr, counters, error);
	return check_gone(path, ret, error);
}

int pagebox_read_counters(__u64 box, struct pagebox_counters *counters,
			  struct pagebox_error *error)
{
	char path[PATH_MAX];

	box_path(path, box, "stats");
	return read_counters(path, ARRAY_SIZE(counter_fields), counters, error);
}

int pagebox_read_map_counters(__u64 box, __u64 map,
			      struct pagebox_counters *counters,
			      struct pagebox_error *error)
{
	char path[PATH_MAX];

	map_path(path, box, map, "stats");
	return read_counters(path, MAP_COUNTERS, counters, error);
}

/* Callers use frame numbers as indices into the table. */
static int check_frames(const char *path, const struct pagebox_frame *frames,
			size_t nr, struct pagebox_error *error)
{
	for (size_t i = 0; i < nr; i++) {
		if (frames[i].number != i)
			return pagebox_fail(error, -EBADMSG,
					    "%s: line %zu: frame out of order",
					    path, i + 2);
	}
	return 0;
}

int pagebox_read_frames(__u64 box, struct pagebox_frame **frames, size_t *nr,
			struct pagebox_error *error)
{
	char path[PATH_MAX];
	void *records;
	int ret;

	box_path(path, box, "frames");
	ret = parse_table(path, frame_fields, ARRAY_SIZE(frame_fields),
			  sizeof(**frames), &records, nr, error);
	*frames = records;
	if (ret)
		return check_gone(path, ret, error);
	ret = check_frames(path, *frames, *nr, error);
	if (ret) {
		free(*frames);
		*frames = NULL;
		*nr = 0;
	}
	return ret;
}

static bool is_sound(const struct pagebox_vma *vma)
{
	return vma->start < vma->end && !(vma->start % PAGEBOX_PAGE_SIZE) &&
	       !(vma->end % PAGEBOX_PAGE_SIZE) &&
	       vma->pgoff <= PAGEBOX_NONE / PAGEBOX_PAGE_SIZE;
}

int pagebox_read_vmas(__u64 box, struct pagebox_vma **vmas, size_t *nr,
		      struct pagebox_error *error)
{
	char path[PATH_MAX];
	void *records;
	int ret;

	box_path(path, box, "maps");
	ret = parse_table(path, vma_fields, ARRAY_SIZE(vma_fields),
			  sizeof(**vmas), &records, nr, error);
	*vmas = records;
	for (size_t i = 0; !ret && i < *nr; i++) {
		if (!is_sound(*vmas + i))
			ret = pagebox_fail(
				error, -EBADMSG,
				"%s: line %zu: invalid range of pages", path,
				i + 2);
	}
	if (ret) {
		free(*vmas);
		*vmas = NULL;
		*nr = 0;
	}
	return check_gone(path, ret, error);
}

int pagebox_read_pages(__u64 box, __u64 map, struct pagebox_page **pages,
		       size_t *nr, struct pagebox_error *error)
{
	char path[PATH_MAX];
	void *records;
	int ret;

	map_path(path, box, map, "pages");
	ret = parse_table(path, page_fields, ARRAY_SIZE(page_fields),
			  sizeof(**pages), &records, nr, error);
	*pages = records;
	return check_gone(path, ret, error);
}
