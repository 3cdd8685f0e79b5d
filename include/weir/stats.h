/* weir/stats.h: the account: where every byte is.
 *
 * The fields are those of Go's runtime.MemStats by the same names in snake case, with Go's definitions
 * restated for a C heap; weir's own fields follow at the end. Sizes are in bytes, counts begin at the start
 * of the program, times are in nanoseconds. Cells that threads cache count as free, not as allocated. Counts
 * that only grow never fall from one account to the next, and are exact for threads that do not allocate
 * meanwhile.
 *
 * Identities that hold in every account:
 *
 *     sys      = heap_sys + stack_sys + mspan_sys + mcache_sys + buck_hash_sys + gc_sys + other_sys
 *     heap_sys = heap_inuse + heap_idle
 *     heap_released <= heap_idle,  heap_alloc <= heap_inuse
 *     heap_objects  = mallocs - frees
 *     sys - heap_released  is what the kernel counts as resident for weir, to 1 %, once blocks have been
 *                          written
 *
 *     |<----------------------------- heap_sys ----------------------------->|
 *     |<----------- heap_inuse ----------->|<----------- heap_idle --------->|
 *     |<-- heap_alloc -->|   free cells    |   held   |<-- heap_released  -->|
 */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

enum {
    WEIR_STATS_PAUSES = 256,  /* how many of the last world stops are remembered */
    WEIR_STATS_CLASSES = 128, /* room for size classes; num_size_classes are in use */
    WEIR_STATS_RUNGS = 8,     /* of what is given up near a limit */
};

typedef struct weir_size_class_stats {
    uint64_t size;    /* of a cell of this class, and the largest request that it serves */
    uint64_t mallocs; /* blocks ever allocated in it */
    uint64_t frees;   /* blocks ever freed in it; mallocs - frees are live */
} weir_size_class_stats;

typedef struct weir_shed_stats {
    uint64_t taken; /* how often the rung was taken, ever */
    uint64_t bytes; /* by how many bytes memory in use fell, in all; of WEIR_RUNG_IDLE: bytes given back */
} weir_shed_stats;

