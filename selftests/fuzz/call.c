// SPDX-License-Identifier: GPL-2.0
/*
 * The calls that the fuzzer's programs consist of. See fuzz.h.
 *
 * Calls are restricted only where they would harm the fuzzer without testing a
 * box: accesses to memory outside the program's, waits of hours, exhausting
 * memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/falloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "fuzz.h"
#include "kselftest.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/test.h"
#include "pagebox.h"

/* Tables of arguments. */
#define ARG(name, kind)           \
	{                         \
		name, FUZZ_##kind \
	}
#define UP_TO(name, number)                       \
	{                                         \
		name, FUZZ_NUMBER, .most = number \
	}
#define SIZE_OF(type)                                   \
	{                                               \
		"size", FUZZ_SIZE, .most = sizeof(type) \
	}
#define CHOICE(name, ...)                                               \
	{                                                               \
		name, FUZZ_CHOICE, __VA_ARGS__, ARRAY_SIZE(__VA_ARGS__) \
	}
#define BITS(name, ...)                                               \
	{                                                             \
		name, FUZZ_BITS, __VA_ARGS__, ARRAY_SIZE(__VA_ARGS__) \
	}

/* A call made by do_NAME(), and its weight among all calls. */
#define CALL(which, often, ...)                                               \
	{                                                                     \
		.name = #which, .weight = often, .run = do_##which, .args = { \
			__VA_ARGS__                                           \
		}                                                             \
	}

#define MOST_BYTES 0x40000
#define MOST_PAGES 64

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

/* A value within its bounds is reduced to at most @most. */
static uint32_t tamed(uint64_t value, uint64_t bound, uint32_t most)
{
	return value <= bound ? value % (most + 1) : value;
}

/* --- file descriptors --- */

static const uint64_t open_flags[] = {
	O_RDWR,
	O_RDONLY,
	O_WRONLY,
	3,
	O_RDWR | O_APPEND,
	O_RDWR | O_DIRECT,
	O_RDWR | O_SYNC,
	O_RDWR | O_DSYNC | O_NONBLOCK,
	O_RDWR | O_TRUNC,
	O_PATH,
	O_RDWR | O_CREAT | O_EXCL,
};

static void do_open(struct fuzz_run *run, const uint64_t *a)
{
	fuzz_result(run, a[0], open(PAGEBOX_DEVICE, a[1] | O_CLOEXEC, 0600));
}

static void do_close(struct fuzz_run *run, const uint64_t *a)
{
	close(fuzz_fd(run, a[0]));
}

static void do_dup(struct fuzz_run *run, const uint64_t *a)
{
	fuzz_result(run, a[0], dup(fuzz_fd(run, a[1])));
}

static const uint64_t file_flags[] = { O_APPEND, O_NONBLOCK, O_DIRECT, O_ASYNC,
				       O_NOATIME };

static void do_setfl(struct fuzz_run *run, const uint64_t *a)
{
	fcntl(fuzz_fd(run, a[0]), F_SETFL, a[1]);
}

static const uint64_t lock_kinds[] = { LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB,
				       LOCK_UN };

static void do_flock(struct fuzz_run *run, const uint64_t *a)
{
	flock(fuzz_fd(run, a[0]), a[1] | LOCK_NB);
}

static void do_fstat(struct fuzz_run *run, const uint64_t *a)
{
	struct statfs statfs;
	struct stat stat;

	fstat(fuzz_fd(run, a[0]), &stat);
	fstatfs(fuzz_fd(run, a[0]), &statfs);
}

static void do_poll(struct fuzz_run *run, const uint64_t *a)
{
	struct pollfd fd = { .fd = fuzz_fd(run, a[0]), .events = a[1] };

	poll(&fd, 1, 1);
}

/* --- ioctls --- */

/* The number of the box in slot @id, or @id itself. */
static uint32_t id_of(const struct fuzz_run *run, uint64_t id)
{
	struct pagebox_info info = { .size = sizeof(info) };

	if (id < FUZZ_FDS && !ioctl(run->fd[id], PAGEBOX_IOC_INFO, &info))
		return info.id;
	return id;
}

static const char names[][PAGEBOX_NAME_LEN + 1] = {
	"",
	"clock",
	"fifo",
	"random",
	"lru",
	"mru",
	"clock\0x",
	"a name of 16 by.",
	"fifteen bytes..",
	" ",
	"new\nline",
	"back\\slash",
	"%s%n",
	"\x7f",
	"\xff\xfe",
	"../../x",
};

static void set_name(char *name, uint64_t which)
{
	memcpy(name, names[which % ARRAY_SIZE(names)], PAGEBOX_NAME_LEN);
}

