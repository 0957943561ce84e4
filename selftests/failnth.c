// SPDX-License-Identifier: GPL-2.0
/*
 * Failure injection into everything: a program that uses each operation of the
 * ABI runs repeatedly, and in its n-th run the n-th allocation, copy or I/O of
 * the module fails, until a run completes without a failure.
 *
 * An operation may only fail in a documented way, and only in a run with an
 * injected failure. Afterwards every page must have its previous contents, in
 * both views and in the store; the operation must succeed when repeated; and no
 * box may be left after the last close. The kernel log and the module's
 * counters are checked at unload.
 *
 * The program is divided into chapters to keep a run short, and n starts anew
 * with each. With PAGEBOX_FULL n takes every value, otherwise it takes strides
 * after a while.
 *
 * The module's failpoints are used on every kernel. If the kernel has fault
 * injection, so is every allocation and copy to or from user space anywhere
 * below a function of the module.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "pagebox.h"

static void __attribute__((constructor)) skip_without_failpoints(void)
{
	need_failpoints();
}

#define FRAMES 16
#define FEW_FRAMES 4
#define PAGES 10
#define STACK_PAGES 4
#define SIGNAL 256
#define DEBUGFS "/sys/kernel/debug"

/* Returned by a step that has seen wrong contents; not an errno. */
#define UNTRUE 255

/* The outcome of a run. */
enum { NOTHING_FAILED, ALL_WELL, WRONG };

/**
 * struct world - the state of the program, and the expected contents
 * @box: the box
 * @door: another one, through which the first is joined
 * @store: the file behind the box
 * @shared: the root view
 * @private: a private mapping of the same pages
 * @stack: a private mapping of @door
 * @root: version of each page of the root view; 0: initial contents of the store
 * @own: version of each page of the private view; 0: the root view's page
 * @disk: version of each page that is known to be in the store: it has this one
 *        or a later one of the root view
 * @torn: this page of the private or the root view was being written when the
 *        access failed: it may have parts of the next version
 * @failed: a failure was injected before this step
 */
struct world {
	int box;
	int door;
	int store;
	char *shared;
	char *private;
	char *stack;
	unsigned int root[PAGES];
	unsigned int own[PAGES];
	unsigned int disk[PAGES];
	unsigned int *torn;
	bool failed;
};

/* A method of failure injection, and whether and where a failure was injected. */
struct injector {
	void (*arm)(unsigned int n);
	bool (*injected)(void);
	void (*disarm)(void);
	const char *(*text)(void);
};

static const struct injector *injector;

static uint64_t root_tag(size_t page, unsigned int version)
{
	return 0x10000 + version * PAGES + page;
}

static uint64_t own_tag(size_t page, unsigned int version)
{
	return 0x20000 + version * PAGES + page;
}

/* --- memory that may raise SIGBUS at any time --- */

static sigjmp_buf after_signal;

static void leave_access(int signal)
{
	siglongjmp(after_signal, SIGNAL + signal);
}

/* Both: 0, or SIGNAL + the signal. */
static int read_memory(void *to, const void *from, size_t bytes)
{
	int signal = sigsetjmp(after_signal, 1);

	if (!signal)
		memcpy(to, from, bytes);
	return signal;
}

static int write_page(void *page, uint64_t tag)
{
	int signal = sigsetjmp(after_signal, 1);

	if (!signal)
		page_fill(page, tag);
	return signal;
}

/* An injected failure happens once: the second attempt must succeed. */
static int read_page(void *to, const void *from)
{
	return read_memory(to, from, page_size) ?
		       read_memory(to, from, page_size) :
		       0;
}

/* --- expected contents --- */

static bool wrong(const char *what, size_t page)
{
	fprintf(stderr, "# WRONG BYTE in page %zu of %s\n", page, what);
	return false;
}

/* For an interrupted write: every word must be old or new. */
static bool is_torn_of(const void *page, uint64_t old, uint64_t new)
{
	const uint64_t *words = page;

	for (size_t i = 0; i < page_size / sizeof(*words); i++)
		if (words[i] != page_word(old, i) &&
		    words[i] != page_word(new, i))
			return false;
	return true;
}

static uint64_t shown_tag(const struct world *w, size_t page)
{
	return w->own[page] ? own_tag(page, w->own[page]) :
			      root_tag(page, w->root[page]);
}

static bool root_is_right(const struct world *w, const void *page, size_t i)
{
	uint64_t tag = root_tag(i, w->root[i]);

	if (w->torn == &w->root[i])
		return is_torn_of(page, tag, root_tag(i, w->root[i] + 1));
	return page_holds(page, tag);
}

