// SPDX-License-Identifier: GPL-2.0
/*
 * Every sync point against every opposing operation. For each pair an actor is
 * stopped at the sync point, another one runs its operation until it completes
 * or must wait, then the first continues. All operations are on the first page.
 * Afterwards every page must have possible and whole contents, and no page may
 * be left when the process has exited.
 *
 * The states in between are covered by the named tests of race_fault,
 * race_evict, race_fork and race_io. This test is for the remaining pairs. By
 * default it runs each sync point with one or two operations; PAGEBOX_FULL=1
 * runs all of them, which takes a quarter of an hour.
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "race.h"

#define FRAMES 12
/* A word written by the actors, and its value. */
#define WORD 100
#define MARK 0x6d61726b6d61726bULL

/* The memory of an access may be unmapped when the actor continues. */
static __thread sigjmp_buf after_signal;

static void leave_access(int signal)
{
	siglongjmp(after_signal, signal);
}

static long survive_signals(struct scene *s, long unused)
{
	struct sigaction action = { .sa_handler = leave_access };

	return sigaction(SIGSEGV, &action, NULL) ||
	       sigaction(SIGBUS, &action, NULL);
}

static long mark(char *page)
{
	uint64_t *word = (uint64_t *)page + WORD;
	int signal = sigsetjmp(after_signal, 1);

	if (!signal)
		__atomic_store_n(word, MARK, __ATOMIC_RELAXED);
	return signal;
}

static long mark_root(struct scene *s, long page)
{
	return mark(page_at(s->root, page));
}

static long mark_map(struct scene *s, long page)
{
	return mark(page_at(s->map, page));
}

static long look_at_map(struct scene *s, long page)
{
	int signal = sigsetjmp(after_signal, 1);

	return signal ? -signal : see_map(s, page);
}

static long prefetch_map(struct scene *s, long page)
{
	return map_range(s->box, PAGEBOX_IOC_PREFETCH, page_at(s->map, page),
			 PAGES);
}

/* It may be unmapped. */
static long advise_map(struct scene *s, long page)
{
	return madvise(page_at(s->map, page), page_size, MADV_DONTNEED);
}

static long lock_map(struct scene *s, long unused)
{
	return mlock(s->map, PAGES * page_size);
}

