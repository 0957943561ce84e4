/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A spin model of the protocol between faults, evictions, forks, copies-on-write,
 * discards, write-back and pins of one page. "scripts/model" checks it
 * exhaustively, in several settings, and its mutants.
 *
 * The model has one index of a box, and three views of it: the root view, shown by
 * a process with a shared mapping; the view of a private mapping; and the view of a
 * child forked from that. So there is one PTE per process. A byte represents the
 * contents of a page.
 *
 * Steps of the model, and their functions in the module (or, in brackets, in core
 * mm):
 *
 *   access              [an instruction, or GUP-fast for PIN and LEND;
 *                       do_fault(), finish_fault(), do_wp_page()]
 *   step_fast           pb_view_trylock()
 *   step_look           fault_step(), pb_view_look()
 *   step_ref            fault_step_resident(), pb_frame_lock()
 *   step_still          fault_still_there()
 *   step_locked         fault_step_locked(), fault_needs_copy(),
 *                       pb_page_writable()
 *   step_copy           fault_step_locked(), fault_install_own(), fault_unmap()
 *   step_absent         fault_step_absent(), fault_read_page()
 *   attach              pb_page_attach()
 *   step_new_own        fault_step_new_own(), fault_install_own()
 *   hand_over           fault_hand_over(), pb_page_hand_over()
 *   step_unmap_old      fault_unmap_root(), fault_was_replaced()
 *   step_new_root       fault_step_new_root()
 *   mkwrite             vma_page_mkwrite(), vma_break_cow()
 *   get_frame           pb_evict_get_frame() without the eviction
 *   frame_put           pb_frame_put(), pb_frame_pinned(), frame_give_back()
 *   unmap_all           pb_box_unmap(): each PTE is cleared atomically
 *   lock_page           pb_page_lock()
 *   lock_idle           pb_page_lock_idle()
 *   detach              pb_page_detach()
 *   page_put            pb_page_put(), page_free(); reaper() handles a busy frame
 *   reaper              page_late_work(), pb_page_trylock(), page_release()
 *   fork                pb_fork_vma(), fork_clone(), pb_view_share(),
 *                       fork_share_frame(), pb_fault_own_copy(),
 *                       pb_pte_wrprotect()
 *   leave               [unmap_vmas()], pb_map_put_vma(), pb_view_drop()
 *   discard             range_discard(), pb_view_next_get(),
 *                       range_discard_page()
 *   evictor             evict_lock_frame(), pb_evict_victims(), evict_unmap(),
 *                       evict_page(),
 *                       evict_write(), evict_write_ended(), evict_release()
 *   flusher             writeback_pages(), writeback_next(),
 *                       writeback_lock_due(), writeback_clean(),
 *                       writeback_done()
 *
 * Single steps of the model that are several on a machine: reading a page and its
 * folio pointer; a change under a spinlock or in an xarray; clearing a PTE and
 * flushing the TLBs. The model has no accessed bits and no policy: its evictor
 * takes any frame at any time. It has no signals and no failing reads.
 *
 * Memory is sequentially consistent in the model. Where the module needs a barrier
 * between a store and a load, a mutant of the model reorders them, as a CPU would
 * without the barrier.
 *
 * The invariants, by the name under which a violation is reported:
 *
 *   no_write_lost        each view shows the last write through it
 *   no_stale_mapping     a PTE shows no frame but that of the page which the view
 *                        leads to, except between a change of the view and the
 *                        unmap; no write goes through such a PTE
 *   no_frame_in_two_places
 *                        a frame is on the free list, or has one page
 *   no_page_freed_mapped neither a page nor its frame is freed while a PTE shows
 *                        it
 *   no_contents_nowhere  a page has an up-to-date frame, or a slot, or it is a
 *                        page of the root view that is identical in the store
 *   no_private_in_store  only pages of the root view are written to the store
 *   no_write_seen        contents that a process has lent to the kernel by
 *                        reference, as to a pipe, and then released, are not
 *                        changed by another process
 *   no_leak              all counts are correct in the end
 *   invalid end state    spin's own: a deadlock
 */

/*
 * The settings are at the end. Other parameters:
 *   EVICT    number of evictions without need for a frame
 *   FRAMES   frame limit
 *   STORE    the box has a writable store
 * Each mutant has a name, tested where it differs.
 */
#ifndef FRAMES
#define FRAMES 2
#endif
#ifndef EVICT
#define EVICT 1
#endif
/* Most page objects at once. */
#define PAGES 4
/* Most folios at once; one more than frames, for a folio that a pin keeps. */
#define FOLIOS 3

#define NONE 0

/* Views, and their processes. */
#define ROOT 0
#define PARENT 1
#define CHILD 2
#define VIEWS 3

/* The initial contents of the store and of pages; writes count up from it. */
#define ZERO 0
#define GARBAGE 255

/* Where a folio is. */
#define NOWHERE 0
#define FREE 1
#define TAKEN 2
#define DROPPED 3

/* Names under which assertions are reported; all are false. */
hidden byte no_write_lost, no_stale_mapping, no_frame_in_two_places,
	   no_page_freed_mapped, no_contents_nowhere, no_private_in_store,
	   no_write_seen, no_leak, model_is_large_enough;

typedef folio_t {
	byte page;		/* folio->private */
	byte data;
	bit locked;
	bit uptodate;
	bit dirty;
	bit written;		/* PG_writeback */
	byte ref;		/* excluding those of PTEs */
	byte waiters;		/* pb_frame.waiters */
	byte pins;
	byte where;
};

