// SPDX-License-Identifier: GPL-2.0
/*
 * read(), write() and their relatives: they operate on the pages of shared
 * mappings, with file semantics.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 8
#define PAGES 32
#define TAG 100

/* A box with few or enough frames, with and without a store. */
FIXTURE(file)
{
	int box;
	char *shared;
	char *private;
	char *plain;
	size_t bytes;
};

FIXTURE_VARIANT(file)
{
	unsigned int frames;
	bool store;
};

FIXTURE_VARIANT_ADD(file, few_frames){ .frames = FRAMES };
FIXTURE_VARIANT_ADD(file, enough_frames){ .frames = 4 * PAGES };
FIXTURE_VARIANT_ADD(file, store_few_frames){ .frames = FRAMES, .store = true };

static char *plain_memory(size_t pages)
{
	char *memory = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("no anonymous memory");
	return memory;
}

/* A page of anonymous memory followed by an inaccessible one. */
static char *memory_with_an_edge(void)
{
	char *memory = plain_memory(2);

	if (mprotect(page_at(memory, 1), page_size, PROT_NONE))
		die("mprotect");
	return memory;
}

FIXTURE_SETUP(file)
{
	self->bytes = PAGES * page_size;
	if (variant->store)
		self->box = box_new_store(variant->frames,
					  store_file(self->bytes, TAG));
	else
		self->box = box_new(variant->frames, PAGES);
	self->shared = box_map(self->box, PAGES, MAP_SHARED);
	self->private = box_map(self->box, PAGES, MAP_PRIVATE);
	self->plain = plain_memory(PAGES);
	pages_fill(self->shared, PAGES, TAG);
}

FIXTURE_TEARDOWN(file)
{
	EXPECT_GE(variant->frames, box_stats(self->box).frames_used);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);
	EXPECT_EQ(0, box_stats(self->box).io_errors);
	close(self->box);
}

/* Writes are visible in shared mappings and read back. */
TEST_F(file, write_shows)
{
	pages_fill(self->plain, PAGES, 500);
	ASSERT_EQ(self->bytes, pwrite(self->box, self->plain, self->bytes, 0));
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 500));
	EXPECT_TRUE(pages_hold(self->private, PAGES, 500));
	memset(self->plain, 0, self->bytes);
	ASSERT_EQ(self->bytes, pread(self->box, self->plain, self->bytes, 0));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, 500));
}

/* The same in mappings that already have PTEs. */
TEST_F(file, write_shows_at_once)
{
	static const char text[] = "written";
	size_t at = 3 * page_size - 4;

	pages_touch(page_at(self->shared, 2), 2);
	pages_touch(page_at(self->private, 2), 2);
	ASSERT_EQ(sizeof(text), pwrite(self->box, text, sizeof(text), at));
	EXPECT_STREQ(text, self->shared + at);
	EXPECT_STREQ(text, self->private + at);
}

/* Reads return stores of a shared mapping, not of a private one. */
TEST_F(file, read_sees_shared_stores)
{
	pages_fill(self->private, PAGES, 900);
	pages_fill(self->shared, PAGES, 700);
	ASSERT_EQ(self->bytes, pread(self->box, self->plain, self->bytes, 0));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, 700));
	EXPECT_TRUE(pages_hold(self->private, PAGES, 900));
}

/* A private page shows writes until it is copied. */
TEST_F(file, private_falls_through)
{
	char *page = page_at(self->private, 5);
	off_t at = 5 * page_size;

	EXPECT_TRUE(page_holds(page, TAG + 5));
	page_fill(self->plain, 500);
	ASSERT_EQ(page_size, pwrite(self->box, self->plain, page_size, at));
	EXPECT_TRUE(page_holds(page, 500));
	page_fill(page, 600);
	page_fill(self->plain, 700);
	ASSERT_EQ(page_size, pwrite(self->box, self->plain, page_size, at));
	EXPECT_TRUE(page_holds(page, 600));
	EXPECT_TRUE(page_holds(page_at(self->shared, 5), 700));
}

/*
 * Reads and writes of any length and offset, mixed with accesses through a
 * mapping, agree with anonymous memory.
 */
TEST_F(file, any_length_at_any_place)
{
	uint64_t seed = 0xf11e + variant->frames;
	char *buffer = plain_memory(4);

	memcpy(self->plain, self->shared, self->bytes);
	for (unsigned int op = 0; op < sized(600, 6000); op++) {
		size_t at = rnd(&seed) % self->bytes;
		size_t room = self->bytes - at;
		size_t length = 1 + rnd(&seed) % (3 * page_size);

		if (length > room)
			length = room;
		switch (rnd(&seed) % 4) {
		case 0:
			memset(buffer, op, length);
			ASSERT_EQ(length,
				  pwrite(self->box, buffer, length, at));
			memset(self->plain + at, op, length);
			break;
		case 1:
			memset(self->shared + at, op, length);
			memset(self->plain + at, op, length);
			break;
		default:
			ASSERT_EQ(length, pread(self->box, buffer, length, at));
			ASSERT_EQ(0, memcmp(self->plain + at, buffer, length))
			TH_LOG("operation %u: %zu bytes at %zu", op, length,
			       at);
		}
	}
	EXPECT_EQ(0, memcmp(self->plain, self->shared, self->bytes));
}