static const uint64_t set_bits[] = {
	PAGEBOX_SET_BYTES,	 PAGEBOX_SET_FRAMES,	 PAGEBOX_SET_STORE,
	PAGEBOX_SET_NAME,	 PAGEBOX_SET_POLICY,	 PAGEBOX_SET_SWAP,
	PAGEBOX_SET_STORE_DELAY, PAGEBOX_SET_SWAP_DELAY, PAGEBOX_SET_READAHEAD,
	PAGEBOX_SET_SWAPPINESS,	 PAGEBOX_SET_OOM,	 PAGEBOX_SET_OVERCOMMIT,
	PAGEBOX_SET_DIRTY,	 PAGEBOX_SET_DIRTY << 1, 1U << 31,
};

static const uint64_t backends[] = {
	PAGEBOX_FD_NONE,   PAGEBOX_FD_RAM,	   -3,
	FUZZ_FD_FILE,	   FUZZ_FD_FILE_READ_ONLY, FUZZ_FD_FILE_WRITE_ONLY,
	FUZZ_FD_SWAP_FILE, FUZZ_FD_DISK,	   FUZZ_FD_BOX,
	FUZZ_FD_PIPE_OUT,  FUZZ_FD_DIRECTORY,	   FUZZ_FD_FILE_APPEND,
	FUZZ_FD_FILE,	   FUZZ_FD_SWAP_FILE,	   FUZZ_FD_ZERO,
};

static const uint64_t frame_limits[] = { 0, 1, 2, 3, 4, 8, 16, 64, 1024 };

static void do_configure(struct fuzz_run *run, const uint64_t *a)
{
	struct pagebox_config config = {
		.size = a[2],
		.set = a[3],
		.bytes = a[4],
		.frames = a[5],
		.store_fd = fuzz_fd(run, a[6]),
		.swap_fd = fuzz_fd(run, a[9]),
		.swap_pages = a[10],
		.store_read_us = tamed(a[11], PAGEBOX_MAX_DELAY, 500),
		.store_write_us = tamed(a[12], PAGEBOX_MAX_DELAY, 500),
		.swap_read_us = tamed(a[13], PAGEBOX_MAX_DELAY, 500),
		.swap_write_us = tamed(a[14], PAGEBOX_MAX_DELAY, 500),
		.readahead = a[15],
		.swappiness = a[16],
		.oom = a[17],
		.oom_wait_ms = tamed(a[18], PAGEBOX_MAX_OOM_WAIT, 50),
		.overcommit = a[19],
		.dirty_age_ms = a[20],
		.dirty_ratio = a[21],
		.references = a[22],
	};

	set_name(config.name, a[7]);
	set_name(config.policy, a[8]);
	ioctl(fuzz_fd(run, a[0]), PAGEBOX_IOC_CONFIGURE,
	      fuzz_put(run, a[1], &config, sizeof(config), a[2]));
}

static void do_info(struct fuzz_run *run, const uint64_t *a)
{
	struct pagebox_info info = { .size = a[2] };

	ioctl(fuzz_fd(run, a[0]), PAGEBOX_IOC_INFO,
	      fuzz_put(run, a[1], &info, sizeof(info), a[2]));
}

static void do_stats(struct fuzz_run *run, const uint64_t *a)
{
	struct pagebox_stats stats = { .size = a[2], .reserved = a[3] };

	if (a[4])
		stats.address = (uintptr_t)fuzz_address(a[4] - 1, a[5]);
	ioctl(fuzz_fd(run, a[0]), PAGEBOX_IOC_STATS,
	      fuzz_put(run, a[1], &stats, sizeof(stats), a[2]));
}

static const uint64_t range_requests[] = { PAGEBOX_IOC_PREFETCH,
					   PAGEBOX_IOC_PAGE_OUT,
					   PAGEBOX_IOC_DISCARD };
static const uint64_t range_flags[] = { PAGEBOX_RANGE_ADDRESS,
					PAGEBOX_RANGE_ADDRESS << 1 };

static void do_range(struct fuzz_run *run, const uint64_t *a)
{
	struct pagebox_range range = {
		.size = a[2], .flags = a[4], .start = a[6], .length = a[7]
	};

	if (range.flags & PAGEBOX_RANGE_ADDRESS)
		range.start = (uintptr_t)fuzz_address(a[5], a[6]);
	ioctl(fuzz_fd(run, a[0]), range_requests[a[3] % 3],
	      fuzz_put(run, a[1], &range, sizeof(range), a[2]));
}

static void do_join(struct fuzz_run *run, const uint64_t *a)
{
	struct pagebox_join join = { .size = a[3],
				     .id = id_of(run, a[4]),
				     .flags = a[5],
				     .reserved = a[6] };

	fuzz_result(run, a[0],
		    ioctl(fuzz_fd(run, a[1]), PAGEBOX_IOC_JOIN,
			  fuzz_put(run, a[2], &join, sizeof(join), a[3])));
}

