// SPDX-License-Identifier: GPL-2.0
/*
 * When no frame can be had: give up, wait, or kill.
 *
 * Here a fault comes that has been patient and found every frame locked, pinned
 * or impossible to write out. It holds the mmap_lock of its process, and no lock
 * of the box.
 *
 * To kill, one has to know who holds how many pages. The VMAs of the box are all
 * in its reverse map, and while its lock is held for reading none can leave it,
 * nor the map and the view that it belongs to. So the pages are counted there,
 * for each process, without a spinlock; and then the processes are gone through.
 * That takes long in a large box, but it happens when programs do not get on
 * anyway.
 *
 * Who was killed needs time to go. Until it has given its mappings up, though
 * not for ever, nobody else is killed.
 *
 * Whoever opens a box chooses its policy, and may hand it to programs of others.
 * So only those are killed that the opener could kill anyway.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/oom.h>
#include <linux/pagemap.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "box.h"
#include "commit.h"
#include "engine.h"
#include "failpoint.h"
#include "map.h"
#include "page.h"
#include "pagebox.h"
#include "pte.h"
#include "stats.h"
#include "view.h"

/* How long a wait is, before the caller looks at the frames again. */
#define OOM_NAP (HZ / 10)

/* How long a process that was killed may take to go. */
#define OOM_GRACE (10 * HZ)

/* How long others that are in want have to find what it has left. */
#define OOM_SETTLE HZ

/* Without a message about messages, which would be a warning. */
#define OOM_RATELIMIT(name)                                          \
	RATELIMIT_STATE_INIT_FLAGS(name, DEFAULT_RATELIMIT_INTERVAL, \
				   DEFAULT_RATELIMIT_BURST,          \
				   RATELIMIT_MSG_ON_RELEASE)

static struct ratelimit_state wait_ratelimit = OOM_RATELIMIT(wait_ratelimit);
static struct ratelimit_state kill_ratelimit = OOM_RATELIMIT(kill_ratelimit);

/**
 * struct candidate - who shall be killed
 * @process: or NULL; under RCU
 * @pages: how many it holds
 * @points: those, moved by its oom_score_adj
 */
struct candidate {
	struct task_struct *process;
	unsigned long pages;
	long points;
};

/*
 * How many pages of its map a VMA shows: a private map's own wherever they are,
 * else those in frames.
 */
static unsigned long vma_pages_held(const struct vm_area_struct *vma)
{
	const struct pb_map *map = vma->vm_private_data;
	pgoff_t index = vma->vm_pgoff;
	pgoff_t end = index + ((vma->vm_end - vma->vm_start) >> PAGE_SHIFT);
	const struct pb_page *page;
	unsigned long held = 0;

	for (; index < end && !fatal_signal_pending(current); index++) {
		rcu_read_lock();
		page = pb_view_next(map->view, &index, end - 1);
		if (page && (pb_map_private(map) || READ_ONCE(page->folio)))
			held++;
		rcu_read_unlock();
		if (!page)
			break;
		cond_resched();
	}
	return held;
}

static void forget_counts(struct pb_maps *maps)
{
	struct pb_process *process;
	int bucket;

	spin_lock(&maps->lock);
	hash_for_each(maps->processes, bucket, process, node)
		process->held = 0;
	spin_unlock(&maps->lock);
}

/* Find out for all processes how many pages their maps hold. */
static void count_pages(struct pb_box *box)
{
	struct address_space *mapping = box->inode->i_mapping;
	struct vm_area_struct *vma;
	struct pb_map *map;

	lockdep_assert_held(&box->oom_lock);
	forget_counts(&box->maps);
	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, 0, ULONG_MAX); vma;
	     vma = pb_pte_vma_next(vma, 0, ULONG_MAX)) {
		map = pb_map_of(vma);
		if (map)
			map->process->held += vma_pages_held(vma);
	}
	i_mmap_unlock_read(mapping);
}

/* The pages of all maps in a process. False: it has none. */
static bool mm_pages(struct pb_box *box, const struct mm_struct *mm,
		     unsigned long *pages)
{
	const struct pb_process *process;

	spin_lock(&box->maps.lock);
	process = pb_map_process(&box->maps, mm);
	*pages = process ? process->held : 0;
	spin_unlock(&box->maps.lock);
	return process;
}

/*
 * The memory of a process, or NULL, which is of no use but to be compared: the
 * first thread may have exited before the others. The reference, to be dropped,
 * keeps it from becoming the memory of somebody else.
 */
static struct mm_struct *grab_mm(struct task_struct *process)
{
	struct task_struct *thread;
	struct mm_struct *mm = NULL;

	for_each_thread(process, thread) {
		task_lock(thread);
		mm = thread->mm;
		if (mm)
			mmgrab(mm);
		task_unlock(thread);
		if (mm)
			break;
	}
	return mm;
}

/* May who opened the box send the process a signal? The rule of kill(). Under RCU. */
static bool may_kill(const struct pb_box *box, struct task_struct *process)
{
	const struct cred *cred = __task_cred(process);

	return box->kills_all || uid_eq(box->owner, cred->uid) ||
	       uid_eq(box->owner, cred->suid);
}

