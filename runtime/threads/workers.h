/* workers: the mark workers: threads that help the collecting thread to mark. They have no heap, block every
 * signal, and sleep between collections.
 *
 * They are started before a cycle, with no lock of the runtime held. pthread_create takes locks of the C
 * library (in glibc the stacks' and the dynamic linker's), and a thread that holds one of these may wait for
 * the collector: dlopen allocates under the linker's. */
#ifndef WEIR_THREADS_WORKERS_H
#define WEIR_THREADS_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

enum { WORKERS_MAX = 16 };

/* Start threads until there are `wanted` members, the caller included, or until no more can be created; wait
 * a moment for those that were started. The caller holds no lock. While one thread is in here, another
 * returns at once. */
void workers_start(uint32_t wanted);
/* How many members the next round may have, at most `wanted`. Under the collector's lock. */
uint32_t workers_ready(uint32_t wanted);
/* Threads that were started; some may not have begun to run. */
uint32_t workers_started(void);
/* The threads' records, which point to what the C library has allocated for the threads. They lie on stacks
 * in the runtime's own memory, which nothing else scans. With the world stopped. */
void workers_each_root(void (*range)(uintptr_t from, uintptr_t to));
/* Run work(i) for each member i below `members`, which is at most workers_ready(): member 0 in the calling
 * thread, the others in their own. Returns when all have ended. */
void workers_run(uint32_t members, void (*work)(uint32_t member));
/* Called in the child of a fork. */
void workers_forget(void);

#endif
