// SPDX-License-Identifier: GPL-2.0
/*
 * Races against copy-on-write and fork. Two processes share pages and write to
 * one at the same time; a fork is stopped while it walks the pages of a
 * mapping, which are evicted, written and copied.
 */

#include <errno.h>
#include <signal.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "race.h"

/* The scene of the current case. */
static struct scene *s;

#define FRAMES 16

/* A mapping with private pages, in frames and mapped, and a child's. */
FIXTURE(share){};

FIXTURE_SETUP(share)
{
	s = scene_of_map(FRAMES);
	ASSERT_EQ(0, run(s, MAIN, fork_child, 0));
}

FIXTURE_TEARDOWN(share)
{
	scene_end(s);
}

/* All pages are freed with the child and the mapping: none was counted twice. */
static void expect_nothing_left(struct __test_metadata *_metadata,
				struct scene *s)
{
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	EXPECT_EQ(0, run(s, A, unmap_map, 0));
	EXPECT_EQ(0, box_stats(s->box).pages);
	EXPECT_EQ(0, box_stats(s->box).frames_used);
	EXPECT_EQ(0, box_stats(s->box).swap_used);
	EXPECT_EQ(1, box_stats(s->box).views);
}

static unsigned long copies(struct scene *s)
{
	return box_stats(s->box).faults[PAGEBOX_FAULT_COW];
}

/*
 * Of two writers to a shared page, one copies it. The other waits and then owns
 * the page, unless it is so early that the page still looks shared.
 */
TEST_F(share, two_breaks)
{
	stop(s, A, "cow_install", write_map, WITH(0, NEW));
	start(s, CHILD, write_map, WITH(0, NEWER));
	EXPECT_TRUE(blocks(s, CHILD));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).frames_used);
	failpoint_go("cow_install");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, CHILD));
	EXPECT_LE(1, copies(s));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	EXPECT_EQ(PAGES + 1, box_stats(s->box).frames_used);
	EXPECT_EQ(1, run(s, B, sharers_of_map, 0));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEWER)));
	expect_nothing_left(_metadata, s);
}

/*
 * The copy is in the view, but other threads still have a PTE of the old page.
 * Until it is removed, no other sharer may own the page.
 */
TEST_F(share, break_before_unmap)
{
	EXPECT_TRUE(run(s, B, map_is_old, 0));
	stop(s, A, "cow_unmap", write_map, WITH(0, NEW));
	start(s, CHILD, write_map, WITH(0, NEWER));
	EXPECT_TRUE(blocks(s, CHILD));
	EXPECT_EQ(OLD, run(s, B, see_map, 0));
	failpoint_go("cow_unmap");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, CHILD));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEWER)));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	expect_nothing_left(_metadata, s);
}

/*
 * Before the first writer has dropped the old page, the page still looks
 * shared: both copy it, and it is freed.
 */
TEST_F(share, break_before_unshare)
{
	stop(s, A, "cow_unshare", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, CHILD, write_map, WITH(0, NEWER)));
	EXPECT_EQ(PAGES + 2, box_stats(s->box).pages);
	failpoint_go("cow_unshare");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(2, copies(s));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	EXPECT_EQ(PAGES + 1, box_stats(s->box).frames_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, NEWER)));
	expect_nothing_left(_metadata, s);
}

/* The other sharer exits instead: the stopped writer frees the page. */
TEST_F(share, exit_before_unshare)
{
	stop(s, A, "cow_unshare", write_map, WITH(0, NEW));
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	failpoint_go("cow_unshare");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
	EXPECT_EQ(PAGES, box_stats(s->box).frames_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
}

/* Writes one word of page 0 with its value in the pattern of that tag. */
static long write_word(struct scene *s, long tag)
{
	*(volatile uint64_t *)s->map = page_word(tag, 0);
	return 0;
}

/*
 * The frame into which the page was read passes to the copy. Another thread
 * that reads it waits: it must not see the page any more.
 */
TEST_F(share, read_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_map, WITH(0, NEW));
	start(s, B, see_map, 0);
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	result(s, B);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	EXPECT_EQ(1, copies(s));
	EXPECT_EQ(pages + 1, box_stats(s->box).pages);
}

/* A thread that writes to it needs no copy then. */
TEST_F(share, break_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_word, NEW);
	start(s, B, write_map, WITH(0, NEW));
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, B));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	EXPECT_EQ(1, copies(s));
	EXPECT_EQ(pages + 1, box_stats(s->box).pages);
}

/* The other sharer exits: the page is freed when the copy is done. */
TEST_F(share, exit_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_map, WITH(0, NEW));
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_EQ(pages, box_stats(s->box).pages);
}

/*
 * It exits, and another thread would own the page and write to it. The write
 * must be in the copy.
 */