static bool private_is_right(const struct world *w, const void *page, size_t i)
{
	if (w->torn == &w->own[i])
		return is_torn_of(page, shown_tag(w, i),
				  own_tag(i, w->own[i] + 1));
	if (!w->own[i])
		return root_is_right(w, page, i);
	return page_holds(page, shown_tag(w, i));
}

/* Dirty pages may have been written at any time, synced ones must be. */
static bool store_is_right(const struct world *w, const void *page, size_t i)
{
	unsigned int last = w->root[i] + (w->torn == &w->root[i]);

	for (unsigned int version = w->disk[i]; version <= last; version++) {
		const uint64_t *words = page;
		size_t n = 0;

		while (n < page_size / sizeof(*words) &&
		       words[n] == page_word(root_tag(i, version), n))
			n++;
		if (n == page_size / sizeof(*words))
			return true;
	}
	return w->torn == &w->root[i] &&
	       is_torn_of(page, root_tag(i, last - 1), root_tag(i, last));
}

/* --- the steps of the program: 0, an errno, or SIGNAL + a signal --- */

static int error_of(long result)
{
	return result < 0 ? -result : 0;
}

static int open_box(struct world *w)
{
	w->box = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);
	return w->box < 0 ? errno : 0;
}

static int open_door(struct world *w)
{
	w->door = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);
	return w->door < 0 ? errno : 0;
}

static int configure(struct world *w)
{
	return configure_error(w->box, (struct pagebox_config){
					       .set = PAGEBOX_SET_FRAMES |
						      PAGEBOX_SET_STORE |
						      PAGEBOX_SET_POLICY,
					       .frames = FRAMES,
					       .store_fd = w->store,
					       .policy = "fifo",
				       });
}

static int ask_info(struct world *w)
{
	/* Larger than the kernel's: the excess is cleared. */
	struct {
		struct pagebox_info info;
		uint64_t more;
	} room = { .info.size = sizeof(room), .more = 1 };

	if (ioctl(w->box, PAGEBOX_IOC_INFO, &room))
		return errno;
	return room.info.frames == FRAMES && !room.more ? 0 : UNTRUE;
}

static int ask_stats(struct world *w)
{
	struct pagebox_stats stats = { .size = sizeof(stats) };

	if (ioctl(w->box, PAGEBOX_IOC_STATS, &stats))
		return errno;
	return stats.views >= 2 ? 0 : UNTRUE;
}

static int map_pages(int box, size_t pages, int flags, char **map)
{
	*map = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, flags, box,
		    0);
	return *map == MAP_FAILED ? errno : 0;
}

static int map_shared(struct world *w)
{
	return map_pages(w->box, PAGES, MAP_SHARED, &w->shared);
}

static int map_private(struct world *w)
{
	return map_pages(w->box, PAGES, MAP_PRIVATE, &w->private);
}

static int read_shared(struct world *w)
{
	int signal;
	char byte;

	for (size_t i = 0; i < PAGES; i++) {
		signal = read_memory(&byte, page_at(w->shared, i), 1);
		if (signal)
			return signal;
	}
	return 0;
}

/* Writes version @version to pages @first to @last of a view. */
static int write_pages(struct world *w, char *map, unsigned int *versions,
		       uint64_t (*tag)(size_t page, unsigned int version),
		       size_t first, size_t last, unsigned int version)
{
	int signal = 0;

	for (size_t i = first; i <= last && !signal; i++) {
		if (versions[i] == version)
			continue;
		w->torn = &versions[i];
		signal = write_page(page_at(map, i), tag(i, version));
		if (signal)
			break;
		w->torn = NULL;
		versions[i] = version;
	}
	return signal;
}

static int write_shared(struct world *w)
{
	return write_pages(w, w->shared, w->root, root_tag, 0, 3, 1);
}

static int write_private(struct world *w)
{
	return write_pages(w, w->private, w->own, own_tag, 2, 7, 1);
}

static int write_private_again(struct world *w)
{
	return write_pages(w, w->private, w->own, own_tag, 3, 4, 2);
}

static int sync_map(struct world *w)
{
	if (msync(w->shared, PAGES * page_size, MS_SYNC))
		return errno;
	memcpy(w->disk, w->root, sizeof(w->disk));
	return 0;
}

