/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer of all operations of a process on a box.
 *
 * A program is a list of calls with typed arguments; two threads of a separate
 * process make the calls. call.c has the calls and the meaning of their
 * arguments; program.c generates and changes programs, and writes and reads
 * their text; state.c sets up the process before the first call; kcov.c asks
 * the kernel for the code of the module that a program ran; session.c keeps
 * programs that ran new code, and checks for effects that no program may have:
 * a kernel warning, a hang, or a box left behind.
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

/* File descriptors of a process. Results go to the last ones. */
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
	FUZZ_FD_DISK, /* a block device, if there is a scratch disk */
	FUZZ_FD_PIPE_OUT,
	FUZZ_FD_PIPE_IN,
	FUZZ_FD_DIRECTORY,
	FUZZ_FD_SOCKET,
	FUZZ_FD_ZERO, /* /dev/zero */
	FUZZ_FD_CLOSED,
	FUZZ_FD_RESULTS,
};

/* The meaning of an argument, which determines how its values are generated. */
enum fuzz_type {
	FUZZ_NONE,
	FUZZ_FD, /* enum fuzz_fd, or a literal number */
	FUZZ_TO, /* the slot of a result: fuzz_fd from FUZZ_FD_RESULTS on */
	FUZZ_MAP, /* a mapping; from FUZZ_MAPS on, an unmapped address */
	FUZZ_AT, /* byte offset in a mapping or a box */
	FUZZ_LENGTH,
	FUZZ_PLACE, /* the place of a structure: enum fuzz_place */
	FUZZ_SIZE, /* of a structure, whose size is @most */
	FUZZ_CHOICE, /* one of @values */
	FUZZ_BITS, /* any combination of @values */
	FUZZ_NUMBER, /* 0 to @most */
};

/* The place of a structure or a buffer. */
enum fuzz_place {
	FUZZ_PLACE_GOOD,
	FUZZ_PLACE_END, /* ends at the end of the mapped memory */
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
 * @weight: relative frequency
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

/* Operands of comparisons seen in the module. */
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

/* Changes @program slightly; may take calls from @other. */
void fuzz_change(struct fuzz_maker *maker, struct fuzz_program *program,
		 const struct fuzz_program *other);

void fuzz_remove_call(struct fuzz_program *program, unsigned int at);

/* The text ends with "end". Reading starts anywhere and skips comments. */
void fuzz_write(const struct fuzz_program *program, FILE *to);
bool fuzz_read(FILE *from, struct fuzz_program *program);

/* Whether @line is a call; if so, it is added to @program. */
bool fuzz_read_call(const char *line, struct fuzz_program *program);
void fuzz_write_call(const struct fuzz_call *call, char *text, size_t size);

/* The initial programs: seeds.c */
extern const char fuzz_seeds[];

/* --- state.c --- */

/* Data of one thread of the process under test. */
struct fuzz_thread {
	char *arena; /* four pages, followed by an unmapped one */
	char *read_only; /* a page, whose contents are written through @alias */
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

/* Called before any process is created. */
void fuzz_state_prepare(void);

/* Sets up the process before the first call, and tears it down in order. */
void fuzz_state_make(struct fuzz_run *run);
void fuzz_state_drop(struct fuzz_run *run);

/* Makes a thread survive signals in guarded code. */
void fuzz_state_thread(struct fuzz_run *run, unsigned int thread);

/* The index of the calling thread, and its data. */
unsigned int fuzz_thread_nr(void);
struct fuzz_thread *fuzz_this_thread(struct fuzz_run *run);

/* The address range of slot @map, whatever is mapped there. */
#define FUZZ_WINDOW 0x20000000000UL
char *fuzz_window(unsigned int map);

/* The address of a FUZZ_MAP and a FUZZ_AT. */
char *fuzz_address(uint64_t map, uint64_t at);

/* @length, cut to the range of @map. */
uint64_t fuzz_length(uint64_t map, uint64_t at, uint64_t length);

int fuzz_fd(const struct fuzz_run *run, uint64_t fd);
void fuzz_result(struct fuzz_run *run, uint64_t to, int fd);

/*
 * The address of a structure of @known bytes, with room for @size, in a place
 * of enum fuzz_place. It is filled from @bytes, if the place is writable.
 */
void *fuzz_put(struct fuzz_run *run, uint64_t place, const void *bytes,
	       size_t known, uint64_t size);

/*
 * Memory accesses, any of which may raise a signal:
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

/* Whether the kernel reports the executed code of the module. */
bool fuzz_kcov_open(void);
void fuzz_kcov_close(void);

/* Whether it reports comparisons, too. */
bool fuzz_kcov_compares(void);

/* Starts to collect what the calling thread executes in the kernel. */
bool fuzz_kcov_start(unsigned int thread, enum fuzz_trace trace);

/* Discards the collected data. */
void fuzz_kcov_forget(void);

/*
 * The number of new places in the module, and of new steps from one to the
 * next, in the collected data. Marks them as seen.
 */
struct fuzz_news {
	unsigned int places;
	unsigned int steps;
};

struct fuzz_news fuzz_kcov_learn(void);

/* Whether all places that were new then have been collected again. */
bool fuzz_kcov_has_news(void);

/* The operands of the collected comparisons. */
void fuzz_kcov_numbers(struct fuzz_numbers *numbers);

/* The numbers of all places and steps ever seen, and the places. */
struct fuzz_news fuzz_kcov_seen(void);
void fuzz_kcov_write(FILE *to);

/* --- call.c --- */

/* Makes the calls of @program in this process, which exits afterwards. */
void fuzz_process(const struct fuzz_program *program, enum fuzz_trace trace);

/* --- session.c --- */

/**
 * struct fuzz_session - parameters and results of fuzzing
 * @seed: of the random generator
 * @execs: number of programs to run, 0 for no limit
 * @seconds: time limit, 0 for none
 * @corpus: initial programs in addition to the seeds, or NULL
 * @out: gets the programs that ran new code, or NULL
 * @log: gets progress lines, or NULL
 * @done: programs run
 * @killed: programs that took too long and were killed
 * @kept: programs that ran new code
 * @first: coverage of the seeds
 * @seen: coverage of all programs
 * @covered: the kernel has KCOV; if all counts are zero, the module has not
 * @compares: it also reports comparisons
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

/* Return: false if a program did something forbidden; it was written to stderr. */
bool fuzz_session_run(struct fuzz_session *session);

/* Runs each program of @from @times times. */
bool fuzz_session_replay(struct fuzz_session *session, FILE *from,
			 unsigned int times);

#endif /* FUZZ_H */