TEST_F(share, write_during_handover)
{
	unsigned long pages = scene_cramp(s);

	stop(s, A, "cow_handover", write_word, NEW);
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	start(s, B, write_map, WITH(0, NEW));
	blocks(s, B);
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, B));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_EQ(pages, box_stats(s->box).pages);
}

/* The page is discarded: the copy is discarded once it exists. */
TEST_F(share, discard_during_handover)
{
	scene_cramp(s);
	stop(s, A, "cow_handover", write_word, OLD);
	start(s, B, discard_map, 0);
	EXPECT_TRUE(blocks(s, B));
	failpoint_go("cow_handover");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(1, result(s, B));
	/* The word may be written before or after. */
	EXPECT_GE(OLD, run(s, B, see_map, 0));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
}

/* A page that is being copied keeps its frame, and so does the copy. */
TEST_F(share, evict_during_break)
{
	stop(s, A, "cow_install", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, OUTSIDE, page_out_root, 0));
	/* Its frame is only busy for a time. */
	start(s, OUTSIDE, set_frames, 2);
	EXPECT_TRUE(polls(s, OUTSIDE));
	failpoint_go("cow_install");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(2, box_stats(s->box).frames_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	expect_nothing_left(_metadata, s);
}

/*
 * The copy is evicted before it has a PTE: it was not written yet, but holds
 * the only copy of its contents.
 */
TEST_F(share, evict_after_break)
{
	stop(s, A, "mkwrite_copied", write_map, WITH(0, NEW));
	EXPECT_EQ(0, run(s, OUTSIDE, set_frames, 2));
	EXPECT_EQ(PAGES + 1 - 2, box_stats(s->box).swap_used);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, OLD)));
	failpoint_go("mkwrite_copied");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(1, copies(s));
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	expect_nothing_left(_metadata, s);
}

/*
 * The page to be copied is in swap. By the time it is read, its other sharer
 * may have exited: then it is written in place.
 */
TEST_F(share, exit_during_read)
{
	EXPECT_EQ(PAGES, run(s, B, page_out_all, 0));
	stop(s, A, "fault_read", write_map, WITH(0, NEW));
	start(s, MAIN, reap_child, 0);
	EXPECT_EQ(SIGKILL, result(s, MAIN));
	failpoint_go("fault_read");
	EXPECT_EQ(0, result(s, A));
	EXPECT_EQ(0, copies(s));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
	EXPECT_TRUE(run(s, B, map_holds, WITH(0, NEW)));
}

/* --- fork --- */

FIXTURE(clone){};

FIXTURE_VARIANT(clone)
{
	const char *window;
};

/* The page has one more sharer, which does not show it yet. */
FIXTURE_VARIANT_ADD(clone, unpublished){ .window = "fork_share" };

/* The child shows it, before the check for pins. */
FIXTURE_VARIANT_ADD(clone, published){ .window = "fork_pin" };

/* The child shows all, and the parent can still write to them. */
FIXTURE_VARIANT_ADD(clone, writable){ .window = "fork_protect" };
FIXTURE_VARIANT_ADD(clone, protected){ .window = "fork_done" };

FIXTURE_SETUP(clone)
{
	s = scene_of_map(FRAMES);
}

FIXTURE_TEARDOWN(clone)
{
	scene_end(s);
}

/* Pages are evicted while a fork is between them. */
TEST_F(clone, evict)
{
	stop(s, MAIN, variant->window, fork_child, 0);
	EXPECT_EQ(0, run(s, OUTSIDE, set_frames, 2));
	EXPECT_EQ(PAGES - 2, box_stats(s->box).swap_used);
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, MAIN));
	EXPECT_EQ(2, run(s, B, sharers_of_map, 0));
	EXPECT_EQ(PAGES, box_stats(s->box).pages);
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, A, write_map, WITH(0, NEW));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, CHILD, write_map, WITH(0, NEWER));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, A, map_holds, WITH(1, OLD + 1)));
	expect_nothing_left(_metadata, s);
}

/*
 * Another thread of the parent writes during the fork, through a PTE that was
 * writable before. The child may see that, but no write after the fork.
 */
TEST_F(clone, write)
{
	long seen = OLD;
	bool late;

	stop(s, MAIN, variant->window, fork_child, 0);
	start(s, A, write_map, WITH(0, NEW));
	late = blocks(s, A);
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, MAIN));
	EXPECT_EQ(0, result(s, A));
	if (!late)
		seen = NEW;
	EXPECT_EQ(seen, run(s, CHILD, see_map, 0));
	run(s, A, write_map, WITH(0, NEWER));
	EXPECT_TRUE(run(s, CHILD, map_holds, WITH(0, seen)));
	run(s, CHILD, write_map, WITH(0, OLD));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEWER)));
	EXPECT_EQ(1, run(s, B, sharers_of_map, 0));
	EXPECT_EQ(1, copies(s));
	expect_nothing_left(_metadata, s);
}

