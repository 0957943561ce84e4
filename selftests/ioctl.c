// SPDX-License-Identifier: GPL-2.0
/*
 * Every ioctl with every kind of bad argument: the errno promised by
 * uapi/pagebox.h, and no field of the box changed.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define ALL_SETS ((PAGEBOX_SET_REFERENCES << 1) - 1)

/* The sizes of the structures as first published. */
#define CONFIG_SIZE_VER0 24
#define INFO_SIZE_VER0 40
#define STATS_SIZE_VER0 160

FIXTURE(ioctl)
{
	int box;
	struct pagebox_info info;
	struct pagebox_stats stats;
};

FIXTURE_SETUP(ioctl)
{
	self->box = box_open();
	self->info = box_info(self->box);
	self->stats = box_stats(self->box);
}

/* The box must be unchanged after each test. */
FIXTURE_TEARDOWN(ioctl)
{
	struct pagebox_info info = box_info(self->box);
	struct pagebox_stats stats = box_stats(self->box);

	EXPECT_TRUE(is_same(&info, &self->info, sizeof(info)));
	EXPECT_TRUE(is_same(&stats, &self->stats, sizeof(stats)));
	close(self->box);
}

/* The errno of an ioctl, 0 on success. */
static int error_of(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) ? errno : 0;
}

static int bytes_error(int box, uint64_t bytes)
{
	return configure_error(
		box, (struct pagebox_config){ .set = PAGEBOX_SET_BYTES,
					      .bytes = bytes });
}

static int whole_swap_error(int box, int fd)
{
	return swap_error(box, fd, 0);
}

/* Unknown ioctl numbers, of our type and of others. */
TEST_F(ioctl, unknown)
{
	struct pagebox_info info = { .size = sizeof(info) };
	static const unsigned long requests[] = {
		0,
		0x5401,
		_IO(PAGEBOX_IOC_MAGIC, 8),
		_IO(PAGEBOX_IOC_MAGIC, 255),
		_IOWR(PAGEBOX_IOC_MAGIC, 99, struct pagebox_info),
		_IOWR(PAGEBOX_IOC_MAGIC - 1, 1, struct pagebox_info),
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		EXPECT_EQ(ENOTTY, error_of(self->box, requests[i], &info))
		TH_LOG("request %#lx", requests[i]);
	}
}

/* Unmapped, half mapped and read-only pointers. */
TEST_F(ioctl, pointers)
{
	static const unsigned long requests[] = {
		PAGEBOX_IOC_CONFIGURE, PAGEBOX_IOC_INFO,
		PAGEBOX_IOC_STATS,     PAGEBOX_IOC_PREFETCH,
		PAGEBOX_IOC_PAGE_OUT,  PAGEBOX_IOC_DISCARD,
		PAGEBOX_IOC_JOIN,      PAGEBOX_IOC_STACK,
	};
	char *pages = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pagebox_stats *edge;
	struct pagebox_info *info;

	ASSERT_NE(MAP_FAILED, pages);
	/* The known part is writable, the excess of a longer structure is not. */
	ASSERT_EQ(0, mprotect(pages + page_size, page_size, PROT_READ));
	info = (void *)(pages + page_size - sizeof(*info));
	info->size = sizeof(*info) + 8;
	EXPECT_EQ(EFAULT, error_of(self->box, PAGEBOX_IOC_INFO, info));
	info->size = sizeof(*info);
	EXPECT_EQ(0, error_of(self->box, PAGEBOX_IOC_INFO, info));
	unmap(pages + page_size, 1);
	edge = (void *)(pages + page_size - 8);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		edge->size = sizeof(*edge);
		edge->reserved = 0;
		EXPECT_EQ(EFAULT, error_of(self->box, requests[i], NULL));
		EXPECT_EQ(EFAULT, error_of(self->box, requests[i], (void *)8));
		EXPECT_EQ(EFAULT,
			  error_of(self->box, requests[i], (void *)-4096L));
		EXPECT_EQ(EFAULT,
			  error_of(self->box, requests[i], pages + page_size));
		EXPECT_EQ(EFAULT, error_of(self->box, requests[i],
					   pages + page_size - 2));
		EXPECT_EQ(EFAULT, error_of(self->box, requests[i], edge));
	}
	memset(pages, 0, page_size);
	*(uint32_t *)pages = sizeof(struct pagebox_stats);
	ASSERT_EQ(0, mprotect(pages, page_size, PROT_READ));
	EXPECT_EQ(EFAULT, error_of(self->box, PAGEBOX_IOC_STATS, pages));
	EXPECT_EQ(EFAULT, error_of(self->box, PAGEBOX_IOC_INFO, pages));
}

