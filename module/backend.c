// SPDX-License-Identifier: GPL-2.0
/*
 * Backends and requests to them.
 *
 * A fault or an eviction waits for I/O with mmap_lock or the VMA lock held. File
 * systems take locks for a read or write that they also hold while they copy
 * from or to user memory, that is outside mmap_lock. So requests are carried out
 * by workers, which hold nothing. (The loop driver has workers for the same
 * reason.) Memory knows no such locks: it is copied by who asks for it, who also
 * pays for what that allocates; a worker then only adds the delay.
 *
 * Those who wait for a request may be in want of memory, so requests come from a
 * pool, and their workqueue has a rescuer. No request waits for other work, so
 * work of any kind may wait for requests; but it must not take their workers
 * away, that is why it has a queue of its own. Each user has one of both
 * (user.c), and nobody's requests wait for those of others.
 *
 * A delay is a timer's business, not a worker's.
 */
#include <linux/hrtimer.h>
#include <linux/memcontrol.h>
#include <linux/mempool.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "pagebox.h"

/* Requests that can be had when the machine has no memory left. */
#define IO_RESERVE 16

struct workqueue_struct *pb_wq;

static struct kmem_cache *io_cache;
static mempool_t *io_pool;

static int io_rw(struct pb_io *io, unsigned int first, unsigned int nr)
{
	if (pb_fail(io->write ? PB_FAIL_BACKEND_WRITE : PB_FAIL_BACKEND_READ))
		return -EIO;
	/* The store may have grown again, without the contents of these pages. */
	if (io->write && io->backend == io->box->store &&
	    pb_truncate_pending(io->box, io->index + first + nr - 1))
		return -ENODATA;
	return io->backend->ops->rw(io->backend, io, first, nr);
}

/* All pages at once, or else one by one: a bad page harms no neighbour. */
static void io_transfer(struct pb_io *io)
{
	int err = io_rw(io, 0, io->nr);

	for (unsigned int i = 0; i < io->nr; i++)
		io->err[i] = err && io->nr > 1 ? io_rw(io, i, 1) : err;
}

static enum pb_stat io_stat(const struct pb_io *io)
{
	if (io->backend == io->box->store)
		return io->write ? PB_STAT_STORE_WRITE : PB_STAT_STORE_READ;
	return io->write ? PB_STAT_SWAP_WRITE : PB_STAT_SWAP_READ;
}

/* The request belongs to its owner again, who may have freed it on return. */
static void io_end(struct pb_io *io)
{
	unsigned int failed = 0, past = 0;

	pb_window(PB_WINDOW_IO_END);
	for (unsigned int i = 0; i < io->nr; i++) {
		past += io->err[i] == -ENODATA;
		failed += io->err[i] && io->err[i] != -ENODATA;
	}
	pb_count_add(io->box, io_stat(io), io->nr - failed - past);
	pb_count_add(io->box, PB_STAT_IO_ERROR, failed);
	io->done(io);
}

static u32 io_delay(const struct pb_io *io)
{
	return io->write ? READ_ONCE(io->backend->write_us) :
			   READ_ONCE(io->backend->read_us);
}

/*
 * Who waits may be the very program that serves a file system or block device
 * (see PR_SET_IO_FLUSHER). Reclaim that starts here must not wait for that one,
 * nor this write for the dirty pages of other devices.
 */
static void io_transfer_noio(struct pb_io *io)
{
	unsigned long flags = current->flags;
	unsigned int noio = memalloc_noio_save();

	current->flags |= PF_LOCAL_THROTTLE;
	io_transfer(io);
	current_restore_flags(flags, PF_LOCAL_THROTTLE);
	memalloc_noio_restore(noio);
}

static void io_work(struct work_struct *work)
{
	struct pb_io *io = container_of(work, struct pb_io, work);
	struct mem_cgroup *before;

	/* What a file system allocates for it is not the worker's. */
	before = set_active_memcg(io->box->memcg);
	if (!io->backend->ops->inline_io)
		io_transfer_noio(io);
	set_active_memcg(before);
	io_end(io);
}

static void io_queue(struct pb_io *io)
{
	queue_work(io->box->user->io_wq, &io->work);
}

static enum hrtimer_restart io_delayed(struct hrtimer *timer)
{
	io_queue(container_of(timer, struct pb_io, timer));
	return HRTIMER_NORESTART;
}

/**
 * pb_io_new - make a request
 * @box: kept alive until the request is freed
 * @backend: where to
 * @index: first page in the backend
 * @write: else it is a read
 * @done: called once all of it is done or has failed, see struct pb_io; without
 *        locks when a worker calls it, and it must not wait for I/O
 *
 * A request that was not submitted yet may be one of the last that can be had:
 * do not hold one while waiting for other requests.
 *
 * Context: sleeps.
 * Return: a request without pages; there is always one
 */
