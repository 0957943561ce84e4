// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEBOX_IOC_CONFIGURE: the settings of a box, how info and debugfs report
 * them, and which may change while pages are in use.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/repeater.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 32

/* Whether the summary of box @id has this line. */
static bool summary_has(unsigned int id, const char *line)
{
	char *text = debugfs_text(id, "summary");
	char want[64];
	bool found;

	if (!text)
		die("box %u has no summary", id);
	snprintf(want, sizeof(want), "\n%s\n", line);
	found = strstr(text, want);
	if (!found)
		fprintf(stderr, "# no line '%s' in:\n%s", line, text);
	free(text);
	return found;
}

/* An unconfigured box has the defaults of the header and README. */
TEST(defaults)
{
	int box = box_open();
	struct pagebox_info info = box_info(box);

	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(PAGEBOX_DEFAULT_SIZE, info.bytes);
	EXPECT_EQ(module_param("frames"), info.frames);
	EXPECT_EQ(page_size, info.page_size);
	EXPECT_EQ(0, info.flags);
	EXPECT_STREQ("configure", info.name);
	EXPECT_STREQ("clock", info.policy);
	EXPECT_EQ(geteuid(), info.owner);
	EXPECT_EQ(PAGEBOX_BACKEND_NONE, info.store_kind);
	EXPECT_EQ(0, info.store_bytes);
	EXPECT_EQ(PAGEBOX_BACKEND_RAM, info.swap_kind);
	EXPECT_EQ(module_param("max_swap"), info.swap_pages);
	EXPECT_EQ(0, info.store_read_us);
	EXPECT_EQ(0, info.store_write_us);
	EXPECT_EQ(0, info.swap_read_us);
	EXPECT_EQ(0, info.swap_write_us);
	EXPECT_EQ(0, info.readahead);
	EXPECT_EQ(100, info.swappiness);
	EXPECT_EQ(PAGEBOX_OOM_SIGBUS, info.oom);
	EXPECT_EQ(10000, info.oom_wait_ms);
	EXPECT_EQ(PAGEBOX_OVERCOMMIT_ALWAYS, info.overcommit);
	EXPECT_EQ(30000, info.dirty_age_ms);
	EXPECT_EQ(20, info.dirty_ratio);
	EXPECT_EQ(PAGEBOX_REFERENCES_EXACT, info.references);
	EXPECT_TRUE(summary_has(info.id, "name configure"));
	EXPECT_TRUE(summary_has(info.id, "store_kind none"));
	EXPECT_TRUE(summary_has(info.id, "store_writable 0"));
	EXPECT_TRUE(summary_has(info.id, "swap ram"));
	EXPECT_TRUE(summary_has(info.id, "oom sigbus"));
	EXPECT_TRUE(summary_has(info.id, "overcommit always"));
}

/* A box just opened, and one in use. */
FIXTURE(any_time)
{
	int box;
	char *map;
	struct pagebox_info info;
};

FIXTURE_VARIANT(any_time)
{
	bool used;
};

FIXTURE_VARIANT_ADD(any_time, fresh){ .used = false };
FIXTURE_VARIANT_ADD(any_time, used){ .used = true };

FIXTURE_SETUP(any_time)
{
	self->box = box_new(FRAMES, 0);
	if (variant->used) {
		self->map = box_map(self->box, PAGES, MAP_SHARED);
		pages_fill(self->map, PAGES, 1);
	}
	self->info = box_info(self->box);
}

/* No configuration may lose a page. */
FIXTURE_TEARDOWN(any_time)
{
	if (variant->used) {
		EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
		EXPECT_EQ(PAGES, box_stats(self->box).pages);
	}
	close(self->box);
}

/* Info and summary show the new settings, and nothing else has changed. */
static void expect_info(struct __test_metadata *_metadata, int box,
			const struct pagebox_info *want, const char *line)
{
	struct pagebox_info info = box_info(box);

	EXPECT_EQ(0, memcmp(want, &info, sizeof(info))) TH_LOG("%s", line);
	EXPECT_TRUE(summary_has(info.id, line));
}

