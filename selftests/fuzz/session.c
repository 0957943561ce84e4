// SPDX-License-Identifier: GPL-2.0
/*
 * Runs programs, one after the other, each in a separate process. Keeps those
 * that ran new code, and derives new programs from them.
 *
 * After each program, forbidden effects are checked: a kernel that complained
 * is tainted, a process cannot be killed is stuck, a box without users is
 * left behind. As a crashed kernel cannot report, each program is written to
 * the kernel log before it runs, and the log is shown when the kernel panics.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "kselftest.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/test.h"

#define MOST_MS 5000 /* limit of a program before it is killed */
#define SLOW_MS 400 /* above this, a program is changed less often */
#define REPORT_SECONDS 5

enum outcome {
	RAN,
	KILLED,
	FOUND, /* a forbidden effect */
};

struct kept {
	struct fuzz_program program;
	bool slow;
};

static struct kept *corpus;
static unsigned int nr_corpus, room_corpus;

/* Of the last program. */
static bool was_slow;

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* --- findings --- */

static enum outcome report_finding(const struct fuzz_program *program,
				   const char *what)
{
	fprintf(stderr, "# found: %s\n", what);
	fuzz_write(program, stderr);
	fflush(stderr);
	return FOUND;
}

static void set_sysctl(const char *name, const char *value)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, value, strlen(value));
	close(fd);
}

/* The whole log is shown on a panic, and its size is not limited. */
static void prepare_log(void)
{
	set_sysctl("panic_print", "32");
	set_sysctl("printk_devkmsg", "on");
}

/* At debug level, which no console shows by default. */
static void announce(const struct fuzz_program *program)
{
	static int kmsg = -1;
	char call[900], line[1000];

	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	for (unsigned int i = 0; i <= program->nr; i++) {
		snprintf(call, sizeof(call), "end");
		if (i < program->nr)
			fuzz_write_call(&program->calls[i], call, sizeof(call));
		snprintf(line, sizeof(line), "<7>fuzz: %s\n", call);
		if (write(kmsg, line, strlen(line)) < 0)
			die("cannot write to the kernel's log");
	}
}

/* Warnings and worse; an out-of-tree module is no reason. */
static bool is_tainted(void)
{
	const unsigned long bad = 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14;
	char text[32] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die("cannot read whether the kernel is tainted");
	close(fd);
	return strtoul(text, NULL, 10) & bad;
}

/* --- one process --- */

/* Failpoints affect only the program's process, but slow down all others. */
static bool sets_failpoints(const struct fuzz_program *program)
{
	for (unsigned int i = 0; i < program->nr; i++) {
		if (!strcmp(fuzz_kinds[program->calls[i].kind].name, "fail"))
			return true;
	}
	return false;
}

static void show_stack(pid_t pid)
{
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	if (n > 0)
		fwrite(text, 1, n, stderr);
	if (fd >= 0)
		close(fd);
}

static bool all_gone(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	return pid < 0;
}

/* Its children are reparented to this process, and end with it. */
static enum outcome wait_for(pid_t pid)
{
	struct pollfd fd = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	double start = seconds_now();
	enum outcome outcome = RAN;

	if (fd.fd < 0)
		die("pidfd_open");
	if (!poll(&fd, 1, MOST_MS))
		outcome = KILLED;
	was_slow = seconds_now() - start > SLOW_MS / 1e3;
	close(fd.fd);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	if (eventually(all_gone()))
		return outcome;
	show_stack(pid);
	return FOUND;
}

static enum outcome run(const struct fuzz_program *program,
			enum fuzz_trace trace)
{
	enum outcome outcome;
	pid_t pid;

	announce(program);
	fuzz_kcov_forget();
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		setpgid(0, 0);
		fuzz_process(program, trace);
	}
	setpgid(pid, pid);
	outcome = wait_for(pid);
	if (sets_failpoints(program))
		failpoints_off();
	if (outcome == FOUND)
		return report_finding(program, "a process cannot be killed");
	if (is_tainted())
		return report_finding(program, "the kernel complained");
	if (!eventually(no_box_is_left()))
		return report_finding(program, "a box was left behind");
	return outcome;
}

/* --- the corpus --- */

static void keep(struct fuzz_session *session,
		 const struct fuzz_program *program, bool is_slow)
{
	if (nr_corpus == room_corpus) {
		room_corpus = room_corpus ? 2 * room_corpus : 64;
		corpus = reallocarray(corpus, room_corpus, sizeof(*corpus));
		if (!corpus)
			die("reallocarray");
	}
	corpus[nr_corpus].program = *program;
	corpus[nr_corpus++].slow = is_slow;
	session->kept = nr_corpus;
	if (session->out) {
		fuzz_write(program, session->out);
		fflush(session->out);
	}
}

/* Removes calls that are not needed for the new code. */
static enum outcome shorten(struct fuzz_session *session,
			    struct fuzz_program *program)
{
	for (unsigned int i = program->nr; i-- && program->nr > 1;) {
		struct fuzz_program shorter = *program;
		enum outcome outcome;

		fuzz_remove_call(&shorter, i);
		outcome = run(&shorter, FUZZ_TRACE_PLACES);
		session->done++;
		if (outcome == FOUND)
			return FOUND;
		if (outcome == RAN && fuzz_kcov_has_news())
			*program = shorter;
	}
	return RAN;
}

