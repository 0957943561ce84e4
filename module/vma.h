/* SPDX-License-Identifier: GPL-2.0 */
/* Mappings of processes: VMAs, fork, growing stacks. */
#ifndef _PAGEBOX_VMA_H
#define _PAGEBOX_VMA_H

#include <linux/mm_types.h>
#include <linux/types.h>

#include "pagebox.h"

struct pb_box;
struct pb_map;
struct vm_fault;

extern const struct vm_operations_struct pb_vma_shared_ops;
extern const struct vm_operations_struct pb_vma_private_ops;

struct pb_map *pb_fork_vma(struct pb_map *parent, struct vm_area_struct *vma);

int pb_stack_set(struct pb_box *box, const struct pagebox_stack *stack);
bool pb_stack_extend(struct pb_map *map, const struct vm_fault *vmf);

#endif /* _PAGEBOX_VMA_H */
