// SPDX-License-Identifier: GPL-2.0
/*
 * A fatal signal ends every wait at once. The I/O that the task waited for
 * continues, and the page is intact for later accesses.
 *
 * The backends are as slow as possible: a failpoint holds completed requests. A
 * wait that ends before they are released was ended by the signal.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/store.h"
#include "lib/test.h"
#include "lib/uffd.h"
#include "lib/user.h"
#include "pagebox.h"

static void __attribute__((constructor)) skip_without_failpoints(void)
{
	need_failpoints();
}

#define FRAMES 8
#define PAGES 4
#define DEBUGFS "/sys/kernel/debug/pagebox"

/* With a delay, requests are completed by workers, which are held. */
static void hold_swap(int box)
{
	box_configure(box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_SWAP_DELAY,
					       .swap_read_us = 1,
					       .swap_write_us = 1 });
	failpoint_set("io_end stop");
}

static void hold_store(void)
{
	failpoint_set("io_end stop");
}

static void let_io_go(void)
{
	failpoint_go("io_end");
}

/* Held requests may arrive late, or their release may be pending. */
static bool io_is_held(void)
{
	return failpoint_waits("io_end", 1);
}

/* Operations of a child, in which it then waits. */
static void touch(int box, char *map)
{
	pages_touch(map, 1);
}

static void change(int box, char *map)
{
	*(volatile char *)map = 0;
}

/* The kernel accesses the page for the process. */
static void receive(int box, char *map)
{
	int zero = open("/dev/zero", O_RDONLY);

	if (zero < 0 || read(zero, map, 1) != 1)
		die("cannot read into the page");
}

static void read_device(int box, char *map)
{
	char byte;

	if (pread(box, &byte, 1, 0) != 1)
		die("cannot read the device");
}

static void prefetch(int box, char *map)
{
	root_range(box, PAGEBOX_IOC_PREFETCH, 0, 1);
}

static void discard(int box, char *map)
{
	root_range(box, PAGEBOX_IOC_DISCARD, 0, 1);
}

static void synchronize(int box, char *map)
{
	if (msync(map, page_size, MS_SYNC))
		die("msync");
}

static void exchange_swap(int box, char *map)
{
	box_set_swap(box, PAGEBOX_FD_RAM, 0);
}

static void take_frames_away(int box, char *map)
{
	box_set_frames(box, 2);
}

static void look_at_frames(int box, char *map)
{
	free(debugfs_text(box_info(box).id, "frames"));
}

static void look_at_summary(int box, char *map)
{
	free(debugfs_text(box_info(box).id, "summary"));
}

static void look_at_pages(int box, char *map)
{
	unsigned int id = box_info(box).id;
	struct page_row *rows;

	page_rows(id, map_row_at(id, map).map, &rows);
}

/* The pages of its own mapping exist; it continues on request. */
static void fork_later(int box, char *map)
{
	pages_fill(box_map(box, PAGES, MAP_PRIVATE), PAGES, 1);
	raise(SIGSTOP);
	if (fork() < 0)
		die("fork");
}

static void change_own(int box, char *map)
{
	change(box, box_map(box, PAGES, MAP_PRIVATE));
}

static pid_t start(int box, char *map, void (*act)(int box, char *map))
{
	pid_t pid = fork_tied();

	if (pid)
		return pid;
	act(box, map);
	_exit(0);
}

static bool has_stopped(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WUNTRACED | WNOHANG) > 0 &&
	       WIFSTOPPED(status);
}

/* Kills a waiting child: its exit status, or -1 if it does not wait. */
static int killed_while_waiting(pid_t pid)
{
	if (!eventually(task_state(pid) == 'D'))
		return -1;
	kill(pid, SIGKILL);
	return child_status(pid);
}

/* --- reads --- */

