/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reach: get a file descriptor of a box.
 */
#ifndef REACH_H
#define REACH_H

#include "libpagebox.h"

int reach_new(struct pagebox_error *error);
int reach_box(__u32 id, struct pagebox_error *error);

#endif /* REACH_H */
