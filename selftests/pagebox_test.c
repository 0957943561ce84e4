// SPDX-License-Identifier: GPL-2.0
/* What the tests of pagebox share; see pagebox_test.h. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pagebox_test.h"

#define DEBUGFS "/sys/kernel/debug/pagebox"
#define FAILPOINTS DEBUGFS "/failpoints"
#define PAGEMAP "/proc/self/pagemap"
#define PARAMETERS "/sys/module/pagebox/parameters"
#define KSFT_FAIL 1
#define CHILD_ENDS (-1)

size_t page_size;

static __attribute__((constructor)) void set_page_size(void)
{
	page_size = sysconf(_SC_PAGESIZE);
}

void die(const char *fmt, ...)
{
	int error = errno;
	char text[1024];
	va_list args;

	fflush(stdout);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* In one piece: others may be saying something. */
	dprintf(2, "# %s%s%s\n", text, error ? ": " : "",
		error ? strerror(error) : "");
	_exit(KSFT_FAIL);
}

uint32_t rnd(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 31)) * 0x7fb5d329728ea185ULL;
	value = (value ^ (value >> 27)) * 0x81dadef4bc2dd44dULL;
	return value ^ (value >> 33);
}

uint64_t parse_number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	errno = 0;
	if (end == text || *end)
		die("'%s' is not a number", text);
	return value;
}

uint64_t seed_given(void)
{
	const char *text = getenv("PAGEBOX_SEED");

	return text ? strtoull(text, NULL, 0) : 1;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && !strcmp(value, "1");
}

void show_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[4096];

	while (file && fgets(line, sizeof(line), file))
		fprintf(stderr, "# %s", line);
	if (file)
		fclose(file);
}

void write_text(const char *path, const char *fmt, ...)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[1024];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (fd < 0 || length >= (int)sizeof(text) ||
	    write(fd, text, length) != length)
		die("cannot write '%s' to %s", text, path);
	close(fd);
}

bool is_same(const void *a, const void *b, size_t size)
{
	return !memcmp(a, b, size);
}

bool full_size(void)
{
	return is_set("PAGEBOX_FULL");
}

bool slow_kernel(void)
{
	return is_set("PAGEBOX_SLOW");
}

bool small_size(void)
{
	return is_set("PAGEBOX_SMALL");
}

unsigned int reduced(unsigned int usual)
{
	return small_size() ? (usual + 63) / 64 : usual;
}

unsigned int sized(unsigned int usual, unsigned int full)
{
	if (full_size())
		return full;
	return slow_kernel() ? (usual + 3) / 4 : reduced(usual);
}

/* A millisecond apart. */
#define LOOKS_AT_FIRST 64

bool eventually(bool (*ready)(void *context), void *context)
{
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	unsigned int looks = 0;
	const char *patience = getenv("PAGEBOX_PATIENCE");
	const int seconds = patience ? atoi(patience) : 60;
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (ready(context))
			return true;
		/* What takes long is looked at less often. */
		if (++looks > LOOKS_AT_FIRST)
			pause.tv_nsec = 16 * 1000 * 1000;
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < seconds);
	return ready(context);
}

void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

/* --- boxes --- */

int box_open(void)
{
	int box = open(PAGEBOX_DEVICE, O_RDWR | O_CLOEXEC);

	if (box < 0)
		die("cannot open " PAGEBOX_DEVICE
		    ", load the module and be root");
	return box;
}

int configure_error(int box, struct pagebox_config config)
{
	config.size = sizeof(config);
	return ioctl(box, PAGEBOX_IOC_CONFIGURE, &config) ? errno : 0;
}

void box_configure(int box, struct pagebox_config config)
{
	if (configure_error(box, config))
		die("PAGEBOX_IOC_CONFIGURE");
}

int box_new(unsigned int frames, size_t pages)
{
	int box = box_open();

	box_configure(box, (struct pagebox_config){
				   .set = (frames ? PAGEBOX_SET_FRAMES : 0) |
					  (pages ? PAGEBOX_SET_BYTES : 0),
				   .frames = frames,
				   .bytes = (uint64_t)pages * page_size,
			   });
	return box;
}

int box_new_store(unsigned int frames, int store_fd)
{
	int box = box_open();

	box_configure(box, (struct pagebox_config){
				   .set = (frames ? PAGEBOX_SET_FRAMES : 0) |
					  PAGEBOX_SET_STORE,
				   .frames = frames,
				   .store_fd = store_fd,
			   });
	return box;
}

