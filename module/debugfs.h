/* SPDX-License-Identifier: GPL-2.0 */
/* The state of boxes in debugfs. */
#ifndef _PAGEBOX_DEBUGFS_H
#define _PAGEBOX_DEBUGFS_H

struct pb_box;

void pb_debugfs_init(void);
void pb_debugfs_exit(void);
void pb_debugfs_add(struct pb_box *box);
void pb_debugfs_remove(struct pb_box *box);

#endif /* _PAGEBOX_DEBUGFS_H */
