// SPDX-License-Identifier: GPL-2.0
/* The character device: open, ioctl, mmap. Reading and writing is in devio.c. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/uaccess.h>

#include "box.h"
#include "commit.h"
#include "compat.h"
#include "compat_mm.h"
#include "config.h"
#include "dev.h"
#include "failpoint.h"
#include "map.h"
#include "pagebox.h"
#include "range.h"
#include "stats.h"
#include "vma.h"
#include "writeback.h"

/* A box has no end to append to. */
static int dev_check_flags(int flags)
{
	return flags & O_APPEND ? -EINVAL : 0;
}

static int dev_open(struct inode *inode, struct file *file)
{
	int err = dev_check_flags(file->f_flags);
	struct pb_box *box;

	if (err)
		return err;
	box = pb_box_new();
	if (IS_ERR(box))
		return PTR_ERR(box);
	pb_window(open_box);
	file->private_data = box;
	file->f_mapping = box->inode->i_mapping;
	file->f_wb_err = filemap_sample_wb_err(file->f_mapping);
	/* Serialises the position, so that threads do not read the same bytes. */
	file->f_mode |= FMODE_ATOMIC_POS;
	return 0;
}

static int dev_release(struct inode *inode, struct file *file)
{
	pb_locks_drop(file->private_data, file);
	pb_box_file_gone(file->private_data);
	return 0;
}

/* Every structure begins with the size that the caller knows. */
static int get_size(void __user *arg, u32 least, u32 *size)
{
	if (pb_fail(copy_from_user) || get_user(*size, (u32 __user *)arg))
		return -EFAULT;
	return *size < least || *size > PAGE_SIZE ? -EINVAL : 0;
}

/* Read the part of a structure that both sides know; the rest must be zero. */
static int dev_copy_in(void *to, size_t known, u32 least, void __user *arg,
		       u32 *size)
{
	int err = get_size(arg, least, size);

	if (err)
		return err;
	return pb_may_fail(copy_from_user, -EFAULT,
			   copy_struct_from_user(to, known, arg, *size));
}

/* Write a structure, truncated or padded with zeroes to @room bytes. */
static int dev_copy_out(void __user *arg, u32 room, void *from, u32 known)
{
	*(u32 *)from = known;
	if (pb_fail(copy_to_user) || copy_to_user(arg, from, min(room, known)))
		return -EFAULT;
	if (room > known &&
	    (pb_fail(copy_to_user) || clear_user(arg + known, room - known)))
		return -EFAULT;
	return 0;
}

/* Sizes of the structures when they were first published. */
#define CONFIG_SIZE_VER0 24
#define INFO_SIZE_VER0 40
#define STATS_SIZE_VER0 160
#define RANGE_SIZE_VER0 32
#define JOIN_SIZE_VER0 16
#define STACK_SIZE_VER0 32

static void check_abi(void)
{
	/* These never change. */
	BUILD_BUG_ON(offsetof(struct pagebox_config, name) != CONFIG_SIZE_VER0);
	BUILD_BUG_ON(offsetof(struct pagebox_info, name) != INFO_SIZE_VER0);
	BUILD_BUG_ON(offsetof(struct pagebox_stats, readahead) !=
		     STATS_SIZE_VER0);
	BUILD_BUG_ON(PB_FAULT_NR >
		     ARRAY_SIZE(((struct pagebox_stats *)NULL)->faults));
	BUILD_BUG_ON(sizeof(struct pagebox_range) != RANGE_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct pagebox_join) != JOIN_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct pagebox_stack) != STACK_SIZE_VER0);
}

static bool may_write(const struct file *file)
{
	return file->f_mode & FMODE_WRITE;
}

/*
 * A task that got a file descriptor from the owner may use the box, but not
 * configure it: the file of a swap area receives all pages, including those of
 * private mappings.
 */
static bool may_command(const struct pb_box *box)
{
	return uid_eq(box->owner, current_euid()) || capable(CAP_SYS_ADMIN);
}

static long ioctl_configure(struct file *file, void __user *arg)
{
	struct pb_box *box = file->private_data;
	struct pagebox_config config;
	u32 size;
	int err;

	if (!may_write(file))
		return -EBADF;
	if (!may_command(box))
		return -EPERM;
	err = dev_copy_in(&config, sizeof(config), CONFIG_SIZE_VER0, arg,
			  &size);
	if (!err)
		err = pb_box_configure(box, &config);
	if (err)
		pr_debug("box %u: configuration refused: %d\n", box->id, err);
	return err;
}

