// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration of a box. A change is checked, prepared, and applied.
 * Preparation includes everything that can fail in advance. Some steps can fail
 * only when they are applied: moving pages out of frames or a swap area, and
 * waiting for the evictor. These run first and are rolled back if a later one
 * fails; rolling back cannot fail.
 *
 * Size and store can be set until the box is sealed. A change that sets them holds
 * box->lock from the check of @sealed until all is applied, so it is not refused
 * half-way. The box has no pages then, so the lock is held only for a short time.
 */
#include <linux/ctype.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "backend.h"
#include "box.h"
#include "commit.h"
#include "config.h"
#include "engine.h"
#include "evict.h"
#include "failpoint.h"
#include "frame.h"
#include "pagebox.h"
#include "policy.h"
#include "store.h"
#include "swap.h"
#include "writeback.h"

#define PAGEBOX_SET_ALL ((PAGEBOX_SET_REFERENCES << 1) - 1)

/* Settings that are invariant once the box is sealed. */
#define PAGEBOX_SET_SEALED (PAGEBOX_SET_BYTES | PAGEBOX_SET_STORE)

/**
 * struct change - a change of the configuration
 * @config: the requested settings
 * @store: the new store, or NULL
 * @swap: the new swap area, or NULL
 * @watch: the notification of the new store, or NULL
 * @policy: the new policy, or NULL
 * @state: the state of @policy
 * @old_swap: the area that was replaced, until it is freed
 * @old_frames: the previous frame limit
 * @moved: the swap area has been replaced
 * @locked: box->lock is held
 *
 * Applying the change swaps @store, @watch, @policy and @state with the old ones.
 */
struct change {
	const struct pagebox_config *config;
	struct pb_backend *store;
	struct pb_swap *swap;
	struct pb_watch *watch;
	const struct pb_policy *policy;
	void *state;
	struct pb_swap *old_swap;
	u32 old_frames;
	bool moved;
	bool locked;
};

static bool sets(const struct change *c, u32 bit)
{
	return c->config->set & bit;
}

/* A name is printable ASCII, not empty, and terminated. */
static int check_name(const char *name)
{
	size_t length = strnlen(name, PAGEBOX_NAME_LEN);

	if (!length || length == PAGEBOX_NAME_LEN)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (!isascii(name[i]) || !isprint(name[i]))
			return -EINVAL;
	}
	return 0;
}

static int check_bytes(u64 bytes)
{
	if (!bytes || !PAGE_ALIGNED(bytes))
		return -EINVAL;
	return bytes > PAGEBOX_MAX_SIZE ? -ERANGE : 0;
}

static int check_frames(u32 frames)
{
	if (frames < PAGEBOX_MIN_FRAMES)
		return -EINVAL;
	return frames > pb_frames_max ? -ERANGE : 0;
}

static int check_fd(s32 fd)
{
	return fd < PAGEBOX_FD_RAM ? -EBADF : 0;
}

static int check_bounds(const struct pagebox_config *c)
{
	if (c->set & PAGEBOX_SET_STORE_DELAY &&
	    (c->store_read_us > PAGEBOX_MAX_DELAY ||
	     c->store_write_us > PAGEBOX_MAX_DELAY))
		return -ERANGE;
	if (c->set & PAGEBOX_SET_SWAP_DELAY &&
	    (c->swap_read_us > PAGEBOX_MAX_DELAY ||
	     c->swap_write_us > PAGEBOX_MAX_DELAY))
		return -ERANGE;
	if (c->set & PAGEBOX_SET_READAHEAD &&
	    c->readahead > PAGEBOX_MAX_READAHEAD)
		return -ERANGE;
	if (c->set & PAGEBOX_SET_SWAPPINESS &&
	    c->swappiness > PAGEBOX_MAX_SWAPPINESS)
		return -ERANGE;
	if (c->set & PAGEBOX_SET_OOM && c->oom_wait_ms > PAGEBOX_MAX_OOM_WAIT)
		return -ERANGE;
	if (c->set & PAGEBOX_SET_DIRTY &&
	    (c->dirty_age_ms > PAGEBOX_MAX_DIRTY_AGE ||
	     c->dirty_ratio > PAGEBOX_MAX_DIRTY_RATIO))
		return -ERANGE;
	return 0;
}