/* The file position moves by the transferred length; seeks are absolute. */
TEST_F(file, position)
{
	char page[page_size];

	EXPECT_EQ(0, lseek(self->box, 0, SEEK_CUR));
	for (size_t i = 0; i < PAGES; i++) {
		ASSERT_EQ(page_size, read(self->box, page, page_size));
		EXPECT_TRUE(page_holds(page, TAG + i));
	}
	EXPECT_EQ(self->bytes, lseek(self->box, 0, SEEK_CUR));
	EXPECT_EQ(0, read(self->box, page, page_size));
	EXPECT_EQ(3 * page_size - 2,
		  lseek(self->box, 3 * page_size - 2, SEEK_SET));
	ASSERT_EQ(5, write(self->box, "12345", 5));
	EXPECT_EQ(3 * page_size + 3, lseek(self->box, 0, SEEK_CUR));
	EXPECT_EQ(3 * page_size + 1, lseek(self->box, -2, SEEK_CUR));
	EXPECT_EQ(0, memcmp("12345", self->shared + 3 * page_size - 2, 5));
	EXPECT_EQ(self->bytes - 7, lseek(self->box, -7, SEEK_END));
	EXPECT_EQ(7, read(self->box, page, page_size));
	EXPECT_EQ(self->bytes, lseek(self->box, 0, SEEK_END));
	EXPECT_EQ(-1, lseek(self->box, -1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->box, 0, 99));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(self->bytes, lseek(self->box, 0, SEEK_CUR));
	EXPECT_EQ(0, pread(self->box, page, 0, 0));
	EXPECT_EQ(0, pwrite(self->box, page, 0, 0));
}

