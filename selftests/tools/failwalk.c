// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the cases of another selftest repeatedly; in its n-th run, the n-th
 * operation of the module that can fail does fail:
 *
 *	failwalk [-m MOST] [-s SECONDS] [-x FILE] PROGRAM
 *
 * The number of failpoints of a case is counted in a run without failures. If
 * there are at most MOST, n takes every value up to a run without a failure;
 * otherwise it takes the first half of MOST, and then as many values spread
 * evenly over the rest. The line of the case says which. After SECONDS no other
 * case is started. Cases with a line in FILE are skipped. For each case:
 *
 *	WALKED PROGRAM CASE points P runs R injected I passed A errno E signal S
 *	expectation X
 *
 * A case must pass without a failure. Its other runs have one of these
 * outcomes:
 *
 *   passed       the failure did not affect it, or it expects failures
 *   errno        its first complaint is a documented error of the ABI, with
 *                which it stops
 *   signal       it was killed: an access raised SIGBUS
 *   expectation  a count differs because of the failure
 *
 * Every other outcome is a bug, and is shown in a line that begins with BUG:
 *
 *   contents     the first complaint is about contents. A page that could not be
 *                written or read would have caused an earlier complaint, SIGBUS
 *                or an errno. So this page was written, with wrong contents
 *   error        an errno that the ABI does not document
 *   unclear      no complaint of any of these kinds
 *   hang         it does not end
 *   left         a box, or a user of the module, is left
 *   log          the kernel complained
 *   after        a new box does not work
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/load.h"
#include "lib/module.h"
#include "lib/test.h"

#define CASES_MAX 200
#define OUTPUT_MAX (256 * 1024)
/* Time limit of a run in seconds, and that of eventually() in it. */
#define RUN_MAX 120
#define PATIENCE "5"
#define NEVER 1000000000UL

static unsigned long most = 100;
static time_t end_of_time;
static const char *program; /* its path */
static const char *called; /* its name */
static char output[OUTPUT_MAX];
static unsigned int bugs;

struct tally {
	unsigned int runs;
	unsigned int injected;
	unsigned int passed;
	unsigned int error;
	unsigned int signal;
	unsigned int expectation;
};

/* --- one run --- */

static void exec_case(const char *name, int out)
{
	dup2(out, 1);
	dup2(out, 2);
	setenv("PAGEBOX_PATIENCE", PATIENCE, 1);
	setenv("PAGEBOX_SMALL", "1", 1);
	if (name)
		execl(program, program, "-r", name, NULL);
	else
		execl(program, program, NULL);
	die("%s", program);
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Reads until the end; false on timeout. */
static bool read_output(int in, time_t limit)
{
	struct pollfd wait = { .fd = in, .events = POLLIN };
	size_t used = 0;

	for (;;) {
		char rest[4096];
		ssize_t got;

		if (now() > limit)
			return false;
		if (poll(&wait, 1, 1000) <= 0)
			continue;
		got = used < OUTPUT_MAX - 1 ?
			      read(in, output + used, OUTPUT_MAX - 1 - used) :
			      read(in, rest, sizeof(rest));
		if (got <= 0)
			return true;
		if (used < OUTPUT_MAX - 1)
			used += got;
		output[used] = '\0';
	}
}

/*
 * Kills leftovers of a run. Orphans are reparented to this process, as main()
 * has requested, and so are their children after their exit.
 */
static void kill_orphans(void)
{
	FILE *children;
	pid_t pid;

	for (;;) {
		children = fopen("/proc/thread-self/children", "r");
		if (!children)
			die("/proc/thread-self/children");
		if (fscanf(children, "%d", &pid) != 1)
			break;
		fclose(children);
		kill(pid, SIGKILL);
		child_status(pid);
	}
	fclose(children);
}

/* Runs a case, or all: its exit status, -1 if it hung. */
static int run(const char *name, time_t patience)
{
	int ends[2], status;
	bool ended;
	pid_t pid;

	fflush(NULL);
	*output = '\0';
	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		exec_case(name, ends[1]);
	close(ends[1]);
	ended = read_output(ends[0], now() + patience);
	close(ends[0]);
	kill(pid, SIGKILL);
	status = child_status(pid);
	kill_orphans();
	return ended ? status : -1;
}

/* --- its output --- */

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* Lines that the harness prints for each run. */
static bool is_complaint(const char *line)
{
	static const char *const talk[] = {
		"# Starting", "#  RUN",	  "#      ",
		"# PASSED",   "# FAILED", "# Totals"
	};

	if (*line != '#')
		return false;
	for (size_t i = 0; i < sizeof(talk) / sizeof(*talk); i++)
		if (starts(line, talk[i]))
			return false;
	return true;
}

/* Whether a line ends with an error of the ABI. */
static bool ends_with_errno(const char *line)
{
	static const int documented[] = { ENOMEM, EIO,	 EFAULT, ENOSPC,
					  EAGAIN, EBADF, EMFILE, ENFILE,
					  EBUSY,  EINTR, ENOENT };

	for (size_t i = 0; i < sizeof(documented) / sizeof(int); i++)
		if (strstr(line, strerror(documented[i])))
			return true;
	return false;
}

enum kind { OF_ERRNO, OF_SIGNAL, OF_EXPECTATION, OF_CONTENTS, OF_OTHER };

static enum kind kind_of(const char *line)
{
	static const char *const contents[] = { "WRONG BYTE", "memcmp", "_hold",
						"are_zero" };

	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++)
		if (strstr(line, contents[i]))
			return OF_CONTENTS;
	if (ends_with_errno(line))
		return OF_ERRNO;
	if (strstr(line, "signal"))
		return OF_SIGNAL;
	if (strstr(line, "Expected"))
		return OF_EXPECTATION;
	return OF_OTHER;
}