static int check_choices(const struct pagebox_config *c)
{
	if (c->set & ~PAGEBOX_SET_ALL)
		return -EINVAL;
	if (c->set & PAGEBOX_SET_OOM && c->oom > PAGEBOX_OOM_WAIT)
		return -EINVAL;
	if (c->set & PAGEBOX_SET_OVERCOMMIT &&
	    c->overcommit > PAGEBOX_OVERCOMMIT_NEVER)
		return -EINVAL;
	if (c->set & PAGEBOX_SET_DIRTY && !c->dirty_age_ms)
		return -EINVAL;
	if (c->set & PAGEBOX_SET_REFERENCES &&
	    c->references > PAGEBOX_REFERENCES_EVERY)
		return -EINVAL;
	return 0;
}

static int config_check(const struct pagebox_config *c)
{
	int err = check_choices(c) ?: check_bounds(c);

	if (!err && c->set & PAGEBOX_SET_BYTES)
		err = check_bytes(c->bytes);
	if (!err && c->set & PAGEBOX_SET_FRAMES)
		err = check_frames(c->frames);
	if (!err && c->set & PAGEBOX_SET_STORE)
		err = check_fd(c->store_fd);
	if (!err && c->set & PAGEBOX_SET_NAME)
		err = check_name(c->name);
	if (!err && c->set & PAGEBOX_SET_POLICY)
		err = check_name(c->policy);
	if (!err && c->set & PAGEBOX_SET_SWAP)
		err = check_fd(c->swap_fd);
	return err;
}

static void set_delay(struct pb_backend *backend, u32 read_us, u32 write_us)
{
	if (!backend)
		return;
	WRITE_ONCE(backend->read_us, read_us);
	WRITE_ONCE(backend->write_us, write_us);
}

static bool same_file(const struct pb_backend *a, const struct pb_backend *b)
{
	return a && b && a->file && b->file &&
	       a->file->f_mapping->host == b->file->f_mapping->host;
}

/* Is it a swap area of the box? Two areas in one file overwrite each other. */
static bool is_swap(const struct pb_box *box, const struct pb_backend *backend)
{
	return (box->swap && same_file(backend, box->swap->backend)) ||
	       (box->swap_old && same_file(backend, box->swap_old->backend));
}

/* Make the swap area that replaces the box's. */
static struct pb_swap *new_swap(struct pb_box *box,
				const struct pagebox_config *config)
{
	u32 parity = box->swap ? box->swap->parity ^ PB_SWAP_PARITY : 0;
	struct pb_backend *backend;
	struct pb_swap *swap;

	backend = pb_backend_new(box, config->swap_fd, PB_BACKEND_MUST_WRITE);
	if (IS_ERR(backend))
		return ERR_CAST(backend);
	set_delay(backend, box->tune.swap_read_us, box->tune.swap_write_us);
	swap = ERR_PTR(-EBUSY);
	if (!is_swap(box, backend) && !same_file(backend, box->store))
		swap = pb_swap_new(backend, config->swap_pages, parity);
	if (IS_ERR(swap))
		pb_backend_release(backend);
	return swap;
}

static int new_policy(struct change *c)
{
	const struct pb_policy *policy = pb_policy_get(c->config->policy);

	if (IS_ERR(policy))
		return PTR_ERR(policy);
	c->policy = policy;
	c->state = pb_may_fail(alloc_policy_state, NULL,
			       kzalloc(policy->size, PB_GFP));
	return c->state ? 0 : -ENOMEM;
}

