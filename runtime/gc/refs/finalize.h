/* finalize: finalizers and cleanups, and the thread that runs them.
 *
 * After Go's runtime.SetFinalizer and runtime.AddCleanup. A record (side_table.h) whose object is found
 * unreachable moves from its chain to the queue. A thread of the runtime takes the records one by one and
 * calls their functions, with no lock held, as any thread of the program would. The thread is started when a
 * record first waits, and again after a fork. If a call lasts from one cycle to the next, another thread is
 * started to make the other calls, and ends when none is left. There are at most four threads.
 *
 *     attached --object unreachable--> queue --thread--> called, the record free
 *
 * While a record waits, its `strong` words keep the object and the argument alive.
 */
#ifndef WEIR_GC_REFS_FINALIZE_H
#define WEIR_GC_REFS_FINALIZE_H

#include <stdbool.h>
#include <stdint.h>

typedef void finalizer_t(void *object, void *context);
typedef void cleanup_t(void *argument);

/* Set the object's finalizer; NULL removes it. False: out of memory. */
bool finalizer_set(void *object, finalizer_t *finalizer, const void *context);
/* Returns a handle for cleanup_stop; 0: out of memory. */
uint64_t cleanup_add(const void *object, cleanup_t *cleanup, const void *argument);
/* False: the cleanup has run, or is about to. */
bool cleanup_stop(uint64_t handle);

/* Move a record from its chain to the queue: under the lock of the side table, or in the stopped world. */
void finalize_queue(uint32_t number);
/* Wake or start the thread if a record waits. The caller holds no lock. */
void finalize_wake(void);
/* The same at the end of a cycle; also starts one more thread if all threads are in long calls. */
void finalize_wake_after_cycle(void);
/* Wait until the functions of all records that are in the queue now, or being called now, have returned.
 * Returns 0; ETIMEDOUT; EAGAIN if no thread can be started; EDEADLK in a finalizer or cleanup. ns < 0:
 * without a limit. */
int finalize_wait(int64_t ns);

/* In the child of a fork, which has the queue but no thread. Under the lock of the side table. */
void finalize_after_fork_child(void);

#endif
