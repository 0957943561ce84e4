// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox set: change the settings of a box, even while it is in use.
 */
#include <err.h>
#include <stdlib.h>
#include <unistd.h>

#include "options.h"
#include "reach.h"

static int run(const struct options *options)
{
	struct pagebox_error error;
	int fd, ret;

	if (!options->settings.given)
		errx(EXIT_USAGE,
		     "nothing to set; 'pagebox set --help' lists the settings");
	fd = reach_box(options->boxes[0], &error);
	if (fd < 0)
		errx(EXIT_FAILURE, "%s", error.text);
	ret = settings_apply(&options->settings, fd, &error);
	if (ret)
		warnx("box %llu: %s", options->boxes[0], error.text);
	close(fd);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command set_command = {
	.name = "set",
	.summary = "change a box: frames, policy, swap area and more",
	.operands = OPERANDS_BOX,
	.details =
		"Other settings keep their values. If one setting fails, none is changed.",
	.flags = "",
	.settings = SETTINGS_CHANGE,
	.run = run,
};