/* A structure shorter than the first published one. */
TEST_F(ioctl, short_structures)
{
	static const struct {
		unsigned long request;
		uint32_t least;
	} structures[] = {
		{ PAGEBOX_IOC_CONFIGURE, CONFIG_SIZE_VER0 },
		{ PAGEBOX_IOC_INFO, INFO_SIZE_VER0 },
		{ PAGEBOX_IOC_STATS, STATS_SIZE_VER0 },
		{ PAGEBOX_IOC_PREFETCH, sizeof(struct pagebox_range) },
		{ PAGEBOX_IOC_PAGE_OUT, sizeof(struct pagebox_range) },
		{ PAGEBOX_IOC_DISCARD, sizeof(struct pagebox_range) },
		{ PAGEBOX_IOC_JOIN, sizeof(struct pagebox_join) },
		{ PAGEBOX_IOC_STACK, sizeof(struct pagebox_stack) },
	};
	union {
		uint32_t size;
		char room[512];
	} argument = {};

	for (size_t i = 0; i < ARRAY_SIZE(structures); i++) {
		for (uint32_t size = 0; size < structures[i].least; size++) {
			argument.size = size;
			EXPECT_EQ(EINVAL,
				  error_of(self->box, structures[i].request,
					   &argument))
			TH_LOG("request %#lx, size %u", structures[i].request,
			       size);
		}
	}
}

/* An older version's configuration: fields beyond its size do not change. */
TEST_F(ioctl, older_config)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_FRAMES,
					 .frames = self->info.frames };

	for (uint32_t size = CONFIG_SIZE_VER0; size <= sizeof(config); size++) {
		config.size = size;
		EXPECT_EQ(0,
			  error_of(self->box, PAGEBOX_IOC_CONFIGURE, &config));
	}
	config.size = CONFIG_SIZE_VER0;
	config.set = PAGEBOX_SET_NAME;
	config.name[0] = 'x';
	EXPECT_EQ(EINVAL, error_of(self->box, PAGEBOX_IOC_CONFIGURE, &config));
}

/* Whether bytes from @from to @end still have memset()'s 0xaa. */
static bool untouched(const void *structure, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++)
		if (((const unsigned char *)structure)[i] != 0xaa)
			return false;
	return true;
}

/* An older version's info and stats: filled up to their size. */
TEST_F(ioctl, older_answers)
{
	struct pagebox_info info;
	struct pagebox_stats stats;

	for (uint32_t size = INFO_SIZE_VER0; size <= sizeof(info); size++) {
		memset(&info, 0xaa, sizeof(info));
		info.size = size;
		EXPECT_EQ(0, error_of(self->box, PAGEBOX_IOC_INFO, &info));
		EXPECT_EQ(sizeof(info), info.size);
		EXPECT_TRUE(is_same(&info, &self->info, size));
		EXPECT_TRUE(untouched(&info, size, sizeof(info)));
	}
	for (uint32_t size = STATS_SIZE_VER0; size <= sizeof(stats); size++) {
		memset(&stats, 0xaa, sizeof(stats));
		stats.size = size;
		stats.reserved = 0;
		stats.address = 0;
		EXPECT_EQ(0, error_of(self->box, PAGEBOX_IOC_STATS, &stats));
		EXPECT_EQ(sizeof(stats), stats.size);
		EXPECT_TRUE(is_same(&stats, &self->stats, size));
		EXPECT_TRUE(untouched(&stats, size, sizeof(stats)));
	}
}

/* A later version's configuration: refused if it uses unknown fields. */
TEST_F(ioctl, long_config)
{
	struct {
		struct pagebox_config config;
		char tail[40];
	} later = { .config = { .set = PAGEBOX_SET_FRAMES, .frames = 7 } };

	later.config.size = sizeof(later);
	for (size_t i = 0; i < sizeof(later.tail); i++) {
		later.tail[i] = 1;
		EXPECT_EQ(E2BIG,
			  error_of(self->box, PAGEBOX_IOC_CONFIGURE, &later));
		later.tail[i] = 0;
	}
	later.config.frames = self->info.frames;
	EXPECT_EQ(0, error_of(self->box, PAGEBOX_IOC_CONFIGURE, &later));
}

