/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module is written for the newest kernel; this file provides its interfaces
 * on older ones. Only this file and compat_mm.h test LINUX_VERSION_CODE.
 */
#ifndef _PAGEBOX_COMPAT_H
#define _PAGEBOX_COMPAT_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

#ifndef CONFIG_64BIT
#error "pagebox needs a 64-bit kernel: page tables are read without highmem maps"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
/* The caller took freeze protection. */
static inline ssize_t pb_vfs_iocb_iter_write(struct file *file,
					     struct kiocb *iocb,
					     struct iov_iter *iter)
{
	ssize_t ret;

	file_start_write(file);
	ret = vfs_iocb_iter_write(file, iocb, iter);
	file_end_write(file);
	return ret;
}

#define vfs_iocb_iter_write pb_vfs_iocb_iter_write
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
/* It could pass pages instead of copies, but read_iter only copies bytes. */
#define copy_splice_read generic_file_splice_read
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void
pb_hrtimer_setup(struct hrtimer *timer,
		 enum hrtimer_restart (*function)(struct hrtimer *),
		 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}

#define hrtimer_setup pb_hrtimer_setup
#endif

static inline void pb_file_lock_init(struct file_lock *lock, unsigned char type,
				     unsigned int flags, struct file *file,
				     fl_owner_t owner)
{
	locks_init_lock(lock);
	lock->fl_end = OFFSET_MAX;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	lock->fl_type = type;
	lock->fl_flags = flags;
	lock->fl_file = file;
	lock->fl_owner = owner;
	lock->fl_pid = current->tgid;
#else
	lock->c.flc_type = type;
	lock->c.flc_flags = flags;
	lock->c.flc_file = file;
	lock->c.flc_owner = owner;
	lock->c.flc_pid = current->tgid;
#endif
}

/* The owner of any POSIX or OFD lock that was taken through @file, or NULL. */
static inline fl_owner_t pb_file_lock_owner(struct file_lock_context *locks,
					    const struct file *file)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	struct file_lock *lock;
#else
	struct file_lock_core *lock;
#endif
	fl_owner_t owner = NULL;

	spin_lock(&locks->flc_lock);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	list_for_each_entry(lock, &locks->flc_posix, fl_list) {
		if (lock->fl_file == file)
			owner = lock->fl_owner;
	}
#else
	list_for_each_entry(lock, &locks->flc_posix, flc_list) {
		if (lock->flc_file == file)
			owner = lock->flc_owner;
	}
#endif
	spin_unlock(&locks->flc_lock);
	return owner;
}

/* The shrinker is embedded in older kernels, and allocated in newer ones. */
typedef unsigned long (*pb_shrinker_fn)(struct shrinker *shrinker,
					struct shrink_control *sc);

struct pb_shrinker {
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	struct shrinker shrinker;
	void *private_data;
#else
	struct shrinker *shrinker;
#endif
};

static inline int pb_shrinker_register(struct pb_shrinker *s,
				       pb_shrinker_fn count,
				       pb_shrinker_fn scan, void *private_data)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	s->shrinker.count_objects = count;
	s->shrinker.scan_objects = scan;
	s->shrinker.seeks = DEFAULT_SEEKS;
	s->private_data = private_data;
	return register_shrinker(&s->shrinker, "pagebox");
#else
	s->shrinker = shrinker_alloc(0, "pagebox");
	if (!s->shrinker)
		return -ENOMEM;
	s->shrinker->count_objects = count;
	s->shrinker->scan_objects = scan;
	s->shrinker->private_data = private_data;
	shrinker_register(s->shrinker);
	return 0;
#endif
}

static inline void pb_shrinker_unregister(struct pb_shrinker *s)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	unregister_shrinker(&s->shrinker);
#else
	shrinker_free(s->shrinker);
#endif
}

static inline void *pb_shrinker_data(struct shrinker *shrinker)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return container_of(shrinker, struct pb_shrinker, shrinker)
		->private_data;
#else
	return shrinker->private_data;
#endif
}

#endif /* _PAGEBOX_COMPAT_H */
