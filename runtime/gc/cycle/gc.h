/* gc: the collector's cycle, and the entries for collected memory.
 *
 *     1  wait for another thread's cycle; sweep what is not swept; find the roots in static data
 *     2  stop the world; cells in allocation buffers become black
 *     3  mark from the roots, on all processors if the heap is large; weak references, finalizers: death.h
 *     4  take the spans from their threads: all are to be swept; start the world
 *     5  ask the pacer for the next trigger; give back spans without a live object,
 *        but for some, which their threads get again
 *
 * The thread whose allocation finds the heap at the pacer's trigger runs the cycle, or has the background
 * thread run a concurrent one (background.h).
 *
 * This folder: one collection from its trigger to its figures, in a stop or beside the program.
 */
#ifndef WEIR_GC_CYCLE_GC_H
#define WEIR_GC_CYCLE_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc_stats.h"
#include "runtime/os/check.h"

/* Returns a zeroed object, or NULL and sets errno to ENOMEM. */
void *gc_alloc_slow(enum span_kind kind, size_t size);
__attribute__((always_inline)) static inline void *gc_alloc(enum span_kind kind, size_t size)
{
    void *p = collected_alloc_fast(kind, size);
    return LIKELY(p != NULL) ? p : gc_alloc_slow(kind, size);
}

/* The same with one byte more. C allows a pointer to the end of an object; with the extra byte such a pointer
 * lies inside the cell, and keeps the object alive. */
__attribute__((always_inline)) static inline void *gc_alloc_with_end(enum span_kind kind, size_t size)
{
    void *p = LIKELY(size < MEDIUM_MAX) ? collected_alloc_fast(kind, size + 1) : NULL;
    return LIKELY(p != NULL) ? p : gc_alloc_slow(kind, size < PTRDIFF_MAX ? size + 1 : size);
}

void gc_collect(void);
/* Sweep for `ns` nanoseconds; true: there is more to do. */
bool gc_step(uint64_t ns);
/* Collect, and search for leaks. Of the caller's stack and registers only what the frame names is scanned;
 * NULL: all. Not by two threads at a time. */
struct origin_frame;
void gc_find_leaks(const struct origin_frame *from);
void gc_enable(int change); /* added to the number of calls that disable collection: 1, or -1 */
/* Do the program's filters (seccomp) permit the system calls that a collection needs? See base/filter.h. */
bool gc_is_permitted(void);
/* No cycle traces between begin and end. Pairs nest; both calls of a pair are made by one thread. */
void gc_forbid_begin(void);
void gc_forbid_end(void);

/* These take the collector's lock. */
bool gc_add_roots(uintptr_t start, size_t size);
void gc_remove_roots(uintptr_t start);

struct weir_gc_stack *gc_stack_add(uintptr_t low, size_t size);
void gc_stack_remove(struct weir_gc_stack *stack);

/* A path to the object that p points into: see path.h. Returns 0 or an errno value. */
struct path;
int gc_path(const void *p, struct path *path);

/* The figures of the cycles that have ended. Any thread; it does not wait for a cycle that is under way, as
 * that may take seconds. */
gc_stats_t gc_read_stats(void);
/* If a trace has ended, and its dead are being released, wait for that, but no longer than 100 ms: what is
 * held meanwhile is more than before and after. */
void gc_await_release(void);

#endif
