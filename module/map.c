// SPDX-License-Identifier: GPL-2.0
/*
 * A map: the view that one process has of a box through one struct file.
 *
 * Core mm splits, moves and merges VMAs, and merges only those with the same
 * vm_file. So the map belongs to the pair (vm_file, vm_mm): all its VMAs share
 * one view, and shifting a border between them does not change the pages behind
 * it. For that, ->mmap (dev.c) gives each private mapping its own struct file,
 * so two adjacent private mappings are never merged.
 *
 * fork() gives the child a map of the same file in another mm (fork.c).
 */
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "box.h"
#include "commit.h"
#include "failpoint.h"
#include "identity.h"
#include "map.h"
#include "page.h"
#include "pagebox.h"
#include "pte.h"
#include "view.h"

static const struct rhashtable_params live_params = {
	.key_len = sizeof(struct pb_map_key),
	.key_offset = offsetof(struct pb_map, key),
	.head_offset = offsetof(struct pb_map, node),
	.automatic_shrinking = true,
};

/**
 * pb_maps_init - initialise an empty table of maps
 * @maps: the table
 *
 * Return: 0 or -ENOMEM
 */
int pb_maps_init(struct pb_maps *maps)
{
	spin_lock_init(&maps->lock);
	hash_init(maps->processes);
	INIT_LIST_HEAD(&maps->list);
	INIT_LIST_HEAD(&maps->unsynced);
	return pb_may_fail(alloc_map, -ENOMEM,
			   rhashtable_init(&maps->live, &live_params));
}

/**
 * pb_maps_destroy - free a table of maps
 * @maps: the table; it is empty
 */
void pb_maps_destroy(struct pb_maps *maps)
{
	rhashtable_destroy(&maps->live);
}

/**
 * pb_map_process - find a process that maps a box
 * @maps: the maps of the box; the caller holds its lock
 * @mm: the process
 *
 * Return: the process or NULL
 */
struct pb_process *pb_map_process(struct pb_maps *maps,
				  const struct mm_struct *mm)
{
	struct pb_process *process;

	lockdep_assert_held(&maps->lock);
	hash_for_each_possible(maps->processes, process, node,
			       (unsigned long)mm) {
		if (process->mm == mm)
			return process;
	}
	return NULL;
}

/**
 * pb_map_find - find the map of a file in a process
 * @box: the box
 * @file: vm_file of the VMAs
 * @mm: the process; the caller holds its mmap_lock
 *
 * Return: the map or NULL
 */
struct pb_map *pb_map_find(struct pb_box *box, struct file *file,
			   struct mm_struct *mm)
{
	struct pb_map_key key = { .file = file, .mm = mm };
	struct pb_map *map;

	spin_lock(&box->maps.lock);
	map = rhashtable_lookup_fast(&box->maps.live, &key, live_params);
	spin_unlock(&box->maps.lock);
	return map;
}

/**
 * pb_map_find_shared - find the map of the root view in a process
 * @box: the box
 * @mm: the process; the caller holds its mmap_lock
 *
 * Return: the map or NULL
 */
struct pb_map *pb_map_find_shared(struct pb_box *box, struct mm_struct *mm)
{
	struct pb_process *process;
	struct pb_map *map = NULL;

	spin_lock(&box->maps.lock);
	process = pb_map_process(&box->maps, mm);
	if (process)
		map = process->shared;
	spin_unlock(&box->maps.lock);
	return map;
}

/*
 * Add the map to its process, which becomes @new if it has none yet. Return
 * @new if it is not used, NULL if it is, or an error.
 */
static struct pb_process *join_process_locked(struct pb_map *map,
					      struct pb_process *new)
{
	struct pb_maps *maps = &map->box->maps;
	struct pb_process *process = pb_map_process(maps, map->mm);
	int err;

	lockdep_assert_held(&maps->lock);
	err = rhashtable_insert_fast(&maps->live, &map->node, live_params);
	if (err)
		return ERR_PTR(err);
	if (!process) {
		process = new;
		new = NULL;
		process->mm = map->mm;
		hash_add(maps->processes, &process->node,
			 (unsigned long)map->mm);
	}
	process->maps++;
	map->process = process;
	if (!pb_map_private(map))
		process->shared = map;
	return new;
}

/* Remove a map without VMAs. Return its process if this was its last map. */
static struct pb_process *leave_process_locked(struct pb_map *map)
{
	struct pb_maps *maps = &map->box->maps;
	struct pb_process *process = map->process;

	lockdep_assert_held(&maps->lock);
	rhashtable_remove_fast(&maps->live, &map->node, live_params);
	if (!pb_map_private(map))
		process->shared = NULL;
	map->process = NULL;
	map->mm = NULL;
	if (--process->maps)
		return NULL;
	hash_del(&process->node);
	return process;
}

/* Give the map its number, and make it visible. */
static int map_publish(struct pb_map *map)
{
	struct pb_process *new = pb_may_fail(
		alloc_map, NULL, kzalloc(sizeof(struct pb_process), PB_GFP));
	struct pb_maps *maps = &map->box->maps;
	bool failed;

	if (!new)
		return -ENOMEM;
	spin_lock(&maps->lock);
	new = join_process_locked(map, new);
	failed = IS_ERR(new);
	if (!failed) {
		map->id = ++maps->last_id;
		WRITE_ONCE(maps->nr, maps->nr + 1);
		list_add_tail(&map->entry, &maps->list);
		list_add_tail(&map->unsynced, &maps->unsynced);
	}
	spin_unlock(&maps->lock);
	if (failed)
		return PTR_ERR(new);
	kfree(new);
	return 0;
}

