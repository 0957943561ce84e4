// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox policies: list the available replacement policies.
 */
#include <err.h>
#include <stdlib.h>

#include "libpagebox.h"
#include "sheet.h"

enum {
	POLICY,
};

static const struct column columns[] = {
	[POLICY] = { "POLICY", KIND_TEXT, "policy name" },
};

static const struct layout layout = {
	.name = "policies",
	.columns = columns,
	.nr = ARRAY_SIZE(columns),
	.people = "POLICY",
};

static int run(const struct options *options)
{
	struct sheet *sheet = sheet_new(&layout, options);
	struct pagebox_policy *policies;
	struct pagebox_error error;
	size_t nr;

	if (pagebox_read_policies(&policies, &nr, &error))
		errx(EXIT_FAILURE, "%s", error.text);
	for (size_t i = 0; i < nr; i++) {
		sheet_row(sheet);
		sheet_text(sheet, POLICY, "%s", policies[i].name);
	}
	sheet_end(sheet);
	free(policies);
	return EXIT_SUCCESS;
}

const struct command policies_command = {
	.name = "policies",
	.summary = "list the replacement policies",
	.operands = OPERANDS_NONE,
	.details =
		"To change the policy of a box, use 'pagebox set BOX --policy NAME'.",
	.flags = "",
	.layouts = { &layout },
	.run = run,
};
