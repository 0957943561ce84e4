// SPDX-License-Identifier: GPL-2.0
/*
 * The operations: each is applied to the oracle and, when the program runs,
 * done for real. An operation that does not apply, because a program was
 * shortened, does nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/pattern.h"
#include "lib/store.h"
#include "lib/test.h"
#include "model.h"
#include "pagebox.h"

#define MOST_LOCKED 2 /* pages of a box */
#define LONGEST (3 * MODEL_PAGE)

/* An operation in progress. */
struct doing {
	struct model *m;
	const struct op *op;
	struct slot *slot; /* of its process */
	bool real;
};

static int arg(const struct doing *d, unsigned int i)
{
	return d->op->arg[i];
}

static const char *name_of(const struct doing *d)
{
	return op_texts[d->op->kind].name;
}

/* The result of a system call: 0 or more, or -errno. */
static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

static void expect(const struct doing *d, long wanted, long got)
{
	if (wanted != got)
		run_fail("%s: %ld (%s) instead of %ld (%s)", name_of(d), got,
			 got < 0 ? strerror(-got) : "well", wanted,
			 wanted < 0 ? strerror(-wanted) : "well");
}

int swap_file(void)
{
	int file = memfd_create("swap", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, 4096L * MODEL_PAGE))
		die("memfd_create");
	return file;
}

bool wait_gone(unsigned int proc)
{
	pid_t *pid = &run->pid[proc];

	if (*pid && !eventually(kill(*pid, 0) && errno == ESRCH)) {
		run_fail("process %u does not end", proc);
		return false;
	}
	*pid = 0;
	return true;
}

/* --- bytes --- */

static void pattern(uint8_t *to, size_t len, uint32_t seed)
{
	uint32_t x = seed * 2654435761U + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		to[i] = x >> 11;
	}
}

/* A range of bytes as an operation names it: page, offset in it, length. */
struct bytes {
	unsigned int page;
	unsigned int byte;
	size_t len;
};

/* Advances to the next part within one page. */
static size_t bytes_part(const struct bytes *b)
{
	size_t room = MODEL_PAGE - b->byte;

	return b->len < room ? b->len : room;
}

static void bytes_next(struct bytes *b, size_t part)
{
	b->len -= part;
	b->page++;
	b->byte = 0;
}

static bool bytes_fit(const struct bytes *b, unsigned int pages)
{
	return b->page < pages && b->byte < MODEL_PAGE && b->len &&
	       b->len <= LONGEST &&
	       b->page + (b->byte + b->len - 1) / MODEL_PAGE < pages;
}

/* The number of accessible bytes from its start, and the signal that ends them. */
static size_t accessible(const struct model *m, const struct slot *slot,
			 struct bytes b, bool write, int *signal)
{
	size_t good = 0, part;

	*signal = 0;
	while (b.len && !*signal) {
		part = bytes_part(&b);
		*signal = model_access(m, &slot[b.page], write);
		if (!*signal)
			good += part;
		bytes_next(&b, part);
	}
	return good;
}

static void model_read(struct model *m, const struct slot *slot, struct bytes b,
		       uint8_t *to)
{
	size_t part;

	for (; b.len; bytes_next(&b, part)) {
		part = bytes_part(&b);
		model_touch(m, &slot[b.page]);
		if (m->bytes)
			memcpy(to, model_page(m, &slot[b.page]) + b.byte, part);
		to += part;
	}
}

static void model_write(struct model *m, const struct slot *slot,
			struct bytes b, const uint8_t *from)
{
	size_t part;

	for (; b.len; bytes_next(&b, part)) {
		uint8_t *page = model_page_write(m, &slot[b.page]);

		part = bytes_part(&b);
		if (page)
			memcpy(page + b.byte, from, part);
		from += part;
	}
}

static void model_pread(struct model *m, unsigned int box, struct bytes b,
			uint8_t *to)
{
	size_t part;

	for (; b.len; bytes_next(&b, part)) {
		part = bytes_part(&b);
		if (m->bytes)
			memcpy(to, model_root(m, box, b.page) + b.byte, part);
		to += part;
	}
}

static void model_pwrite(struct model *m, unsigned int box, struct bytes b,
			 const uint8_t *from)
{
	size_t part;

	for (; b.len; bytes_next(&b, part)) {
		uint8_t *page = model_root_write(m, box, b.page);

		part = bytes_part(&b);
		if (page)
			memcpy(page + b.byte, from, part);
		from += part;
	}
}

static void compare(const char *what, const uint8_t *wanted, const uint8_t *got,
		    size_t len, unsigned int page, unsigned int byte)
{
	size_t i = 0, wrong = 0, last = 0;

	if (!memcmp(wanted, got, len))
		return;
	while (wanted[i] == got[i])
		i++;
	for (size_t j = i; j < len; j++) {
		if (wanted[j] != got[j]) {
			wrong++;
			last = j;
		}
	}
	run_fail(
		"%s: page %u byte %zu is %#x instead of %#x (%zu bytes differ, up to %zu)",
		what, page, byte + i, got[i], wanted[i], wrong, byte + last);
}

struct access {
	char *address;
	uint8_t *buffer;
	size_t len;
};

static void load(void *context)
{
	struct access *a = context;

	memcpy(a->buffer, a->address, a->len);
}

/*
 * Page by page, upwards: memcpy() may start at the end, and if two of the pages
 * show the same index, the order matters.
 */
static void store(void *context)
{
	struct access *a = context;
	size_t done = 0, part;

	for (; done < a->len; done += part) {
		part = page_size - (uintptr_t)(a->address + done) % page_size;
		if (part > a->len - done)
			part = a->len - done;
		memcpy(a->address + done, a->buffer + done, part);
		__sync_synchronize();
	}
}

