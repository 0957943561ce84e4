/* SPDX-License-Identifier: GPL-2.0 */
/* As compat.h, for memory management. */
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
/* Older kernels do not export it. Our folios are not large. */
static inline int pb_folio_mapcount(struct folio *folio)
{
	return atomic_read(&folio->_mapcount) + 1;
}

#define folio_mapcount pb_folio_mapcount
#endif

/* Number of the current task's system call, or -1 if it makes none. */
static inline int pb_syscall(void)
{
	/* Workers of io_uring have the registers of another task. */
	if (current->flags & (PF_KTHREAD | PF_IO_WORKER))
		return -1;
	return syscall_get_nr(current, task_pt_regs(current));
}

/*
 * Is the current task in a system call that populates a mapping? More calls do so
 * if the mapping is under mlock(): @locked.
 */
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

/* Is the current task in mremap()? Sets @args to the arguments of the call. */
static inline bool pb_in_mremap(unsigned long *args)
{
	int nr = pb_syscall();

	if (nr < 0)
		return false;
	syscall_get_arguments(current, task_pt_regs(current), args);
#ifdef CONFIG_COMPAT
	/* The number of i386, and the flag of x32. */
	if (in_compat_syscall() && (nr == 163 || nr & BIT(30)))
		return nr == 163 || (nr & ~BIT(30)) == __NR_mremap;
#endif
	return nr == __NR_mremap;
}

/* Drain the folio batches of this CPU, including those of mlock(). */
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

/* Zap a range of a VMA, which i_mmap_rwsem keeps. */
static inline void pb_zap_range(struct vm_area_struct *vma,
				unsigned long address, unsigned long size)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	zap_page_range(vma, address, size);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
	zap_page_range_single(vma, address, size, NULL);
#else
	zap_vma_range(vma, address, size);
#endif
}

#ifndef VM_COPY_ON_FORK
/* Of these flags, the one that older kernels have and our VMAs can get. */
#define VM_COPY_ON_FORK VM_UFFD_WP
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
/* All faults take mmap_lock, which the caller holds for writing. */
static inline void vma_start_write(struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);
}
#endif

/*
 * x86 does not export ptep_test_and_clear_young(). Clear the bit as core mm does
 * there: atomically, because the CPU may set the dirty bit of the same entry
 * concurrently, and without flushing the TLB.
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