typedef page_t {
	bit used;
	bit freed;		/* was freed once, so RCU readers may still see it */
	bit root;
	bit slot;
	byte copy;		/* contents of the slot */
	byte folio;
	byte sharers;
	bit shared;		/* had other sharers while in this frame */
	byte refs;
	bit late;		/* belongs to the reaper */
	bit discarded;		/* may still be mapped */
};

typedef pte_t {
	byte f;
	bit w;
	bit d;
};

folio_t folio[FOLIOS + 1];
page_t page[PAGES + 1];
byte view[VIEWS];
pte_t pte[VIEWS];
byte store = ZERO;

byte rcu;			/* number of RCU readers */
byte faults[VIEWS];		/* holders of mmap_lock or VMA lock for reading */
bit writing[VIEWS];		/* it is held for writing */
bit forked;

/* Per view: the last write; has it own contents; may a PTE be stale? */
byte want[VIEWS];
bit own[VIEWS];
byte settling[VIEWS];

byte stamp = ZERO;		/* each write writes another value */
byte started, ended;		/* threads */
byte extra = EVICT;
byte lent, as_lent;		/* a folio, and its contents when it was lent */
byte in_want;			/* threads that wait for a frame */

#define SHOWN(v) (view[v] -> view[v] : view[ROOT])
#define MAPPED(x) (pte[ROOT].f == (x) || pte[PARENT].f == (x) || pte[CHILD].f == (x))
#define MAPCOUNT(x) ((pte[ROOT].f == (x)) + (pte[PARENT].f == (x)) + (pte[CHILD].f == (x)))

/* A page's contents, in a frame, a slot or the store. */
#define IN_FRAME(p) (page[p].folio && folio[page[p].folio].page == (p) && folio[page[p].folio].uptodate)
#define CONTENTS(p) (IN_FRAME(p) -> folio[page[p].folio].data : \
		     (page[p].slot -> page[p].copy : store))

#define LOST(v) ((v == ROOT || own[v]) && \
		 (SHOWN(v) -> CONTENTS(SHOWN(v)) : store) != want[v])
#define NOWHERE_TO_BE_FOUND(v) (view[v] && !page[view[v]].root && \
				!IN_FRAME(view[v]) && !page[view[v]].slot)
#define STALE(v) (pte[v].f && folio[pte[v].f].page != SHOWN(v) && !settling[v] && \
		  !page[folio[pte[v].f].page].discarded)
#define TWICE(x) (folio[x].where != TAKEN && folio[x].where != DROPPED && \
		  (folio[x].page || MAPPED(x)))
#define SAME(p, q) (page[p].folio && page[p].folio == page[q].folio)

/* Checks the invariants in every state. */
active proctype monitor()
{
end:	do
	:: d_step { LOST(ROOT) || LOST(PARENT) || LOST(CHILD) ->
		assert(no_write_lost) }
	:: d_step { NOWHERE_TO_BE_FOUND(ROOT) || NOWHERE_TO_BE_FOUND(PARENT) ||
		    NOWHERE_TO_BE_FOUND(CHILD) ->
		assert(no_contents_nowhere) }
	:: d_step { STALE(ROOT) || STALE(PARENT) || STALE(CHILD) ->
		assert(no_stale_mapping) }
	:: d_step { TWICE(1) || TWICE(2) || TWICE(3) || SAME(1, 2) || SAME(1, 3) || SAME(1, 4) || SAME(2, 3) ||
		SAME(2, 4) || SAME(3, 4) ->
		assert(no_frame_in_two_places) }
	:: d_step { lent && folio[lent].data != as_lent ->
		assert(no_write_seen) }
	od
}

/* Folio locks and references ------------------------------------------ */

inline lock_folio(x)
{
	atomic { !folio[x].locked -> folio[x].locked = 1 }
}

/* Putting the last reference frees the folio to the page allocator. */
inline put_folio(x)
{
	folio[x].ref--;
	if
	:: folio[x].ref == 0 ->
		folio[x].where = NOWHERE;
		folio[x].waiters = 0
	:: else
	fi
}

inline unlock_put(x)
{
	atomic {
		folio[x].locked = 0;
		put_folio(x)
	}
}

/* x is NONE when the page has no frame. */
inline lock_page(p, x)
{
	do
	:: atomic { page[p].folio == NONE -> x = NONE; break }
	:: atomic { page[p].folio != NONE && folio[page[p].folio].ref > 0 ->
		x = page[p].folio;
		folio[x].ref++ }
		lock_folio(x);
		if
		:: folio[x].page == p -> break
		:: else -> unlock_put(x)
		fi
	od
}

/* As lock_page, and wait until no write to the store is in flight. */
inline lock_idle(p, x)
{
	do
	:: lock_page(p, x);
		if
		:: x != NONE && folio[x].written ->
			folio[x].locked = 0;
			!folio[x].written;
			put_folio(x)
		:: else -> break
		fi
	od
}

/* PTEs ---------------------------------------------------------------- */

inline zap(v)
{
	if
	:: pte[v].f && pte[v].d -> folio[pte[v].f].dirty = 1
	:: else
	fi;
	pte[v].f = NONE;
	pte[v].w = 0;
	pte[v].d = 0
}

/*
 * Clear all PTEs of the index. The kernel clears them one by one; the difference
 * does not show, because the folio of interest is locked, so that no PTE of it
 * comes back, and a process does not see another's PTE.
 */
inline unmap_all()
{
	zap(ROOT);
	zap(PARENT);
	zap(CHILD)
}

/* Frames -------------------------------------------------------------- */

