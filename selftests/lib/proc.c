// SPDX-License-Identifier: GPL-2.0
/* /proc of the calling process; see proc.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc.h"
#include "lib/test.h"

#define PAGEMAP "/proc/self/pagemap"

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

/* The line of @path that begins with a range that holds @address. */
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
