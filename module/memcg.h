/* SPDX-License-Identifier: GPL-2.0 */
/* Headroom in the cgroup of the current task. */
#ifndef _PAGEBOX_MEMCG_H
#define _PAGEBOX_MEMCG_H

#include <linux/types.h>

/* Divisors of the headroom, for pb_memcg_is_short(). */
#define PB_MEMCG_LOW 2
#define PB_MEMCG_ALL 1

bool pb_memcg_is_short(unsigned int part, unsigned long *left);

#endif /* _PAGEBOX_MEMCG_H */
