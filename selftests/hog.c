// SPDX-License-Identifier: GPL-2.0
/*
 * One user takes as much as possible of everything that boxes share: frames,
 * RAM swap, box numbers, workers. Other users must still make progress. The
 * module is reloaded with low limits.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "lib/user.h"
#include "pagebox.h"

#define ALL 512 /* frames, and pages of RAM swap */
#define BOXES 32
#define PAGES 24

FIXTURE(hog)
{
	char parameters[512];
	struct child hog;
};

/* The resources that a hog can exhaust. */
enum { ALL_FRAMES, ALL_SWAP, ALL_BOXES };

static int take_frames(void)
{
	int box = box_with((struct pagebox_config){ .set = PAGEBOX_SET_FRAMES,
						    .frames = ALL });

	pages_fill(box_map(box, ALL, MAP_SHARED), ALL, 1);
	return box_stats(box).frames_used;
}

static int take_swap(void)
{
	int box = box_new(PAGEBOX_MIN_FRAMES, 0);
	char *map = box_map(box, 2 * ALL, MAP_PRIVATE);
	int pages = 0;

	while (pages < 2 * ALL && !signal_of_write(page_at(map, pages)))
		pages++;
	return box_stats(box).swap_used;
}

static int take_boxes(void)
{
	int boxes = 0;

	while (open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC) >= 0)
		boxes++;
	if (errno != ENFILE)
		die("the hog expected ENFILE");
	return boxes;
}

/* Keeps what it got until it is ended; returns the amount. */
static int hog(void *context, int what)
{
	(void)context;
	become(NOBODY, CAP(CAP_DAC_OVERRIDE));
	return what == ALL_FRAMES ? take_frames() :
	       what == ALL_SWAP	  ? take_swap() :
				    take_boxes();
}

static void reload(const char *parameters)
{
	errno = 0;
	if (module_unload("pagebox"))
		die("the module is in use");
	module_load("pagebox.ko", parameters);
}

FIXTURE_SETUP(hog)
{
	char small[600];

	module_parameters(self->parameters, sizeof(self->parameters));
	snprintf(small, sizeof(small),
		 "%s max_frames=%d max_swap=%d max_boxes=%d", self->parameters,
		 ALL, ALL, BOXES);
	reload(small);
	self->hog = child_fork(hog, NULL);
}

FIXTURE_TEARDOWN(hog)
{
	child_end(&self->hog);
	reload(self->parameters);
}

/* The part reserved for others. */
#define RESERVE(all) ((all) / 16)

/* Works in a box with few frames and swap; the number of frames it got, or 0. */
static int work(void *context)
{
	int box;
	char *map;

	become(*(uid_t *)context, CAP(CAP_DAC_OVERRIDE));
	box = box_new(PAGES / 2, 0);
	map = box_map(box, PAGES, MAP_PRIVATE);
	pages_fill(map, PAGES, 1);
	return pages_hold(map, PAGES, 1) ? box_stats(box).frames_used : 0;
}

static int work_as_root(void *context)
{
	int box = box_new(PAGES / 2, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	(void)context;
	pages_fill(map, PAGES, 1);
	return pages_hold(map, PAGES, 1) ? box_stats(box).frames_used : 0;
}

/* Root has reserved frames, and every box has the frames it needs. */
TEST_F(hog, frames)
{
	uid_t somebody = SOMEBODY;

	EXPECT_EQ(ALL - RESERVE(ALL), child_ask(&self->hog, ALL_FRAMES));
	EXPECT_EQ(PAGES / 2, in_child(work_as_root, NULL));
	EXPECT_EQ(PAGEBOX_MIN_FRAMES, in_child(work, &somebody));
}

/* The hog runs out of RAM swap first; others can still use files. */
TEST_F(hog, swap)
{
	EXPECT_EQ(ALL - RESERVE(ALL), child_ask(&self->hog, ALL_SWAP));
	EXPECT_EQ(PAGES / 2, in_child(work_as_root, NULL));
}

/* The resources of a hog that exits are available to the next one. */
TEST_F(hog, goes)
{
	for (int round = 0; round < 3; round++) {
		for (int what = ALL_FRAMES; what <= ALL_SWAP; what++) {
			EXPECT_EQ(ALL - RESERVE(ALL),
				  child_ask(&self->hog, what));
			child_end(&self->hog);
			self->hog = child_fork(hog, NULL);
		}
	}
}

/* Only root gets the last box numbers, and no more than there are. */
TEST_F(hog, boxes)
{
	int box[RESERVE(BOXES)];

	EXPECT_EQ(BOXES - RESERVE(BOXES), child_ask(&self->hog, ALL_BOXES));
	for (int i = 0; i < RESERVE(BOXES); i++)
		box[i] = box_open();
	EXPECT_EQ(-1, open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC));
	EXPECT_EQ(ENFILE, errno);
	for (int i = 0; i < RESERVE(BOXES); i++)
		close(box[i]);
}