/* Collects the operands of comparisons that could have come out differently. */
static enum outcome ask_numbers(struct fuzz_session *session,
				struct fuzz_maker *maker,
				const struct fuzz_program *program)
{
	enum outcome outcome = run(program, FUZZ_TRACE_COMPARISONS);

	session->done++;
	fuzz_kcov_numbers(&maker->numbers);
	return outcome;
}

static enum outcome try(struct fuzz_session *session, struct fuzz_maker *maker,
			struct fuzz_program *program, bool is_old)
{
	enum outcome outcome = run(program, FUZZ_TRACE_PLACES);
	bool is_slow = was_slow;
	struct fuzz_news news;

	session->done++;
	session->killed += outcome == KILLED;
	if (outcome != RAN)
		return outcome;
	news = fuzz_kcov_learn();
	if (!is_old && news.places)
		outcome = shorten(session, program);
	if (outcome == RAN && news.places && session->compares)
		outcome = ask_numbers(session, maker, program);
	if (news.places || news.steps || is_old)
		keep(session, program, is_slow);
	return outcome;
}

/* --- the session --- */

static void report(struct fuzz_session *session, double start)
{
	static double last;
	double now = seconds_now();

	session->seen = fuzz_kcov_seen();
	if (!session->log || now - last < REPORT_SECONDS)
		return;
	last = now;
	fprintf(session->log,
		"# %.0f s, %lu programs (%.0f/s), %u places, %u steps, %u kept, %lu killed\n",
		now - start, session->done, session->done / (now - start),
		session->seen.places, session->seen.steps, session->kept,
		session->killed);
	fflush(session->log);
}

static bool is_over(const struct fuzz_session *session, double start)
{
	if (session->execs && session->done >= session->execs)
		return true;
	return session->seconds && seconds_now() - start >= session->seconds;
}

static enum outcome try_all_of(struct fuzz_session *session,
			       struct fuzz_maker *maker, FILE *from,
			       double start)
{
	struct fuzz_program program;
	enum outcome outcome = RAN;

	while (outcome != FOUND && !is_over(session, start) &&
	       fuzz_read(from, &program)) {
		outcome = try(session, maker, &program, true);
		report(session, start);
	}
	return outcome;
}

static enum outcome try_seeds(struct fuzz_session *session,
			      struct fuzz_maker *maker, double start)
{
	FILE *from = fmemopen((void *)fuzz_seeds, strlen(fuzz_seeds), "r");
	FILE *out = session->out;
	enum outcome outcome;

	if (!from)
		die("fmemopen");
	/* Known programs need not be written. */
	session->out = NULL;
	outcome = try_all_of(session, maker, from, start);
	if (outcome != FOUND && session->corpus)
		outcome = try_all_of(session, maker, session->corpus, start);
	session->out = out;
	fclose(from);
	return outcome;
}

/* Recent programs are changed more often, slow ones less. */
static const struct fuzz_program *pick(struct fuzz_session *session,
				       struct fuzz_maker *maker)
{
	unsigned int n, tries = 4;

	do {
		n = rnd(&maker->random) % nr_corpus;
		if (session->covered && rnd(&maker->random) % 2)
			n = nr_corpus - 1 - n / 8;
	} while (session->covered && corpus[n].slow && --tries);
	return &corpus[n].program;
}

static enum outcome go_on(struct fuzz_session *session,
			  struct fuzz_maker *maker, double start)
{
	enum outcome outcome = RAN;

	while (outcome != FOUND && !is_over(session, start)) {
		struct fuzz_program program = *pick(session, maker);

		if (rnd(&maker->random) % 32)
			fuzz_change(maker, &program, pick(session, maker));
		else
			fuzz_make(maker, &program);
		outcome = try(session, maker, &program, false);
		report(session, start);
	}
	return outcome;
}

static void prepare(struct fuzz_session *session)
{
	prepare_log();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("PR_SET_CHILD_SUBREAPER");
	if (is_tainted())
		die("the kernel was tainted before: reboot");
	if (!no_box_is_left())
		die("a box is open: close it first");
	fuzz_state_prepare();
	session->covered = fuzz_kcov_open();
	session->compares = session->covered && fuzz_kcov_compares();
	session->done = 0;
	session->killed = 0;
	session->kept = 0;
	nr_corpus = 0;
}

bool fuzz_session_run(struct fuzz_session *session)
{
	struct fuzz_maker maker = { .random = session->seed };
	double start = seconds_now();
	enum outcome outcome;

	prepare(session);
	outcome = try_seeds(session, &maker, start);
	session->first = fuzz_kcov_seen();
	if (outcome != FOUND)
		outcome = go_on(session, &maker, start);
	session->seen = fuzz_kcov_seen();
	if (session->out)
		fuzz_kcov_write(session->out);
	fuzz_kcov_close();
	return outcome != FOUND;
}

bool fuzz_session_replay(struct fuzz_session *session, FILE *from,
			 unsigned int times)
{
	struct fuzz_program program;
	enum outcome outcome = RAN;

	prepare(session);
	while (outcome != FOUND && fuzz_read(from, &program)) {
		for (unsigned int i = 0; i < times && outcome != FOUND; i++) {
			outcome = run(&program, FUZZ_TRACE_PLACES);
			session->done++;
			session->killed += outcome == KILLED;
			fuzz_kcov_learn();
		}
	}
	session->seen = fuzz_kcov_seen();
	fuzz_kcov_close();
	return outcome != FOUND;
}
