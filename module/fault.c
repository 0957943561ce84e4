// SPDX-License-Identifier: GPL-2.0
/*
 * The fault: from an address to a locked folio.
 *
 * A fault works in steps that each begin with a fresh look-up. A step either
 * ends with the folio locked and everything checked under that lock, or it
 * finds that it needs a frame, lets go of all it holds, takes one and begins
 * again, or it has lost a race against another fault and begins again. A page
 * that others see is brought into a frame before it is copied, so that the copy
 * is made under its lock: by then it may be nobody else's any more. Between two
 * steps nothing is locked, the spare frame neither.
 *
 * So a frame for the copy may be had by evicting the page again. If it is the
 * only one that can be evicted, or the one that is evicted best, that would go on
 * for ever. The second time the frame is not for the page any more: what is read
 * from swap becomes the copy itself, and the page stays where it is.
 *
 * What is checked under the folio lock, by everybody, is the look-up itself:
 * the view must still lead from the index to the page, and the page to the
 * folio. Who changes a view's entry from one page to another holds the folio
 * lock of the old one if that is in a frame; so nobody maps the old page after
 * the change. Evictions hold the same lock (see evict.c).
 *
 * Private mappings
 *
 * A private VMA has VM_SHARED set (not VM_MAYSHARE), or core mm would turn its
 * written pages into anonymous memory that no hand of ours sees. Then a write to
 * a read-only PTE comes to page_mkwrite(): if the page is the view's own, nobody
 * shares it and nobody who did has pinned it, it may be made writable. Else the
 * view gets a copy, the index is unmapped and the access is tried again.
 *
 * As soon as the view lets go of the old page, its other sharers may take it for
 * theirs and write to it, so by then no PTE of this process may show it. Who
 * makes the copy unmaps the index first, under the folio lock of the old page.
 * That takes it from all processes that show the index, which is harmless, they
 * take a minor fault, but slow; so it is left out when there is nothing to unmap:
 * when the PTE of this fault is empty, and the process has no second VMA that
 * might show the same index of the view (mremap() can make one).
 */
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/pagemap.h>

#include "pagebox.h"
#include "trace.h"

/* A step that needs a frame before it can go on. */
#define NEED_FRAME 1

/**
 * struct pb_fault - one fault on its way
 * @box: where
 * @view: in which view
 * @map: for which map, or NULL for read() and write()
 * @index: which page
 * @address: in the VMA, or 0 for a process that does not run yet
 * @write: it is to be written
 * @class: what had to be done so far
 * @major: a read was waited for
 * @short_of_frames: there was none for the copy of a page that was in one
 * @ahead: class of the read that readahead did for it, or PAGEBOX_FAULT_MINOR
 * @spare: a frame in hand, if any
 * @folio: the result, locked and referenced
 */
struct pb_fault {
	struct pb_box *box;
	struct pb_view *view;
	struct pb_map *map;
	pgoff_t index;
	unsigned long address;
	bool write;
	enum pagebox_fault_class class;
	bool major;
	bool short_of_frames;
	enum pagebox_fault_class ahead;
	struct pb_spare spare;
	struct folio *folio;
};

static inline struct pb_fault fault_of(struct pb_map *map, pgoff_t index,
				       unsigned long address, bool write)
{
	return (struct pb_fault){
		.box = map->box,
		.view = map->view,
		.map = map,
		.index = index,
		.address = address,
		.write = write,
		.ahead = PAGEBOX_FAULT_MINOR,
	};
}

/* Do writes go to a view's own pages? */
static bool in_overlay(const struct pb_fault *f)
{
	return f->view != &f->box->root;
}

/* Does this write have to go to another page than that in the locked folio? */
static bool needs_copy(const struct pb_fault *f, struct pb_page *page,
		       struct folio *folio)
{
	return f->write && in_overlay(f) &&
	       (page->root || !pb_page_writable(f->box, page, folio));
}

/*
 * Is this populate's fault? Core mm populates a private mapping for mlock(), mmap()
 * with MAP_LOCKED or MAP_POPULATE and the like, so that no access has to wait later.
 * It asks for write access only where VM_SHARED is clear, so the pages of our
 * private mappings would be the root view's, and each would still be copied when it
 * is written first. Populating faults are those of the kernel for its own process,
 * within the few system calls that populate, which make no other ones.
 */