static void probe_load(void *context)
{
	struct access *a = context;

	a->buffer[0] = *(volatile char *)a->address;
}

static void probe_store(void *context)
{
	struct access *a = context;

	*(volatile char *)a->address = 1;
}

static void expect_signal(const struct doing *d, int wanted, int got)
{
	if (wanted != got)
		run_fail("%s: signal %d instead of %d", name_of(d), got,
			 wanted);
}

static void op_access(const struct doing *d, bool write)
{
	struct bytes b = { arg(d, 0), arg(d, 1), arg(d, 2) };
	uint8_t wanted[LONGEST], got[LONGEST];
	struct access a = { address_of(b.page) + b.byte, got, b.len };
	size_t good;
	int signal;

	if (!bytes_fit(&b, SLOTS))
		return;
	good = accessible(d->m, d->slot, b, write, &signal);
	if (signal) {
		/* Only the failing byte. */
		a.address += good;
		if (d->real)
			expect_signal(d, signal,
				      guarded(write ? probe_store : probe_load,
					      &a));
		return;
	}
	if (write) {
		pattern(got, b.len, arg(d, 3));
		model_write(d->m, d->slot, b, got);
	} else {
		model_read(d->m, d->slot, b, wanted);
	}
	if (!d->real)
		return;
	expect_signal(d, 0, guarded(write ? store : load, &a));
	if (!write)
		compare("read", wanted, got, b.len, b.page, b.byte);
}

static void op_write(const struct doing *d)
{
	op_access(d, true);
}

static void op_read(const struct doing *d)
{
	op_access(d, false);
}

/* --- read() and write() --- */

static bool box_bytes(const struct doing *d, unsigned int box,
		      const struct bytes *b)
{
	return box < BOXES && d->m->box[box].used &&
	       bytes_fit(b, d->m->box[box].pages);
}

/* Bytes past the end are neither read nor written. */
static struct bytes before_end(const struct doing *d, unsigned int box,
			       struct bytes b)
{
	size_t end = (size_t)d->m->box[box].end * MODEL_PAGE;
	size_t at = (size_t)b.page * MODEL_PAGE + b.byte;

	if (at >= end)
		b.len = 0;
	else if (b.len > end - at)
		b.len = end - at;
	return b;
}

static off_t offset_of(const struct bytes *b)
{
	return (off_t)b->page * MODEL_PAGE + b->byte;
}

static void op_pread(const struct doing *d)
{
	unsigned int box = arg(d, 0);
	struct bytes b = { arg(d, 1), arg(d, 2), arg(d, 3) };
	uint8_t wanted[LONGEST], got[LONGEST];
	int fd;
	size_t len = b.len;

	if (!box_bytes(d, box, &b))
		return;
	b = before_end(d, box, b);
	model_pread(d->m, box, b, wanted);
	if (!d->real)
		return;
	fd = run->fd[box];
	if (arg(d, 4)) {
		if (lseek(fd, offset_of(&b), SEEK_SET) != offset_of(&b))
			run_fail("lseek: %s", strerror(errno));
		expect(d, b.len, result(read(fd, got, len)));
	} else {
		expect(d, b.len, result(pread(fd, got, len, offset_of(&b))));
	}
	compare("pread", wanted, got, b.len, b.page, b.byte);
}

static void op_pwrite(const struct doing *d)
{
	unsigned int box = arg(d, 0);
	struct bytes b = { arg(d, 1), arg(d, 2), arg(d, 3) };
	uint8_t from[LONGEST];
	size_t len = b.len;

	if (!box_bytes(d, box, &b))
		return;
	b = before_end(d, box, b);
	pattern(from, len, arg(d, 4));
	model_pwrite(d->m, box, b, from);
	if (d->real)
		expect(d, b.len ? (long)b.len : -ENOSPC,
		       result(pwrite(run->fd[box], from, len, offset_of(&b))));
}

/*
 * Whether both lie in the same box, on overlapping pages. Then the order
 * matters.
 */
static bool entangled(const struct doing *d, unsigned int at, unsigned int box,
		      const struct bytes *b)
{
	unsigned int pages = (b->byte + b->len - 1) / MODEL_PAGE + 1;

	for (unsigned int i = at; i < SLOTS && i < at + 4; i++) {
		const struct slot *slot = &d->slot[i];

		if (slot->kind != SLOT_NONE && slot->box == box &&
		    slot->index >= b->page && slot->index < b->page + pages)
			return true;
	}
	return false;
}

/* Between a box and a buffer that is a mapping of a box, possibly the same. */
static void op_copy(const struct doing *d, bool in)
{
	unsigned int box = arg(d, 2);
	struct bytes b = { arg(d, 3), arg(d, 4), arg(d, 5) };
	struct bytes memory = { arg(d, 0), arg(d, 1), arg(d, 5) };
	uint8_t data[LONGEST];
	char *address = address_of(memory.page) + memory.byte;
	int signal;

	if (!box_bytes(d, box, &b) || !bytes_fit(&memory, SLOTS))
		return;
	b = before_end(d, box, b);
	accessible(d->m, d->slot, memory, !in, &signal);
	if (signal || b.len != memory.len || entangled(d, memory.page, box, &b))
		return;
	if (in) {
		model_read(d->m, d->slot, memory, data);
		model_pwrite(d->m, box, b, data);
	} else {
		model_pread(d->m, box, b, data);
		model_write(d->m, d->slot, memory, data);
	}
	if (!d->real)
		return;
	if (in)
		expect(d, b.len,
		       result(pwrite(run->fd[box], address, b.len,
				     offset_of(&b))));
	else
		expect(d, b.len,
		       result(pread(run->fd[box], address, b.len,
				    offset_of(&b))));
}

