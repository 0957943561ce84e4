/* SPDX-License-Identifier: GPL-2.0 */
/* The hardware's page tables. */
#ifndef _PAGEBOX_PTE_H
#define _PAGEBOX_PTE_H

#include <linux/mm.h>

/**
 * struct pb_pte_bits - state of the PTEs of a folio, in all mappings
 * @mapped: number of PTEs
 * @young: at least one had its accessed bit set
 * @dirty: at least one has its dirty bit set
 * @locked: at least one belongs to a VMA under mlock()
 */
struct pb_pte_bits {
	u32 mapped;
	bool young;
	bool dirty;
	bool locked;
};

void pb_pte_harvest(struct address_space *mapping, struct folio **folios,
		    struct pb_pte_bits *bits, unsigned int nr, bool clear);
void pb_pte_unmap(struct address_space *mapping, struct folio **folios,
		  unsigned int nr);
int pb_pte_wrprotect(struct mm_struct *mm, unsigned long start,
		     unsigned long end);
pte_t pb_pte_read(struct mm_struct *mm, unsigned long address);
struct vm_area_struct *pb_pte_vma_first(struct address_space *mapping,
					pgoff_t first, pgoff_t last);
struct vm_area_struct *pb_pte_vma_next(struct vm_area_struct *vma,
				       pgoff_t first, pgoff_t last);

#endif /* _PAGEBOX_PTE_H */