static bool populates(const struct pb_map *map, const struct vm_fault *vmf)
{
	vm_flags_t flags = vmf->vma->vm_flags;

	if (!pb_map_private(map) || !(flags & VM_WRITE) ||
	    vmf->flags &
		    (FAULT_FLAG_WRITE | FAULT_FLAG_USER | FAULT_FLAG_REMOTE))
		return false;
	return !(flags & VM_LOCKONFAULT) && pb_in_populate(flags & VM_LOCKED);
}

/*
 * A fault that reads, taken as one that writes: core mm begins again, with the
 * same locks, and installs a writable PTE. Without FAULT_FLAG_ALLOW_RETRY it
 * keeps them.
 */
static vm_fault_t fault_for_write(struct vm_fault *vmf)
{
	unsigned int flags = vmf->flags & ~FAULT_FLAG_ALLOW_RETRY;
	vm_fault_t ret = handle_mm_fault(vmf->vma, vmf->address,
					 flags | FAULT_FLAG_WRITE, NULL);

	if (ret & VM_FAULT_ERROR)
		return ret;
	return VM_FAULT_NOPAGE | (ret & VM_FAULT_MAJOR);
}

/* Is the page still what the view shows there? */
static bool still_there(const struct pb_fault *f, const struct pb_page *page)
{
	bool same;

	rcu_read_lock();
	same = pb_view_look(f->box, f->view, f->index) == page;
	rcu_read_unlock();
	return same;
}

/* The spare frame becomes the result. */
static void use_spare(struct pb_fault *f)
{
	folio_mark_uptodate(f->spare.folio);
	f->folio = f->spare.folio;
	f->spare.folio = NULL;
}

/*
 * The view has another page at the index now; take the old one from the page
 * tables of the process. The caller holds the folio lock of the old page, so
 * that nobody maps it again.
 */
static void unmap_locked(struct pb_fault *f)
{
	struct pb_map *map = f->map;

	if (READ_ONCE(map->vmas) > 1 ||
	    (f->address && pte_present(pb_pte_read(map->mm, f->address))))
		pb_box_unmap(map->box, f->index, 1);
}

static void clear_spare(struct pb_fault *f)
{
	if (!f->spare.zeroed)
		clear_highpage(folio_page(f->spare.folio, 0));
	f->spare.zeroed = false;
}

/* Fill the spare frame with what nobody has touched yet. */
static int read_spare(struct pb_fault *f)
{
	struct pb_backend *backend;
	struct pb_io *io;
	pgoff_t at;
	int err;

	f->class = pb_fill_source(f->box, NULL, f->index, &backend, &at);
	if (!backend) {
		clear_spare(f);
		return 0;
	}
	f->major = true;
	io = pb_fill_new(f->box, backend, at);
	pb_fill_add(io, NULL, &f->spare, false);
	err = pb_fill_run(io);
	if (err)
		return err;
	f->spare.folio = io->folio[0];
	f->spare.zeroed = false;
	err = io->err[0];
	pb_io_free(io);
	return err;
}

/*
 * Fill the spare frame, to which the page is attached. Whatever comes of it, the
 * frame is not a spare one any more: it becomes the result, or is given back.
 */
static int read_page(struct pb_fault *f, struct pb_page *page, bool fresh)
{
	struct pb_backend *backend;
	struct pb_io *io;
	pgoff_t at;
	int err;

	if (page->lost) {
		pb_fill_undo(f->box, page, f->spare.folio, false);
		f->spare.folio = NULL;
		return -EHWPOISON;
	}
	f->class = pb_fill_source(f->box, page, f->index, &backend, &at);
	if (!backend) {
		clear_spare(f);
		use_spare(f);
		return 0;
	}
	f->major = true;
	io = pb_fill_new(f->box, backend, at);
	pb_fill_add(io, page, &f->spare, fresh);
	err = pb_fill_run(io);
	if (err)
		return err;
	err = pb_fill_finish(io, 0);
	if (!err)
		f->folio = io->folio[0];
	pb_io_free(io);
	return err;
}