/* The file keeps its size, but the box is notified of a change. */
static int sync_file(struct world *w)
{
	if (ftruncate(w->store, PAGES * page_size) || fdatasync(w->box))
		return errno;
	memcpy(w->disk, w->root, sizeof(w->disk));
	return 0;
}

/* A short read or write indicates an error; the rest is repeated. */
static int read_call(struct world *w)
{
	char *buffer = malloc(3 * page_size);
	ssize_t got = pread(w->box, buffer, 3 * page_size, 2 * page_size);
	int error = got < 0 ? errno : 0;

	for (ssize_t i = 0; i < got / (ssize_t)page_size; i++)
		if (!root_is_right(w, buffer + i * page_size, 2 + i))
			error = UNTRUE;
	if (!error && got != (ssize_t)(3 * page_size))
		error = EIO;
	free(buffer);
	return error;
}

static int write_call(struct world *w)
{
	char *buffer = malloc(3 * page_size);
	int error = 0;
	ssize_t put;

	for (size_t i = 0; i < 3; i++)
		page_fill(buffer + i * page_size, root_tag(7 + i, 1));
	put = pwrite(w->box, buffer, 3 * page_size, 7 * page_size);
	if (put < 0)
		error = errno;
	else if (put != (ssize_t)(3 * page_size))
		error = put % page_size ? UNTRUE : EIO;
	for (ssize_t i = 0; i < put / (ssize_t)page_size; i++)
		w->root[7 + i] = 1;
	free(buffer);
	return error;
}

/* Reads an untouched page of a box without a store. */
static int read_hole(struct world *w)
{
	char *buffer = malloc(page_size);
	ssize_t got = pread(w->door, buffer, page_size, 100 * page_size);
	int error = got < 0 ? errno : 0;

	if (got > 0 && !page_holds(buffer, 0))
		error = UNTRUE;
	free(buffer);
	return error;
}

static int through_pipe(struct world *w)
{
	char *buffer = malloc(page_size);
	loff_t offset = 5 * page_size;
	int error = 0, ends[2];
	ssize_t moved;

	if (!buffer || pipe(ends))
		die("pipe");
	moved = splice(w->box, &offset, ends[1], NULL, page_size, 0);
	if (moved < 0)
		error = errno;
	else if (moved != (ssize_t)page_size ||
		 read(ends[0], buffer, page_size) != moved ||
		 !root_is_right(w, buffer, 5))
		error = UNTRUE;
	close(ends[0]);
	close(ends[1]);
	free(buffer);
	return error;
}

/*
 * The kernel reads from the mapping, and must return EFAULT where an access
 * raises SIGBUS.
 */
static int write_from_map(struct world *w)
{
	char *buffer = malloc(page_size);
	int error = 0, ends[2];
	ssize_t put;

	if (!buffer || pipe(ends))
		die("pipe");
	drop_ptes(w->private, PAGES);
	put = write(ends[1], page_at(w->private, 6), page_size);
	if (put < 0)
		error = errno;
	else if (put != (ssize_t)page_size ||
		 read(ends[0], buffer, page_size) != put ||
		 !private_is_right(w, buffer, 6))
		error = UNTRUE;
	close(ends[0]);
	close(ends[1]);
	free(buffer);
	return error;
}

static int page_out_root(struct world *w)
{
	return error_of(root_range(w->box, PAGEBOX_IOC_PAGE_OUT, 0, PAGES));
}

static int page_out_private(struct world *w)
{
	return error_of(
		map_range(w->box, PAGEBOX_IOC_PAGE_OUT, w->private, PAGES));
}

static int prefetch_root(struct world *w)
{
	return error_of(root_range(w->box, PAGEBOX_IOC_PREFETCH, 0, 6));
}

static int prefetch_private(struct world *w)
{
	return error_of(map_range(w->box, PAGEBOX_IOC_PREFETCH,
				  page_at(w->private, 2), 6));
}

/* A part may have been discarded before the failure; the pages show which. */
static int discard_private(struct world *w)
{
	char page[page_size];
	int error = error_of(map_range(w->box, PAGEBOX_IOC_DISCARD,
				       page_at(w->private, 2), 2));

	for (size_t i = 2; i < 4; i++) {
		if (read_page(page, page_at(w->private, i)))
			return UNTRUE;
		if (!error || is_torn_of(page, root_tag(i, w->root[i]),
					 root_tag(i, w->root[i])))
			w->own[i] = 0;
	}
	return error;
}

static int advise(struct world *w)
{
	return posix_fadvise(w->box, 0, PAGES * page_size, POSIX_FADV_DONTNEED) ?:
		       posix_fadvise(w->box, 0, 4 * page_size,
				     POSIX_FADV_WILLNEED);
}

