// SPDX-License-Identifier: GPL-2.0
/* Boxes and their mappings; see box.h. */

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/box.h"
#include "lib/test.h"

int box_open(void)
{
	int box = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);

	if (box < 0)
		die("cannot open " PAGEBOX_DEVICE
		    ", load the module and be root");
	return box;
}

int configure_error(int box, struct pagebox_config config)
{
	config.size = sizeof(config);
	return ioctl(box, PAGEBOX_IOC_CONFIGURE, &config) ? errno : 0;
}

void box_configure(int box, struct pagebox_config config)
{
	if (configure_error(box, config))
		die("PAGEBOX_IOC_CONFIGURE");
}

int frames_error(int box, unsigned int frames)
{
	return configure_error(
		box, (struct pagebox_config){ .set = PAGEBOX_SET_FRAMES,
					      .frames = frames });
}

int store_error(int box, int fd)
{
	return configure_error(
		box, (struct pagebox_config){ .set = PAGEBOX_SET_STORE,
					      .store_fd = fd });
}

int swap_error(int box, int fd, size_t pages)
{
	return configure_error(box,
			       (struct pagebox_config){ .set = PAGEBOX_SET_SWAP,
							.swap_fd = fd,
							.swap_pages = pages });
}

void box_set_frames(int box, unsigned int frames)
{
	errno = frames_error(box, frames);
	if (errno)
		die("%u frames", frames);
}

void box_set_store(int box, int fd)
{
	errno = store_error(box, fd);
	if (errno)
		die("a store");
}

void box_set_swap(int box, int fd, size_t pages)
{
	errno = swap_error(box, fd, pages);
	if (errno)
		die("a swap area");
}

int box_new(unsigned int frames, size_t pages)
{
	int box = box_open();

	box_configure(box, (struct pagebox_config){
				   .set = (frames ? PAGEBOX_SET_FRAMES : 0) |
					  (pages ? PAGEBOX_SET_BYTES : 0),
				   .frames = frames,
				   .bytes = (uint64_t)pages * page_size,
			   });
	return box;
}

int box_new_store(unsigned int frames, int store_fd)
{
	int box = box_open();

	box_configure(box, (struct pagebox_config){
				   .set = (frames ? PAGEBOX_SET_FRAMES : 0) |
					  PAGEBOX_SET_STORE,
				   .frames = frames,
				   .store_fd = store_fd,
			   });
	return box;
}

int box_new_quiet(unsigned int frames, int store_fd)
{
	return box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
		       PAGEBOX_SET_DIRTY,
		.frames = frames,
		.store_fd = store_fd,
		.dirty_age_ms = PAGEBOX_MAX_DIRTY_AGE,
		.dirty_ratio = PAGEBOX_MAX_DIRTY_RATIO,
	});
}

int box_with(struct pagebox_config config)
{
	int box = box_open();

	box_configure(box, config);
	return box;
}

struct pagebox_info box_info(int box)
{
	struct pagebox_info info = { .size = sizeof(info) };

	if (ioctl(box, PAGEBOX_IOC_INFO, &info))
		die("PAGEBOX_IOC_INFO");
	return info;
}

int box_join(int box, unsigned int id)
{
	struct pagebox_join join = { .size = sizeof(join), .id = id };
	int joined = ioctl(box, PAGEBOX_IOC_JOIN, &join);

	return joined < 0 ? -errno : joined;
}

static long range_do(int box, unsigned long request, uint32_t flags,
		     uint64_t start, size_t pages)
{
	struct pagebox_range range = { .size = sizeof(range),
				       .flags = flags,
				       .start = start,
				       .length = pages * page_size };

	return ioctl(box, request, &range) ? -errno : (long)range.pages;
}

long root_range(int box, unsigned long request, size_t first, size_t pages)
{
	return range_do(box, request, 0, first * page_size, pages);
}

long map_range(int box, unsigned long request, const void *address,
	       size_t pages)
{
	return range_do(box, request, PAGEBOX_RANGE_ADDRESS, (uintptr_t)address,
			pages);
}

char *box_map_from(int box, size_t first, size_t pages, int flags)
{
	char *map = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, flags,
			 box, first * page_size);

	if (map == MAP_FAILED)
		die("cannot map %zu pages of a box", pages);
	return map;
}

char *box_map(int box, size_t pages, int flags)
{
	return box_map_from(box, 0, pages, flags);
}

void unmap(char *map, size_t pages)
{
	if (munmap(map, pages * page_size))
		die("munmap");
}

void drop_ptes(char *map, size_t pages)
{
	if (madvise(map, pages * page_size, MADV_DONTNEED))
		die("MADV_DONTNEED");
}