#define ROOM(x) (folio[x].where == FREE || folio[x].where == NOWHERE)
#define IN_TABLE (INT(1) + INT(2) + INT(3))
#define INT(x) (folio[x].where == FREE || folio[x].where == TAKEN)

/* Take a free frame, or a new folio below the limit. */
inline take(x)
{
	folio[x].waiters = (folio[x].where == FREE -> folio[x].waiters : 0);
	folio[x].ref = (folio[x].where == FREE -> folio[x].ref : 1);
	folio[x].where = TAKEN;
	folio[x].ref++
}

/* The caller has counted itself in in_want. */
inline get_frame(x)
{
	atomic {
		(folio[1].where == FREE || folio[2].where == FREE || folio[3].where == FREE ||
		 (IN_TABLE < FRAMES &&
		  (folio[1].where == NOWHERE || folio[2].where == NOWHERE ||
		   folio[3].where == NOWHERE))) ->
		if
		:: folio[1].where == FREE -> x = 1
		:: else ->
			if
			:: folio[2].where == FREE -> x = 2
			:: else ->
				if
				:: folio[3].where == FREE -> x = 3
				:: else ->
					if
					:: folio[1].where == NOWHERE -> x = 1
					:: else ->
						if
						:: folio[2].where == NOWHERE -> x = 2
						:: else -> x = 3
						fi
					fi
				fi
			fi
		fi;
		take(x);
		in_want--
	}
}

/* x is locked and referenced, and has no page. */
inline frame_put(x)
{
	d_step {
		foreign = (folio[x].ref + MAPCOUNT(x) != 2 + folio[x].waiters);
		assert(!MAPPED(x) || no_page_freed_mapped);
		folio[x].where = (foreign -> DROPPED : FREE);
		folio[x].data = (foreign -> folio[x].data : GARBAGE)
	}
	d_step {
		if
		:: foreign -> folio[x].ref--
		:: else
		fi;
		foreign = 0;
		folio[x].locked = 0;
		put_folio(x)
	}
}

/* Pages --------------------------------------------------------------- */

/*
 * A freed page can be reused after a grace period: here, when there is no RCU
 * reader at all.
 */
#define CAN_BE_HAD(p) (!page[p].used && !(page[p].freed && rcu))
inline new_page(p, is_root)
{
	assert(!page[1].used || !page[2].used || !page[3].used || !page[4].used ||
	       model_is_large_enough);
	if
	:: CAN_BE_HAD(1) -> p = 1
	:: !CAN_BE_HAD(1) && CAN_BE_HAD(2) -> p = 2
	:: !CAN_BE_HAD(1) && !CAN_BE_HAD(2) && CAN_BE_HAD(3) -> p = 3
	:: !CAN_BE_HAD(1) && !CAN_BE_HAD(2) && !CAN_BE_HAD(3) && CAN_BE_HAD(4) -> p = 4
	fi;
	page[p].used = 1;
	page[p].root = is_root;
	page[p].sharers = 1;
	page[p].refs = 1
}

/* The page is unreachable. */
inline free_page(p)
{
	page[p].used = 0;
	page[p].freed = 1;
	page[p].root = 0;
	page[p].slot = 0;
	page[p].copy = 0;
	page[p].sharers = 0;
	page[p].shared = 0;
	page[p].late = 0;
	page[p].discarded = 0;
	page[p].refs = 0
}

inline page_put(p)
{
	d_step {
		page[p].refs--;
		if
		:: page[p].refs == 0 && page[p].folio == NONE -> free_page(p)
		:: page[p].refs == 0 && page[p].folio != NONE -> page[p].late = 1
		:: else
		fi
	}
}

inline page_unshare(p)
{
	d_step {
		page[p].sharers--;
		drop = (page[p].sharers == 0)
	}
	if
	:: drop ->
		drop = 0;
		page_put(p)
	:: else
	fi
}

/* x is locked. One step, because the lock excludes all others. */
inline detach(p, x)
{
	folio[x].page = NONE;
	folio[x].dirty = 0;
	folio[x].uptodate = 0;
	page[p].folio = NONE
}

inline set_shared(p, yes)
{
#ifndef FORMER_SHARERS_FORGOTTEN
	page[p].shared = yes
#else
	skip
#endif
}

/* Attach the page to the blank frame x, which gets locked. */
inline attach(p, x)
{
	!folio[x].locked;
	folio[x].locked = 1;
	folio[x].page = p;
	page[p].folio = x;
	set_shared(p, page[p].sharers > 1)
}

/* Frees pages whose frame was busy when the last reference was put. */
active proctype reaper()
{
	byte p, x;
	bit foreign;

end:	do
	:: atomic {
		if
		:: page[1].late -> p = 1
		:: page[2].late -> p = 2
		:: page[3].late -> p = 3
		:: page[4].late -> p = 4
		fi;
		page[p].late = 0 }
		lock_idle(p, x);
		if
		:: x != NONE ->
			d_step {
				assert(!MAPPED(x) || no_page_freed_mapped);
				detach(p, x)
			}
			frame_put(x)
		:: else
		fi;
		d_step { free_page(p); p = 0; x = 0 }
	od
}

/* Programs ------------------------------------------------------------- */

/* Kinds of accesses of a thread. LEND takes a plain reference, for reading. */
#define READ 0
#define WRITE 1
#define PIN 2
#define LEND 3
#define READS (kind == READ || kind == LEND)

/*
 * One access by an instruction. A write through a stale PTE is lost, which is
 * allowed only for a page that is being discarded.
 */