/* The page does not stay in the spare frame. */
static void take_back(struct pb_fault *f, struct pb_page *page)
{
	pb_page_detach(f->box, page, f->spare.folio);
	folio_unlock(f->spare.folio);
}

static void drop_spare(struct pb_fault *f)
{
	folio_lock(f->spare.folio);
	pb_frame_put(&f->box->frames, f->spare.folio, f->spare.frame);
}

/*
 * The spare frame, filled, becomes a page of the view's own in place of @old
 * (NULL when the view had none). It counts as dirty: its contents are nowhere
 * else.
 */
static int install_own(struct pb_fault *f, struct pb_page *old)
{
	struct pb_box *box = f->box;
	struct pb_page *page = pb_page_new(box, f->index, false);
	int err;

	if (!page)
		return -ENOMEM;
	pb_page_attach(box, page, &f->spare);
	folio_mark_uptodate(f->spare.folio);
	folio_set_dirty(f->spare.folio);
	err = pb_view_replace(f->view, f->index, old, page);
	if (err) {
		take_back(f, page);
		pb_page_unshare(box, page);
		return err;
	}
	use_spare(f);
	return 0;
}

/*
 * The view has a new page of its own at the index, in place of what the root view
 * has there: another thread may have mapped that meanwhile. Such a thread checks the
 * view's entry under the folio lock: either it sees our entry, or we see its folio
 * and wait for its PTE.
 *
 * That thread may be waiting for a disk. A task that is killed leaves: its access
 * has not been made, so until a worker has taken that PTE, threads that live on (of
 * another process with this memory) see the contents that they have seen before.
 */
static void unmap_root(struct pb_fault *f)
{
	struct pb_box *box = f->box;
	struct folio *folio;
	struct pb_page *old;

	/* Pairs with pb_page_attach() and with the barrier in step_new_root(). */
	smp_mb();
	rcu_read_lock();
	old = pb_view_peek(&box->root, f->index);
	if (old && !pb_page_tryget(old))
		old = NULL;
	rcu_read_unlock();
	if (!old)
		return;
	if (pb_page_lock(box, old, &folio)) {
		pb_page_unmap_later(box, old, pb_page_put);
		return;
	}
	if (folio) {
		unmap_locked(f);
		folio_unlock(folio);
		folio_put(folio);
	}
	pb_page_put(box, old);
}

/*
 * The view has a copy of a page of the root view, whose folio is locked. That
 * keeps it from being evicted, but not from being discarded.
 */
static bool was_replaced(struct pb_fault *f, const struct pb_page *page)
{
	/* Pairs with the barrier in step_new_root(), as that in unmap_root(). */
	smp_mb();
	return pb_view_peek(&f->box->root, f->index) != page;
}

/* The page is in a frame, and everything is checked: the folio becomes ours. */
static int step_locked(struct pb_fault *f, struct pb_page *page,
		       struct folio *folio)
{
	struct pb_box *box = f->box;
	struct pb_page *old = NULL;
	int err = NEED_FRAME;
	bool replaced = false;

	if (folio_test_hwpoison(folio))
		return pb_poison_retire(box, folio) ?: -EAGAIN;
	if (page->ahead) {
		page->ahead = false;
		pb_count(box, PB_STAT_READAHEAD_HIT);
	}
	if (!needs_copy(f, page, folio)) {
		f->folio = folio;
		return 0;
	}
	if (!f->spare.folio) {
		f->short_of_frames = true;
		goto out_unlock;
	}

	copy_highpage(folio_page(f->spare.folio, 0), folio_page(folio, 0));
	f->spare.zeroed = false;
	if (!page->root)
		old = page;
	pb_window(PB_WINDOW_COW_INSTALL);
	err = install_own(f, old);
	if (err)
		goto out_unlock;
	f->class = PAGEBOX_FAULT_COW;
	trace_pagebox_cow(box->id, f->map->id, f->index, page->frame,
			  f->spare.frame, atomic_read(&page->sharers));
	pb_window(PB_WINDOW_COW_UNMAP);
	unmap_locked(f);
	replaced = !old && was_replaced(f, page);
out_unlock:
	folio_unlock(folio);
	folio_put(folio);
	if (!err)
		pb_window(PB_WINDOW_COW_UNSHARE);
	/* Not earlier: if we were the last sharer, this locks the folio. */
	if (!err && old)
		pb_page_unshare(box, old);
	if (replaced)
		unmap_root(f);
	return err;
}

