// SPDX-License-Identifier: GPL-2.0
/*
 * Programs: random from a seed, and as text.
 *
 * The generator runs the oracle, without contents, along with the program it
 * generates, so that most operations apply to something.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/test.h"
#include "model.h"

const struct op_text op_texts[OP_NR] = {
	[OP_BOX] = { "box",
		     { "pages", "frames", "store", "store_pages", "swap_file",
		       "readahead" } },
	[OP_NOISE] = { "noise", { "kinds" } },
	[OP_MAP] = { "map",
		     { "at", "len", "box", "index", "shared", "prot",
		       "populate", "joined" } },
	[OP_UNMAP] = { "unmap", { "at", "len" } },
	[OP_WRITE] = { "write", { "at", "byte", "bytes", "seed" } },
	[OP_READ] = { "read", { "at", "byte", "bytes" } },
	[OP_FORK] = { "fork", {} },
	[OP_EXIT] = { "exit", {} },
	[OP_KILL] = { "kill", { "process" } },
	[OP_PROTECT] = { "mprotect", { "at", "len", "prot" } },
	[OP_ADVISE] = { "madvise", { "at", "len", "advice" } },
	[OP_LOCK] = { "mlock", { "at", "len" } },
	[OP_UNLOCK] = { "munlock", { "at", "len" } },
	[OP_SYNC] = { "msync", { "at", "len", "flags" } },
	[OP_REMAP] = { "mremap", { "at", "len", "to", "newlen", "mode" } },
	[OP_PREAD] = { "pread", { "box", "index", "byte", "bytes", "seek" } },
	[OP_PWRITE] = { "pwrite", { "box", "index", "byte", "bytes", "seed" } },
	[OP_COPY_IN] = { "write_mapped",
			 { "at", "byte", "box", "index", "to_byte", "bytes" } },
	[OP_COPY_OUT] = { "read_mapped",
			  { "at", "byte", "box", "index", "from_byte",
			    "bytes" } },
	[OP_VM_READ] = { "process_vm_readv",
			 { "process", "at", "byte", "bytes" } },
	[OP_VM_WRITE] = { "process_vm_writev",
			  { "process", "at", "byte", "bytes", "seed" } },
	[OP_RANGE] = { "range", { "box", "index", "len", "what" } },
	[OP_RANGE_AT] = { "range_at", { "at", "len", "box", "what" } },
	[OP_FRAMES] = { "frames", { "box", "frames" } },
	[OP_POLICY] = { "policy", { "box", "policy" } },
	[OP_SWAP] = { "swap", { "box", "file" } },
	[OP_TUNE] = { "tune", { "box", "what", "value" } },
	[OP_JOIN] = { "join", { "box" } },
	[OP_FSYNC] = { "fsync", { "box", "data" } },
	[OP_STORM] = { "storm", { "accesses", "seed", "victim" } },
	[OP_CHECK] = { "check", {} },
	[OP_CHECK_ROOT] = { "check_root", { "box" } },
	[OP_CENSUS] = { "census", {} },
	[OP_SPOIL] = { "spoil", { "box", "index" } },
};

/* --- text --- */

#define BLANKS "\n "

/* "PROCESS.THREAD NAME ARGUMENT=VALUE...", "box" with its number first. */
static void op_print(const struct op *op)
{
	const struct op_text *text = &op_texts[op->kind];

	printf("%u.%u %s", op->proc, op->thread, text->name);
	for (unsigned int i = 0; i < ARGS && text->arg[i]; i++)
		printf(" %s=%d", text->arg[i], op->arg[i]);
	putchar('\n');
}

void program_print(const struct program *program)
{
	for (unsigned int i = 0; i < program->nr; i++)
		op_print(&program->op[i]);
}

static bool parse_arg(struct op *op, const char *word)
{
	const struct op_text *text = &op_texts[op->kind];
	const char *equals = strchr(word, '=');
	char *end;

	for (unsigned int i = 0; equals && i < ARGS && text->arg[i]; i++) {
		if (strlen(text->arg[i]) != (size_t)(equals - word) ||
		    strncmp(text->arg[i], word, equals - word))
			continue;
		op->arg[i] = strtol(equals + 1, &end, 0);
		return end != equals + 1 && !*end;
	}
	return false;
}

