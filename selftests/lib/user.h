/* SPDX-License-Identifier: GPL-2.0 */
/* Users and capabilities. */
#ifndef PAGEBOX_LIB_USER_H
#define PAGEBOX_LIB_USER_H

#include <linux/capability.h>
#include <stdint.h>
#include <sys/types.h>

/* Two users that are not root. */
#define SOMEBODY 1000
#define NOBODY 65534

#define CAP(name) (1ULL << (name))
#define ALL_CAPS (CAP(CAP_LAST_CAP + 1) - 1)

/* Makes the calling process @uid, with no capability but @caps. */
void become(uid_t uid, uint64_t caps);

/* A box that @owner has opened, with the right to open it and no other. */
int box_of(uid_t owner);

#endif /* PAGEBOX_LIB_USER_H */