inline instruction()
{
	f = pte[m].f;
	pg = folio[f].page;
	if
	:: kind == READ && pg && pg == SHOWN(m) -> skip
	:: kind == READ && !(pg && pg == SHOWN(m)) ->
		assert(settling[m] || page[pg].discarded || no_stale_mapping)
	:: kind == WRITE ->
		stamp++;
		folio[f].data = stamp;
		pte[m].d = 1;
		if
		:: pg && pg == SHOWN(m) ->
			want[m] = stamp;
			assert(m == ROOT || own[m] || no_write_lost)
		:: else ->
			assert(page[pg].discarded || no_stale_mapping)
		fi
	:: kind == PIN ->
		folio[f].ref++;
		folio[f].pins++;
		vf = f
	:: kind == LEND ->
		folio[f].ref++;
		lent = f;
		lender = 1;
		as_lent = folio[f].data
	fi;
	pg = NONE;
	f = NONE
}

/* Does the folio, which the caller has locked, have foreign references? */
#define FOREIGN(x) (folio[x].ref != 2 + folio[x].waiters)

/* Does this access need a copy of the page, which is in the locked folio x? */
#define COPIED(p, x) (wr && v != ROOT && (page[p].root || page[p].sharers != 1 || \
					  (page[p].shared && FOREIGN(x))))

/* Look up the root view's page in fault_unmap_root(), with a reference. */
inline look_at_old()
{
	atomic {
		t = view[ROOT];
		if
		:: t != NONE && page[t].refs == 0 -> t = NONE
		:: t != NONE && page[t].refs > 0 -> page[t].refs++
		:: else
		fi
	}
}

/*
 * A thread of process m. The counts are the numbers of its actions, in any order.
 * Each pin has a write by a device later. A loan comes after the last write, and
 * ends with the thread. The exit comes last.
 */
