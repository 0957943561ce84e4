// SPDX-License-Identifier: GPL-2.0
/*
 * A box: its life time, its limits, its configuration.
 *
 * A box lives as long as files stand for it: the one that its opener got, and
 * one for each private mapping (map.c says why those have their own). VMAs hold
 * these files, so a box outlives its mappings, and what is left of it is torn
 * down when the last file is, without mmap_lock.
 *
 * Each box has an anonymous inode on a pseudo file system. The inode's i_mapping
 * is the f_mapping of all these files; its i_mmap tree, to which core mm adds
 * every VMA, is the box's reverse map, and an unmap through it hits this box
 * alone. Boxes pin the mount of the file system while they live, and so do the
 * files; nothing else does, or the module could never be unloaded.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "pagebox.h"

#define PB_FS_MAGIC 0x50616765 /* "Page" */

/* The default frame limit of a new box: the module parameter frames. */
unsigned int pb_box_frames;

static atomic_t pb_box_last_id;
static struct vfsmount *pb_mnt;
static int pb_mnt_count;

/* What /proc/PID/maps shows for a private mapping; a shared one has the real. */
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

static struct inode *box_inode_new(u64 bytes)
{
	struct inode *inode;
	int err;

	err = simple_pin_fs(&pb_fs_type, &pb_mnt, &pb_mnt_count);
	if (err)
		return ERR_PTR(err);
	inode = alloc_anon_inode(pb_mnt->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&pb_mnt, &pb_mnt_count);
		return inode;
	}
	/* Newer kernels map nothing past it. */
	i_size_write(inode, bytes);
	return inode;
}

static void box_inode_put(struct inode *inode)
{
	iput(inode);
	simple_release_fs(&pb_mnt, &pb_mnt_count);
}

/**
 * pb_box_new - make a box with the defaults
 *
 * Context: process; the box belongs to the current user.
 * Return: the box with one reference, or -ENOMEM and the like
 */
struct pb_box *pb_box_new(void)
{
	struct pb_box *box = kzalloc(sizeof(*box), PB_GFP);
	int err = -ENOMEM;

	if (!box)
		return ERR_PTR(err);
	kref_init(&box->ref);
	mutex_init(&box->lock);
	pb_maps_init(&box->maps);
	box->owner = current_euid();
	get_task_comm(box->name, current);
	box->bytes = PAGEBOX_DEFAULT_SIZE;

	box->inode = box_inode_new(box->bytes);
	if (IS_ERR(box->inode)) {
		err = PTR_ERR(box->inode);
		goto out_box;
	}
	err = pb_frames_init(&box->frames, READ_ONCE(pb_box_frames));
	if (err)
		goto out_inode;
	err = pb_swap_init(&box->swap);
	if (err)
		goto out_frames;
	err = pb_stats_init(box);
	if (err)
		goto out_swap;
	pb_view_init(box, &box->root);
	box->id = atomic_inc_return(&pb_box_last_id);
	pb_debugfs_add(box);
	return box;

out_swap:
	pb_swap_destroy(&box->swap);
out_frames:
	pb_frames_destroy(&box->frames);
out_inode:
	box_inode_put(box->inode);
out_box:
	kfree(box);
	return ERR_PTR(err);
}

static void box_release(struct kref *ref)
{
	struct pb_box *box = container_of(ref, struct pb_box, ref);

	pb_debugfs_remove(box);
	pb_view_destroy(box, &box->root);
	pb_stats_destroy(box);
	pb_swap_destroy(&box->swap);
	pb_frames_destroy(&box->frames);
	pb_backend_release(box->store);
	box_inode_put(box->inode);
	kfree(box);
}

/**
 * pb_box_put - a file that stood for the box is gone
 * @box: the box
 *
 * Context: without mmap_lock; sleeps.
 */
void pb_box_put(struct pb_box *box)
{
	kref_put(&box->ref, box_release);
}

static int box_file_release(struct inode *inode, struct file *file)
{
	pb_box_put(file->private_data);
	return 0;
}

