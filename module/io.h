/* SPDX-License-Identifier: GPL-2.0 */
/* Requests to backends, and flights: groups of writes that a task waits for. */
#ifndef _PAGEBOX_IO_H
#define _PAGEBOX_IO_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/mm_types.h>
#include <linux/refcount.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "backend.h"

/* Most pages of one read or write. */
#define PB_IO_MAX PAGEBOX_MAX_READAHEAD

/**
 * struct pb_io - a read or write of neighbouring pages of a backend
 * @box: kept alive until the request is freed
 * @backend: backend that is read or written
 * @index: first page in the backend
 * @nr: number of pages
 * @write: a write, otherwise a read
 * @folio: the memory of each page; the owner of the request locks the folios if
 *         necessary, backends only move bytes
 * @err: result of each page, valid in @done and later
 * @done: called once, by a worker or within pb_io_submit()
 * @work: for the worker
 * @timer: for the delay before @work
 *
 * This is the first member of the owner's structure, see pb_io_new().
 */
struct pb_io {
	struct pb_box *box;
	struct pb_backend *backend;
	pgoff_t index;
	unsigned int nr;
	bool write;
	struct folio *folio[PB_IO_MAX];
	int err[PB_IO_MAX];
	void (*done)(struct pb_io *io);
	struct work_struct work;
	struct hrtimer timer;
};

/* Size of an owner's structure: 16 bytes of its own per page. */
#define PB_IO_SIZE (sizeof(struct pb_io) + PB_IO_MAX * 16)

struct pb_io *pb_io_new(struct pb_box *box, struct pb_backend *backend,
			pgoff_t index, bool write,
			void (*done)(struct pb_io *io));
void pb_io_submit(struct pb_io *io);
void pb_io_free(struct pb_io *io);
int pb_ios_init(void);
void pb_ios_exit(void);

/* Can page @at of @backend be appended to the request? */
static inline bool pb_io_continues(const struct pb_io *io,
				   const struct pb_backend *backend, pgoff_t at)
{
	return io->backend == backend && io->nr < PB_IO_MAX &&
	       at == io->index + io->nr;
}

/**
 * struct pb_flight - a group of writes in flight
 * @refs: the waiter, and each write
 * @pending: number of unfinished writes
 * @failed: pages of evictions that could not be written
 * @wait: for @pending to become 0
 */
struct pb_flight {
	refcount_t refs;
	atomic_t pending;
	atomic_t failed;
	wait_queue_head_t wait;
};

struct pb_flight *pb_flight_new(void);
int pb_flight_wait(struct pb_flight *flight, u32 *failed);
void pb_flight_wait_closing(struct pb_flight *flight);
void pb_flight_add(struct pb_flight *flight);
void pb_flight_done(struct pb_flight *flight);

#endif /* _PAGEBOX_IO_H */
