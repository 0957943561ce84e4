// SPDX-License-Identifier: GPL-2.0
/*
 * Test the options that configure a box: how they are parsed, what is passed to
 * the module, and the messages when the module rejects them. The module is
 * emulated: the linker redirects open() and ioctl() to the functions below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "sandbox.h"

#include "reach.h"
#include "settings.h"

static struct pagebox_error error;

/**
 * struct module - the emulated module
 * @open: errno of opening the device
 * @configure: errno of PAGEBOX_IOC_CONFIGURE
 * @join: errno of PAGEBOX_IOC_JOIN
 * @info: result of PAGEBOX_IOC_INFO
 * @config: argument of PAGEBOX_IOC_CONFIGURE
 * @store_mode: access mode of the store
 * @swap_mode: access mode of the swap area
 * @joined: argument of PAGEBOX_IOC_JOIN
 */
static struct module {
	int open;
	int configure;
	int join;
	struct pagebox_info info;
	struct pagebox_config config;
	int store_mode;
	int swap_mode;
	unsigned int joined;
} module;

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, PAGEBOX_DEVICE))
		return openat(AT_FDCWD, path, flags);
	errno = module.open;
	return module.open ? -1 : openat(AT_FDCWD, "/dev/null", flags);
}

static int mode_of(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_GETFL) & O_ACCMODE;
}

static int answer(int code)
{
	errno = code;
	return code ? -1 : 0;
}

static int do_configure(const struct pagebox_config *config)
{
	module.config = *config;
	module.store_mode = mode_of(config->store_fd);
	module.swap_mode = mode_of(config->swap_fd);
	return answer(module.configure);
}

int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
	switch (request) {
	case PAGEBOX_IOC_CONFIGURE:
		return do_configure(argument);
	case PAGEBOX_IOC_INFO:
		memcpy(argument, &module.info, sizeof(module.info));
		return 0;
	case PAGEBOX_IOC_JOIN:
		module.joined = ((struct pagebox_join *)argument)->id;
		return module.join ? answer(module.join) :
				     fcntl(fd, F_DUPFD_CLOEXEC, 0);
	default:
		return answer(ENOTTY);
	}
}

static int module_setup(void **state)
{
	memset(&module, 0, sizeof(module));
	module.info.size = sizeof(module.info);
	module.info.oom = PAGEBOX_OOM_KILL;
	module.info.oom_wait_ms = 777;
	module.info.dirty_age_ms = 888;
	module.info.dirty_ratio = 99;
	return sandbox_setup(state);
}

/* ---- parsing ------------------------------------------------------------- */

static struct pagebox_config good(enum setting setting, const char *word)
{
	struct settings settings = { .given = 0 };

	if (settings_take(&settings, setting, word, &error))
		fail_msg("%s", error.text);
	assert_int_equal(settings.given, SETTING_BIT(setting));
	return settings.config;
}

static void bad(enum setting setting, const char *word)
{
	struct settings settings = { .given = 0 };
	char says[64];

	if (settings_take(&settings, setting, word, &error) != -EINVAL)
		fail_msg("--%s takes '%s'", settings_text(setting).name, word);
	snprintf(says, sizeof(says), "--%s: invalid value '%s'",
		 settings_text(setting).name, word);
	pagebox_printable(says);
	assert_memory_equal(error.text, says, strlen(says));
	assert_int_equal(settings.given, 0);
	assert_int_equal(settings.config.set, 0);
}

/* No setting accepts any of these. */
static void nonsense_is_refused(void **state)
{
	static const char *const words[] = {
		"",
		"-",
		"-1",
		"+1",
		" 1",
		"1 ",
		"0x10",
		"1.5",
		"1e3",
		"18446744073709551616",
		"99999999999999999999999",
		"1P",
		"1,2,3",
	};
	static const enum setting settings[] = {
		SETTING_SIZE,	     SETTING_FRAMES,	  SETTING_SWAP_PAGES,
		SETTING_READAHEAD,   SETTING_SWAPPINESS,  SETTING_OOM,
		SETTING_OOM_WAIT,    SETTING_OVERCOMMIT,  SETTING_DIRTY_AGE,
		SETTING_DIRTY_RATIO, SETTING_STORE_DELAY, SETTING_SWAP_DELAY,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(words); j++)
			bad(settings[i], words[j]);
	}
}

