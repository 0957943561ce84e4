/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * pagebox: the ABI of /dev/pagebox.
 *
 * open("/dev/pagebox") makes a box, a sandbox of virtual memory with frames, a
 * clock hand and a swap area of its own. mmap() shows a part of it to a
 * process; a box needs no ioctl to be useful. read() and write() reach the same
 * pages as shared mappings do, msync() and fsync() write them to the box's store.
 * The box lives until its last file descriptor and its last mapping are gone.
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
#define PAGEBOX_SET_NAME (1U << 3)
#define PAGEBOX_SET_POLICY (1U << 4)
#define PAGEBOX_SET_SWAP (1U << 5)
#define PAGEBOX_SET_STORE_DELAY (1U << 6)
#define PAGEBOX_SET_SWAP_DELAY (1U << 7)
#define PAGEBOX_SET_READAHEAD (1U << 8)
#define PAGEBOX_SET_SWAPPINESS (1U << 9)
#define PAGEBOX_SET_OOM (1U << 10)
#define PAGEBOX_SET_OVERCOMMIT (1U << 11)
#define PAGEBOX_SET_DIRTY (1U << 12)
#define PAGEBOX_SET_REFERENCES (1U << 13)

/* Values of store_fd and swap_fd that are no file descriptors */
#define PAGEBOX_FD_NONE (-1) /* no store, no swap area */
#define PAGEBOX_FD_RAM (-2) /* sparse memory of the kernel */

/* Bytes in the names of boxes and policies, the final zero byte included */
#define PAGEBOX_NAME_LEN 16

/* Bounds of struct pagebox_config */
#define PAGEBOX_MAX_DELAY 10000000U /* microseconds */
#define PAGEBOX_MAX_READAHEAD 32 /* pages */
#define PAGEBOX_MAX_SWAPPINESS 200
#define PAGEBOX_MAX_OOM_WAIT 3600000U /* milliseconds */
#define PAGEBOX_MAX_DIRTY_AGE 3600000U /* milliseconds */
#define PAGEBOX_MAX_DIRTY_RATIO 100 /* percent */

/**
 * enum pagebox_oom - what to do when no frame can be had
 * @PAGEBOX_OOM_SIGBUS: the access that needs the frame gets SIGBUS
 * @PAGEBOX_OOM_KILL: the process that holds the most pages of the box, moved by
 *                    its oom_score_adj, gets SIGKILL; the kernel log names it.
 *                    Processes that the opener of the box could not kill are
 *                    left alone
 * @PAGEBOX_OOM_WAIT: wait for pagebox_config.oom_wait_ms, then SIGBUS
 */
enum pagebox_oom {
	PAGEBOX_OOM_SIGBUS,
	PAGEBOX_OOM_KILL,
	PAGEBOX_OOM_WAIT,
};

/**
 * enum pagebox_overcommit - how much may be mapped
 * @PAGEBOX_OVERCOMMIT_ALWAYS: whatever fits the address space
 * @PAGEBOX_OVERCOMMIT_NEVER: mappings whose pages need frames or swap, taken
 *                            together, may not be larger than frame limit and
 *                            swap area together, less the one slot without
 *                            which no page could be exchanged: mmap() fails
 *                            with ENOMEM. A fork() that would exceed it leaves
 *                            the child with mappings that raise SIGBUS; so does
 *                            what mremap() has added, when it is touched
 */
enum pagebox_overcommit {
	PAGEBOX_OVERCOMMIT_ALWAYS,
	PAGEBOX_OVERCOMMIT_NEVER,
};

/**
 * enum pagebox_references - how accesses to pages are seen
 * @PAGEBOX_REFERENCES_AUTO: @PAGEBOX_REFERENCES_EXACT with few frames, else
 *                           @PAGEBOX_REFERENCES_HARDWARE; follows the frame limit
 * @PAGEBOX_REFERENCES_HARDWARE: by the accessed bits of the PTEs alone. A CPU
 *                               does not set a bit again while the translation
 *                               is in its TLB, so a page in constant use can
 *                               look idle. Costs nothing
 * @PAGEBOX_REFERENCES_EXACT: a page whose accessed bit is cleared loses its PTEs
 *                            as well, so its next access is a minor fault and is
 *                            seen for certain
 * @PAGEBOX_REFERENCES_EVERY: a page loses its PTE when its thread faults on
 *                            another page of the box, so each change of page by
 *                            a thread is a fault. Pages that one instruction
 *                            needs together stay, so do those under mlock().
 *                            Slow, for teaching and traces
 */
enum pagebox_references {
	PAGEBOX_REFERENCES_AUTO,
	PAGEBOX_REFERENCES_HARDWARE,
	PAGEBOX_REFERENCES_EXACT,
	PAGEBOX_REFERENCES_EVERY,
};

