// SPDX-License-Identifier: GPL-2.0
/*
 * Identities: what makes memory of one private mapping that mapping's own.
 *
 * A futex that is not FUTEX_PRIVATE is known by the inode behind folio->mapping
 * and by folio->index. All views of a box share one reverse map, so the box's
 * inode cannot tell a parent's page from its child's. Each private map therefore
 * has an inode of its own. page_mkwrite() puts it into folio->mapping, under the
 * folio lock, when it lets the view write to a page; every writable PTE of a
 * private VMA has passed there, and a futex is looked up through a writable PTE
 * wherever the VMA allows it.
 *
 * fork() leaves folio->mapping alone. A task may be between the look-up of a page
 * and the look at its mapping, and has to find what it would have found before.
 * Its reference counts as a pin, so no other view takes the page over and puts
 * its own identity there before that task is done (pb_page_writable()). A page
 * that a child shares may thus carry the identity of a view that is gone.
 *
 * Nothing is mapped through these inodes: the reverse map of all pages is that
 * of the box. But core mm may look at folio->mapping late, for a page whose I/O
 * outlives the mapping or the process. So an identity is not freed with its map:
 * the box keeps it for the next map, under a new number, and frees all when it is
 * destroyed.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>

#include "box.h"
#include "failpoint.h"
#include "identity.h"

/**
 * pb_identity_get - an identity for a private map
 * @box: the box
 *
 * Context: sleeps.
 * Return: an inode without contents, or NULL without memory
 */
struct inode *pb_identity_get(struct pb_box *box)
{
	struct inode *inode;

	spin_lock(&box->maps.lock);
	inode = box->identities;
	if (inode)
		box->identities = inode->i_private;
	spin_unlock(&box->maps.lock);
	if (inode) {
		inode->i_private = NULL;
		/* The next futex gives it a number that no inode ever had. */
		atomic64_set(&inode->i_sequence, 0);
		return inode;
	}
	inode = pb_may_fail(INODE, ERR_PTR(-ENOMEM),
			    alloc_anon_inode(box->inode->i_sb));
	if (IS_ERR(inode))
		return NULL;
	/* As for the box's own inode: nothing is in its i_pages. */
	mapping_set_no_writeback_tags(inode->i_mapping);
	return inode;
}

/**
 * pb_identity_put - the map is gone
 * @box: the box, which keeps the identity for another map
 * @inode: from pb_identity_get(), or NULL
 */
void pb_identity_put(struct pb_box *box, struct inode *inode)
{
	if (!inode)
		return;
	spin_lock(&box->maps.lock);
	inode->i_private = box->identities;
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