int box_new_quiet(unsigned int frames, int store_fd)
{
	return box_with((struct pagebox_config){
		.set = PAGEBOX_SET_FRAMES | PAGEBOX_SET_STORE |
		       PAGEBOX_SET_DIRTY,
		.frames = frames,
		.store_fd = store_fd,
		.dirty_age_ms = PAGEBOX_MAX_DIRTY_AGE,
		.dirty_ratio = PAGEBOX_MAX_DIRTY_RATIO,
	});
}

int box_with(struct pagebox_config config)
{
	int box = box_open();

	box_configure(box, config);
	return box;
}

struct pagebox_info box_info(int box)
{
	struct pagebox_info info = { .size = sizeof(info) };

	if (ioctl(box, PAGEBOX_IOC_INFO, &info))
		die("PAGEBOX_IOC_INFO");
	return info;
}

int box_join(int box, unsigned int id)
{
	struct pagebox_join join = { .size = sizeof(join), .id = id };
	int joined = ioctl(box, PAGEBOX_IOC_JOIN, &join);

	return joined < 0 ? -errno : joined;
}

static long range_do(int box, unsigned long request, uint32_t flags,
		     uint64_t start, size_t pages)
{
	struct pagebox_range range = { .size = sizeof(range),
				       .flags = flags,
				       .start = start,
				       .length = pages * page_size };

	return ioctl(box, request, &range) ? -errno : (long)range.pages;
}

long root_range(int box, unsigned long request, size_t first, size_t pages)
{
	return range_do(box, request, 0, first * page_size, pages);
}

long map_range(int box, unsigned long request, const void *address,
	       size_t pages)
{
	return range_do(box, request, PAGEBOX_RANGE_ADDRESS, (uintptr_t)address,
			pages);
}

char *box_map_from(int box, size_t first, size_t pages, int flags)
{
	char *map = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, flags,
			 box, first * page_size);

	if (map == MAP_FAILED)
		die("cannot map %zu pages of a box", pages);
	return map;
}

char *box_map(int box, size_t pages, int flags)
{
	return box_map_from(box, 0, pages, flags);
}

void unmap(char *map, size_t pages)
{
	if (munmap(map, pages * page_size))
		die("munmap");
}

void drop_ptes(char *map, size_t pages)
{
	if (madvise(map, pages * page_size, MADV_DONTNEED))
		die("MADV_DONTNEED");
}

/* --- threads that go round and round --- */

