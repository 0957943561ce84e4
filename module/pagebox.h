/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pagebox: an instrumented virtual-memory sandbox.
 *
 * What the nouns are, and which file holds each:
 *
 *   box      one sandbox, made by open("/dev/pagebox")                 box.c
 *   map      one mapping of a box in one process: all VMAs of one
 *            struct file in one mm                                     map.c
 *   identity the inode that a private map's own pages point to    identity.c
 *   view     index -> page. The root view is what MAP_SHARED sees;
 *            a private map has an overlay of its own                   view.c
 *   page     a virtual page: where its contents are. Shared by the
 *            views that forked from each other, until one writes       page.c
 *   frame    a physical page with a number in its box                  frame.c
 *   policy   which frame is taken next                               policy*.c
 *   trail    the pages that a thread is at                             trail.c
 *   backend  an array of pages: RAM, a file, a block device         backend*.c
 *   request  a read or write of neighbouring pages of a backend           io.c
 *   store    the backend that pages of the root view come from
 *            and go back to                            store.c, writeback.c
 *   swap     slots of a backend, for the other pages                   swap.c
 *   user     whose boxes share workers                                 user.c
 *
 * A store that is truncated meanwhile: truncate.c. Broken memory: poison.c.
 *
 * Calls go down only, through these layers; scripts/layers checks it:
 *
 *   surface    the device, debugfs, configuration, life time of a box
 *   process    mappings: the callbacks of VMAs, fork, stacks, trails
 *   engine     faults, reads, evictions, write-back, truncation, out of frames
 *   contents   views and pages
 *   storage    swap, store, requests, backends
 *   ground     frames, policies, page tables, workers, counters
 *
 * The way of a fault:
 *
 *   do_shared_fault() / do_read_fault()
 *     vma.c       may the access be made? Readahead
 *     fault.c     look the index up in the map's view, else in the root view
 *       page in a frame ............... lock the folio, check again, map it
 *       no frame yet .................. frame.c for one, evict.c if none is free
 *         never touched, no store ..... clear it
 *         in the store or in swap ..... read it                        fill.c
 *       write, others see the page .... copy it, put the copy into the view
 *     <- the folio, locked; core mm sets the PTE
 *
 * read() and write() take the same way, with the root view and no map (devio.c).
 *
 * The way of an eviction (evict.c):
 *
 *   the policy proposes frames, folios trylocked        policy.c, frame.c
 *   accessed bits are read and cleared in the PTEs       pte.c
 *   kept by the policy: stays, without PTEs (references=exact). Not kept: a
 *   victim
 *   one unmap per run of neighbouring victims; their dirty bits are now known
 *   pinned meanwhile: hands off. Dirty: write to store or swap
 *   the frame goes to the free list                      frame.c
 *   none can be had: the box's OOM policy                oom.c
 *
 * Lock order, outermost first:
 *
 *   pb_box.config                configuration; in ioctl without mmap_lock
 *     inode lock of the store    file systems, around the notification
 *       pb_truncate.lock         leaf
 *     pb_truncate.trim           in workers, alone
 *     mmap_lock or VMA lock      core mm, around every callback of a VMA
 *       pb_box.lock              size and store until the box is sealed; short.
 *                                Such a change takes evict_lock and swap_lock
 *       pb_box.oom_lock          one killer at a time
 *       pb_frames.evict_lock     one evictor at a time; under it, folios are only
 *                                trylocked. A fault asks for its frame before it
 *                                locks anything, so nothing that the evictor
 *                                could wait for waits for the evictor
 *         folio lock             *the* lock of a page. A fault may hold two: of
 *                                a page that it copies or has replaced, and of
 *                                the copy. Reads and writes of several pages
 *                                hold all of theirs; the first is waited for,
 *                                the others are trylocked or new. Nobody who
 *                                holds one waits for another page's
 *           i_mmap_rwsem         unmap_mapping_pages(), the walks of pte.c
 *             page table lock    core mm, pte.c
 *           pb_box.swap_lock     while a slot is taken
 *       pb_maps.lock             the table of maps; leaf
 *       pb_trails.lock           the table of trails; leaf
 *       pb_frames.policy_lock    around all callbacks of a policy
 *         pb_frames.lock         the frame table; leaf
 *       xa_lock of a view        leaf, but for the allocation of its nodes
 *
 * I/O is done by workers that hold no lock (file systems have their own order).
 * Meanwhile a page that is read, or written by its eviction, has its folio locked:
 * it is in no page table, and every wait for that lock can be ended by SIGKILL. A
 * page that write-back writes stays mapped, and core mm waits for the lock of a
 * mapped folio in a way that no signal ends: it is not locked but marked by
 * PG_writeback (writeback.c). Locks and marks belong to the request, not to the
 * task that made it: a task that is killed leaves, and the request releases them
 * when it completes. No task waits for PG_writeback with a folio lock held.
 *
 * The shrinker runs inside of allocations, with any of these held: it only tries
 * locks, and does no I/O.
 *
 * lockdep checks this order, but for the folio locks, which it does not know:
 * lockdep.c teaches it with each new box, so that one place which does it the
 * other way round is enough.
 */
#ifndef _PAGEBOX_H
#define _PAGEBOX_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/generic-radix-tree.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/hrtimer.h>
#include <linux/jhash.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>
#include <linux/shrinker.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <pagebox.h>

#include "compat.h"
#include "failpoint.h"
#include "policy.h"

struct pb_box;
struct pb_flight;
struct pb_page;
struct pb_view;

/* Memory of ours is charged to the cgroup of the program that causes it. */
#define PB_GFP (GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

/*
 * Of a cap that all boxes have in common, the last sixteenth is for those that
 * were opened with CAP_SYS_RESOURCE, as file systems keep their last blocks for
 * root.
 */
static inline unsigned long pb_cap(unsigned long all, bool privileged)
{
	return privileged ? all : all - all / 16;
}

/* No frame, no slot: both are numbers below 2^32 - 1. */
#define PB_NONE U32_MAX

/* stats.c ------------------------------------------------------------- */

/* Counters 0 to PB_FAULT_NR - 1 are the fault classes. */
#define PB_FAULT_NR (PAGEBOX_FAULT_FAILED + 1)

/**
 * enum pb_stat - counters of a box
 * @PB_STAT_MAJOR: the fault classes of the ABI come first, then faults that
 *                 waited for a read
 * @PB_STAT_EVICT_CLEAN: frames taken without a write
 * @PB_STAT_EVICT_DIRTY: frames taken after a write to store or swap
 * @PB_STAT_SECOND_CHANCE: accessed bits that saved a frame
 * @PB_STAT_REVOLUTION: times the hand began again at frame 0
 * @PB_STAT_PINNED: frames that had to be left alone
 * @PB_STAT_READAHEAD: pages read before anybody asked
 * @PB_STAT_READAHEAD_HIT: those that somebody asked for later
 * @PB_STAT_PREFETCHED: pages brought in on request
 * @PB_STAT_PAGED_OUT: pages taken out of their frame on request
 * @PB_STAT_DISCARDED: pages dropped on request
 * @PB_STAT_STORE_READ: pages read from the store
 * @PB_STAT_STORE_WRITE: pages written to it
 * @PB_STAT_SWAP_READ: pages read from the swap area
 * @PB_STAT_SWAP_WRITE: pages written to it
 * @PB_STAT_IO_ERROR: pages that could not be read or written
 * @PB_STAT_SHRUNK: pages of memory given back to the machine
 * @PB_STAT_OOM_KILL: processes killed for want of a frame
 * @PB_STAT_PAGES: pages that exist (goes up and down)
 * @PB_STAT_VIEWS: views that exist (goes up and down)
 * @PB_STAT_NR: how many counters there are
 */
