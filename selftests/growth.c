// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEBOX_IOC_STACK: a mapping that grows downwards as a thread stack does, and
 * only on accesses of that thread.
 */

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define PAGES 48
#define TOP 6 /* pages; the C library keeps thread data there */
#define LIMIT 40 /* pages */
#define RED_ZONE 128 /* bytes; x86-64 functions use them below the stack */

static int stack_error(int box, struct pagebox_stack stack)
{
	stack.size = sizeof(stack);
	return ioctl(box, PAGEBOX_IOC_STACK, &stack) ? errno : 0;
}

static int make_stack(int box, const char *map, size_t top, size_t limit)
{
	return stack_error(box, (struct pagebox_stack){
					.address = (uintptr_t)map,
					.top = top * page_size,
					.limit = limit * page_size,
				});
}

/* --- signals on an alternate stack --- */

static __thread sigjmp_buf after_fault;
static __thread char *volatile fault_address;
static __thread volatile bool fault_expected;

static const struct sigaction die_of_it = { .sa_handler = SIG_DFL };

static void leave_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	/* The repeated access then ends the process. */
	if (!fault_expected) {
		sigaction(signal, &die_of_it, NULL);
		return;
	}
	fault_address = info->si_addr;
	siglongjmp(after_fault, signal);
}

/* Gives the calling thread an alternate stack and installs the handler. */
static void catch_faults(void)
{
	const size_t size = 64 * 1024;
	struct sigaction action = { .sa_sigaction = leave_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(size), .ss_size = size };

	if (!stack.ss_sp || sigaltstack(&stack, NULL) ||
	    sigaction(SIGSEGV, &action, NULL) ||
	    sigaction(SIGBUS, &action, NULL))
		die("cannot catch signals");
}

/* Writes @value to @address with the stack pointer at @sp: 0, or the signal. */
static int touch(char *sp, char *address, char value)
{
	int signal = sigsetjmp(after_fault, 1);

	fault_expected = !signal;
	if (signal)
		return signal;
	asm volatile("mov %%rsp, %%r12\n\t"
		     "mov %0, %%rsp\n\t"
		     "movb %1, (%2)\n\t"
		     "mov %%r12, %%rsp"
		     :
		     : "r"(sp), "q"(value), "r"(address)
		     : "r12", "memory");
	fault_expected = false;
	return 0;
}

/* A box with enough frames, and a stack mapping. */
FIXTURE(stack)
{
	int box;
	char *map;
	char *end;
};

FIXTURE_VARIANT(stack)
{
	int flags;
	unsigned int frames;
};

FIXTURE_VARIANT_ADD(stack, private){ .flags = MAP_PRIVATE,
				     .frames = 4 * PAGES };

FIXTURE_VARIANT_ADD(stack, shared){ .flags = MAP_SHARED, .frames = 4 * PAGES };

FIXTURE_VARIANT_ADD(stack, private_evicting){ .flags = MAP_PRIVATE,
					      .frames = 6 };

FIXTURE_SETUP(stack)
{
	self->box = box_new(variant->frames, 0);
	self->map = box_map(self->box, PAGES, variant->flags);
	self->end = page_at(self->map, PAGES);
	ASSERT_EQ(0, make_stack(self->box, self->map, TOP, LIMIT));
	catch_faults();
}

NO_TEARDOWN(stack);

/* Page @n counted from the upper end, beginning with 1. */
static char *page_down(FIXTURE_DATA(stack) * self, size_t n)
{
	return self->end - n * page_size;
}

/* Whether exactly the @n pages at the upper end are accessible. */
static bool reaches(FIXTURE_DATA(stack) * self, size_t n)
{
	char *far_away = (char *)&self;

	for (size_t i = 1; i <= n; i++)
		if (touch(far_away, page_down(self, i), i))
			return false;
	for (size_t i = n + 1; i <= PAGES; i++)
		if (touch(far_away, page_down(self, i), i) != SIGSEGV ||
		    fault_address != page_down(self, i))
			return false;
	return true;
}

/* At first only the top is accessible, to any thread. */
TEST_F(stack, top)
{
	for (int round = 0; round < 2; round++)
		EXPECT_TRUE(reaches(self, TOP));
	EXPECT_EQ(TOP, box_stats(self->box).pages);
	EXPECT_EQ(TOP, box_stats(self->box).faults[PAGEBOX_FAULT_ZERO]);
}

