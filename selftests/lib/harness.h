/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's test harness, for the first file of each test program. */
#ifndef PAGEBOX_LIB_HARNESS_H
#define PAGEBOX_LIB_HARNESS_H

#include "kselftest_harness.h"
#include "lib/test.h"

/*
 * Time limit of a case in seconds. The harness allows 30 s, which is too little
 * on a debug kernel in an emulator.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

/* Open files and mappings of a case end with its process. */
#define NO_TEARDOWN(fixture_name)      \
	FIXTURE_TEARDOWN(fixture_name) \
	{                              \
	}

/* A fixture that exists only for its variants. */
#define NO_SETUP(fixture_name)      \
	FIXTURE_SETUP(fixture_name) \
	{                           \
	}

static void __attribute__((constructor)) skip_without_module(void)
{
	need_module();
}

#endif /* PAGEBOX_LIB_HARNESS_H */
