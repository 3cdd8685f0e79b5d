/* weir/control.h: the knobs, as functions: how much memory the runtime may hold.
 *
 * They are the twins of the environment variables WEIR_GOGC, WEIR_MEMLIMIT and WEIR_HARDLIMIT, which set the
 * values a program starts with; a call takes effect at once and for the whole process. After Go's
 * runtime/debug.SetGCPercent, SetMemoryLimit and FreeOSMemory; the hard limit is weir's own.
 *
 * All functions may be called from any thread; none fails, none changes errno. Limits are bytes of what is
 * held from the kernel, not of what the program asked for: the soft one counts the process
 * (weir_set_memory_limit_scope), the hard one everything that the runtime holds (weir_mem_stats: sys -
 * heap_released).
 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

/* As a limit: none. As a percentage (any negative number does): off. */
#define WEIR_NO_LIMIT INT64_MAX
#define WEIR_GC_OFF (-1)

/* What the soft limit counts. */
typedef enum weir_limit_scope {
    /* All anonymous memory of the process: stacks, other allocators' and libraries' mappings, and weir's. */
    WEIR_SCOPE_PROCESS,
    WEIR_SCOPE_WEIR /* what weir holds from the kernel */
} weir_limit_scope;

/* What is given up when a limit cannot be held, in this order (docs/limit.md); indices into
 * weir_mem_stats.shed. */
typedef enum weir_rung {
    WEIR_RUNG_IDLE,       /* idle memory */
    WEIR_RUNG_CACHES,     /* free cells of this thread and of those that sleep; free pages inside spans */
    WEIR_RUNG_VICTIMS,    /* what pools had not used for a cycle */
    WEIR_RUNG_POOLS,      /* all that pools have */
    WEIR_RUNG_SHRINKERS,  /* what weir_shrinker_add registered */
    WEIR_RUNG_COLLECTION, /* collected memory that is not reached */
    WEIR_RUNG_CALLBACK,   /* weir_set_pressure_callback */
    WEIR_RUNG_REFUSAL,    /* ENOMEM; the hard limit alone */
    WEIR_RUNGS
} weir_rung;

WEIR_API_BEGIN

/* Growth: how much more than the live heap may be held, in percent of it. Idle memory beyond
 * live * percent / 100, less the free cells of memory in use (at least 16 MiB * percent / 100), is given back
 * to the kernel. 100 is the default, 0 holds nothing idle, a negative value turns the rule off. Returns the
 * old percentage (-1: it was off). */
WEIR_API int weir_set_gc_percent(int percent) WEIR_NOEXCEPT;

/* The soft limit, in bytes: near it idle memory is released first, whatever the percentage, then what threads
 * that sleep have cached and free pages inside spans; the program may still go beyond it with memory that it
 * really uses. WEIR_NO_LIMIT (the default) for none; a negative value changes nothing. Returns the old limit,
 * so weir_set_memory_limit(-1) asks. */
WEIR_API int64_t weir_set_memory_limit(int64_t bytes) WEIR_NOEXCEPT;

/* What the soft limit counts; WEIR_SCOPE_PROCESS is the default, and other values mean that. Then what is
 * resident in the process and not weir's is taken off the limit: it is read from the kernel every few
 * milliseconds while the program allocates under a limit (one system call, pread). Returns the old scope. */
WEIR_API weir_limit_scope weir_set_memory_limit_scope(weir_limit_scope scope) WEIR_NOEXCEPT;

/* The hard limit, in bytes: an allocation that would exceed it, after all was released as for the soft limit,
 * fails with NULL and ENOMEM. WEIR_NO_LIMIT (the default) for none; a negative value changes nothing. A limit
 * below what is held refuses growth and takes nothing away. Returns the old limit. */
WEIR_API int64_t weir_set_hard_limit(int64_t bytes) WEIR_NOEXCEPT;

/* Have callback(context, wanted) called when the hard limit is about to refuse `wanted` bytes; NULL for none.
 * It runs on the allocating thread and without a lock of the runtime's held. It may free memory, raise the
 * limit or end the program; the allocation is then tried once more. It may not allocate: inside it the limit
 * refuses at once, without another call. The context is the caller's and must live until the callback is
 * replaced. */
WEIR_API void weir_set_hard_limit_callback(void (*callback)(void *context, size_t wanted),
                                           void *context) WEIR_NOEXCEPT;

/* A shrinker: asked when a limit cannot be held although nothing is idle, no cache and no pool has anything
 * left. It gives up what the program can do without (a cache, an index that can be built again), by freeing
 * it, and returns how many bytes that were, about; `wanted`: how many would do. It runs on the allocating
 * thread, any thread's, in the middle of malloc as the program sees it, with no lock of the runtime's held,
 * on one thread at a time. It may allocate and free, use and free pools, add and remove shrinkers, this one
 * included; it may not wait for a thread that allocates, nor leave by longjmp or an exception. The thread is
 * not cancelled meanwhile. What it allocates is not held against the limit by another round of shedding. */
typedef size_t weir_shrinker(void *context, size_t wanted);

/* Have the shrinker called from now on: those of the lowest priority first, among equals the first that came,
 * until enough was given up. Returns 0; -1 with ENOMEM: there is room for 64. */
WEIR_API int weir_shrinker_add(weir_shrinker *shrinker, void *context, int priority) WEIR_NOEXCEPT;

/* No more. When it returns the shrinker is not running, unless this is called by it. Nothing if there is none
 * such. */
WEIR_API void weir_shrinker_remove(weir_shrinker *shrinker, void *context) WEIR_NOEXCEPT;

/* Told how much of the limit is in use: the lower of the soft and the hard limit; bytes. */
typedef void weir_pressure_callback(void *context, size_t inuse, size_t limit);

/* Have the callback called when so many percent of the limit are in use: what the limit counts, idle memory
 * left out. It is called once, and again when a 64th of the limit less was in use meanwhile; and whenever a
 * cycle for the limit could not hold it. For eviction, dumps, load shedding. It runs as a shrinker does.
 * percent: 1 to 100, others count as these; a callback of NULL: none, as before the first call. */
WEIR_API void weir_set_pressure_callback(int percent, weir_pressure_callback *callback,
                                         void *context) WEIR_NOEXCEPT;

/* The calling thread is going to wait for long: it gives back what it caches, so that others can use it, or
 * the kernel has it. It is as fast afterwards as at its first allocations. Other threads' caches are taken
 * only near a limit. */
WEIR_API void weir_thread_idle(void) WEIR_NOEXCEPT;

/* For event loops, and programs that have stopped allocating: what an allocation would do on the way. Other
 * libraries' memory is read against the limit, and idle memory makes room for it; pools age if ten seconds
 * have passed since the last cycle. Cheap: until a tenth of a second has passed since the last call it only
 * looks at the clock. Any thread. */
WEIR_API void weir_tick(void) WEIR_NOEXCEPT;

/* Run a cycle, which ages pools (weir/pool.h) and, if there is collected memory, collects
 * (weir/gc.h); then give all idle memory back to the kernel, including what this thread and those that sleep
 * cache. Takes as long as the collection does, and then as the kernel needs (some tens of milliseconds per
 * GiB). As Go's debug.FreeOSMemory. */
WEIR_API void weir_free_os_memory(void) WEIR_NOEXCEPT;

WEIR_API_END

#endif
