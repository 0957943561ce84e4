/* SPDX-License-Identifier: GPL-2.0 */
/* A map: one mapping of a box in one process. */
#ifndef _PAGEBOX_MAP_H
#define _PAGEBOX_MAP_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>

#include "pagebox.h"
#include "view.h"

/**
 * struct pb_process - a process that maps a box
 * @mm: identity of the process
 * @node: in pb_maps.processes; pb_maps.lock
 * @maps: number of its maps; pb_maps.lock
 * @shared: its map of the root view, or NULL; pb_maps.lock
 * @held: pages that it was found to hold; pb_box.oom_lock
 *
 * It exists while it has maps.
 */
struct pb_process {
	struct mm_struct *mm;
	struct hlist_node node;
	unsigned int maps;
	struct pb_map *shared;
	unsigned long held;
};

/**
 * struct pb_map_key - key of a map
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
 * @view: the view that the mapping accesses: @own or the root view; invariant
 * @own: the overlay of a private mapping
 * @identity: folio->mapping of pages that @own may write to, NULL for a shared
 *            mapping; invariant
 * @mm: identity of the process, dereferenced only with one of its VMAs in hand
 *      or under pb_maps.lock; NULL once the last VMA is closed
 * @key: vm_file of the VMAs and the process, both as identities; invariant
 * @process: common to all maps of the process, while this one has VMAs
 * @vmas: number of its VMAs; mmap_lock for writing, or the fault's own VMA
 * @id: number in the box; invariant
 * @node: in pb_maps.live; changed with pb_maps.lock
 * @entry: in pb_maps.list, which also holds maps that debugfs has yet to drop;
 *         pb_maps.lock
 * @unsynced: in pb_maps.unsynced, or empty; pb_maps.lock
 * @dead: only debugfs still uses it; pb_maps.lock
 * @dir: debugfs directory; only the debugfs work uses it
 * @broken: a fork could not share or commit all of it, so accesses fail; set
 *          once, before any fault
 * @next: the index at which a fault would be the next in sequence
 * @committed: pages committed for its VMAs; pb_maps.lock. Without strict
 *             overcommit it may be too high, see commit.c
 * @counted: the same during a recount of all maps; pb_box.config
 * @stack_low: lowest address that may be accessed so far, 0 for a mapping that
 *             does not grow
 * @stack_limit: lowest address that it may grow to
 * @faults: by class, of this process only
 * @major: faults that waited for a read
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
 * @processes: processes that have such maps, by mm; @lock
 * @list: all maps, in order of creation; @lock
 * @unsynced: maps whose directory must be made or removed; @lock
 * @nr: number of maps that have VMAs; written under @lock
 * @last_id: the newest map's number; @lock
 */
struct pb_maps {
	spinlock_t lock; /* all below, and pb_map.mm */
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

/*
 * Until fork() calls ->open, the child's VMA still points to the parent's map.
 */
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

#endif /* _PAGEBOX_MAP_H */
