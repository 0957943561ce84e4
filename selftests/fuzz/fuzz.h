/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer of everything that a process can do to a box.
 *
 * A program is a list of calls with typed arguments; each call of a program is
 * made by one of two threads of a process of its own. What the calls are, and
 * what their arguments mean, is in call.c; program.c makes programs
 * up, changes them, and writes and reads their text; state.c is what the
 * process has before the first call; kcov.c asks the kernel which code of
 * the module a program ran; session.c keeps those that ran something new,
 * and looks for what no program may do: make the kernel complain, hang, or leave
 * a box behind.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define FUZZ_ARGS 24
#define FUZZ_CALLS 24
#define FUZZ_THREADS 2
#define FUZZ_FDS 24
#define FUZZ_MAPS 8

/* What a process finds in its file descriptors. Results go to the last ones. */
enum fuzz_fd {
	FUZZ_FD_BOX,
	FUZZ_FD_OTHER, /* a second box */
	FUZZ_FD_READ_ONLY, /* the first box, not writable */
	FUZZ_FD_PATH,
	FUZZ_FD_FILE, /* some pages */
	FUZZ_FD_FILE_READ_ONLY,
	FUZZ_FD_FILE_WRITE_ONLY,
	FUZZ_FD_FILE_APPEND,
	FUZZ_FD_SWAP_FILE, /* more pages, all holes */
	FUZZ_FD_DISK, /* a block device, where there is a scratch disk */
	FUZZ_FD_PIPE_OUT,
	FUZZ_FD_PIPE_IN,
	FUZZ_FD_DIRECTORY,
	FUZZ_FD_SOCKET,
	FUZZ_FD_ZERO, /* /dev/zero */
	FUZZ_FD_CLOSED,
	FUZZ_FD_RESULTS,
};

/* What an argument means, and so how a value for it is made up. */
enum fuzz_type {
	FUZZ_NONE,
	FUZZ_FD, /* enum fuzz_fd, or a number as it is */
	FUZZ_TO, /* where a result goes: fuzz_fd from FUZZ_FD_RESULTS on */
	FUZZ_MAP, /* a mapping; from FUZZ_MAPS on, an address that is none */
	FUZZ_AT, /* bytes from the start of a mapping or a box */
	FUZZ_LENGTH,
	FUZZ_PLACE, /* where a structure is: enum fuzz_place */
	FUZZ_SIZE, /* of a structure, whose size is @most */
	FUZZ_CHOICE, /* one of @values */
	FUZZ_BITS, /* any of @values together */
	FUZZ_NUMBER, /* 0 to @most */
};

/* Where a structure or a buffer lies. */
enum fuzz_place {
	FUZZ_PLACE_GOOD,
	FUZZ_PLACE_END, /* it ends where the mapped memory does */
	FUZZ_PLACE_CUT, /* its second half is not mapped */
	FUZZ_PLACE_READ_ONLY,
	FUZZ_PLACE_ODD, /* at an odd address */
	FUZZ_PLACE_NULL,
	FUZZ_PLACE_KERNEL,
	FUZZ_PLACE_NOWHERE, /* not canonical */
	FUZZ_PLACE_MAPS, /* in mapping place - FUZZ_PLACE_MAPS */
	FUZZ_PLACES = FUZZ_PLACE_MAPS + FUZZ_MAPS,
};

struct fuzz_arg {
	const char *name;
	enum fuzz_type type;
	const uint64_t *values;
	unsigned int nr;
	uint64_t most;
};

struct fuzz_run;

/**
 * struct fuzz_kind - a call
 * @name: in the text of a program
 * @weight: how often it is chosen
 * @run: makes the call; the arguments are in the order of @args
 * @args: its arguments, up to one without a name
 */
struct fuzz_kind {
	const char *name;
	unsigned int weight;
	void (*run)(struct fuzz_run *run, const uint64_t *arg);
	struct fuzz_arg args[FUZZ_ARGS];
};

extern const struct fuzz_kind fuzz_kinds[];
extern const unsigned int fuzz_nr_kinds;

struct fuzz_call {
	unsigned int kind;
	unsigned int thread;
	uint64_t arg[FUZZ_ARGS];
};

struct fuzz_program {
	unsigned int nr;
	struct fuzz_call calls[FUZZ_CALLS];
};

/* --- program.c --- */

/* Numbers that comparisons in the module were seen to ask for. */
struct fuzz_numbers {
	uint64_t value[1024];
	unsigned int nr;
	unsigned int next;
};

struct fuzz_maker {
	uint64_t random;
	struct fuzz_numbers numbers;
};

void fuzz_make(struct fuzz_maker *maker, struct fuzz_program *program);

/* Changes @program a little; it may get calls of @other. */
void fuzz_change(struct fuzz_maker *maker, struct fuzz_program *program,
		 const struct fuzz_program *other);

void fuzz_remove_call(struct fuzz_program *program, unsigned int at);

/* The text ends with "end"; what is read begins anywhere and skips comments. */
void fuzz_write(const struct fuzz_program *program, FILE *to);
bool fuzz_read(FILE *from, struct fuzz_program *program);

/* Whether @line is a call, which is then added to @program. */
bool fuzz_read_call(const char *line, struct fuzz_program *program);
void fuzz_write_call(const struct fuzz_call *call, char *text, size_t size);