/* Make all new objects. On error, the caller releases those that were made. */
static int config_prepare(struct pb_box *box, struct change *c)
{
	int err = 0;

	if (sets(c, PAGEBOX_SET_STORE) &&
	    c->config->store_fd != PAGEBOX_FD_NONE) {
		c->store = pb_backend_new(box, c->config->store_fd, false);
		err = PTR_ERR_OR_ZERO(c->store);
		if (err)
			c->store = NULL;
		else if (is_swap(box, c->store))
			err = -EBUSY;
	}
	if (!err && c->store) {
		c->watch = pb_watch_new(box, c->store);
		err = PTR_ERR_OR_ZERO(c->watch);
		if (err)
			c->watch = NULL;
	}
	if (!err && sets(c, PAGEBOX_SET_SWAP) &&
	    c->config->swap_fd != PAGEBOX_FD_NONE) {
		c->swap = new_swap(box, c->config);
		err = PTR_ERR_OR_ZERO(c->swap);
		if (err)
			c->swap = NULL;
		else if (same_file(c->store, c->swap->backend))
			err = -EBUSY;
	}
	if (!err && sets(c, PAGEBOX_SET_POLICY))
		err = new_policy(c);
	return err;
}

static void change_lock(struct pb_box *box, const struct change *c)
{
	if (!c->locked)
		mutex_lock(&box->lock);
}

static void change_unlock(struct pb_box *box, const struct change *c)
{
	if (!c->locked)
		mutex_unlock(&box->lock);
}

/* Set the area that new slots are taken from, and the one being emptied. */
static void set_swap(struct pb_box *box, const struct change *c,
		     struct pb_swap *active, struct pb_swap *old)
{
	lockdep_assert_held(&box->config);
	change_lock(box, c);
	down_write(&box->swap_lock);
	WRITE_ONCE(box->swap, active);
	WRITE_ONCE(box->swap_old, old);
	up_write(&box->swap_lock);
	change_unlock(box, c);
}

static void free_swap(struct pb_swap *swap)
{
	if (!swap)
		return;
	pb_window(swap_free);
	/* pb_box_swap_of() may still look at this area. */
	synchronize_rcu();
	pb_swap_release(swap);
}

/* Empty the old area, and free it. */
static int drop_old_swap(struct pb_box *box, const struct change *c)
{
	struct pb_swap *old = box->swap_old;
	int err;

	if (!old)
		return 0;
	err = pb_swapoff(box, old);
	if (err)
		return err;
	set_swap(box, c, box->swap, NULL);
	free_swap(old);
	return 0;
}

/* Replace the swap area. The old one stays, empty, until the change is done. */
static int move_swap(struct pb_box *box, struct change *c)
{
	int err = drop_old_swap(box, c);

	if (err)
		return err;
	c->old_swap = box->swap;
	set_swap(box, c, c->swap, box->swap);
	c->swap = NULL;
	c->moved = true;
	pb_window(swap_set);
	return c->old_swap ? pb_swapoff(box, c->old_swap) : 0;
}

/*
 * Use the old area again. If pages that have moved do not fit back, the new area
 * stays until they do, or are freed.
 */
static void move_swap_back(struct pb_box *box, const struct change *c)
{
	if (!c->moved)
		return;
	set_swap(box, c, c->old_swap, box->swap);
	drop_old_swap(box, c);
}

/*
 * Restore the old limit. Pages in frames above it that cannot be evicted stay
 * there until they are evicted later, or the limit is changed again.
 */
static void resize_back(struct pb_box *box, const struct change *c)
{
	if (sets(c, PAGEBOX_SET_FRAMES) && pb_evict_resize(box, c->old_frames))
		pb_frames_set_limit(&box->frames, c->old_frames);
}

