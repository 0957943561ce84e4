// SPDX-License-Identifier: GPL-2.0
/*
 * A storm: all processes write and read concurrently, without turns. Each
 * 64-byte line has a word for each process, written only by that process. So
 * each process knows the value of its word, while others write next to it, in
 * the same page, and copy it.
 *
 * The words of others in a copy of a page of the root view are not predictable,
 * but each is either old or new, as a storm writes only one value to a word.
 * The same holds for the words of a process that was killed.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/test.h"
#include "model.h"

#define LINES (MODEL_PAGE / 64)
#define WORDS (64 / sizeof(uint64_t))

static size_t place_of(unsigned int proc, unsigned int line)
{
	return line * 64 + proc * sizeof(uint64_t);
}

static uint64_t value_of(unsigned int proc, const struct storm_entry *e)
{
	uint64_t state = (uint64_t)run->storm_seed << 32 | e->view << 24 |
			 e->box << 20 | e->index << 12 | e->line << 4 | proc;

	rnd(&state);
	rnd(&state);
	return state | 1;
}

static bool logged(unsigned int proc, const struct storm_entry *e,
		   bool any_line)
{
	const struct storm_log *log = &run->storm[proc];

	for (unsigned int i = 0; i < log->nr; i++) {
		const struct storm_entry *l = &log->entry[i];

		if (l->view == e->view && l->box == e->box &&
		    l->index == e->index && (any_line || l->line == e->line))
			return true;
	}
	return false;
}

static uint64_t word_in(const uint8_t *page, size_t place)
{
	uint64_t word;

	memcpy(&word, page + place, sizeof(word));
	return word;
}

/* --- in each process --- */

/* The expected value of this process's word; false if it is unknown. */
static bool predict(const struct slot *slot, struct storm_entry e,
		    uint64_t *word)
{
	const struct model *m = &run->model;
	size_t place = place_of(self_proc, e.line);
	uint16_t own = model_own(m, slot);

	if (e.view && logged(self_proc, &e, false)) {
		*word = value_of(self_proc, &e);
		return true;
	}
	if (own) {
		*word = word_in(m->bytes[own], place);
		return true;
	}
	if (e.view && logged(self_proc, &e, true))
		return false;
	e.view = 0;
	*word = logged(self_proc, &e, false) ?
			value_of(self_proc, &e) :
			word_in(model_root(m, e.box, e.index), place);
	return true;
}

static void storm_read(const struct slot *slot, const struct storm_entry *e,
		       char *address, unsigned int how)
{
	uint64_t wanted, got = 0;
	struct iovec local = { &got, sizeof(got) };
	struct iovec remote = { address, sizeof(got) };
	ssize_t ret = sizeof(got);

	if (!predict(slot, *e, &wanted))
		return;
	if (how == 0)
		ret = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	else if (how == 1 && slot->kind == SLOT_SHARED)
		ret = pread(run->fd[e->box], &got, sizeof(got),
			    (off_t)e->index * MODEL_PAGE +
				    place_of(self_proc, e->line));
	else
		got = *(volatile uint64_t *)address;
	if (ret != sizeof(got) || got != wanted)
		run_fail(
			"storm: process %u reads %#llx instead of %#llx at %p, page %u of box %u (view %u), with method %u",
			self_proc, (unsigned long long)got,
			(unsigned long long)wanted, address, e->index, e->box,
			e->view, how);
}

static void storm_write(const struct slot *slot, const struct storm_entry *e,
			char *address, unsigned int how)
{
	struct storm_log *log = &run->storm[self_proc];
	uint64_t value = value_of(self_proc, e);
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { address, sizeof(value) };
	ssize_t ret = sizeof(value);

	if (log->nr == STORM_WRITES)
		return;
	log->entry[log->nr] = *e;
	__atomic_store_n(&log->nr, log->nr + 1, __ATOMIC_RELEASE);
	if (how == 0)
		ret = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	else if (how == 1 && slot->kind == SLOT_SHARED)
		ret = pwrite(run->fd[e->box], &value, sizeof(value),
			     (off_t)e->index * MODEL_PAGE +
				     place_of(self_proc, e->line));
	else
		*(volatile uint64_t *)address = value;
	if (ret != sizeof(value))
		run_fail("storm: a write of process %u fails: %s", self_proc,
			 strerror(errno));
}