TEST_F(any_time, name)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_NAME,
					 .name = "fifteen letters" };

	memset(self->info.name, 0, sizeof(self->info.name));
	memcpy(self->info.name, config.name, sizeof(config.name));
	EXPECT_EQ(0, configure_error(self->box, config));
	expect_info(_metadata, self->box, &self->info, "name fifteen letters");

	memset(config.name, 0, sizeof(config.name));
	config.name[0] = '!';
	memset(self->info.name, 0, sizeof(self->info.name));
	self->info.name[0] = '!';
	EXPECT_EQ(0, configure_error(self->box, config));
	expect_info(_metadata, self->box, &self->info, "name !");
}

TEST_F(any_time, policy)
{
	static const char *const policies[] = { "fifo", "random", "lru",
						"clock" };
	struct pagebox_config config = { .set = PAGEBOX_SET_POLICY };
	char line[32];

	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		snprintf(config.policy, sizeof(config.policy), "%s",
			 policies[i]);
		snprintf(line, sizeof(line), "policy %s", policies[i]);
		memset(self->info.policy, 0, sizeof(self->info.policy));
		memcpy(self->info.policy, policies[i], strlen(policies[i]));
		EXPECT_EQ(0, configure_error(self->box, config));
		expect_info(_metadata, self->box, &self->info, line);
	}
}

/* Delays are shown; only progress is checked here. */
TEST_F(any_time, store_delay)
{
	EXPECT_EQ(0, configure_error(self->box,
				     (struct pagebox_config){
					     .set = PAGEBOX_SET_STORE_DELAY,
					     .store_read_us = 20,
					     .store_write_us = 30,
				     }));
	self->info.store_read_us = 20;
	self->info.store_write_us = 30;
	expect_info(_metadata, self->box, &self->info, "store_read_us 20");
	expect_info(_metadata, self->box, &self->info, "store_write_us 30");
}

TEST_F(any_time, swap_delay)
{
	EXPECT_EQ(0, configure_error(self->box,
				     (struct pagebox_config){
					     .set = PAGEBOX_SET_SWAP_DELAY,
					     .swap_read_us = 40,
					     .swap_write_us = 50,
				     }));
	self->info.swap_read_us = 40;
	self->info.swap_write_us = 50;
	expect_info(_metadata, self->box, &self->info, "swap_read_us 40");
	expect_info(_metadata, self->box, &self->info, "swap_write_us 50");
}

TEST_F(any_time, readahead)
{
	EXPECT_EQ(0, configure_error(self->box,
				     (struct pagebox_config){
					     .set = PAGEBOX_SET_READAHEAD,
					     .readahead = 16 }));
	self->info.readahead = 16;
	expect_info(_metadata, self->box, &self->info, "readahead 16");
}

TEST_F(any_time, swappiness)
{
	EXPECT_EQ(0, configure_error(self->box,
				     (struct pagebox_config){
					     .set = PAGEBOX_SET_SWAPPINESS,
					     .swappiness = 0 }));
	self->info.swappiness = 0;
	expect_info(_metadata, self->box, &self->info, "swappiness 0");
}

TEST_F(any_time, oom)
{
	static const char *const lines[] = { "oom sigbus", "oom kill",
					     "oom wait" };

	for (unsigned int oom = 0; oom < ARRAY_SIZE(lines); oom++) {
		EXPECT_EQ(0, configure_error(self->box,
					     (struct pagebox_config){
						     .set = PAGEBOX_SET_OOM,
						     .oom = oom,
						     .oom_wait_ms = 100 + oom,
					     }));
		self->info.oom = oom;
		self->info.oom_wait_ms = 100 + oom;
		expect_info(_metadata, self->box, &self->info, lines[oom]);
	}
	expect_info(_metadata, self->box, &self->info, "oom_wait_ms 102");
}

TEST_F(any_time, overcommit)
{
	EXPECT_EQ(0, configure_error(self->box,
				     (struct pagebox_config){
					     .set = PAGEBOX_SET_OVERCOMMIT,
					     .overcommit =
						     PAGEBOX_OVERCOMMIT_NEVER,
				     }));
	self->info.overcommit = PAGEBOX_OVERCOMMIT_NEVER;
	expect_info(_metadata, self->box, &self->info, "overcommit never");
}