static long ioctl_info(struct pb_box *box, void __user *arg)
{
	struct pagebox_info info;
	u32 size;
	int err;

	err = get_size(arg, INFO_SIZE_VER0, &size);
	if (err)
		return err;
	pb_box_info(box, &info);
	return dev_copy_out(arg, size, &info, sizeof(info));
}

/* Get the counters of the mapping at an address of the caller. */
static int map_stats(struct pb_box *box, struct pagebox_stats *stats)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	struct pb_map *map = NULL;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, untagged_addr(stats->address));
	if (vma && vma->vm_file)
		map = pb_map_find(box, vma->vm_file, mm);
	if (map) {
		for (unsigned int i = 0; i < PB_FAULT_NR; i++)
			stats->faults[i] = atomic64_read(&map->faults[i]);
		stats->major = atomic64_read(&map->major);
	}
	mmap_read_unlock(mm);
	return map ? 0 : -ENOENT;
}

static long ioctl_stats(struct pb_box *box, void __user *arg)
{
	struct pagebox_stats stats, in;
	u32 size;
	int err;

	err = dev_copy_in(&in, sizeof(in), STATS_SIZE_VER0, arg, &size);
	if (err)
		return err;
	if (in.reserved)
		return -EINVAL;

	memset(&stats, 0, sizeof(stats));
	stats.address = in.address;
	if (stats.address) {
		err = map_stats(box, &stats);
		if (err)
			return err;
	} else {
		pb_stats_fill(box, &stats);
		stats.committed = pb_commit_sum(box);
	}
	return dev_copy_out(arg, size, &stats, sizeof(stats));
}

static long ioctl_range(struct file *file, unsigned int nr, void __user *arg)
{
	struct pb_box *box = file->private_data;
	struct pagebox_range range;
	u32 size;
	int err;

	err = dev_copy_in(&range, sizeof(range), RANGE_SIZE_VER0, arg, &size);
	if (err)
		return err;
	if (nr == _IOC_NR(PAGEBOX_IOC_DISCARD) && !may_write(file))
		return -EBADF;
	range.pages = 0;
	err = pb_range(box, nr, &range);
	/* Report the pages done, also if it failed. */
	return dev_copy_out(arg, size, &range, sizeof(range)) ?: err;
}

/* Install a file descriptor for an existing box. */
static int dev_join(struct pb_box *box, int access)
{
	int fd = pb_may_fail(alloc_fd, -EMFILE, get_unused_fd_flags(O_CLOEXEC));
	struct file *file;

	if (fd < 0)
		return fd;
	file = pb_box_file(box, box->inode, access | O_CLOEXEC, &pb_dev_fops);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	/* As open() sets it. */
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE |
			FMODE_ATOMIC_POS;
	pb_window(join_install);
	fd_install(fd, file);
	return fd;
}

static long ioctl_join(struct file *file, void __user *arg)
{
	struct pagebox_join in;
	struct pb_box *box;
	u32 size;
	int err;

	err = dev_copy_in(&in, sizeof(in), JOIN_SIZE_VER0, arg, &size);
	if (err)
		return err;
	if (in.flags || in.reserved)
		return -EINVAL;
	box = pb_box_find(in.id);
	if (!box)
		return -ENOENT;
	pb_window(join_found);
	err = -EPERM;
	if (may_command(box))
		err = dev_join(box, file->f_flags & O_ACCMODE);
	pb_box_file_gone(box);
	return err;
}

static long ioctl_stack(struct pb_box *box, void __user *arg)
{
	struct pagebox_stack stack;
	u32 size;
	int err;

	err = dev_copy_in(&stack, sizeof(stack), STACK_SIZE_VER0, arg, &size);
	if (err)
		return err;
	return stack.flags ? -EINVAL : pb_stack_set(box, &stack);
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pb_box *box = file->private_data;
	void __user *user = (void __user *)arg;

	check_abi();
	/* The size and direction in the number are ignored. */
	if (_IOC_TYPE(cmd) != PAGEBOX_IOC_MAGIC)
		return -ENOTTY;
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(PAGEBOX_IOC_CONFIGURE):
		return ioctl_configure(file, user);
	case _IOC_NR(PAGEBOX_IOC_INFO):
		return ioctl_info(box, user);
	case _IOC_NR(PAGEBOX_IOC_STATS):
		return ioctl_stats(box, user);
	case _IOC_NR(PAGEBOX_IOC_PREFETCH):
	case _IOC_NR(PAGEBOX_IOC_PAGE_OUT):
	case _IOC_NR(PAGEBOX_IOC_DISCARD):
		return ioctl_range(file, _IOC_NR(cmd), user);
	case _IOC_NR(PAGEBOX_IOC_JOIN):
		return ioctl_join(file, user);
	case _IOC_NR(PAGEBOX_IOC_STACK):
		return ioctl_stack(box, user);
	}
	return -ENOTTY;
}

