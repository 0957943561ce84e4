// SPDX-License-Identifier: GPL-2.0
/*
 * Every ioctl with every kind of bad argument: the errno that uapi/pagebox.h
 * promises, and not a field of the box changed.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pagebox_test.h"

#define ALL_SETS (PAGEBOX_SET_BYTES | PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE)

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

/* Whatever a test tried, the box is the one it was given. */
FIXTURE_TEARDOWN(ioctl)
{
	struct pagebox_info info = box_info(self->box);
	struct pagebox_stats stats = box_stats(self->box);

	EXPECT_EQ(0, memcmp(&info, &self->info, sizeof(info)));
	EXPECT_EQ(0, memcmp(&stats, &self->stats, sizeof(stats)));
	close(self->box);
}

/* The errno of an ioctl, 0 when it worked. */
static int error_of(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) ? errno : 0;
}

static int configure_error(int box, struct pagebox_config config)
{
	config.size = sizeof(config);
	return error_of(box, PAGEBOX_IOC_CONFIGURE, &config);
}

static int bytes_error(int box, uint64_t bytes)
{
	return configure_error(box, (struct pagebox_config){
					    .set = PAGEBOX_SET_BYTES,
					    .bytes = bytes,
				    });
}

static int frames_error(int box, uint32_t frames)
{
	return configure_error(box, (struct pagebox_config){
					    .set = PAGEBOX_SET_FRAMES,
					    .frames = frames,
				    });
}

static int store_error(int box, int fd)
{
	return configure_error(box, (struct pagebox_config){
					    .set = PAGEBOX_SET_STORE,
					    .store_fd = fd,
				    });
}

/* Numbers that are not ours, of our type and of others. */
TEST_F(ioctl, unknown)
{
	struct pagebox_info info = { .size = sizeof(info) };
	static const unsigned long requests[] = {
		0,
		0x5401,
		_IO(PAGEBOX_IOC_MAGIC, 3),
		_IO(PAGEBOX_IOC_MAGIC, 255),
		_IOWR(PAGEBOX_IOC_MAGIC, 99, struct pagebox_info),
		_IOWR(PAGEBOX_IOC_MAGIC - 1, 1, struct pagebox_info),
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		EXPECT_EQ(ENOTTY, error_of(self->box, requests[i], &info))
		TH_LOG("request %#lx", requests[i]);
	}
}

/* Pointers to nowhere, to half of a structure and to read-only memory. */
TEST_F(ioctl, pointers)
{
	static const unsigned long requests[] = {
		PAGEBOX_IOC_CONFIGURE,
		PAGEBOX_IOC_INFO,
		PAGEBOX_IOC_STATS,
	};
	char *pages = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pagebox_stats *edge;

	ASSERT_NE(MAP_FAILED, pages);
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

/* A structure that is shorter than the first one published. */
TEST_F(ioctl, short_structures)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_FRAMES,
					 .frames = 7 };
	struct pagebox_stats stats = {};
	struct pagebox_info info = {};

	for (uint32_t size = 0; size < sizeof(config); size++) {
		config.size = size;
		EXPECT_EQ(EINVAL,
			  error_of(self->box, PAGEBOX_IOC_CONFIGURE, &config));
	}
	for (uint32_t size = 0; size < sizeof(info); size++) {
		info.size = size;
		EXPECT_EQ(EINVAL, error_of(self->box, PAGEBOX_IOC_INFO, &info));
	}
	for (uint32_t size = 0; size < sizeof(stats); size++) {
		stats.size = size;
		EXPECT_EQ(EINVAL,
			  error_of(self->box, PAGEBOX_IOC_STATS, &stats));
	}
}

/* A later version's configuration: refused if it asks for something unknown. */
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

/* A later version's info and stats: what is not known here reads as zero. */
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
	EXPECT_EQ(0, memcmp(&later.info, &self->info, sizeof(self->info)));
	EXPECT_EQ(0, memcmp(later.tail, zero, sizeof(zero)));

	EXPECT_EQ(0, error_of(self->box, PAGEBOX_IOC_STATS, &later_stats));
	EXPECT_EQ(sizeof(struct pagebox_stats), later_stats.stats.size);
	EXPECT_EQ(0, memcmp(later_stats.tail, zero, sizeof(zero)));

	later_stats.stats.size = sizeof(later_stats);
	later_stats.tail[3] = 1;
	EXPECT_EQ(E2BIG, error_of(self->box, PAGEBOX_IOC_STATS, &later_stats));
}

/* Bits of set that mean nothing. */
TEST_F(ioctl, unknown_set_bits)
{
	for (int bit = 0; bit < 32; bit++) {
		struct pagebox_config config = {
			.set = 1U << bit | PAGEBOX_SET_FRAMES,
			.frames = 7,
		};

		if (!(ALL_SETS & 1U << bit))
			EXPECT_EQ(EINVAL, configure_error(self->box, config));
	}
}