static void op_copy_in(const struct doing *d)
{
	op_copy(d, true);
}

static void op_copy_out(const struct doing *d)
{
	op_copy(d, false);
}

/* --- process_vm_readv() and process_vm_writev() --- */

/*
 * All pages are pinned before the first byte is written: a copy made for that
 * has the contents the original had before.
 */
static void model_vm_write(struct model *m, const struct slot *slot,
			   struct bytes b, const uint8_t *from)
{
	for (struct bytes pin = b; pin.len; bytes_next(&pin, bytes_part(&pin)))
		model_page_write(m, &slot[pin.page]);
	model_write(m, slot, b, from);
}

static void op_vm(const struct doing *d, bool write)
{
	unsigned int target = arg(d, 0);
	struct bytes b = { arg(d, 1), arg(d, 2), arg(d, 3) };
	uint8_t wanted[LONGEST], data[LONGEST];
	struct iovec local = { data, b.len };
	struct iovec remote = { address_of(b.page) + b.byte, b.len };
	struct slot *slot;
	long ret, good;
	int signal;

	if (target >= PROCS || !d->m->proc[target].alive ||
	    !bytes_fit(&b, SLOTS))
		return;
	slot = d->m->proc[target].slot;
	good = accessible(d->m, slot, b, write, &signal);
	pattern(data, b.len, arg(d, 4));
	b.len = good;
	if (write)
		model_vm_write(d->m, slot, b, data);
	else
		model_read(d->m, slot, b, wanted);
	if (!d->real)
		return;
	if (write)
		ret = process_vm_writev(run->pid[target], &local, 1, &remote, 1,
					0);
	else
		ret = process_vm_readv(run->pid[target], &local, 1, &remote, 1,
				       0);
	expect(d, good ?: -EFAULT, result(ret));
	if (!write)
		compare("process_vm_readv", wanted, data, good, b.page, b.byte);
}

static void op_vm_read(const struct doing *d)
{
	op_vm(d, false);
}

static void op_vm_write(const struct doing *d)
{
	op_vm(d, true);
}

/* --- mappings --- */

/* Pages of the address space, as an operation names them first. */
static bool area(const struct doing *d, unsigned int *at, unsigned int *len)
{
	*at = arg(d, 0);
	*len = arg(d, 1);
	return *len && *at < SLOTS && *len <= SLOTS - *at;
}

static bool all_mapped(const struct doing *d, unsigned int at, unsigned int len)
{
	for (unsigned int i = at; i < at + len; i++)
		if (d->slot[i].kind == SLOT_NONE)
			return false;
	return true;
}

static bool all_accessible(const struct doing *d, unsigned int at,
			   unsigned int len, bool write)
{
	for (unsigned int i = at; i < at + len; i++)
		if (model_access(d->m, &d->slot[i], write))
			return false;
	return true;
}

static void touch_all(const struct doing *d, unsigned int at, unsigned int len)
{
	for (unsigned int i = at; i < at + len; i++)
		if (!model_access(d->m, &d->slot[i], false))
			model_touch(d->m, &d->slot[i]);
}

static void borders(const struct doing *d, unsigned int at, unsigned int len)
{
	model_border(d->m, d->op->proc, at);
	model_border(d->m, d->op->proc, at + len);
}

static unsigned int views_used(const struct model *m)
{
	unsigned int used = 0;

	for (unsigned int i = 1; i < VIEWS; i++)
		used += m->view[i].used;
	return used;
}

static bool gets_own(const struct doing *d, const struct slot *slot)
{
	return slot->kind == SLOT_PRIVATE && !model_access(d->m, slot, true);
}

/* MAP_POPULATE makes copies of writable private pages. */
static void populate_all(const struct doing *d, unsigned int at,
			 unsigned int len)
{
	touch_all(d, at, len);
	for (unsigned int i = at; i < at + len; i++)
		if (gets_own(d, &d->slot[i]))
			model_page_write(d->m, &d->slot[i]);
}

/*
 * mlock() does the same with pages without a PTE, and leaves those with one
 * alone. The model does not know the PTEs, so all pages are accessed first.
 */
static void own_all(const struct doing *d, unsigned int at, unsigned int len)
{
	for (unsigned int i = at; i < at + len; i++) {
		if (!gets_own(d, &d->slot[i]))
			continue;
		model_page_write(d->m, &d->slot[i]);
		if (d->real)
			expect(d, 0,
			       result(madvise(address_of(i), MODEL_PAGE,
					      MADV_POPULATE_WRITE)));
	}
}

