// SPDX-License-Identifier: GPL-2.0
/*
 * The hardware's page tables: read, harvest accessed bits, unmap, write-protect.
 *
 * This file maps nothing, and calls core mm to unmap, one VMA at a time. The page
 * tables of a VMA are safe to walk while the VMA is in the i_mmap tree (under
 * i_mmap_rwsem) or its mm's mmap_lock is held. Newer kernels may still free empty
 * tables in madvise(): RCU keeps their memory, and a PMD entry is checked again
 * under the lock of the table it points to.
 */
#include <linux/interval_tree_generic.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "compat_mm.h"
#include "pte.h"

/* The kernel exports no iterator over i_mmap, so define one. */
static inline pgoff_t vma_first_index(struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static inline pgoff_t vma_last_index(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long,
		     shared.rb_subtree_last, vma_first_index, vma_last_index,
		     static __maybe_unused, vma_tree)

/**
 * pb_pte_vma_first - first VMA that overlaps a range
 * @mapping: of the box; the caller holds its i_mmap_rwsem
 * @first: first index of the range
 * @last: last index of the range
 *
 * Return: a VMA or NULL
 */
struct vm_area_struct *pb_pte_vma_first(struct address_space *mapping,
					pgoff_t first, pgoff_t last)
{
	i_mmap_assert_locked(mapping);
	return vma_tree_iter_first(&mapping->i_mmap, first, last);
}

/**
 * pb_pte_vma_next - next VMA that overlaps a range
 * @vma: the previous VMA
 * @first: first index of the range
 * @last: last index of the range
 *
 * Return: a VMA or NULL
 */
struct vm_area_struct *pb_pte_vma_next(struct vm_area_struct *vma,
				       pgoff_t first, pgoff_t last)
{
	return vma_tree_iter_next(vma, first, last);
}

/* Called for a present PTE, under the lock of its table. */
typedef void (*pte_fn)(struct mm_struct *mm, unsigned long address, pte_t *ptep,
		       void *arg);

/*
 * The PMD entry of an address, or NULL when a table above it is missing. @next is
 * set to where the walk continues: past everything that the missing table would
 * map, but not past @end. So the cost of a walk depends on the tables that exist,
 * not on the size of the mapping. The end of each level is limited by that of the
 * level above: for a folded level they are the same.
 */
static pmd_t *pmd_of(struct mm_struct *mm, unsigned long address,
		     unsigned long end, unsigned long *next)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;

	*next = pgd_addr_end(address, end);
	if (pgd_none(*pgd) || pgd_bad(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, address);
	*next = p4d_addr_end(address, *next);
	if (p4d_none(*p4d) || p4d_bad(*p4d))
		return NULL;
	pud = pud_offset(p4d, address);
	*next = pud_addr_end(address, *next);
	if (pud_none(*pud) || pud_bad(*pud))
		return NULL;
	*next = pmd_addr_end(address, *next);
	return pmd_offset(pud, address);
}

static void walk_table(struct mm_struct *mm, pmd_t *pmd, unsigned long address,
		       unsigned long end, pte_fn fn, void *arg)
{
	pmd_t entry = READ_ONCE(*pmd);
	spinlock_t *lock; /* of the table */
	pte_t *ptep;

	if (pmd_none(entry) || pmd_bad(entry))
		return;
	lock = pte_lockptr(mm, &entry);
	spin_lock(lock);
	if (pmd_same(entry, READ_ONCE(*pmd))) {
		ptep = pte_offset_kernel(&entry, address);
		for (; address < end; address += PAGE_SIZE, ptep++) {
			if (pte_present(READ_ONCE(*ptep)))
				fn(mm, address, ptep, arg);
		}
	}
	spin_unlock(lock);
}

/* Visit all present PTEs of a range. If @killable, a killed task may stop early. */
static int walk_range(struct mm_struct *mm, unsigned long address,
		      unsigned long end, pte_fn fn, void *arg, bool killable)
{
	unsigned long next;
	pmd_t *pmd;

	for (; address < end; address = next) {
		if (killable && fatal_signal_pending(current))
			return -EINTR;
		rcu_read_lock();
		pmd = pmd_of(mm, address, end, &next);
		if (pmd)
			walk_table(mm, pmd, address, next, fn, arg);
		rcu_read_unlock();
		cond_resched();
	}
	return 0;
}

static void walk(struct mm_struct *mm, unsigned long address, unsigned long end,
		 pte_fn fn, void *arg)
{
	walk_range(mm, address, end, fn, arg, false);
}

/**
 * struct harvest - argument of harvest_pte()
 * @vma: VMA whose page tables are walked
 * @first: index of @folios[0]
 * @folios: folios of neighbouring indices, locked
 * @bits: result for each folio
 * @clear: clear the accessed bits
 */
struct harvest {
	struct vm_area_struct *vma;
	pgoff_t first;
	struct folio **folios;
	struct pb_pte_bits *bits;
	bool clear;
};

static void harvest_pte(struct mm_struct *mm, unsigned long address,
			pte_t *ptep, void *arg)
{
	struct harvest *h = arg;
	unsigned long i = linear_page_index(h->vma, address) - h->first;
	struct pb_pte_bits *bits = &h->bits[i];
	pte_t pte = READ_ONCE(*ptep);

	/* Skip another view's page at the same index. */
	if (pte_pfn(pte) != folio_pfn(h->folios[i]))
		return;
	bits->mapped++;
	bits->dirty |= pte_dirty(pte);
	if (pte_young(pte))
		bits->young = true;
	/* A page under mlock() keeps its PTE, and so the bit: see evict_skip(). */
	if (h->vma->vm_flags & VM_LOCKED)
		bits->locked = true;
	else if (pte_young(pte) && h->clear)
		pb_ptep_clear_young(h->vma, address, ptep);
}

/* The addresses of a range of indices in a VMA. */
static unsigned long address_of(struct vm_area_struct *vma, pgoff_t first,
				pgoff_t last, unsigned long *end)
{
	pgoff_t from = max(first, vma->vm_pgoff);
	pgoff_t to = min(last, vma_last_index(vma));
	unsigned long start =
		vma->vm_start + ((from - vma->vm_pgoff) << PAGE_SHIFT);

	*end = start + ((to - from + 1) << PAGE_SHIFT);
	return start;
}

/**
 * struct rmap - a walk over the VMAs that show a range of indices
 * @mapping: of the box
 * @first: first index
 * @last: last index
 * @mm: the process whose VMAs are visited first, or NULL
 * @others: the VMAs of @mm were visited
 */
struct rmap {
	struct address_space *mapping;
	pgoff_t first;
	pgoff_t last;
	const void *mm;
	bool others;
};

/*
 * Most private pages are mapped by one process only, which their identity tells.
 * This is a hint: after fork() it may be another process, or one that has exited.
 */
static struct rmap rmap_of(struct address_space *mapping, struct folio **folios,
			   unsigned int nr)
{
	pgoff_t first = folios[0]->index;
	const void *mm = READ_ONCE(folios[0]->mapping->host->i_private);

	return (struct rmap){
		.mapping = mapping,
		.first = first,
		.last = first + nr - 1,
		.mm = mm,
		.others = !mm,
	};
}

/* The VMA after @vma, or the first one after NULL. */
static struct vm_area_struct *rmap_next(struct rmap *rmap,
					struct vm_area_struct *vma)
{
	for (;;) {
		vma = vma ? pb_pte_vma_next(vma, rmap->first, rmap->last) :
			    pb_pte_vma_first(rmap->mapping, rmap->first,
					     rmap->last);
		if (!vma && !rmap->others)
			rmap->others = true;
		else if (!vma || (vma->vm_mm == rmap->mm) != rmap->others)
			return vma;
	}
}

/* Has a walk found all PTEs of the folios? */
static bool all_found(struct folio **folios, const struct pb_pte_bits *bits,
		      unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (bits[i].mapped < folio_mapcount(folios[i]))
			return false;
	}
	return true;
}