/* The programs to begin with: seeds.c */
extern const char fuzz_seeds[];

/* --- state.c --- */

/* What a thread of the process under test has to itself. */
struct fuzz_thread {
	char *arena; /* four pages, and one behind them that is not mapped */
	char *read_only; /* a page; what it holds is written through @alias */
	char *alias;
};

struct fuzz_run {
	const struct fuzz_program *program;
	int fd[FUZZ_FDS];
	int debugfs;
	struct fuzz_thread threads[FUZZ_THREADS];
	unsigned int forks;
	unsigned int at[FUZZ_THREADS];
	unsigned int stop;
	pid_t first;
};

/* Before any process is made. */
void fuzz_state_prepare(void);

/* The state of the process before the first call, and what ends it in order. */
void fuzz_state_make(struct fuzz_run *run);
void fuzz_state_drop(struct fuzz_run *run);

/* Makes a thread survive signals in guarded code. */
void fuzz_state_thread(struct fuzz_run *run, unsigned int thread);

/* Which thread of the program calls, and what it has to itself. */
unsigned int fuzz_thread_nr(void);
struct fuzz_thread *fuzz_this_thread(struct fuzz_run *run);

/* Where slot @map is, whatever is mapped there, and how large. */
#define FUZZ_WINDOW 0x20000000000UL
char *fuzz_window(unsigned int map);

/* The address that a FUZZ_MAP and a FUZZ_AT mean. */
char *fuzz_address(uint64_t map, uint64_t at);

/* @length cut so that it stays in what belongs to @map. */
uint64_t fuzz_length(uint64_t map, uint64_t at, uint64_t length);

int fuzz_fd(const struct fuzz_run *run, uint64_t fd);
void fuzz_result(struct fuzz_run *run, uint64_t to, int fd);

/*
 * The address of a structure of @known bytes, with room for @size, in a place
 * of enum fuzz_place. It holds what @bytes do, if the place can be written.
 */
void *fuzz_put(struct fuzz_run *run, uint64_t place, const void *bytes,
	       size_t known, uint64_t size);

/*
 * Memory accesses of which any may raise a signal:
 *
 *	if (FUZZ_GUARDED()) { ...; fuzz_unguard(); }
 */
extern __thread sigjmp_buf fuzz_escape;
extern __thread volatile bool fuzz_is_guarded;
#define FUZZ_GUARDED() (fuzz_is_guarded = true, !sigsetjmp(fuzz_escape, 1))
void fuzz_unguard(void);

/* --- kcov.c --- */

enum fuzz_trace {
	FUZZ_TRACE_PLACES,
	FUZZ_TRACE_COMPARISONS,
};

/* Whether the kernel can say which code of the module ran. */
bool fuzz_kcov_open(void);
void fuzz_kcov_close(void);

/* Whether it can say what was compared, too. */
bool fuzz_kcov_compares(void);

/* Collect what the calling thread does in the kernel, from here on. */
bool fuzz_kcov_start(unsigned int thread, enum fuzz_trace trace);

/* Forget what was collected. */
void fuzz_kcov_forget(void);

/*
 * Of what was collected: how many places in the module, and steps from one to
 * the next, had never been seen before. Now they have.
 */
struct fuzz_news {
	unsigned int places;
	unsigned int steps;
};

struct fuzz_news fuzz_kcov_learn(void);

/* Whether all places that were new then have been collected again. */
bool fuzz_kcov_has_news(void);

/* The operands of comparisons that were collected. */
void fuzz_kcov_numbers(struct fuzz_numbers *numbers);

/* All that was ever seen: how many places and steps, and the places. */
struct fuzz_news fuzz_kcov_seen(void);
void fuzz_kcov_write(FILE *to);

/* --- call.c --- */

/* Makes the calls of @program in this process, which ends with them. */
void fuzz_process(const struct fuzz_program *program, enum fuzz_trace trace);

/* --- session.c --- */

/**
 * struct fuzz_session - how to fuzz, and what came of it
 * @seed: of all that is random
 * @execs: end after so many programs, 0 for no such end
 * @seconds: end after so long, 0 for no such end
 * @corpus: programs to begin with beside the seeds, or NULL
 * @out: gets the programs that ran something new, or NULL
 * @log: gets a line now and then, or NULL
 * @done: programs that were run
 * @killed: those that took too long, and were killed
 * @kept: those that ran something new
 * @first: what the seeds ran, of what is known
 * @seen: what all ran
 * @covered: the kernel has KCOV; all zero then means that the module has not
 * @compares: and says what is compared
 */
struct fuzz_session {
	uint64_t seed;
	uint64_t execs;
	unsigned int seconds;
	FILE *corpus;
	FILE *out;
	FILE *log;
	uint64_t done;
	uint64_t killed;
	unsigned int kept;
	struct fuzz_news first;
	struct fuzz_news seen;
	bool covered;
	bool compares;
};

/* Return: false when a program did what it may not; it was written to stderr. */
bool fuzz_session_run(struct fuzz_session *session);

/* Runs each program of @from, @times times. */
bool fuzz_session_replay(struct fuzz_session *session, FILE *from,
			 unsigned int times);

#endif /* FUZZ_H */
