// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: read-only text files below /sys/kernel/debug/pagebox, one directory
 * per box and in it one per map. ABI-debugfs describes them.
 *
 * Reading does not change a box. Each page is read with its folio locked, so that
 * its state, its frame and its PTEs are consistent; all locks are dropped between
 * pages, so a fault waits for one page at most.
 *
 * A worker creates and removes all directories. Maps are added and removed under
 * mmap_lock, whereas readdir() copies to user memory with the lock of the directory
 * held, and so may take mmap_lock. Removing a file waits for its readers, which may
 * wait for a page under I/O, or for their own memory for any time. So tasks wait
 * for the worker only killably: see wait_for_sync(), and box_release() for the
 * directory of the box.
 */
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "backend.h"
#include "box.h"
#include "commit.h"
#include "config.h"
#include "debugfs.h"
#include "failpoint.h"
#include "frame.h"
#include "map.h"
#include "page.h"
#include "pagebox.h"
#include "policy.h"
#include "pte.h"
#include "stats.h"
#include "view.h"

static struct dentry *pb_debugfs_root;

/* Names ---------------------------------------------------------------- */

/*
 * The bytes to escape, as a string. Users choose names and paths, which others may
 * print on a terminal. So the backslash and all bytes but printable ASCII are shown
 * as a backslash and three octal digits.
 */
static char escaped[U8_MAX] __ro_after_init;

static void __init collect_escaped(void)
{
	char *next = escaped;

	for (unsigned int c = 1; c <= U8_MAX; c++) {
		if (!isascii(c) || !isprint(c) || c == '\\')
			*next++ = c;
	}
}

static void show_name(struct seq_file *m, const char *name)
{
	seq_escape(m, name, escaped);
}

/* box: summary, stats ------------------------------------------------- */

/* Called under box->lock, which keeps the backend. */
static void show_backend(struct seq_file *m, const struct pb_backend *backend)
{
	if (!backend)
		seq_puts(m, "none");
	else if (backend->file)
		seq_file_path(m, backend->file, escaped);
	else
		seq_puts(m, "ram");
}

static const char *const kind_names[] = {
	[PAGEBOX_BACKEND_NONE] = "none",
	[PAGEBOX_BACKEND_RAM] = "ram",
	[PAGEBOX_BACKEND_FILE] = "file",
	[PAGEBOX_BACKEND_BLOCK] = "block",
};

static const char *const oom_names[] = {
	[PAGEBOX_OOM_SIGBUS] = "sigbus",
	[PAGEBOX_OOM_KILL] = "kill",
	[PAGEBOX_OOM_WAIT] = "wait",
};

static const char *const overcommit_names[] = {
	[PAGEBOX_OVERCOMMIT_ALWAYS] = "always",
	[PAGEBOX_OVERCOMMIT_NEVER] = "never",
};

static const char *const references_names[] = {
	[PAGEBOX_REFERENCES_HARDWARE] = "hardware",
	[PAGEBOX_REFERENCES_EXACT] = "exact",
	[PAGEBOX_REFERENCES_EVERY] = "every",
};

static void show_store(struct seq_file *m, const struct pb_backend *store,
		       const struct pagebox_info *info)
{
	seq_puts(m, "store ");
	if (store)
		show_backend(m, store);
	else
		seq_puts(m, "-");
	seq_printf(m, "\nstore_bytes %llu\n", info->store_bytes);
	seq_printf(m, "store_kind %s\n", kind_names[info->store_kind]);
	seq_printf(m, "store_writable %d\n",
		   !!(info->flags & PAGEBOX_INFO_WRITABLE));
}

