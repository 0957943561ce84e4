// SPDX-License-Identifier: GPL-2.0
/* Basics: messages, numbers, sizes, waiting; see test.h. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/test.h"

#define KSFT_FAIL 1
#define KSFT_SKIP 4

size_t page_size;

static __attribute__((constructor)) void set_page_size(void)
{
	page_size = sysconf(_SC_PAGESIZE);
}

void die(const char *fmt, ...)
{
	int error = errno;
	char text[1024];
	va_list args;

	fflush(stdout);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* One write, so that output of other processes does not mix with it. */
	dprintf(2, "# %s%s%s\n", text, error ? ": " : "",
		error ? strerror(error) : "");
	_exit(KSFT_FAIL);
}

void skip_program(const char *missing)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", missing);
	fflush(stdout);
	_exit(KSFT_SKIP);
}

void skip_case(const char *missing)
{
	fflush(stdout);
	dprintf(2, "# %s\n", missing);
	_exit(KSFT_SKIP);
}

void need_module(void)
{
	const char *missing = NULL;

	if (geteuid())
		missing = "be root";
	else if (access("/dev/pagebox", F_OK))
		missing = "load the module pagebox";
	if (missing)
		skip_program(missing);
}

uint32_t rnd(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 31)) * 0x7fb5d329728ea185ULL;
	value = (value ^ (value >> 27)) * 0x81dadef4bc2dd44dULL;
	return value ^ (value >> 33);
}

uint64_t parse_number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	errno = 0;
	if (end == text || *end)
		die("'%s' is not a number", text);
	return value;
}

uint64_t seed_given(void)
{
	const char *text = getenv("PAGEBOX_SEED");

	return text ? strtoull(text, NULL, 0) : 1;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && !strcmp(value, "1");
}

void show_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[4096];

	while (file && fgets(line, sizeof(line), file))
		fprintf(stderr, "# %s", line);
	if (file)
		fclose(file);
}

void write_text(const char *path, const char *fmt, ...)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[1024];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (fd < 0 || length >= (int)sizeof(text) ||
	    write(fd, text, length) != length)
		die("cannot write '%s' to %s", text, path);
	close(fd);
}

bool is_same(const void *a, const void *b, size_t size)
{
	return !memcmp(a, b, size);
}

bool full_size(void)
{
	return is_set("PAGEBOX_FULL");
}

bool slow_kernel(void)
{
	return is_set("PAGEBOX_SLOW");
}

bool small_size(void)
{
	return is_set("PAGEBOX_SMALL");
}

unsigned int reduced(unsigned int usual)
{
	return small_size() ? (usual + 63) / 64 : usual;
}

unsigned int sized(unsigned int usual, unsigned int full)
{
	if (full_size())
		return full;
	return slow_kernel() ? (usual + 3) / 4 : reduced(usual);
}

/* At 1 ms intervals. */
#define LOOKS_AT_FIRST 64

bool patience_left(struct patience *patience)
{
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	const char *given = getenv("PAGEBOX_PATIENCE");
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!patience->looks++)
		patience->begin = now;
	if (now.tv_sec - patience->begin.tv_sec >= (given ? atoi(given) : 60))
		return false;
	/* Long waits are polled less often. */
	if (patience->looks > LOOKS_AT_FIRST)
		pause.tv_nsec = 16 * 1000 * 1000;
	nanosleep(&pause, NULL);
	return true;
}

void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

/* Also NULL if the file is removed while it is read. */
char *file_text(const char *path)
{
	size_t room = 1 << 16, used = 0;
	char *text = malloc(room);
	ssize_t got = -1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && text &&
	       (got = read(fd, text + used, room - used - 1)) > 0) {
		used += got;
		if (room - used < 4096)
			text = realloc(text, room *= 2);
	}
	if (fd >= 0)
		close(fd);
	if (!text)
		die("no memory for %s", path);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[used] = '\0';
	return text;
}
