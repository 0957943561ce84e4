/* SPDX-License-Identifier: GPL-2.0 */
/* Identities: the inodes that pages of private maps point to. */
#ifndef _PAGEBOX_IDENTITY_H
#define _PAGEBOX_IDENTITY_H

struct inode;
struct mm_struct;
struct pb_box;

struct inode *pb_identity_get(struct pb_box *box, const struct mm_struct *mm);
void pb_identity_put(struct pb_box *box, struct inode *inode);
void pb_identities_destroy(struct pb_box *box);

#endif /* _PAGEBOX_IDENTITY_H */