/* The page seemed to be in a frame, to whose folio the caller has referred. */
static int step_resident(struct pb_fault *f, struct pb_page *page,
			 struct folio *folio, u32 frame)
{
	int err = pb_frame_lock(&f->box->frames, folio, frame);

	if (err)
		return err;
	if (pb_page_owns(page, folio) && folio_test_uptodate(folio) &&
	    still_there(f, page))
		return step_locked(f, page, folio);
	folio_unlock(folio);
	folio_put(folio);
	return -EAGAIN;
}

/*
 * The frame into which a page was read, and nobody has written since, goes from
 * the page to the copy. As long as our view shares the page its contents stay; the
 * root view's may change, but have been this since the fault began.
 *
 * The view is changed while the page has the frame, whose folio is locked. So a page
 * of the view itself is not mapped by this process then, nor can it be afterwards: a
 * thread that had mapped it might have found it its own meanwhile, and what it
 * wrote would not be in the copy.
 */
static int hand_over(struct pb_fault *f, struct pb_page *page)
{
	struct pb_page *old = page->root ? NULL : page;
	struct pb_box *box = f->box;
	struct pb_page *new = pb_page_new(box, f->index, false);
	int err = -ENOMEM;

	if (!new)
		goto out_unlock;
	pb_page_borrow(new, page);
	err = pb_view_replace(f->view, f->index, old, new);
	if (err)
		goto out_new;
	pb_page_hand_over(box, page, new, f->folio);
	f->class = PAGEBOX_FAULT_COW;
	trace_pagebox_cow(box->id, f->map->id, f->index, PB_NONE, new->frame,
			  atomic_read(&page->sharers));
	pb_window(PB_WINDOW_COW_HANDOVER);
	if (old)
		pb_page_unshare(box, old);
	else
		unmap_root(f);
	return 0;

out_new:
	pb_page_unborrow(new);
	pb_page_unshare(box, new);
out_unlock:
	folio_unlock(f->folio);
	folio_put(f->folio);
	f->folio = NULL;
	return err;
}

/*
 * The page exists, in no frame; the caller keeps it alive. One that has to be
 * copied is brought in for the next step.
 */
static int step_absent(struct pb_fault *f, struct pb_page *page)
{
	int err;

	if (!pb_page_attach(f->box, page, &f->spare))
		return -EAGAIN;
	pb_window(PB_WINDOW_FAULT_ATTACH);
	/* Only now can nobody change the entry; a fork may have shared it. */
	if (!still_there(f, page)) {
		take_back(f, page);
		return -EAGAIN;
	}
	err = read_page(f, page, false);
	if (!err)
		pb_window(PB_WINDOW_FAULT_READ);
	if (err || !needs_copy(f, page, f->folio))
		return err;
	if (f->short_of_frames)
		return hand_over(f, page);
	folio_set_referenced(f->folio);
	folio_unlock(f->folio);
	folio_put(f->folio);
	return -EAGAIN;
}

/* Nobody has touched it yet, and the page will be the view's own. */
static int step_new_own(struct pb_fault *f)
{
	int err = read_spare(f);

	if (err)
		return err;
	pb_window(PB_WINDOW_FAULT_INSTALL);
	err = install_own(f, NULL);
	if (err)
		return err;
	pb_window(PB_WINDOW_FAULT_UNMAP);
	unmap_root(f);
	return 0;
}

/* Nobody has touched it yet, and all views shall see the page. */
static int step_new_root(struct pb_fault *f)
{
	struct pb_box *box = f->box;
	struct pb_page *page = pb_page_new(box, f->index, true);
	int err;

	if (!page)
		return -ENOMEM;
	pb_page_attach(box, page, &f->spare);
	pb_window(PB_WINDOW_FAULT_PUBLISH);
	err = pb_view_replace(&box->root, f->index, NULL, page);
	if (err) {
		take_back(f, page);
		pb_page_unshare(box, page);
		return err;
	}
	err = read_page(f, page, true);
	if (err)
		return err;
	pb_window(PB_WINDOW_FAULT_CHECK);
	/* Pairs with unmap_root(): our root page first, then the view's entry. */
	smp_mb();
	if (still_there(f, page))
		return 0;

	/* The view has got a page of its own meanwhile; the root keeps this. */
	folio_unlock(f->folio);
	folio_put(f->folio);
	return -EAGAIN;
}

