// SPDX-License-Identifier: GPL-2.0
/*
 * No frame is available, because swap is full or missing: SIGBUS, a killed
 * process, or a wait. Requests that exceed the box fail with an error.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 32
#define TAG 1

static int box_new_oom(enum pagebox_oom oom, uint32_t wait_ms)
{
	return box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP | PAGEBOX_SET_OOM,
		.frames = FRAMES,
		.swap_fd = PAGEBOX_FD_NONE,
		.oom = oom,
		.oom_wait_ms = wait_ms,
	});
}

/* --- SIGBUS --- */

FIXTURE(sigbus)
{
	int box;
	char *map;
	size_t room;
};

FIXTURE_VARIANT(sigbus)
{
	int flags;
	unsigned int slots;
};

FIXTURE_VARIANT_ADD(sigbus, no_swap_shared){ .flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(sigbus, no_swap_private){ .flags = MAP_PRIVATE };

FIXTURE_VARIANT_ADD(sigbus, few_slots_shared){ .flags = MAP_SHARED,
					       .slots = 8 };

FIXTURE_VARIANT_ADD(sigbus, few_slots_private){ .flags = MAP_PRIVATE,
						.slots = 8 };

/* A box in which every frame and every slot is taken. */
FIXTURE_SETUP(sigbus)
{
	self->box = box_new_oom(PAGEBOX_OOM_SIGBUS, 0);
	self->room = FRAMES + variant->slots;
	if (variant->slots)
		box_set_swap(self->box, PAGEBOX_FD_RAM, variant->slots);
	self->map = box_map(self->box, 4 * FRAMES, variant->flags);
	pages_fill(self->map, self->room, TAG);
	ASSERT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	ASSERT_EQ(variant->slots, box_stats(self->box).swap_used);
}

FIXTURE_TEARDOWN(sigbus)
{
	EXPECT_EQ(0, box_stats(self->box).oom_kills);
	close(self->box);
}

/* The pages in frames, from the last one backwards. */
static bool resident_pages_hold(FIXTURE_DATA(sigbus) * self)
{
	size_t first = self->room - FRAMES;

	return pages_hold(page_at(self->map, first), FRAMES, TAG + first);
}

/* The access fails without other effects; no process is killed. */
TEST_F(sigbus, that_access_alone)
{
	struct pagebox_stats before = box_stats(self->box);

	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, self->room)));
	EXPECT_EQ(SIGBUS, signal_of_read(page_at(self->map, self->room + 1)));
	EXPECT_FAULTS(self->box, before, .failed = 2);
	EXPECT_EQ(FRAMES, box_stats(self->box).frames_used);
	EXPECT_EQ(variant->slots, box_stats(self->box).swap_used);
	before = box_stats(self->box);
	EXPECT_TRUE(resident_pages_hold(self));
	/* The search may have removed PTEs, but no page lost its frame. */
	EXPECT_EQ(before.major, box_stats(self->box).major);
	EXPECT_EQ(before.evict_clean, box_stats(self->box).evict_clean);
	EXPECT_EQ(before.evict_dirty, box_stats(self->box).evict_dirty);
}

/* Freed pages are available at once. */
TEST_F(sigbus, pages_are_given_back)
{
	char *other = box_map_from(self->box, 4 * FRAMES, 8, MAP_PRIVATE);

	EXPECT_EQ(SIGBUS, signal_of_write(other));
	if (variant->flags == MAP_PRIVATE)
		unmap(page_at(self->map, self->room - 8), 8);
	else
		ASSERT_EQ(8, root_range(self->box, PAGEBOX_IOC_DISCARD,
					self->room - 8, 8));
	pages_fill(other, 6, 500);
	EXPECT_TRUE(pages_hold(other, 6, 500));
	EXPECT_TRUE(pages_hold(self->map, self->room - 8, TAG));
	EXPECT_EQ(1, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

/* A box continues after it gets a swap area, or a larger one. */
TEST_F(sigbus, swap_is_added)
{
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, self->room)));
	box_set_swap(self->box, PAGEBOX_FD_RAM, 0);
	pages_fill(page_at(self->map, self->room), FRAMES, TAG + self->room);
	EXPECT_TRUE(pages_hold(self->map, self->room + FRAMES, TAG));
}