/*
 * Attach the VMA to the map, and commit its pages. If that is refused, a map
 * without VMAs is dropped as if the VMA had been closed.
 */
static int mmap_map(struct pb_map *map, struct vm_area_struct *vma,
		    const struct vm_operations_struct *ops)
{
	int err;

	pb_map_get_vma(map);
	err = pb_commit_charge(map, vma);
	if (err) {
		pb_map_put_vma(map, vma->vm_pgoff, vma_pages(vma));
		return err;
	}
	pb_window(mmap_map);
	vma->vm_private_data = map;
	vma->vm_ops = ops;
	return 0;
}

static int pb_mmap(struct file *file, struct vm_area_struct *vma);

/* Only VMAs hold such a file; it has no file descriptor. */
static const struct file_operations private_fops = {
	.owner = THIS_MODULE,
	.fsync = pb_writeback_fsync,
	.fadvise = pb_fadvise_mapping,
	.release = pb_box_file_release,
};

/* The same for MAP_SHARED, with mmap for remap_file_pages(). */
static const struct file_operations shared_fops = {
	.owner = THIS_MODULE,
	.fsync = pb_writeback_fsync,
	.fadvise = pb_fadvise_mapping,
	.release = dev_release,
	.mmap = pb_mmap,
};

/*
 * The file of MAP_SHARED mappings. With a store they count as file mappings,
 * which core dumps omit by default; otherwise as memory.
 */
static struct file *shared_file(struct pb_box *box)
{
	return pb_box_file(box, box->store ? box->inode : box->memory, O_RDWR,
			   &shared_fops);
}

/*
 * MAP_SHARED: one map of the root view per process, for all its files of the box.
 * The VMA's flags carry the restrictions of a read-only file, and
 * remap_file_pages(), which checks the VMA's file again, refuses such a VMA.
 */
static int mmap_shared(struct pb_box *box, struct vm_area_struct *vma)
{
	struct pb_map *map = pb_map_find_shared(box, vma->vm_mm);
	struct file *file;
	int err = -ENOMEM;

	/* A VMA of the map keeps the file. */
	file = map ? get_file(map->key.file) : shared_file(box);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (!map)
		map = pb_map_new(box, file, vma->vm_mm, false);
	if (map)
		err = mmap_map(map, vma, &pb_vma_shared_ops);
	if (!err)
		vma_set_file(vma, file);
	/* On success the VMA has its own reference. */
	fput(file);
	return err;
}

/* MAP_PRIVATE: a new map, view and file; see map.c and fault.c. */
static int mmap_private(struct pb_box *box, struct vm_area_struct *vma)
{
	struct file *file =
		pb_box_file(box, box->memory, O_RDWR, &private_fops);
	struct pb_map *map;
	int err = -ENOMEM;

	if (IS_ERR(file))
		return PTR_ERR(file);
	map = pb_map_new(box, file, vma->vm_mm, true);
	if (map)
		err = mmap_map(map, vma, &pb_vma_private_ops);
	if (!err) {
		vma_set_file(vma, file);
		vm_flags_set(vma, VM_SHARED);
	}
	/* On success the VMA has its own reference. */
	fput(file);
	return err;
}

static int pb_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pb_box *box = file->private_data;

	pb_box_seal(box);
	if (vma->vm_flags & VM_MAYSHARE)
		return mmap_shared(box, vma);
	return mmap_private(box, vma);
}

const struct file_operations pb_dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.check_flags = dev_check_flags,
	.llseek = pb_llseek,
	.read_iter = pb_read_iter,
	.write_iter = pb_write_iter,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
	.fsync = pb_writeback_fsync,
	.fadvise = pb_fadvise,
	.lock = pb_lock,
	.flock = pb_flock,
	.flush = pb_flush,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = pb_mmap,
};

static struct miscdevice pb_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pagebox",
	.fops = &pb_dev_fops,
};

/**
 * pb_dev_init - create the device node
 * @mode: its permissions
 *
 * Return: 0 or an error of misc_register()
 */
int __init pb_dev_init(umode_t mode)
{
	pb_dev.mode = mode;
	return pb_may_fail(register_device, -ENOMEM, misc_register(&pb_dev));
}

/**
 * pb_dev_exit - remove the device node
 */
void pb_dev_exit(void)
{
	misc_deregister(&pb_dev);
}