/* At the end, reads return 0 and writes fail; across it, both are short. */
TEST_F(file, end)
{
	char buffer[16] = "0123456789";

	EXPECT_EQ(0, pread(self->box, buffer, 10, self->bytes));
	EXPECT_EQ(0, pread(self->box, buffer, 10, self->bytes + 12345));
	EXPECT_EQ(0, pread(self->box, buffer, 10, 1LL << 50));
	EXPECT_EQ(-1, pwrite(self->box, buffer, 10, self->bytes));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(-1, pwrite(self->box, buffer, 1, 1LL << 50));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(-1, pread(self->box, buffer, 10, -1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(self->box, buffer, 10, -10));
	EXPECT_EQ(EINVAL, errno);

	EXPECT_EQ(3, pwrite(self->box, buffer, 10, self->bytes - 3));
	EXPECT_EQ(0, memcmp("012", self->shared + self->bytes - 3, 3));
	memset(buffer, 'x', sizeof(buffer));
	EXPECT_EQ(3, pread(self->box, buffer, 10, self->bytes - 3));
	EXPECT_EQ(0, memcmp("012xxx", buffer, 6));
}

/* Vectors of odd lengths. */
TEST_F(file, vectors)
{
	char *parts = plain_memory(3);
	struct iovec iov[] = {
		{ parts, 1 },
		{ parts + 5000, 0 },
		{ parts + 1, page_size },
		{ parts + 1 + page_size, 777 },
	};
	size_t length = 1 + page_size + 777, at = 7 * page_size - 300;

	ASSERT_EQ(length, preadv(self->box, iov, ARRAY_SIZE(iov), at));
	EXPECT_EQ(0, memcmp(parts, self->shared + at, length));
	for (size_t i = 0; i < length; i++)
		parts[i] = i * 7;
	ASSERT_EQ(length, pwritev(self->box, iov, ARRAY_SIZE(iov), at));
	EXPECT_EQ(0, memcmp(parts, self->shared + at, length));

	ASSERT_EQ(at, lseek(self->box, at, SEEK_SET));
	ASSERT_EQ(length, writev(self->box, iov, ARRAY_SIZE(iov)));
	ASSERT_EQ(at, lseek(self->box, at, SEEK_SET));
	memset(parts, 0, length);
	ASSERT_EQ(length, readv(self->box, iov, ARRAY_SIZE(iov)));
	for (size_t i = 0; i < length; i++)
		ASSERT_EQ((char)(i * 7), parts[i]);
}

/* Moves @length bytes through @splice, possibly in parts. */
static void splice_all(struct __test_metadata *_metadata, int from, off_t *in,
		       int to, off_t *out, size_t length)
{
	while (length) {
		ssize_t moved = splice(from, in, to, out, length, 0);

		ASSERT_LT(0, moved) TH_LOG("splice: %s", strerror(errno));
		length -= moved;
	}
}

/* Through a pipe, from the box and to it. */
TEST_F(file, splice)
{
	size_t length = 3 * page_size + 123;
	off_t from = page_size - 50, to = 9 * page_size + 11;
	off_t from_begin = from, to_begin = to;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	splice_all(_metadata, self->box, &from, ends[1], NULL, length);
	EXPECT_EQ(from_begin + length, from);
	splice_all(_metadata, ends[0], NULL, self->box, &to, length);
	EXPECT_EQ(to_begin + length, to);
	EXPECT_EQ(0, memcmp(self->shared + from_begin, self->shared + to_begin,
			    length));

	page_fill(self->plain, 4);
	ASSERT_EQ(page_size, write(ends[1], self->plain, page_size));
	to = 20 * page_size;
	splice_all(_metadata, ends[0], NULL, self->box, &to, page_size);
	EXPECT_TRUE(page_holds(page_at(self->shared, 20), 4));
	EXPECT_EQ(0, lseek(self->box, 0, SEEK_CUR));
}

/* A pipe keeps the contents at the time of the read. */
TEST_F(file, splice_is_a_copy)
{
	off_t from = 2 * page_size;
	char page[page_size];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	splice_all(_metadata, self->box, &from, ends[1], NULL, page_size);
	page_fill(page_at(self->shared, 2), 4);
	pages_touch(self->shared, PAGES);
	ASSERT_EQ(page_size, read(ends[0], page, page_size));
	EXPECT_TRUE(page_holds(page, TAG + 2));
}

/* Pages gifted to a pipe arrive in the box. */
TEST_F(file, splice_of_gifts)
{
	struct iovec iov = { self->plain, 2 * page_size };
	off_t to = 6 * page_size;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	pages_fill(self->plain, 2, 40);
	ASSERT_EQ(iov.iov_len, vmsplice(ends[1], &iov, 1, 0));
	splice_all(_metadata, ends[0], NULL, self->box, &to, iov.iov_len);
	EXPECT_TRUE(pages_hold(page_at(self->shared, 6), 2, 40));
	iov.iov_base = page_at(self->shared, 6);
	ASSERT_EQ(iov.iov_len, vmsplice(ends[1], &iov, 1, 0));
	to = 6 * page_size;
	splice_all(_metadata, ends[0], NULL, self->box, &to, iov.iov_len);
	EXPECT_TRUE(pages_hold(page_at(self->shared, 6), 2, 40));
}

static void sendfile_all(struct __test_metadata *_metadata, int to, int from,
			 off_t at, size_t length)
{
	while (length) {
		ssize_t moved = sendfile(to, from, &at, length);

		ASSERT_LT(0, moved) TH_LOG("sendfile: %s", strerror(errno));
		length -= moved;
	}
}

/* Box to file and file to box. */
TEST_F(file, sendfile)
{
	int file = store_file(self->bytes, 500);

	ASSERT_EQ(page_size + 1, lseek(self->box, page_size + 1, SEEK_SET));
	sendfile_all(_metadata, self->box, file, page_size + 1,
		     self->bytes - page_size - 1);
	EXPECT_EQ(self->bytes, lseek(self->box, 0, SEEK_CUR));
	EXPECT_TRUE(page_holds(self->shared, TAG));
	EXPECT_TRUE(pages_hold(page_at(self->shared, 2), PAGES - 2, 500 + 2));

	pages_fill(self->shared, PAGES, 700);
	ASSERT_EQ(0, lseek(file, 0, SEEK_SET));
	sendfile_all(_metadata, file, self->box, 0, self->bytes);
	ASSERT_EQ(self->bytes, pread(file, self->plain, self->bytes, 0));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, 700));
}

/* From one page of the box to the same page: the buffer is in the file. */
TEST_F(file, buffer_is_the_same_page)
{
	static const size_t pages[] = { 0, 9, PAGES - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		char *page = page_at(self->shared, pages[i]);
		off_t at = pages[i] * page_size;

		EXPECT_EQ(page_size, pread(self->box, page, page_size, at));
		EXPECT_TRUE(page_holds(page, TAG + pages[i]));
		EXPECT_EQ(page_size, pwrite(self->box, page, page_size, at));
		EXPECT_TRUE(page_holds(page, TAG + pages[i]));
		page = page_at(self->private, pages[i]);
		EXPECT_EQ(page_size, pwrite(self->box, page, page_size, at));
		EXPECT_EQ(page_size, pread(self->box, page, page_size, at));
		EXPECT_TRUE(page_holds(page, TAG + pages[i]));
	}
}