/**
 * pb_map_new - make a map without VMAs
 * @box: the box
 * @file: vm_file of its future VMAs
 * @mm: the process; the caller holds its mmap_lock for writing
 * @private: give it its own view
 *
 * Return: the map, or NULL without memory
 */
struct pb_map *pb_map_new(struct pb_box *box, struct file *file,
			  struct mm_struct *mm, bool private)
{
	struct pb_map *map =
		pb_may_fail(alloc_map, NULL, kzalloc(sizeof(*map), PB_GFP));

	if (!map)
		return NULL;
	map->box = box;
	map->mm = mm;
	map->key.file = file;
	map->key.mm = mm;
	map->view = private ? &map->own : &box->root;
	if (private) {
		map->identity = pb_identity_get(box, mm);
		if (!map->identity)
			goto out_free;
		pb_view_init(box, &map->own);
	}
	if (map_publish(map))
		goto out_view;
	pb_box_sync(box);
	return map;

out_view:
	if (private)
		pb_view_destroy(box, &map->own);
	pb_identity_put(box, map->identity);
out_free:
	kfree(map);
	return NULL;
}

/**
 * pb_map_get_vma - count a new VMA of the map
 * @map: the map; its mmap_lock is held for writing
 */
void pb_map_get_vma(struct pb_map *map)
{
	WRITE_ONCE(map->vmas, map->vmas + 1);
}

/*
 * Does a VMA of the map show @index? Set @last to the end of the VMA, or to the
 * end of the gap before the next one.
 */
static bool map_shows(struct pb_map *map, pgoff_t index, pgoff_t *last)
{
	struct address_space *mapping = map->box->inode->i_mapping;
	struct vm_area_struct *vma;
	bool shows = false;

	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, index, *last); vma;
	     vma = pb_pte_vma_next(vma, index, *last)) {
		if (pb_map_of(vma) != map)
			continue;
		if (vma->vm_pgoff <= index) {
			*last = vma->vm_pgoff + vma_pages(vma) - 1;
			shows = true;
			break;
		}
		*last = vma->vm_pgoff - 1;
	}
	i_mmap_unlock_read(mapping);
	return shows;
}

/**
 * pb_map_locks - must a page stay in memory because of mlock()?
 * @box: the box
 * @page: a page in a locked frame, already unmapped
 *
 * mlock() marks the VMA before it looks for PTEs. So either the mark is seen
 * here, or mlock() finds no PTE and faults the page in again.
 *
 * Context: takes i_mmap_rwsem for reading.
 * Return: true if a locked VMA shows the page
 */
bool pb_map_locks(struct pb_box *box, const struct pb_page *page)
{
	struct address_space *mapping = box->inode->i_mapping;
	struct vm_area_struct *vma;
	bool locks = false;

	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, page->index, page->index);
	     vma && !locks;
	     vma = pb_pte_vma_next(vma, page->index, page->index)) {
		if (!(vma->vm_flags & VM_LOCKED) || !pb_map_of(vma))
			continue;
		rcu_read_lock();
		locks = pb_view_look(box, pb_map_of(vma)->view, page->index) ==
			page;
		rcu_read_unlock();
	}
	i_mmap_unlock_read(mapping);
	return locks;
}

/*
 * After a VMA was closed, drop the pages that no VMA of the process shows.
 * After mremap() another VMA shows the same pages.
 */
static void map_discard(struct pb_map *map, pgoff_t first, pgoff_t last)
{
	pgoff_t index, end;

	for (index = first; index <= last; index = end + 1) {
		end = last;
		if (map_shows(map, index, &end))
			continue;
		pb_window(close_discard);
		pb_view_drop(map->box, map->view, index, end);
	}
}

/**
 * pb_map_put_vma - a VMA of the map was closed
 * @map: the map; mmap_lock is held
 * @first: first index of the VMA, which has left the i_mmap tree
 * @nr: how many pages it shows. When a split fails, Linux 6.1 closes the new
 *      VMA as one of no pages at index 0; the old VMA still shows its pages
 *
 * With its last VMA the map drops its pages; debugfs then drops the map.
 */
void pb_map_put_vma(struct pb_map *map, pgoff_t first, unsigned long nr)
{
	struct pb_box *box = map->box;
	struct pb_process *process;

	pb_window(close_vma);
	WRITE_ONCE(map->vmas, map->vmas - 1);
	pb_commit_recount(map);
	if (map->vmas) {
		if (pb_map_private(map) && nr)
			map_discard(map, first, first + nr - 1);
		return;
	}
	spin_lock(&box->maps.lock);
	process = leave_process_locked(map);
	WRITE_ONCE(box->maps.nr, box->maps.nr - 1);
	spin_unlock(&box->maps.lock);
	kfree(process);
	pb_window(close_view);
	if (pb_map_private(map))
		pb_view_destroy(box, &map->own);
	pb_identity_put(box, map->identity);

	spin_lock(&box->maps.lock);
	map->dead = true;
	if (list_empty(&map->unsynced))
		list_add_tail(&map->unsynced, &box->maps.unsynced);
	spin_unlock(&box->maps.lock);
	pb_box_sync(box);
}

/**
 * pb_map_pid - get the process of a map
 * @map: the map
 *
 * The PID is looked up through the mm, since fork() makes the map before the
 * child has a PID.
 *
 * Return: thread group id in the initial namespace, or 0 if there is none
 */
pid_t pb_map_pid(struct pb_map *map)
{
	pid_t pid = 0;
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	/* The lock keeps the mm: closing its last VMA takes it. */
	spin_lock(&map->box->maps.lock);
	rcu_read_lock();
	owner = map->mm ? rcu_dereference(map->mm->owner) : NULL;
	if (owner)
		pid = task_tgid_nr(owner);
	rcu_read_unlock();
	spin_unlock(&map->box->maps.lock);
#endif
	return pid;
}
