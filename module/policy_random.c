// SPDX-License-Identifier: GPL-2.0
/*
 * Random: the victim does not depend on accesses. This is the baseline for other
 * policies. It beats them for a program that loops over more pages than there are
 * frames.
 *
 * A frame may be proposed twice, even in one call. The engine skips it the second
 * time, because its folio is locked by then.
 */
#include <linux/math.h>
#include <linux/random.h>

#include "policy.h"

static unsigned int random_pick(struct pb_policy_box *box, u32 *frame,
				unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		frame[i] = reciprocal_scale(get_random_u32(), box->nr);
	return nr;
}

const struct pb_policy pb_policy_random = {
	.name = "random",
	.owner = THIS_MODULE,
	.pick = random_pick,
};
