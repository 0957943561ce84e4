// SPDX-License-Identifier: GPL-2.0
/*
 * The life time of a box. For its configuration see config.c.
 *
 * A box lives as long as it has files: the one that its opener got, and those of
 * its mappings (map.c explains why mappings have their own). VMAs hold these
 * files, so a box outlives its mappings, and it is torn down after the last file,
 * without mmap_lock. Requests that a killed task left behind keep the box a little
 * longer.
 *
 * A worker tears the box down, because teardown waits for readers of debugfs. A
 * task that closes the last file waits for the worker, unless it is being killed.
 *
 * Each box has anonymous inodes on a pseudo file system. The i_mapping of one of
 * them is the f_mapping of all these files; its i_mmap tree, to which core mm adds
 * every VMA, is the box's reverse map, and an unmap through it affects this box
 * alone. Only live boxes and their files pin the mount of the file system, so the
 * module can be unloaded.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "backend.h"
#include "box.h"
#include "config.h"
#include "debugfs.h"
#include "engine.h"
#include "failpoint.h"
#include "frame.h"
#include "identity.h"
#include "io.h"
#include "lockdep.h"
#include "map.h"
#include "pagebox.h"
#include "policy.h"
#include "stats.h"
#include "store.h"
#include "swap.h"
#include "trail.h"
#include "truncate.h"
#include "user.h"
#include "view.h"
#include "writeback.h"

#define PB_FS_MAGIC 0x50616765 /* "Page" */

/* Defaults are those of the kernel, or have no effect. */
static const struct pb_tunables default_tunables = {
	.oom = PAGEBOX_OOM_SIGBUS,
	.oom_wait_ms = 10000,
	.overcommit = PAGEBOX_OVERCOMMIT_ALWAYS,
	.dirty_age_ms = 30000,
	.dirty_ratio = 20,
};

/* The module parameters frames and max_boxes. */
unsigned int pb_box_frames;
unsigned int pb_box_max;

/*
 * All boxes by number, including those being torn down. A box under construction
 * has its number, but cannot be found.
 */
static DEFINE_XARRAY_ALLOC1(pb_boxes);
static u32 pb_box_next_id;
static atomic_t pb_boxes_nr;
static DECLARE_WAIT_QUEUE_HEAD(pb_boxes_gone);
static struct vfsmount *pb_mnt;
static int pb_mnt_count;

/* The name of a mapping in /proc/PID/maps. */
static char *pb_fs_dname(struct dentry *dentry, char *buffer, int size)
{
	static const char name[] = "/dev/pagebox";

	if (size < (int)sizeof(name))
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + size - sizeof(name), name, sizeof(name));
}

static const struct dentry_operations pb_fs_dops = {
	.d_dname = pb_fs_dname,
};

static int pb_fs_init_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, PB_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->dops = &pb_fs_dops;
	return 0;
}

static struct file_system_type pb_fs_type = {
	.name = "pagebox",
	.owner = THIS_MODULE,
	.init_fs_context = pb_fs_init_context,
	.kill_sb = kill_anon_super,
};

static struct inode *inode_new(void)
{
	return pb_may_fail(alloc_inode, ERR_PTR(-ENOMEM),
			   alloc_anon_inode(pb_mnt->mnt_sb));
}

static int box_inodes_init(struct pb_box *box)
{
	int err;

	err = pb_may_fail(pin_mount, -ENOMEM,
			  simple_pin_fs(&pb_fs_type, &pb_mnt, &pb_mnt_count));
	if (err)
		return err;
	box->inode = inode_new();
	err = PTR_ERR_OR_ZERO(box->inode);
	if (err)
		goto out_mount;
	box->memory = inode_new();
	err = PTR_ERR_OR_ZERO(box->memory);
	if (err)
		goto out_inode;
	/* Folios under write-back are not in its i_pages, which has the tags. */
	mapping_set_no_writeback_tags(box->inode->i_mapping);
	/* Newer kernels map nothing past it. */
	i_size_write(box->inode, box->bytes);
	clear_nlink(box->memory);
	return 0;

out_inode:
	iput(box->inode);
out_mount:
	simple_release_fs(&pb_mnt, &pb_mnt_count);
	return err;
}

static void box_inodes_put(struct pb_box *box)
{
	pb_identities_destroy(box);
	iput(box->memory);
	iput(box->inode);
	simple_release_fs(&pb_mnt, &pb_mnt_count);
}

static void box_count_down(void)
{
	if (atomic_dec_and_test(&pb_boxes_nr))
		wake_up_all(&pb_boxes_gone);
}