static void op_map(const struct doing *d)
{
	unsigned int at, len, box = arg(d, 2), index = arg(d, 3), view = 0;
	bool shared = arg(d, 4), populate = arg(d, 6), joined = arg(d, 7);
	int prot = arg(d, 5) & (PROT_READ | PROT_WRITE);
	int flags = shared ? MAP_SHARED : MAP_PRIVATE;
	char *got;

	if (!area(d, &at, &len) || box >= BOXES || !d->m->box[box].used ||
	    index >= PAGES || views_used(d->m) >= VIEWS - 2)
		return;
	if (!d->m->proc[d->op->proc].joined[box])
		joined = false;
	model_unmap(d->m, d->op->proc, at, len);
	if (!shared) {
		view = model_view_new(d->m, box);
		if (!view)
			die("the model is out of views");
	}
	/* On this architecture, writable implies readable. */
	if (prot & PROT_WRITE)
		prot |= PROT_READ;
	for (unsigned int i = 0; i < len; i++)
		d->slot[at + i] = (struct slot){
			.kind = shared ? SLOT_SHARED : SLOT_PRIVATE,
			.box = box,
			.view = view,
			.joined = joined,
			.index = index + i,
			.prot = prot,
			.begins = !i,
		};
	borders(d, at, len);
	if (populate)
		populate_all(d, at, len);
	if (!d->real)
		return;
	got = mmap(address_of(at), len * MODEL_PAGE, prot,
		   flags | MAP_FIXED | MAP_NORESERVE |
			   (populate ? MAP_POPULATE : 0),
		   joined ? run->joined[self_proc][box] : run->fd[box],
		   (off_t)index * MODEL_PAGE);
	if (got != address_of(at))
		run_fail("mmap: %s", strerror(errno));
}

static void op_unmap(const struct doing *d)
{
	unsigned int at, len;

	if (!area(d, &at, &len))
		return;
	model_unmap(d->m, d->op->proc, at, len);
	if (d->real)
		expect(d, 0, result(munmap(address_of(at), len * MODEL_PAGE)));
}

static void op_protect(const struct doing *d)
{
	int prot = arg(d, 2) & (PROT_READ | PROT_WRITE);
	unsigned int at, len;
	bool there;

	if (!area(d, &at, &len))
		return;
	there = d->slot[at].kind != SLOT_NONE;
	if (there && !all_mapped(d, at, len))
		return;
	if (prot & PROT_WRITE)
		prot |= PROT_READ;
	if (there) {
		for (unsigned int i = at; i < at + len; i++) {
			/* Locked pages that become accessible are faulted in. */
			if (d->slot[i].locked)
				model_touch(d->m, &d->slot[i]);
			d->slot[i].prot = prot;
		}
		borders(d, at, len);
	}
	if (d->real)
		expect(d, there ? 0 : -ENOMEM,
		       result(mprotect(address_of(at), len * MODEL_PAGE,
				       prot)));
}

/* The result of madvise() for an ordinary range. */
static long advice_result(const struct doing *d, const struct slot *slot,
			  int advice)
{
	switch (advice) {
	case MADV_FREE:
	case MADV_WIPEONFORK:
		return -EINVAL;
	case MADV_DONTNEED:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return slot->locked ? -EINVAL : 0;
	}
	(void)d;
	return 0;
}

static bool advice_is_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
	       (advice >= MADV_FREE && advice <= MADV_POPULATE_WRITE);
}

/* Depends on the kernel configuration. */
static bool advice_may_fail(int advice)
{
	return advice == MADV_REMOVE || advice == MADV_MERGEABLE ||
	       advice == MADV_UNMERGEABLE || advice == MADV_HUGEPAGE ||
	       advice == MADV_NOHUGEPAGE;
}

static long model_advise(const struct doing *d, unsigned int at,
			 unsigned int len, int advice)
{
	bool hole = false;

	for (unsigned int i = at; i < at + len; i++) {
		struct slot *slot = &d->slot[i];
		long ret;

		if (slot->kind == SLOT_NONE) {
			hole = true;
			continue;
		}
		ret = advice_result(d, slot, advice);
		if (ret)
			return ret;
		if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
			slot->no_fork = advice == MADV_DONTFORK;
	}
	return hole ? -ENOMEM : 0;
}

static bool model_populate(const struct doing *d, unsigned int at,
			   unsigned int len, bool write)
{
	if (!all_accessible(d, at, len, write))
		return false;
	for (unsigned int i = at; i < at + len; i++) {
		if (write)
			model_page_write(d->m, &d->slot[i]);
		else
			model_touch(d->m, &d->slot[i]);
	}
	return true;
}

static void op_advise(const struct doing *d)
{
	int advice = arg(d, 2);
	unsigned int at, len;
	long wanted = 0, got;

	if (!area(d, &at, &len) || !advice_is_known(advice))
		return;
	if (advice >= MADV_POPULATE_READ) {
		if (!model_populate(d, at, len, advice == MADV_POPULATE_WRITE))
			return;
	} else {
		borders(d, at, len);
		wanted = model_advise(d, at, len, advice);
	}
	if (!d->real)
		return;
	got = result(madvise(address_of(at), len * MODEL_PAGE, advice));
	if (!advice_may_fail(advice))
		expect(d, wanted, got);
}

static unsigned int locked_pages(const struct model *m, unsigned int box)
{
	unsigned int locked = 0;

	for (unsigned int p = 0; p < PROCS; p++)
		for (unsigned int i = 0; i < SLOTS; i++)
			locked += m->proc[p].slot[i].locked &&
				  m->proc[p].slot[i].box == box;
	return locked;
}

static void op_lock(const struct doing *d)
{
	unsigned int at, len;

	if (!area(d, &at, &len) || len > MOST_LOCKED ||
	    !all_accessible(d, at, len, false))
		return;
	for (unsigned int box = 0; box < BOXES; box++)
		if (locked_pages(d->m, box) + len > MOST_LOCKED)
			return;
	touch_all(d, at, len);
	own_all(d, at, len);
	for (unsigned int i = at; i < at + len; i++) {
		d->slot[i].locked = true;
		d->m->box[d->slot[i].box].mlocked = true;
	}
	borders(d, at, len);
	if (!d->real)
		return;
	expect(d, 0, result(mlock(address_of(at), len * MODEL_PAGE)));
	drain_locked();
}