typedef struct weir_mem_stats {
    /* --- General --- */

    /* Bytes in allocated blocks, in cell sizes (what weir_usable_size says). The same as heap_alloc. */
    uint64_t alloc;
    /* Bytes ever allocated; grows only. total_alloc - alloc were freed. */
    uint64_t total_alloc;
    /* Bytes of memory obtained from the kernel, including those that were given back: the sum of the *_sys
     * fields. Address space that is reserved and was never used does not count. */
    uint64_t sys;
    /* Always 0, as in Go: pointer look-ups are not counted. */
    uint64_t lookups;
    /* Blocks ever allocated, and ever freed. */
    uint64_t mallocs;
    uint64_t frees;

    /* --- Heap: memory for blocks --- */

    uint64_t heap_alloc;    /* bytes in allocated blocks; unreachable collected ones too, until swept */
    uint64_t heap_sys;      /* bytes obtained for the heap: in use, idle and released */
    uint64_t heap_idle;     /* bytes in no span: they can be given back, or be used for blocks of any size */
    uint64_t heap_inuse;    /* bytes in spans that have at least one allocated or cached cell */
    uint64_t heap_released; /* the part of heap_idle that is not held: given back, or never touched */
    uint64_t heap_objects;  /* allocated blocks */

    /* --- Memory of the runtime's own, outside the heap --- */

    uint64_t stack_inuse;   /* bytes of stacks held by the runtime: 0; thread stacks are the C library's */
    uint64_t stack_sys;     /* bytes obtained for stacks: 0 likewise */
    uint64_t mspan_inuse;   /* bytes of slot and span descriptors in use */
    uint64_t mspan_sys;     /* bytes obtained for descriptors */
    uint64_t mcache_inuse;  /* bytes of thread caches in use (the structures, not the cells in them) */
    uint64_t mcache_sys;    /* bytes obtained for thread caches */
    uint64_t buck_hash_sys; /* bytes of the profiler's tables */
    uint64_t gc_sys;        /* bytes of the collector's tables: mark bits, queues of spans to scan */
    uint64_t other_sys; /* bytes of everything else: the extent allocator's metadata, tables of the region */

    /* --- Collector; zero while nothing is collected --- */

    uint64_t next_gc;        /* size of the collected heap (gc_heap) that the next cycle aims to finish at */
    uint64_t last_gc;        /* when the last cycle finished, in nanoseconds since 1970; 0: never */
    uint64_t pause_total_ns; /* nanoseconds the world was stopped, all cycles together */
    /* Of the last cycles: for how many nanoseconds the world was stopped, and when the stop ended (since
     * 1970). These are circular; the most recent entry is [(num_gc + 255) % 256]. */
    uint64_t pause_ns[WEIR_STATS_PAUSES];
    uint64_t pause_end[WEIR_STATS_PAUSES];
    uint64_t num_gc;        /* cycles finished */
    uint64_t num_forced_gc; /* those of them that the program asked for */
    double gc_cpu_fraction; /* share of all processors' time since weir began that cycles took, 0 to 1 */
    bool enable_gc;         /* true, as in Go; gc_percent tells whether growth collects */
    bool debug_gc;          /* unused, as in Go */

    /* --- Per size class; blocks larger than the largest class are in mallocs and frees only --- */

    weir_size_class_stats by_size[WEIR_STATS_CLASSES];

    /* --- weir's own --- */

    uint64_t num_size_classes;    /* entries of by_size that are in use */
    uint64_t large_objects;       /* blocks beyond the largest class: how many are allocated, */
    uint64_t large_bytes;         /* and their bytes */
    uint64_t arena_bytes;         /* the part of heap_alloc that arenas hold, in whole blocks */
    int64_t gc_percent;           /* the knobs in force: weir_set_gc_percent (-1: off), */
    int64_t memory_limit;         /* weir_set_memory_limit (INT64_MAX: none), */
    int64_t hard_limit;           /* weir_set_hard_limit (INT64_MAX: none) */
    uint64_t hard_limit_refusals; /* allocations that failed on the hard limit */
    uint64_t os_releases;         /* how often memory was given back to the kernel, */
    uint64_t os_released_bytes;   /* how much in all (heap_released is the part that has not come back), */
    uint64_t limit_releases;      /* and how often because a limit was near */
    uint64_t gc_live;             /* bytes of collected objects that the last cycle reached, */
    uint64_t gc_heap;             /* and the same with those allocated since: compare it with next_gc */
    uint64_t pause_max_ns;        /* the longest world stop of all cycles, nanoseconds */
    uint64_t gc_cpu_ns;           /* nanoseconds that collections took so far, of all processors together */
    /* While the soft limit counts all of the process (weir_set_memory_limit_scope), otherwise 0: */
    uint64_t process_resident; /* bytes of anonymous memory of the process that are resident, */
    uint64_t foreign_bytes;    /* and the part that is not weir's, as the limit counts it (up to 1 % more) */
    /* What the limits made the runtime give up, by rung (weir_rung of weir/control.h). */
    weir_shed_stats shed[WEIR_STATS_RUNGS];
    uint64_t peak_held; /* the most of sys - heap_released, since the start or since weir_reset_peak_held */
} weir_mem_stats;

WEIR_API_BEGIN

/* Fill the first `size` bytes of an account, the size that the caller was compiled with; use
 * weir_read_mem_stats. Fields are only ever added at the end. So an old program on a new library gets the
 * fields that it knows, and a new program on an old library gets zeros in the fields that the library does
 * not know. Returns how many bytes the library knows: a field at or beyond that offset was set to zero. */
WEIR_API size_t weir_read_mem_stats_sized(void *stats, size_t size) WEIR_NOEXCEPT;

/* Read the account. Any thread may call it; it takes locks for a few microseconds, never allocates, and keeps
 * errno. After Go's runtime.ReadMemStats, but it does not stop the world: each field is exact by itself, and
 * what other threads allocate meanwhile may be in it or not. The struct need not be initialized: this
 * function passes its size. */
static inline void weir_read_mem_stats(weir_mem_stats *stats) WEIR_NOEXCEPT
{
    (void)weir_read_mem_stats_sized(stats, sizeof *stats);
}

/* Let peak_held begin again from what is held now. Any thread may call it; it keeps errno. */
WEIR_API void weir_reset_peak_held(void) WEIR_NOEXCEPT;

WEIR_API_END

#endif
