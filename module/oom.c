// SPDX-License-Identifier: GPL-2.0
/*
 * The OOM policy: without a frame, fail, wait, or kill.
 *
 * Called when a fault has run out of patience: every frame is locked, pinned or
 * cannot be written out. The fault holds the mmap_lock of its process, and no
 * lock of the box.
 *
 * To choose a victim, the pages of each process are counted. All VMAs of the
 * box are in its reverse map, and while its lock is held for reading no VMA can
 * leave it, and neither can the map and the view of the VMA. So the pages are
 * counted there, without a spinlock; then all processes are walked. This is
 * slow in a large box, but happens only when programs make no progress anyway.
 *
 * A killed process needs time to exit. No other is killed until its mappings
 * are closed, or a grace period is over.
 *
 * The opener of a box chooses its policy, and may pass the box to programs of
 * other users. So only processes are killed that the opener may kill anyway.
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

/* Longest wait before the caller checks the frames again. */
#define OOM_NAP (HZ / 10)

/* How long a killed process may take to exit. */
#define OOM_GRACE (10 * HZ)

/* After that, how long other waiting tasks may take to find its frames. */
#define OOM_SETTLE HZ

/* No message about suppressed messages, which would be a warning. */
#define OOM_RATELIMIT(name)                                          \
	RATELIMIT_STATE_INIT_FLAGS(name, DEFAULT_RATELIMIT_INTERVAL, \
				   DEFAULT_RATELIMIT_BURST,          \
				   RATELIMIT_MSG_ON_RELEASE)

static struct ratelimit_state wait_ratelimit = OOM_RATELIMIT(wait_ratelimit);
static struct ratelimit_state kill_ratelimit = OOM_RATELIMIT(kill_ratelimit);

/**
 * struct candidate - a process that may be killed
 * @process: the process, under RCU, or NULL
 * @pages: number of pages that it holds
 * @points: @pages, adjusted by its oom_score_adj
 */
struct candidate {
	struct task_struct *process;
	unsigned long pages;
	long points;
};

/*
 * Count the pages of its map that a VMA shows: for a private map all its own
 * pages, otherwise those in frames.
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

/* Count the pages that each process holds. */
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

/* Get the pages held by a process. Return false if it has no maps. */
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
 * Get the memory of a process, or NULL. Search all threads: the first may have
 * exited before the others. The result is only compared; the reference, which
 * the caller drops, prevents its reuse for another process.
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

/* May the opener of the box signal the process, as in kill()? Under RCU. */
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
 * Get the pages of a process. Skip the previous victim, which still holds some
 * pages after its grace period.
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

/* Choose the process with the most points. Under RCU. */
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

	/* It exits by itself. */
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

/* Return -ENOSPC if no process may be killed. */
static int kill_somebody(struct pb_box *box)
{
	unsigned long capacity = pb_commit_capacity(box);
	struct candidate c;

	count_pages(box);
	pb_window(oom_choose);
	if (fatal_signal_pending(current))
		return -EINTR;
	rcu_read_lock();
	c = oom_choose(box, capacity);
	if (c.process)
		kill_candidate(box, &c);
	rcu_read_unlock();
	return c.process ? 0 : -ENOSPC;
}

/* May the frames of a victim still become free, or have they just? */
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
 * pb_oom - apply the OOM policy
 * @box: the box
 * @since: 0 at the first call of an access; keeps its time for later calls
 *
 * Context: sleeps; the caller holds no lock of the box.
 * Return: 0 to retry; -ENOSPC to fail; -EINTR when the task is being killed
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
