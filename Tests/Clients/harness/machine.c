// Faults of the machine below a program, on order. This library is preloaded, between the program and the C library.
//
// The orders are in a file that the tests write while the program runs (machine.py has the same layout): a clock's shift, and
// rules. A rule names a kind of call, a part of a path, and the fault: an error, fewer bytes than the call asks for, a pause, or
// the program's death.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { READ = 1, WRITE, OPEN, SYNC, RENAME, UNLINK, ACCEPT, STAT, LIST };
enum { RULES = 32, ERRNO_OF_DEATH = -9 };

struct rule {
    atomic_int kind;      // 0: the rule is not in use.
    atomic_int error;     // errno; 0 for none; -9: the program is killed, as by kill -9, before the call is made.
    atomic_llong times;   // How many more calls it hits; below 0: all.
    atomic_llong spared;  // So many calls succeed first.
    atomic_llong most;    // Reads and writes: at most so many bytes; 0: as many as the call asks for.
    atomic_llong pause;   // Microseconds before the call.
    atomic_llong happened;
    char path[200];       // A part of the file's path.
};

static struct orders {
    atomic_llong shift;  // Nanoseconds that the wall clock is ahead.
    atomic_int armed;    // Bit k: there are rules of kind k.
    int unused;
    struct rule rules[RULES];
} nothing, *orders = &nothing;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("WEIR_TEST_MACHINE");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(struct orders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) orders = mapped;
    syscall(SYS_close, file);
}

// The next function of this name, looked up once.
#define NEXT(name)                                                                                  \
    static __typeof__(name) *next;                                                                  \
    if (!next) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void nap(long long microseconds) {
    struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000};
    while (syscall(SYS_nanosleep, &left, &left) != 0 && errno == EINTR) {}
}

static int counted_down(atomic_llong *number) {
    long long now = atomic_load(number);
    while (now > 0) if (atomic_compare_exchange_weak(number, &now, now - 1)) return 1;
    return 0;
}

// Whether a call fails (errno is set). Makes `count` smaller where a rule says so and there is a count.
static int fails(enum kind kind, const char *path, size_t *count) {
    if (path[0] != '/') return 0;
    for (int i = 0; i < RULES; i++) {
        struct rule *rule = &orders->rules[i];
        if (atomic_load(&rule->kind) != (int)kind || !strstr(path, rule->path)) continue;
        if (counted_down(&rule->spared)) continue;
        if (atomic_load(&rule->times) >= 0 && !counted_down(&rule->times)) continue;
        atomic_fetch_add(&rule->happened, 1);
        if (atomic_load(&rule->pause)) nap(atomic_load(&rule->pause));
        long long most = atomic_load(&rule->most);
        if (most > 0 && count && *count > (size_t)most) *count = (size_t)most;
        int error = atomic_load(&rule->error);
        if (error == ERRNO_OF_DEATH) syscall(SYS_kill, getpid(), SIGKILL);
        if (error > 0) {
            errno = error;
            return 1;
        }
    }
    return 0;
}

static int is_armed(enum kind kind) { return atomic_load_explicit(&orders->armed, memory_order_relaxed) >> kind & 1; }

static int fails_on(enum kind kind, int file, size_t *count) {
    if (!is_armed(kind)) return 0;
    int before = errno;
    char link[40], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return fails(kind, path, count);
}

static int fails_at(enum kind kind, int folder, const char *path) {
    if (!is_armed(kind) || !path) return 0;
    if (path[0] == '/') return fails(kind, path, NULL);
    char whole[4096];
    int before = errno;
    if (folder == AT_FDCWD) {
        if (!getcwd(whole, sizeof whole)) return 0;
    } else {
        char link[40];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        long length = syscall(SYS_readlinkat, AT_FDCWD, link, whole, sizeof whole - 1);
        if (length <= 0) return errno = before, 0;
        whole[length] = 0;
    }
    errno = before;
    size_t used = strlen(whole);
    snprintf(whole + used, sizeof whole - used, "/%s", path);
    return fails(kind, whole, NULL);
}

// Reading and writing

#define ONE_BUFFER(name, kind, pointer)                                                             \
    ssize_t name(int file, pointer buffer, size_t count) {                                          \
        NEXT(name);                                                                                 \
        return fails_on(kind, file, &count) ? -1 : next(file, buffer, count);                       \
    }