static int join(struct world *w)
{
	struct pagebox_info info = { .size = sizeof(info) };
	char *page = malloc(page_size);
	int joined, error = 0;
	ssize_t got;

	if (ioctl(w->box, PAGEBOX_IOC_INFO, &info)) {
		free(page);
		return errno;
	}
	joined = box_join(w->door, info.id);
	if (joined < 0) {
		free(page);
		return -joined;
	}
	got = pread(joined, page, page_size, 3 * page_size);
	if (got < 0)
		error = errno;
	else if (got != (ssize_t)page_size || !root_is_right(w, page, 3))
		error = UNTRUE;
	close(joined);
	free(page);
	return error;
}

static int set_swap(struct world *w, int fd)
{
	return swap_error(w->box, fd, 0);
}

static int swap_to_file(struct world *w)
{
	int file = memfd_create("swap", MFD_CLOEXEC);
	int error;

	if (file < 0 || ftruncate(file, 4 * PAGES * page_size))
		die("cannot make a swap file");
	error = set_swap(w, file);
	close(file);
	return error;
}

static int swap_to_ram(struct world *w)
{
	return set_swap(w, PAGEBOX_FD_RAM);
}

static int switch_policy(struct world *w)
{
	struct pagebox_config config = {
		.set = PAGEBOX_SET_POLICY | PAGEBOX_SET_REFERENCES,
		.policy = "lru",
		.references = PAGEBOX_REFERENCES_EVERY,
	};

	return configure_error(w->box, config);
}

static int set_frames(struct world *w, unsigned int frames)
{
	return frames_error(w->box, frames);
}

/* Pages that are read together are read one by one if that fails. */
static int read_ahead(struct world *w)
{
	return configure_error(
		w->box, (struct pagebox_config){ .set = PAGEBOX_SET_READAHEAD,
						 .readahead = 4 });
}

static int few_frames(struct world *w)
{
	return set_frames(w, FEW_FRAMES);
}

static int many_frames(struct world *w)
{
	return set_frames(w, FRAMES);
}

static int map_stack(struct world *w)
{
	return map_pages(w->door, STACK_PAGES, MAP_PRIVATE, &w->stack);
}

static int make_stack(struct world *w)
{
	struct pagebox_stack stack = { .size = sizeof(stack),
				       .address = (uintptr_t)w->stack,
				       .top = page_size };

	return ioctl(w->door, PAGEBOX_IOC_STACK, &stack) ? errno : 0;
}

static int use_stack(struct world *w)
{
	char page[page_size];
	char *top = page_at(w->stack, STACK_PAGES - 1);
	int signal = write_page(top, 77) ?: read_page(page, top);

	if (signal)
		return signal;
	return page_holds(page, 77) ? 0 : UNTRUE;
}

/* The mapping moves with its pages, and loses its last ones. */
static int move_private(struct world *w)
{
	char *room = mmap(NULL, PAGES * page_size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED ||
	    mremap(w->private, PAGES * page_size, PAGES * page_size,
		   MREMAP_MAYMOVE | MREMAP_FIXED, room) == MAP_FAILED)
		return errno;
	w->private = room;
	return 0;
}

/* The child's views could not be created: its mappings are broken. */
#define CHILD_BUS 254

/* A child checks both mappings; its writes are private. */
static int child_looks(struct world *w)
{
	char page[page_size];

	for (size_t i = 0; i < PAGES; i++) {
		if (read_page(page, page_at(w->private, i)))
			return CHILD_BUS;
		if (!private_is_right(w, page, i) && !wrong("the child", i))
			return UNTRUE;
	}
	for (size_t i = 1; i < 4; i++) {
		char *at = page_at(w->private, i);

		if (write_page(at, 5000 + i) && write_page(at, 5000 + i))
			return CHILD_BUS;
		if (read_page(page, at))
			return CHILD_BUS;
		if (!page_holds(page, 5000 + i) && !wrong("the child", i))
			return UNTRUE;
	}
	for (size_t i = 0; i < PAGES; i += 4) {
		if (read_page(page, page_at(w->shared, i)))
			return CHILD_BUS;
		if (!root_is_right(w, page, i) && !wrong("the child", i))
			return UNTRUE;
	}
	return 0;
}

static int fork_child(struct world *w)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return errno;
	if (!pid)
		_exit(child_looks(w));
	return child_status(pid);
}

