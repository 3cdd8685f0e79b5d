/* thread_roots: the stacks and registers of a thread that stands still. All calls by the collector, with
 * the world stopped; thread_roots_begin before the stop.
 */
#ifndef WEIR_GC_ROOTS_THREAD_ROOTS_H
#define WEIR_GC_ROOTS_THREAD_ROOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* Of this cycle: was every stack found? The mappings of the process may be unreadable. */
void thread_roots_begin(void);
bool thread_roots_were_found(void);

/* What is in use of the stack that the thread is on, from `from`, and of the one that it left or was
 * interrupted on. Its own stack ends at `to`. */
void thread_roots_stacks(heap_t *heap, uintptr_t from, uintptr_t to,
                         void (*range)(uintptr_t from, uintptr_t to));
/* The registers that are not on the stack. */
void thread_roots_registers(const heap_t *heap, void (*range)(uintptr_t from, uintptr_t to));

#endif
