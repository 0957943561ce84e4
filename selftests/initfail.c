// SPDX-License-Identifier: GPL-2.0
/*
 * Loading the module with its n-th step failing, for every step, repeatedly:
 * 100 loads, with PAGEBOX_FULL 100 rounds over all steps. After a successful
 * load a box is opened and the module unloaded. At the end, as much memory must
 * be available as before, and the module must load and work.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/load.h"
#include "lib/module.h"
#include "lib/proc.h"
#include "lib/test.h"

static void __attribute__((constructor)) skip_without_failpoints(void)
{
	need_failpoints();
}

#define LOADS sized(100, 100)
#define FULL_ROUNDS 100
#define STEPS_MAX 100

/* 0, or the errno of loading the module. */
static int load_error(const char *parameters)
{
	int error = 0;
	int fd;

	fd = open(getenv("PAGEBOX_KO") ?: "pagebox.ko", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("set PAGEBOX_KO to the path of pagebox.ko");
	if (syscall(SYS_finit_module, fd, parameters, 0))
		error = errno;
	close(fd);
	return error;
}

/* The traces that a failed step must not leave. */
static bool nothing_is_left(void)
{
	return access(PAGEBOX_DEVICE, F_OK) &&
	       access("/sys/module/pagebox", F_OK) &&
	       access("/sys/kernel/debug/pagebox", F_OK);
}

/* Less than a page for each measured load. */
#define TOLERANCE_KB (LOADS / 2 * 4 * 3 / 4)

/* --- */

enum { FAILED, LOADED, LOADED_TO_THE_END, BROKEN };

/* The step after the last one of loading is the first one of a box. */
static bool first_box_fails(void)
{
	int box = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);

	if (box >= 0)
		close(box);
	return box < 0 && errno == ENOMEM;
}

static int broken(unsigned int n, const char *what)
{
	fprintf(stderr, "# step %u: %s\n", n, what);
	return BROKEN;
}

/* The module loads without debugfs, so failing that step has no effect. */
static int load_and_unload(unsigned int n)
{
	char parameters[64];
	int error;
	bool end;

	snprintf(parameters, sizeof(parameters), "frames=64 fail_nth=%u", n);
	error = load_error(parameters);
	if (error)
		return error == ENOMEM && nothing_is_left() ?
			       FAILED :
			       broken(n, strerror(error));
	end = first_box_fails();
	if (!end && !access("/sys/kernel/debug/pagebox", F_OK))
		return broken(n, "no step failed before the last one");
	if (in_child(box_fails, NULL))
		return broken(n, "cannot open a box");
	errno = module_unload("pagebox");
	if (errno || !nothing_is_left())
		return broken(n, "cannot unload the module");
	return end ? LOADED_TO_THE_END : LOADED;
}

static void load_as_before(void)
{
	module_load("pagebox.ko", "frames=64");
}

static unsigned int rounds_left(unsigned int rounds, unsigned int loads)
{
	if (full_size())
		return FULL_ROUNDS - rounds;
	return loads < LOADS;
}

FIXTURE(initfail){};

NO_SETUP(initfail);

NO_TEARDOWN(initfail);

/* Bad parameters are refused and logged, and nothing is left. */
TEST(bad_parameters)
{
	static const char *const bad[] = {
		"frames=0",	     "frames=1",   "frames=65 max_frames=64",
		"frames=4294967295", "mode=01666", "mode=0777",
	};

	ASSERT_EQ(0, module_unload("pagebox"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(EINVAL, load_error(bad[i]))
		{
			TH_LOG("insmod pagebox.ko %s", bad[i]);
		}
		EXPECT_TRUE(nothing_is_left());
	}
	load_as_before();
	EXPECT_EQ(0, in_child(box_fails, NULL));
}

/* Each unload waits for RCU, which is slow on a debug kernel. */
TEST_F_TIMEOUT(initfail, every_step, 1800)
{
	unsigned int loads = 0, failures = 0, rounds = 0;
	long before = 0;

	ASSERT_EQ(0, module_unload("pagebox"));
	for (; rounds_left(rounds, loads); rounds++) {
		unsigned int n = 0;
		int result;

		if (rounds == 2)
			before = available_kb();
		do {
			result = load_and_unload(++n);
			ASSERT_NE(BROKEN, result);
			failures += result == FAILED;
		} while (result != LOADED_TO_THE_END && n < STEPS_MAX);
		EXPECT_LT(n, STEPS_MAX);
		EXPECT_LT(8, n);
		loads += n;
	}
	EXPECT_TRUE(eventually(available_kb() >= before - TOLERANCE_KB))
	{
		TH_LOG("%ld KiB before, %ld KiB after", before, available_kb());
	}
	printf("# %u rounds, %u loads, %u of them failed\n", rounds, loads,
	       failures);
	load_as_before();
}

TEST_HARNESS_MAIN
