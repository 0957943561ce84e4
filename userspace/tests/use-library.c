// SPDX-License-Identifier: GPL-2.0
/*
 * An example user of the library. test-library builds it from installed files only.
 * It prints the name of each box.
 */
#include <libpagebox.h>

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	struct pagebox_summary summary;
	struct pagebox_error error;
	__u64 *boxes;
	size_t nr;

	if (pagebox_read_boxes(&boxes, &nr, &error))
		return EXIT_FAILURE;
	for (size_t i = 0; i < nr; i++) {
		if (pagebox_read_summary(boxes[i], &summary, &error))
			return EXIT_FAILURE;
		puts(summary.name);
	}
	free(boxes);
	return EXIT_SUCCESS;
}