/* The same when the page has no frame, or the mapping has no PTE of it. */
TEST_F(file, buffer_is_the_same_absent_page)
{
	for (size_t i = 0; i < PAGES; i++) {
		char *page = page_at(self->shared, i);
		off_t at = i * page_size;

		ASSERT_LE(0, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, i, 1));
		EXPECT_EQ(page_size, pwrite(self->box, page, page_size, at));
		ASSERT_LE(0, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, i, 1));
		EXPECT_EQ(page_size, pread(self->box, page, page_size, at));
		drop_ptes(page, 1);
		EXPECT_EQ(page_size, pwrite(self->box, page, page_size, at));
		drop_ptes(page, 1);
		EXPECT_EQ(page_size, pread(self->box, page, page_size, at));
	}
	EXPECT_TRUE(pages_hold(self->shared, PAGES, TAG));
}

/* The same with overlap: a whole mapping, moved up by some bytes. */
TEST_F(file, buffer_overlaps)
{
	size_t length = 100;
	char expected[100];

	memcpy(expected, self->shared + page_size - 50, length);
	ASSERT_EQ(length, pwrite(self->box, self->shared + page_size - 50,
				 length, 5 * page_size - 30));
	EXPECT_EQ(0,
		  memcmp(expected, self->shared + 5 * page_size - 30, length));
	ASSERT_EQ(length, pread(self->box, self->shared + 8 * page_size - 10,
				length, 5 * page_size - 30));
	EXPECT_EQ(0,
		  memcmp(expected, self->shared + 8 * page_size - 10, length));
}

