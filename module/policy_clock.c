// SPDX-License-Identifier: GPL-2.0
/*
 * The clock: the hand visits the frames in the order of their numbers. A frame
 * whose page was accessed since the last visit is kept, and its accessed bit is
 * cleared; the first other frame is the victim (F. J. Corbato, "A Paging
 * Experiment with the Multics System", 1968).
 */
#include <linux/minmax.h>

#include "policy.h"

static unsigned int clock_pick(struct pb_policy_box *box, u32 *frame,
			       unsigned int nr)
{
	nr = min(nr, box->nr);
	for (unsigned int i = 0; i < nr; i++)
		frame[i] = pb_policy_advance(box);
	return nr;
}

static bool clock_keep(struct pb_policy_box *box, u32 frame, bool accessed,
		       bool dirty)
{
	return accessed;
}

const struct pb_policy pb_policy_clock = {
	.name = "clock",
	.owner = THIS_MODULE,
	.pick = clock_pick,
	.keep = clock_keep,
};