static void op_unlock(const struct doing *d)
{
	unsigned int at, len;

	if (!area(d, &at, &len) || !all_mapped(d, at, len))
		return;
	for (unsigned int i = at; i < at + len; i++)
		d->slot[i].locked = false;
	borders(d, at, len);
	if (!d->real)
		return;
	expect(d, 0, result(munlock(address_of(at), len * MODEL_PAGE)));
	drain_locked();
}

/* --- mremap() --- */

/* Whether it is certainly within one VMA. */
static bool one_piece(const struct doing *d, unsigned int at, unsigned int len)
{
	if (!all_mapped(d, at, len))
		return false;
	for (unsigned int i = at + 1; i < at + len; i++)
		if (d->slot[i].begins)
			return false;
	return true;
}

static bool any_locked(const struct doing *d, unsigned int at, unsigned int len)
{
	for (unsigned int i = at; i < at + len; i++)
		if (d->slot[i].locked)
			return true;
	return false;
}

enum { REMAP_SHRINK, REMAP_GROW, REMAP_MOVE, REMAP_DUP, REMAP_LEAVE, REMAP_NR };

/*
 * The pages from @to on show the same as those from @from on, and then the
 * following ones.
 */
static void show_again(const struct doing *d, const struct slot *from,
		       unsigned int to, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		struct slot *slot = &d->slot[to + i];

		*slot = *from;
		slot->index = from->index + i;
		slot->begins = !i;
	}
	borders(d, to, len);
}

static void remap_in_place(const struct doing *d, unsigned int at,
			   unsigned int len, unsigned int newlen, bool grow)
{
	struct slot first = d->slot[at];
	long wanted = 0;

	if (grow) {
		/* Nothing may follow, so that this is the VMA's end. */
		for (unsigned int i = at + len; i < at + newlen; i++)
			if (d->slot[i].kind != SLOT_NONE)
				wanted = -ENOMEM;
		for (unsigned int i = len; !wanted && i < newlen; i++) {
			d->slot[at + i] = first;
			d->slot[at + i].index = first.index + i;
			d->slot[at + i].begins = false;
		}
		if (!wanted)
			model_border(d->m, d->op->proc, at + newlen);
	} else {
		model_unmap(d->m, d->op->proc, at + newlen, len - newlen);
	}
	if (!d->real)
		return;
	if (mremap(address_of(at), len * MODEL_PAGE, newlen * MODEL_PAGE, 0) !=
	    MAP_FAILED)
		expect(d, wanted, 0);
	else
		expect(d, wanted, -errno);
}

static void remap_fixed(const struct doing *d, unsigned int at,
			unsigned int len, unsigned int to, unsigned int newlen,
			int mode)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	struct slot first = d->slot[at];
	/*
	 * Private pages are shown once. The target range is unmapped even on
	 * refusal.
	 */
	bool refused = mode != REMAP_MOVE && first.kind == SLOT_PRIVATE;
	char *got;

	model_unmap(d->m, d->op->proc, to, newlen);
	if (mode == REMAP_MOVE && newlen < len)
		model_unmap(d->m, d->op->proc, at + newlen, len - newlen);
	borders(d, at, len);
	/*
	 * First the new mapping, or pages shown only by the old one would be
	 * dropped.
	 */
	if (!refused)
		show_again(d, &first, to, newlen);
	if (mode == REMAP_MOVE)
		model_unmap(d->m, d->op->proc, at, len < newlen ? len : newlen);
	if (!d->real)
		return;
	if (mode == REMAP_LEAVE)
		flags |= MREMAP_DONTUNMAP;
	got = mremap(address_of(at), mode == REMAP_DUP ? 0 : len * MODEL_PAGE,
		     newlen * MODEL_PAGE, flags, address_of(to));
	if (refused ? got != MAP_FAILED || errno != EINVAL :
		      got != address_of(to))
		run_fail("mremap: %s", strerror(errno));
}

static void op_remap(const struct doing *d)
{
	unsigned int at, len, to = arg(d, 2), newlen = arg(d, 3);
	int mode = arg(d, 4);

	if (!area(d, &at, &len) || !one_piece(d, at, len) || !newlen ||
	    newlen > SLOTS)
		return;
	/* Growing a locked mapping would fault pages in. */
	if (any_locked(d, at, len) && (mode != REMAP_MOVE || newlen > len))
		return;
	switch (mode) {
	case REMAP_SHRINK:
		if (newlen < len)
			remap_in_place(d, at, len, newlen, false);
		return;
	case REMAP_GROW:
		if (newlen > len && newlen <= SLOTS - at)
			remap_in_place(d, at, len, newlen, true);
		return;
	case REMAP_DUP:
	case REMAP_LEAVE:
		newlen = len;
		/*
		 * If the ranges are adjacent, the refusal may come before or
		 * after the target is unmapped.
		 */
		if (to + newlen == at || to == at + len)
			return;
		break;
	case REMAP_MOVE:
		break;
	default:
		return;
	}
	if (to >= SLOTS || newlen > SLOTS - to ||
	    (to < at + len && at < to + newlen))
		return;
	remap_fixed(d, at, len, to, newlen, mode);
}

/* --- processes --- */

static unsigned int free_proc(const struct model *m)
{
	unsigned int i = 0;

	while (i < PROCS && m->proc[i].alive)
		i++;
	return i;
}

static void op_fork(const struct doing *d)
{
	unsigned int child = free_proc(d->m);
	pid_t pid;

	/* One view for each of the parent's, and some spare ones. */
	if (child == PROCS || d->op->thread || views_used(d->m) > VIEWS / 2 - 8)
		return;
	if (d->real && !wait_gone(child))
		return;
	model_fork(d->m, d->op->proc, child);
	if (!d->real)
		return;
	memcpy(run->joined[child], run->joined[d->op->proc],
	       sizeof(run->joined[child]));
	pid = run_fork_worker(child);
	if (pid < 0)
		run_fail("fork: %s", strerror(errno));
	run->pid[child] = pid;
}

