// SPDX-License-Identifier: GPL-2.0
/*
 * Evictions that are overtaken: an evictor is stopped between two steps, and the
 * page is touched, written, pinned, locked, discarded or moved; and the other way
 * round, what an evictor must not overtake.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pagebox_test.h"

#define FRAMES 4
#define PAGES 4
#define OLD 1
#define NEW 100

/* All frames of a box hold pages of its root view, dirty and mapped. */
FIXTURE(race)
{
	int box;
	char *map;
	int pipe[2];
	char *plain;
};

FIXTURE_SETUP(race)
{
	failpoints_off();
	self->box = box_new(FRAMES, 0);
	self->map = box_map(self->box, 2 * PAGES, MAP_SHARED);
	pages_fill(self->map, PAGES, OLD);
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
	self->plain = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->plain);
	page_fill(self->plain, NEW);
}

FIXTURE_TEARDOWN(race)
{
	failpoints_off();
	close(self->box);
}

/* What tasks do, with the first page but where they say otherwise. */

static long page_out(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, 1);
}

static long read_page(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return page_tag(self->map, NEW);
}

static long write_page(void *context)
{
	FIXTURE_DATA(race) *self = context;

	page_fill(self->map, NEW);
	return 0;
}

static long write_from_outside(void *context)
{
	FIXTURE_DATA(race) *self = context;
	struct iovec from = { self->plain, page_size };
	struct iovec to = { self->map, page_size };

	return process_vm_writev(getpid(), &from, 1, &to, 1, 0);
}

static long lend_to_pipe(void *context)
{
	FIXTURE_DATA(race) *self = context;
	struct iovec page = { self->map, page_size };

	return vmsplice(self->pipe[1], &page, 1, 0);
}

static long discard(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return root_range(self->box, PAGEBOX_IOC_DISCARD, 0, 1);
}

/* The first two pages that nobody has touched yet; each needs a frame. */
static long touch_another(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return page_tag(page_at(self->map, PAGES), NEW);
}

static long touch_one_more(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return page_tag(page_at(self->map, PAGES + 1), NEW);
}

static long use_fifo(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return configure_error(
		self->box, (struct pagebox_config){ .set = PAGEBOX_SET_POLICY,
						    .policy = "fifo" });
}

static long exchange_swap(void *context)
{
	FIXTURE_DATA(race) *self = context;

	return configure_error(
		self->box, (struct pagebox_config){ .set = PAGEBOX_SET_SWAP,
						    .swap_fd = PAGEBOX_FD_RAM,
						    .swap_pages = 2 * PAGES });
}

static long close_box(void *context)
{
	FIXTURE_DATA(race) *self = context;

	munmap(self->map, 2 * PAGES * page_size);
	return close(self->box);
}

static long shrink_caches(void *context)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	long done = write(fd, "2", 1);

	close(fd);
	return done;
}

/* Other pages go through all frames, so that one used wrongly would show. */
static void recycle_frames(char *map)
{
	pages_fill(page_at(map, PAGES), PAGES, NEW);
	pages_touch(page_at(map, PAGES), PAGES);
}

static void expect_contents(struct __test_metadata *_metadata, char *map,
			    uint64_t first)
{
	recycle_frames(map);
	EXPECT_TRUE(page_holds(map, first));
	EXPECT_TRUE(pages_hold(page_at(map, 1), PAGES - 1, OLD + 1));
}

/*
 * A fault waits for the evictor that has locked its page. It is known to wait and
 * no pin, so the page goes, and the fault reads it back.
 */
TEST_F(race, fault_before_unmap)
{
	struct pagebox_stats before;
	struct task *evict, *fault;

	drop_ptes(self->map, PAGES);
	before = box_stats(self->box);
	evict = thread_stopped("evict_unmap", page_out, self);
	fault = task_thread(read_page, self);
	EXPECT_TRUE(task_blocks(fault));
	failpoint_go("evict_unmap");
	EXPECT_EQ(1, task_result(evict));
	EXPECT_EQ(OLD, task_result(fault));
	EXPECT_FAULTS(self->box, before, .swapin = 1);
	expect_contents(_metadata, self->map, OLD);
}

