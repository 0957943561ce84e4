// SPDX-License-Identifier: GPL-2.0
/*
 * The inspector on live boxes: a box that disappears during a run is no error,
 * and no name can send terminal escapes. Tests without the module are in
 * userspace/tests.
 */

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/box.h"
#include "lib/child.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/harness.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "pagebox.h"

extern char **environ;

/* --- the inspector --- */

/* Its last output and error output. */
static char printed[1 << 18];
static char complaint[4096];

/* It is built next to this program. */
static const char *inspector(void)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 16);

	if (length < 0)
		die("/proc/self/exe");
	path[length] = '\0';
	snprintf(strrchr(path, '/'), 16, "/pagebox");
	if (access(path, X_OK))
		die("%s", path);
	return path;
}

static int new_file(void)
{
	int fd = memfd_create("inspector", MFD_CLOEXEC);

	if (fd < 0)
		die("memfd_create");
	return fd;
}

/* Starts it with space-separated arguments; its output goes to @out and @err. */
static pid_t start_inspector(const char *words, int out, int err)
{
	posix_spawn_file_actions_t files;
	char text[256] = "pagebox ", *save, *argv[16];
	size_t nr = 0;
	pid_t pid;

	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", words);
	for (char *word = strtok_r(text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		argv[nr++] = word;
	argv[nr] = NULL;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
	errno = posix_spawn(&pid, inspector(), &files, NULL, argv, environ);
	if (errno)
		die("cannot run the inspector");
	posix_spawn_file_actions_destroy(&files);
	return pid;
}

static void take_text(int fd, char *text, size_t room)
{
	ssize_t got = pread(fd, text, room - 1, 0);

	text[got < 0 ? 0 : got] = '\0';
	close(fd);
}

/* Its exit status, or 256 + a signal. */
static int inspect_into(const char *words, int out)
{
	int err = new_file();
	int status = child_status(start_inspector(words, out, err));

	take_text(err, complaint, sizeof(complaint));
	return status;
}

static int inspect(const char *words)
{
	int out = new_file();
	int status = inspect_into(words, out);

	take_text(out, printed, sizeof(printed));
	return status;
}

/* The same for one box. */
static int inspect_box(const char *words, unsigned int id)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %u", words, id);
	return inspect(text);
}

/* --- creation and destruction of boxes --- */

#define CHURNERS 2
#define FRAMES 8
#define PAGES 8

static void live_and_die(int flags)
{
	int box = box_new(FRAMES, PAGES);
	char *map = box_map(box, PAGES, flags);
	pid_t child;

	page_fill(map, 1);
	child = fork_tied();
	if (!child) {
		page_fill(page_at(map, 1), 2);
		_exit(0);
	}
	child_status(child);
	unmap(map, PAGES);
	close(box);
}

static pid_t start_churn(unsigned int *boxes)
{
	pid_t pid = fork_tied();

	if (pid)
		return pid;
	for (unsigned int i = 0;; i++) {
		live_and_die(i % 2 ? MAP_SHARED : MAP_PRIVATE);
		__atomic_fetch_add(boxes, 1, __ATOMIC_RELAXED);
	}
}

static const char *const looks[] = {
	"ls",
	"ls --json",
	"stat",
	"stat --json",
	"map",
	"map --json",
	"frames",
	"frames --json",
	"map --list",
	"map --list --json",
	"frames -s",
	"frames -s --json",
	"ls --pairs",
	"stat -w0.01 -c2",
	"stat --raw -w0.01 -c2",
};

FIXTURE(churn)
{
	pid_t pids[CHURNERS];
	unsigned int *boxes;
};

FIXTURE_SETUP(churn)
{
	self->boxes = shared_memory(page_size);
	for (size_t i = 0; i < CHURNERS; i++)
		self->pids[i] = start_churn(self->boxes);
}

FIXTURE_TEARDOWN(churn)
{
	for (size_t i = 0; i < CHURNERS; i++) {
		kill(self->pids[i], SIGKILL);
		EXPECT_EQ(256 + SIGKILL, child_status(self->pids[i]));
	}
	munmap(self->boxes, page_size);
}

/* Lists all boxes while some are created and others destroyed. */
TEST_F_TIMEOUT(churn, looks, 1800)
{
	unsigned int runs = sized(300, 1005), failed = 0;

	for (unsigned int i = 0; i < runs; i++) {
		const char *look = looks[i % ARRAY_SIZE(looks)];
		int status = inspect(look);

		if (!status)
			continue;
		failed++;
		TH_LOG("pagebox %s: status %d: %s", look, status, complaint);
	}
	EXPECT_EQ(0, failed);
	EXPECT_LE(10, *self->boxes);
	TH_LOG("%u runs, %u failed, %u boxes created", runs, failed,
	       *self->boxes);
}

struct removed {
	int file;
};

/* A removed file has no links. */
static bool is_removed(const struct removed *removed)
{
	struct stat stat;

	return !fstat(removed->file, &stat) && !stat.st_nlink;
}

static int open_file(unsigned int id, long number, const char *name)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/pagebox/%u/%ld/%s", id,
		 number, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s", path);
	return fd;
}

/* Reads the pages of a mapping to the end, without a mapping of its own. */
static pid_t start_reader(unsigned int id, long number, char *map)
{
	pid_t pid = fork_tied();
	char text[256];
	int file;

	if (pid)
		return pid;
	unmap(map, PAGES);
	file = open_file(id, number, "pages");
	while (read(file, text, sizeof(text)) > 0)
		;
	_exit(0);
}

