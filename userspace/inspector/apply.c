// SPDX-License-Identifier: GPL-2.0
/*
 * apply: apply settings to a box, and explain failures.
 *
 * The module applies all settings or none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

/* ---- values that depend on the box --------------------------------------- */

/* Two options share a bit of the set: fill in the one that was not given. */
static void complete(const struct settings *settings,
		     const struct pagebox_info *info,
		     struct pagebox_config *config)
{
	if (!is_given(settings, SETTING_OOM))
		config->oom = info->oom;
	if (!is_given(settings, SETTING_OOM_WAIT))
		config->oom_wait_ms = info->oom_wait_ms;
	if (!is_given(settings, SETTING_DIRTY_AGE))
		config->dirty_age_ms = info->dirty_age_ms;
	if (!is_given(settings, SETTING_DIRTY_RATIO))
		config->dirty_ratio = info->dirty_ratio;
}

static bool will_have_store(const struct settings *settings,
			    const struct pagebox_info *info)
{
	if (!is_given(settings, SETTING_STORE))
		return info->store_kind != PAGEBOX_BACKEND_NONE;
	return settings->store || settings->config.store_fd == PAGEBOX_FD_RAM;
}

static bool will_have_swap(const struct settings *settings,
			   const struct pagebox_info *info)
{
	if (!is_given(settings, SETTING_SWAP))
		return info->swap_kind != PAGEBOX_BACKEND_NONE;
	return names_swap(settings);
}

/* The module ignores a delay for a backend that does not exist. */
static int check_delays(const struct settings *settings,
			const struct pagebox_info *info,
			struct pagebox_error *error)
{
	if (is_given(settings, SETTING_STORE_DELAY) &&
	    !will_have_store(settings, info))
		return pagebox_fail(error, -EINVAL,
				    "--store-delay: the box has no store");
	if (is_given(settings, SETTING_SWAP_DELAY) &&
	    !will_have_swap(settings, info))
		return pagebox_fail(error, -EINVAL,
				    "--swap-delay: the box has no swap area");
	return 0;
}

/* An older module fills in less; it rejects newer settings itself. */
static bool knows_all(const struct pagebox_info *info)
{
	return info->size >= sizeof(*info);
}

static int fit_to_box(const struct settings *settings, int fd,
		      struct pagebox_config *config,
		      struct pagebox_error *error)
{
	struct pagebox_info info;
	int ret = pagebox_info(fd, &info);

	if (ret)
		return pagebox_fail(error, ret, "cannot query the box: %s",
				    strerror(-ret));
	if (!knows_all(&info))
		return 0;
	complete(settings, &info, config);
	return check_delays(settings, &info, error);
}

/* ---- files --------------------------------------------------------------- */

static int explain_open(const char *path, int code, struct pagebox_error *error)
{
	if (code == -EBUSY)
		return pagebox_fail(error, code,
				    "%s is mounted or otherwise in use", path);
	return pagebox_fail(error, code, "%s: %s", path, strerror(-code));
}

/*
 * Check the type before open(): opening a pipe can block, and opening a device
 * can have side effects. O_EXCL fails on a block device that is mounted.
 */
static int open_file(const char *path, int mode, struct pagebox_error *error)
{
	struct stat stat_of;
	int fd;

	if (stat(path, &stat_of))
		return explain_open(path, -errno, error);
	if (!S_ISREG(stat_of.st_mode) && !S_ISBLK(stat_of.st_mode))
		return pagebox_fail(
			error, -EINVAL,
			"%s is neither a regular file nor a block device",
			path);
	if (S_ISBLK(stat_of.st_mode) && mode == O_RDWR)
		mode |= O_EXCL;
	fd = open(path, mode | O_CLOEXEC);
	return fd < 0 ? explain_open(path, -errno, error) : fd;
}

static bool is_read_only(int code)
{
	return code == -EACCES || code == -EPERM || code == -EROFS ||
	       code == -ETXTBSY;
}

static int open_store(const struct settings *settings,
		      struct pagebox_error *error)
{
	bool read_only = is_given(settings, SETTING_READ_ONLY);
	int fd = open_file(settings->store, read_only ? O_RDONLY : O_RDWR,
			   error);

	if (!read_only && is_read_only(fd) && !access(settings->store, R_OK))
		return pagebox_fail(
			error, fd,
			"%s cannot be written: %s; use --read-only to open it for reading only",
			settings->store, strerror(-fd));
	return fd;
}