/**
 * struct pagebox_config - argument of PAGEBOX_IOC_CONFIGURE
 * @size: (in) sizeof(struct pagebox_config)
 * @set: (in) PAGEBOX_SET_* of the fields to apply; the others are ignored
 * @bytes: (in) size of the box in bytes, a multiple of the page size, at most
 *         PAGEBOX_MAX_SIZE; only before the box is used
 * @frames: (in) frame limit, at least PAGEBOX_MIN_FRAMES and at most the
 *          module's max_frames. An instruction that needs more pages at once
 *          than there are frames, or frames that pages can be evicted from,
 *          does not end before it is killed
 * @store_fd: (in) where pages come from, and where dirty pages of the root view
 *            go back to: a regular file or block device that is open for
 *            reading, or PAGEBOX_FD_*. One that is not open for writing is only
 *            read: what is written through a shared mapping then stays in the
 *            box. The file descriptor may be closed afterwards; only before the
 *            box is used
 * @name: (in) what the box is called, printable and not empty, with a zero byte
 * @policy: (in) name of a replacement policy, with a zero byte
 * @swap_fd: (in) where other dirty pages go: a regular file or block device that
 *           is open for reading and writing, whose contents are overwritten, or
 *           PAGEBOX_FD_*. Pages in the area that is replaced are moved
 * @swap_pages: (in) most slots to use of it, 0 for as many as it has; with
 *              PAGEBOX_SET_SWAP
 * @store_read_us: (in) added to each read from the store, in microseconds, at
 *                 most PAGEBOX_MAX_DELAY; with PAGEBOX_SET_STORE_DELAY
 * @store_write_us: (in) the same for writes
 * @swap_read_us: (in) the same for the swap area; with PAGEBOX_SET_SWAP_DELAY
 * @swap_write_us: (in) the same for writes
 * @readahead: (in) most pages to read at once when faults come in sequence, 0
 *             or 1 for none, at most PAGEBOX_MAX_READAHEAD
 * @swappiness: (in) 0 to 200: 100 treats all victims alike; below, the fewer of
 *              those that must be written first are taken; above, the fewer of
 *              those that need not. When an instruction would not end, since
 *              each page that it needs goes for another one, neither this nor
 *              the policy is asked
 * @oom: (in) enum pagebox_oom; with PAGEBOX_SET_OOM
 * @oom_wait_ms: (in) how long PAGEBOX_OOM_WAIT waits, in milliseconds, at most
 *               PAGEBOX_MAX_OOM_WAIT; with PAGEBOX_SET_OOM
 * @overcommit: (in) enum pagebox_overcommit
 * @dirty_age_ms: (in) dirty pages of the root view are written to the store
 *                when they have been dirty for so long, in milliseconds, 1 to
 *                PAGEBOX_MAX_DIRTY_AGE; with PAGEBOX_SET_DIRTY
 * @dirty_ratio: (in) or when so many of a hundred frames hold one; with
 *               PAGEBOX_SET_DIRTY
 * @references: (in) enum pagebox_references
 *
 * All of it is applied or nothing is.
 */
struct pagebox_config {
	__u32 size;
	__u32 set;
	__u64 bytes;
	__u32 frames;
	__s32 store_fd;
	/* the first published structure ended here */
	char name[PAGEBOX_NAME_LEN];
	char policy[PAGEBOX_NAME_LEN];
	__s32 swap_fd;
	__u32 swap_pages;
	__u32 store_read_us;
	__u32 store_write_us;
	__u32 swap_read_us;
	__u32 swap_write_us;
	__u32 readahead;
	__u32 swappiness;
	__u32 oom;
	__u32 oom_wait_ms;
	__u32 overcommit;
	__u32 dirty_age_ms;
	__u32 dirty_ratio;
	__u32 references;
};

/* Bits of pagebox_info.flags */
#define PAGEBOX_INFO_STORE (1U << 0) /* the box has a store */
#define PAGEBOX_INFO_SEALED (1U << 1) /* was used: size and store are fixed */
#define PAGEBOX_INFO_WRITABLE (1U << 2) /* dirty pages go back to the store */
#define PAGEBOX_INFO_REFERENCES (1U << 3) /* references was set, not _AUTO */

/**
 * enum pagebox_backend - what a store or swap area is
 * @PAGEBOX_BACKEND_NONE: there is none
 * @PAGEBOX_BACKEND_RAM: memory of the kernel
 * @PAGEBOX_BACKEND_FILE: a regular file
 * @PAGEBOX_BACKEND_BLOCK: a block device
 */
