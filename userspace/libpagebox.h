/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libpagebox: the two ways to a box from user space.
 *
 * Control: pb_open() makes a box, pb_configure(), pb_info() and pb_stats() wrap
 * its ioctls. They return a negative errno.
 *
 * Look: pb_read_*() parse the files of /sys/kernel/debug/pagebox/<box>/. They
 * return 0 or a negative errno, and then leave a sentence in struct pb_error.
 * -ENOENT means that the box or mapping is gone, which is ordinary: boxes live
 * and die while they are being looked at.
 *
 * The parsers go by the names of lines and columns: what a newer module adds is
 * skipped, what is missing or out of shape is an error and never a guess.
 */
#ifndef LIBPAGEBOX_H
#define LIBPAGEBOX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../uapi/pagebox.h"

/* A number that has no value here: "-" in the file. */
#define PB_NONE (~0ULL)
/* pb_page.sharers of a root page that a private view sees. */
#define PB_ROOT (~0ULL - 1)

#define PB_PAGE_SIZE 4096ULL

struct pb_error {
	char text[PATH_MAX + 256];
};

/* control.c */
int pb_open(void);
int pb_configure(int fd, struct pagebox_config *config);
int pb_info(int fd, struct pagebox_info *info);
int pb_stats(int fd, const void *address, struct pagebox_stats *stats);

/**
 * struct pb_summary - what a box is, from its file "summary"
 * @box: number of the box
 * @name: command that opened it
 * @owner: uid that opened it
 * @bytes: size of the box
 * @frames: frame limit
 * @frames_used: frames that hold a page
 * @hand: frame that the hand looks at next
 * @policy: name of the replacement policy
 * @batch: most victims of one eviction
 * @store: path of the store, "-" without one
 * @store_bytes: size of the store
 * @swap: kind of the swap area
 * @swap_used: slots in use
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
	char swap[32];
	__u64 swap_used;
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
	__u64 frames_used;
	__u64 swap_used;
	__u64 pages;
	__u64 views;
};

/**
 * struct pb_frame - a row of "frames"
 * @number: number of the frame
 * @pfn: its physical page, PB_NONE when it was never used
 * @page: index of the page in it, PB_NONE when it is free
 * @tier: "root", "private" or "-"
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

/* debugfs.c: where the boxes are */
const char *pb_root(void);
int pb_read_boxes(__u64 **ids, size_t *nr, struct pb_error *error);
int pb_explain(const char *root, const char *module, int code,
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
