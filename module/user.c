// SPDX-License-Identifier: GPL-2.0
/*
 * Per-user workqueues, so that one user's stuck I/O cannot block another's.
 *
 * A request to a file may hang for as long as its user likes, for example on a
 * FUSE mount. A workqueue limits the number of work items that run at once, or
 * stuck ones would fill the machine with threads. So stuck items block the rest
 * of their queue, and each user has queues of its own.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "failpoint.h"
#include "pagebox.h"
#include "user.h"

/* Most workers of each queue. */
#define USER_WORKERS 64

/* State of a user's queues. */
enum {
	USER_NEW,
	USER_READY,
	USER_FAILED,
};

struct workqueue_struct *pb_wq;

static DEFINE_MUTEX(users_lock);
static LIST_HEAD(users);
static DECLARE_WAIT_QUEUE_HEAD(user_ready);

static void user_free(struct pb_user *user)
{
	if (user->wq)
		destroy_workqueue(user->wq);
	if (user->io_wq)
		destroy_workqueue(user->io_wq);
	kfree(user);
}

/* A worker does this, because the last box may be put from the user's queues. */
static void user_gone(struct work_struct *work)
{
	user_free(container_of(work, struct pb_user, gone));
}

static struct pb_user *user_find(kuid_t uid)
{
	struct pb_user *user;

	lockdep_assert_held(&users_lock);
	list_for_each_entry(user, &users, list) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

/*
 * Create the queues. A worker does this, because the kernel logs an error if the
 * task that creates a rescuer is killed.
 */
static void user_begin(struct work_struct *work)
{
	struct pb_user *user = container_of(work, struct pb_user, begin);
	bool ready;

	/* A task that is short of memory may wait for a request. */
	user->io_wq = pb_may_fail(alloc_workqueue, NULL,
				  alloc_workqueue("pagebox_io",
						  WQ_UNBOUND | WQ_MEM_RECLAIM,
						  USER_WORKERS));
	user->wq = pb_may_fail(alloc_workqueue, NULL,
			       alloc_workqueue("pagebox_user", WQ_UNBOUND,
					       USER_WORKERS));
	ready = user->io_wq && user->wq;
	mutex_lock(&users_lock);
	/* The next opener tries again. */
	if (!ready)
		list_del_init(&user->list);
	mutex_unlock(&users_lock);
	/* Pairs with user_state(). */
	smp_store_release(&user->state, ready ? USER_READY : USER_FAILED);
	wake_up_all(&user_ready);
	pb_user_put(user);
}

/* A new user, with one reference for the caller and one for user_begin(). */
static struct pb_user *user_new(kuid_t uid)
{
	struct pb_user *user =
		pb_may_fail(alloc_box, NULL, kzalloc(sizeof(*user), PB_GFP));

	lockdep_assert_held(&users_lock);
	if (!user)
		return NULL;
	user->uid = uid;
	user->refs = 2;
	user->state = USER_NEW;
	INIT_WORK(&user->begin, user_begin);
	INIT_WORK(&user->gone, user_gone);
	list_add(&user->list, &users);
	queue_work(pb_wq, &user->begin);
	return user;
}

static int user_state(const struct pb_user *user)
{
	/* Pairs with user_begin(): a user that is ready has its queues. */
	return smp_load_acquire(&user->state);
}

static int user_wait(struct pb_user *user)
{
	if (wait_event_killable(user_ready, user_state(user) != USER_NEW))
		return -EINTR;
	return user_state(user) == USER_READY ? 0 : -ENOMEM;
}

/**
 * pb_user_get - get the user of a new box
 * @uid: the user's id
 *
 * Context: sleeps.
 * Return: the user, to be released with pb_user_put(); -ENOMEM; -EINTR when the
 * task is being killed
 */
struct pb_user *pb_user_get(kuid_t uid)
{
	struct pb_user *user;
	int err;

	pb_window(user_get);
	mutex_lock(&users_lock);
	user = user_find(uid);
	if (user)
		user->refs++;
	else
		user = user_new(uid);
	mutex_unlock(&users_lock);
	if (!user)
		return ERR_PTR(-ENOMEM);
	err = user_wait(user);
	if (!err)
		return user;
	pb_user_put(user);
	return ERR_PTR(err);
}

/**
 * pb_user_put - release the user of a box
 * @user: the user
 *
 * Context: sleeps.
 */
void pb_user_put(struct pb_user *user)
{
	bool last;

	mutex_lock(&users_lock);
	last = !--user->refs;
	if (last)
		list_del(&user->list);
	mutex_unlock(&users_lock);
	if (last)
		queue_work(pb_wq, &user->gone);
}

/**
 * pb_users_init - create the module's workqueue
 *
 * Return: 0 or -ENOMEM
 */
int __init pb_users_init(void)
{
	pb_wq = pb_may_fail(alloc_workqueue, NULL,
			    alloc_workqueue("pagebox", WQ_UNBOUND, 0));
	return pb_wq ? 0 : -ENOMEM;
}

/**
 * pb_users_exit - finish all work
 *
 * No boxes are left, but the work that destroyed the last one, or its user, may
 * not have returned yet.
 */
void pb_users_exit(void)
{
	destroy_workqueue(pb_wq);
}
