/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libpagebox: the two ways to a box from user space.
 *
 * Control: pb_open() makes a box, the other functions of control.c wrap its
 * ioctls. They return a negative errno.
 *
 * Look: pb_read_*() parse the files of /sys/kernel/debug/pagebox/<box>/. They
 * return 0 or a negative errno, and then leave a sentence in struct pb_error.
 * -ENOENT means that the box or mapping is gone, which is ordinary: boxes live
 * and die while they are being looked at.
 *
 * The parsers go by the names of lines and columns: what a newer module adds is
 * skipped, what is missing or out of shape is an error and never a guess.
 *
 * Names and paths are as users chose them, in any bytes but zero: a program that
 * prints one makes it fit for a terminal first.
 */
#ifndef LIBPAGEBOX_H
#define LIBPAGEBOX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../uapi/pagebox.h"
#include "compiler.h"

/* A number that has no value here: "-" in the file. */
#define PB_NONE (~0ULL)
/* pb_page.sharers of a root page that a private view sees. */
#define PB_ROOT (~0ULL - 1)

#define PB_PAGE_SIZE 4096ULL

#define PB_DEVICE "/dev/pagebox"
/* Exists while the module is loaded. */
#define PB_MODULE "/sys/module/pagebox"
#define PB_NOT_LOADED \
	"the pagebox module is not loaded: insmod pagebox.ko, as root"

struct pb_error {
	char text[PATH_MAX + 256];
};

/* Leaves a sentence, printable whatever it names; returns the code. */
__printf(3, 4) int pb_fail(struct pb_error *error, int code, const char *format,
			   ...);
size_t pb_character(const char *text);
void pb_printable(char *text);

/* control.c */
int pb_open(void);
int pb_configure(int fd, struct pagebox_config *config);
int pb_info(int fd, struct pagebox_info *info);
int pb_stats(int fd, const void *address, struct pagebox_stats *stats);
int pb_prefetch(int fd, struct pagebox_range *range);
int pb_page_out(int fd, struct pagebox_range *range);
int pb_discard(int fd, struct pagebox_range *range);
int pb_join(int fd, __u32 id);
int pb_stack(int fd, const void *address, __u64 top, __u64 limit);

/**
 * struct pb_summary - what a box is, from its file "summary"
 * @box: number of the box
 * @name: what it is called
 * @owner: uid that opened it
 * @bytes: size of the box
 * @frames: frame limit
 * @frames_used: frames that hold a page
 * @hand: frame that the hand looks at next
 * @policy: name of the replacement policy
 * @batch: most victims of one eviction
 * @store: path of the store, "ram", or "-" without one
 * @store_bytes: size of the store
 * @store_kind: "none", "ram", "file" or "block"
 * @store_writable: dirty pages of the root view go back to the store
 * @swap: path of the swap area, "ram" or "none"
 * @swap_used: slots in use
 * @swap_pages: slots there are
 * @swap_high: most slots that were ever in use
 * @store_read_us: added to each read from the store, in microseconds
 * @store_write_us: the same for writes
 * @swap_read_us: the same for the swap area
 * @swap_write_us: the same for writes
 * @readahead: most pages to read at once
 * @swappiness: 0 to 200
 * @references: how accesses are seen: "hardware", "exact" or "every"
 * @references_auto: that follows the frame limit, and was not set
 * @oom: "sigbus", "kill" or "wait"
 * @oom_wait_ms: how long "wait" waits
 * @overcommit: "always" or "never"
 * @dirty_age_ms: how long a page may be dirty before it is written
 * @dirty_ratio: how many of a hundred frames may be dirty before
 * @pages: pages that exist
 * @views: views that exist
 * @maps: mappings that exist
 */
struct pb_summary {
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
 * struct pb_counters - a file "stats"; a mapping has only @faults and @major
 *
 * The fields mean what those of struct pagebox_stats mean.
 */
struct pb_counters {
	__u64 faults[PAGEBOX_FAULT_NR];
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
 * struct pb_frame - a row of "frames"
 * @number: number of the frame
 * @pfn: its physical page, PB_NONE when it was never used
 * @page: index of the page in it, PB_NONE when it is free
 * @tier: "root", "private", "retired" for a frame with a memory error, or "-"
 * @sharers: views that hold the page
 * @accessed: its reference bit
 * @dirty: whether its contents have to be written before it is reused
 * @pins: references that keep the hand off
 * @hand: the hand looks at this frame next
 */
struct pb_frame {
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
 * struct pb_vma - a row of "maps": one VMA of a mapping
 * @map: number of the mapping, the name of its directory
 * @pid: process, 0 when it is not known
 * @shared: MAP_SHARED, it shows the root view
 * @start: first address
 * @end: address after the last
 * @pgoff: page of the box at @start
 * @prot: like "rw-"
 */
struct pb_vma {
	__u64 map;
	__u64 pid;
	bool shared;
	__u64 start;
	__u64 end;
	__u64 pgoff;
	char prot[8];
};

enum pb_state {
	PB_STATE_ZERO,
	PB_STATE_STORE,
	PB_STATE_FRAME,
	PB_STATE_SWAP,
	PB_STATE_LOST,
};

/**
 * struct pb_page - a row of "pages"
 * @index: page of the box
 * @address: where it is mapped
 * @state: where its contents are
 * @frame: number of its frame, or PB_NONE
 * @slot: its swap slot, or PB_NONE
 * @sharers: views that hold it, PB_ROOT for a root page in a private view
 * @pte: accessed, dirty, writable as "ADW" with dots, "-" without a PTE
 */
struct pb_page {
	__u64 index;
	__u64 address;
	enum pb_state state;
	__u64 frame;
	__u64 slot;
	__u64 sharers;
	char pte[8];
};

/**
 * struct pb_policy - a line of the file "policies"
 * @name: name of a replacement policy that a box can be given
 */
struct pb_policy {
	char name[PAGEBOX_NAME_LEN];
};

/* debugfs.c: where the boxes are */
const char *pb_root(void);
int pb_read_boxes(__u64 **ids, size_t *nr, struct pb_error *error);
int pb_explain(const char *root, const char *module, int code,
	       struct pb_error *error);
int pb_read_policies(struct pb_policy **policies, size_t *nr,
		     struct pb_error *error);
const char *pb_state_name(enum pb_state state);

/* box.c: the files of one box; the caller frees the arrays */
int pb_read_summary(__u64 box, struct pb_summary *summary,
		    struct pb_error *error);
int pb_read_counters(__u64 box, struct pb_counters *counters,
		     struct pb_error *error);
int pb_read_map_counters(__u64 box, __u64 map, struct pb_counters *counters,
			 struct pb_error *error);
int pb_read_frames(__u64 box, struct pb_frame **frames, size_t *nr,
		   struct pb_error *error);
int pb_read_vmas(__u64 box, struct pb_vma **vmas, size_t *nr,
		 struct pb_error *error);
int pb_read_pages(__u64 box, __u64 map, struct pb_page **pages, size_t *nr,
		  struct pb_error *error);

#endif /* LIBPAGEBOX_H */
