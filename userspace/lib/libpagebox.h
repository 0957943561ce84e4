/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libpagebox: control and inspect boxes from user space.
 *
 * Control: pagebox_open() creates a box; the other functions of control.c wrap its
 * ioctls. They return a negative errno on failure.
 *
 * Inspection: pagebox_read_*() parse the files in
 * /sys/kernel/debug/pagebox/<box>/. They return 0, or a negative errno and a
 * message in struct pagebox_error. -ENOENT means that the box or mapping no longer
 * exists, which is normal: boxes come and go while they are being read.
 *
 * The parsers find lines and columns by name. Names that a newer module adds are
 * ignored; missing names and malformed values are errors.
 *
 * Names and paths are chosen by users and may contain any byte but zero. A program
 * must escape them before it prints them to a terminal.
 */
#ifndef LIBPAGEBOX_H
#define LIBPAGEBOX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "pagebox.h"

/* No value: "-" in the file. */
#define PAGEBOX_NONE (~0ULL)
/* pagebox_page.sharers of a root page that a private view sees. */
#define PAGEBOX_ROOT_PAGE (~0ULL - 1)

#define PAGEBOX_PAGE_SIZE 4096ULL

#define PAGEBOX_DEVICE "/dev/pagebox"
/* Exists while the module is loaded. */
#define PAGEBOX_MODULE "/sys/module/pagebox"
#define PAGEBOX_NOT_LOADED \
	"the pagebox module is not loaded: run 'insmod pagebox.ko' as root"

struct pagebox_error {
	char text[PATH_MAX + 256];
};

