/* timed: see timed.h. */
#include "runtime/swap/timed.h"

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"

static uint64_t note(uint64_t ends_ns)
{
    uint64_t before = cache.heap->thread.call.ends_ns;
    cache.heap->thread.call.ends_ns = ends_ns;
    return before;
}

static bool is_noted(void)
{
    return options.collect && cache.heap;
}

uint64_t timed_begin(const struct timespec *timeout)
{
    const time_t forever = INT32_MAX;
    if (!is_noted())
        return 0;
    if (!timeout || timeout->tv_sec < 0 || timeout->tv_sec > forever || timeout->tv_nsec < 0)
        return note(0);
    return note(os_now_ns() + (uint64_t)timeout->tv_sec * 1000000000u + (uint64_t)timeout->tv_nsec);
}

uint64_t timed_begin_timeval(const struct timeval *timeout)
{
    if (!timeout || timeout->tv_usec < 0 || timeout->tv_usec >= 1000000)
        return timed_begin(NULL);
    return timed_begin(&(struct timespec){timeout->tv_sec, timeout->tv_usec * 1000});
}

uint64_t timed_begin_ms(int timeout)
{
    if (timeout < 0)
        return timed_begin(NULL);
    return timed_begin(&(struct timespec){timeout / 1000, timeout % 1000 * 1000000});
}

void timed_end(uint64_t before)
{
    if (is_noted())
        note(before);
}