static void show_config(struct seq_file *m, const struct pagebox_info *info)
{
	seq_printf(m, "store_read_us %u\n", info->store_read_us);
	seq_printf(m, "store_write_us %u\n", info->store_write_us);
	seq_printf(m, "swap_read_us %u\n", info->swap_read_us);
	seq_printf(m, "swap_write_us %u\n", info->swap_write_us);
	seq_printf(m, "readahead %u\n", info->readahead);
	seq_printf(m, "swappiness %u\n", info->swappiness);
	seq_printf(m, "references %s\n", references_names[info->references]);
	seq_printf(m, "references_auto %d\n",
		   !(info->flags & PAGEBOX_INFO_REFERENCES));
	seq_printf(m, "oom %s\n", oom_names[info->oom]);
	seq_printf(m, "oom_wait_ms %u\n", info->oom_wait_ms);
	seq_printf(m, "overcommit %s\n", overcommit_names[info->overcommit]);
	seq_printf(m, "dirty_age_ms %u\n", info->dirty_age_ms);
	seq_printf(m, "dirty_ratio %u\n", info->dirty_ratio);
}

/*
 * Wait until the directories of all present maps exist, and those of all former
 * maps are removed.
 */
static int wait_for_sync(struct pb_box *box)
{
	int asked = atomic_read(&box->sync_asked);

	if (wait_event_killable(box->synced,
				READ_ONCE(box->sync_done) - asked >= 0))
		return -EINTR;
	return 0;
}