/* Set the message, made printable. Return: @code. */
int pagebox_fail(struct pagebox_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t pagebox_character(const char *text);
void pagebox_printable(char *text);

/* control.c */
int pagebox_open(void);
int pagebox_configure(int fd, struct pagebox_config *config);
int pagebox_info(int fd, struct pagebox_info *info);
int pagebox_stats(int fd, const void *address, struct pagebox_stats *stats);
int pagebox_prefetch(int fd, struct pagebox_range *range);
int pagebox_page_out(int fd, struct pagebox_range *range);
int pagebox_discard(int fd, struct pagebox_range *range);
int pagebox_join(int fd, __u32 id);
int pagebox_stack(int fd, const void *address, __u64 top, __u64 limit);

/**
 * struct pagebox_summary - a file "summary"
 * @box: box number
 * @name: name of the box
 * @owner: UID that opened it
 * @bytes: size of the box in bytes
 * @frames: frame limit
 * @frames_used: frames that hold a page
 * @hand: frame that the hand visits next
 * @policy: name of the replacement policy
 * @batch: maximum victims per eviction
 * @store: path of the store, "ram", or "-" without one
 * @store_bytes: size of the store in bytes
 * @store_kind: "none", "ram", "file" or "block"
 * @store_writable: dirty pages of the root view are written to the store
 * @swap: path of the swap area, "ram" or "none"
 * @swap_used: slots in use
 * @swap_pages: size of the swap area in slots
 * @swap_high: peak number of slots in use
 * @store_read_us: delay of each store read, in microseconds
 * @store_write_us: delay of each store write
 * @swap_read_us: delay of each swap read
 * @swap_write_us: delay of each swap write
 * @readahead: maximum pages per read
 * @swappiness: 0 to 200
 * @references: access tracking: "hardware", "exact" or "every"
 * @references_auto: @references depends on the frame limit and was not set
 * @oom: "sigbus", "kill" or "wait"
 * @oom_wait_ms: duration of "wait"
 * @overcommit: "always" or "never"
 * @dirty_age_ms: age at which dirty pages are written
 * @dirty_ratio: percentage of dirty frames above which pages are written
 * @pages: pages that exist
 * @views: views that exist
 * @maps: mappings that exist
 */
struct pagebox_summary {
	__u64 box;
	char name[64];
	__u64 owner;
	__u64 bytes;
	__u64 frames;
	__u64 frames_used;
	__u64 hand;
	char policy[32];
	__u64 batch;
	char store[PATH_MAX];
	__u64 store_bytes;
	char store_kind[16];
	bool store_writable;
	char swap[PATH_MAX];
	__u64 swap_used;
	__u64 swap_pages;
	__u64 swap_high;
	__u64 store_read_us;
	__u64 store_write_us;
	__u64 swap_read_us;
	__u64 swap_write_us;
	__u64 readahead;
	__u64 swappiness;
	char references[16];
	bool references_auto;
	char oom[16];
	__u64 oom_wait_ms;
	char overcommit[16];
	__u64 dirty_age_ms;
	__u64 dirty_ratio;
	__u64 pages;
	__u64 views;
	__u64 maps;
};

/**
 * struct pagebox_counters - a file "stats"; a mapping has only @faults and @major
 *
 * The fields have the same meaning as in struct pagebox_stats.
 */
struct pagebox_counters {
	__u64 faults[8];
	__u64 major;
	__u64 evict_clean;
	__u64 evict_dirty;
	__u64 second_chances;
	__u64 revolutions;
	__u64 pinned_skips;
	__u64 readahead;
	__u64 readahead_hits;
	__u64 prefetched;
	__u64 paged_out;
	__u64 discarded;
	__u64 store_reads;
	__u64 store_writes;
	__u64 swap_reads;
	__u64 swap_writes;
	__u64 io_errors;
	__u64 shrunk;
	__u64 oom_kills;
	__u64 frames_used;
	__u64 swap_used;
	__u64 swap_high;
	__u64 frames_locked;
	__u64 frames_pinned;
	__u64 frames_dirty;
	__u64 committed;
	__u64 pages;
	__u64 views;
};

/**
 * struct pagebox_frame - a row of "frames"
 * @number: frame number
 * @pfn: physical page frame number, PAGEBOX_NONE if the frame was never used
 * @page: index of the page in the frame, PAGEBOX_NONE if the frame is free
 * @tier: "root", "private", "retired" for a frame with a memory error, or "-"
 * @sharers: views that hold the page
 * @accessed: its reference bit
 * @dirty: the page must be written before the frame is reused
 * @pins: references that block eviction
 * @hand: the hand visits this frame next
 */
struct pagebox_frame {
	__u64 number;
	__u64 pfn;
	__u64 page;
	char tier[12];
	__u64 sharers;
	__u64 accessed;
	__u64 dirty;
	__u64 pins;
	bool hand;
};

/**
 * struct pagebox_vma - a row of "maps": one VMA of a mapping
 * @map: mapping number, the name of its directory
 * @pid: process, 0 if it is not known
 * @shared: MAP_SHARED: a mapping of the root view
 * @start: first address
 * @end: address after the last one
 * @pgoff: page of the box at @start
 * @prot: like "rw-"
 */
struct pagebox_vma {
	__u64 map;
	__u64 pid;
	bool shared;
	__u64 start;
	__u64 end;
	__u64 pgoff;
	char prot[8];
};

enum pagebox_state {
	PAGEBOX_STATE_ZERO,
	PAGEBOX_STATE_STORE,
	PAGEBOX_STATE_FRAME,
	PAGEBOX_STATE_SWAP,
	PAGEBOX_STATE_LOST,
};

/**
 * struct pagebox_page - a row of "pages"
 * @index: index of the page in the box
 * @address: address of the page
 * @state: location of its contents
 * @frame: frame number, or PAGEBOX_NONE
 * @slot: swap slot, or PAGEBOX_NONE
 * @sharers: views that hold it, PAGEBOX_ROOT_PAGE for a root page in a private view
 * @pte: Accessed, Dirty and Writable as "ADW", a dot for each clear bit, "-"
 *	 without a PTE
 */
struct pagebox_page {
	__u64 index;
	__u64 address;
	enum pagebox_state state;
	__u64 frame;
	__u64 slot;
	__u64 sharers;
	char pte[8];
};

/**
 * struct pagebox_policy - a line of the file "policies"
 * @name: name of an available replacement policy
 */
struct pagebox_policy {
	char name[PAGEBOX_NAME_LEN];
};

/* find.c: find the boxes */
const char *pagebox_directory(void);
int pagebox_read_boxes(__u64 **ids, size_t *nr, struct pagebox_error *error);
int pagebox_explain(const char *root, const char *module, int code,
		    struct pagebox_error *error);
int pagebox_read_policies(struct pagebox_policy **policies, size_t *nr,
			  struct pagebox_error *error);
const char *pagebox_state_name(enum pagebox_state state);

/* files.c: read the files of a box; the caller frees the arrays */
int pagebox_read_summary(__u64 box, struct pagebox_summary *summary,
			 struct pagebox_error *error);
int pagebox_read_counters(__u64 box, struct pagebox_counters *counters,
			  struct pagebox_error *error);
int pagebox_read_map_counters(__u64 box, __u64 map,
			      struct pagebox_counters *counters,
			      struct pagebox_error *error);
int pagebox_read_frames(__u64 box, struct pagebox_frame **frames, size_t *nr,
			struct pagebox_error *error);
int pagebox_read_vmas(__u64 box, struct pagebox_vma **vmas, size_t *nr,
		      struct pagebox_error *error);
int pagebox_read_pages(__u64 box, __u64 map, struct pagebox_page **pages,
		       size_t *nr, struct pagebox_error *error);

#endif /* LIBPAGEBOX_H */
