/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pagebox: an instrumented virtual-memory sandbox.
 *
 * What the nouns are, and which file holds each:
 *
 *   box      one sandbox, made by open("/dev/pagebox")                 box.c
 *   map      one mapping of a box in one process: all VMAs of one
 *            struct file in one mm                                     map.c
 *   view     index -> page. The root view is what MAP_SHARED sees;
 *            a private map has an overlay of its own                   view.c
 *   page     a virtual page: where its contents are. Shared by the
 *            views that forked from each other, until one writes       page.c
 *   frame    a physical page with a number in its box                  frame.c
 *   backend  an array of pages to read and write: RAM, a file       backend*.c
 *   swap     slots of a backend, for pages that lost their frame       swap.c
 *
 * The way of a fault:
 *
 *   do_shared_fault() / do_read_fault()
 *     fault.c     look the index up in the map's view, else in the root view
 *       page in a frame ............... lock the folio, check again, map it
 *       no frame yet .................. frame.c for one, evict.c if none is free
 *         never touched, no store ..... clear it
 *         in the store or in swap ..... read it
 *       write, others see the page .... copy it, put the copy into the view
 *     <- the folio, locked; core mm sets the PTE
 *
 * The way of an eviction (evict.c):
 *
 *   the hand takes the next frames, folios trylocked     frame.c
 *   accessed bits are read and cleared in the PTEs       pte.c
 *   accessed: second chance. Not accessed: a victim
 *   one unmap per run of neighbouring victims; their dirty bits are now known
 *   pinned meanwhile: hands off. Dirty: write to swap    swap.c
 *   the frame goes to the free list                      frame.c
 *
 * Lock order, outermost first:
 *
 *   mmap_lock or VMA lock        core mm, around every callback of a VMA
 *     pb_box.lock                configuration; taken in ioctl without mmap_lock,
 *                                in mmap under it, never held over user access
 *     pb_frames.evict_lock       one hand at a time; under it, folios are only
 *                                trylocked. A fault asks for its frame before it
 *                                locks anything, so nothing that the evictor
 *                                could wait for waits for the evictor
 *       folio lock               *the* lock of a page. A fault may hold two: of
 *                                a page that it copies or has replaced, and of
 *                                the copy. Nobody who holds the old page's waits
 *                                for another page's
 *         i_mmap_rwsem           unmap_mapping_pages(), the walks of pte.c
 *           page table lock      core mm, pte.c
 *     pb_maps.lock               the table of maps; leaf
 *     pb_frames.lock             the frame table; leaf
 *     xa_lock of a view          leaf, but for the allocation of its nodes
 *
 * I/O is waited for with folio locks held, and done by workers that hold none.
 */
#ifndef _PAGEBOX_H
#define _PAGEBOX_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <pagebox.h>

#include "compat.h"

struct pb_box;

/* Memory of ours is charged to the cgroup of the program that causes it. */
#define PB_GFP (GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

/* No frame, no slot: both are numbers below 2^32 - 1. */
#define PB_NONE U32_MAX

/* stats.c ------------------------------------------------------------- */

/**
 * enum pb_stat - counters of a box
 * @PB_STAT_MAJOR: the fault classes of the ABI come first, then faults that
 *                 waited for a read
 * @PB_STAT_EVICT_CLEAN: frames taken without a write
 * @PB_STAT_EVICT_DIRTY: frames taken after a write to swap
 * @PB_STAT_SECOND_CHANCE: accessed bits that saved a frame from the hand
 * @PB_STAT_REVOLUTION: times the hand began again at frame 0
 * @PB_STAT_PINNED: frames the hand had to leave alone
 * @PB_STAT_PAGES: pages that exist (goes up and down)
 * @PB_STAT_VIEWS: views that exist (goes up and down)
 * @PB_STAT_NR: how many counters there are
 */
enum pb_stat {
	PB_STAT_MAJOR = PAGEBOX_FAULT_NR,
	PB_STAT_EVICT_CLEAN,
	PB_STAT_EVICT_DIRTY,
	PB_STAT_SECOND_CHANCE,
	PB_STAT_REVOLUTION,
	PB_STAT_PINNED,
	PB_STAT_PAGES,
	PB_STAT_VIEWS,
	PB_STAT_NR,
};

struct pb_stats {
	u64 n[PB_STAT_NR];
};

struct pb_map;

extern const char *const pb_stat_names[PB_STAT_NR];

int pb_stats_init(struct pb_box *box);
void pb_stats_destroy(struct pb_box *box);
u64 pb_stats_read(struct pb_box *box, unsigned int stat);
void pb_stats_fill(struct pb_box *box, struct pagebox_stats *out);

