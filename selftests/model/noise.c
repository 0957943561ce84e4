// SPDX-License-Identifier: GPL-2.0
/*
 * Noise: operations that must not change contents, done concurrently with the
 * threads that take turns. They may allocate pages of the root view, and have
 * no other lasting effect.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/debugfs.h"
#include "lib/test.h"
#include "model.h"
#include "pagebox.h"

/* run->busy[]: one for each process, two for the separate threads. */
#define BESIDE PROCS

struct noise {
	unsigned int who;
	uint64_t seed;
};

static uint32_t below(struct noise *n, uint32_t limit)
{
	return rnd(&n->seed) % limit;
}

/* --- separate threads --- */

static void configure(int fd, struct pagebox_config config)
{
	config.size = sizeof(config);
	/* EBUSY and the like are expected. */
	ioctl(fd, PAGEBOX_IOC_CONFIGURE, &config);
}

static void noise_frames(struct noise *n, unsigned int box)
{
	configure(run->fd[box],
		  (struct pagebox_config){ .set = PAGEBOX_SET_FRAMES,
					   .frames = 8 + below(n, 32) });
}

static void noise_policy(struct noise *n, unsigned int box)
{
	static const char *const names[] = { "clock", "fifo", "random", "lru" };
	struct pagebox_config config = { .set = PAGEBOX_SET_POLICY };

	snprintf(config.policy, sizeof(config.policy), "%s",
		 names[below(n, 4)]);
	configure(run->fd[box], config);
}

static void noise_swap(struct noise *n, unsigned int box)
{
	int file = -1;

	if (below(n, 2))
		file = swap_file();
	configure(run->fd[box],
		  (struct pagebox_config){
			  .set = PAGEBOX_SET_SWAP,
			  .swap_fd = file < 0 ? PAGEBOX_FD_RAM : file });
	if (file >= 0)
		close(file);
}

static void noise_tune(struct noise *n, unsigned int box)
{
	configure(run->fd[box],
		  (struct pagebox_config){ .set = PAGEBOX_SET_READAHEAD |
						  PAGEBOX_SET_SWAPPINESS |
						  PAGEBOX_SET_DIRTY |
						  PAGEBOX_SET_REFERENCES,
					   .references = below(n, 4),
					   .readahead = below(n, 9),
					   .swappiness = below(n, 201),
					   .dirty_age_ms = 1 + below(n, 200),
					   .dirty_ratio = below(n, 101) });
}

static void noise_range(struct noise *n, unsigned int box)
{
	struct pagebox_range range = {
		.size = sizeof(range),
		.start = below(n, PAGES / 2) * MODEL_PAGE,
		.length = (1 + below(n, PAGES / 2)) * MODEL_PAGE,
	};

	ioctl(run->fd[box],
	      below(n, 2) ? PAGEBOX_IOC_PREFETCH : PAGEBOX_IOC_PAGE_OUT,
	      &range);
}

static void noise_debugfs(struct noise *n, unsigned int box)
{
	static const char *const names[] = { "summary", "stats", "frames",
					     "maps" };
	char name[32];

	free(debugfs_text(run->id[box], names[below(n, 4)]));
	snprintf(name, sizeof(name), "%u/pages", 1 + below(n, 20));
	free(debugfs_text(run->id[box], name));
}

static void noise_sync(struct noise *n, unsigned int box)
{
	if (below(n, 2))
		fsync(run->fd[box]);
	else
		posix_fadvise(run->fd[box], below(n, PAGES) * MODEL_PAGE,
			      below(n, PAGES) * MODEL_PAGE,
			      below(n, 2) ? POSIX_FADV_DONTNEED :
					    POSIX_FADV_WILLNEED);
}

static void noise_read(struct noise *n, unsigned int box)
{
	char buffer[256];

	(void)!pread(run->fd[box], buffer, sizeof(buffer),
		     below(n, PAGES) * MODEL_PAGE + below(n, MODEL_PAGE));
}

