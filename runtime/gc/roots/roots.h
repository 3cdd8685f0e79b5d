/* roots: where tracing starts: static data, stacks, registers, thread-local memory, ranges that the program
 * names.
 *
 * This folder: where marking starts: stacks, registers, static data, thread-local memory, or all that the
 * process has written.
 */
#ifndef WEIR_GC_ROOTS_ROOTS_H
#define WEIR_GC_ROOTS_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/path.h>

#include "runtime/cells/cache.h"
#include "runtime/os/lock.h"

/* Can they be found? If not, nothing may be collected. */
bool roots_are_open(void);

/* A child of a handler that interrupted the runtime may lack what is needed from then on. */
void roots_after_fork_child(void);

/* Find the data of the program and of its libraries, and stop the world while that is still true. The dynamic
 * linker's lock is taken for both, and given back: then no stopped thread has it, and none is within dlopen's
 * change of the list. False: the world cannot be stopped. */
bool roots_find_and_stop(void);
/* Were all roots of this cycle found? Else nothing may be freed: said once. While the world is stopped, after
 * roots_each. */
bool roots_were_found(void);

/* Every range, with the world stopped; the caller's own stack begins at `here`. Ends are multiples of 8. */
void roots_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to));

/* What the range is that roots_each hands out; of the calling thread's own call of it. In collect mode a
 * thread's stack is WEIR_ROOT_MAPPING, as all that the process has written. */
typedef struct root_source {
    enum weir_root_kind kind;
    const char *name;   /* of the arena or pool; NULL: none */
    const heap_t *heap; /* of the thread whose stack, registers or thread-local memory it is; else NULL */
} root_source_t;
root_source_t roots_source(void);
/* Where the thread-local memory of a thread begins and ends that it has from its start on, with the world
 * stopped. Before that roots_find_thread_local has been called, outside of locks. */
void roots_thread_local(const heap_t *heap, uintptr_t *from, uintptr_t *to);
void roots_find_thread_local(void);

/* A module whose memory the collector has to scan: arenas, pools. In each cycle begin is called with the
 * world running and under the collector's lock, takes the locks that its lists need, and no stopped thread
 * has them then; each is called with the world stopped, perhaps more than once; end gives the locks back when
 * the world runs again. */
typedef struct roots_provider {
    void (*begin)(void);
    void (*each)(void (*range)(uintptr_t from, uintptr_t to));
    void (*end)(void);
} roots_provider_t;

/* In each, by the module: which arena or pool the next ranges are of. NULL: it has no name. */
void roots_say_name(const char *name);

/* From the next cycle on, for ever; from any thread. Locks are taken in the order of the ranks. */
void roots_provide(enum lock_rank rank, const roots_provider_t *provider);
/* Around a trace; under the collector's lock. */
void roots_begin(void);
void roots_end(void);

/* The program's own; under the collector's lock. False: out of memory. */
bool roots_add(uintptr_t start, size_t size);
void roots_remove(uintptr_t start);

#endif
