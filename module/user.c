// SPDX-License-Identifier: GPL-2.0
/*
 * What the boxes of one user have in common, and those of others have not: the
 * workers.
 *
 * A request to a file may hang for as long as its user wants, on a FUSE mount for
 * one. Workqueues run so many of their work items at once and no more, or hanging
 * ones would fill the machine with threads. So whoever shares a queue can be held
 * up by the others, and each user has queues of his own.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "pagebox.h"

/* Workers of one user's requests, and for his other work, as long as they hang. */
#define USER_WORKERS 64

static DEFINE_MUTEX(users_lock);
static LIST_HEAD(users);

static void user_free(struct pb_user *user)
{
	if (user->wq)
		destroy_workqueue(user->wq);
	if (user->io_wq)
		destroy_workqueue(user->io_wq);
	kfree(user);
}

/* Not done by who drops the last box: that may be work of the user's own. */
static void user_gone(struct work_struct *work)
{
	user_free(container_of(work, struct pb_user, gone));
}

static struct pb_user *user_find(kuid_t uid)
{
	struct pb_user *user;

	list_for_each_entry(user, &users, list) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

static struct pb_user *user_new(kuid_t uid)
{
	struct pb_user *user =
		pb_may_fail(BOX, NULL, kzalloc(sizeof(*user), PB_GFP));

	if (!user)
		return NULL;
	user->uid = uid;
	INIT_WORK(&user->gone, user_gone);
	/* A request may be what somebody in want of memory waits for. */
	user->io_wq = pb_may_fail(WORKQUEUE, NULL,
				  alloc_workqueue("pagebox_io",
						  WQ_UNBOUND | WQ_MEM_RECLAIM,
						  USER_WORKERS));
	user->wq = pb_may_fail(WORKQUEUE, NULL,
			       alloc_workqueue("pagebox_user", WQ_UNBOUND,
					       USER_WORKERS));
	if (user->io_wq && user->wq)
		return user;
	user_free(user);
	return NULL;
}

/**
 * pb_user_get - a user has one box more
 * @uid: who
 *
 * Context: sleeps.
 * Return: the user, to be given back with pb_user_put(); or NULL without memory
 */
struct pb_user *pb_user_get(kuid_t uid)
{
	struct pb_user *user;

	mutex_lock(&users_lock);
	user = user_find(uid);
	if (!user) {
		user = user_new(uid);
		if (user)
			list_add(&user->list, &users);
	}
	if (user)
		user->boxes++;
	mutex_unlock(&users_lock);
	return user;
}

/**
 * pb_user_put - and one box less
 * @user: the user
 *
 * Context: sleeps.
 */
void pb_user_put(struct pb_user *user)
{
	bool last;

	mutex_lock(&users_lock);
	last = !--user->boxes;
	if (last)
		list_del(&user->list);
	mutex_unlock(&users_lock);
	if (last)
		queue_work(pb_wq, &user->gone);
}
