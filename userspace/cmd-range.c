// SPDX-License-Identifier: GPL-2.0
/*
 * pagebox prefetch, pageout and discard: pages of the root view, moved by hand.
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
 * struct work - what is done to the pages
 * @act: does it
 * @done: the word for it afterwards
 */
struct work {
	int (*act)(int fd, struct pagebox_range *range);
	const char *done;
};

static bool is_inside(int fd, const struct options *options)
{
	struct pagebox_info info;

	return pb_info(fd, &info) || options->last < info.bytes / PB_PAGE_SIZE;
}

static void explain(int fd, const struct options *options, int code)
{
	__u64 box = options->boxes[0];

	if (code == -EINVAL && !is_inside(fd, options))
		warnx("box %llu ends before page %llu", box, options->last);
	else if (code == -ENOTTY)
		warnx("the loaded module is older than this program and cannot do this");
	else if (code == -EIO)
		warnx("box %llu: its store or swap area could not be read or written",
		      box);
	else
		warnx("box %llu: %s", box, strerror(-code));
}

static int do_work(int fd, const struct options *options,
		   const struct work *work)
{
	__u64 pages = options->last - options->first + 1;
	struct pagebox_range range = {
		.start = options->first * PB_PAGE_SIZE,
		.length = pages * PB_PAGE_SIZE,
	};
	int ret = work->act(fd, &range);

	if (ret) {
		explain(fd, options, ret);
		return EXIT_FAILURE;
	}
	printf("%s %llu of %llu pages\n", work->done, range.pages, pages);
	return EXIT_SUCCESS;
}

static int run(const struct options *options, const struct work *work)
{
	struct pb_error error;
	int fd, status;

	fd = reach_box(options->boxes[0], &error);
	if (fd < 0)
		errx(EXIT_FAILURE, "%s", error.text);
	status = do_work(fd, options, work);
	close(fd);
	return status;
}

static int prefetch(const struct options *options)
{
	static const struct work work = { pb_prefetch, "prefetched" };

	return run(options, &work);
}

static int page_out(const struct options *options)
{
	static const struct work work = { pb_page_out, "paged out" };

	return run(options, &work);
}

static int discard(const struct options *options)
{
	static const struct work work = { pb_discard, "discarded" };

	return run(options, &work);
}

static const char shared_pages[] =
	"These are pages that shared mappings see; those that a private mapping has for\n"
	"itself are not touched.";

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
	.summary = "take the frames of pages away, writing what is dirty",
	.operands = OPERANDS_RANGE,
	.details = shared_pages,
	.flags = "",
	.run = page_out,
};

const struct command discard_command = {
	.name = "discard",
	.summary = "forget what is in pages: back to the store, or zero",
	.operands = OPERANDS_RANGE,
	.details = shared_pages,
	.flags = "",
	.run = discard,
};