TEST_F(any_time, dirty)
{
	EXPECT_EQ(0,
		  configure_error(self->box, (struct pagebox_config){
						     .set = PAGEBOX_SET_DIRTY,
						     .dirty_age_ms = 1,
						     .dirty_ratio = 0,
					     }));
	self->info.dirty_age_ms = 1;
	self->info.dirty_ratio = 0;
	expect_info(_metadata, self->box, &self->info, "dirty_age_ms 1");
	expect_info(_metadata, self->box, &self->info, "dirty_ratio 0");
}

TEST_F(any_time, frames)
{
	static const unsigned int frames[] = { 200, 20, PAGEBOX_MIN_FRAMES,
					       64 };
	static const unsigned int batch[] = { 3, 1, 1, 1 };
	char line[32];

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		EXPECT_EQ(0, frames_error(self->box, frames[i]));
		self->info.frames = frames[i];
		self->info.batch = batch[i];
		snprintf(line, sizeof(line), "frames %u", frames[i]);
		expect_info(_metadata, self->box, &self->info, line);
		EXPECT_GE(frames[i], box_stats(self->box).frames_used);
		if (variant->used)
			EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
	}
}

/* The swap area is shown with its kind and number of slots. */
TEST_F(any_time, swap)
{
	static const unsigned int asked[] = { 0, PAGES, PAGES + 100 };
	static const unsigned int got[] = { PAGES + 8, PAGES, PAGES + 8 };
	char line[32];

	self->info.swap_kind = PAGEBOX_BACKEND_FILE;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		int file = store_file((PAGES + 8) * page_size, 1);

		EXPECT_EQ(0, swap_error(self->box, file, asked[i]));
		self->info.swap_pages = got[i];
		snprintf(line, sizeof(line), "swap_pages %u", got[i]);
		expect_info(_metadata, self->box, &self->info, line);
	}
	EXPECT_EQ(0, swap_error(self->box, PAGEBOX_FD_RAM, PAGES));
	self->info.swap_kind = PAGEBOX_BACKEND_RAM;
	self->info.swap_pages = PAGES;
	expect_info(_metadata, self->box, &self->info, "swap ram");
	EXPECT_EQ(0, frames_error(self->box, PAGES));
	EXPECT_EQ(0, swap_error(self->box, PAGEBOX_FD_NONE, 0));
	self->info.swap_kind = PAGEBOX_BACKEND_NONE;
	self->info.swap_pages = 0;
	self->info.frames = PAGES;
	expect_info(_metadata, self->box, &self->info, "swap none");
}

/* The kinds of store, and which of them may be written. */
TEST(stores)
{
	char path[64];
	int file = store_file(3 * page_size + 5, 1);
	int box = box_new_store(4, file), reader;
	struct pagebox_info info = box_info(box);

	EXPECT_EQ(PAGEBOX_BACKEND_FILE, info.store_kind);
	EXPECT_EQ(3 * page_size + 5, info.store_bytes);
	EXPECT_EQ(PAGEBOX_INFO_STORE | PAGEBOX_INFO_WRITABLE, info.flags);
	EXPECT_TRUE(summary_has(info.id, "store_kind file"));
	EXPECT_TRUE(summary_has(info.id, "store_writable 1"));

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, reader);
	box_set_store(box, reader);
	EXPECT_EQ(PAGEBOX_INFO_STORE, box_info(box).flags);
	EXPECT_TRUE(summary_has(info.id, "store_writable 0"));

	box_set_store(box, PAGEBOX_FD_NONE);
	EXPECT_EQ(PAGEBOX_BACKEND_NONE, box_info(box).store_kind);
	EXPECT_EQ(0, box_info(box).store_bytes);
	EXPECT_EQ(0, box_info(box).flags);
	EXPECT_TRUE(summary_has(info.id, "store -"));

	box_set_store(box, PAGEBOX_FD_RAM);
	EXPECT_EQ(PAGEBOX_BACKEND_RAM, box_info(box).store_kind);
	EXPECT_EQ(PAGEBOX_INFO_STORE | PAGEBOX_INFO_WRITABLE,
		  box_info(box).flags);
	EXPECT_TRUE(summary_has(info.id, "store ram"));
	EXPECT_TRUE(summary_has(info.id, "store_kind ram"));
}