/* Apply the steps that can fail, because they move pages: all or none. */
static int apply_moves(struct pb_box *box, struct change *c)
{
	int err = 0;

	c->old_frames = box->frames.limit;
	if (sets(c, PAGEBOX_SET_FRAMES))
		err = pb_evict_resize(box, c->config->frames);
	if (err)
		return err;
	if (sets(c, PAGEBOX_SET_SWAP))
		err = move_swap(box, c);
	if (!err && sets(c, PAGEBOX_SET_POLICY))
		err = pb_evict_set_policy(box, &c->policy, &c->state);
	if (err) {
		move_swap_back(box, c);
		resize_back(box, c);
	} else if (c->moved) {
		set_swap(box, c, box->swap, NULL);
	}
	return err;
}

/* Lock the box for a change that is refused once it is sealed. */
static int lock_unsealed(struct pb_box *box, struct change *c)
{
	if (!(c->config->set & PAGEBOX_SET_SEALED))
		return 0;
	mutex_lock(&box->lock);
	if (box->sealed) {
		mutex_unlock(&box->lock);
		return -EBUSY;
	}
	c->locked = true;
	return 0;
}

static void apply_sealed(struct pb_box *box, struct change *c)
{
	if (sets(c, PAGEBOX_SET_STORE)) {
		swap(box->store, c->store);
		swap(box->truncate.watch, c->watch);
		set_delay(box->store, box->tune.store_read_us,
			  box->tune.store_write_us);
	}
	if (sets(c, PAGEBOX_SET_BYTES)) {
		box->bytes = c->config->bytes;
		i_size_write(box->inode, box->bytes);
	}
}

static void set_overcommit(struct pb_box *box, u32 overcommit)
{
	u32 before = box->tune.overcommit;

	WRITE_ONCE(box->tune.overcommit, overcommit);
	if (overcommit == PAGEBOX_OVERCOMMIT_NEVER && before != overcommit)
		pb_commit_recount_all(box);
}

/* Apply the settings that cannot fail. */
static void apply_rest(struct pb_box *box, const struct pagebox_config *c)
{
	struct pb_tunables *tune = &box->tune;

	lockdep_assert_held(&box->lock);
	if (c->set & PAGEBOX_SET_NAME)
		strscpy(box->name, c->name, sizeof(box->name));
	if (c->set & PAGEBOX_SET_STORE_DELAY) {
		tune->store_read_us = c->store_read_us;
		tune->store_write_us = c->store_write_us;
		set_delay(box->store, c->store_read_us, c->store_write_us);
	}
	if (c->set & PAGEBOX_SET_SWAP_DELAY) {
		tune->swap_read_us = c->swap_read_us;
		tune->swap_write_us = c->swap_write_us;
		set_delay(box->swap ? box->swap->backend : NULL,
			  c->swap_read_us, c->swap_write_us);
	}
	if (c->set & PAGEBOX_SET_READAHEAD)
		WRITE_ONCE(tune->readahead, c->readahead);
	if (c->set & PAGEBOX_SET_SWAPPINESS)
		WRITE_ONCE(box->frames.swappiness, c->swappiness);
	if (c->set & PAGEBOX_SET_REFERENCES)
		WRITE_ONCE(box->frames.references, c->references);
	if (c->set & PAGEBOX_SET_OOM) {
		WRITE_ONCE(tune->oom_wait_ms, c->oom_wait_ms);
		WRITE_ONCE(tune->oom, c->oom);
	}
	if (c->set & PAGEBOX_SET_DIRTY) {
		WRITE_ONCE(tune->dirty_age_ms, c->dirty_age_ms);
		WRITE_ONCE(tune->dirty_ratio, c->dirty_ratio);
		if (box->sealed)
			pb_writeback_start(box);
	}
}

static int config_apply(struct pb_box *box, struct change *c)
{
	int err;

	pb_window(config_seal);
	err = lock_unsealed(box, c);
	if (err)
		return err;
	pb_window(config_move);
	err = apply_moves(box, c);
	change_lock(box, c);
	if (!err) {
		apply_sealed(box, c);
		apply_rest(box, c->config);
	}
	mutex_unlock(&box->lock);
	if (!err && c->config->set & PAGEBOX_SET_OVERCOMMIT)
		set_overcommit(box, c->config->overcommit);
	return err;
}

