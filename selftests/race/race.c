// SPDX-License-Identifier: GPL-2.0
/* Code shared by the race tests; see race.h. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/access.h"
#include "lib/box.h"
#include "lib/child.h"
#include "lib/counters.h"
#include "lib/debugfs.h"
#include "lib/failpoint.h"
#include "lib/pattern.h"
#include "lib/test.h"
#include "lib/uffd.h"
#include "race.h"

#define STACK (128 * 1024)

static void __attribute__((constructor)) skip_without_failpoints(void)
{
	need_failpoints();
}

struct scene *scene_new(void)
{
	struct scene *scene = shared_memory(sizeof(*scene));

	for (int i = 0; i < ACTORS; i++)
		if (sem_init(&scene->actor[i].turn, 1, 0))
			die("sem_init");
	failpoints_off();
	return scene;
}

/* --- the actors --- */

static void __attribute__((noreturn))
perform(struct scene *scene, struct actor *actor)
{
	actor->pid = getpid();
	__atomic_store_n(&actor->tid, gettid(), __ATOMIC_RELEASE);
	for (;;) {
		while (sem_wait(&actor->turn))
			;
		actor->result = actor->act(scene, actor->arg);
		__atomic_store_n(&actor->done, true, __ATOMIC_RELEASE);
	}
}

struct part {
	struct scene *scene;
	int actor;
};

static void *perform_thread(void *context)
{
	struct part part = *(struct part *)context;

	perform(part.scene, &part.scene->actor[part.actor]);
}

static bool is_there(struct actor *actor)
{
	return __atomic_load_n(&actor->tid, __ATOMIC_ACQUIRE);
}

/* A stack that is not inherited by a child. */
static void thread_new(struct scene *scene, int actor)
{
	static struct part parts[ACTORS];
	pthread_attr_t attributes;
	pthread_t thread;
	char *stack;

	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (stack == MAP_FAILED || madvise(stack, STACK, MADV_DONTFORK))
		die("no memory for a stack");
	parts[actor] = (struct part){ scene, actor };
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, STACK);
	errno = pthread_create(&thread, &attributes, perform_thread,
			       &parts[actor]);
	if (errno)
		die("pthread_create");
	if (!eventually(is_there(&scene->actor[actor])))
		die("a thread does not run");
}

static void open_box(struct scene *scene)
{
	scene->config.set |= PAGEBOX_SET_BYTES;
	scene->config.bytes = 2 * PAGES * page_size;
	if (scene->store) {
		scene->config.set |= PAGEBOX_SET_STORE;
		scene->config.store_fd = scene->store;
	}
	scene->box = box_with(scene->config);
	scene->id = box_info(scene->box).id;
}

static void set_mappings(struct scene *scene)
{
	scene->root = box_map(scene->box, 2 * PAGES, MAP_SHARED);
	scene->map = box_map(scene->box, PAGES, MAP_PRIVATE);
	if (scene->fill_root)
		pages_fill(scene->root, PAGES, OLD);
	if (scene->fill_map)
		pages_fill(scene->map, PAGES, OLD);
}

static void __attribute__((noreturn)) process_main(struct scene *scene)
{
	thread_new(scene, A);
	thread_new(scene, B);
	/* All code and data, before there are mappings of the box. */
	if (mlockall(MCL_CURRENT))
		die("mlockall");
	if (scene->private)
		open_box(scene);
	set_mappings(scene);
	perform(scene, &scene->actor[MAIN]);
}

static void __attribute__((noreturn)) outside_main(struct scene *scene)
{
	if (mlockall(MCL_CURRENT))
		die("mlockall");
	perform(scene, &scene->actor[OUTSIDE]);
}

static void process_new(struct scene *scene, int actor,
			void (*go)(struct scene *scene))
{
	pid_t pid = fork_tied();

	if (!pid) {
		go(scene);
		_exit(1);
	}
	scene->actor[actor].pid = pid;
	if (!eventually(is_there(&scene->actor[actor])))
		die("a process does not run");
}

void scene_begin(struct scene *scene)
{
	if (pipe2(scene->pipe, O_CLOEXEC))
		die("pipe2");
	scene->plain = shared_memory(page_size);
	page_fill(scene->plain, NEW);
	if (!scene->private)
		open_box(scene);
	process_new(scene, OUTSIDE, outside_main);
	process_new(scene, MAIN, process_main);
}

