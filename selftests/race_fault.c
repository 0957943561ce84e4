// SPDX-License-Identifier: GPL-2.0
/*
 * Faults that are overtaken: a task is stopped in a window of its fault, another
 * changes what it has looked up, and then it goes on. And faults that must not be
 * overtaken: then the other has to wait.
 *
 * Each test says what would be seen if the fault did not look again, or if the
 * other did not wait.
 */

#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pagebox_test.h"

#define FRAMES 16
#define PAGES 4
/* Tags of what is there first, and of what is written later. */
#define OLD 1
#define NEW 100

/*
 * A box with pages in its root view, which a private mapping shows as well, until
 * something is written there. No PTE shows any.
 */
FIXTURE(race)
{
	int box;
	char *root;
	char *map;
};

FIXTURE_SETUP(race)
{
	failpoints_off();
	self->box = box_new(FRAMES, PAGES);
	self->root = box_map(self->box, PAGES, MAP_SHARED);
	self->map = box_map(self->box, PAGES, MAP_PRIVATE);
	pages_fill(self->root, PAGES, OLD);
	drop_ptes(self->root, PAGES);
}

FIXTURE_TEARDOWN(race)
{
	failpoints_off();
	close(self->box);
}

static void page_out_all(int box, char *map)
{
	root_range(box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES);
	map_range(box, PAGEBOX_IOC_PAGE_OUT, map, PAGES);
}

/* What tasks do, all with the first page. */

static long read_private(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return page_tag(self->map, NEW);
}

static long read_root(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return page_tag(self->root, NEW);
}

static long write_private(void *context)
{
	FIXTURE_DATA(race) *self = context;

	page_fill(self->map, NEW);
	return 0;
}

/* The PTE goes again, so that the one that was stopped can set its own. */
static long write_private_and_drop(void *context)
{
	FIXTURE_DATA(race) *self = context;

	page_fill(self->map, NEW);
	drop_ptes(self->map, 1);
	return 0;
}

static long discard_root(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return root_range(self->box, PAGEBOX_IOC_DISCARD, 0, 1);
}

static long discard_private(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return map_range(self->box, PAGEBOX_IOC_DISCARD, self->map, 1);
}

static long page_out_root(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, 1);
}

/* The mapping may be gone before the access is made again. */
static long touch_root(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return signal_of_read(self->root);
}

static long unmap_root(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return munmap(self->root, PAGES * page_size);
}

/*
 * The page that a fault has looked up is discarded before it is locked. Not
 * looking again, it would map a frame that belongs to nobody.
 */
TEST_F(race, discard_before_lock)
{
	struct task *fault = thread_stopped("fault_lock", read_private, self);
	struct task *other = task_thread(discard_root, self);

	EXPECT_EQ(1, task_result(other));
	failpoint_go("fault_lock");
	EXPECT_EQ(0, task_result(fault));
	EXPECT_EQ(0, page_tag(self->map, NEW));
	EXPECT_EQ(0, page_tag(self->root, NEW));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
	EXPECT_EQ(PAGES, box_stats(self->box).frames_used);
}

/* The view gets a page of its own before the root's, looked up, is locked. */
TEST_F(race, write_before_lock)
{
	struct task *fault = thread_stopped("fault_lock", read_private, self);
	struct task *other = task_thread(write_private_and_drop, self);

	EXPECT_EQ(0, task_result(other));
	failpoint_go("fault_lock");
	EXPECT_EQ(NEW, task_result(fault));
	EXPECT_TRUE(page_holds(self->map, NEW));
	EXPECT_TRUE(pages_hold(self->root, PAGES, OLD));
}

/* A frame that a fault has looked up is not taken from its page. */
TEST_F(race, page_out_before_lock)
{
	struct task *fault = thread_stopped("fault_lock", read_private, self);
	struct pagebox_stats before = box_stats(self->box);

	EXPECT_EQ(0, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, 1));
	EXPECT_EQ(before.pinned_skips + 1, box_stats(self->box).pinned_skips);
	failpoint_go("fault_lock");
	EXPECT_EQ(OLD, task_result(fault));
	EXPECT_EQ(1, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, 1));
	EXPECT_TRUE(page_holds(self->map, OLD));
}

/* A page in swap is discarded after a fault has looked it up. */
TEST_F(race, discard_in_swap)
{
	struct task *fault, *other;

	page_fill(self->map, NEW);
	page_out_all(self->box, self->map);
	fault = thread_stopped("fault_lock", read_private, self);
	other = task_thread(discard_private, self);
	EXPECT_EQ(1, task_result(other));
	failpoint_go("fault_lock");
	EXPECT_EQ(OLD, task_result(fault));
	EXPECT_TRUE(pages_hold(self->map, PAGES, OLD));
	EXPECT_EQ(PAGES, box_stats(self->box).pages);
}

