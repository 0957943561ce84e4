// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by a malicious local user: with a passed fd, as another user, as root
 * of a user namespace. module/SECURITY.md has the guarantees and names the
 * cases here that test them.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "lib/uffd.h"
#include "lib/user.h"
#include "pagebox.h"

#define FRAMES 8

/* --- permission to join and configure --- */

/*
 * Becomes @uid without capabilities, but root with all of them in its own
 * namespace.
 */
static void become_root_of_namespace(uid_t uid)
{
	become(uid, 0);
	/* Otherwise /proc/self would belong to the previous user. */
	if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER))
		die("unshare");
	write_text("/proc/self/uid_map", "0 %u 1", uid);
	if (geteuid())
		die("not root of the namespace");
}

/* A process with an inherited fd of a box. */
struct visitor {
	int box;
	uid_t uid;
	uint64_t caps;
	bool namespace;
};

/* Exit codes of a child; 1 if it could not try. */
enum { ALLOWED = 10, REFUSED };

/* Tries to change the name, and to join. */
static int visit(void *context)
{
	struct visitor *visitor = context;
	unsigned int id = box_info(visitor->box).id;
	int configured, joined;

	if (visitor->namespace)
		become_root_of_namespace(visitor->uid);
	else
		become(visitor->uid, visitor->caps);
	configured = configure_error(
		visitor->box, (struct pagebox_config){ .set = PAGEBOX_SET_NAME,
						       .name = "visited" });
	joined = box_join(visitor->box, id);
	if (!configured && joined >= 0)
		return ALLOWED;
	if (configured == EPERM && joined == -EPERM)
		return REFUSED;
	die("configured: %d, joined: %d", configured, joined);
}

/*
 * Only the opener's uid and CAP_SYS_ADMIN in the initial namespace may
 * configure; an fd is not enough.
 */