static void numbers_have_bounds(void **state)
{
	static const struct {
		enum setting setting;
		size_t field;
		unsigned int least, most;
	} table[] = {
#define NUMBER(setting, member, ...) \
	{ setting, offsetof(struct pagebox_config, member), __VA_ARGS__ }
		NUMBER(SETTING_FRAMES, frames, 2, 4294967295),
		NUMBER(SETTING_SWAP_PAGES, swap_pages, 0, 4294967295),
		NUMBER(SETTING_READAHEAD, readahead, 0, 32),
		NUMBER(SETTING_SWAPPINESS, swappiness, 0, 200),
		NUMBER(SETTING_DIRTY_RATIO, dirty_ratio, 0, 100),
		NUMBER(SETTING_OOM_WAIT, oom_wait_ms, 0, 3600000),
		NUMBER(SETTING_DIRTY_AGE, dirty_age_ms, 1, 3600000),
		NUMBER(SETTING_STORE_DELAY, store_read_us, 0, 10000000),
		NUMBER(SETTING_STORE_DELAY, store_write_us, 0, 10000000),
		NUMBER(SETTING_SWAP_DELAY, swap_read_us, 0, 10000000),
		NUMBER(SETTING_SWAP_DELAY, swap_write_us, 0, 10000000),
#undef NUMBER
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		unsigned int ends[] = { table[i].least, table[i].most };
		char word[24];

		for (size_t j = 0; j < ARRAY_SIZE(ends); j++) {
			struct pagebox_config config;

			snprintf(word, sizeof(word), "%u", ends[j]);
			config = good(table[i].setting, word);
			assert_memory_equal((char *)&config + table[i].field,
					    &ends[j], sizeof(ends[j]));
		}
		snprintf(word, sizeof(word), "%llu", table[i].most + 1ULL);
		bad(table[i].setting, word);
		if (!table[i].least)
			continue;
		snprintf(word, sizeof(word), "%u", table[i].least - 1);
		bad(table[i].setting, word);
	}
}

static void sizes_have_units(void **state)
{
	(void)state;
	assert_int_equal(good(SETTING_SIZE, "4096").bytes, 4096);
	assert_int_equal(good(SETTING_SIZE, "4K").bytes, 4096);
	assert_int_equal(good(SETTING_SIZE, "3M").bytes, 3 << 20);
	assert_int_equal(good(SETTING_SIZE, "5G").bytes, 5ULL << 30);
	assert_int_equal(good(SETTING_SIZE, "64T").bytes, PAGEBOX_MAX_SIZE);
	assert_int_equal(good(SETTING_SIZE, "1T").set, PAGEBOX_SET_BYTES);
	bad(SETTING_SIZE, "0");
	bad(SETTING_SIZE, "4095");
	bad(SETTING_SIZE, "6K");
	bad(SETTING_SIZE, "4k");
	bad(SETTING_SIZE, "4KB");
	bad(SETTING_SIZE, "K");
	bad(SETTING_SIZE, "65T");
	/* 2^24 TiB are 2^64 bytes: the product overflows to 0 */
	bad(SETTING_SIZE, "16777216T");
}

static void times_have_units(void **state)
{
	(void)state;
	assert_int_equal(good(SETTING_OOM_WAIT, "5").oom_wait_ms, 5);
	assert_int_equal(good(SETTING_OOM_WAIT, "5ms").oom_wait_ms, 5);
	assert_int_equal(good(SETTING_OOM_WAIT, "5s").oom_wait_ms, 5000);
	assert_int_equal(good(SETTING_OOM_WAIT, "5000us").oom_wait_ms, 5);
	assert_int_equal(good(SETTING_OOM_WAIT, "5s").set, PAGEBOX_SET_OOM);
	assert_int_equal(good(SETTING_DIRTY_AGE, "2s").dirty_age_ms, 2000);
	assert_int_equal(good(SETTING_DIRTY_AGE, "2s").set, PAGEBOX_SET_DIRTY);
	bad(SETTING_OOM_WAIT, "5us");
	bad(SETTING_OOM_WAIT, "1500us");
	bad(SETTING_OOM_WAIT, "3601s");
	bad(SETTING_OOM_WAIT, "1m");
	bad(SETTING_OOM_WAIT, "1S");
	bad(SETTING_OOM_WAIT, "ms");
	bad(SETTING_DIRTY_AGE, "0s");
	/* the number of microseconds overflows to a small number */
	bad(SETTING_OOM_WAIT, "18446744073710s");
}