proctype thread(byte m; byte reads; byte writes; byte pins; byte lends; byte forks;
		byte discards; byte leaves)
{
	byte v = m;		/* the view that a fault is resolved in */
	byte kind, pg, f, np, t, vf, sp;
	bit ok, again, haspte, foreign, drop, counted, wr, lender;

	m != CHILD || forked;
next:
	if
	:: atomic { reads > 0 -> reads--; kind = READ }
	:: atomic { writes > 0 -> writes--; kind = WRITE }
	:: atomic { pins > 0 -> pins--; kind = PIN }
	:: atomic { lends > 0 && writes == 0 -> lends--; kind = LEND }
	:: atomic { forks > 0 -> forks--; goto fork }
	:: atomic { discards > 0 -> discards--; goto discard }
	:: atomic { reads + writes + pins + lends + forks + discards == 0 && leaves > 0 -> leaves--; goto leave }
	:: atomic { reads + writes + pins + lends + forks + discards + leaves == 0 -> goto out }
	fi;

access:
	atomic {
		if
		:: pte[m].f && (READS || pte[m].w) && !(kind == PIN && writing[m]) ->
			instruction();
			if
			:: kind == PIN -> goto device
			:: else -> kind = 0; goto next
			fi
		/* wp_page_shared() without page_mkwrite() */
		:: pte[m].f && !(READS || pte[m].w) && m == ROOT ->
			pte[m].w = 1;
			goto access
		:: pte[m].f && !(READS || pte[m].w) && m != ROOT && !writing[m] ->
			faults[m]++;
			vf = pte[m].f;
			folio[vf].ref++;
			haspte = 1;
			goto mkwrite
		:: !pte[m].f && !writing[m] ->
			faults[m]++
		fi;
		wr = !READS
	}

	/* The steps of pb_fault_resolve(). */
step_fast:
	atomic {
		pg = view[v];
		f = (pg -> page[pg].folio : NONE);
		if
		:: f == NONE -> goto step_look
		:: else -> rcu++
		fi
	}
	atomic {
		if
		:: folio[f].ref > 0 && !folio[f].locked ->
			folio[f].ref++;
			folio[f].locked = 1
		:: else -> rcu--; goto step_look
		fi
	}
	atomic {
		rcu--;
		if
		:: folio[f].page == pg && folio[f].uptodate && view[v] == pg -> goto step_locked
		:: else -> unlock_put(f)
		fi
	}

step_look:
	atomic {
		pg = view[v];
		f = NONE;
		if
		:: v != ROOT && pg == NONE -> rcu++
		:: else -> goto step_ref
		fi
	}
	atomic { rcu--; pg = view[ROOT] ;
step_ref:
		if
		:: pg == NONE -> goto step_none
		:: pg != NONE && page[pg].folio -> f = page[pg].folio
		:: pg != NONE && !page[pg].folio && page[pg].refs > 0 ->
			page[pg].refs++;
			goto step_none
		:: pg != NONE && !page[pg].folio && page[pg].refs == 0 -> goto step_fast
		fi;
		if
		:: folio[f].ref == 0 -> goto step_fast
		:: else -> folio[f].ref++
		fi;
		/* fault_step_resident(): a waiter, if the folio is in the table */
		counted = INT(f);
		folio[f].waiters = folio[f].waiters + counted;
		!folio[f].locked;
		folio[f].locked = 1;
		folio[f].waiters = folio[f].waiters - (INT(f) -> counted : 0);
		counted = 0;
#ifdef NO_RECHECK
		goto step_locked;
#endif
		if
		:: folio[f].page != pg || !folio[f].uptodate ->
			unlock_put(f);
			goto step_fast
		:: else
		fi
	}
	atomic {
		t = view[v];
		if
		:: v != ROOT && t == NONE -> skip
		:: else -> goto step_still
		fi
	}
	atomic { t = view[ROOT];
step_still:
		ok = (t == pg);
		t = NONE;
		if
		:: ok -> ok = 0; goto step_locked
		:: else -> unlock_put(f); goto step_fast
		fi
	}

	/* No page, or a page without a frame, which is referenced now. */
step_none:
	atomic {
		if
		:: sp == NONE -> in_want++
		:: sp != NONE && pg != NONE -> goto step_absent
		:: sp != NONE && pg == NONE && wr && v != ROOT -> goto step_new_own
		:: else -> goto step_new_root
		fi;
		if
		:: pg != NONE -> page_put(pg)
		:: else
		fi
	}
	get_frame(sp);
	goto step_fast;

	/* f is locked and holds pg, which the view shows */
step_locked:
	atomic {
		if
		:: !COPIED(pg, f) ->
			page[pg].shared = (wr && v != ROOT -> 0 : page[pg].shared);
			goto resolved
		:: COPIED(pg, f) && sp == NONE ->
			unlock_put(f);
			in_want++
		:: COPIED(pg, f) && sp != NONE -> goto step_copy
		fi
	}
	get_frame(sp);
	goto step_fast;

step_copy:
	atomic {
		folio[sp].data = folio[f].data;
		new_page(np, 0);
		attach(np, sp);
		folio[sp].uptodate = 1;
		folio[sp].dirty = 1;
		t = (page[pg].root -> NONE : pg)
	}
	atomic {
		if
		:: view[v] == t ->
			view[v] = np;
			assert(t == NONE || v != m || folio[sp].data == want[v] || no_write_lost);
			want[v] = folio[sp].data;
			own[v] = 1;
			settling[v]++
		:: else ->
			detach(np, sp);
			folio[sp].locked = 0;
			free_page(np);
			np = NONE;
			t = NONE;
			unlock_put(f);
			goto step_fast
		fi;
		np = NONE
	}
	atomic {
#ifndef NO_UNMAP
		/* The child has no PTE yet when fork() makes its copy. */
		if
		:: v == m && pte[v].f -> unmap_all()
		:: else
		fi
#else
		skip
#endif
	}
	/* Was another page put into the root view by now? */
	atomic {
		again = (page[pg].root && view[ROOT] != pg);
#ifdef NO_UNMAP_OTHER
		again = 0;
#endif
		settling[v] = settling[v] - !again;
		unlock_put(f)
	}
	if
	:: t != NONE -> page_unshare(t)
	:: else
	fi;
	atomic {
		f = sp;
		sp = NONE;
		t = NONE;
		if
		:: again -> again = 0
		:: else -> goto resolved
		fi
	}
	goto step_unmap_old;

step_absent:
	atomic {
		if
		:: page[pg].folio != NONE -> page_put(pg); goto step_fast
		:: else
		fi;
		!folio[sp].locked;
		if
		:: page[pg].folio != NONE -> page_put(pg); goto step_fast
		:: else -> attach(pg, sp)
		fi
	}
	atomic {
		t = view[v];
		if
#ifdef NO_LOOK_AGAIN
		:: true -> t = pg; goto step_absent_still
#endif
		:: v != ROOT && t == NONE -> skip
		:: else -> goto step_absent_still
		fi
	}
	atomic { t = view[ROOT];
step_absent_still:
		if
		:: t != pg ->
			t = NONE;
			detach(pg, sp);
			folio[sp].locked = 0;
			page_put(pg);
			goto step_fast
		:: else -> t = NONE
		fi
	}
	atomic {
		f = sp;
		sp = NONE;
		folio[f].data = (page[pg].slot -> page[pg].copy : store);
		folio[f].uptodate = 1;
		if
		:: COPIED(pg, f) ->
			unlock_put(f);
			page_put(pg);
			goto step_fast
		/* short_of_frames: at any time in the model */
		:: COPIED(pg, f) -> goto hand_over
		:: !COPIED(pg, f) ->
			page[pg].shared = (wr && v != ROOT -> 0 : page[pg].shared);
			page_put(pg);
			goto resolved
		fi
	}

	/* The frame goes from the page, which stays in its slot, to the copy. */
hand_over:
	/* Under the folio lock: the copy has the frame before it is reachable. */
	atomic {
		t = (page[pg].root -> NONE : pg);
		if
		:: view[v] == t ->
			new_page(np, 0);
			page[np].folio = f;
			page[pg].folio = NONE;
			folio[f].page = np;
			folio[f].dirty = 1;
			view[v] = np;
			assert(t == NONE || v != m || folio[f].data == want[v] || no_write_lost);
			want[v] = folio[f].data;
			own[v] = 1;
			settling[v] = settling[v] + (t == NONE);
			np = NONE
		:: else ->
			unlock_put(f);
			f = NONE;
			t = NONE;
			page_put(pg);
			goto step_fast
		fi
	}
	if
	:: t == NONE -> page_put(pg); goto step_unmap_old
	:: else
	fi;
	page_unshare(t);
	atomic { page_put(pg); t = NONE }
	goto resolved;

step_new_own:
	atomic {
		folio[sp].data = store;
		new_page(np, 0);
		attach(np, sp);
		folio[sp].uptodate = 1;
		folio[sp].dirty = 1
	}
#ifdef REORDER_NEW_OWN
	/* Without smp_mb(): the load in fault_unmap_root() precedes the store. */
	look_at_old();
#endif
	atomic {
		if
		:: view[v] == NONE ->
			view[v] = np;
			want[v] = folio[sp].data;
			own[v] = 1;
			settling[v]++
		:: else ->
#ifdef REORDER_NEW_OWN
			if
			:: t != NONE -> page_put(t); t = NONE
			:: else
			fi;
#endif
			detach(np, sp);
			folio[sp].locked = 0;
			free_page(np);
			np = NONE;
			goto step_fast
		fi;
		f = sp;
		sp = NONE;
		np = NONE
	}

step_unmap_old:
#ifndef REORDER_NEW_OWN
	look_at_old();
#endif
	if
	:: t != NONE ->
		lock_page(t, np);
		atomic {
			if
			:: np != NONE && pte[v].f -> unmap_all()
			:: else
			fi;
			if
			:: np != NONE -> unlock_put(np)
			:: else
			fi
		}
		page_put(t)
	:: else
	fi;
	atomic { settling[v]--; t = NONE; np = NONE }
	goto resolved;

step_new_root:
	atomic {
		new_page(np, 1);
		attach(np, sp)
	}
	atomic {
		if
		:: view[ROOT] == NONE -> view[ROOT] = np
		:: else ->
			detach(np, sp);
			folio[sp].locked = 0;
			free_page(np);
			np = NONE;
			goto step_fast
		fi
	}
	atomic {
		pg = np;
		np = NONE;
		f = sp;
		sp = NONE;
		folio[f].data = store;
		folio[f].uptodate = 1
	}
	atomic {
		t = view[v];
		if
		:: v != ROOT && t == NONE -> skip
		:: else -> goto step_new_root_still
		fi
	}
	atomic { t = view[ROOT];
step_new_root_still:
		ok = (t == pg);
		t = NONE;
		if
		:: !ok -> unlock_put(f); goto step_fast
		:: else -> ok = 0
		fi
	}

	/* pb_fault_resolve() is done, with f locked; core mm does the rest. */
resolved:
	if
	:: sp != NONE ->
		lock_folio(sp);
		frame_put(sp);
		sp = NONE
	:: else
	fi;
	atomic {
		pg = NONE;
		if
		:: v != m ->		/* pb_fault_own_copy(), in fork() */
			unlock_put(f);
			f = NONE;
			goto forked_own
		:: v == m && vf != NONE ->	/* vma_break_cow() */
			unlock_put(f);
			f = NONE;
			put_folio(vf);
			vf = NONE;
			haspte = 0;
			faults[m]--;
			goto access
		:: v == m && vf == NONE && m != ROOT && wr ->
			/* do_shared_fault() unlocks before it calls page_mkwrite() */
			vf = f;
			f = NONE;
			folio[vf].locked = 0;
			goto mkwrite
		:: else
		fi;
		/* finish_fault() */
		if
		:: pte[m].f == NONE ->
			pte[m].f = f;
			pte[m].w = (m == ROOT);
			pte[m].d = wr
		:: else
		fi;
		unlock_put(f);
		f = NONE;
		faults[m]--;
		goto access
	}

mkwrite:
	atomic {
		!folio[vf].locked;
		folio[vf].locked = 1;
		t = view[m];
#ifdef MKWRITE_ANY
		ok = (t != NONE && folio[vf].page == t);
#else
		ok = (t != NONE && folio[vf].page == t && page[t].sharers == 1 &&
		      !(page[t].shared && FOREIGN(vf)));
#endif
		page[t].shared = (ok -> 0 : page[t].shared);
		t = NONE;
		if
		:: !ok ->
			folio[vf].locked = 0;
			wr = 1;
			goto step_fast
		:: else -> ok = 0
		fi
	}
	/* finish_mkwrite_fault(), or finish_fault() when there was no PTE */
	atomic {
		if
		:: pte[m].f == (haspte -> vf : NONE) ->
			pte[m].f = vf;
			pte[m].w = 1;
			pte[m].d = 1
		:: else
		fi;
		unlock_put(vf);
		vf = NONE;
		haspte = 0;
		faults[m]--;
		goto access
	}

	/* A pin: a device writes to the frame later, and dirties the page. */
device:
	atomic {
		stamp++;
		folio[vf].data = stamp;
		pg = folio[vf].page;
		if
		:: pg && pg == SHOWN(m) ->
			want[m] = stamp
		:: else -> assert(no_write_lost)
		fi;
		pg = NONE
	}
	d_step {
		folio[vf].dirty = (folio[vf].page -> 1 : folio[vf].dirty);
		folio[vf].pins--;
		put_folio(vf);
		vf = NONE;
		kind = 0
	}
	goto next;

	/* dup_mmap(), with mmap_lock and the VMA lock for writing */
fork:
	atomic { faults[m] == 0 && !writing[m] -> writing[m] = 1 }
	/* pb_view_share() */
	d_step {
		pg = view[m];
		if
		:: pg != NONE -> page[pg].sharers++
		:: else
		fi
	}
	if
	:: pg != NONE ->
		d_step { view[CHILD] = pg }
#ifndef FORK_IGNORES_PINS
		lock_page(pg, f);
		if
		:: f != NONE ->
			again = (folio[f].pins > 0);
			if
			:: !again -> set_shared(pg, 1)
			:: else
			fi;
			unlock_put(f)
		:: else
		fi;
		f = NONE;
		if
		:: again ->
			again = 0;
			v = CHILD;
			wr = 1;
			goto step_fast
		:: else
		fi
#endif
	:: else
	fi;
forked_own:
	/* pb_pte_wrprotect(), and dup_mmap() flushes the TLBs */
	atomic {
		v = m;
		pg = NONE;
		wr = 0;
#ifndef FORK_NO_WRPROTECT
		pte[m].w = 0;
#endif
		own[CHILD] = own[m];
		want[CHILD] = (view[CHILD] && view[CHILD] != view[m] -> want[CHILD] : want[m]);
		writing[m] = 0;
		forked = 1
	}
	goto next;

	/* exit(): close the VMA, then drop the view. */
leave:
	atomic { zap(m) }
	d_step {
		pg = view[m];
		view[m] = NONE;
		own[m] = 0
	}
	if
	:: pg != NONE -> page_unshare(pg); pg = NONE
	:: else
	fi;
	goto next;

	/* PAGEBOX_IOC_DISCARD of the process's view; by address if private. */
discard:
	if
	:: m != ROOT -> atomic { !writing[m] -> faults[m]++ }
	:: else
	fi;
	d_step { unmap_all() }
discard_next:
	atomic {
		pg = view[m];
		if
		:: pg != NONE && page[pg].refs > 0 -> page[pg].refs++
		:: pg != NONE && page[pg].refs == 0 -> goto discard_next
		:: else -> goto discarded
		fi
	}
	lock_idle(pg, f);
#ifdef DISCARD_UNLOCKED
	if
	:: f != NONE -> unlock_put(f); f = NONE
	:: else
	fi;
#endif
#ifdef REORDER_DISCARD
	/* Without smp_mb(): the load of the folio precedes the change of the view. */
	t = page[pg].folio;
#endif
	atomic {
		if
		:: view[m] == pg ->
			view[m] = NONE;
			own[m] = 0;
			page[pg].discarded = 1;
			want[m] = (m == ROOT -> store : ZERO);
			ok = 1
		:: else
		fi
	}
#ifndef DISCARD_NO_WAIT
	if
#ifdef REORDER_DISCARD
	:: ok && f == NONE && t != NONE -> lock_page(pg, f)
#else
	:: ok && f == NONE -> lock_page(pg, f)
#endif
	:: else
	fi;
#endif
	if
	:: ok && f != NONE && MAPPED(f) -> d_step { unmap_all() }
	:: else
	fi;
	if
	:: f != NONE -> unlock_put(f); f = NONE
	:: else
	fi;
	if
	:: ok ->
		d_step { ok = 0; t = NONE; page[pg].discarded = 0 }
		page_unshare(pg);
		page_put(pg)
	:: else ->
		page_put(pg);
		goto discard_next
	fi;
discarded:
	pg = NONE;
	if
	:: m != ROOT -> faults[m]--
	:: else
	fi;
	goto next;

out:
	atomic {
		if
		:: lender -> put_folio(lent); lent = NONE; as_lent = 0; lender = 0
		:: else
		fi;
		kind = 0;
		ended++
	}
}