/* The kind of the first complaint, which is copied to @complaint. */
static enum kind first_complaint(char *complaint, size_t room)
{
	char *save, *line;

	for (line = strtok_r(output, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!is_complaint(line))
			continue;
		snprintf(complaint, room, "%s", line);
		if (kind_of(line) != OF_OTHER)
			return kind_of(line);
	}
	return OF_OTHER;
}

static void bug(const char *name, unsigned long n, const char *kind,
		const char *text)
{
	printf("BUG %s %s %lu %s: %s: %s\n", called, name, n,
	       failpoint_state("all").setting, kind, text);
	bugs++;
}

static void judge(struct tally *t, const char *name, unsigned long n,
		  int status)
{
	char complaint[512] = "no complaint at all";
	enum kind kind = OF_OTHER;

	if (status)
		kind = first_complaint(complaint, sizeof(complaint));
	if (!status)
		t->passed++;
	else if (status < 0)
		bug(name, n, "hang", "killed");
	else if (kind == OF_ERRNO)
		t->error++;
	else if (kind == OF_SIGNAL)
		t->signal++;
	else if (kind == OF_EXPECTATION)
		t->expectation++;
	else
		bug(name, n, kind == OF_CONTENTS ? "contents" : "unclear",
		    complaint);
}

/* --- leftovers --- */

static int log_fd = -1;

/* The first new line of the kernel log that is a complaint. */
static bool log_complains(char *line, size_t room)
{
	static const char *const words[] = { "WARNING:",   "BUG",
					     "Oops",	   "KASAN",
					     "UBSAN",	   "corrupt",
					     "INFO: task", "possible " };
	bool found = false;
	char record[2048];
	ssize_t got;

	while ((got = read(log_fd, record, sizeof(record) - 1)) > 0 ||
	       (got < 0 && errno == EPIPE)) {
		record[got > 0 ? got : 0] = '\0';
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
			if (found || !strstr(record, words[i]))
				continue;
			snprintf(line, room, "%.400s",
				 strchr(record, ';') ?: record);
			found = true;
		}
	}
	return found;
}

static void look_around(const char *name, unsigned long n)
{
	char line[512];

	/* May be left by an interrupted test, and uses pagebox. */
	module_unload("pagebox_mru");
	if (!eventually(no_box_is_left() && module_is_unused()))
		bug(name, n, "left", "a box, or a user of the module");
	if (log_complains(line, sizeof(line)))
		bug(name, n, "log", line);
	/* Not "off", for which the kernel would patch all points each time. */
	failpoint_set("all nth %lu", NEVER);
	if (in_child(box_fails, NULL))
		bug(name, n, "after", "a new box does not work");
}

