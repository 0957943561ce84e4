// SPDX-License-Identifier: GPL-2.0
/* Programs of the fuzzer: generation, changes, text. See fuzz.h. */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "kselftest.h"
#include "lib/test.h"
#include "pagebox.h"

/* --- values --- */

static const uint64_t hostile[] = {
	0,
	1,
	2,
	7,
	8,
	0x7f,
	0xff,
	0x100,
	0xfff,
	0x1000,
	0x1001,
	0x1fff,
	0x7fff,
	0xffff,
	0x10000,
	0x7fffffff,
	0x80000000,
	0xfffff000,
	0xfffffffe,
	0xffffffff,
	0x100000000,
	PAGEBOX_DEFAULT_SIZE - 0x1000,
	PAGEBOX_DEFAULT_SIZE,
	PAGEBOX_DEFAULT_SIZE + 0x1000,
	PAGEBOX_MAX_SIZE - 0x1000,
	PAGEBOX_MAX_SIZE,
	PAGEBOX_MAX_SIZE + 0x1000,
	0x7fffffffefff,
	0x7ffffffff000,
	0x800000000000,
	0x7ffffffffffff000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffff800000000000,
	0xfffffffffffff000,
	0xfffffffffffffffe,
	0xffffffffffffffff,
};

static unsigned int below(struct fuzz_maker *maker, unsigned int n)
{
	return rnd(&maker->random) % n;
}

/* True once in @n calls. */
static bool once_in(struct fuzz_maker *maker, unsigned int n)
{
	return !below(maker, n);
}

static uint64_t any_bits(struct fuzz_maker *maker)
{
	uint64_t value = (uint64_t)rnd(&maker->random) << 33 ^
			 (uint64_t)rnd(&maker->random) << 15 ^
			 rnd(&maker->random);

	return value >> below(maker, 64);
}

static uint64_t any_hostile(struct fuzz_maker *maker)
{
	const struct fuzz_numbers *numbers = &maker->numbers;

	if (numbers->nr && once_in(maker, 2))
		return numbers->value[below(maker, numbers->nr)];
	if (once_in(maker, 3))
		return any_bits(maker);
	return hostile[below(maker, ARRAY_SIZE(hostile))];
}

static uint64_t pages(struct fuzz_maker *maker, unsigned int most)
{
	return (uint64_t)below(maker, most) * 4096;
}

static uint64_t any_fd(struct fuzz_maker *maker)
{
	switch (below(maker, 8)) {
	case 0:
		return below(maker, FUZZ_FDS);
	case 1:
		return FUZZ_FD_RESULTS + below(maker, 2);
	case 2:
		return FUZZ_FD_OTHER + below(maker, 2);
	default:
		return FUZZ_FD_BOX;
	}
}

static uint64_t any_at(struct fuzz_maker *maker)
{
	uint64_t at = pages(maker, once_in(maker, 4) ? 64 : 8);

	return once_in(maker, 8) ? at + below(maker, 4096) : at;
}

static uint64_t any_length(struct fuzz_maker *maker)
{
	uint64_t length = 4096 + pages(maker, once_in(maker, 4) ? 64 : 8);

	return once_in(maker, 8) ? length - below(maker, 4096) : length;
}

/* Includes the sizes of earlier, shorter versions of a structure. */
static uint64_t any_size(struct fuzz_maker *maker, const struct fuzz_arg *arg)
{
	switch (below(maker, 16)) {
	case 0:
		return below(maker, arg->most + 64);
	case 1:
		return arg->most + 8 * below(maker, 8);
	case 2:
		return below(maker, arg->most / 8) * 8;
	default:
		return arg->most;
	}
}

static uint64_t any_flags(struct fuzz_maker *maker, const struct fuzz_arg *arg)
{
	uint64_t value = 0;

	for (unsigned int n = below(maker, 4); n; n--)
		value |= arg->values[below(maker, arg->nr)];
	return value;
}

static uint64_t any_map(struct fuzz_maker *maker)
{
	unsigned int map = below(maker, once_in(maker, 8) ? 16 : 3);

	return map;
}

