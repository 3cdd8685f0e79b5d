/* futex: see futex.h. */
#include "runtime/base/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool futex_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *timeout)
{
    int saved = errno;
    bool woken =
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0L) == 0 || errno != ETIMEDOUT;
    errno = saved;
    return woken;
}

/* ThreadSanitizer delays a signal until the thread makes a call that it intercepts, which this system call is
 * not. So the wait has a timeout here: without one the thread would never stop for the collector. */
#ifdef __SANITIZE_THREAD__
enum { MOST_NS = 5 * 1000 * 1000 };
#define MOST (&(const struct timespec){.tv_nsec = MOST_NS})
#else
#define MOST NULL
#endif

void os_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    futex_wait(word, value, MOST);
}

bool os_futex_wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    return futex_wait(word, value, &timeout);
}

static void futex_wake(_Atomic uint32_t *word, int count)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0L);
    errno = saved;
}

void os_futex_wake(_Atomic uint32_t *word)
{
    futex_wake(word, 1);
}

void os_futex_wake_all(_Atomic uint32_t *word)
{
    futex_wake(word, INT32_MAX);
}
