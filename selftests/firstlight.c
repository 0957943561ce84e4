// SPDX-License-Identifier: GPL-2.0
/*
 * The first acceptance test: it opens the device, maps 256 pages, writes and
 * rereads them and forks twice. All three processes write at random, and each
 * must find all of its bytes.
 *
 * PAGEBOX_ROUNDS is the number of rounds (3). From 100 rounds on this is a soak
 * test, which fails if less memory is available afterwards.
 */

#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/pattern.h"
#include "lib/proc.h"
#include "lib/test.h"

#define PAGES 256
#define WRITES reduced(200)
#define SOAK_ROUNDS 100
#define WARM_UP_ROUNDS 20
#define TOLERANCE_KB 3072

struct program {
	char *map;
	uint64_t seed;
	uint64_t tag[PAGES];
};

static bool all_right(const struct program *program)
{
	for (size_t i = 0; i < PAGES; i++)
		if (!page_holds(page_at(program->map, i), program->tag[i]))
			return false;
	return true;
}

static void write_page(struct program *program, size_t page)
{
	program->tag[page] = 1 + ((uint64_t)rnd(&program->seed) << 16 | page);
	page_fill(page_at(program->map, page), program->tag[page]);
}

/* Writes at random and checks pages on the way. */
static bool write_at_random(struct program *program)
{
	for (int i = 0; i < WRITES; i++) {
		size_t met = rnd(&program->seed) % PAGES;

		write_page(program, rnd(&program->seed) % PAGES);
		if (!page_holds(page_at(program->map, met), program->tag[met]))
			return false;
	}
	return true;
}

static pid_t fork_program(struct program *program, uint64_t seed)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	program->seed = seed;
	_exit(!(all_right(program) && write_at_random(program) &&
		all_right(program)));
}

/* One run of the program: 0, or the number of the failed step. */
static int run_program(uint64_t seed)
{
	struct program program = { .seed = seed };
	int box = box_open();
	pid_t children[2];
	int wrong = 0;

	program.map = box_map(box, PAGES, MAP_PRIVATE);
	for (size_t i = 0; i < PAGES; i++)
		write_page(&program, i);
	if (!all_right(&program))
		wrong = 1;
	for (int i = 0; i < 2; i++) {
		children[i] = fork_program(&program, seed * 3 + i + 1);
		if (!write_at_random(&program))
			wrong = 2;
	}
	for (int i = 0; i < 2; i++)
		if (child_status(children[i]))
			wrong = 3;
	if (!all_right(&program))
		wrong = 4;
	unmap(program.map, PAGES);
	close(box);
	return wrong;
}

FIXTURE(firstlight)
{
	int rounds;
};

FIXTURE_SETUP(firstlight)
{
	const char *rounds = getenv("PAGEBOX_ROUNDS");

	self->rounds = rounds ? atoi(rounds) : (int)sized(3, 3);
	ASSERT_LT(0, self->rounds);
}

NO_TEARDOWN(firstlight);

/* The box must be smaller than the program, or nothing is evicted. */
TEST_F(firstlight, frames)
{
	ASSERT_GT(PAGES, module_param("frames"))
	{
		TH_LOG("load the module with frames=64");
	}
	EXPECT_EQ(module_param("frames"), box_info(box_open()).frames);
}

/* Every byte is right in every process, in every round. */
TEST_F_TIMEOUT(firstlight, rounds, 7200)
{
	bool soak = self->rounds >= SOAK_ROUNDS;
	long before = 0;

	for (int round = 0; round < self->rounds; round++) {
		if (soak && round == WARM_UP_ROUNDS)
			before = available_kb();
		ASSERT_EQ(0, run_program(round + 1))
		{
			TH_LOG("round %d", round);
		}
	}
	if (!soak)
		return;
	EXPECT_TRUE(eventually(available_kb() >= before - TOLERANCE_KB));
	TH_LOG("%d rounds, %ld kB available before and %ld kB after",
	       self->rounds, before, available_kb());
}

TEST_HARNESS_MAIN