/* A shared page in swap, with a slow read. */
FIXTURE(slow)
{
	int box;
	char *map;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(slow)
{
	void (*act)(int box, char *map);
	bool alone;
};

FIXTURE_VARIANT_ADD(slow, touch){ .act = touch };
FIXTURE_VARIANT_ADD(slow, change){ .act = change };
FIXTURE_VARIANT_ADD(slow, receive){ .act = receive };
FIXTURE_VARIANT_ADD(slow, read){ .act = read_device };

/* It skips pages that another task reads. */
FIXTURE_VARIANT_ADD(slow, prefetch){ .act = prefetch, .alone = true };

static void page_in_swap(int *box, char **map)
{
	failpoints_off();
	*box = box_new(FRAMES, 0);
	*map = box_map(*box, PAGES, MAP_SHARED);
	pages_fill(*map, PAGES, 1);
	if (root_range(*box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES) != PAGES)
		die("pages are not freed");
	hold_swap(*box);
}

FIXTURE_SETUP(slow)
{
	page_in_swap(&self->box, &self->map);
	self->before = box_stats(self->box);
}

FIXTURE_TEARDOWN(slow)
{
	failpoints_off();
	close(self->box);
}

TEST_F(slow, reader_is_killed)
{
	pid_t pid = start(self->box, self->map, variant->act);

	ASSERT_TRUE(io_is_held());
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(self->before.swap_reads, box_stats(self->box).swap_reads);

	/* The orphaned read still brings in the page. */
	let_io_go();
	EXPECT_TRUE(page_holds(self->map, 1));
	EXPECT_EQ(self->before.swap_reads + 1, box_stats(self->box).swap_reads);
	EXPECT_TRUE(eventually(!box_stats(self->box).frames_pinned));
}

/* Tasks that wait for a read by another task can be killed as well. */
TEST_F(slow, second_reader_is_killed)
{
	pid_t first = start(self->box, self->map, touch);
	pid_t pid;
	int ended;

	ASSERT_TRUE(io_is_held());
	pid = start(self->box, self->map, variant->act);
	ended = variant->alone ? child_status(pid) : killed_while_waiting(pid);
	ASSERT_EQ(variant->alone ? 0 : 256 + SIGKILL, ended);
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(self->before.swap_reads, box_stats(self->box).swap_reads);
	let_io_go();
	EXPECT_EQ(0, child_status(first));
	EXPECT_TRUE(page_holds(self->map, 1));
}

/* Operations that meet a page under read without reading it themselves. */
FIXTURE(met)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(met)
{
	void (*act)(int box, char *map);
};

FIXTURE_VARIANT_ADD(met, discard){ .act = discard };
FIXTURE_VARIANT_ADD(met, swapoff){ .act = exchange_swap };
FIXTURE_VARIANT_ADD(met, frames){ .act = look_at_frames };
FIXTURE_VARIANT_ADD(met, pages){ .act = look_at_pages };

FIXTURE_SETUP(met)
{
	page_in_swap(&self->box, &self->map);
}

FIXTURE_TEARDOWN(met)
{
	failpoints_off();
	close(self->box);
}

TEST_F(met, task_is_killed)
{
	pid_t reader = start(self->box, self->map, touch);
	pid_t pid;

	ASSERT_TRUE(io_is_held());
	pid = start(self->box, self->map, variant->act);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(0, box_stats(self->box).swap_reads);
	let_io_go();
	EXPECT_EQ(0, child_status(reader));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

static void touch_until_zero(int box, char *map)
{
	pages_touch(map, 1);
	if (!eventually(pages_are_zero(map, 1)))
		die("a discarded page is still mapped");
}

/* A page gets a frame while it is discarded: its view has dropped it. */
FIXTURE(begun)
{
	int box;
	char *map;
};

FIXTURE_VARIANT(begun)
{
	const char *window; /* where the fault is stopped */
};

/* Before the fault rechecks the view, */
FIXTURE_VARIANT_ADD(begun, attached){ .window = "fault_attach" };

/* or after the check, about to map the page. */
FIXTURE_VARIANT_ADD(begun, read){ .window = "fault_read" };

FIXTURE_SETUP(begun)
{
	page_in_swap(&self->box, &self->map);
	failpoints_off();
}

FIXTURE_TEARDOWN(begun)
{
	failpoints_off();
	close(self->box);
}

/* A worker does the rest. */
TEST_F(begun, discard_is_killed)
{
	char *map = self->map;
	pid_t reader, pid;

	failpoint_set("discard_replace stop times 1");
	pid = start(self->box, map, discard);
	ASSERT_TRUE(failpoint_waits("discard_replace", 1));
	failpoint_set("%s stop times 1", variant->window);
	reader = start(self->box, map, touch_until_zero);
	ASSERT_TRUE(failpoint_waits(variant->window, 1));
	failpoint_set("discard_lock stop times 1");
	failpoint_go("discard_replace");
	ASSERT_TRUE(failpoint_waits("discard_lock", 1));
	failpoint_go("discard_lock");
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_EQ(1, failpoint_state(variant->window).waiting);
	EXPECT_EQ(PAGES, box_stats(self->box).pages);

	failpoint_go(variant->window);
	EXPECT_EQ(0, child_status(reader));
	EXPECT_TRUE(pages_are_zero(map, 1));
	EXPECT_TRUE(pages_become(self->box, PAGES));
	EXPECT_TRUE(pages_hold(page_at(map, 1), PAGES - 1, 2));
}

/*
 * A copy of a page that is only in the store is read into the frame of the
 * copy, which has no other user when its reader is killed.
 */
TEST(reader_of_own_copy_is_killed)
{
	int store = store_file(PAGES * page_size, 1);
	int box = box_new_store(FRAMES, store);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	pid_t pid;

	failpoints_off();
	hold_store();
	pid = start(box, map, change);
	ASSERT_TRUE(io_is_held());
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(0, box_stats(box).store_reads);
	let_io_go();
	EXPECT_TRUE(eventually(!box_stats(box).frames_used));
	EXPECT_EQ(0, box_stats(box).pages);
	EXPECT_TRUE(pages_hold(map, 1, 1));
	close(box);
	close(store);
}

/*
 * The copy is made, and the page it replaces, which the process might have
 * mapped, is being read by another task.
 */
TEST(writer_of_own_copy_is_killed)
{
	int store = store_file(PAGES * page_size, 1);
	int box = box_new_store(FRAMES, store);
	char *map = box_map(box, PAGES, MAP_SHARED);
	pid_t reader, pid;

	failpoints_off();
	failpoint_set("fault_unmap stop times 1");
	pid = start(box, NULL, change_own);
	ASSERT_TRUE(failpoint_waits("fault_unmap", 1));
	hold_store();
	reader = start(box, map, touch);
	ASSERT_TRUE(io_is_held());
	failpoint_go("fault_unmap");
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	let_io_go();
	EXPECT_EQ(0, child_status(reader));
	EXPECT_TRUE(page_holds(map, 1));
	EXPECT_TRUE(pages_become(box, 1));
	EXPECT_TRUE(eventually(!box_stats(box).frames_pinned));
	close(box);
	close(store);
}

/* A private page without a remaining owner. */
TEST(last_owner_is_killed)
{
	int box = box_new(FRAMES, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);
	pid_t pid;

	failpoints_off();
	pages_fill(map, PAGES, 1);
	ASSERT_EQ(PAGES, map_range(box, PAGEBOX_IOC_PAGE_OUT, map, PAGES));
	hold_swap(box);
	pid = start(box, map, touch);
	unmap(map, PAGES);
	ASSERT_TRUE(io_is_held());
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	/* Only the read keeps its page. */
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(0, box_stats(box).swap_reads);
	let_io_go();
	EXPECT_TRUE(pages_become(box, 0));
	close(box);
}

/* --- writes --- */

/* Evictions and write-back last as long as their writes. */
FIXTURE(writing)
{
	int box;
	char *map;
	int store;
};

FIXTURE_VARIANT(writing)
{
	void (*act)(int box, char *map);
};

FIXTURE_VARIANT_ADD(writing, evict){ .act = touch };
FIXTURE_VARIANT_ADD(writing, msync){ .act = synchronize };

/* All frames hold dirty pages, which are slow to write. */
FIXTURE_SETUP(writing)
{
	failpoints_off();
	self->store = store_file(2 * FRAMES * page_size, 1);
	self->box = box_new_store(FRAMES, self->store);
	self->map = box_map(self->box, 2 * FRAMES, MAP_SHARED);
	pages_fill(page_at(self->map, FRAMES), FRAMES, 100);
	hold_store();
}

FIXTURE_TEARDOWN(writing)
{
	failpoints_off();
	close(self->store);
}

TEST_F(writing, writer_is_killed)
{
	char *where = variant->act == touch ? self->map :
					      page_at(self->map, FRAMES);
	pid_t pid = start(self->box, where, variant->act);
	char *file;

	ASSERT_TRUE(io_is_held());
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(0, box_stats(self->box).store_writes);

	/* No contents are lost. */
	let_io_go();
	EXPECT_TRUE(pages_hold(page_at(self->map, FRAMES), FRAMES, 100));
	unmap(self->map, 2 * FRAMES);
	close(self->box);
	file = mmap(NULL, 2 * FRAMES * page_size, PROT_READ, MAP_SHARED,
		    self->store, 0);
	ASSERT_NE(MAP_FAILED, file);
	EXPECT_TRUE(pages_hold(file, FRAMES, 1));
	EXPECT_TRUE(pages_hold(page_at(file, FRAMES), FRAMES, 100));
}

/* A separate box with a dirty page, which is written back on close. */
static pid_t start_closing(int store)
{
	pid_t pid = fork_tied();
	char *map;
	int box;

	if (pid)
		return pid;
	box = box_new_store(FRAMES, store);
	map = box_map(box, 1, MAP_SHARED);
	pages_fill(map, 1, 50);
	raise(SIGSTOP);
	unmap(map, 1);
	close(box);
	_exit(0);
}

/* A task that closes its box, */
TEST(closing_task_is_killed)
{
	int store = store_file(page_size, 1);
	pid_t pid;

	failpoints_off();
	pid = start_closing(store);
	ASSERT_TRUE(eventually(has_stopped(pid)));
	hold_store();
	kill(pid, SIGCONT);
	ASSERT_TRUE(io_is_held());
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	let_io_go();
	close(store);
}

/* and one that exits with it because it is killed. */
TEST(exiting_task_is_killed)
{
	int store = store_file(page_size, 1);
	pid_t pid;

	failpoints_off();
	pid = start_closing(store);
	ASSERT_TRUE(eventually(has_stopped(pid)));
	hold_store();
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_status(pid));
	EXPECT_TRUE(io_is_held());
	let_io_go();
	close(store);
}

/* One page is under write-back to the store. */
FIXTURE(written)
{
	int box;
	char *map;
	int store;
	pid_t writer;
};

FIXTURE_SETUP(written)
{
	failpoints_off();
	self->store = store_file(PAGES * page_size, 1);
	self->box = box_new_store(FRAMES, self->store);
	self->map = box_map(self->box, PAGES, MAP_SHARED);
	pages_fill(self->map, 1, 100);
	hold_store();
	self->writer = start(self->box, self->map, synchronize);
	ASSERT_TRUE(io_is_held());
}

FIXTURE_TEARDOWN(written)
{
	failpoints_off();
	close(self->box);
	close(self->store);
}

/* Changes do not wait: in a new mapping, and in one cleaned by the write. */
TEST_F(written, change)
{
	ASSERT_EQ(0, child_status(start(self->box, self->map, change)));
	pages_fill(self->map, 1, 200);
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(0, box_stats(self->box).store_writes);
	let_io_go();
	EXPECT_EQ(0, child_status(self->writer));
	EXPECT_TRUE(page_holds(self->map, 200));
	ASSERT_EQ(0, msync(self->map, page_size, MS_SYNC));
	EXPECT_TRUE(file_holds(self->store, 1, 200));
}

/* A second write waits for the first, and so does its caller. */
TEST_F(written, msync_is_killed)
{
	pid_t pid = start(self->box, self->map, synchronize);

	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	pages_fill(self->map, 1, 200);
	pid = start(self->box, self->map, synchronize);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	EXPECT_EQ(0, box_stats(self->box).store_writes);
	let_io_go();
	EXPECT_EQ(0, child_status(self->writer));
	EXPECT_EQ(1, box_stats(self->box).frames_dirty);
}

TEST_F(written, discard_is_killed)
{
	pid_t pid = start(self->box, self->map, discard);

	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	let_io_go();
	EXPECT_EQ(0, child_status(self->writer));
	EXPECT_TRUE(page_holds(self->map, 100));
	EXPECT_EQ(0, box_stats(self->box).discarded);
}

/* fork() meets a page that is being written to swap. */
TEST(fork_is_killed)
{
	int box = box_new(FRAMES, 0);
	pid_t pid, other;

	failpoints_off();
	pid = start(box, NULL, fork_later);
	ASSERT_TRUE(eventually(has_stopped(pid)));
	hold_swap(box);
	other = start(box, NULL, take_frames_away);
	ASSERT_TRUE(io_is_held());
	kill(pid, SIGCONT);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(io_is_held());
	let_io_go();
	EXPECT_EQ(0, child_status(other));
	EXPECT_TRUE(pages_become(box, 0));
	EXPECT_EQ(1, box_stats(box).views);
	close(box);
}

/* --- readers of debugfs --- */

/* A stopped reader of a file whose owner exits. */
FIXTURE(reader)
{
	unsigned int *id;
	pid_t owner;
	int box;
	pid_t reader;
};

/* A box, and in it a mapping with a page. */
static pid_t start_owner(unsigned int *id)
{
	pid_t pid = fork_tied();
	char *map;
	int box;

	if (pid)
		return pid;
	box = box_open();
	map = box_map(box, 1, MAP_SHARED);
	pages_fill(map, 1, 1);
	*id = box_info(box).id;
	raise(SIGSTOP);
	unmap(map, 1);
	close(box);
	_exit(0);
}

static pid_t start_reader(unsigned int id, const char *name)
{
	pid_t pid = fork_tied();

	if (pid)
		return pid;
	free(debugfs_text(id, name));
	_exit(0);
}

FIXTURE_SETUP(reader)
{
	failpoints_off();
	self->id = shared_memory(page_size);
	self->owner = start_owner(self->id);
	ASSERT_TRUE(eventually(has_stopped(self->owner)));
	self->box = box_open();
}

FIXTURE_TEARDOWN(reader)
{
	failpoints_off();
	close(self->box);
}

/* The owner would wait for the reader when it closes its box, */
TEST_F(reader, closing_task_is_killed)
{
	failpoint_set("show_frame stop times 1");
	self->reader = start_reader(*self->id, "frames");
	ASSERT_TRUE(failpoint_waits("show_frame", 1));
	kill(self->owner, SIGCONT);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(self->owner));
	EXPECT_EQ(1, failpoint_state("show_frame").waiting);
	failpoint_go("show_frame");
	EXPECT_EQ(0, child_status(self->reader));
}

