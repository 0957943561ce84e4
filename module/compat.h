/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module is written for the newest kernel; here older ones learn the new
 * names. No other file asks for a version.
 */
#ifndef _PAGEBOX_COMPAT_H
#define _PAGEBOX_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

#ifndef CONFIG_64BIT
#error "pagebox needs a 64-bit kernel: page tables are read without highmem maps"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
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

#endif /* _PAGEBOX_COMPAT_H */