/**
 * pb_pte_harvest - collect the PTE bits of folios at neighbouring indices
 * @mapping: of the box
 * @folios: the folios, locked
 * @bits: filled, one for each folio
 * @nr: number of folios
 * @clear: clear accessed bits, except in VMAs under mlock()
 *
 * The TLB is not flushed: a CPU that still caches the translation does not set
 * the bit again before it reloads the entry. A caller that must see the next
 * access clears the PTE as well.
 *
 * The walk ends when it has found as many PTEs as the folios have, so that the VMAs
 * of other processes that show other pages at the same indices cost little.
 *
 * Context: takes i_mmap_rwsem for reading and page table locks.
 */
void pb_pte_harvest(struct address_space *mapping, struct folio **folios,
		    struct pb_pte_bits *bits, unsigned int nr, bool clear)
{
	struct rmap rmap = rmap_of(mapping, folios, nr);
	struct harvest h = {
		.first = rmap.first,
		.folios = folios,
		.bits = bits,
		.clear = clear,
	};
	struct vm_area_struct *vma;

	memset(bits, 0, nr * sizeof(*bits));
	i_mmap_lock_read(mapping);
	for (vma = rmap_next(&rmap, NULL); vma && !all_found(folios, bits, nr);
	     vma = rmap_next(&rmap, vma)) {
		unsigned long start, end;

		start = address_of(vma, rmap.first, rmap.last, &end);
		h.vma = vma;
		walk(vma->vm_mm, start, end, harvest_pte, &h);
	}
	i_mmap_unlock_read(mapping);
}