static void do_stack(struct fuzz_run *run, const uint64_t *a)
{
	struct pagebox_stack stack = {
		.size = a[2],
		.flags = a[3],
		.address = (uintptr_t)fuzz_address(a[4], a[5]),
		.top = a[6],
		.limit = a[7],
	};

	ioctl(fuzz_fd(run, a[0]), PAGEBOX_IOC_STACK,
	      fuzz_put(run, a[1], &stack, sizeof(stack), a[2]));
}

/*
 * Not FIONBIO and the like, which the kernel handles and which may affect the
 * disk.
 */
static void do_ioctl(struct fuzz_run *run, const uint64_t *a)
{
	unsigned int request = _IOC(a[1], PAGEBOX_IOC_MAGIC, a[2], a[3]);
	uint64_t zeroes[8] = { a[3] };

	ioctl(fuzz_fd(run, a[0]), request,
	      fuzz_put(run, a[4], zeroes, sizeof(zeroes), 0));
}

/* --- mappings --- */

static const uint64_t prots[] = { PROT_READ | PROT_WRITE,
				  PROT_READ,
				  PROT_WRITE,
				  PROT_NONE,
				  PROT_READ | PROT_EXEC,
				  PROT_READ | PROT_WRITE,
				  PROT_READ | PROT_WRITE | PROT_EXEC };
static const uint64_t map_flags[] = {
	MAP_SHARED,
	MAP_PRIVATE,
	MAP_SHARED_VALIDATE,
	MAP_PRIVATE | MAP_NORESERVE,
	MAP_SHARED | MAP_POPULATE,
	MAP_PRIVATE | MAP_POPULATE,
	MAP_SHARED | MAP_LOCKED,
	MAP_PRIVATE | MAP_LOCKED,
	MAP_SHARED | MAP_NONBLOCK | MAP_POPULATE,
	MAP_PRIVATE | MAP_GROWSDOWN,
	MAP_SHARED | MAP_HUGETLB,
	MAP_SHARED_VALIDATE | MAP_SYNC,
};

/* Limits memory populated at once. */
static uint64_t map_length(const uint64_t *a, uint64_t length)
{
	length = fuzz_length(a[0], a[1], length);
	if (a[5] & (MAP_POPULATE | MAP_LOCKED))
		length = at_most(length, MOST_BYTES);
	return length;
}

static void do_mmap(struct fuzz_run *run, const uint64_t *a)
{
	mmap(fuzz_address(a[0] % FUZZ_MAPS, a[1]), map_length(a, a[3]), a[4],
	     (a[5] & ~MAP_ANONYMOUS) | MAP_FIXED, fuzz_fd(run, a[2]), a[6]);
}

static void do_munmap(struct fuzz_run *run, const uint64_t *a)
{
	munmap(fuzz_address(a[0], a[1]), fuzz_length(a[0], a[1], a[2]));
}

static const uint64_t remap_flags[] = { MREMAP_FIXED | MREMAP_MAYMOVE,
					MREMAP_DONTUNMAP };

static void do_mremap(struct fuzz_run *run, const uint64_t *a)
{
	uint64_t to = a[4] % FUZZ_MAPS;
	int flags = a[5];

	/* Only to addresses that nothing else uses. */
	if (flags & MREMAP_MAYMOVE)
		flags |= MREMAP_FIXED;
	mremap(fuzz_address(a[0], a[1]), fuzz_length(a[0], a[1], a[2]),
	       fuzz_length(to, 0, a[3]), flags, fuzz_address(to, 0));
}

static void do_mprotect(struct fuzz_run *run, const uint64_t *a)
{
	mprotect(fuzz_address(a[0], a[1]), fuzz_length(a[0], a[1], a[2]), a[3]);
}

static const uint64_t advices[] = {
	0,  1,	2,  3,	4,  8,	9,  10, 11, 12, 13, 14, 15, 16, 17,
	18, 19, 20, 21, 22, 23, 24, 25, 26, 4,	3,  21, 20, 23,
};

/* Not MADV_HWPOISON and _SOFT_OFFLINE, which lose memory permanently. */
static void do_madvise(struct fuzz_run *run, const uint64_t *a)
{
	uint64_t length = fuzz_length(a[0], a[1], a[2]);

	if (a[3] == 100 || a[3] == 101)
		return;
	if (a[3] == MADV_POPULATE_READ || a[3] == MADV_POPULATE_WRITE)
		length = at_most(length, MOST_BYTES);
	madvise(fuzz_address(a[0], a[1]), length, a[3]);
}

static const uint64_t sync_flags[] = { MS_SYNC, MS_ASYNC, MS_INVALIDATE };

static void do_msync(struct fuzz_run *run, const uint64_t *a)
{
	msync(fuzz_address(a[0], a[1]), fuzz_length(a[0], a[1], a[2]), a[3]);
}

static const uint64_t lock_flags[] = { 0, MLOCK_ONFAULT };

