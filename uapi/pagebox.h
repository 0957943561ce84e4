/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * pagebox: the ABI of /dev/pagebox.
 *
 * open("/dev/pagebox") creates a box: a virtual memory sandbox with its own
 * frames, clock hand and swap area. mmap() maps a part of it; no ioctl is
 * required. read() and write() access the same pages as shared mappings;
 * msync() and fsync() write them to the box's store. The box is destroyed with
 * its last file descriptor and its last mapping.
 *
 * Every structure starts with its size, so that it can be extended:
 *
 *  - A caller built against an older header passes a shorter structure. The
 *    missing fields take their defaults (in) or are not written (out).
 *  - A caller built against a newer header passes a longer structure. If the
 *    ioctl reads it, a non-zero byte beyond the fields known to this kernel
 *    fails with E2BIG. If the ioctl writes it, the bytes there are zeroed.
 *  - A size below that of the first published version fails with EINVAL, as do
 *    unknown flags and reserved fields that are not zero.
 *
 * The size in the ioctl number is ignored.
 */
#ifndef _UAPI_PAGEBOX_H
#define _UAPI_PAGEBOX_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Smallest frame limit: a copy needs two frames. */
#define PAGEBOX_MIN_FRAMES 2

/* Default size of a box in bytes: 1 TiB, sparse. */
#define PAGEBOX_DEFAULT_SIZE (1ULL << 40)

/* Largest size of a box in bytes: 64 TiB. */
#define PAGEBOX_MAX_SIZE (1ULL << 46)

/**
 * enum pagebox_fault_class - page faults by the work they needed
 * @PAGEBOX_FAULT_ZERO: first access to the page, a frame was cleared
 * @PAGEBOX_FAULT_MINOR: the page was in a frame, only the PTE was missing
 * @PAGEBOX_FAULT_FILE: the page was read from the store
 * @PAGEBOX_FAULT_SWAPIN: the page was read from the swap area
 * @PAGEBOX_FAULT_COW: a write to a shared page, the view received its own copy
 * @PAGEBOX_FAULT_MKWRITE: a write to a mapped page, only the write permission
 *                         was missing
 * @PAGEBOX_FAULT_FAILED: the access raised SIGBUS
 */