static uint64_t typical(struct fuzz_maker *maker, const struct fuzz_arg *arg)
{
	switch (arg->type) {
	case FUZZ_FD:
		return any_fd(maker);
	case FUZZ_TO:
		return FUZZ_FD_RESULTS + below(maker, 4);
	case FUZZ_MAP:
		return any_map(maker);
	case FUZZ_AT:
		return any_at(maker);
	case FUZZ_LENGTH:
		return any_length(maker);
	case FUZZ_PLACE:
		return once_in(maker, 6) ? below(maker, FUZZ_PLACES) : 0;
	case FUZZ_SIZE:
		return any_size(maker, arg);
	case FUZZ_CHOICE:
		return arg->values[below(maker, arg->nr)];
	case FUZZ_BITS:
		return any_flags(maker, arg);
	case FUZZ_NUMBER:
		return once_in(maker, 3) ? 0 :
					   any_bits(maker) % (arg->most + 1);
	case FUZZ_NONE:
		break;
	}
	return 0;
}

static uint64_t any_value(struct fuzz_maker *maker, const struct fuzz_arg *arg)
{
	return once_in(maker, 12) ? any_hostile(maker) : typical(maker, arg);
}

/* --- calls --- */

static const struct fuzz_kind *kind_of(const struct fuzz_call *call)
{
	return &fuzz_kinds[call->kind];
}

static unsigned int nr_args(const struct fuzz_kind *kind)
{
	unsigned int nr = 0;

	while (nr < FUZZ_ARGS && kind->args[nr].name)
		nr++;
	return nr;
}

static unsigned int any_kind(struct fuzz_maker *maker)
{
	unsigned int all = 0, at, i;

	for (i = 0; i < fuzz_nr_kinds; i++)
		all += fuzz_kinds[i].weight;
	at = below(maker, all);
	for (i = 0; at >= fuzz_kinds[i].weight; i++)
		at -= fuzz_kinds[i].weight;
	return i;
}

static void make_call(struct fuzz_maker *maker, struct fuzz_call *call)
{
	unsigned int nr;

	memset(call, 0, sizeof(*call));
	call->kind = any_kind(maker);
	nr = nr_args(kind_of(call));
	for (unsigned int i = 0; i < nr; i++)
		call->arg[i] = any_value(maker, &kind_of(call)->args[i]);
}

static void insert_call(struct fuzz_program *program, unsigned int at,
			const struct fuzz_call *call)
{
	if (program->nr == FUZZ_CALLS)
		fuzz_remove_call(program, FUZZ_CALLS - 1);
	if (at > program->nr)
		at = program->nr;
	memmove(&program->calls[at + 1], &program->calls[at],
		(program->nr - at) * sizeof(*call));
	program->calls[at] = *call;
	program->nr++;
}

void fuzz_remove_call(struct fuzz_program *program, unsigned int at)
{
	program->nr--;
	memmove(&program->calls[at], &program->calls[at + 1],
		(program->nr - at) * sizeof(program->calls[0]));
}

void fuzz_make(struct fuzz_maker *maker, struct fuzz_program *program)
{
	struct fuzz_call call;

	program->nr = 0;
	for (unsigned int n = 1 + below(maker, 10); n; n--) {
		make_call(maker, &call);
		insert_call(program, program->nr, &call);
	}
}

/* --- changes --- */

static uint64_t changed(struct fuzz_maker *maker, const struct fuzz_arg *arg,
			uint64_t value)
{
	switch (below(maker, 8)) {
	case 0:
		return value ^ 1ULL << below(maker, 64);
	case 1:
		return value + 1 + below(maker, 16);
	case 2:
		return value - 1 - below(maker, 16);
	case 3:
		return value + 4096;
	case 4:
		return any_hostile(maker);
	default:
		return any_value(maker, arg);
	}
}

static void change_arg(struct fuzz_maker *maker, struct fuzz_program *program)
{
	struct fuzz_call *call = &program->calls[below(maker, program->nr)];
	const struct fuzz_kind *kind = kind_of(call);
	unsigned int nr = nr_args(kind), i;

	if (!nr)
		return;
	i = below(maker, nr);
	call->arg[i] = changed(maker, &kind->args[i], call->arg[i]);
}

static void insert_new(struct fuzz_maker *maker, struct fuzz_program *program)
{
	struct fuzz_call call;

	make_call(maker, &call);
	insert_call(program, below(maker, program->nr + 1), &call);
}

static void insert_again(struct fuzz_maker *maker, struct fuzz_program *program)
{
	struct fuzz_call call = program->calls[below(maker, program->nr)];

	insert_call(program, below(maker, program->nr + 1), &call);
}

