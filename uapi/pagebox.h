/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * pagebox: the ABI of /dev/pagebox.
 *
 * open("/dev/pagebox") makes a box, a sandbox of virtual memory with frames, a
 * clock hand and a swap area of its own. mmap() shows a part of it to a
 * process; a box needs no ioctl to be useful. The box lives until its last
 * file descriptor and its last mapping are gone.
 *
 * Every structure begins with its own size, so that it can grow:
 *
 *  - a caller built against an older header passes a shorter structure; the
 *    fields it does not know take their defaults (in) or are not written (out);
 *  - a caller built against a newer header passes a longer one: where the
 *    structure has fields to read, a non-zero byte that this kernel does not
 *    know is refused with E2BIG; where it has fields to write, those that it
 *    does not know are zeroed;
 *  - a size smaller than the first published one is EINVAL, so are unknown
 *    flags and reserved fields that are not zero.
 *
 * The size in the ioctl number is not looked at.
 */
#ifndef _UAPI_PAGEBOX_H
#define _UAPI_PAGEBOX_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The smallest frame limit: a copy needs two pages in memory at once. */
#define PAGEBOX_MIN_FRAMES 2

/* The size of a box that nobody configured, in bytes: 1 TiB, all of it sparse. */
#define PAGEBOX_DEFAULT_SIZE (1ULL << 40)

/* The largest size of a box, in bytes: 64 TiB. */
#define PAGEBOX_MAX_SIZE (1ULL << 46)

/**
 * enum pagebox_fault_class - what a page fault had to do
 * @PAGEBOX_FAULT_ZERO: a frame was cleared for a page nobody had touched
 * @PAGEBOX_FAULT_MINOR: the page was in a frame, only the PTE was missing
 * @PAGEBOX_FAULT_FILE: the page was read from the box's store
 * @PAGEBOX_FAULT_SWAPIN: the page was read from the box's swap area
 * @PAGEBOX_FAULT_COW: a write gave the view its own copy of a page that others
 *                     still see
 * @PAGEBOX_FAULT_MKWRITE: a write to a mapped page needed only the permission
 * @PAGEBOX_FAULT_FAILED: the access got SIGBUS
 * @PAGEBOX_FAULT_NR: how many classes there are
 */
enum pagebox_fault_class {
	PAGEBOX_FAULT_ZERO,
	PAGEBOX_FAULT_MINOR,
	PAGEBOX_FAULT_FILE,
	PAGEBOX_FAULT_SWAPIN,
	PAGEBOX_FAULT_COW,
	PAGEBOX_FAULT_MKWRITE,
	PAGEBOX_FAULT_FAILED,
	PAGEBOX_FAULT_NR,
};

/* Bits of pagebox_config.set */
#define PAGEBOX_SET_BYTES (1U << 0)
#define PAGEBOX_SET_FRAMES (1U << 1)
#define PAGEBOX_SET_STORE (1U << 2)

/**
 * struct pagebox_config - argument of PAGEBOX_IOC_CONFIGURE
 * @size: (in) sizeof(struct pagebox_config)
 * @set: (in) PAGEBOX_SET_* of the fields to apply; the others are ignored
 * @bytes: (in) size of the box in bytes, a multiple of the page size, at most
 *         PAGEBOX_MAX_SIZE
 * @frames: (in) frame limit, at least PAGEBOX_MIN_FRAMES and at most the
 *          module's max_frames
 * @store_fd: (in) a regular file, open for reading, that the box's pages come
 *            from; the file descriptor may be closed afterwards. What is
 *            written through a mapping stays in the box, the file is only read
 *
 * All of it is applied or nothing is.
 */
struct pagebox_config {
	__u32 size;
	__u32 set;
	__u64 bytes;
	__u32 frames;
	__s32 store_fd;
};

/* Bits of pagebox_info.flags */
#define PAGEBOX_INFO_STORE (1U << 0) /* the box has a store */
#define PAGEBOX_INFO_SEALED (1U << 1) /* was mapped: size and store are fixed */

/**
 * struct pagebox_info - argument of PAGEBOX_IOC_INFO
 * @size: (in) room for the structure in bytes, (out) the kernel's size of it
 * @id: (out) number of the box, the name of its debugfs directory
 * @bytes: (out) size of the box in bytes
 * @store_bytes: (out) size of the store in bytes as it is now, 0 without one
 * @frames: (out) frame limit
 * @batch: (out) how many victims one eviction takes at most
 * @page_size: (out) bytes in a page
 * @flags: (out) PAGEBOX_INFO_*
 */
struct pagebox_info {
	__u32 size;
	__u32 id;
	__u64 bytes;
	__u64 store_bytes;
	__u32 frames;
	__u32 batch;
	__u32 page_size;
	__u32 flags;
};

/**
 * struct pagebox_stats - argument of PAGEBOX_IOC_STATS
 * @size: (in) room for the structure in bytes, (out) the kernel's size of it
 * @reserved: must be zero
 * @address: (in) 0 for the whole box, or an address in the caller's mapping of
 *           this box whose own faults are asked for; then only @faults and
 *           @major are filled, the rest is 0
 * @faults: (out) page faults by enum pagebox_fault_class
 * @major: (out) page faults that had to read from store or swap
 * @evict_clean: (out) frames taken from pages that had not changed
 * @evict_dirty: (out) frames taken from pages that were written to swap first
 * @second_chances: (out) times the hand spared a frame for its accessed bit
 * @revolutions: (out) times the hand came past frame 0 again
 * @pinned_skips: (out) times the hand passed a frame that could not be taken:
 *                locked in memory, under I/O, or being faulted in
 * @frames_used: (out) frames that hold a page now
 * @swap_used: (out) swap slots in use now
 * @pages: (out) pages that exist now: in a frame, in swap or both
 * @views: (out) views that exist now: the root view and the private ones
 */
struct pagebox_stats {
	__u32 size;
	__u32 reserved;
	__u64 address;
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

#define PAGEBOX_IOC_MAGIC 0xbb

/**
 * PAGEBOX_IOC_CONFIGURE - set up a box before its first mmap()
 *
 * Fails with EBUSY once the box has been mapped, EBADF for a closed @store_fd,
 * EACCES for one that is not open for reading, EISDIR for a directory, ESPIPE
 * for a pipe or socket, EINVAL for any other file that is not a regular one,
 * ERANGE for @bytes or @frames above the limits, EINVAL for values that never
 * make sense, ENOMEM.
 */
#define PAGEBOX_IOC_CONFIGURE _IOW(PAGEBOX_IOC_MAGIC, 0, struct pagebox_config)

/** PAGEBOX_IOC_INFO - what the box is; EINVAL, EFAULT */
#define PAGEBOX_IOC_INFO _IOWR(PAGEBOX_IOC_MAGIC, 1, struct pagebox_info)

/**
 * PAGEBOX_IOC_STATS - what happened in the box, or in one mapping of it
 *
 * Fails with ENOENT when @address is not in a mapping of this box in the
 * calling process.
 */
#define PAGEBOX_IOC_STATS _IOWR(PAGEBOX_IOC_MAGIC, 2, struct pagebox_stats)

#endif /* _UAPI_PAGEBOX_H */
