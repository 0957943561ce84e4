// SPDX-License-Identifier: GPL-2.0
/* Users and capabilities; see user.h. */

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/test.h"
#include "lib/user.h"

void become(uid_t uid, uint64_t caps)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid) || syscall(SYS_capset, &header, data))
		die("cannot change to user %u", uid);
}

/* A box of @owner: a child opens it and passes the fd back. */
struct opening {
	uid_t owner;
	int socket;
};

static int open_as(void *context)
{
	struct opening *opening = context;

	become(opening->owner, CAP(CAP_DAC_OVERRIDE));
	send_fd(opening->socket, box_open());
	return 0;
}

int box_of(uid_t owner)
{
	struct opening opening = { .owner = owner };
	int sockets[2], box;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		die("socketpair");
	opening.socket = sockets[0];
	if (in_child(open_as, &opening))
		die("user %u cannot open a box", owner);
	box = receive_fd(sockets[1]);
	close(sockets[0]);
	close(sockets[1]);
	return box;
}
