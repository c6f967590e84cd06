// Linux calls that Swift's Glibc module does not export. No header of the C library is included here: Swift would import it a
// second time, under other feature macros, and its types would differ from Glibc's.
#ifndef WEIR_PLATFORM_H
#define WEIR_PLATFORM_H
#include <stddef.h>

/// Reads only from the page cache: -1 with EAGAIN if the disk is needed.
long weir_pread_nowait(int fd, void *into, size_t count, long offset);

/// Starts writing the range to disk and returns at once, so that a later fsync has little left to do.
int weir_start_writeback(int fd, long offset, long count);

/// open(2), but fails with EMFILE before the limit is reached. The last 64 descriptors are left to libraries: libdispatch aborts
/// the process if it cannot open a file of /proc. New files (O_CREAT with O_EXCL) leave another quarter of the limit free, so
/// that open uploads cannot prevent reads.
int weir_open(const char *path, int flags, unsigned mode);

/// Raises the limit of open files to the maximum, and grows the kernel's descriptor table to `count` entries now: if it grows
/// later, the accepting thread waits for an RCU grace period, tens of milliseconds under load.
void weir_make_room_for_descriptors(int count);

/// Overwrites a variable's value in place, where /proc/PID/environ shows it, and unsets the variable.
void weir_forget_variable(const char *name);

/// Disables core dumps, and denies other users but root access to the process's memory.
void weir_keep_memory_private(void);
#endif
