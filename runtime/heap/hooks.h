/* hooks: functions that a room (a folder, see CONTRIBUTING.md) calls and a room above it defines. These are
 * all of them; tests/layers.sh checks that each is defined where this table says.
 *
 *     hook                called by          defined in                   when
 *     thread_heap         threads and above  runtime/heap/thread.c        a thread's first slow path
 *     hook_collected      heap/heap.c        runtime/gc/cycle/gc_alloc.c  malloc under WEIR_COLLECT
 *     hook_await_trace    heap/resize.c      runtime/gc/cycle/gc_alloc.c  a large block cannot grow now
 *     hook_freed          heap/free.c        runtime/gc/refs/death.c      an object with records goes
 *     hook_kind           heap, gc/cycle     runtime/service/exclude.c    WEIR_KEEP, WEIR_NOSCAN
 *     hook_swapped_in     heap/thread.c      runtime/service/start.c      is this the swap-in?
 *     lock_section_ended  os/lock.h          runtime/threads/world.c      a stop waits for a section
 *
 * The first is declared in threads/attach.h; the last is a pointer, NULL until the first stop (os/lock.h).
 * What a room above registers below at run time (fork_call, cycle_listen, roots_provide, ...) is no hook.
 */
#ifndef WEIR_HEAP_HOOKS_H
#define WEIR_HEAP_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/compiler.h"
#include "runtime/region/region.h"

/* Zeroed, scanned, collected. alignment: a power of two; size > 0. NULL and ENOMEM. */
void *hook_collected(size_t size, size_t alignment);

/* If a trace beside the program holds large objects (gc/cells/collected.h), have it end soon, and wait for
 * that. False: there is none. */
bool hook_await_trace(void);

/* The kind of block that malloc has to return for this size, if there are rules (base/rules.h). */
HIDDEN enum span_kind hook_kind(size_t size) __attribute__((weak));

/* An object of a span with COLLECTED_HAS_RECORD is about to be freed by hand. */
void hook_freed(const void *object);

/* Defined only in libweir-malloc.so. */
HIDDEN extern const char hook_swapped_in __attribute__((weak));

#endif
