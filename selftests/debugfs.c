// SPDX-License-Identifier: GPL-2.0
/* The debugfs files: their format and contents, and reading them under load. */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

#define FRAMES 16
#define PAGES 48

FIXTURE(debugfs)
{
	int box;
	unsigned int id;
	char *map;
};

FIXTURE_SETUP(debugfs)
{
	self->box = box_new(FRAMES, 0);
	self->id = box_info(self->box).id;
	self->map = box_map(self->box, PAGES, MAP_PRIVATE);
	pages_fill(self->map, PAGES, 1);
}

NO_TEARDOWN(debugfs);

/* The summary describes this box. */
TEST_F(debugfs, summary)
{
	char *text = debugfs_text(self->id, "summary");

	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "\nname debugfs\n"));
	EXPECT_NE(NULL, strstr(text, "\nstore -\n"));
	EXPECT_NE(NULL, strstr(text, "\npolicy clock\n"));
	EXPECT_NE(NULL, strstr(text, "\nswap ram\n"));
	EXPECT_EQ(self->id, debugfs_number(self->id, "summary", "box"));
	EXPECT_EQ(getuid(), debugfs_number(self->id, "summary", "owner"));
	EXPECT_EQ(PAGEBOX_DEFAULT_SIZE,
		  debugfs_number(self->id, "summary", "bytes"));
	EXPECT_EQ(FRAMES, debugfs_number(self->id, "summary", "frames"));
	EXPECT_EQ(FRAMES, debugfs_number(self->id, "summary", "frames_used"));
	EXPECT_EQ(1, debugfs_number(self->id, "summary", "batch"));
	EXPECT_EQ(2, debugfs_number(self->id, "summary", "views"));
	EXPECT_EQ(1, debugfs_number(self->id, "summary", "maps"));
	free(text);
}

/* The counters match those of the ioctl, for the box and for the mapping. */
TEST_F(debugfs, stats_agree)
{
	struct pagebox_stats stats = box_stats(self->box);
	struct pagebox_stats mine = map_stats(self->box, self->map);
	static const char *const names[] = {
		"faults_zero",	 "faults_minor", "faults_file",
		"faults_swapin", "faults_cow",	 "faults_mkwrite",
		"faults_failed",
	};
	char name[32];

	snprintf(name, sizeof(name), "%ld/stats",
		 map_row_at(self->id, self->map).map);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(stats.faults[i],
			  debugfs_number(self->id, "stats", names[i]));
		EXPECT_EQ(mine.faults[i],
			  debugfs_number(self->id, name, names[i]));
	}
	EXPECT_EQ(stats.major, debugfs_number(self->id, "stats", "major"));
	EXPECT_EQ(stats.evict_clean,
		  debugfs_number(self->id, "stats", "evict_clean"));
	EXPECT_EQ(stats.evict_dirty,
		  debugfs_number(self->id, "stats", "evict_dirty"));
	EXPECT_EQ(stats.second_chances,
		  debugfs_number(self->id, "stats", "second_chances"));
	EXPECT_EQ(stats.revolutions,
		  debugfs_number(self->id, "stats", "revolutions"));
	EXPECT_EQ(stats.frames_used,
		  debugfs_number(self->id, "stats", "frames_used"));
	EXPECT_EQ(stats.swap_used,
		  debugfs_number(self->id, "stats", "swap_used"));
	EXPECT_EQ(stats.pages, debugfs_number(self->id, "stats", "pages"));
	EXPECT_EQ(stats.views, debugfs_number(self->id, "stats", "views"));
}

/*
 * Only root can read the files, and none can be written: lockdown refuses
 * others.
 */
TEST_F(debugfs, modes)
{
	static const char *const names[] = { "summary", "stats", "frames",
					     "maps" };
	struct stat mode;
	char path[96];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/pagebox/%u/%s",
			 self->id, names[i]);
		ASSERT_EQ(0, stat(path, &mode));
		EXPECT_EQ(S_IFREG | 0400, mode.st_mode);
		EXPECT_EQ(0, mode.st_uid);
	}
}

/* The store is shown by its path, a mapping by one row per VMA. */
TEST_F(debugfs, store_and_maps)
{
	char name[] = "/tmp/pagebox-store-XXXXXX";
	int file = mkstemp(name);
	struct map_row *rows;
	char *text, want[64];
	int box;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, 3 * page_size));
	box = box_new_store(4, file);
	box_map(box, 3, MAP_SHARED);
	box_map(box, 3, MAP_PRIVATE);
	text = debugfs_text(box_info(box).id, "summary");
	ASSERT_NE(NULL, text);
	snprintf(want, sizeof(want), "\nstore %s\n", name);
	EXPECT_NE(NULL, strstr(text, want)) TH_LOG("%s", text);
	unlink(name);
	EXPECT_EQ(3 * page_size,
		  debugfs_number(box_info(box).id, "summary", "store_bytes"));
	ASSERT_EQ(2, map_rows(box_info(box).id, &rows));
	EXPECT_EQ(getpid(), rows[0].pid);
	EXPECT_EQ(getpid(), rows[1].pid);
	EXPECT_NE(rows[0].map, rows[1].map);
	free(rows);
	free(text);
}