/*
 * The inspector is stopped while it reads the counters of a mapping that is
 * destroyed. Another reader keeps the directory, so the next read fails while
 * the directory still exists.
 */
TEST(mapping_ends_under_the_reader)
{
	int box = box_new(FRAMES, PAGES), out = new_file(), err = new_file();
	unsigned int id = box_info(box).id;
	char *map = box_map(box, PAGES, MAP_PRIVATE), words[32];
	struct removed removed;
	pid_t reader, tool;
	long number;

	failpoints_off();
	pages_fill(map, PAGES, 1);
	number = map_row_at(id, map).map;
	removed.file = open_file(id, number, "stats");
	failpoint_set("show_look stop times 1");
	reader = start_reader(id, number, map);
	ASSERT_TRUE(failpoint_waits("show_look", 1));
	snprintf(words, sizeof(words), "stat --raw -n -o MAP %u", id);
	failpoint_set("show_map stop times 1");
	tool = start_inspector(words, out, err);
	ASSERT_TRUE(failpoint_waits("show_map", 1));

	unmap(map, PAGES);
	EXPECT_TRUE(eventually(is_removed(&removed)));
	failpoint_go("show_map");
	EXPECT_EQ(0, child_status(tool));
	take_text(out, printed, sizeof(printed));
	take_text(err, complaint, sizeof(complaint));
	EXPECT_STREQ("-\n", printed);
	EXPECT_STREQ("", complaint);
	failpoint_go("show_look");
	EXPECT_EQ(0, child_status(reader));
	failpoints_off();
	close(removed.file);
	close(box);
}

/* An object requested by number that does not exist is an error. */
TEST(gone_by_number)
{
	static const char *const asked[] = { "ls", "stat", "map", "frames",
					     "prefetch" };
	int box = box_new(FRAMES, PAGES);
	unsigned int id = box_info(box).id;
	char text[64];

	EXPECT_EQ(0, inspect_box("ls", id));
	close(box);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		bool is_range = !strcmp(asked[i], "prefetch");

		snprintf(text, sizeof(text), "%s %u%s", asked[i], id,
			 is_range ? " 0-1" : "");
		EXPECT_EQ(1, inspect(text));
		snprintf(text, sizeof(text), "there is no box %u;", id);
		EXPECT_NE(NULL, strstr(complaint, text))
		TH_LOG("pagebox %s: %s", asked[i], complaint);
	}
}

/* A failure to print the result is an error, too. */
TEST(full_output)
{
	static const char *const acts[] = { "prefetch", "pageout", "discard" };
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int box = box_new(FRAMES, PAGES);
	char text[64];

	ASSERT_LE(0, full);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		snprintf(text, sizeof(text), "%s %u 0-1", acts[i],
			 box_info(box).id);
		EXPECT_EQ(0, inspect(text));
		EXPECT_EQ(1, inspect_into(text, full));
		EXPECT_NE(NULL, strstr(complaint, "cannot write the output"));
	}
	/* no output */
	snprintf(text, sizeof(text), "set --frames 16 %u", box_info(box).id);
	EXPECT_EQ(0, inspect_into(text, full));
	close(full);
	close(box);
}

/* The level of references is set by name, and shown. */
TEST(references)
{
	static const char *const levels[] = { "hardware", "exact", "every" };
	int box = box_new(FRAMES, PAGES);
	unsigned int id = box_info(box).id;
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		snprintf(text, sizeof(text), "set --references %s", levels[i]);
		EXPECT_EQ(0, inspect_box(text, id)) TH_LOG("%s", complaint);
		EXPECT_EQ(PAGEBOX_REFERENCES_HARDWARE + i,
			  box_info(box).references);
		EXPECT_EQ(0, inspect_box("ls -rn -o REFERENCES,REFERENCES_AUTO",
					 id));
		snprintf(text, sizeof(text), "%s 0\n", levels[i]);
		EXPECT_STREQ(text, printed);
	}
	EXPECT_EQ(0, inspect_box("set --references auto", id));
	EXPECT_EQ(0, inspect_box("ls -rn -o REFERENCES,REFERENCES_AUTO", id));
	EXPECT_STREQ("exact 1\n", printed);
	close(box);
}

/* A name that would clear the screen and add a line. */
TEST(odd_names)
{
	static const char *const asked[] = { "ls",	 "ls --output-all",
					     "ls --raw", "ls --pairs",
					     "map",	 "frames" };
	int box, file;
	unsigned int id;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "\033[2J\n\t\177\233"));
	file = open("/tmp/odd\n\033[1m\302\233", O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, PAGES * page_size));
	box = box_new_store(FRAMES, file);
	box_map(box, PAGES, MAP_SHARED);
	id = box_info(box).id;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		EXPECT_EQ(0, inspect_box(asked[i], id));
		for (const char *c = printed; *c; c++)
			EXPECT_TRUE(*c == '\n' || (*c >= ' ' && *c <= '~'));
		if (*asked[i] != 'l')
			EXPECT_NE(NULL, strstr(printed, "(\\x1b[2J\\x0a\\x09"));
	}
	EXPECT_EQ(0, inspect_box("ls --json", id));
	EXPECT_NE(NULL, strstr(printed, "\"\\u001b[2J\\n\\t\357\277\275"))
	TH_LOG("%s", printed);
	EXPECT_NE(NULL, strstr(printed, "\"/tmp/odd\\n\\u001b[1m\357\277\275"));
	close(box);
}

TEST_HARNESS_MAIN