TEST(who_may_configure)
{
	static const struct {
		uid_t owner;
		struct visitor visitor;
		int result;
	} cases[] = {
		{ 0, { .uid = 0, .caps = ALL_CAPS }, ALLOWED },
		{ 0, { .uid = SOMEBODY }, REFUSED },
		{ 0, { .uid = SOMEBODY, .caps = CAP(CAP_SYS_ADMIN) }, ALLOWED },
		{ 0, { .uid = SOMEBODY, .namespace = true }, REFUSED },
		{ SOMEBODY, { .uid = SOMEBODY }, ALLOWED },
		{ SOMEBODY, { .uid = NOBODY }, REFUSED },
		{ SOMEBODY, { .uid = 0 }, REFUSED },
		{ SOMEBODY, { .uid = SOMEBODY, .namespace = true }, ALLOWED },
		{ SOMEBODY, { .uid = NOBODY, .namespace = true }, REFUSED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int box = cases[i].owner ? box_of(cases[i].owner) : box_open();
		struct visitor visitor = cases[i].visitor;

		visitor.box = box;
		EXPECT_EQ(cases[i].result, in_child(visit, &visitor))
		TH_LOG("case %zu", i);
		EXPECT_EQ(cases[i].result == ALLOWED,
			  !strcmp("visited", box_info(box).name));
		close(box);
	}
}

/* A read-only fd allows reading the state of the box, and no change. */
TEST(configure_through_reader)
{
	int reader = open(PAGEBOX_DEVICE, O_RDONLY | O_CLOEXEC);
	int writer = open(PAGEBOX_DEVICE, O_WRONLY | O_CLOEXEC);
	struct pagebox_config config = { .set = PAGEBOX_SET_NAME,
					 .name = "changed" };
	int joined;

	ASSERT_LE(0, reader);
	EXPECT_EQ(EBADF, configure_error(reader, config));
	EXPECT_NE(0, strcmp("changed", box_info(reader).name));
	/* Joining does not add permissions. */
	joined = box_join(reader, box_info(reader).id);
	ASSERT_LE(0, joined);
	EXPECT_EQ(EBADF, configure_error(joined, config));
	EXPECT_EQ(0, configure_error(writer, config));
}

/* --- a box is invisible until it is ready --- */

#define BIRTHS reduced(100)

struct birth {
	int door;
	unsigned int next;
	unsigned int joined;
};

/* Joins each box as soon as it exists, and uses it. */
static void *join_the_newborn(void *context)
{
	struct birth *birth = context;

	for (unsigned int i = 0; i < BIRTHS; i++) {
		int box;
		char *map;

		do
			box = box_join(birth->door, birth->next + i);
		while (box < 0);
		map = box_map(box, 2, MAP_PRIVATE);
		page_fill(map, 1);
		if (!page_holds(map, 1))
			die("a page of a new box");
		unmap(map, 2);
		close(box);
		__atomic_store_n(&birth->joined, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

TEST(joined_at_birth)
{
	struct birth birth = { .door = box_open() };
	pthread_t thread;

	birth.next = box_info(birth.door).id + 1;
	ASSERT_EQ(0, pthread_create(&thread, NULL, join_the_newborn, &birth));
	for (unsigned int i = 0; i < BIRTHS; i++) {
		int box = box_open();

		ASSERT_EQ(birth.next + i, box_info(box).id);
		while (__atomic_load_n(&birth.joined, __ATOMIC_ACQUIRE) <= i)
			sched_yield();
		close(box);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/* --- processes that a box may kill --- */

struct tenant {
	int box;
	uid_t uid;
};

/* Fills @pages pages of its own. */
static int take(void *context, int pages)
{
	struct tenant *tenant = context;

	become(tenant->uid, 0);
	pages_fill(box_map(tenant->box, pages, MAP_PRIVATE), pages, 1);
	return 0;
}

static int want_all(void *context)
{
	return take(context, FRAMES / 2);
}

static int kill_box(int box)
{
	box_configure(box, (struct pagebox_config){
				   .set = PAGEBOX_SET_FRAMES |
					  PAGEBOX_SET_SWAP | PAGEBOX_SET_OOM,
				   .frames = FRAMES,
				   .swap_fd = PAGEBOX_FD_NONE,
				   .oom = PAGEBOX_OOM_KILL,
			   });
	return box;
}

/*
 * Whether the guest, which has the most pages, is killed when a box of @owner
 * is out of frames.
 */
static bool guest_is_killed(struct __test_metadata *_metadata, uid_t owner)
{
	int box = kill_box(owner ? box_of(owner) : box_open());
	struct tenant guest = { .box = box, .uid = NOBODY };
	struct tenant greedy = { .box = box, .uid = owner };
	struct child child = child_fork(take, &guest);
	int end = 256 + SIGKILL;
	int greedy_end;
	bool killed;

	EXPECT_EQ(0, child_ask(&child, FRAMES - 2));
	greedy_end = in_child(want_all, &greedy);
	killed = !greedy_end;
	EXPECT_TRUE(killed || greedy_end == 256 + SIGKILL);
	EXPECT_EQ(1, box_stats(box).oom_kills);
	if (killed)
		end = child_status(child.pid);
	else
		child_end(&child);
	EXPECT_EQ(256 + SIGKILL, end);
	close(box);
	return killed;
}

/* A guest of another user is only killed by a box whose owner may signal it. */
TEST(kills_its_own)
{
	EXPECT_FALSE(guest_is_killed(_metadata, SOMEBODY));
	EXPECT_TRUE(guest_is_killed(_metadata, 0));
}

/* --- files given by the user --- */

static int error_of_store(int fd)
{
	int box = box_open();
	int error = store_error(box, fd);

	close(box);
	return error;
}

/* A path fd gives no access; a box is no store. */
TEST(no_stores)
{
	int file = store_file(page_size, 1), box = box_open();
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	EXPECT_EQ(EBADF, error_of_store(open(path, O_PATH | O_CLOEXEC)));
	EXPECT_EQ(EACCES, error_of_store(open(path, O_WRONLY | O_CLOEXEC)));
	EXPECT_EQ(EACCES, error_of_store(open(path, O_RDWR | O_APPEND)));
	EXPECT_EQ(EINVAL, error_of_store(box));
	EXPECT_EQ(EINVAL, error_of_store(box_join(box, box_info(box).id)));
	EXPECT_EQ(EINVAL, error_of_store(open("/proc/self/mem", O_RDWR)));
	EXPECT_EQ(EINVAL, error_of_store(open("/dev/zero", O_RDWR)));
	EXPECT_EQ(0, error_of_store(file));
}

/*
 * Seals are honoured, also those added later: the file stays unchanged, and
 * fsync() reports it.
 */
TEST(sealed_store)
{
	int file = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int box;
	char *map;

	ASSERT_EQ(0, ftruncate(file, page_size));
	box = box_new_store(0, file);
	map = box_map(box, 1, MAP_SHARED);
	page_fill(map, 1);
	ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(-1, fsync(box));
	EXPECT_EQ(EPERM, errno);
	EXPECT_TRUE(file_holds(file, 1, 0));
	EXPECT_TRUE(page_holds(map, 1));
	unmap(map, 1);
	close(box);
}

/* As an unprivileged user, writes through a box with @context as its store. */
static int write_back(void *context)
{
	char *map;
	int box;

	become(NOBODY, CAP(CAP_DAC_OVERRIDE));
	box = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);
	become(NOBODY, 0);
	if (box < 0)
		die(PAGEBOX_DEVICE);
	box_set_store(box, open(context, O_RDWR | O_CLOEXEC));
	map = box_map(box, 1, MAP_SHARED);
	page_fill(map, 1);
	return msync(map, page_size, MS_SYNC) ? errno : 0;
}

/*
 * A worker writes with the credentials of the file's opener: a written program
 * loses its set-user-ID bit.
 */
TEST(worker_has_the_opener_s_rights)
{
	char path[] = "/tmp/pagebox-suid-XXXXXX";
	int file = mkstemp(path);
	struct stat before, after;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, page_size));
	ASSERT_EQ(0, fchmod(file, 04777));
	ASSERT_EQ(0, fstat(file, &before));
	EXPECT_EQ(04777, before.st_mode & 07777);
	EXPECT_EQ(0, in_child(write_back, path));
	EXPECT_TRUE(file_holds(file, 1, 1));
	ASSERT_EQ(0, fstat(file, &after));
	EXPECT_EQ(0777, after.st_mode & 07777);
	unlink(path);
	close(file);
}

/* --- sizes and flags of mappings --- */

/* Unsupported flags are refused, and the pages stay as they are. */
TEST(odd_mappings)
{
	static const int refused[] = {
		MAP_PRIVATE | MAP_HUGETLB,	MAP_SHARED | MAP_HUGETLB,
		MAP_SHARED_VALIDATE | MAP_SYNC, MAP_PRIVATE | MAP_GROWSDOWN,
		MAP_SHARED | MAP_GROWSDOWN,
	};
	int box = box_new(FRAMES, 0);
	char *shared = box_map(box, 2, MAP_SHARED);
	char *private = box_map(box, 2, MAP_PRIVATE);

	pages_fill(shared, 2, 1);
	pages_fill(private, 2, 500);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		EXPECT_EQ(MAP_FAILED,
			  mmap(NULL, page_size, PROT_READ, refused[i], box, 0))
		TH_LOG("flags %#x", refused[i]);
	}
	EXPECT_EQ(-1, madvise(shared, page_size, MADV_REMOVE));
	EXPECT_EQ(-1, madvise(private, page_size, MADV_FREE));
	EXPECT_EQ(-1, remap_file_pages(private, page_size, 0, 1, 0));
	madvise(private, page_size, MADV_MERGEABLE);
	EXPECT_EQ(0, remap_file_pages(shared, page_size, 0, 1, 0));
	EXPECT_TRUE(page_holds(shared, 2));
	EXPECT_TRUE(page_holds(page_at(shared, 1), 2));
	EXPECT_TRUE(pages_hold(private, 2, 500));
	EXPECT_EQ(-1, syscall(SYS_remap_file_pages, private, -page_size, 0,
			      ULONG_MAX, 0));
}

/*
 * Userfaultfd cannot resolve faults of a box. It can only track writes, on
 * kernels that support that for all mappings; pages are evicted and come back
 * under it.
 */
TEST(userfaultfd)
{
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE };
	int box = box_new(FRAMES, 0);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char *map = box_map(box, 2 * FRAMES, flags[i]);
		struct uffdio_writeprotect protect = {
			.range = { (uintptr_t)map, 2 * FRAMES * page_size },
			.mode = UFFDIO_WRITEPROTECT_MODE_WP,
		};
		int uffd = uffd_open(0);

		EXPECT_EQ(EINVAL, uffd_register(uffd, map, 2 * FRAMES,
						UFFDIO_REGISTER_MODE_MISSING));
		EXPECT_EQ(EINVAL, uffd_register(uffd, map, 2 * FRAMES,
						UFFDIO_REGISTER_MODE_WP));
		close(uffd);
		uffd = uffd_open(UFFD_FEATURE_WP_ASYNC);
		pages_fill(map, 2 * FRAMES, 1);
		if (uffd >= 0) {
			EXPECT_EQ(0, uffd_register(uffd, map, 2 * FRAMES,
						   UFFDIO_REGISTER_MODE_WP));
			EXPECT_EQ(0,
				  ioctl(uffd, UFFDIO_WRITEPROTECT, &protect));
		}
		EXPECT_TRUE(pages_hold(map, 2 * FRAMES, 1));
		pages_fill(map, 2 * FRAMES, 500);
		drop_ptes(map, 2 * FRAMES);
		EXPECT_TRUE(pages_hold(map, 2 * FRAMES, 500));
		unmap(map, 2 * FRAMES);
		close(uffd);
	}
	close(box);
}