static void *repeat(void *context)
{
	struct repeater *repeater = context;

	repeater->right = true;
	while (!__atomic_load_n(&repeater->stop, __ATOMIC_RELAXED)) {
		repeater->right &=
			repeater->round(repeater, repeater_rounds(repeater));
		__atomic_fetch_add(&repeater->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

void repeater_start(struct repeater *repeater, round_fn round, int box,
		    char *map, size_t pages)
{
	*repeater = (struct repeater){
		.round = round,
		.box = box,
		.map = map,
		.pages = pages,
	};
	errno = pthread_create(&repeater->thread, NULL, repeat, repeater);
	if (errno)
		die("pthread_create");
}

unsigned int repeater_rounds(struct repeater *repeater)
{
	return __atomic_load_n(&repeater->rounds, __ATOMIC_RELAXED);
}

struct rounds_goal {
	struct repeater *repeater;
	unsigned int rounds;
};

static bool has_gone_round(void *context)
{
	struct rounds_goal *goal = context;

	return repeater_rounds(goal->repeater) >= goal->rounds;
}

bool repeater_goes_on(struct repeater *repeater, unsigned int rounds)
{
	struct rounds_goal goal = {
		.repeater = repeater,
		.rounds = repeater_rounds(repeater) + rounds,
	};

	return eventually(has_gone_round, &goal);
}

bool repeater_end(struct repeater *repeater)
{
	__atomic_store_n(&repeater->stop, true, __ATOMIC_RELAXED);
	pthread_join(repeater->thread, NULL);
	return repeater->right;
}

bool write_and_check(struct repeater *repeater, unsigned int round)
{
	uint64_t tag = 1000 + 100 * round;

	pages_fill(repeater->map, repeater->pages, tag);
	return pages_hold(repeater->map, repeater->pages, tag);
}

/* --- userfaultfd --- */

int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0)
		die("userfaultfd");
	if (ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		return -1;
	}
	return uffd;
}

int uffd_register(int uffd, char *map, size_t pages, uint64_t mode)
{
	struct uffdio_register range = {
		.range = { (uintptr_t)map, pages * page_size },
		.mode = mode,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &range) ? errno : 0;
}

/* --- counters --- */

static struct pagebox_stats stats_at(int box, uintptr_t address)
{
	struct pagebox_stats stats = { .size = sizeof(stats),
				       .address = address };

	if (ioctl(box, PAGEBOX_IOC_STATS, &stats))
		die("PAGEBOX_IOC_STATS of address %#lx",
		    (unsigned long)address);
	return stats;
}

struct pagebox_stats box_stats(int box)
{
	return stats_at(box, 0);
}

struct pages_goal {
	int box;
	unsigned long pages;
};

static bool has_pages(void *context)
{
	struct pages_goal *goal = context;

	return box_stats(goal->box).pages == goal->pages;
}

bool pages_become(int box, unsigned long pages)
{
	struct pages_goal goal = { .box = box, .pages = pages };

	return eventually(has_pages, &goal);
}

struct pagebox_stats map_stats(int box, const void *address)
{
	return stats_at(box, (uintptr_t)address);
}

const char *faults_text(struct faults faults)
{
	static char texts[4][160];
	static unsigned int turn;
	char *text = texts[turn++ % 4];

	snprintf(
		text, sizeof(texts[0]),
		"zero %u minor %u file %u swapin %u cow %u mkwrite %u failed %u",
		faults.zero, faults.minor, faults.file, faults.swapin,
		faults.cow, faults.mkwrite, faults.failed);
	return text;
}

const char *faults_between(const struct pagebox_stats *before,
			   const struct pagebox_stats *after)
{
	unsigned int delta[PAGEBOX_FAULT_NR];

	for (int i = 0; i < PAGEBOX_FAULT_NR; i++)
		delta[i] = after->faults[i] - before->faults[i];
	return faults_text((struct faults){
		.zero = delta[PAGEBOX_FAULT_ZERO],
		.minor = delta[PAGEBOX_FAULT_MINOR],
		.file = delta[PAGEBOX_FAULT_FILE],
		.swapin = delta[PAGEBOX_FAULT_SWAPIN],
		.cow = delta[PAGEBOX_FAULT_COW],
		.mkwrite = delta[PAGEBOX_FAULT_MKWRITE],
		.failed = delta[PAGEBOX_FAULT_FAILED],
	});
}

/* --- contents --- */

/* Every bit of the result depends on every bit of @value. */
static uint64_t scramble(uint64_t value)
{
	value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93ULL;
	value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93ULL;
	return value ^ (value >> 32);
}

static uint64_t pattern_word(uint64_t seed, size_t i)
{
	return seed ? seed + i * 0x9e3779b97f4a7c15ULL : 0;
}

uint64_t page_word(uint64_t tag, size_t i)
{
	return pattern_word(scramble(tag), i);
}

void page_fill(void *page, uint64_t tag)
{
	uint64_t seed = scramble(tag);
	uint64_t *words = page;

	for (size_t i = 0; i < page_size / sizeof(*words); i++)
		words[i] = pattern_word(seed, i);
}

bool page_holds(const void *page, uint64_t tag)
{
	uint64_t seed = scramble(tag);
	const uint64_t *words = page;

	for (size_t i = 0; i < page_size / sizeof(*words); i++) {
		uint64_t seen = ((volatile const uint64_t *)words)[i];

		if (seen == pattern_word(seed, i))
			continue;
		fprintf(stderr,
			"# WRONG BYTE in page at %p, tag %#llx: word %zu is %#llx instead of %#llx\n",
			page, (unsigned long long)tag, i,
			(unsigned long long)seen,
			(unsigned long long)pattern_word(seed, i));
		return false;
	}
	return true;
}

long page_tag(const void *page, uint64_t most)
{
	uint64_t seen = ((volatile const uint64_t *)page)[1];

	for (uint64_t tag = 0; tag <= most; tag++)
		if (seen == pattern_word(scramble(tag), 1))
			return tag;
	return -1;
}

void pages_fill(char *map, size_t pages, uint64_t tag)
{
	for (size_t i = 0; i < pages; i++)
		page_fill(map + i * page_size, tag + i);
}

bool pages_hold(const char *map, size_t pages, uint64_t tag)
{
	for (size_t i = 0; i < pages; i++)
		if (!page_holds(map + i * page_size, tag + i))
			return false;
	return true;
}

bool pages_are_zero(const char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (!page_holds(map + i * page_size, 0))
			return false;
	return true;
}

void pages_touch(const char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		(void)*(volatile const char *)(map + i * page_size);
}

static __thread sigjmp_buf after_signal;

static void leave_access(int signal)
{
	siglongjmp(after_signal, signal);
}

static int signal_of_access(void *address, bool write)
{
	static const int signals[] = { SIGBUS, SIGSEGV };
	struct sigaction action = { .sa_handler = leave_access };
	struct sigaction old[2];
	volatile char *byte = address;
	int signal;

	for (int i = 0; i < 2; i++)
		sigaction(signals[i], &action, &old[i]);
	signal = sigsetjmp(after_signal, 1);
	if (!signal) {
		if (write)
			*byte = 1;
		else
			(void)*byte;
	}
	for (int i = 0; i < 2; i++)
		sigaction(signals[i], &old[i], NULL);
	return signal;
}

int signal_of_read(const void *address)
{
	return signal_of_access((void *)address, false);
}

int signal_of_write(void *address)
{
	return signal_of_access(address, true);
}

int store_file(size_t bytes, uint64_t tag)
{
	int fd = memfd_create("store", MFD_CLOEXEC);
	char *page = malloc(page_size);

	if (fd < 0 || !page)
		die("cannot make a store");
	for (size_t at = 0; at < bytes; at += page_size) {
		size_t part = bytes - at < page_size ? bytes - at : page_size;

		page_fill(page, tag + at / page_size);
		if (pwrite(fd, page, part, at) != (ssize_t)part)
			die("cannot fill a store");
	}
	free(page);
	return fd;
}

int read_only(int file)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s again", path);
	return fd;
}

