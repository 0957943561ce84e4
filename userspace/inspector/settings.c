// SPDX-License-Identifier: GPL-2.0
/*
 * settings: parse the options that configure a box.
 *
 * All arguments are validated before the box is changed.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

/* Times are counted in microseconds. */
#define US 1ULL
#define MS 1000ULL
#define SECOND 1000000ULL

/**
 * struct unit - a unit suffix of a number
 * @name: name of the unit
 * @factor: multiplier
 */
struct unit {
	const char *name;
	__u64 factor;
};

static const struct unit time_units[] = {
	{ "us", US },
	{ "ms", MS },
	{ "s", SECOND },
	{ NULL },
};

static const struct unit size_units[] = {
	{ "K", 1ULL << 10 },
	{ "M", 1ULL << 20 },
	{ "G", 1ULL << 30 },
	{ "T", 1ULL << 40 },
	{ NULL },
};

/**
 * struct row - a setting
 * @text: its help
 * @set: PAGEBOX_SET_* of its field
 * @field: offset of its field in struct pagebox_config
 * @write_field: offset of the field for writes, if it is a delay
 * @least: minimum of the field
 * @most: maximum of the field
 * @unit: unit of the field, if it is a time, and default unit of the argument
 * @words: names of the values from 0 on, NULL-terminated
 * @take: parses an argument; returns false if it is invalid
 * @what: the expected argument, for the error message
 */
struct row {
	struct setting_text text;
	__u32 set;
	size_t field;
	size_t write_field;
	__u64 least;
	__u64 most;
	__u64 unit;
	const char *const *words;
	bool (*take)(const struct row *row, const char *word,
		     struct settings *settings);
	const char *what;
};

/* Split a word into a number and its suffix. */
static bool split_number(const char *word, __u64 *number, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*word))
		return false;
	errno = 0;
	*number = strtoull(word, &end, 10);
	*rest = end;
	return !errno;
}

/* Parse a number with a unit; without a unit the factor is @plain. */
static bool measure(const char *word, const struct unit *units, __u64 plain,
		    __u64 *value)
{
	const char *rest;
	__u64 number;

	if (!split_number(word, &number, &rest))
		return false;
	if (!*rest)
		return !__builtin_mul_overflow(number, plain, value);
	for (; units->name; units++) {
		if (!strcmp(rest, units->name))
			return !__builtin_mul_overflow(number, units->factor,
						       value);
	}
	return false;
}

static bool is_within(const struct row *row, __u64 value)
{
	return value >= row->least && value <= row->most;
}

static void *field_at(struct settings *settings, size_t field)
{
	return (char *)&settings->config + field;
}

static bool put_u32(const struct row *row, size_t field, __u64 value,
		    struct settings *settings)
{
	__u32 narrow = value;

	if (!is_within(row, value))
		return false;
	memcpy(field_at(settings, field), &narrow, sizeof(narrow));
	return true;
}

static bool take_number(const struct row *row, const char *word,
			struct settings *settings)
{
	const char *rest;
	__u64 value;

	return split_number(word, &value, &rest) && !*rest &&
	       put_u32(row, row->field, value, settings);
}

static bool take_size(const struct row *row, const char *word,
		      struct settings *settings)
{
	__u64 value;

	if (!measure(word, size_units, 1, &value) || !is_within(row, value) ||
	    value % PAGEBOX_PAGE_SIZE)
		return false;
	settings->config.bytes = value;
	return true;
}

static bool put_time(const struct row *row, size_t field, const char *word,
		     struct settings *settings)
{
	__u64 value;

	return measure(word, time_units, row->unit, &value) &&
	       !(value % row->unit) &&
	       put_u32(row, field, value / row->unit, settings);
}

static bool take_time(const struct row *row, const char *word,
		      struct settings *settings)
{
	return put_time(row, row->field, word, settings);
}

/* READ[,WRITE]: a single delay applies to both. */
static bool take_delay(const struct row *row, const char *word,
		       struct settings *settings)
{
	char read[32] = "";
	size_t length = strcspn(word, ",");

	if (length < sizeof(read))
		memcpy(read, word, length);
	return put_time(row, row->field, read, settings) &&
	       put_time(row, row->write_field,
			word[length] ? word + length + 1 : read, settings);
}

static bool take_word(const struct row *row, const char *word,
		      struct settings *settings)
{
	for (__u32 i = 0; row->words[i]; i++) {
		if (!strcmp(word, row->words[i])) {
			memcpy(field_at(settings, row->field), &i, sizeof(i));
			return true;
		}
	}
	return false;
}

static bool take_name(const struct row *row, const char *word,
		      struct settings *settings)
{
	size_t length = strlen(word);