/* A random page; three times out of four the previous one. */
static void storm_access(uint64_t *seed, unsigned int *where)
{
	unsigned int at, line = rnd(seed) % LINES;
	bool write = rnd(seed) % 2;
	unsigned int how = rnd(seed) % 8;
	const struct slot *slot;
	struct storm_entry e;

	if (!(rnd(seed) % 4))
		*where = rnd(seed) % SLOTS;
	at = *where;
	slot = &slots_of(self_proc)[at];
	if (model_access(&run->model, slot, write))
		return;
	e = (struct storm_entry){
		.view = slot->kind == SLOT_PRIVATE ? slot->view : 0,
		.box = slot->box,
		.index = slot->index,
		.line = line,
	};
	if (write)
		storm_write(slot, &e,
			    address_of(at) + place_of(self_proc, line), how);
	else
		storm_read(slot, &e, address_of(at) + place_of(self_proc, line),
			   how);
	__atomic_fetch_add(&run->accesses, 1, __ATOMIC_RELAXED);
}

void storm_part(void)
{
	uint64_t seed = run->storm_seed * 64ULL + self_proc;
	unsigned int where = rnd(&seed) % SLOTS;

	for (unsigned int i = 0; i < run->storm_size && !run_over(); i++)
		storm_access(&seed, &where);
	__atomic_store_n(&run->storm[self_proc].done, true, __ATOMIC_RELEASE);
}

/* --- afterwards --- */

static bool is_done(unsigned int proc)
{
	return __atomic_load_n(&run->storm[proc].done, __ATOMIC_ACQUIRE);
}

/* An address at which the process can read the page. */
static const struct slot *
slot_showing(unsigned int proc, const struct storm_entry *e, unsigned int *at)
{
	const struct slot *slot = slots_of(proc);

	for (unsigned int i = 0; i < SLOTS; i++) {
		if (slot[i].kind == SLOT_PRIVATE && slot[i].view == e->view &&
		    slot[i].index == e->index &&
		    !model_access(&run->model, &slot[i], true)) {
			*at = i;
			return &slot[i];
		}
	}
	return NULL;
}

/* Whether a fresh copy may have this word. */
static bool caught(unsigned int proc, struct storm_entry e, unsigned int word,
		   uint64_t before, uint64_t got)
{
	unsigned int writer = word % WORDS;

	e.line = word / WORDS;
	if (writer == proc && logged(proc, &e, false))
		return got == value_of(proc, &e);
	if (got == before)
		return true;
	e.view = 0;
	return writer < PROCS && logged(writer, &e, false) &&
	       got == value_of(writer, &e);
}

/*
 * A page copied in the storm: checks it, and takes its contents into the
 * oracle.
 */
static void adopt(unsigned int proc, const struct storm_entry *e)
{
	uint64_t got[MODEL_PAGE / sizeof(uint64_t)];
	struct iovec local = { got, sizeof(got) }, remote;
	const struct slot *slot;
	unsigned int at = 0;
	uint8_t *page;

	slot = slot_showing(proc, e, &at);
	remote = (struct iovec){ address_of(at), sizeof(got) };
	if (!slot || process_vm_readv(run->pid[proc], &local, 1, &remote, 1,
				      0) != sizeof(got)) {
		run_fail("storm: process %u cannot be read", proc);
		return;
	}
	page = model_page_write(&run->model, slot);
	for (unsigned int i = 0; i < MODEL_PAGE / sizeof(uint64_t); i++) {
		uint64_t before = word_in(page, i * sizeof(uint64_t));

		if (!caught(proc, *e, i, before, got[i]))
			run_fail(
				"storm: a copy of page %u of box %u in process %u has %#llx at word %u, before it was %#llx",
				e->index, e->box, proc,
				(unsigned long long)got[i], i,
				(unsigned long long)before);
	}
	memcpy(page, got, sizeof(got));
}