/* A stack pointer that moves down page by page grows the stack. */
TEST_F(stack, page_by_page)
{
	for (size_t i = TOP + 1; i <= LIMIT; i++) {
		char *page = page_down(self, i);

		EXPECT_EQ(SIGSEGV, touch(page + page_size + RED_ZONE, page, 1));
		EXPECT_EQ(0, touch(page, page, i));
		EXPECT_EQ(i - TOP, box_stats(self->box).pages);
	}
	for (size_t i = TOP + 1; i <= LIMIT; i++)
		EXPECT_EQ(i, *page_down(self, i));
	EXPECT_TRUE(reaches(self, LIMIT));
}

/*
 * An access may skip pages; the stack grows down to it, and the skipped pages
 * stay untouched.
 */
TEST_F(stack, far_down)
{
	char *page = page_down(self, 20);

	EXPECT_EQ(0, touch(page, page + 77, 1));
	EXPECT_EQ(1, box_stats(self->box).pages);
	EXPECT_TRUE(reaches(self, 20));
	EXPECT_EQ(20, box_stats(self->box).pages);
}

/* The red zone belongs to the stack, the byte below it does not. */
TEST_F(stack, red_zone)
{
	char *edge = page_down(self, TOP + 1) + page_size;

	EXPECT_EQ(SIGSEGV, touch(edge + RED_ZONE, edge - 1, 1));
	EXPECT_EQ(edge - 1, fault_address);
	EXPECT_EQ(SIGSEGV, touch(edge + RED_ZONE + 4000, edge - 1, 1));
	EXPECT_TRUE(reaches(self, TOP));
	EXPECT_EQ(0, touch(edge + RED_ZONE - 1, edge - 1, 1));
	EXPECT_TRUE(reaches(self, TOP + 1));
}

/* An access far below the stack pointer is refused. */
TEST_F(stack, below_the_stack_pointer)
{
	for (size_t i = TOP + 1; i <= PAGES; i++)
		EXPECT_EQ(SIGSEGV,
			  touch(page_down(self, TOP), page_down(self, i), 1));
	EXPECT_TRUE(reaches(self, TOP));
}

/* Nothing below the limit is accessible, wherever the stack pointer is. */
TEST_F(stack, limit)
{
	for (int round = 0; round < 2; round++) {
		for (size_t i = LIMIT + 1; i <= PAGES; i++) {
			char *page = page_down(self, i);

			EXPECT_EQ(SIGSEGV, touch(page, page, 1));
			EXPECT_EQ(page, fault_address);
		}
		EXPECT_TRUE(reaches(self, round ? LIMIT : TOP));
		EXPECT_EQ(0, touch(page_down(self, LIMIT),
				   page_down(self, LIMIT), 1));
	}
}

static int serve_touch(void *context, int page)
{
	FIXTURE_DATA(stack) *self = context;

	return touch((char *)&self, page_down(self, page), page);
}

/* A child inherits the size of the stack; then each grows independently. */
TEST_F(stack, fork)
{
	struct child child;

	EXPECT_EQ(0, touch(page_down(self, 10), page_down(self, 10), 10));
	child = child_fork(serve_touch, self);
	EXPECT_EQ(0, child_ask(&child, 10));
	EXPECT_EQ(0, touch(page_down(self, 20), page_down(self, 20), 20));
	child_end(&child);
	EXPECT_TRUE(reaches(self, 20));
}

static int grow_in_child(void *context)
{
	FIXTURE_DATA(stack) *self = context;
	char *page = page_down(self, 25);

	if (!reaches(self, 10) || touch(page, page, 1) || !reaches(self, 25))
		return 1;
	page = page_down(self, LIMIT + 1);
	return touch(page, page, 1) == SIGSEGV ? 0 : 2;
}

TEST_F(stack, fork_grows)
{
	EXPECT_EQ(0, touch(page_down(self, 10), page_down(self, 10), 10));
	EXPECT_EQ(0, in_child(grow_in_child, self));
	EXPECT_TRUE(reaches(self, 10));
}

/*
 * Repeating the ioctl shrinks the stack to the top; the contents below are
 * kept.
 */
