// SPDX-License-Identifier: GPL-2.0
/* Two processes at work in a box; see load.h. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/load.h"
#include "lib/pattern.h"
#include "lib/test.h"

int box_fails(void *unused)
{
	char *map = box_map(box_new(8, 0), 16, MAP_PRIVATE);

	pages_fill(map, 16, 1);
	return !pages_hold(map, 16, 1);
}

/* Relaxed atomics. */
struct load_shared {
	unsigned int operations[2];
	bool stop;
};

/* The state of one process of a load. */
struct load_worker {
	unsigned int who;
	size_t pages;
	char *shared;
	char *private;
	uint64_t *word; /* expected contents of its words in the root view */
	uint64_t *tag; /* expected contents of its private pages */
};

static volatile uint64_t *load_word(struct load_worker *worker, size_t page)
{
	return (uint64_t *)page_at(worker->shared, page) + 1 + worker->who;
}

static bool load_page_is_right(struct load_worker *worker, size_t page)
{
	uint64_t seen = *load_word(worker, page);

	if (seen == worker->word[page])
		return page_holds(page_at(worker->private, page),
				  worker->tag[page]);
	fprintf(stderr, "# process %u, page %zu: %#llx instead of %#llx\n",
		worker->who, page, (unsigned long long)seen,
		(unsigned long long)worker->word[page]);
	return false;
}

static void load_write_page(struct load_worker *worker, size_t page,
			    uint64_t value)
{
	if (value % 2) {
		worker->word[page] = value;
		*load_word(worker, page) = value;
	} else {
		worker->tag[page] = value;
		page_fill(page_at(worker->private, page), value);
	}
}

/* Private pages are disjoint from the shared ones, which change under them. */
static void load_init(struct load_worker *worker, int box)
{
	worker->shared = box_map(box, worker->pages, MAP_SHARED);
	worker->private =
		box_map_from(box, worker->pages, worker->pages, MAP_PRIVATE);
	worker->word = calloc(worker->pages, sizeof(*worker->word));
	worker->tag = calloc(worker->pages, sizeof(*worker->tag));
	if (!worker->word || !worker->tag)
		die("calloc");
	/* At the end every page exists. */
	for (size_t page = 0; page < worker->pages; page++) {
		load_write_page(worker, page, 1);
		load_write_page(worker, page, 2);
	}
}

static int load_run(struct load_worker *worker, struct load_shared *shared)
{
	uint64_t seed = worker->who + 1;
	uint64_t turn = 1;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		size_t page = rnd(&seed) % worker->pages;

		if (!load_page_is_right(worker, page))
			return 1;
		load_write_page(worker, page,
				turn++ << 32 | (uint64_t)rnd(&seed) << 1 |
					rnd(&seed) % 2);
		__atomic_fetch_add(&shared->operations[worker->who], 1,
				   __ATOMIC_RELAXED);
	}
	for (size_t page = 0; page < worker->pages; page++)
		if (!load_page_is_right(worker, page))
			return 1;
	return 0;
}

void load_start(struct load *load, int box, size_t pages)
{
	load->shared = shared_memory(page_size);
	for (unsigned int i = 0; i < 2; i++) {
		struct load_worker worker = { .who = i, .pages = pages };

		load->pid[i] = fork_tied();
		if (load->pid[i])
			continue;
		load_init(&worker, box);
		_exit(load_run(&worker, load->shared));
	}
}

static unsigned int load_operations(struct load *load, int who)
{
	return __atomic_load_n(&load->shared->operations[who],
			       __ATOMIC_RELAXED);
}

bool load_goes_on(struct load *load)
{
	unsigned int first = load_operations(load, 0) + reduced(20);
	unsigned int second = load_operations(load, 1) + reduced(20);

	return eventually(load_operations(load, 0) >= first &&
			  load_operations(load, 1) >= second);
}

bool load_end(struct load *load)
{
	bool right = true;

	__atomic_store_n(&load->shared->stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		right &= !child_status(load->pid[i]);
	munmap(load->shared, page_size);
	return right;
}
