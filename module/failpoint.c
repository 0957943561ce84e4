// SPDX-License-Identifier: GPL-2.0
/*
 * Failures and delays on request, for tests. Kernels with CONFIG_FAULT_INJECTION
 * can make memory allocations fail, but not a backend, and hold up nobody; stock
 * kernels have none of it. So the module has points of its own, see failpoint.h.
 *
 * The file failpoints takes one command with each write, and needs CAP_SYS_ADMIN:
 *
 *   NAME fail        [after N] [times M] [pid P]
 *   NAME delay MSECS [after N] [times M] [pid P]
 *   NAME stop        [after N] [times M] [pid P]
 *   NAME go
 *   NAME off
 *   all nth N [pid P]
 *   all off
 *
 * "fail" is for points that can fail; the other two are for windows. A task that
 * is stopped waits for "go", which also turns the point off. After a minute, or
 * when the task is killed, it goes on without. "after N" lets N tasks by first,
 * "times M" is over after M, "pid P" is for the threads of process P alone;
 * workers have no process.
 *
 * "all nth N": the N-th time from now that any of the points that can fail is
 * reached, it fails, once. With N = 1, 2, 3... until nothing fails any more, a
 * test goes through every failure there is.
 *
 * Reading gives a line for each: its name and kind; how often it was reached
 * since it was set, while any point is, how often it acted, how many are waiting
 * now; its setting.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "failpoint.h"

DEFINE_STATIC_KEY_FALSE(pb_failpoints_on);

/* How long a task is stopped at most. Half of what the kernel calls a hang. */
#define STOP_MAX (60 * HZ)
/* How long where it cannot sleep; RCU calls 21 s a stall. */
#define SPIN_MAX (8 * HZ)
#define DELAY_MAX_MS 10000U
#define COMMAND_MAX 128

enum action {
	ACT_OFF,
	ACT_FAIL,
	ACT_DELAY,
	ACT_STOP,
	ACT_NTH,
};

static const char *const action_names[] = {
	[ACT_OFF] = "off",   [ACT_FAIL] = "fail", [ACT_DELAY] = "delay",
	[ACT_STOP] = "stop", [ACT_NTH] = "nth",
};

/**
 * struct setting - what a point shall do
 * @action: enum action
 * @value: milliseconds of a delay, or the number of the hit that fails
 * @after: how many hits do nothing first
 * @times: how often it acts, U64_MAX for always
 * @pid: the process it is for, or 0
 */
struct setting {
	enum action action;
	u64 value;
	u64 after;
	u64 times;
	pid_t pid;
};

/**
 * struct failpoint - one point
 * @name: for people
 * @set: what it does
 * @hits: how often it was reached since it was set
 * @done: how often it acted since
 * @waiting: tasks that are stopped now
 * @round: changes when they may go on
 *
 * All but the name belong to failpoints_lock.
 */
struct failpoint {
	const char *name;
	struct setting set;
	u64 hits;
	u64 done;
	unsigned int waiting;
	unsigned int round;
};

