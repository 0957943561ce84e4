/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of pagebox share: boxes, page patterns, counters, the debugfs
 * tables and children that do one thing at a time.
 *
 * A helper that cannot do its work ends the test as failed and says why, so
 * that a test reads as what it proves and never goes on with less than it
 * asked for. A missing precondition is a failure too, never a skip.
 */
#ifndef PAGEBOX_TEST_H
#define PAGEBOX_TEST_H

#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pagebox.h"

#define PAGEBOX_DEVICE "/dev/pagebox"

/*
 * How long a case may take, in seconds. The harness gives half a minute, which
 * is little on a debug kernel in an emulator.
 */
#ifdef TEST_TIMEOUT_DEFAULT
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180
#endif

/* Bytes in a page, set before main(). */
extern size_t page_size;

/* Prints the message, and errno when it is set, and fails the test. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A pseudorandom number; the same @state gives the same sequence. */
uint32_t rnd(uint64_t *state);

/* A number that looks random, and is the same for the same @value. */
uint64_t mix(uint64_t value);

/* A number that a user gave; it ends the program if that is none. */
uint64_t parse_number(const char *text);

/* $PAGEBOX_SEED, or 1. */
uint64_t seed_given(void);

/* Prints a file, of /proc say, as comments; nothing where there is none. */
void show_file(const char *path);