static void do_mlock(struct fuzz_run *run, const uint64_t *a)
{
	uint64_t length = fuzz_length(a[0], a[1], a[2]);

	mlock2(fuzz_address(a[0], a[1]), at_most(length, MOST_BYTES), a[3]);
}

static void do_munlock(struct fuzz_run *run, const uint64_t *a)
{
	munlock(fuzz_address(a[0], a[1]), fuzz_length(a[0], a[1], a[2]));
}

static void do_mincore(struct fuzz_run *run, const uint64_t *a)
{
	static unsigned char pages[MOST_BYTES / 4096 + 1];
	uint64_t length = fuzz_length(a[0], a[1], a[2]);

	mincore(fuzz_address(a[0], a[1]), at_most(length, MOST_BYTES), pages);
}

static void do_remap_pages(struct fuzz_run *run, const uint64_t *a)
{
	syscall(SYS_remap_file_pages, fuzz_address(a[0], a[1]),
		fuzz_length(a[0], a[1], a[2]), 0, a[3], 0);
}

enum { TOUCH_READ, TOUCH_WRITE, TOUCH_ADD, TOUCH_FILL, TOUCHES };

static void touch_page(volatile char *at, unsigned int how)
{
	switch (how) {
	case TOUCH_READ:
		(void)*at;
		break;
	case TOUCH_WRITE:
		*at = 1;
		break;
	case TOUCH_ADD:
		__atomic_add_fetch(at, 1, __ATOMIC_RELAXED);
		break;
	default:
		memset((char *)at, 'f', 4096 - (uintptr_t)at % 4096);
		break;
	}
}

/* Stops at the first signal: running out of frames takes a second each time. */
static void do_touch(struct fuzz_run *run, const uint64_t *a)
{
	uint64_t pages = at_most(a[2], MOST_PAGES);

	for (uint64_t i = 0; i < pages; i++) {
		uint64_t at = a[1] + i * page_size * (1 + a[4] % 4);

		if (!FUZZ_GUARDED())
			break;
		touch_page(fuzz_address(a[0], at), a[3] % TOUCHES);
		fuzz_unguard();
	}
}

/* Writes downwards on the stack, as a recursion does. */
static void __attribute__((noinline)) descend(unsigned int pages)
{
	volatile char local[4000];

	local[0] = pages;
	if (pages)
		descend(pages - 1);
	local[sizeof(local) - 1] = pages;
}

static __thread ucontext_t stack_caller, stack_callee;

static void on_stack(unsigned int pages)
{
	if (FUZZ_GUARDED()) {
		descend(pages);
		fuzz_unguard();
	}
}

/* The stack pointer is in a mapping, just above its last byte. */
static void do_descend(struct fuzz_run *run, const uint64_t *a)
{
	uint64_t bytes = at_most(a[1] & ~0xfULL, FUZZ_WINDOW);

	if (a[0] >= FUZZ_MAPS || bytes < 4096)
		return;
	getcontext(&stack_callee);
	stack_callee.uc_stack.ss_sp = fuzz_window(a[0]);
	stack_callee.uc_stack.ss_size = bytes;
	stack_callee.uc_link = &stack_caller;
	if (FUZZ_GUARDED()) {
		makecontext(&stack_callee, (void (*)(void))on_stack, 1,
			    (unsigned int)at_most(a[2], MOST_PAGES));
		swapcontext(&stack_caller, &stack_callee);
		fuzz_unguard();
	}
}

/* --- reading and writing --- */

static const uint64_t transfers[] = { 0, 1, 2, 3, 4, 5 };
static const uint64_t rwf_flags[] = { 0,	 RWF_DSYNC,  RWF_SYNC,
				      RWF_HIPRI, RWF_NOWAIT, RWF_APPEND,
				      0x40 };

/*
 * The source or target buffer: a mapping, or the thread's arena, whole or up to
 * its end.
 */
static struct iovec buffer_of(struct fuzz_run *run, const uint64_t *a)
{
	struct fuzz_thread *thread = fuzz_this_thread(run);
	uint64_t length = at_most(a[4], MOST_BYTES);

	if (a[2])
		return (struct iovec){ fuzz_address(a[2] - 1, a[3]),
				       fuzz_length(a[2] - 1, a[3], length) };
	return (struct iovec){ thread->arena + a[3] % (4 * page_size),
			       at_most(length, 4 * page_size) };
}

static void do_transfer(struct fuzz_run *run, const uint64_t *a)
{
	struct iovec iov[2] = { buffer_of(run, a) };
	int fd = fuzz_fd(run, a[0]);

	iov[1] = iov[0];
	switch (a[1] % ARRAY_SIZE(transfers)) {
	case 0:
		(void)!read(fd, iov[0].iov_base, iov[0].iov_len);
		break;
	case 1:
		(void)!write(fd, iov[0].iov_base, iov[0].iov_len);
		break;
	case 2:
		(void)!pread(fd, iov[0].iov_base, iov[0].iov_len, a[5]);
		break;
	case 3:
		(void)!pwrite(fd, iov[0].iov_base, iov[0].iov_len, a[5]);
		break;
	case 4:
		(void)!preadv2(fd, iov, 2, a[5], a[6]);
		break;
	default:
		(void)!pwritev2(fd, iov, 2, a[5], a[6]);
		break;
	}
}