/**
 * pb_box_seal - fix the size and the store
 * @box: a box that is about to be used
 */
void pb_box_seal(struct pb_box *box)
{
	/* Pairs with the release below. */
	if (smp_load_acquire(&box->sealed))
		return;
	pb_window(box_seal);
	mutex_lock(&box->lock);
	if (!box->sealed) {
		pb_store_start(box);
		/* Publishes size and store: pairs with the acquire above. */
		smp_store_release(&box->sealed, true);
		pb_writeback_start(box);
	}
	mutex_unlock(&box->lock);
}

/**
 * pb_box_configure - set up a box, or change it
 * @box: the box
 * @config: settings; see the ABI for the fields and errors
 *
 * Context: without mmap_lock; sleeps while pages are moved.
 * Return: 0, or an error, with nothing changed
 */
int pb_box_configure(struct pb_box *box, const struct pagebox_config *config)
{
	struct change c = { .config = config };
	int err = config_check(config);

	if (err)
		return err;
	if (mutex_lock_killable(&box->config))
		return -EINTR;
	err = config_prepare(box, &c);
	if (!err)
		err = config_apply(box, &c);
	mutex_unlock(&box->config);

	/* Release old objects, or unused new ones. */
	pb_watch_end(c.watch);
	pb_backend_release(c.store);
	if (!err)
		free_swap(c.old_swap);
	free_swap(c.swap);
	kfree(c.state);
	if (c.policy)
		pb_policy_put(c.policy);
	return err;
}

static void info_store(const struct pb_backend *store,
		       struct pagebox_info *info)
{
	info->store_kind = store->ops->kind;
	info->store_bytes = store->ops->bytes((struct pb_backend *)store);
	info->flags |= PAGEBOX_INFO_STORE;
	if (store->writable)
		info->flags |= PAGEBOX_INFO_WRITABLE;
}

static void info_swap(const struct pb_swap *swap, struct pagebox_info *info)
{
	info->swap_kind = swap->backend->ops->kind;
	info->swap_pages = swap->limit;
}

static void info_tunables(const struct pb_tunables *tune,
			  struct pagebox_info *info)
{
	info->store_read_us = tune->store_read_us;
	info->store_write_us = tune->store_write_us;
	info->swap_read_us = tune->swap_read_us;
	info->swap_write_us = tune->swap_write_us;
	info->readahead = READ_ONCE(tune->readahead);
	info->oom = READ_ONCE(tune->oom);
	info->oom_wait_ms = READ_ONCE(tune->oom_wait_ms);
	info->overcommit = READ_ONCE(tune->overcommit);
	info->dirty_age_ms = READ_ONCE(tune->dirty_age_ms);
	info->dirty_ratio = READ_ONCE(tune->dirty_ratio);
}

/**
 * pb_box_info - describe a box
 * @box: the box
 * @info: filled, except for the size
 */
void pb_box_info(struct pb_box *box, struct pagebox_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = box->id;
	info->page_size = PAGE_SIZE;
	info->owner = from_kuid_munged(current_user_ns(), box->owner);

	mutex_lock(&box->lock);
	info->bytes = box->bytes;
	info->frames = READ_ONCE(box->frames.limit);
	info->batch = READ_ONCE(box->frames.batch);
	info->flags = box->sealed ? PAGEBOX_INFO_SEALED : 0;
	strscpy(info->name, box->name, sizeof(info->name));
	pb_frames_policy_name(&box->frames, info->policy);
	info->swappiness = READ_ONCE(box->frames.swappiness);
	info->references = pb_frames_references(&box->frames);
	if (READ_ONCE(box->frames.references) != PAGEBOX_REFERENCES_AUTO)
		info->flags |= PAGEBOX_INFO_REFERENCES;
	if (box->store)
		info_store(box->store, info);
	if (box->swap)
		info_swap(box->swap, info);
	info_tunables(&box->tune, info);
	mutex_unlock(&box->lock);
}
