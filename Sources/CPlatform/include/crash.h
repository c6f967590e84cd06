// The last line of a program that dies. No header of the C library is included: see platform.h.
#ifndef WEIR_CRASH_H
#define WEIR_CRASH_H

/// From now on a program that dies of a trap or of bad memory writes one line to standard error before: the signal, the place as
/// `addr2line -e PROGRAM` takes it, the thread, the program's build id, the callers. It then dies of that signal all the same, so that exit
/// status and core are what they would have been. Called once, before there are other threads.
void weir_tell_of_death(void);

/// Whether that line is a JSON object, as the rest of the log.
void weir_tell_of_death_in_json(int yes);

/// The program's GNU build id, forty hexadecimal digits as `readelf -n PROGRAM` prints them; `unknown` where it has none. Called before there
/// are other threads.
const char *weir_build_id(void);
#endif