struct step {
	const char *name;
	int (*run)(struct world *w);
	int errors[5];
};

#define BUS (SIGNAL + SIGBUS)

/* The documented errors of each step, see uapi/pagebox.h and the manual pages. */
#define STEP(fn, text, ...) \
	static const struct step do_##fn = { text, fn, { __VA_ARGS__ } }
STEP(open_box, "open", ENOMEM);
STEP(open_door, "open another", ENOMEM);
STEP(configure, "configure", ENOMEM, EFAULT, EBADF);
STEP(ask_info, "info", EFAULT);
STEP(ask_stats, "stats", EFAULT);
STEP(map_shared, "map shared", ENOMEM);
STEP(map_private, "map private", ENOMEM);
STEP(read_shared, "read shared", BUS);
STEP(write_shared, "write shared", BUS);
STEP(write_private, "write private", BUS);
STEP(write_private_again, "write private again", BUS);
STEP(fork_child, "fork", ENOMEM, CHILD_BUS);
STEP(move_private, "move", ENOMEM);
STEP(sync_map, "msync", EIO);
STEP(sync_file, "fdatasync", EIO);
STEP(read_call, "read()", EFAULT, EIO, ENOMEM, ENOSPC);
STEP(write_call, "write()", EFAULT, EIO, ENOMEM, ENOSPC);
STEP(read_hole, "read() of a hole", EFAULT);
/* Core code turns EFAULT, which is impossible for a pipe, into EAGAIN. */
STEP(through_pipe, "splice", EAGAIN, EIO, ENOMEM, ENOSPC);
STEP(write_from_map, "write() from the mapping", EFAULT);
STEP(advise, "fadvise", EIO, ENOMEM);
STEP(page_out_root, "page out shared", EFAULT);
STEP(page_out_private, "page out private", EFAULT);
STEP(prefetch_root, "prefetch shared", EFAULT, EIO, ENOMEM);
STEP(prefetch_private, "prefetch private", EFAULT, EIO, ENOMEM);
STEP(discard_private, "discard private", EFAULT);
STEP(join, "join", EFAULT, EIO, ENOMEM, EMFILE);
STEP(swap_to_file, "swap to a file", ENOMEM, EFAULT, EBADF, EIO);
STEP(swap_to_ram, "swap to RAM", ENOMEM, EFAULT, EIO);
STEP(switch_policy, "policy", ENOMEM, EFAULT);
STEP(read_ahead, "readahead", EFAULT);
STEP(few_frames, "few frames", EFAULT, EBUSY);
STEP(many_frames, "many frames", EFAULT);
STEP(map_stack, "map a stack", ENOMEM);
STEP(make_stack, "stack", EFAULT);
STEP(use_stack, "use the stack", BUS);

#define STEPS_MAX 12

/* The start of every chapter, so that each can be short. */
static const struct step *const beginning[] = {
	&do_open_box,	&do_open_door,	 &do_configure,
	&do_map_shared, &do_map_private,
};

#define BEGINNING (sizeof(beginning) / sizeof(*beginning))

struct chapter {
	const char *name;
	const struct step *steps[STEPS_MAX];
};

/* Only in the first chapter failures are injected from the start. */
static const struct chapter chapters[] = {
	{ "box",
	  { &do_ask_info, &do_ask_stats, &do_join, &do_switch_policy,
	    &do_map_stack, &do_make_stack, &do_use_stack } },
	{ "faults",
	  { &do_read_shared, &do_write_shared, &do_write_private,
	    &do_move_private, &do_fork_child, &do_write_private_again } },
	{ "pressure",
	  { &do_few_frames, &do_write_shared, &do_write_private, &do_fork_child,
	    &do_sync_map } },
	{ "calls",
	  { &do_write_private, &do_read_call, &do_write_call, &do_sync_file,
	    &do_read_hole, &do_through_pipe, &do_write_from_map, &do_advise } },
	{ "ranges",
	  { &do_read_ahead, &do_read_shared, &do_write_shared,
	    &do_write_private, &do_page_out_root, &do_page_out_private,
	    &do_prefetch_root, &do_prefetch_private, &do_discard_private } },
	{ "swap",
	  { &do_few_frames, &do_write_private, &do_swap_to_file,
	    &do_many_frames, &do_swap_to_ram } },
};

#define CHAPTERS (sizeof(chapters) / sizeof(*chapters))

/* --- runs --- */