/* Under RCU. */
static bool oom_exempt(const struct pb_box *box, struct task_struct *process)
{
	return process->flags & PF_KTHREAD || is_global_init(process) ||
	       process->signal->oom_score_adj == OOM_SCORE_ADJ_MIN ||
	       !may_kill(box, process);
}

static bool oom_uses(struct task_struct *process, const struct mm_struct *mm)
{
	struct mm_struct *own = grab_mm(process);

	if (own)
		mmdrop(own);
	return own == mm;
}

/*
 * The pages of a process. One that was killed long ago, and still holds some, has
 * had its chance.
 */
static unsigned long process_pages(struct pb_box *box,
				   struct task_struct *process)
{
	struct mm_struct *mm = grab_mm(process);
	unsigned long pages = 0;

	if (!mm)
		return 0;
	if (mm != box->oom_victim)
		mm_pages(box, mm, &pages);
	mmdrop(mm);
	return pages;
}

/* The process with the most points. Under RCU. */
static struct candidate oom_choose(struct pb_box *box, unsigned long capacity)
{
	struct candidate c, best = {};

	for_each_process(c.process) {
		if (oom_exempt(box, c.process))
			continue;
		c.pages = process_pages(box, c.process);
		c.points = c.pages + c.process->signal->oom_score_adj *
					     (long)capacity / 1000;
		if (c.pages && (!best.process || c.points > best.points))
			best = c;
	}
	return best;
}

/* Kill all processes that share the memory. Under RCU. */
static void kill_users(struct pb_box *box, const struct mm_struct *mm)
{
	struct task_struct *process;

	for_each_process(process) {
		if (oom_exempt(box, process) || !oom_uses(process, mm))
			continue;
		kill_pid(task_tgid(process), SIGKILL, 1);
		pb_count(box, PB_STAT_OOM_KILL);
	}
}

static void kill_candidate(struct pb_box *box, const struct candidate *c)
{
	struct mm_struct *mm = grab_mm(c->process);

	/* It is about to exit by itself. */
	if (!mm)
		return;
	box->oom_victim = mm;
	box->oom_since = jiffies;
	if (__ratelimit(&kill_ratelimit))
		pr_notice(
			"box %u: out of frames: killed process %d (%s): %lu pages, oom_score_adj %d\n",
			box->id, task_tgid_nr(c->process), c->process->comm,
			c->pages, c->process->signal->oom_score_adj);
	kill_users(box, mm);
	mmdrop(mm);
}

/* Return -ENOSPC if there is nobody. */
static int kill_somebody(struct pb_box *box)
{
	unsigned long capacity = pb_commit_capacity(box);
	struct candidate c;

	count_pages(box);
	pb_window(PB_WINDOW_OOM_CHOOSE);
	if (fatal_signal_pending(current))
		return -EINTR;
	rcu_read_lock();
	c = oom_choose(box, capacity);
	if (c.process)
		kill_candidate(box, &c);
	rcu_read_unlock();
	return c.process ? 0 : -ENOSPC;
}

/*
 * Was somebody killed whose frames may still become free, or have just become
 * so?
 */
static bool victim_leaves(struct pb_box *box)
{
	unsigned long pages, grace;
	bool there;

	lockdep_assert_held(&box->oom_lock);
	if (!box->oom_victim)
		return false;
	there = mm_pages(box, box->oom_victim, &pages);
	grace = there ? OOM_GRACE : OOM_SETTLE;
	if (time_before(jiffies, box->oom_since + grace))
		return true;
	if (!there)
		box->oom_victim = NULL;
	return false;
}

static int oom_kill(struct pb_box *box)
{
	int err = 0;

	if (mutex_lock_killable(&box->oom_lock))
		return -EINTR;
	if (!victim_leaves(box))
		err = kill_somebody(box);
	mutex_unlock(&box->oom_lock);
	return fatal_signal_pending(current) ? -EINTR : err;
}

static int oom_wait(struct pb_box *box, unsigned int *since)
{
	unsigned int limit = msecs_to_jiffies(READ_ONCE(box->tune.oom_wait_ms));
	unsigned int now = jiffies;
	unsigned int waited;

	if (!*since)
		*since = now ?: -1;
	waited = now - *since;
	if (waited >= limit) {
		if (__ratelimit(&wait_ratelimit))
			pr_notice("box %u: out of frames: waited for %u ms\n",
				  box->id, jiffies_to_msecs(waited));
		return -ENOSPC;
	}
	schedule_timeout_killable(min_t(unsigned int, limit - waited, OOM_NAP));
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * pb_oom - no frame can be had
 * @box: the box
 * @since: 0 when an access comes here first; it keeps the time for later calls
 *
 * Context: sleeps; no lock of the box is held.
 * Return: 0 to try again for some time, -ENOSPC to give up, -EINTR when the task
 * is being killed
 */
int pb_oom(struct pb_box *box, unsigned int *since)
{
	switch (READ_ONCE(box->tune.oom)) {
	case PAGEBOX_OOM_KILL:
		return oom_kill(box);
	case PAGEBOX_OOM_WAIT:
		return oom_wait(box, since);
	}
	pr_debug("box %u: out of frames\n", box->id);
	return -ENOSPC;
}