static int summary_show(struct seq_file *m, void *unused)
{
	struct pb_box *box = m->private;
	struct pagebox_info info;
	u64 used, high;
	int err = wait_for_sync(box);

	if (err)
		return err;
	pb_box_info(box, &info);
	pb_stats_swap(box, &used, &high);
	seq_printf(m, "box %u\nname ", box->id);
	show_name(m, info.name);
	seq_printf(m, "\nowner %u\n", from_kuid(&init_user_ns, box->owner));
	seq_printf(m, "bytes %llu\n", info.bytes);
	seq_printf(m, "frames %u\n", info.frames);
	seq_printf(m, "frames_used %u\n", READ_ONCE(box->frames.used));
	seq_printf(m, "hand %u\n", READ_ONCE(box->frames.policy.hand));
	seq_puts(m, "policy ");
	show_name(m, info.policy);
	seq_printf(m, "\nbatch %u\n", info.batch);
	mutex_lock(&box->lock);
	show_store(m, box->store, &info);
	seq_puts(m, "swap ");
	show_backend(m, box->swap ? box->swap->backend : NULL);
	mutex_unlock(&box->lock);
	seq_printf(m, "\nswap_used %llu\n", used);
	seq_printf(m, "swap_pages %u\n", info.swap_pages);
	seq_printf(m, "swap_high %llu\n", high);
	show_config(m, &info);
	seq_printf(m, "pages %llu\n", pb_stats_read(box, PB_STAT_PAGES));
	seq_printf(m, "views %llu\n", pb_stats_read(box, PB_STAT_VIEWS));
	seq_printf(m, "maps %u\n", READ_ONCE(box->maps.nr));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(summary);

static int stats_show(struct seq_file *m, void *unused)
{
	struct pb_box *box = m->private;
	struct pb_census census;
	u64 used, high;

	pb_stats_census(box, &census);
	pb_stats_swap(box, &used, &high);
	for (unsigned int i = 0; i < PB_STAT_PAGES; i++)
		seq_printf(m, "%s %llu\n", pb_stat_names[i],
			   pb_stats_read(box, i));
	seq_printf(m, "frames_used %u\n", READ_ONCE(box->frames.used));
	seq_printf(m, "swap_used %llu\n", used);
	seq_printf(m, "swap_high %llu\n", high);
	seq_printf(m, "frames_locked %llu\n", census.locked);
	seq_printf(m, "frames_pinned %llu\n", census.pinned);
	seq_printf(m, "frames_dirty %llu\n", census.dirty);
	seq_printf(m, "committed %ld\n", pb_commit_sum(box));
	for (unsigned int i = PB_STAT_PAGES; i < PB_STAT_NR; i++)
		seq_printf(m, "%s %llu\n", pb_stat_names[i],
			   pb_stats_read(box, i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* policies ------------------------------------------------------------ */

static void show_policy(const char *name, void *m)
{
	show_name(m, name);
	seq_putc(m, '\n');
}

static int policies_show(struct seq_file *m, void *unused)
{
	pb_policies_each(show_policy, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(policies);

/* box: frames --------------------------------------------------------- */

/* Position 0 is the header, frame n is at n + 1. */
static void *frames_start(struct seq_file *m, loff_t *pos)
{
	struct pb_box *box = m->private;

	return *pos <= READ_ONCE(box->frames.limit) ? pos : NULL;
}

static void *frames_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return frames_start(m, pos);
}

static void frames_stop(struct seq_file *m, void *v)
{
}

static void show_frame(struct seq_file *m, struct pb_box *box, u32 number,
		       struct folio *folio)
{
	struct pb_page *page = folio->private;
	struct pb_pte_bits bits;
	int pins;

	seq_printf(m, "%u %lu ", number, folio_pfn(folio));
	if (!page) {
		seq_printf(m, "- %s - - - - ",
			   pb_frame_retired(&box->frames, number) ? "retired" :
								    "-");
		return;
	}
	pb_pte_harvest(box->inode->i_mapping, &folio, &bits, 1, false);
	pins = folio_ref_count(folio) - PB_FRAME_REFS - (int)bits.mapped;
	seq_printf(m, "%lu %s %d %d %d %d ", page->index,
		   page->root ? "root" : "private", atomic_read(&page->sharers),
		   bits.young || folio_test_referenced(folio),
		   bits.dirty || folio_test_dirty(folio), max(pins, 0));
}

static int frames_show(struct seq_file *m, void *v)
{
	struct pb_box *box = m->private;
	u32 number = *(loff_t *)v - 1;
	struct folio *folio;
	int err;

	if (!*(loff_t *)v) {
		seq_puts(m, "frame pfn page tier sharers R D pins hand\n");
		return 0;
	}
	folio = pb_frame_lookup(&box->frames, number);
	if (folio) {
		pb_window(show_frame);
		err = pb_frame_lock(&box->frames, folio, number);
		if (err)
			return err;
		show_frame(m, box, number, folio);
		pb_folio_release(folio);
	} else {
		seq_printf(m, "%u - - - - - - - ", number);
	}
	seq_puts(m,
		 READ_ONCE(box->frames.policy.hand) == number ? ">\n" : "-\n");
	return 0;
}

static const struct seq_operations frames_sops = {
	.start = frames_start,
	.next = frames_next,
	.stop = frames_stop,
	.show = frames_show,
};
DEFINE_SEQ_ATTRIBUTE(frames);

/* box: maps ----------------------------------------------------------- */

static int maps_show(struct seq_file *m, void *unused)
{
	struct pb_box *box = m->private;
	struct address_space *mapping = box->inode->i_mapping;
	struct vm_area_struct *vma;
	struct pb_map *map;
	int err = wait_for_sync(box);

	if (err)
		return err;
	seq_puts(m, "map pid type start end pgoff prot\n");
	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, 0, ULONG_MAX); vma;
	     vma = pb_pte_vma_next(vma, 0, ULONG_MAX)) {
		cond_resched();
		map = pb_map_of(vma);
		if (!map)
			continue;
		seq_printf(m, "%u %d %s 0x%lx 0x%lx %lu %c%c%c\n", map->id,
			   pb_map_pid(map),
			   pb_map_private(map) ? "private" : "shared",
			   vma->vm_start, vma->vm_end, vma->vm_pgoff,
			   vma->vm_flags & VM_READ ? 'r' : '-',
			   vma->vm_flags & VM_WRITE ? 'w' : '-',
			   vma->vm_flags & VM_EXEC ? 'x' : '-');
	}
	i_mmap_unlock_read(mapping);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(maps);

/* map: stats ---------------------------------------------------------- */

static int map_stats_show(struct seq_file *m, void *unused)
{
	struct pb_map *map = m->private;

	pb_window(show_map);
	for (unsigned int i = 0; i < PB_FAULT_NR; i++)
		seq_printf(m, "%s %lld\n", pb_stat_names[i],
			   (s64)atomic64_read(&map->faults[i]));
	seq_printf(m, "%s %lld\n", pb_stat_names[PB_STAT_MAJOR],
		   (s64)atomic64_read(&map->major));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(map_stats);

/* map: pages ---------------------------------------------------------- */

/* The first address of @vma, from @address on, that shows a page; or 0. */
static unsigned long next_in_vma(struct pb_map *map, struct vm_area_struct *vma,
				 unsigned long address)
{
	pgoff_t last = vma->vm_pgoff + vma_pages(vma) - 1;
	pgoff_t index = linear_page_index(vma, max(address, vma->vm_start));
	bool found;

	rcu_read_lock();
	found = pb_view_next_shown(map->box, map->view, &index, last);
	rcu_read_unlock();
	if (!found)
		return 0;
	return vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT);
}

/*
 * The first address, from @address on, at which the map shows a page; or 0. This
 * searches all VMAs of the box, because it cannot take mmap_lock: faults hold that
 * while they wait for a frame.
 */
static unsigned long next_address(struct pb_map *map, unsigned long address)
{
	struct address_space *mapping = map->box->inode->i_mapping;
	unsigned long next, found = 0;
	struct vm_area_struct *vma;

	i_mmap_lock_read(mapping);
	for (vma = pb_pte_vma_first(mapping, 0, ULONG_MAX); vma;
	     vma = pb_pte_vma_next(vma, 0, ULONG_MAX)) {
		cond_resched();
		if (pb_map_of(vma) != map || vma->vm_end <= address ||
		    (found && vma->vm_start > found))
			continue;
		next = next_in_vma(map, vma, address);
		if (next && (!found || next < found))
			found = next;
	}
	i_mmap_unlock_read(mapping);
	return found;
}

/* The position is the address to continue from; 0 is the header. */
static void *pages_start(struct seq_file *m, loff_t *pos)
{
	if (!*pos)
		return SEQ_START_TOKEN;
	if (fatal_signal_pending(current))
		return ERR_PTR(-EINTR);
	return (void *)next_address(m->private, *pos);
}

static void *pages_next(struct seq_file *m, void *v, loff_t *pos)
{
	unsigned long address = v == SEQ_START_TOKEN ? 0 : (unsigned long)v;

	*pos = address + PAGE_SIZE;
	return pages_start(m, pos);
}

static void pages_stop(struct seq_file *m, void *v)
{
}

/* The map's VMA at an address; under i_mmap_rwsem. */
static struct vm_area_struct *vma_at(struct pb_map *map, unsigned long address)
{
	struct address_space *mapping = map->box->inode->i_mapping;
	struct vm_area_struct *vma;

	for (vma = pb_pte_vma_first(mapping, 0, ULONG_MAX); vma;
	     vma = pb_pte_vma_next(vma, 0, ULONG_MAX)) {
		if (pb_map_of(vma) == map && vma->vm_start <= address &&
		    address < vma->vm_end)
			break;
		cond_resched();
	}
	return vma;
}

/* Get the index and the PTE of an address. */
static bool read_address(struct pb_map *map, unsigned long address,
			 pgoff_t *index, pte_t *pte)
{
	struct address_space *mapping = map->box->inode->i_mapping;
	struct vm_area_struct *vma;

	i_mmap_lock_read(mapping);
	vma = vma_at(map, address);
	if (vma) {
		*index = linear_page_index(vma, address);
		*pte = pb_pte_read(vma->vm_mm, address);
	}
	i_mmap_unlock_read(mapping);
	return vma;
}

/**
 * struct page_state - snapshot of a page in one map
 * @index: index in the box
 * @frame: frame number, or PB_NONE
 * @slot: swap slot, or PB_NONE
 * @sharers: number of views that hold it
 * @root: it is a page of the root view
 * @lost: its contents were lost to a memory error
 * @pte: its PTE, empty if not present
 */
struct page_state {
	pgoff_t index;
	u32 frame;
	u32 slot;
	int sharers;
	bool root;
	bool lost;
	pte_t pte;
};

/*
 * Return 0, -ENOENT if there is no page, -EAGAIN if it has just changed, or -EINTR.
 */
static int page_snapshot(struct pb_map *map, unsigned long address,
			 struct page_state *s)
{
	struct pb_page *page;
	struct folio *folio;
	pgoff_t index;
	int err = 0;
	u32 frame;

	if (!read_address(map, address, &index, &s->pte))
		return -ENOENT;
	s->index = index;
	s->frame = PB_NONE;

	pb_window(show_look);
	rcu_read_lock();
	page = pb_view_look(map->box, map->view, index);
	if (!page) {
		rcu_read_unlock();
		return -ENOENT;
	}
	s->root = page->root;
	s->sharers = atomic_read(&page->sharers);
	s->slot = pb_page_slot(page);
	frame = READ_ONCE(page->frame);
	s->lost = READ_ONCE(page->lost);
	folio = pb_page_folio(page);
	rcu_read_unlock();
	if (IS_ERR_OR_NULL(folio))
		return PTR_ERR_OR_ZERO(folio);

	pb_window(show_page);
	err = pb_frame_lock(&map->box->frames, folio, frame);
	if (err)
		return err;
	if (!pb_page_owns(page, folio)) {
		err = -EAGAIN;
	} else {
		s->frame = page->frame;
		s->slot = pb_page_slot(page);
		s->sharers = atomic_read(&page->sharers);
		/* The folio lock prevents (un)mapping; read the PTE again. */
		if (!read_address(map, address, &index, &s->pte) ||
		    index != s->index)
			err = -ENOENT;
		else if (pte_present(s->pte) &&
			 pte_pfn(s->pte) != folio_pfn(folio))
			s->pte = __pte(0);
	}
	pb_folio_release(folio);
	return err;
}

static void show_number(struct seq_file *m, u32 number)
{
	if (number == PB_NONE)
		seq_puts(m, "- ");
	else
		seq_printf(m, "%u ", number);
}

static const char *state_name(struct pb_box *box, const struct page_state *s)
{
	if (s->frame != PB_NONE)
		return "frame";
	if (s->slot != PB_NONE)
		return "swap";
	if (s->lost)
		return "lost";
	return box->store ? "store" : "zero";
}

static int pages_show(struct seq_file *m, void *v)
{
	unsigned long address = (unsigned long)v;
	struct pb_map *map = m->private;
	struct page_state s;
	int err;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "index address state frame slot sharers pte\n");
		return 0;
	}
	do {
		err = page_snapshot(map, address, &s);
		if (fatal_signal_pending(current))
			return -EINTR;
	} while (err == -EAGAIN);
	if (err)
		return SEQ_SKIP;

	seq_printf(m, "%lu 0x%lx %s ", s.index, address,
		   state_name(map->box, &s));
	show_number(m, s.frame);
	show_number(m, s.slot);
	if (s.root && pb_map_private(map))
		seq_puts(m, "root ");
	else
		seq_printf(m, "%d ", s.sharers);
	if (s.frame != PB_NONE && pte_present(s.pte))
		seq_printf(m, "%c%c%c\n", pte_young(s.pte) ? 'A' : '.',
			   pte_dirty(s.pte) ? 'D' : '.',
			   pte_write(s.pte) ? 'W' : '.');
	else
		seq_puts(m, "-\n");
	return 0;
}

static const struct seq_operations pages_sops = {
	.start = pages_start,
	.next = pages_next,
	.stop = pages_stop,
	.show = pages_show,
};
DEFINE_SEQ_ATTRIBUTE(pages);

/* Directories --------------------------------------------------------- */

static void map_add(struct pb_map *map)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", map->id);
	map->dir = pb_may_fail(create_debugfs, ERR_PTR(-ENOMEM),
			       debugfs_create_dir(name, map->box->dir));
	debugfs_create_file("pages", 0400, map->dir, map, &pages_fops);
	debugfs_create_file("stats", 0400, map->dir, map, &map_stats_fops);
}

static void box_add(struct pb_box *box)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", box->id);
	box->dir = pb_may_fail(create_debugfs, ERR_PTR(-ENOMEM),
			       debugfs_create_dir(name, pb_debugfs_root));
	debugfs_create_file("summary", 0400, box->dir, box, &summary_fops);
	debugfs_create_file("stats", 0400, box->dir, box, &stats_fops);
	debugfs_create_file("frames", 0400, box->dir, box, &frames_fops);
	debugfs_create_file("maps", 0400, box->dir, box, &maps_fops);
}

