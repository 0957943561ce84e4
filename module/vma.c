// SPDX-License-Identifier: GPL-2.0
/*
 * The callbacks of VMAs: core mm asks for pages, and opens and closes VMAs.
 *
 * Private mappings: a private VMA has VM_SHARED set (not VM_MAYSHARE), or core
 * mm would turn its written pages into anonymous memory, outside the box. A
 * write to a read-only PTE calls page_mkwrite(). The page may become writable
 * if it is the view's own, no other view shares it, and no former sharer pins
 * it. Otherwise the view gets a copy, the index is unmapped and the access is
 * retried.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>

#include "commit.h"
#include "compat_mm.h"
#include "engine.h"
#include "failpoint.h"
#include "fault.h"
#include "fill.h"
#include "map.h"
#include "page.h"
#include "pagebox.h"
#include "store.h"
#include "trace.h"
#include "trail.h"
#include "view.h"
#include "vma.h"

/*
 * Does core mm populate the mapping with this fault? It populates private
 * mappings for mlock(), mmap() with MAP_LOCKED or MAP_POPULATE and the like, so
 * that no later access waits. It asks for write access only where VM_SHARED is
 * clear, so our private mappings would get pages of the root view, and the
 * first write to each would still copy it. Populating faults are faults of the
 * kernel on the caller's own memory within the few system calls that populate,
 * which cause no other faults.
 */
static bool vma_populates(const struct pb_map *map, const struct vm_fault *vmf)
{
	vm_flags_t flags = vmf->vma->vm_flags;

	if (!pb_map_private(map) || !(flags & VM_WRITE) ||
	    vmf->flags &
		    (FAULT_FLAG_WRITE | FAULT_FLAG_USER | FAULT_FLAG_REMOTE))
		return false;
	return !(flags & VM_LOCKONFAULT) && pb_in_populate(flags & VM_LOCKED);
}

/*
 * Handle a read fault as a write fault: core mm starts over, with the same
 * locks held, and installs a writable PTE. Without FAULT_FLAG_ALLOW_RETRY it
 * keeps the locks.
 */
static vm_fault_t vma_fault_for_write(struct vm_fault *vmf)
{
	unsigned int flags = vmf->flags & ~FAULT_FLAG_ALLOW_RETRY;
	vm_fault_t ret = handle_mm_fault(vmf->vma, vmf->address,
					 flags | FAULT_FLAG_WRITE, NULL);

	if (ret & VM_FAULT_ERROR)
		return ret;
	return VM_FAULT_NOPAGE | (ret & VM_FAULT_MAJOR);
}

/* How many pages to read for this fault, if faults are sequential. */
static unsigned int vma_readahead_pages(struct pb_map *map, pgoff_t index,
					const struct vm_fault *vmf)
{
	unsigned int nr = READ_ONCE(map->box->tune.readahead);
	bool sequential;

	if (nr < 2)
		return 0;
	sequential = index == READ_ONCE(map->next);
	WRITE_ONCE(map->next, index + 1);
	if (vmf->vma->vm_flags & VM_RAND_READ ||
	    !(sequential || vmf->vma->vm_flags & VM_SEQ_READ))
		return 0;
	/* Not past the mapping. */
	return min_t(unsigned long, nr,
		     (vmf->vma->vm_end - vmf->address) >> PAGE_SHIFT);
}

/*
 * Sequential faults read the following pages as well. Does nothing if the page
 * at the index itself needs no read. An error is ignored: if it concerns the
 * faulting page, the fault gets it again.
 */
static void vma_readahead(struct pb_fault *f, const struct vm_fault *vmf)
{
	unsigned int nr = vma_readahead_pages(f->map, f->index, vmf);
	enum pagebox_fault_class class;

	if (nr < 2 || (f->write && pb_map_private(f->map)) ||
	    !pb_box_has(f->box, f->index))
		return;
	if (pb_fill_readahead(f->box, f->view, f->index, nr, &class) > 0) {
		f->ahead = class;
		f->major = true;
	}
}

static void vma_trace(const struct pb_fault *f, const struct vm_fault *vmf,
		      enum pagebox_fault_class class, u64 start)
{
	const struct pb_page *page;