static struct pb_swap *ram_swap_new(const struct pb_box *box)
{
	struct pb_backend *ram = pb_backend_ram_new(box->privileged);
	struct pb_swap *swap;

	if (!ram)
		return ERR_PTR(-ENOMEM);
	swap = pb_swap_new(ram, 0, 0);
	if (IS_ERR(swap))
		pb_backend_release(ram);
	return swap;
}

/* Cyclic over 32 bits, so that in practice no number is used twice. */
static int box_number(struct pb_box *box)
{
	int err = xa_alloc_cyclic(&pb_boxes, &box->id, NULL,
				  XA_LIMIT(1, U32_MAX), &pb_box_next_id,
				  PB_GFP);

	return err < 0 ? err : 0;
}

static int box_policy_init(struct pb_box *box)
{
	const struct pb_policy *policy = pb_policy_get("clock");
	void *state;

	if (IS_ERR(policy))
		return PTR_ERR(policy);
	state = pb_may_fail(alloc_policy_state, NULL,
			    kzalloc(policy->size, PB_GFP));
	if (!state) {
		pb_policy_put(policy);
		return -ENOMEM;
	}
	pb_frames_set_policy(&box->frames, &policy, &state);
	return 0;
}

static void box_policy_exit(struct pb_box *box)
{
	kfree(box->frames.policy.state);
	pb_policy_put(box->frames.policy.policy);
}

static void box_late_work(struct work_struct *work);