static void settle_view(unsigned int proc, const struct storm_entry *e,
			bool (*adopted)[PAGES])
{
	uint64_t value = value_of(proc, e);
	const struct slot *slot;
	unsigned int at;
	uint8_t *page;

	if (adopted[e->view][e->index])
		return;
	slot = slot_showing(proc, e, &at);
	if (!slot || !model_own(&run->model, slot)) {
		adopt(proc, e);
		adopted[e->view][e->index] = true;
		return;
	}
	page = model_page_write(&run->model, slot);
	memcpy(page + place_of(proc, e->line), &value, sizeof(value));
}

static void settle_root(unsigned int proc, const struct storm_entry *e,
			bool killed)
{
	size_t place = place_of(proc, e->line);
	uint64_t value = value_of(proc, e), got = value;
	uint64_t before =
		word_in(model_root(&run->model, e->box, e->index), place);

	if (killed &&
	    pread(run->fd[e->box], &got, sizeof(got),
		  (off_t)e->index * MODEL_PAGE + place) != sizeof(got))
		run_fail("pread: %s", strerror(errno));
	if (got == before)
		return;
	if (got != value)
		run_fail(
			"storm: process %u was killed, and its word is neither old nor new",
			proc);
	memcpy(model_root_write(&run->model, e->box, e->index) + place, &got,
	       sizeof(got));
}

static void settle(unsigned int victim)
{
	static bool adopted[VIEWS][PAGES];

	memset(adopted, 0, sizeof(adopted));
	for (unsigned int p = 0; p < PROCS; p++) {
		struct storm_log *log = &run->storm[p];

		for (unsigned int i = 0; p != victim && i < log->nr; i++)
			if (log->entry[i].view)
				settle_view(p, &log->entry[i], adopted);
	}
	for (unsigned int p = 0; p < PROCS; p++) {
		struct storm_log *log = &run->storm[p];

		for (unsigned int i = 0; i < log->nr; i++)
			if (!log->entry[i].view)
				settle_root(p, &log->entry[i], p == victim);
	}
}

static void touch_everything(void)
{
	struct model *m = &run->model;

	for (unsigned int p = 0; p < PROCS; p++)
		for (unsigned int i = 0; m->proc[p].alive && i < SLOTS; i++)
			if (!model_access(m, &m->proc[p].slot[i], false))
				model_touch(m, &m->proc[p].slot[i]);
}

/* Kills a process at a random moment. */
static void kill_some_time(unsigned int victim, uint64_t *seed)
{
	unsigned int yields = rnd(seed) % 40;

	while (yields--)
		sched_yield();
	kill(run->pid[victim], SIGKILL);
	wait_gone(victim);
	run->busy[victim] = 0;
	run->storm[victim].done = true;
}

static bool wait_for(unsigned int proc)
{
	while (!is_done(proc)) {
		if (run_over())
			return false;
		usleep(1000);
	}
	return true;
}

void storm(const struct op *op)
{
	struct proc_model *proc = run->model.proc;
	unsigned int victim = PROCS;
	uint64_t seed = op->arg[1];

	run->storm_size = op->arg[0];
	run->storm_seed = op->arg[1];
	touch_everything();
	if (op->arg[2] >= 0 && op->arg[2] < PROCS &&
	    (unsigned int)op->arg[2] != self_proc && proc[op->arg[2]].alive)
		victim = op->arg[2];
	for (unsigned int p = 0; p < PROCS; p++) {
		run->storm[p].nr = 0;
		run->storm[p].done = !proc[p].alive;
	}
	for (unsigned int p = 0; p < PROCS; p++)
		if (proc[p].alive && p != self_proc)
			run_wake(p, 0, WORD_STORM);
	if (victim < PROCS) {
		kill_some_time(victim, &seed);
		run->storm[self_proc].done = true;
	} else {
		storm_part();
	}
	for (unsigned int p = 0; p < PROCS; p++)
		if (!wait_for(p))
			return;
	settle(victim);
	if (victim < PROCS)
		model_exit(&run->model, victim);
}