/* or when it exits because it is killed. */
TEST_F(reader, exiting_task_is_killed)
{
	failpoint_set("show_frame stop times 1");
	self->reader = start_reader(*self->id, "frames");
	ASSERT_TRUE(failpoint_waits("show_frame", 1));
	kill(self->owner, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_status(self->owner));
	EXPECT_EQ(1, failpoint_state("show_frame").waiting);
	failpoint_go("show_frame");
	EXPECT_EQ(0, child_status(self->reader));
}

/* A second reader would wait until the mapping's directory is removed. */
TEST_F(reader, second_reader_is_killed)
{
	int joined = box_join(self->box, *self->id);
	struct map_row *rows;
	char name[32];
	pid_t pid;

	ASSERT_LE(0, joined);
	ASSERT_EQ(1, map_rows(*self->id, &rows));
	snprintf(name, sizeof(name), "%ld/stats", rows->map);
	failpoint_set("show_map stop times 1");
	self->reader = start_reader(*self->id, name);
	ASSERT_TRUE(failpoint_waits("show_map", 1));
	kill(self->owner, SIGCONT);
	ASSERT_EQ(0, child_status(self->owner));

	pid = start(joined, NULL, look_at_summary);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_EQ(1, failpoint_state("show_map").waiting);
	failpoint_go("show_map");
	EXPECT_EQ(0, child_status(self->reader));
	look_at_summary(joined, NULL);
	close(joined);
}

