#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

long weir_pread_nowait(int fd, void *into, size_t count, long offset) {
    struct iovec part = {into, count};
    return preadv2(fd, &part, 1, offset, RWF_NOWAIT);
}

int weir_start_writeback(int fd, long offset, long count) {
    return sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
}

// Makes malloc keep freed memory instead of returning it to the kernel: buffers of 64 KiB to 4 MiB come and go all the time, and
// faulting their pages in again costs more than filling them. The heap grows by 4 MiB. The number of arenas is small, because all
// but the first grow page by page, each time with a system call that stops every processor. Runs before `main`, because malloc
// reads the limit on arenas once, when a second thread first allocates.
__attribute__((constructor)) static void keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 4 << 20);
    // One arena per event loop: with fewer they wait for each other, which makes small answers a fifth slower.
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    mallopt(M_ARENA_MAX, processors < 1 ? 1 : processors > 64 ? 64 : (int)processors);
}

// The limit of open files; 0 if unknown.
static int most_open;
enum { SPARE = 64 };

int weir_open(const char *path, int flags, unsigned mode) {
    int file = open(path, flags, (mode_t)mode);
    if (file < 0 || most_open <= 2 * SPARE) return file;
    // The kernel gives the lowest free number, so the number tells how many files are open.
    if (file < most_open - SPARE - (flags & O_CREAT ? most_open / 4 : 0)) return file;
    close(file);
    if (flags & O_CREAT) unlink(path);
    errno = EMFILE;
    return -1;
}

void weir_make_room_for_descriptors(int count) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        // Some containers refuse this: then the old limit stays.
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    }
    most_open = limit.rlim_cur < INT_MAX ? (int)limit.rlim_cur : 0;
    if (limit.rlim_cur < (rlim_t)count) count = (int)limit.rlim_cur;
    int last = fcntl(0, F_DUPFD_CLOEXEC, count - 1);
    if (last >= 0) close(last);
}

void weir_forget_variable(const char *name) {
    size_t length = strlen(name);
    for (char **entry = environ; entry && *entry; entry++) {
        if (strncmp(*entry, name, length) != 0 || (*entry)[length] != '=') continue;
        explicit_bzero(*entry + length + 1, strlen(*entry + length + 1));
    }
    unsetenv(name);
}

void weir_keep_memory_private(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}
