/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module is written for the newest kernel; here older ones learn the new
 * names. No other file asks for a version.
 */
#ifndef _PAGEBOX_COMPAT_H
#define _PAGEBOX_COMPAT_H

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/shrinker.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#include <linux/pagevec.h>
#else
#include <linux/folio_batch.h>
#endif

#include <asm/syscall.h>
#include <asm/unistd.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

#ifndef CONFIG_64BIT
#error "pagebox needs a 64-bit kernel: page tables are read without highmem maps"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
/* Freeze protection was the caller's business. */
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
/* Pages need not be copied there, but it is as good. */
#define copy_splice_read generic_file_splice_read
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
/* It was a function that is not exported. Our folios are not large. */
static inline int pb_folio_mapcount(struct folio *folio)
{
	return atomic_read(&folio->_mapcount) + 1;
}

#define folio_mapcount pb_folio_mapcount
#endif

/* The system call of the current task, or -1 for one that makes none. */
static inline int pb_syscall(void)
{
	/* Workers of io_uring have the registers of another task. */
	if (current->flags & (PF_KTHREAD | PF_IO_WORKER))
		return -1;
	return syscall_get_nr(current, task_pt_regs(current));
}

/* Does the current task do a call that populates mappings, @locked ones or any? */
static inline bool pb_in_populate(bool locked)
{
	int nr = pb_syscall();

#ifdef CONFIG_COMPAT
	/* mmap2(), mmap(); mlock(), mlockall(), mlock2(), mremap() of i386. */
	if (in_compat_syscall())
		return nr == 192 || nr == 90 ||
		       (locked &&
			(nr == 150 || nr == 152 || nr == 376 || nr == 163));
#endif
	return nr == __NR_mmap ||
	       (locked && (nr == __NR_mlock || nr == __NR_mlockall ||
			   nr == __NR_mlock2 || nr == __NR_mremap));
}

/* Does the current task do an mremap(), and with which arguments? */
static inline bool pb_in_mremap(unsigned long *args)
{
	int nr = pb_syscall();

	if (nr < 0)
		return false;
	syscall_get_arguments(current, task_pt_regs(current), args);
#ifdef CONFIG_COMPAT
	/* That of i386, and the mark of x32. */
	if (in_compat_syscall() && (nr == 163 || nr & BIT(30)))
		return nr == 163 || (nr & ~BIT(30)) == __NR_mremap;
#endif
	return nr == __NR_mremap;
}

/* Empties what batches of folios this CPU keeps, mlock()'s among them. */
static inline void pb_lru_add_drain(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	struct pagevec none;

	pagevec_init(&none);
	__pagevec_release(&none);
#else
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
#endif
}

/* Takes one page out of the page tables of a VMA that i_mmap_rwsem keeps. */
static inline void pb_zap_page(struct vm_area_struct *vma,
			       unsigned long address)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	zap_page_range(vma, address, PAGE_SIZE);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
	zap_page_range_single(vma, address, PAGE_SIZE, NULL);
#else
	zap_vma_range(vma, address, PAGE_SIZE);
#endif
}

#ifndef VM_COPY_ON_FORK
/* Of what it stands for, older kernels have this for VMAs such as ours. */
#define VM_COPY_ON_FORK VM_UFFD_WP
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
/* Every fault took mmap_lock, which the caller holds for writing. */
static inline void vma_start_write(struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);
}
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

/* The owner of a POSIX lock, or one of that kind, that was taken through @file. */
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

/* A shrinker is a structure of the caller's, or one that the kernel allocates. */
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

/*
 * x86 does not export ptep_test_and_clear_young(). The bit is cleared as core
 * mm clears it there: atomically, since the CPU may set the dirty bit of the
 * same entry meanwhile, and without flushing the TLB.
 */
static inline bool pb_ptep_clear_young(struct vm_area_struct *vma,
				       unsigned long address, pte_t *ptep)
{
#ifdef CONFIG_X86
	return test_and_clear_bit(_PAGE_BIT_ACCESSED,
				  (unsigned long *)&ptep->pte);
#else
	return ptep_test_and_clear_young(vma, address, ptep);
#endif
}

#endif /* _PAGEBOX_COMPAT_H */
