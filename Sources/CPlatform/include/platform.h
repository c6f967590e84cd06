// Linux calls that Swift's Glibc module does not show. Header only: each is one line.
#ifndef WEIR_PLATFORM_H
#define WEIR_PLATFORM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <malloc.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

/// Reads only what the page cache holds: -1 with EAGAIN where the disk would have to be waited for.
static inline ssize_t weir_pread_nowait(int fd, void *into, size_t count, off_t offset) {
    struct iovec part = {into, count};
    return preadv2(fd, &part, 1, offset, RWF_NOWAIT);
}

/// Starts writing the range to disk and returns at once, so that the fsync at the end finds little left to do.
static inline int weir_start_writeback(int fd, off_t offset, off_t count) {
    return sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
}

/// Lets malloc keep freed memory instead of handing it back to the kernel: buffers of 64 KiB to 4 MiB come and go
/// all the time here, and faulting their pages in again costs more than filling them.
static inline void weir_keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_ARENA_MAX, 4);
}
#endif