/* All mappings so far, and the store. */
static bool all_is_right(struct world *w)
{
	char page[page_size];

	for (size_t i = 0; i < PAGES; i++) {
		if (w->shared != MAP_FAILED &&
		    (read_page(page, page_at(w->shared, i)) ||
		     !root_is_right(w, page, i)))
			return wrong("the root view", i);
		if (w->private != MAP_FAILED &&
		    (read_page(page, page_at(w->private, i)) ||
		     !private_is_right(w, page, i)))
			return wrong("the private view", i);
		if (pread(w->store, page, page_size, i * page_size) !=
			    (ssize_t)page_size ||
		    !store_is_right(w, page, i))
			return wrong("the store", i);
	}
	return true;
}

static const char *error_text(int error)
{
	if (error == UNTRUE)
		return "a check failed";
	if (error == CHILD_BUS)
		return "SIGBUS in a child, twice";
	return error > SIGNAL ? strsignal(error - SIGNAL) : strerror(error);
}

static bool documented(const struct step *step, int error)
{
	for (size_t i = 0; i < sizeof(step->errors) / sizeof(int); i++)
		if (step->errors[i] == error)
			return true;
	return false;
}

static bool complain(const struct step *step, const char *what, int error)
{
	fprintf(stderr, "# %s: %s: %s\n", step->name, what, error_text(error));
	return false;
}

/* Checks everything after a failure, as the step may have hidden it. */
static bool do_step(struct world *w, const struct step *step)
{
	bool failed = w->failed;
	int error = step->run(w);

	w->failed = injector->injected();
	if (error && !documented(step, error))
		return complain(step, "fails with an undocumented error",
				error);
	if (error && !w->failed)
		return complain(step, "fails without an injected failure",
				error);
	if ((error || failed != w->failed) && !all_is_right(w))
		return complain(step, "contents changed after", error);
	if (error)
		error = step->run(w);
	return error ? complain(step, "fails again", error) : true;
}

/* If the last write-back fails, the store has its old contents. */
static bool leave(struct world *w)
{
	if (write_pages(w, w->shared, w->root, root_tag, 0, 2, 2) &&
	    write_pages(w, w->shared, w->root, root_tag, 0, 2, 2))
		return false;
	w->failed = injector->injected();
	if (!all_is_right(w))
		return false;
	if (w->stack)
		munmap(w->stack, STACK_PAGES * page_size);
	munmap(w->private, PAGES * page_size);
	munmap(w->shared, PAGES * page_size);
	w->private = MAP_FAILED;
	w->shared = MAP_FAILED;
	close(w->door);
	close(w->box);
	if (w->failed || !injector->injected())
		memcpy(w->disk, w->root, sizeof(w->disk));
	return all_is_right(w);
}

/* One run: of @chapter, with the @n-th operation failing. */
struct run {
	const struct chapter *chapter;
	unsigned int n;
};

static bool do_steps(struct world *w, const struct run *run)
{
	const struct chapter *chapter = run->chapter;

	if (chapter == chapters)
		injector->arm(run->n);
	for (size_t i = 0; i < BEGINNING; i++)
		if (!do_step(w, beginning[i]))
			return false;
	if (chapter != chapters)
		injector->arm(run->n);
	for (size_t i = 0; i < STEPS_MAX && chapter->steps[i]; i++)
		if (!do_step(w, chapter->steps[i]))
			return false;
	return leave(w);
}

static int run_program(void *context)
{
	struct sigaction action = { .sa_handler = leave_access };
	struct world w = { .shared = MAP_FAILED, .private = MAP_FAILED };

	sigaction(SIGBUS, &action, NULL);
	w.store = store_file(PAGES * page_size, root_tag(0, 0));
	if (!do_steps(&w, context))
		return WRONG;
	return injector->injected() ? ALL_WELL : NOTHING_FAILED;
}

/* --- leftovers of a run --- */

static bool nothing_is_left(void)
{
	if (eventually(no_box_is_left()) && eventually(module_is_unused()))
		return true;
	fprintf(stderr, "# a box is left\n");
	return false;
}

/*
 * With PAGEBOX_FULL every n. Otherwise all of the first chapter, in which no
 * two failures are alike, or a third on a slow kernel; of the others the first
 * ones, then strides.
 */
static unsigned int stride(const struct run *run)
{
	if (run->n < 10 || full_size())
		return 1;
	if (run->chapter == chapters)
		return slow_kernel() ? 3 : 1;
	return 17;
}

