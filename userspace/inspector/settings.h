/* SPDX-License-Identifier: GPL-2.0 */
/*
 * settings: the options that configure a box.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "compiler.h"
#include "libpagebox.h"

/* In the order of the help. */
enum setting {
	SETTING_SIZE,
	SETTING_STORE,
	SETTING_READ_ONLY,
	SETTING_FRAMES,
	SETTING_NAME,
	SETTING_POLICY,
	SETTING_REFERENCES,
	SETTING_SWAP,
	SETTING_SWAP_PAGES,
	SETTING_READAHEAD,
	SETTING_SWAPPINESS,
	SETTING_OOM,
	SETTING_OOM_WAIT,
	SETTING_OVERCOMMIT,
	SETTING_DIRTY_AGE,
	SETTING_DIRTY_RATIO,
	SETTING_STORE_DELAY,
	SETTING_SWAP_DELAY,
	SETTING_NR,
};

#define SETTING_BIT(setting) (1U << (setting))

/* Sets of settings that a command takes. */
#define SETTINGS_NONE 0U
#define SETTINGS_NEW (SETTING_BIT(SETTING_NR) - 1)
#define SETTINGS_CHANGE                                             \
	(SETTINGS_NEW &                                             \
	 ~(SETTING_BIT(SETTING_SIZE) | SETTING_BIT(SETTING_STORE) | \
	   SETTING_BIT(SETTING_READ_ONLY)))

/**
 * struct settings - settings for a box
 * @given: SETTING_BIT() of each setting that was given
 * @config: their values; files are not open yet
 * @store: path of the store, NULL if config.store_fd describes it
 * @swap: path of the swap area, NULL if config.swap_fd describes it
 */
struct settings {
	unsigned int given;
	struct pagebox_config config;
	const char *store;
	const char *swap;
};

/**
 * struct setting_text - help of a setting
 * @name: name of the option
 * @argument: argument of the option, NULL if it takes none
 * @help: help text
 */
struct setting_text {
	const char *name;
	const char *argument;
	const char *help;
};

static inline bool is_given(const struct settings *settings,
			    enum setting setting)
{
	return settings->given & SETTING_BIT(setting);
}

/* Whether the settings name a swap area other than "none". */
static inline bool names_swap(const struct settings *settings)
{
	return settings->swap || (is_given(settings, SETTING_SWAP) &&
				  settings->config.swap_fd == PAGEBOX_FD_RAM);
}

/* settings.c: parse settings */
struct setting_text settings_text(enum setting setting);
int settings_take(struct settings *settings, enum setting setting,
		  const char *word, struct pagebox_error *error);
int settings_check(const struct settings *settings,
		   struct pagebox_error *error);

/* apply.c: apply settings to a box */
int settings_apply(const struct settings *settings, int fd,
		   struct pagebox_error *error);

#endif /* SETTINGS_H */
