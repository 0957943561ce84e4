// SPDX-License-Identifier: GPL-2.0
/*
 * The initial state of a process under test: file descriptors of every kind,
 * places for mappings away from everything else, and buffers at the end of
 * mapped memory. See fuzz.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "kselftest.h"
#include "lib/box.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define ARENA_PAGES 4
#define FILE_PAGES 12
#define SWAP_PAGES 64
#define WINDOWS 0x100000000000UL

__thread sigjmp_buf fuzz_escape;
__thread volatile bool fuzz_is_guarded;
static __thread unsigned int this_thread;

/* --- memory --- */

char *fuzz_window(unsigned int map)
{
	return (char *)(WINDOWS + map * FUZZ_WINDOW);
}

/* Invalid addresses: unmapped, of the kernel, of the last user page. */
static const uint64_t no_mappings[] = {
	0,
	0x1000,
	0xffffffff81000000,
	0xffff888000000000,
	0x8000000000000000,
	0x7fffffffe000,
	0x7ffffffff000,
	0xfffffffffffff000,
};

char *fuzz_address(uint64_t map, uint64_t at)
{
	if (map < FUZZ_MAPS)
		return fuzz_window(map) + at % FUZZ_WINDOW;
	return (char *)no_mappings[map % ARRAY_SIZE(no_mappings)];
}

uint64_t fuzz_length(uint64_t map, uint64_t at, uint64_t length)
{
	uint64_t most = FUZZ_WINDOW - at % FUZZ_WINDOW;

	if (map >= FUZZ_MAPS)
		most = 0x1000;
	return length < most ? length : most;
}

static void make_arena(struct fuzz_thread *thread)
{
	int page = memfd_create("read-only", 0);

	thread->arena = mmap(NULL, (ARENA_PAGES + 1) * page_size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page < 0 || ftruncate(page, page_size) ||
	    thread->arena == MAP_FAILED ||
	    mprotect(thread->arena, ARENA_PAGES * page_size,
		     PROT_READ | PROT_WRITE))
		die("cannot make an arena");
	thread->read_only =
		mmap(NULL, page_size, PROT_READ, MAP_SHARED, page, 0);
	thread->alias = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
			     MAP_SHARED, page, 0);
	if (thread->read_only == MAP_FAILED || thread->alias == MAP_FAILED)
		die("cannot make a page that is read only");
	close(page);
}

unsigned int fuzz_thread_nr(void)
{
	return this_thread;
}

struct fuzz_thread *fuzz_this_thread(struct fuzz_run *run)
{
	return &run->threads[this_thread];
}

/* @writable is set to an address through which the returned one is filled. */
static char *address_of(struct fuzz_run *run, uint64_t place, size_t known,
			size_t room, char **writable)
{
	const struct fuzz_thread *thread = fuzz_this_thread(run);
	char *end = thread->arena + ARENA_PAGES * page_size;
	char *at;

	switch (place % FUZZ_PLACES) {
	case FUZZ_PLACE_GOOD:
		at = thread->arena;
		break;
	case FUZZ_PLACE_END:
		at = end - room;
		break;
	case FUZZ_PLACE_CUT:
		at = end - known / 2;
		break;
	case FUZZ_PLACE_READ_ONLY:
		*writable = thread->alias;
		return thread->read_only;
	case FUZZ_PLACE_ODD:
		at = thread->arena + 1;
		break;
	case FUZZ_PLACE_NULL:
		at = fuzz_address(FUZZ_MAPS, 0);
		break;
	case FUZZ_PLACE_KERNEL:
		at = fuzz_address(FUZZ_MAPS + 3, 0);
		break;
	case FUZZ_PLACE_NOWHERE:
		at = fuzz_address(FUZZ_MAPS + 4, 0);
		break;
	default:
		at = fuzz_window(place % FUZZ_PLACES - FUZZ_PLACE_MAPS) + 0x10;
		break;
	}
	*writable = at;
	return at;
}

void *fuzz_put(struct fuzz_run *run, uint64_t place, const void *bytes,
	       size_t known, uint64_t size)
{
	size_t room = size > known && size <= 2 * page_size ? size : known;
	char *writable, *at = address_of(run, place, known, room, &writable);

	if (FUZZ_GUARDED()) {
		memcpy(writable, bytes, known);
		if (writable != fuzz_this_thread(run)->alias)
			memset(writable + known, 0, room - known);
		fuzz_unguard();
	}
	return at;
}

/* --- signals --- */

void fuzz_unguard(void)
{
	fuzz_is_guarded = false;
}

/* A program may have made this process's own memory unusable. */
static void on_signal(int signal)
{
	if (!fuzz_is_guarded)
		_exit(128 + signal);
	fuzz_is_guarded = false;
	siglongjmp(fuzz_escape, signal);
}

void fuzz_state_thread(struct fuzz_run *run, unsigned int thread)
{
	static const int signals[] = { SIGBUS, SIGSEGV };
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_ONSTACK };
	stack_t stack = { .ss_size = 64 * 1024 };

	this_thread = thread;
	make_arena(&run->threads[thread]);
	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL))
		die("sigaltstack");
	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

/* --- file descriptors --- */