/* ls, whose memory is not provided. */
static pid_t start_ls(void)
{
	pid_t pid = fork_tied();
	int uffd, directory;
	char *buffer;

	if (pid)
		return pid;
	uffd = uffd_open(0);
	directory = open(DEBUGFS, O_RDONLY | O_DIRECTORY);
	buffer = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (uffd < 0 || directory < 0 || buffer == MAP_FAILED ||
	    uffd_register(uffd, buffer, 1, UFFDIO_REGISTER_MODE_MISSING))
		die("no directory, or no task to wait for");
	syscall(SYS_getdents64, directory, buffer, page_size);
	_exit(0);
}

/* Its fault is interruptible, so its state is not 'D'. */
static bool is_stuck(pid_t pid)
{
	char path[64], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	file = fopen(path, "r");
	if (file) {
		fgets(line, sizeof(line), file);
		fclose(file);
	}
	return strstr(line, "userfault");
}

static void open_box(int box, char *map)
{
	close(box_open());
}

static void open_as_somebody(int box, char *map)
{
	become(SOMEBODY, CAP(CAP_DAC_OVERRIDE));
	open_box(box, map);
}

/* Whether the kernel log contains the word. */
static bool log_has(const char *word)
{
	enum { READ_ALL = 3, SIZE_BUFFER = 10 };
	int size = klogctl(SIZE_BUFFER, NULL, 0);
	char *log = calloc(1, size + 1);
	bool has;

	if (!log || klogctl(READ_ALL, log, size) < 0)
		die("cannot read the kernel's log");
	has = strstr(log, word);
	free(log);
	return has;
}

