/* SPDX-License-Identifier: GPL-2.0 */
/* Boxes and their mappings. */
#ifndef PAGEBOX_LIB_BOX_H
#define PAGEBOX_LIB_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pagebox.h"

#define PAGEBOX_DEVICE "/dev/pagebox"

/* Linux 6.13, for such mappings 6.15. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

/* A box with its defaults. */
int box_open(void);

/* A box of @pages pages with @frames frames; 0 leaves a default alone. */
int box_new(unsigned int frames, size_t pages);

/* A box whose pages come from @store_fd. */
int box_new_store(unsigned int frames, int store_fd);

/* The same, but it writes to its store only on request or under pressure. */
int box_new_quiet(unsigned int frames, int store_fd);

/* A box with the settings that @config.set names. */
int box_with(struct pagebox_config config);

struct pagebox_info box_info(int box);

/* PAGEBOX_IOC_CONFIGURE, which must succeed; both set the size. */
void box_configure(int box, struct pagebox_config config);

/* The errno of PAGEBOX_IOC_CONFIGURE, 0 for success. */
int configure_error(int box, struct pagebox_config config);

/*
 * One setting, which must be accepted; or 0 or errno. A swap area has @pages pages,
 * or as many as fit.
 */
void box_set_frames(int box, unsigned int frames);
void box_set_store(int box, int fd);
void box_set_swap(int box, int fd, size_t pages);
int frames_error(int box, unsigned int frames);
int store_error(int box, int fd);
int swap_error(int box, int fd, size_t pages);

/* PAGEBOX_IOC_JOIN through @box: an fd of box @id, or -errno. */
int box_join(int box, unsigned int id);

/*
 * PAGEBOX_IOC_PREFETCH, _PAGE_OUT or _DISCARD of @pages pages, from page @first of
 * the root view or from @address of a mapping: the number of pages affected, or
 * -errno.
 */
long root_range(int box, unsigned long request, size_t first, size_t pages);
long map_range(int box, unsigned long request, const void *address,
	       size_t pages);

/* Maps @pages pages readable and writable, starting with page @first. */
char *box_map_from(int box, size_t first, size_t pages, int flags);
char *box_map(int box, size_t pages, int flags);

void unmap(char *map, size_t pages);

/* Drops the PTEs of @pages pages; the contents stay in the box. */
void drop_ptes(char *map, size_t pages);

#endif /* PAGEBOX_LIB_BOX_H */
