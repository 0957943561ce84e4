// SPDX-License-Identifier: GPL-2.0
/*
 * Find the boxes, and explain why they cannot be read.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parse.h"

/**
 * pagebox_directory() - the directory that contains a directory per box
 *
 * Return: $PAGEBOX_DEBUGFS if set, else the usual place of debugfs.
 */
const char *pagebox_directory(void)
{
	const char *root = getenv("PAGEBOX_DEBUGFS");

	return root && *root ? root : "/sys/kernel/debug/pagebox";
}

static const char only_root[] =
	"only root may inspect boxes: run this with sudo";
static const char locked_down[] =
	"%s: the kernel is locked down and denies access to debugfs";
static const char not_mounted[] =
	"the module is loaded but %s is missing: as root, mount -t debugfs none /sys/kernel/debug";

/**
 * pagebox_explain() - explain why the boxes cannot be read, with a remedy
 * @root: the directory that could not be read
 * @module: the sysfs directory that exists while the module is loaded
 * @code: negative errno of the attempt
 * @error: set to the message
 *
 * Return: @code, or -ENODEV instead of -ENOENT, which is reserved for boxes.
 */
int pagebox_explain(const char *root, const char *module, int code,
		    struct pagebox_error *error)
{
	if (code == -EACCES)
		return pagebox_fail(error, code, only_root);
	if (code == -EPERM)
		return pagebox_fail(error, code, locked_down, root);
	if (code != -ENOENT)
		return pagebox_fail(error, code, "%s: %s", root,
				    strerror(-code));
	if (access(module, F_OK))
		return pagebox_fail(error, -ENODEV, PAGEBOX_NOT_LOADED);
	return pagebox_fail(error, -ENODEV, not_mounted, root);
}

static bool is_box(const char *name, __u64 *id)
{
	return isdigit((unsigned char)*name) &&
	       parse_number(name, id, sizeof(*id));
}

static int compare_ids(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return (x > y) - (x < y);
}

static int collect_ids(DIR *dir, __u64 **ids, size_t *nr)
{
	struct dirent *entry;
	__u64 *more, id;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (!is_box(entry->d_name, &id))
			continue;
		more = reallocarray(*ids, *nr + 1, sizeof(id));
		if (!more)
			return -ENOMEM;
		*ids = more;
		more[(*nr)++] = id;
	}
}

/**
 * pagebox_read_boxes() - read the numbers of all boxes, in ascending order
 * @ids: set to an array that the caller frees
 * @nr: set to the number of boxes
 * @error: set to the reason for a failure and a remedy
 *
 * Return: 0, -ENODEV without module or debugfs, -EACCES unless called as root,
 * or another negative errno.
 */
int pagebox_read_boxes(__u64 **ids, size_t *nr, struct pagebox_error *error)
{
	DIR *dir = opendir(pagebox_directory());
	int ret;

	*ids = NULL;
	*nr = 0;
	if (!dir)
		return pagebox_explain(pagebox_directory(), PAGEBOX_MODULE,
				       -errno, error);
	ret = collect_ids(dir, ids, nr);
	closedir(dir);
	if (ret) {
		free(*ids);
		*ids = NULL;
		*nr = 0;
		return pagebox_explain(pagebox_directory(), PAGEBOX_MODULE, ret,
				       error);
	}
	if (*nr)
		qsort(*ids, *nr, sizeof(**ids), compare_ids);
	return 0;
}

static bool parse_policy(const char *word, void *value, size_t size)
{
	return *word && parse_text(word, value, size);
}

static const struct parse_field policy_field =
	PARSE_FIELD(struct pagebox_policy, name, "policy", policy);

/**
 * pagebox_read_policies() - read the available replacement policies
 * @policies: set to an array that the caller frees
 * @nr: set to the number of policies
 * @error: set to the reason for a failure and a remedy
 *
 * Return: 0 or a negative errno, as for pagebox_read_boxes().
 */
int pagebox_read_policies(struct pagebox_policy **policies, size_t *nr,
			  struct pagebox_error *error)
{
	char path[PATH_MAX];
	void *records;
	int ret;

	snprintf(path, sizeof(path), "%s/policies", pagebox_directory());
	ret = parse_lines(path, &policy_field, sizeof(**policies), &records, nr,
			  error);
	*policies = records;
	if (ret && access(pagebox_directory(), R_OK))
		ret = pagebox_explain(pagebox_directory(), PAGEBOX_MODULE,
				      -errno, error);
	return ret;
}