/**
 * struct find - argument of find_pte()
 * @vma: VMA whose page tables are walked
 * @first: index of @folios[0]
 * @folios: folios of neighbouring indices, locked
 * @start: address of the first PTE that maps one of them
 * @end: address after the last one, or 0
 */
struct find {
	struct vm_area_struct *vma;
	pgoff_t first;
	struct folio **folios;
	unsigned long start;
	unsigned long end;
};

static void find_pte(struct mm_struct *mm, unsigned long address, pte_t *ptep,
		     void *arg)
{
	struct find *find = arg;
	unsigned long i = linear_page_index(find->vma, address) - find->first;

	if (pte_pfn(READ_ONCE(*ptep)) != folio_pfn(find->folios[i]))
		return;
	if (!find->end)
		find->start = address;
	find->end = address + PAGE_SIZE;
}

static bool any_mapped(struct folio **folios, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (folio_mapped(folios[i]))
			return true;
	}
	return false;
}

/**
 * pb_pte_unmap - clear the PTEs of folios at neighbouring indices
 * @mapping: of the box
 * @folios: the folios, locked, so that no fault maps them again
 * @nr: number of folios
 *
 * Unlike unmap_mapping_pages() this skips VMAs that show other pages at the same
 * indices, and ends when the folios have no PTE left. Dirty and accessed bits go
 * to the folios, and the TLBs are flushed.
 *
 * Context: sleeps; takes i_mmap_rwsem for reading and page table locks.
 */
void pb_pte_unmap(struct address_space *mapping, struct folio **folios,
		  unsigned int nr)
{
	struct rmap rmap = rmap_of(mapping, folios, nr);
	struct find find = { .first = rmap.first, .folios = folios };
	struct vm_area_struct *vma;

	if (!any_mapped(folios, nr))
		return;
	i_mmap_lock_read(mapping);
	for (vma = rmap_next(&rmap, NULL); vma && any_mapped(folios, nr);
	     vma = rmap_next(&rmap, vma)) {
		unsigned long start, end;

		start = address_of(vma, rmap.first, rmap.last, &end);
		find.vma = vma;
		find.end = 0;
		walk(vma->vm_mm, start, end, find_pte, &find);
		if (find.end)
			pb_zap_range(vma, find.start, find.end - find.start);
	}
	i_mmap_unlock_read(mapping);
}

static void wrprotect_pte(struct mm_struct *mm, unsigned long address,
			  pte_t *ptep, void *arg)
{
	pte_t pte = READ_ONCE(*ptep);

	if (!pte_write(pte) && !pte_dirty(pte))
		return;
	pte = ptep_get_and_clear(mm, address, ptep);
	if (pte_dirty(pte))
		folio_set_dirty(page_folio(pte_page(pte)));
	set_pte_at(mm, address, ptep, pte_mkclean(pte_wrprotect(pte)));
}

/**
 * pb_pte_wrprotect - write-protect and clean the PTEs of a range
 * @mm: mm whose mmap_lock is held for writing; no fault runs in the range
 * @start: first address
 * @end: address after the last
 *
 * Dirty bits go to the folios, because mprotect() and NUMA balancing make a dirty
 * PTE in a VMA with VM_SHARED writable without page_mkwrite(): to core mm, the
 * dirty bit means that page_mkwrite() has allowed writes already.
 *
 * The caller ensures that TLBs are flushed before the protection matters, and
 * that @mm has no secondary MMU.
 *
 * Return: 0, or -EINTR when the task is being killed, with a part of it done
 */
int pb_pte_wrprotect(struct mm_struct *mm, unsigned long start,
		     unsigned long end)
{
	mmap_assert_write_locked(mm);
	return walk_range(mm, start, end, wrprotect_pte, NULL, true);
}

static void read_pte(struct mm_struct *mm, unsigned long address, pte_t *ptep,
		     void *arg)
{
	*(pte_t *)arg = READ_ONCE(*ptep);
}

/**
 * pb_pte_read - read the PTE at an address
 * @mm: of a VMA that the caller keeps in the i_mmap tree
 * @address: in that VMA
 *
 * Return: the PTE if it is present, else an empty one
 */
pte_t pb_pte_read(struct mm_struct *mm, unsigned long address)
{
	pte_t pte = __pte(0);

	walk(mm, address, address + PAGE_SIZE, read_pte, &pte);
	return pte;
}