static void map_free(struct pb_map *map)
{
	pb_window(map_free);
	/* Waits for readers of its files. */
	debugfs_remove(map->dir);
	kfree(map);
}

/*
 * The next map whose directory must be created, or removed if @dead; a dead map is
 * unlinked here, so no one else can find it. A map that dies later is added to
 * the list again.
 */
static struct pb_map *next_to_sync(struct pb_maps *maps, bool *dead)
{
	struct pb_map *map;

	spin_lock(&maps->lock);
	map = list_first_entry_or_null(&maps->unsynced, struct pb_map,
				       unsynced);
	if (map) {
		list_del_init(&map->unsynced);
		*dead = map->dead;
		if (*dead)
			list_del(&map->entry);
	}
	spin_unlock(&maps->lock);
	return map;
}

static void sync_work(struct work_struct *work)
{
	struct pb_box *box = container_of(work, struct pb_box, sync);
	struct mem_cgroup *before = set_active_memcg(box->memcg);
	int asked = atomic_read(&box->sync_asked);
	struct pb_map *map;
	bool dead;

	if (!box->dir)
		box_add(box);
	while ((map = next_to_sync(&box->maps, &dead))) {
		pb_window(map_sync);
		if (dead)
			map_free(map);
		else
			map_add(map);
	}
	set_active_memcg(before);
	WRITE_ONCE(box->sync_done, asked);
	wake_up_all(&box->synced);
}