static int open_files(const struct settings *settings,
		      struct pagebox_config *config,
		      struct pagebox_error *error)
{
	if (settings->store) {
		config->store_fd = open_store(settings, error);
		if (config->store_fd < 0)
			return config->store_fd;
	}
	if (settings->swap) {
		config->swap_fd = open_file(settings->swap, O_RDWR, error);
		if (config->swap_fd < 0)
			return config->swap_fd;
	}
	return 0;
}

/* The box holds its own references to the files. */
static void close_files(const struct settings *settings,
			const struct pagebox_config *config)
{
	if (settings->store && config->store_fd >= 0)
		close(config->store_fd);
	if (settings->swap && config->swap_fd >= 0)
		close(config->swap_fd);
}

/* ---- errors from the module ---------------------------------------------- */

static int explain_policy(const char *policy, int code,
			  struct pagebox_error *error)
{
	struct pagebox_policy *policies;
	struct pagebox_error ignored;
	size_t nr, used;

	if (pagebox_read_policies(&policies, &nr, &ignored))
		return pagebox_fail(
			error, code,
			"unknown policy '%s'; run 'pagebox policies' as root to list them",
			policy);
	pagebox_fail(error, code, "unknown policy '%s'; available:", policy);
	for (size_t i = 0; i < nr; i++) {
		used = strlen(error->text);
		snprintf(error->text + used, sizeof(error->text) - used, " %s",
			 policies[i].name);
	}
	free(policies);
	pagebox_printable(error->text);
	return code;
}

static int explain_memory(const struct settings *settings, int code,
			  struct pagebox_error *error)
{
	if (is_given(settings, SETTING_SWAP))
		return pagebox_fail(
			error, code,
			"no room for the pages that are in swap now: give the box more frames or a larger swap area");
	return pagebox_fail(error, code, "not enough kernel memory");
}

/* Errors without a specific explanation. Return: @code. */
static int explain_other(const struct settings *settings, int fd, int code,
			 struct pagebox_error *error)
{
	struct pagebox_info info;

	if (!pagebox_info(fd, &info) && !knows_all(&info))
		return pagebox_fail(
			error, code,
			"the loaded module is older than this program and does not support all of these settings");
	if (code == -EINVAL && (settings->store || settings->swap))
		return pagebox_fail(
			error, code,
			"the module cannot use this file as a store or swap area");
	return pagebox_fail(error, code, "the module rejected the settings: %s",
			    strerror(-code));
}

static int explain(const struct settings *settings, int fd, int code,
		   struct pagebox_error *error)
{
	if (code == -EBUSY && is_given(settings, SETTING_FRAMES))
		return pagebox_fail(
			error, code,
			"locked or pinned pages use more than %u frames: munlock() them or end the program; 'pagebox stat -P' counts them as FRAMES_LOCKED and FRAMES_PINNED",
			settings->config.frames);
	if (code == -ENOENT && is_given(settings, SETTING_POLICY))
		return explain_policy(settings->config.policy, code, error);
	if (code == -ENOMEM)
		return explain_memory(settings, code, error);
	if (code == -ENOSPC)
		return pagebox_fail(error, code, "%s is smaller than a page",
				    settings->swap ? settings->swap :
						     "the swap area");
	if (code == -ERANGE && is_given(settings, SETTING_FRAMES))
		return pagebox_fail(
			error, code,
			"%u frames exceed the limit of the module: see " PAGEBOX_MODULE
			"/parameters/max_frames",
			settings->config.frames);
	return explain_other(settings, fd, code, error);
}

/**
 * settings_apply() - configure a box
 * @settings: settings that settings_check() accepted
 * @fd: file descriptor of the box
 * @error: set to the reason for a failure and a remedy
 *
 * Return: 0 or a negative errno, in which case nothing has changed.
 */
int settings_apply(const struct settings *settings, int fd,
		   struct pagebox_error *error)
{
	struct pagebox_config config = settings->config;
	int ret = fit_to_box(settings, fd, &config, error);

	if (ret)
		return ret;
	ret = open_files(settings, &config, error);
	if (!ret) {
		ret = pagebox_configure(fd, &config);
		if (ret)
			explain(settings, fd, ret, error);
	}
	close_files(settings, &config);
	return ret;
}
