// SPDX-License-Identifier: GPL-2.0
/* /proc of the calling process; see proc.h. */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc.h"
#include "lib/test.h"

#define PAGEMAP "/proc/self/pagemap"

long proc_sum(const char *path, const char *format)
{
	FILE *file = fopen(path, "r");
	long sum = 0, value;
	bool found = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, format, &value) == 1) {
			sum += value;
			found = true;
		}
	}
	if (!found)
		die("%s has no number like %s", path, format);
	fclose(file);
	return sum;
}

/* Frees objects that KASAN holds in quarantine, too. */
static void shrink_slabs(void)
{
	glob_t caches;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches))
		return;
	for (size_t i = 0; i < caches.gl_pathc; i++) {
		FILE *file = fopen(caches.gl_pathv[i], "w");

		if (file) {
			fputs("1", file);
			fclose(file);
		}
	}
	globfree(&caches);
}

long available_kb(void)
{
	shrink_slabs();
	return proc_sum("/proc/meminfo", "MemAvailable: %ld") +
	       proc_sum("/proc/zoneinfo", " count: %ld") * (page_size / 1024);
}

static char *task_text(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return file_text(path);
}

char task_state(pid_t pid)
{
	char *text = task_text(pid, "stat");
	char *name_end = text ? strrchr(text, ')') : NULL;
	char state = name_end ? name_end[2] : 0;

	free(text);
	return state;
}

/* The file has no number while the task runs. */
long task_call(pid_t tid)
{
	char *text = task_text(tid, "syscall");
	long call = -1;

	if (text)
		sscanf(text, "%ld", &call);
	free(text);
	return call;
}

uint64_t pagemap(const void *address)
{
	off_t at = (uintptr_t)address / page_size * sizeof(uint64_t);
	int fd = open(PAGEMAP, O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		die(PAGEMAP);
	close(fd);
	return entry;
}

/* The line of @path that begins with a range containing @address. */
static char *line_of_range(char *text, const void *address)
{
	unsigned long start, end;
	char *line = text;

	while (line) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 &&
		    start <= (uintptr_t)address && (uintptr_t)address < end)
			return line;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	errno = 0;
	die("no mapping at %p", address);
}

long smaps_kb(const void *address, const char *field)
{
	char *text = file_text("/proc/self/smaps");
	char key[64];
	char *at;
	long kb;

	if (!text)
		die("/proc/self/smaps");
	snprintf(key, sizeof(key), "\n%s:", field);
	at = strstr(line_of_range(text, address), key);
	if (!at)
		die("smaps has no %s", field);
	kb = strtol(at + strlen(key), NULL, 10);
	free(text);
	return kb;
}

const char *maps_line(const void *address)
{
	static char copy[512];
	char *text = file_text("/proc/self/maps");

	if (!text)
		die("/proc/self/maps");
	snprintf(copy, sizeof(copy), "%s", line_of_range(text, address));
	copy[strcspn(copy, "\n")] = '\0';
	free(text);
	return copy;
}
