// SPDX-License-Identifier: GPL-2.0
/*
 * File locks: fcntl() and flock() on a box.
 *
 * The kernel keeps locks with the inode of a file, and all boxes that were opened
 * have that of the device node. So the locks of a box are kept with the inode of
 * the box, where every file of it finds them: one that was opened and those that
 * have joined.
 *
 * Core mm's clean-up looks at the inode of the file and finds nothing there. What it
 * does is done here: close() drops the POSIX locks that the process has on the box,
 * through whatever file descriptor, and the end of an open file description drops
 * what was locked through it. Among that may be POSIX locks as well: those of a
 * thread that got the lock after another one had closed its file descriptor.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "box.h"
#include "compat.h"
#include "dev.h"

/* It takes a file to ask. */
static const struct file_operations ask_fops = {
	.owner = THIS_MODULE,
	.release = pb_box_file_release,
};

/* Which lock another process would run into. */
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
 * pb_lock - POSIX locks and those of open file descriptions
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
 * @cmd: F_SETLK or F_SETLKW, which @lock says too
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
 * pb_flush - a file descriptor is closed
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
 * pb_locks_drop - an open file description is gone
 * @box: the box
 * @file: what it was
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
