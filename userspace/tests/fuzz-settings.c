// SPDX-License-Identifier: GPL-2.0
/* Fuzz the settings of a box: each line of the input is a number and a word. */
#include "fuzz.h"
#include "settings.h"

static struct pagebox_error error;

static void check_bounds(const struct pagebox_config *c)
{
	FUZZ_CHECK(!(c->bytes % PAGEBOX_PAGE_SIZE));
	FUZZ_CHECK(c->bytes <= PAGEBOX_MAX_SIZE);
	FUZZ_CHECK(!(c->set & PAGEBOX_SET_FRAMES) ||
		   c->frames >= PAGEBOX_MIN_FRAMES);
	FUZZ_CHECK(c->store_read_us <= PAGEBOX_MAX_DELAY);
	FUZZ_CHECK(c->store_write_us <= PAGEBOX_MAX_DELAY);
	FUZZ_CHECK(c->swap_read_us <= PAGEBOX_MAX_DELAY);
	FUZZ_CHECK(c->swap_write_us <= PAGEBOX_MAX_DELAY);
	FUZZ_CHECK(c->readahead <= PAGEBOX_MAX_READAHEAD);
	FUZZ_CHECK(c->swappiness <= PAGEBOX_MAX_SWAPPINESS);
	FUZZ_CHECK(c->references <= PAGEBOX_REFERENCES_EVERY);
	FUZZ_CHECK(c->oom <= PAGEBOX_OOM_WAIT);
	FUZZ_CHECK(c->oom_wait_ms <= PAGEBOX_MAX_OOM_WAIT);
	FUZZ_CHECK(c->overcommit <= PAGEBOX_OVERCOMMIT_NEVER);
	FUZZ_CHECK(c->dirty_age_ms <= PAGEBOX_MAX_DIRTY_AGE);
	FUZZ_CHECK(c->dirty_ratio <= PAGEBOX_MAX_DIRTY_RATIO);
	FUZZ_CHECK_TEXT(c->name);
	FUZZ_CHECK_TEXT(c->policy);
}

static void take(struct settings *settings, char *line)
{
	unsigned int setting = line[0] - 'A';
	struct settings before = *settings;

	if (setting >= SETTING_NR || !settings_text(setting).argument)
		return;
	memset(&error, 0, sizeof(error));
	if (settings_take(settings, setting, line + 1, &error)) {
		FUZZ_CHECK(error.text[0]);
		FUZZ_CHECK(settings->given == before.given);
		FUZZ_CHECK(settings->config.set == before.config.set);
		/* an invalid write delay leaves the read delay changed */
		*settings = before;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings settings = { .given = 0 };
	char *text = malloc(size + 1), *save, *line;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		take(&settings, line);
		check_bounds(&settings.config);
	}
	settings_check(&settings, &error);
	free(text);
	return 0;
}