/* A later version's info and stats: unknown fields read as zero. */
TEST_F(ioctl, long_answers)
{
	struct {
		struct pagebox_info info;
		char tail[24];
	} later = { .info.size = sizeof(later) };
	struct {
		struct pagebox_stats stats;
		char tail[24];
	} later_stats = { .stats.size = sizeof(later_stats) };
	static const char zero[24];

	memset(later.tail, 0xff, sizeof(later.tail));
	EXPECT_EQ(0, error_of(self->box, PAGEBOX_IOC_INFO, &later));
	EXPECT_EQ(sizeof(struct pagebox_info), later.info.size);
	EXPECT_TRUE(is_same(&later.info, &self->info, sizeof(later.info)));
	EXPECT_EQ(0, memcmp(later.tail, zero, sizeof(zero)));

	EXPECT_EQ(0, error_of(self->box, PAGEBOX_IOC_STATS, &later_stats));
	EXPECT_EQ(sizeof(struct pagebox_stats), later_stats.stats.size);
	EXPECT_EQ(0, memcmp(later_stats.tail, zero, sizeof(zero)));

	later_stats.stats.size = sizeof(later_stats);
	later_stats.tail[3] = 1;
	EXPECT_EQ(E2BIG, error_of(self->box, PAGEBOX_IOC_STATS, &later_stats));
}

/* The same for a later version's range and join. */
TEST(long_requests)
{
	struct {
		struct pagebox_range range;
		char tail[24];
	} range = { .range = { .size = sizeof(range), .length = page_size } };
	struct {
		struct pagebox_join join;
		char tail[24];
	} join = { .join.size = sizeof(join) };
	int box = box_open(), joined;

	join.join.id = box_info(box).id;
	for (size_t i = 0; i < sizeof(range.tail); i++) {
		range.tail[i] = 1;
		join.tail[i] = 1;
		EXPECT_EQ(E2BIG, error_of(box, PAGEBOX_IOC_PREFETCH, &range));
		EXPECT_EQ(E2BIG, error_of(box, PAGEBOX_IOC_PAGE_OUT, &range));
		EXPECT_EQ(E2BIG, error_of(box, PAGEBOX_IOC_DISCARD, &range));
		EXPECT_EQ(E2BIG, error_of(box, PAGEBOX_IOC_JOIN, &join));
		range.tail[i] = 0;
		join.tail[i] = 0;
	}
	EXPECT_EQ(0, error_of(box, PAGEBOX_IOC_PREFETCH, &range));
	joined = ioctl(box, PAGEBOX_IOC_JOIN, &join);
	ASSERT_LE(0, joined);
	EXPECT_EQ(box_info(box).id, box_info(joined).id);
}

/* Undefined bits in set. */
TEST_F(ioctl, unknown_set_bits)
{
	for (int bit = 0; bit < 32; bit++) {
		struct pagebox_config config = {
			.set = 1U << bit | PAGEBOX_SET_FRAMES, .frames = 7
		};

		if (!(ALL_SETS & 1U << bit))
			EXPECT_EQ(EINVAL, configure_error(self->box, config));
	}
}

/* Reserved fields must be zero, undefined flags are refused. */
TEST_F(ioctl, reserved)
{
	struct pagebox_join join = { .size = sizeof(join),
				     .id = self->info.id };
	struct pagebox_range range = { .size = sizeof(range),
				       .length = page_size };

	for (int bit = 0; bit < 32; bit++) {
		join.flags = 1U << bit;
		EXPECT_EQ(EINVAL, error_of(self->box, PAGEBOX_IOC_JOIN, &join));
		range.flags = 1U << bit;
		if (range.flags == PAGEBOX_RANGE_ADDRESS)
			continue;
		EXPECT_EQ(EINVAL,
			  error_of(self->box, PAGEBOX_IOC_PREFETCH, &range));
		EXPECT_EQ(EINVAL,
			  error_of(self->box, PAGEBOX_IOC_PAGE_OUT, &range));
		EXPECT_EQ(EINVAL,
			  error_of(self->box, PAGEBOX_IOC_DISCARD, &range));
	}
	join.flags = 0;
	join.reserved = 1;
	EXPECT_EQ(EINVAL, error_of(self->box, PAGEBOX_IOC_JOIN, &join));
}