/* Runs a chapter for each n: the number of injected failures, or -1. */
static int walk(const struct chapter *chapter)
{
	struct run run = { .chapter = chapter, .n = 1 };
	int status, failures = 0;

	while ((status = in_child(run_program, &run)) == ALL_WELL) {
		if (!nothing_is_left())
			break;
		failures++;
		run.n += stride(&run);
	}
	if (status == NOTHING_FAILED) {
		printf("# %s: %d injected failures, all well\n", chapter->name,
		       failures);
		return failures;
	}
	fprintf(stderr, "# %s, failure %u: %s: status %d\n", chapter->name,
		run.n, injector->text(), status);
	injector->disarm();
	return -1;
}

/* --- the module's failpoints --- */

static void arm_points(unsigned int n)
{
	failpoint_set("all nth %u", n);
}

static bool points_injected(void)
{
	return failpoint_state("all").done;
}

static const char *points_text(void)
{
	static struct failpoint all;

	all = failpoint_state("all");
	return all.setting;
}

static const struct injector points = { arm_points, points_injected,
					failpoints_off, points_text };

/* Failpoints of loading and unloading: see initfail. */
static bool at_loading(const char *name)
{
	static const char *const names[] = { "create_cache", "create_pool",
					     "alloc_workqueue", "alloc_policy",
					     "register_device" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* The number of failpoints that were never reached. */
static int points_missed(void)
{
	FILE *file = fopen(DEBUGFS "/pagebox/failpoints", "r");
	char line[160], name[64], kind[16];
	unsigned long hits;
	int missed = 0;

	if (!file)
		die(DEBUGFS "/pagebox/failpoints");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %15s %lu", name, kind, &hits) != 3 ||
		    strcmp(kind, "fail") || hits || at_loading(name))
			continue;
		fprintf(stderr, "# %s was not reached\n", name);
		missed++;
	}
	fclose(file);
	return missed;
}

/* The walk reaches every failpoint of the module. */
TEST(goes_everywhere)
{
	struct run run = { .n = 1000000 };

	injector = &points;
	failpoints_off();
	for (size_t i = 0; i < CHAPTERS; i++) {
		run.chapter = &chapters[i];
		EXPECT_EQ(NOTHING_FAILED, in_child(run_program, &run));
	}
	EXPECT_EQ(0, points_missed());
	failpoints_off();
}

/* Invalid commands, and actions invalid for a failpoint, change nothing. */
TEST(bad_commands)
{
	static const struct {
		const char *text;
		int error;
	} commands[] = {
		{ "\n", EINVAL },
		{ "nosuchpoint fail", EINVAL },
		{ "alloc_page", EINVAL },
		{ "alloc_page jump", EINVAL },
		{ "alloc_page delay 1", EINVAL },
		{ "alloc_page nth 1", EINVAL },
		{ "fault_read fail", EINVAL },
		{ "fault_read nth 1", EINVAL },
		{ "fault_read delay", EINVAL },
		{ "fault_read delay soon", EINVAL },
		{ "fault_read delay 10001", ERANGE },
		{ "all fail", EINVAL },
		{ "all delay 1", EINVAL },
		{ "all nth 0", ERANGE },
		{ "alloc_page fail after", EINVAL },
		{ "alloc_page fail twice 2", EINVAL },
		{ "alloc_page fail pid 0", EINVAL },
		{ "alloc_page fail pid 4294967296", EINVAL },
		{ "alloc_page fail times 99999999999999999999", ERANGE },
	};
	char text[256], *nowhere;
	int fd;

	failpoints_off();
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int error = failpoint_error(commands[i].text);

		EXPECT_EQ(commands[i].error, error);
		if (error != commands[i].error)
			TH_LOG("'%s'", commands[i].text);
	}
	fd = open(DEBUGFS "/pagebox/failpoints", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	nowhere = mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	EXPECT_EQ(-1, write(fd, nowhere, 7));
	EXPECT_EQ(EFAULT, errno);
	unmap(nowhere, 1);
	close(fd);
	memset(text, ' ', sizeof(text));
	memcpy(text, "all off", 7);
	text[sizeof(text) - 1] = '\0';
	EXPECT_EQ(EINVAL, failpoint_error(text));
	/* No failpoint is set: all operations of a box succeed. */
	EXPECT_TRUE(
		pages_are_zero(box_map(box_new(16, 0), 16, MAP_PRIVATE), 16));
	EXPECT_EQ(0, failpoint_error(" all\toff\n"));
}

/* --- the kernel's fault injection --- */

#define NTH "/proc/thread-self/fail-nth"

static const char *const kernel_kinds[] = { "failslab", "fail_page_alloc",
					    "fail_usercopy" };
