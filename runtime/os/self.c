/* self: see self.h. */
#include "runtime/os/self.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/os/os.h"

/* The file is "1234 (name) S ...": the count is the 20th field; the state, after the name, is the third. (The
 * folder's count of links would tell, too; but a filter of system calls that allows reading may forbid that
 * question.) */
uint32_t os_thread_count(void)
{
    char content[1024];
    int saved = errno;
    bool known = file_read("/proc/self/stat", content, sizeof content);
    errno = saved;
    const char *field = known ? strrchr(content, ')') : NULL;
    for (int i = 2; field && i < 20; i++)
        field = strchr(field + 1, ' ');
    uint32_t count = 0;
    for (field = field ? field + 1 : ""; *field >= '0' && *field <= '9'; field++)
        count = count * 10 + (uint32_t)(*field - '0');
    return count;
}

int os_thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

int os_process_id(void)
{
    return (int)syscall(SYS_getpid);
}

/* The id of a thread's clock contains the thread's number: ~number << 3, and three bits for what it counts
 * (Linux, posix-timers.h). glibc computes the id from its record of the thread, without a system call. Other
 * C libraries may not, so the first answer is compared with the kernel's. */
int os_own_thread(void)
{
    static _Atomic int known; /* 1: the clock tells; -1: it does not */
    clockid_t clock;
    int number = pthread_getcpuclockid(pthread_self(), &clock) == 0 ? ~(clock >> 3) : 0;
    if (!known)
        known = number == os_thread_id() ? 1 : -1;
    return known > 0 ? number : os_thread_id();
}

static _Atomic int first_thread; /* the process's number; 0: not asked yet */

void os_note_process(void)
{
    first_thread = os_process_id();
}

bool os_is_first_thread(void)
{
    if (!first_thread)
        os_note_process();
    return os_own_thread() == first_thread;
}

#ifdef __GLIBC__

const uintptr_t *os_first_stack_start(void)
{
    extern void *__libc_stack_end; /* the dynamic linker's */
    return __libc_stack_end;
}

#else

/* Before main can change it, `environ` points to what the kernel put on the stack: below it are NULL, the
 * arguments, and their number. */
static const uintptr_t *first_stack_start;
__attribute__((constructor)) static void find_first_stack(void)
{
    const uintptr_t *at = (const uintptr_t *)environ - 2;
    for (uintptr_t count = 0; *at != count; count++)
        at--;
    first_stack_start = at;
}

const uintptr_t *os_first_stack_start(void)
{
    if (!first_stack_start)
        find_first_stack();
    return first_stack_start;
}

#endif

/* Above the first stack the kernel has put the number of arguments, the arguments and NULL, the environment
 * and NULL, and the pairs of the auxiliary vector up to one of AT_NULL (System V ABI). If the program has
 * overwritten some of it so that it no longer parses, none of it counts as part of the stack. */
static uintptr_t first_stack_end(void)
{
    enum { MOST = 1 << 20 };
    const uintptr_t *start = os_first_stack_start(), *at = start + 1 + *start + 1;
    if (*start > MOST || at[-1] != 0)
        return (uintptr_t)start;
    while (*at++ != 0 && at - start < MOST)
        ;
    for (; at[0] != AT_NULL && at - start < MOST; at += 2)
        ;
    return at - start < MOST ? (uintptr_t)(at + 2) : (uintptr_t)start;
}

/* glibc keeps the record of a thread, and below it the thread-local memory, at the upper end of the stack. */
uintptr_t os_stack_end(void)
{
    if (os_is_first_thread())
        return first_stack_end();
    return (os_thread_word() + OS_THREAD_RECORD + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
}