/* A bad buffer is EFAULT; a partly bad one gives a short transfer. */
TEST_F(file, bad_buffers)
{
	char *edge = memory_with_an_edge();
	char *constant = plain_memory(1);
	ssize_t done;

	ASSERT_EQ(0, mprotect(constant, page_size, PROT_READ));
	EXPECT_EQ(-1, pread(self->box, constant, 10, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pread(self->box, page_at(edge, 1), 10, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pwrite(self->box, page_at(edge, 1), 10, 3));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(pages_hold(self->shared, 2, TAG));

	memset(edge, 'e', page_size);
	done = pwrite(self->box, page_at(edge, 1) - 20, 50, page_size - 10);
	EXPECT_LE(10, done);
	EXPECT_GE(20, done);
	EXPECT_EQ(0, memcmp(edge, self->shared + page_size - 10, done));
	page_fill(edge, TAG + 1);
	EXPECT_EQ(0, memcmp(edge + 10, page_at(self->shared, 1) + 10,
			    page_size - 10));

	done = pread(self->box, page_at(edge, 1) - 20, 50, 3 * page_size - 10);
	EXPECT_LE(10, done);
	EXPECT_GE(20, done);
	EXPECT_EQ(0, memcmp(page_at(edge, 1) - 20,
			    self->shared + 3 * page_size - 10, done));
}

/* Whether a call was refused with an error allowed for an unknown flag. */
static bool refused(ssize_t done)
{
	return done < 0 && (errno == EOPNOTSUPP || errno == EINVAL);
}

/* Flags of preadv2() and pwritev2() are honoured or refused, never ignored. */
TEST_F(file, flags)
{
	static const int flags[] = { RWF_HIPRI, RWF_DSYNC, RWF_SYNC };
	char page[page_size];
	struct iovec iov = { page, page_size };
	ssize_t done;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		done = preadv2(self->box, &iov, 1, i * page_size, flags[i]);
		EXPECT_TRUE(refused(done) || done == (ssize_t)page_size);
		EXPECT_TRUE(done < 0 || page_holds(page, TAG + i));
		page_fill(page, 50 + i);
		done = pwritev2(self->box, &iov, 1, i * page_size, flags[i]);
		EXPECT_TRUE(refused(done) || done == (ssize_t)page_size)
		TH_LOG("flag %#x: %zd", flags[i], done);
		EXPECT_TRUE(page_holds(page_at(self->shared, i),
				       done > 0 ? 50 + i : TAG + i));
	}
	EXPECT_TRUE(refused(pwritev2(self->box, &iov, 1, 0, RWF_APPEND)));
	done = preadv2(self->box, &iov, 1, 9 * page_size, RWF_NOWAIT);
	EXPECT_TRUE(done > 0 || refused(done) || errno == EAGAIN);
	EXPECT_TRUE(done < 0 || page_holds(page, TAG + 9));
}

static void tick(int signal)
{
	(void)signal;
}

/* Signals may shorten a long transfer, but lose no data and cause no failure. */
TEST_F(file, signals)
{
	struct sigaction action = { .sa_handler = tick };
	const struct itimerval often = { .it_interval.tv_usec = 500,
					 .it_value.tv_usec = 500 };
	const struct itimerval never = {};

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (int round = 0; round < (int)reduced(20); round++) {
		pages_fill(self->plain, PAGES, 1000 * round);
		for (size_t at = 0; at < self->bytes;) {
			ssize_t done = pwrite(self->box, self->plain + at,
					      self->bytes - at, at);

			ASSERT_LT(0, done);
			at += done;
		}
		memset(self->plain, 0xff, self->bytes);
		for (size_t at = 0; at < self->bytes;) {
			ssize_t done = pread(self->box, self->plain + at,
					     self->bytes - at, at);

			ASSERT_LT(0, done);
			at += done;
		}
		ASSERT_TRUE(pages_hold(self->plain, PAGES, 1000 * round));
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
}

/* Submits an asynchronous request and waits for its result. */
static long asynchronous(struct iocb *request)
{
	aio_context_t context = 0;
	struct io_event event;

	if (syscall(SYS_io_setup, 1, &context) ||
	    syscall(SYS_io_submit, context, 1, &request) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1 ||
	    syscall(SYS_io_destroy, context))
		die("kernel AIO");
	return event.res;
}

/* Asynchronous requests work like synchronous ones. */
TEST_F(file, asynchronous)
{
	struct iocb request = {
		.aio_fildes = self->box,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (uintptr_t)self->plain,
		.aio_nbytes = self->bytes,
	};

	EXPECT_EQ(self->bytes, asynchronous(&request));
	EXPECT_TRUE(pages_hold(self->plain, PAGES, TAG));
	pages_fill(self->plain, PAGES, 500);
	request.aio_lio_opcode = IOCB_CMD_PWRITE;
	EXPECT_EQ(self->bytes, asynchronous(&request));
	EXPECT_TRUE(pages_hold(self->shared, PAGES, 500));
	request.aio_offset = self->bytes;
	EXPECT_EQ(-ENOSPC, asynchronous(&request));
	request.aio_lio_opcode = IOCB_CMD_FSYNC;
	request.aio_offset = 0;
	request.aio_nbytes = 0;
	request.aio_buf = 0;
	EXPECT_EQ(0, asynchronous(&request));
}

/* Concurrent writers of one page lose no data, with any kind of write. */
struct writer {
	int box;
	char *map;
	unsigned int number;
	bool through_map;
	pthread_t thread;
};

#define WRITERS 4
#define ROUNDS ((int)reduced(150))
#define SLOT 24 /* bytes; three of four slots cross a word */

static void *write_slots(void *context)
{
	struct writer *writer = context;
	char slot[SLOT];

	for (int round = 1; round <= ROUNDS; round++) {
		memset(slot, writer->number * 64 + round % 64, SLOT);
		for (size_t at = writer->number * SLOT; at + SLOT <= page_size;
		     at += WRITERS * SLOT) {
			if (writer->through_map)
				memcpy(writer->map + at, slot, SLOT);
			else if (pwrite(writer->box, slot, SLOT, at) != SLOT)
				die("pwrite");
		}
	}
	return NULL;
}

TEST_F(file, writers_of_one_page)
{
	struct writer writers[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ .box = self->box,
					      .map = self->shared,
					      .number = i,
					      .through_map = !i };
		ASSERT_EQ(0, pthread_create(&writers[i].thread, NULL,
					    write_slots, &writers[i]));
	}
	for (int i = 0; i < ROUNDS; i++)
		ASSERT_LE(0, root_range(self->box, PAGEBOX_IOC_PAGE_OUT, 0, 1));
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	for (size_t at = 0; at + SLOT <= page_size; at += SLOT)
		for (size_t i = 0; i < SLOT; i++)
			ASSERT_EQ(
				(char)(at / SLOT % WRITERS * 64 + ROUNDS % 64),
				self->shared[at + i]);
	EXPECT_TRUE(pages_hold(page_at(self->shared, 1), PAGES - 1, TAG + 1));
}

/* --- counters --- */

/* An untouched page reads as zeroes without being allocated. */
TEST(sparse_reads)
{
	int box = box_open();
	char *plain = plain_memory(256);
	struct pagebox_stats before = box_stats(box), after;

	for (int i = 0; i < 4; i++) {
		memset(plain, 1, 256 * page_size);
		ASSERT_EQ(256 * page_size, pread(box, plain, 256 * page_size,
						 ((off_t)i << 38) + 123));
		EXPECT_TRUE(pages_are_zero(plain, 256));
	}
	after = box_stats(box);
	EXPECT_TRUE(is_same(&before, &after, sizeof(before)));
	EXPECT_EQ(0, after.frames_used);
}

/* Each page allocated by a write is a zero fault; an existing one is none. */
TEST(counted_writes)
{
	int box = box_new(64, PAGES);
	struct pagebox_stats before = box_stats(box);
	char *map;

	ASSERT_EQ(1, pwrite(box, "x", 1, 5));
	EXPECT_FAULTS(box, before, .zero = 1);
	EXPECT_EQ(1, box_stats(box).frames_used);
	EXPECT_EQ(1, box_stats(box).pages);
	EXPECT_EQ(1, box_stats(box).frames_dirty);
	ASSERT_EQ(2, pwrite(box, "yz", 2, 3 * page_size - 1));
	EXPECT_FAULTS(box, before, .zero = 3);
	EXPECT_EQ(0, box_stats(box).major);

	map = box_map(box, PAGES, MAP_SHARED);
	EXPECT_EQ('x', map[5]);
	map[5] = 0;
	EXPECT_TRUE(page_holds(map, 0));
	EXPECT_EQ('y', map[3 * page_size - 1]);
	EXPECT_EQ('z', map[3 * page_size]);
	EXPECT_EQ(0, map[3 * page_size + 1]);
}

/* A read or write of a swapped page is one swapin. */
TEST(counted_swapins)
{
	int box = box_new(64, PAGES);
	char *plain = plain_memory(PAGES);
	struct pagebox_stats before;

	pages_fill(plain, PAGES, 1);
	ASSERT_EQ(PAGES * page_size, pwrite(box, plain, PAGES * page_size, 0));
	ASSERT_EQ(PAGES, root_range(box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES));
	EXPECT_EQ(PAGES, box_stats(box).swap_used);
	before = box_stats(box);
	ASSERT_EQ(4 * page_size, pread(box, plain, 4 * page_size, 0));
	EXPECT_TRUE(pages_hold(plain, 4, 1));
	EXPECT_FAULTS(box, before, .swapin = 4);
	ASSERT_EQ(1, pwrite(box, "x", 1, 8 * page_size + 1));
	EXPECT_FAULTS(box, before, .swapin = 5);
	EXPECT_EQ(before.major + 5, box_stats(box).major);
	EXPECT_EQ(before.swap_reads + 5, box_stats(box).swap_reads);
	ASSERT_EQ(4 * page_size, pread(box, plain, 4 * page_size, 0));
	EXPECT_EQ(before.swap_reads + 5, box_stats(box).swap_reads);
}

/* --- stores --- */

/* A box reads as its store, and ends at the smaller of both sizes. */
TEST(store_contents)
{
	size_t bytes = 5 * page_size + 777;
	int file = store_file(bytes, TAG);
	int box = box_new_store(FRAMES, file);
	char *plain = plain_memory(8), *expected = plain_memory(8);
	struct pagebox_stats before = box_stats(box);

	ASSERT_EQ(bytes, pread(file, expected, 8 * page_size, 0));
	ASSERT_EQ(bytes, pread(box, plain, 8 * page_size, 0));
	EXPECT_EQ(0, memcmp(expected, plain, 8 * page_size));
	EXPECT_FAULTS(box, before, .file = 6);
	EXPECT_EQ(before.store_reads + 6, box_stats(box).store_reads);
	EXPECT_EQ(bytes, lseek(box, 0, SEEK_END));
	EXPECT_EQ(-1, pwrite(box, plain, 1, bytes));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(7, pwrite(box, "1234567890", 10, bytes - 7));
	EXPECT_EQ(3, pread(box, plain, 10, bytes - 3));
	EXPECT_EQ(0, memcmp("567", plain, 3));

	ASSERT_EQ(0, ftruncate(file, bytes + page_size));
	EXPECT_EQ(bytes + page_size, lseek(box, 0, SEEK_END));
	EXPECT_EQ(10, pread(box, plain, 10, bytes + 100));
}

/* A smaller box ends before its store does. */
TEST(box_smaller_than_its_store)
{
	int box = box_open();
	char *plain = plain_memory(8);

	box_configure(box, (struct pagebox_config){
				   .set = PAGEBOX_SET_BYTES | PAGEBOX_SET_STORE,
				   .bytes = 3 * page_size,
				   .store_fd = store_file(5 * page_size, TAG),
			   });
	EXPECT_EQ(3 * page_size, lseek(box, 0, SEEK_END));
	ASSERT_EQ(3 * page_size, pread(box, plain, 8 * page_size, 0));
	EXPECT_TRUE(pages_hold(plain, 3, TAG));
	EXPECT_EQ(0, pread(box, plain, 1, 3 * page_size));
	EXPECT_EQ(-1, pwrite(box, plain, 1, 3 * page_size));
	EXPECT_EQ(ENOSPC, errno);
}

static int open_again(int fd, int flags)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	if (again < 0)
		die("open %s", path);
	return again;
}

