/* SPDX-License-Identifier: GPL-2.0 */
/* Commitments: the number of pages committed to mappings. */
#ifndef _PAGEBOX_COMMIT_H
#define _PAGEBOX_COMMIT_H

#include <linux/types.h>

struct pb_box;
struct pb_map;
struct vm_area_struct;

unsigned long pb_commit_capacity(struct pb_box *box);
int pb_commit_charge(struct pb_map *map, const struct vm_area_struct *vma);
void pb_commit_recount(struct pb_map *map);
void pb_commit_recount_all(struct pb_box *box);
long pb_commit_sum(struct pb_box *box);
bool pb_commit_covers(struct pb_map *map, const struct vm_area_struct *vma,
		      unsigned long address);

#endif /* _PAGEBOX_COMMIT_H */