static const uint64_t whences[] = { SEEK_SET,  SEEK_CUR,  SEEK_END,
				    SEEK_DATA, SEEK_HOLE, 5 };

static void do_lseek(struct fuzz_run *run, const uint64_t *a)
{
	lseek(fuzz_fd(run, a[0]), a[1], a[2]);
}

static const uint64_t fadvices[] = { 0, 1, 2, 3, 4, 5, 6 };

static void do_fadvise(struct fuzz_run *run, const uint64_t *a)
{
	posix_fadvise(fuzz_fd(run, a[0]), a[1], a[2], a[3]);
}

static const uint64_t fallocates[] = { 0, FALLOC_FL_KEEP_SIZE,
				       FALLOC_FL_PUNCH_HOLE |
					       FALLOC_FL_KEEP_SIZE,
				       FALLOC_FL_ZERO_RANGE };

static void do_fallocate(struct fuzz_run *run, const uint64_t *a)
{
	fallocate(fuzz_fd(run, a[0]), a[1], a[2], at_most(a[3], MOST_BYTES));
}

/* A store that shrinks and grows while the box uses it. */
static void do_truncate(struct fuzz_run *run, const uint64_t *a)
{
	(void)!ftruncate(fuzz_fd(run, a[0]), a[1]);
}

static const uint64_t syncs[] = { 0, 1, 2, 3 };

static void do_fsync(struct fuzz_run *run, const uint64_t *a)
{
	int fd = fuzz_fd(run, a[0]);

	switch (a[1] % ARRAY_SIZE(syncs)) {
	case 0:
		fsync(fd);
		break;
	case 1:
		fdatasync(fd);
		break;
	case 2:
		sync_file_range(fd, a[2], a[3], 7);
		break;
	default:
		readahead(fd, a[2], a[3]);
		break;
	}
}

static const uint64_t splice_flags[] = { SPLICE_F_MOVE, SPLICE_F_MORE,
					 SPLICE_F_GIFT };

static void do_splice(struct fuzz_run *run, const uint64_t *a)
{
	off64_t in = a[2], out = a[3];
	uint64_t length = at_most(a[4], MOST_BYTES);

	splice(fuzz_fd(run, a[0]), a[2] ? &in : NULL, fuzz_fd(run, a[1]),
	       a[3] ? &out : NULL, length, a[5] | SPLICE_F_NONBLOCK);
}

/* The pipe holds references to the pages until it is read. */
static void do_vmsplice(struct fuzz_run *run, const uint64_t *a)
{
	struct iovec iov = { fuzz_address(a[1], a[2]),
			     at_most(fuzz_length(a[1], a[2], a[3]),
				     MOST_BYTES) };

	vmsplice(fuzz_fd(run, a[0]), &iov, 1, a[4] | SPLICE_F_NONBLOCK);
}

static void do_sendfile(struct fuzz_run *run, const uint64_t *a)
{
	off64_t from = a[2];

	(void)!sendfile64(fuzz_fd(run, a[0]), fuzz_fd(run, a[1]), &from,
			  at_most(a[3], MOST_BYTES));
}

static void do_copy_range(struct fuzz_run *run, const uint64_t *a)
{
	off64_t to = a[2], from = a[3];

	copy_file_range(fuzz_fd(run, a[1]), &from, fuzz_fd(run, a[0]), &to,
			at_most(a[4], MOST_BYTES), 0);
}

static void do_process_vm(struct fuzz_run *run, const uint64_t *a)
{
	struct iovec here = { fuzz_address(a[1], a[2]),
			      at_most(fuzz_length(a[1], a[2], a[5]),
				      MOST_BYTES) };
	struct iovec there = { fuzz_address(a[3], a[4]),
			       at_most(fuzz_length(a[3], a[4], a[5]),
				       MOST_BYTES) };

	if (a[0] % 2)
		process_vm_writev(getpid(), &here, 1, &there, 1, 0);
	else
		process_vm_readv(getpid(), &here, 1, &there, 1, 0);
}

/* cachestat(), which reports on the pages of a file */
static void do_cachestat(struct fuzz_run *run, const uint64_t *a)
{
	uint64_t range[2] = { a[1], a[2] };
	uint64_t result[5];

	syscall(451, fuzz_fd(run, a[0]), range, result, 0);
}

static const uint64_t futex_ops[] = { FUTEX_WAKE, FUTEX_WAIT,
				      FUTEX_WAKE | FUTEX_PRIVATE_FLAG };

