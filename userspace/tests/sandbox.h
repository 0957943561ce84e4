/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sandbox: a temporary directory of files that a test creates.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* must follow the four headers above */
#include <cmocka.h>

#include "compiler.h"

static char sandbox[64];

static inline int sandbox_setup(void **state)
{
	(void)state;
	snprintf(sandbox, sizeof(sandbox), "/tmp/pagebox-test.XXXXXX");
	if (!mkdtemp(sandbox))
		return -1;
	return setenv("PAGEBOX_DEBUGFS", sandbox, 1);
}

static inline int sandbox_teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", sandbox);
	return system(command);
}

/* Write a file, creating its directories. */
static inline void sandbox_bytes(const char *name, const void *bytes,
				 size_t size)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", sandbox, name);
	for (char *slash = path + strlen(sandbox) + 1;
	     (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static inline void sandbox_file(const char *name, const char *text)
{
	sandbox_bytes(name, text, strlen(text));
}

#endif /* SANDBOX_H */