static struct scene *scene_filled(unsigned int frames, bool root)
{
	struct scene *scene = scene_new();

	scene->config.set = PAGEBOX_SET_FRAMES;
	scene->config.frames = frames;
	scene->fill_root = root;
	scene->fill_map = !root;
	scene_begin(scene);
	return scene;
}

struct scene *scene_of_root(unsigned int frames)
{
	return scene_filled(frames, true);
}

struct scene *scene_of_map(unsigned int frames)
{
	return scene_filled(frames, false);
}

unsigned long scene_cramp(struct scene *scene)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_FRAMES |
						PAGEBOX_SET_SWAPPINESS,
					 .frames = 2 * PAGES - 2 };

	run(scene, B, page_out_all, 0);
	if (configure_error(scene->box, config))
		die("cannot set frames and swappiness");
	for (long i = 2; i < 2 * PAGES; i++)
		run(scene, B, poke_root, i);
	return box_stats(scene->box).pages;
}

int kill_actor(struct scene *scene, int actor)
{
	pid_t pid = scene->actor[actor].pid;

	scene->actor[actor].pid = 0;
	if (kill(pid, SIGKILL))
		die("cannot kill actor %d", actor);
	return child_status(pid);
}

/* The child is killed with its parent, and is not waited for. */
void scene_end(struct scene *scene)
{
	failpoints_off();
	for (int i = ACTORS - 1; i >= 0; i--) {
		if (i != MAIN && i != OUTSIDE)
			continue;
		/* The test may have killed it. */
		if (scene->actor[i].pid)
			kill_actor(scene, i);
	}
	close(scene->pipe[0]);
	close(scene->pipe[1]);
	if (!scene->private)
		close(scene->box);
	if (scene->store)
		close(scene->store);
	munmap(scene, sizeof(*scene));
}

/* --- the director --- */

void start(struct scene *scene, int actor, act_fn act, long arg)
{
	struct actor *who = &scene->actor[actor];

	who->act = act;
	who->arg = arg;
	who->done = false;
	if (sem_post(&who->turn))
		die("sem_post");
}

void stop(struct scene *scene, int actor, const char *window, act_fn act,
	  long arg)
{
	failpoint_set("%s stop times 1 pid %d", window,
		      scene->actor[actor].pid);
	start(scene, actor, act, arg);
	errno = 0;
	if (!failpoint_waits(window, 1))
		die("no task has reached sync point %s", window);
}

static bool is_done(const struct actor *actor)
{
	return __atomic_load_n(&actor->done, __ATOMIC_ACQUIRE);
}

/* The number of voluntary context switches of a task; -1 if it is not asleep. */
static long sleeps_of(pid_t tid)
{
	char path[48], text[4096];
	long sleeps = -1;
	ssize_t got;
	char *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got < 0)
		return -1;
	text[got] = '\0';
	at = strstr(text, "\nState:\t");
	if (!at || (at[8] != 'S' && at[8] != 'D'))
		return -1;
	at = strstr(text, "\nvoluntary_ctxt_switches:\t");
	if (at)
		sleeps = strtol(strchr(at, '\t'), NULL, 10);
	return sleeps;
}

/* Polls, 1 ms apart, that must find the task in the same sleep. */
#define LOOKS 20

struct watch {
	struct actor *actor;
	long sleeps;
	unsigned int looks;
};

static bool done_or_asleep(struct watch *watch)
{
	long sleeps = sleeps_of(watch->actor->tid);

	if (sleeps < 0 || sleeps != watch->sleeps)
		watch->looks = 0;
	watch->sleeps = sleeps;
	return is_done(watch->actor) || ++watch->looks > LOOKS;
}

bool blocks(struct scene *scene, int actor)
{
	struct watch watch = { .actor = &scene->actor[actor], .sleeps = -1 };

	return eventually(done_or_asleep(&watch)) && !is_done(watch.actor);
}

/* Sleeps after which a task that has not returned counts as waiting. */
#define NAPS 5

static bool done_or_napping(struct watch *watch)
{
	long sleeps = sleeps_of(watch->actor->tid);

	if (watch->sleeps < 0)
		watch->sleeps = sleeps;
	return is_done(watch->actor) ||
	       (watch->sleeps >= 0 && sleeps >= watch->sleeps + NAPS);
}

bool polls(struct scene *scene, int actor)
{
	struct watch watch = { .actor = &scene->actor[actor], .sleeps = -1 };

	return eventually(done_or_napping(&watch)) && !is_done(watch.actor);
}

