// SPDX-License-Identifier: GPL-2.0
/* The module and its parameters; see module.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/module.h"
#include "lib/test.h"

#define PARAMETERS "/sys/module/pagebox/parameters"

unsigned long module_param(const char *name)
{
	unsigned long value;
	char path[96];
	char *text;

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	text = file_text(path);
	if (!text)
		die("cannot read %s", path);
	value = strtoul(text, NULL, 0);
	free(text);
	return value;
}

void module_param_set(const char *name, unsigned long value)
{
	char path[96];

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	write_text(path, "%lu", value);
}

void module_parameters(char *text, size_t room)
{
	DIR *directory = opendir(PARAMETERS);
	struct dirent *entry;

	if (!directory)
		die("cannot read " PARAMETERS);
	*text = '\0';
	while ((entry = readdir(directory))) {
		size_t used = strlen(text);

		if (entry->d_name[0] != '.')
			snprintf(text + used, room - used, "%s=%lu ",
				 entry->d_name, module_param(entry->d_name));
	}
	closedir(directory);
}

bool module_is_unused(void)
{
	char *text = file_text("/sys/module/pagebox/refcnt");
	bool unused = text && !atoi(text);

	if (!text)
		die("the module is not loaded");
	free(text);
	return unused;
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

void module_load(const char *name, const char *parameters)
{
	const char *ko = getenv("PAGEBOX_KO");
	char path[512];
	int fd;

	errno = 0;
	if (!ko || !strrchr(ko, '/'))
		die("set PAGEBOX_KO to the path of pagebox.ko");
	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(ko, '/') - ko),
		 ko, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		die("finit_module of %s", path);
	close(fd);
}