static bool may_open_last(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

static void box_init(struct pb_box *box)
{
	kref_init(&box->ref);
	atomic_set(&box->files, 1);
	mutex_init(&box->config);
	mutex_init(&box->lock);
	mutex_init(&box->oom_lock);
	init_rwsem(&box->swap_lock);
	INIT_WORK(&box->late, box_late_work);
	pb_trails_init(&box->trails);
	pb_frames_init(&box->frames, READ_ONCE(pb_box_frames));
	box->frames.swappiness = 100;
	box->tune = default_tunables;
	box->owner = current_euid();
	box->memcg = get_mem_cgroup_from_mm(current->mm);
	box->privileged = may_open_last();
	box->frames.privileged = box->privileged;
	box->kills_all = ns_capable_noaudit(&init_user_ns, CAP_KILL);
	get_task_comm(box->name, current);
	box->bytes = PAGEBOX_DEFAULT_SIZE;
	pb_writeback_init(box);
	pb_truncate_init(box);
}

/* The part of initialisation that can fail. */
static int box_setup(struct pb_box *box)
{
	int err;

	box->user = pb_user_get(box->owner);
	if (IS_ERR(box->user))
		return PTR_ERR(box->user);
	err = pb_maps_init(&box->maps);
	if (err)
		goto out_user;
	err = box_inodes_init(box);
	if (err)
		goto out_maps;
	box->swap = ram_swap_new(box);
	if (IS_ERR(box->swap)) {
		err = PTR_ERR(box->swap);
		goto out_inode;
	}
	err = box_policy_init(box);
	if (err)
		goto out_swap;
	err = pb_stats_init(box);
	if (err)
		goto out_policy;
	err = pb_shrink_add(box);
	if (err)
		goto out_stats;
	err = pb_may_fail(store_box, -ENOMEM, box_number(box));
	if (err)
		goto out_shrink;
	return 0;

out_shrink:
	pb_shrink_remove(box);
out_stats:
	pb_stats_destroy(box);
out_policy:
	box_policy_exit(box);
out_swap:
	pb_swap_release(box->swap);
out_inode:
	box_inodes_put(box);
out_maps:
	pb_maps_destroy(&box->maps);
out_user:
	pb_user_put(box->user);
	return err;
}

/**
 * pb_box_new - make a box with the defaults
 *
 * Context: process; the box belongs to the current user.
 * Return: the box with one file; -ENFILE when there are too many boxes; -ENOMEM
 * and similar errors
 */
struct pb_box *pb_box_new(void)
{
	struct pb_box *box;
	int err = -ENFILE;

	if (atomic_inc_return(&pb_boxes_nr) >
	    pb_cap(pb_box_max, may_open_last()))
		goto out_count;
	err = -ENOMEM;
	box = pb_may_fail(alloc_box, NULL, kzalloc(sizeof(*box), PB_GFP));
	if (!box)
		goto out_count;
	box_init(box);
	err = box_setup(box);
	if (err)
		goto out_box;
	pb_view_init(box, &box->root);
	pb_lockdep_box(box);
	pb_debugfs_add(box);
	/* Last: others may join from here on. The entry exists, so no error. */
	xa_store(&pb_boxes, box->id, box, PB_GFP);
	return box;

out_box:
	mem_cgroup_put(box->memcg);
	kfree(box);
out_count:
	box_count_down();
	return ERR_PTR(err);
}

static void box_destroy(struct pb_box *box)
{
	pb_window(box_destroy);
	xa_erase(&pb_boxes, box->id);
	pb_writeback_stop(box);
	pb_watch_end(box->truncate.watch);
	pb_shrink_remove(box);
	pb_debugfs_remove(box);
	pb_view_destroy(box, &box->root);
	pb_stats_destroy(box);
	if (box->swap_old)
		pb_swap_release(box->swap_old);
	if (box->swap)
		pb_swap_release(box->swap);
	box_policy_exit(box);
	pb_frames_destroy(&box->frames);
	pb_trails_destroy(&box->trails);
	pb_backend_release(box->store);
	box_inodes_put(box);
	pb_maps_destroy(&box->maps);
	pb_user_put(box->user);
	mem_cgroup_put(box->memcg);
	kfree(box);
	box_count_down();
}

static void box_late_work(struct work_struct *work)
{
	struct pb_box *box = container_of(work, struct pb_box, late);
	struct pb_flight *gone = box->gone;

	box_destroy(box);
	if (gone)
		pb_flight_done(gone);
}

static void box_release(struct kref *ref)
{
	struct pb_box *box = container_of(ref, struct pb_box, ref);
	struct pb_flight *gone = pb_flight_new();

	pb_flight_add(gone);
	box->gone = gone;
	queue_work(pb_wq, &box->late);
	pb_flight_wait_closing(gone);
}

/* Drop a reference, without mmap_lock. Dropping the last one waits, killably. */
static void box_put(struct pb_box *box)
{
	kref_put(&box->ref, box_release);
}

/**
 * pb_box_find - find a box by its number
 * @id: the number
 *
 * Return: the box, with a reference that counts as a file until
 * pb_box_file_gone(); or NULL
 */
struct pb_box *pb_box_find(u32 id)
{
	struct pb_box *box;

	xa_lock(&pb_boxes);
	box = xa_load(&pb_boxes, id);
	if (box && !kref_get_unless_zero(&box->ref))
		box = NULL;
	xa_unlock(&pb_boxes);
	pb_window(box_find);
	if (!box || atomic_inc_not_zero(&box->files))
		return box;
	/* The box has no files left: it is about to be torn down. */
	box_put(box);
	return NULL;
}

/**
 * pb_box_file_gone - a file of the box was released
 * @box: the box
 *
 * The last one writes dirty pages to the store.
 *
 * Context: without mmap_lock; sleeps.
 */
void pb_box_file_gone(struct pb_box *box)
{
	if (atomic_dec_and_test(&box->files))
		pb_writeback_last(box);
	box_put(box);
}

/**
 * pb_box_file_release - the release callback of a file of a box
 * @inode: of the file
 * @file: from pb_box_file()
 *
 * Return: 0
 */
int pb_box_file_release(struct inode *inode, struct file *file)
{
	pb_box_file_gone(file->private_data);
	return 0;
}

/**
 * pb_box_file - make another file for the box
 * @box: the box; the caller has a reference
 * @inode: the box's @inode or @memory
 * @flags: open flags, such as O_RDWR
 * @fops: of the file; its release calls pb_box_file_gone()
 *
 * Return: a file, or an error
 */
struct file *pb_box_file(struct pb_box *box, struct inode *inode, int flags,
			 const struct file_operations *fops)
{
	struct file *file;

	/* Closing the file drops both references. */
	ihold(inode);
	__module_get(THIS_MODULE);
	file = pb_may_fail(alloc_file, ERR_PTR(-ENOMEM),
			   alloc_file_pseudo(inode, pb_mnt, "pagebox", flags,
					     fops));
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
		return file;
	}
	kref_get(&box->ref);
	atomic_inc(&box->files);
	file->private_data = box;
	file->f_mapping = box->inode->i_mapping;
	file->f_wb_err = filemap_sample_wb_err(file->f_mapping);
	return file;
}

/**
 * pb_boxes_exit - wait for the teardown of the last box
 *
 * Requests of killed tasks may keep some boxes a little longer.
 */
void pb_boxes_exit(void)
{
	wait_event(pb_boxes_gone, !atomic_read(&pb_boxes_nr));
	xa_destroy(&pb_boxes);
}