/* --- numbers at every bound --- */

static const uint64_t edges[] = {
	1,
	4095,
	4096,
	4097,
	INT32_MAX,
	1ULL << 31,
	UINT32_MAX,
	1ULL << 32,
	PAGEBOX_MAX_SIZE - 4096,
	PAGEBOX_MAX_SIZE,
	PAGEBOX_MAX_SIZE + 4096,
	INT64_MAX / 2 + 1,
	INT64_MAX - 4095,
	INT64_MAX,
	1ULL << 63,
	UINT64_MAX - 4095,
	UINT64_MAX - 4096,
	UINT64_MAX,
};

static const unsigned long range_requests[] = {
	PAGEBOX_IOC_PREFETCH,
	PAGEBOX_IOC_PAGE_OUT,
	PAGEBOX_IOC_DISCARD,
};

static bool in_box(uint64_t start, uint64_t length)
{
	return length && !((start | length) % page_size) &&
	       start < PAGEBOX_MAX_SIZE && length <= PAGEBOX_MAX_SIZE - start;
}

/*
 * Ranges that wrap or end past the box succeed exactly if they are inside the
 * box.
 */
TEST(edges_of_ranges)
{
	int box = box_new(FRAMES, PAGEBOX_MAX_SIZE / page_size);

	for (size_t i = 0; i < ARRAY_SIZE(edges) * ARRAY_SIZE(edges);
	     i += small_size() ? 7 : 1) {
		struct pagebox_range range = {
			.size = sizeof(range),
			.start = edges[i / ARRAY_SIZE(edges)] - (i % 2),
			.length = edges[i % ARRAY_SIZE(edges)],
		};

		for (size_t j = 0; j < ARRAY_SIZE(range_requests); j++) {
			int error = ioctl(box, range_requests[j], &range) ?
					    errno :
					    0;

			EXPECT_EQ(in_box(range.start, range.length) ? 0 :
								      EINVAL,
				  error)
			TH_LOG("start %#llx length %#llx",
			       (unsigned long long)range.start,
			       (unsigned long long)range.length);
			EXPECT_EQ(0, range.pages);
			range.flags = PAGEBOX_RANGE_ADDRESS;
			EXPECT_EQ(-1, ioctl(box, range_requests[j], &range));
			range.flags = 0;
		}
	}
	EXPECT_EQ(0, box_stats(box).pages);
}