static struct failpoint points[] = {
	[PB_FAIL_CACHE] = { "create_cache" },
	[PB_FAIL_POOL] = { "create_pool" },
	[PB_FAIL_WORKQUEUE] = { "alloc_workqueue" },
	[PB_FAIL_POLICY] = { "alloc_policy" },
	[PB_FAIL_DEVICE] = { "register_device" },
	[PB_FAIL_DEBUGFS] = { "create_debugfs" },
	[PB_FAIL_BOX] = { "alloc_box" },
	[PB_FAIL_BOX_NUMBER] = { "store_box" },
	[PB_FAIL_MOUNT] = { "pin_mount" },
	[PB_FAIL_INODE] = { "alloc_inode" },
	[PB_FAIL_FILE] = { "alloc_file" },
	[PB_FAIL_FD] = { "alloc_fd" },
	[PB_FAIL_STATS] = { "alloc_stats" },
	[PB_FAIL_SHRINKER] = { "register_shrinker" },
	[PB_FAIL_POLICY_STATE] = { "alloc_policy_state" },
	[PB_FAIL_MAP] = { "alloc_map" },
	[PB_FAIL_TRAIL] = { "alloc_trail" },
	[PB_FAIL_VIEW] = { "store_page" },
	[PB_FAIL_PAGE] = { "alloc_page" },
	[PB_FAIL_FRAME] = { "alloc_frame" },
	[PB_FAIL_FRAME_TABLE] = { "alloc_frame_table" },
	[PB_FAIL_SWAP] = { "alloc_swap" },
	[PB_FAIL_SLOT] = { "alloc_slot" },
	[PB_FAIL_BACKEND] = { "alloc_backend" },
	[PB_FAIL_BACKEND_FILE] = { "get_file" },
	[PB_FAIL_BACKEND_READ] = { "backend_read" },
	[PB_FAIL_BACKEND_WRITE] = { "backend_write" },
	[PB_FAIL_BACKEND_SYNC] = { "backend_sync" },
	[PB_FAIL_RAM_PAGE] = { "alloc_ram_page" },
	[PB_FAIL_RAM_INDEX] = { "store_ram_page" },
	[PB_FAIL_COPY_IN] = { "copy_from_user" },
	[PB_FAIL_COPY_OUT] = { "copy_to_user" },
	[PB_FAIL_COPY_IN_ITER] = { "copy_from_iter" },
	[PB_FAIL_COPY_OUT_ITER] = { "copy_to_iter" },
	[PB_FAIL_FAULT_IN] = { "fault_in_iter" },
	[PB_FAIL_WATCH] = { "alloc_watch" },
	[PB_FAIL_WATCH_EVENT] = { "watch_event" },
	[PB_FAIL_PAGE_BUSY] = { "page_busy" },
	[PB_FAIL_SPLIT] = { "split_vma" },