static bool op_parse(struct op *op, char *line)
{
	char *save, *word = strtok_r(line, BLANKS, &save);
	unsigned int proc, thread;

	memset(op, 0, sizeof(*op));
	if (sscanf(word, "%u.%u", &proc, &thread) != 2 || proc >= PROCS ||
	    thread >= THREADS)
		return false;
	op->proc = proc;
	op->thread = thread;
	word = strtok_r(NULL, BLANKS, &save);
	while (word && op->kind < OP_NR &&
	       strcmp(word, op_texts[op->kind].name))
		op->kind++;
	if (!word || op->kind == OP_NR || (op->kind == OP_BOX && proc >= BOXES))
		return false;
	while ((word = strtok_r(NULL, BLANKS, &save)))
		if (!parse_arg(op, word))
			return false;
	return true;
}

/* Empty lines and lines that begin with # are ignored. */
bool program_read(struct program *program, const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	char line[256], copy[256];

	if (!file)
		die("cannot open %s", path);
	program->nr = 0;
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		snprintf(copy, sizeof(copy), "%s", line);
		errno = 0;
		if (program->nr == OPS)
			die("%s is too long", path);
		if (!op_parse(&program->op[program->nr++], line))
			die("not an operation: %s", copy);
	}
	if (file != stdin)
		fclose(file);
	return program->nr;
}

/* --- at random --- */

struct gen {
	struct program *program;
	struct model model;
	uint64_t seed;
	unsigned int boxes;
	unsigned int proc;
	unsigned int thread;
};

static uint32_t below(struct gen *g, uint32_t limit)
{
	return rnd(&g->seed) % limit;
}

static bool one_in(struct gen *g, uint32_t n)
{
	return !below(g, n);
}

static void add(struct gen *g, struct op op)
{
	if (g->program->nr == OPS)
		return;
	g->program->op[g->program->nr++] = op;
	op_do(&g->model, &op, false);
}

/* A page that is mapped, most of the time. */
static unsigned int some_slot(struct gen *g, unsigned int proc)
{
	const struct slot *slot = g->model.proc[proc].slot;
	unsigned int at = below(g, SLOTS);

	for (unsigned int n = 0; n < SLOTS && !one_in(g, 200); n++) {
		if (slot[(at + n) % SLOTS].kind != SLOT_NONE)
			return (at + n) % SLOTS;
	}
	return at;
}

static unsigned int some_len(struct gen *g, unsigned int at)
{
	unsigned int len = 1 + below(g, one_in(g, 4) ? 24 : 5);

	return len < SLOTS - at ? len : SLOTS - at;
}

/* Up to the end of the mapped pages. */
static unsigned int mapped_len(struct gen *g, unsigned int at)
{
	const struct slot *slot = g->model.proc[g->proc].slot;
	unsigned int most = some_len(g, at), len = 1;

	if (one_in(g, 20))
		return most;
	while (len < most && slot[at + len].kind != SLOT_NONE)
		len++;
	return len;
}

/* Up to the end of one VMA. */
static unsigned int piece_len(struct gen *g, unsigned int at)
{
	const struct slot *slot = g->model.proc[g->proc].slot;
	unsigned int most = some_len(g, at), len = 1;

	while (len < most && slot[at + len].kind != SLOT_NONE &&
	       !slot[at + len].begins)
		len++;
	return len;
}

static unsigned int some_bytes(struct gen *g)
{
	switch (below(g, 8)) {
	case 0:
		return MODEL_PAGE;
	case 1:
		return 1 + below(g, 2 * MODEL_PAGE);
	default:
		return 1 + below(g, 64);
	}
}

static unsigned int some_byte(struct gen *g)
{
	return one_in(g, 4) ? 0 : below(g, MODEL_PAGE);
}

static unsigned int some_prot(struct gen *g)
{
	switch (below(g, 10)) {
	case 0:
		return PROT_NONE;
	case 1:
	case 2:
		return PROT_READ;
	default:
		return PROT_READ | PROT_WRITE;
	}
}

static unsigned int some_index(struct gen *g, unsigned int box)
{
	return below(g, g->model.box[box].pages);
}

static unsigned int some_proc(struct gen *g)
{
	unsigned int p = below(g, PROCS);

	for (unsigned int n = 0; n < PROCS; n++)
		if (g->model.proc[(p + n) % PROCS].alive)
			return (p + n) % PROCS;
	return 0;
}

static unsigned int some_advice(struct gen *g)
{
	static const int advice[] = {
		MADV_DONTNEED,	     MADV_DONTNEED,	  MADV_WILLNEED,
		MADV_WILLNEED,	     MADV_POPULATE_READ,  MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, MADV_POPULATE_WRITE, MADV_COLD,
		MADV_PAGEOUT,	     MADV_DONTFORK,	  MADV_DONTFORK,
		MADV_DOFORK,	     MADV_DOFORK,	  MADV_SEQUENTIAL,
		MADV_RANDOM,
	};

	if (one_in(g, 4))
		return below(g, MADV_POPULATE_WRITE + 1);
	return advice[below(g, sizeof(advice) / sizeof(*advice))];
}