/* The same for positions: no transfer outside the box. */
TEST(edges_of_positions)
{
	int box = box_new(FRAMES, 4);
	const uint64_t end = 4 * page_size;
	char byte = 'x';

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		uint64_t at = edges[i];
		ssize_t in = pread(box, &byte, 1, at);
		ssize_t out = at < end ? 1 : pwrite(box, &byte, 1, at);

		EXPECT_TRUE(in == (at < end) || (in < 0 && at >= INT64_MAX))
		TH_LOG("position %#llx", (unsigned long long)at);
		EXPECT_EQ(at < end ? 1 : -1, out);
		lseek(box, at, SEEK_SET);
		lseek(box, at, SEEK_CUR);
		lseek(box, at, SEEK_END);
		lseek(box, at, SEEK_DATA);
		lseek(box, at, SEEK_HOLE);
		for (int advice = 0; advice < 6; advice++) {
			posix_fadvise(box, at, 0, advice);
			posix_fadvise(box, 0, at, advice);
			posix_fadvise(box, at, at, advice);
		}
		sync_file_range(box, at, at, SYNC_FILE_RANGE_WRITE);
		EXPECT_EQ(-1, fallocate(box, 0, at, at));
	}
	EXPECT_EQ(0, box_stats(box).pages);
	EXPECT_EQ(end, box_info(box).bytes);
}

/*
 * Each field of a configuration at each bound is either refused or reported by
 * INFO.
 */
TEST(edges_of_configurations)
{
	int box = box_open();

	for (uint32_t bit = 0; bit < 32; bit++) {
		if (1U << bit == PAGEBOX_SET_STORE ||
		    1U << bit == PAGEBOX_SET_SWAP)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
			struct pagebox_config config;
			struct pagebox_info info;
			uint32_t word = edges[i];

			for (size_t at = 0; at < sizeof(config); at += 4)
				memcpy((char *)&config + at, &word, 4);
			config.set = 1U << bit;
			config.bytes = edges[i];
			if (configure_error(box, config))
				continue;
			info = box_info(box);
			EXPECT_LE(info.bytes, PAGEBOX_MAX_SIZE);
			EXPECT_LE(info.readahead, PAGEBOX_MAX_READAHEAD);
			EXPECT_LE(info.swappiness, PAGEBOX_MAX_SWAPPINESS);
			EXPECT_LE(info.store_read_us, PAGEBOX_MAX_DELAY);
			EXPECT_LE(info.swap_write_us, PAGEBOX_MAX_DELAY);
			EXPECT_LE(info.dirty_ratio, PAGEBOX_MAX_DIRTY_RATIO);
			EXPECT_LE(info.frames, module_param("max_frames"));
		}
	}
}