	[PB_WINDOW_FAULT_LOCK] = { "fault_lock" },
	[PB_WINDOW_EVICT_UNMAP] = { "evict_unmap" },
	[PB_WINDOW_FAULT_ATTACH] = { "fault_attach" },
	[PB_WINDOW_FAULT_READ] = { "fault_read" },
	[PB_WINDOW_FAULT_INSTALL] = { "fault_install" },
	[PB_WINDOW_FAULT_UNMAP] = { "fault_unmap" },
	[PB_WINDOW_FAULT_PUBLISH] = { "fault_publish" },
	[PB_WINDOW_FAULT_CHECK] = { "fault_check" },
	[PB_WINDOW_FAULT_FRAME] = { "fault_frame" },
	[PB_WINDOW_FAULT_MAP] = { "fault_map" },
	[PB_WINDOW_FILL_SOURCE] = { "fill_source" },
	[PB_WINDOW_FILL_WAIT] = { "fill_wait" },
	[PB_WINDOW_FILL_FRAMES] = { "fill_frames" },
	[PB_WINDOW_FILL_ATTACH] = { "fill_attach" },
	[PB_WINDOW_FILL_SETTLE] = { "fill_settle" },
	[PB_WINDOW_COW_INSTALL] = { "cow_install" },
	[PB_WINDOW_COW_UNMAP] = { "cow_unmap" },
	[PB_WINDOW_COW_UNSHARE] = { "cow_unshare" },
	[PB_WINDOW_COW_HANDOVER] = { "cow_handover" },
	[PB_WINDOW_MKWRITE_COPIED] = { "mkwrite_copied" },
	[PB_WINDOW_MKWRITE_LOCK] = { "mkwrite_lock" },
	[PB_WINDOW_MKWRITE_MAP] = { "mkwrite_map" },
	[PB_WINDOW_EVICT_LOCK] = { "evict_lock" },
	[PB_WINDOW_EVICT_JUDGE] = { "evict_judge" },
	[PB_WINDOW_EVICT_DETACH] = { "evict_detach" },
	[PB_WINDOW_EVICT_WRITTEN] = { "evict_written" },
	[PB_WINDOW_EVICT_SLOT] = { "evict_slot" },
	[PB_WINDOW_EVICT_RELEASE] = { "evict_release" },
	[PB_WINDOW_EVICT_PINS] = { "evict_pins" },
	[PB_WINDOW_EVICT_WAIT] = { "evict_wait" },
	[PB_WINDOW_EVICT_GOT] = { "evict_got" },
	[PB_WINDOW_SLOT_TAKEN] = { "slot_taken" },
	[PB_WINDOW_SLOT_FREE] = { "slot_free" },
	[PB_WINDOW_RESIZE_LIMIT] = { "resize_limit" },
	[PB_WINDOW_POLICY_SWITCH] = { "policy_switch" },
	[PB_WINDOW_POLICY_LOCK] = { "policy_lock" },
	[PB_WINDOW_SHRINK_SCAN] = { "shrink_scan" },
	[PB_WINDOW_FORK_PIN] = { "fork_pin" },
	[PB_WINDOW_FORK_PROTECT] = { "fork_protect" },
	[PB_WINDOW_FORK_DONE] = { "fork_done" },
	[PB_WINDOW_FORK_SHARE] = { "fork_share" },
	[PB_WINDOW_CLOSE_DISCARD] = { "close_discard" },
	[PB_WINDOW_CLOSE_VMA] = { "close_vma" },
	[PB_WINDOW_CLOSE_VIEW] = { "close_view" },
	[PB_WINDOW_VIEW_DROP] = { "view_drop" },
	[PB_WINDOW_PAGE_LATE] = { "page_late" },
	[PB_WINDOW_PAGE_FREE] = { "page_free" },
	[PB_WINDOW_DISCARD_REPLACE] = { "discard_replace" },
	[PB_WINDOW_DISCARD_LOCK] = { "discard_lock" },
	[PB_WINDOW_DISCARD_UNMAP] = { "discard_unmap" },
	[PB_WINDOW_DISCARD_UNSHARE] = { "discard_unshare" },
	[PB_WINDOW_IO_END] = { "io_end" },
	[PB_WINDOW_IO_BEGIN] = { "io_begin" },
	[PB_WINDOW_WRITE_COPY] = { "write_copy" },
	[PB_WINDOW_WRITE_DONE] = { "write_done" },
	[PB_WINDOW_WRITE_CLEAN] = { "write_clean" },
	[PB_WINDOW_WRITE_CLEANED] = { "write_cleaned" },
	[PB_WINDOW_WRITE_LOCK] = { "write_lock" },
	[PB_WINDOW_WRITE_AGAIN] = { "write_again" },
	[PB_WINDOW_LOCK_IDLE] = { "lock_idle" },
	[PB_WINDOW_FSYNC_SYNC] = { "fsync_sync" },
	[PB_WINDOW_FLUSH_WRITE] = { "flush_write" },
	[PB_WINDOW_FLUSH_AGAIN] = { "flush_again" },
	[PB_WINDOW_FAREWELL_STOP] = { "farewell_stop" },
	[PB_WINDOW_FAREWELL_WRITE] = { "farewell_write" },
	[PB_WINDOW_TRUNCATE_NOTED] = { "truncate_noted" },
	[PB_WINDOW_TRUNCATE_TRIM] = { "truncate_trim" },
	[PB_WINDOW_SWAPOFF_LEAVE] = { "swapoff_leave" },
	[PB_WINDOW_SWAPOFF_ATTACH] = { "swapoff_attach" },
	[PB_WINDOW_SWAPOFF_PAGE] = { "swapoff_page" },
	[PB_WINDOW_CONFIG_MOVE] = { "config_move" },
	[PB_WINDOW_CONFIG_SEAL] = { "config_seal" },
	[PB_WINDOW_SWAP_FREE] = { "swap_free" },
	[PB_WINDOW_SWAP_SET] = { "swap_set" },
	[PB_WINDOW_BOX_FIND] = { "box_find" },
	[PB_WINDOW_BOX_DESTROY] = { "box_destroy" },
	[PB_WINDOW_BOX_SEAL] = { "box_seal" },
	[PB_WINDOW_OPEN_BOX] = { "open_box" },
	[PB_WINDOW_USER_GET] = { "user_get" },
	[PB_WINDOW_JOIN_INSTALL] = { "join_install" },
	[PB_WINDOW_JOIN_FOUND] = { "join_found" },
	[PB_WINDOW_MMAP_MAP] = { "mmap_map" },
	[PB_WINDOW_READ_COPY] = { "read_copy" },
	[PB_WINDOW_SHOW_FRAME] = { "show_frame" },
	[PB_WINDOW_SHOW_MAP] = { "show_map" },
	[PB_WINDOW_SHOW_LOOK] = { "show_look" },
	[PB_WINDOW_SHOW_PAGE] = { "show_page" },
	[PB_WINDOW_MAP_SYNC] = { "map_sync" },
	[PB_WINDOW_MAP_FREE] = { "map_free" },
	[PB_WINDOW_OOM_CHOOSE] = { "oom_choose" },
	[PB_WINDOW_STACK_UNMAP] = { "stack_unmap" },
	[PB_WINDOW_COMMIT_COVER] = { "commit_cover" },
	[PB_WINDOW_UNLOAD] = { "unload" },
};

