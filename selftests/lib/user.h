/* SPDX-License-Identifier: GPL-2.0 */
/* Users and capabilities. */
#ifndef PAGEBOX_LIB_USER_H
#define PAGEBOX_LIB_USER_H

#include <linux/capability.h>
#include <stdint.h>
#include <sys/types.h>

/* Two unprivileged users. */
#define SOMEBODY 1000
#define NOBODY 65534

#define CAP(name) (1ULL << (name))
#define ALL_CAPS (CAP(CAP_LAST_CAP + 1) - 1)

/* Changes the calling process to @uid, with @caps as its only capabilities. */
void become(uid_t uid, uint64_t caps);

/* A box opened by @owner, with only the capability to open it. */
int box_of(uid_t owner);

#endif /* PAGEBOX_LIB_USER_H */
