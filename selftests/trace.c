// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints of faults, copies and evictions, in a separate trace
 * instance.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define INSTANCE "/sys/kernel/tracing/instances/pagebox-selftest"
#define NONE 4294967295U
#define PAGES 16
#define FIRST 3 /* first page of the box in the maps */

FIXTURE(trace)
{
	int box;
	unsigned int id;
	char *root;
	char *own;
};

FIXTURE_SETUP(trace)
{
	int file = store_file(PAGES * page_size, 1);

	self->box = box_new_store(PAGES, file);
	close(file);
	self->id = box_info(self->box).id;
	self->root = box_map_from(self->box, FIRST, 4, MAP_SHARED);
	self->own = box_map_from(self->box, FIRST, 4, MAP_PRIVATE);
	/* Left by an interrupted test. */
	rmdir(INSTANCE);
	if (mkdir(INSTANCE, 0700))
		die("cannot make " INSTANCE);
	write_text(INSTANCE "/events/pagebox/enable", "1");
}

FIXTURE_TEARDOWN(trace)
{
	write_text(INSTANCE "/events/pagebox/enable", "0");
	if (rmdir(INSTANCE))
		die("cannot remove " INSTANCE);
	close(self->box);
}

/* The next line of this event caused by this box, in order. */
static bool next_event(FILE *trace, const char *event, unsigned int id,
		       char *rest, size_t room)
{
	char line[512], start[64];

	snprintf(start, sizeof(start), " pagebox_%s: box=%u ", event, id);
	while (fgets(line, sizeof(line), trace)) {
		const char *at = strstr(line, start);

		if (!at)
			continue;
		snprintf(rest, room, "%s", at + strlen(start));
		return true;
	}
	return false;
}

/* One fault: page, address, class, read or write. */
struct seen {
	unsigned int map;
	unsigned long index;
	unsigned long address;
	char class[16];
	unsigned int frame;
	unsigned int write;
	unsigned int major;
	unsigned long long latency;
};

static bool next_fault(FILE *trace, unsigned int id, struct seen *seen)
{
	char rest[512];

	return next_event(trace, "fault", id, rest, sizeof(rest)) &&
	       sscanf(rest,
		      "map=%u index=%lu address=0x%lx class=%15s frame=%u write=%u major=%u latency=%llu",
		      &seen->map, &seen->index, &seen->address, seen->class,
		      &seen->frame, &seen->write, &seen->major,
		      &seen->latency) == 8;
}

static FILE *open_trace(void)
{
	FILE *trace = fopen(INSTANCE "/trace", "r");

	if (!trace)
		die("cannot open " INSTANCE "/trace");
	return trace;
}

/* One fault of each class, on pages 1 and 2 of the maps. */
TEST_F(trace, faults)
{
	char *root = page_at(self->root, 1), *own = page_at(self->own, 1);
	char *fresh = page_at(self->own, 2);
	const struct {
		const char *class;
		char *at;
		bool write, major;
	} want[] = {
		{ "file", root, false, true },
		{ "minor", root, false, false },
		{ "cow", own, true, false },
		{ "minor", own, false, false },
		{ "mkwrite", own, true, false },
		{ "swapin", own, false, true },
		{ "file", fresh, true, true },
	};
	FILE *trace;

	pages_touch(root, 1);
	drop_ptes(root, 1);
	pages_touch(root, 1);
	*(volatile char *)own = 1;
	drop_ptes(own, 1);
	pages_touch(own, 1);
	*(volatile char *)own = 2;
	ASSERT_EQ(1, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, own, 1));
	pages_touch(own, 1);
	*(volatile char *)fresh = 3;

	trace = open_trace();
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		size_t page = want[i].at == fresh ? 2 : 1;
		struct seen seen;

		ASSERT_TRUE(next_fault(trace, self->id, &seen));
		EXPECT_STREQ(want[i].class, seen.class);
		EXPECT_EQ(FIRST + page, seen.index);
		EXPECT_EQ((unsigned long)want[i].at, seen.address);
		EXPECT_EQ(want[i].write, seen.write);
		EXPECT_EQ(want[i].major, seen.major);
		EXPECT_NE(NONE, seen.frame);
		EXPECT_LT(0, seen.latency);
	}
	fclose(trace);
}

/* A failed fault has no frame. */
TEST_F(trace, failed)
{
	char *past = box_map_from(self->box, PAGES, 1, MAP_SHARED);
	struct seen seen;
	FILE *trace;

	EXPECT_EQ(SIGBUS, signal_of_read(past));
	trace = open_trace();
	ASSERT_TRUE(next_fault(trace, self->id, &seen));
	EXPECT_STREQ("failed", seen.class);
	EXPECT_EQ(PAGES, seen.index);
	EXPECT_EQ((unsigned long)past, seen.address);
	EXPECT_EQ(NONE, seen.frame);
	fclose(trace);
}

/*
 * A copy fails after its original was read: the event must not name the
 * original's frame. Core mm retries such an access.
 */
TEST_F(trace, failed_copy)
{
	struct seen seen = {};
	pid_t pid;
	FILE *trace;

	pages_fill(self->own, 1, 1);
	pid = fork_tied();
	if (!pid)
		for (;;)
			pause();
	ASSERT_EQ(1, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, self->own, 1));
	failpoint_set("alloc_page fail times 1");
	page_fill(self->own, 2);
	EXPECT_EQ(1, failpoint_state("alloc_page").done);
	failpoint_set("alloc_page off");
	EXPECT_TRUE(page_holds(self->own, 2));
	trace = open_trace();
	do {
		ASSERT_TRUE(next_fault(trace, self->id, &seen));
	} while (strcmp(seen.class, "failed"));
	EXPECT_EQ(FIRST, seen.index);
	EXPECT_EQ(NONE, seen.frame);
	fclose(trace);
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_status(pid));
}

/* Copies name both frames and the sharers, evictions the frame and the slot. */
TEST_F(trace, copies_and_evictions)
{
	unsigned int map, from, to, sharers, frame, slot, root, dirty;
	unsigned long index;
	char rest[512];
	bool found;
	FILE *trace;

	pages_touch(self->root, 1);
	*(volatile char *)self->own = 1;
	ASSERT_EQ(1, map_range(self->box, PAGEBOX_IOC_PAGE_OUT, self->own, 1));
	trace = open_trace();
	ASSERT_TRUE(next_event(trace, "cow", self->id, rest, sizeof(rest)));
	found = sscanf(rest, "map=%u index=%lu from=%u to=%u sharers=%u", &map,
		       &index, &from, &to, &sharers) == 5;
	ASSERT_TRUE(found);
	EXPECT_EQ(FIRST, index);
	EXPECT_NE(from, to);
	ASSERT_TRUE(next_event(trace, "evict", self->id, rest, sizeof(rest)));
	found = sscanf(rest, "index=%lu frame=%u slot=%u root=%u dirty=%u",
		       &index, &frame, &slot, &root, &dirty) == 5;
	ASSERT_TRUE(found);
	EXPECT_EQ(FIRST, index);
	EXPECT_EQ(to, frame);
	EXPECT_NE(NONE, slot);
	EXPECT_EQ(0, root);
	EXPECT_EQ(1, dirty);
	fclose(trace);
}

TEST_HARNESS_MAIN
