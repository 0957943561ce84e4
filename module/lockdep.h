/* SPDX-License-Identifier: GPL-2.0 */
/* Teaches lockdep the lock order, if it is configured. */
#ifndef _PAGEBOX_LOCKDEP_H
#define _PAGEBOX_LOCKDEP_H

struct pb_box;

#ifdef CONFIG_PROVE_LOCKING
void pb_lockdep_box(struct pb_box *box);
#else
static inline void pb_lockdep_box(struct pb_box *box)
{
}
#endif

#endif /* _PAGEBOX_LOCKDEP_H */