/* The policy may want to know that a page in a frame is accessed. */
static void saw_reference(struct pb_box *box, const struct folio *folio)
{
	const struct pb_page *page = folio->private;

	pb_frame_referenced(&box->frames, page->frame);
}

static int fault_step(struct pb_fault *f)
{
	struct pb_page *page;
	struct folio *folio;
	u32 frame = PB_NONE;
	int err = 0;

	f->class = PAGEBOX_FAULT_MINOR;
	/* What the step before has let go of is not the result. */
	f->folio = NULL;
	folio = pb_view_trylock(f->view, f->index, &page);
	if (folio)
		return step_locked(f, page, folio);

	rcu_read_lock();
	page = pb_view_look(f->box, f->view, f->index);
	if (page) {
		folio = READ_ONCE(page->folio);
		frame = READ_ONCE(page->frame);
		/* Both fail when the page has just gone. */
		if (folio ? !folio_try_get(folio) : !pb_page_tryget(page))
			err = -EAGAIN;
	}
	rcu_read_unlock();
	if (err)
		return err;
	pb_window(PB_WINDOW_FAULT_LOCK);
	if (folio)
		return step_resident(f, page, folio, frame);

	if (page && READ_ONCE(page->lost))
		err = -EHWPOISON;
	else if (!f->spare.folio)
		err = NEED_FRAME;
	else if (page)
		err = step_absent(f, page);
	else if (f->write && in_overlay(f))
		err = step_new_own(f);
	else
		err = step_new_root(f);
	if (page)
		pb_page_put(f->box, page);
	return err;
}

/* Has the page in the locked folio lost its place in the store? */
static bool was_truncated(struct pb_fault *f)
{
	const struct pb_page *page = f->folio->private;

	return page->root && (pb_truncate_pending(f->box, f->index) ||
			      !pb_box_has(f->box, f->index));
}

/* One step, of a page that is there when it begins and when it ends. */
static int fault_try(struct pb_fault *f)
{
	int err;

	if (!pb_box_has(f->box, f->index)) {
		/* Perhaps this is the first to see it. */
		pb_truncate_pending(f->box, f->index);
		return -ENODATA;
	}
	err = pb_truncate_wait(f->box, f->index);
	if (!err)
		err = fault_step(f);
	if (err)
		return err;
	if (folio_test_hwpoison(f->folio)) {
		err = pb_poison_retire(f->box, f->folio);
		f->folio = NULL;
		return err ?: -EAGAIN;
	}
	if (!was_truncated(f))
		return 0;
	folio_unlock(f->folio);
	folio_put(f->folio);
	f->folio = NULL;
	return -EAGAIN;
}

/*
 * Resolve a fault. On success @f->folio is locked and referenced. Return 0,
 * -ENODATA past the end, -ENOSPC without a frame, -ENOMEM, -EINTR, -EHWPOISON for
 * contents that a memory error has taken, or the backend's error.
 */
static int fault_resolve(struct pb_fault *f)
{
	struct pb_box *box = f->box;
	int err;

	do {
		err = fault_try(f);
		if (err == NEED_FRAME) {
			err = pb_evict_get_frame(box, &f->spare, f->index);
			err = err ?: -EAGAIN;
			pb_window(PB_WINDOW_FAULT_FRAME);
		} else if (err == -EAGAIN && fatal_signal_pending(current)) {
			err = -EINTR;
		}
	} while (err == -EAGAIN);

	if (f->spare.folio)
		drop_spare(f);
	if (!err && f->class == PAGEBOX_FAULT_MINOR) {
		saw_reference(f->box, f->folio);
		f->class = f->ahead;
	}
	return err;
}

