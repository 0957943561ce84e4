// SPDX-License-Identifier: GPL-2.0
/* The registry of replacement policies. */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "failpoint.h"
#include "frame.h"
#include "pagebox.h"
#include "policy.h"

static_assert(PB_BATCH_MAX <= PB_PICK_MAX);

/* A policy that users can choose. */
struct entry {
	struct list_head list;
	const struct pb_policy *policy;
};

static DEFINE_MUTEX(entries_lock);
static LIST_HEAD(entries);

static const struct pb_policy *const built_in[] = {
	&pb_policy_clock,
	&pb_policy_fifo,
	&pb_policy_random,
	&pb_policy_lru,
};

static struct entry *policy_find_locked(const char *name)
{
	struct entry *entry;

	lockdep_assert_held(&entries_lock);
	list_for_each_entry(entry, &entries, list) {
		if (!strcmp(entry->policy->name, name))
			return entry;
	}
	return NULL;
}

/* Without an owner, its module could be unloaded while a box uses it. */
static bool policy_is_valid(const struct pb_policy *policy)
{
	return policy->name && policy->name[0] &&
	       strnlen(policy->name, PAGEBOX_NAME_LEN) < PAGEBOX_NAME_LEN &&
	       policy->owner && policy->pick && policy->size <= PAGE_SIZE;
}

/**
 * pb_policy_register - make a policy available
 * @policy: the policy; must stay valid until pb_policy_unregister()
 *
 * Context: sleeps.
 * Return: 0; -EEXIST if the name is in use; -EINVAL for a name that is empty or
 * too long, a policy without @owner or @pick, or with too much state; -ENOMEM
 */
int pb_policy_register(const struct pb_policy *policy)
{
	struct entry *entry;
	int err = 0;

	if (!policy_is_valid(policy))
		return -EINVAL;
	entry = pb_may_fail(alloc_policy, NULL,
			    kmalloc(sizeof(*entry), GFP_KERNEL));
	if (!entry)
		return -ENOMEM;
	entry->policy = policy;

	mutex_lock(&entries_lock);
	if (policy_find_locked(policy->name))
		err = -EEXIST;
	else
		list_add_tail(&entry->list, &entries);
	mutex_unlock(&entries_lock);
	if (err)
		kfree(entry);
	return err;
}
EXPORT_SYMBOL_GPL(pb_policy_register);

/**
 * pb_policy_unregister - remove a policy
 * @policy: a registered policy
 *
 * To be called from the module's exit. No box uses the policy then, because a
 * module with a policy in use cannot be unloaded.
 *
 * Context: sleeps.
 */
void pb_policy_unregister(const struct pb_policy *policy)
{
	struct entry *entry;

	mutex_lock(&entries_lock);
	entry = policy_find_locked(policy->name);
	if (!WARN_ON_ONCE(!entry || entry->policy != policy)) {
		list_del(&entry->list);
		kfree(entry);
	}
	mutex_unlock(&entries_lock);
}
EXPORT_SYMBOL_GPL(pb_policy_unregister);

/**
 * pb_policy_get - find a policy and pin its module
 * @name: its name in the ABI
 *
 * Context: sleeps.
 * Return: the policy, to be released with pb_policy_put(), or ERR_PTR(-ENOENT),
 * also if its module is being unloaded
 */
const struct pb_policy *pb_policy_get(const char *name)
{
	const struct pb_policy *policy = ERR_PTR(-ENOENT);
	struct entry *entry;

	mutex_lock(&entries_lock);
	entry = policy_find_locked(name);
	if (entry && try_module_get(entry->policy->owner))
		policy = entry->policy;
	mutex_unlock(&entries_lock);
	return policy;
}

/**
 * pb_policy_put - release a policy
 * @policy: from pb_policy_get()
 */
void pb_policy_put(const struct pb_policy *policy)
{
	module_put(policy->owner);
}

/**
 * pb_policies_each - call a function for each policy
 * @fn: called with the name of each; must not sleep for long
 * @arg: for @fn
 */
void pb_policies_each(void (*fn)(const char *name, void *arg), void *arg)
{
	struct entry *entry;

	mutex_lock(&entries_lock);
	list_for_each_entry(entry, &entries, list)
		fn(entry->policy->name, arg);
	mutex_unlock(&entries_lock);
}

/**
 * pb_policies_init - register the policies of this module
 *
 * Return: 0 or -ENOMEM
 */
int pb_policies_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(built_in); i++) {
		int err = pb_policy_register(built_in[i]);

		if (!err)
			continue;
		while (i--)
			pb_policy_unregister(built_in[i]);
		return err;
	}
	return 0;
}

/**
 * pb_policies_exit - unregister the policies of this module
 */
void pb_policies_exit(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(built_in); i++)
		pb_policy_unregister(built_in[i]);
}
