// SPDX-License-Identifier: GPL-2.0
/*
 * A tree of forks, 16 generations deep. Every process writes at random to the
 * private mapping inherited from its parent and to anonymous memory, which
 * serves as the oracle. Both must agree at all times in every process, and no
 * page may be left at the end.
 *
 *   PAGEBOX_FULL=1   50,000 writes instead of 3,000
 *   PAGEBOX_SEED=N   another tree
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define DEPTH 16
#define PAGES 32
#define FRAMES 64 /* several per process that may fault concurrently */
#define ROOT_PAGES (PAGES / 2)
#define OPERATIONS 96 /* per process, mostly writes */

/* State shared by all processes of the tree; atomics. */
struct tree {
	unsigned int room; /* remaining processes beside the spine */
	unsigned int processes;
	unsigned int deepest;
	unsigned long writes;
};

/* One process. The spine is one line of descent, down to DEPTH. */
struct node {
	struct tree *tree;
	char *map;
	char *oracle;
	unsigned int depth;
	bool spine;
	uint64_t seed;
	unsigned int turns;
	pid_t child[OPERATIONS];
	unsigned int children;
};

static void deepest(struct tree *tree, unsigned int depth)
{
	unsigned int seen = __atomic_load_n(&tree->deepest, __ATOMIC_RELAXED);

	while (seen < depth &&
	       !__atomic_compare_exchange_n(&tree->deepest, &seen, depth, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Random bytes, anywhere, up to a page and a half, to both. */
static void write_somewhere(struct node *node)
{
	size_t offset = rnd(&node->seed) % (PAGES * page_size);
	size_t left = PAGES * page_size - offset;
	size_t length = 1 + rnd(&node->seed) % (page_size * 3 / 2);
	char bytes[length];

	if (length > left)
		length = left;
	for (size_t i = 0; i < length; i++)
		bytes[i] = rnd(&node->seed);
	memcpy(node->oracle + offset, bytes, length);
	memcpy(node->map + offset, bytes, length);
	__atomic_fetch_add(&node->tree->writes, 1, __ATOMIC_RELAXED);
}

static bool page_agrees(const struct node *node, size_t page)
{
	const char *map = node->map + page * page_size;
	const char *oracle = node->oracle + page * page_size;
	size_t at = 0;

	if (!memcmp(map, oracle, page_size))
		return true;
	while (at + 1 < page_size && map[at] == oracle[at])
		at++;
	fprintf(stderr,
		"# generation %u, page %zu, byte %zu: %#x instead of %#x\n",
		node->depth, page, at, (unsigned char)map[at],
		(unsigned char)oracle[at]);
	return false;
}

static bool all_agree(const struct node *node)
{
	for (size_t page = 0; page < PAGES; page++)
		if (!page_agrees(node, page))
			return false;
	return true;
}

static int live(struct node *node);

static void bear(struct node *node, bool spine)
{
	uint64_t seed = (uint64_t)rnd(&node->seed) << 32 | rnd(&node->seed);
	pid_t pid = fork_tied();

	if (!pid) {
		node->depth++;
		node->spine = spine;
		node->seed = seed;
		node->children = 0;
		_exit(live(node));
	}
	node->child[node->children++] = pid;
}

/* Whether another process beside the spine is allowed. */
static bool take_room(struct tree *tree)
{
	unsigned int room = __atomic_load_n(&tree->room, __ATOMIC_RELAXED);

	while (room &&
	       !__atomic_compare_exchange_n(&tree->room, &room, room - 1, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return room;
}

/* The spine always forks, other processes at random. */
static void maybe_bear(struct node *node, unsigned int turn)
{
	if (node->depth == DEPTH)
		return;
	if (turn == node->turns / 4 && node->spine)
		bear(node, true);
	else if (!(rnd(&node->seed) % 32) && take_room(node->tree))
		bear(node, false);
}

static bool child_ended_well(const struct node *node, pid_t pid)
{
	int status = child_status(pid);

	if (status)
		fprintf(stderr, "# a child of generation %u ended with %d\n",
			node->depth, status);
	return !status;
}

/* A process checks until its children have exited, and once more at the end. */
static int live(struct node *node)
{
	__atomic_fetch_add(&node->tree->processes, 1, __ATOMIC_RELAXED);
	deepest(node->tree, node->depth);
	for (unsigned int turn = 0; turn < node->turns; turn++) {
		maybe_bear(node, turn);
		write_somewhere(node);
		if (!page_agrees(node, rnd(&node->seed) % PAGES))
			return 1;
	}
	if (!all_agree(node))
		return 1;
	for (unsigned int i = 0; i < node->children; i++) {
		if (!child_ended_well(node, node->child[i]))
			return 1;
		write_somewhere(node);
	}
	return all_agree(node) ? 0 : 1;
}

static void *memory(size_t bytes, int flags)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 flags | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		die("mmap");
	return map;
}

/*
 * Half of the pages exist in the root view and are copied at the first write;
 * the others are zero.
 */
FIXTURE(forktree)
{
	int box;
	char *root;
	struct node node;
	struct tree *tree;
	unsigned long writes;
};

FIXTURE_SETUP(forktree)
{
	/*
	 * On a slow machine, many concurrent faults may hold their frames for
	 * long.
	 */
	self->box = box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_BYTES | PAGEBOX_SET_OOM,
		.frames = FRAMES,
		.bytes = PAGES * page_size,
		.oom = PAGEBOX_OOM_WAIT,
		.oom_wait_ms = 60000,
	});
	self->root = box_map(self->box, PAGES, MAP_SHARED);
	self->tree = memory(sizeof(*self->tree), MAP_SHARED);
	self->writes = sized(3000, 50000);
	self->node = (struct node){
		.tree = self->tree,
		.spine = true,
		.map = box_map(self->box, PAGES, MAP_PRIVATE),
		.oracle = memory(PAGES * page_size, MAP_PRIVATE),
		.seed = seed_given(),
		.turns = sized(OPERATIONS, OPERATIONS),
	};
	pages_fill(self->root, ROOT_PAGES, 1);
	pages_fill(self->node.oracle, ROOT_PAGES, 1);
}

NO_TEARDOWN(forktree);

static int grow(void *context)
{
	return live(context);
}

/* One tree after the other, each with another seed, up to the number of writes. */
TEST_F_TIMEOUT(forktree, agrees_with_memory, 900)
{
	unsigned int trees = 0;
	uint64_t seed = self->node.seed;

	TH_LOG("seed %llu", (unsigned long long)seed);
	for (; self->tree->writes < self->writes; trees++) {
		self->tree->room = DEPTH;
		self->node.seed = seed + trees;
		ASSERT_EQ(0, in_child(grow, &self->node));
		ASSERT_EQ(DEPTH, self->tree->deepest);
		/*
		 * Of exited processes, only pages shared with live ones may be
		 * left.
		 */
		ASSERT_TRUE(eventually(box_stats(self->box).views == 2));
		ASSERT_TRUE(all_agree(&self->node));
		ASSERT_TRUE(pages_hold(self->root, ROOT_PAGES, 1));
		/* Write, so that the next tree inherits new contents. */
		for (unsigned int i = 0; i < DEPTH; i++)
			write_somewhere(&self->node);
	}
	TH_LOG("%u trees, %u processes, %lu writes, %llu copied, %llu swapped in",
	       trees, self->tree->processes, self->tree->writes,
	       (unsigned long long)box_stats(self->box)
		       .faults[PAGEBOX_FAULT_COW],
	       (unsigned long long)box_stats(self->box)
		       .faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_LT(0, box_stats(self->box).faults[PAGEBOX_FAULT_COW]);
	EXPECT_LT(0, box_stats(self->box).faults[PAGEBOX_FAULT_SWAPIN]);
	EXPECT_EQ(0, box_stats(self->box).faults[PAGEBOX_FAULT_FAILED]);

	unmap(self->node.map, PAGES);
	unmap(self->root, PAGES);
	EXPECT_LE(0, root_range(self->box, PAGEBOX_IOC_DISCARD, 0, PAGES));
	EXPECT_TRUE(eventually(box_is_empty(self->box)));
}

TEST_HARNESS_MAIN
