// SPDX-License-Identifier: GPL-2.0
/*
 * fork(): the child gets a map of the same file. If that is private, it also
 * gets a view that shares all pages of the parent's view.
 *
 * No PTE is copied. The parent's PTEs lose their write permission, so the first
 * write on either side is a fault, which copies the page (fault.c). A fork that
 * cannot share everything leaves the child's map broken.
 */
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "box.h"
#include "commit.h"
#include "compat_mm.h"
#include "failpoint.h"
#include "fault.h"
#include "map.h"
#include "page.h"
#include "pte.h"
#include "view.h"
#include "vma.h"

/*
 * The page has a new sharer. Decide whether it may share the frame too: not if
 * that is under I/O that a later copy would miss. In that case the child gets a
 * copy now, and the parent keeps the frame under I/O. Return 0, -EINTR when
 * fork() is being killed, or the error of the copy.
 */
static int fork_share_frame(struct pb_map *child, struct pb_page *page)
{
	struct folio *folio;
	bool shared;
	int err;

	/* Pairs with pb_page_attach(): it sees the sharer, or we the folio. */
	smp_mb();
	err = pb_page_lock(child->box, page, &folio);
	if (err || !folio)
		return err;
	shared = !folio_maybe_dma_pinned(folio);
	if (shared)
		page->shared = true;
	pb_folio_release(folio);
	return shared ? 0 : pb_fault_own_copy(child, page->index);
}

/*
 * Let the child's view share all pages that the parent's VMA shows.
 *
 * The parent's mmap_lock is held for writing and its VMA is locked, so no fault
 * of the parent runs there, and core mm flushes the parent's TLBs before it
 * unlocks. If the parent's map has several VMAs, another one that is not locked
 * yet may show the same indices after mremap(). A fault there that still saw
 * the page unshared holds the folio lock until its PTE is set, so
 * fork_share_frame() waits for it and the unmap below removes the PTE.
 *
 * write_protect_seq keeps GUP-fast away, which takes no lock.
 *
 * When fork() is being killed, core mm discards the child before it runs, and
 * its map is marked broken. So the work need not be complete, and the parent's
 * PTEs may stay as they are.
 */
static int fork_clone(struct pb_map *parent, struct pb_map *child,
		      struct vm_area_struct *vma)
{
	pgoff_t index = vma->vm_pgoff;
	pgoff_t last = index + vma_pages(vma) - 1;
	struct mm_struct *mm = parent->mm;
	struct pb_page *page;
	int err = 0;

	raw_write_seqcount_begin(&mm->write_protect_seq);
	for (; index <= last; index++) {
		page = pb_view_share(parent->view, child->view, &index, last);
		if (!page)
			break;
		if (IS_ERR(page)) {
			err = PTR_ERR(page);
			break;
		}
		pb_window(fork_pin);
		err = fork_share_frame(child, page);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			break;
		cond_resched();
	}
	pb_window(fork_protect);
	if (parent->vmas > 1 || mm_has_notifiers(mm))
		pb_box_unmap(parent->box, vma->vm_pgoff, vma_pages(vma));
	else
		err = pb_pte_wrprotect(mm, vma->vm_start, vma->vm_end) ?: err;
	raw_write_seqcount_end(&mm->write_protect_seq);
	return err;
}

/**
 * pb_fork_vma - create the child's map for a VMA copied by fork()
 * @parent: map of the parent's VMA
 * @vma: the child's VMA; the parent's mmap_lock is held for writing
 *
 * fork() cannot be refused here. If its pages could not all be shared, or may
 * not all be committed, the child gets SIGBUS when it accesses the mapping.
 *
 * Return: the child's map with this VMA, or NULL without memory
 */
struct pb_map *pb_fork_vma(struct pb_map *parent, struct vm_area_struct *vma)
{
	struct pb_box *box = parent->box;
	struct pb_map *child = pb_map_find(box, vma->vm_file, vma->vm_mm);

	/*
	 * For userfaultfd and guard regions fork() would copy the PTEs as well.
	 * Remove them first: the child's view alone decides what it maps.
	 */
	if (vma->vm_flags & VM_COPY_ON_FORK || vma->anon_vma)
		pb_box_unmap(box, vma->vm_pgoff, vma_pages(vma));
	if (!child)
		child = pb_map_new(box, vma->vm_file, vma->vm_mm,
				   pb_map_private(parent));
	if (!child)
		return NULL;
	pb_map_get_vma(child);
	child->stack_low = READ_ONCE(parent->stack_low);
	child->stack_limit = parent->stack_limit;
	if (parent->broken || pb_commit_charge(child, vma) ||
	    (pb_map_private(child) && fork_clone(parent, child, vma)))
		child->broken = true;
	pb_window(fork_done);
	return child;
}