TEST_F(stack, again)
{
	char *page = page_down(self, 12);

	EXPECT_EQ(0, touch(page, page, 77));
	EXPECT_TRUE(reaches(self, 12));
	ASSERT_EQ(0, make_stack(self->box, self->map, TOP, LIMIT));
	EXPECT_TRUE(reaches(self, TOP));
	page = page_down(self, 20);
	EXPECT_EQ(0, touch(page, page, 1));
	EXPECT_EQ(12, *page_down(self, 12));
	EXPECT_TRUE(reaches(self, 20));
}

/* mlock() is not an access by a thread. */
TEST_F(stack, mlock)
{
	EXPECT_EQ(-1, mlock(page_down(self, TOP + 4), 2 * page_size));
	ASSERT_EQ(0, munlock(page_down(self, TOP + 4), 2 * page_size));
	EXPECT_TRUE(reaches(self, TOP));
}

/* A new mapping in the same place is an ordinary one. */
TEST_F(stack, unmapped)
{
	unmap(self->map, PAGES);
	self->map = box_map(self->box, PAGES, variant->flags);
	pages_fill(self->map, PAGES, 1);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* Without a limit, all of the mapping can be reached. */
TEST(no_limit)
{
	int box = box_new(8, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	catch_faults();
	ASSERT_EQ(0, make_stack(box, map, TOP, 0));
	EXPECT_EQ(SIGSEGV, touch((char *)&box, map, 1));
	EXPECT_EQ(0, touch(map + 8, map, 1));
	EXPECT_EQ(1, box_stats(box).pages);
	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

/* A mapping of a box with inaccessible memory above it. */
static char *map_below_a_hole(int box)
{
	char *range = mmap(NULL, (PAGES + 1) * page_size, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (range == MAP_FAILED ||
	    mmap(range, PAGES * page_size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED, box, 0) != range)
		die("cannot map a box below a hole");
	return range;
}

/* Mappings that cannot be a stack are refused and stay unchanged. */
TEST(errors)
{
	const uint64_t all = PAGES * page_size;
	int box = box_new(8, 0), other = box_new(8, 0);
	char *foreign = box_map(other, PAGES, MAP_PRIVATE);
	char *map = map_below_a_hole(box);
	const uint64_t at = (uintptr_t)map;
	const struct pagebox_stack bad[] = {
		{ .address = at, .top = 1 },
		{ .address = at, .top = page_size + 8 },
		{ .address = at, .top = page_size, .limit = page_size + 8 },
		{ .address = at, .top = 2 * page_size, .limit = page_size },
		{ .address = at, .top = page_size, .limit = all + page_size },
		{ .address = at, .top = all + page_size },
		{ .address = at, .top = -page_size },
		{ .address = at, .top = page_size, .limit = -page_size },
		{ .address = at, .top = page_size, .flags = 1 },
		{ .address = at, .top = page_size, .flags = 1U << 31 },
	};
	const uint64_t elsewhere[] = {
		0,
		(uintptr_t)foreign,
		(uintptr_t)&box,
		at + PAGES * page_size,
		-page_size,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(EINVAL, stack_error(box, bad[i]))
		TH_LOG("stack %zu", i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		EXPECT_EQ(ENOENT,
			  stack_error(box, (struct pagebox_stack){
						   .address = elsewhere[i],
						   .top = page_size }))
		TH_LOG("address %zu", i);
	}
	pages_fill(map, PAGES, 1);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

/* A split mapping has no upper end of its own. */
TEST(split)
{
	int box = box_new(8, 0);
	char *map = box_map(box, PAGES, MAP_PRIVATE);

	ASSERT_EQ(0, mprotect(page_at(map, 5), page_size, PROT_READ));
	EXPECT_EQ(EINVAL, make_stack(box, map, TOP, 0));
	EXPECT_EQ(EINVAL, make_stack(box, page_at(map, PAGES - 1), TOP, 0));
	unmap(page_at(map, 5), 1);
	EXPECT_EQ(EINVAL, make_stack(box, page_at(map, PAGES - 1), TOP, 0));
}

/* --- threads on such a stack --- */

static volatile sig_atomic_t signals;

struct life {
	FIXTURE_DATA(stack) * self;
	char *deepest; /* where the deepest frame was */
	unsigned int depth;
	bool right;
};

static void live_there(struct life *life, void *(*live)(void *context))
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	if (pthread_attr_setstack(&attributes, life->self->map,
				  PAGES * page_size) ||
	    pthread_create(&thread, &attributes, live, life))
		die("cannot run a thread in a box");
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

/* A frame of about half a page at each level, marked with the level. */
static void __attribute__((noinline))
descend(struct life *life, unsigned int levels)
{
	volatile char frame[2000];

	frame[0] = levels;
	frame[sizeof(frame) - 1] = levels;
	life->deepest = (char *)frame;
	life->depth++;
	if (levels)
		descend(life, levels - 1);
	if (frame[0] != (char)levels ||
	    frame[sizeof(frame) - 1] != (char)levels)
		life->right = false;
}

static void *descend_and_return(void *context)
{
	struct life *life = context;

	for (int round = 0; round < 3; round++)
		descend(life, 50);
	return NULL;
}

/* The stack grows to the deepest call and keeps its contents. */
TEST_F(stack, thread)
{
	struct life life = { .self = self, .right = true };
	size_t deepest;

	live_there(&life, descend_and_return);
	EXPECT_TRUE(life.right);
	EXPECT_EQ(3 * 51, life.depth);
	deepest = (self->end - life.deepest + page_size - 1) / page_size;
	EXPECT_LE(TOP, deepest);
	EXPECT_TRUE(reaches(self, deepest));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	if (variant->frames < deepest)
		EXPECT_LT(0, box_stats(self->box).faults[PAGEBOX_FAULT_SWAPIN]);
}

static void *descend_for_ever(void *context)
{
	struct life *life = context;

	catch_faults();
	for (int round = 0; round < 2; round++) {
		int signal = sigsetjmp(after_fault, 1);

		fault_expected = !signal;
		if (!signal)
			descend(life, UINT32_MAX);
		life->right &= signal == SIGSEGV;
		life->deepest = fault_address;
	}
	return NULL;
}

/* Endless recursion stops at the limit, and the thread survives. */
TEST_F(stack, overflow)
{
	struct life life = { .self = self, .right = true };

	live_there(&life, descend_for_ever);
	EXPECT_TRUE(life.right);
	EXPECT_LE(page_down(self, LIMIT + 1), life.deepest);
	EXPECT_GT(page_down(self, LIMIT), life.deepest);
	EXPECT_TRUE(reaches(self, LIMIT));
	EXPECT_EQ(LIMIT, box_stats(self->box).pages);
}

static void count_signal(int signal)
{
	(void)signal;
	signals++;
}

/* Raises a signal at each level, with a handler that runs on the same stack. */
static void __attribute__((noinline))
descend_with_signals(struct life *life, unsigned int levels)
{
	volatile char frame[600];

	frame[0] = levels;
	raise(SIGUSR1);
	life->depth++;
	if (levels)
		descend_with_signals(life, levels - 1);
	life->right &= frame[0] == (char)levels;
}

static void *live_with_signals(void *context)
{
	descend_with_signals(context, 100);
	return NULL;
}

/* There is room for the kernel's signal frame below the thread's frames. */
TEST_F(stack, signals)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct life life = { .self = self, .right = true };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	live_there(&life, live_with_signals);
	EXPECT_TRUE(life.right);
	EXPECT_EQ(101, life.depth);
	EXPECT_EQ(101, signals);
}

static void *read_deep(void *context)
{
	struct life *life = context;
	size_t length = 16 * page_size;
	int file = store_file(length, 100);
	char *buffer = alloca(length + page_size);

	buffer += -(uintptr_t)buffer % page_size;
	life->right = pread(file, buffer, length, 0) == (ssize_t)length &&
		      pages_hold(buffer, 16, 100);
	buffer -= 8 * page_size;
	life->right &= pread(file, buffer, page_size, 0) == -1 &&
		       errno == EFAULT;
	close(file);
	return NULL;
}

/* Kernel accesses for a thread count as the thread's: read() into its stack. */
TEST_F(stack, read_into_the_stack)
{
	struct life life = { .self = self };

	live_there(&life, read_deep);
	EXPECT_TRUE(life.right);
	EXPECT_EQ(SIGSEGV,
		  touch((char *)&life, page_down(self, TOP + 16 + 6), 1));
}

static void *fork_deep(void *context)
{
	struct life *life = context;
	pid_t pid;

	descend(life, 10);
	pid = fork();
	if (pid < 0)
		die("fork");
	descend(life, 40);
	if (!pid)
		_exit(!life->right);
	life->right &= !child_status(pid);
	return NULL;
}

/* fork() in such a thread: the child continues on a stack of its own. */
TEST(fork_in_a_thread)
{
	FIXTURE_DATA(stack) self = { .box = box_new(8, 0) };
	struct life life = { .self = &self, .right = true };

	self.map = box_map(self.box, PAGES, MAP_PRIVATE);
	ASSERT_EQ(0, make_stack(self.box, self.map, TOP, LIMIT));
	live_there(&life, fork_deep);
	EXPECT_TRUE(life.right);
	EXPECT_LT(0, box_stats(self.box).faults[PAGEBOX_FAULT_COW]);
}

/* --- accesses by other processes --- */

/* An observer whose stack is below the box's mapping. */
struct look {
	FIXTURE_DATA(stack) * self;
	pid_t pid;
	char *address;
	bool refused;
};

static bool process_vm_refused(const struct look *look)
{
	char byte = 1;
	struct iovec local = { &byte, 1 }, remote = { look->address, 1 };

	return process_vm_readv(look->pid, &local, 1, &remote, 1, 0) == -1 &&
	       errno == EFAULT &&
	       process_vm_writev(look->pid, &local, 1, &remote, 1, 0) == -1 &&
	       errno == EFAULT;
}

static bool mem_refused(const struct look *look)
{
	char path[32], byte = 1;
	bool refused;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", look->pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		die("%s", path);
	refused = pread(mem, &byte, 1, (uintptr_t)look->address) == -1 &&
		  pwrite(mem, &byte, 1, (uintptr_t)look->address) == -1;
	close(mem);
	return refused;
}

static bool ptrace_refused(const struct look *look)
{
	bool refused;

	if (ptrace(PTRACE_ATTACH, look->pid, NULL, NULL) ||
	    waitpid(look->pid, NULL, __WALL) != look->pid)
		die("cannot attach");
	errno = 0;
	refused = ptrace(PTRACE_PEEKDATA, look->pid, look->address, NULL) ==
			  -1 &&
		  errno == EIO;
	refused &= ptrace(PTRACE_POKEDATA, look->pid, look->address, NULL) ==
			   -1 &&
		   errno == EIO;
	if (ptrace(PTRACE_DETACH, look->pid, NULL, NULL))
		die("cannot detach");
	return refused;
}

static void *look_from_below(void *context)
{
	struct look *look = context;

	if ((char *)&look >= look->self->map)
		die("the thread's stack is not below the box's mapping");
	look->refused = process_vm_refused(look) && mem_refused(look) &&
			ptrace_refused(look);
	return NULL;
}

/* A range with a thread stack in the lower half and a box in the upper. */
static void map_above(FIXTURE_DATA(stack) * self, pthread_attr_t *attributes,
		      int flags)
{
	char *range = mmap(NULL, 2 * PAGES * page_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (range == MAP_FAILED)
		die("no address range");
	pthread_attr_init(attributes);
	if (pthread_attr_setstack(attributes, range, PAGES * page_size))
		die("pthread_attr_setstack");
	self->map = mmap(page_at(range, PAGES), PAGES * page_size,
			 PROT_READ | PROT_WRITE, flags | MAP_FIXED, self->box,
			 0);
	if (self->map == MAP_FAILED)
		die("cannot map a box");
	self->end = page_at(self->map, PAGES);
}

enum { REACHES_TOP };

static int serve_reach(void *context, int command)
{
	(void)command;
	return reaches(context, TOP);
}

/* No access by another process grows a stack. */
TEST_F(stack, other_process)
{
	pthread_attr_t attributes;
	struct look look = { .self = self };
	struct child child;
	pthread_t thread;

	unmap(self->map, PAGES);
	map_above(self, &attributes, variant->flags);
	ASSERT_EQ(0, make_stack(self->box, self->map, TOP, LIMIT));
	child = child_fork(serve_reach, self);
	look.pid = child.pid;
	look.address = page_down(self, TOP + 2);
	ASSERT_EQ(0,
		  pthread_create(&thread, &attributes, look_from_below, &look));
	pthread_join(thread, NULL);
	EXPECT_TRUE(look.refused);
	EXPECT_TRUE(child_ask(&child, REACHES_TOP));
	child_end(&child);
}

TEST_HARNESS_MAIN
