// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: reads and writes of neighbouring pages of a backend, and groups of
 * writes that a task waits for together.
 *
 * A fault or an eviction waits for I/O with mmap_lock or the VMA lock held. File
 * systems take locks for a read or write that they also hold while they copy
 * from or to user memory, so these locks rank above mmap_lock. Therefore workers,
 * which hold no locks, carry out the requests. (The loop driver has workers for
 * the same reason.) RAM has no such locks: the submitting task copies it, and is
 * charged for what that allocates; a worker then only adds the delay.
 *
 * A task that waits for a request may be short of memory, so requests come from a
 * pool, and their workqueue has a rescuer. No request waits for other work, so
 * any work may wait for requests; but it must not use up their workers, so it has
 * a separate queue. Each user has one of both (user.c), so no request waits for
 * another user's.
 *
 * Delays are timers, and occupy no worker.
 */
#include <linux/hrtimer.h>
#include <linux/memcontrol.h>
#include <linux/mempool.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "backend.h"
#include "box.h"
#include "compat.h"
#include "failpoint.h"
#include "io.h"
#include "stats.h"
#include "store.h"

/* Requests in reserve for when memory is exhausted. */
#define IO_RESERVE 16

static struct kmem_cache *io_cache;
static mempool_t *io_pool;

static int io_rw(struct pb_io *io, unsigned int first, unsigned int nr)
{
	if (io->write ? pb_fail(backend_write) : pb_fail(backend_read))
		return -EIO;
	/* After a truncation the store may have grown again: do not write. */
	if (io->write && io->backend == io->box->store &&
	    pb_store_pending(io->box, io->index + first + nr - 1))
		return -ENODATA;
	return io->backend->ops->rw(io->backend, io, first, nr);
}

/* If the whole request fails, retry page by page: a bad page affects no other. */
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

/* Complete the request. Its owner may free it in @done. */
static void io_end(struct pb_io *io)
{
	unsigned int failed = 0, past = 0;

	pb_window(io_end);
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
 * The task that waits may itself serve a file system or block device (see
 * PR_SET_IO_FLUSHER). Reclaim from here must not wait for that device, nor this
 * write for the dirty pages of other devices.
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

	/* Charge the file system's allocations to the box. */
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
 * @backend: backend that is read or written
 * @index: first page in the backend
 * @write: a write, otherwise a read
 * @done: called when all pages are done or have failed, see struct pb_io; without
 *        locks if a worker calls it. It must not wait for I/O
 *
 * A request that was not submitted may come from the reserve: do not hold one
 * while waiting for other requests.
 *
 * Context: sleeps.
 * Return: a request without pages, in PB_IO_SIZE bytes for the owner's structure
 * that begins with it; never NULL
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
	return io;
}

/**
 * pb_io_free - free a request
 * @io: a request that is done, or was never submitted
 *
 * The request may hold the last reference to the box. Teardown waits for work of
 * the box, which may be the caller, so it is deferred.
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
 * A request without a worker is complete on return. @io->err has the result of
 * each page: a failed page does not stop the others.
 *
 * Context: any that may sleep; the folios of the request may be locked.
 */
void pb_io_submit(struct pb_io *io)
{
	u32 delay = io_delay(io);

	pb_window(io_begin);
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
 * pb_flight_new - begin a group of writes
 *
 * Context: sleeps.
 * Return: an empty group, to be ended by pb_flight_wait()
 */
struct pb_flight *pb_flight_new(void)
{
	/* It is small, and these writes may be needed to free memory. */
	struct pb_flight *flight =
		kmalloc(sizeof(*flight), GFP_KERNEL | __GFP_NOFAIL);

	refcount_set(&flight->refs, 1);
	atomic_set(&flight->pending, 0);
	atomic_set(&flight->failed, 0);
	init_waitqueue_head(&flight->wait);
	return flight;
}

/**
 * pb_flight_add - add a write to a group
 * @flight: the group
 */
void pb_flight_add(struct pb_flight *flight)
{
	refcount_inc(&flight->refs);
	atomic_inc(&flight->pending);
}

static void flight_put(struct pb_flight *flight)
{
	if (refcount_dec_and_test(&flight->refs))
		kfree(flight);
}

/**
 * pb_flight_done - complete a write of a group
 * @flight: the group; may be freed
 */
void pb_flight_done(struct pb_flight *flight)
{
	if (atomic_dec_and_test(&flight->pending))
		wake_up_all(&flight->wait);
	flight_put(flight);
}

/**
 * pb_flight_wait - wait for a group of writes
 * @flight: the group; the function consumes the caller's reference
 * @failed: set to the number of pages that could not be written so far, or NULL
 *
 * Return: 0 when all writes are done, or -EINTR when the task is being killed
 */
int pb_flight_wait(struct pb_flight *flight, u32 *failed)
{
	int err = wait_event_killable(flight->wait,
				      !atomic_read(&flight->pending));

	if (failed)
		*failed = atomic_read(&flight->failed);
	flight_put(flight);
	return err ? -EINTR : 0;
}

/* Longest time that an exiting task waits for the teardown of its box. */
#define EXIT_PATIENCE (5 * HZ)

/**
 * pb_flight_wait_closing - wait on behalf of a task that closes a file
 * @flight: the group; the function consumes the caller's reference
 *
 * An exiting task can no longer be killed, since the kernel drops the signal. A
 * killed task does not wait, any other exiting task waits for some seconds.
 * Workers do the rest.
 */
void pb_flight_wait_closing(struct pb_flight *flight)
{
	if (!(current->flags & PF_EXITING)) {
		pb_flight_wait(flight, NULL);
		return;
	}
	/* As in the status of wait(): the low bits are the signal. */
	if ((current->exit_code & 0x7f) != SIGKILL)
		wait_event_timeout(flight->wait, !atomic_read(&flight->pending),
				   EXIT_PATIENCE);
	flight_put(flight);
}

/**
 * pb_ios_init - create the pool of requests
 *
 * Return: 0 or -ENOMEM
 */
int __init pb_ios_init(void)
{
	io_cache =
		pb_may_fail(create_cache, NULL,
			    kmem_cache_create("pb_io", PB_IO_SIZE, 0, 0, NULL));
	if (!io_cache)
		return -ENOMEM;
	io_pool = pb_may_fail(create_pool, NULL,
			      mempool_create_slab_pool(IO_RESERVE, io_cache));
	if (!io_pool) {
		kmem_cache_destroy(io_cache);
		return -ENOMEM;
	}
	return 0;
}

/**
 * pb_ios_exit - destroy the pool of requests
 */
void pb_ios_exit(void)
{
	mempool_destroy(io_pool);
	kmem_cache_destroy(io_cache);
}