	if (!length || length >= PAGEBOX_NAME_LEN)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isprint((unsigned char)word[i]))
			return false;
	}
	memcpy(field_at(settings, row->field), word, length + 1);
	return true;
}

/* Return: the path, or NULL for a backend that @fd alone describes. */
static const char *take_backend(const char *word, __s32 *fd)
{
	*fd = strcmp(word, "ram") ? PAGEBOX_FD_NONE : PAGEBOX_FD_RAM;
	return strcmp(word, "ram") && strcmp(word, "none") ? word : NULL;
}

static bool take_store(const struct row *row, const char *word,
		       struct settings *settings)
{
	(void)row;
	settings->store = take_backend(word, &settings->config.store_fd);
	return *word;
}

static bool take_swap(const struct row *row, const char *word,
		      struct settings *settings)
{
	(void)row;
	settings->swap = take_backend(word, &settings->config.swap_fd);
	return *word;
}

/* A flag has no argument; its presence is recorded elsewhere. */
static bool take_flag(const struct row *row, const char *word,
		      struct settings *settings)
{
	(void)row;
	(void)word;
	(void)settings;
	return true;
}

static const char *const oom_words[] = {
	[PAGEBOX_OOM_SIGBUS] = "sigbus",
	[PAGEBOX_OOM_KILL] = "kill",
	[PAGEBOX_OOM_WAIT] = "wait",
	NULL,
};

static const char *const overcommit_words[] = {
	[PAGEBOX_OVERCOMMIT_ALWAYS] = "always",
	[PAGEBOX_OVERCOMMIT_NEVER] = "never",
	NULL,
};

static const char *const references_words[] = {
	[PAGEBOX_REFERENCES_AUTO] = "auto",
	[PAGEBOX_REFERENCES_HARDWARE] = "hardware",
	[PAGEBOX_REFERENCES_EXACT] = "exact",
	[PAGEBOX_REFERENCES_EVERY] = "every",
	NULL,
};

#define FIELD(member) .field = offsetof(struct pagebox_config, member)
#define WRITE_FIELD(member) \
	.write_field = offsetof(struct pagebox_config, member)

static const char a_backend[] = "a path, 'ram' or 'none'";
static const char a_delay[] =
	"READ[,WRITE], each 0 to 10s, as N (in us), Nus, Nms or Ns";