/* How many pages to read at once for this fault, if faults come in sequence. */
static unsigned int readahead_pages(struct pb_map *map, pgoff_t index,
				    const struct vm_fault *vmf)
{
	unsigned int nr = READ_ONCE(map->box->tune.readahead);
	bool sequential;

	if (nr < 2)
		return 0;
	sequential = index == READ_ONCE(map->next);
	WRITE_ONCE(map->next, index + 1);
	if (vmf->vma->vm_flags & VM_RAND_READ ||
	    !(sequential || vmf->vma->vm_flags & VM_SEQ_READ))
		return 0;
	/* Not past the mapping. */
	return min_t(unsigned long, nr,
		     (vmf->vma->vm_end - vmf->address) >> PAGE_SHIFT);
}

/*
 * Faults that come in sequence bring the pages that will be next along. Nothing
 * comes of it when there is no page to read at the index itself, or an error,
 * which the fault will find again if it concerns its own page.
 */
static void readahead(struct pb_fault *f, const struct vm_fault *vmf)
{
	unsigned int nr = readahead_pages(f->map, f->index, vmf);
	enum pagebox_fault_class class;
	pgoff_t index = f->index, at;
	struct pb_backend *backend;
	struct pb_page *page;

	if (nr < 2 || (f->write && in_overlay(f)) || !pb_box_has(f->box, index))
		return;
	rcu_read_lock();
	page = pb_view_look(f->box, f->view, index);
	class = pb_fill_source(f->box, page, index, &backend, &at);
	rcu_read_unlock();
	if (pb_fill_range(f->box, f->view, &index, nr, PB_STAT_READAHEAD) > 0) {
		f->ahead = class;
		f->major = true;
	}
}

static void fault_count(const struct pb_fault *f,
			enum pagebox_fault_class class)
{
	pb_count(f->box, class);
	if (f->major)
		pb_count(f->box, PB_STAT_MAJOR);
	if (!f->map)
		return;
	atomic64_inc(&f->map->faults[class]);
	if (f->major)
		atomic64_inc(&f->map->major);
}

static void fault_trace(const struct pb_fault *f, const struct vm_fault *vmf,
			enum pagebox_fault_class class, u64 start)
{
	const struct pb_page *page;

	if (!trace_pagebox_fault_enabled())
		return;
	page = f->folio ? f->folio->private : NULL;
	trace_pagebox_fault(f->box->id, f->map->id, f->index, vmf->address,
			    class, page ? page->frame : PB_NONE, f->write,
			    f->major, start ? ktime_get_ns() - start : 0);
}

/*
 * A task that is being killed goes back to its instruction, and dies on the way.
 * One that is in the kernel does not get there: its access fails.
 */
static vm_fault_t fault_killed(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER ? VM_FAULT_NOPAGE : VM_FAULT_SIGBUS;
}

/* What core mm shall do about an error. */
static vm_fault_t fault_error(const struct pb_fault *f,
			      const struct vm_fault *vmf, int err)
{
	if (err == -EINTR)
		return fault_killed(vmf);
	fault_count(f, PAGEBOX_FAULT_FAILED);
	fault_trace(f, vmf, PAGEBOX_FAULT_FAILED, 0);
	if (err == -ENOMEM)
		return VM_FAULT_OOM;
	return err == -EHWPOISON ? VM_FAULT_HWPOISON : VM_FAULT_SIGBUS;
}

static u64 fault_start(void)
{
	return trace_pagebox_fault_enabled() ? ktime_get_ns() : 0;
}

static vm_fault_t fault_in_map(struct pb_map *map, struct vm_fault *vmf)
{
	u64 start = fault_start();
	struct pb_fault f = fault_of(map, vmf->pgoff, vmf->address,
				     vmf->flags & FAULT_FLAG_WRITE);
	int err;

	readahead(&f, vmf);
	err = fault_resolve(&f);
	if (err)
		return fault_error(&f, vmf, err);
	fault_count(&f, f.class);
	fault_trace(&f, vmf, f.class, start);
	pb_window(PB_WINDOW_FAULT_MAP);
	vmf->page = folio_page(f.folio, 0);
	return VM_FAULT_LOCKED | (f.major ? VM_FAULT_MAJOR : 0);
}

