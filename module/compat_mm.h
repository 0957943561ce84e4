/* SPDX-License-Identifier: GPL-2.0 */
/* What compat.h is, for memory management. */
#ifndef _PAGEBOX_COMPAT_MM_H
#define _PAGEBOX_COMPAT_MM_H

#include <linux/compat.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#include <linux/pagevec.h>
#else
#include <linux/folio_batch.h>
#endif

#include <asm/syscall.h>
#include <asm/unistd.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
/* It was a function that is not exported. Our folios are not large. */
static inline int pb_folio_mapcount(struct folio *folio)
{
	return atomic_read(&folio->_mapcount) + 1;
}

#define folio_mapcount pb_folio_mapcount
#endif

/* The system call of the current task, or -1 for one that makes none. */
static inline int pb_syscall(void)
{
	/* Workers of io_uring have the registers of another task. */
	if (current->flags & (PF_KTHREAD | PF_IO_WORKER))
		return -1;
	return syscall_get_nr(current, task_pt_regs(current));
}

/* Does the current task do a call that populates mappings, @locked ones or any? */
static inline bool pb_in_populate(bool locked)
{
	int nr = pb_syscall();

#ifdef CONFIG_COMPAT
	/* mmap2(), mmap(); mlock(), mlockall(), mlock2(), mremap() of i386. */
	if (in_compat_syscall())
		return nr == 192 || nr == 90 ||
		       (locked &&
			(nr == 150 || nr == 152 || nr == 376 || nr == 163));
#endif
	return nr == __NR_mmap ||
	       (locked && (nr == __NR_mlock || nr == __NR_mlockall ||
			   nr == __NR_mlock2 || nr == __NR_mremap));
}

/* Does the current task do an mremap(), and with which arguments? */
static inline bool pb_in_mremap(unsigned long *args)
{
	int nr = pb_syscall();

	if (nr < 0)
		return false;
	syscall_get_arguments(current, task_pt_regs(current), args);
#ifdef CONFIG_COMPAT
	/* That of i386, and the mark of x32. */
	if (in_compat_syscall() && (nr == 163 || nr & BIT(30)))
		return nr == 163 || (nr & ~BIT(30)) == __NR_mremap;
#endif
	return nr == __NR_mremap;
}

/* Empties what batches of folios this CPU keeps, mlock()'s among them. */
static inline void pb_lru_add_drain(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	struct pagevec none;

	pagevec_init(&none);
	__pagevec_release(&none);
#else
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
#endif
}

/* Takes one page out of the page tables of a VMA that i_mmap_rwsem keeps. */
static inline void pb_zap_page(struct vm_area_struct *vma,
			       unsigned long address)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	zap_page_range(vma, address, PAGE_SIZE);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
	zap_page_range_single(vma, address, PAGE_SIZE, NULL);
#else
	zap_vma_range(vma, address, PAGE_SIZE);
#endif
}

#ifndef VM_COPY_ON_FORK
/* Of what it stands for, older kernels have this for VMAs such as ours. */
#define VM_COPY_ON_FORK VM_UFFD_WP
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
/* Every fault took mmap_lock, which the caller holds for writing. */
static inline void vma_start_write(struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);
}
#endif

/*
 * x86 does not export ptep_test_and_clear_young(). The bit is cleared as core
 * mm clears it there: atomically, since the CPU may set the dirty bit of the
 * same entry meanwhile, and without flushing the TLB.
 */
static inline bool pb_ptep_clear_young(struct vm_area_struct *vma,
				       unsigned long address, pte_t *ptep)
{
#ifdef CONFIG_X86
	return test_and_clear_bit(_PAGE_BIT_ACCESSED,
				  (unsigned long *)&ptep->pte);
#else
	return ptep_test_and_clear_young(vma, address, ptep);
#endif
}

#endif /* _PAGEBOX_COMPAT_MM_H */
