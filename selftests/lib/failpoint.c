// SPDX-License-Identifier: GPL-2.0
/* Failpoints of the module; see failpoint.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/failpoint.h"
#include "lib/test.h"

#define FAILPOINTS "/sys/kernel/debug/pagebox/failpoints"

#define MISSING "load the module built with PAGEBOX_FAILPOINTS=1"

void need_failpoints(void)
{
	need_module();
	if (access(FAILPOINTS, F_OK))
		skip_program(MISSING);
}

int failpoint_error(const char *command)
{
	int fd = open(FAILPOINTS, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0 && errno == ENOENT)
		skip_case(MISSING);
	if (fd < 0)
		die(FAILPOINTS);
	if (write(fd, command, strlen(command)) < 0)
		error = errno;
	close(fd);
	return error;
}

void failpoint_set(const char *fmt, ...)
{
	char command[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	errno = failpoint_error(command);
	if (errno)
		die("failpoints: '%s'", command);
}

struct failpoint failpoint_state(const char *name)
{
	char *text = file_text(FAILPOINTS);
	struct failpoint point = {};
	char *save, *line;
	char seen[64];

	if (!text)
		die(FAILPOINTS);
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%63s %15s %lu %lu %lu %95[^\n]", seen,
			   point.kind, &point.hits, &point.done, &point.waiting,
			   point.setting) == 6 &&
		    !strcmp(seen, name)) {
			free(text);
			return point;
		}
	}
	errno = 0;
	die("no failpoint %s", name);
}

bool failpoint_waits(const char *name, unsigned long tasks)
{
	return eventually(failpoint_state(name).waiting == tasks);
}

void failpoint_go(const char *name)
{
	failpoint_set("%s go", name);
}

void failpoints_off(void)
{
	failpoint_set("all off");
}