/* A file can be either store or swap area, and only once. */
TEST(files_in_use)
{
	int file = store_file(2 * PAGES * page_size, 1);
	int other = store_file(2 * PAGES * page_size, 1);
	int box = box_new_store(FRAMES, file), again;
	struct pagebox_info before, after;
	char path[64], *map;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", other);
	again = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, again);
	ASSERT_EQ(0, swap_error(box, other, 0));
	map = box_map(box, PAGES, MAP_PRIVATE);
	pages_fill(map, PAGES, 500);
	before = box_info(box);
	EXPECT_EQ(EBUSY, swap_error(box, file, 0));
	EXPECT_EQ(EBUSY, swap_error(box, other, 0));
	EXPECT_EQ(EBUSY, swap_error(box, again, PAGES));
	after = box_info(box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_TRUE(pages_hold(box_map(box, PAGES, MAP_SHARED), PAGES, 1));
	EXPECT_EQ(0, swap_error(box, PAGEBOX_FD_RAM, 0));
	EXPECT_EQ(0, swap_error(box, again, PAGES));
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
}

/* A store in RAM takes the root view's dirty pages; private ones go to swap. */
TEST(store_in_ram)
{
	int box = box_new_store(FRAMES, PAGEBOX_FD_RAM);
	char *shared = box_map(box, PAGES, MAP_SHARED);
	char *private = box_map_from(box, PAGES, PAGES, MAP_PRIVATE);
	struct pagebox_stats now;

	EXPECT_TRUE(pages_are_zero(shared, PAGES));
	pages_fill(shared, PAGES, 1);
	EXPECT_TRUE(pages_hold(shared, PAGES, 1));
	now = box_stats(box);
	EXPECT_LE(PAGES, now.store_writes);
	EXPECT_LE(PAGES, now.store_reads);
	EXPECT_EQ(0, now.swap_writes);
	EXPECT_EQ(0, now.swap_used);
	EXPECT_EQ(0, now.swap_high);

	pages_fill(private, PAGES, 500);
	EXPECT_TRUE(pages_hold(private, PAGES, 500));
	EXPECT_LE(PAGES - FRAMES, box_stats(box).swap_writes);
	EXPECT_LE(PAGES - FRAMES, box_stats(box).swap_used);
	EXPECT_TRUE(pages_hold(shared, PAGES, 1));
	EXPECT_EQ(0, box_stats(box).io_errors);
}

/* Delays of every kind take effect, and no contents are lost. */
TEST(delayed_io)
{
	int box = box_new_store(FRAMES, store_file(PAGES * page_size, 1));
	char *shared, *private;

	box_configure(box, (struct pagebox_config){
				   .set = PAGEBOX_SET_STORE_DELAY |
					  PAGEBOX_SET_SWAP_DELAY,
				   .store_read_us = 100,
				   .store_write_us = 200,
				   .swap_read_us = 300,
				   .swap_write_us = 400,
			   });
	shared = box_map(box, PAGES, MAP_SHARED);
	private = box_map(box, PAGES, MAP_PRIVATE);
	EXPECT_TRUE(pages_hold(shared, PAGES, 1));
	pages_fill(shared, PAGES, 100);
	pages_fill(private, PAGES, 200);
	EXPECT_TRUE(pages_hold(shared, PAGES, 100));
	EXPECT_TRUE(pages_hold(private, PAGES, 200));
	EXPECT_LT(0, box_stats(box).store_reads);
	EXPECT_LT(0, box_stats(box).store_writes);
	EXPECT_LT(0, box_stats(box).swap_reads);
	EXPECT_LT(0, box_stats(box).swap_writes);
}

/* The first use of any kind fixes size and store, nothing else. */
FIXTURE(sealing)
{
	int box;
};

FIXTURE_VARIANT(sealing)
{
	void (*use)(int box);
};

static void use_by_mmap(int box)
{
	unmap(box_map(box, 1, MAP_SHARED), 1);
}

static void use_by_read(int box)
{
	char byte = 1;

	if (pread(box, &byte, 1, 5) != 1 || byte)
		die("read");
}