/* backend*.c ---------------------------------------------------------- */

struct pb_backend;

/**
 * struct pb_backend_ops - what every backend can do
 * @read: fill a folio with page @index; 0, -EIO and the like
 * @write: replace page @index by the folio's contents; 0 or -ENOSPC, -ENOMEM,
 *         -EIO. NULL when the backend is only read
 * @discard: the contents of page @index are not needed any more, or NULL
 * @bytes: size now, in bytes; U64_MAX without a bound
 * @release: free the backend
 *
 * All may sleep; none touches frames or views.
 */
struct pb_backend_ops {
	int (*read)(struct pb_backend *backend, pgoff_t index,
		    struct folio *folio);
	int (*write)(struct pb_backend *backend, pgoff_t index,
		     struct folio *folio);
	void (*discard)(struct pb_backend *backend, pgoff_t index);
	u64 (*bytes)(struct pb_backend *backend);
	void (*release)(struct pb_backend *backend);
};

/**
 * struct pb_backend - an array of pages that can be read and written
 * @ops: what it can do; invariant
 * @file: what is behind it, or NULL for RAM; invariant
 */
struct pb_backend {
	const struct pb_backend_ops *ops;
	struct file *file;
};

struct pb_backend *pb_backend_ram_new(void);
extern unsigned long pb_ram_max;

struct pb_backend *pb_backend_file_new(int fd);
int pb_backend_file_init(void);
void pb_backend_file_exit(void);

static inline u64 pb_backend_bytes(struct pb_backend *backend)
{
	return backend->ops->bytes(backend);
}

static inline void pb_backend_release(struct pb_backend *backend)
{
	if (backend)
		backend->ops->release(backend);
}

/* swap.c -------------------------------------------------------------- */

/**
 * struct pb_swap - the swap area of a box
 * @backend: where the slots are; invariant after the box is made
 * @slots: which slots are taken; has its own lock
 * @used: how many are
 */
struct pb_swap {
	struct pb_backend *backend;
	struct ida slots;
	atomic_long_t used;
};

struct pb_page;

int pb_swap_init(struct pb_swap *swap);
void pb_swap_destroy(struct pb_swap *swap);
int pb_swap_out(struct pb_swap *swap, struct pb_page *page,
		struct folio *folio);
void pb_swap_free(struct pb_swap *swap, u32 slot);

/* frame.c ------------------------------------------------------------- */

/**
 * struct pb_frame - one entry of the frame table
 * @folio: the physical page, NULL until first used; pb_frames.lock
 * @next: next free frame while this one is free; pb_frames.lock
 * @waiters: tasks that wait for the lock of @folio; pb_frames.lock
 *
 * folio->private is the page in the frame and NULL in a free one; it changes
 * under the folio lock.
 */
struct pb_frame {
	struct folio *folio;
	u32 next;
	u32 waiters;
};

/**
 * struct pb_frames - the frame table of a box
 * @lock: a leaf lock, see the fields
 * @table: @limit entries; invariant after the box is sealed
 * @limit: how many frames the box may have; invariant after the box is sealed
 * @batch: how many victims an eviction takes at most; follows from @limit
 * @fresh: frames from here on were never used; @lock
 * @free: first free frame, or PB_NONE; @lock
 * @used: frames that are not free; written under @lock, read by anybody
 * @evict_lock: makes the hand move for one task at a time
 * @hand: the frame the hand looks at next; written under @evict_lock
 */
struct pb_frames {
	spinlock_t lock; /* the table, the free list, @used */
	struct pb_frame *table;
	u32 limit;
	u32 batch;
	u32 fresh;
	u32 free;
	u32 used;
	struct mutex evict_lock; /* the hand */
	u32 hand;
};

/* Most victims an eviction takes; bounds what it keeps on the stack. */
#define PB_BATCH_MAX 32

extern unsigned long pb_frames_max;

/**
 * struct pb_spare - a frame that is taken, but holds no page yet
 * @folio: referenced, or NULL
 * @frame: its number
 * @zeroed: all its bytes are zero
 */
struct pb_spare {
	struct folio *folio;
	u32 frame;
	bool zeroed;
};

int pb_frames_init(struct pb_frames *frames, u32 limit);
int pb_frames_resize(struct pb_frames *frames, u32 limit);
void pb_frames_destroy(struct pb_frames *frames);
int pb_frame_get(struct pb_frames *frames, struct pb_spare *spare);
void pb_frame_put(struct pb_frames *frames, struct folio *folio, u32 number);
struct folio *pb_frame_lookup(struct pb_frames *frames, u32 number);
void pb_frame_lock(struct pb_frames *frames, struct folio *folio, u32 number);
bool pb_frame_pinned(struct pb_frames *frames, struct folio *folio, u32 number);
u32 pb_frames_advance(struct pb_frames *frames);

