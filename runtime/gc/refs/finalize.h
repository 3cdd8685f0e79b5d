/* finalize: finalizers and cleanups, and the thread that runs them.
 *
 * After Go's runtime.SetFinalizer and runtime.AddCleanup. A record (side_table.h) whose turn has come leaves
 * its chain for the queue; a thread of its own takes one after the other and calls it, as any thread of the
 * program would, with no lock held. The thread is started when something first waits, and again after a fork.
 * A call that takes from one cycle to the next delays no other call: another thread then calls the
 * others, and ends when nothing is left; four at most.
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

/* NULL: none from now on. False: out of memory. */
bool finalizer_set(void *object, finalizer_t *finalizer, const void *context);
/* A handle to it; 0: out of memory. */
uint64_t cleanup_add(const void *object, cleanup_t *cleanup, const void *argument);
/* False: it has run, or is about to. */
bool cleanup_stop(uint64_t handle);

/* A record's turn has come: under the lock of the side table, or in the stopped world. */
void finalize_queue(uint32_t number);
/* Have a thread at work if anything waits. With no lock held. */
void finalize_wake(void);
/* The same at the end of a cycle: one more, if those that there are are held up. */
void finalize_wake_after_cycle(void);
/* Wait until all that waits now has been called. 0, or ETIMEDOUT, EAGAIN: there is no thread to be had,
 * EDEADLK: this is that thread. ns < 0: as long as it takes. */
int finalize_wait(int64_t ns);

/* The child of a fork has the queue, and no thread. Under the lock of the side table. */
void finalize_after_fork_child(void);

#endif