/*
 * A file whose name has every byte except zero and the slash; @path is its
 * path.
 */
static int odd_file(char *path, const char *prefix, int from, int to)
{
	char *next = path + sprintf(path, "/tmp/%s", prefix);
	int file;

	for (int c = from; c <= to; c++) {
		if (c != '/')
			*next++ = c;
	}
	*next = '\0';
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, 4 * page_size))
		die("a file with an odd name");
	return file;
}

/* How debugfs shows a text: non-printable bytes and \ in octal. */
static char *shown(const char *text)
{
	static char line[2048];
	char *next = line;

	for (; *text; text++) {
		unsigned char c = *text;

		if (c < ' ' || c > '~' || c == '\\')
			next += sprintf(next, "\\%03o", c);
		else
			*next++ = c;
	}
	*next = '\0';
	return line;
}

static void expect_line(struct __test_metadata *_metadata, const char *text,
			const char *key, const char *value)
{
	char line[2100];

	snprintf(line, sizeof(line), "\n%s %s\n", key, shown(value));
	EXPECT_NE(NULL, strstr(text, line)) TH_LOG("no %s in: %s", line, text);
}

/* No file name can send terminal escapes or add a line. */
TEST(odd_names)
{
	static const char name[] = "\t\n\033[2J\177\\\303\244\233 x";
	char store[300], swap[300], *text;
	int files[] = { odd_file(store, "low", 1, 127),
			odd_file(swap, "high", 128, 255) };
	int box;

	ASSERT_EQ(0, prctl(PR_SET_NAME, name));
	box = box_new_store(4, files[0]);
	box_set_swap(box, files[1], 0);
	text = debugfs_text(box_info(box).id, "summary");
	ASSERT_NE(NULL, text);
	expect_line(_metadata, text, "name", name);
	expect_line(_metadata, text, "store", store);
	expect_line(_metadata, text, "swap", swap);
	for (const char *c = text; *c; c++)
		EXPECT_TRUE(*c == '\n' || (*c >= ' ' && *c <= '~'));
	free(text);
	unlink(store);
	unlink(swap);
	close(box);
}

/* A row of pages is one consistent snapshot of a page. */
static void expect_sound_row(struct __test_metadata *_metadata,
			     const struct page_row *row)
{
	bool resident = !strcmp(row->state, "frame");

	EXPECT_TRUE(resident || !strcmp(row->state, "swap") ||
		    !strcmp(row->state, "zero") || !strcmp(row->state, "store"))
	TH_LOG("state %s", row->state);
	EXPECT_EQ(resident, row->frame >= 0);
	EXPECT_TRUE(strcmp(row->state, "swap") || row->slot >= 0);
	EXPECT_TRUE(row->sharers == ROOT_SHARERS || row->sharers > 0);
	EXPECT_TRUE(!strcmp(row->pte, "-") || strlen(row->pte) == 3);
	EXPECT_TRUE(!strcmp(row->pte, "-") || resident);
}

#define MANY (small_size() ? 128 : 1024)

