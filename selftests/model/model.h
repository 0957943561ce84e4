/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model: the results that random programs using boxes must see.
 *
 * A program is a list of operations by up to PROCS processes with two threads
 * each. The operations take turns; the thread that runs one also applies it to
 * the oracle and compares. A storm is different: all processes write and read
 * at once, each its own words. Besides, noise continuously does operations that
 * must change no contents.
 *
 *	model.c         the program: command line, the selftest, shrinking
 *	oracle.c        the oracle: every byte, and the sharers of each page
 *	ops.c           the operations: each on the oracle and on the box
 *	census.c        counters and debugfs against the oracle
 *	storm.c         all processes at once
 *	noise.c         operations without visible effect
 *	gen.c           programs at random, and as text
 *	run.c           processes, threads and turns
 */
#ifndef PAGEBOX_MODEL_H
#define PAGEBOX_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MODEL_PAGE 4096
#define BOXES 3
#define PROCS 6
#define THREADS 2
#define SLOTS 160 /* pages of address space used by a program */
#define PAGES 64 /* upper bound of the pages of a box */
#define VIEWS 128 /* 0 is none */
#define POOL 3072 /* distinct pages, 0 is zero */
#define OPS 8192
#define ARGS 8

/* --- the oracle --- */

enum store_kind { STORE_NONE, STORE_FILE, STORE_READ_ONLY, STORE_RAM };

/*
 * Whether a page of the root view exists. It must if it was written and not
 * written back; it may if it was touched, as a clean page can be dropped.
 */
enum root_state { ROOT_NOT, ROOT_MAY, ROOT_MUST };

struct box_model {
	bool used;
	enum store_kind store;
	unsigned int pages;
	unsigned int end; /* accessible pages */
	unsigned int frames;
	uint16_t root[PAGES]; /* contents, in the pool */
	uint16_t origin[PAGES]; /* of the store, initially */
	uint8_t state[PAGES]; /* enum root_state */
	bool mlocked; /* a page was locked at some time */
};

/* A private mapping's own pages. */
struct view_model {
	bool used;
	uint8_t box;
	uint16_t own[PAGES]; /* in the pool; 0: the root view's */
};

enum slot_kind { SLOT_NONE, SLOT_SHARED, SLOT_PRIVATE };

/* A page of a process's address space. */
struct slot {
	uint8_t kind; /* enum slot_kind */
	uint8_t box;
	uint8_t view;
	uint8_t joined; /* mapped through the fd of a JOIN */
	uint8_t index; /* in the box, or past its end */
	uint8_t prot;
	bool locked;
	bool no_fork;
	bool begins; /* a VMA may begin here */
};

struct proc_model {
	bool alive;
	bool helped; /* its second thread exists */
	bool joined[BOXES];
	struct slot slot[SLOTS];
};

struct model {
	struct box_model box[BOXES];
	struct view_model view[VIEWS];
	struct proc_model proc[PROCS];
	uint16_t refs[POOL]; /* views that hold it */
	uint16_t unused[POOL];
	unsigned int nr_unused;
	bool noisy; /* untouched pages may exist */
	uint8_t (*bytes)[MODEL_PAGE]; /* NULL: contents do not matter */
};

void model_reset(struct model *m);
void model_box(struct model *m, unsigned int box, unsigned int pages,
	       unsigned int frames, enum store_kind store,
	       unsigned int store_pages);
bool model_writes_back(const struct box_model *box);

/* The signal of an access, or 0. */
int model_access(const struct model *m, const struct slot *slot, bool write);
const uint8_t *model_root(const struct model *m, unsigned int box,
			  unsigned int index);
const uint8_t *model_page(const struct model *m, const struct slot *slot);
uint16_t model_own(const struct model *m, const struct slot *slot);
void model_touch(struct model *m, const struct slot *slot);
/* The page, for writing; copied if it is shared. */
uint8_t *model_root_write(struct model *m, unsigned int box,
			  unsigned int index);
uint8_t *model_page_write(struct model *m, const struct slot *slot);
void model_unmap(struct model *m, unsigned int proc, unsigned int at,
		 unsigned int len);
unsigned int model_view_new(struct model *m, unsigned int box);
void model_fork(struct model *m, unsigned int parent, unsigned int child);
void model_exit(struct model *m, unsigned int proc);
void model_discard_root(struct model *m, unsigned int box, unsigned int index);
void model_discard_own(struct model *m, unsigned int view, unsigned int index);
void model_border(struct model *m, unsigned int proc, unsigned int at);

/* --- programs --- */