/*
 * A core dump asks for all pages, and leaves out what cannot be had. So it does not
 * fill the box with pages that nobody has touched.
 */
static bool is_left_out_of_dump(struct pb_map *map, pgoff_t index)
{
	bool left_out;

	if (!(current->flags & PF_DUMPCORE) || map->box->store)
		return false;
	rcu_read_lock();
	left_out = !pb_view_look(map->box, map->view, index);
	rcu_read_unlock();
	return left_out;
}

static vm_fault_t pb_fault(struct vm_fault *vmf)
{
	struct pb_map *map = vmf->vma->vm_private_data;

	/* A fork could not share all of it, or not even make the map. */
	if (!map || map->broken)
		return VM_FAULT_SIGBUS;
	if (is_left_out_of_dump(map, vmf->pgoff))
		return VM_FAULT_SIGBUS;
	if (READ_ONCE(map->stack_low) && !pb_stack_extend(map, vmf))
		return VM_FAULT_SIGSEGV;
	if (READ_ONCE(map->box->tune.overcommit) == PAGEBOX_OVERCOMMIT_NEVER &&
	    !pb_commit_covers(map, vmf->vma, vmf->address))
		return VM_FAULT_SIGBUS;
	if (populates(map, vmf))
		return fault_for_write(vmf);
	pb_trail_step(map->box, vmf);
	return fault_in_map(map, vmf);
}

/* The PTE shows a page that must not be written: give the view its own. */
static vm_fault_t break_cow(struct pb_fault *f, struct vm_fault *vmf, u64 start)
{
	int err = fault_resolve(f);

	if (err)
		return fault_error(f, vmf, err);
	fault_count(f, f->class);
	fault_trace(f, vmf, f->class, start);
	/* The old page is unmapped; the access finds the new one. */
	folio_unlock(f->folio);
	folio_put(f->folio);
	pb_window(PB_WINDOW_MKWRITE_COPIED);
	return VM_FAULT_NOPAGE | (f->major ? VM_FAULT_MAJOR : 0);
}

static vm_fault_t pb_page_mkwrite(struct vm_fault *vmf)
{
	u64 start = fault_start();
	struct folio *folio = page_folio(vmf->page);
	struct pb_fault f = fault_of(vmf->vma->vm_private_data, vmf->pgoff,
				     vmf->address, true);
	struct pb_page *page;
	bool own;

	if (vmf->pte)
		pb_trail_step(f.box, vmf);
	pb_window(PB_WINDOW_MKWRITE_LOCK);
	if (folio_lock_killable(folio))
		return fault_killed(vmf);
	rcu_read_lock();
	page = pb_view_peek(f.view, f.index);
	own = page && pb_page_owns(page, folio) &&
	      pb_page_writable(f.box, page, folio);
	rcu_read_unlock();
	if (!own) {
		folio_unlock(folio);
		return break_cow(&f, vmf, start);
	}
	if (folio_test_hwpoison(folio)) {
		/* Core mm has a reference too, and tries the access again. */
		folio_get(folio);
		pb_poison_retire(f.box, folio);
		return VM_FAULT_NOPAGE;
	}
	/* A futex in it is that of this view from here on, see identity.c. */
	WRITE_ONCE(folio->mapping, f.map->identity->i_mapping);
	pb_window(PB_WINDOW_MKWRITE_MAP);
	/* Without a PTE this is the second half of a fault already counted. */
	if (vmf->pte) {
		saw_reference(f.box, folio);
		f.folio = folio;
		fault_count(&f, PAGEBOX_FAULT_MKWRITE);
		fault_trace(&f, vmf, PAGEBOX_FAULT_MKWRITE, start);
	}
	return VM_FAULT_LOCKED;
}

/*
 * Not to map neighbours, so far: without this operation, core mm would take
 * mmap_lock for every fault instead of the lock of the VMA.
 */
static vm_fault_t pb_map_pages(struct vm_fault *vmf, pgoff_t first,
			       pgoff_t last)
{
	return 0;
}

