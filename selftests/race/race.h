/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of races share: a stage of actors, who wait at windows of the
 * module while others overtake them.
 *
 * Two threads and the first thread of one process, whose mappings are the
 * subject; its child, if it has one; and a process without mappings. The test
 * directs them from a process of its own: who is stopped may hold the locks of
 * its process, and then everybody there who needs memory has to wait as well. For
 * the same reason the threads have all they need in memory before it begins.
 */
#ifndef PAGEBOX_RACE_H
#define PAGEBOX_RACE_H

#include <semaphore.h>
#include <stdbool.h>
#include <sys/types.h>

#include "pagebox.h"

enum {
	A, /* a thread */
	B, /* another one */
	MAIN, /* the thread that forks */
	CHILD, /* what it has forked */
	OUTSIDE, /* a process that has the box open, and no mapping */
	ACTORS,
};

struct scene;

/* What an actor can do. */
typedef long (*act_fn)(struct scene *scene, long arg);

struct actor {
	sem_t turn;
	pid_t pid;
	pid_t tid;
	act_fn act;
	long arg;
	long result;
	bool done;
};

/* Pages of the mappings, as far as they are filled; the tag of the first. */
#define PAGES 4
#define OLD 1
/* Tags of what is written later. */
#define NEW 50
#define NEWER 51
#define LAST 100

/**
 * struct scene - in memory that all share
 * @config: of the box; its store is @store, if that is open
 * @private: a box that only the process has; else the test has made it
 * @fill_root: pages 0 to PAGES - 1 of the root view get OLD
 * @fill_map: and those of the private mapping
 * @box: an fd of it
 * @store: what is behind it, or 0
 * @pipe: for what is spliced
 * @uffd: a userfaultfd of the process, if it has one
 * @id: number of the box
 * @root: where the process has the root view, 2 * PAGES pages
 * @map: and its private mapping
 * @plain: a page of other memory, with NEW in it
 */
struct scene {
	struct pagebox_config config;
	bool private;
	bool fill_root;
	bool fill_map;
	int box;
	int store;
	int pipe[2];
	int uffd;
	unsigned int id;
	char *root;
	char *map;
	char *plain;
	struct actor actor[ACTORS];
};

/* A scene that is not set yet, and no failpoint is. */
struct scene *scene_new(void);

/* Sets it, and brings the actors in. */
void scene_begin(struct scene *scene);

/*
 * One that has begun, in a box of @frames frames: pages of the root view, or of the
 * private mapping.
 */
struct scene *scene_of_root(unsigned int frames);
struct scene *scene_of_map(unsigned int frames);

/*
 * All pages go to swap, and dirty ones of the root view take all frames, which
 * nobody evicts who finds another: so who copies a page has to evict the original.
 * How many pages there are then.
 */
unsigned long scene_cramp(struct scene *scene);

void scene_end(struct scene *scene);

/* Begins something, and does not wait. */
void start(struct scene *scene, int actor, act_fn act, long arg);

/*
 * Begins something, and waits until the actor is stopped at a window of the
 * module. It ends the test if the actor does not get there.
 */
void stop(struct scene *scene, int actor, const char *window, act_fn act,
	  long arg);

/* Waits until an actor is done, or waits for others: whether it waits. */
bool blocks(struct scene *scene, int actor);

/* The same of one that waits by looking again and again, with naps between. */
bool polls(struct scene *scene, int actor);

/* Waits for what it was asked to do; it ends the test if that does not end. */
long result(struct scene *scene, int actor);

/* Kills MAIN's process or OUTSIDE, also one that is stopped: child_status() of it. */
int kill_actor(struct scene *scene, int actor);

/* Begins something, and waits for its end. */
long run(struct scene *scene, int actor, act_fn act, long arg);

/* --- what actors do; arg is a page of the box but where it says otherwise --- */

/* A page and a tag. */
#define WITH(page, tag) ((long)(page) << 16 | (tag))

/* The tag that is seen, up to LAST, or -1. */
long see_root(struct scene *scene, long page);
long see_map(struct scene *scene, long page);

/* arg is WITH(). */
long write_root(struct scene *scene, long arg);
long write_map(struct scene *scene, long arg);
/* The PTE goes again. */
long write_map_and_drop(struct scene *scene, long arg);

/* Writes to the page what is there. */
long poke_root(struct scene *scene, long page);

/* Whether the whole page has the tag; arg is WITH(). */
long root_holds(struct scene *scene, long arg);
long map_holds(struct scene *scene, long arg);

/* Whether all pages have what was there first. */
long root_is_old(struct scene *scene, long unused);
long map_is_old(struct scene *scene, long unused);

long drop_root(struct scene *scene, long page);
long drop_map(struct scene *scene, long page);

/* Ranges of one page: how many pages, or -errno. */
long discard_root(struct scene *scene, long page);
long discard_map(struct scene *scene, long page);
long page_out_root(struct scene *scene, long page);
long page_out_map(struct scene *scene, long page);
/* All pages of both. */
long page_out_all(struct scene *scene, long unused);

/* mlock() and munlock(): 0 or errno. */
long lock_root(struct scene *scene, long page);
long unlock_root(struct scene *scene, long page);

long unmap_root(struct scene *scene, long unused);
long unmap_map(struct scene *scene, long unused);
/* The private mapping gets another PAGES pages: 0 or errno. */
long grow_map(struct scene *scene, long unused);
/* The signal of a read of the root view. */
long touch_root(struct scene *scene, long page);
/* Other pages go through all frames, so that one used wrongly shows. */
long recycle(struct scene *scene, long frames);

/* From outside, with what is in the plain page: bytes. */
long vm_write_root(struct scene *scene, long page);
long vm_write_map(struct scene *scene, long page);
/* With what page PAGES of the root view holds, which it has to fault in. */
long vm_write_map_from_box(struct scene *scene, long page);
/* A page of the root view goes to the pipe, by reference: bytes. */
long lend_root(struct scene *scene, long page);

/* Of the box, or of its configuration: 0 or errno. */
long set_frames(struct scene *scene, long frames);
long set_policy(struct scene *scene, long fifo);
long exchange_swap(struct scene *scene, long pages);
long flush_often(struct scene *scene, long unused);
long sync_root(struct scene *scene, long page);
long sync_box(struct scene *scene, long unused);
long advise_sequential(struct scene *scene, long unused);

/* Of the device: bytes, or -errno. */
long write_device(struct scene *scene, long arg);

/* The process's mappings and its fd of the box go. */
long leave_box(struct scene *scene, long unused);

/* Through a box of one's own: an fd, or -errno. */
long join_box(struct scene *scene, long unused);
/* The tag of page 0 in a box that was joined, which is closed. */
long see_and_close(struct scene *scene, long joined);

/* MAIN alone: the child becomes CHILD. */
long fork_child(struct scene *scene, long unused);
long reap_child(struct scene *scene, long unused);

/*
 * The private mapping is watched for writes by a userfaultfd, also in children:
 * 0, or errno (EBADF if the kernel cannot). Each fork waits until somebody hears of it.
 */
long watch_map(struct scene *scene, long unused);
long hear_of_fork(struct scene *scene, long unused);

/* Sharers of a page of the private mapping, as debugfs has it; -1 without one. */
long sharers_of_map(struct scene *scene, long page);

/* What the machine does when it is short of memory. */
long drop_caches(struct scene *scene, long unused);

#endif /* PAGEBOX_RACE_H */
