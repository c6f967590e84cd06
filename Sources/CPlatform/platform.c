#define _GNU_SOURCE
#include "platform.h"

#include <fcntl.h>
#include <malloc.h>
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

void weir_keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_ARENA_MAX, 4);
}
