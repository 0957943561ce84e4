/* SPDX-License-Identifier: GPL-2.0 */
/* The tables in debugfs; -1 stands for a column that shows "-". */
#ifndef PAGEBOX_LIB_DEBUGFS_H
#define PAGEBOX_LIB_DEBUGFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROOT_SHARERS (-2)

struct frame_row {
	long frame;
	long pfn;
	long page;
	char tier[16];
	long sharers;
	long referenced;
	long dirty;
	long pins;
	bool hand;
};

struct map_row {
	long map;
	long pid;
	char type[16];
	uintptr_t start;
	uintptr_t end;
	long pgoff;
	char prot[8];
};

struct page_row {
	long index;
	uintptr_t address;
	char state[16];
	long frame;
	long slot;
	long sharers;
	char pte[8];
};

/* The text of a file of box @id, to be freed; NULL if it does not exist. */
char *debugfs_text(unsigned int id, const char *name);

/* Whether the files of box @id have been removed. */
bool box_is_gone(unsigned int id);

/* Whether no box has files. */
bool no_box_is_left(void);

/* The value of a "key value" line of a file of box @id. */
long debugfs_number(unsigned int id, const char *name, const char *key);

/* Return the rows of a table, to be freed, and their number. */
size_t frame_rows(unsigned int id, struct frame_row **rows);
size_t map_rows(unsigned int id, struct map_row **rows);
size_t page_rows(unsigned int id, long map, struct page_row **rows);

/* The row of this process's mapping at @address. */
struct map_row map_row_at(unsigned int id, const void *address);

/* The row of @address in its mapping; false if there is none. */
bool page_row_at(unsigned int id, const void *address, struct page_row *row);

/* The frame that holds @page of @tier, or -1. */
long frame_of(unsigned int id, const char *tier, long page);

#endif /* PAGEBOX_LIB_DEBUGFS_H */