/* Prints the kernel stack of a thread. */
static void show_stack(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stack", tid);
	show_file(path);
}

long result(struct scene *scene, int actor)
{
	struct actor *who = &scene->actor[actor];

	errno = 0;
	if (!eventually(is_done(who))) {
		show_stack(who->tid);
		die("actor %d does not end", actor);
	}
	return who->result;
}

long run(struct scene *scene, int actor, act_fn act, long arg)
{
	start(scene, actor, act, arg);
	return result(scene, actor);
}

/* --- operations of actors --- */

static size_t page_of(long arg)
{
	return arg >> 16;
}

static uint64_t tag_in(long arg)
{
	return arg & 0xffff;
}

long see_root(struct scene *scene, long page)
{
	return page_tag(page_at(scene->root, page), LAST);
}

long see_map(struct scene *scene, long page)
{
	return page_tag(page_at(scene->map, page), LAST);
}

long write_root(struct scene *scene, long arg)
{
	page_fill(page_at(scene->root, page_of(arg)), tag_in(arg));
	return 0;
}

long write_map(struct scene *scene, long arg)
{
	page_fill(page_at(scene->map, page_of(arg)), tag_in(arg));
	return 0;
}

long write_map_and_drop(struct scene *scene, long arg)
{
	write_map(scene, arg);
	return drop_map(scene, page_of(arg));
}

long poke_root(struct scene *scene, long page)
{
	__atomic_fetch_add(page_at(scene->root, page), 0, __ATOMIC_RELAXED);
	return 0;
}

long root_holds(struct scene *scene, long arg)
{
	return page_holds(page_at(scene->root, page_of(arg)), tag_in(arg));
}

long map_holds(struct scene *scene, long arg)
{
	return page_holds(page_at(scene->map, page_of(arg)), tag_in(arg));
}

long root_is_old(struct scene *scene, long unused)
{
	return pages_hold(scene->root, PAGES, OLD);
}

long map_is_old(struct scene *scene, long unused)
{
	return pages_hold(scene->map, PAGES, OLD);
}

long drop_root(struct scene *scene, long page)
{
	drop_ptes(page_at(scene->root, page), 1);
	return 0;
}

long drop_map(struct scene *scene, long page)
{
	drop_ptes(page_at(scene->map, page), 1);
	return 0;
}

long discard_root(struct scene *scene, long page)
{
	return root_range(scene->box, PAGEBOX_IOC_DISCARD, page, 1);
}

long discard_map(struct scene *scene, long page)
{
	return map_range(scene->box, PAGEBOX_IOC_DISCARD,
			 page_at(scene->map, page), 1);
}

long page_out_root(struct scene *scene, long page)
{
	return root_range(scene->box, PAGEBOX_IOC_PAGE_OUT, page, 1);
}

long page_out_map(struct scene *scene, long page)
{
	return map_range(scene->box, PAGEBOX_IOC_PAGE_OUT,
			 page_at(scene->map, page), 1);
}

long page_out_all(struct scene *scene, long unused)
{
	return root_range(scene->box, PAGEBOX_IOC_PAGE_OUT, 0, 2 * PAGES) +
	       map_range(scene->box, PAGEBOX_IOC_PAGE_OUT, scene->map, PAGES);
}

long lock_root(struct scene *scene, long page)
{
	return mlock(page_at(scene->root, page), page_size) ? errno : 0;
}

long unlock_root(struct scene *scene, long page)
{
	return munlock(page_at(scene->root, page), page_size) ? errno : 0;
}

long unmap_root(struct scene *scene, long unused)
{
	return munmap(scene->root, 2 * PAGES * page_size);
}

long unmap_map(struct scene *scene, long unused)
{
	return munmap(scene->map, PAGES * page_size);
}

long grow_map(struct scene *scene, long unused)
{
	char *map = mremap(scene->map, PAGES * page_size, 2 * PAGES * page_size,
			   MREMAP_MAYMOVE);

	if (map == MAP_FAILED)
		return errno;
	scene->map = map;
	return 0;
}

long touch_root(struct scene *scene, long page)
{
	return signal_of_read(page_at(scene->root, page));
}

long recycle(struct scene *scene, long unused)
{
	pages_fill(page_at(scene->root, PAGES), PAGES, NEW);
	pages_touch(page_at(scene->root, PAGES), PAGES);
	return 0;
}