/* --- no kernel addresses --- */

static bool shows_address(const char *text)
{
	while ((text = strpbrk(text, "0123456789abcdef"))) {
		char *end;

		if (strtoull(text, &end, 16) >= 0xffff800000000000ULL)
			return true;
		text = end > text ? end : text + 1;
	}
	return false;
}

/* debugfs shows no address, even to root, and nothing to other users. */
TEST(no_kernel_address)
{
	static const char *const names[] = { "summary", "stats", "frames",
					     "maps" };
	int box = box_new(FRAMES, 0);
	unsigned int id = box_info(box).id;
	char *map = box_map(box, 2 * FRAMES, MAP_PRIVATE), path[64];
	struct stat mode;

	pages_fill(map, 2 * FRAMES, 1);
	EXPECT_TRUE(shows_address("a ffff888003a41000"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *text = debugfs_text(id, names[i]);

		ASSERT_NE(NULL, text);
		EXPECT_FALSE(shows_address(text)) TH_LOG("%s", names[i]);
		free(text);
		snprintf(path, sizeof(path), "/sys/kernel/debug/pagebox/%u/%s",
			 id, names[i]);
		ASSERT_EQ(0, stat(path, &mode));
		EXPECT_EQ(0400, mode.st_mode & 0777);
	}
}

/* --- the ABI of 32-bit programs --- */

/*
 * ioctl() as a 32-bit program calls it. On i386, 64-bit numbers are aligned to
 * four bytes. In these structures they are at multiples of eight, so the layout
 * is the same.
 */
static int ioctl32(int fd, unsigned int request, void *argument)
{
	long result = 54;

	asm volatile("int $0x80"
		     : "+a"(result)
		     : "b"(fd), "c"(request), "d"(argument)
		     : "memory", "r8", "r9", "r10", "r11");
	return result;
}

#define ALIGNED(type, field) \
	static_assert(offsetof(struct type, field) % 8 == 0, #type)
ALIGNED(pagebox_config, bytes);
ALIGNED(pagebox_info, bytes);
ALIGNED(pagebox_stats, address);
ALIGNED(pagebox_range, start);
ALIGNED(pagebox_stack, address);

/* No hole before the numbers, and none at the end. */
static_assert(sizeof(struct pagebox_config) ==
		      offsetof(struct pagebox_config, references) + 4,
	      "config");
static_assert(sizeof(struct pagebox_info) ==
		      offsetof(struct pagebox_info, references) + 4,
	      "info");
static_assert(sizeof(struct pagebox_stats) ==
		      offsetof(struct pagebox_stats, committed) + 8,
	      "stats");
static_assert(sizeof(struct pagebox_range) == 32, "range");
static_assert(sizeof(struct pagebox_stack) == 32, "stack");

static int try_ioctl32(void *context)
{
	(void)context;
	return ioctl32(-1, 0, NULL) == -EBADF ? 0 : 1;
}

/* Debian's kernels run 32-bit programs; others raise SIGSEGV. */
TEST(calls_of_32_bit_programs)
{
	struct pagebox_info info, *low;
	struct pagebox_range *range;
	int box = box_new(FRAMES, 32);
	char *map = box_map(box, 4, MAP_SHARED);

	if (in_child(try_ioctl32, NULL) == 256 + SIGSEGV) {
		TH_LOG("this kernel runs no 32-bit programs");
		return;
	}
	low = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, low);
	low->size = sizeof(*low);
	ASSERT_EQ(0, ioctl32(box, PAGEBOX_IOC_INFO, low));
	info = box_info(box);
	EXPECT_TRUE(is_same(&info, low, sizeof(info)));

	pages_fill(map, 4, 1);
	range = (struct pagebox_range *)low;
	*range = (struct pagebox_range){ .size = sizeof(*range),
					 .length = 4 * page_size };
	ASSERT_EQ(0, ioctl32(box, PAGEBOX_IOC_PAGE_OUT, range));
	EXPECT_EQ(4, range->pages);
	EXPECT_EQ(-EFAULT, ioctl32(box, PAGEBOX_IOC_INFO, NULL));
	EXPECT_EQ(-ENOTTY, ioctl32(box, 0x5401, low));
}

TEST_HARNESS_MAIN
