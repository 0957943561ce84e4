// SPDX-License-Identifier: GPL-2.0
/*
 * File locks: fcntl() and flock() on a box.
 *
 * The kernel keeps locks in the inode of a file, which for all opened boxes is that
 * of the device node. So the locks of a box are kept in the inode of the box, for
 * all its files: the one that was opened and those that have joined.
 *
 * The kernel's own clean-up looks at the inode of the file and finds no locks.
 * This file does it instead: close() drops the POSIX locks that the process has on
 * the box, through any file descriptor, and the end of an open file description
 * drops the locks taken through it. Those may include POSIX locks: a thread may
 * get a lock after another one has closed the file descriptor.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "box.h"
#include "compat.h"
#include "dev.h"

/* posix_test_lock() needs a file. */
static const struct file_operations ask_fops = {
	.owner = THIS_MODULE,
	.release = pb_box_file_release,
};

/* Find a lock that conflicts with @lock. */
static int test_lock(struct pb_box *box, struct file_lock *lock)
{
	struct file *file = pb_box_file(box, box->inode, O_RDWR, &ask_fops);

	if (IS_ERR(file))
		return PTR_ERR(file);
	posix_test_lock(file, lock);
	fput(file);
	return 0;
}

/**
 * pb_lock - POSIX locks and open file description locks
 * @file: of a box
 * @cmd: F_GETLK, F_SETLK or F_SETLKW
 * @lock: the lock
 *
 * Return: as fcntl()
 */
int pb_lock(struct file *file, int cmd, struct file_lock *lock)
{
	struct pb_box *box = file->private_data;

	if (cmd == F_GETLK)
		return test_lock(box, lock);
	return locks_lock_inode_wait(box->inode, lock);
}

/**
 * pb_flock - flock()
 * @file: of a box
 * @cmd: F_SETLK or F_SETLKW, unused: @lock has FL_SLEEP
 * @lock: the lock
 *
 * Return: as flock()
 */
int pb_flock(struct file *file, int cmd, struct file_lock *lock)
{
	struct pb_box *box = file->private_data;

	return locks_lock_inode_wait(box->inode, lock);
}

static void filelock_unlock(struct pb_box *box, struct file *file,
			    unsigned int kind, fl_owner_t owner)
{
	struct file_lock lock;

	pb_file_lock_init(&lock, F_UNLCK, kind | FL_CLOSE, file, owner);
	locks_lock_inode_wait(box->inode, &lock);
	locks_release_private(&lock);
}

/**
 * pb_flush - drop the POSIX locks of a process that closes a file descriptor
 * @file: of a box
 * @owner: of the process' POSIX locks
 *
 * Return: 0
 */
int pb_flush(struct file *file, fl_owner_t owner)
{
	struct pb_box *box = file->private_data;
	struct file_lock_context *locks = locks_inode_context(box->inode);

	if (locks && !list_empty(&locks->flc_posix))
		filelock_unlock(box, file, FL_POSIX, owner);
	return 0;
}

/**
 * pb_locks_drop - drop all locks of an open file description
 * @box: the box
 * @file: the open file description
 */
void pb_locks_drop(struct pb_box *box, struct file *file)
{
	struct file_lock_context *locks = locks_inode_context(box->inode);
	fl_owner_t owner;

	if (!locks)
		return;
	while ((owner = pb_file_lock_owner(locks, file)))
		filelock_unlock(box, file, FL_POSIX, owner);
	filelock_unlock(box, file, FL_FLOCK, file);
}