/*
 * A user's first box needs workers. Killing its opener is no error, so the
 * kernel logs none. On one CPU the wait for a new worker is rarely reached.
 */
TEST(opener_of_a_first_box_is_killed)
{
	pid_t pid;

	failpoints_off();
	for (unsigned int i = 0; i < 20; i++) {
		failpoint_set("user_get stop times 1");
		pid = start(-1, NULL, open_as_somebody);
		ASSERT_TRUE(failpoint_waits("user_get", 1));
		kill(pid, SIGKILL);
		EXPECT_EQ(256 + SIGKILL, child_status(pid));
		failpoints_off();
	}
	EXPECT_FALSE(log_has("create a rescuer"));
	EXPECT_EQ(0, child_status(start(-1, NULL, open_as_somebody)));
}

/* A new box would wait for its directory. */
TEST_F(reader, opening_task_is_killed)
{
	pid_t pid;

	self->reader = start_ls();
	ASSERT_TRUE(eventually(is_stuck(self->reader)));
	pid = start(-1, NULL, open_box);
	ASSERT_EQ(256 + SIGKILL, killed_while_waiting(pid));
	EXPECT_TRUE(is_stuck(self->reader));
	kill(self->reader, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_status(self->reader));
	kill(self->owner, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_status(self->owner));
}

TEST_HARNESS_MAIN
