/* SPDX-License-Identifier: GPL-2.0 */
/*
 * select: read the boxes and mappings that the user selected.
 */
#ifndef SELECT_H
#define SELECT_H

#include "libpagebox.h"
#include "options.h"

/**
 * struct target - a selected box
 * @id: box number
 * @summary: its summary
 * @vmas: its selected VMAs, by mapping and address
 * @nr_vmas: number of VMAs
 */
struct target {
	__u64 id;
	struct pagebox_summary summary;
	struct pagebox_vma *vmas;
	size_t nr_vmas;
};

/**
 * struct selection - the selected boxes
 * @targets: the boxes, by ascending number
 * @nr: number of boxes
 * @status: exit status so far: not EXIT_SUCCESS if something is missing
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
