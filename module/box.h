/* SPDX-License-Identifier: GPL-2.0 */
/* A box: one sandbox. */
#ifndef _PAGEBOX_BOX_H
#define _PAGEBOX_BOX_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "config.h"
#include "frame.h"
#include "map.h"
#include "trail.h"
#include "truncate.h"
#include "user.h"
#include "view.h"

struct pb_backend;
struct pb_flight;
struct pb_stats;
struct pb_swap;

/**
 * struct pb_box - one sandbox
 * @id: number, reused only after all others were; invariant
 * @owner: user that opened it; invariant
 * @user: workers of the owner; invariant
 * @memcg: cgroup of the opener, charged for what workers allocate; invariant
 * @privileged: the opener had CAP_SYS_RESOURCE, see pb_cap(); invariant
 * @kills_all: the opener had CAP_KILL; invariant
 * @name: initially the comm of the opener; @config
 * @ref: files of the box, and requests in flight
 * @files: the files alone
 * @inode: its i_mapping is the reverse map of all VMAs, and remembers errors of
 *         write-back; invariant
 * @memory: inode of the files of mappings that are memory and not a file: it has
 *          no links, so core dumps include what is mapped; invariant
 * @identities: unused identities, linked by i_private; maps.lock
 * @config: one change of the configuration at a time
 * @lock: until the box is sealed: @bytes and @store
 * @sealed: in use, so @bytes and @store are invariant; written under @lock
 * @bytes: size; @lock until @sealed
 * @store: backend that pages are read from, or NULL; @lock until @sealed
 * @tune: see struct pb_tunables
 * @root: the view of MAP_SHARED mappings
 * @frames: the frame table
 * @swap: the swap area, or NULL; changed under @config, @lock and @swap_lock
 * @swap_old: the area that is being replaced, or NULL; as @swap. It stays while
 *            a slot of it is in use
 * @swap_lock: held for reading while a slot is taken
 * @maps: the mappings
 * @trails: the pages that threads currently use
 * @committed: committed pages of the mappings; maps.lock
 * @oom_lock: held while searching for a process to kill
 * @oom_victim: identity of the mm that was killed last; @oom_lock
 * @oom_since: time of that kill, in jiffies; @oom_lock
 * @truncate: detects truncation of the store
 * @flusher: writes back pages that have been dirty too long
 * @shrinker: gives memory back when the machine is short of it
 * @stats: counters, per CPU
 * @dir: debugfs directory; used by @sync alone
 * @sync: makes and removes the debugfs directories of the box and of its maps
 * @sync_asked: number of requests for @sync
 * @sync_done: number of the last request done; written by @sync
 * @synced: to wait for @sync_done
 * @late: tears the box down
 * @gone: for the task that waits for @late, or NULL
 */
struct pb_box {
	u32 id;
	kuid_t owner;
	struct pb_user *user;
	struct mem_cgroup *memcg;
	bool privileged;
	bool kills_all;
	char name[PAGEBOX_NAME_LEN];
	struct kref ref;
	atomic_t files;
	struct inode *inode;
	struct inode *memory;
	struct inode *identities;
	struct mutex config; /* one ioctl at a time */
	struct mutex lock; /* size and store, until the box is used */
	bool sealed;
	u64 bytes;
	struct pb_backend *store;
	struct pb_tunables tune;
	struct pb_view root;
	struct pb_frames frames;
	struct pb_swap *swap;
	struct pb_swap *swap_old;
	struct rw_semaphore swap_lock; /* see @swap */
	struct pb_maps maps;
	struct pb_trails trails;
	long committed;
	struct mutex oom_lock; /* one killer at a time */
	struct mm_struct *oom_victim;
	unsigned long oom_since;
	struct pb_truncate truncate;
	struct delayed_work flusher;
	struct pb_shrinker shrinker;
	struct pb_stats __percpu *stats;
	struct dentry *dir;
	struct work_struct sync;
	atomic_t sync_asked;
	int sync_done;
	wait_queue_head_t synced;
	struct work_struct late;
	struct pb_flight *gone;
};

struct pb_box *pb_box_new(void);
struct pb_box *pb_box_find(u32 id);
int pb_box_file_release(struct inode *inode, struct file *file);
void pb_box_file_gone(struct pb_box *box);
void pb_boxes_exit(void);
struct file *pb_box_file(struct pb_box *box, struct inode *inode, int flags,
			 const struct file_operations *fops);
extern unsigned int pb_box_frames;
extern unsigned int pb_box_max;

static inline void pb_box_release_later(struct kref *ref)
{
	queue_work(pb_wq, &container_of(ref, struct pb_box, ref)->late);
}

/**
 * pb_box_put_later - drop a reference without waiting
 * @box: the box
 *
 * Context: any, for callers that must not wait for a worker.
 */
static inline void pb_box_put_later(struct pb_box *box)
{
	kref_put(&box->ref, pb_box_release_later);
}

/**
 * pb_box_unmap - clear the PTEs of a range, in all processes
 * @box: the box
 * @index: first index
 * @nr: number of indices
 *
 * The dirty and accessed bits go to the folios.
 */
static inline void pb_box_unmap(struct pb_box *box, pgoff_t index, pgoff_t nr)
{
	unmap_mapping_pages(box->inode->i_mapping, index, nr, false);
}

static inline void pb_box_unmap_from(struct pb_box *box, pgoff_t first)
{
	pb_box_unmap(box, first, ULONG_MAX - first);
}

/**
 * pb_box_sync - update debugfs after maps were added or removed
 * @box: the box
 *
 * Context: any. The update is deferred; a reader of "summary" or "maps" waits
 * for it.
 */
static inline void pb_box_sync(struct pb_box *box)
{
	/* Ordered: the work either sees the map, or runs again. */
	atomic_inc_return(&box->sync_asked);
	queue_work(pb_wq, &box->sync);
}

#endif /* _PAGEBOX_BOX_H */
