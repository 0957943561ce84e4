// SPDX-License-Identifier: GPL-2.0
/*
 * select: read the boxes and mappings that the user selected.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"

/**
 * report() - report a mapping that could not be read
 * @code: 0 or a negative errno; -ENOENT (the mapping has ended) is no error
 * @error: the message
 * @status: exit status, set on error
 */
void report(int code, const struct pagebox_error *error, int *status)
{
	if (!code || code == -ENOENT)
		return;
	warnx("%s", error->text);
	*status = EXIT_FAILURE;
}

/**
 * report_box() - report a box that could not be read
 * @box: box number
 * @options: user options; a box that the user named by number must exist
 * @code: 0 or a negative errno
 * @error: the message
 * @status: exit status, set on error
 */
void report_box(__u64 box, const struct options *options, int code,
		const struct pagebox_error *error, int *status)
{
	if (code != -ENOENT || !options->nr_boxes) {
		report(code, error, status);
		return;
	}
	warnx("there is no box %llu; 'pagebox ls' lists the boxes", box);
	*status = EXIT_FAILURE;
}

/**
 * report_process() - report that the selected process maps no box
 * @options: user options, with its PID
 * @status: exit status, set unless another error was reported
 */
void report_process(const struct options *options, int *status)
{
	if (!options->pid || *status != EXIT_SUCCESS)
		return;
	warnx("process %llu maps no box; 'pagebox ls' lists the processes that do",
	      options->pid);
	*status = EXIT_FAILURE;
}

static int compare_vmas(const void *a, const void *b)
{
	const struct pagebox_vma *x = a, *y = b;

	if (x->map != y->map)
		return x->map < y->map ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

/* Drop the VMAs of other processes; 0 keeps all. */
static void keep_pid(struct target *target, __u64 pid)
{
	size_t kept = 0;

	for (size_t i = 0; i < target->nr_vmas; i++) {
		if (!pid || target->vmas[i].pid == pid)
			target->vmas[kept++] = target->vmas[i];
	}
	target->nr_vmas = kept;
	if (kept)
		qsort(target->vmas, kept, sizeof(*target->vmas), compare_vmas);
}

/* Return: 0 if the box is selected, 1 if it is not, or a negative errno. */
static int read_box(__u64 id, const struct options *options,
		    struct target *target, struct pagebox_error *error)
{
	int ret = pagebox_read_summary(id, &target->summary, error);

	target->id = id;
	if (!ret)
		ret = pagebox_read_vmas(id, &target->vmas, &target->nr_vmas,
					error);
	if (ret)
		return ret;
	keep_pid(target, options->pid);
	if (!options->pid || target->nr_vmas)
		return 0;
	free(target->vmas);
	return 1;
}

static void add_box(struct selection *selection, __u64 id,
		    const struct options *options)
{
	struct target *target = &selection->targets[selection->nr];
	struct pagebox_error error;
	int ret = read_box(id, options, target, &error);

	if (!ret)
		selection->nr++;
	if (ret < 0)
		report_box(id, options, ret, &error, &selection->status);
}

/**
 * select_boxes() - read the selected boxes
 * @options: user options
 *
 * Exits if the list of boxes cannot be read.
 *
 * Return: the selection, for select_free().
 */
struct selection select_boxes(const struct options *options)
{
	struct selection selection = { .status = EXIT_SUCCESS };
	struct pagebox_error error;
	const __u64 *ids;
	__u64 *present;
	size_t nr;

	if (pagebox_read_boxes(&present, &nr, &error))
		errx(EXIT_FAILURE, "%s", error.text);
	ids = options->nr_boxes ? options->boxes : present;
	nr = options->nr_boxes ? options->nr_boxes : nr;
	selection.targets = calloc(nr + 1, sizeof(*selection.targets));
	if (!selection.targets)
		errx(EXIT_FAILURE, "out of memory");
	for (size_t i = 0; i < nr; i++)
		add_box(&selection, ids[i], options);
	free(present);

	if (options->pid && !selection.nr)
		report_process(options, &selection.status);
	else if (!nr && is_for_people(options))
		warnx("there are no boxes: a program makes one by opening /dev/pagebox");
	return selection;
}

void select_free(struct selection *selection)
{
	for (size_t i = 0; i < selection->nr; i++)
		free(selection->targets[i].vmas);
	free(selection->targets);
	selection->targets = NULL;
	selection->nr = 0;
}