static void use_by_write(int box)
{
	if (pwrite(box, "x", 1, 5) != 1)
		die("write");
}

FIXTURE_VARIANT_ADD(sealing, mmap){ .use = use_by_mmap };
FIXTURE_VARIANT_ADD(sealing, read){ .use = use_by_read };
FIXTURE_VARIANT_ADD(sealing, write){ .use = use_by_write };

FIXTURE_SETUP(sealing)
{
	self->box = box_new(FRAMES, PAGES);
}

NO_TEARDOWN(sealing);

TEST_F(sealing, seals)
{
	const struct pagebox_config bytes = { .set = PAGEBOX_SET_BYTES,
					      .bytes = 2 * PAGES * page_size };
	const struct pagebox_config store = { .set = PAGEBOX_SET_STORE,
					      .store_fd = PAGEBOX_FD_RAM };

	EXPECT_EQ(0, box_info(self->box).flags);
	EXPECT_EQ(0, configure_error(self->box, bytes));
	variant->use(self->box);
	EXPECT_EQ(PAGEBOX_INFO_SEALED, box_info(self->box).flags);
	EXPECT_EQ(EBUSY, configure_error(self->box, bytes));
	EXPECT_EQ(EBUSY, configure_error(self->box, store));
	EXPECT_EQ(2 * PAGES * page_size, box_info(self->box).bytes);
	EXPECT_EQ(PAGEBOX_BACKEND_NONE, box_info(self->box).store_kind);
	EXPECT_EQ(0, frames_error(self->box, 2 * FRAMES));
	EXPECT_EQ(0, swap_error(self->box, PAGEBOX_FD_NONE, 0));
}

/* A box with pages in frames, in swap, or both. */
FIXTURE(exchange)
{
	int box;
	char *shared;
	char *private;
};

FIXTURE_SETUP(exchange)
{
	self->box = box_new(FRAMES, 0);
	self->shared = box_map(self->box, PAGES, MAP_SHARED);
	self->private = box_map_from(self->box, PAGES, PAGES, MAP_PRIVATE);
	pages_fill(self->shared, PAGES, 100);
	pages_fill(self->private, PAGES, 200);
	pages_touch(self->shared, FRAMES / 2);
}

FIXTURE_TEARDOWN(exchange)
{
	EXPECT_EQ(0, box_stats(self->box).io_errors);
	close(self->box);
}

static void expect_contents(struct __test_metadata *_metadata,
			    FIXTURE_DATA(exchange) * self)
{
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 100));
	EXPECT_TRUE(pages_hold(self->private, PAGES, 200));
	EXPECT_EQ(2 * PAGES, box_stats(self->box).pages);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

/* From RAM to a file, to another file, to RAM; the swapped pages move. */
TEST_F(exchange, back_and_forth)
{
	int files[2] = { store_file(3 * PAGES * page_size, 1),
			 store_file(3 * PAGES * page_size, 1) };

	for (unsigned int round = 0; round < reduced(2); round++) {
		ASSERT_EQ(0, swap_error(self->box, files[0], 0));
		EXPECT_EQ(PAGEBOX_BACKEND_FILE, box_info(self->box).swap_kind);
		EXPECT_LE(2 * PAGES - FRAMES, box_stats(self->box).swap_used);
		expect_contents(_metadata, self);
		ASSERT_EQ(0, swap_error(self->box, files[1], 0));
		expect_contents(_metadata, self);
		ASSERT_EQ(0, swap_error(self->box, PAGEBOX_FD_RAM, 0));
		EXPECT_EQ(PAGEBOX_BACKEND_RAM, box_info(self->box).swap_kind);
		expect_contents(_metadata, self);
	}
}

/* A replaced area is no longer read: it may be overwritten. */
TEST_F(exchange, old_area_is_free)
{
	size_t bytes = 3 * PAGES * page_size;
	int file = store_file(bytes, 1);
	char page[page_size];

	ASSERT_EQ(0, swap_error(self->box, file, 0));
	expect_contents(_metadata, self);
	ASSERT_EQ(0, swap_error(self->box, PAGEBOX_FD_RAM, 0));
	memset(page, 0xff, page_size);
	for (size_t at = 0; at < bytes; at += page_size)
		ASSERT_EQ(page_size, pwrite(file, page, page_size, at));
	expect_contents(_metadata, self);
	for (size_t at = 0; at < bytes; at += page_size) {
		ASSERT_EQ(page_size, pread(file, page, page_size, at));
		EXPECT_EQ('\xff', page[0]);
	}
}

