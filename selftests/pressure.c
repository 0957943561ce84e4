// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a frame or for swap is a memory stall, reported in
 * /proc/pressure/memory; reading a page for the first time is not.
 */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 16
#define PAGES 16
#define SLOW_US 20000

/* Microseconds with some task stalled, since boot. */
static unsigned long long stalled(void)
{
	FILE *file = fopen("/proc/pressure/memory", "r");
	unsigned long long total;

	if (!file ||
	    fscanf(file, "some avg10=%*f avg60=%*f avg300=%*f total=%llu",
		   &total) != 1)
		die("cannot read /proc/pressure/memory (the kernel parameter psi=1 turns it on)");
	fclose(file);
	return total;
}

struct reader {
	int box;
	char *map;
	bool right;
	unsigned long long enough;
};

/*
 * Another round through swap. The kernel weighs the stalls of a CPU by the load
 * of the others, so a single round may not count in full.
 */
static bool has_stalled(struct reader *reader)
{
	reader->right &= root_range(reader->box, PAGEBOX_IOC_PAGE_OUT, 0,
				    PAGES) == PAGES;
	reader->right &= pages_hold(reader->map, PAGES, 1);
	return stalled() >= reader->enough;
}

TEST(reads_from_swap_are_stalls)
{
	int box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_SWAP_DELAY,
		.frames = FRAMES,
		.swap_read_us = SLOW_US,
	});
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct reader reader = { .box = box, .map = map, .right = true };

	pages_fill(map, PAGES, 1);
	reader.enough = stalled() + PAGES * SLOW_US;
	EXPECT_TRUE(eventually(has_stalled(&reader)));
	EXPECT_TRUE(reader.right);
	close(box);
}

/*
 * No other task in the VM is short of memory; a second read from the store is
 * no refault.
 */
TEST(reads_from_the_store_are_not)
{
	int store = store_file(PAGES * page_size, 1);
	int box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
		       PAGEBOX_SET_STORE_DELAY,
		.frames = FRAMES,
		.store_fd = store,
		.store_read_us = SLOW_US,
	});
	char *map = box_map(box, PAGES, MAP_SHARED);
	unsigned long long before = stalled();

	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	EXPECT_GT(before + PAGES * SLOW_US, stalled());
	close(box);
	close(store);
}

TEST_HARNESS_MAIN