/* An empty configuration is no error, and fields not named in set are ignored. */
TEST_F(ioctl, fields_that_are_not_set)
{
	struct pagebox_config config;

	memset(&config, 0xff, sizeof(config));
	config.set = 0;
	EXPECT_EQ(0, configure_error(self->box, config));
}

TEST_F(ioctl, frames)
{
	unsigned long max = module_param("max_frames");

	EXPECT_EQ(EINVAL, frames_error(self->box, 0));
	EXPECT_EQ(EINVAL, frames_error(self->box, PAGEBOX_MIN_FRAMES - 1));
	EXPECT_EQ(ERANGE, frames_error(self->box, UINT32_MAX));
	EXPECT_LT(0, max);
	EXPECT_EQ(ERANGE, frames_error(self->box, max + 1));
}

TEST_F(ioctl, bytes)
{
	EXPECT_EQ(EINVAL, bytes_error(self->box, 0));
	EXPECT_EQ(EINVAL, bytes_error(self->box, 1));
	EXPECT_EQ(EINVAL, bytes_error(self->box, page_size - 1));
	EXPECT_EQ(EINVAL, bytes_error(self->box, page_size + 1));
	EXPECT_EQ(ERANGE, bytes_error(self->box, PAGEBOX_MAX_SIZE + page_size));
	EXPECT_EQ(ERANGE, bytes_error(self->box, 1ULL << 63));
	EXPECT_EQ(ERANGE, bytes_error(self->box, -page_size));
}

/* The largest and the smallest allowed box. */
TEST(extremes)
{
	int box = box_open();

	EXPECT_EQ(0, bytes_error(box, PAGEBOX_MAX_SIZE));
	EXPECT_EQ(PAGEBOX_MAX_SIZE, box_info(box).bytes);
	EXPECT_EQ(0, bytes_error(box, page_size));
	EXPECT_EQ(page_size, box_info(box).bytes);
	EXPECT_EQ(0, frames_error(box, PAGEBOX_MIN_FRAMES));
	EXPECT_EQ(PAGEBOX_MIN_FRAMES, box_info(box).frames);
	page_fill(box_map(box, 1, MAP_PRIVATE), 1);
}

/* Names and policies without a terminator, or with invalid contents. */
TEST_F(ioctl, names)
{
	static const char *const bad[] = {
		"",	  "\n",		"two\nlines", "a tab\t", "\033[31mred",
		"bell\a", "delete\177", "\1",
	};
	struct pagebox_config config = { .set = PAGEBOX_SET_NAME };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(config.name, sizeof(config.name), "%s", bad[i]);
		EXPECT_EQ(EINVAL, configure_error(self->box, config))
		TH_LOG("name %zu", i);
	}
	memset(config.name, 'x', sizeof(config.name));
	EXPECT_EQ(EINVAL, configure_error(self->box, config));
}

TEST_F(ioctl, policies)
{
	static const char *const unknown[] = { "none", "cloc", "clocks",
					       "Clock" };
	struct pagebox_config config = { .set = PAGEBOX_SET_POLICY };

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		snprintf(config.policy, sizeof(config.policy), "%s",
			 unknown[i]);
		EXPECT_EQ(ENOENT, configure_error(self->box, config))
		TH_LOG("policy '%s'", unknown[i]);
	}
	config.policy[0] = '\0';
	EXPECT_EQ(EINVAL, configure_error(self->box, config));
	memset(config.policy, 'x', sizeof(config.policy));
	EXPECT_EQ(EINVAL, configure_error(self->box, config));
}

struct bad_config {
	struct pagebox_config config;
	int error;
};