/* The same after it gets more frames. */
TEST_F(sigbus, frames_are_added)
{
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, self->room)));
	box_set_frames(self->box, 2 * FRAMES);
	pages_fill(page_at(self->map, self->room), FRAMES / 2,
		   TAG + self->room);
	EXPECT_TRUE(pages_hold(self->map, self->room + FRAMES / 2, TAG));
}

/* A copy without a frame fails like any access; the original stays. */
static int write_inherited(void *context)
{
	FIXTURE_DATA(sigbus) *self = context;
	char *last = page_at(self->map, self->room - 1);

	if (signal_of_write(last) != SIGBUS)
		return 1;
	return !page_holds(last, TAG + self->room - 1);
}

TEST_F(sigbus, copy_on_write)
{
	struct pagebox_stats before = box_stats(self->box);

	if (variant->flags == MAP_SHARED)
		return;
	EXPECT_EQ(0, in_child(write_inherited, self));
	EXPECT_EQ(before.pages, box_stats(self->box).pages);
	EXPECT_TRUE(resident_pages_hold(self));
}

/* System calls on such a page get EFAULT. */
TEST_F(sigbus, system_call)
{
	int zero = open("/dev/zero", O_RDONLY);

	EXPECT_EQ(-1, read(zero, page_at(self->map, self->room), page_size));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(resident_pages_hold(self));
	close(zero);
}

/* Clean pages need no slot: without swap a box can still read. */
TEST(clean_pages_need_no_swap)
{
	int box = box_new_oom(PAGEBOX_OOM_SIGBUS, 0);
	char *map = box_map(box, 4 * FRAMES, MAP_SHARED);

	pages_fill(map, FRAMES - 1, TAG);
	EXPECT_TRUE(pages_are_zero(page_at(map, FRAMES), 3 * FRAMES));
	EXPECT_TRUE(pages_hold(map, FRAMES - 1, TAG));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_LE(3 * FRAMES - 1, box_stats(box).evict_clean);
}

FIXTURE(full)
{
	int box;
	char *map;
};

/* The frames are full, and there is no swap. */
FIXTURE_SETUP(full)
{
	self->box = box_new_oom(PAGEBOX_OOM_SIGBUS, 0);
	self->map = box_map(self->box, FRAMES + 1, MAP_PRIVATE);
	pages_fill(self->map, FRAMES, TAG);
}

FIXTURE_TEARDOWN(full)
{
	EXPECT_TRUE(pages_hold(self->map, FRAMES, TAG));
	close(self->box);
}

/* A futile search does not wait: it visits each frame at most twice. */
TEST_F(full, at_once)
{
	struct pagebox_stats before = box_stats(self->box);
	uint64_t skips;

	EXPECT_EQ(SIGBUS, signal_of_write(page_at(self->map, FRAMES)));
	EXPECT_FAULTS(self->box, before, .failed = 1);
	skips = box_stats(self->box).pinned_skips - before.pinned_skips;
	EXPECT_LE(FRAMES, skips);
	EXPECT_GE(4 * FRAMES, skips);
}

/* --- frames that are busy --- */

#define FEW 4
/* One second of sweeps over all frames, which a fault once waited for. */
#define SWEEPS 300

static int write_one_more(void *context, int page)
{
	char *map = context;

	return signal_of_write(page_at(map, page));
}

/*
 * All frames are held by delayed faults, as on a machine where they get no CPU.
 * Another fault waits for them, however many scans it has done.
 */
TEST(busy_frames_are_waited_for)
{
	int box = box_new(FEW, 0);
	char *map = box_map(box, 2 * FEW, MAP_PRIVATE);
	uint64_t skips;
	struct child holder[FEW], waiter;
	int answer = -1;

	for (int i = 0; i < FEW; i++)
		holder[i] = child_fork(write_one_more, map);
	waiter = child_fork(write_one_more, map);
	failpoint_set("fault_map stop times %d", FEW);
	for (int i = 0; i < FEW; i++)
		ASSERT_EQ(sizeof(i), write(holder[i].ask, &i, sizeof(i)));
	ASSERT_TRUE(failpoint_waits("fault_map", FEW));

	answer = FEW;
	ASSERT_EQ(sizeof(answer), write(waiter.ask, &answer, sizeof(answer)));
	skips = box_stats(box).pinned_skips + SWEEPS * FEW;
	EXPECT_TRUE(eventually(box_stats(box).pinned_skips >= skips));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	failpoint_go("fault_map");
	for (int i = 0; i < FEW; i++) {
		ASSERT_EQ(sizeof(answer),
			  read(holder[i].answer, &answer, sizeof(answer)));
		EXPECT_EQ(0, answer);
	}
	ASSERT_EQ(sizeof(answer), read(waiter.answer, &answer, sizeof(answer)));
	EXPECT_EQ(0, answer);
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	for (int i = 0; i < FEW; i++)
		child_end(&holder[i]);
	child_end(&waiter);
	close(box);
}

