// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle: the value of every byte, and which views share which page.
 *
 * It does not model frames, swap and store reads, as these must not make a
 * difference.
 */

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/pattern.h"
#include "lib/test.h"
#include "model.h"

void model_reset(struct model *m)
{
	memset(m, 0, offsetof(struct model, bytes));
	for (unsigned int i = POOL - 1; i; i--)
		m->unused[m->nr_unused++] = i;
}

static uint16_t page_new(struct model *m, uint16_t like)
{
	uint16_t page;

	if (!m->nr_unused)
		die("the model is out of pages");
	page = m->unused[--m->nr_unused];
	m->refs[page] = 1;
	if (m->bytes)
		memcpy(m->bytes[page], m->bytes[like], MODEL_PAGE);
	return page;
}

static void page_put(struct model *m, uint16_t page)
{
	if (page && !--m->refs[page])
		m->unused[m->nr_unused++] = page;
}

bool model_writes_back(const struct box_model *box)
{
	return box->store == STORE_FILE || box->store == STORE_RAM;
}

void model_box(struct model *m, unsigned int box, unsigned int pages,
	       unsigned int frames, enum store_kind store,
	       unsigned int store_pages)
{
	struct box_model *b = &m->box[box];
	bool file = store == STORE_FILE || store == STORE_READ_ONLY;

	b->used = true;
	b->store = store;
	b->pages = pages;
	b->end = file && store_pages < pages ? store_pages : pages;
	b->frames = frames;
	for (unsigned int i = 0; file && i < b->end; i++) {
		b->root[i] = page_new(m, 0);
		if (m->bytes)
			page_fill(m->bytes[b->root[i]], 1000 * (box + 1) + i);
		b->origin[i] = page_new(m, b->root[i]);
	}
	/* Any page of the store may be read ahead. */
	if (store != STORE_NONE)
		memset(b->state, ROOT_MAY, sizeof(b->state));
}

int model_access(const struct model *m, const struct slot *slot, bool write)
{
	if (slot->kind == SLOT_NONE || !(slot->prot & PROT_READ) ||
	    (write && !(slot->prot & PROT_WRITE)))
		return SIGSEGV;
	return slot->index < m->box[slot->box].end ? 0 : SIGBUS;
}

const uint8_t *model_root(const struct model *m, unsigned int box,
			  unsigned int index)
{
	return m->bytes[m->box[box].root[index]];
}

uint16_t model_own(const struct model *m, const struct slot *slot)
{
	if (slot->kind != SLOT_PRIVATE || slot->index >= PAGES)
		return 0;
	return m->view[slot->view].own[slot->index];
}

const uint8_t *model_page(const struct model *m, const struct slot *slot)
{
	uint16_t own = model_own(m, slot);

	return own ? m->bytes[own] : model_root(m, slot->box, slot->index);
}

static void root_exists(struct model *m, unsigned int box, unsigned int index,
			enum root_state state)
{
	uint8_t *now = &m->box[box].state[index];

	if (*now < state)
		*now = state;
}

void model_touch(struct model *m, const struct slot *slot)
{
	if (!model_own(m, slot))
		root_exists(m, slot->box, slot->index, ROOT_MAY);
}

uint8_t *model_root_write(struct model *m, unsigned int box, unsigned int index)
{
	struct box_model *b = &m->box[box];

	if (!b->root[index])
		b->root[index] = page_new(m, 0);
	root_exists(m, box, index, model_writes_back(b) ? ROOT_MAY : ROOT_MUST);
	return m->bytes ? m->bytes[b->root[index]] : NULL;
}

static uint8_t *own_write(struct model *m, const struct slot *slot)
{
	uint16_t *own = &m->view[slot->view].own[slot->index];
	uint16_t old = *own;

	if (!old)
		*own = page_new(m, m->box[slot->box].root[slot->index]);
	else if (m->refs[old] > 1)
		*own = page_new(m, old);
	if (old && *own != old)
		page_put(m, old);
	return m->bytes ? m->bytes[*own] : NULL;
}

