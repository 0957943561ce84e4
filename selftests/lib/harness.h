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

/* What a case has open or mapped goes with its process. */
#define NO_TEARDOWN(fixture_name)      \
	FIXTURE_TEARDOWN(fixture_name) \
	{                              \
	}

/* A fixture of which only the variants matter. */
#define NO_SETUP(fixture_name)      \
	FIXTURE_SETUP(fixture_name) \
	{                           \
	}

static void __attribute__((constructor)) skip_without_module(void)
{
	need_module();
}

#endif /* PAGEBOX_LIB_HARNESS_H */
