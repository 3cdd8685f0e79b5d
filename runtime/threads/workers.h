/* workers: the threads that mark beside the one that collects. They belong to no heap, block every signal,
 * and sleep between collections.
 *
 * They are started before a cycle, with no lock of the runtime held. pthread_create takes locks of the C
 * library (in glibc the stacks' and the dynamic linker's), and a thread that holds one of these may wait for
 * the collector: dlopen allocates under the linker's. */
#ifndef WEIR_THREADS_WORKERS_H
#define WEIR_THREADS_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

enum { WORKERS_MAX = 16 };

/* Start threads until there are so many members, the caller included, as far as they can be had; those just
 * started are waited for a moment. Without any lock; while one thread starts them, another returns at
 * once. */
void workers_start(uint32_t wanted);
/* how many members the next round may have, at most `wanted`. With the collector's lock. */
uint32_t workers_ready(uint32_t wanted);
/* Threads that were started; some may not have begun to run. */
uint32_t workers_started(void);
/* What the C library has allocated for the threads is known by their records, which lie on stacks of the
 * runtime's own: nothing else scans those. In a stopped world. */
void workers_each_root(void (*range)(uintptr_t from, uintptr_t to));
/* Run work(i) for each member i below `members`, at most as many as are ready, in threads of their own, 0
 * in the caller's; returns when all have. */
void workers_run(uint32_t members, void (*work)(uint32_t member));
/* In the child of a fork. */
void workers_forget(void);

#endif