/* Removing the area requires a frame for every page. */
TEST_F(exchange, to_none)
{
	struct pagebox_info before = box_info(self->box), after;
	char *more = box_map_from(self->box, 5 * PAGES, 1, MAP_SHARED);

	EXPECT_EQ(ENOMEM, swap_error(self->box, PAGEBOX_FD_NONE, 0));
	after = box_info(self->box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	expect_contents(_metadata, self);

	ASSERT_EQ(0, frames_error(self->box, 2 * PAGES));
	ASSERT_EQ(0, swap_error(self->box, PAGEBOX_FD_NONE, 0));
	EXPECT_EQ(0, box_stats(self->box).swap_used);
	EXPECT_EQ(2 * PAGES, box_stats(self->box).frames_used);
	expect_contents(_metadata, self);
	EXPECT_EQ(SIGBUS, signal_of_write(more));
	EXPECT_EQ(1, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, box_stats(self->box).swap_used);
	ASSERT_EQ(0, swap_error(self->box, PAGEBOX_FD_RAM, 0));
	ASSERT_EQ(0, frames_error(self->box, FRAMES));
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 100));
	EXPECT_TRUE(pages_hold(self->private, PAGES, 200));
	EXPECT_EQ(0, signal_of_write(more));
}

/* An area or bound too small for the swapped pages is refused. */
TEST_F(exchange, to_less_than_is_needed)
{
	struct pagebox_info before = box_info(self->box), after;
	int small = store_file(PAGES * page_size, 1);

	EXPECT_EQ(ENOMEM, swap_error(self->box, small, 0));
	EXPECT_EQ(ENOMEM, swap_error(self->box, PAGEBOX_FD_RAM, PAGES));
	after = box_info(self->box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	expect_contents(_metadata, self);
}

/* Pages of a process that writes continuously move as well. */
TEST_F(exchange, under_load)
{
	int file = store_file(4 * PAGES * page_size, 1);
	struct repeater writer;

	repeater_start(&writer, write_and_check, self->box,
		       box_map_from(self->box, 2 * PAGES, PAGES, MAP_PRIVATE),
		       PAGES);
	for (unsigned int round = 0; round < reduced(6); round++) {
		EXPECT_EQ(0, swap_error(self->box,
					round % 2 ? PAGEBOX_FD_RAM : file, 0));
		EXPECT_TRUE(repeater_goes_on(&writer, 2));
	}
	EXPECT_TRUE(repeater_end(&writer));
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 100));
	EXPECT_TRUE(pages_hold(self->private, PAGES, 200));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

static bool read_and_check(struct repeater *reader, unsigned int round)
{
	return pages_hold(reader->map, reader->pages, 100);
}

/* Pages under readahead move as well. */
TEST_F(exchange, under_readahead)
{
	struct repeater reader[2];
	int file = store_file(3 * PAGES * page_size, 1);

	box_configure(self->box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_READAHEAD |
						      PAGEBOX_SET_FRAMES,
					       .readahead = 8,
					       .frames = 2 * PAGES - 8 });
	repeater_start(&reader[0], read_and_check, self->box, self->shared,
		       PAGES);
	repeater_start(&reader[1], read_and_check, self->box,
		       box_map(self->box, PAGES, MAP_SHARED), PAGES);
	for (unsigned int round = 0; round < reduced(60); round++) {
		root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES);
		EXPECT_EQ(0, swap_error(self->box,
					round % 2 ? PAGEBOX_FD_RAM : file, 0));
		EXPECT_TRUE(repeater_goes_on(&reader[round % 2], 1));
	}
	for (int i = 0; i < 2; i++)
		EXPECT_TRUE(repeater_end(&reader[i]));
	EXPECT_LT(0, box_stats(self->box).readahead);
	EXPECT_TRUE(pages_hold(self->private, PAGES, 200));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