enum pb_stat {
	PB_STAT_MAJOR = PB_FAULT_NR,
	PB_STAT_EVICT_CLEAN,
	PB_STAT_EVICT_DIRTY,
	PB_STAT_SECOND_CHANCE,
	PB_STAT_REVOLUTION,
	PB_STAT_PINNED,
	PB_STAT_READAHEAD,
	PB_STAT_READAHEAD_HIT,
	PB_STAT_PREFETCHED,
	PB_STAT_PAGED_OUT,
	PB_STAT_DISCARDED,
	PB_STAT_STORE_READ,
	PB_STAT_STORE_WRITE,
	PB_STAT_SWAP_READ,
	PB_STAT_SWAP_WRITE,
	PB_STAT_IO_ERROR,
	PB_STAT_SHRUNK,
	PB_STAT_OOM_KILL,
	PB_STAT_PAGES,
	PB_STAT_VIEWS,
	PB_STAT_NR,
};

struct pb_stats {
	u64 n[PB_STAT_NR];
};

/**
 * struct pb_census - how many frames are in some condition
 * @locked: under mlock()
 * @pinned: somebody else holds a reference
 * @dirty: their contents are nowhere else
 */
struct pb_census {
	u64 locked;
	u64 pinned;
	u64 dirty;
};

struct pb_map;

extern const char *const pb_stat_names[PB_STAT_NR];

int pb_stats_init(struct pb_box *box);
void pb_stats_destroy(struct pb_box *box);
u64 pb_stats_read(struct pb_box *box, unsigned int stat);
void pb_stats_census(struct pb_box *box, struct pb_census *census);
void pb_stats_swap(struct pb_box *box, u64 *used, u64 *high);
void pb_stats_fill(struct pb_box *box, struct pagebox_stats *out);

/* backend*.c ---------------------------------------------------------- */

struct pb_backend;
struct pb_io;

/**
 * struct pb_backend_ops - what every backend can do
 * @kind: what it is, for the ABI
 * @inline_io: @rw neither sleeps for long nor takes locks of others: who submits
 *             a request calls it, and may hold mmap_lock; else a worker does
 * @rw: read or write the @nr pages of the request from its page @first on, all
 *      or nothing as far as the caller is concerned; 0 or -EIO, -ENOSPC, -ENOMEM
 *      and the like; -ENODATA when one lies past the end
 * @sync: what was written is made durable, or NULL when that means nothing
 * @discard: the contents of page @index are not needed any more, or NULL
 * @bytes: size now, in bytes; U64_MAX without a bound
 * @release: free the backend
 *
 * All but @bytes may sleep; none touches frames or views.
 */
struct pb_backend_ops {
	enum pagebox_backend kind;
	bool inline_io;
	int (*rw)(struct pb_backend *backend, const struct pb_io *io,
		  unsigned int first, unsigned int nr);
	int (*sync)(struct pb_backend *backend, bool datasync);
	void (*discard)(struct pb_backend *backend, pgoff_t index);
	u64 (*bytes)(struct pb_backend *backend);
	void (*release)(struct pb_backend *backend);
};

/**
 * struct pb_backend - an array of pages that can be read and written
 * @ops: what it can do; invariant
 * @file: what is behind it, or NULL for RAM; invariant
 * @writable: invariant
 * @exact: a page past the end is an error; else it is zero, and not written
 * @read_us: added to each read, in microseconds
 * @write_us: added to each write
 */
struct pb_backend {
	const struct pb_backend_ops *ops;
	struct file *file;
	bool writable;
	bool exact;
	u32 read_us;
	u32 write_us;
};

/* Most pages of one read or write. */
#define PB_IO_MAX PAGEBOX_MAX_READAHEAD

/**
 * struct pb_io - a read or write of neighbouring pages of a backend
 * @box: kept alive until the request is freed
 * @backend: where to
 * @index: first page in the backend
 * @nr: how many
 * @write: else it is a read
 * @folio: the memory, one for each page; the owner of the request locks them if
 *         need be, backends only move bytes
 * @err: how each page fared, valid in @done and later
 * @done: called once, by a worker or within pb_io_submit()
 * @work: for the worker
 * @timer: for the delay that comes before it
 *
 * The structure of its owner begins with it, see pb_io_new().
 */
struct pb_io {
	struct pb_box *box;
	struct pb_backend *backend;
	pgoff_t index;
	unsigned int nr;
	bool write;
	struct folio *folio[PB_IO_MAX];
	int err[PB_IO_MAX];
	void (*done)(struct pb_io *io);
	struct work_struct work;
	struct hrtimer timer;
};

/* Room for what its owner knows of each page besides. */
#define PB_IO_SIZE (sizeof(struct pb_io) + PB_IO_MAX * 16)

struct pb_io *pb_io_new(struct pb_box *box, struct pb_backend *backend,
			pgoff_t index, bool write,
			void (*done)(struct pb_io *io));
void pb_io_submit(struct pb_io *io);
void pb_io_free(struct pb_io *io);
int pb_ios_init(void);
void pb_ios_exit(void);

/* Is there room for a page, and is @at the place that comes next? */
static inline bool pb_io_continues(const struct pb_io *io,
				   const struct pb_backend *backend, pgoff_t at)
{
	return io->backend == backend && io->nr < PB_IO_MAX &&
	       at == io->index + io->nr;
}

/* What pb_backend_new() shall be able to do. */
#define PB_BACKEND_MUST_WRITE true

struct pb_backend *pb_backend_new(const struct pb_box *box, int fd,
				  bool must_write);
struct pb_backend *pb_backend_ram_new(bool privileged);
struct pb_backend *pb_backend_file_new(int fd, bool must_write);
void pb_backend_release(struct pb_backend *backend);
int pb_backend_sync(struct pb_backend *backend, bool datasync);

extern unsigned long pb_ram_max;

static inline u64 pb_backend_bytes(struct pb_backend *backend)
{
	return backend->ops->bytes(backend);
}

/* user.c -------------------------------------------------------------- */

/**
 * struct pb_user - a user that has boxes
 * @uid: of the user; invariant
 * @refs: boxes, and @begin until it is done
 * @list: of all users, or empty when the queues could not be made
 * @state: whether the queues are made
 * @io_wq: for requests of the user's boxes that need a worker
 * @wq: for work of the user's boxes that may wait for requests
 * @begin: makes the queues
 * @gone: frees the user
 */
