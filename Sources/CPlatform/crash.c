// Writes one line to standard error when the program crashes, and then lets it die as it would have.
//
// The handler must take no lock and allocate no memory, so everything that it needs is collected before. The unwinder is the one
// exception, since the callers are worth it. It is called once at the start, because its first call loads a library.
#define _GNU_SOURCE
#include "crash.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MODULES = 16, FRAMES = 24, STACK = 32 << 10, LINE = 3800, PATIENCE = 2000 };

// The thread's alternate signal stack, in its thread-local memory: it comes and goes with the thread, and costs nothing until it
// is used. Without one, a thread whose stack is full could not run the handler.
static __thread char other_stack[STACK] __attribute__((aligned(16)));

static struct module {
    uintptr_t base, end;
    char name[32];
} modules[MODULES];
static int module_count;
static char build[41] = "unknown";
static atomic_int is_json, is_dying;

static const struct {
    int number;
    const char *name, *meaning;
} signals[] = {
    {SIGILL, "SIGILL", "illegal instruction: Swift traps on overflow, on an index out of bounds, on a nil that is forced"},
    {SIGTRAP, "SIGTRAP", "trap: Swift traps on overflow, on an index out of bounds, on a nil that is forced"},
    {SIGSEGV, "SIGSEGV", "memory that is not there, or a stack that is full"},
    {SIGBUS, "SIGBUS", "a mapped file that became shorter, or broken memory"},
    {SIGFPE, "SIGFPE", "arithmetic"},
    {SIGABRT, "SIGABRT", "a library gave up: its last words stand above"},
};
enum { SIGNALS = sizeof signals / sizeof *signals };

// The line, without stdio

struct line {
    char text[LINE];
    size_t used;
};

static void put(struct line *line, const char *text) {
    while (*text && line->used < LINE - 2) line->text[line->used++] = *text++;
}

static void put_number(struct line *line, uint64_t number, unsigned radix, int digits) {
    char reversed[24], one[2] = {0, 0};
    int count = 0;
    do reversed[count++] = "0123456789abcdef"[number % radix], number /= radix;
    while (number || count < digits);
    while (count) one[0] = reversed[--count], put(line, one);
}

// The offset in the code's file, as `addr2line -e FILE` takes it.
static void put_address(struct line *line, uintptr_t address) {
    for (int i = 0; i < module_count; i++) {
        if (address < modules[i].base || address >= modules[i].end) continue;
        put(line, modules[i].name);
        put(line, "+");
        address -= modules[i].base;
        break;
    }
    put(line, "0x");
    put_number(line, address, 16, 1);
}

// The UTC time.
static void put_time(struct line *line) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t days = now.tv_sec / 86400, second = now.tv_sec % 86400;
    if (second < 0) second += 86400, days--;
    int64_t shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097, day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100), month = (5 * day_of_year + 2) / 153;
    put_number(line, year_of_era + era * 400 + (month >= 10), 10, 4);
    put(line, "-"), put_number(line, month < 10 ? month + 3 : month - 9, 10, 2);
    put(line, "-"), put_number(line, day_of_year - (153 * month + 2) / 5 + 1, 10, 2);
    put(line, "T"), put_number(line, second / 3600, 10, 2);
    put(line, ":"), put_number(line, second / 60 % 60, 10, 2);
    put(line, ":"), put_number(line, second % 60, 10, 2);
    put(line, "."), put_number(line, now.tv_nsec / 1000000, 10, 3);
    put(line, "Z");
}

static void put_thread(struct line *line) {
    char name[17] = {0};
    prctl(PR_GET_NAME, name);
    // Thread names come from the program. Characters that JSON would have to escape are replaced all the same.
    for (char *one = name; *one; one++) if (*one < ' ' || *one > '~' || *one == '"' || *one == '\\') *one = '_';
    put(line, name);
}

static uintptr_t fault_place(const siginfo_t *about, const ucontext_t *state) {
    (void)about;
#if defined(__x86_64__)
    return (uintptr_t)state->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)state->uc_mcontext.pc;
#else
    return (uintptr_t)about->si_addr;
#endif
}

// The frames from the fault outwards, without the handler's own.
static void put_frames(struct line *line, uintptr_t place) {
    void *frames[FRAMES + 8];
    int count = backtrace(frames, FRAMES + 8), first = 0;
    for (int i = 0; i < count; i++) if ((uintptr_t)frames[i] == place) first = i + 1;
    for (int i = first; i < count; i++) {
        if (i > first) put(line, " ");
        put_address(line, (uintptr_t)frames[i]);
    }
}

static void write_line(struct line *line) {
    line->text[line->used++] = '\n';
    // A reader that has stopped must not keep the dying program alive: without room for the whole line within PATIENCE ms it is
    // not written.
    struct pollfd standard_error = {STDERR_FILENO, POLLOUT, 0};
    if (poll(&standard_error, 1, PATIENCE) == 1) (void)!write(STDERR_FILENO, line->text, line->used);
}

