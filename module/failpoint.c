// SPDX-License-Identifier: GPL-2.0
/*
 * Failures and delays on request, for tests. CONFIG_FAULT_INJECTION makes memory
 * allocations fail, but not backends, it does not delay tasks, and stock kernels
 * lack it. So the module has its own points: see failpoint.h.
 *
 * Each write to the file failpoints is one command, and needs CAP_SYS_ADMIN:
 *
 *   NAME fail        [after N] [times M] [pid P]
 *   NAME delay MSECS [after N] [times M] [pid P]
 *   NAME stop        [after N] [times M] [pid P]
 *   NAME go
 *   NAME off
 *   all nth N [pid P]
 *   all off
 *
 * "fail" is for points that can fail, "delay" and "stop" are for windows. A stopped
 * task waits for "go", which also turns the point off; it continues without "go" if
 * it is killed, or after a minute. "after N" lets the first N tasks pass, "times M"
 * limits the number of actions, "pid P" selects the threads of process P; workers
 * have no process.
 *
 * "all nth N" makes the N-th hit of any point that can fail, counted from now,
 * fail once. With N = 1, 2, 3... until nothing fails, a test covers every failure.
 *
 * Reading returns a line for each point: name; kind; number of hits since it was
 * set, counted while any point is set; number of actions; number of tasks waiting
 * now; setting.
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

/* Longest stop of a task: half of the kernel's limit for hung tasks. */
#define STOP_MAX (60 * HZ)
/* Longest stop where it cannot sleep; RCU reports a stall after 21 s. */
#define SPIN_MAX (8 * HZ)
#define DELAY_MAX_MS 10000U
#define COMMAND_MAX 128

static const char *const action_names[] = {
	[PB_ACT_OFF] = "off",	  [PB_ACT_FAIL] = "fail",
	[PB_ACT_DELAY] = "delay", [PB_ACT_STOP] = "stop",
	[PB_ACT_NTH] = "nth",
};

static DEFINE_SPINLOCK(failpoints_lock); /* all of the points */
static DECLARE_WAIT_QUEUE_HEAD(stopped);
/* All points that can fail, counted together; @where is the one that failed. */
static struct pb_failpoint any = { .name = "all" };
static const struct pb_failpoint *where;

static unsigned long fail_nth;
module_param(fail_nth, ulong, 0400);
MODULE_PARM_DESC(
	fail_nth,
	"for tests: fail the n-th hit of all points, counted from loading");

