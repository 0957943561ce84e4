// SPDX-License-Identifier: GPL-2.0
/*
 * Counters and debugfs against the oracle: the existing pages, the views that
 * show them, and their sharers. Without noise the comparison is exact. Noise
 * may have touched pages of the root view, and forked while pages were pinned.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/test.h"
#include "model.h"
#include "pagebox.h"

/* The first difference, or an empty text. */
static char disagreement[512];

static bool disagree(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
static bool disagree(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(disagreement, sizeof(disagreement), fmt, args);
	va_end(args);
	return false;
}

/* --- the oracle's state of a box --- */

/* The number of private pages at @index with @refs views; 0: all of them. */
static unsigned int own_pages(unsigned int box, unsigned int index,
			      unsigned int refs)
{
	const struct model *m = &run->model;
	uint16_t seen[VIEWS];
	unsigned int nr = 0, i;

	for (unsigned int v = 1; v < VIEWS; v++) {
		uint16_t page = m->view[v].own[index];

		if (!m->view[v].used || m->view[v].box != box || !page ||
		    (refs && m->refs[page] != refs))
			continue;
		for (i = 0; i < nr && seen[i] != page; i++)
			;
		if (i == nr)
			seen[nr++] = page;
	}
	return nr;
}

static unsigned int views_of(unsigned int box)
{
	unsigned int nr = 1;

	for (unsigned int v = 1; v < VIEWS; v++)
		nr += run->model.view[v].used && run->model.view[v].box == box;
	return nr;
}

/* --- counters --- */

static bool check_stats(unsigned int box)
{
	const struct box_model *b = &run->model.box[box];
	struct pagebox_stats s = box_stats(run->fd[box]);
	struct pagebox_info info = box_info(run->fd[box]);
	unsigned int least = 0, most;

	for (unsigned int i = 0; i < b->pages; i++)
		least += own_pages(box, i, 0) + (b->state[i] == ROOT_MUST);
	most = least;
	for (unsigned int i = 0; i < b->pages; i++)
		most += b->state[i] == ROOT_MAY;
	if (s.views != views_of(box))
		return disagree("box %u: %llu views instead of %u", box,
				(unsigned long long)s.views, views_of(box));
	if (s.pages < least || (!run->noise && s.pages > most))
		return disagree("box %u: %llu pages instead of %u to %u", box,
				(unsigned long long)s.pages, least, most);
	if (s.frames_used > info.frames)
		return disagree("box %u: %llu frames used of %u", box,
				(unsigned long long)s.frames_used, info.frames);
	if (s.swap_used > s.pages)
		return disagree("box %u: %llu slots for %llu pages", box,
				(unsigned long long)s.swap_used,
				(unsigned long long)s.pages);
	if (s.io_errors || s.oom_kills)
		return disagree("box %u: %llu I/O errors, %llu killed", box,
				(unsigned long long)s.io_errors,
				(unsigned long long)s.oom_kills);
	return true;
}

/* --- frames --- */

static bool check_frame(unsigned int box, const struct frame_row *row,
			unsigned int *roots)
{
	const struct box_model *b = &run->model.box[box];

	if (row->page < 0 || row->page >= b->pages)
		return disagree("box %u: frame %ld has page %ld", box,
				row->frame, row->page);
	if (!strcmp(row->tier, "root")) {
		if (roots[row->page]++)
			return disagree("box %u: page %ld is in two frames",
					box, row->page);
		if (!run->noise && b->state[row->page] == ROOT_NOT)
			return disagree("box %u: page %ld was never touched",
					box, row->page);
		return true;
	}
	if (!run->noise && !own_pages(box, row->page, row->sharers))
		return disagree("box %u: no page at %ld has %ld sharers", box,
				row->page, row->sharers);
	return true;
}

static bool check_frames(unsigned int box)
{
	unsigned int roots[PAGES] = {}, own[PAGES] = {};
	struct frame_row *rows;
	size_t count = frame_rows(run->id[box], &rows);
	bool good = true;

	for (size_t i = 0; good && i < count; i++) {
		if (rows[i].page < 0)
			continue;
		good = check_frame(box, &rows[i], roots);
		if (good && !strcmp(rows[i].tier, "private"))
			own[rows[i].page]++;
	}
	for (unsigned int i = 0; good && !run->noise && i < PAGES; i++)
		if (own[i] > own_pages(box, i, 0))
			good = disagree(
				"box %u: %u frames for private pages at %u",
				box, own[i], i);
	free(rows);
	return good;
}

/* --- maps --- */

static unsigned int proc_of(long pid)
{
	unsigned int p = 0;

	while (p < PROCS && (!run->model.proc[p].alive || run->pid[p] != pid))
		p++;
	return p;
}

static bool slot_is_shared(const struct slot *slot)
{
	return slot->kind == SLOT_SHARED;
}

static bool check_row(unsigned int box, const struct map_row *row, long *map)
{
	unsigned int p = proc_of(row->pid);
	size_t first = (row->start - (uintptr_t)address_of(0)) / MODEL_PAGE;
	size_t last = (row->end - (uintptr_t)address_of(0)) / MODEL_PAGE;

	if (p == PROCS || last > SLOTS)
		return disagree("box %u: process %ld has a mapping at %#lx",
				box, row->pid, (unsigned long)row->start);
	for (size_t i = first; i < last; i++) {
		const struct slot *slot = &slots_of(p)[i];
		int prot = (row->prot[0] == 'r' ? PROT_READ : 0) |
			   (row->prot[1] == 'w' ? PROT_WRITE : 0);

		if (slot->kind == SLOT_NONE || slot->box != box ||
		    slot_is_shared(slot) != !strcmp(row->type, "shared") ||
		    slot->index != row->pgoff + (i - first) ||
		    slot->prot != prot)
			return disagree(
				"box %u: process %u shows %s page %ld at slot %zu",
				box, p, row->type,
				row->pgoff + (long)(i - first), i);
		map[p * SLOTS + i] = row->map;
	}
	return true;
}

/* All mappings are listed, and all of one view have the same number. */
static bool check_maps_all(unsigned int box, const long *map)
{
	for (unsigned int p = 0; p < PROCS; p++) {
		long view_map[VIEWS] = {};

		for (unsigned int i = 0; run->model.proc[p].alive && i < SLOTS;
		     i++) {
			const struct slot *slot = &slots_of(p)[i];
			long got = map[p * SLOTS + i];

			if (slot->kind == SLOT_NONE || slot->box != box)
				continue;
			if (!got)
				return disagree(
					"box %u: process %u does not show slot %u",
					box, p, i);
			if (slot->kind != SLOT_PRIVATE)
				continue;
			if (view_map[slot->view] && view_map[slot->view] != got)
				return disagree(
					"box %u: process %u has maps %ld and %ld for one view",
					box, p, got, view_map[slot->view]);
			view_map[slot->view] = got;
		}
	}
	return true;
}

static bool check_maps(unsigned int box, long *map)
{
	struct map_row *rows;
	size_t count = map_rows(run->id[box], &rows);
	bool good = true;

	memset(map, 0, PROCS * SLOTS * sizeof(*map));
	for (size_t i = 0; good && i < count; i++)
		good = check_row(box, &rows[i], map);
	free(rows);
	return good && check_maps_all(box, map);
}

/* --- pages --- */

static bool check_page(unsigned int box, unsigned int proc, unsigned int at,
		       const struct page_row *row)
{
	const struct slot *slot = &slots_of(proc)[at];
	uint16_t own = model_own(&run->model, slot);

	if (row->index != slot->index)
		return disagree("box %u: process %u has page %ld at slot %u",
				box, proc, row->index, at);
	if (own && row->sharers == ROOT_SHARERS)
		return disagree(
			"box %u: process %u shows the root's page %ld at slot %u",
			box, proc, row->index, at);
	if (!own && row->sharers != ROOT_SHARERS)
		return disagree(
			"box %u: process %u has page %ld of its own at slot %u",
			box, proc, row->index, at);
	if (own && !run->noise && row->sharers != run->model.refs[own])
		return disagree(
			"box %u: page %ld at slot %u of process %u has %ld sharers instead of %u",
			box, row->index, at, proc, row->sharers,
			run->model.refs[own]);
	if (!own && !run->noise &&
	    run->model.box[box].state[row->index] == ROOT_NOT)
		return disagree("box %u: page %ld was never touched", box,
				row->index);
	return true;
}

/* A page that a private map does not list does not exist. */
static bool check_unlisted(unsigned int box, unsigned int proc,
			   unsigned int view, const bool *listed)
{
	const struct model *m = &run->model;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &slots_of(proc)[i];

		if (slot->kind != SLOT_PRIVATE || slot->view != view ||
		    slot->index >= m->box[box].pages || listed[i])
			continue;
		if (model_own(m, slot) ||
		    m->box[box].state[slot->index] == ROOT_MUST)
			return disagree(
				"box %u: process %u has no page %u at slot %u",
				box, proc, slot->index, i);
	}
	return true;
}