enum pagebox_backend {
	PAGEBOX_BACKEND_NONE,
	PAGEBOX_BACKEND_RAM,
	PAGEBOX_BACKEND_FILE,
	PAGEBOX_BACKEND_BLOCK,
};

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
 * @name: (out) name of the box, at first that of the program that opened it
 * @policy: (out) replacement policy
 * @owner: (out) user id of who opened it, in the caller's user namespace
 * @store_kind: (out) enum pagebox_backend
 * @swap_kind: (out) enum pagebox_backend
 * @swap_pages: (out) most slots of the swap area, 0 without one
 * @store_read_us: (out) as configured, like all that follow
 * @store_write_us: (out)
 * @swap_read_us: (out)
 * @swap_write_us: (out)
 * @readahead: (out)
 * @swappiness: (out)
 * @oom: (out)
 * @oom_wait_ms: (out)
 * @overcommit: (out)
 * @dirty_age_ms: (out)
 * @dirty_ratio: (out)
 * @references: (out) enum pagebox_references that holds now, never _AUTO
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
	/* the first published structure ended here */
	char name[PAGEBOX_NAME_LEN];
	char policy[PAGEBOX_NAME_LEN];
	__u32 owner;
	__u32 store_kind;
	__u32 swap_kind;
	__u32 swap_pages;
	__u32 store_read_us;
	__u32 store_write_us;
	__u32 swap_read_us;
	__u32 swap_write_us;
	__u32 readahead;
	__u32 swappiness;
	__u32 oom;
	__u32 oom_wait_ms;
	__u32 overcommit;
	__u32 dirty_age_ms;
	__u32 dirty_ratio;
	__u32 references;
};

/**
 * struct pagebox_stats - argument of PAGEBOX_IOC_STATS
 * @size: (in) room for the structure in bytes, (out) the kernel's size of it
 * @reserved: must be zero
 * @address: (in) 0 for the whole box, or an address in the caller's mapping of
 *           this box whose own faults are asked for; then only @faults and
 *           @major are filled, the rest is 0
 * @faults: (out) page faults by enum pagebox_fault_class; what read() and
 *          write() had to bring in counts here too
 * @major: (out) page faults that had to read from store or swap
 * @evict_clean: (out) frames taken from pages that had not changed
 * @evict_dirty: (out) frames taken from pages that were written first
 * @second_chances: (out) times a frame was spared for its accessed bit
 * @revolutions: (out) times the hand came past frame 0 again
 * @pinned_skips: (out) times a frame was passed that could not be taken: locked
 *                in memory, under I/O, or being faulted in
 * @frames_used: (out) frames that hold a page now
 * @swap_used: (out) swap slots in use now
 * @pages: (out) pages that exist now: in a frame, in swap or both
 * @views: (out) views that exist now: the root view and the private ones
 * @readahead: (out) pages read before anybody asked for them, by readahead
 * @readahead_hits: (out) those that somebody asked for later
 * @prefetched: (out) pages brought in by PAGEBOX_IOC_PREFETCH and POSIX_FADV_WILLNEED
 * @paged_out: (out) pages that lost their frame to PAGEBOX_IOC_PAGE_OUT
 * @discarded: (out) pages dropped by PAGEBOX_IOC_DISCARD
 * @store_reads: (out) pages read from the store
 * @store_writes: (out) pages written to the store
 * @swap_reads: (out) pages read from the swap area
 * @swap_writes: (out) pages written to the swap area
 * @io_errors: (out) pages that could not be read or written
 * @shrunk: (out) pages of memory given back because the machine was short of it
 * @oom_kills: (out) processes killed for want of a frame
 * @swap_high: (out) most slots that were ever in use at once
 * @frames_locked: (out) frames that hold a page under mlock() now
 * @frames_pinned: (out) frames that somebody else holds a reference to now
 * @frames_dirty: (out) frames whose contents are nowhere else now
 * @committed: (out) pages that mappings have promised
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
	/* the first published structure ended here */
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
	__u64 swap_high;
	__u64 frames_locked;
	__u64 frames_pinned;
	__u64 frames_dirty;
	__u64 committed;
};

/* Bits of pagebox_range.flags */
#define PAGEBOX_RANGE_ADDRESS (1U << 0) /* start is an address */

/**
 * struct pagebox_range - argument of PAGEBOX_IOC_PREFETCH, _PAGE_OUT, _DISCARD
 * @size: (in) sizeof(struct pagebox_range)
 * @flags: (in) PAGEBOX_RANGE_*
 * @start: (in) first byte. Without PAGEBOX_RANGE_ADDRESS, an offset in the box:
 *         the pages of the root view are meant. With it, an address: the pages
 *         that the caller's mapping of this box shows there, a private
 *         mapping's own included. A multiple of the page size
 * @length: (in) bytes, a multiple of the page size, not 0. A range of addresses
 *          has to lie in one mapping
 * @pages: (out) for how many pages something was done
 *
 * A range that ends past the end of the box is EINVAL.
 */