/*
 * What is written after the evictor has looked at the accessed and dirty bits, and
 * before it takes the PTE away, goes to swap as well.
 */
TEST_F(race, write_before_unmap)
{
	struct pagebox_stats before;
	struct task *evict, *other;

	/* Clean, with its contents in swap, and its PTE writable. */
	ASSERT_EQ(1, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, 1));
	ASSERT_EQ(OLD, page_tag(self->map, NEW));
	before = box_stats(self->box);
	evict = thread_stopped("evict_unmap", page_out, self);
	other = task_thread(write_page, self);
	EXPECT_EQ(0, task_result(other));
	failpoint_go("evict_unmap");
	EXPECT_EQ(1, task_result(evict));
	EXPECT_EQ(before.evict_dirty + 1, box_stats(self->box).evict_dirty);
	EXPECT_EQ(before.swap_writes + 1, box_stats(self->box).swap_writes);
	expect_contents(_metadata, self->map, NEW);
}

/*
 * A page that is pinned while the evictor has it locked stays in its frame, and
 * who has the pin sees what is written later.
 */
TEST_F(race, pin_before_unmap)
{
	uint64_t seen[page_size / sizeof(uint64_t)];
	struct task *evict, *other;
	long frame;

	frame = frame_of(box_info(self->box).id, "root", 0);
	evict = thread_stopped("evict_unmap", page_out, self);
	other = task_thread(lend_to_pipe, self);
	EXPECT_EQ((long)page_size, task_result(other));
	failpoint_go("evict_unmap");
	EXPECT_EQ(0, task_result(evict));
	EXPECT_EQ(frame, frame_of(box_info(self->box).id, "root", 0));
	page_fill(self->map, NEW);
	ASSERT_EQ((ssize_t)page_size, read(self->pipe[0], seen, page_size));
	EXPECT_TRUE(page_holds(seen, NEW));
	EXPECT_EQ(1, page_out(self));
	expect_contents(_metadata, self->map, NEW);
}

/* After the unmap nobody can pin the page any more: who wants to has to wait. */
TEST_F(race, pin_after_unmap)
{
	struct task *evict = thread_stopped("evict_pins", page_out, self);
	struct task *other = task_thread(write_from_outside, self);

	EXPECT_TRUE(task_blocks(other));
	failpoint_go("evict_pins");
	EXPECT_EQ(1, task_result(evict));
	EXPECT_EQ((long)page_size, task_result(other));
	expect_contents(_metadata, self->map, NEW);
}

/* Nor when it was found that nobody has. */
TEST_F(race, pin_after_check)
{
	struct task *evict = thread_stopped("evict_release", page_out, self);
	struct task *other = task_thread(lend_to_pipe, self);

	EXPECT_TRUE(task_blocks(other));
	failpoint_go("evict_release");
	EXPECT_EQ(1, task_result(evict));
	EXPECT_EQ((long)page_size, task_result(other));
	expect_contents(_metadata, self->map, OLD);
}

/* A page that is being written to swap is discarded after that, slot and all. */
TEST_F(race, discard_during_write)
{
	struct task *evict = thread_stopped("evict_slot", page_out, self);
	struct task *other = task_thread(discard, self);

	EXPECT_TRUE(task_blocks(other));
	EXPECT_EQ(1, box_stats(self->box).swap_used);
	failpoint_go("evict_slot");
	EXPECT_EQ(1, task_result(evict));
	EXPECT_EQ(1, task_result(other));
	EXPECT_EQ(0, box_stats(self->box).swap_used);
	EXPECT_EQ(PAGES - 1, box_stats(self->box).pages);
	expect_contents(_metadata, self->map, 0);
}

/* The swap area goes while a page is on its way to it. */
TEST_F(race, exchange_during_write)
{
	static const char *const windows[] = { "slot_taken", "evict_slot",
					       "evict_written" };

	for (unsigned int i = 0; i < ARRAY_SIZE(windows); i++) {
		struct task *evict = thread_stopped(windows[i], page_out, self);
		struct task *other = task_thread(exchange_swap, self);

		EXPECT_TRUE(task_blocks(other));
		failpoint_go(windows[i]);
		EXPECT_EQ(1, task_result(evict));
		EXPECT_EQ(0, task_result(other));
		EXPECT_EQ(2 * PAGES, box_info(self->box).swap_pages);
		EXPECT_EQ(OLD, page_tag(self->map, NEW));
		page_fill(self->map, OLD);
		EXPECT_EQ(0, box_stats(self->box).swap_used);
	}
	expect_contents(_metadata, self->map, OLD);
}