/* page.c -------------------------------------------------------------- */

/**
 * struct pb_page - a virtual page: where its contents are
 * @folio: the frame's folio, or NULL. Set once from NULL to a *locked* folio
 *         by compare-and-exchange, cleared under the folio lock; so whoever
 *         holds the lock of the folio and finds it here owns the page
 * @index: place in the box in pages; invariant
 * @frame: number of the frame while @folio is set; folio lock
 * @slot: swap slot with the contents, or with a copy of them when @folio is
 *        set and clean, or PB_NONE; folio lock
 * @root: a page of the root view; invariant
 * @refs: life time: one for all sharers together, and one for each user that
 *        keeps the page without lock or RCU
 * @sharers: how many views hold the page. With one, its view may write to it
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
	refcount_t refs;
	atomic_t sharers;
	struct rcu_head rcu;
};

struct pb_page *pb_page_new(struct pb_box *box, pgoff_t index, bool root);
void pb_page_put(struct pb_box *box, struct pb_page *page);
void pb_page_unshare(struct pb_box *box, struct pb_page *page);
bool pb_page_attach(struct pb_box *box, struct pb_page *page,
		    const struct pb_spare *spare);
u32 pb_page_detach(struct pb_page *page, struct folio *folio);
struct folio *pb_page_lock_folio(struct pb_page *page);
int pb_page_read(struct pb_box *box, const struct pb_page *page, pgoff_t index,
		 const struct pb_spare *spare);
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

static inline bool pb_page_tryget(struct pb_page *page)
{
	return refcount_inc_not_zero(&page->refs);
}

static inline bool pb_page_exclusive(const struct pb_page *page)
{
	return atomic_read(&page->sharers) == 1;
}

/* view.c -------------------------------------------------------------- */

/**
 * struct pb_view - a supplemental page table: index -> page
 * @pages: struct pb_page by index; read under RCU, changed under its xa_lock
 * @broken: a fork could not clone all of it; set once, before any fault
 */
struct pb_view {
	struct xarray pages;
	bool broken;
};

void pb_view_init(struct pb_box *box, struct pb_view *view);
void pb_view_destroy(struct pb_box *box, struct pb_view *view);
struct pb_page *pb_view_peek(struct pb_view *view, pgoff_t index);
struct folio *pb_view_trylock(struct pb_view *view, pgoff_t index,
			      struct pb_page **page);
struct pb_page *pb_view_next(struct pb_view *view, pgoff_t *index,
			     pgoff_t last);
int pb_view_replace(struct pb_view *view, pgoff_t index, struct pb_page *old,
		    struct pb_page *new);
void pb_view_discard(struct pb_box *box, struct pb_view *view, pgoff_t first,
		     pgoff_t last);
struct pb_page *pb_view_share(struct pb_view *from, struct pb_view *to,
			      pgoff_t *index, pgoff_t last);

/* map.c --------------------------------------------------------------- */

/**
 * struct pb_map - one mapping of a box in one process
 * @box: invariant
 * @view: what the mapping sees first: @own or the root view; invariant
 * @own: the overlay of a private mapping
 * @mm: identity of the process, never dereferenced without a VMA at hand or
 *      pb_maps.lock; NULL once the last VMA is gone
 * @file: vm_file of the VMAs, an identity as well; invariant
 * @vmas: how many VMAs it has; mmap_lock for writing, or the fault's own VMA
 * @id: number in the box; invariant
 * @node: in pb_maps.live; pb_maps.lock
 * @entry: in pb_maps.list, which also holds what debugfs has not dropped yet;
 *         pb_maps.lock
 * @dead: only debugfs still knows it; pb_maps.lock
 * @dir: debugfs directory; only the debugfs work touches it
 * @faults: by class, this process alone
 * @major: those that waited for a read
 */
struct pb_map {
	struct pb_box *box;
	struct pb_view *view;
	struct pb_view own;
	struct mm_struct *mm;
	struct file *file;
	unsigned int vmas;
	u32 id;
	struct hlist_node node;
	struct list_head entry;
	bool dead;
	struct dentry *dir;
	atomic64_t faults[PAGEBOX_FAULT_NR];
	atomic64_t major;
};

/**
 * struct pb_maps - the mappings of a box
 * @lock: leaf
 * @live: maps that have VMAs, by mm; @lock
 * @list: all maps, in the order of their making; @lock
 * @last_id: the newest map's number; @lock
 */
struct pb_maps {
	spinlock_t lock; /* all below, and who is alive */
	DECLARE_HASHTABLE(live, 6);
	struct list_head list;
	u32 last_id;
};