static bool check_view(unsigned int box, unsigned int proc, unsigned int view,
		       long map)
{
	bool listed[SLOTS] = {};
	struct page_row *rows;
	size_t count = page_rows(run->id[box], map, &rows);
	bool good = true;

	for (size_t i = 0; good && i < count; i++) {
		size_t at = (rows[i].address - (uintptr_t)address_of(0)) /
			    MODEL_PAGE;

		if (at >= SLOTS || slots_of(proc)[at].kind != SLOT_PRIVATE ||
		    slots_of(proc)[at].view != view) {
			good = disagree("box %u: map %ld lists %#lx", box, map,
					(unsigned long)rows[i].address);
			break;
		}
		listed[at] = true;
		good = check_page(box, proc, at, &rows[i]);
	}
	free(rows);
	return good && check_unlisted(box, proc, view, listed);
}

/* Some of the views, in turn. */
static bool check_views(unsigned int box, const long *map)
{
	unsigned int first = run->turn * 31 % (PROCS * SLOTS), done = 0;
	bool seen[VIEWS] = {};

	for (unsigned int n = 0; n < PROCS * SLOTS && done < 4; n++) {
		unsigned int i = (first + n) % (PROCS * SLOTS);
		const struct slot *slot = &slots_of(i / SLOTS)[i % SLOTS];

		if (!map[i] || slot->kind != SLOT_PRIVATE || seen[slot->view])
			continue;
		seen[slot->view] = true;
		done++;
		if (!check_view(box, i / SLOTS, slot->view, map[i]))
			return false;
	}
	return true;
}