bool file_holds(int file, size_t pages, uint64_t tag)
{
	uint64_t page[page_size / sizeof(uint64_t)];

	for (size_t i = 0; i < pages; i++) {
		if (pread(file, page, page_size, i * page_size) !=
		    (ssize_t)page_size)
			die("cannot read page %zu of a file", i);
		if (!page_holds(page, tag + i))
			return false;
	}
	return true;
}

static int load_loop(void *context)
{
	(void)context;
	execlp("modprobe", "modprobe", "-q", "loop", NULL);
	die("cannot run modprobe");
}

int loop_open(int file)
{
	struct loop_config config = {
		.fd = file, .info = { .lo_flags = LO_FLAGS_AUTOCLEAR }
	};
	int control, loop, number;
	char path[32];

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		in_child(load_loop, NULL);
		control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	}
	if (control < 0)
		die("/dev/loop-control: the kernel needs CONFIG_BLK_DEV_LOOP");
	number = ioctl(control, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	loop = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config))
		die("cannot set up %s", path);
	close(control);
	return loop;
}

int tmpfs_new(size_t pages)
{
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char bytes[32];
	int mount;

	snprintf(bytes, sizeof(bytes), "%zu", pages * page_size);
	if (context < 0 ||
	    fsconfig(context, FSCONFIG_SET_STRING, "size", bytes, 0) ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		die("cannot make a tmpfs");
	mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		die("cannot mount a tmpfs");
	close(context);
	return mount;
}

int tmpfs_file(int tmpfs, const char *name, size_t pages)
{
	int file = openat(tmpfs, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (file < 0 || ftruncate(file, pages * page_size))
		die("cannot make a file on a tmpfs");
	return file;
}

/* --- children --- */

static void read_int(int fd, int *value)
{
	if (read(fd, value, sizeof(*value)) != sizeof(*value))
		die("the other process has gone");
}

static void write_int(int fd, int value)
{
	if (write(fd, &value, sizeof(value)) != sizeof(value))
		die("cannot write to a pipe");
}

static void __attribute__((noreturn))
child_run(serve_fn serve, void *context, int in, int out)
{
	int command;

	for (;;) {
		read_int(in, &command);
		if (command == CHILD_ENDS)
			_exit(0);
		write_int(out, serve(context, command));
	}
}

/* A signal at the parent's death is of no use to who asks for it too late. */
pid_t fork_tied(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

struct child child_fork(serve_fn serve, void *context)
{
	struct child child;
	int down[2], up[2];

	if (pipe(down) || pipe(up))
		die("pipe");
	/* One that has gone is to be told of, not to die of. */
	signal(SIGPIPE, SIG_IGN);
	child.pid = fork_tied();
	if (!child.pid) {
		close(down[1]);
		close(up[0]);
		child_run(serve, context, down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	child.ask = down[1];
	child.answer = up[0];
	return child;
}

bool has_ended(void *pid)
{
	siginfo_t info = {};

	if (waitid(P_PID, *(pid_t *)pid, &info, WEXITED | WNOHANG | WNOWAIT))
		die("waitid");
	return info.si_pid;
}

int child_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void __attribute__((noreturn)) child_has_gone(const struct child *child)
{
	int status = child_status(child->pid);

	errno = 0;
	if (status > 256)
		die("child %d was killed by signal %d", child->pid,
		    status - 256);
	die("child %d ended with %d", child->pid, status);
}

int child_ask(const struct child *child, int command)
{
	int answer;

	if (write(child->ask, &command, sizeof(command)) != sizeof(command) ||
	    read(child->answer, &answer, sizeof(answer)) != sizeof(answer))
		child_has_gone(child);
	return answer;
}

void child_end(struct child *child)
{
	int status;

	write_int(child->ask, CHILD_ENDS);
	status = child_status(child->pid);
	close(child->ask);
	close(child->answer);
	errno = 0;
	if (status)
		die("child %d ended with %d", child->pid, status);
}

int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 ||
	    !CMSG_FIRSTHDR(&message))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec data = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	if (sendmsg(socket, &message, 0) != 1)
		die("sendmsg");
}

int in_child(int (*fn)(void *context), void *context)
{
	pid_t pid = fork_tied();

	if (!pid)
		_exit(fn(context));
	return child_status(pid);
}

void become(uid_t uid, uint64_t caps)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};

	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid) || syscall(SYS_capset, &header, data))
		die("cannot change to user %u", uid);
}

