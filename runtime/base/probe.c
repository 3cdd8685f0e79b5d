/* probe: see probe.h. */
#include "runtime/base/probe.h"

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#define HAS_PROBES
#endif
#endif

#ifdef HAS_PROBES
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

/* Written by tracers, from outside. */
#define SEMAPHORE(provider, name)                                                                            \
    __attribute__((section(".probes"))) unsigned short volatile provider##_##name##_semaphore
SEMAPHORE(otel_memory, alloc);
SEMAPHORE(otel_memory, free);
SEMAPHORE(weir, sample_alloc);
SEMAPHORE(weir, sample_free);
SEMAPHORE(weir, gc_start);
SEMAPHORE(weir, gc_done);
SEMAPHORE(weir, stop);
SEMAPHORE(weir, goal);
SEMAPHORE(weir, limit);
SEMAPHORE(weir, release);

#define IS_WANTED(provider, name) __builtin_expect(provider##_##name##_semaphore != 0, 0)
#define PROBE(count, provider, name, ...)                                                                    \
    do {                                                                                                     \
        if (IS_WANTED(provider, name))                                                                       \
            STAP_PROBE##count(provider, name, ##__VA_ARGS__);                                                \
    } while (0)
#else
static inline void ignore_arguments(uint64_t first, ...)
{
    (void)first;
}
#define PROBE(count, provider, name, ...) ignore_arguments(0, ##__VA_ARGS__)
#endif

void probe_sample_alloc(const void *p, size_t size, uint64_t weight)
{
    PROBE(3, otel_memory, alloc, p, size, weight);
    PROBE(3, weir, sample_alloc, p, size, weight);
}

void probe_sample_free(const void *p)
{
    PROBE(1, otel_memory, free, p);
    PROBE(1, weir, sample_free, p);
}

void probe_gc_start(uint64_t number, uint64_t heap)
{
    PROBE(2, weir, gc_start, number, heap);
}

void probe_gc_done(uint64_t number, uint64_t live)
{
    PROBE(2, weir, gc_done, number, live);
}

void probe_stop(uint64_t ns)
{
    PROBE(1, weir, stop, ns);
}

void probe_goal(uint64_t bytes)
{
    PROBE(1, weir, goal, bytes);
}

void probe_limit(void)
{
    PROBE(, weir, limit);
}

void probe_release(size_t bytes)
{
    PROBE(1, weir, release, bytes);
}