static_assert(ARRAY_SIZE(points) == PB_FAILPOINT_NR);

static DEFINE_SPINLOCK(failpoints_lock); /* all of the points */
static DECLARE_WAIT_QUEUE_HEAD(stopped);
/* All points that can fail, counted together; @where it did. */
static struct failpoint any = { .name = "all" };
static const struct failpoint *where;

static unsigned long fail_nth;
module_param(fail_nth, ulong, 0400);
MODULE_PARM_DESC(
	fail_nth,
	"for tests: from loading on, the n-th point that can fail does");

/* May a task sleep there? Else it can fail. */
static bool is_window(const struct failpoint *point)
{
	return point != &any && point >= &points[PB_FAIL_NR];
}

/* Does it concern who is here, and is it its turn? */
static bool failpoint_is_due(struct failpoint *point)
{
	const struct setting *set = &point->set;

	if (set->action == ACT_OFF) {
		point->hits++;
		return false;
	}
	if (set->pid && ((current->flags & PF_KTHREAD) ||
			 task_tgid_nr(current) != set->pid))
		return false;
	point->hits++;
	if (point->hits <= set->after || point->done >= set->times)
		return false;
	point->done++;
	return true;
}

static bool fail_is_due(struct failpoint *point)
{
	bool fail;

	spin_lock(&failpoints_lock);
	fail = failpoint_is_due(point);
	if (failpoint_is_due(&any)) {
		where = point;
		fail = true;
	}
	spin_unlock(&failpoints_lock);
	return fail;
}

static bool may_go(const struct failpoint *point, unsigned int round)
{
	return READ_ONCE(point->round) != round;
}

static void stop_here(struct failpoint *point, unsigned int round)
{
	if (!wait_event_killable_timeout(stopped, may_go(point, round),
					 STOP_MAX))
		pr_warn("failpoint %s: nobody said \"go\"\n", point->name);
}

/* If it is somebody's turn, he counts as waiting from here on. */
static bool begin_if_due(struct failpoint *point, struct setting *set,
			 unsigned int *round)
{
	bool due;

	spin_lock(&failpoints_lock);
	due = failpoint_is_due(point);
	if (due) {
		*set = point->set;
		*round = point->round;
		point->waiting++;
	}
	spin_unlock(&failpoints_lock);
	return due;
}