/* Nobody gets a file descriptor of such a file; only VMAs hold it. */
static const struct file_operations pb_box_fops = {
	.owner = THIS_MODULE,
	.release = box_file_release,
};

/**
 * pb_box_file - one more file that stands for the box
 * @box: the box
 *
 * Return: a file for the VMAs of one private mapping, or an error
 */
struct file *pb_box_file(struct pb_box *box)
{
	struct file *file;

	/* Closing the file gives both back. */
	ihold(box->inode);
	__module_get(THIS_MODULE);
	file = alloc_file_pseudo(box->inode, pb_mnt, "pagebox", O_RDWR,
				 &pb_box_fops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(box->inode);
		return file;
	}
	kref_get(&box->ref);
	file->private_data = box;
	return file;
}

/**
 * pb_box_seal - the configuration is fixed from here on
 * @box: about to be mapped
 */
void pb_box_seal(struct pb_box *box)
{
	mutex_lock(&box->lock);
	box->sealed = true;
	mutex_unlock(&box->lock);
}

static int config_check(const struct pagebox_config *config)
{
	if (config->set &
	    ~(PAGEBOX_SET_BYTES | PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE))
		return -EINVAL;
	if (config->set & PAGEBOX_SET_BYTES) {
		if (!config->bytes || !PAGE_ALIGNED(config->bytes))
			return -EINVAL;
		if (config->bytes > PAGEBOX_MAX_SIZE)
			return -ERANGE;
	}
	if (config->set & PAGEBOX_SET_FRAMES) {
		if (config->frames < PAGEBOX_MIN_FRAMES)
			return -EINVAL;
		if (config->frames > pb_frames_max)
			return -ERANGE;
	}
	return 0;
}

/**
 * pb_box_configure - set up a box that was never mapped
 * @box: the box
 * @config: what to set; see the ABI for the fields and errors
 *
 * Context: without mmap_lock; sleeps.
 * Return: 0, or an error after which nothing has changed
 */
int pb_box_configure(struct pb_box *box, const struct pagebox_config *config)
{
	struct pb_backend *store = NULL;
	int err = config_check(config);

	if (err)
		return err;
	if (config->set & PAGEBOX_SET_STORE) {
		store = pb_backend_file_new(config->store_fd);
		if (IS_ERR(store))
			return PTR_ERR(store);
	}

	mutex_lock(&box->lock);
	err = box->sealed ? -EBUSY : 0;
	if (!err && (config->set & PAGEBOX_SET_FRAMES))
		err = pb_frames_resize(&box->frames, config->frames);
	if (!err && (config->set & PAGEBOX_SET_STORE))
		swap(box->store, store);
	if (!err && (config->set & PAGEBOX_SET_BYTES)) {
		box->bytes = config->bytes;
		i_size_write(box->inode, config->bytes);
	}
	mutex_unlock(&box->lock);

	/* The one that was replaced, or the one that was not used. */
	pb_backend_release(store);
	return err;
}

/**
 * pb_box_info - describe a box
 * @box: the box
 * @info: every field but the size is filled
 */
void pb_box_info(struct pb_box *box, struct pagebox_info *info)
{
	mutex_lock(&box->lock);
	info->id = box->id;
	info->bytes = box->bytes;
	info->store_bytes = box->store ? pb_backend_bytes(box->store) : 0;
	info->frames = box->frames.limit;
	info->batch = box->frames.batch;
	info->page_size = PAGE_SIZE;
	info->flags = (box->store ? PAGEBOX_INFO_STORE : 0) |
		      (box->sealed ? PAGEBOX_INFO_SEALED : 0);
	mutex_unlock(&box->lock);
}

/**
 * pb_box_unmap - take PTEs away, in all processes
 * @box: the box
 * @index: first index
 * @nr: how many
 *
 * Afterwards the folios know whether their PTEs were dirty or accessed.
 */
void pb_box_unmap(struct pb_box *box, pgoff_t index, pgoff_t nr)
{
	unmap_mapping_pages(box->inode->i_mapping, index, nr, false);
}