/*
 * The frames in the hands of faults hold no page yet, so a policy with a list of
 * pages proposes none. The evictor looks at the frames in turn and waits.
 */
TEST(no_page_to_propose)
{
	int box = box_new(FEW, 0);
	char *map = box_map(box, 2 * FEW, MAP_PRIVATE);
	struct child fault[FEW + 1];
	uint64_t revolutions;
	int answer = -1;

	box_configure(box, (struct pagebox_config){ .set = PAGEBOX_SET_POLICY,
						    .policy = "fifo" });
	for (int i = 0; i <= FEW; i++)
		fault[i] = child_fork(write_one_more, map);
	failpoint_set("fault_frame stop times %d", FEW);
	for (int i = 0; i < FEW; i++)
		ASSERT_EQ(sizeof(i), write(fault[i].ask, &i, sizeof(i)));
	ASSERT_TRUE(failpoint_waits("fault_frame", FEW));

	revolutions = box_stats(box).revolutions;
	answer = FEW;
	ASSERT_EQ(sizeof(answer),
		  write(fault[FEW].ask, &answer, sizeof(answer)));
	EXPECT_TRUE(eventually(box_stats(box).revolutions > revolutions));
	failpoint_go("fault_frame");
	for (int i = 0; i <= FEW; i++) {
		ASSERT_EQ(sizeof(answer),
			  read(fault[i].answer, &answer, sizeof(answer)));
		EXPECT_EQ(0, answer);
		child_end(&fault[i]);
	}
	close(box);
}

/* --- requests that exceed the box --- */

/* mlock() of more pages than there are frames fails without waiting. */
TEST(too_much_mlock)
{
	int box = box_new_oom(PAGEBOX_OOM_SIGBUS, 0);
	char *map = box_map(box, 2 * FRAMES, MAP_PRIVATE);

	ASSERT_EQ(0, mlock(map, FRAMES / 2 * page_size));
	EXPECT_EQ(FRAMES / 2, box_stats(box).frames_locked);
	EXPECT_EQ(-1, mlock(map, 2 * FRAMES * page_size));
	EXPECT_TRUE(errno == ENOMEM || errno == EAGAIN)
	TH_LOG("errno %d", errno);
	EXPECT_TRUE(pages_are_zero(map, FRAMES));
	ASSERT_EQ(0, munlock(map, 2 * FRAMES * page_size));
	EXPECT_EQ(0, box_stats(box).frames_locked);
	pages_fill(map, FRAMES, TAG);
	EXPECT_TRUE(pages_hold(map, FRAMES, TAG));
}

/* So does a pipe that is to hold more pages than there are frames. */
TEST(too_many_pins)
{
	int box = box_new_oom(PAGEBOX_OOM_SIGBUS, 0);
	char *map = box_map(box, 2 * FRAMES, MAP_PRIVATE);
	struct iovec iov = { .iov_base = map,
			     .iov_len = 2 * FRAMES * page_size };
	char page[page_size];
	ssize_t held;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_LE(2 * FRAMES * page_size,
		  fcntl(ends[1], F_SETPIPE_SZ, 2 * FRAMES * page_size));
	pages_fill(map, FRAMES, TAG);
	held = vmsplice(ends[1], &iov, 1, SPLICE_F_NONBLOCK);
	EXPECT_GE((ssize_t)(FRAMES * page_size), held);
	EXPECT_TRUE(held > 0 || errno == EFAULT) TH_LOG("errno %d", errno);
	held = held < 0 ? 0 : held / page_size;
	EXPECT_EQ(held, box_stats(box).frames_pinned);

	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, FRAMES)));
	EXPECT_TRUE(pages_hold(map, FRAMES, TAG));
	for (ssize_t i = 0; i < held; i++) {
		ASSERT_EQ(page_size, read(ends[0], page, page_size));
		EXPECT_TRUE(page_holds(page, TAG + i));
	}
	EXPECT_EQ(0, box_stats(box).frames_pinned);
	unmap(map, FRAMES);
	pages_fill(page_at(map, FRAMES), FRAMES, TAG);
	EXPECT_TRUE(pages_hold(page_at(map, FRAMES), FRAMES, TAG));
}

