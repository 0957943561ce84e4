// SPDX-License-Identifier: GPL-2.0
/*
 * Identities: an inode per private mapping, which distinguishes its pages.
 *
 * The key of a futex that is not FUTEX_PRIVATE is the inode behind folio->mapping,
 * and folio->index. All views of a box share one reverse map, so the box's inode
 * cannot tell a parent's page from its child's. Therefore each private map has its
 * own inode. page_mkwrite() puts it into folio->mapping, under the folio lock,
 * when it lets the view write to a page. Every writable PTE of a private VMA has
 * passed page_mkwrite(), and a futex is looked up through a writable PTE wherever
 * the VMA allows it.
 *
 * fork() does not change folio->mapping. A task may have looked up a page and not
 * yet read its mapping, and must find the same inode as before. Its reference
 * counts as a pin, so until it is done no other view takes the page over and sets
 * its own identity (pb_page_writable()). Thus a page that a child shares may have
 * the identity of a destroyed view.
 *
 * Nothing is mapped through these inodes: the reverse map of all pages is that
 * of the box. But core mm may read folio->mapping late, for a page whose I/O
 * outlives the mapping or the process. So an identity is not freed with its map:
 * the box keeps it for the next map, with a new number, and frees all identities
 * in its teardown.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>

#include "box.h"
#include "failpoint.h"
#include "identity.h"

/**
 * pb_identity_get - get an identity for a private map
 * @box: the box
 * @mm: the process; pte.c finds it in i_private of the inode while the map exists
 *
 * Context: sleeps.
 * Return: an inode without contents, or NULL if memory is short
 */
struct inode *pb_identity_get(struct pb_box *box, const struct mm_struct *mm)
{
	struct inode *inode;

	spin_lock(&box->maps.lock);
	inode = box->identities;
	if (inode)
		box->identities = inode->i_private;
	spin_unlock(&box->maps.lock);
	if (inode) {
		WRITE_ONCE(inode->i_private, (void *)mm);
		/* The next futex assigns it a number that no inode ever had. */
		atomic64_set(&inode->i_sequence, 0);
		return inode;
	}
	inode = pb_may_fail(alloc_inode, ERR_PTR(-ENOMEM),
			    alloc_anon_inode(box->inode->i_sb));
	if (IS_ERR(inode))
		return NULL;
	/* As for the box's own inode: nothing is in its i_pages. */
	mapping_set_no_writeback_tags(inode->i_mapping);
	WRITE_ONCE(inode->i_private, (void *)mm);
	return inode;
}

/**
 * pb_identity_put - return the identity of a map
 * @box: the box, which keeps the identity for another map
 * @inode: from pb_identity_get(), or NULL
 */
void pb_identity_put(struct pb_box *box, struct inode *inode)
{
	if (!inode)
		return;
	spin_lock(&box->maps.lock);
	WRITE_ONCE(inode->i_private, box->identities);
	box->identities = inode;
	spin_unlock(&box->maps.lock);
}

/**
 * pb_identities_destroy - free all identities
 * @box: the box, which has no map and no page
 */
void pb_identities_destroy(struct pb_box *box)
{
	struct inode *inode;

	while ((inode = box->identities)) {
		box->identities = inode->i_private;
		inode->i_private = NULL;
		iput(inode);
	}
}
