// SPDX-License-Identifier: GPL-2.0
/*
 * Measure the cost of page faults on a box and on a memfd, in the same boot.
 *
 * Meant for a VM whose clock advances by a nanosecond per guest instruction
 * (scripts/vm --icount): the results are then instructions per page, and exactly
 * reproducible. Elsewhere they are nanoseconds, and only the ratios are useful.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libpagebox.h"
#include "output.h"

#define PAGES 1024
#define ROUNDS 5

static size_t page_size;

static void die(const char *what)
{
	fprintf(stderr, "pagebox-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static volatile char *map_pages(int fd, int flags)
{
	void *p = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, flags,
		       fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void drop(volatile char *p)
{
	if (madvise((void *)p, PAGES * page_size, MADV_DONTNEED))
		die("madvise");
}

static uint64_t write_all(volatile char *p)
{
	uint64_t start = now();

	for (size_t i = 0; i < PAGES; i++)
		p[i * page_size] = 1;
	return (now() - start) / PAGES;
}

static uint64_t read_all(volatile char *p)
{
	uint64_t start = now();

	for (size_t i = 0; i < PAGES; i++)
		(void)p[i * page_size];
	return (now() - start) / PAGES;
}

static int open_box(uint32_t frames)
{
	struct pagebox_config config = {
		.size = sizeof(config),
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_BYTES,
		.frames = frames,
		.bytes = PAGES * page_size,
	};
	int fd = open("/dev/pagebox", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/pagebox");
	if (pagebox_configure(fd, &config))
		die("configure");
	return fd;
}

static int open_memfd(uint32_t frames)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	(void)frames;
	if (fd < 0 || ftruncate(fd, PAGES * page_size))
		die("memfd");
	return fd;
}

typedef int (*opener)(uint32_t frames);

static uint64_t first_touch(opener o)
{
	int fd = o(PAGES);
	volatile char *p = map_pages(fd, MAP_SHARED);
	uint64_t cost = write_all(p);

	munmap((void *)p, PAGES * page_size);
	close(fd);
	return cost;
}

static uint64_t minor(opener o, uint64_t (*touch)(volatile char *p))
{
	int fd = o(PAGES);
	volatile char *p = map_pages(fd, MAP_SHARED);
	uint64_t cost;

	write_all(p);
	drop(p);
	cost = touch(p);
	munmap((void *)p, PAGES * page_size);
	close(fd);
	return cost;
}

static uint64_t minor_write(opener o)
{
	return minor(o, write_all);
}

static uint64_t minor_read(opener o)
{
	return minor(o, read_all);
}

/* After fork, a child writes to every page of a private mapping. */
static uint64_t cow(opener o)
{
	int fd = o(2 * PAGES);
	volatile char *p = map_pages(fd, MAP_PRIVATE);
	uint64_t cost = 0;
	int pipefd[2];
	pid_t pid;

	write_all(p);
	if (pipe(pipefd))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		cost = write_all(p);
		_exit(write(pipefd[1], &cost, sizeof(cost)) != sizeof(cost));
	}
	if (read(pipefd[0], &cost, sizeof(cost)) != sizeof(cost))
		die("no answer from the child");
	waitpid(pid, NULL, 0);
	close(pipefd[0]);
	close(pipefd[1]);
	munmap((void *)p, PAGES * page_size);
	close(fd);
	return cost;
}

/* Write dirty pages through half as many frames: each access evicts one. */
static uint64_t thrash(opener o)
{
	int fd = o(PAGES / 2);
	volatile char *p = map_pages(fd, MAP_SHARED);
	uint64_t cost;

	write_all(p);
	cost = write_all(p);
	munmap((void *)p, PAGES * page_size);
	close(fd);
	return cost;
}

/* Frames of a box for one revolution; enough for the largest batches. */
#define USED 4096

/*
 * All frames hold pages in use when one more page is touched: the hand gives each
 * a second chance and evicts one, then the program touches the others again.
 * Return: the cost per page in use.
 */
static uint64_t revolution(uint32_t references)
{
	struct pagebox_config config = {
		.size = sizeof(config),
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_REFERENCES,
		.frames = USED,
		.references = references,
	};
	size_t bytes = (USED + 1) * page_size;
	volatile char *p;
	uint64_t start;
	int fd = open("/dev/pagebox", O_RDWR | O_CLOEXEC);

	if (fd < 0 || pagebox_configure(fd, &config))
		die("/dev/pagebox");
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < USED; i++)
		p[i * page_size] = 1;
	start = now();
	p[USED * page_size] = 1;
	/* Skip the pages that may have been evicted. */
	for (size_t i = PAGEBOX_MAX_READAHEAD; i < USED; i++)
		p[i * page_size] = 1;
	start = now() - start;
	munmap((void *)p, bytes);
	close(fd);
	return start / USED;
}

static uint64_t best(uint64_t (*run)(opener o), opener o)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t cost = run(o);

		if (cost < least)
			least = cost;
	}
	return least;
}

static void compare(const char *what, uint64_t (*run)(opener o))
{
	uint64_t box = best(run, open_box);
	uint64_t memfd = best(run, open_memfd);

	printf("%-28s %8ju %8ju %7.2f\n", what, (uintmax_t)box,
	       (uintmax_t)memfd, (double)box / memfd);
}

int main(void)
{
	output_begin();
	page_size = sysconf(_SC_PAGESIZE);
	printf("%-28s %8s %8s %7s\n", "per page", "pagebox", "memfd", "ratio");
	compare("first touch, write", first_touch);
	compare("minor fault, write", minor_write);
	compare("minor fault, read", minor_read);
	compare("copy-on-write after fork", cow);
	printf("%-28s %8ju %8s %7s\n", "evict dirty and swap in",
	       (uintmax_t)best(thrash, open_box), "-", "-");
	printf("%-28s %8ju %8s %7s\n", "revolution, hardware",
	       (uintmax_t)revolution(PAGEBOX_REFERENCES_HARDWARE), "-", "-");
	printf("%-28s %8ju %8s %7s\n", "revolution, exact",
	       (uintmax_t)revolution(PAGEBOX_REFERENCES_EXACT), "-", "-");
	return output_end(EXIT_SUCCESS);
}
