// SPDX-License-Identifier: GPL-2.0
/*
 * output: detect output that could not be written.
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
 * output_begin() - reserve the standard file descriptors
 *
 * Programs call this first. It opens a placeholder for each standard file
 * descriptor that is closed, so that no file opened later gets its number and
 * receives the output. Writing to the placeholder fails.
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
 * output_end() - flush and close standard output
 * @status: exit status so far
 *
 * Programs call this last. It prints a message if any output could not be
 * written.
 *
 * Return: @status, or EXIT_FAILURE if any output could not be written.
 */
int output_end(int status)
{
	bool pending = __fpending(stdout);
	bool failed = ferror(stdout);

	errno = 0;
	/* EBADF: stdout was never open, which is fine if nothing was printed. */
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