static void do_futex(struct fuzz_run *run, const uint64_t *a)
{
	struct timespec soon = { .tv_nsec = 1000 * 1000 };

	(void)run;
	syscall(SYS_futex, fuzz_address(a[0], a[1]),
		futex_ops[a[2] % ARRAY_SIZE(futex_ops)], 0, &soon, NULL, 0);
}

/* --- readers, and system-wide actions --- */

static const char *const looks[] = {
	"summary", "stats",   "frames",	 "maps",
	"1/pages", "1/stats", "2/pages", "3/pages",
};

static void read_all(int fd, uint64_t at, uint64_t length)
{
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return;
	lseek(fd, at, SEEK_SET);
	length = length ? at_most(length, sizeof(text)) : sizeof(text);
	for (int i = 0; i < 64; i++) {
		n = read(fd, text, length);
		if (n <= 0)
			break;
	}
	close(fd);
}

static void do_look(struct fuzz_run *run, const uint64_t *a)
{
	char path[64];

	snprintf(path, sizeof(path), "%u/%s", id_of(run, a[0]),
		 looks[a[1] % ARRAY_SIZE(looks)]);
	read_all(openat(run->debugfs, path, O_RDONLY), a[2], a[3]);
}

static const char *const proc_files[] = { "maps", "smaps", "pagemap",
					  "numa_maps", "smaps_rollup" };

/* pagemap has eight bytes per page. */
static void do_proc(struct fuzz_run *run, const uint64_t *a)
{
	const char *file = proc_files[a[0] % ARRAY_SIZE(proc_files)];
	char path[64];
	uint64_t at = 0;

	(void)run;
	if (!strcmp(file, "pagemap"))
		at = (uintptr_t)fuzz_address(a[1], a[2]) / 4096 * 8;
	snprintf(path, sizeof(path), "/proc/self/%s", file);
	read_all(open(path, O_RDONLY), at, 256);
}

/* Most make one of the next operations fail; some are invalid. */
static const char *const failures[] = {
	"all nth %u pid %u",
	"backend_read fail times %u pid %u",
	"backend_write fail times %u pid %u",
	"alloc_frame fail times %u pid %u",
	"alloc_page fail after %u pid %u",
	"fault_install delay 2 times %u pid %u",
	"evict_unmap delay 2 times %u pid %u",
	"all nth %u pid -%u",
	"all nth",
	"alloc_page",
	"alloc_page fail times 18446744073709551616",
	"nothing of the kind",
	"",
	"all off",
};

static void do_fail(struct fuzz_run *run, const uint64_t *a)
{
	char command[96];
	int fd = openat(run->debugfs, "failpoints", O_WRONLY | O_CLOEXEC);

	snprintf(command, sizeof(command),
		 failures[a[0] % ARRAY_SIZE(failures)], (unsigned int)a[1],
		 getpid());
	if (fd < 0)
		return;
	(void)!write(fd, command, strlen(command));
	close(fd);
}

static void write_to(const char *path, uint64_t number)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

static void do_clear_refs(struct fuzz_run *run, const uint64_t *a)
{
	(void)run;
	write_to("/proc/self/clear_refs", 1 + a[0] % 5);
}

/* Shrinkers, and page migration. */
static void do_pressure(struct fuzz_run *run, const uint64_t *a)
{
	(void)run;
	if (a[0] % 2)
		write_to("/proc/sys/vm/compact_memory", 1);
	else
		write_to("/proc/sys/vm/drop_caches", 2);
}

/* A child that makes the next calls, too; the parent may wait for it. */
static void do_fork(struct fuzz_run *run, const uint64_t *a)
{
	pid_t pid;

	if (run->forks >= 3)
		return;
	run->forks++;
	pid = fork();
	if (!pid)
		run->stop = run->at[fuzz_thread_nr()] + 2 + a[0] % 8;
	else if (pid > 0 && a[1] % 2)
		child_status(pid);
}

static void do_exit(struct fuzz_run *run, const uint64_t *a)
{
	(void)run;
	if (a[0] % 2)
		kill(getpid(), SIGKILL);
	_exit(0);
}

static const uint64_t users[] = { 0, 65534 };

/* Changes only the calling thread. */
static void do_user(struct fuzz_run *run, const uint64_t *a)
{
	(void)run;
	syscall(SYS_setresuid, -1, users[a[0] % 2], -1);
}