/* --- the kernel log --- */

/* Opens it at its end. */
static int log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0 || lseek(log, 0, SEEK_END) < 0)
		die("/dev/kmsg");
	return log;
}

/*
 * Finds the next record that begins with @start: its text and level. False if
 * there is none.
 */
static bool log_find(int log, const char *start, char *text, size_t room,
		     int *level)
{
	char record[8192];
	ssize_t length;

	while ((length = read(log, record, sizeof(record) - 1)) > 0) {
		char *message = memchr(record, ';', length);

		record[length] = '\0';
		if (!message || strncmp(message + 1, start, strlen(start)))
			continue;
		*level = atoi(record) & 7;
		snprintf(text, room, "%.*s", (int)strcspn(message + 1, "\n"),
			 message + 1);
		return true;
	}
	return false;
}

/* --- kill --- */

#define PROCESSES 3

/* Commands to a process of such a box. */
enum { FILL, HOLD, ONE_MORE };

struct process {
	int box;
	size_t pages;
	char *map;
	struct child child;
};

/* Fills the page after its existing ones: 0, or the signal raised. */
static int fill_one_more(struct process *process)
{
	char *page = page_at(process->map, process->pages);
	int signal = signal_of_write(page);

	if (!signal)
		page_fill(page, TAG + process->pages++);
	return signal;
}

static int serve(void *context, int command)
{
	struct process *process = context;

	switch (command) {
	case FILL:
		process->map = box_map(process->box, FRAMES, MAP_PRIVATE);
		pages_fill(process->map, process->pages, TAG);
		return 0;
	case HOLD:
		return pages_hold(process->map, process->pages, TAG);
	default:
		return fill_one_more(process);
	}
}

/* Its exit status; -1 if it did not exit and had to be killed. */
static int process_status(struct process *process)
{
	pid_t pid = process->child.pid;
	bool ended = eventually(has_ended(pid));
	int status;

	if (!ended)
		kill(pid, SIGKILL);
	process->child.pid = 0;
	status = child_status(pid);
	return ended ? status : -1;
}

/* Kills and reaps it. */
static void process_end(struct process *process)
{
	if (!process->child.pid)
		return;
	kill(process->child.pid, SIGKILL);
	process_status(process);
}

FIXTURE(kill)
{
	int box;
	int log;
	struct process process[PROCESSES];
};

/* Three processes that have taken all frames; the second one has the most. */
FIXTURE_SETUP(kill)
{
	static const size_t pages[PROCESSES] = { 6, 16, 10 };

	self->log = log_open();
	self->box = box_new_oom(PAGEBOX_OOM_KILL, 0);
	for (int i = 0; i < PROCESSES; i++) {
		struct process *process = &self->process[i];

		process->box = self->box;
		process->pages = pages[i];
		process->child = child_fork(serve, process);
		ASSERT_EQ(0, child_ask(&process->child, FILL));
	}
	ASSERT_EQ(FRAMES, box_stats(self->box).frames_used);
	ASSERT_EQ(0, box_stats(self->box).oom_kills);
}

FIXTURE_TEARDOWN(kill)
{
	for (int i = 0; i < PROCESSES; i++)
		process_end(&self->process[i]);
	close(self->box);
}

static void set_score(const struct process *process, int score)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj",
		 process->child.pid);
	write_text(path, "%d", score);
}