static void delays_are_two(void **state)
{
	struct pagebox_config config;

	(void)state;
	config = good(SETTING_STORE_DELAY, "100");
	assert_int_equal(config.store_read_us, 100);
	assert_int_equal(config.store_write_us, 100);
	assert_int_equal(config.set, PAGEBOX_SET_STORE_DELAY);
	config = good(SETTING_SWAP_DELAY, "1ms,2s");
	assert_int_equal(config.swap_read_us, 1000);
	assert_int_equal(config.swap_write_us, 2000000);
	assert_int_equal(config.set, PAGEBOX_SET_SWAP_DELAY);
	assert_int_equal(config.store_read_us, 0);
	config = good(SETTING_SWAP_DELAY, "10s,0");
	assert_int_equal(config.swap_read_us, PAGEBOX_MAX_DELAY);
	assert_int_equal(config.swap_write_us, 0);
	bad(SETTING_SWAP_DELAY, "5,");
	bad(SETTING_SWAP_DELAY, ",5");
	bad(SETTING_SWAP_DELAY, ",");
	bad(SETTING_SWAP_DELAY, "5;6");
	bad(SETTING_SWAP_DELAY, "11s");
	bad(SETTING_SWAP_DELAY, "1,11s");
	bad(SETTING_SWAP_DELAY, "0000000000000000000000000000000000001");
}

static void words_are_values(void **state)
{
	(void)state;
	assert_int_equal(good(SETTING_OOM, "sigbus").oom, PAGEBOX_OOM_SIGBUS);
	assert_int_equal(good(SETTING_OOM, "kill").oom, PAGEBOX_OOM_KILL);
	assert_int_equal(good(SETTING_OOM, "wait").oom, PAGEBOX_OOM_WAIT);
	assert_int_equal(good(SETTING_OVERCOMMIT, "never").overcommit,
			 PAGEBOX_OVERCOMMIT_NEVER);
	assert_int_equal(good(SETTING_OVERCOMMIT, "always").overcommit,
			 PAGEBOX_OVERCOMMIT_ALWAYS);
	assert_int_equal(good(SETTING_REFERENCES, "auto").references,
			 PAGEBOX_REFERENCES_AUTO);
	assert_int_equal(good(SETTING_REFERENCES, "hardware").references,
			 PAGEBOX_REFERENCES_HARDWARE);
	assert_int_equal(good(SETTING_REFERENCES, "exact").references,
			 PAGEBOX_REFERENCES_EXACT);
	assert_int_equal(good(SETTING_REFERENCES, "every").references,
			 PAGEBOX_REFERENCES_EVERY);
	assert_int_equal(good(SETTING_REFERENCES, "every").set,
			 PAGEBOX_SET_REFERENCES);
	bad(SETTING_REFERENCES, "none");
	bad(SETTING_REFERENCES, "3");
	bad(SETTING_OOM, "Kill");
	bad(SETTING_OOM, "0");
	bad(SETTING_OVERCOMMIT, "sometimes");
}

static void names_are_short_and_printable(void **state)
{
	(void)state;
	assert_string_equal(good(SETTING_NAME, "fifteen letters").name,
			    "fifteen letters");
	assert_string_equal(good(SETTING_POLICY, "lru").policy, "lru");
	bad(SETTING_NAME, "sixteen letters!");
	bad(SETTING_NAME, "");
	bad(SETTING_NAME, "a\tb");
	bad(SETTING_NAME, "\xc3\xa9");
	bad(SETTING_POLICY, "");
	bad(SETTING_POLICY, "a-policy-with-a-long-name");
}