static void pb_vma_open(struct vm_area_struct *vma)
{
	struct pb_map *map = vma->vm_private_data;

	if (!map)
		return;
	/* Split or moved within the process, or copied to a new one? */
	if (map->mm == vma->vm_mm)
		pb_map_get_vma(map);
	else
		vma->vm_private_data = pb_map_fork(map, vma);
	/* What Linux 6.1 does when a split fails, which is hard to make it do. */
	if (map->mm == vma->vm_mm && pb_fail(PB_FAIL_SPLIT)) {
		pb_map_get_vma(map);
		pb_map_put_vma(map, 0, 0);
	}
}

static void pb_vma_close(struct vm_area_struct *vma)
{
	struct pb_map *map = vma->vm_private_data;

	if (map)
		pb_map_put_vma(map, vma->vm_pgoff, vma_pages(vma));
}

/*
 * mremap() with an old size of 0, or with MREMAP_DONTUNMAP, makes a second mapping
 * of the same pages where VM_SHARED is set, and so it is for private mappings.
 */
static bool is_aliased(const unsigned long *args)
{
	return !PAGE_ALIGN(args[1]) || args[3] & MREMAP_DONTUNMAP;
}

/*
 * Core mm asks before it moves a part of a VMA, and an old size of 0 is one. Here
 * it can be refused before anything is charged, which an error of mremap() would
 * leave charged.
 */
static int pb_vma_may_split(struct vm_area_struct *vma, unsigned long address)
{
	unsigned long args[6], start;

	if (!pb_in_mremap(args))
		return 0;
	/* Other splits, of this VMA or another, only make room for the new mapping. */
	start = untagged_addr(args[0]);
	if (start < vma->vm_start || start >= vma->vm_end ||
	    (address != start && address != start + PAGE_ALIGN(args[1])))
		return 0;
	return is_aliased(args) ? -EINVAL : 0;
}

/* The VMA has been moved as a whole; after an error it is moved back. */
static int pb_vma_mremap(struct vm_area_struct *vma)
{
	unsigned long args[6];

	return pb_in_mremap(args) && is_aliased(args) ? -EINVAL : 0;
}

/* The dirty bits of shared pages are the hardware's; no fault is needed. */
const struct vm_operations_struct pb_shared_vm_ops = {
	.open = pb_vma_open,
	.close = pb_vma_close,
	.fault = pb_fault,
	.map_pages = pb_map_pages,
};

const struct vm_operations_struct pb_private_vm_ops = {
	.open = pb_vma_open,
	.close = pb_vma_close,
	.fault = pb_fault,
	.map_pages = pb_map_pages,
	.page_mkwrite = pb_page_mkwrite,
	.may_split = pb_vma_may_split,
	.mremap = pb_vma_mremap,
};

/**
 * pb_fault_own_copy - give a view its own copy of a page that it shares
 * @map: a private map that nothing runs in yet
 * @index: which page
 *
 * Context: fork(); sleeps.
 * Return: 0 or the error of a fault
 */
int pb_fault_own_copy(struct pb_map *map, pgoff_t index)
{
	struct pb_fault f = fault_of(map, index, 0, true);
	int err = fault_resolve(&f);

	/* A page that is lost may as well be shared. */
	if (err)
		return err == -EHWPOISON ? 0 : err;
	fault_count(&f, f.class);
	folio_unlock(f.folio);
	folio_put(f.folio);
	return 0;
}

/**
 * pb_fault_root - a page of the root view, for read() and write()
 * @box: a sealed box
 * @index: which page
 * @write: it will be written to
 * @folio: set to its folio, locked and referenced
 *
 * Counts as a fault does, but for no map.
 *
 * Context: sleeps; the caller holds no folio lock.
 * Return: 0; -ENODATA past the end, -ENOSPC without a frame, -ENOMEM, -EINTR
 * when the task is being killed, or the backend's error
 */
int pb_fault_root(struct pb_box *box, pgoff_t index, bool write,
		  struct folio **folio)
{
	struct pb_fault f = {
		.box = box,
		.view = &box->root,
		.index = index,
		.write = write,
		.ahead = PAGEBOX_FAULT_MINOR,
	};
	int err = fault_resolve(&f);

	if (err)
		return err == -EHWPOISON ? -EIO : err;
	if (f.class != PAGEBOX_FAULT_MINOR)
		fault_count(&f, f.class);
	*folio = f.folio;
	return 0;
}