/* fsync() writes to a writable store, and never to a read-only one. */
TEST(fsync_of_writes)
{
	for (int writable = 0; writable < 2; writable++) {
		int file = store_file(4 * page_size, TAG);
		int box = box_new_store(
			FRAMES, open_again(file, writable ? O_RDWR : O_RDONLY));
		char seen[8] = {};

		ASSERT_EQ(7, pwrite(box, "changed", 7, page_size + 9));
		ASSERT_EQ(0, fsync(box));
		EXPECT_EQ(0, fdatasync(box));
		ASSERT_EQ(7, pread(file, seen, 7, page_size + 9));
		EXPECT_EQ(!writable, !!strcmp("changed", seen));
		EXPECT_EQ(writable, box_stats(box).store_writes);
		ASSERT_EQ(7, pread(box, seen, 7, page_size + 9));
		EXPECT_STREQ("changed", seen);
		close(box);
		ASSERT_EQ(7, pread(file, seen, 7, page_size + 9));
		EXPECT_EQ(!writable, !!strcmp("changed", seen));
	}
}

/* O_SYNC, O_DSYNC: the data is in the store on return. */
TEST(synchronous_writes)
{
	static const int flags[] = { O_SYNC, O_DSYNC };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int file = store_file(4 * page_size, TAG);
		int box = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC | flags[i]);
		char seen[8] = {};

		ASSERT_LE(0, box);
		box_set_store(box, file);
		ASSERT_EQ(7, pwrite(box, "changed", 7, 2 * page_size - 3));
		ASSERT_EQ(7, pread(file, seen, 7, 2 * page_size - 3));
		EXPECT_STREQ("changed", seen);
		EXPECT_EQ(2, box_stats(box).store_writes);
		EXPECT_EQ(0, box_stats(box).frames_dirty);
	}
}