/* A sequence of calls of another program. */
static void insert_others(struct fuzz_maker *maker,
			  struct fuzz_program *program,
			  const struct fuzz_program *other)
{
	unsigned int from = below(maker, other->nr);
	unsigned int n = 1 + below(maker, other->nr - from);
	unsigned int at = below(maker, program->nr + 1);

	for (unsigned int i = 0; i < n; i++)
		insert_call(program, at + i, &other->calls[from + i]);
}

/* Makes calls concurrent instead of sequential, or the other way round. */
static void change_thread(struct fuzz_maker *maker,
			  struct fuzz_program *program)
{
	unsigned int from = below(maker, program->nr);
	unsigned int thread = below(maker, FUZZ_THREADS);

	for (unsigned int i = from; i < program->nr; i++) {
		program->calls[i].thread = thread;
		if (once_in(maker, 3))
			break;
	}
}

static void change_once(struct fuzz_maker *maker, struct fuzz_program *program,
			const struct fuzz_program *other)
{
	switch (below(maker, 16)) {
	case 0:
	case 1:
		if (program->nr > 1)
			fuzz_remove_call(program, below(maker, program->nr));
		break;
	case 2:
		insert_again(maker, program);
		break;
	case 3:
	case 4:
		insert_others(maker, program, other);
		break;
	case 5:
		change_thread(maker, program);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		insert_new(maker, program);
		break;
	default:
		change_arg(maker, program);
		break;
	}
}

void fuzz_change(struct fuzz_maker *maker, struct fuzz_program *program,
		 const struct fuzz_program *other)
{
	for (unsigned int n = 1 + below(maker, 5); n; n--)
		change_once(maker, program, other);
}

#define SEPARATORS "\n "

/* --- text: "name@thread argument=value...", zeroes omitted --- */

void fuzz_write_call(const struct fuzz_call *call, char *text, size_t size)
{
	const struct fuzz_kind *kind = kind_of(call);
	unsigned int nr = nr_args(kind);
	FILE *to = fmemopen(text, size, "w");

	if (!to)
		die("fmemopen");
	fputs(kind->name, to);
	if (call->thread)
		fprintf(to, "@%u", call->thread);
	for (unsigned int i = 0; i < nr; i++) {
		if (call->arg[i])
			fprintf(to, " %s=%#lx", kind->args[i].name,
				call->arg[i]);
	}
	fclose(to);
}

void fuzz_write(const struct fuzz_program *program, FILE *to)
{
	char text[1024];

	for (unsigned int i = 0; i < program->nr; i++) {
		fuzz_write_call(&program->calls[i], text, sizeof(text));
		fprintf(to, "%s\n", text);
	}
	fputs("end\n", to);
}

static bool find_kind(const char *name, struct fuzz_call *call)
{
	for (unsigned int i = 0; i < fuzz_nr_kinds; i++) {
		if (!strcmp(fuzz_kinds[i].name, name)) {
			call->kind = i;
			return true;
		}
	}
	return false;
}

static bool read_arg(char *word, struct fuzz_call *call)
{
	const struct fuzz_kind *kind = kind_of(call);
	unsigned int nr = nr_args(kind);
	char *value = strchr(word, '='), *end;

	if (!value)
		return false;
	*value++ = '\0';
	for (unsigned int i = 0; i < nr; i++) {
		if (strcmp(kind->args[i].name, word))
			continue;
		call->arg[i] = strtoull(value, &end, 0);
		return end != value && !*end;
	}
	return false;
}

bool fuzz_read_call(const char *line, struct fuzz_program *program)
{
	char copy[1024], *save, *word, *thread;
	struct fuzz_call call = { .thread = 0 };

	snprintf(copy, sizeof(copy), "%s", line);
	word = strtok_r(copy, SEPARATORS, &save);
	if (!word || program->nr == FUZZ_CALLS)
		return false;
	thread = strchr(word, '@');
	if (thread) {
		*thread++ = '\0';
		call.thread = strtoul(thread, NULL, 10) % FUZZ_THREADS;
	}
	if (!find_kind(word, &call))
		return false;
	while ((word = strtok_r(NULL, SEPARATORS, &save))) {
		if (!read_arg(word, &call))
			return false;
	}
	program->calls[program->nr++] = call;
	return true;
}

/* A line that is not a call, from an older fuzzer for instance, is skipped. */
bool fuzz_read(FILE *from, struct fuzz_program *program)
{
	char line[1024];

	program->nr = 0;
	while (fgets(line, sizeof(line), from)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (!strcmp(line, "end\n") && program->nr)
			return true;
		fuzz_read_call(line, program);
	}
	return false;
}