	if (!trace_pagebox_fault_enabled())
		return;
	page = f->folio ? f->folio->private : NULL;
	trace_pagebox_fault(f->box->id, f->map->id, f->index, vmf->address,
			    class, page ? page->frame : PB_NONE, f->write,
			    f->major, start ? ktime_get_ns() - start : 0);
}

/*
 * A killed task returns to its instruction, and dies on the way. In the kernel
 * it cannot return, so the access fails.
 */
static vm_fault_t vma_killed(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER ? VM_FAULT_NOPAGE : VM_FAULT_SIGBUS;
}

/* Translate an error for core mm. */
static vm_fault_t vma_error(const struct pb_fault *f,
			    const struct vm_fault *vmf, int err)
{
	if (err == -EINTR)
		return vma_killed(vmf);
	pb_fault_count(f, PAGEBOX_FAULT_FAILED);
	vma_trace(f, vmf, PAGEBOX_FAULT_FAILED, 0);
	if (err == -ENOMEM)
		return VM_FAULT_OOM;
	return err == -EHWPOISON ? VM_FAULT_HWPOISON : VM_FAULT_SIGBUS;
}

static u64 vma_trace_start(void)
{
	return trace_pagebox_fault_enabled() ? ktime_get_ns() : 0;
}

static vm_fault_t vma_fault_in_map(struct pb_map *map, struct vm_fault *vmf)
{
	u64 start = vma_trace_start();
	struct pb_fault f = pb_fault_of(map, vmf->pgoff, vmf->address,
					vmf->flags & FAULT_FLAG_WRITE);
	int err;

	vma_readahead(&f, vmf);
	err = pb_fault_resolve(&f);
	if (err)
		return vma_error(&f, vmf, err);
	pb_fault_count(&f, f.class);
	vma_trace(&f, vmf, f.class, start);
	pb_window(fault_map);
	vmf->page = folio_page(f.folio, 0);
	return VM_FAULT_LOCKED | (f.major ? VM_FAULT_MAJOR : 0);
}

/*
 * A core dump reads all pages, and omits those that fail. Fail untouched pages,
 * so that a dump does not fill the box with them.
 */
static bool vma_left_out_of_dump(struct pb_map *map, pgoff_t index)
{
	bool left_out;

	if (!(current->flags & PF_DUMPCORE) || map->box->store)
		return false;
	rcu_read_lock();
	left_out = !pb_view_look(map->box, map->view, index);
	rcu_read_unlock();
	return left_out;
}

static vm_fault_t vma_fault(struct vm_fault *vmf)
{
	struct pb_map *map = vmf->vma->vm_private_data;

	/* A fork failed to share all pages, or to allocate the map. */
	if (!map || map->broken)
		return VM_FAULT_SIGBUS;
	if (vma_left_out_of_dump(map, vmf->pgoff))
		return VM_FAULT_SIGBUS;
	if (READ_ONCE(map->stack_low) && !pb_stack_extend(map, vmf))
		return VM_FAULT_SIGSEGV;
	if (READ_ONCE(map->box->tune.overcommit) == PAGEBOX_OVERCOMMIT_NEVER &&
	    !pb_commit_covers(map, vmf->vma, vmf->address))
		return VM_FAULT_SIGBUS;
	if (vma_populates(map, vmf))
		return vma_fault_for_write(vmf);
	pb_trail_step(map->box, vmf);
	return vma_fault_in_map(map, vmf);
}

/* The PTE maps a page that must not be written: give the view its own. */
static vm_fault_t vma_break_cow(struct pb_fault *f, struct vm_fault *vmf,
				u64 start)
{
	int err = pb_fault_resolve(f);

	if (err)
		return vma_error(f, vmf, err);
	pb_fault_count(f, f->class);
	vma_trace(f, vmf, f->class, start);
	/* The old page is unmapped; the access finds the new one. */
	pb_folio_release(f->folio);
	pb_window(mkwrite_copied);
	return VM_FAULT_NOPAGE | (f->major ? VM_FAULT_MAJOR : 0);
}

