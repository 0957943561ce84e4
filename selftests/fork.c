// SPDX-License-Identifier: GPL-2.0
/*
 * Copy-on-write over fork: three generations share private pages and write
 * them in every order.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

enum { PARENT, CHILD, GRANDCHILD, GENERATIONS };

/* Commands; the child forwards FOR_GRANDCHILD. */
enum {
	BEAR,
	WRITE,
	CHECK,
	WRITE_BACKWARDS,
	END_GRANDCHILD,
	FOR_GRANDCHILD = 16
};

struct family {
	char *map;
	size_t pages;
	uint64_t tag; /* expected contents, 0: zeroes */
	int generation;
	struct child next;
};

static bool map_is_right(const struct family *family)
{
	if (family->tag)
		return pages_hold(family->map, family->pages, family->tag);
	return pages_are_zero(family->map, family->pages);
}

static void write_map(struct family *family, bool backwards)
{
	family->tag = 1000 * (family->generation + 1);
	for (size_t i = 0; i < family->pages; i++) {
		size_t page = backwards ? family->pages - 1 - i : i;

		page_fill(page_at(family->map, page), family->tag + page);
	}
}

static int serve(void *context, int command);

static void bear(struct family *family)
{
	family->generation++;
	family->next = child_fork(serve, family);
	family->generation--;
}

static int serve(void *context, int command)
{
	struct family *family = context;

	if (command >= FOR_GRANDCHILD)
		return child_ask(&family->next, command - FOR_GRANDCHILD);
	switch (command) {
	case BEAR:
		bear(family);
		return 0;
	case WRITE:
	case WRITE_BACKWARDS:
		write_map(family, command == WRITE_BACKWARDS);
		return 0;
	case END_GRANDCHILD:
		child_end(&family->next);
		return 0;
	default:
		return map_is_right(family);
	}
}

/* Sends @command to one generation; called by the parent only. */
static int tell(struct family *family, int generation, int command)
{
	if (generation == PARENT)
		return serve(family, command);
	if (generation == GRANDCHILD)
		command += FOR_GRANDCHILD;
	return child_ask(&family->next, command);
}

static bool all_are_right(struct family *family)
{
	bool right = true;

	for (int generation = PARENT; generation < GENERATIONS; generation++)
		right &= tell(family, generation, CHECK);
	return right;
}

static void end_family(struct family *family)
{
	child_ask(&family->next, END_GRANDCHILD);
	child_end(&family->next);
}

/* Three generations; the variants are the orders in which they write. */
FIXTURE(tree)
{
	int box;
	struct family family;
	struct pagebox_stats before;
};

FIXTURE_VARIANT(tree)
{
	int order[GENERATIONS];
};

FIXTURE_VARIANT_ADD(tree, parent_child_grandchild){
	.order = { PARENT, CHILD, GRANDCHILD },
};

FIXTURE_VARIANT_ADD(tree, parent_grandchild_child){
	.order = { PARENT, GRANDCHILD, CHILD },
};

FIXTURE_VARIANT_ADD(tree, child_parent_grandchild){
	.order = { CHILD, PARENT, GRANDCHILD },
};

FIXTURE_VARIANT_ADD(tree, child_grandchild_parent){
	.order = { CHILD, GRANDCHILD, PARENT },
};

FIXTURE_VARIANT_ADD(tree, grandchild_parent_child){
	.order = { GRANDCHILD, PARENT, CHILD },
};

FIXTURE_VARIANT_ADD(tree, grandchild_child_parent){
	.order = { GRANDCHILD, CHILD, PARENT },
};

NO_SETUP(tree);

NO_TEARDOWN(tree);

static void make_box(FIXTURE_DATA(tree) * self, size_t pages,
		     unsigned int frames)
{
	self->box = box_new(frames, 0);
	self->family.pages = pages;
	self->family.map = box_map(self->box, pages, MAP_PRIVATE);
	self->before = box_stats(self->box);
}

/*
 * They write one after the other. After each write, each generation sees its
 * own contents. The first two writers get a copy. So does the last one if the
 * pages are the root's (@inherited is false); otherwise it owns the page alone
 * by then and only needs the permission. Each had a read-only PTE, so a copy is
 * followed by a minor fault. With concurrent eviction (@exact is false) the
 * counts are not predictable.
 */
static void write_in_turn(struct __test_metadata *_metadata,
			  FIXTURE_DATA(tree) * self, const int *order,
			  bool inherited, bool exact)
{
	struct family *family = &self->family;

	for (int turn = 0; turn < GENERATIONS; turn++) {
		bool last = inherited && turn == GENERATIONS - 1;
		struct pagebox_stats now = box_stats(self->box);

		tell(family, order[turn], inherited ? WRITE : WRITE_BACKWARDS);
		if (exact && last)
			EXPECT_FAULTS(self->box, now, .mkwrite = family->pages);
		else if (exact)
			EXPECT_FAULTS(self->box, now, .cow = family->pages,
				      .minor = family->pages);
		EXPECT_TRUE(all_are_right(family));
	}
}