/* Numbers out of range, and undefined values. */
static const struct bad_config bad_numbers[] = {
	{ { .set = PAGEBOX_SET_STORE_DELAY,
	    .store_read_us = PAGEBOX_MAX_DELAY + 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_STORE_DELAY,
	    .store_write_us = PAGEBOX_MAX_DELAY + 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_STORE_DELAY, .store_write_us = UINT32_MAX },
	  ERANGE },
	{ { .set = PAGEBOX_SET_SWAP_DELAY,
	    .swap_read_us = PAGEBOX_MAX_DELAY + 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_SWAP_DELAY,
	    .swap_write_us = PAGEBOX_MAX_DELAY + 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_READAHEAD,
	    .readahead = PAGEBOX_MAX_READAHEAD + 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_READAHEAD, .readahead = UINT32_MAX }, ERANGE },
	{ { .set = PAGEBOX_SET_SWAPPINESS,
	    .swappiness = PAGEBOX_MAX_SWAPPINESS + 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_OOM, .oom = PAGEBOX_OOM_WAIT + 1 }, EINVAL },
	{ { .set = PAGEBOX_SET_OOM, .oom = UINT32_MAX }, EINVAL },
	{ { .set = PAGEBOX_SET_OOM,
	    .oom = PAGEBOX_OOM_WAIT,
	    .oom_wait_ms = PAGEBOX_MAX_OOM_WAIT + 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_OVERCOMMIT,
	    .overcommit = PAGEBOX_OVERCOMMIT_NEVER + 1 },
	  EINVAL },
	{ { .set = PAGEBOX_SET_DIRTY, .dirty_age_ms = 0, .dirty_ratio = 1 },
	  EINVAL },
	{ { .set = PAGEBOX_SET_DIRTY,
	    .dirty_age_ms = PAGEBOX_MAX_DIRTY_AGE + 1,
	    .dirty_ratio = 1 },
	  ERANGE },
	{ { .set = PAGEBOX_SET_DIRTY,
	    .dirty_age_ms = 1,
	    .dirty_ratio = PAGEBOX_MAX_DIRTY_RATIO + 1 },
	  ERANGE },
};

TEST_F(ioctl, numbers)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_numbers); i++) {
		EXPECT_EQ(bad_numbers[i].error,
			  configure_error(self->box, bad_numbers[i].config))
		TH_LOG("number %zu", i);
	}
}

/* Every number at its bound is accepted. */
TEST(bounds)
{
	int box = box_open();
	struct pagebox_info info;

	ASSERT_EQ(0,
		  configure_error(
			  box, (struct pagebox_config){
				       .set = PAGEBOX_SET_STORE_DELAY |
					      PAGEBOX_SET_SWAP_DELAY |
					      PAGEBOX_SET_READAHEAD |
					      PAGEBOX_SET_SWAPPINESS |
					      PAGEBOX_SET_OOM |
					      PAGEBOX_SET_OVERCOMMIT |
					      PAGEBOX_SET_DIRTY,
				       .store_read_us = PAGEBOX_MAX_DELAY,
				       .store_write_us = PAGEBOX_MAX_DELAY,
				       .swap_read_us = PAGEBOX_MAX_DELAY,
				       .swap_write_us = PAGEBOX_MAX_DELAY,
				       .readahead = PAGEBOX_MAX_READAHEAD,
				       .swappiness = PAGEBOX_MAX_SWAPPINESS,
				       .oom = PAGEBOX_OOM_WAIT,
				       .oom_wait_ms = PAGEBOX_MAX_OOM_WAIT,
				       .overcommit = PAGEBOX_OVERCOMMIT_NEVER,
				       .dirty_age_ms = PAGEBOX_MAX_DIRTY_AGE,
				       .dirty_ratio = PAGEBOX_MAX_DIRTY_RATIO,
			       }));
	info = box_info(box);
	EXPECT_EQ(PAGEBOX_MAX_DELAY, info.store_read_us);
	EXPECT_EQ(PAGEBOX_MAX_DELAY, info.store_write_us);
	EXPECT_EQ(PAGEBOX_MAX_DELAY, info.swap_read_us);
	EXPECT_EQ(PAGEBOX_MAX_DELAY, info.swap_write_us);
	EXPECT_EQ(PAGEBOX_MAX_READAHEAD, info.readahead);
	EXPECT_EQ(PAGEBOX_MAX_SWAPPINESS, info.swappiness);
	EXPECT_EQ(PAGEBOX_OOM_WAIT, info.oom);
	EXPECT_EQ(PAGEBOX_MAX_OOM_WAIT, info.oom_wait_ms);
	EXPECT_EQ(PAGEBOX_OVERCOMMIT_NEVER, info.overcommit);
	EXPECT_EQ(PAGEBOX_MAX_DIRTY_AGE, info.dirty_age_ms);
	EXPECT_EQ(PAGEBOX_MAX_DIRTY_RATIO, info.dirty_ratio);
}

/* An unnamed file of @bytes bytes, opened with @flags. */
static int file_new(size_t bytes, int flags)
{
	char name[] = "/tmp/pagebox-XXXXXX";
	int file = mkstemp(name);
	int fd = open(name, flags | O_CLOEXEC);

	if (file < 0 || fd < 0 || ftruncate(file, bytes) || unlink(name))
		die("cannot make a file in /tmp");
	close(file);
	return fd;
}