/* A configuration of nothing is no error, nor are fields that set does not name. */
TEST_F(ioctl, fields_that_are_not_set)
{
	struct pagebox_config config = { .bytes = 1,
					 .frames = 0,
					 .store_fd = -1 };

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

/* The largest and the smallest box that are allowed are boxes. */
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

/* A store has to be a regular file that can be read; each other kind has its errno. */
TEST_F(ioctl, stores)
{
	char name[] = "/tmp/pagebox-store-XXXXXX";
	int ends[2], sockets[2];
	int closed, file, write_only;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	file = mkstemp(name);
	ASSERT_LE(0, file);
	write_only = open(name, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, write_only);
	ASSERT_EQ(0, unlink(name));
	closed = dup(file);
	close(closed);

	EXPECT_EQ(EBADF, store_error(self->box, -1));
	EXPECT_EQ(EBADF, store_error(self->box, closed));
	EXPECT_EQ(EBADF, store_error(self->box, INT32_MAX));
	EXPECT_EQ(EBADF,
		  store_error(self->box, open("/dev", O_PATH | O_CLOEXEC)));
	EXPECT_EQ(EISDIR,
		  store_error(self->box, open("/dev", O_RDONLY | O_CLOEXEC)));
	EXPECT_EQ(ESPIPE, store_error(self->box, ends[0]));
	EXPECT_EQ(ESPIPE, store_error(self->box, sockets[0]));
	EXPECT_EQ(EINVAL, store_error(self->box,
				      open("/dev/null", O_RDONLY | O_CLOEXEC)));
	EXPECT_EQ(EINVAL, store_error(self->box, self->box));
	EXPECT_EQ(EACCES, store_error(self->box, write_only));
}

/* All of a configuration or nothing: one bad field spoils the good ones. */
TEST_F(ioctl, all_or_nothing)
{
	int file = store_file(page_size, 1);
	const struct pagebox_config good = {
		.set = ALL_SETS,
		.bytes = 8 * page_size,
		.frames = 5,
		.store_fd = file,
	};
	struct pagebox_config bad;

	bad = good;
	bad.frames = 0;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
	bad = good;
	bad.bytes = 1;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
	bad = good;
	bad.store_fd = -1;
	EXPECT_EQ(EBADF, configure_error(self->box, bad));
	bad = good;
	bad.set |= 1U << 31;
	EXPECT_EQ(EINVAL, configure_error(self->box, bad));
}

/* And a good one is applied whole, and may be replaced before the first mmap. */
TEST(good_configuration)
{
	int box = box_open();
	const struct pagebox_config good = {
		.set = ALL_SETS,
		.bytes = 8 * page_size,
		.frames = 5,
		.store_fd = store_file(page_size, 1),
	};
	const struct pagebox_config better = {
		.set = PAGEBOX_SET_STORE | PAGEBOX_SET_FRAMES,
		.frames = 6,
		.store_fd = store_file(2 * page_size, 50),
	};

	ASSERT_EQ(0, configure_error(box, good));
	EXPECT_EQ(8 * page_size, box_info(box).bytes);
	EXPECT_EQ(5, box_info(box).frames);
	EXPECT_EQ(1, box_info(box).batch);
	EXPECT_EQ(page_size, box_info(box).store_bytes);
	EXPECT_EQ(PAGEBOX_INFO_STORE, box_info(box).flags);
	ASSERT_EQ(0, configure_error(box, better));
	EXPECT_EQ(8 * page_size, box_info(box).bytes);
	EXPECT_EQ(6, box_info(box).frames);
	EXPECT_EQ(2 * page_size, box_info(box).store_bytes);
	EXPECT_TRUE(pages_hold(box_map(box, 2, MAP_SHARED), 2, 50));
	EXPECT_EQ(PAGEBOX_INFO_STORE | PAGEBOX_INFO_SEALED,
		  box_info(box).flags);
}

/* The batch follows the frames as documented, from 1 to 32. */
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

/* Once mapped, a box is as it is, even when the mapping has gone. */
TEST(configure_after_mmap)
{
	int box = box_new(8, 8);
	char *map = box_map(box, 8, MAP_PRIVATE);
	struct pagebox_info info = box_info(box), now;
	int file = store_file(page_size, 1);

	EXPECT_TRUE(info.flags & PAGEBOX_INFO_SEALED);
	for (int round = 0; round < 2; round++) {
		EXPECT_EQ(EBUSY, bytes_error(box, 16 * page_size));
		EXPECT_EQ(EBUSY, store_error(box, file));
		EXPECT_EQ(EBUSY, frames_error(box, 16));
		now = box_info(box);
		EXPECT_EQ(0, memcmp(&info, &now, sizeof(info)));
		if (!round)
			unmap(map, 8);
	}
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

/* The size in the ioctl's number is not looked at: the structure says its own. */
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