enum op_kind {
	OP_BOX,
	OP_NOISE,
	OP_MAP,
	OP_UNMAP,
	OP_WRITE,
	OP_READ,
	OP_FORK,
	OP_EXIT,
	OP_KILL,
	OP_PROTECT,
	OP_ADVISE,
	OP_LOCK,
	OP_UNLOCK,
	OP_SYNC,
	OP_REMAP,
	OP_PREAD,
	OP_PWRITE,
	OP_COPY_IN,
	OP_COPY_OUT,
	OP_VM_READ,
	OP_VM_WRITE,
	OP_RANGE,
	OP_RANGE_AT,
	OP_FRAMES,
	OP_POLICY,
	OP_SWAP,
	OP_TUNE,
	OP_JOIN,
	OP_FSYNC,
	OP_STORM,
	OP_CHECK,
	OP_CHECK_ROOT,
	OP_CENSUS,
	OP_SPOIL,
	OP_NR,
};

struct op {
	uint8_t kind; /* enum op_kind */
	uint8_t proc;
	uint8_t thread;
	int32_t arg[ARGS];
};

struct program {
	unsigned int nr;
	struct op op[OPS];
};

/* Names and arguments, for text. */
struct op_text {
	const char *name;
	const char *arg[ARGS];
};

extern const struct op_text op_texts[OP_NR];

struct profile {
	unsigned int ops;
	bool noise;
};

void program_generate(struct program *program, uint64_t seed,
		      const struct profile *profile);
void program_print(const struct program *program);
bool program_read(struct program *program, const char *path);

/* --- running --- */

#define STORM_WRITES 160

/* The writes of one process in a storm; an entry is added before its write. */
struct storm_entry {
	uint8_t view; /* 0: the root view */
	uint8_t box;
	uint8_t index;
	uint8_t line; /* of 64 bytes */
};

struct storm_log {
	unsigned int nr;
	struct storm_entry entry[STORM_WRITES];
	bool done;
};

/* Words of processes and threads; futexes. */
enum word { WORD_WAIT, WORD_TURN, WORD_STORM, WORD_END };

struct run {
	struct program program;
	struct model model;
	unsigned int turn; /* the current operation */
	unsigned int done; /* futex: the program is over */
	bool failed;
	bool hangs;
	unsigned int failed_op;
	char failure[1024];
	pid_t supervisor;
	pid_t pid[PROCS];
	unsigned int word[PROCS][THREADS];
	uint64_t operations;
	uint64_t accesses; /* in storms */
	uint64_t faults, evictions;
	/* noise */
	unsigned int noise;
	unsigned int quiet;
	unsigned int busy[PROCS + 2];
	uint64_t noises;
	/* a storm */
	struct storm_log storm[PROCS];
	unsigned int storm_seed;
	unsigned int storm_size;
	int fd[BOXES];
	int joined[PROCS][BOXES]; /* fds from JOIN */
	int store[BOXES]; /* the file, or -1 */
	unsigned int id[BOXES];
};

/* The run that this process belongs to. */
extern struct run *run;
/* The process and thread numbers of the caller. */
extern unsigned int self_proc;
extern __thread unsigned int self_thread;

/* Runs the program; true if all results agreed with the oracle. */
struct run *run_new(void);
bool run_program(struct run *r, unsigned int seconds);
/* Fails the run; only the first message is kept. */
void run_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool run_over(void);
pid_t run_fork_worker(unsigned int proc);
void run_wake(unsigned int proc, unsigned int thread, enum word word);

/* Runs @fn, which accesses memory; returns the signal raised, or 0. */
typedef void (*guarded_fn)(void *context);

int guarded(guarded_fn fn, void *context);
void catch_signals(void);

static inline char *address_of(unsigned int slot)
{
	return (char *)0x100000000000UL + (size_t)slot * MODEL_PAGE;
}

static inline struct slot *slots_of(unsigned int proc)
{
	return run->model.proc[proc].slot;
}

/* Applies an operation to @m; if @real, also does it and compares. */
void op_do(struct model *m, const struct op *op, bool real);

/* A memfd to swap to. */
int swap_file(void);
void box_close_all(void);
/* Waits until a process of the program has exited. */
bool wait_gone(unsigned int proc);
void check_emptied(void);
void census(void);
void storm_part(void);
void storm(const struct op *op);
void drain_locked(void);

enum { NOISE_BESIDE = 1, NOISE_INSIDE = 2 };

void noise_start_beside(void);
void noise_start_inside(void);
void noise_quiet(void);
void noise_resume(void);

#endif /* PAGEBOX_MODEL_H */
