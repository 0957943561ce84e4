// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker of a box. When memory is low, the kernel asks each box to give
 * back free frames, pages that were not used lately and need not be written,
 * and copies in RAM swap of pages that are in frames.
 *
 * It runs inside allocations, so it does no I/O and does not wait.
 */
#include "box.h"
#include "compat.h"
#include "engine.h"
#include "evict.h"
#include "failpoint.h"
#include "frame.h"
#include "stats.h"

/* An upper bound of the pages that can be given back. */
static unsigned long shrink_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	struct pb_box *box = pb_shrinker_data(shrinker);

	return READ_ONCE(box->frames.idle) + READ_ONCE(box->frames.used);
}

static unsigned long shrink_scan(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	struct pb_box *box = pb_shrinker_data(shrinker);
	unsigned long nr = sc->nr_to_scan;
	unsigned long freed = pb_frames_shrink(&box->frames, nr);

	sc->nr_scanned = nr;
	pb_window(shrink_scan);
	if (freed < nr && (sc->gfp_mask & __GFP_FS))
		freed += pb_evict_shrink(box, nr - freed);
	pb_count_add(box, PB_STAT_SHRUNK, freed);
	return freed ?: SHRINK_STOP;
}

/**
 * pb_shrink_add - register the shrinker of a box
 * @box: the box
 *
 * Return: 0 or -ENOMEM
 */
int pb_shrink_add(struct pb_box *box)
{
	return pb_may_fail(register_shrinker, -ENOMEM,
			   pb_shrinker_register(&box->shrinker, shrink_count,
						shrink_scan, box));
}

/**
 * pb_shrink_remove - unregister the shrinker of a box
 * @box: the box
 *
 * Waits for a scan in progress.
 */
void pb_shrink_remove(struct pb_box *box)
{
	pb_shrinker_unregister(&box->shrinker);
}