static void the_last_word_counts(void **state)
{
	struct settings settings = { .given = 0 };

	(void)state;
	settings_take(&settings, SETTING_STORE, "a path", &error);
	assert_string_equal(settings.store, "a path");
	settings_take(&settings, SETTING_STORE, "ram", &error);
	assert_null(settings.store);
	assert_int_equal(settings.config.store_fd, PAGEBOX_FD_RAM);
	settings_take(&settings, SETTING_SWAP, "none", &error);
	assert_null(settings.swap);
	assert_int_equal(settings.config.swap_fd, PAGEBOX_FD_NONE);
	settings_take(&settings, SETTING_SWAP, "./ram", &error);
	assert_string_equal(settings.swap, "./ram");
	settings_take(&settings, SETTING_NAME, "a long name", &error);
	settings_take(&settings, SETTING_NAME, "short", &error);
	assert_string_equal(settings.config.name, "short");
}

/* ---- consistency --------------------------------------------------------- */

static struct settings parse(const enum setting *which,
			     const char *const *words, size_t nr)
{
	struct settings settings = { .given = 0 };

	for (size_t i = 0; i < nr; i++)
		assert_int_equal(settings_take(&settings, which[i], words[i],
					       &error),
				 0);
	return settings;
}

#define ONE(a, x) parse((enum setting[]){ a }, (const char *[]){ x }, 1)
#define TWO(a, x, b, y) \
	parse((enum setting[]){ a, b }, (const char *[]){ x, y }, 2)

static void together(struct settings settings, const char *says)
{
	assert_int_equal(settings_check(&settings, &error), says ? -EINVAL : 0);
	if (says && !strstr(error.text, says))
		fail_msg("'%s', not '%s'", error.text, says);
}

static void some_need_others(void **state)
{
	(void)state;
	together(ONE(SETTING_READ_ONLY, NULL), "requires --store PATH");
	together(TWO(SETTING_READ_ONLY, NULL, SETTING_STORE, "ram"),
		 "requires --store PATH");
	together(TWO(SETTING_READ_ONLY, NULL, SETTING_STORE, "x"), NULL);
	together(ONE(SETTING_SWAP_PAGES, "7"), "requires --swap");
	together(TWO(SETTING_SWAP_PAGES, "7", SETTING_SWAP, "none"),
		 "requires --swap");
	together(TWO(SETTING_SWAP_PAGES, "7", SETTING_SWAP, "ram"), NULL);
	together(TWO(SETTING_SWAP, "x", SETTING_SWAP_PAGES, "7"), NULL);
	together(ONE(SETTING_FRAMES, "7"), NULL);
}

/* ---- arguments of the module --------------------------------------------- */

static void applied(struct settings settings)
{
	int fd = reach_new(&error);

	assert_true(fd >= 0);
	if (settings_apply(&settings, fd, &error))
		fail_msg("%s", error.text);
	close(fd);
}

static void halves_are_completed(void **state)
{
	(void)state;
	applied(ONE(SETTING_OOM_WAIT, "5"));
	assert_int_equal(module.config.set, PAGEBOX_SET_OOM);
	assert_int_equal(module.config.oom, PAGEBOX_OOM_KILL);
	assert_int_equal(module.config.oom_wait_ms, 5);
	applied(ONE(SETTING_OOM, "wait"));
	assert_int_equal(module.config.oom, PAGEBOX_OOM_WAIT);
	assert_int_equal(module.config.oom_wait_ms, 777);
	applied(ONE(SETTING_DIRTY_AGE, "5"));
	assert_int_equal(module.config.set, PAGEBOX_SET_DIRTY);
	assert_int_equal(module.config.dirty_age_ms, 5);
	assert_int_equal(module.config.dirty_ratio, 99);
	applied(ONE(SETTING_DIRTY_RATIO, "5"));
	assert_int_equal(module.config.dirty_age_ms, 888);
	assert_int_equal(module.config.dirty_ratio, 5);
	assert_int_equal(module.config.size, sizeof(module.config));
}

static const char *file(const char *name)
{
	static char path[128];

	sandbox_file(name, "x");
	snprintf(path, sizeof(path), "%s/%s", sandbox, name);
	return path;
}