/* One process was killed and logged, and the others have all their pages. */
static void expect_killed(struct __test_metadata *_metadata,
			  FIXTURE_DATA(kill) * self, int victim, int score)
{
	struct process *killed = &self->process[victim];
	pid_t pid = killed->child.pid;
	char want[160], line[256] = "";
	int level = -1;

	EXPECT_EQ(256 + SIGKILL, process_status(killed));
	EXPECT_EQ(1, box_stats(self->box).oom_kills);
	for (int i = 0; i < PROCESSES; i++)
		if (i != victim)
			EXPECT_TRUE(child_ask(&self->process[i].child, HOLD));

	/* Repeating a case exceeds the kernel's log rate limit. */
	if (small_size())
		return;
	snprintf(
		want, sizeof(want),
		"pagebox: box %u: out of frames: killed process %d (oom): %zu pages, oom_score_adj %d",
		box_info(self->box).id, pid, killed->pages, score);
	EXPECT_TRUE(log_find(self->log, "pagebox: box ", line, sizeof(line),
			     &level));
	EXPECT_STREQ(want, line);
	EXPECT_EQ(5, level);
	EXPECT_FALSE(log_find(self->log, "pagebox: box ", line, sizeof(line),
			      &level))
	TH_LOG("%s", line);
}

/* The process with the most pages is killed, and the caller gets a frame. */
TEST_F(kill, biggest)
{
	EXPECT_EQ(0, child_ask(&self->process[0].child, ONE_MORE));
	expect_killed(_metadata, self, 1, 0);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

/* oom_score_adj adds to its pages: a thousandth of all frames each. */
TEST_F(kill, oom_score_adj)
{
	set_score(&self->process[2], 500);
	EXPECT_EQ(0, child_ask(&self->process[0].child, ONE_MORE));
	expect_killed(_metadata, self, 2, 500);
}

/* A negative value subtracts. */
TEST_F(kill, negative_oom_score_adj)
{
	set_score(&self->process[1], -500);
	EXPECT_EQ(0, child_ask(&self->process[0].child, ONE_MORE));
	expect_killed(_metadata, self, 2, 0);
}

/* -1000 exempts a process of any size. */
TEST_F(kill, exempt)
{
	set_score(&self->process[1], -1000);
	EXPECT_EQ(0, child_ask(&self->process[0].child, ONE_MORE));
	expect_killed(_metadata, self, 2, 0);
}

/* If all are exempt, none is killed, and the access raises SIGBUS. */
TEST_F(kill, all_exempt)
{
	for (int i = 0; i < PROCESSES; i++)
		set_score(&self->process[i], -1000);
	EXPECT_EQ(SIGBUS, child_ask(&self->process[0].child, ONE_MORE));
	EXPECT_EQ(0, box_stats(self->box).oom_kills);
	for (int i = 0; i < PROCESSES; i++)
		EXPECT_TRUE(child_ask(&self->process[i].child, HOLD));
}

/* The caller may be the victim. */
TEST_F(kill, the_one_that_asks)
{
	int command = ONE_MORE;

	ASSERT_EQ(sizeof(command),
		  write(self->process[1].child.ask, &command, sizeof(command)));
	expect_killed(_metadata, self, 1, 0);
}

/* One after the other, until the last one has the box for itself. */
TEST_F(kill, one_after_the_other)
{
	struct process *last = &self->process[0];

	set_score(last, -1000);
	for (size_t pages = last->pages; pages < FRAMES; pages++)
		ASSERT_EQ(0, child_ask(&last->child, ONE_MORE));
	EXPECT_TRUE(child_ask(&last->child, HOLD));
	EXPECT_EQ(2, box_stats(self->box).oom_kills);
	EXPECT_EQ(256 + SIGKILL, process_status(&self->process[1]));
	EXPECT_EQ(256 + SIGKILL, process_status(&self->process[2]));
	EXPECT_EQ(FRAMES, box_stats(self->box).frames_used);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

/* --- wait --- */

FIXTURE(wait)
{
	int box;
	int log;
	char *map;
	struct process waiter;
};

/* The test holds all frames except one, which the waiter has. */
FIXTURE_SETUP(wait)
{
	self->log = log_open();
	self->box = box_new_oom(PAGEBOX_OOM_WAIT, PAGEBOX_MAX_OOM_WAIT);
	self->waiter = (struct process){ .box = self->box, .pages = 1 };
	self->waiter.child = child_fork(serve, &self->waiter);
	ASSERT_EQ(0, child_ask(&self->waiter.child, FILL));
	self->map = box_map(self->box, FRAMES - 1, MAP_PRIVATE);
	pages_fill(self->map, FRAMES - 1, TAG);
	ASSERT_EQ(FRAMES, box_stats(self->box).frames_used);
}

FIXTURE_TEARDOWN(wait)
{
	process_end(&self->waiter);
	close(self->box);
}

static void start_waiting(FIXTURE_DATA(wait) * self)
{
	int command = ONE_MORE;

	if (write(self->waiter.child.ask, &command, sizeof(command)) !=
	    sizeof(command))
		die("cannot ask the waiter");
}

/* Whether the waiter has not returned yet. */
static bool still_waits(FIXTURE_DATA(wait) * self)
{
	struct pollfd answer = { .fd = self->waiter.child.answer,
				 .events = POLLIN };

	return !poll(&answer, 1, 0);
}

/*
 * With the SIGBUS policy, a task gives up after it has searched all frames. A
 * task that started to wait earlier in our box and still waits then does so
 * because of its policy.
 */
static void let_patience_end(struct __test_metadata *_metadata)
{
	int box = box_new_oom(PAGEBOX_OOM_SIGBUS, 0);
	char *map = box_map(box, FRAMES + 1, MAP_PRIVATE);

	pages_fill(map, FRAMES, TAG);
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, FRAMES)));
	unmap(map, FRAMES + 1);
	close(box);
}