/* The parent has written before fork(). */
static void written_before_fork(struct __test_metadata *_metadata,
				FIXTURE_DATA(tree) * self, const int *order,
				bool exact)
{
	struct family *family = &self->family;

	write_map(family, false);
	bear(family);
	tell(family, CHILD, BEAR);
	EXPECT_EQ(self->before.views + 2, box_stats(self->box).views);
	EXPECT_TRUE(all_are_right(family));
	EXPECT_EQ(family->pages, box_stats(self->box).pages);

	write_in_turn(_metadata, self, order, true, exact);
	EXPECT_EQ(GENERATIONS * family->pages, box_stats(self->box).pages);
	end_family(family);
	EXPECT_TRUE(map_is_right(family));
	EXPECT_EQ(family->pages, box_stats(self->box).pages);
}

/* No page was written, so all copy the root's zero pages. */
static void untouched_before_fork(struct __test_metadata *_metadata,
				  FIXTURE_DATA(tree) * self, const int *order,
				  bool exact)
{
	struct family *family = &self->family;
	size_t pages = family->pages;
	struct pagebox_stats now;

	bear(family);
	tell(family, CHILD, BEAR);
	EXPECT_TRUE(all_are_right(family));
	write_in_turn(_metadata, self, order, false, exact);

	/*
	 * The root's pages are clean: with few frames they are evicted and read
	 * again.
	 */
	now = box_stats(self->box);
	EXPECT_LE(GENERATIONS * pages, now.pages);
	EXPECT_GE((GENERATIONS + 1) * pages, now.pages);
	if (exact)
		EXPECT_EQ((GENERATIONS + 1) * pages, now.pages);
	end_family(family);
	EXPECT_TRUE(
		pages_are_zero(box_map(self->box, pages, MAP_SHARED), pages));
}

/* A single page passes through all states, and is counted in each. */
TEST_F(tree, one_page_written)
{
	make_box(self, 1, 8);
	written_before_fork(_metadata, self, variant->order, true);
}

TEST_F(tree, one_page_untouched)
{
	make_box(self, 1, 8);
	untouched_before_fork(_metadata, self, variant->order, true);
}

/* The same for many pages, without eviction. */
TEST_F(tree, many_pages_written)
{
	make_box(self, 40, 160);
	written_before_fork(_metadata, self, variant->order, true);
}

TEST_F(tree, many_pages_untouched)
{
	make_box(self, 40, 160);
	untouched_before_fork(_metadata, self, variant->order, true);
}

/* With far fewer frames than pages, every step also evicts. */
TEST_F(tree, few_frames_written)
{
	make_box(self, 24, 7);
	written_before_fork(_metadata, self, variant->order, false);
}

TEST_F(tree, few_frames_untouched)
{
	make_box(self, 24, 7);
	untouched_before_fork(_metadata, self, variant->order, false);
}

FIXTURE(pair)
{
	int box;
	struct family family;
};

/* A parent that has written four pages. */
FIXTURE_SETUP(pair)
{
	self->box = box_new(16, 0);
	self->family.pages = 4;
	self->family.map = box_map(self->box, 4, MAP_PRIVATE);
	write_map(&self->family, false);
}

NO_TEARDOWN(pair);

/* The child's page table starts empty: its write is one fault, the copy. */
TEST_F(pair, child_writes_first)
{
	struct pagebox_stats now;

	bear(&self->family);
	now = box_stats(self->box);
	tell(&self->family, CHILD, WRITE);
	EXPECT_FAULTS(self->box, now, .cow = 4);
	EXPECT_TRUE(tell(&self->family, CHILD, CHECK));
	EXPECT_TRUE(map_is_right(&self->family));
	EXPECT_EQ(8, box_stats(self->box).pages);
	child_end(&self->family.next);
	EXPECT_EQ(4, box_stats(self->box).pages);
}

/* The parent's PTEs are read-only after fork(): the copy, then the retry. */
TEST_F(pair, parent_writes_first)
{
	struct pagebox_stats now;

	bear(&self->family);
	now = box_stats(self->box);
	pages_fill(self->family.map, 4, 50);
	EXPECT_FAULTS(self->box, now, .cow = 4, .minor = 4);
	EXPECT_TRUE(tell(&self->family, CHILD, CHECK));
	EXPECT_TRUE(pages_hold(self->family.map, 4, 50));
	child_end(&self->family.next);
}