/* The same with RWF_DSYNC for a single write. */
TEST(synchronous_write)
{
	int file = store_file(4 * page_size, TAG);
	int box = box_new_store(FRAMES, file);
	struct iovec iov = { "changed", 7 };
	char seen[8] = {};

	ASSERT_EQ(7, pwritev2(box, &iov, 1, 5, RWF_DSYNC));
	ASSERT_EQ(7, pread(file, seen, 7, 5));
	EXPECT_STREQ("changed", seen);
	EXPECT_EQ(1, box_stats(box).store_writes);
}

/* --- seeking for data --- */

/* Without a store, the existing pages are data, in frames or in swap. */
TEST(data_and_holes)
{
	int box = box_new(64, PAGES);
	off_t end = PAGES * page_size;

	EXPECT_EQ(-1, lseek(box, 0, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(0, lseek(box, 0, SEEK_HOLE));
	ASSERT_EQ(1, pwrite(box, "x", 1, 5 * page_size + 7));
	ASSERT_EQ(1, pwrite(box, "x", 1, 6 * page_size + 7));
	ASSERT_EQ(1, pwrite(box, "x", 1, 9 * page_size));
	for (int round = 0; round < 2; round++) {
		EXPECT_EQ(5 * page_size, lseek(box, 0, SEEK_DATA));
		EXPECT_EQ(5 * page_size + 9,
			  lseek(box, 5 * page_size + 9, SEEK_DATA));
		EXPECT_EQ(7 * page_size, lseek(box, 5 * page_size, SEEK_HOLE));
		EXPECT_EQ(9 * page_size, lseek(box, 7 * page_size, SEEK_DATA));
		EXPECT_EQ(10 * page_size, lseek(box, 9 * page_size, SEEK_HOLE));
		EXPECT_EQ(8 * page_size + 3,
			  lseek(box, 8 * page_size + 3, SEEK_HOLE));
		EXPECT_EQ(-1, lseek(box, 10 * page_size, SEEK_DATA));
		EXPECT_EQ(ENXIO, errno);
		/* The same when they are in swap. */
		ASSERT_LE(0, root_range(box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES));
	}
	EXPECT_EQ(-1, lseek(box, end, SEEK_HOLE));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, lseek(box, -1, SEEK_DATA));
	ASSERT_EQ(1, pwrite(box, "x", 1, end - 1));
	EXPECT_EQ(end, lseek(box, end - 1, SEEK_HOLE));
	EXPECT_EQ(end - page_size, lseek(box, 10 * page_size, SEEK_DATA));
}

/* With a store, all of it is data. */
TEST(data_of_a_store)
{
	size_t bytes = 3 * page_size + 5;
	int box = box_new_store(FRAMES, store_file(bytes, TAG));

	EXPECT_EQ(0, lseek(box, 0, SEEK_DATA));
	EXPECT_EQ(bytes - 1, lseek(box, bytes - 1, SEEK_DATA));
	EXPECT_EQ(bytes, lseek(box, 0, SEEK_HOLE));
	EXPECT_EQ(bytes, lseek(box, page_size + 1, SEEK_HOLE));
	EXPECT_EQ(-1, lseek(box, bytes, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, lseek(box, bytes, SEEK_HOLE));
	EXPECT_EQ(ENXIO, errno);
}

/* --- open modes --- */

/* A box has no end to append to. */
TEST(no_append)
{
	int box = box_open();

	EXPECT_EQ(-1, open(PAGEBOX_DEVICE, O_RDWR | O_APPEND));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, open(PAGEBOX_DEVICE, O_WRONLY | O_APPEND));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, fcntl(box, F_SETFL, O_APPEND));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(O_RDWR, fcntl(box, F_GETFL) & (O_ACCMODE | O_APPEND));
	EXPECT_EQ(0, fcntl(box, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(1, pwrite(box, "x", 1, 0));
}

/* The access mode of the fd is enforced. */
TEST(access_modes)
{
	int reader = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);
	int writer = open(PAGEBOX_DEVICE, O_WRONLY | O_CLOEXEC);
	char byte = 'x';

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	EXPECT_EQ(1, pread(reader, &byte, 1, 77));
	EXPECT_EQ(0, byte);
	EXPECT_EQ(-1, pwrite(reader, "x", 1, 0));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, reader, 0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, box_stats(reader).pages);

	EXPECT_EQ(1, pwrite(writer, "x", 1, 77));
	EXPECT_EQ(1, box_stats(writer).pages);
	EXPECT_EQ(-1, pread(writer, &byte, 1, 77));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(MAP_FAILED,
		  mmap(NULL, page_size, PROT_READ, MAP_SHARED, writer, 0));
	EXPECT_EQ(EACCES, errno);
}

