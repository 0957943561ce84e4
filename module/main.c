// SPDX-License-Identifier: GPL-2.0
/* Module parameters, init and exit. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/module.h>

#include "backend.h"
#include "box.h"
#include "debugfs.h"
#include "dev.h"
#include "evict.h"
#include "failpoint.h"
#include "frame.h"
#include "io.h"
#include "page.h"
#include "pagebox.h"
#include "policy.h"
#include "store.h"
#include "user.h"

static unsigned int frames = 1024;
module_param(frames, uint, 0444);
MODULE_PARM_DESC(frames, "frame limit of a new box (default 1024)");

static unsigned long max_frames;
module_param(max_frames, ulong, 0444);
MODULE_PARM_DESC(max_frames,
		 "maximum frames of all boxes (default a quarter of memory)");

static unsigned long max_swap;
module_param(max_swap, ulong, 0444);
MODULE_PARM_DESC(
	max_swap,
	"maximum pages of RAM swap of all boxes (default a quarter of memory)");

static unsigned int max_boxes = 1024;
module_param(max_boxes, uint, 0444);
MODULE_PARM_DESC(max_boxes, "maximum number of boxes (default 1024)");

static ushort mode = 0600;
module_param(mode, ushort, 0444);
MODULE_PARM_DESC(mode, "permissions of /dev/pagebox (default 0600)");

/* Frame numbers and slots fit 32 bits, with room for "none" and "taken". */
#define PB_MAX_FRAMES (U32_MAX - 2)

static int __init parameters_init(void)
{
	if (!max_frames)
		max_frames = totalram_pages() / 4;
	if (!max_swap)
		max_swap = totalram_pages() / 4;
	max_frames = min_t(unsigned long, max_frames, PB_MAX_FRAMES);

	if (frames < PAGEBOX_MIN_FRAMES || frames > max_frames) {
		pr_err("frames=%u is not between %d and max_frames=%lu\n",
		       frames, PAGEBOX_MIN_FRAMES, max_frames);
		return -EINVAL;
	}
	if (mode & ~0666) {
		pr_err("mode=0%o has bits other than 0666\n", mode);
		return -EINVAL;
	}
	pb_box_frames = frames;
	pb_box_max = max_boxes;
	pb_frames_max = max_frames;
	pb_ram_max = max_swap;
	return 0;
}

static int __init pagebox_init(void)
{
	int err;

	pb_failpoints_init();
	pb_evict_init();
	err = parameters_init();
	if (err)
		return err;
	err = pb_pages_init();
	if (err)
		return err;
	err = pb_ios_init();
	if (err)
		goto out_pages;
	err = pb_users_init();
	if (err)
		goto out_ios;
	err = pb_watches_init();
	if (err)
		goto out_users;
	err = pb_policies_init();
	if (err)
		goto out_watches;
	pb_debugfs_init();
	err = pb_dev_init(mode);
	if (err)
		goto out_debugfs;
	return 0;

out_debugfs:
	pb_debugfs_exit();
	pb_policies_exit();
out_watches:
	pb_watches_exit();
out_users:
	pb_users_exit();
out_ios:
	pb_ios_exit();
out_pages:
	pb_pages_exit();
	return err;
}

static void __exit pagebox_exit(void)
{
	pb_window(unload);
	pb_dev_exit();
	pb_boxes_exit();
	pb_debugfs_exit();
	pb_policies_exit();
	pb_watches_exit();
	pb_users_exit();
	pb_ios_exit();
	pb_pages_exit();
	pb_evict_exit();
}

module_init(pagebox_init);
module_exit(pagebox_exit);

MODULE_DESCRIPTION("Instrumented virtual-memory sandbox");
MODULE_AUTHOR("The pagebox developers");
MODULE_LICENSE("GPL");