/* A mapping of 1000 VMAs, not in the order of their pages. */
TEST_F(debugfs, many_vmas)
{
	size_t half = MANY / 2 * page_size;
	char *map = box_map(self->box, MANY, MAP_PRIVATE);
	long id = map_row_at(self->id, map).map;
	char *room = mmap(NULL, 2 * half, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct page_row *rows;
	size_t count;

	for (size_t i = 0; i < 2; i++)
		ASSERT_EQ(room + i * half, mremap(map + !i * half, half, half,
						  MREMAP_MAYMOVE | MREMAP_FIXED,
						  room + i * half));
	for (size_t i = 0; i < MANY; i += 4)
		*page_at(room, i) = 1;
	for (size_t i = 1; i < MANY; i += 2)
		ASSERT_EQ(0, mprotect(page_at(room, i), page_size, PROT_READ));
	count = page_rows(self->id, id, &rows);
	ASSERT_EQ(MANY / 4, count);
	for (size_t i = 0; i < count; i++) {
		EXPECT_EQ((uintptr_t)page_at(room, 4 * i), rows[i].address);
		EXPECT_EQ((4 * i + MANY / 2) % MANY, rows[i].index);
		expect_sound_row(_metadata, &rows[i]);
	}
	free(rows);
	unmap(room, MANY);
}

struct progress {
	unsigned int faults;
};

/* Endless faults, forks and maps, for concurrent readers. */
static void __attribute__((noreturn))
be_busy(FIXTURE_DATA(debugfs) * self, struct progress *progress)
{
	uint64_t seed = 1;

	for (unsigned int turn = 1;; turn++) {
		volatile char *page = page_at(self->map, rnd(&seed) % PAGES);

		if (rnd(&seed) % 2)
			*page = turn;
		else
			(void)*page;
		__atomic_fetch_add(&progress->faults, 1, __ATOMIC_RELAXED);
		if (turn % 64)
			continue;
		unmap(box_map(self->box, 4, MAP_PRIVATE), 4);
		if (!fork()) {
			pages_fill(self->map, 8, turn);
			_exit(0);
		}
		wait(NULL);
	}
}

static void look_at_everything(struct __test_metadata *_metadata,
			       FIXTURE_DATA(debugfs) * self)
{
	struct frame_row *frames;
	struct page_row *pages;
	struct map_row *maps;
	size_t count;
	char name[32];

	ASSERT_EQ(FRAMES, frame_rows(self->id, &frames));
	for (size_t i = 0; i < FRAMES; i++)
		EXPECT_EQ(i, frames[i].frame);
	count = page_rows(self->id, map_row_at(self->id, self->map).map,
			  &pages);
	for (size_t i = 0; i < count; i++)
		expect_sound_row(_metadata, &pages[i]);
	free(pages);
	free(frames);

	/* Another process's mapping may disappear between the two reads. */
	count = map_rows(self->id, &maps);
	EXPECT_LE(1, count);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%ld/pages", maps[i].map);
		free(debugfs_text(self->id, name));
		snprintf(name, sizeof(name), "%ld/stats", maps[i].map);
		free(debugfs_text(self->id, name));
	}
	free(maps);
	EXPECT_LE(2, debugfs_number(self->id, "summary", "views"));
	EXPECT_GE(FRAMES, debugfs_number(self->id, "stats", "frames_used"));
}

static bool made_progress(struct progress *progress)
{
	return __atomic_load_n(&progress->faults, __ATOMIC_RELAXED) >
	       reduced(200);
}

/* Readers and programs both make progress, and rows stay consistent. */
TEST_F(debugfs, looking_while_it_changes)
{
	struct progress *progress = shared_memory(page_size);
	pid_t pid;

	pid = fork_tied();
	if (!pid)
		be_busy(self, progress);
	for (int round = 0; round < (int)reduced(5); round++) {
		for (int look = 0; look < 4; look++)
			look_at_everything(_metadata, self);
		progress->faults = 0;
		EXPECT_TRUE(eventually(made_progress(progress)));
	}
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_status(pid));
	EXPECT_TRUE(pages_hold(self->map, PAGES, 1));
}

/* A reader that stops in the middle of a file blocks nothing. */
TEST_F(debugfs, slow_reader)
{
	static const char *const names[] = { "summary", "stats", "frames",
					     "maps", "pages" };
	int files[ARRAY_SIZE(names)];
	char path[96], text[16];
	struct map_row row = map_row_at(self->id, self->map);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool of_map = !strcmp(names[i], "pages");

		if (of_map)
			snprintf(path, sizeof(path),
				 "/sys/kernel/debug/pagebox/%u/%ld/pages",
				 self->id, row.map);
		else
			snprintf(path, sizeof(path),
				 "/sys/kernel/debug/pagebox/%u/%s", self->id,
				 names[i]);
		files[i] = open(path, O_RDONLY);
		ASSERT_LE(0, files[i]);
		ASSERT_LT(0, read(files[i], text, sizeof(text)));
	}
	pages_fill(self->map, PAGES, 500);
	EXPECT_TRUE(pages_hold(self->map, PAGES, 500));
	unmap(self->map, PAGES);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		while (read(files[i], text, sizeof(text)) > 0)
			;
		close(files[i]);
	}
	EXPECT_EQ(0, box_stats(self->box).pages);
}

static bool one_directory_less(FIXTURE_DATA(debugfs) * self)
{
	char name[32];
	char *text;

	snprintf(name, sizeof(name), "%ld/pages", (long)self->map);
	text = debugfs_text(self->id, name);
	free(text);
	return !text;
}

/* A mapping's directory is removed with the mapping. */
TEST_F(debugfs, mapping_directory)
{
	FIXTURE_DATA(debugfs) gone = *self;

	gone.map = (char *)map_row_at(self->id, self->map).map;
	EXPECT_FALSE(one_directory_less(&gone));
	unmap(self->map, PAGES);
	EXPECT_TRUE(eventually(one_directory_less(&gone)));
	EXPECT_EQ(0, debugfs_number(self->id, "summary", "maps"));
}

TEST_HARNESS_MAIN
