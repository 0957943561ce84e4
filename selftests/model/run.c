// SPDX-License-Identifier: GPL-2.0
/*
 * Processes, threads and turns: the operations of a program run one after the
 * other, each in the process and thread that it names.
 */

#include <errno.h>
#include <glob.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/debugfs.h"
#include "lib/test.h"
#include "model.h"

struct run *run;
unsigned int self_proc;
__thread unsigned int self_thread;

static __thread sigjmp_buf leave;
static __thread volatile sig_atomic_t guards;

static void futex_wait(unsigned int *word, unsigned int value, unsigned int ms)
{
	struct timespec limit = { .tv_sec = ms / 1000,
				  .tv_nsec = ms % 1000 * 1000000L };

	syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0);
}

static void futex_wake(unsigned int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* --- failing --- */

bool run_over(void)
{
	return __atomic_load_n(&run->done, __ATOMIC_ACQUIRE);
}

static void run_finish(void)
{
	__atomic_store_n(&run->done, 1, __ATOMIC_RELEASE);
	futex_wake(&run->done);
}

void run_fail(const char *fmt, ...)
{
	va_list args;

	if (!__atomic_exchange_n(&run->failed, true, __ATOMIC_ACQ_REL)) {
		run->failed_op = run->turn;
		va_start(args, fmt);
		vsnprintf(run->failure, sizeof(run->failure), fmt, args);
		va_end(args);
	}
	run_finish();
}

/* --- signals --- */

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (guards)
		siglongjmp(leave, signal);
	run_fail("signal %d at %p in process %u", signal, info->si_addr,
		 self_proc);
	_exit(1);
}

void catch_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_NODEFER };

	if (sigaction(SIGSEGV, &action, NULL) ||
	    sigaction(SIGBUS, &action, NULL))
		die("sigaction");
}

int guarded(guarded_fn fn, void *context)
{
	int signal = sigsetjmp(leave, 0);

	if (!signal) {
		guards = 1;
		fn(context);
	}
	guards = 0;
	return signal;
}

/* --- workers --- */

