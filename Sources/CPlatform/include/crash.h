// The crash report of the program. No header of the C library is included: see platform.h.
#ifndef WEIR_CRASH_H
#define WEIR_CRASH_H

/// From now on a crash by a trap, a bad memory access or abort() first writes one line to standard error: the signal, the place
/// as `addr2line -e PROGRAM` takes it, the thread, the build id, the callers. The program then dies of the same signal, so exit
/// status and core are unchanged. Call it once, before there are other threads.
void weir_tell_of_death(void);

/// Selects the line's form: a JSON object, like the log's lines, or text.
void weir_tell_of_death_in_json(int yes);

/// The program's GNU build id, 40 hexadecimal digits as `readelf -n PROGRAM` prints them; `unknown` if it has none. Call it
/// before there are other threads.
const char *weir_build_id(void);
#endif