static bool is_last(const struct model *m, unsigned int proc)
{
	for (unsigned int i = 0; i < PROCS; i++)
		if (i != proc && m->proc[i].alive)
			return false;
	return true;
}

/* A worker does the rest of an exit. */
static void op_exit(const struct doing *d)
{
	if (!is_last(d->m, d->op->proc))
		model_exit(d->m, d->op->proc);
}

static void op_kill(const struct doing *d)
{
	unsigned int victim = arg(d, 0);

	if (victim >= PROCS || victim == d->op->proc ||
	    !d->m->proc[victim].alive)
		return;
	model_exit(d->m, victim);
	if (!d->real)
		return;
	expect(d, 0, result(kill(run->pid[victim], SIGKILL)));
	wait_gone(victim);
	run->busy[victim] = 0;
}

/* --- syncing --- */

static void check_store(unsigned int box, unsigned int first,
			unsigned int pages)
{
	uint8_t got[MODEL_PAGE];

	if (run->model.box[box].store != STORE_FILE)
		return;
	for (unsigned int i = first; i < first + pages; i++) {
		if (i >= run->model.box[box].end)
			return;
		if (pread(run->store[box], got, MODEL_PAGE,
			  (off_t)i * MODEL_PAGE) != MODEL_PAGE)
			run_fail("the store cannot be read: %s",
				 strerror(errno));
		compare("the store", model_root(&run->model, box, i), got,
			MODEL_PAGE, i, 0);
	}
}

static void op_sync(const struct doing *d)
{
	int flags = arg(d, 2) & (MS_SYNC | MS_ASYNC | MS_INVALIDATE);
	unsigned int at, len;
	long wanted = 0;

	if (!area(d, &at, &len) || (flags & MS_SYNC && flags & MS_ASYNC) ||
	    !d->real)
		return;
	for (unsigned int i = at; i < at + len; i++) {
		if (d->slot[i].kind == SLOT_NONE)
			wanted = -ENOMEM;
		if (d->slot[i].locked && flags & MS_INVALIDATE) {
			wanted = -EBUSY;
			break;
		}
	}
	expect(d, wanted,
	       result(msync(address_of(at), len * MODEL_PAGE, flags)));
	for (unsigned int i = at; !wanted && flags & MS_SYNC && i < at + len;
	     i++)
		check_store(d->slot[i].box, d->slot[i].index, 1);
}

static bool named_box(const struct doing *d, unsigned int i, unsigned int *box)
{
	*box = arg(d, i);
	return *box < BOXES && d->m->box[*box].used;
}

static void op_fsync(const struct doing *d)
{
	unsigned int box;

	if (!named_box(d, 0, &box) || !d->real)
		return;
	expect(d, 0,
	       result(arg(d, 1) ? fdatasync(run->fd[box]) :
				  fsync(run->fd[box])));
	check_store(box, 0, PAGES);
}

/* --- ranges --- */

enum { RANGE_PREFETCH, RANGE_PAGE_OUT, RANGE_DISCARD };

static long range_ioctl(const struct doing *d, unsigned int box, int what,
			uint32_t flags, uint64_t start, unsigned int len)
{
	static const unsigned long requests[] = { PAGEBOX_IOC_PREFETCH,
						  PAGEBOX_IOC_PAGE_OUT,
						  PAGEBOX_IOC_DISCARD };
	struct pagebox_range range = { .size = sizeof(range),
				       .flags = flags,
				       .start = start,
				       .length = (uint64_t)len * MODEL_PAGE };

	(void)d;
	return result(ioctl(run->fd[box], requests[what], &range));
}

/* Without this, a discard could lose pages not yet in the store, or not. */
static void sync_first(const struct doing *d, unsigned int box, int what)
{
	if (what == RANGE_DISCARD && model_writes_back(&d->m->box[box]) &&
	    fsync(run->fd[box]))
		run_fail("fsync: %s", strerror(errno));
}

static void op_range(const struct doing *d)
{
	unsigned int box, first = arg(d, 1), len = arg(d, 2);
	int what = arg(d, 3);
	long wanted = 0;

	if (!named_box(d, 0, &box) || !len || first > 2 * PAGES ||
	    len > 2 * PAGES || what < RANGE_PREFETCH || what > RANGE_DISCARD)
		return;
	if (first >= d->m->box[box].pages || len > d->m->box[box].pages - first)
		wanted = -EINVAL;
	if (d->real)
		sync_first(d, box, what);
	for (unsigned int i = first;
	     !wanted && what == RANGE_DISCARD && i < first + len; i++)
		model_discard_root(d->m, box, i);
	if (d->real)
		expect(d, wanted,
		       range_ioctl(d, box, what, 0,
				   (uint64_t)first * MODEL_PAGE, len));
}

/* Whether all of them are one map of the box. */
static bool one_map(const struct doing *d, unsigned int box, unsigned int at,
		    unsigned int len)
{
	const struct slot *first = &d->slot[at];

	for (unsigned int i = at; i < at + len; i++) {
		const struct slot *slot = &d->slot[i];

		if (slot->kind == SLOT_NONE || slot->box != box ||
		    slot->kind != first->kind || slot->view != first->view ||
		    (slot->kind == SLOT_SHARED &&
		     slot->joined != first->joined))
			return false;
	}
	return true;
}

