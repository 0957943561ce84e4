// SPDX-License-Identifier: GPL-2.0
/*
 * output: whether all that was printed has been written.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <unistd.h>

#include "output.h"

/**
 * output_begin() - the first thing that a program does
 *
 * A standard file that the caller has closed stays one that cannot be used: no
 * file that is opened later gets its number, and then the output.
 */
void output_begin(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/**
 * output_end() - the last thing that a program does
 * @status: its exit status so far
 *
 * Return: @status, or EXIT_FAILURE when something could not be written, also
 * earlier; then it says so.
 */
int output_end(int status)
{
	bool pending = __fpending(stdout);
	bool failed = ferror(stdout);

	errno = 0;
	/* One that was never open fails with EBADF: no matter if nothing was said. */
	if (fclose(stdout) && (pending || errno != EBADF))
		failed = true;
	if (!failed)
		return status;
	if (errno)
		warn("cannot write the output");
	else
		warnx("cannot write the output");
	return EXIT_FAILURE;
}