struct pagebox_range {
	__u32 size;
	__u32 flags;
	__u64 start;
	__u64 length;
	__u64 pages;
};

/**
 * struct pagebox_join - argument of PAGEBOX_IOC_JOIN
 * @size: (in) sizeof(struct pagebox_join)
 * @id: (in) number of the box to join
 * @flags: (in) must be zero
 * @reserved: must be zero
 */
struct pagebox_join {
	__u32 size;
	__u32 id;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct pagebox_stack - argument of PAGEBOX_IOC_STACK
 * @size: (in) sizeof(struct pagebox_stack)
 * @flags: (in) must be zero
 * @address: (in) in the mapping that becomes a stack
 * @top: (in) bytes at its upper end that may be touched from the start, a
 *       multiple of the page size
 * @limit: (in) bytes that the stack may grow to at most, a multiple of the page
 *         size and not less than @top; 0 for the whole mapping
 */
struct pagebox_stack {
	__u32 size;
	__u32 flags;
	__u64 address;
	__u64 top;
	__u64 limit;
};

#define PAGEBOX_IOC_MAGIC 0xbb

/**
 * PAGEBOX_IOC_CONFIGURE - set up a box, or change it while it is used
 *
 * Like PAGEBOX_IOC_JOIN, it is for the user that opened the box, and for
 * CAP_SYS_ADMIN; else EPERM. The file descriptor has to be open for writing, else
 * EBADF.
 *
 * Fails with EBUSY for @bytes and @store_fd once the box was mapped, read or
 * written; EBUSY for @frames when pages that are locked or pinned keep frames
 * above the new limit, and for a file that is the box's store or swap area
 * already; ENOMEM when the pages of a swap area that is taken away
 * fit nowhere else; ENOSPC for a swap area without room for a page; EBADF for a
 * closed file descriptor, EACCES for one that is not open for reading (swap: and
 * writing) or is open with O_APPEND, EISDIR for a directory, ESPIPE for a pipe or
 * socket, EINVAL for any other file that is neither a regular one nor a block
 * device; ENOENT for a policy that nobody registered; ERANGE for values above
 * their bounds; EINVAL for values that never make sense; EINTR when the caller is
 * killed; ENOMEM.
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

/**
 * PAGEBOX_IOC_PREFETCH - bring pages into frames, without mapping them
 *
 * Pages that nobody has touched, and that no store has, are left alone. What
 * does not fit the frames evicts other pages; when no frame can be had, the
 * rest is left undone. Fails with ENOENT for addresses outside a mapping of
 * this box, EIO and the like for a failed read, EINTR.
 */
#define PAGEBOX_IOC_PREFETCH _IOWR(PAGEBOX_IOC_MAGIC, 3, struct pagebox_range)

/**
 * PAGEBOX_IOC_PAGE_OUT - take the frames of pages away
 *
 * Dirty pages are written first. Pages that are locked, pinned or cannot be
 * written stay. Fails as PAGEBOX_IOC_PREFETCH does, but for reads.
 */
#define PAGEBOX_IOC_PAGE_OUT _IOWR(PAGEBOX_IOC_MAGIC, 4, struct pagebox_range)

/**
 * PAGEBOX_IOC_DISCARD - forget the contents of pages
 *
 * The pages of a private mapping go back to what the root view shows, those of
 * the root view to what the store has, or to zero; what was not written back is
 * lost. The file descriptor has to be open for writing, else EBADF. Fails as
 * PAGEBOX_IOC_PAGE_OUT does.
 */
#define PAGEBOX_IOC_DISCARD _IOWR(PAGEBOX_IOC_MAGIC, 5, struct pagebox_range)

/**
 * PAGEBOX_IOC_JOIN - get a file descriptor of another box
 *
 * Returns one that is close-on-exec and has the access mode of the one that the
 * ioctl is called on, whose own box does not matter. Fails with ENOENT when
 * there is no such box, EPERM when the caller is neither of the user that opened
 * it nor has CAP_SYS_ADMIN, EMFILE, ENFILE, ENOMEM.
 */
#define PAGEBOX_IOC_JOIN _IOW(PAGEBOX_IOC_MAGIC, 6, struct pagebox_join)

/**
 * PAGEBOX_IOC_STACK - make a mapping grow downwards as it is used
 *
 * Afterwards only the top of the mapping can be touched. A touch below it, not
 * lower than the red zone below the stack pointer of the thread, extends it to
 * there; any other raises SIGSEGV, so does one below the limit. Fails with
 * ENOENT when @address is not in a mapping of this box in the calling process,
 * EINVAL when the mapping is smaller than @limit or was split.
 */
#define PAGEBOX_IOC_STACK _IOW(PAGEBOX_IOC_MAGIC, 7, struct pagebox_stack)

#endif /* _UAPI_PAGEBOX_H */
