// SPDX-License-Identifier: GPL-2.0
/*
 * Commitments: the number of pages committed to mappings.
 *
 * A committed page may need a frame or a swap slot one day. So all pages of all
 * mappings count, whether accessed or not, except for mappings whose dirty
 * pages are written back to the store, which has room for them.
 *
 * Core mm shifts the borders of VMAs without a callback: when it splits, merges
 * or moves one, or grows it in place. Closing a VMA always calls back, so a map
 * is recounted then.
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
 * pb_commit_capacity - get the capacity of the box in pages
 * @box: the box
 *
 * One slot must stay free: with all frames and slots in use, no page could be
 * swapped.
 *
 * Context: sleeps.
 * Return: the sum of frames and swap slots, minus one slot
 */
unsigned long pb_commit_capacity(struct pb_box *box)
{
	unsigned long pages = READ_ONCE(box->frames.limit);

	/* The lock keeps the area from being removed. */
	down_read(&box->swap_lock);
	if (box->swap)
		pages += READ_ONCE(box->swap->limit) - 1;
	up_read(&box->swap_lock);
	return pages;
}

/* Called with maps.lock held; updates the box's sum too. */
static void set_committed(struct pb_map *map, unsigned long pages)
{
	struct pb_box *box = map->box;

	WRITE_ONCE(box->committed, box->committed + pages - map->committed);
	WRITE_ONCE(map->committed, pages);
}

/*
 * Commit @pages more for a map that has @before, if the box allows it. Return
 * -EAGAIN if the map no longer has @before.
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
 * pb_commit_charge - commit the pages of a VMA
 * @map: the VMA's map, of a sealed box
 * @vma: new in the map; mmap_lock is held for writing
 *
 * Return: 0, or -ENOMEM when strict overcommit refuses it
 */
int pb_commit_charge(struct pb_map *map, const struct vm_area_struct *vma)
{
	long pages = map_counts(map) ? vma_promise(vma) : 0;
	int err;

	/* Faults in other VMAs of the map may commit at the same time. */
	do {
		err = commit_try(map, READ_ONCE(map->committed), pages);
	} while (err == -EAGAIN);
	return err;
}

/* Count the pages of the remaining VMAs of a map. */
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
 * pb_commit_recount - recount a map after a VMA was closed
 * @map: the map; mmap_lock is held for writing
 *
 * When mremap() moves and enlarges a VMA, closing the old one calls this too.
 * The added pages are not committed here.
 *
 * The count walks all VMAs of the box. So it is skipped where nothing depends
 * on it: in a box without strict overcommit, and in a process that exits, since
 * a map without VMAs has no commitments.
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

/*
 * Count the committed pages of all VMAs; if @by_map, also per map in
 * pb_map.counted.
 */
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
 * pb_commit_recount_all - recount all maps when strict overcommit is enabled
 * @box: the box; its configuration is locked
 *
 * The count of a mapping that is made or unmapped at the same time may be
 * wrong; it is corrected when the mapping changes again or is accessed.
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
 * pb_commit_sum - get the number of committed pages
 * @box: the box
 *
 * Context: sleeps.
 * Return: that number; without strict overcommit the number of mapped pages
 */
long pb_commit_sum(struct pb_box *box)
{
	if (is_promising(box))
		return READ_ONCE(box->committed);
	return count_promises(box, false);
}

/**
 * pb_commit_covers - is a page committed, with strict overcommit?
 * @map: the map
 * @vma: the VMA accessed; mmap_lock or the VMA lock is held
 * @address: the address accessed
 *
 * mremap() grows a VMA at its end without a callback. The added pages are
 * committed at their first access, if the box allows it; the old pages stay
 * usable in any case.
 *
 * Return: false if the access must fail
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
		pb_window(commit_cover);
		err = more > 0 ? commit_try(map, promised, more) : 0;
	} while (err == -EAGAIN);
	return !err;
}