struct pb_io *pb_io_new(struct pb_box *box, struct pb_backend *backend,
			pgoff_t index, bool write,
			void (*done)(struct pb_io *io))
{
	struct pb_io *io = mempool_alloc(io_pool, GFP_KERNEL);

	kref_get(&box->ref);
	io->box = box;
	io->backend = backend;
	io->index = index;
	io->nr = 0;
	io->write = write;
	io->done = done;
	INIT_WORK(&io->work, io_work);
	hrtimer_setup(&io->timer, io_delayed, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL);
	io->fresh = 0;
	atomic_set(&io->state, 0);
	init_completion(&io->waited);
	io->flight = NULL;
	return io;
}

/**
 * pb_io_free - free a request
 * @io: one that is done, or was never submitted
 *
 * It may hold the last reference to the box, whose end waits for work of all
 * kinds: perhaps for the work that calls this.
 */
void pb_io_free(struct pb_io *io)
{
	struct pb_box *box = io->box;

	mempool_free(io, io_pool);
	pb_box_put_later(box);
}

/**
 * pb_io_submit - start a request
 * @io: with @io->nr pages, at least one
 *
 * What needs no worker is done when this returns. Each page fares as @io->err
 * says: a failed one does not keep the others from being read or written.
 *
 * Context: any that may sleep; the folios of the request may be locked.
 */
void pb_io_submit(struct pb_io *io)
{
	u32 delay = io_delay(io);

	pb_window(PB_WINDOW_IO_BEGIN);
	if (io->backend->ops->inline_io)
		io_transfer(io);
	if (delay)
		hrtimer_start(&io->timer,
			      ns_to_ktime((u64)delay * NSEC_PER_USEC),
			      HRTIMER_MODE_REL);
	else if (io->backend->ops->inline_io)
		io_end(io);
	else
		io_queue(io);
}

/**
 * pb_backend_new - make a backend of what the user names
 * @box: for this box
 * @fd: a file descriptor of the caller's, or PAGEBOX_FD_RAM
 * @must_write: PB_BACKEND_MUST_WRITE, or a file may be open just for reading
 *
 * Return: the backend, or an error of PAGEBOX_IOC_CONFIGURE
 */
struct pb_backend *pb_backend_new(const struct pb_box *box, int fd,
				  bool must_write)
{
	if (fd == PAGEBOX_FD_RAM)
		return pb_backend_ram_new(box->privileged) ?: ERR_PTR(-ENOMEM);
	return pb_backend_file_new(fd, must_write);
}

/**
 * pb_backend_sync - make durable what was written
 * @backend: the backend, or NULL
 * @datasync: as for fdatasync()
 *
 * Context: sleeps; a file system may take its locks.
 * Return: 0, or an error, also one of a write that had seemed to succeed
 */
int pb_backend_sync(struct pb_backend *backend, bool datasync)
{
	if (!backend || !backend->ops->sync)
		return 0;
	return pb_may_fail(BACKEND_SYNC, -EIO,
			   backend->ops->sync(backend, datasync));
}

/**
 * pb_backend_release - free a backend
 * @backend: one without requests under way, or NULL
 */
void pb_backend_release(struct pb_backend *backend)
{
	if (backend)
		backend->ops->release(backend);
}

static int __init io_pool_init(void)
{
	io_cache = pb_may_fail(CACHE, NULL, KMEM_CACHE(pb_io, 0));
	if (!io_cache)
		return -ENOMEM;
	io_pool = pb_may_fail(POOL, NULL,
			      mempool_create_slab_pool(IO_RESERVE, io_cache));
	if (!io_pool) {
		kmem_cache_destroy(io_cache);
		return -ENOMEM;
	}
	return 0;
}

static void io_pool_exit(void)
{
	mempool_destroy(io_pool);
	kmem_cache_destroy(io_cache);
}

/**
 * pb_backends_init - get ready for requests and other work
 *
 * Return: 0 or -ENOMEM
 */
int __init pb_backends_init(void)
{
	int err = io_pool_init();

	if (err)
		return err;
	pb_wq = pb_may_fail(WORKQUEUE, NULL,
			    alloc_workqueue("pagebox", WQ_UNBOUND, 0));
	if (pb_wq)
		return 0;
	io_pool_exit();
	return -ENOMEM;
}

/**
 * pb_backends_exit - finish all work
 *
 * There are no boxes any more, but the work that ended the last one, or its user,
 * may still be on its way out.
 */
void pb_backends_exit(void)
{
	destroy_workqueue(pb_wq);
	io_pool_exit();
}