/* The arguments of one operation. */
static struct op op_at_random(struct gen *g, enum op_kind kind)
{
	struct op op = { .kind = kind, .proc = g->proc, .thread = g->thread };
	unsigned int box = below(g, g->boxes), at,
		     *arg = (unsigned int *)op.arg;

	at = some_slot(g, g->proc);
	arg[0] = at;
	switch (kind) {
	case OP_MAP:
		at = below(g, SLOTS);
		arg[0] = at;
		arg[1] = some_len(g, at) + (one_in(g, 3) ? 8 : 0);
		if (arg[1] > SLOTS - at)
			arg[1] = SLOTS - at;
		arg[2] = box;
		arg[3] = some_index(g, box);
		arg[4] = one_in(g, 3);
		arg[5] = some_prot(g);
		arg[6] = one_in(g, 6);
		arg[7] = one_in(g, 2);
		break;
	case OP_UNMAP:
		arg[1] = some_len(g, at);
		break;
	case OP_WRITE:
	case OP_READ:
		arg[1] = some_byte(g);
		arg[2] = some_bytes(g);
		arg[3] = below(g, 1 << 30);
		break;
	case OP_FORK:
	case OP_EXIT:
	case OP_CHECK:
	case OP_CENSUS:
		arg[0] = 0;
		break;
	case OP_KILL:
		arg[0] = below(g, PROCS);
		break;
	case OP_PROTECT:
		arg[1] = mapped_len(g, at);
		arg[2] = some_prot(g);
		break;
	case OP_ADVISE:
		arg[1] = mapped_len(g, at);
		arg[2] = some_advice(g);
		break;
	case OP_LOCK:
		arg[1] = 1 + below(g, 2);
		break;
	case OP_UNLOCK:
		arg[1] = mapped_len(g, at);
		break;
	case OP_SYNC:
		arg[1] = mapped_len(g, at);
		arg[2] = one_in(g, 4) ? below(g, 8) : MS_SYNC;
		break;
	case OP_REMAP:
		arg[1] = piece_len(g, at);
		arg[2] = below(g, SLOTS);
		arg[4] = below(g, 5);
		arg[3] = one_in(g, 2) ? arg[1] : 1 + below(g, 16);
		break;
	case OP_PREAD:
	case OP_PWRITE:
		arg[0] = box;
		arg[1] = some_index(g, box);
		arg[2] = some_byte(g);
		arg[3] = some_bytes(g);
		arg[4] = kind == OP_PREAD ? one_in(g, 3) : below(g, 1 << 30);
		break;
	case OP_COPY_IN:
	case OP_COPY_OUT:
		arg[1] = some_byte(g);
		arg[2] = box;
		arg[3] = some_index(g, box);
		arg[4] = some_byte(g);
		arg[5] = some_bytes(g);
		break;
	case OP_VM_READ:
	case OP_VM_WRITE:
		arg[0] = some_proc(g);
		arg[1] = some_slot(g, arg[0]);
		arg[2] = some_byte(g);
		arg[3] = some_bytes(g);
		arg[4] = below(g, 1 << 30);
		break;
	case OP_RANGE:
		arg[0] = box;
		arg[1] = some_index(g, box);
		arg[2] = 1 + below(g, 16);
		arg[3] = below(g, 3);
		if (arg[2] > g->model.box[box].pages - arg[1] && !one_in(g, 10))
			arg[2] = g->model.box[box].pages - arg[1];
		break;
	case OP_RANGE_AT:
		arg[1] = piece_len(g, at);
		arg[2] = one_in(g, 20) ? box :
					 g->model.proc[g->proc].slot[at].box;
		arg[3] = below(g, 3);
		break;
	case OP_FRAMES:
		arg[0] = box;
		arg[1] = 8 + below(g, 24);
		break;
	case OP_POLICY:
	case OP_SWAP:
	case OP_TUNE:
	case OP_FSYNC:
		arg[0] = box;
		arg[1] = kind == OP_TUNE   ? below(g, 5) :
			 kind == OP_POLICY ? below(g, 4) :
					     one_in(g, 2);
		arg[2] = below(g, 1000);
		break;
	case OP_STORM:
		arg[0] = 50 + below(g, 400);
		arg[1] = below(g, 1 << 30);
		arg[2] = one_in(g, 4) ? below(g, PROCS) : PROCS;
		break;
	case OP_JOIN:
	case OP_CHECK_ROOT:
		arg[0] = box;
		break;
	default:
		break;
	}
	/* Only printed arguments are kept. */
	for (unsigned int i = 0; i < ARGS; i++)
		if (!op_texts[kind].arg[i])
			arg[i] = 0;
	return op;
}

