/* SPDX-License-Identifier: GPL-2.0 */
/* A fault: from an index to a locked folio. */
#ifndef _PAGEBOX_FAULT_H
#define _PAGEBOX_FAULT_H

#include <linux/types.h>

#include "frame.h"
#include "map.h"

/**
 * struct pb_fault - a fault in progress
 * @box: the box
 * @view: the view that it accesses
 * @map: the map that it is counted in, or NULL for read() and write()
 * @index: index of the page
 * @address: in the VMA, or 0 for a process that does not run yet
 * @write: a write access
 * @class: the class so far
 * @major: it waited for a read
 * @short_of_frames: the page was in a frame, but there was none for its copy
 * @ahead: class of the read that readahead did for it, or PAGEBOX_FAULT_MINOR
 * @blank: a frame in hand, if any
 * @folio: the result, locked and referenced
 */
struct pb_fault {
	struct pb_box *box;
	struct pb_view *view;
	struct pb_map *map;
	pgoff_t index;
	unsigned long address;
	bool write;
	enum pagebox_fault_class class;
	bool major;
	bool short_of_frames;
	enum pagebox_fault_class ahead;
	struct pb_blank blank;
	struct folio *folio;
};

static inline struct pb_fault pb_fault_of(struct pb_map *map, pgoff_t index,
					  unsigned long address, bool write)
{
	return (struct pb_fault){
		.box = map->box,
		.view = map->view,
		.map = map,
		.index = index,
		.address = address,
		.write = write,
		.ahead = PAGEBOX_FAULT_MINOR,
	};
}

int pb_fault_resolve(struct pb_fault *f);
void pb_fault_count(const struct pb_fault *f, enum pagebox_fault_class class);
int pb_fault_own_copy(struct pb_map *map, pgoff_t index);
int pb_fault_root(struct pb_box *box, pgoff_t index, bool write,
		  struct folio **folio);

#endif /* _PAGEBOX_FAULT_H */
