/* SPDX-License-Identifier: GPL-2.0 */
/* A view: maps an index to a page. */
#ifndef _PAGEBOX_VIEW_H
#define _PAGEBOX_VIEW_H

#include <linux/types.h>
#include <linux/xarray.h>

struct folio;
struct pb_box;
struct pb_page;

/**
 * struct pb_view - a supplemental page table: index -> page
 * @pages: struct pb_page by index; read under RCU, changed under its xa_lock
 */
struct pb_view {
	struct xarray pages;
};

void pb_view_init(struct pb_box *box, struct pb_view *view);
void pb_view_destroy(struct pb_box *box, struct pb_view *view);
struct pb_page *pb_view_peek(struct pb_view *view, pgoff_t index);
struct pb_page *pb_view_look(struct pb_box *box, struct pb_view *view,
			     pgoff_t index);
struct folio *pb_view_trylock(struct pb_view *view, pgoff_t index,
			      struct pb_page **page);
struct pb_page *pb_view_next(struct pb_view *view, pgoff_t *index,
			     pgoff_t last);
struct pb_page *pb_view_next_shown(struct pb_box *box, struct pb_view *view,
				   pgoff_t *index, pgoff_t last);
struct pb_page *pb_view_next_get(struct pb_view *view, pgoff_t *index,
				 pgoff_t last);
struct pb_page *pb_view_get(struct pb_box *box, struct pb_view *view,
			    pgoff_t index);
int pb_view_replace(struct pb_view *view, pgoff_t index, struct pb_page *old,
		    struct pb_page *new);
void pb_view_drop(struct pb_box *box, struct pb_view *view, pgoff_t first,
		  pgoff_t last);
struct pb_page *pb_view_share(struct pb_view *from, struct pb_view *to,
			      pgoff_t *index, pgoff_t last);

#endif /* _PAGEBOX_VIEW_H */