/* Forbids new file descriptors, or allows them again. */
static void do_limit(struct fuzz_run *run, const uint64_t *a)
{
	struct rlimit limit = { .rlim_cur = a[0] % 2 ? 3 : 128,
				.rlim_max = 128 };

	(void)run;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Long enough for the flusher of a box with a small dirty_age_ms. */
static void do_pause(struct fuzz_run *run, const uint64_t *a)
{
	struct timespec pause = { .tv_nsec = a[0] % 4000 * 1000 };

	(void)run;
	nanosleep(&pause, NULL);
}

/* --- the table --- */

const struct fuzz_kind fuzz_kinds[] = {
	CALL(configure, 20, ARG("fd", FD), ARG("place", PLACE),
	     SIZE_OF(struct pagebox_config), BITS("set", set_bits),
	     ARG("bytes", LENGTH), CHOICE("frames", frame_limits),
	     CHOICE("store", backends), UP_TO("name", 15), UP_TO("policy", 15),
	     CHOICE("swap", backends), UP_TO("swap_pages", 40),
	     UP_TO("store_read_us", PAGEBOX_MAX_DELAY),
	     UP_TO("store_write_us", PAGEBOX_MAX_DELAY),
	     UP_TO("swap_read_us", PAGEBOX_MAX_DELAY),
	     UP_TO("swap_write_us", PAGEBOX_MAX_DELAY),
	     UP_TO("readahead", PAGEBOX_MAX_READAHEAD),
	     UP_TO("swappiness", PAGEBOX_MAX_SWAPPINESS),
	     UP_TO("oom", PAGEBOX_OOM_WAIT),
	     UP_TO("oom_wait_ms", PAGEBOX_MAX_OOM_WAIT),
	     UP_TO("overcommit", PAGEBOX_OVERCOMMIT_NEVER),
	     UP_TO("dirty_age_ms", 20),
	     UP_TO("dirty_ratio", PAGEBOX_MAX_DIRTY_RATIO),
	     UP_TO("references", PAGEBOX_REFERENCES_EVERY)),
	CALL(info, 3, ARG("fd", FD), ARG("place", PLACE),
	     SIZE_OF(struct pagebox_info)),
	CALL(stats, 4, ARG("fd", FD), ARG("place", PLACE),
	     SIZE_OF(struct pagebox_stats), UP_TO("reserved", 0),
	     ARG("map1", MAP), ARG("at", AT)),
	CALL(range, 16, ARG("fd", FD), ARG("place", PLACE),
	     SIZE_OF(struct pagebox_range), UP_TO("what", 2),
	     BITS("flags", range_flags), ARG("map", MAP), ARG("at", AT),
	     ARG("length", LENGTH)),
	CALL(join, 6, ARG("to", TO), ARG("fd", FD), ARG("place", PLACE),
	     SIZE_OF(struct pagebox_join), ARG("id", FD), UP_TO("flags", 0),
	     UP_TO("reserved", 0)),
	CALL(stack, 6, ARG("fd", FD), ARG("place", PLACE),
	     SIZE_OF(struct pagebox_stack), UP_TO("flags", 0), ARG("map", MAP),
	     ARG("at", AT), ARG("top", LENGTH), ARG("limit", LENGTH)),
	CALL(ioctl, 2, ARG("fd", FD), UP_TO("direction", 3), UP_TO("nr", 255),
	     UP_TO("size", 200), ARG("place", PLACE)),
	CALL(open, 4, ARG("to", TO), CHOICE("flags", open_flags)),
	CALL(close, 4, ARG("fd", FD)),
	CALL(dup, 2, ARG("to", TO), ARG("fd", FD)),
	CALL(setfl, 2, ARG("fd", FD), BITS("flags", file_flags)),
	CALL(flock, 1, ARG("fd", FD), CHOICE("how", lock_kinds)),
	CALL(fstat, 1, ARG("fd", FD)),
	CALL(poll, 1, ARG("fd", FD), UP_TO("events", 0xffff)),
	CALL(mmap, 24, ARG("map", MAP), ARG("at", AT), ARG("fd", FD),
	     ARG("length", LENGTH), CHOICE("prot", prots),
	     CHOICE("flags", map_flags), ARG("offset", AT)),
	CALL(munmap, 6, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH)),
	CALL(mremap, 8, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH),
	     ARG("new", LENGTH), ARG("to", MAP), BITS("flags", remap_flags)),
	CALL(mprotect, 6, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH),
	     CHOICE("prot", prots)),
	CALL(madvise, 10, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH),
	     CHOICE("advice", advices)),
	CALL(msync, 6, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH),
	     BITS("flags", sync_flags)),
	CALL(mlock, 5, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH),
	     CHOICE("flags", lock_flags)),
	CALL(munlock, 2, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH)),
	CALL(mincore, 1, ARG("map", MAP), ARG("at", AT), ARG("length", LENGTH)),
	CALL(remap_pages, 1, ARG("map", MAP), ARG("at", AT),
	     ARG("length", LENGTH), UP_TO("page", 64)),
	CALL(touch, 30, ARG("map", MAP), ARG("at", AT), UP_TO("pages", 32),
	     UP_TO("how", 3), UP_TO("skip", 3)),
	CALL(descend, 4, ARG("map", MAP), ARG("bytes", LENGTH),
	     UP_TO("pages", 16)),
	CALL(transfer, 20, ARG("fd", FD), CHOICE("how", transfers),
	     ARG("map1", MAP), ARG("at", AT), ARG("length", LENGTH),
	     ARG("position", AT), CHOICE("flags", rwf_flags)),
	CALL(lseek, 4, ARG("fd", FD), ARG("offset", AT),
	     CHOICE("whence", whences)),
	CALL(fadvise, 6, ARG("fd", FD), ARG("offset", AT),
	     ARG("length", LENGTH), CHOICE("advice", fadvices)),
	CALL(fallocate, 2, ARG("fd", FD), CHOICE("mode", fallocates),
	     ARG("offset", AT), ARG("length", LENGTH)),
	CALL(truncate, 3, ARG("fd", FD), ARG("length", AT)),
	CALL(fsync, 4, ARG("fd", FD), CHOICE("how", syncs), ARG("offset", AT),
	     ARG("length", LENGTH)),
	CALL(splice, 5, ARG("from", FD), ARG("to", FD), ARG("in", AT),
	     ARG("out", AT), ARG("length", LENGTH),
	     BITS("flags", splice_flags)),
	CALL(vmsplice, 4, ARG("fd", FD), ARG("map", MAP), ARG("at", AT),
	     ARG("length", LENGTH), BITS("flags", splice_flags)),
	CALL(sendfile, 2, ARG("to", FD), ARG("from", FD), ARG("offset", AT),
	     ARG("length", LENGTH)),
	CALL(copy_range, 2, ARG("to", FD), ARG("from", FD), ARG("out", AT),
	     ARG("in", AT), ARG("length", LENGTH)),
	CALL(process_vm, 5, UP_TO("how", 1), ARG("map", MAP), ARG("at", AT),
	     ARG("map2", MAP), ARG("at2", AT), ARG("length", LENGTH)),
	CALL(cachestat, 1, ARG("fd", FD), ARG("offset", AT),
	     ARG("length", LENGTH)),
	CALL(futex, 1, ARG("map", MAP), ARG("at", AT), CHOICE("op", futex_ops)),
	CALL(look, 10, ARG("fd", FD), UP_TO("file", 7), UP_TO("from", 300),
	     UP_TO("length", 300)),
	CALL(proc, 4, UP_TO("file", 4), ARG("map", MAP), ARG("at", AT)),
	CALL(clear_refs, 2, UP_TO("what", 4)),
	CALL(pressure, 1, UP_TO("what", 1)),
	CALL(fail, 10, UP_TO("what", 13), UP_TO("nth", 40)),
	CALL(fork, 6, UP_TO("calls", 7), UP_TO("wait", 1)),
	CALL(exit, 1, UP_TO("how", 1)),
	CALL(user, 1, UP_TO("which", 1)),
	CALL(limit, 1, UP_TO("which", 1)),
	CALL(pause, 2, UP_TO("us", 3000)),
};

