/* weir/control.h: the knobs, as functions: how much memory the runtime may hold.
 *
 * The environment variables WEIR_GOGC, WEIR_MEMLIMIT and WEIR_HARDLIMIT set the same knobs when a program
 * starts. A call takes effect at once and for the whole process. After Go's runtime/debug.SetGCPercent,
 * SetMemoryLimit and FreeOSMemory; the hard limit is weir's own.
 *
 * All functions may be called from any thread. None fails and none changes errno, unless its description says
 * so. Limits are in bytes, and count memory that is held from the kernel, not what the program asked for. The
 * soft limit counts the whole process (weir_set_memory_limit_scope), the hard limit everything that the
 * runtime holds (weir_mem_stats: sys - heap_released).
 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

/* As a limit: no limit. As a percentage: off (any negative number means this). */
#define WEIR_NO_LIMIT INT64_MAX
#define WEIR_GC_OFF (-1)

/* What the soft limit counts. */
typedef enum weir_limit_scope {
    /* All anonymous memory of the process: stacks, other allocators' and libraries' mappings, and weir's. */
    WEIR_SCOPE_PROCESS,
    WEIR_SCOPE_WEIR /* what weir holds from the kernel */
} weir_limit_scope;

/* What the runtime gives up when a limit cannot be held, in this order (docs/limit.md). The values are
 * indices into weir_mem_stats.shed. */
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

/* Growth: how much more than the live heap may be held, in percent of it. At most max(live * percent / 100 -
 * free cells of memory in use, 16 MiB * percent / 100) bytes may be idle, and more if memory that was given
 * back is soon needed again (docs/design.md); idle memory beyond that is given back to the kernel. 100 is the
 * default; with 0 nothing is held idle; a negative value turns the rule off. For collected memory it also
 * says how much the heap may grow between two collections (weir/gc.h). Returns the old percentage (-1: it was
 * off). */
WEIR_API int weir_set_gc_percent(int percent) WEIR_NOEXCEPT;

/* The soft limit, in bytes. Near it, idle memory is released first, whatever the percentage is; then the
 * other memory that enum weir_rung names is given up. The program may still exceed the limit with memory that
 * it really uses. WEIR_NO_LIMIT (the default) means none; a negative value changes nothing. Returns the old
 * limit, so weir_set_memory_limit(-1) only reads it. */
WEIR_API int64_t weir_set_memory_limit(int64_t bytes) WEIR_NOEXCEPT;

/* What the soft limit counts. WEIR_SCOPE_PROCESS is the default, and unknown values mean it. In this scope
 * the resident memory of the process that is not weir's is subtracted from the limit. It is read from the
 * kernel every few milliseconds while the program allocates under a limit (one system call, pread). Returns
 * the old scope. */
WEIR_API weir_limit_scope weir_set_memory_limit_scope(weir_limit_scope scope) WEIR_NOEXCEPT;

/* The hard limit, in bytes. Memory is released as for the soft limit; an allocation that would still exceed
 * the limit fails with NULL and ENOMEM. WEIR_NO_LIMIT (the default) means none; a negative value changes
 * nothing. If the limit is below what is held, growth is refused, but nothing is taken away. Returns the old
 * limit. */
WEIR_API int64_t weir_set_hard_limit(int64_t bytes) WEIR_NOEXCEPT;

/* Have callback(context, wanted) called when the hard limit is about to refuse `wanted` bytes; NULL: no
 * callback. It runs on the allocating thread, with no lock of the runtime held. It may free memory, raise the
 * limit or end the program; the allocation is then tried once more. It may not allocate: an allocation inside
 * it that exceeds the limit fails at once, without another call. The context belongs to the caller and must
 * live until the callback is replaced. */
WEIR_API void weir_set_hard_limit_callback(void (*callback)(void *context, size_t wanted),
                                           void *context) WEIR_NOEXCEPT;

/* A shrinker frees memory that the program can do without (a cache, an index that can be built again). It is
 * called when a limit cannot be held although no memory is idle, and all caches and pools are empty. `wanted`
 * is the number of bytes that would be enough; the shrinker returns about how many it has freed. It runs on
 * the thread that allocates, whichever that is, in the middle of its malloc as the program sees it, with no
 * lock of the runtime held, and on one thread at a time. It may allocate and free, use and free pools, and
 * add and remove shrinkers, itself included. It may not wait for a thread that allocates, nor leave by
 * longjmp or an exception. The thread is not cancelled meanwhile. What the shrinker allocates does not start
 * another round of shedding. */
typedef size_t weir_shrinker(void *context, size_t wanted);

/* Have the shrinker called from now on. Shrinkers are called in ascending order of priority, and those of one
 * priority in the order in which they were added, until enough was freed. Returns 0; -1 with ENOMEM: there
 * are 64 already. */
WEIR_API int weir_shrinker_add(weir_shrinker *shrinker, void *context, int priority) WEIR_NOEXCEPT;

/* Remove the shrinker. When this returns the shrinker is not running, unless it has called this itself. Does
 * nothing if there is no such shrinker. */
WEIR_API void weir_shrinker_remove(weir_shrinker *shrinker, void *context) WEIR_NOEXCEPT;

/* Gets the bytes in use, and the limit: the lower one of the soft and the hard limit. */
typedef void weir_pressure_callback(void *context, size_t inuse, size_t limit);

/* Have the callback called when the memory in use reaches `percent` of the limit. In use is what the limit
 * counts, without idle memory. The callback is called once, and again only after the memory in use has fallen
 * below that percentage by a 64th of the limit. It is also called whenever a cycle could not hold the limit.
 * It is meant for eviction, dumps and load shedding. The rules for shrinkers hold for it. percent: 1 to 100;
 * less counts as 1, more as 100. A callback of NULL: none, as before the first call. */
WEIR_API void weir_set_pressure_callback(int percent, weir_pressure_callback *callback,
                                         void *context) WEIR_NOEXCEPT;

/* Call this before the thread waits for a long time. It gives back what the calling thread caches, so that
 * other threads can use the memory, or the kernel gets it. Afterwards the thread's first allocations are slow
 * again. Without this call, other threads take a sleeping thread's cache only near a limit. */
WEIR_API void weir_thread_idle(void) WEIR_NOEXCEPT;

/* For event loops, and for programs that have stopped allocating: do the work that allocations would do. The
 * foreign memory of the process is read, and idle memory is released if the limit or the idle rule requires
 * it; pools age if ten seconds have passed since the last cycle. A call that comes less than a tenth of a
 * second after the last one only reads the clock. Any thread may call it. */
WEIR_API void weir_tick(void) WEIR_NOEXCEPT;

/* Run a cycle, which ages pools (weir/pool.h) and collects if there is collected memory (weir/gc.h). Then
 * give all idle memory back to the kernel, including what this thread and sleeping threads cache. This takes
 * the time of a collection, and then some tens of milliseconds per GiB for the kernel. As Go's
 * debug.FreeOSMemory. */
WEIR_API void weir_free_os_memory(void) WEIR_NOEXCEPT;

WEIR_API_END

#endif
