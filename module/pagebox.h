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

#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/types.h>

#include <pagebox.h>

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

/* How many fault classes there are. */
#define PB_FAULT_NR (PAGEBOX_FAULT_FAILED + 1)

/* No frame, no slot: both are numbers below 2^32 - 1. */
#define PB_NONE U32_MAX

#endif /* _PAGEBOX_H */