/* A short-lived mapping; its writes are private. */
static void noise_map(struct noise *n, unsigned int box)
{
	int flags = below(n, 2) ? MAP_SHARED : MAP_PRIVATE;
	size_t length = (1 + below(n, 16)) * MODEL_PAGE;
	char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, flags,
			 run->fd[box], below(n, PAGES) * MODEL_PAGE);

	if (map == MAP_FAILED)
		return;
	madvise(map, length,
		flags == MAP_PRIVATE && below(n, 2) ? MADV_POPULATE_WRITE :
						      MADV_POPULATE_READ);
	msync(map, length, MS_SYNC);
	munmap(map, length);
}

/* Reads the memory of a process of the program. */
static void noise_peek(struct noise *n, unsigned int box)
{
	char buffer[64];
	struct iovec local = { buffer, sizeof(buffer) };
	struct iovec remote = { address_of(below(n, SLOTS)) +
					below(n, MODEL_PAGE),
				sizeof(buffer) };
	pid_t pid = run->pid[below(n, PROCS)];

	(void)box;
	if (pid)
		(void)!process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

typedef void (*beside_fn)(struct noise *n, unsigned int box);

static void beside(struct noise *n)
{
	static const beside_fn acts[] = {
		noise_frames, noise_policy, noise_swap,	 noise_tune,
		noise_range,  noise_range,  noise_range, noise_debugfs,
		noise_sync,   noise_read,   noise_map,	 noise_peek,
		noise_peek,
	};
	unsigned int box = below(n, BOXES);

	if (run->model.box[box].used)
		acts[below(n, sizeof(acts) / sizeof(*acts))](n, box);
}

/* --- inside a process of the program --- */

static void *some_address(struct noise *n, size_t *length)
{
	unsigned int at = below(n, SLOTS);

	*length = (1 + below(n, 8)) * MODEL_PAGE;
	return address_of(at);
}

static void noise_advise(struct noise *n)
{
	static const int advice[] = { MADV_POPULATE_READ, MADV_POPULATE_READ,
				      MADV_DONTNEED,	  MADV_WILLNEED,
				      MADV_COLD,	  MADV_PAGEOUT };
	size_t length;
	void *address = some_address(n, &length);

	madvise(address, length, advice[below(n, 6)]);
}

static void noise_page_out(struct noise *n)
{
	struct pagebox_range range = { .size = sizeof(range),
				       .flags = PAGEBOX_RANGE_ADDRESS };
	unsigned int box = below(n, BOXES);
	size_t length;

	range.start = (uintptr_t)some_address(n, &length);
	range.length = length;
	if (run->model.box[box].used)
		ioctl(run->fd[box],
		      below(n, 2) ? PAGEBOX_IOC_PREFETCH : PAGEBOX_IOC_PAGE_OUT,
		      &range);
}

static void noise_msync(struct noise *n)
{
	size_t length;
	void *address = some_address(n, &length);
	unsigned char residency[16];

	if (below(n, 2))
		msync(address, length, MS_SYNC);
	else
		mincore(address, length, residency);
}

struct area {
	uintptr_t start;
	uintptr_t end;
};

static void end_child(int signal)
{
	(void)signal;
	_exit(0);
}

/* The private and writable mappings of this process in the program's range. */
static unsigned int own_areas(struct area *area, unsigned int most)
{
	static char text[32768];
	unsigned long start, end;
	unsigned int nr = 0;
	size_t used = 0;
	ssize_t got;
	char perms[8];
	int fd = open("/proc/self/maps", O_RDONLY);

	while ((got = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += got;
	close(fd);
	text[used] = '\0';
	for (char *line = text; line && *line && nr < most;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) == 3 &&
		    start >= (uintptr_t)address_of(0) &&
		    end <= (uintptr_t)address_of(SLOTS) && perms[1] == 'w' &&
		    perms[3] == 'p')
			area[nr++] = (struct area){ start, end };
	}
	return nr;
}

/* After a write, a private page belongs to the child and does not change. */
static void live_for_a_moment(struct noise *n)
{
	static char copy[MODEL_PAGE];
	static struct area areas[64];
	unsigned int nr;

	signal(SIGSEGV, end_child);
	signal(SIGBUS, end_child);
	nr = own_areas(areas, 64);
	for (unsigned int i = 0; nr && i < 4; i++) {
		struct area *area = &areas[below(n, nr)];
		char *page = (char *)area->start +
			     below(n, (area->end - area->start) / MODEL_PAGE) *
				     MODEL_PAGE;

		page[below(n, MODEL_PAGE)] += 1;
		memcpy(copy, page, MODEL_PAGE);
		sched_yield();
		if (memcmp(copy, page, MODEL_PAGE))
			run_fail("a page of a child's own has changed, at %p",
				 page);
	}
}

static void noise_fork(struct noise *n)
{
	pid_t pid = fork();

	if (!pid) {
		live_for_a_moment(n);
		_exit(0);
	}
	/* SIGCHLD is ignored: this waits for the exit, and fails. */
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

typedef void (*inside_fn)(struct noise *n);

static void inside(struct noise *n)
{
	static const inside_fn acts[] = {
		noise_advise, noise_advise, noise_page_out,
		noise_msync,  noise_fork,
	};

	acts[below(n, 5)](n);
}

/* --- both --- */

static void act(struct noise *n)
{
	if (n->who < BESIDE)
		inside(n);
	else
		beside(n);
	__atomic_fetch_add(&run->noises, 1, __ATOMIC_RELAXED);
}

static uint64_t progress(void)
{
	return __atomic_load_n(&run->operations, __ATOMIC_RELAXED) +
	       __atomic_load_n(&run->accesses, __ATOMIC_RELAXED);
}

/*
 * Noise must let the program make progress; the longer it takes, the less it
 * may be delayed by readers.
 */
static void let_program_go_on(struct noise *n)
{
	uint64_t until = progress() + below(n, 12);
	unsigned int us = 100;

	while (!run_over() && progress() < until &&
	       !__atomic_load_n(&run->quiet, __ATOMIC_SEQ_CST)) {
		usleep(us);
		us = us < 10000 ? 2 * us : us;
	}
}

static void *noise_loop(void *context)
{
	struct noise *n = context;
	unsigned int *busy = &run->busy[n->who];

	while (!run_over() && !kill(run->supervisor, 0)) {
		let_program_go_on(n);
		__atomic_store_n(busy, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&run->quiet, __ATOMIC_SEQ_CST)) {
			__atomic_store_n(busy, 0, __ATOMIC_SEQ_CST);
			usleep(5000);
			continue;
		}
		act(n);
		__atomic_store_n(busy, 0, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static struct noise *noise_new(unsigned int who)
{
	struct noise *n = malloc(sizeof(*n));

	if (!n)
		die("malloc");
	n->who = who;
	n->seed = who * 7919 + run->id[0] + 1;
	return n;
}

void noise_start_inside(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	if (pthread_create(&thread, &attr, noise_loop, noise_new(self_proc)))
		run_fail("pthread_create: %s", strerror(errno));
}

void noise_start_beside(void)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	if (pthread_create(&thread, NULL, noise_loop, noise_new(BESIDE)))
		die("pthread_create");
	noise_loop(noise_new(BESIDE + 1));
	pthread_join(thread, NULL);
	_exit(0);
}

static bool all_quiet(void)
{
	for (unsigned int i = 0; i < PROCS + 2; i++) {
		if (i < PROCS && !run->model.proc[i].alive)
			continue;
		if (__atomic_load_n(&run->busy[i], __ATOMIC_SEQ_CST))
			return false;
	}
	return true;
}

void noise_quiet(void)
{
	__atomic_store_n(&run->quiet, 1, __ATOMIC_SEQ_CST);
	if (!eventually(all_quiet()))
		run_fail("the noise does not stop");
}

void noise_resume(void)
{
	__atomic_store_n(&run->quiet, 0, __ATOMIC_SEQ_CST);
}