/* Eviction -------------------------------------------------------------- */

/* Does a thread wait for a frame, with none free? */
#define NEEDED (in_want && IN_TABLE == FRAMES && folio[1].where != FREE && folio[2].where != FREE && \
		folio[3].where != FREE)

proctype evictor()
{
	byte x, p;
	bit dirty, foreign, drop, forget, slot;

end:	do
	:: atomic {
		(NEEDED || extra > 0) && IN_TABLE ->
		if
		:: INT(1) -> x = 1
		:: INT(2) -> x = 2
		:: INT(3) -> x = 3
		fi;
		/* evict_lock_frame() */
		if
		:: folio[x].locked || !folio[x].page -> x = 0; goto end
#ifndef EVICT_WRITTEN
		:: folio[x].written -> x = 0; goto end
#endif
		:: else
		fi;
		extra = (NEEDED -> extra : extra - 1);
		folio[x].ref++;
		folio[x].locked = 1;
		p = folio[x].page;
#ifdef DIRTY_BEFORE_UNMAP
		dirty = folio[x].dirty;
#endif
	}
#ifndef EVICT_NO_UNMAP
	d_step {
		if
		:: MAPPED(x) -> unmap_all()
		:: else
		fi
	}
#endif
	atomic {
#ifndef IGNORE_PIN
		if
		:: folio[x].ref != 2 + folio[x].waiters -> goto spare
		:: else
		fi;
#endif
#ifndef DIRTY_BEFORE_UNMAP
		dirty = folio[x].dirty;
#endif
		if
		:: dirty -> folio[x].dirty = 0
		:: else -> goto release
		fi;
#ifdef STORE
		slot = !page[p].root
#else
		slot = 1
#endif
	}
	atomic {
		if
		:: slot -> page[p].copy = folio[x].data; page[p].slot = 1
		:: !slot ->
			store = folio[x].data;
			assert(page[p].root || no_private_in_store)
		:: folio[x].dirty = 1; goto spare	/* an error */
		fi
	}
release:
	atomic {
		forget = !page[p].slot;
		if
		:: forget && (!page[p].root || view[ROOT] != p) -> goto spare
		:: forget && page[p].root && view[ROOT] == p -> view[ROOT] = NONE
		:: else
		fi
	}
	d_step { detach(p, x) }
	if
	:: forget -> page_unshare(p)
	:: else
	fi;
	frame_put(x);
	goto clear;
spare:
	unlock_put(x);
clear:
	atomic { x = 0; p = 0; dirty = 0; forget = 0; slot = 0 }
	od
}