/* Each kind of file that cannot be a store or a swap area has its errno. */
TEST_F(ioctl, files)
{
	int ends[2], sockets[2];
	int closed = file_new(page_size, O_RDWR);

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	close(closed);
	for (int swap = 0; swap < 2; swap++) {
		int (*const error)(int box, int fd) = swap ? whole_swap_error :
							     store_error;

		EXPECT_EQ(EBADF, error(self->box, -3));
		EXPECT_EQ(EBADF, error(self->box, INT32_MIN));
		EXPECT_EQ(EBADF, error(self->box, INT32_MAX));
		EXPECT_EQ(EBADF, error(self->box, closed));
		EXPECT_EQ(EBADF,
			  error(self->box, open("/dev", O_PATH | O_CLOEXEC)));
		EXPECT_EQ(EISDIR,
			  error(self->box, open("/dev", O_RDONLY | O_CLOEXEC)));
		EXPECT_EQ(ESPIPE, error(self->box, sockets[0]));
		EXPECT_EQ(EINVAL, error(self->box,
					open("/dev/null", O_RDWR | O_CLOEXEC)));
		/*
		 * A regular file that is readable at any offset, and not
		 * writable.
		 */
		EXPECT_EQ(EINVAL, error(self->box, open("/proc/cpuinfo",
							O_RDWR | O_CLOEXEC)));
		EXPECT_EQ(EINVAL, error(self->box, self->box));
		EXPECT_EQ(EINVAL, error(self->box, box_open()));
		EXPECT_EQ(EACCES,
			  error(self->box, file_new(page_size, O_WRONLY)));
		EXPECT_EQ(EACCES,
			  error(self->box,
				file_new(page_size, O_RDWR | O_APPEND)));
	}
	EXPECT_EQ(ESPIPE, store_error(self->box, ends[0]));
	EXPECT_EQ(EACCES,
		  whole_swap_error(self->box, file_new(page_size, O_RDONLY)));
	EXPECT_EQ(ENOSPC, whole_swap_error(self->box, file_new(0, O_RDWR)));
	EXPECT_EQ(ENOSPC,
		  whole_swap_error(self->box, file_new(page_size - 1, O_RDWR)));
}

/* A configuration of everything; only its files remain to be set. */
static const struct pagebox_config everything = {
	.set = ALL_SETS,
	.frames = 5,
	.name = "everything",
	.policy = "fifo",
	.swap_pages = 3,
	.store_read_us = 1,
	.store_write_us = 2,
	.swap_read_us = 3,
	.swap_write_us = 4,
	.readahead = 6,
	.swappiness = 7,
	.oom = PAGEBOX_OOM_WAIT,
	.oom_wait_ms = 8,
	.overcommit = PAGEBOX_OVERCOMMIT_NEVER,
	.dirty_age_ms = 9,
	.dirty_ratio = 10,
};

/* All or nothing: one bad field rejects the whole configuration. */
TEST_F(ioctl, all_or_nothing)
{
	struct pagebox_config good = everything, bad;

	good.bytes = 8 * page_size;
	good.store_fd = store_file(page_size, 1);
	good.swap_fd = PAGEBOX_FD_RAM;
	bad = good;
	bad.frames = 0;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
	bad = good;
	bad.bytes = 1;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
	bad = good;
	bad.store_fd = -3;
	EXPECT_EQ(EBADF, configure_error(self->box, bad));
	bad = good;
	bad.swap_fd = -3;
	EXPECT_EQ(EBADF, configure_error(self->box, bad));
	bad = good;
	bad.name[0] = '\0';
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
	bad = good;
	bad.policy[0] = 'x';
	EXPECT_EQ(ENOENT, configure_error(self->box, bad));
	bad = good;
	bad.swap_write_us = PAGEBOX_MAX_DELAY + 1;
	EXPECT_EQ(ERANGE, configure_error(self->box, bad));
	bad = good;
	bad.dirty_age_ms = 0;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
	bad = good;
	bad.set |= 1U << 31;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
	bad = good;
	bad.references = PAGEBOX_REFERENCES_EVERY + 1;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
}

