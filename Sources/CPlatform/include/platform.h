// Linux calls that Swift's Glibc module does not show. No header of the C library is included here: it would come
// into Swift a second time, under other feature macros, and its types would differ from Glibc's.
#ifndef WEIR_PLATFORM_H
#define WEIR_PLATFORM_H
#include <stddef.h>

/// Reads only what the page cache holds: -1 with EAGAIN where the disk would have to be waited for.
long weir_pread_nowait(int fd, void *into, size_t count, long offset);

/// Starts writing the range to disk and returns at once, so that the fsync at the end finds little left to do.
int weir_start_writeback(int fd, long offset, long count);

/// open(2) that fails with EMFILE a little early. The last 64 descriptors are for the libraries: libdispatch ends the process where it cannot open a
/// file of /proc. New files (O_CREAT, with O_EXCL) leave a quarter of all besides: uploads that stay open must not keep anybody from reading.
int weir_open(const char *path, int flags, unsigned mode);

/// Lets the process open as many files as it may, and makes the kernel's table long enough for `count` of them now: where it grows later, the
/// thread that accepts a connection waits for every processor to pass a quiet point, tens of milliseconds under load.
void weir_make_room_for_descriptors(int count);

/// Wipes a variable's value where it lies, which is where /proc/PID/environ shows it, and takes the variable away.
void weir_forget_variable(const char *name);

/// No core dump, and nobody but root may look into the process's memory.
void weir_keep_memory_private(void);
#endif