/**
 * pb_debugfs_add - create the directory of a box
 * @box: the box
 *
 * Context: sleeps; waits for the directory, unless the task is being killed.
 */
void pb_debugfs_add(struct pb_box *box)
{
	INIT_WORK(&box->sync, sync_work);
	init_waitqueue_head(&box->synced);
	pb_box_sync(box);
	wait_for_sync(box);
}

/**
 * pb_debugfs_remove - remove the directory of a box
 * @box: a box without live maps
 *
 * Context: a worker; waits for readers, without a time limit.
 */
void pb_debugfs_remove(struct pb_box *box)
{
	cancel_work_sync(&box->sync);
	sync_work(&box->sync);
	WARN_ON_ONCE(!list_empty(&box->maps.list));
	debugfs_remove(box->dir);
}

/**
 * pb_debugfs_init - create the module's directory
 *
 * The module works without debugfs.
 */
void __init pb_debugfs_init(void)
{
	collect_escaped();
	pb_debugfs_root = pb_may_fail(create_debugfs, ERR_PTR(-ENOMEM),
				      debugfs_create_dir("pagebox", NULL));
	debugfs_create_file("policies", 0444, pb_debugfs_root, NULL,
			    &policies_fops);
	pb_failpoints_debugfs(pb_debugfs_root);
}

/**
 * pb_debugfs_exit - remove the module's directory
 */
void pb_debugfs_exit(void)
{
	debugfs_remove(pb_debugfs_root);
}
