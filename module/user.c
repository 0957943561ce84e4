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
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "failpoint.h"
#include "pagebox.h"
#include "user.h"

/* Workers of one user's requests, and for his other work, as long as they hang. */
#define USER_WORKERS 64

/* What is known of a new user's workers. */
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

/* Not done by the task that drops the last box: that may be work of the user's. */
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
 * Make the queues. A worker does this, because the kernel logs an error when the
 * task that makes a rescuer is killed meanwhile.
 */
static void user_begin(struct work_struct *work)
{
	struct pb_user *user = container_of(work, struct pb_user, begin);
	bool ready;

	/* A request may be what somebody in want of memory waits for. */
	user->io_wq = pb_may_fail(WORKQUEUE, NULL,
				  alloc_workqueue("pagebox_io",
						  WQ_UNBOUND | WQ_MEM_RECLAIM,
						  USER_WORKERS));
	user->wq = pb_may_fail(WORKQUEUE, NULL,
			       alloc_workqueue("pagebox_user", WQ_UNBOUND,
					       USER_WORKERS));
	ready = user->io_wq && user->wq;
	mutex_lock(&users_lock);
	/* The next opener tries again. */
	if (!ready)
		list_del_init(&user->list);
	mutex_unlock(&users_lock);
	/* Pairs with the look in user_wait(). */
	smp_store_release(&user->state, ready ? USER_READY : USER_FAILED);
	wake_up_all(&user_ready);
	pb_user_put(user);
}

/* With one reference for the caller, and one for user_begin(). */
static struct pb_user *user_new(kuid_t uid)
{
	struct pb_user *user =
		pb_may_fail(BOX, NULL, kzalloc(sizeof(*user), PB_GFP));

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
	/* A user that is ready has its queues. */
	return smp_load_acquire(&user->state);
}

static int user_wait(struct pb_user *user)
{
	if (wait_event_killable(user_ready, user_state(user) != USER_NEW))
		return -EINTR;
	return user_state(user) == USER_READY ? 0 : -ENOMEM;
}

/**
 * pb_user_get - a user has one box more
 * @uid: who
 *
 * Context: sleeps.
 * Return: the user, to be given back with pb_user_put(); -ENOMEM, -EINTR when the
 * task is being killed
 */
struct pb_user *pb_user_get(kuid_t uid)
{
	struct pb_user *user;
	int err;

	pb_window(PB_WINDOW_USER_GET);
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
 * pb_user_put - and one box less
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
 * pb_users_init - get ready for work
 *
 * Return: 0 or -ENOMEM
 */
int __init pb_users_init(void)
{
	pb_wq = pb_may_fail(WORKQUEUE, NULL,
			    alloc_workqueue("pagebox", WQ_UNBOUND, 0));
	return pb_wq ? 0 : -ENOMEM;
}

/**
 * pb_users_exit - finish all work
 *
 * There are no boxes any more, but the work that ended the last one, or its user,
 * may still be on its way out.
 */
void pb_users_exit(void)
{
	destroy_workqueue(pb_wq);
}