#define KINDS (sizeof(kernel_kinds) / sizeof(*kernel_kinds))

static void __attribute__((format(printf, 3, 0)))
set_kind(const char *kind, const char *name, const char *fmt,
	 unsigned long value)
{
	char path[96];

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", kind, name);
	if (!access(path, F_OK))
		write_text(path, fmt, value);
}

/* The address range of the module's code, from /proc/modules. */
static void module_text(unsigned long *start, unsigned long *end)
{
	FILE *file = fopen("/proc/modules", "r");
	unsigned long size = 0;
	char line[256];

	*start = 0;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "pagebox %lu %*s %*s %*s %lx", &size, start) ==
		    2)
			break;
	if (!*start)
		die("/proc/modules has no pagebox");
	fclose(file);
	*end = *start + size;
}

/* The addresses of a kernel function; unchanged if it does not exist. */
static void kernel_function(const char *name, unsigned long *start,
			    unsigned long *end)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], symbol[256];
	unsigned long address;

	*start = 0;
	*end = 0;
	while (file && !*end && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx %*s %255s", &address, symbol) != 2)
			continue;
		if (*start && address > *start)
			*end = address;
		else if (!strcmp(symbol, name))
			*start = address;
	}
	if (!file)
		die("/proc/kallsyms");
	fclose(file);
}

/*
 * Only allocations below the module fail, wherever they are, except those of
 * allocation profiling: the kernel warns if it has no memory.
 */
static void set_kinds(void)
{
	unsigned long start, end, notes, notes_end;

	module_text(&start, &end);
	kernel_function("alloc_slab_obj_exts", &notes, &notes_end);
	for (size_t i = 0; i < KINDS; i++) {
		set_kind(kernel_kinds[i], "verbose", "%lu", 0);
		set_kind(kernel_kinds[i], "ignore-gfp-wait", "N", 0);
		set_kind(kernel_kinds[i], "ignore-gfp-highmem", "N", 0);
		set_kind(kernel_kinds[i], "min-order", "%lu", 0);
		set_kind(kernel_kinds[i], "stacktrace-depth", "%lu", 32);
		set_kind(kernel_kinds[i], "require-start", "%#lx", start);
		set_kind(kernel_kinds[i], "require-end", "%#lx", end);
		set_kind(kernel_kinds[i], "reject-start", "%#lx", notes);
		set_kind(kernel_kinds[i], "reject-end", "%#lx", notes_end);
	}
}

static void arm_kernel(unsigned int n)
{
	write_text(NTH, "%u", n);
}

/* The number counts down to 0, where a failure is injected. */
static bool kernel_injected(void)
{
	unsigned int left = 1;
	FILE *file = fopen(NTH, "r");

	if (!file || fscanf(file, "%u", &left) != 1)
		die(NTH);
	fclose(file);
	return !left;
}

/* Every process has its own number. */
static void disarm_kernel(void)
{
}

static const char *kernel_text(void)
{
	return "see the stack with verbose=2";
}

static const struct injector kernel = { arm_kernel, kernel_injected,
					disarm_kernel, kernel_text };

/* --- the walk --- */

FIXTURE(chapter){};

FIXTURE_VARIANT(chapter)
{
	const struct chapter *chapter;
};

FIXTURE_VARIANT_ADD(chapter, box){ .chapter = &chapters[0] };
FIXTURE_VARIANT_ADD(chapter, faults){ .chapter = &chapters[1] };
FIXTURE_VARIANT_ADD(chapter, pressure){ .chapter = &chapters[2] };
FIXTURE_VARIANT_ADD(chapter, calls){ .chapter = &chapters[3] };
FIXTURE_VARIANT_ADD(chapter, ranges){ .chapter = &chapters[4] };
FIXTURE_VARIANT_ADD(chapter, swap){ .chapter = &chapters[5] };

FIXTURE_SETUP(chapter)
{
	failpoints_off();
}

FIXTURE_TEARDOWN(chapter)
{
	failpoints_off();
}

TEST_F_TIMEOUT(chapter, every_point, 3600)
{
	injector = &points;
	EXPECT_LT(10, walk(variant->chapter));
}

TEST_F_TIMEOUT(chapter, every_allocation_below, 3600)
{
	if (access(NTH, F_OK)) {
		printf("# this kernel has no fault injection: only points\n");
		return;
	}
	set_kinds();
	injector = &kernel;
	EXPECT_LT(10, walk(variant->chapter));
}

TEST_HARNESS_MAIN
