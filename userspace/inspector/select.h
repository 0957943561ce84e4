/* SPDX-License-Identifier: GPL-2.0 */
/*
 * select: the boxes and mappings that the user means.
 */
#ifndef SELECT_H
#define SELECT_H

#include "libpagebox.h"
#include "options.h"

/**
 * struct target - a box that was selected
 * @id: its number
 * @summary: what it is
 * @vmas: its mappings that were selected, by mapping and address
 * @nr_vmas: how many
 */
struct target {
	__u64 id;
	struct pagebox_summary summary;
	struct pagebox_vma *vmas;
	size_t nr_vmas;
};

/**
 * struct selection - what the user means
 * @targets: the boxes, ascending
 * @nr: how many
 * @status: exit status so far: not EXIT_SUCCESS when something is missing
 */
struct selection {
	struct target *targets;
	size_t nr;
	int status;
};

struct selection select_boxes(const struct options *options);
void select_free(struct selection *selection);
void report(int code, const struct pagebox_error *error, int *status);
void report_box(__u64 box, const struct options *options, int code,
		const struct pagebox_error *error, int *status);
void report_process(const struct options *options, int *status);

#endif /* SELECT_H */
