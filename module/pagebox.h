/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pagebox: an instrumented virtual-memory sandbox.
 *
 * The nouns, and the file of each:
 *
 *   box      one sandbox, made by open("/dev/pagebox")                 box.c
 *   map      one mapping of a box in one process: all VMAs of one
 *            struct file in one mm                                     map.c
 *   identity the inode that a private map's own pages point to    identity.c
 *   view     index -> page. MAP_SHARED mappings show the root view;
 *            a private map has an overlay of its own                   view.c
 *   page     a virtual page: where its contents are. Shared by the
 *            views that forked from each other, until one writes       page.c
 *   frame    a physical page with a number in its box                  frame.c
 *   policy   picks the frames to evict from                          policy*.c
 *   trail    the pages that a thread currently uses                    trail.c
 *   backend  an array of pages: RAM, a file, a block device         backend*.c
 *   request  a read or write of neighbouring pages of a backend           io.c
 *   store    the backend that pages of the root view are read from
 *            and written back to                       store.c, writeback.c
 *   swap     slots of a backend, for the other pages                   swap.c
 *   user     an owner of boxes; its boxes share workers                user.c
 *
 * Truncation of the store's file: truncate.c. Memory errors: poison.c.
 *
 * Each noun has a header of the same name.
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
 * The path of a fault:
 *
 *   do_shared_fault() / do_read_fault()
 *     vma.c       check the access, read ahead
 *     fault.c     look the index up in the map's view, then in the root view
 *       page in a frame ............... lock the folio, check again, map it
 *       no frame yet .................. take one (frame.c), evicting if none
 *                                       is free (evict.c)
 *         never touched, no store ..... clear it
 *         in the store or in swap ..... read it                        fill.c
 *       write to a shared page ........ copy it, put the copy into the view
 *     <- the folio, locked; core mm sets the PTE
 *
 * read() and write() take the same path, with the root view and no map (devio.c).
 *
 * The path of an eviction (evict.c):
 *
 *   the policy proposes frames, their folios are trylocked   policy.c, frame.c
 *   accessed bits are read and cleared in the PTEs       pte.c
 *   the policy keeps a frame, which stays (with references=exact it loses its
 *   PTEs), or it becomes a victim
 *   one unmap per run of neighbouring victims; their dirty bits are now known
 *   a victim pinned by now is skipped; a dirty one is written to store or swap
 *   the frame goes to the free list                      frame.c
 *   if no frame can be freed: the box's OOM policy       oom.c
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
 *                                locks anything, so the evictor never waits for
 *                                a task that waits for it
 *         folio lock             *the* lock of a page. A fault may hold two: of
 *                                a page that it copies or has replaced, and of
 *                                the copy. Reads and writes of several pages
 *                                lock all of theirs; they wait for the first,
 *                                the others are trylocked or new. Never wait
 *                                for a second page's lock
 *           i_mmap_rwsem         unmap_mapping_pages(), the walks of pte.c
 *             page table lock    core mm, pte.c
 *           pb_box.swap_lock     while a slot is taken
 *       pb_maps.lock             the table of maps; leaf
 *       pb_trails.lock           the table of trails; leaf
 *       pb_frames.policy_lock    around all callbacks of a policy
 *         pb_frames.lock         the frame table; leaf
 *       xa_lock of a view        leaf, except for the allocation of its nodes
 *
 * Workers do I/O and hold no lock of the module (file systems have their own
 * order). A page under a read, or under the write of its eviction, has its folio
 * locked: it is in no page table, and all waits for that lock are killable. A
 * page under write-back stays mapped, and core mm waits for the lock of a mapped
 * folio uninterruptibly, so the folio is not locked but marked with PG_writeback
 * (writeback.c). Locks and marks belong to the request, not to the task that
 * made it: a killed task leaves, and the request releases them when it
 * completes. No task waits for PG_writeback with a folio lock held.
 *
 * The shrinker runs inside of allocations, with any of these held: it only tries
 * locks, and does no I/O.
 *
 * lockdep checks this order, except for folio locks, which it does not track.
 * lockdep.c teaches it the order with each new box, so that a single inversion
 * is reported.
 */
#ifndef _PAGEBOX_H
#define _PAGEBOX_H

#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/types.h>

#include <pagebox.h>

/* Our memory is charged to the cgroup of the task that allocates it. */
#define PB_GFP (GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

/*
 * The last sixteenth of a cap that all boxes share is reserved for boxes opened
 * with CAP_SYS_RESOURCE, as file systems reserve their last blocks for root.
 */
static inline unsigned long pb_cap(unsigned long all, bool privileged)
{
	return privileged ? all : all - all / 16;
}

/* Number of fault classes. */
#define PB_FAULT_NR (PAGEBOX_FAULT_FAILED + 1)

/* No frame or no slot; valid numbers of both are below 2^32 - 1. */
#define PB_NONE U32_MAX

#endif /* _PAGEBOX_H */
