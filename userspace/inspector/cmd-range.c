// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox prefetch, pageout and discard: act on a range of pages of the root view.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "reach.h"

/**
 * struct action - an operation on pages
 * @act: performs it
 * @done: its past participle, for the report
 */
struct action {
	int (*act)(int fd, struct pagebox_range *range);
	const char *done;
};

static bool is_inside(int fd, const struct options *options)
{
	struct pagebox_info info;

	return pagebox_info(fd, &info) ||
	       options->last < info.bytes / PAGEBOX_PAGE_SIZE;
}

static void explain(int fd, const struct options *options, int code)
{
	__u64 box = options->boxes[0];

	if (code == -EINVAL && !is_inside(fd, options))
		warnx("box %llu ends before page %llu", box, options->last);
	else if (code == -ENOTTY)
		warnx("the loaded module is older than this program and does not support this");
	else if (code == -EIO)
		warnx("box %llu: its store or swap area could not be read or written",
		      box);
	else
		warnx("box %llu: %s", box, strerror(-code));
}

static int do_action(int fd, const struct options *options,
		     const struct action *action)
{
	__u64 pages = options->last - options->first + 1;
	struct pagebox_range range = {
		.start = options->first * PAGEBOX_PAGE_SIZE,
		.length = pages * PAGEBOX_PAGE_SIZE,
	};
	int ret = action->act(fd, &range);

	if (ret) {
		explain(fd, options, ret);
		return EXIT_FAILURE;
	}
	printf("%s %llu of %llu pages\n", action->done, range.pages, pages);
	return EXIT_SUCCESS;
}

static int run(const struct options *options, const struct action *action)
{
	struct pagebox_error error;
	int fd, status;

	fd = reach_box(options->boxes[0], &error);
	if (fd < 0)
		errx(EXIT_FAILURE, "%s", error.text);
	status = do_action(fd, options, action);
	close(fd);
	return status;
}

static int prefetch(const struct options *options)
{
	static const struct action action = { pagebox_prefetch, "prefetched" };

	return run(options, &action);
}

static int page_out(const struct options *options)
{
	static const struct action action = { pagebox_page_out, "paged out" };

	return run(options, &action);
}

static int discard(const struct options *options)
{
	static const struct action action = { pagebox_discard, "discarded" };

	return run(options, &action);
}

static const char shared_pages[] =
	"Only pages of the root view are affected, which shared mappings see; private\n"
	"copies are not.";

const struct command prefetch_command = {
	.name = "prefetch",
	.summary = "bring pages of a box into frames",
	.operands = OPERANDS_RANGE,
	.details = shared_pages,
	.flags = "",
	.run = prefetch,
};

const struct command pageout_command = {
	.name = "pageout",
	.summary = "evict pages, writing dirty ones first",
	.operands = OPERANDS_RANGE,
	.details = shared_pages,
	.flags = "",
	.run = page_out,
};

const struct command discard_command = {
	.name = "discard",
	.summary = "drop page contents: reload from the store, or zero",
	.operands = OPERANDS_RANGE,
	.details = shared_pages,
	.flags = "",
	.run = discard,
};