static bool agrees(void)
{
	static long map[PROCS * SLOTS];

	disagreement[0] = '\0';
	for (unsigned int box = 0; box < BOXES; box++) {
		if (!run->model.box[box].used)
			continue;
		if (!check_stats(box) || !check_frames(box) ||
		    !check_maps(box, map) || !check_views(box, map))
			return false;
	}
	return true;
}

/*
 * An exited process may still be in teardown, and pages that were busy when
 * dropped are freed a little later.
 */
void census(void)
{
	noise_quiet();
	if (!run->failed && !eventually(agrees()))
		run_fail("counters and debugfs: %s", disagreement);
	noise_resume();
}

/* --- at the end --- */

/* With no mapping left and the root view discarded, nothing remains. */
static bool is_empty(void)
{
	struct map_row *rows;

	for (unsigned int box = 0; box < BOXES; box++) {
		struct pagebox_stats s;
		size_t maps;

		if (!run->model.box[box].used)
			continue;
		root_range(run->fd[box], PAGEBOX_IOC_DISCARD, 0,
			   run->model.box[box].pages);
		maps = map_rows(run->id[box], &rows);
		free(rows);
		s = box_stats(run->fd[box]);
		if (maps || s.views != 1 || s.pages || s.swap_used ||
		    s.frames_used || s.committed)
			return disagree(
				"box %u, empty, has %zu maps, %llu views, %llu pages, %llu slots, %llu frames, %llu promised",
				box, maps, (unsigned long long)s.views,
				(unsigned long long)s.pages,
				(unsigned long long)s.swap_used,
				(unsigned long long)s.frames_used,
				(unsigned long long)s.committed);
	}
	return true;
}

void check_emptied(void)
{
	/* Discarded pages need not reach the store. */
	for (unsigned int box = 0; box < BOXES; box++) {
		struct pagebox_stats s;

		if (!run->model.box[box].used)
			continue;
		if (fsync(run->fd[box]))
			run_fail("fsync of box %u", box);
		s = box_stats(run->fd[box]);
		run->evictions += s.evict_clean + s.evict_dirty;
		for (unsigned int i = 0; i < FAULT_CLASSES; i++)
			run->faults += s.faults[i];
	}
	if (!eventually(is_empty()))
		run_fail("%s", disagreement);
}