/* --- workers --- */

/* More than a single user's workers. */
#define READERS 300
#define WORKERS 64
#define SMALL_STACK (64 * 1024)

struct reader {
	char *page;
	sem_t go;
	pthread_t thread;
};

static void *read_a_page(void *context)
{
	struct reader *reader = context;

	while (sem_wait(&reader->go))
		;
	pages_touch(reader->page, 1);
	return NULL;
}

/*
 * @count threads for as many pages of the store. All are started before the
 * first one reads: on 6.1 a waiting fault holds mmap_lock, which thread
 * creation needs.
 */
static void start_readers(char *map, struct reader *readers, size_t count)
{
	pthread_attr_t attributes;

	if (pthread_attr_init(&attributes) ||
	    pthread_attr_setstacksize(&attributes, SMALL_STACK))
		die("pthread_attr");
	for (size_t i = 0; i < count; i++) {
		readers[i].page = page_at(map, i);
		if (sem_init(&readers[i].go, 0, 0) ||
		    pthread_create(&readers[i].thread, &attributes, read_a_page,
				   &readers[i]))
			die("pthread_create");
	}
}

struct slow {
	int box;
	int count; /* of readers */
	int reading;
	struct reader readers[READERS];
};

/* Starts reads of the first @pages pages of a box with a slow store. */
static int read_slowly(void *context, int pages)
{
	struct slow *slow = context;

	if (!slow->reading) {
		become(NOBODY, 0);
		start_readers(box_map(slow->box, slow->count, MAP_SHARED),
			      slow->readers, slow->count);
	}
	while (slow->reading < pages)
		sem_post(&slow->readers[slow->reading++].go);
	return 0;
}

static bool all_wait(struct slow *slow)
{
	return box_stats(slow->box).frames_used == (uint64_t)slow->count;
}

/* A box whose store delays each page by @delay. */
static int slow_box(uint32_t delay)
{
	int box = box_of(NOBODY);

	box_configure(box,
		      (struct pagebox_config){
			      .set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
				     PAGEBOX_SET_STORE_DELAY |
				     PAGEBOX_SET_READAHEAD,
			      .frames = READERS,
			      .readahead = 0,
			      .store_fd = store_file(READERS * page_size, 1),
			      .store_read_us = delay,
		      });
	return box;
}

/* Root reads a page of a file. */
static bool root_reads(void)
{
	int box = box_new_store(PAGES, store_file(page_size, 7));
	char *map = box_map(box, 1, MAP_SHARED);
	bool right = pages_hold(map, 1, 7);

	unmap(map, 1);
	close(box);
	return right;
}

/* Ends the reader. Its requests continue, so the box is destroyed later. */
static void end_slow(struct slow *slow, struct child *child)
{
	unsigned int id = box_info(slow->box).id;

	kill(child->pid, SIGKILL);
	child_status(child->pid);
	close(slow->box);
	errno = 0;
	if (!eventually(box_is_gone(id)))
		die("box %u is not destroyed", id);
}

/* Requests that wait for their delay do not block requests of other users. */
TEST(delays)
{
	struct slow slow = {
		.box = slow_box(PAGEBOX_MAX_DELAY),
		.count = reduced(READERS),
	};
	struct child child = child_fork(read_slowly, &slow);

	EXPECT_EQ(0, child_ask(&child, slow.count));
	EXPECT_TRUE(eventually(all_wait(&slow)));
	EXPECT_TRUE(root_reads());
	EXPECT_LT(box_stats(slow.box).store_reads, slow.count);
	end_slow(&slow, &child);
}

/*
 * Neither do requests that hang, as with an unresponsive server. They are sent
 * one by one; otherwise a rescuer on 6.1 would take several and hang in the
 * first.
 */
TEST(hanging_requests)
{
	struct slow slow = { .box = slow_box(0), .count = READERS };
	struct child child;

	failpoints_off();
	failpoint_set("io_end stop times %d", WORKERS);
	child = child_fork(read_slowly, &slow);
	for (int i = 1; i <= WORKERS; i++) {
		EXPECT_EQ(0, child_ask(&child, i));
		ASSERT_TRUE(failpoint_waits("io_end", i));
	}
	EXPECT_EQ(0, child_ask(&child, READERS));
	EXPECT_TRUE(eventually(all_wait(&slow)));
	EXPECT_TRUE(root_reads());
	EXPECT_EQ(0, box_stats(slow.box).store_reads);
	EXPECT_TRUE(failpoint_waits("io_end", WORKERS));
	failpoint_go("io_end");
	end_slow(&slow, &child);
	failpoints_off();
}

TEST_HARNESS_MAIN