static void files_are_opened_as_needed(void **state)
{
	(void)state;
	applied(ONE(SETTING_STORE, file("store")));
	assert_int_equal(module.store_mode, O_RDWR);
	assert_int_equal(fcntl(module.config.store_fd, F_GETFD), -1);
	applied(TWO(SETTING_STORE, file("store"), SETTING_READ_ONLY, NULL));
	assert_int_equal(module.store_mode, O_RDONLY);
	applied(TWO(SETTING_SWAP, file("swap"), SETTING_SWAP_PAGES, "9"));
	assert_int_equal(module.swap_mode, O_RDWR);
	assert_int_equal(module.config.swap_pages, 9);
	assert_int_equal(fcntl(module.config.swap_fd, F_GETFD), -1);
	applied(TWO(SETTING_SWAP, "ram", SETTING_STORE, "none"));
	assert_int_equal(module.config.swap_fd, PAGEBOX_FD_RAM);
	assert_int_equal(module.config.store_fd, PAGEBOX_FD_NONE);
	assert_int_equal(module.config.set,
			 PAGEBOX_SET_SWAP | PAGEBOX_SET_STORE);
}

static void delays_need_something_to_delay(void **state)
{
	int fd = reach_new(&error);
	struct settings settings;

	(void)state;
	settings = ONE(SETTING_STORE_DELAY, "1");
	assert_int_equal(settings_apply(&settings, fd, &error), -EINVAL);
	assert_string_equal(error.text, "--store-delay: the box has no store");
	settings = TWO(SETTING_STORE_DELAY, "1", SETTING_STORE, "none");
	assert_int_equal(settings_apply(&settings, fd, &error), -EINVAL);
	settings = ONE(SETTING_SWAP_DELAY, "1");
	assert_int_equal(settings_apply(&settings, fd, &error), -EINVAL);
	assert_string_equal(error.text,
			    "--swap-delay: the box has no swap area");
	assert_int_equal(module.config.set, 0);
	close(fd);
	applied(TWO(SETTING_STORE_DELAY, "1", SETTING_STORE, "ram"));
	applied(TWO(SETTING_SWAP_DELAY, "1", SETTING_SWAP, file("swap")));
	module.info.store_kind = PAGEBOX_BACKEND_FILE;
	module.info.swap_kind = PAGEBOX_BACKEND_RAM;
	applied(TWO(SETTING_STORE_DELAY, "1", SETTING_SWAP_DELAY, "1"));
	settings = TWO(SETTING_SWAP_DELAY, "1", SETTING_SWAP, "none");
	fd = reach_new(&error);
	assert_int_equal(settings_apply(&settings, fd, &error), -EINVAL);
	close(fd);
}

/* ---- error messages ------------------------------------------------------ */

static void refused(struct settings settings, int code, const char *says)
{
	int fd = reach_new(&error);

	assert_true(fd >= 0);
	assert_int_equal(settings_apply(&settings, fd, &error), -code);
	close(fd);
	if (!strstr(error.text, says))
		fail_msg("'%s', not '%s'", error.text, says);
}

static void bad_files_are_named(void **state)
{
	char path[128];

	(void)state;
	refused(ONE(SETTING_STORE, "/nonexistent/file"), ENOENT,
		"/nonexistent/file: No such file or directory");
	refused(ONE(SETTING_SWAP, sandbox), EINVAL,
		"neither a regular file nor a block device");
	refused(ONE(SETTING_STORE, "/dev/null"), EINVAL,
		"/dev/null is neither a regular file");
	snprintf(path, sizeof(path), "%s/pipe", sandbox);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(ONE(SETTING_STORE, path), EINVAL, "neither a regular file");
	/* a running program cannot be opened for writing */
	refused(ONE(SETTING_STORE, "/proc/self/exe"), ETXTBSY,
		"cannot be written: Text file busy; use --read-only");
	refused(ONE(SETTING_SWAP, "/proc/self/exe"), ETXTBSY,
		"/proc/self/exe: Text file busy");
	applied(TWO(SETTING_STORE, "/proc/self/exe", SETTING_READ_ONLY, NULL));
	assert_int_equal(module.store_mode, O_RDONLY);
}