struct pb_user {
	kuid_t uid;
	unsigned int refs;
	struct list_head list;
	int state;
	struct workqueue_struct *io_wq;
	struct workqueue_struct *wq;
	struct work_struct begin;
	struct work_struct gone;
};

struct pb_user *pb_user_get(kuid_t uid);
void pb_user_put(struct pb_user *user);
int pb_users_init(void);
void pb_users_exit(void);

/* For work that must not be done where it comes up, and waits for no request. */
extern struct workqueue_struct *pb_wq;

/* swap.c -------------------------------------------------------------- */

/**
 * struct pb_swap - a swap area
 * @backend: where the slots are; invariant
 * @slots: the page that has each slot; its xa_lock
 * @limit: how many slots there may be
 * @used: how many are taken; xa_lock of @slots, read by anybody
 * @high: the most that ever were; xa_lock of @slots, read by anybody
 * @parity: PB_SWAP_PARITY or 0, the top bit of this area's slots in
 *          pb_page.slot; invariant. When one area replaces another, pages of
 *          both exist for a while
 */
struct pb_swap {
	struct pb_backend *backend;
	struct xarray slots;
	u32 limit;
	u32 used;
	u32 high;
	u32 parity;
};

/* The bit of pb_page.slot that says which of the two areas; see struct pb_swap. */
#define PB_SWAP_PARITY BIT(31)
/* Most slots of an area: numbers below PB_NONE & ~PB_SWAP_PARITY. */
#define PB_SWAP_MAX (PB_SWAP_PARITY - 1)

struct pb_swap *pb_swap_new(struct pb_backend *backend, u32 limit, u32 parity);
void pb_swap_release(struct pb_swap *swap);
u32 pb_swap_slot_get(struct pb_swap *swap, struct pb_page *page);
void pb_swap_slot_put(struct pb_swap *swap, u32 slot);
struct pb_page *pb_swap_next(struct pb_swap *swap, u32 *slot);

/* frame.c ------------------------------------------------------------- */

/**
 * struct pb_frame - one entry of the frame table
 * @folio: the physical page, NULL until first used; pb_frames.lock
 * @next: next free frame while this one is free; pb_frames.lock
 * @waiters: tasks that wait for the lock of @folio; pb_frames.lock
 * @policy: the policy's note on the frame; pb_frames.policy_lock
 * @loaded: the policy knows of a page in it; pb_frames.policy_lock
 *
 * folio->private is the page in the frame and NULL in a free one; it changes
 * under the folio lock. Entries never move.
 */
struct pb_frame {
	struct folio *folio;
	u32 next;
	u32 waiters;
	union pb_policy_note policy;
	bool loaded;
};

#define PB_FRAME_TABLE GENRADIX(struct pb_frame)

/**
 * struct pb_repeat - whether a task asks for frames, and yet does not move on
 * @who: the task and its registers, hashed
 * @again: how often they asked for a frame for @index again
 * @others: how often for others since
 * @index: a page
 */
struct pb_repeat {
	u32 who;
	u16 again;
	u16 others;
	pgoff_t index;
};

#define PB_REPEAT_BITS 4

/**
 * struct pb_frames - the frame table of a box
 * @lock: a leaf lock, see the fields
 * @table: entries up to @fresh exist; lookups need no lock
 * @limit: how many frames the box may have; @lock
 * @batch: how many victims an eviction takes at most; follows from @limit
 * @fresh: frames from here on were never used; @lock
 * @free: first free frame that has a folio, or PB_NONE; written under @lock,
 *        read by anybody
 * @bare: first free frame without a folio, or PB_NONE; @lock
 * @used: frames that are neither free nor retired; written under @lock, read by
 *        anybody
 * @idle: how many are on the list of @free; as @free
 * @evict_lock: one evictor at a time
 * @policy_lock: around every callback of the policy
 * @policy: which frame is taken next; changed under both
 * @tells: the policy wants to know of faults that find a page in its frame;
 *         written under @policy_lock, read by anybody
 * @references: enum pagebox_references as configured; see
 *              pb_frames_references()
 * @privileged: of a box that is, see there
 * @swappiness: 0 to 200, see the ABI
 * @weight: what is left over from weighing victims; @evict_lock
 * @sampled: evictions since the accessed bits were sampled; @evict_lock
 * @asked: how many frames faults had to evict for; @evict_lock
 * @repeat: some of those faults, by @who; @evict_lock
 * @shrunk: where the shrinker goes on; @evict_lock
 * @barren: when no slot could be taken from a page in a frame, in jiffies
 * @relieve_after: not before then, in jiffies, the box relieves its cgroup: that
 *                 was in vain
 */
struct pb_frames {
	spinlock_t lock; /* the table, the free list, @used */
	PB_FRAME_TABLE table;
	u32 limit;
	u32 batch;
	u32 fresh;
	u32 free;
	u32 bare;
	u32 used;
	u32 idle;
	struct mutex evict_lock; /* one evictor */
	spinlock_t policy_lock; /* the policy's state */
	struct pb_policy_box policy;
	bool tells;
	u32 references;
	bool privileged;
	u32 swappiness;
	u32 weight;
	u32 sampled;
	u32 asked;
	struct pb_repeat repeat[1 << PB_REPEAT_BITS];
	u32 shrunk;
	unsigned long barren;
	unsigned long relieve_after;
};

/* Most victims an eviction takes; bounds what it keeps on the stack. */
#define PB_BATCH_MAX 32

/*
 * The most frames with which references are exact by default. A revolution of the
 * hand then costs some 3,500 instructions for each page in use; one a second, in
 * a box of this size, is 3 % of a CPU that does a billion ("make bench"
 * measures it).
 */
#define PB_EXACT_FRAMES 8192

extern unsigned long pb_frames_max;

/**
 * struct pb_blank - a frame that is taken, but holds no page yet
 * @folio: referenced, or NULL
 * @frame: its number
 * @zeroed: all its bytes are zero
 */
struct pb_blank {
	struct folio *folio;
	u32 frame;
	bool zeroed;
};

/*
 * References of the table to the folio of a frame. Two, because core mm takes a
 * clean folio with one for a part of the page cache when it finds a memory error.
 */
#define PB_TABLE_REFS 2
/* With that of whoever looks at it, and without those of PTEs. */
#define PB_FRAME_REFS (PB_TABLE_REFS + 1)

void pb_frames_init(struct pb_frames *frames, u32 limit);
void pb_frames_set_limit(struct pb_frames *frames, u32 limit);
bool pb_frames_trim(struct pb_frames *frames);
unsigned long pb_frames_shrink(struct pb_frames *frames, unsigned long nr);
void pb_frames_destroy(struct pb_frames *frames);
int pb_frame_get(struct pb_frames *frames, struct pb_blank *blank, bool force);
void pb_frame_put(struct pb_frames *frames, struct folio *folio, u32 number);
void pb_frame_put_blank(struct pb_frames *frames, struct folio *folio,
			u32 number);