static const struct row rows[SETTING_NR] = {
	[SETTING_SIZE] = { { "size", " BYTES",
			     "size of the box; suffix K, M, G or T" },
			   .set = PAGEBOX_SET_BYTES,
			   .least = PAGEBOX_PAGE_SIZE,
			   .most = PAGEBOX_MAX_SIZE,
			   .take = take_size,
			   .what = "a size: a multiple of 4K, up to 64T" },
	[SETTING_STORE] = { { "store", " PATH|ram|none",
			      "backing store of the box" },
			    .set = PAGEBOX_SET_STORE,
			    .take = take_store,
			    .what = a_backend },
	[SETTING_READ_ONLY] = { { "read-only", NULL,
				  "never write to the store" },
				.take = take_flag },
	[SETTING_FRAMES] = { { "frames", " N", "frame limit" },
			     .set = PAGEBOX_SET_FRAMES,
			     FIELD(frames),
			     .least = PAGEBOX_MIN_FRAMES,
			     .most = ~0U,
			     .take = take_number,
			     .what = "a number of frames, 2 or more" },
	[SETTING_NAME] = { { "name", " TEXT", "name of the box" },
			   .set = PAGEBOX_SET_NAME,
			   FIELD(name),
			   .take = take_name,
			   .what = "a name: 1 to 15 printable characters" },
	[SETTING_POLICY] = { { "policy", " NAME",
			       "replacement policy; see 'pagebox policies'" },
			     .set = PAGEBOX_SET_POLICY,
			     FIELD(policy),
			     .take = take_name,
			     .what = "a policy name" },
	[SETTING_REFERENCES] = { { "references", " LEVEL",
				   "access tracking: auto, hardware, exact, every" },
				 .set = PAGEBOX_SET_REFERENCES,
				 FIELD(references),
				 .words = references_words,
				 .take = take_word,
				 .what = "auto, hardware, exact or every" },
	[SETTING_SWAP] = { { "swap", " PATH|ram|none",
			     "swap area; PATH is overwritten" },
			   .set = PAGEBOX_SET_SWAP,
			   .take = take_swap,
			   .what = a_backend },
	[SETTING_SWAP_PAGES] = { { "swap-pages", " N",
				   "size limit of the swap area; 0: all of it" },
				 .set = PAGEBOX_SET_SWAP,
				 FIELD(swap_pages),
				 .most = ~0U,
				 .take = take_number,
				 .what = "a number of pages" },
	[SETTING_READAHEAD] = { { "readahead", " N",
				  "maximum pages per read; 0 or 1: no readahead" },
				.set = PAGEBOX_SET_READAHEAD,
				FIELD(readahead),
				.most = PAGEBOX_MAX_READAHEAD,
				.take = take_number,
				.what = "a number of pages, 0 to 32" },
	[SETTING_SWAPPINESS] = { { "swappiness", " N",
				   "0 to 200; lower values evict fewer dirty pages" },
				 .set = PAGEBOX_SET_SWAPPINESS,
				 FIELD(swappiness),
				 .most = PAGEBOX_MAX_SWAPPINESS,
				 .take = take_number,
				 .what = "a swappiness, 0 to 200" },
	[SETTING_OOM] = { { "oom", " sigbus|kill|wait",
			    "action when out of frames" },
			  .set = PAGEBOX_SET_OOM,
			  FIELD(oom),
			  .words = oom_words,
			  .take = take_word,
			  .what = "sigbus, kill or wait" },
	[SETTING_OOM_WAIT] = { { "oom-wait", " TIME",
				 "duration of 'wait', in ms" },
			       .set = PAGEBOX_SET_OOM,
			       FIELD(oom_wait_ms),
			       .most = PAGEBOX_MAX_OOM_WAIT,
			       .unit = MS,
			       .take = take_time,
			       .what = "a time, 0 to 3600s, as N (in ms), Nms or Ns" },
	[SETTING_OVERCOMMIT] = { { "overcommit", " always|never",
				   "allow mapping more than fits" },
				 .set = PAGEBOX_SET_OVERCOMMIT,
				 FIELD(overcommit),
				 .words = overcommit_words,
				 .take = take_word,
				 .what = "always or never" },
	[SETTING_DIRTY_AGE] = { { "dirty-age", " TIME",
				  "age at which dirty pages are written, in ms" },
				.set = PAGEBOX_SET_DIRTY,
				FIELD(dirty_age_ms),
				.least = 1,
				.most = PAGEBOX_MAX_DIRTY_AGE,
				.unit = MS,
				.take = take_time,
				.what = "a time, 1ms to 3600s, as N (in ms), Nms or Ns" },
	[SETTING_DIRTY_RATIO] = { { "dirty-ratio", " PERCENT",
				    "percentage of dirty frames that starts writing" },
				  .set = PAGEBOX_SET_DIRTY,
				  FIELD(dirty_ratio),
				  .most = PAGEBOX_MAX_DIRTY_RATIO,
				  .take = take_number,
				  .what = "a percentage, 0 to 100" },
	[SETTING_STORE_DELAY] = { { "store-delay", " READ[,WRITE]",
				    "delay added to store I/O, in us" },
				  .set = PAGEBOX_SET_STORE_DELAY,
				  FIELD(store_read_us),
				  WRITE_FIELD(store_write_us),
				  .most = PAGEBOX_MAX_DELAY,
				  .unit = US,
				  .take = take_delay,
				  .what = a_delay },
	[SETTING_SWAP_DELAY] = { { "swap-delay", " READ[,WRITE]",
				   "delay added to swap I/O, in us" },
				 .set = PAGEBOX_SET_SWAP_DELAY,
				 FIELD(swap_read_us),
				 WRITE_FIELD(swap_write_us),
				 .most = PAGEBOX_MAX_DELAY,
				 .unit = US,
				 .take = take_delay,
				 .what = a_delay },
};

struct setting_text settings_text(enum setting setting)
{
	return rows[setting].text;
}

/**
 * settings_take() - parse the argument of a setting
 * @settings: updated with the value
 * @setting: the setting
 * @word: its argument, NULL if it takes none
 * @error: set to the reason if the argument is invalid
 *
 * Return: 0 or -EINVAL.
 */
int settings_take(struct settings *settings, enum setting setting,
		  const char *word, struct pagebox_error *error)
{
	const struct row *row = &rows[setting];

	if (!row->take(row, word, settings))
		return pagebox_fail(error, -EINVAL,
				    "--%s: invalid value '%s': expected %s",
				    row->text.name, word, row->what);
	settings->config.set |= row->set;
	settings->given |= SETTING_BIT(setting);
	return 0;
}

/**
 * settings_check() - check that the settings are consistent
 * @settings: all settings that were given
 * @error: set to the reason if they are not
 *
 * Return: 0 or -EINVAL.
 */
int settings_check(const struct settings *settings, struct pagebox_error *error)
{
	if (is_given(settings, SETTING_READ_ONLY) && !settings->store)
		return pagebox_fail(error, -EINVAL,
				    "--read-only requires --store PATH");
	if (is_given(settings, SETTING_SWAP_PAGES) && !names_swap(settings))
		return pagebox_fail(
			error, -EINVAL,
			"--swap-pages requires --swap PATH or --swap ram");
	return 0;
}