/* A box of @owner: a child opens it, and the fd comes back. */
struct opening {
	uid_t owner;
	int socket;
};

static int open_as(void *context)
{
	struct opening *opening = context;

	become(opening->owner, CAP(CAP_DAC_OVERRIDE));
	send_fd(opening->socket, box_open());
	return 0;
}

int box_of(uid_t owner)
{
	struct opening opening = { .owner = owner };
	int sockets[2], box;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		die("socketpair");
	opening.socket = sockets[0];
	if (in_child(open_as, &opening))
		die("user %u cannot open a box", owner);
	box = receive_fd(sockets[1]);
	close(sockets[0]);
	close(sockets[1]);
	return box;
}

/* Relaxed atomics. */
struct load_shared {
	unsigned int operations[2];
	bool stop;
};

/* What one process of a load knows. */
struct load_worker {
	unsigned int who;
	size_t pages;
	char *shared;
	char *private;
	uint64_t *word; /* what its words of the root view hold */
	uint64_t *tag; /* what its private pages hold */
};

static volatile uint64_t *load_word(struct load_worker *worker, size_t page)
{
	return (uint64_t *)page_at(worker->shared, page) + 1 + worker->who;
}

static bool load_page_is_right(struct load_worker *worker, size_t page)
{
	uint64_t seen = *load_word(worker, page);

	if (seen == worker->word[page])
		return page_holds(page_at(worker->private, page),
				  worker->tag[page]);
	fprintf(stderr, "# process %u, page %zu: %#llx instead of %#llx\n",
		worker->who, page, (unsigned long long)seen,
		(unsigned long long)worker->word[page]);
	return false;
}

static void load_write_page(struct load_worker *worker, size_t page,
			    uint64_t value)
{
	if (value % 2) {
		worker->word[page] = value;
		*load_word(worker, page) = value;
	} else {
		worker->tag[page] = value;
		page_fill(page_at(worker->private, page), value);
	}
}

/* Private pages are others than the shared ones, which change under them. */
static void load_init(struct load_worker *worker, int box)
{
	worker->shared = box_map(box, worker->pages, MAP_SHARED);
	worker->private =
		box_map_from(box, worker->pages, worker->pages, MAP_PRIVATE);
	worker->word = calloc(worker->pages, sizeof(*worker->word));
	worker->tag = calloc(worker->pages, sizeof(*worker->tag));
	if (!worker->word || !worker->tag)
		die("calloc");
	/* None is left to chance: at the end each is there. */
	for (size_t page = 0; page < worker->pages; page++) {
		load_write_page(worker, page, 1);
		load_write_page(worker, page, 2);
	}
}