void pb_frame_loaded(struct pb_frames *frames, u32 number);
void pb_frame_unloaded(struct pb_frames *frames, u32 number);
void pb_frame_referenced(struct pb_frames *frames, u32 number);
bool pb_frame_taken(struct pb_frames *frames, u32 number);
bool pb_frame_retired(struct pb_frames *frames, u32 number);
struct folio *pb_frame_lookup(struct pb_frames *frames, u32 number);
int pb_frame_lock(struct pb_frames *frames, struct folio *folio, u32 number);
bool pb_frame_pinned(struct pb_frames *frames, struct folio *folio, u32 number);

void pb_frames_set_policy(struct pb_frames *frames,
			  const struct pb_policy **policy, void **state);
void pb_frames_policy_name(struct pb_frames *frames, char *name);
unsigned int pb_frames_propose(struct pb_frames *frames, u32 *number,
			       unsigned int nr, bool round, bool *wrapped);
bool pb_frames_ask(struct pb_frames *frames, u32 number, bool accessed,
		   bool dirty);
void pb_frames_sample(struct pb_frames *frames, u32 number, bool accessed);

/* How many frames there are to look at: those that were ever used. */
static inline u32 pb_frames_nr(const struct pb_frames *frames)
{
	return min(READ_ONCE(frames->fresh), READ_ONCE(frames->limit));
}

/* How accesses are seen now: never PAGEBOX_REFERENCES_AUTO. */
static inline enum pagebox_references
pb_frames_references(const struct pb_frames *frames)
{
	u32 references = READ_ONCE(frames->references);

	if (references != PAGEBOX_REFERENCES_AUTO)
		return references;
	return READ_ONCE(frames->limit) <= PB_EXACT_FRAMES ?
		       PAGEBOX_REFERENCES_EXACT :
		       PAGEBOX_REFERENCES_HARDWARE;
}

/* page.c -------------------------------------------------------------- */

/**
 * struct pb_page - a virtual page: where its contents are
 * @folio: the frame's folio, or NULL. Set once from NULL to a *locked* folio
 *         by compare-and-exchange, cleared under the folio lock; so whoever
 *         holds the lock of the folio and finds it here owns the page
 * @index: place in the box in pages; invariant
 * @frame: number of the frame while @folio is set; folio lock
 * @slot: swap slot with the contents, or with a copy of them when @folio is
 *        set and clean, or PB_NONE; with the parity of its area; folio lock
 * @root: a page of the root view; invariant
 * @shared: since it is in this frame, more than one view has held it, and one
 *          that has let go may have left a pin; folio lock
 * @ahead: readahead brought it in, and nobody has asked for it yet; folio lock
 * @lost: a memory error took the contents; set once, folio lock, read by anybody
 * @valid: so many bytes of the copy in @slot are valid, and zeroes follow; 0 when
 *        all are. Set by truncate.c; folio lock
 * @dirtied: when the flusher first found it dirty, in jiffies, or 0; folio lock
 * @refs: life time: one for all sharers together, and one for each user that
 *        keeps the page without lock or RCU
 * @sharers: how many views hold the page. With one, its view may write to it,
 *           see pb_page_writable()
 * @rcu: pages are looked up under RCU
 *
 * A page of the root view that is clean and has no slot is not kept: the
 * absence of an entry says "as in the store, or zero".
 */
struct pb_page {
	struct folio *folio;
	pgoff_t index;
	u32 frame;
	u32 slot;
	bool root;
	bool shared;
	bool ahead;
	bool lost;
	u32 valid;
	unsigned long dirtied;
	refcount_t refs;
	atomic_t sharers;
	struct rcu_head rcu;
};

struct pb_page *pb_page_new(struct pb_box *box, pgoff_t index, bool root);
void pb_page_put(struct pb_box *box, struct pb_page *page);
void pb_page_unshare(struct pb_box *box, struct pb_page *page);
void pb_page_unmap_later(struct pb_box *box, struct pb_page *page,
			 void (*drop)(struct pb_box *box,
				      struct pb_page *page));
bool pb_page_attach(struct pb_box *box, struct pb_page *page,
		    const struct pb_blank *blank);
u32 pb_page_detach(struct pb_box *box, struct pb_page *page,
		   struct folio *folio);
void pb_page_borrow(struct pb_page *page, const struct pb_page *from);
void pb_page_unborrow(struct pb_page *page);
void pb_page_hand_over(struct pb_box *box, struct pb_page *from,
		       struct pb_page *to, struct folio *folio);
struct folio *pb_page_folio(struct pb_page *page);
struct folio *pb_page_trylock(struct pb_page *page);
int pb_page_lock(struct pb_box *box, struct pb_page *page,
		 struct folio **folio);
int pb_page_lock_idle(struct pb_box *box, struct pb_page *page,
		      struct folio **folio);
bool pb_page_writable(struct pb_box *box, struct pb_page *page,
		      struct folio *folio);
void pb_page_free_slot(struct pb_box *box, struct pb_page *page);
int pb_pages_init(void);
void pb_pages_exit(void);

/*
 * Does the locked folio hold this page? True also says that the page object is
 * alive: it leaves its folio, under the folio lock, before it is freed.
 */
static inline bool pb_page_owns(const struct pb_page *page,
				const struct folio *folio)
{
	return folio->private == page;
}