/* Write-back ----------------------------------------------------------- */

/* folio_mkclean(): PTEs of private maps are not writable for a root page. */
inline mkclean(x)
{
	if
	:: pte[ROOT].f == x -> pte[ROOT].w = 0; pte[ROOT].d = 0
	:: else
	fi
}

proctype flusher(byte rounds)
{
	byte p, x;
	bit dirty, ok;

	do
	:: rounds == 0 -> break
	:: else ->
		rounds--;
		/* writeback_next() */
		atomic {
			p = view[ROOT];
			x = (p -> page[p].folio : NONE);
			if
			:: x != NONE && folio[x].ref > 0 -> folio[x].ref++
			:: else -> x = NONE
			fi
		}
		if
		:: x != NONE ->
			lock_folio(x);
			ok = (folio[x].page == p && folio[x].uptodate);
			/* writeback_is_dirty() */
			dirty = ok && (folio[x].dirty || (pte[ROOT].f == x && pte[ROOT].d) ||
				       (pte[PARENT].f == x && pte[PARENT].d) ||
				       (pte[CHILD].f == x && pte[CHILD].d));
			if
			:: dirty ->
#ifdef CLEAN_AFTER_WRITE
				store = folio[x].data;
#endif
				d_step { mkclean(x) }
				folio[x].dirty = 0;
				assert(page[p].root || no_private_in_store);
				/* The write needs no reference. */
				folio[x].written = 1;
				unlock_put(x);
#ifndef CLEAN_AFTER_WRITE
				store = folio[x].data;
#endif
				folio[x].written = 0
			:: else -> unlock_put(x)
			fi
		:: else
		fi;
		d_step { x = 0; p = 0; dirty = 0; ok = 0 }
	od;
	ended++
}

