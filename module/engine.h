/* SPDX-License-Identifier: GPL-2.0 */
/* Small parts of the engine: OOM policy, shrinker, swapoff, memory errors. */
#ifndef _PAGEBOX_ENGINE_H
#define _PAGEBOX_ENGINE_H

struct folio;
struct pb_box;
struct pb_swap;

int pb_poison_retire(struct pb_box *box, struct folio *folio);

int pb_shrink_add(struct pb_box *box);
void pb_shrink_remove(struct pb_box *box);
int pb_swapoff(struct pb_box *box, struct pb_swap *old);

int pb_oom(struct pb_box *box, unsigned int *since);

#endif /* _PAGEBOX_ENGINE_H */
