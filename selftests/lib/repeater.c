// SPDX-License-Identifier: GPL-2.0
/* Threads that repeat an operation; see repeater.h. */

#include <errno.h>

#include "lib/pattern.h"
#include "lib/repeater.h"
#include "lib/test.h"

static void *repeat(void *context)
{
	struct repeater *repeater = context;

	repeater->right = true;
	while (!__atomic_load_n(&repeater->stop, __ATOMIC_RELAXED)) {
		repeater->right &=
			repeater->round(repeater, repeater_rounds(repeater));
		__atomic_fetch_add(&repeater->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

void repeater_start(struct repeater *repeater, round_fn round, int box,
		    char *map, size_t pages)
{
	*repeater = (struct repeater){
		.round = round, .box = box, .map = map, .pages = pages
	};
	errno = pthread_create(&repeater->thread, NULL, repeat, repeater);
	if (errno)
		die("pthread_create");
}

unsigned int repeater_rounds(struct repeater *repeater)
{
	return __atomic_load_n(&repeater->rounds, __ATOMIC_RELAXED);
}

bool repeater_goes_on(struct repeater *repeater, unsigned int rounds)
{
	unsigned int goal = repeater_rounds(repeater) + rounds;

	return eventually(repeater_rounds(repeater) >= goal);
}

bool repeater_end(struct repeater *repeater)
{
	__atomic_store_n(&repeater->stop, true, __ATOMIC_RELAXED);
	pthread_join(repeater->thread, NULL);
	return repeater->right;
}

bool write_and_check(struct repeater *repeater, unsigned int round)
{
	uint64_t tag = 1000 + 100 * round;

	pages_fill(repeater->map, repeater->pages, tag);
	return pages_hold(repeater->map, repeater->pages, tag);
}