int fuzz_fd(const struct fuzz_run *run, uint64_t fd)
{
	return fd < FUZZ_FDS ? run->fd[fd] : (int)fd;
}

/* The previous fd of the slot is closed, to limit their number. */
void fuzz_result(struct fuzz_run *run, uint64_t to, int fd)
{
	unsigned int slot = FUZZ_FD_RESULTS + to % (FUZZ_FDS - FUZZ_FD_RESULTS);
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&run->fd[slot], fd, __ATOMIC_ACQ_REL);
	if (old >= 0)
		close(old);
}

static int again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static int file_of(size_t pages)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, pages * page_size))
		die("cannot make a file");
	return fd;
}

/* Every second page is a hole, and the file ends within a page. */
static int make_store(void)
{
	int fd = file_of(FILE_PAGES);
	char page[page_size];

	for (size_t i = 0; i < FILE_PAGES; i += 2) {
		memset(page, 'a' + i, sizeof(page));
		if (pwrite(fd, page, sizeof(page) - (i > 8 ? 100 : 0),
			   i * page_size) < 0)
			die("cannot fill a file");
	}
	if (ftruncate(fd, (FILE_PAGES - 1) * page_size - 100))
		die("ftruncate");
	return fd;
}

/* Only the test VM's scratch disk, which its serial number identifies. */
static int open_disk(void)
{
	char serial[32] = "", path[64];
	glob_t found;
	int fd = -1;

	if (glob("/sys/block/vd*/serial", 0, NULL, &found))
		return -1;
	for (size_t i = 0; fd < 0 && i < found.gl_pathc; i++) {
		FILE *file = fopen(found.gl_pathv[i], "re");

		if (!file)
			continue;
		if (fgets(serial, sizeof(serial), file) &&
		    !strncmp(serial, "pagebox-scratch-", 16)) {
			snprintf(path, sizeof(path), "/dev/%.3s",
				 found.gl_pathv[i] + strlen("/sys/block/"));
			fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		}
		fclose(file);
	}
	globfree(&found);
	return fd;
}

static int disk = -1;

void fuzz_state_prepare(void)
{
	if (disk < 0)
		disk = open_disk();
}

static void open_boxes(struct fuzz_run *run)
{
	struct pagebox_config few = { .size = sizeof(few),
				      .set = PAGEBOX_SET_FRAMES,
				      .frames = 8 };
	int door = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);

	run->fd[FUZZ_FD_BOX] = box_open();
	run->fd[FUZZ_FD_OTHER] = box_open();
	/* few frames, so that most programs evict */
	if (door < 0 ||
	    ioctl(run->fd[FUZZ_FD_BOX], PAGEBOX_IOC_CONFIGURE, &few))
		die("cannot make a box");
	run->fd[FUZZ_FD_READ_ONLY] =
		box_join(door, box_info(run->fd[FUZZ_FD_BOX]).id);
	close(door);
	run->fd[FUZZ_FD_PATH] = open(PAGEBOX_DEVICE, O_PATH | O_CLOEXEC);
}

static void open_files(struct fuzz_run *run)
{
	int store = make_store();

	run->fd[FUZZ_FD_FILE] = store;
	run->fd[FUZZ_FD_FILE_READ_ONLY] = again(store, O_RDONLY);
	run->fd[FUZZ_FD_FILE_WRITE_ONLY] = again(store, O_WRONLY);
	run->fd[FUZZ_FD_FILE_APPEND] = again(store, O_RDWR | O_APPEND);
	run->fd[FUZZ_FD_SWAP_FILE] = file_of(SWAP_PAGES);
	run->fd[FUZZ_FD_DISK] = disk < 0 ? -1 : dup(disk);
	run->fd[FUZZ_FD_DIRECTORY] = open("/", O_RDONLY | O_DIRECTORY);
	run->fd[FUZZ_FD_ZERO] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	run->fd[FUZZ_FD_SOCKET] =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

/* --- setup and teardown --- */

static void limit(int what, rlim_t most)
{
	struct rlimit rlimit = { .rlim_cur = most, .rlim_max = most };

	if (setrlimit(what, &rlimit))
		die("setrlimit");
}

/* The process is killed with its parent, and first if memory runs out. */
static void be_modest(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1000", 4) != 4 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL))
		die("cannot limit the process");
	close(fd);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 128);
	limit(RLIMIT_FSIZE, 1UL << 30);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

void fuzz_state_make(struct fuzz_run *run)
{
	int pipes[2];

	be_modest();
	for (int i = 0; i < FUZZ_FDS; i++)
		run->fd[i] = -1;
	run->debugfs = open("/sys/kernel/debug/pagebox",
			    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run->debugfs < 0 || pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		die("cannot open debugfs");
	run->fd[FUZZ_FD_PIPE_OUT] = pipes[0];
	run->fd[FUZZ_FD_PIPE_IN] = pipes[1];
	open_boxes(run);
	open_files(run);
	run->fd[FUZZ_FD_CLOSED] = dup(pipes[0]);
	close(run->fd[FUZZ_FD_CLOSED]);
}

void fuzz_state_drop(struct fuzz_run *run)
{
	munmap(fuzz_window(0), FUZZ_MAPS * FUZZ_WINDOW);
	for (int i = 0; i < FUZZ_FDS; i++)
		close(run->fd[i]);
}