static void this_cpu(unsigned int number)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(number % cpus, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void run_wake(unsigned int proc, unsigned int thread, enum word word)
{
	__atomic_store_n(&run->word[proc][thread], word, __ATOMIC_RELEASE);
	futex_wake(&run->word[proc][thread]);
}

static enum word wait_for_word(void)
{
	unsigned int *word = &run->word[self_proc][self_thread];
	unsigned int got;

	while ((got = __atomic_load_n(word, __ATOMIC_ACQUIRE)) == WORD_WAIT) {
		if (run_over() || kill(run->supervisor, 0))
			return WORD_END;
		futex_wait(word, WORD_WAIT, 1000);
	}
	__atomic_store_n(word, WORD_WAIT, __ATOMIC_RELEASE);
	return got;
}

static void worker(void);

static void *helper(void *unused)
{
	(void)unused;
	self_thread = 1;
	this_cpu(self_proc + 1);
	worker();
	return NULL;
}

static void start_helper(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	if (pthread_create(&thread, &attr, helper, NULL))
		run_fail("pthread_create: %s", strerror(errno));
	run->model.proc[self_proc].helped = true;
}

/* The next operation. Those of processes that do not exist are skipped. */
static const struct op *next_op(void)
{
	const struct op *op;

	while (run->turn < run->program.nr) {
		op = &run->program.op[run->turn];
		if (op->kind == OP_BOX || op->kind == OP_NOISE ||
		    !run->model.proc[op->proc].alive)
			run->turn++;
		else
			return op;
	}
	return NULL;
}

/* Passes the turn to the next thread. */
static void pass_on(void)
{
	const struct op *op = next_op();

	if (!op) {
		run_finish();
		return;
	}
	/* A missing thread is created by its process. */
	run_wake(op->proc, run->model.proc[op->proc].helped ? op->thread : 0,
		 WORD_TURN);
}

/* Runs all consecutive operations of this thread. */
static void take_turn(void)
{
	const struct op *op;

	while (!run_over() && (op = next_op()) && op->proc == self_proc) {
		if (op->thread != self_thread) {
			if (!run->model.proc[self_proc].helped)
				start_helper();
			break;
		}
		run->operations++;
		if (op->kind == OP_EXIT) {
			op_do(&run->model, op, true);
			run->turn++;
			if (run->model.proc[self_proc].alive)
				continue;
			pass_on();
			_exit(0);
		}
		op_do(&run->model, op, true);
		run->turn++;
	}
	if (!run_over())
		pass_on();
}

static void worker(void)
{
	enum word word;

	while ((word = wait_for_word()) != WORD_END) {
		if (word == WORD_STORM)
			storm_part();
		else
			take_turn();
	}
	_exit(0);
}

static void worker_start(unsigned int proc)
{
	self_proc = proc;
	self_thread = 0;
	this_cpu(proc);
	if (run->noise & NOISE_INSIDE)
		noise_start_inside();
	worker();
}

pid_t run_fork_worker(unsigned int proc)
{
	pid_t pid;

	memset(run->word[proc], 0, sizeof(run->word[proc]));
	run->busy[proc] = 0;
	pid = fork();
	if (!pid) {
		worker_start(proc);
		_exit(0);
	}
	return pid;
}

/* --- the supervisor --- */

struct run *run_new(void)
{
	struct run *r = shared_memory(sizeof(*r));
	void *bytes = shared_memory(POOL * MODEL_PAGE);

	r->model.bytes = bytes;
	return r;
}

static void run_reset(struct run *r)
{
	model_reset(&r->model);
	memset(&r->turn, 0, sizeof(*r) - offsetof(struct run, turn));
	r->supervisor = getpid();
	memset(r->fd, -1, sizeof(r->fd));
	memset(r->store, -1, sizeof(r->store));
}

/* A thread of the program or of the noise; it has the supervisor's name. */
static void show_task(const char *directory)
{
	char path[96], name[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/comm", directory);
	file = fopen(path, "r");
	if (!file)
		return;
	if (fgets(name, sizeof(name), file) &&
	    !strncmp(name, program_invocation_short_name,
		     strcspn(name, "\n"))) {
		fprintf(stderr, "# %s:\n", directory);
		snprintf(path, sizeof(path), "%s/stat", directory);
		show_file(path);
		snprintf(path, sizeof(path), "%s/stack", directory);
		show_file(path);
	}
	fclose(file);
}

/*
 * First the stacks of the tasks, then the state of the boxes, in case reading
 * it hangs.
 */
static void show_tasks(void)
{
	static const char *const names[] = { "summary", "stats", "frames",
					     "maps" };
	glob_t tasks;

	for (unsigned int i = 0; i < PROCS; i++)
		if (run->pid[i])
			fprintf(stderr, "# process %u: pid %d\n", i,
				run->pid[i]);
	if (!glob("/proc/[0-9]*/task/[0-9]*", 0, NULL, &tasks)) {
		for (size_t i = 0; i < tasks.gl_pathc; i++)
			show_task(tasks.gl_pathv[i]);
		globfree(&tasks);
	}
	for (unsigned int i = 0; i < BOXES; i++) {
		for (unsigned int j = 0; run->model.box[i].used && j < 4; j++) {
			char *text = debugfs_text(run->id[i], names[j]);

			fprintf(stderr, "# box %u, %s:\n%s", i, names[j], text);
			free(text);
		}
	}
}

/* Makes each CPU drop the references to pages that mlock() has batched. */
void drain_locked(void)
{
	static char page[2 * MODEL_PAGE];

	mlock(page, MODEL_PAGE);
	munlock(page, MODEL_PAGE);
}

static void drain_all(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t before;

	sched_getaffinity(0, sizeof(before), &before);
	for (long i = 0; i < cpus; i++) {
		this_cpu(i);
		drain_locked();
	}
	sched_setaffinity(0, sizeof(before), &before);
}

/* Waits until the program is over; false if it hangs. */
static bool wait_until_over(unsigned int seconds)
{
	unsigned int turn = 0, idle = 0;

	while (!run_over()) {
		futex_wait(&run->done, 0, 200);
		drain_all();
		if (run->turn != turn)
			idle = 0;
		turn = run->turn;
		if (++idle > seconds * 5) {
			show_tasks();
			run->hangs = true;
			run_fail("no progress for %u s", seconds);
			return false;
		}
	}
	return true;
}

static bool gone(void)
{
	int status;
	pid_t pid;

	do {
		pid = waitpid(-1, &status, WNOHANG);
	} while (pid > 0);
	return pid < 0 && errno == ECHILD;
}

static void end_all(bool hangs)
{
	for (unsigned int i = 0; i < PROCS; i++) {
		for (unsigned int t = 0; t < THREADS; t++)
			run_wake(i, t, WORD_END);
		if (hangs && run->pid[i])
			kill(run->pid[i], SIGKILL);
	}
	noise_resume();
	if (!eventually(gone())) {
		show_tasks();
		run_fail("a process does not end");
	}
}

static void boxes_of(const struct program *program)
{
	for (unsigned int i = 0; i < program->nr; i++) {
		const struct op *op = &program->op[i];

		if (op->kind == OP_BOX && !run->model.box[op->proc].used)
			op_do(&run->model, op, true);
		else if (op->kind == OP_NOISE)
			run->noise = op->arg[0];
	}
	run->model.noisy = run->noise;
}

bool run_program(struct run *r, unsigned int seconds)
{
	sighandler_t before;
	bool over;

	run = r;
	run_reset(r);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* Exiting processes are not waited for, and must not stay as zombies. */
	before = signal(SIGCHLD, SIG_IGN);
	boxes_of(&r->program);
	fflush(NULL);
	r->model.proc[0].alive = true;
	r->pid[0] = run_fork_worker(0);
	if (r->noise & NOISE_BESIDE)
		noise_start_beside();
	pass_on();
	over = wait_until_over(seconds);
	end_all(!over);
	if (!r->failed)
		check_emptied();
	box_close_all();
	signal(SIGCHLD, before);
	return !r->failed;
}