static void op_range_at(const struct doing *d)
{
	unsigned int at, len, box;
	int what = arg(d, 3);
	long wanted = 0;

	if (!area(d, &at, &len) || !named_box(d, 2, &box) ||
	    what < RANGE_PREFETCH || what > RANGE_DISCARD)
		return;
	if (!one_map(d, box, at, len))
		wanted = -ENOENT;
	for (unsigned int i = at; !wanted && i < at + len; i++)
		if (d->slot[i].index >= d->m->box[box].pages)
			return;
	if (d->real)
		sync_first(d, box, what);
	for (unsigned int i = at;
	     !wanted && what == RANGE_DISCARD && i < at + len; i++) {
		if (d->slot[i].kind == SLOT_PRIVATE)
			model_discard_own(d->m, d->slot[i].view,
					  d->slot[i].index);
		else
			model_discard_root(d->m, box, d->slot[i].index);
	}
	if (d->real)
		expect(d, wanted,
		       range_ioctl(d, box, what, PAGEBOX_RANGE_ADDRESS,
				   (uintptr_t)address_of(at), len));
}

/* --- configuration --- */

static long configured(unsigned int box, struct pagebox_config config)
{
	return -configure_error(run->fd[box], config);
}

static void op_frames(const struct doing *d)
{
	unsigned int box, frames = arg(d, 1);
	long got;

	if (!named_box(d, 0, &box) || frames < 8 || frames > 1024)
		return;
	if (!d->real)
		return;
	got = configured(box,
			 (struct pagebox_config){ .set = PAGEBOX_SET_FRAMES,
						  .frames = frames });
	/* Previously locked pages may be pinned for a while. */
	if (got != -EBUSY || !d->m->box[box].mlocked)
		expect(d, 0, got);
}

static void op_policy(const struct doing *d)
{
	static const char *const names[] = { "clock", "fifo", "random", "lru" };
	struct pagebox_config config = { .set = PAGEBOX_SET_POLICY };
	unsigned int box;

	if (!named_box(d, 0, &box) || !d->real)
		return;
	snprintf(config.policy, sizeof(config.policy), "%s",
		 names[arg(d, 1) & 3]);
	expect(d, 0, configured(box, config));
}

static void op_swap(const struct doing *d)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_SWAP };
	unsigned int box;

	if (!named_box(d, 0, &box) || !d->real)
		return;
	config.swap_fd = arg(d, 1) ? swap_file() : PAGEBOX_FD_RAM;
	expect(d, 0, configured(box, config));
	if (config.swap_fd >= 0)
		close(config.swap_fd);
}

static void op_tune(const struct doing *d)
{
	unsigned int box, value = arg(d, 2);
	struct pagebox_config config = {};

	if (!named_box(d, 0, &box) || !d->real)
		return;
	switch (arg(d, 1)) {
	case 0:
		config.set = PAGEBOX_SET_READAHEAD | PAGEBOX_SET_REFERENCES;
		config.readahead = value % (PAGEBOX_MAX_READAHEAD + 1);
		config.references = value % (PAGEBOX_REFERENCES_EVERY + 1);
		break;
	case 1:
		config.set = PAGEBOX_SET_SWAPPINESS;
		config.swappiness = value % (PAGEBOX_MAX_SWAPPINESS + 1);
		break;
	case 2:
		config.set = PAGEBOX_SET_DIRTY;
		config.dirty_age_ms = 1 + value % 1000;
		config.dirty_ratio = value % 101;
		break;
	case 3:
		config.set = PAGEBOX_SET_SWAP_DELAY;
		config.swap_read_us = value % 100;
		config.swap_write_us = value % 77;
		break;
	default:
		config.set = PAGEBOX_SET_STORE_DELAY;
		config.store_read_us = value % 100;
		config.store_write_us = value % 77;
	}
	expect(d, 0, configured(box, config));
}

static void op_join(const struct doing *d)
{
	bool *joined = d->m->proc[d->op->proc].joined;
	unsigned int box;
	int fd;

	if (!named_box(d, 0, &box) || joined[box])
		return;
	joined[box] = true;
	if (!d->real)
		return;
	fd = box_join(run->fd[box], run->id[box]);
	if (fd < 0)
		run_fail("PAGEBOX_IOC_JOIN: %s", strerror(-fd));
	run->joined[self_proc][box] = fd;
}

/* --- checks and storms --- */

struct look {
	const struct doing *d;
	unsigned int page;
};

static void compare_page(void *context)
{
	struct look *look = context;

	compare("check", model_page(look->d->m, &look->d->slot[look->page]),
		(uint8_t *)address_of(look->page), MODEL_PAGE, look->page, 0);
}

/* Everything that the process can see. */
static void op_check(const struct doing *d)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct look look = { d, i };

		if (model_access(d->m, &d->slot[i], false))
			continue;
		model_touch(d->m, &d->slot[i]);
		if (d->real)
			expect_signal(d, 0, guarded(compare_page, &look));
	}
}

static void op_check_root(const struct doing *d)
{
	uint8_t got[MODEL_PAGE];
	unsigned int box;

	if (!named_box(d, 0, &box) || !d->real)
		return;
	for (unsigned int i = 0; i < d->m->box[box].end; i++) {
		expect(d, MODEL_PAGE,
		       result(pread(run->fd[box], got, MODEL_PAGE,
				    (off_t)i * MODEL_PAGE)));
		compare("check of the root view", model_root(d->m, box, i), got,
			MODEL_PAGE, i, 0);
	}
}

static void op_census(const struct doing *d)
{
	if (d->real)
		census();
}

