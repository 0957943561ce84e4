/* SPDX-License-Identifier: GPL-2.0 */
/* Users: the boxes of one user share workers. */
#ifndef _PAGEBOX_USER_H
#define _PAGEBOX_USER_H

#include <linux/list.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

/**
 * struct pb_user - a user that has boxes
 * @uid: of the user; invariant
 * @refs: boxes, and @begin until it is done
 * @list: entry in the list of users; empty if the queues could not be created
 * @state: USER_READY once the queues exist
 * @io_wq: for requests of the user's boxes that need a worker
 * @wq: for work of the user's boxes that may wait for requests
 * @begin: creates the queues
 * @gone: frees the user
 */
struct pb_user {
	kuid_t uid;
	unsigned int refs;
	struct list_head list;
	int state;
	struct workqueue_struct *io_wq;
	struct workqueue_struct *wq;
	struct work_struct begin;
	struct work_struct gone;
};

struct pb_user *pb_user_get(kuid_t uid);
void pb_user_put(struct pb_user *user);
int pb_users_init(void);
void pb_users_exit(void);

/* For deferred work that waits for no request. */
extern struct workqueue_struct *pb_wq;

#endif /* _PAGEBOX_USER_H */
