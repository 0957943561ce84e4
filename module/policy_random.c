// SPDX-License-Identifier: GPL-2.0
/*
 * Random: any frame may be next, whatever the program did. What a policy that
 * looks at accesses is worth shows against this one; for a program that goes
 * round and round over more pages than there are frames, the others are worse.
 *
 * A frame may be proposed twice, even at once. The engine passes it the second
 * time, since its folio is locked by then.
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