/* The end of a large box is accessible like its beginning. */
TEST(far_offsets)
{
	static const uint64_t sizes[] = { PAGEBOX_DEFAULT_SIZE,
					  PAGEBOX_MAX_SIZE };
	char seen[8];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		off_t end = sizes[i];
		int box = box_open();
		char *map;

		box_configure(box,
			      (struct pagebox_config){ .set = PAGEBOX_SET_BYTES,
						       .bytes = end });
		EXPECT_EQ(end, lseek(box, 0, SEEK_END));
		EXPECT_EQ(3, pwrite(box, "abcdef", 6, end - 3));
		EXPECT_EQ(-1, pwrite(box, "abcdef", 6, end));
		EXPECT_EQ(ENOSPC, errno);
		EXPECT_EQ(0, pread(box, seen, 6, end));
		memset(seen, 'x', sizeof(seen));
		EXPECT_EQ(5, pread(box, seen, 6, end - 5));
		EXPECT_EQ(0, memcmp("\0\0abcx", seen, 6));
		EXPECT_EQ(1, box_stats(box).pages);
		EXPECT_EQ(end - page_size, lseek(box, 0, SEEK_DATA));
		map = box_map_from(box, end / page_size - 1, 1, MAP_SHARED);
		EXPECT_EQ(0, memcmp("abc", map + page_size - 3, 3));
	}
}

/* Two frames suffice for a buffer in the box and another page. */
TEST(two_frames)
{
	int box = box_new(PAGEBOX_MIN_FRAMES, PAGES);
	char *map = box_map(box, PAGES, MAP_SHARED);

	pages_fill(map, PAGES, TAG);
	for (size_t i = 0; i + 1 < PAGES; i++) {
		ASSERT_EQ(page_size, pwrite(box, page_at(map, i), page_size,
					    (i + 1) * page_size));
		ASSERT_EQ(page_size, pread(box, page_at(map, i), page_size,
					   i * page_size));
	}
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_TRUE(page_holds(page_at(map, i), TAG));
	EXPECT_EQ(0, box_stats(box).faults[PAGEBOX_FAULT_FAILED]);
}

/* Without a frame a read fails with an error, and no signal is raised. */
TEST(no_frame)
{
	const unsigned int frames = 4;
	int box = box_new(frames, PAGES);
	char *map = box_map(box, PAGES, MAP_SHARED);
	char byte;

	stay_on_this_cpu();
	pages_fill(map, PAGES, TAG);
	ASSERT_EQ(0, mlock(map, frames * page_size));
	EXPECT_EQ(-1, pread(box, &byte, 1, 10 * page_size));
	EXPECT_TRUE(errno == ENOMEM || errno == ENOSPC || errno == EIO)
	TH_LOG("pread: %s", strerror(errno));
	EXPECT_EQ(-1, pwrite(box, "x", 1, 10 * page_size));
	EXPECT_TRUE(errno == ENOMEM || errno == ENOSPC || errno == EIO)
	TH_LOG("pwrite: %s", strerror(errno));
	EXPECT_EQ(1, pwrite(box, map, 1, 0));
	ASSERT_EQ(0, munlock(map, frames * page_size));
	EXPECT_EQ(1, pread(box, &byte, 1, 10 * page_size));
	EXPECT_TRUE(pages_hold(map, PAGES, TAG));
}

TEST_HARNESS_MAIN