static inline bool pb_map_private(const struct pb_map *map)
{
	return map->view == &map->own;
}

void pb_maps_init(struct pb_maps *maps);
struct pb_map *pb_map_new(struct pb_box *box, struct file *file,
			  struct mm_struct *mm, bool private);
struct pb_map *pb_map_fork(struct pb_map *parent, struct vm_area_struct *vma);
void pb_map_get_vma(struct pb_map *map);
void pb_map_put_vma(struct pb_map *map, struct vm_area_struct *vma);
struct pb_map *pb_map_find(struct pb_box *box, struct file *file,
			   struct mm_struct *mm);
pid_t pb_map_pid(struct pb_map *map);
struct pb_page *pb_map_peek(struct pb_map *map, pgoff_t index);

/* box.c --------------------------------------------------------------- */

/**
 * struct pb_box - one sandbox
 * @id: number, never used again; invariant
 * @owner: who opened it; invariant
 * @name: comm of who opened it; invariant
 * @ref: files that stand for the box: the opener's and those of private maps
 * @inode: its i_mapping is the reverse map of all VMAs; invariant
 * @lock: protects the configuration until @sealed
 * @sealed: was mapped, the configuration is invariant now; written under @lock
 * @bytes: size; @lock until @sealed
 * @store: where pages come from, or NULL; @lock until @sealed
 * @root: the view of MAP_SHARED mappings
 * @frames: the frame table
 * @swap: the swap area
 * @maps: the mappings
 * @stats: counters, per CPU
 * @dir: debugfs directory; invariant
 * @sync: makes and drops the debugfs directories of maps
 */
struct pb_box {
	u32 id;
	kuid_t owner;
	char name[TASK_COMM_LEN];
	struct kref ref;
	struct inode *inode;
	struct mutex lock; /* the configuration */
	bool sealed;
	u64 bytes;
	struct pb_backend *store;
	struct pb_view root;
	struct pb_frames frames;
	struct pb_swap swap;
	struct pb_maps maps;
	struct pb_stats __percpu *stats;
	struct dentry *dir;
	struct work_struct sync;
};

struct pb_box *pb_box_new(void);
void pb_box_put(struct pb_box *box);
void pb_box_seal(struct pb_box *box);
int pb_box_configure(struct pb_box *box, const struct pagebox_config *config);
void pb_box_info(struct pb_box *box, struct pagebox_info *info);
struct file *pb_box_file(struct pb_box *box);
void pb_box_unmap(struct pb_box *box, pgoff_t index, pgoff_t nr);
extern unsigned int pb_box_frames;

/**
 * pb_box_has - is there such a page?
 * @box: a sealed box
 * @index: the index
 *
 * A store that is shorter than the box bounds it; the file may grow and shrink.
 *
 * Return: whether an access there is not past the end
 */
static inline bool pb_box_has(struct pb_box *box, pgoff_t index)
{
	if (index >= box->bytes >> PAGE_SHIFT)
		return false;
	return !box->store ||
	       index << PAGE_SHIFT < pb_backend_bytes(box->store);
}

static inline void pb_count_add(struct pb_box *box, unsigned int stat, s64 n)
{
	this_cpu_add(box->stats->n[stat], n);
}

static inline void pb_count(struct pb_box *box, unsigned int stat)
{
	this_cpu_inc(box->stats->n[stat]);
}

/* evict.c ------------------------------------------------------------- */

int pb_evict_get_frame(struct pb_box *box, struct pb_spare *spare);

/* fault.c ------------------------------------------------------------- */

extern const struct vm_operations_struct pb_shared_vm_ops;
extern const struct vm_operations_struct pb_private_vm_ops;

int pb_fault_own_copy(struct pb_map *map, pgoff_t index);

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
void pb_pte_wrprotect(struct mm_struct *mm, unsigned long start,
		      unsigned long end);
pte_t pb_pte_read(struct mm_struct *mm, unsigned long address);
struct vm_area_struct *pb_pte_vma_first(struct address_space *mapping,
					pgoff_t first, pgoff_t last);
struct vm_area_struct *pb_pte_vma_next(struct vm_area_struct *vma,
				       pgoff_t first, pgoff_t last);

/* dev.c --------------------------------------------------------------- */

int pb_dev_init(umode_t mode);
void pb_dev_exit(void);

/* debugfs.c ----------------------------------------------------------- */

void pb_debugfs_init(void);
void pb_debugfs_exit(void);
void pb_debugfs_add(struct pb_box *box);
void pb_debugfs_remove(struct pb_box *box);
void pb_debugfs_sync(struct pb_box *box);

#endif /* _PAGEBOX_H */
