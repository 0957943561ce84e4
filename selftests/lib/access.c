// SPDX-License-Identifier: GPL-2.0
/* Accesses that may raise a signal; see access.h. */

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "lib/access.h"

static __thread sigjmp_buf after_signal;

static void leave_access(int signal)
{
	siglongjmp(after_signal, signal);
}

static int signal_of_access(void *address, bool write)
{
	static const int signals[] = { SIGBUS, SIGSEGV };
	struct sigaction action = { .sa_handler = leave_access };
	struct sigaction old[2];
	volatile char *byte = address;
	int signal;

	for (int i = 0; i < 2; i++)
		sigaction(signals[i], &action, &old[i]);
	signal = sigsetjmp(after_signal, 1);
	if (!signal) {
		if (write)
			*byte = 1;
		else
			(void)*byte;
	}
	for (int i = 0; i < 2; i++)
		sigaction(signals[i], &old[i], NULL);
	return signal;
}

int signal_of_read(const void *address)
{
	return signal_of_access((void *)address, false);
}

int signal_of_write(void *address)
{
	return signal_of_access(address, true);
}