static long move_map(struct scene *s, long unused)
{
	char *to = mmap(NULL, PAGES * page_size, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	s->map = mremap(s->map, PAGES * page_size, PAGES * page_size,
			MREMAP_MAYMOVE | MREMAP_FIXED, to);
	return 0;
}

static long protect_map(struct scene *s, long unused)
{
	return mprotect(s->map, page_size, PROT_READ) ||
	       mprotect(s->map, page_size, PROT_READ | PROT_WRITE);
}

static long discard_all(struct scene *s, long unused)
{
	return root_range(s->box, PAGEBOX_IOC_DISCARD, 0, 2 * PAGES);
}

static long read_debugfs(struct scene *s, long unused)
{
	static const char *const names[] = { "summary", "stats", "frames",
					     "maps" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		free(debugfs_text(s->id, names[i]));
	return 0;
}

static long read_device(struct scene *s, long page)
{
	uint64_t buffer[page_size / sizeof(uint64_t)];

	return pread(s->box, buffer, page_size, page * page_size);
}

static long kill_process(struct scene *s, long unused)
{
	pid_t pid = s->actor[MAIN].pid;

	kill(pid, SIGKILL);
	return 0;
}

/* Setup needed before an actor can reach a sync point. */
enum {
	RESIDENT = 0,
	SWAPPED = 1, /* no page has a frame */
	DROPPED = 2, /* no page has a PTE */
	SHARED = 4, /* a child shares the private pages */
	WORKER = 8, /* a worker reaches the sync point */
	CRAMPED = 16, /* all frames are dirty: see scene_cramp() */
};

static const struct held {
	const char *window;
	int actor;
	act_fn act;
	int before;
} held[] = {
	{ "fault_lock", A, mark_map, SWAPPED },
	{ "fault_frame", A, mark_map, SWAPPED },
	{ "fault_attach", A, mark_map, SWAPPED },
	{ "fault_read", A, mark_map, SWAPPED },
	{ "io_begin", A, mark_map, SWAPPED },
	{ "io_end", A, mark_map, SWAPPED },
	{ "fill_wait", A, mark_map, SWAPPED },
	{ "fill_frames", A, prefetch_map, SWAPPED },
	{ "fill_attach", A, prefetch_map, SWAPPED },
	{ "fill_settle", A, prefetch_map, SWAPPED },
	{ "fault_map", A, look_at_map, DROPPED },
	{ "mkwrite_lock", A, mark_map, DROPPED },
	{ "mkwrite_map", A, mark_map, DROPPED },
	{ "cow_install", A, mark_map, SHARED },
	{ "cow_unmap", A, mark_map, SHARED },
	{ "cow_unshare", A, mark_map, SHARED },
	{ "cow_handover", A, mark_map, SHARED | CRAMPED },
	{ "mkwrite_copied", A, mark_map, SHARED },
	{ "evict_unmap", A, page_out_map, RESIDENT },
	{ "evict_pins", A, page_out_map, RESIDENT },
	{ "evict_release", A, page_out_map, RESIDENT },
	{ "slot_taken", A, page_out_map, RESIDENT },
	{ "evict_slot", A, page_out_map, RESIDENT },
	{ "evict_written", A, page_out_map, RESIDENT },
	{ "evict_detach", A, page_out_map, RESIDENT },
	{ "evict_lock", OUTSIDE, set_frames, RESIDENT },
	{ "resize_limit", OUTSIDE, set_frames, RESIDENT },
	{ "policy_switch", OUTSIDE, set_policy, RESIDENT },
	{ "config_move", OUTSIDE, exchange_swap, SWAPPED },
	{ "swap_set", OUTSIDE, exchange_swap, SWAPPED },
	{ "swapoff_page", OUTSIDE, exchange_swap, SWAPPED },
	{ "swapoff_attach", OUTSIDE, exchange_swap, SWAPPED },
	{ "swapoff_leave", OUTSIDE, exchange_swap, SWAPPED },
	{ "slot_free", OUTSIDE, exchange_swap, SWAPPED },
	{ "swap_free", OUTSIDE, exchange_swap, SWAPPED },
	{ "discard_replace", A, discard_map, RESIDENT },
	{ "discard_lock", A, discard_map, SWAPPED },
	{ "discard_unmap", A, discard_map, RESIDENT },
	{ "discard_unshare", A, discard_map, RESIDENT },
	{ "page_free", A, discard_map, RESIDENT },
	{ "fork_share", MAIN, fork_child, RESIDENT },
	{ "fork_pin", MAIN, fork_child, RESIDENT },
	{ "fork_protect", MAIN, fork_child, RESIDENT },
	{ "fork_done", MAIN, fork_child, RESIDENT },
	{ "close_vma", A, unmap_map, RESIDENT },
	{ "close_view", A, unmap_map, RESIDENT },
	{ "view_drop", A, unmap_map, RESIDENT },
	{ "write_lock", A, sync_root, RESIDENT },
	{ "write_clean", A, sync_root, RESIDENT },
	{ "write_cleaned", A, sync_root, RESIDENT },
	{ "write_done", A, sync_root, WORKER },
	{ "fsync_sync", A, sync_root, RESIDENT },
	{ "read_copy", OUTSIDE, read_device, RESIDENT },
	{ "write_copy", OUTSIDE, write_device, RESIDENT },
	{ "show_frame", OUTSIDE, read_debugfs, RESIDENT },
};

static const struct opposing {
	const char *name;
	int actor;
	act_fn act;
	long arg;
	bool unmaps;
} opposing[] = {
	{ "see", B, look_at_map, 0 },
	{ "mark", B, mark_map, 0 },
	{ "mark root", B, mark_root, 0 },
	{ "page out", B, page_out_all, 0 },
	{ "discard", B, discard_map, 0 },
	{ "discard root", B, discard_all, 0 },
	{ "madvise", B, advise_map, 0 },
	{ "munmap", B, unmap_map, 0, true },
	{ "mremap", B, move_map, 0 },
	{ "mprotect", B, protect_map, 0 },
	{ "mlock", B, lock_map, 0 },
	{ "fork", MAIN, fork_child, 0 },
	{ "msync", B, sync_root, 0 },
	{ "vm_write", OUTSIDE, vm_write_map, 0 },
	{ "write", OUTSIDE, write_device, WITH(0, NEW) },
	{ "read", OUTSIDE, read_device, 0 },
	{ "frames", OUTSIDE, set_frames, 4 },
	{ "policy", OUTSIDE, set_policy, true },
	{ "exchange", OUTSIDE, exchange_swap, 3 * PAGES },
	{ "debugfs", OUTSIDE, read_debugfs, 0 },
	{ "shrink", OUTSIDE, drop_caches, 0 },
	{ "kill", OUTSIDE, kill_process, 0, true },
};

/*
 * A page is whole: zero, or a pattern that was written, with or without the
 * mark.
 */
static bool is_whole(const char *page, long index)
{
	const long tags[] = { 0, OLD + index, NEW };
	uint64_t expected[page_size / sizeof(uint64_t)];
	const volatile uint64_t *words = (const volatile uint64_t *)page;

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t at = 0;

		page_fill(expected, tags[i]);
		while (at < ARRAY_SIZE(expected) &&
		       (words[at] == expected[at] ||
			(at == WORD && words[at] == MARK)))
			at++;
		if (at == ARRAY_SIZE(expected))
			return true;
	}
	return false;
}

static long all_whole(struct scene *s, long with_map)
{
	for (long i = 0; i < PAGES; i++) {
		if (!is_whole(page_at(s->root, i), i))
			return 1 + i;
		if (with_map && !is_whole(page_at(s->map, i), i))
			return 100 + i;
	}
	return 0;
}

static long arg_of(const struct held *held)
{
	if (held->act == set_frames)
		return 4;
	if (held->act == exchange_swap)
		return 4 * PAGES;
	if (held->act == write_device)
		return WITH(0, NEW);
	return held->act == set_policy;
}

static bool set_scene(struct scene *s, const struct held *held)
{
	s->store = store_file(2 * PAGES * page_size, OLD);
	s->config.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_DIRTY;
	s->config.frames = FRAMES;
	/* Keeps the flusher from writing before msync(). */
	s->config.dirty_age_ms = PAGEBOX_MAX_DIRTY_AGE;
	s->config.dirty_ratio = 100;
	s->fill_root = true;
	s->fill_map = true;
	scene_begin(s);
	if (run(s, MAIN, survive_signals, 0))
		return false;
	if (held->before & SHARED && run(s, MAIN, fork_child, 0))
		return false;
	if (held->before & SWAPPED)
		run(s, B, page_out_all, 0);
	if (held->before & CRAMPED)
		scene_cramp(s);
	if (held->before & DROPPED)
		run(s, B, drop_map, 0);
	return true;
}

/* The first error, or NULL. */
static const char *drive(struct scene *s, const struct held *held,
			 const struct opposing *other)
{
	bool killed = other->act == kill_process;
	bool mapped = !other->unmaps && held->act != unmap_map;

	if (held->before & WORKER) {
		failpoint_set("%s stop times 1", held->window);
		start(s, held->actor, held->act, arg_of(held));
		if (!failpoint_waits(held->window, 1))
			return "no task reaches the sync point";
	} else {
		stop(s, held->actor, held->window, held->act, arg_of(held));
	}
	start(s, other->actor, other->act, other->arg);
	blocks(s, other->actor);
	failpoint_go(held->window);
	result(s, other->actor);
	if (!killed || held->actor == OUTSIDE)
		result(s, held->actor);
	if (killed) {
		if (!eventually(waitpid(s->actor[MAIN].pid, NULL, WNOHANG) !=
				0))
			return "the process does not exit";
		s->actor[MAIN].pid = 0;
	} else {
		if (run(s, MAIN, all_whole, mapped))
			return "a page has impossible contents";
		run(s, MAIN, unmap_root, 0);
		if (mapped)
			run(s, MAIN, unmap_map, 0);
		kill(s->actor[MAIN].pid, SIGKILL);
		if (!eventually(waitpid(s->actor[MAIN].pid, NULL, WNOHANG) !=
				0))
			return "the process does not exit";
		s->actor[MAIN].pid = 0;
	}
	run(s, OUTSIDE, discard_all, 0);
	return eventually(box_is_empty(s->box)) ? NULL : "the box is not empty";
}

/* One in this many pairs is run by default. */
#define SPARSE 16

FIXTURE(matrix){};

NO_SETUP(matrix);

FIXTURE_TEARDOWN(matrix)
{
	failpoints_off();
}

/* An actor cannot stop itself. */
static bool is_a_pair(const struct held *held, const struct opposing *other)
{
	return held->actor != other->actor &&
	       !(held->before & SHARED && other->act == fork_child);
}

TEST_F_TIMEOUT(matrix, all, 3600)
{
	bool full = full_size();
	unsigned int pairs = 0;

	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(opposing); j++) {
			const char *wrong = "the child does not run";
			struct scene *s;

			if (!is_a_pair(&held[i], &opposing[j]) ||
			    (!full && (7 * i + j) % SPARSE))
				continue;
			s = scene_new();
			if (set_scene(s, &held[i]))
				wrong = drive(s, &held[i], &opposing[j]);
			if (wrong)
				TH_LOG("%s against %s: %s", held[i].window,
				       opposing[j].name, wrong);
			EXPECT_EQ(NULL, wrong);
			scene_end(s);
			pairs++;
		}
	}
	TH_LOG("%u pairs", pairs);
}

TEST_HARNESS_MAIN