/* Limit and area are refused together; neither changes. */
TEST_F(exchange, with_fewer_frames)
{
	struct pagebox_info before, after;

	ASSERT_EQ(0, frames_error(self->box, 3 * PAGES));
	expect_contents(_metadata, self);
	before = box_info(self->box);
	EXPECT_EQ(ENOMEM,
		  configure_error(self->box, (struct pagebox_config){
						     .set = PAGEBOX_SET_FRAMES |
							    PAGEBOX_SET_SWAP,
						     .frames = FRAMES,
						     .swap_fd = PAGEBOX_FD_NONE,
					     }));
	after = box_info(self->box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	expect_contents(_metadata, self);
	EXPECT_EQ(2 * PAGES, box_stats(self->box).frames_used);
}

static int exchange_for_ever(void *context)
{
	FIXTURE_DATA(exchange) *self = context;
	int file = store_file(3 * PAGES * page_size, 1);

	for (;;) {
		if (swap_error(self->box, file, 0) ||
		    swap_error(self->box, PAGEBOX_FD_RAM, 0))
			return 1;
	}
}

/* A kill while pages move leaves a working box with all pages. */
TEST_F(exchange, killed_in_the_middle)
{
	uint64_t enough;
	pid_t mover;

	box_configure(self->box,
		      (struct pagebox_config){ .set = PAGEBOX_SET_SWAP_DELAY,
					       .swap_read_us = 500,
					       .swap_write_us = 500 });
	for (unsigned int round = 0; round < reduced(6); round++) {
		mover = fork_tied();
		if (!mover)
			_exit(exchange_for_ever(self));
		enough = box_stats(self->box).swap_writes + 17 * round;
		EXPECT_TRUE(
			eventually(has_ended(mover) ||
				   box_stats(self->box).swap_writes >= enough));
		ASSERT_EQ(0, kill(mover, SIGKILL));
		EXPECT_EQ(256 + SIGKILL, child_status(mover));
		expect_contents(_metadata, self);
	}
	EXPECT_EQ(0, swap_error(self->box, PAGEBOX_FD_RAM, 0));
	EXPECT_EQ(0, frames_error(self->box, 2 * PAGES));
	EXPECT_EQ(0, swap_error(self->box, PAGEBOX_FD_NONE, 0));
	EXPECT_EQ(0, box_stats(self->box).swap_used);
	expect_contents(_metadata, self);
}

static int configure_all_the_time(void *context)
{
	FIXTURE_DATA(exchange) *self = context;
	/* Room for the written pages that each fork keeps. */
	int file = store_file(12 * PAGES * page_size, 1);
	uint64_t seed = getpid();

	for (int turn = 0; turn < (int)reduced(40); turn++) {
		struct pagebox_config config = {
			.frames = 2 + rnd(&seed) % (2 * PAGES),
			.policy = "fifo",
			.swap_fd = rnd(&seed) % 2 ? file : PAGEBOX_FD_RAM,
			.readahead = rnd(&seed) % 8,
			.swappiness = rnd(&seed) % 200,
		};
		int error;

		if (rnd(&seed) % 2)
			memcpy(config.policy, "lru", sizeof("lru"));
		config.set = 1U << (rnd(&seed) % 12);
		config.set &= PAGEBOX_SET_FRAMES | PAGEBOX_SET_POLICY |
			      PAGEBOX_SET_SWAP | PAGEBOX_SET_READAHEAD |
			      PAGEBOX_SET_SWAPPINESS;
		error = configure_error(self->box, config);
		/* The file may already be the area. */
		if (error && !(error == EBUSY && config.set & PAGEBOX_SET_SWAP))
			return error;
	}
	return 0;
}

/* Concurrent configuration of one box under load. */
TEST_F(exchange, many_configure)
{
	struct repeater writer;
	pid_t pids[3];

	repeater_start(&writer, write_and_check, self->box,
		       box_map_from(self->box, 2 * PAGES, PAGES, MAP_PRIVATE),
		       PAGES);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			_exit(configure_all_the_time(self));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, child_status(pids[i]));
	EXPECT_TRUE(repeater_end(&writer));
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 100));
	EXPECT_TRUE(pages_hold(self->private, PAGES, 200));
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
}