/* Once a fault has its page, a discard waits for the PTE and takes it away. */
TEST_F(race, discard_before_pte)
{
	struct task *fault = thread_stopped("fault_map", read_root, self);
	struct task *other = task_thread(discard_root, self);

	EXPECT_TRUE(task_blocks(other));
	failpoint_go("fault_map");
	EXPECT_EQ(1, task_result(other));
	/* It may have read before or after. */
	EXPECT_NE(-1, task_result(fault));
	EXPECT_EQ(0, page_tag(self->root, NEW));
}

/* Neither is the frame taken away then, nor the mapping. */
TEST_F(race, unmap_before_pte)
{
	struct task *fault = thread_stopped("fault_map", touch_root, self);
	struct task *evict = task_thread(page_out_root, self);
	struct task *other;

	EXPECT_EQ(0, task_result(evict));
	other = task_thread(unmap_root, self);
	EXPECT_TRUE(task_blocks(other));
	failpoint_go("fault_map");
	task_result(fault);
	EXPECT_EQ(0, task_result(other));
	EXPECT_EQ(SIGSEGV, signal_of_read(self->root));
	EXPECT_TRUE(pages_hold(self->map, PAGES, OLD));
}

/*
 * Two see the same page that nobody has touched yet, and each makes one: a read
 * in the root view, a write in the private one. What was written is what stays.
 */
TEST_F(race, write_before_new_page)
{
	struct task *fault, *other;

	root_range(self->box, PAGEBOX_IOC_DISCARD, 0, PAGES);
	fault = thread_stopped("fault_publish", read_private, self);
	other = task_thread(write_private_and_drop, self);
	EXPECT_EQ(0, task_result(other));
	failpoint_go("fault_publish");
	EXPECT_EQ(NEW, task_result(fault));
	EXPECT_TRUE(page_holds(self->map, NEW));
	EXPECT_EQ(0, page_tag(self->root, NEW));
}

/* The other way round: the read has all but set its PTE when the write comes. */
TEST_F(race, write_before_pte)
{
	struct task *fault, *other;

	root_range(self->box, PAGEBOX_IOC_DISCARD, 0, PAGES);
	fault = thread_stopped("fault_map", read_private, self);
	other = task_thread(write_private, self);
	EXPECT_TRUE(task_blocks(other));
	failpoint_go("fault_map");
	EXPECT_EQ(0, task_result(other));
	EXPECT_NE(-1, task_result(fault));
	EXPECT_TRUE(page_holds(self->map, NEW));
	EXPECT_EQ(0, page_tag(self->root, NEW));
}

/*
 * Between the fault and page_mkwrite(), core mm has the page unlocked. If it is
 * discarded there, the write goes to the page that comes after it.
 */
TEST_F(race, discard_before_mkwrite)
{
	struct task *fault =
		thread_stopped("mkwrite_lock", write_private, self);
	struct task *other = task_thread(discard_private, self);

	EXPECT_EQ(1, task_result(other));
	failpoint_go("mkwrite_lock");
	EXPECT_EQ(0, task_result(fault));
	drop_ptes(self->map, 1);
	EXPECT_TRUE(page_holds(self->map, NEW));
	EXPECT_TRUE(pages_hold(self->root, PAGES, OLD));
	EXPECT_EQ(PAGES + 1, box_stats(self->box).pages);
}

/* When page_mkwrite() has said yes, a discard waits until the PTE is there. */
TEST_F(race, discard_after_mkwrite)
{
	struct task *fault = thread_stopped("mkwrite_map", write_private, self);
	struct task *other = task_thread(discard_private, self);

	EXPECT_TRUE(task_blocks(other));
	failpoint_go("mkwrite_map");
	EXPECT_EQ(1, task_result(other));
	EXPECT_EQ(0, task_result(fault));
	EXPECT_TRUE(pages_hold(self->root, PAGES, OLD));
}

/* Of two faults on a page in swap, one reads it and the other waits. */
TEST_F(race, two_swapins)
{
	struct pagebox_stats before;
	struct task *fault, *other;

	page_fill(self->map, NEW);
	page_out_all(self->box, self->map);
	before = box_stats(self->box);
	fault = thread_stopped("fault_attach", read_private, self);
	other = task_thread(read_private, self);
	EXPECT_TRUE(task_blocks(other));
	failpoint_go("fault_attach");
	EXPECT_EQ(NEW, task_result(fault));
	EXPECT_EQ(NEW, task_result(other));
	EXPECT_EQ(before.swap_reads + 1, box_stats(self->box).swap_reads);
}

TEST_HARNESS_MAIN