/* A used box refuses its size together with all other fields. */
TEST(all_or_nothing_of_a_used_box)
{
	struct pagebox_config config = everything;
	int box = box_new(8, 8);
	char *map = box_map(box, 8, MAP_PRIVATE);
	struct pagebox_info before, after;

	pages_fill(map, 8, 1);
	before = box_info(box);
	config.bytes = 8 * page_size;
	config.store_fd = PAGEBOX_FD_RAM;
	config.swap_fd = PAGEBOX_FD_RAM;
	EXPECT_EQ(EBUSY, configure_error(box, config));
	config.set &= ~PAGEBOX_SET_STORE;
	EXPECT_EQ(EBUSY, configure_error(box, config));
	config.set |= PAGEBOX_SET_STORE;
	config.set &= ~PAGEBOX_SET_BYTES;
	EXPECT_EQ(EBUSY, configure_error(box, config));
	after = box_info(box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	EXPECT_TRUE(pages_hold(map, 8, 1));
}

/*
 * A good configuration is applied whole, and can be replaced before the first
 * use.
 */
TEST(good_configuration)
{
	struct pagebox_config good = everything;
	int box = box_open();
	const struct pagebox_config better = {
		.set = PAGEBOX_SET_STORE | PAGEBOX_SET_FRAMES,
		.frames = 6,
		.store_fd = store_file(2 * page_size, 50),
	};

	good.bytes = 8 * page_size;
	good.store_fd = file_new(page_size, O_RDONLY);
	good.swap_fd = PAGEBOX_FD_RAM;
	ASSERT_EQ(0, configure_error(box, good));
	EXPECT_EQ(8 * page_size, box_info(box).bytes);
	EXPECT_EQ(5, box_info(box).frames);
	EXPECT_EQ(1, box_info(box).batch);
	EXPECT_EQ(page_size, box_info(box).store_bytes);
	EXPECT_EQ(PAGEBOX_INFO_STORE, box_info(box).flags);
	EXPECT_STREQ("everything", box_info(box).name);
	EXPECT_STREQ("fifo", box_info(box).policy);
	ASSERT_EQ(0, configure_error(box, better));
	EXPECT_EQ(8 * page_size, box_info(box).bytes);
	EXPECT_EQ(6, box_info(box).frames);
	EXPECT_EQ(2 * page_size, box_info(box).store_bytes);
	EXPECT_EQ(PAGEBOX_INFO_STORE | PAGEBOX_INFO_WRITABLE,
		  box_info(box).flags);
	EXPECT_STREQ("everything", box_info(box).name);
	EXPECT_TRUE(pages_hold(box_map(box, 2, MAP_SHARED), 2, 50));
	EXPECT_EQ(PAGEBOX_INFO_STORE | PAGEBOX_INFO_WRITABLE |
			  PAGEBOX_INFO_SEALED,
		  box_info(box).flags);
}

/* The batch follows the number of frames as documented, from 1 to 32. */
TEST(batch)
{
	static const struct {
		unsigned int frames, batch;
	} expected[] = {
		{ 2, 1 },    { 127, 1 },   { 128, 2 },
		{ 640, 10 }, { 2048, 32 }, { 4096, 32 },
	};
	int box = box_open();

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		ASSERT_EQ(0, frames_error(box, expected[i].frames));
		EXPECT_EQ(expected[i].batch, box_info(box).batch);
	}
}

/* Once mapped, a box keeps size and store, even after munmap(). */
TEST(configure_after_mmap)
{
	int box = box_new(8, 8);
	char *map = box_map(box, 8, MAP_PRIVATE);
	struct pagebox_info info = box_info(box), now;
	int file = store_file(page_size, 1);

	EXPECT_TRUE(info.flags & PAGEBOX_INFO_SEALED);
	for (int round = 0; round < 2; round++) {
		EXPECT_EQ(EBUSY, bytes_error(box, 16 * page_size));
		EXPECT_EQ(EBUSY, bytes_error(box, 8 * page_size));
		EXPECT_EQ(EBUSY, store_error(box, file));
		EXPECT_EQ(EBUSY, store_error(box, PAGEBOX_FD_NONE));
		now = box_info(box);
		EXPECT_TRUE(is_same(&info, &now, sizeof(info)));
		if (!round)
			unmap(map, 8);
	}
	EXPECT_EQ(0, frames_error(box, 16));
	EXPECT_EQ(16, box_info(box).frames);
}