uint8_t *model_page_write(struct model *m, const struct slot *slot)
{
	if (slot->kind == SLOT_PRIVATE)
		return own_write(m, slot);
	return model_root_write(m, slot->box, slot->index);
}

unsigned int model_view_new(struct model *m, unsigned int box)
{
	for (unsigned int i = 1; i < VIEWS; i++) {
		if (m->view[i].used)
			continue;
		memset(&m->view[i], 0, sizeof(m->view[i]));
		m->view[i].used = true;
		m->view[i].box = box;
		return i;
	}
	return 0;
}

void model_discard_own(struct model *m, unsigned int view, unsigned int index)
{
	uint16_t *own = &m->view[view].own[index];

	page_put(m, *own);
	*own = 0;
}

void model_discard_root(struct model *m, unsigned int box, unsigned int index)
{
	struct box_model *b = &m->box[box];

	/* It has been written back, so its contents stay. */
	if (model_writes_back(b))
		return;
	page_put(m, b->root[index]);
	b->root[index] = b->origin[index] ? page_new(m, b->origin[index]) : 0;
	b->state[index] = b->store != STORE_NONE || m->noisy ? ROOT_MAY :
							       ROOT_NOT;
}

/* The indices of a view that the process still shows. */
static void shown_indices(const struct proc_model *p, unsigned int view,
			  bool *shown, bool *any)
{
	memset(shown, 0, PAGES * sizeof(*shown));
	*any = false;
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &p->slot[i];

		if (slot->kind != SLOT_PRIVATE || slot->view != view)
			continue;
		*any = true;
		if (slot->index < PAGES)
			shown[slot->index] = true;
	}
}

/* Private pages that are no longer mapped are freed. */
static void view_trim(struct model *m, const struct proc_model *p,
		      unsigned int view)
{
	bool shown[PAGES], any;

	shown_indices(p, view, shown, &any);
	for (unsigned int i = 0; i < PAGES; i++)
		if (!shown[i])
			model_discard_own(m, view, i);
	if (!any)
		m->view[view].used = false;
}

void model_border(struct model *m, unsigned int proc, unsigned int at)
{
	if (at < SLOTS && m->proc[proc].slot[at].kind != SLOT_NONE)
		m->proc[proc].slot[at].begins = true;
}

void model_unmap(struct model *m, unsigned int proc, unsigned int at,
		 unsigned int len)
{
	struct proc_model *p = &m->proc[proc];
	bool gone[VIEWS] = {};

	model_border(m, proc, at + len);
	for (unsigned int i = at; i < at + len; i++) {
		if (p->slot[i].kind == SLOT_PRIVATE)
			gone[p->slot[i].view] = true;
		memset(&p->slot[i], 0, sizeof(p->slot[i]));
	}
	for (unsigned int view = 1; view < VIEWS; view++)
		if (gone[view])
			view_trim(m, p, view);
}

/* The child's view shares the pages that the copied mappings show. */
static void fork_slot(struct model *m, struct slot *slot, uint8_t *clone)
{
	struct view_model *from = &m->view[slot->view];
	uint16_t page;

	if (!clone[slot->view])
		clone[slot->view] = model_view_new(m, slot->box);
	if (slot->index < PAGES) {
		page = from->own[slot->index];
		if (page && !m->view[clone[slot->view]].own[slot->index]) {
			m->refs[page]++;
			m->view[clone[slot->view]].own[slot->index] = page;
		}
	}
	slot->view = clone[slot->view];
}

/* The caller ensures that there are enough views. */
void model_fork(struct model *m, unsigned int parent, unsigned int child)
{
	struct proc_model *p = &m->proc[child];
	uint8_t clone[VIEWS] = {};

	*p = m->proc[parent];
	p->helped = false;
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &p->slot[i];

		slot->locked = false;
		if (slot->no_fork) {
			memset(slot, 0, sizeof(*slot));
			model_border(m, child, i + 1);
		} else if (slot->kind == SLOT_PRIVATE) {
			fork_slot(m, slot, clone);
		}
	}
}

void model_exit(struct model *m, unsigned int proc)
{
	model_unmap(m, proc, 0, SLOTS);
	m->proc[proc].alive = false;
}
