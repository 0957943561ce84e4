/* SPDX-License-Identifier: GPL-2.0 */
/* The harness of the kernel, for the first file of each test program. */
#ifndef PAGEBOX_LIB_HARNESS_H
#define PAGEBOX_LIB_HARNESS_H

#include "kselftest_harness.h"
#include "lib/test.h"

/*
 * How long a case may take, in seconds. The harness gives half a minute, which
 * is too little on a debug kernel in an emulator.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

static void __attribute__((constructor)) skip_without_module(void)
{
	need_module();
}

#endif /* PAGEBOX_LIB_HARNESS_H */