static void refuse(struct settings settings, int code, const char *says)
{
	module.configure = code;
	refused(settings, code, says);
}

static void refusals_say_what_to_do(void **state)
{
	(void)state;
	refuse(ONE(SETTING_FRAMES, "4"), EBUSY,
	       "locked or pinned pages use more than 4 frames: munlock() them");
	refuse(ONE(SETTING_FRAMES, "400000"), ERANGE,
	       "400000 frames exceed the limit of the module: see /sys/module/pagebox/parameters/max_frames");
	refuse(ONE(SETTING_SWAP, "none"), ENOMEM,
	       "no room for the pages that are in swap now: give the box more frames or a larger");
	refuse(ONE(SETTING_FRAMES, "400000"), ENOMEM,
	       "not enough kernel memory");
	refuse(ONE(SETTING_SWAP, file("swap")), ENOSPC,
	       "/swap is smaller than a page");
	refuse(ONE(SETTING_SWAP, file("swap")), EINVAL,
	       "cannot use this file as a store or swap area");
	refuse(ONE(SETTING_NAME, "x"), EINVAL,
	       "rejected the settings: Invalid argument");
	refuse(ONE(SETTING_FRAMES, "4"), EINTR,
	       "rejected the settings: Interrupted system call");
	module.info.size = 40;
	refuse(ONE(SETTING_NAME, "x"), E2BIG, "module is older");
	refuse(ONE(SETTING_READAHEAD, "0"), EINVAL, "module is older");
}

static void policies_are_listed(void **state)
{
	(void)state;
	refuse(ONE(SETTING_POLICY, "opt"), ENOENT,
	       "unknown policy 'opt'; run 'pagebox policies' as root to list them");
	sandbox_file("policies", "clock\nfifo\n");
	refuse(ONE(SETTING_POLICY, "opt"), ENOENT,
	       "unknown policy 'opt'; available: clock fifo");
}

static void closed_doors_are_explained(void **state)
{
	static const struct {
		int code;
		const char *says;
	} table[] = {
		{ EACCES, "only root may open /dev/pagebox, unless" },
		{ EPERM, "only root may open /dev/pagebox, unless" },
		{ ENFILE, "the module allows no more boxes" },
		{ EMFILE, "/dev/pagebox: Too many open files" },
		{ ENOMEM, "/dev/pagebox: Cannot allocate memory" },
		{ ENOENT, "module is" },
		{ ENXIO, "module is" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		module.open = table[i].code;
		assert_int_equal(reach_new(&error), -table[i].code);
		assert_non_null(strstr(error.text, table[i].says));
		assert_int_equal(reach_box(1, &error), -table[i].code);
		assert_non_null(strstr(error.text, table[i].says));
	}
}

static void boxes_are_joined(void **state)
{
	static const struct {
		int code;
		const char *says;
	} table[] = {
		{ ENOENT, "there is no box 4000000000; 'pagebox ls'" },
		{ EPERM, "box 4000000000 was opened by another user: run" },
		{ ENOTTY, "module is older" },
		{ EMFILE, "box 4000000000: Too many open files" },
	};
	int fd = reach_box(4000000000, &error);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(module.joined, 4000000000);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		module.join = table[i].code;
		assert_int_equal(reach_box(4000000000, &error), -table[i].code);
		if (!strstr(error.text, table[i].says))
			fail_msg("%s", error.text);
	}
}

#define WITH_MODULE(test) \
	cmocka_unit_test_setup_teardown(test, module_setup, sandbox_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(delays_are_two),
		cmocka_unit_test(words_are_values),
		cmocka_unit_test(names_are_short_and_printable),
		cmocka_unit_test(the_last_word_counts),
		cmocka_unit_test(some_need_others),
		WITH_MODULE(halves_are_completed),
		WITH_MODULE(files_are_opened_as_needed),
		WITH_MODULE(delays_need_something_to_delay),
		WITH_MODULE(bad_files_are_named),
		WITH_MODULE(refusals_say_what_to_do),
		WITH_MODULE(policies_are_listed),
		WITH_MODULE(closed_doors_are_explained),
		WITH_MODULE(boxes_are_joined),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