/* A child that exits without a write makes its parent the only owner again. */
TEST_F(pair, child_leaves)
{
	struct pagebox_stats before = box_stats(self->box);
	struct pagebox_stats now;

	bear(&self->family);
	EXPECT_TRUE(tell(&self->family, CHILD, CHECK));
	child_end(&self->family.next);
	now = box_stats(self->box);
	EXPECT_EQ(before.views, now.views);
	EXPECT_EQ(before.pages, now.pages);
	EXPECT_EQ(before.frames_used, now.frames_used);
	pages_fill(self->family.map, 4, 50);
	EXPECT_FAULTS(self->box, now, .mkwrite = 4);
	EXPECT_TRUE(pages_hold(self->family.map, 4, 50));
}

/* Reading never copies, whatever the number of readers. */
TEST_F(pair, reading_shares)
{
	struct pagebox_stats before = box_stats(self->box);

	bear(&self->family);
	tell(&self->family, CHILD, BEAR);
	EXPECT_TRUE(all_are_right(&self->family));
	EXPECT_EQ(before.frames_used, box_stats(self->box).frames_used);
	EXPECT_EQ(before.pages, box_stats(self->box).pages);
	EXPECT_FAULTS(self->box, before, .minor = 8);
	end_family(&self->family);
}

static void protect(const struct family *family, int prot)
{
	if (mprotect(family->map, family->pages * page_size, prot))
		die("mprotect");
}

/*
 * Core mm restores the write permission of dirty PTEs without a fault. A shared
 * page must not have such a PTE.
 */
static void expect_copies(struct __test_metadata *_metadata,
			  FIXTURE_DATA(pair) * self)
{
	struct pagebox_stats before = box_stats(self->box);

	pages_fill(self->family.map, 4, 50);
	EXPECT_FAULTS(self->box, before, .cow = 4, .minor = 4);
	EXPECT_TRUE(tell(&self->family, CHILD, CHECK));
	EXPECT_TRUE(pages_hold(self->family.map, 4, 50));
	child_end(&self->family.next);
	EXPECT_EQ(4, box_stats(self->box).pages);
}

TEST_F(pair, protected_after_fork)
{
	bear(&self->family);
	protect(&self->family, PROT_NONE);
	protect(&self->family, PROT_READ | PROT_WRITE);
	expect_copies(_metadata, self);
}

TEST_F(pair, protected_over_fork)
{
	protect(&self->family, PROT_READ);
	bear(&self->family);
	protect(&self->family, PROT_READ | PROT_WRITE);
	expect_copies(_metadata, self);
}

/*
 * A pipe holds a page that its process has unmapped, and the remaining owner
 * writes. As with anonymous memory, the write must not reach the pipe.
 */
FIXTURE(pipe)
{
	int box;
	int ends[2];
	char *map;
	char *seen;
};

FIXTURE_SETUP(pipe)
{
	self->box = box_new(16, 0);
	self->map = box_map(self->box, 1, MAP_PRIVATE);
	self->seen = malloc(page_size);
	ASSERT_EQ(0, pipe(self->ends));
	page_fill(self->map, 1);
}

NO_TEARDOWN(pipe);

enum { INTO_PIPE, LET_GO, FILL };

static int serve_pipe(void *context, int command)
{
	FIXTURE_DATA(pipe) *self = context;
	struct iovec iov = { self->map, page_size };

	switch (command) {
	case INTO_PIPE:
		if (vmsplice(self->ends[1], &iov, 1, 0) != page_size)
			die("vmsplice");
		break;
	case LET_GO:
		unmap(self->map, 1);
		break;
	case FILL:
		page_fill(self->map, 2);
		return page_holds(self->map, 2);
	}
	return 1;
}

static bool pipe_holds_it(FIXTURE_DATA(pipe) * self)
{
	return read(self->ends[0], self->seen, page_size) == page_size &&
	       page_holds(self->seen, 1);
}

/* A child that has put the page into the pipe and unmapped it. */
static struct child child_that_has_gone(FIXTURE_DATA(pipe) * self)
{
	struct child child = child_fork(serve_pipe, self);

	child_ask(&child, INTO_PIPE);
	child_ask(&child, LET_GO);
	return child;
}

/* The remaining owner writes; the pipe must not see it. */
static void expect_copy(struct __test_metadata *_metadata,
			FIXTURE_DATA(pipe) * self)
{
	page_fill(self->map, 2);
	EXPECT_TRUE(pipe_holds_it(self));
	EXPECT_TRUE(page_holds(self->map, 2));
}