static void tell(int number, const siginfo_t *about, const ucontext_t *state) {
    static struct line line;
    int known = 0;
    while (known < SIGNALS - 1 && signals[known].number != number) known++;
    // abort() sends the signal to the calling thread.
    int sent = about->si_code == SI_USER || (about->si_code <= 0 && number != SIGABRT);
    int touched = !sent && (number == SIGSEGV || number == SIGBUS);
    uintptr_t place = fault_place(about, state);
    if (atomic_load(&is_json)) {
        put(&line, "{\"time\":\""), put_time(&line);
        put(&line, "\",\"level\":\"critical\",\"logger\":\"weir.crash\",\"message\":\"The program died of "), put(&line, signals[known].name);
        put(&line, "\",\"signal\":\""), put_number(&line, number, 10, 1);
        put(&line, "\",\"meaning\":\""), put(&line, sent ? "sent by a process" : signals[known].meaning);
        put(&line, "\",\"at\":\""), put_address(&line, place);
        if (touched) put(&line, "\",\"memory\":\"0x"), put_number(&line, (uintptr_t)about->si_addr, 16, 1);
        put(&line, "\",\"thread\":\""), put_thread(&line);
        put(&line, "\",\"build\":\""), put(&line, build);
        put(&line, "\",\"frames\":\""), put_frames(&line, place);
        put(&line, "\"}");
    } else {
        put_time(&line), put(&line, " critical weir.crash: The program died of "), put(&line, signals[known].name);
        put(&line, " ("), put(&line, sent ? "sent by a process" : signals[known].meaning);
        put(&line, ") at "), put_address(&line, place);
        if (touched) put(&line, ", memory 0x"), put_number(&line, (uintptr_t)about->si_addr, 16, 1);
        put(&line, ", thread "), put_thread(&line);
        put(&line, ", build "), put(&line, build);
        put(&line, ", frames "), put_frames(&line, place);
    }
    write_line(&line);
}

static void die(int number, siginfo_t *about, void *state) {
    int nobody = 0, me = (int)syscall(SYS_gettid);
    if (atomic_compare_exchange_strong(&is_dying, &nobody, me)) tell(number, about, state);
    else if (nobody != me) for (;;) pause();  // Another thread was first, and ends the program when it has said so.
    // Dies as it would have without the handler: the exit status names the signal, and a core shows the place.
    signal(number, SIG_DFL);
    syscall(SYS_tgkill, getpid(), me, number);
}

// Preparation

static int note_module(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size, (void)unused;
    if (module_count == MODULES) return 1;
    struct module *module = &modules[module_count];
    const char *slash = strrchr(info->dlpi_name, '/');
    // The first module is the program, whose name is empty here.
    strncpy(module->name, module_count ? (slash ? slash + 1 : info->dlpi_name) : "weir", sizeof module->name - 1);
    module->base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
        if (part->p_type == PT_LOAD && end > module->end) module->end = end;
        if (part->p_type != PT_NOTE || module_count) continue;
        const char *at = (const char *)(info->dlpi_addr + part->p_vaddr), *stop = at + part->p_memsz;
        while (at + sizeof(ElfW(Nhdr)) <= stop) {
            const ElfW(Nhdr) *note = (const void *)at;
            const unsigned char *id = (const void *)(at + sizeof *note + ((note->n_namesz + 3u) & ~3u));
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && note->n_descsz <= 20)
                for (unsigned k = 0; k < note->n_descsz; k++)
                    build[2 * k] = "0123456789abcdef"[id[k] >> 4], build[2 * k + 1] = "0123456789abcdef"[id[k] & 15], build[2 * k + 2] = 0;
            at = (const char *)id + ((note->n_descsz + 3u) & ~3u);
        }
    }
    module_count++;
    return 0;
}

static void use_other_stack(void) {
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    sigaltstack(&stack, NULL);
}

const char *weir_build_id(void) {
    if (!module_count) dl_iterate_phdr(note_module, NULL);
    return build;
}

void weir_tell_of_death(void) {
    weir_build_id();
    void *frame[1];
    backtrace(frame, 1);
    use_other_stack();
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction action = {.sa_sigaction = die, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigfillset(&action.sa_mask);
        // A fault inside the handler still ends the program.
        for (int k = 0; k < SIGNALS; k++) sigdelset(&action.sa_mask, signals[k].number);
        // A handler that is set already stays, such as that of Swift's own report (SWIFT_BACKTRACE).
        struct sigaction before;
        if (sigaction(signals[i].number, NULL, &before) == 0 && before.sa_handler == SIG_DFL) sigaction(signals[i].number, &action, NULL);
    }
}

void weir_tell_of_death_in_json(int yes) { atomic_store(&is_json, yes); }

// Libraries create threads and know nothing of alternate stacks. This function replaces the C library's for them, sets the stack
// up, and calls the original.

struct beginning {
    void *(*run)(void *);
    void *with;
};

static void *begin(void *given) {
    struct beginning beginning = *(struct beginning *)given;
    free(given);
    use_other_stack();
    return beginning.run(beginning.with);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *with) {
    static _Atomic(__typeof__(pthread_create) *) next;
    if (!next) next = (__typeof__(pthread_create) *)dlsym(RTLD_NEXT, "pthread_create");
    struct beginning *beginning = malloc(sizeof *beginning);
    if (!beginning) return EAGAIN;
    *beginning = (struct beginning){run, with};
    int outcome = next(thread, attributes, begin, beginning);
    if (outcome != 0) free(beginning);
    return outcome;
}