/* The process is killed during its fork. */
TEST_F(clone, kill)
{
	stop(s, MAIN, variant->window, fork_child, 0);
	EXPECT_EQ(256 + SIGKILL, kill_actor(s, MAIN));
	EXPECT_EQ(0, box_stats(s->box).pages);
	EXPECT_EQ(0, box_stats(s->box).frames_used);
	EXPECT_EQ(1, box_stats(s->box).views);
}

/* A task about to make a PTE writable waits for the evictor, unless killed. */
TEST(kill_before_copy)
{
	struct scene *s = scene_of_map(FRAMES);

	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	EXPECT_EQ(OLD, run(s, CHILD, see_map, 0));
	stop(s, B, "evict_unmap", page_out_map, 0);
	start(s, CHILD, write_map, WITH(0, NEW));
	EXPECT_TRUE(blocks(s, CHILD));
	EXPECT_EQ(SIGKILL, run(s, MAIN, reap_child, 0));
	failpoint_go("evict_unmap");
	EXPECT_EQ(1, result(s, B));
	EXPECT_TRUE(run(s, A, map_is_old, 0));
	EXPECT_EQ(1, run(s, A, sharers_of_map, 0));
	scene_end(s);
}

/* Another process pins a page of the map and is about to write to it. */
static struct scene *scene_of_a_pinned_page(void)
{
	struct scene *s = scene_of_map(FRAMES);

	run(s, A, write_root, WITH(PAGES, NEW));
	stop(s, OUTSIDE, "fault_map", vm_write_map_from_box, 0);
	return s;
}

/* The write goes to the parent's page: the child has an earlier copy. */
static void expect_child_is_apart(struct __test_metadata *_metadata,
				  struct scene *s)
{
	EXPECT_EQ(1, run(s, B, sharers_of_map, 0));
	EXPECT_EQ(2, run(s, B, sharers_of_map, 1));
	failpoint_go("fault_map");
	EXPECT_EQ(page_size, result(s, OUTSIDE));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, A, write_map, WITH(1, NEWER));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
}

TEST(fork_of_a_pinned_page)
{
	struct scene *s = scene_of_a_pinned_page();

	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	expect_child_is_apart(_metadata, s);
	scene_end(s);
}

/*
 * Core mm copies the PTEs of a mapping tracked by a userfaultfd to the child.
 * Tracking of MAP_PRIVATE device mappings requires Linux 6.7.
 */
TEST(fork_of_a_pinned_page_that_is_watched)
{
	struct scene *s = scene_of_a_pinned_page();
	int err = run(s, MAIN, watch_map, 0);

	start(s, MAIN, fork_child, 0);
	EXPECT_TRUE(err == EBADF || run(s, B, hear_of_fork, 0) == 1);
	EXPECT_EQ(0, result(s, MAIN));
	expect_child_is_apart(_metadata, s);
	scene_end(s);
}

/* 0 or errno; EINVAL if the kernel has no guards for such mappings. */
static long advise_last(struct scene *s, long advice)
{
	char *last = page_at(s->map, PAGES - 1);

	return madvise(last, page_size, advice) ? errno : 0;
}

/* The same with a guard region. */
TEST(fork_of_a_pinned_page_near_a_guard)
{
	struct scene *s = scene_of_a_pinned_page();
	long err = run(s, MAIN, advise_last, MADV_GUARD_INSTALL);

	EXPECT_TRUE(!err || err == EINVAL);
	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	EXPECT_EQ(err, run(s, CHILD, advise_last, MADV_GUARD_REMOVE));
	expect_child_is_apart(_metadata, s);
	scene_end(s);
}

FIXTURE(fork_later){};

FIXTURE_VARIANT(fork_later)
{
	const char *window;
};

FIXTURE_VARIANT_ADD(fork_later, locked){ .window = "evict_unmap" };
FIXTURE_VARIANT_ADD(fork_later, unmapped){ .window = "evict_pins" };
FIXTURE_VARIANT_ADD(fork_later, written){ .window = "evict_slot" };

FIXTURE_SETUP(fork_later)
{
	s = scene_of_map(FRAMES);
}

FIXTURE_TEARDOWN(fork_later)
{
	scene_end(s);
}

/* An evictor holds the lock of a page: the fork waits for it. */
TEST_F(fork_later, evict)
{
	stop(s, OUTSIDE, variant->window, set_frames, 2);
	start(s, MAIN, fork_child, 0);
	EXPECT_TRUE(blocks(s, MAIN));
	failpoint_go(variant->window);
	EXPECT_EQ(0, result(s, OUTSIDE));
	EXPECT_EQ(0, result(s, MAIN));
	EXPECT_TRUE(run(s, CHILD, map_is_old, 0));
	run(s, CHILD, write_map, WITH(0, NEW));
	EXPECT_TRUE(run(s, A, map_is_old, 0));
	EXPECT_EQ(PAGES + 1, box_stats(s->box).pages);
	expect_nothing_left(_metadata, s);
}

TEST_HARNESS_MAIN