/* A bounded area is used up to its last slot; the bound can be raised. */
TEST(swap_pages)
{
	const unsigned int slots = 4, frames = 4;
	int box = box_new(frames, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);

	ASSERT_EQ(0, swap_error(box, PAGEBOX_FD_RAM, slots));
	EXPECT_EQ(slots, box_info(box).swap_pages);
	pages_fill(map, frames + slots, 1);
	EXPECT_EQ(slots, box_stats(box).swap_used);
	EXPECT_EQ(SIGBUS, signal_of_write(page_at(map, frames + slots)));
	EXPECT_EQ(slots, box_stats(box).swap_used);
	EXPECT_EQ(slots, box_stats(box).swap_high);
	EXPECT_EQ(1, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, box_stats(box).io_errors);

	EXPECT_EQ(ENOMEM, swap_error(box, PAGEBOX_FD_RAM, slots - 1));
	EXPECT_EQ(slots, box_info(box).swap_pages);
	ASSERT_EQ(0, swap_error(box, PAGEBOX_FD_RAM, PAGES));
	EXPECT_TRUE(pages_hold(map, frames + slots, 1));
	pages_fill(map, PAGES, 500);
	EXPECT_TRUE(pages_hold(map, PAGES, 500));
	EXPECT_LE(PAGES - frames, box_stats(box).swap_high);
	EXPECT_GE(PAGES, box_stats(box).swap_high);
}

/* Fewer frames at run time: the frames are freed before the ioctl returns. */
TEST(frames_taken_away)
{
	int box = box_new(PAGES, 0);
	char *shared = box_map(box, PAGES / 2, MAP_SHARED);
	char *private = box_map(box, PAGES / 2, MAP_PRIVATE);
	struct frame_row *rows;

	pages_fill(shared, PAGES / 2, 100);
	pages_fill(private, PAGES / 2, 200);
	EXPECT_EQ(PAGES, box_stats(box).frames_used);
	for (unsigned int frames = PAGES; frames >= 2; frames /= 2) {
		ASSERT_EQ(0, frames_error(box, frames));
		EXPECT_GE(frames, box_stats(box).frames_used);
		EXPECT_EQ(frames, frame_rows(box_info(box).id, &rows));
		free(rows);
		EXPECT_TRUE(pages_hold(shared, PAGES / 2, 100));
		EXPECT_TRUE(pages_hold(private, PAGES / 2, 200));
		EXPECT_GE(frames, box_stats(box).frames_used);
	}
	ASSERT_EQ(0, frames_error(box, PAGES));
	pages_touch(shared, PAGES / 2);
	pages_touch(private, PAGES / 2);
	EXPECT_EQ(PAGES, box_stats(box).frames_used);
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* Frames of locked pages cannot be removed; on failure nothing changes. */
TEST(frames_of_locked_pages)
{
	const unsigned int locked = 6;
	int box = box_new(PAGES, 0);
	char *map = box_map(box, PAGES, MAP_SHARED);
	struct pagebox_info before, after;

	stay_on_this_cpu();
	pages_fill(map, PAGES, 1);
	ASSERT_EQ(0, mlock(map, locked * page_size));
	EXPECT_EQ(locked, box_stats(box).frames_locked);
	before = box_info(box);
	EXPECT_EQ(EBUSY,
		  configure_error(box, (struct pagebox_config){
					       .set = PAGEBOX_SET_NAME |
						      PAGEBOX_SET_POLICY |
						      PAGEBOX_SET_FRAMES |
						      PAGEBOX_SET_SWAP,
					       .name = "all of it",
					       .policy = "fifo",
					       .frames = locked - 1,
					       .swap_fd = PAGEBOX_FD_RAM,
					       .swap_pages = 1000,
				       }));
	after = box_info(box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
	ASSERT_EQ(0, munlock(map, locked * page_size));
	EXPECT_EQ(0, frames_error(box, locked - 1));
	EXPECT_EQ(locked - 1, box_info(box).frames);
	EXPECT_TRUE(pages_hold(map, PAGES, 1));
}

TEST_HARNESS_MAIN