static int load_run(struct load_worker *worker, struct load_shared *shared)
{
	uint64_t seed = worker->who + 1;
	uint64_t turn = 1;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		size_t page = rnd(&seed) % worker->pages;

		if (!load_page_is_right(worker, page))
			return 1;
		load_write_page(worker, page,
				turn++ << 32 | (uint64_t)rnd(&seed) << 1 |
					rnd(&seed) % 2);
		__atomic_fetch_add(&shared->operations[worker->who], 1,
				   __ATOMIC_RELAXED);
	}
	for (size_t page = 0; page < worker->pages; page++)
		if (!load_page_is_right(worker, page))
			return 1;
	return 0;
}

void load_start(struct load *load, int box, size_t pages)
{
	load->shared = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (load->shared == MAP_FAILED)
		die("mmap");
	for (unsigned int i = 0; i < 2; i++) {
		struct load_worker worker = { .who = i, .pages = pages };

		load->pid[i] = fork_tied();
		if (load->pid[i])
			continue;
		load_init(&worker, box);
		_exit(load_run(&worker, load->shared));
	}
}

struct load_goal {
	struct load_shared *shared;
	unsigned int operations[2];
};

static bool load_reached(void *context)
{
	struct load_goal *goal = context;

	for (int i = 0; i < 2; i++)
		if (__atomic_load_n(&goal->shared->operations[i],
				    __ATOMIC_RELAXED) < goal->operations[i])
			return false;
	return true;
}

bool load_goes_on(struct load *load)
{
	struct load_goal goal = { .shared = load->shared };

	for (int i = 0; i < 2; i++)
		goal.operations[i] =
			__atomic_load_n(&load->shared->operations[i],
					__ATOMIC_RELAXED) +
			reduced(20);
	return eventually(load_reached, &goal);
}

bool load_end(struct load *load)
{
	bool right = true;

	__atomic_store_n(&load->shared->stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		right &= !child_status(load->pid[i]);
	munmap(load->shared, page_size);
	return right;
}

/* --- debugfs and /proc --- */

/* NULL also if the file goes while it is being read. */
static char *read_text(const char *path)
{
	size_t room = 1 << 16, used = 0;
	char *text = malloc(room);
	ssize_t got = -1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && text &&
	       (got = read(fd, text + used, room - used - 1)) > 0) {
		used += got;
		if (room - used < 4096)
			text = realloc(text, room *= 2);
	}
	if (fd >= 0)
		close(fd);
	if (!text)
		die("no memory for %s", path);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[used] = '\0';
	return text;
}

char *debugfs_text(unsigned int id, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%u/%s", id, name);
	return read_text(path);
}

static char *debugfs_must(unsigned int id, const char *name)
{
	char *text = debugfs_text(id, name);

	if (!text)
		die("cannot read " DEBUGFS "/%u/%s, mount debugfs and be root",
		    id, name);
	return text;
}

long debugfs_number(unsigned int id, const char *name, const char *key)
{
	char *text = debugfs_must(id, name);
	char *save, *line;
	size_t length = strlen(key);

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, key, length) && line[length] == ' ') {
			long value = strtol(line + length, NULL, 10);

			free(text);
			return value;
		}
	}
	errno = 0;
	die("%s of box %u has no line '%s'", name, id, key);
}

/* "-" is -1, "root" is ROOT_SHARERS, anything else has to be a number. */
static long column_number(const char *column, const char *line)
{
	char *end;
	long value;

	if (!strcmp(column, "-"))
		return -1;
	if (!strcmp(column, "root"))
		return ROOT_SHARERS;
	value = strtoul(column, &end, 0);
	errno = 0;
	if (end == column || *end)
		die("'%s' is not a number in '%s'", column, line);
	return value;
}

#define MAX_COLUMNS 9

/*
 * Gives each row's columns to @add. The header has to be @header, and each row
 * has to have as many columns as the header.
 */