/* Writes to a file of /proc, /sys or the like, in one piece; it has to be taken. */
void write_text(const char *path, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether two structs, of counters say, have the same bytes. */
bool is_same(const void *a, const void *b, size_t size);

/* $PAGEBOX_FULL=1: tests are to be as large as they can. */
bool full_size(void);

/* $PAGEBOX_SLOW=1: the kernel checks all it does. */
bool slow_kernel(void);

/* $PAGEBOX_SMALL=1: each case is run thousands of times (see failwalk.c). */
bool small_size(void);

/* A 64th of something where cases are small. */
unsigned int reduced(unsigned int usual);

/*
 * How much of something a test does: @usual, or @full with $PAGEBOX_FULL=1, or on
 * a slow kernel a quarter of @usual; else reduced() too.
 */
unsigned int sized(unsigned int usual, unsigned int full);

/* Polls @ready until it holds, for a minute or $PAGEBOX_PATIENCE seconds at most. */
bool eventually(bool (*ready)(void *context), void *context);

/* Linux 6.13, for such mappings 6.15. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

/* Keeps the calling thread on one CPU. */
void stay_on_this_cpu(void);

/* --- boxes --- */

/* A box with its defaults. */
int box_open(void);

/* A box of @pages pages with @frames frames; 0 leaves a default alone. */
int box_new(unsigned int frames, size_t pages);

/* A box whose pages come from @store_fd. */
int box_new_store(unsigned int frames, int store_fd);

/* The same, which writes to its store only when it is asked to or has to. */
int box_new_quiet(unsigned int frames, int store_fd);

struct pagebox_info box_info(int box);

/* PAGEBOX_IOC_CONFIGURE, which has to work; both set the size. */
void box_configure(int box, struct pagebox_config config);

/* The errno of PAGEBOX_IOC_CONFIGURE, 0 when it worked. */
int configure_error(int box, struct pagebox_config config);

/* A box with what @config.set names. */
int box_with(struct pagebox_config config);

/* A box that user @owner has opened, who may do nothing but that. */
int box_of(uid_t owner);

/* PAGEBOX_IOC_JOIN through @box: an fd of box @id, or -errno. */
int box_join(int box, unsigned int id);

/*
 * PAGEBOX_IOC_PREFETCH, _PAGE_OUT or _DISCARD of @pages pages from page @first of
 * the root view, or from @address of a mapping, on: for how many pages something
 * was done, or -errno.
 */
long root_range(int box, unsigned long request, size_t first, size_t pages);
long map_range(int box, unsigned long request, const void *address,
	       size_t pages);

/* Maps @pages pages readable and writable from page @first on. */
char *box_map_from(int box, size_t first, size_t pages, int flags);
char *box_map(int box, size_t pages, int flags);

void unmap(char *map, size_t pages);

/* Drops the PTEs of @pages pages, the contents stay in the box. */
void drop_ptes(char *map, size_t pages);

/* --- threads that go round and round --- */

struct repeater;

/* One round; false if its pages are not what they should be. */
typedef bool (*round_fn)(struct repeater *repeater, unsigned int round);

/**
 * struct repeater - a thread that does the same until it is ended
 * @round: what it does
 * @box: for that, if it needs it
 * @map: its pages
 * @pages: how many
 */
struct repeater {
	round_fn round;
	int box;
	char *map;
	size_t pages;

	pthread_t thread;
	bool stop; /* relaxed atomics, as is rounds */
	unsigned int rounds;
	bool right;
};

/* The other fields are set from what is given here, and it begins. */
void repeater_start(struct repeater *repeater, round_fn round, int box,
		    char *map, size_t pages);

/* How many rounds it has done. */
unsigned int repeater_rounds(struct repeater *repeater);

/* Waits until it has done so many more. */
bool repeater_goes_on(struct repeater *repeater, unsigned int rounds);

/* Ends it: whether all was right. */
bool repeater_end(struct repeater *repeater);

/* A round: writes all pages, and looks at them. */
bool write_and_check(struct repeater *repeater, unsigned int round);

/* --- userfaultfd --- */

/* Watches for writes and asks nobody; Linux 6.7, not in all headers. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC 0x8000
#endif

/* An fd, or -1 if the kernel does not have the features. */
int uffd_open(uint64_t features);

/* 0 or errno. */
int uffd_register(int uffd, char *map, size_t pages, uint64_t mode);

/* --- counters --- */

struct pagebox_stats box_stats(int box);

/*
 * Waits until the box has so many pages. Of a mapping that goes, a worker frees
 * those whose frames are busy.
 */
bool pages_become(int box, unsigned long pages);

/* The faults of the mapping that holds @address. */
struct pagebox_stats map_stats(int box, const void *address);

/* Faults by class, in the order of enum pagebox_fault_class. */
struct faults {
	unsigned int zero;
	unsigned int minor;
	unsigned int file;
	unsigned int swapin;
	unsigned int cow;
	unsigned int mkwrite;
	unsigned int failed;
};

/* Both give a text to compare; it stays valid for a few calls. */
const char *faults_text(struct faults faults);
const char *faults_between(const struct pagebox_stats *before,
			   const struct pagebox_stats *after);

/* The faults of @_box since @_before are exactly those named and no others. */
#define EXPECT_FAULTS(_box, _before, ...)                             \
	do {                                                          \
		struct pagebox_stats __now = box_stats(_box);         \
		const char *__want, *__got;                           \
		__want = faults_text((struct faults){ __VA_ARGS__ }); \
		__got = faults_between(&(_before), &__now);           \
		EXPECT_STREQ(__want, __got);                          \
	} while (0)

/* --- contents --- */

/* A whole page of a pattern that @tag and the place decide; 0 is all zero. */
void page_fill(void *page, uint64_t tag);
bool page_holds(const void *page, uint64_t tag);

/* Whose pattern a page has, judged by one word of it: up to @most, or -1. */
long page_tag(const void *page, uint64_t most);

/* 64-bit word @i of that pattern. */
uint64_t page_word(uint64_t tag, size_t i);

/* Page i of @pages gets, or has, the pattern of @tag + i. */
void pages_fill(char *map, size_t pages, uint64_t tag);
bool pages_hold(const char *map, size_t pages, uint64_t tag);
bool pages_are_zero(const char *map, size_t pages);

/* Reads one byte of each page. */
void pages_touch(const char *map, size_t pages);

static inline char *page_at(char *map, size_t index)
{
	return map + index * page_size;
}

/* Touches @address: 0, or the signal that it raised. */
int signal_of_read(const void *address);
int signal_of_write(void *address);

/* A file in memory of @bytes bytes; page i has the pattern of @tag + i. */
int store_file(size_t bytes, uint64_t tag);

/* The same file, open for reading alone. */
int read_only(int file);

/* Whether page i of @pages has the pattern of @tag + i in the file itself. */
bool file_holds(int file, size_t pages, uint64_t tag);

/* A loop device on @file, open for direct I/O; gone when it is closed. */
int loop_open(int file);

/* A tmpfs with room for @pages pages: a directory for openat(), mounted nowhere. */
int tmpfs_new(size_t pages);

/* A file there, of @pages pages, which take no room before they are written. */
int tmpfs_file(int tmpfs, const char *name, size_t pages);

/* --- children --- */

/* fork() whose child is killed when this process ends. It does not fail. */
pid_t fork_tied(void);

typedef int (*serve_fn)(void *context, int command);

struct child {
	pid_t pid;
	int ask;
	int answer;
};

/* A child that runs @serve on each command, until it is ended. */
struct child child_fork(serve_fn serve, void *context);
int child_ask(const struct child *child, int command);
void child_end(struct child *child);

/* Runs @fn in a child: its return value, or 256 + the signal it died of. */
int in_child(int (*fn)(void *context), void *context);

/* For eventually(): whether the child *@pid has; child_status() still tells how. */
bool has_ended(void *pid);

/* Waits for @pid as in_child() does. */
int child_status(pid_t pid);

/* Users that are not root, and different ones. */
#define SOMEBODY 1000
#define NOBODY 65534

/* Makes the calling process @uid, with no capability but @caps. */
void become(uid_t uid, uint64_t caps);

#define CAP(name) (1ULL << (name))
#define ALL_CAPS (CAP(CAP_LAST_CAP + 1) - 1)

/* Sends an fd through a socket, and receives one. */
void send_fd(int socket, int fd);
int receive_fd(int socket);

/*
 * Two processes at work in a box: each writes pages of a private mapping and
 * words of its own in pages of the root view, in random order, and looks all
 * the time whether what it reads is what it wrote last.
 */
struct load {
	pid_t pid[2];
	struct load_shared *shared;
};

void load_start(struct load *load, int box, size_t pages);

/* Waits until both have done some more work: false when they do not. */
bool load_goes_on(struct load *load);

/* Lets both look at all pages once more and end: whether all was right. */
bool load_end(struct load *load);

/* --- debugfs and /proc; -1 stands for a column that shows "-" --- */

#define ROOT_SHARERS (-2)

struct frame_row {
	long frame;
	long pfn;
	long page;
	char tier[16];
	long sharers;
	long referenced;
	long dirty;
	long pins;
	bool hand;
};

struct map_row {
	long map;
	long pid;
	char type[16];
	uintptr_t start;
	uintptr_t end;
	long pgoff;
	char prot[8];
};

struct page_row {
	long index;
	uintptr_t address;
	char state[16];
	long frame;
	long slot;
	long sharers;
	char pte[8];
};

/* The text of a file of box @id, to be freed; NULL where there is none. */
char *debugfs_text(unsigned int id, const char *name);

/* The value of a "key value" line of a file of box @id. */
long debugfs_number(unsigned int id, const char *name, const char *key);

/* The rows of a table, to be freed, and how many they are. */
size_t frame_rows(unsigned int id, struct frame_row **rows);
size_t map_rows(unsigned int id, struct map_row **rows);
size_t page_rows(unsigned int id, long map, struct page_row **rows);

/* The row of the mapping of this process that holds @address. */
struct map_row map_row_at(unsigned int id, const void *address);

/* The row of @address in its mapping; false if it has none. */
bool page_row_at(unsigned int id, const void *address, struct page_row *row);

/* Page of the frame that holds @page of @tier, or -1. */
long frame_of(unsigned int id, const char *tier, long page);

/* The pagemap entry of @address in this process. */
uint64_t pagemap(const void *address);

#define PAGEMAP_PRESENT 0x8000000000000000ULL
#define PAGEMAP_PFN 0x007fffffffffffffULL

/* A field of the smaps entry of @address, in KiB. */
long smaps_kb(const void *address, const char *field);

/* The /proc/self/maps line of @address, valid until the next call. */
const char *maps_line(const void *address);

/* A module parameter; it ends the test where there is none. */
unsigned long module_param(const char *name);
void module_param_set(const char *name, unsigned long value);

/*
 * --- failpoints: what the module's file of that name does, see failpoint.c ---
 *
 * A test turns all of them off when it begins and when it ends, so that one that
 * was cut short leaves nothing to the next.
 */

/* One command, like "fault_lock stop times 1 pid 17"; it has to be taken. */
void failpoint_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The errno of a command, 0 when it was taken. */
int failpoint_error(const char *command);

struct failpoint {
	char kind[16];
	unsigned long hits;
	unsigned long done;
	unsigned long waiting;
	char setting[96];
};

/* The line of a point, or of "all". */
struct failpoint failpoint_state(const char *name);

/* Waits until @tasks tasks are stopped at a window: false when they are not. */
bool failpoint_waits(const char *name, unsigned long tasks);

/* Lets those that are stopped there go on, and turns the point off. */
void failpoint_go(const char *name);

void failpoints_off(void);

/* The parameters that the module has now, as insmod takes them. */
void module_parameters(char *text, size_t room);

/* delete_module() without waiting: 0 or its errno. */
int module_unload(const char *name);

/* Loads the file @name out of the directory that PAGEBOX_KO is in. */
void module_load(const char *name, const char *parameters);

#endif /* PAGEBOX_TEST_H */