static void end_wait(struct failpoint *point)
{
	spin_lock(&failpoints_lock);
	point->waiting--;
	spin_unlock(&failpoints_lock);
}

static void wait_if_due(struct failpoint *point)
{
	struct setting set;
	unsigned int round;

	might_sleep();
	if (!begin_if_due(point, &set, &round))
		return;
	if (set.action == ACT_STOP)
		stop_here(point, round);
	else
		msleep(set.value);
	end_wait(point);
}

/**
 * pb_failpoint_spin - somebody is at a window while any point is in use
 * @point: which
 *
 * Context: not to be slept in.
 */
void pb_failpoint_spin(enum pb_failpoint point)
{
	unsigned long end = jiffies + SPIN_MAX;
	struct setting set;
	unsigned int round;

	if (!begin_if_due(&points[point], &set, &round))
		return;
	if (set.action == ACT_DELAY)
		end = jiffies + msecs_to_jiffies(set.value);
	while (!may_go(&points[point], round) && time_before(jiffies, end))
		cpu_relax();
	end_wait(&points[point]);
}

/**
 * pb_failpoint_hit - somebody is at a point while any is in use
 * @point: which
 *
 * Context: may sleep, if it is a window.
 * Return: true if the operation has to fail
 */
bool pb_failpoint_hit(enum pb_failpoint point)
{
	if (point < PB_FAIL_NR)
		return fail_is_due(&points[point]);
	wait_if_due(&points[point]);
	return false;
}

/* Commands ------------------------------------------------------------ */

static struct failpoint *find_point(const char *name)
{
	if (!strcmp(name, any.name))
		return &any;
	for (unsigned int i = 0; i < PB_FAILPOINT_NR; i++)
		if (!strcmp(name, points[i].name))
			return &points[i];
	return NULL;
}

static void failpoint_apply(struct failpoint *point, const struct setting *set)
{
	spin_lock(&failpoints_lock);
	point->set = *set;
	point->hits = 0;
	point->done = 0;
	WRITE_ONCE(point->round, point->round + 1);
	if (point == &any)
		where = NULL;
	spin_unlock(&failpoints_lock);
	wake_up_all(&stopped);
}

static void all_off(void)
{
	const struct setting off = {};

	failpoint_apply(&any, &off);
	for (unsigned int i = 0; i < PB_FAILPOINT_NR; i++)
		failpoint_apply(&points[i], &off);
	static_branch_disable(&pb_failpoints_on);
}

static char *next_word(char **text)
{
	char *word;

	do {
		word = strsep(text, " \t\n");
	} while (word && !*word);
	return word;
}

static int next_number(char **text, u64 *value)
{
	char *word = next_word(text);

	return word ? kstrtou64(word, 0, value) : -EINVAL;
}

/* "[after N] [times M] [pid P]" */
static int parse_options(char **text, struct setting *set)
{
	char *word;
	u64 value;
	int err;

	while ((word = next_word(text))) {
		err = next_number(text, &value);
		if (err)
			return err;
		if (!strcmp(word, "after"))
			set->after = value;
		else if (!strcmp(word, "times"))
			set->times = value;
		else if (!strcmp(word, "pid") && value && value <= INT_MAX)
			set->pid = value;
		else
			return -EINVAL;
	}
	return 0;
}

static bool is_allowed(const struct failpoint *point, enum action action)
{
	switch (action) {
	case ACT_OFF:
		return true;
	case ACT_FAIL:
		return point != &any && !is_window(point);
	case ACT_NTH:
		return point == &any;
	default:
		return is_window(point);
	}
}

/* "go" is another word for "off". */
static int parse_action(const char *word)
{
	return match_string(action_names, ARRAY_SIZE(action_names),
			    strcmp(word, "go") ? word : "off");
}