/*
 * A clean page leaves the root view, and before it has left its frame somebody
 * reads the same place anew: into another frame.
 */
TEST_F(race, fault_before_detach)
{
	int box = box_new_store(FRAMES, store_file(PAGES * page_size, OLD));
	struct task *evict, *fault;

	close(self->box);
	unmap(self->map, 2 * PAGES);
	self->box = box;
	self->map = box_map(box, PAGES, MAP_SHARED);
	pages_touch(self->map, 1);
	evict = thread_stopped("evict_detach", page_out, self);
	fault = task_thread(read_page, self);
	EXPECT_EQ(OLD, task_result(fault));
	EXPECT_EQ(2, box_stats(box).frames_used);
	failpoint_go("evict_detach");
	EXPECT_EQ(1, task_result(evict));
	EXPECT_EQ(1, box_stats(box).frames_used);
	EXPECT_EQ(1, box_stats(box).pages);
	pages_touch(self->map, PAGES);
	EXPECT_TRUE(pages_hold(self->map, PAGES, OLD));
}

/* Somebody else takes the frame that an evictor has just made free. */
TEST_F(race, lose_the_frame)
{
	struct task *first = thread_stopped("evict_got", touch_another, self);
	struct task *other = task_thread(touch_one_more, self);

	EXPECT_EQ(0, task_result(other));
	failpoint_go("evict_got");
	EXPECT_EQ(0, task_result(first));
	EXPECT_EQ(FRAMES, box_stats(self->box).frames_used);
	EXPECT_EQ(PAGES + 2, box_stats(self->box).pages);
	expect_contents(_metadata, self->map, OLD);
}

/* The frame that was proposed is filled with another page before it is locked. */
TEST_F(race, reuse_before_lock)
{
	struct pagebox_stats before;
	struct task *evict, *other;

	before = box_stats(self->box);
	evict = thread_stopped("evict_lock", touch_another, self);
	other = task_thread(discard, self);
	EXPECT_EQ(1, task_result(other));
	EXPECT_EQ(before.pages - 1, box_stats(self->box).pages);
	failpoint_go("evict_lock");
	EXPECT_EQ(0, task_result(evict));
	expect_contents(_metadata, self->map, 0);
}

/* The policy that has proposed a frame stays until it has got its answer. */
TEST_F(race, switch_policy)
{
	struct task *evict, *other;

	evict = thread_stopped("evict_lock", touch_another, self);
	other = task_thread(use_fifo, self);
	EXPECT_TRUE(task_blocks(other));
	EXPECT_STREQ("clock", box_info(self->box).policy);
	failpoint_go("evict_lock");
	EXPECT_EQ(0, task_result(evict));
	EXPECT_EQ(0, task_result(other));
	EXPECT_STREQ("fifo", box_info(self->box).policy);
	expect_contents(_metadata, self->map, OLD);
}

/* And a new one begins when no evictor is at work. */
TEST_F(race, evict_during_switch)
{
	struct task *other = thread_stopped("policy_switch", use_fifo, self);
	struct task *evict = task_thread(touch_another, self);

	EXPECT_TRUE(task_blocks(evict));
	failpoint_go("policy_switch");
	EXPECT_EQ(0, task_result(other));
	EXPECT_EQ(0, task_result(evict));
	expect_contents(_metadata, self->map, OLD);
}

/* A box does not go while the machine's reclaim looks at it. */
TEST_F(race, close_during_shrink)
{
	struct task *shrink =
		process_stopped("shrink_scan", shrink_caches, self);
	struct task *other = task_thread(close_box, self);

	/* The process has the box as well. */
	EXPECT_EQ(0, task_result(other));
	failpoint_go("shrink_scan");
	EXPECT_EQ(1, task_result(shrink));
	self->box = box_open();
}

TEST_HARNESS_MAIN