/* Boxes that do not exist, and one that was destroyed. */
TEST_F(ioctl, join_nothing)
{
	int other = box_open();
	unsigned int gone = box_info(other).id;

	close(other);
	EXPECT_EQ(-ENOENT, box_join(self->box, 0));
	EXPECT_EQ(-ENOENT, box_join(self->box, gone));
	EXPECT_EQ(-ENOENT, box_join(self->box, gone + 1000));
	EXPECT_EQ(-ENOENT, box_join(self->box, UINT32_MAX));
}

/* A range structure in read-only memory. */
TEST(range_in_read_only_memory)
{
	static const unsigned long requests[] = {
		PAGEBOX_IOC_PREFETCH,
		PAGEBOX_IOC_PAGE_OUT,
		PAGEBOX_IOC_DISCARD,
	};
	struct pagebox_range *range = mmap(NULL, page_size,
					   PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int box = box_open();

	ASSERT_NE(MAP_FAILED, range);
	*range = (struct pagebox_range){ .size = sizeof(*range),
					 .length = page_size };
	ASSERT_EQ(0, mprotect(range, page_size, PROT_READ));
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(EFAULT, error_of(box, requests[i], range));
}

/* Stats of addresses that are in no mapping of this box. */
TEST(stats_of_addresses)
{
	int box = box_new(8, 0), other = box_new(8, 0);
	char *map = box_map(box, 4, MAP_PRIVATE);
	struct pagebox_stats stats = { .size = sizeof(stats) };
	int on_the_stack;
	char *const elsewhere[] = {
		box_map(other, 4, MAP_PRIVATE),
		(char *)8,
		(char *)&on_the_stack,
		(char *)-8L,
	};

	page_fill(map, 1);
	EXPECT_EQ(1, map_stats(box, map).faults[PAGEBOX_FAULT_ZERO]);
	EXPECT_EQ(
		1,
		map_stats(box, page_at(map, 4) - 1).faults[PAGEBOX_FAULT_ZERO]);
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		stats.address = (uintptr_t)elsewhere[i];
		EXPECT_EQ(ENOENT, error_of(box, PAGEBOX_IOC_STATS, &stats))
		TH_LOG("address %p", elsewhere[i]);
	}
	unmap(map, 4);
	stats.address = (uintptr_t)map;
	EXPECT_EQ(ENOENT, error_of(box, PAGEBOX_IOC_STATS, &stats));
	stats = (struct pagebox_stats){ .size = sizeof(stats), .reserved = 1 };
	EXPECT_EQ(EINVAL, error_of(box, PAGEBOX_IOC_STATS, &stats));
}

/* The stats of a mapping have its faults and nothing of the box. */
TEST(stats_of_a_mapping)
{
	int box = box_new(4, 0);
	char *map = box_map(box, 16, MAP_PRIVATE);
	char *other = box_map(box, 16, MAP_SHARED);
	struct pagebox_stats stats, only = {};

	pages_fill(map, 16, 1);
	pages_fill(other, 16, 1);
	EXPECT_TRUE(pages_hold(map, 16, 1));
	stats = map_stats(box, page_at(map, 3));
	EXPECT_EQ(16, stats.faults[PAGEBOX_FAULT_ZERO]);
	EXPECT_EQ(16, stats.faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_EQ(16, stats.major);
	only.size = sizeof(only);
	only.address = (uintptr_t)page_at(map, 3);
	memcpy(only.faults, stats.faults, sizeof(only.faults));
	only.major = stats.major;
	EXPECT_TRUE(is_same(&only, &stats, sizeof(only)));
}

/* Reserved fault classes are zero. */
TEST(reserved_fault_classes)
{
	int box = box_new(4, 0);
	char *map = box_map(box, 16, MAP_PRIVATE);
	struct pagebox_stats all, mine;

	pages_fill(map, 16, 1);
	all = box_stats(box);
	mine = map_stats(box, map);
	EXPECT_EQ(8, ARRAY_SIZE(all.faults));
	for (size_t i = FAULT_CLASSES; i < ARRAY_SIZE(all.faults); i++) {
		EXPECT_EQ(0, all.faults[i]);
		EXPECT_EQ(0, mine.faults[i]);
	}
}

/* The size in the ioctl number is ignored: the structure has its own. */
TEST(size_in_the_number)
{
	struct pagebox_info info = { .size = sizeof(info) };
	int box = box_open();

	EXPECT_EQ(0, error_of(box,
			      _IOWR(PAGEBOX_IOC_MAGIC, 1, struct pagebox_stats),
			      &info));
	EXPECT_EQ(page_size, info.page_size);
}

TEST_HARNESS_MAIN