const unsigned int fuzz_nr_kinds = ARRAY_SIZE(fuzz_kinds);

/* --- a process that runs a program --- */

static void make_calls(struct fuzz_run *run, unsigned int thread)
{
	const struct fuzz_program *program = run->program;

	for (unsigned int i = 0; i < program->nr && i < run->stop; i++) {
		const struct fuzz_call *call = &program->calls[i];

		run->at[thread] = i;
		if (call->thread == thread)
			fuzz_kinds[call->kind].run(run, call->arg);
	}
}

static struct fuzz_run run;

static void *second_thread(void *context)
{
	fuzz_state_thread(&run, 1);
	fuzz_kcov_start(1, FUZZ_TRACE_PLACES);
	pthread_barrier_wait(context);
	make_calls(&run, 1);
	/* A child of this thread has no other process to end it. */
	if (getpid() != run.first)
		_exit(0);
	return NULL;
}

static bool has_second_thread(const struct fuzz_program *program)
{
	for (unsigned int i = 0; i < program->nr; i++) {
		if (program->calls[i].thread)
			return true;
	}
	return false;
}

/* An orderly teardown is part of the test. */
void fuzz_process(const struct fuzz_program *program, enum fuzz_trace trace)
{
	bool two = has_second_thread(program);
	pthread_barrier_t barrier;
	pthread_t thread;

	run.program = program;
	run.first = getpid();
	run.stop = FUZZ_CALLS;
	fuzz_kcov_start(0, trace);
	fuzz_state_make(&run);
	fuzz_state_thread(&run, 0);
	if (two && (pthread_barrier_init(&barrier, NULL, 2) ||
		    pthread_create(&thread, NULL, second_thread, &barrier)))
		die("cannot start a thread");
	if (two)
		pthread_barrier_wait(&barrier);
	make_calls(&run, 0);
	if (two && getpid() == run.first)
		pthread_join(thread, NULL);
	fuzz_state_drop(&run);
	_exit(0);
}