/* --- the walk --- */

/* All values up to half, and then strides. */
static unsigned long next_n(unsigned long n, unsigned long all)
{
	unsigned long half = most / 2;

	if (all <= most || n < half)
		return n + 1;
	return n + (all - half + half - 1) / half;
}

static void walk_case(const char *name, unsigned long all)
{
	struct tally t = {};
	unsigned long n = 1;
	bool injected = true;

	for (; injected && (all <= most || n <= all); n = next_n(n, all)) {
		int status;

		failpoint_set("all nth %lu", n);
		status = run(name, RUN_MAX);
		injected = failpoint_state("all").done;
		t.runs++;
		t.injected += injected;
		judge(&t, name, n, status);
		look_around(name, n);
	}
	printf("WALKED %s %s points %lu runs %u injected %u "
	       "passed %u errno %u signal %u expectation %u%s\n",
	       called, name, all, t.runs, t.injected, t.passed, t.error,
	       t.signal, t.expectation, all > most ? " (sampled)" : "");
	fflush(stdout);
}

/* The number of failpoints that a case reaches; 0 if unknown. */
static unsigned long count_points(const char *name)
{
	struct failpoint all;
	int status;

	failpoint_set("all nth %lu", NEVER);
	status = run(name, 4 * RUN_MAX);
	all = failpoint_state("all");
	failpoints_off();
	if (status) {
		printf("BUG %s %s: it fails without an injected failure: %d\n",
		       called, name, status);
		bugs++;
		return 0;
	}
	if (!starts(all.setting, "nth"))
		return 0;
	return all.hits;
}

static bool is_known(const char *file, const char *name)
{
	FILE *known = file ? fopen(file, "r") : NULL;
	char line[512], key[300];
	bool found = false;

	snprintf(key, sizeof(key), "WALKED %s %s ", called, name);
	while (known && !found && fgets(line, sizeof(line), known))
		found = starts(line, key);
	if (known)
		fclose(known);
	return found;
}

/* The names of the cases, from the results of all of them. */
static size_t find_cases(char (*names)[128])
{
	char *save, *line;
	size_t count = 0;

	if (run(NULL, 20 * RUN_MAX) < 0)
		die("%s does not end", program);
	for (line = strtok_r(output, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (count < CASES_MAX &&
		    (sscanf(line, "ok %*u %127s", names[count]) == 1 ||
		     sscanf(line, "not ok %*u %127s", names[count]) == 1))
			count++;
	if (!count) {
		printf("BUG %s: it has no cases\n", called);
		bugs++;
	}
	return count;
}

int main(int argc, char **argv)
{
	static char names[CASES_MAX][128];
	const char *known = NULL;
	time_t seconds = 3600;
	size_t count;
	int option;

	while ((option = getopt(argc, argv, "m:s:x:")) != -1) {
		if (option == 'm')
			most = strtoul(optarg, NULL, 0);
		else if (option == 's')
			seconds = strtoul(optarg, NULL, 0);
		else if (option == 'x')
			known = optarg;
		else
			return 2;
	}
	if (optind + 1 != argc || most < 2)
		die("failwalk [-m MOST] [-s SECONDS] [-x FILE] PROGRAM");
	program = argv[optind];
	called = basename(program);
	end_of_time = now() + seconds;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("prctl");
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd < 0 || lseek(log_fd, 0, SEEK_END))
		die("/dev/kmsg");
	failpoints_off();
	count = find_cases(names);
	for (size_t i = 0; i < count && now() < end_of_time; i++) {
		unsigned long all;

		if (is_known(known, names[i]))
			continue;
		all = count_points(names[i]);
		if (all)
			walk_case(names[i], all);
		else
			printf("WALKED %s %s points 0: "
			       "none, or it sets failpoints or unloads the module\n",
			       called, names[i]);
	}
	return bugs != 0;
}