struct weight {
	enum op_kind kind;
	unsigned int weight;
};

static const struct weight weights[] = {
	{ OP_MAP, 60 },	     { OP_UNMAP, 15 },	  { OP_WRITE, 260 },
	{ OP_READ, 160 },    { OP_FORK, 24 },	  { OP_EXIT, 6 },
	{ OP_KILL, 5 },	     { OP_PROTECT, 30 },  { OP_ADVISE, 60 },
	{ OP_LOCK, 8 },	     { OP_UNLOCK, 8 },	  { OP_SYNC, 15 },
	{ OP_REMAP, 40 },    { OP_PREAD, 50 },	  { OP_PWRITE, 60 },
	{ OP_COPY_IN, 15 },  { OP_COPY_OUT, 15 }, { OP_VM_READ, 40 },
	{ OP_VM_WRITE, 40 }, { OP_RANGE, 40 },	  { OP_RANGE_AT, 50 },
	{ OP_FRAMES, 10 },   { OP_POLICY, 6 },	  { OP_SWAP, 2 },
	{ OP_TUNE, 10 },     { OP_JOIN, 5 },	  { OP_FSYNC, 8 },
	{ OP_STORM, 8 },     { OP_CHECK, 3 },	  { OP_CHECK_ROOT, 2 },
	{ OP_CENSUS, 2 },
};

static enum op_kind some_kind(struct gen *g)
{
	unsigned int sum = 0, n, i;

	for (i = 0; i < sizeof(weights) / sizeof(*weights); i++)
		sum += weights[i].weight;
	n = below(g, sum);
	for (i = 0; n >= weights[i].weight; i++)
		n -= weights[i].weight;
	return weights[i].kind;
}

static void add_boxes(struct gen *g)
{
	g->boxes = 1 + below(g, 3) * below(g, 2);
	for (unsigned int i = 0; i < g->boxes; i++) {
		struct op op = { .kind = OP_BOX, .proc = i };

		op.arg[0] = 8 + below(g, PAGES - 7);
		op.arg[1] = 8 + below(g, one_in(g, 3) ? 40 : 8);
		op.arg[2] = one_in(g, 2) ? STORE_NONE : below(g, 4);
		op.arg[3] = one_in(g, 4) ? 1 + below(g, op.arg[0]) : op.arg[0];
		op.arg[4] = one_in(g, 4);
		op.arg[5] = one_in(g, 3) ? below(g, 9) : 0;
		add(g, op);
	}
}

/* Starts with some boxes and mappings. */
static void add_start(struct gen *g)
{
	g->model.proc[0].alive = true;
	for (unsigned int i = 0; i < 3; i++)
		add(g, op_at_random(g, OP_MAP));
	add(g, op_at_random(g, OP_FORK));
}

static void add_end(struct gen *g)
{
	for (unsigned int p = 0; p < PROCS; p++) {
		g->proc = p;
		g->thread = 0;
		if (g->model.proc[p].alive)
			add(g, op_at_random(g, OP_CHECK));
	}
	g->proc = some_proc(g);
	for (unsigned int box = 0; box < g->boxes; box++) {
		struct op op = { .kind = OP_CHECK_ROOT,
				 .proc = g->proc,
				 .arg = { box } };

		add(g, op);
	}
	add(g, op_at_random(g, OP_CENSUS));
}

void program_generate(struct program *program, uint64_t seed,
		      const struct profile *profile)
{
	static struct gen g;

	g.program = program;
	g.seed = seed * 2654435761U + 12345;
	g.proc = 0;
	g.thread = 0;
	model_reset(&g.model);
	program->nr = 0;
	add_boxes(&g);
	if (profile->noise)
		add(&g, (struct op){ .kind = OP_NOISE,
				     .arg = { 1 + below(&g, 3) } });
	add_start(&g);
	while (program->nr < profile->ops) {
		enum op_kind kind = some_kind(&g);

		if (one_in(&g, 6)) {
			g.proc = some_proc(&g);
			g.thread = one_in(&g, 4);
		}
		if (!g.model.proc[g.proc].alive)
			g.proc = some_proc(&g);
		if (kind == OP_FORK || kind == OP_STORM)
			g.thread = 0;
		add(&g, op_at_random(&g, kind));
	}
	add_end(&g);
}
