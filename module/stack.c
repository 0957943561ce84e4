// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings that grow downwards.
 *
 * Core mm does not grow file mappings. So the whole stack is mapped from the
 * start, and accesses below its top are refused unless they are typical of a
 * stack: near the thread's stack pointer or above it. The fault decides, since
 * nothing below the mark has a PTE, so each first access is a fault.
 *
 * The mark is an address, like the stack pointer. Several threads may move it
 * at once, and it only moves down.
 */
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/sizes.h>

#include "box.h"
#include "compat_mm.h"
#include "failpoint.h"
#include "map.h"
#include "pagebox.h"
#include "trace.h"
#include "vma.h"

/*
 * How far below its stack pointer a function may write: 128 bytes by the ABIs
 * of x86-64 and of PowerPC's smaller leaf functions; others allow none.
 */
#define STACK_RED_ZONE 128

/*
 * The kernel itself writes a signal frame further down, below the red zone.
 * With all register state of a current CPU that takes some 11 KiB.
 */
#define STACK_SIGNAL_FRAME SZ_16K

/* Called with mmap_lock held for writing. */
static int stack_set(struct pb_box *box, const struct pagebox_stack *stack)
{
	unsigned long address = untagged_addr(stack->address);
	struct vm_area_struct *vma = vma_lookup(current->mm, address);
	struct pb_map *map = NULL;
	pgoff_t below;
	u64 size;

	if (vma && vma->vm_file)
		map = pb_map_find(box, vma->vm_file, vma->vm_mm);
	if (!map)
		return -ENOENT;
	size = vma->vm_end - vma->vm_start;
	if (map->vmas != 1 || stack->top > size || stack->limit > size)
		return -EINVAL;

	/* No fault that has not seen the mark yet may set a PTE below it. */
	vma_start_write(vma);
	map->stack_limit = vma->vm_end - (stack->limit ?: size);
	WRITE_ONCE(map->stack_low, vma->vm_end - stack->top);
	pb_window(stack_unmap);
	below = (size - stack->top) >> PAGE_SHIFT;
	if (below)
		pb_box_unmap(box, vma->vm_pgoff, below);
	return 0;
}

/**
 * pb_stack_set - PAGEBOX_IOC_STACK
 * @box: the box
 * @stack: the argument, not yet checked
 *
 * Context: without mmap_lock; sleeps.
 * Return: 0; -EINVAL; -ENOENT; -EINTR when the task is being killed
 */
int pb_stack_set(struct pb_box *box, const struct pagebox_stack *stack)
{
	struct mm_struct *mm = current->mm;
	int err;

	if (stack->flags || !PAGE_ALIGNED(stack->top | stack->limit) ||
	    (stack->limit && stack->limit < stack->top))
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = stack_set(box, stack);
	mmap_write_unlock(mm);
	return err;
}

/* Is this access typical of a stack? */
static bool may_extend(const struct pb_map *map, const struct vm_fault *vmf)
{
	unsigned long sp, slack = STACK_RED_ZONE;

	/* The registers must be those of the stack's own thread. */
	if (current->mm != vmf->vma->vm_mm || vmf->flags & FAULT_FLAG_REMOTE)
		return false;
	if (vmf->address < map->stack_limit)
		return false;
	if (!(vmf->flags & FAULT_FLAG_USER))
		slack += STACK_SIGNAL_FRAME;
	sp = user_stack_pointer(current_pt_regs());
	/* sp is 0 for a kernel thread that borrows the process. */
	return sp >= slack && vmf->real_address >= sp - slack;
}

/**
 * pb_stack_extend - check an access, and extend the stack to it if needed
 * @map: a map with a stack_low
 * @vmf: the fault
 *
 * Return: true if the access is allowed, false if it gets SIGSEGV
 */
bool pb_stack_extend(struct pb_map *map, const struct vm_fault *vmf)
{
	unsigned long low = READ_ONCE(map->stack_low);
	unsigned long page = vmf->address & PAGE_MASK;

	if (page >= low)
		return true;
	if (!may_extend(map, vmf))
		return false;
	while (page < low) {
		if (try_cmpxchg(&map->stack_low, &low, page))
			break;
	}
	return true;
}
