// SPDX-License-Identifier: GPL-2.0
/* Child processes; see child.h. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/test.h"

#define CHILD_ENDS (-1)

static void read_int(int fd, int *value)
{
	if (read(fd, value, sizeof(*value)) != sizeof(*value))
		die("the other process has exited");
}

static void write_int(int fd, int value)
{
	if (write(fd, &value, sizeof(value)) != sizeof(value))
		die("cannot write to a pipe");
}

static void __attribute__((noreturn))
child_run(serve_fn serve, void *context, int in, int out)
{
	int command;

	for (;;) {
		read_int(in, &command);
		if (command == CHILD_ENDS)
			_exit(0);
		write_int(out, serve(context, command));
	}
}

/* If the parent has already exited, no signal is sent. */
pid_t fork_tied(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

struct child child_fork(serve_fn serve, void *context)
{
	struct child child;
	int down[2], up[2];

	if (pipe(down) || pipe(up))
		die("pipe");
	/* A child that has exited must be reported, not kill this process. */
	signal(SIGPIPE, SIG_IGN);
	child.pid = fork_tied();
	if (!child.pid) {
		close(down[1]);
		close(up[0]);
		child_run(serve, context, down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	child.ask = down[1];
	child.answer = up[0];
	return child;
}

bool has_ended(pid_t pid)
{
	siginfo_t info = {};

	if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT))
		die("waitid");
	return info.si_pid;
}

int child_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void __attribute__((noreturn)) child_has_gone(const struct child *child)
{
	int status = child_status(child->pid);

	errno = 0;
	if (status > 256)
		die("child %d was killed by signal %d", child->pid,
		    status - 256);
	die("child %d ended with %d", child->pid, status);
}

int child_ask(const struct child *child, int command)
{
	int answer;

	if (write(child->ask, &command, sizeof(command)) != sizeof(command) ||
	    read(child->answer, &answer, sizeof(answer)) != sizeof(answer))
		child_has_gone(child);
	return answer;
}

void child_end(struct child *child)
{
	int status;

	write_int(child->ask, CHILD_ENDS);
	status = child_status(child->pid);
	close(child->ask);
	close(child->answer);
	errno = 0;
	if (status)
		die("child %d ended with %d", child->pid, status);
}

void *shared_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("no shared memory");
	return memory;
}

int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 ||
	    !CMSG_FIRSTHDR(&message))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec data = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	if (sendmsg(socket, &message, 0) != 1)
		die("sendmsg");
}

int in_child(int (*fn)(void *context), void *context)
{
	pid_t pid = fork_tied();

	if (!pid)
		_exit(fn(context));
	return child_status(pid);
}
