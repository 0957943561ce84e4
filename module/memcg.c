// SPDX-License-Identifier: GPL-2.0
/*
 * Headroom in the cgroup of the current task.
 *
 * The frames of a box are charged to the cgroup of the task that makes it grow,
 * and core mm cannot reclaim them. A cgroup full of frames has nothing left for
 * page tables, page objects and the writes that an eviction needs, and invokes
 * its OOM killer although the box could evict. So a box stops growing, and
 * recycles its own frames, while less than the headroom is left in the cgroup or
 * in an ancestor; it gives frames back when less than half of the headroom is
 * left (evict.c).
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/page_counter.h>

#include "memcg.h"

#ifdef CONFIG_MEMCG

/* Bounds of the headroom, in pages: a sixteenth of the cgroup's limit. */
#define HEADROOM_LEAST 64UL
#define HEADROOM_MOST 1024UL

static unsigned long memcg_limit(const struct mem_cgroup *memcg)
{
	return min(READ_ONCE(memcg->memory.max), READ_ONCE(memcg->memory.high));
}

/* Is less than the headroom divided by @part left? Never true without a limit. */
static bool is_short(struct mem_cgroup *memcg, unsigned int part,
		     unsigned long *left)
{
	unsigned long limit = memcg_limit(memcg);
	unsigned long usage = page_counter_read(&memcg->memory);
	unsigned long headroom =
		clamp(limit / 16, HEADROOM_LEAST, HEADROOM_MOST);

	if (limit >= PAGE_COUNTER_MAX)
		return false;
	*left = limit > usage ? limit - usage : 0;
	return *left < headroom / part;
}

/**
 * pb_memcg_is_short - is the current task's cgroup short of memory?
 * @part: divisor of the headroom: PB_MEMCG_ALL or PB_MEMCG_LOW
 * @left: set to the number of pages left in the cgroup that is short
 *
 * Return: true if less than the headroom divided by @part is left in the cgroup,
 * or in an ancestor
 */
bool pb_memcg_is_short(unsigned int part, unsigned long *left)
{
	struct mem_cgroup *memcg;
	bool found = false;

	if (mem_cgroup_disabled())
		return false;
	rcu_read_lock();
	for (memcg = mem_cgroup_from_task(current); memcg && !found;
	     memcg = parent_mem_cgroup(memcg))
		found = is_short(memcg, part, left);
	rcu_read_unlock();
	return found;
}

#else

bool pb_memcg_is_short(unsigned int part, unsigned long *left)
{
	return false;
}

#endif
