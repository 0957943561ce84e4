// SPDX-License-Identifier: GPL-2.0
/*
 * Commitments: how many pages mappings have promised.
 *
 * A page that is promised may need a frame or a swap slot one day. So the pages
 * of all mappings count, page by page whether touched or not, but for those
 * whose dirty pages go back to the store, which has room for them.
 *
 * Core mm shifts the borders of VMAs without telling: when one is split or
 * merged, moved or grown in place. Closing one is told always, so a map is
 * counted anew then.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "box.h"
#include "commit.h"
#include "failpoint.h"
#include "map.h"
#include "pagebox.h"
#include "pte.h"
#include "store.h"
#include "swap.h"

/* Do the pages of the map need frames and slots of the box? */
static bool map_counts(const struct pb_map *map)
{
	return pb_map_private(map) || !pb_box_writes_back(map->box);
}

static unsigned long vma_promise(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

/**
 * pb_commit_capacity - how many pages the box has room for
 * @box: the box
 *
 * With all frames and slots full, no page could change its place with another:
 * one slot has to be left.
 *
 * Context: sleeps.
 * Return: frames and swap slots together, less one slot
 */
unsigned long pb_commit_capacity(struct pb_box *box)
{
	unsigned long pages = READ_ONCE(box->frames.limit);

	/* The lock keeps the area. */
	down_read(&box->swap_lock);
	if (box->swap)
		pages += READ_ONCE(box->swap->limit) - 1;
	up_read(&box->swap_lock);
	return pages;
}

/* With maps.lock: the box's sum follows. */
static void set_committed(struct pb_map *map, unsigned long pages)
{
	struct pb_box *box = map->box;

	WRITE_ONCE(box->committed, box->committed + pages - map->committed);
	WRITE_ONCE(map->committed, pages);
}

/*
 * Promise more than the @before that the map has promised, if the box may.
 * -EAGAIN: it is not @before any more.
 */
static int commit_try(struct pb_map *map, unsigned long before, long pages)
{
	struct pb_box *box = map->box;
	long room = LONG_MAX;
	int err = 0;

	if (READ_ONCE(box->tune.overcommit) == PAGEBOX_OVERCOMMIT_NEVER)
		room = pb_commit_capacity(box);
	spin_lock(&box->maps.lock);
	if (map->committed != before)
		err = -EAGAIN;
	else if (pages && box->committed + pages > room)
		err = -ENOMEM;
	else
		set_committed(map, before + pages);
	spin_unlock(&box->maps.lock);
	return err;
}

/**
 * pb_commit_charge - promise the pages of a VMA
 * @map: the VMA's map, of a sealed box
 * @vma: new to the map; mmap_lock is held for writing
 *
 * Return: 0, or -ENOMEM when the box does not promise what it may not have
 */
int pb_commit_charge(struct pb_map *map, const struct vm_area_struct *vma)
{
	long pages = map_counts(map) ? vma_promise(vma) : 0;
	int err;

	/* Faults in other VMAs of the map may promise at the same time. */
	do {
		err = commit_try(map, READ_ONCE(map->committed), pages);
	} while (err == -EAGAIN);
	return err;
}

/* What the VMAs of the map that are left promise. */
static unsigned long map_promise(const struct pb_map *map)
{
	struct address_space *mapping = map->box->inode->i_mapping;
	struct vm_area_struct *vma;
	unsigned long pages = 0;

	if (!map->vmas || !map_counts(map))
		return 0;
	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, 0, ULONG_MAX); vma;
	     vma = pb_pte_vma_next(vma, 0, ULONG_MAX)) {
		if (pb_map_of(vma) == map)
			pages += vma_promise(vma);
	}
	i_mmap_unlock_read(mapping);
	return pages;
}

static bool is_promising(struct pb_box *box)
{
	return READ_ONCE(box->tune.overcommit) == PAGEBOX_OVERCOMMIT_NEVER;
}

/**
 * pb_commit_recount - a VMA is not there any more
 * @map: its map; mmap_lock is held for writing
 *
 * Where mremap() has moved a VMA and made it larger, the close of the old one
 * comes here too. What that added is not promised by this.
 *
 * The count goes through all VMAs of the box. So it is left out where nothing
 * depends on it: in a box that refuses nothing, and in a process that exits, whose
 * map promises nothing with its last VMA.
 */
void pb_commit_recount(struct pb_map *map)
{
	struct pb_box *box = map->box;
	unsigned long pages;

	if (map->vmas &&
	    (!is_promising(box) || !atomic_read(&map->mm->mm_users)))
		return;
	pages = map_promise(map);
	spin_lock(&box->maps.lock);
	if (is_promising(box))
		pages = min(pages, map->committed);
	set_committed(map, pages);
	spin_unlock(&box->maps.lock);
}

/* Pages that all VMAs promise, also by map, in pb_map.counted, if @by_map. */
static long count_promises(struct pb_box *box, bool by_map)
{
	struct address_space *mapping = box->inode->i_mapping;
	struct vm_area_struct *vma;
	struct pb_map *map;
	long pages = 0;

	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, 0, ULONG_MAX); vma;
	     vma = pb_pte_vma_next(vma, 0, ULONG_MAX)) {
		map = pb_map_of(vma);
		if (!map || !map_counts(map))
			continue;
		pages += vma_promise(vma);
		if (by_map)
			map->counted += vma_promise(vma);
		cond_resched();
	}
	i_mmap_unlock_read(mapping);
	return pages;
}

/**
 * pb_commit_recount_all - the box promises from now on
 * @box: the box; its configuration is locked
 *
 * A mapping that is made or unmapped meanwhile is counted right when it changes
 * again, or is touched.
 */
void pb_commit_recount_all(struct pb_box *box)
{
	struct pb_map *map;

	lockdep_assert_held(&box->config);
	spin_lock(&box->maps.lock);
	list_for_each_entry(map, &box->maps.list, entry)
		map->counted = 0;
	spin_unlock(&box->maps.lock);
	count_promises(box, true);
	spin_lock(&box->maps.lock);
	list_for_each_entry(map, &box->maps.list, entry) {
		if (map->mm)
			set_committed(map, map->counted);
	}
	spin_unlock(&box->maps.lock);
}

/**
 * pb_commit_sum - how many pages mappings have promised
 * @box: the box
 *
 * Context: sleeps.
 * Return: in a box that refuses nothing, as much as is mapped now
 */
long pb_commit_sum(struct pb_box *box)
{
	if (is_promising(box))
		return READ_ONCE(box->committed);
	return count_promises(box, false);
}

/**
 * pb_commit_covers - is a page promised, in a box that promises?
 * @map: its map
 * @vma: where it is touched; mmap_lock or the VMA lock is held
 * @address: of the touch
 *
 * mremap() makes a VMA grow at its end without telling. What it added is
 * promised when it is touched first, if the box may; what was there before stays
 * usable in any case.
 *
 * Return: false if it may not
 */
bool pb_commit_covers(struct pb_map *map, const struct vm_area_struct *vma,
		      unsigned long address)
{
	unsigned long promised;
	long more;
	int err;

	do {
		promised = READ_ONCE(map->committed);
		if ((address - vma->vm_start) >> PAGE_SHIFT < promised ||
		    !map_counts(map))
			return true;
		more = map_promise(map) - promised;
		pb_window(PB_WINDOW_COMMIT_COVER);
		err = more > 0 ? commit_try(map, promised, more) : 0;
	} while (err == -EAGAIN);
	return !err;
}