static int parse_setting(char **text, const struct failpoint *point,
			 struct setting *set)
{
	char *word = next_word(text);
	int action, err = 0;

	if (!word)
		return -EINVAL;
	action = parse_action(word);
	if (action < 0 || !is_allowed(point, action))
		return -EINVAL;
	*set = (struct setting){ .action = action, .times = U64_MAX };
	if (action == ACT_DELAY || action == ACT_NTH)
		err = next_number(text, &set->value);
	if (!err)
		err = parse_options(text, set);
	if (err)
		return err;
	if (action == ACT_DELAY && set->value > DELAY_MAX_MS)
		return -ERANGE;
	if (action == ACT_NTH) {
		if (!set->value)
			return -ERANGE;
		set->after = set->value - 1;
		set->times = 1;
	}
	return 0;
}

static int failpoint_command(char *text)
{
	char *name = next_word(&text);
	struct failpoint *point = name ? find_point(name) : NULL;
	struct setting set;
	int err;

	if (!point)
		return -EINVAL;
	err = parse_setting(&text, point, &set);
	if (err)
		return err;
	if (point == &any && set.action == ACT_OFF) {
		all_off();
		return 0;
	}
	failpoint_apply(point, &set);
	if (set.action != ACT_OFF)
		static_branch_enable(&pb_failpoints_on);
	return 0;
}

static ssize_t failpoints_write(struct file *file, const char __user *from,
				size_t len, loff_t *pos)
{
	char *text;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len > COMMAND_MAX)
		return -EINVAL;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = failpoint_command(text);
	kfree(text);
	return err ?: len;
}

static void show_setting(struct seq_file *m, const struct setting *set)
{
	seq_puts(m, action_names[set->action]);
	if (set->action == ACT_DELAY || set->action == ACT_NTH)
		seq_printf(m, " %llu", set->value);
	if (set->after && set->action != ACT_NTH)
		seq_printf(m, " after %llu", set->after);
	if (set->action != ACT_OFF && set->action != ACT_NTH &&
	    set->times != U64_MAX)
		seq_printf(m, " times %llu", set->times);
	if (set->pid)
		seq_printf(m, " pid %d", set->pid);
}

static void show_point(struct seq_file *m, const struct failpoint *point,
		       const char *kind)
{
	seq_printf(m, "%s %s %llu %llu %u ", point->name, kind, point->hits,
		   point->done, point->waiting);
	show_setting(m, &point->set);
}

static int failpoints_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "name kind hits done waiting setting\n");
	spin_lock(&failpoints_lock);
	show_point(m, &any, "nth");
	if (where)
		seq_printf(m, " at %s", where->name);
	seq_putc(m, '\n');
	for (unsigned int i = 0; i < PB_FAILPOINT_NR; i++) {
		show_point(m, &points[i],
			   is_window(&points[i]) ? "window" : "fail");
		seq_putc(m, '\n');
	}
	spin_unlock(&failpoints_lock);
	return 0;
}

static int failpoints_open(struct inode *inode, struct file *file)
{
	return single_open(file, failpoints_show, NULL);
}

static const struct file_operations failpoints_fops = {
	.owner = THIS_MODULE,
	.open = failpoints_open,
	.read = seq_read,
	.write = failpoints_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * pb_failpoints_debugfs - make the file
 * @root: the directory for it
 */
void pb_failpoints_debugfs(struct dentry *root)
{
	debugfs_create_file("failpoints", 0600, root, NULL, &failpoints_fops);
}

/**
 * pb_failpoints_init - what fail_nth= asks for; first of all
 */
void __init pb_failpoints_init(void)
{
	const struct setting set = {
		.action = ACT_NTH,
		.value = fail_nth,
		.after = fail_nth - 1,
		.times = 1,
	};

	if (!fail_nth)
		return;
	failpoint_apply(&any, &set);
	static_branch_enable(&pb_failpoints_on);
}
