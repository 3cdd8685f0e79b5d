/* asleep: see asleep.h. */
#include "runtime/process/asleep.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/text.h"

enum { STACK_MOST = 1024 * 1024, PIECE = 64 /* words: they lie on the stack */ };

/* A word that every signal frame on a stack contains. x86-64: cs, gs, fs and ss in one word (struct
 * sigcontext). AArch64: the head of the floating point record. */
#if defined(__x86_64__)
static const uint64_t frame_word = 0x002b000000000033;
#elif defined(__aarch64__)
static const uint64_t frame_word = 0x0000021046508001;
#else
static const uint64_t frame_word = 0; /* not known: asleep_is is always false */
#endif

static bool has_frame_word(const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] == frame_word)
            return true;
    return false;
}

/* Does [from, to) of the stack contain a signal frame? Also true if it cannot be read. The kernel copies it
 * (process_vm_readv), because the thread may wake and end meanwhile, and its stack be unmapped. */
static bool has_interrupted(uintptr_t from, uintptr_t to)
{
    uint64_t words[PIECE];
    long process = syscall(SYS_getpid);
    for (uintptr_t at = from; at < to; at += sizeof words) {
        size_t size = to - at < sizeof words ? to - at : sizeof words;
        struct iovec here = {words, size}, there = {(void *)at, size};
        if (syscall(SYS_process_vm_readv, process, &here, 1, &there, 1, 0L) != (long)size ||
            has_frame_word(words, size / sizeof words[0]))
            return true;
    }
    return false;
}

static uint64_t parse_hex(const char *digits)
{
    uint64_t value = 0;
    for (const char *c = digits; (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f'); c++)
        value = value << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    return value;
}

/* May the system call lend the address space to a child until the child execs? Such a child may run any code
 * of the program. */
static bool lends_memory(const char *number)
{
    static const int lenders[] = {
#ifdef SYS_vfork
        SYS_vfork,
#endif
        SYS_clone, SYS_clone3};
    int call = 0;
    for (; *number >= '0' && *number <= '9'; number++)
        call = call * 10 + *number - '0';
    for (size_t i = 0; i < sizeof lenders / sizeof lenders[0]; i++)
        if (call == lenders[i])
            return true;
    return false;
}

/* The line is "N 0xARG ... 0xARG 0xSP 0xPC" with six arguments for a thread in a system call, "-1 0xSP 0xPC"
 * for one that is blocked outside of a system call, else "running". */
static bool parse_call(const char *line, uintptr_t *stack)
{
    enum { ARGUMENTS = 6 };
    if (*line < '0' || *line > '9' || lends_memory(line))
        return false;
    for (int i = 0; i <= ARGUMENTS; i++) {
        line = strchr(line + 1, ' ');
        if (!line)
            return false;
    }
    if (strncmp(line, " 0x", 3) != 0)
        return false;
    *stack = parse_hex(line + 3);
    return true;
}

static bool waits_in_call(int thread, uintptr_t *stack)
{
    char path[64], line[256];
    text_t text = text_on(path, sizeof path);
    text_add_str(&text, "/proc/self/task/");
    text_add_u64(&text, (uint64_t)thread);
    text_add_str(&text, "/syscall");
    return file_read(path, line, sizeof line) && parse_call(line, stack);
}

bool asleep_may_be(int thread)
{
    int saved = errno;
    uintptr_t stack;
    bool waits = frame_word && waits_in_call(thread, &stack);
    errno = saved;
    return waits;
}

bool asleep_is(int thread, uintptr_t stack_end)
{
    int saved = errno;
    uintptr_t stack;
    bool asleep = frame_word && waits_in_call(thread, &stack) && stack < stack_end &&
                  stack_end - stack <= STACK_MOST && stack % sizeof(uint64_t) == 0 &&
                  !has_interrupted(stack, stack_end);
    errno = saved;
    return asleep;
}
