// SPDX-License-Identifier: GPL-2.0
/* userfaultfd; see uffd.h. */

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/test.h"
#include "lib/uffd.h"

int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0)
		die("userfaultfd");
	if (ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		return -1;
	}
	return uffd;
}

int uffd_register(int uffd, char *map, size_t pages, uint64_t mode)
{
	struct uffdio_register range = {
		.range = { (uintptr_t)map, pages * page_size },
		.mode = mode,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &range) ? errno : 0;
}