/* A waiter continues when another process frees pages. */
TEST_F(wait, goes_on)
{
	int answer = -1;

	start_waiting(self);
	EXPECT_TRUE(eventually(task_state(self->waiter.child.pid) == 'D'));
	let_patience_end(_metadata);
	EXPECT_TRUE(still_waits(self));
	EXPECT_TRUE(pages_hold(self->map, FRAMES - 1, TAG));

	unmap(self->map, 4);
	EXPECT_EQ(sizeof(answer),
		  read(self->waiter.child.answer, &answer, sizeof(answer)));
	EXPECT_EQ(0, answer);
	EXPECT_TRUE(child_ask(&self->waiter.child, HOLD));
	EXPECT_TRUE(pages_hold(page_at(self->map, 4), FRAMES - 5, TAG + 4));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, box_stats(self->box).oom_kills);
}

/* It also continues when the box gets more frames. */
TEST_F(wait, frames_are_added)
{
	int answer = -1;

	start_waiting(self);
	EXPECT_TRUE(eventually(task_state(self->waiter.child.pid) == 'D'));
	let_patience_end(_metadata);
	EXPECT_TRUE(still_waits(self));
	box_set_frames(self->box, FRAMES + 1);
	EXPECT_EQ(sizeof(answer),
		  read(self->waiter.child.answer, &answer, sizeof(answer)));
	EXPECT_EQ(0, answer);
}

/* SIGKILL ends the wait at once. */
TEST_F(wait, killed)
{
	start_waiting(self);
	EXPECT_TRUE(eventually(task_state(self->waiter.child.pid) == 'D'));
	let_patience_end(_metadata);
	EXPECT_TRUE(still_waits(self));
	ASSERT_EQ(0, kill(self->waiter.child.pid, SIGKILL));
	EXPECT_EQ(256 + SIGKILL, process_status(&self->waiter));
	EXPECT_EQ(FRAMES - 1, box_stats(self->box).frames_used);
	EXPECT_TRUE(pages_hold(self->map, FRAMES - 1, TAG));
}

/* After the timeout the access raises SIGBUS, and a message is logged. */
TEST_F(wait, ends)
{
	char want[80], line[256] = "";
	int level = -1;

	box_configure(self->box, (struct pagebox_config){
					 .set = PAGEBOX_SET_OOM,
					 .oom = PAGEBOX_OOM_WAIT,
					 .oom_wait_ms = 200,
				 });
	EXPECT_EQ(SIGBUS, child_ask(&self->waiter.child, ONE_MORE));
	EXPECT_TRUE(child_ask(&self->waiter.child, HOLD));
	EXPECT_EQ(1, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_TRUE(pages_hold(self->map, FRAMES - 1, TAG));
	snprintf(want, sizeof(want),
		 "pagebox: box %u: out of frames: ", box_info(self->box).id);
	EXPECT_TRUE(log_find(self->log, want, line, sizeof(line), &level));
	EXPECT_LT(4, level) TH_LOG("%s", line);
}

TEST_HARNESS_MAIN