/* Once only the mapping holds the page, it is not copied again. */
static bool is_written_in_place(FIXTURE_DATA(pipe) * self)
{
	uint64_t copies = box_stats(self->box).faults[PAGEBOX_FAULT_COW];

	drop_ptes(self->map, 1);
	page_fill(self->map, 3);
	return copies == box_stats(self->box).faults[PAGEBOX_FAULT_COW];
}

TEST_F(pipe, of_a_child)
{
	struct child child = child_that_has_gone(self);

	expect_copy(_metadata, self);
	EXPECT_TRUE(is_written_in_place(self));
	child_end(&child);
}

TEST_F(pipe, of_a_parent)
{
	struct child child;

	serve_pipe(self, INTO_PIPE);
	child = child_fork(serve_pipe, self);
	page_fill(self->map, 3);
	EXPECT_TRUE(child_ask(&child, FILL));
	EXPECT_TRUE(pipe_holds_it(self));
	EXPECT_TRUE(page_holds(self->map, 3));
	child_end(&child);
}

/* The write is the first fault, not a page_mkwrite(). */
TEST_F(pipe, of_who_has_no_pte)
{
	struct child child = child_that_has_gone(self);

	drop_ptes(self->map, 1);
	expect_copy(_metadata, self);
	child_end(&child);
}

/* The page was in swap when it was shared, so its frame has changed since. */
TEST_F(pipe, of_a_page_from_swap)
{
	struct child child;

	ASSERT_EQ(1, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, self->map, 1));
	child = child_that_has_gone(self);
	expect_copy(_metadata, self);
	EXPECT_TRUE(is_written_in_place(self));
	child_end(&child);
}

static int fork_and_write(void *context)
{
	FIXTURE_DATA(pair) *self = context;
	struct family *family = &self->family;

	for (int round = 0; round < 8; round++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid && child_status(pid))
			return 1;
		if (pid)
			break;
		if (!map_is_right(family))
			return 1;
		family->tag = 100 * (round + 1);
		pages_fill(family->map, family->pages, family->tag);
	}
	return !map_is_right(family);
}

/* A chain of eight generations, each of which writes before the next fork(). */
TEST_F(pair, chain)
{
	struct pagebox_stats before = box_stats(self->box);

	EXPECT_EQ(0, in_child(fork_and_write, self));
	EXPECT_TRUE(map_is_right(&self->family));
	EXPECT_EQ(before.pages, box_stats(self->box).pages);
	EXPECT_EQ(before.views, box_stats(self->box).views);
}

/* System time of this process, so that other load does not count. */
static uint64_t system_us(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		die("getrusage");
	return usage.ru_stime.tv_sec * 1000000ULL + usage.ru_stime.tv_usec;
}

/* Pages on both sides of page-table boundaries at each level, and at the ends. */
static char *sparse_page(char *map, unsigned int i)
{
	static const unsigned int shift[] = { 12, 21, 30, 39, 40, 45 };
	const size_t pages = PAGEBOX_MAX_SIZE / page_size;

	if (i < ARRAY_SIZE(shift))
		return map + (1UL << shift[i]);
	if (i < 2 * ARRAY_SIZE(shift))
		return map + (1UL << shift[i - ARRAY_SIZE(shift)]) - page_size;
	return page_at(map, pages - 1);
}

#define SPARSE 13

/*
 * The cost of fork() depends on the existing pages, not on the size of the
 * mapping: milliseconds. A walk over absent page tables takes seconds.
 */
TEST(sparse)
{
	int box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_BYTES, .bytes = PAGEBOX_MAX_SIZE });
	char *map = box_map(box, PAGEBOX_MAX_SIZE / page_size,
			    MAP_PRIVATE | MAP_NORESERVE);
	uint64_t before;
	pid_t pid;

	for (unsigned int i = 0; i < SPARSE; i++)
		page_fill(sparse_page(map, i), 1 + i);
	before = system_us();
	pid = fork_tied();
	if (!pid) {
		for (unsigned int i = 0; i < SPARSE; i++)
			page_fill(sparse_page(map, i), 50);
		_exit(0);
	}
	EXPECT_GT(500000, system_us() - before);
	EXPECT_EQ(0, child_status(pid));
	for (unsigned int i = 0; i < SPARSE; i++)
		EXPECT_TRUE(page_holds(sparse_page(map, i), 1 + i));
	pid = fork_tied();
	if (!pid) {
		raise(SIGSTOP);
		for (unsigned int i = 0; i < SPARSE; i++)
			if (!page_holds(sparse_page(map, i), 1 + i))
				_exit(1 + i);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	for (unsigned int i = 0; i < SPARSE; i++)
		page_fill(sparse_page(map, i), 50);
	kill(pid, SIGCONT);
	EXPECT_EQ(0, child_status(pid));
	close(box);
}

TEST_HARNESS_MAIN
