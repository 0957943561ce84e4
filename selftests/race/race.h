/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Code shared by the race tests: a set of actors that are stopped at sync
 * points of the module while others overtake them.
 *
 * The actors are three threads of one process, whose mappings are tested, a
 * child of it, if any, and a process without mappings. The test controls them
 * from a separate process: a stopped actor may hold locks of its process, such
 * that every task there that needs memory must wait as well. For the same
 * reason the threads have all their memory locked before the test starts.
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
	CHILD, /* forked by MAIN */
	OUTSIDE, /* a process with the box open and no mapping */
	ACTORS,
};

struct scene;

/* An operation of an actor. */
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

/* Pages of the mappings that are filled; the tag of the first. */
#define PAGES 4
#define OLD 1
/* Tags of later writes. */
#define NEW 50
#define NEWER 51
#define LAST 100

/**
 * struct scene - in shared memory
 * @config: of the box; its store is @store, if that is open
 * @private: the box belongs to the process alone; otherwise the test opens it
 * @fill_root: pages 0 to PAGES - 1 of the root view get OLD
 * @fill_map: the same for the private mapping
 * @box: an fd of it
 * @store: the file behind it, or 0
 * @pipe: for splice()
 * @uffd: a userfaultfd of the process, if any
 * @id: number of the box
 * @root: the process's mapping of the root view, 2 * PAGES pages
 * @map: its private mapping
 * @plain: a page of anonymous memory filled with NEW
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

/* A scene that is not started, with no failpoint set. */
struct scene *scene_new(void);

/* Starts it and its actors. */
void scene_begin(struct scene *scene);

/*
 * A started scene in a box of @frames frames: pages of the root view, or of the
 * private mapping.
 */
struct scene *scene_of_root(unsigned int frames);
struct scene *scene_of_map(unsigned int frames);

/*
 * All pages are swapped out, and dirty pages of the root view take all frames.
 * As clean pages are preferred victims, a copy must evict its original. Returns
 * the number of pages.
 */
unsigned long scene_cramp(struct scene *scene);

void scene_end(struct scene *scene);

/* Starts an operation without waiting. */
void start(struct scene *scene, int actor, act_fn act, long arg);

/*
 * Starts an operation and waits until the actor is stopped at a sync point of
 * the module. Fails the test if the actor does not get there.
 */
void stop(struct scene *scene, int actor, const char *window, act_fn act,
	  long arg);

/* Waits until an actor is done or sleeps; returns whether it sleeps. */
bool blocks(struct scene *scene, int actor);

/* The same for an actor that waits by polling, with sleeps in between. */
bool polls(struct scene *scene, int actor);

/* Waits for the end of an operation; fails the test if it does not end. */
long result(struct scene *scene, int actor);

/* Kills MAIN's process or OUTSIDE, even if stopped; returns its child_status(). */
int kill_actor(struct scene *scene, int actor);

/* Starts an operation and waits for its end. */
long run(struct scene *scene, int actor, act_fn act, long arg);

/* --- operations of actors; arg is a page of the box unless noted --- */

/* A page and a tag. */
#define WITH(page, tag) ((long)(page) << 16 | (tag))

/* The tag read, up to LAST, or -1. */
long see_root(struct scene *scene, long page);
long see_map(struct scene *scene, long page);

/* arg is WITH(). */
long write_root(struct scene *scene, long arg);
long write_map(struct scene *scene, long arg);
/* The PTE is dropped afterwards. */
long write_map_and_drop(struct scene *scene, long arg);

/* Rewrites the page with its own contents. */
long poke_root(struct scene *scene, long page);

/* Whether the whole page has the tag; arg is WITH(). */
long root_holds(struct scene *scene, long arg);
long map_holds(struct scene *scene, long arg);

/* Whether all pages have their initial contents. */
long root_is_old(struct scene *scene, long unused);
long map_is_old(struct scene *scene, long unused);

long drop_root(struct scene *scene, long page);
long drop_map(struct scene *scene, long page);

/* Ranges of one page: the number of pages, or -errno. */
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
/* The private mapping grows by PAGES pages: 0 or errno. */
long grow_map(struct scene *scene, long unused);
/* The signal of a read of the root view. */
long touch_root(struct scene *scene, long page);
/* Cycles other pages through all frames, so that misuse of a frame shows. */
long recycle(struct scene *scene, long frames);

/* From another process, with the plain page: bytes. */
long vm_write_root(struct scene *scene, long page);
long vm_write_map(struct scene *scene, long page);
/* With page PAGES of the root view, which must be faulted in. */
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

/* The process unmaps and closes the box. */
long leave_box(struct scene *scene, long unused);

/* Through a box of its own: an fd, or -errno. */
long join_box(struct scene *scene, long unused);
/* The tag of page 0 in a joined box, which is then closed. */
long see_and_close(struct scene *scene, long joined);

/* MAIN alone: the child becomes CHILD. */
long fork_child(struct scene *scene, long unused);
long reap_child(struct scene *scene, long unused);

/*
 * The private mapping is tracked by a userfaultfd, also in children: 0, or
 * errno (EBADF if unsupported). Each fork waits until its event is read.
 */
long watch_map(struct scene *scene, long unused);
long hear_of_fork(struct scene *scene, long unused);

/* Sharers of a page of the private mapping, as debugfs has it; -1 without one. */
long sharers_of_map(struct scene *scene, long page);

/* Invokes the shrinkers. */
long drop_caches(struct scene *scene, long unused);

#endif /* PAGEBOX_RACE_H */