static long vm_write(struct scene *scene, char *to, char *from)
{
	struct iovec local = { from, page_size };
	struct iovec remote = { to, page_size };

	return process_vm_writev(scene->actor[MAIN].pid, &local, 1, &remote, 1,
				 0);
}

long vm_write_root(struct scene *scene, long page)
{
	return vm_write(scene, page_at(scene->root, page), scene->plain);
}

long vm_write_map(struct scene *scene, long page)
{
	return vm_write(scene, page_at(scene->map, page), scene->plain);
}

long vm_write_map_from_box(struct scene *scene, long page)
{
	char *from = box_map_from(scene->box, PAGES, 1, MAP_SHARED);
	long bytes = vm_write(scene, page_at(scene->map, page), from);

	unmap(from, 1);
	return bytes;
}

long lend_root(struct scene *scene, long page)
{
	struct iovec iov = { page_at(scene->root, page), page_size };

	return vmsplice(scene->pipe[1], &iov, 1, 0);
}

long set_frames(struct scene *scene, long frames)
{
	return frames_error(scene->box, frames);
}

long set_policy(struct scene *scene, long fifo)
{
	struct pagebox_config config = { .set = PAGEBOX_SET_POLICY };

	snprintf(config.policy, sizeof(config.policy), "%s",
		 fifo ? "fifo" : "clock");
	return configure_error(scene->box, config);
}

long exchange_swap(struct scene *scene, long pages)
{
	return swap_error(scene->box, PAGEBOX_FD_RAM, pages);
}

long sync_root(struct scene *scene, long page)
{
	return msync(page_at(scene->root, page), page_size, MS_SYNC) ? errno :
								       0;
}

long sync_box(struct scene *scene, long unused)
{
	return fsync(scene->box) ? errno : 0;
}

long flush_often(struct scene *scene, long unused)
{
	return configure_error(
		scene->box, (struct pagebox_config){ .set = PAGEBOX_SET_DIRTY,
						     .dirty_age_ms = 20,
						     .dirty_ratio = 100 });
}

long advise_sequential(struct scene *scene, long unused)
{
	return madvise(scene->root, 2 * PAGES * page_size, MADV_SEQUENTIAL);
}

long write_device(struct scene *scene, long arg)
{
	uint64_t page[page_size / sizeof(uint64_t)];
	ssize_t done;

	page_fill(page, tag_in(arg));
	done = pwrite(scene->box, page, page_size, page_of(arg) * page_size);
	return done < 0 ? -errno : done;
}

long leave_box(struct scene *scene, long unused)
{
	munmap(scene->root, 2 * PAGES * page_size);
	munmap(scene->map, PAGES * page_size);
	return close(scene->box) ? errno : 0;
}

long join_box(struct scene *scene, long unused)
{
	int other = box_open();
	long joined = box_join(other, scene->id);

	close(other);
	return joined;
}

long see_and_close(struct scene *scene, long joined)
{
	char *map = box_map(joined, 1, MAP_SHARED);
	long tag = page_tag(map, LAST);

	unmap(map, 1);
	close(joined);
	return tag;
}

long fork_child(struct scene *scene, long unused)
{
	pid_t pid;

	scene->actor[CHILD].tid = 0;
	/* Not fork(), which walks all stacks, while the child has only one. */
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		perform(scene, &scene->actor[CHILD]);
	}
	return eventually(is_there(&scene->actor[CHILD])) ? 0 : 1;
}

long reap_child(struct scene *scene, long unused)
{
	kill(scene->actor[CHILD].pid, SIGKILL);
	return child_status(scene->actor[CHILD].pid) - 256;
}

long watch_map(struct scene *scene, long unused)
{
	scene->uffd =
		uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_EVENT_FORK);
	return uffd_register(scene->uffd, scene->map, PAGES,
			     UFFDIO_REGISTER_MODE_WP);
}

long hear_of_fork(struct scene *scene, long unused)
{
	struct uffd_msg message;

	if (read(scene->uffd, &message, sizeof(message)) != sizeof(message))
		return -errno;
	return message.event == UFFD_EVENT_FORK;
}

long sharers_of_map(struct scene *scene, long page)
{
	struct page_row row;

	if (!page_row_at(scene->id, page_at(scene->map, page), &row))
		return -1;
	return row.sharers;
}

long drop_caches(struct scene *scene, long unused)
{
	write_text("/proc/sys/vm/drop_caches", "3");
	return 1;
}