enum pagebox_fault_class {
	PAGEBOX_FAULT_ZERO,
	PAGEBOX_FAULT_MINOR,
	PAGEBOX_FAULT_FILE,
	PAGEBOX_FAULT_SWAPIN,
	PAGEBOX_FAULT_COW,
	PAGEBOX_FAULT_MKWRITE,
	PAGEBOX_FAULT_FAILED,
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

/* Special values of store_fd and swap_fd */
#define PAGEBOX_FD_NONE (-1) /* no store or no swap area */
#define PAGEBOX_FD_RAM (-2) /* sparse kernel memory */

/* Size of box and policy names in bytes, including the terminating zero */
#define PAGEBOX_NAME_LEN 16

/* Bounds of struct pagebox_config */
#define PAGEBOX_MAX_DELAY 10000000U /* microseconds */
#define PAGEBOX_MAX_READAHEAD 32 /* pages */
#define PAGEBOX_MAX_SWAPPINESS 200
#define PAGEBOX_MAX_OOM_WAIT 3600000U /* milliseconds */
#define PAGEBOX_MAX_DIRTY_AGE 3600000U /* milliseconds */
#define PAGEBOX_MAX_DIRTY_RATIO 100 /* percent */

/**
 * enum pagebox_oom - action if no frame is available
 * @PAGEBOX_OOM_SIGBUS: the access that needs the frame raises SIGBUS
 * @PAGEBOX_OOM_KILL: the process with the most pages in the box, adjusted by its
 *                    oom_score_adj, is killed, and the kernel log names it.
 *                    Processes that the opener of the box may not kill are
 *                    skipped
 * @PAGEBOX_OOM_WAIT: the access waits for pagebox_config.oom_wait_ms, then
 *                    raises SIGBUS
 */
enum pagebox_oom {
	PAGEBOX_OOM_SIGBUS,
	PAGEBOX_OOM_KILL,
	PAGEBOX_OOM_WAIT,
};

/**
 * enum pagebox_overcommit - limit on the total size of mappings
 * @PAGEBOX_OVERCOMMIT_ALWAYS: no limit but the address space
 * @PAGEBOX_OVERCOMMIT_NEVER: all mappings whose pages need frames or swap are
 *                            limited to the frame limit plus the swap area,
 *                            minus the one slot that exchanging pages needs.
 *                            Beyond that, mmap() fails with ENOMEM, the
 *                            mappings of a fork()ed child raise SIGBUS, and so
 *                            does access to a part that mremap() added
 */
enum pagebox_overcommit {
	PAGEBOX_OVERCOMMIT_ALWAYS,
	PAGEBOX_OVERCOMMIT_NEVER,
};

/**
 * enum pagebox_references - detection of accesses to pages
 * @PAGEBOX_REFERENCES_AUTO: @PAGEBOX_REFERENCES_EXACT with few frames, else
 *                           @PAGEBOX_REFERENCES_HARDWARE; follows the frame limit
 * @PAGEBOX_REFERENCES_HARDWARE: by the accessed bits of the PTEs only. A CPU
 *                               does not set the bit again while the translation
 *                               is in its TLB, so a page in constant use can
 *                               look idle. No cost
 * @PAGEBOX_REFERENCES_EXACT: a page whose accessed bit is cleared also loses its
 *                            PTEs, so its next access is a minor fault and never
 *                            missed
 * @PAGEBOX_REFERENCES_EVERY: a page loses its PTE when its thread faults on
 *                            another page of the box, so each change of page by
 *                            a thread is a fault. Pages that one instruction
 *                            needs together are exempt, as are pages under
 *                            mlock(). Slow, for teaching and traces
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
 * @set: (in) PAGEBOX_SET_* of the fields to apply; all others are ignored
 * @bytes: (in) size of the box in bytes, a multiple of the page size, at most
 *         PAGEBOX_MAX_SIZE; only before the box is used
 * @frames: (in) frame limit, at least PAGEBOX_MIN_FRAMES and at most the
 *          max_frames= of the module. An instruction that needs more pages at
 *          once than there are frames, or frames whose pages can be evicted,
 *          never completes; it can be killed
 * @store_fd: (in) source of pages, and destination of dirty pages of the root
 *            view: a regular file or block device open for reading, or
 *            PAGEBOX_FD_*. If it is not open for writing, it is only read, and
 *            writes through shared mappings stay in the box. The file
 *            descriptor may be closed afterwards. Only before the box is used
 * @name: (in) name of the box: printable, not empty, zero-terminated
 * @policy: (in) name of a replacement policy, zero-terminated
 * @swap_fd: (in) destination of all other dirty pages: a regular file or block
 *           device open for reading and writing, whose contents are
 *           overwritten, or PAGEBOX_FD_*. Pages in the previous swap area are
 *           moved
 * @swap_pages: (in) most slots to use, 0 for all; with PAGEBOX_SET_SWAP
 * @store_read_us: (in) delay added to each read from the store, in microseconds,
 *                 at most PAGEBOX_MAX_DELAY; with PAGEBOX_SET_STORE_DELAY
 * @store_write_us: (in) the same for writes
 * @swap_read_us: (in) the same for the swap area; with PAGEBOX_SET_SWAP_DELAY
 * @swap_write_us: (in) the same for writes
 * @readahead: (in) most pages to read at once if faults are sequential, 0 or 1
 *             for none, at most PAGEBOX_MAX_READAHEAD
 * @swappiness: (in) 0 to PAGEBOX_MAX_SWAPPINESS. 100 treats all victims alike;
 *              lower values evict fewer pages that must be written first,
 *              higher values evict fewer that need not be. If the pages of one
 *              instruction evict each other, so that it would not complete,
 *              swappiness and policy are ignored
 * @oom: (in) enum pagebox_oom; with PAGEBOX_SET_OOM
 * @oom_wait_ms: (in) wait of PAGEBOX_OOM_WAIT in milliseconds, at most
 *               PAGEBOX_MAX_OOM_WAIT; with PAGEBOX_SET_OOM
 * @overcommit: (in) enum pagebox_overcommit
 * @dirty_age_ms: (in) age at which dirty pages of the root view are written to
 *                the store, in milliseconds, 1 to PAGEBOX_MAX_DIRTY_AGE; with
 *                PAGEBOX_SET_DIRTY
 * @dirty_ratio: (in) percentage of the frames that may hold such pages before
 *               they are written, at most PAGEBOX_MAX_DIRTY_RATIO; with
 *               PAGEBOX_SET_DIRTY
 * @references: (in) enum pagebox_references
 *
 * Either all fields named by @set are applied or none.
 */
struct pagebox_config {
	__u32 size;
	__u32 set;
	__u64 bytes;
	__u32 frames;
	__s32 store_fd;
	/* end of the first published version */
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
#define PAGEBOX_INFO_SEALED (1U << 1) /* in use: size and store are fixed */
#define PAGEBOX_INFO_WRITABLE (1U << 2) /* the store is written back to */
#define PAGEBOX_INFO_REFERENCES (1U << 3) /* references is set, not _AUTO */

/**
 * enum pagebox_backend - kind of a store or swap area
 * @PAGEBOX_BACKEND_NONE: none
 * @PAGEBOX_BACKEND_RAM: kernel memory
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
 * @size: (in) size of the caller's structure, (out) size of the kernel's
 * @id: (out) number of the box, the name of its debugfs directory
 * @bytes: (out) size of the box in bytes
 * @store_bytes: (out) current size of the store in bytes, 0 without a store
 * @frames: (out) frame limit
 * @batch: (out) most victims of one eviction
 * @page_size: (out) size of a page in bytes
 * @flags: (out) PAGEBOX_INFO_*
 * @name: (out) name of the box, initially that of the program that opened it
 * @policy: (out) replacement policy
 * @owner: (out) user id of the opener, in the caller's user namespace
 * @store_kind: (out) enum pagebox_backend
 * @swap_kind: (out) enum pagebox_backend
 * @swap_pages: (out) most slots of the swap area, 0 without a swap area
 * @store_read_us: (out) as configured, like all fields below
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
 * @references: (out) enum pagebox_references in effect, never _AUTO
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
	/* end of the first published version */
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
 * @size: (in) size of the caller's structure, (out) size of the kernel's
 * @reserved: must be zero
 * @address: (in) 0 for the whole box, or an address in a mapping of this box by
 *           the caller: then only @faults and @major of that mapping are
 *           reported, and all other fields are 0
 * @faults: (out) page faults by enum pagebox_fault_class, including those of
 *          read() and write(); elements without a class are reserved and 0
 * @major: (out) page faults that waited for a read from store or swap
 * @evict_clean: (out) frames taken from unchanged pages
 * @evict_dirty: (out) frames taken from pages that were written first
 * @second_chances: (out) times a frame was spared for its accessed bit
 * @revolutions: (out) times the hand passed frame 0
 * @pinned_skips: (out) times a frame was skipped: its page was locked in memory,
 *                pinned, under I/O or being faulted in
 * @frames_used: (out) frames that hold a page
 * @swap_used: (out) swap slots in use
 * @pages: (out) pages that exist, in a frame, in swap or both
 * @views: (out) views that exist, including the root view
 * @readahead: (out) pages read by readahead before their first access
 * @readahead_hits: (out) of these, pages that were accessed later
 * @prefetched: (out) pages brought in by PAGEBOX_IOC_PREFETCH and POSIX_FADV_WILLNEED
 * @paged_out: (out) pages that lost their frame to PAGEBOX_IOC_PAGE_OUT
 * @discarded: (out) pages dropped by PAGEBOX_IOC_DISCARD
 * @store_reads: (out) pages read from the store
 * @store_writes: (out) pages written to the store
 * @swap_reads: (out) pages read from the swap area
 * @swap_writes: (out) pages written to the swap area
 * @io_errors: (out) pages that could not be read or written
 * @shrunk: (out) pages of memory released because memory was low
 * @oom_kills: (out) processes killed because no frame was available
 * @swap_high: (out) most slots of this swap area in use at any time
 * @frames_locked: (out) frames that hold a page under mlock()
 * @frames_pinned: (out) frames with a reference from outside the box
 * @frames_dirty: (out) frames that hold the only copy of a page
 * @committed: (out) committed pages
 */
struct pagebox_stats {
	__u32 size;
	__u32 reserved;
	__u64 address;
	__u64 faults[8];
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
	/* end of the first published version */
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
 * @start: (in) first byte, a multiple of the page size. Without
 *         PAGEBOX_RANGE_ADDRESS, an offset in the box; the range selects pages
 *         of the root view. With it, an address in a mapping of this box by the
 *         caller; the range selects the pages that are visible there, including
 *         those of a private mapping
 * @length: (in) length in bytes, a multiple of the page size, not 0. A range of
 *          addresses must lie in one mapping
 * @pages: (out) number of pages affected
 *
 * A range that ends past the end of the box fails with EINVAL.
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
 * @address: (in) an address in the mapping that becomes a stack
 * @top: (in) initial size of the stack in bytes, at the upper end of the
 *       mapping, a multiple of the page size
 * @limit: (in) largest size of the stack in bytes, a multiple of the page size
 *         and not less than @top; 0 for the whole mapping
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
 * PAGEBOX_IOC_CONFIGURE - configure a box, before or during use
 *
 * Only the user that opened the box and CAP_SYS_ADMIN may call it, as for
 * PAGEBOX_IOC_JOIN; otherwise it fails with EPERM. The file descriptor must be
 * open for writing, otherwise it fails with EBADF. Other errors:
 *
 *  - EBUSY: @bytes or @store_fd once the box has been mapped, read or written;
 *    @frames if pages that are locked or pinned hold frames above the new limit;
 *    a file that is already the store or swap area of the box
 *  - ENOMEM: the pages of the swap area to be removed fit nowhere else, or the
 *    kernel has no memory
 *  - ENOSPC: a swap area without room for a page
 *  - EBADF: a closed file descriptor
 *  - EACCES: a file descriptor that is not open for reading (a swap area: and
 *    writing), or is open with O_APPEND
 *  - EISDIR: a directory; ESPIPE: a pipe or socket; EINVAL: any other file that
 *    is neither regular nor a block device
 *  - ENOENT: a policy that is not registered
 *  - ERANGE: a value out of bounds; EINVAL: a value that is never valid
 *  - EINTR: the caller was killed
 */
#define PAGEBOX_IOC_CONFIGURE _IOW(PAGEBOX_IOC_MAGIC, 0, struct pagebox_config)

/** PAGEBOX_IOC_INFO - get the configuration of a box; EINVAL, EFAULT */
#define PAGEBOX_IOC_INFO _IOWR(PAGEBOX_IOC_MAGIC, 1, struct pagebox_info)

/**
 * PAGEBOX_IOC_STATS - get the counters of a box, or of one mapping of it
 *
 * Fails with ENOENT if @address is not in a mapping of this box by the caller.
 */
#define PAGEBOX_IOC_STATS _IOWR(PAGEBOX_IOC_MAGIC, 2, struct pagebox_stats)

/**
 * PAGEBOX_IOC_PREFETCH - bring pages into frames without mapping them
 *
 * Pages that were never accessed and are not in the store are skipped. Other
 * pages are evicted as needed; if no frame is available, the rest of the range
 * is skipped. Fails with ENOENT for addresses outside the mappings of this box,
 * with EIO or another error of the backend if a read fails, and with EINTR.
 */
#define PAGEBOX_IOC_PREFETCH _IOWR(PAGEBOX_IOC_MAGIC, 3, struct pagebox_range)

/**
 * PAGEBOX_IOC_PAGE_OUT - evict pages from their frames
 *
 * Dirty pages are written first. Pages that are locked, pinned or cannot be
 * written stay. Errors are those of PAGEBOX_IOC_PREFETCH, except those of reads.
 */
#define PAGEBOX_IOC_PAGE_OUT _IOWR(PAGEBOX_IOC_MAGIC, 4, struct pagebox_range)

/**
 * PAGEBOX_IOC_DISCARD - drop the contents of pages
 *
 * Pages of a private mapping revert to those of the root view. Pages of the
 * root view revert to the contents of the store, or to zero; changes that were
 * not written back are lost. The file descriptor must be open for writing,
 * otherwise the call fails with EBADF. Other errors are those of
 * PAGEBOX_IOC_PAGE_OUT.
 */
#define PAGEBOX_IOC_DISCARD _IOWR(PAGEBOX_IOC_MAGIC, 5, struct pagebox_range)

/**
 * PAGEBOX_IOC_JOIN - get a file descriptor of another box
 *
 * The ioctl may be called on a file descriptor of any box. The new one is
 * close-on-exec and has the same access mode. Fails with ENOENT if the box does
 * not exist, with EPERM if the caller is neither the user that opened it
 * nor has CAP_SYS_ADMIN, and with EMFILE, ENFILE or ENOMEM.
 */
#define PAGEBOX_IOC_JOIN _IOW(PAGEBOX_IOC_MAGIC, 6, struct pagebox_join)

/**
 * PAGEBOX_IOC_STACK - turn a mapping into a stack that grows downwards
 *
 * Initially only the top of the mapping is accessible. An access below it, but
 * not below the red zone under the stack pointer of the thread, extends the
 * stack to that address. Any other access below it raises SIGSEGV, as does one
 * below the limit. Fails with ENOENT if @address is not in a mapping of this box
 * by the caller, and with EINVAL if the mapping is smaller than @limit or was
 * split.
 */
#define PAGEBOX_IOC_STACK _IOW(PAGEBOX_IOC_MAGIC, 7, struct pagebox_stack)

#endif /* _UAPI_PAGEBOX_H */
