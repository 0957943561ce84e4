/* SPDX-License-Identifier: GPL-2.0 */
/* The device and the operations of its files. */
#ifndef _PAGEBOX_DEV_H
#define _PAGEBOX_DEV_H

#include <linux/fs.h>

struct file_lock;
struct pb_box;

ssize_t pb_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t pb_write_iter(struct kiocb *iocb, struct iov_iter *from);
loff_t pb_llseek(struct file *file, loff_t offset, int whence);
int pb_fadvise(struct file *file, loff_t offset, loff_t length, int advice);
int pb_fadvise_mapping(struct file *file, loff_t offset, loff_t length,
		       int advice);

int pb_lock(struct file *file, int cmd, struct file_lock *lock);
int pb_flock(struct file *file, int cmd, struct file_lock *lock);
int pb_flush(struct file *file, fl_owner_t owner);
void pb_locks_drop(struct pb_box *box, struct file *file);

extern const struct file_operations pb_dev_fops;
int pb_dev_init(umode_t mode);
void pb_dev_exit(void);

#endif /* _PAGEBOX_DEV_H */