/* Count a hit. Does the setting apply to this task, at this hit? */
static bool failpoint_is_due(struct pb_failpoint *point)
{
	const struct pb_failpoint_setting *set = &point->set;

	if (set->action == PB_ACT_OFF) {
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

/**
 * pb_failpoint_fails - hit a point that can fail, while any point is set
 * @place: the place
 *
 * Context: any but interrupts.
 * Return: true if the operation must fail
 */
bool pb_failpoint_fails(struct pb_failpoint *place)
{
	struct pb_failpoint *point = place->first;
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

static bool may_go(const struct pb_failpoint *point, unsigned int round)
{
	return READ_ONCE(point->round) != round;
}

static void stop_here(struct pb_failpoint *point, unsigned int round)
{
	if (!wait_event_killable_timeout(stopped, may_go(point, round),
					 STOP_MAX))
		pr_warn("failpoint %s: no \"go\" in time\n", point->name);
}

/* If the action is due, get the setting, and count the task as waiting. */
static bool begin_if_due(struct pb_failpoint *point,
			 struct pb_failpoint_setting *set, unsigned int *round)
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

static void end_wait(struct pb_failpoint *point)
{
	spin_lock(&failpoints_lock);
	point->waiting--;
	spin_unlock(&failpoints_lock);
}

/**
 * pb_failpoint_wait - hit a window, while any point is set
 * @place: the place
 *
 * Context: may sleep.
 */
void pb_failpoint_wait(struct pb_failpoint *place)
{
	struct pb_failpoint *point = place->first;
	struct pb_failpoint_setting set;
	unsigned int round;

	might_sleep();
	if (!begin_if_due(point, &set, &round))
		return;
	if (set.action == PB_ACT_STOP)
		stop_here(point, round);
	else
		msleep(set.value);
	end_wait(point);
}

/**
 * pb_failpoint_spin - hit a window that must not sleep, while any point is set
 * @place: the place
 *
 * Context: atomic.
 */
void pb_failpoint_spin(struct pb_failpoint *place)
{
	struct pb_failpoint *point = place->first;
	unsigned long end = jiffies + SPIN_MAX;
	struct pb_failpoint_setting set;
	unsigned int round;

	if (!begin_if_due(point, &set, &round))
		return;
	if (set.action == PB_ACT_DELAY)
		end = jiffies + msecs_to_jiffies(set.value);
	while (!may_go(point, round) && time_before(jiffies, end))
		cpu_relax();
	end_wait(point);
}

/* Commands ------------------------------------------------------------ */

/* The first place of a name. */
static struct pb_failpoint *find_point(const char *name)
{
	struct pb_failpoint *place;

	if (!strcmp(name, any.name))
		return &any;
	for (place = pb_failpoints_start; place < pb_failpoints_end; place++)
		if (!strcmp(name, place->name))
			return place;
	return NULL;
}

static void failpoint_apply(struct pb_failpoint *point,
			    const struct pb_failpoint_setting *set)
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
	const struct pb_failpoint_setting off = {};
	struct pb_failpoint *place;

	failpoint_apply(&any, &off);
	for (place = pb_failpoints_start; place < pb_failpoints_end; place++)
		failpoint_apply(place, &off);
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
static int parse_options(char **text, struct pb_failpoint_setting *set)
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

static bool is_allowed(const struct pb_failpoint *point,
		       enum pb_failpoint_action action)
{
	switch (action) {
	case PB_ACT_OFF:
		return true;
	case PB_ACT_FAIL:
		return point != &any && !point->is_window;
	case PB_ACT_NTH:
		return point == &any;
	default:
		return point->is_window;
	}
}

/* "go" is an alias of "off". */
static int parse_action(const char *word)
{
	return match_string(action_names, ARRAY_SIZE(action_names),
			    strcmp(word, "go") ? word : "off");
}

static int parse_setting(char **text, const struct pb_failpoint *point,
			 struct pb_failpoint_setting *set)
{
	char *word = next_word(text);
	int action, err = 0;

	if (!word)
		return -EINVAL;
	action = parse_action(word);
	if (action < 0 || !is_allowed(point, action))
		return -EINVAL;
	*set = (struct pb_failpoint_setting){ .action = action,
					      .times = U64_MAX };
	if (action == PB_ACT_DELAY || action == PB_ACT_NTH)
		err = next_number(text, &set->value);
	if (!err)
		err = parse_options(text, set);
	if (err)
		return err;
	if (action == PB_ACT_DELAY && set->value > DELAY_MAX_MS)
		return -ERANGE;
	if (action == PB_ACT_NTH) {
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
	struct pb_failpoint *point = name ? find_point(name) : NULL;
	struct pb_failpoint_setting set;
	int err;

	if (!point)
		return -EINVAL;
	err = parse_setting(&text, point, &set);
	if (err)
		return err;
	if (point == &any && set.action == PB_ACT_OFF) {
		all_off();
		return 0;
	}
	failpoint_apply(point, &set);
	if (set.action != PB_ACT_OFF)
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

static void show_setting(struct seq_file *m,
			 const struct pb_failpoint_setting *set)
{
	seq_puts(m, action_names[set->action]);
	if (set->action == PB_ACT_DELAY || set->action == PB_ACT_NTH)
		seq_printf(m, " %llu", set->value);
	if (set->after && set->action != PB_ACT_NTH)
		seq_printf(m, " after %llu", set->after);
	if (set->action != PB_ACT_OFF && set->action != PB_ACT_NTH &&
	    set->times != U64_MAX)
		seq_printf(m, " times %llu", set->times);
	if (set->pid)
		seq_printf(m, " pid %d", set->pid);
}

static const char *kind_of(const struct pb_failpoint *point)
{
	if (point == &any)
		return "nth";
	return point->is_window ? "window" : "fail";
}

static void show_point(struct seq_file *m, const struct pb_failpoint *point)
{
	seq_printf(m, "%s %s %llu %llu %u ", point->name, kind_of(point),
		   point->hits, point->done, point->waiting);
	show_setting(m, &point->set);
}

static int failpoints_show(struct seq_file *m, void *unused)
{
	const struct pb_failpoint *place;

	seq_puts(m, "name kind hits done waiting setting\n");
	spin_lock(&failpoints_lock);
	show_point(m, &any);
	if (where)
		seq_printf(m, " at %s", where->name);
	seq_putc(m, '\n');
	for (place = pb_failpoints_start; place < pb_failpoints_end; place++) {
		if (place->first != place)
			continue;
		show_point(m, place);
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
 * pb_failpoints_debugfs - create the file
 * @root: its directory
 */
void pb_failpoints_debugfs(struct dentry *root)
{
	debugfs_create_file("failpoints", 0600, root, NULL, &failpoints_fops);
}

/**
 * pb_failpoints_init - join the places of each point, and apply fail_nth=
 *
 * Context: before any place is reached.
 */
void __init pb_failpoints_init(void)
{
	const struct pb_failpoint_setting set = {
		.action = PB_ACT_NTH,
		.value = fail_nth,
		.after = fail_nth - 1,
		.times = 1,
	};
	struct pb_failpoint *place;

	for (place = pb_failpoints_start; place < pb_failpoints_end; place++)
		place->first = find_point(place->name);
	if (!fail_nth)
		return;
	failpoint_apply(&any, &set);
	static_branch_enable(&pb_failpoints_on);
}
