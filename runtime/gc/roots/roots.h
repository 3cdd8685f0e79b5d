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

/* Can the roots of this process be found? If not, nothing may be collected. */
bool roots_are_open(void);

/* In the child of a fork. If a signal handler forked while the collector held the dynamic linker's lock, or
 * waited for it, that lock stays taken in the child: roots_are_open is false from then on. */
void roots_after_fork_child(void);

/* Find the data of the program and of its libraries, and stop the world. The world is stopped under the
 * dynamic linker's lock, after a check that no file was loaded or unloaded since; then the lock is released.
 * So no stopped thread holds it, and none is in the middle of a dlopen. In collect mode this only stops the
 * world. False: the world cannot be stopped, or there is no memory. */
bool roots_find_and_stop(void);
/* Were all roots of this cycle found? If not, nothing may be freed, and a line says so, once. Called with the
 * world stopped, after roots_each. */
bool roots_were_found(void);

/* Call `range` for every range of roots, with the world stopped; the caller's own stack begins at `here`.
 * Ends are multiples of 8. */
void roots_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to));

/* What kind of root roots_each is handing out; asked by the function that it calls. In collect mode a
 * thread's stack is WEIR_ROOT_MAPPING, like everything that the process has written. */
typedef struct root_source {
    enum weir_root_kind kind;
    const char *name;   /* of the arena or pool; NULL: none */
    const heap_t *heap; /* of the thread whose stack, registers or thread-local memory it is; else NULL */
} root_source_t;
root_source_t roots_source(void);
/* A module whose memory the collector has to scan: arenas, pools. In each cycle the collector calls three
 * functions, under its lock. `begin`, with the world running, takes the locks that protect the module's
 * lists, so that no stopped thread holds them. `each`, with the world stopped, hands out the ranges, perhaps
 * more than once. `end` releases the locks when the world runs again. */
typedef struct roots_provider {
    void (*begin)(void);
    void (*each)(void (*range)(uintptr_t from, uintptr_t to));
    void (*end)(void);
} roots_provider_t;

/* Called by a module's `each`: the name of the arena or pool that the next ranges belong to. NULL: it has
 * none. */
void roots_say_name(const char *name);

/* Register a provider, from the next cycle on and for ever; by any thread. Locks are taken in the order of
 * the ranks. */
void roots_provide(enum lock_rank rank, const roots_provider_t *provider);
/* Around a stop in which the roots are scanned; under the collector's lock. */
void roots_begin(void);
void roots_end(void);

/* Around each change of what the program has registered (program_roots.h, stacks.h). The lock is held from
 * roots_begin to roots_end, but not while a trace goes on beside the program. */
void roots_register_begin(void);
void roots_register_end(void);
/* Around fork; false: the lock was not to be had. */
bool roots_before_fork(void);
void roots_after_fork(bool child);

#endif
