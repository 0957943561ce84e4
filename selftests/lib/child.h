/* SPDX-License-Identifier: GPL-2.0 */
/* Child processes, and file descriptors for them. */
#ifndef PAGEBOX_LIB_CHILD_H
#define PAGEBOX_LIB_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* fork() whose child is killed when this process ends. It does not fail. */
pid_t fork_tied(void);

typedef int (*serve_fn)(void *context, int command);

struct child {
	pid_t pid;
	int ask;
	int answer;
};

/* A child that runs @serve on each command until child_end(). */
struct child child_fork(serve_fn serve, void *context);
int child_ask(const struct child *child, int command);
void child_end(struct child *child);

/*
 * Runs @fn in a child. Returns its return value, or 256 + the signal that
 * killed it.
 */
int in_child(int (*fn)(void *context), void *context);

/* Whether child @pid has ended; it is not reaped. */
bool has_ended(pid_t pid);

/* Waits for @pid and returns what in_child() does. */
int child_status(pid_t pid);

/* Memory that a process shares with its children, all zero. It does not fail. */
void *shared_memory(size_t bytes);

/* Sends an fd through a socket, and receives one. */
void send_fd(int socket, int fd);
int receive_fd(int socket);

#endif /* PAGEBOX_LIB_CHILD_H */
