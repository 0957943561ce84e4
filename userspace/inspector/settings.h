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

/* Which of them a command takes. */
#define SETTINGS_NONE 0U
#define SETTINGS_NEW (SETTING_BIT(SETTING_NR) - 1)
#define SETTINGS_CHANGE                                             \
	(SETTINGS_NEW &                                             \
	 ~(SETTING_BIT(SETTING_SIZE) | SETTING_BIT(SETTING_STORE) | \
	   SETTING_BIT(SETTING_READ_ONLY)))

/**
 * struct settings - what a box is to be
 * @given: SETTING_BIT() of those that were named
 * @config: their values; the files are not open yet
 * @store: path of the store, NULL when config.store_fd says what it is
 * @swap: path of the swap area, NULL when config.swap_fd says what it is
 */
struct settings {
	unsigned int given;
	struct pagebox_config config;
	const char *store;
	const char *swap;
};

/**
 * struct setting_text - a setting in the help
 * @name: of the option
 * @argument: of the option, NULL when it takes none
 * @help: what it does
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

/* Whether they name a swap area, and not none. */
static inline bool names_swap(const struct settings *settings)
{
	return settings->swap || (is_given(settings, SETTING_SWAP) &&
				  settings->config.swap_fd == PAGEBOX_FD_RAM);
}

/* settings.c: from words to values */
struct setting_text settings_text(enum setting setting);
int settings_take(struct settings *settings, enum setting setting,
		  const char *word, struct pagebox_error *error);
int settings_check(const struct settings *settings,
		   struct pagebox_error *error);

/* apply.c: from values to a box */
int settings_apply(const struct settings *settings, int fd,
		   struct pagebox_error *error);

#endif /* SETTINGS_H */