/* Settings -------------------------------------------------------------- */

/* Start the threads, wait for them, and check the counts that they leave. */
#define COUNTS(x) (folio[x].waiters || folio[x].locked || folio[x].written || folio[x].where == DROPPED || \
		   folio[x].ref != (folio[x].where != NOWHERE) || \
		   (folio[x].where == TAKEN && !folio[x].page))
#define HELD(p) ((view[ROOT] == (p)) + (view[PARENT] == (p)) + (view[CHILD] == (p)))
#define SHARES(p) (page[p].sharers != HELD(p) || page[p].refs != (HELD(p) > 0) || \
		   page[p].used != (HELD(p) > 0))

/* Initial state: a page that was written, and is in swap. */
inline in_swap(v)
{
	stamp++;
	page[1].used = 1;
	page[1].root = (v == ROOT);
	page[1].slot = 1;
	page[1].copy = stamp;
	page[1].sharers = 1;
	page[1].refs = 1;
	view[v] = 1;
	want[v] = stamp;
	own[v] = (v != ROOT)
}

init
{
	atomic {
#ifdef FAULTS		/* faults of one private mapping */
		started = 2;
		run thread(PARENT, 0, 2, 0, 0, 0, 0, 0);
		run thread(PARENT, 2, 0, 0, 0, 0, 0, 0)
#endif
#ifdef SHARED		/* faults of a private and a shared mapping */
		started = 2;
		run thread(PARENT, 1, 1, 0, 0, 0, 0, 0);
		run thread(ROOT, 0, 2, 0, 0, 0, 0, 0)
#endif
#ifdef FORK		/* a fork, then copies-on-write of both */
		started = 2;
		run thread(PARENT, 0, 2, 0, 0, 1, 0, 0);
		run thread(CHILD, 0, 1, 0, 0, 0, 0, 1)
#endif
#ifdef PINS		/* a device writes while a child is forked */
		started = 2;
		run thread(PARENT, 0, 0, 1, 0, 0, 0, 0);
		run thread(PARENT, 0, 1, 0, 0, 1, 0, 0)
#endif
#ifdef LOANS		/* a child lends a page and exits, the parent writes */
		started = 2;
		run thread(PARENT, 0, 2, 0, 0, 1, 0, 0);
		run thread(CHILD, 0, 0, 0, 1, 0, 0, 1)
#endif
#ifdef LEGACIES		/* a parent lends a page, forks and exits, the child writes */
		started = 2;
		run thread(PARENT, 0, 1, 0, 1, 1, 0, 1);
		run thread(CHILD, 0, 1, 0, 0, 0, 0, 0)
#endif
#ifdef DISCARDS		/* discards in the root view, with a page in swap */
		in_swap(ROOT);
		started = 3;
		run thread(PARENT, 0, 1, 0, 0, 0, 0, 0);
		run thread(PARENT, 1, 0, 0, 0, 0, 0, 0);
		run thread(ROOT, 0, 0, 0, 0, 0, 1, 0)
#endif
#ifdef DROPS		/* discards in a private view, with a page in swap */
		in_swap(PARENT);
		started = 2;
		run thread(PARENT, 1, 1, 0, 0, 0, 0, 0);
		run thread(PARENT, 0, 0, 0, 0, 0, 1, 0)
#endif
#ifdef SIBLINGS		/* two threads, and a child that shares the page in swap */
		in_swap(PARENT);
		page[1].sharers = 2;
		view[CHILD] = 1;
		want[CHILD] = stamp;
		own[CHILD] = 1;
		forked = 1;
		started = 2;
		run thread(PARENT, 0, 1, 0, 0, 0, 0, 0);
		run thread(PARENT, 1, 0, 0, 0, 0, 0, 0)
#endif
#ifdef FLUSHES		/* write-back */
		started = 3;
		run thread(ROOT, 0, 2, 0, 0, 0, 0, 0);
		run thread(PARENT, 0, 1, 0, 0, 0, 0, 0);
		run flusher(1)
#endif
		;
		run evictor()
	}
	ended == started;
	extra = 0;
	timeout;
	assert(!(COUNTS(1) || COUNTS(2) || COUNTS(3)) || no_leak);
	assert(!(SHARES(1) || SHARES(2) || SHARES(3) || SHARES(4)) || no_leak)
}