#define ONE_BUFFER_AT(name, kind, pointer)                                                          \
    ssize_t name(int file, pointer buffer, size_t count, off_t offset) {                            \
        NEXT(name);                                                                                 \
        return fails_on(kind, file, &count) ? -1 : next(file, buffer, count, offset);               \
    }
ONE_BUFFER(read, READ, void *)
ONE_BUFFER(write, WRITE, const void *)
ONE_BUFFER_AT(pread, READ, void *)
ONE_BUFFER_AT(pread64, READ, void *)
ONE_BUFFER_AT(pwrite, WRITE, const void *)
ONE_BUFFER_AT(pwrite64, WRITE, const void *)

// Only the first buffer is made shorter, which makes the whole call short.
static const struct iovec *shortened(const struct iovec *parts, int *count, struct iovec *first, size_t most) {
    if (*count < 1 || most >= parts[0].iov_len) return parts;
    *first = (struct iovec){parts[0].iov_base, most};
    *count = 1;
    return first;
}

#define MANY_BUFFERS(name, kind, parameters, ...)                                                   \
    ssize_t name parameters {                                                                       \
        NEXT(name);                                                                                 \
        size_t most = count > 0 ? parts[0].iov_len : 0;                                             \
        if (fails_on(kind, file, &most)) return -1;                                                 \
        struct iovec first;                                                                         \
        parts = shortened(parts, &count, &first, most);                                             \
        return next(__VA_ARGS__);                                                                   \
    }
#define PARTS int file, const struct iovec *parts, int count
MANY_BUFFERS(readv, READ, (PARTS), file, parts, count)
MANY_BUFFERS(writev, WRITE, (PARTS), file, parts, count)
MANY_BUFFERS(preadv, READ, (PARTS, off_t at), file, parts, count, at)
MANY_BUFFERS(preadv64, READ, (PARTS, off_t at), file, parts, count, at)
MANY_BUFFERS(pwritev, WRITE, (PARTS, off_t at), file, parts, count, at)
MANY_BUFFERS(pwritev64, WRITE, (PARTS, off_t at), file, parts, count, at)
MANY_BUFFERS(preadv2, READ, (PARTS, off_t at, int how), file, parts, count, at, how)
MANY_BUFFERS(preadv64v2, READ, (PARTS, off_t at, int how), file, parts, count, at, how)

#define SENDFILE(name)                                                                              \
    ssize_t name(int out, int in, off_t *offset, size_t count) {                                    \
        NEXT(name);                                                                                 \
        return fails_on(READ, in, &count) ? -1 : next(out, in, offset, count);                      \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)


int ftruncate(int file, off_t size) {
    NEXT(ftruncate);
    return fails_on(WRITE, file, NULL) ? -1 : next(file, size);
}
int ftruncate64(int file, off_t size) {
    NEXT(ftruncate64);
    return fails_on(WRITE, file, NULL) ? -1 : next(file, size);
}
// Returns its error, and does not set errno.
int posix_fallocate(int file, off_t from, off_t size) {
    NEXT(posix_fallocate);
    return fails_on(WRITE, file, NULL) ? errno : next(file, from, size);
}
int fallocate(int file, int mode, off_t from, off_t size) {
    NEXT(fallocate);
    return fails_on(WRITE, file, NULL) ? -1 : next(file, mode, from, size);
}

// Opening and looking