static void op_storm(const struct doing *d)
{
	/* The copies made are not predictable; the storm updates the oracle. */
	if (d->real && !d->op->thread)
		storm(d->op);
}

/* Changes a byte behind the oracle's back, to test detection and shrinking. */
static void op_spoil(const struct doing *d)
{
	unsigned int box;
	char byte;
	off_t at;

	if (!named_box(d, 0, &box) || !d->real)
		return;
	at = (off_t)arg(d, 1) * MODEL_PAGE;
	if (pread(run->fd[box], &byte, 1, at) != 1)
		return;
	byte ^= 0x40;
	if (pwrite(run->fd[box], &byte, 1, at) != 1)
		run_fail("pwrite: %s", strerror(errno));
}

/* --- boxes --- */

static int store_of(unsigned int box, unsigned int pages)
{
	int store = memfd_create("store", MFD_CLOEXEC);
	uint8_t page[MODEL_PAGE];

	if (store < 0)
		die("memfd_create");
	for (unsigned int i = 0; i < pages; i++) {
		page_fill(page, 1000 * (box + 1) + i);
		if (pwrite(store, page, MODEL_PAGE, (off_t)i * MODEL_PAGE) !=
		    MODEL_PAGE)
			die("cannot fill a store");
	}
	return store;
}

static void box_make(unsigned int box, enum store_kind store,
		     unsigned int pages, unsigned int frames,
		     unsigned int store_pages, int swap, unsigned int readahead)
{
	struct pagebox_config config = {
		.set = PAGEBOX_SET_BYTES | PAGEBOX_SET_FRAMES |
		       PAGEBOX_SET_OOM | PAGEBOX_SET_READAHEAD,
		.bytes = (uint64_t)pages * MODEL_PAGE,
		.frames = frames,
		.readahead = readahead,
		/* So that a futile wait for a frame is detected as a hang. */
		.oom = PAGEBOX_OOM_WAIT,
		.oom_wait_ms = PAGEBOX_MAX_OOM_WAIT,
	};

	if (store == STORE_FILE || store == STORE_READ_ONLY) {
		run->store[box] = store_of(box, store_pages);
		config.store_fd = store == STORE_FILE ?
					  run->store[box] :
					  read_only(run->store[box]);
	} else {
		config.store_fd = PAGEBOX_FD_RAM;
	}
	if (store != STORE_NONE)
		config.set |= PAGEBOX_SET_STORE;
	if (swap) {
		config.set |= PAGEBOX_SET_SWAP;
		config.swap_fd = swap_file();
	}
	run->fd[box] = box_with(config);
	run->id[box] = box_info(run->fd[box]).id;
	if (store == STORE_READ_ONLY)
		close(config.store_fd);
	if (swap)
		close(config.swap_fd);
}

static void op_box(const struct doing *d)
{
	unsigned int box = d->op->proc, pages = arg(d, 0), frames = arg(d, 1);
	unsigned int store = arg(d, 2), store_pages = arg(d, 3);

	if (box >= BOXES || !pages || pages > PAGES || frames < 8 ||
	    store > STORE_RAM || !store_pages || store_pages > PAGES)
		return;
	model_box(d->m, box, pages, frames, store, store_pages);
	if (d->real)
		box_make(box, store, pages, frames, store_pages, arg(d, 4),
			 arg(d, 5) % (PAGEBOX_MAX_READAHEAD + 1));
}

static void op_noise(const struct doing *d)
{
	d->m->noisy = arg(d, 0);
}

/* Whether the store of a destroyed box has the expected contents. */
void box_close_all(void)
{
	for (unsigned int box = 0; box < BOXES; box++) {
		if (run->fd[box] < 0)
			continue;
		close(run->fd[box]);
		if (run->store[box] < 0)
			continue;
		if (!run->failed)
			check_store(box, 0, PAGES);
		close(run->store[box]);
	}
}

static void (*const doings[OP_NR])(const struct doing *d) = {
	[OP_BOX] = op_box,	     [OP_NOISE] = op_noise,
	[OP_MAP] = op_map,	     [OP_UNMAP] = op_unmap,
	[OP_WRITE] = op_write,	     [OP_READ] = op_read,
	[OP_FORK] = op_fork,	     [OP_EXIT] = op_exit,
	[OP_KILL] = op_kill,	     [OP_PROTECT] = op_protect,
	[OP_ADVISE] = op_advise,     [OP_LOCK] = op_lock,
	[OP_UNLOCK] = op_unlock,     [OP_SYNC] = op_sync,
	[OP_REMAP] = op_remap,	     [OP_PREAD] = op_pread,
	[OP_PWRITE] = op_pwrite,     [OP_COPY_IN] = op_copy_in,
	[OP_COPY_OUT] = op_copy_out, [OP_VM_READ] = op_vm_read,
	[OP_VM_WRITE] = op_vm_write, [OP_RANGE] = op_range,
	[OP_RANGE_AT] = op_range_at, [OP_FRAMES] = op_frames,
	[OP_POLICY] = op_policy,     [OP_SWAP] = op_swap,
	[OP_TUNE] = op_tune,	     [OP_JOIN] = op_join,
	[OP_FSYNC] = op_fsync,	     [OP_STORM] = op_storm,
	[OP_CHECK] = op_check,	     [OP_CHECK_ROOT] = op_check_root,
	[OP_CENSUS] = op_census,     [OP_SPOIL] = op_spoil,
};

void op_do(struct model *m, const struct op *op, bool real)
{
	struct doing d = { .m = m, .op = op, .real = real };

	if (op->kind != OP_BOX)
		d.slot = m->proc[op->proc].slot;
	doings[op->kind](&d);
}
