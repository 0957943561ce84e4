// SPDX-License-Identifier: GPL-2.0
/*
 * The executed code of the module, from KCOV. The kernel must have it, and the
 * module must be compiled for it. See fuzz.h, and the kernel's
 * Documentation/dev-tools/kcov.rst.
 */
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/test.h"

#define AREA_WORDS 0x20000UL
#define CMP_WORDS 4

/* Upper bounds of the module's code in bytes, and of the known steps. */
#define PLACES 0x400000UL
#define STEPS 0x100000UL
#define MOST_NEWS 4096

/* One per thread, which outlives the processes that fill it in turn. */
static struct {
	int fd;
	uint64_t *area;
} kcov[FUZZ_THREADS];

static uint64_t text;
static uint8_t *places, *steps;
static struct fuzz_news seen;
static uint32_t news[MOST_NEWS];
static unsigned int nr_news;

static bool is_set(const uint8_t *map, size_t bit)
{
	return map[bit / 8] & 1 << bit % 8;
}

/* Return: whether it was clear before. */
static bool set(uint8_t *map, size_t bit)
{
	if (is_set(map, bit))
		return false;
	map[bit / 8] |= 1 << bit % 8;
	return true;
}

static bool open_one(unsigned int thread)
{
	size_t bytes = AREA_WORDS * sizeof(uint64_t);
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (ioctl(fd, KCOV_INIT_TRACE, AREA_WORDS))
		die("KCOV_INIT_TRACE");
	kcov[thread].fd = fd;
	kcov[thread].area =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (kcov[thread].area == MAP_FAILED)
		die("cannot map kcov");
	return true;
}

/* The current address of the module's code. */
static uint64_t find_text(void)
{
	FILE *file = fopen("/sys/module/pagebox/sections/.text", "re");
	unsigned long long at = 0;

	if (!file || fscanf(file, "%llx", &at) != 1 || !at)
		die("cannot find the module's address: root is required");
	fclose(file);
	return at;
}

bool fuzz_kcov_open(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		if (!open_one(i))
			return false;
	}
	text = find_text();
	places = calloc(1, PLACES / 8);
	steps = calloc(1, STEPS / 8);
	if (!places || !steps)
		die("calloc");
	memset(&seen, 0, sizeof(seen));
	return true;
}

void fuzz_kcov_close(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		if (!kcov[i].area)
			continue;
		munmap(kcov[i].area, AREA_WORDS * sizeof(uint64_t));
		close(kcov[i].fd);
		kcov[i].area = NULL;
	}
	free(places);
	free(steps);
	places = NULL;
	steps = NULL;
}

/* Collection stops by itself when the thread exits. */
bool fuzz_kcov_start(unsigned int thread, enum fuzz_trace trace)
{
	int mode = trace == FUZZ_TRACE_COMPARISONS ? KCOV_TRACE_CMP :
						     KCOV_TRACE_PC;

	return kcov[thread].area && !ioctl(kcov[thread].fd, KCOV_ENABLE, mode);
}

bool fuzz_kcov_compares(void)
{
	return fuzz_kcov_start(0, FUZZ_TRACE_COMPARISONS) &&
	       !ioctl(kcov[0].fd, KCOV_DISABLE, 0);
}

void fuzz_kcov_forget(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		if (kcov[i].area)
			__atomic_store_n(&kcov[i].area[0], 0, __ATOMIC_RELAXED);
	}
}

static size_t collected(unsigned int thread)
{
	if (!kcov[thread].area)
		return 0;
	return __atomic_load_n(&kcov[thread].area[0], __ATOMIC_RELAXED);
}

/* The @i-th place in the module, PLACES if it is elsewhere. */
static uint64_t place_at(unsigned int thread, size_t i)
{
	uint64_t place = kcov[thread].area[i + 1] - text;

	return place < PLACES ? place : PLACES;
}

static uint64_t step_of(uint64_t from, uint64_t to)
{
	return ((from * 0x9e3779b97f4a7c15ULL) >> 20 ^ to) % STEPS;
}

static void learn_place(uint64_t place, struct fuzz_news *count)
{
	if (!set(places, place))
		return;
	count->places++;
	if (nr_news < MOST_NEWS)
		news[nr_news++] = place;
}

static void learn_thread(unsigned int thread, struct fuzz_news *count)
{
	size_t n = collected(thread);
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t place = place_at(thread, i);

		if (place == PLACES)
			continue;
		learn_place(place, count);
		count->steps += set(steps, step_of(last, place));
		last = place;
	}
}

struct fuzz_news fuzz_kcov_learn(void)
{
	struct fuzz_news count = { .places = 0 };

	nr_news = 0;
	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		learn_thread(i, &count);
	seen.places += count.places;
	seen.steps += count.steps;
	return count;
}

bool fuzz_kcov_has_news(void)
{
	uint8_t *here = calloc(1, PLACES / 8);
	unsigned int found = 0;

	if (!here)
		die("calloc");
	for (unsigned int t = 0; t < FUZZ_THREADS; t++) {
		for (size_t n = collected(t), i = 0; i < n; i++) {
			uint64_t place = place_at(t, i);

			if (place < PLACES)
				set(here, place);
		}
	}
	while (found < nr_news && is_set(here, news[found]))
		found++;
	free(here);
	return found == nr_news;
}

static bool is_known(const struct fuzz_numbers *numbers, uint64_t value)
{
	for (unsigned int i = 0; i < numbers->nr; i++) {
		if (numbers->value[i] == value)
			return true;
	}
	return false;
}

/* If there is no room, the oldest ones are dropped. */
static void add_number(struct fuzz_numbers *numbers, uint64_t value)
{
	const unsigned int most = sizeof(numbers->value) / sizeof(value);

	if (value < 16 || is_known(numbers, value))
		return;
	if (numbers->nr < most)
		numbers->nr++;
	else
		numbers->next %= most;
	numbers->value[numbers->next++] = value;
}

/* A comparison has its kind, both operands, and its address. */
void fuzz_kcov_numbers(struct fuzz_numbers *numbers)
{
	for (unsigned int t = 0; t < FUZZ_THREADS; t++) {
		for (size_t n = collected(t), i = 0; i < n; i++) {
			const uint64_t *cmp = kcov[t].area + 1 + i * CMP_WORDS;

			if (cmp[0] & KCOV_CMP_CONST && cmp[3] - text < PLACES)
				add_number(numbers, cmp[1]);
		}
	}
}

struct fuzz_news fuzz_kcov_seen(void)
{
	return seen;
}

void fuzz_kcov_write(FILE *to)
{
	for (size_t i = 0; places && i < PLACES; i++) {
		if (is_set(places, i))
			fprintf(to, "# place %#zx\n", i);
	}
}
