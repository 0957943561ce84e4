// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs reports of a page that changes during the read: a state that the page
 * had at some moment, or no page.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "race.h"

/* The scene of the current case. */
static struct scene *s;

#define FRAMES 8

enum { NOTHING, ABSENT, PRESENT };

/* The PTE column of a page's row in the private mapping. */
static long look_at_map(struct scene *s, long page)
{
	struct page_row row;

	if (!page_row_at(s->id, page_at(s->map, page), &row))
		return NOTHING;
	return strcmp(row.pte, "-") ? PRESENT : ABSENT;
}

FIXTURE(look){};

FIXTURE_VARIANT(look)
{
	struct scene *(*scene)(unsigned int frames);
	const char *window;
};

/* Pages of the private mapping, before the lookup, */
FIXTURE_VARIANT_ADD(look, own){ .scene = scene_of_map, .window = "show_look" };

/* or after it, before the page is locked. */
FIXTURE_VARIANT_ADD(look, own_found){ .scene = scene_of_map,
				      .window = "show_page" };

/* Pages of the root view, seen through the private mapping. */
FIXTURE_VARIANT_ADD(look, root){ .scene = scene_of_root,
				 .window = "show_look" };

FIXTURE_VARIANT_ADD(look, root_found){ .scene = scene_of_root,
				       .window = "show_page" };

FIXTURE_SETUP(look)
{
	s = variant->scene(FRAMES);
	ASSERT_EQ(OLD, run(s, A, see_map, 0));
	ASSERT_EQ(PRESENT, run(s, B, look_at_map, 0));
	stop(s, B, variant->window, look_at_map, 0);
}

FIXTURE_TEARDOWN(look)
{
	scene_end(s);
}

/* The row is as before, or the PTE is another page's and not shown. */
TEST_F(look, write)
{
	bool copied = variant->scene == scene_of_root;
	bool found = !strcmp(variant->window, "show_page");

	EXPECT_EQ(0, run(s, A, write_map, WITH(0, NEW)));
	failpoint_go(variant->window);
	EXPECT_EQ(copied && found ? ABSENT : PRESENT, result(s, B));
	EXPECT_EQ(PRESENT, run(s, B, look_at_map, 0));
	EXPECT_TRUE(run(s, A, map_holds, WITH(0, NEW)));
}

/* The page has no frame any more. */
TEST_F(look, evict)
{
	EXPECT_LE(1, run(s, A, page_out_all, 0));
	failpoint_go(variant->window);
	EXPECT_EQ(ABSENT, result(s, B));
	EXPECT_EQ(OLD, run(s, A, see_map, 0));
	EXPECT_EQ(PRESENT, run(s, B, look_at_map, 0));
}

/* The page no longer exists. */
TEST_F(look, discard)
{
	bool root = variant->scene == scene_of_root;

	EXPECT_EQ(1, run(s, A, root ? discard_root : discard_map, 0));
	failpoint_go(variant->window);
	EXPECT_EQ(NOTHING, result(s, B));
	EXPECT_EQ(0, run(s, A, see_map, 0));
}

/* A child without a map has none to show. */
TEST(child_without_a_map)
{
	struct scene *s = scene_of_map(FRAMES);
	struct map_row *rows;
	size_t before, maps;

	before = map_rows(s->id, &rows);
	free(rows);
	failpoint_set("alloc_map fail times 2");
	EXPECT_EQ(0, run(s, MAIN, fork_child, 0));
	EXPECT_EQ(2, failpoint_state("alloc_map").done);
	maps = map_rows(s->id, &rows);
	EXPECT_EQ(before, maps);
	for (size_t i = 0; i < maps; i++)
		EXPECT_NE(s->actor[CHILD].pid, rows[i].pid);
	free(rows);
	EXPECT_EQ(SIGBUS, run(s, CHILD, touch_root, 0));
	EXPECT_TRUE(run(s, A, map_is_old, 0));
	scene_end(s);
}

TEST_HARNESS_MAIN