static mode_t given_mode(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPENING(name)                                                                               \
    int name(const char *path, int flags, ...) {                                                    \
        NEXT(name);                                                                                 \
        va_list rest;                                                                               \
        va_start(rest, flags);                                                                      \
        mode_t mode = given_mode(flags, rest);                                                      \
        va_end(rest);                                                                               \
        return fails_at(OPEN, AT_FDCWD, path) ? -1 : next(path, flags, mode);                       \
    }
#define OPENING_AT(name)                                                                            \
    int name(int folder, const char *path, int flags, ...) {                                        \
        NEXT(name);                                                                                 \
        va_list rest;                                                                               \
        va_start(rest, flags);                                                                      \
        mode_t mode = given_mode(flags, rest);                                                      \
        va_end(rest);                                                                               \
        return fails_at(OPEN, folder, path) ? -1 : next(folder, path, flags, mode);                 \
    }
OPENING(open)
OPENING(open64)
OPENING_AT(openat)
OPENING_AT(openat64)

FILE *fopen(const char *path, const char *mode) {
    NEXT(fopen);
    return fails_at(OPEN, AT_FDCWD, path) ? NULL : next(path, mode);
}
DIR *opendir(const char *path) {
    NEXT(opendir);
    return fails_at(LIST, AT_FDCWD, path) ? NULL : next(path);
}

#define LOOKING(name, type)                                                                         \
    int name(const char *path, type *found) {                                                       \
        NEXT(name);                                                                                 \
        return fails_at(STAT, AT_FDCWD, path) ? -1 : next(path, found);                             \
    }
LOOKING(stat, struct stat)
LOOKING(stat64, struct stat64)
LOOKING(lstat, struct stat)
LOOKING(lstat64, struct stat64)
int fstat(int file, struct stat *found) {
    NEXT(fstat);
    return fails_on(STAT, file, NULL) ? -1 : next(file, found);
}
int fstat64(int file, struct stat64 *found) {
    NEXT(fstat64);
    return fails_on(STAT, file, NULL) ? -1 : next(file, found);
}
int fstatat(int folder, const char *path, struct stat *found, int flags) {
    NEXT(fstatat);
    return fails_at(STAT, folder, path) ? -1 : next(folder, path, found, flags);
}
int fstatat64(int folder, const char *path, struct stat64 *found, int flags) {
    NEXT(fstatat64);
    return fails_at(STAT, folder, path) ? -1 : next(folder, path, found, flags);
}
int statx(int folder, const char *path, int flags, unsigned mask, struct statx *found) {
    NEXT(statx);
    return fails_at(STAT, folder, path) ? -1 : next(folder, path, flags, mask, found);
}

// Keeping

#define SYNCING(name)                                                                               \
    int name(int file) {                                                                            \
        NEXT(name);                                                                                 \
        return fails_on(SYNC, file, NULL) ? -1 : next(file);                                        \
    }
SYNCING(fsync)
SYNCING(fdatasync)
SYNCING(syncfs)

int rename(const char *old, const char *new) {
    NEXT(rename);
    return fails_at(RENAME, AT_FDCWD, old) || fails_at(RENAME, AT_FDCWD, new) ? -1 : next(old, new);
}
int renameat(int from, const char *old, int to, const char *new) {
    NEXT(renameat);
    return fails_at(RENAME, from, old) || fails_at(RENAME, to, new) ? -1 : next(from, old, to, new);
}
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    NEXT(renameat2);
    return fails_at(RENAME, from, old) || fails_at(RENAME, to, new) ? -1 : next(from, old, to, new, flags);
}
int link(const char *old, const char *new) {
    NEXT(link);
    return fails_at(RENAME, AT_FDCWD, old) || fails_at(RENAME, AT_FDCWD, new) ? -1 : next(old, new);
}
int unlink(const char *path) {
    NEXT(unlink);
    return fails_at(UNLINK, AT_FDCWD, path) ? -1 : next(path);
}
int unlinkat(int folder, const char *path, int flags) {
    NEXT(unlinkat);
    return fails_at(UNLINK, folder, path) ? -1 : next(folder, path, flags);
}

// Listening: a socket has no path, and is matched by "/socket".

int accept(int listener, struct sockaddr *address, socklen_t *length) {
    NEXT(accept);
    return is_armed(ACCEPT) && fails(ACCEPT, "/socket", NULL) ? -1 : next(listener, address, length);
}
int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags) {
    NEXT(accept4);
    return is_armed(ACCEPT) && fails(ACCEPT, "/socket", NULL) ? -1 : next(listener, address, length, flags);
}

// Shifts the wall clock, and not the steady one.

int clock_gettime(clockid_t clock, struct timespec *now) {
    // No system call each time: that would make the machine slower than the one under test.
    NEXT(clock_gettime);
    int outcome = next ? next(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
    long long shift = atomic_load_explicit(&orders->shift, memory_order_relaxed);
    if (outcome != 0 || !shift || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return outcome;
    long long parts = now->tv_nsec + shift % 1000000000, whole = now->tv_sec + shift / 1000000000;
    if (parts >= 1000000000) parts -= 1000000000, whole++;
    if (parts < 0) parts += 1000000000, whole--;
    now->tv_sec = whole;
    now->tv_nsec = parts;
    return 0;
}
int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
    return 0;
}
time_t time(time_t *into) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (into) *into = exact.tv_sec;
    return exact.tv_sec;
}