static vm_fault_t vma_page_mkwrite(struct vm_fault *vmf)
{
	u64 start = vma_trace_start();
	struct folio *folio = page_folio(vmf->page);
	struct pb_fault f = pb_fault_of(vmf->vma->vm_private_data, vmf->pgoff,
					vmf->address, true);
	struct pb_page *page;
	bool own;

	if (vmf->pte)
		pb_trail_step(f.box, vmf);
	pb_window(mkwrite_lock);
	if (folio_lock_killable(folio))
		return vma_killed(vmf);
	rcu_read_lock();
	page = pb_view_peek(f.view, f.index);
	own = page && pb_page_owns(page, folio) &&
	      pb_page_writable(f.box, page, folio);
	rcu_read_unlock();
	if (!own) {
		folio_unlock(folio);
		return vma_break_cow(&f, vmf, start);
	}
	if (folio_test_hwpoison(folio)) {
		/* Core mm holds a reference too, and retries the access. */
		folio_get(folio);
		pb_poison_retire(f.box, folio);
		return VM_FAULT_NOPAGE;
	}
	/* From here on a futex in it belongs to this view, see identity.c. */
	WRITE_ONCE(folio->mapping, f.map->identity->i_mapping);
	pb_window(mkwrite_map);
	/* Without a PTE this is the second half of a fault already counted. */
	if (vmf->pte) {
		pb_folio_referenced(f.box, folio);
		f.folio = folio;
		pb_fault_count(&f, PAGEBOX_FAULT_MKWRITE);
		vma_trace(&f, vmf, PAGEBOX_FAULT_MKWRITE, start);
	}
	return VM_FAULT_LOCKED;
}

/*
 * Maps no neighbours, but must exist: without this operation, core mm would
 * take mmap_lock for every fault instead of the lock of the VMA.
 */
static vm_fault_t vma_map_pages(struct vm_fault *vmf, pgoff_t first,
				pgoff_t last)
{
	return 0;
}

static void vma_open(struct vm_area_struct *vma)
{
	struct pb_map *map = vma->vm_private_data;

	if (!map)
		return;
	/* Split or moved within the process, or copied to a new one? */
	if (map->mm == vma->vm_mm)
		pb_map_get_vma(map);
	else
		vma->vm_private_data = pb_fork_vma(map, vma);
	/* Mimic a failed split on Linux 6.1, which is hard to provoke. */
	if (map->mm == vma->vm_mm && pb_fail(split_vma)) {
		pb_map_get_vma(map);
		pb_map_put_vma(map, 0, 0);
	}
}

static void vma_close(struct vm_area_struct *vma)
{
	struct pb_map *map = vma->vm_private_data;

	if (map)
		pb_map_put_vma(map, vma->vm_pgoff, vma_pages(vma));
}

/*
 * mremap() with an old size of 0, or with MREMAP_DONTUNMAP, makes a second
 * mapping of the same pages where VM_SHARED is set, hence also for our private
 * mappings.
 */
static bool vma_is_aliased(const unsigned long *args)
{
	return !PAGE_ALIGN(args[1]) || args[3] & MREMAP_DONTUNMAP;
}

/*
 * Core mm asks before it moves a part of a VMA, also with an old size of 0.
 * Refuse the move here, before anything is charged: an error of mremap() would
 * leave the charge in place.
 */
static int vma_may_split(struct vm_area_struct *vma, unsigned long address)
{
	unsigned long args[6], start;

	if (!pb_in_mremap(args))
		return 0;
	/* Other splits only make room for the new mapping. */
	start = untagged_addr(args[0]);
	if (start < vma->vm_start || start >= vma->vm_end ||
	    (address != start && address != start + PAGE_ALIGN(args[1])))
		return 0;
	return vma_is_aliased(args) ? -EINVAL : 0;
}

/* The VMA was moved as a whole; after an error core mm moves it back. */
static int vma_mremap(struct vm_area_struct *vma)
{
	unsigned long args[6];

	return pb_in_mremap(args) && vma_is_aliased(args) ? -EINVAL : 0;
}

/* The hardware sets the dirty bits of shared pages; no fault is needed. */
const struct vm_operations_struct pb_vma_shared_ops = {
	.open = vma_open,
	.close = vma_close,
	.fault = vma_fault,
	.map_pages = vma_map_pages,
};

const struct vm_operations_struct pb_vma_private_ops = {
	.open = vma_open,
	.close = vma_close,
	.fault = vma_fault,
	.map_pages = vma_map_pages,
	.page_mkwrite = vma_page_mkwrite,
	.may_split = vma_may_split,
	.mremap = vma_mremap,
};