static size_t table_rows(unsigned int id, const char *name, const char *header,
			 size_t row_size, void **rows,
			 void (*add)(void *row, char (*column)[32],
				     const char *line))
{
	char *text = debugfs_must(id, name);
	char *save, *line = strtok_r(text, "\n", &save);
	char column[MAX_COLUMNS][32];
	size_t count = 0;
	int columns = 1;

	errno = 0;
	if (!line || strcmp(line, header))
		die("%s of box %u begins with '%s' instead of '%s'", name, id,
		    line, header);
	for (const char *c = header; *c; c++)
		columns += *c == ' ';
	*rows = NULL;
	while ((line = strtok_r(NULL, "\n", &save))) {
		int got = sscanf(line,
				 "%31s %31s %31s %31s %31s %31s %31s %31s %31s",
				 column[0], column[1], column[2], column[3],
				 column[4], column[5], column[6], column[7],
				 column[8]);

		errno = 0;
		if (got != columns)
			die("%s of box %u: '%s' has not the columns of '%s'",
			    name, id, line, header);
		*rows = realloc(*rows, (count + 1) * row_size);
		if (!*rows)
			die("realloc");
		add((char *)*rows + count++ * row_size, column, line);
	}
	free(text);
	return count;
}

static void add_frame_row(void *to, char (*column)[32], const char *line)
{
	struct frame_row *row = to;

	row->frame = column_number(column[0], line);
	row->pfn = column_number(column[1], line);
	row->page = column_number(column[2], line);
	snprintf(row->tier, sizeof(row->tier), "%.15s", column[3]);
	row->sharers = column_number(column[4], line);
	row->referenced = column_number(column[5], line);
	row->dirty = column_number(column[6], line);
	row->pins = column_number(column[7], line);
	row->hand = !strcmp(column[8], ">");
	if (!row->hand && strcmp(column[8], "-"))
		die("column 'hand' is neither > nor - in '%s'", line);
}

size_t frame_rows(unsigned int id, struct frame_row **rows)
{
	return table_rows(id, "frames",
			  "frame pfn page tier sharers R D pins hand",
			  sizeof(**rows), (void **)rows, add_frame_row);
}

static void add_map_row(void *to, char (*column)[32], const char *line)
{
	struct map_row *row = to;

	row->map = column_number(column[0], line);
	row->pid = column_number(column[1], line);
	snprintf(row->type, sizeof(row->type), "%.15s", column[2]);
	row->start = column_number(column[3], line);
	row->end = column_number(column[4], line);
	row->pgoff = column_number(column[5], line);
	snprintf(row->prot, sizeof(row->prot), "%.7s", column[6]);
}

size_t map_rows(unsigned int id, struct map_row **rows)
{
	return table_rows(id, "maps", "map pid type start end pgoff prot",
			  sizeof(**rows), (void **)rows, add_map_row);
}

static void add_page_row(void *to, char (*column)[32], const char *line)
{
	struct page_row *row = to;

	row->index = column_number(column[0], line);
	row->address = column_number(column[1], line);
	snprintf(row->state, sizeof(row->state), "%.15s", column[2]);
	row->frame = column_number(column[3], line);
	row->slot = column_number(column[4], line);
	row->sharers = column_number(column[5], line);
	snprintf(row->pte, sizeof(row->pte), "%.7s", column[6]);
}

size_t page_rows(unsigned int id, long map, struct page_row **rows)
{
	char name[64];

	snprintf(name, sizeof(name), "%ld/pages", map);
	return table_rows(id, name,
			  "index address state frame slot sharers pte",
			  sizeof(**rows), (void **)rows, add_page_row);
}

struct map_row map_row_at(unsigned int id, const void *address)
{
	uintptr_t at = (uintptr_t)address;
	struct map_row *rows;
	size_t count = map_rows(id, &rows);

	for (size_t i = 0; i < count; i++) {
		if (rows[i].pid == getpid() && rows[i].start <= at &&
		    at < rows[i].end) {
			struct map_row row = rows[i];

			free(rows);
			return row;
		}
	}
	errno = 0;
	die("maps of box %u has no row of process %d for %p", id, getpid(),
	    address);
}

bool page_row_at(unsigned int id, const void *address, struct page_row *row)
{
	struct map_row map = map_row_at(id, address);
	struct page_row *rows;
	size_t count = page_rows(id, map.map, &rows);
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		found = rows[i].address == (uintptr_t)address;
		if (found)
			*row = rows[i];
	}
	free(rows);
	return found;
}