static inline void pb_folio_release(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

/*
 * Lock a folio to take its page away, without waiting. One under write-back has to
 * stay where it is, see writeback.c.
 */
static inline bool pb_folio_trylock(struct folio *folio)
{
	if (!folio_trylock(folio))
		return false;
	if (!folio_test_writeback(folio))
		return true;
	folio_unlock(folio);
	return false;
}

/* The number of the page's slot in its area, or PB_NONE. */
static inline u32 pb_page_slot(const struct pb_page *page)
{
	u32 slot = READ_ONCE(page->slot);

	return slot == PB_NONE ? PB_NONE : slot & ~PB_SWAP_PARITY;
}

static inline bool pb_page_tryget(struct pb_page *page)
{
	return refcount_inc_not_zero(&page->refs);
}

/* fill.c -------------------------------------------------------------- */

/**
 * struct pb_fill - a read into frames
 * @io: the request
 * @page: the page that is attached to each frame, or NULL for a blank
 * @frame: numbers of the frames
 * @fresh: bit n: page n was made for this read
 * @state: whether the task that made it still waits, see fill.c
 * @waited: completed when the read is, unless nobody waits
 */
struct pb_fill {
	struct pb_io io;
	struct pb_page *page[PB_IO_MAX];
	u32 frame[PB_IO_MAX];
	u32 fresh;
	atomic_t state;
	struct completion waited;
};

enum pagebox_fault_class
pb_fill_source(struct pb_box *box, const struct pb_page *page, pgoff_t index,
	       struct pb_backend **backend, pgoff_t *at);
struct pb_fill *pb_fill_new(struct pb_box *box, struct pb_backend *backend,
			    pgoff_t at);
void pb_fill_add(struct pb_fill *fill, struct pb_page *page,
		 struct pb_blank *blank, bool fresh);
int pb_fill_run(struct pb_fill *fill);
int pb_fill_finish(struct pb_fill *fill, unsigned int i);
void pb_fill_free(struct pb_fill *fill);
void pb_fill_undo(struct pb_box *box, struct pb_page *page, struct folio *folio,
		  bool fresh);
int pb_fill_readahead(struct pb_box *box, struct pb_view *view, pgoff_t index,
		      unsigned int nr, enum pagebox_fault_class *class);
int pb_fill_range(struct pb_box *box, struct pb_view *view, pgoff_t *index,
		  unsigned int nr, enum pb_stat why);

/* view.c -------------------------------------------------------------- */

/**
 * struct pb_view - a supplemental page table: index -> page
 * @pages: struct pb_page by index; read under RCU, changed under its xa_lock
 */
struct pb_view {
	struct xarray pages;
};

void pb_view_init(struct pb_box *box, struct pb_view *view);
void pb_view_destroy(struct pb_box *box, struct pb_view *view);
struct pb_page *pb_view_peek(struct pb_view *view, pgoff_t index);
struct pb_page *pb_view_look(struct pb_box *box, struct pb_view *view,
			     pgoff_t index);
struct folio *pb_view_trylock(struct pb_view *view, pgoff_t index,
			      struct pb_page **page);
struct pb_page *pb_view_next(struct pb_view *view, pgoff_t *index,
			     pgoff_t last);
struct pb_page *pb_view_next_shown(struct pb_box *box, struct pb_view *view,
				   pgoff_t *index, pgoff_t last);
struct pb_page *pb_view_next_get(struct pb_view *view, pgoff_t *index,
				 pgoff_t last);
struct pb_page *pb_view_get(struct pb_box *box, struct pb_view *view,
			    pgoff_t index);
int pb_view_replace(struct pb_view *view, pgoff_t index, struct pb_page *old,
		    struct pb_page *new);
void pb_view_drop(struct pb_box *box, struct pb_view *view, pgoff_t first,
		  pgoff_t last);
struct pb_page *pb_view_share(struct pb_view *from, struct pb_view *to,
			      pgoff_t *index, pgoff_t last);

/* map.c --------------------------------------------------------------- */

/**
 * struct pb_process - a process that maps a box
 * @mm: identity of the process
 * @node: in pb_maps.processes; pb_maps.lock
 * @maps: how many maps it has; pb_maps.lock
 * @shared: its map of the root view, or NULL; pb_maps.lock
 * @held: pages that were found to be its own; pb_box.oom_lock
 *
 * It lives as long as it has maps.
 */
struct pb_process {
	struct mm_struct *mm;
	struct hlist_node node;
	unsigned int maps;
	struct pb_map *shared;
	unsigned long held;
};

/**
 * struct pb_map_key - by which maps are found
 * @file: vm_file of the VMAs
 * @mm: identity of the process
 */
struct pb_map_key {
	struct file *file;
	struct mm_struct *mm;
};

/**
 * struct pb_map - one mapping of a box in one process
 * @box: invariant
 * @view: what the mapping sees first: @own or the root view; invariant
 * @own: the overlay of a private mapping
 * @identity: what folio->mapping says of pages that @own may write to, NULL for a
 *            shared mapping; invariant
 * @mm: identity of the process, never dereferenced without a VMA at hand or
 *      pb_maps.lock; NULL once the last VMA is gone
 * @key: vm_file of the VMAs and the process, identities as well; invariant
 * @process: what all maps of the process have in common, while it has VMAs
 * @vmas: how many VMAs it has; mmap_lock for writing, or the fault's own VMA
 * @id: number in the box; invariant
 * @node: in pb_maps.live; changed with pb_maps.lock
 * @entry: in pb_maps.list, which also holds what debugfs has not dropped yet;
 *         pb_maps.lock
 * @unsynced: in pb_maps.unsynced, or empty; pb_maps.lock
 * @dead: only debugfs still knows it; pb_maps.lock
 * @dir: debugfs directory; only the debugfs work touches it
 * @broken: a fork could not share or promise all of it, so accesses fail; set
 *          once, before any fault
 * @next: the index at which a fault would be the next in sequence
 * @committed: pages that its VMAs have promised; pb_maps.lock. Where nothing is
 *             refused it may be too much, see commit.c
 * @counted: the same while all are counted anew; pb_box.config
 * @stack_low: lowest address that may be touched so far, 0 for a mapping that
 *             does not grow
 * @stack_limit: lowest address that it may grow to
 * @faults: by class, this process alone
 * @major: those that waited for a read
 */
struct pb_map {
	struct pb_box *box;
	struct pb_view *view;
	struct pb_view own;
	struct inode *identity;
	struct mm_struct *mm;
	struct pb_map_key key;
	struct pb_process *process;
	unsigned int vmas;
	u32 id;
	struct rhash_head node;
	struct list_head entry;
	struct list_head unsynced;
	bool dead;
	struct dentry *dir;
	bool broken;
	pgoff_t next;
	unsigned long committed;
	unsigned long counted;
	unsigned long stack_low;
	unsigned long stack_limit;
	atomic64_t faults[PB_FAULT_NR];
	atomic64_t major;
};

/**
 * struct pb_maps - the mappings of a box
 * @lock: leaf
 * @live: maps that have VMAs, by their key; @lock
 * @processes: those that have such maps, by mm; @lock
 * @list: all maps, in the order of their making; @lock
 * @unsynced: those whose directory is to be made or dropped; @lock
 * @nr: how many maps have VMAs; written under @lock, read by anybody
 * @last_id: the newest map's number; @lock
 */
struct pb_maps {
	spinlock_t lock; /* all below, and who is alive */
	struct rhashtable live;
	DECLARE_HASHTABLE(processes, 6);
	struct list_head list;
	struct list_head unsynced;
	unsigned int nr;
	u32 last_id;
};

static inline bool pb_map_private(const struct pb_map *map)
{
	return map->view == &map->own;
}

/* A VMA that fork() is about to give to the child still points to the parent's. */
static inline struct pb_map *pb_map_of(const struct vm_area_struct *vma)
{
	struct pb_map *map = vma->vm_private_data;

	return map && map->mm == vma->vm_mm ? map : NULL;
}

int pb_maps_init(struct pb_maps *maps);
void pb_maps_destroy(struct pb_maps *maps);
struct pb_process *pb_map_process(struct pb_maps *maps,
				  const struct mm_struct *mm);
struct pb_map *pb_map_find_shared(struct pb_box *box, struct mm_struct *mm);
struct pb_map *pb_map_new(struct pb_box *box, struct file *file,
			  struct mm_struct *mm, bool private);
void pb_map_get_vma(struct pb_map *map);
void pb_map_put_vma(struct pb_map *map, pgoff_t first, unsigned long nr);
struct pb_map *pb_map_find(struct pb_box *box, struct file *file,
			   struct mm_struct *mm);
pid_t pb_map_pid(struct pb_map *map);
bool pb_map_locks(struct pb_box *box, const struct pb_page *page);

/* trail.c ------------------------------------------------------------- */

/**
 * struct pb_trails - the trails of the threads that use a box
 * @lock: leaf
 * @table: by thread; @lock
 */
struct pb_trails {
	spinlock_t lock; /* the table */
	DECLARE_HASHTABLE(table, 6);
};

void pb_trails_init(struct pb_trails *trails);
void pb_trails_destroy(struct pb_trails *trails);
void pb_trail_step(struct pb_box *box, const struct vm_fault *vmf);

/*
 * A number for what the current thread executes: with the same registers it is the
 * same instruction, which has not completed in between.
 */
static inline u32 pb_instruction(void)
{
	return jhash(task_pt_regs(current), sizeof(struct pt_regs),
		     hash_ptr(current, 32));
}

/* poison.c ------------------------------------------------------------ */

int pb_poison_retire(struct pb_box *box, struct folio *folio);

/* truncate.c ---------------------------------------------------------- */

struct pb_watch;

/**
 * struct pb_truncate - what is known of the end of the store
 * @lock: a leaf lock around each look at the size
 * @end: the size that was seen last; written under @lock
 * @cut: the lowest end that pages were not dropped for yet, or PB_CUT_NONE;
 *       @lock
 * @first: the page that it is in; written under @lock
 * @seq: how often the store was seen to have shrunk; as @first
 * @trim: around the dropping of pages; outermost, taken by workers
 * @lost: one of them was dirty; @trim
 * @wait: for @first to become PB_CUT_NONE
 * @work: drops pages
 * @watch: the notification, or NULL; changed under pb_box.lock until the box is
 *         sealed
 */
struct pb_truncate {
	spinlock_t lock; /* each look at the size */
	u64 end;
	u64 cut;
	pgoff_t first;
	unsigned int seq;
	struct mutex trim; /* one worker */
	bool lost;
	wait_queue_head_t wait;
	struct work_struct work;
	struct pb_watch *watch;
};

#define PB_CUT_NONE ULONG_MAX
/* An index behind any cut. */
#define PB_CUT_ANY (PB_CUT_NONE - 1)

void pb_truncate_init(struct pb_box *box);
void pb_store_start(struct pb_box *box);
void pb_store_notice(struct pb_box *box);
void pb_truncate_trim(struct pb_box *box);
int pb_store_wait(struct pb_box *box, pgoff_t index);
void pb_store_clear_tail(struct pb_box *box, struct folio *folio);
void pb_store_failed(struct pb_box *box, int err);

#if IS_ENABLED(CONFIG_FSNOTIFY)
struct pb_watch *pb_watch_new(struct pb_box *box, struct pb_backend *store);
void pb_watch_end(struct pb_watch *watch);
int pb_watches_init(void);
void pb_watches_exit(void);
#else
static inline struct pb_watch *pb_watch_new(struct pb_box *box,
					    struct pb_backend *store)
{
	return NULL;
}

static inline void pb_watch_end(struct pb_watch *watch)
{
}

static inline int pb_watches_init(void)
{
	return 0;
}

static inline void pb_watches_exit(void)
{
}
#endif
/* identity.c ---------------------------------------------------------- */

struct inode *pb_identity_get(struct pb_box *box);
void pb_identity_put(struct pb_box *box, struct inode *inode);
void pb_identities_destroy(struct pb_box *box);

/* box.c --------------------------------------------------------------- */

/**
 * struct pb_tunables - what can be changed while a box is used
 * @readahead: most pages to read at once
 * @oom: enum pagebox_oom
 * @oom_wait_ms: milliseconds
 * @overcommit: enum pagebox_overcommit
 * @dirty_age_ms: milliseconds
 * @dirty_ratio: percent of the frame limit
 * @store_read_us: microseconds; the store has a copy, like all that follow
 * @store_write_us: microseconds
 * @swap_read_us: microseconds
 * @swap_write_us: microseconds
 *
 * Each is read on its own, with READ_ONCE(), and written under pb_box.config.
 */
struct pb_tunables {
	u32 readahead;
	u32 oom;
	u32 oom_wait_ms;
	u32 overcommit;
	u32 dirty_age_ms;
	u32 dirty_ratio;
	u32 store_read_us;
	u32 store_write_us;
	u32 swap_read_us;
	u32 swap_write_us;
};

/**
 * struct pb_flight - a group of writes under way
 * @refs: who waits, and each write
 * @pending: writes that are not done yet
 * @failed: pages of evictions that could not be written
 * @wait: for @pending to become 0
 */
struct pb_flight {
	refcount_t refs;
	atomic_t pending;
	atomic_t failed;
	wait_queue_head_t wait;
};

/**
 * struct pb_box - one sandbox
 * @id: number, used again only when all others were; invariant
 * @owner: who opened it; invariant
 * @user: the owner's part of what users do not share; invariant
 * @memcg: cgroup of the opener: what workers allocate is charged to it; invariant
 * @privileged: that was somebody with CAP_SYS_RESOURCE, see pb_cap(); invariant
 * @kills_all: that was somebody who may kill any process; invariant
 * @name: at first the comm of who opened it; @config
 * @ref: files that stand for the box, and requests under way
 * @files: the files alone
 * @inode: its i_mapping is the reverse map of all VMAs, and remembers errors of
 *         write-back; invariant
 * @memory: inode of the files that stand for mappings which are memory and not a
 *          file: nothing links to it, so core dumps hold what is mapped; invariant
 * @identities: those that no map uses, linked by i_private; maps.lock
 * @config: one change of the configuration at a time
 * @lock: until the box is sealed: @bytes and @store
 * @sealed: was used, @bytes and @store are invariant now; written under @lock
 * @bytes: size; @lock until @sealed
 * @store: where pages come from, or NULL; @lock until @sealed
 * @tune: see there
 * @root: the view of MAP_SHARED mappings
 * @frames: the frame table
 * @swap: the swap area, or NULL; changed under @config, @lock and @swap_lock
 * @swap_old: the area that is being replaced, or NULL; as @swap. An area with a
 *            slot in use stays
 * @swap_lock: held for reading while a slot is taken
 * @maps: the mappings
 * @trails: the pages that threads are at
 * @committed: pages that mappings have promised; maps.lock
 * @oom_lock: around a search for somebody to kill
 * @oom_victim: identity of the mm that was killed last; @oom_lock
 * @oom_since: when, in jiffies; as @oom_victim
 * @truncate: notices when the store is truncated
 * @flusher: writes pages that have been dirty for long
 * @shrinker: the box's part in the machine's reclaim
 * @stats: counters, per CPU
 * @dir: debugfs directory; only the debugfs work touches it
 * @sync: makes and drops the debugfs directories of the box and of its maps
 * @sync_asked: how often that was asked for
 * @sync_done: up to which of these it is done; written by @sync
 * @synced: to wait for @sync_done
 * @late: tears the box down
 * @gone: for the task that waits for that, or NULL
 */
struct pb_box {
	u32 id;
	kuid_t owner;
	struct pb_user *user;
	struct mem_cgroup *memcg;
	bool privileged;
	bool kills_all;
	char name[PAGEBOX_NAME_LEN];
	struct kref ref;
	atomic_t files;
	struct inode *inode;
	struct inode *memory;
	struct inode *identities;
	struct mutex config; /* one ioctl at a time */
	struct mutex lock; /* size and store, until the box is used */
	bool sealed;
	u64 bytes;
	struct pb_backend *store;
	struct pb_tunables tune;
	struct pb_view root;
	struct pb_frames frames;
	struct pb_swap *swap;
	struct pb_swap *swap_old;
	struct rw_semaphore swap_lock; /* see @swap */
	struct pb_maps maps;
	struct pb_trails trails;
	long committed;
	struct mutex oom_lock; /* one killer at a time */
	struct mm_struct *oom_victim;
	unsigned long oom_since;
	struct pb_truncate truncate;
	struct delayed_work flusher;
	struct pb_shrinker shrinker;
	struct pb_stats __percpu *stats;
	struct dentry *dir;
	struct work_struct sync;
	atomic_t sync_asked;
	int sync_done;
	wait_queue_head_t synced;
	struct work_struct late;
	struct pb_flight *gone;
};

struct pb_box *pb_box_new(void);
struct pb_box *pb_box_find(u32 id);
int pb_box_file_release(struct inode *inode, struct file *file);
void pb_box_file_gone(struct pb_box *box);
void pb_boxes_exit(void);
struct file *pb_box_file(struct pb_box *box, struct inode *inode, int flags,
			 const struct file_operations *fops);
extern unsigned int pb_box_frames;
extern unsigned int pb_box_max;

static inline void pb_box_release_later(struct kref *ref)
{
	queue_work(pb_wq, &container_of(ref, struct pb_box, ref)->late);
}

/**
 * pb_box_put_later - drop a reference, and do not wait
 * @box: the box
 *
 * Context: any that may not wait for a worker.
 */
static inline void pb_box_put_later(struct pb_box *box)
{
	kref_put(&box->ref, pb_box_release_later);
}

/**
 * pb_box_unmap - take PTEs away, in all processes
 * @box: the box
 * @index: first index
 * @nr: how many
 *
 * Afterwards the folios know whether their PTEs were dirty or accessed.
 */
static inline void pb_box_unmap(struct pb_box *box, pgoff_t index, pgoff_t nr)
{
	unmap_mapping_pages(box->inode->i_mapping, index, nr, false);
}

static inline void pb_box_unmap_from(struct pb_box *box, pgoff_t first)
{
	pb_box_unmap(box, first, ULONG_MAX - first);
}

/**
 * pb_box_sync - maps have come or gone: debugfs shall show it
 * @box: of this box
 *
 * Context: any; the work is done later, and a reader of "summary" or "maps" waits
 * for it.
 */
static inline void pb_box_sync(struct pb_box *box)
{
	/* Ordered: the work sees the map, or is done once more. */
	atomic_inc_return(&box->sync_asked);
	queue_work(pb_wq, &box->sync);
}

/* The area that a slot of a page belongs to. */
static inline struct pb_swap *pb_box_swap_of(struct pb_box *box, u32 slot)
{
	struct pb_swap *swap;

	/* One without slots in use may go away while it is looked at. */
	rcu_read_lock();
	swap = READ_ONCE(box->swap);
	if (!swap || swap->parity != (slot & PB_SWAP_PARITY))
		swap = READ_ONCE(box->swap_old);
	rcu_read_unlock();
	return swap;
}

/* Do dirty pages of the root view go back to the store? */
static inline bool pb_box_writes_back(const struct pb_box *box)
{
	return box->store && box->store->writable;
}

/**
 * pb_box_end - where the box ends
 * @box: a sealed box
 *
 * A store that is shorter than the box bounds it; the file may grow and shrink.
 *
 * Return: its size in bytes as of now
 */
static inline u64 pb_box_end(struct pb_box *box)
{
	if (!box->store)
		return box->bytes;
	return min(box->bytes, pb_backend_bytes(box->store));
}

/**
 * pb_box_has - is there such a page?
 * @box: a sealed box
 * @index: the index
 *
 * Return: whether an access there is not past the end
 */
static inline bool pb_box_has(struct pb_box *box, pgoff_t index)
{
	return index < box->bytes >> PAGE_SHIFT &&
	       (u64)index << PAGE_SHIFT < pb_box_end(box);
}

/**
 * pb_store_pending - does a page lie behind an end that was not acted on?
 * @box: a sealed box
 * @index: the page
 *
 * Looks at the size of the store, and notices if it has shrunk.
 *
 * Context: as pb_store_notice().
 * Return: true if so: what the page shows may not be what the store has
 */
static inline bool pb_store_pending(struct pb_box *box, pgoff_t index)
{
	struct pb_truncate *t = &box->truncate;

	if (!box->store)
		return false;
	/* Pairs with the release in store_note_size(). */
	if (pb_backend_bytes(box->store) != smp_load_acquire(&t->end))
		pb_store_notice(box);
	return index >= READ_ONCE(t->first);
}

static inline void pb_count_add(struct pb_box *box, unsigned int stat, s64 n)
{
	this_cpu_add(box->stats->n[stat], n);
}

static inline void pb_count(struct pb_box *box, unsigned int stat)
{
	this_cpu_inc(box->stats->n[stat]);
}

/* The policy may want to know that a page in a frame is accessed. */
static inline void pb_folio_referenced(struct pb_box *box,
				       const struct folio *folio)
{
	const struct pb_page *page = folio->private;

	pb_frame_referenced(&box->frames, page->frame);
}

/* config.c ------------------------------------------------------------ */

void pb_box_seal(struct pb_box *box);
int pb_box_configure(struct pb_box *box, const struct pagebox_config *config);
void pb_box_info(struct pb_box *box, struct pagebox_info *info);

/* evict.c ------------------------------------------------------------- */

/**
 * struct pb_obstacles - why frames could not be taken
 * @busy: in the hands of another task, or under I/O; that passes
 * @pinned: something outside of the box holds a reference; that may pass
 * @unavailable: under mlock(), or the page cannot be written anywhere; that does
 *               not pass by waiting
 */
struct pb_obstacles {
	u32 busy;
	u32 pinned;
	u32 unavailable;
};

/**
 * struct pb_victims - frames on their way out
 * @nr: how many
 * @no_io: those that would have to be written stay
 * @seen: why some stay
 * @flight: the writes that they needed, or NULL; pb_evict_wait() ends it
 * @folio: their folios, locked and referenced
 */
struct pb_victims {
	unsigned int nr;
	bool no_io;
	struct pb_obstacles seen;
	struct pb_flight *flight;
	struct folio *folio[PB_BATCH_MAX];
};

void pb_evict_init(void);
void pb_evict_exit(void);
bool pb_evict_pause(const struct pb_obstacles *seen, unsigned int *pins);
int pb_evict_get_frame(struct pb_box *box, struct pb_blank *blank,
		       pgoff_t index);
int pb_evict_try_frame(struct pb_box *box, struct pb_blank *blank,
		       struct pb_obstacles *seen);
unsigned int pb_evict_victims(struct pb_box *box, struct pb_victims *v);
int pb_evict_wait(struct pb_victims *v);
int pb_evict_resize(struct pb_box *box, u32 limit);
int pb_evict_set_policy(struct pb_box *box, const struct pb_policy **policy,
			void **state);
unsigned long pb_evict_shrink(struct pb_box *box, unsigned long nr);

/* memcg.c ------------------------------------------------------------- */

/* Parts of the headroom that a cgroup is to keep. */
#define PB_MEMCG_LOW 2
#define PB_MEMCG_ALL 1

bool pb_memcg_is_short(unsigned int part, unsigned long *left);

/* shrink.c ------------------------------------------------------------ */

int pb_shrink_add(struct pb_box *box);
void pb_shrink_remove(struct pb_box *box);

/* writeback.c --------------------------------------------------------- */

int pb_writeback_range(struct pb_box *box, pgoff_t first, pgoff_t last);
int pb_writeback_fsync(struct file *file, loff_t start, loff_t end,
		       int datasync);
void pb_writeback_last(struct pb_box *box);
void pb_writeback_init(struct pb_box *box);
void pb_writeback_start(struct pb_box *box);
void pb_writeback_stop(struct pb_box *box);
struct pb_flight *pb_flight_new(void);
int pb_flight_wait(struct pb_flight *flight, u32 *failed);
void pb_flight_wait_closing(struct pb_flight *flight);
void pb_flight_add(struct pb_flight *flight);
void pb_flight_done(struct pb_flight *flight);

/* swapoff.c: moving pages from one swap area to another */
int pb_swapoff(struct pb_box *box, struct pb_swap *old);

/* oom.c --------------------------------------------------------------- */

int pb_oom(struct pb_box *box, unsigned int *since);

/* commit.c ------------------------------------------------------------ */

unsigned long pb_commit_capacity(struct pb_box *box);
int pb_commit_charge(struct pb_map *map, const struct vm_area_struct *vma);
void pb_commit_recount(struct pb_map *map);
void pb_commit_recount_all(struct pb_box *box);
long pb_commit_sum(struct pb_box *box);
bool pb_commit_covers(struct pb_map *map, const struct vm_area_struct *vma,
		      unsigned long address);

/* vma.c --------------------------------------------------------------- */

extern const struct vm_operations_struct pb_vma_shared_ops;
extern const struct vm_operations_struct pb_vma_private_ops;

/* fork.c -------------------------------------------------------------- */

struct pb_map *pb_fork_vma(struct pb_map *parent, struct vm_area_struct *vma);

/* stack.c ------------------------------------------------------------- */

int pb_stack_set(struct pb_box *box, const struct pagebox_stack *stack);
bool pb_stack_extend(struct pb_map *map, const struct vm_fault *vmf);

/* range.c ------------------------------------------------------------- */

int pb_range(struct pb_box *box, unsigned int nr, struct pagebox_range *range);
int pb_range_prefetch(struct pb_box *box, struct pb_view *view, pgoff_t first,
		      pgoff_t last, u64 most, u64 *pages);
int pb_range_page_out(struct pb_box *box, struct pb_view *view, pgoff_t first,
		      pgoff_t last, u64 *pages);

/* devio.c ------------------------------------------------------------- */

ssize_t pb_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t pb_write_iter(struct kiocb *iocb, struct iov_iter *from);
loff_t pb_llseek(struct file *file, loff_t offset, int whence);
int pb_fadvise(struct file *file, loff_t offset, loff_t length, int advice);
int pb_fadvise_mapping(struct file *file, loff_t offset, loff_t length,
		       int advice);

/* filelock.c ---------------------------------------------------------- */

int pb_lock(struct file *file, int cmd, struct file_lock *lock);
int pb_flock(struct file *file, int cmd, struct file_lock *lock);
int pb_flush(struct file *file, fl_owner_t owner);
void pb_locks_drop(struct pb_box *box, struct file *file);

/* fault.c ------------------------------------------------------------- */

/**
 * struct pb_fault - one fault on its way
 * @box: where
 * @view: in which view
 * @map: for which map, or NULL for read() and write()
 * @index: which page
 * @address: in the VMA, or 0 for a process that does not run yet
 * @write: it is to be written
 * @class: what had to be done so far
 * @major: a read was waited for
 * @short_of_frames: there was none for the copy of a page that was in one
 * @ahead: class of the read that readahead did for it, or PAGEBOX_FAULT_MINOR
 * @blank: a frame in hand, if any
 * @folio: the result, locked and referenced
 */
struct pb_fault {
	struct pb_box *box;
	struct pb_view *view;
	struct pb_map *map;
	pgoff_t index;
	unsigned long address;
	bool write;
	enum pagebox_fault_class class;
	bool major;
	bool short_of_frames;
	enum pagebox_fault_class ahead;
	struct pb_blank blank;
	struct folio *folio;
};

static inline struct pb_fault pb_fault_of(struct pb_map *map, pgoff_t index,
					  unsigned long address, bool write)
{
	return (struct pb_fault){
		.box = map->box,
		.view = map->view,
		.map = map,
		.index = index,
		.address = address,
		.write = write,
		.ahead = PAGEBOX_FAULT_MINOR,
	};
}

int pb_fault_resolve(struct pb_fault *f);
void pb_fault_count(const struct pb_fault *f, enum pagebox_fault_class class);
int pb_fault_own_copy(struct pb_map *map, pgoff_t index);
int pb_fault_root(struct pb_box *box, pgoff_t index, bool write,
		  struct folio **folio);

/* pte.c --------------------------------------------------------------- */

/**
 * struct pb_pte_bits - what the PTEs of a folio say, all mappings together
 * @mapped: how many PTEs were found
 * @young: one had its accessed bit set
 * @dirty: one has its dirty bit set
 * @locked: one belongs to a VMA under mlock()
 */
struct pb_pte_bits {
	u32 mapped;
	bool young;
	bool dirty;
	bool locked;
};

void pb_pte_harvest(struct address_space *mapping, pgoff_t first,
		    struct folio **folios, struct pb_pte_bits *bits,
		    unsigned int nr, bool clear);
int pb_pte_wrprotect(struct mm_struct *mm, unsigned long start,
		     unsigned long end);
pte_t pb_pte_read(struct mm_struct *mm, unsigned long address);
struct vm_area_struct *pb_pte_vma_first(struct address_space *mapping,
					pgoff_t first, pgoff_t last);
struct vm_area_struct *pb_pte_vma_next(struct vm_area_struct *vma,
				       pgoff_t first, pgoff_t last);

/* lockdep.c ----------------------------------------------------------- */

#ifdef CONFIG_PROVE_LOCKING
void pb_lockdep_box(struct pb_box *box);
#else
static inline void pb_lockdep_box(struct pb_box *box)
{
}
#endif

/* dev.c --------------------------------------------------------------- */

extern const struct file_operations pb_dev_fops;
int pb_dev_init(umode_t mode);
void pb_dev_exit(void);

/* debugfs.c ----------------------------------------------------------- */

void pb_debugfs_init(void);
void pb_debugfs_exit(void);
void pb_debugfs_add(struct pb_box *box);
void pb_debugfs_remove(struct pb_box *box);

#endif /* _PAGEBOX_H */