long frame_of(unsigned int id, const char *tier, long page)
{
	struct frame_row *rows;
	size_t count = frame_rows(id, &rows);
	long frame = -1;

	for (size_t i = 0; i < count; i++)
		if (rows[i].page == page && !strcmp(rows[i].tier, tier))
			frame = rows[i].frame;
	free(rows);
	return frame;
}

uint64_t pagemap(const void *address)
{
	off_t at = (uintptr_t)address / page_size * sizeof(uint64_t);
	int fd = open(PAGEMAP, O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		die(PAGEMAP);
	close(fd);
	return entry;
}

/* The line of @path that begins with a range that holds @address. */
static char *line_of_range(char *text, const void *address)
{
	unsigned long start, end;
	char *line = text;

	while (line) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 &&
		    start <= (uintptr_t)address && (uintptr_t)address < end)
			return line;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	errno = 0;
	die("no mapping at %p", address);
}

long smaps_kb(const void *address, const char *field)
{
	char *text = read_text("/proc/self/smaps");
	char key[64];
	char *at;
	long kb;

	if (!text)
		die("/proc/self/smaps");
	snprintf(key, sizeof(key), "\n%s:", field);
	at = strstr(line_of_range(text, address), key);
	if (!at)
		die("smaps has no %s", field);
	kb = strtol(at + strlen(key), NULL, 10);
	free(text);
	return kb;
}

const char *maps_line(const void *address)
{
	static char copy[512];
	char *text = read_text("/proc/self/maps");

	if (!text)
		die("/proc/self/maps");
	snprintf(copy, sizeof(copy), "%s", line_of_range(text, address));
	copy[strcspn(copy, "\n")] = '\0';
	free(text);
	return copy;
}

unsigned long module_param(const char *name)
{
	unsigned long value;
	char path[96];
	char *text;

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	text = read_text(path);
	if (!text)
		die("cannot read %s", path);
	value = strtoul(text, NULL, 0);
	free(text);
	return value;
}

void module_param_set(const char *name, unsigned long value)
{
	char path[96];

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	write_text(path, "%lu", value);
}

/* --- failpoints --- */

int failpoint_error(const char *command)
{
	int fd = open(FAILPOINTS, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		die(FAILPOINTS);
	if (write(fd, command, strlen(command)) < 0)
		error = errno;
	close(fd);
	return error;
}

void failpoint_set(const char *fmt, ...)
{
	char command[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	errno = failpoint_error(command);
	if (errno)
		die("failpoints: '%s'", command);
}

struct failpoint failpoint_state(const char *name)
{
	char *text = read_text(FAILPOINTS);
	struct failpoint point = {};
	char *save, *line;
	char seen[64];

	if (!text)
		die(FAILPOINTS);
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%63s %15s %lu %lu %lu %95[^\n]", seen,
			   point.kind, &point.hits, &point.done, &point.waiting,
			   point.setting) == 6 &&
		    !strcmp(seen, name)) {
			free(text);
			return point;
		}
	}
	errno = 0;
	die("there is no failpoint %s", name);
}

struct crowd {
	const char *name;
	unsigned long tasks;
};

static bool crowd_is_there(void *context)
{
	const struct crowd *crowd = context;

	return failpoint_state(crowd->name).waiting == crowd->tasks;
}

bool failpoint_waits(const char *name, unsigned long tasks)
{
	struct crowd crowd = { .name = name, .tasks = tasks };

	return eventually(crowd_is_there, &crowd);
}

void failpoint_go(const char *name)
{
	failpoint_set("%s go", name);
}

void failpoints_off(void)
{
	failpoint_set("all off");
}

void module_parameters(char *text, size_t room)
{
	DIR *directory = opendir(PARAMETERS);
	struct dirent *entry;

	if (!directory)
		die("cannot read " PARAMETERS);
	*text = '\0';
	while ((entry = readdir(directory))) {
		size_t used = strlen(text);

		if (entry->d_name[0] != '.')
			snprintf(text + used, room - used, "%s=%lu ",
				 entry->d_name, module_param(entry->d_name));
	}
	closedir(directory);
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

void module_load(const char *name, const char *parameters)
{
	const char *ko = getenv("PAGEBOX_KO");
	char path[512];
	int fd;

	errno = 0;
	if (!ko || !strrchr(ko, '/'))
		die("set PAGEBOX_KO to the path of pagebox.ko");
	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(ko, '/') - ko),
		 ko, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		die("finit_module of %s", path);
	close(fd);
}
