/* fork: one set of fork handlers for the whole runtime.
 *
 * At a fork the thread takes every lock whose data the child will use, so that the child finds the data
 * consistent. POSIX runs prepare handlers in the reverse order of their registration; after them glibc's fork
 * takes the lock of its list of streams. The runtime's handlers are registered before all others. So the
 * other prepare handlers, which may allocate or wait for threads that allocate, have run before the runtime
 * takes a lock. The runtime takes the streams' lock first.
 *
 *     others' handlers | streams (base/stdio.h) | start | this module | the parts, by rank | clone
 *
 * A signal handler may fork while the thread that it interrupts holds one of these locks or waits for it, is
 * in a no-stop section (world.h), or is itself in fork. Taking the locks would then wait for ever. Such a
 * fork is an empty fork: it takes none of the runtime's locks. It takes the streams' lock, in the same order,
 * because glibc takes that in every fork.
 *
 * So two threads may wait for each other: one forks, has the streams' lock and waits for a lock of the
 * runtime; the other holds that one, and forks in a signal handler, which waits for the streams' lock. A
 * thread that cannot get a lock soon therefore gives up all that it has taken for the fork, the streams' lock
 * included, and begins again.
 *
 * After an empty fork in a process of one thread nothing is lost: the child is an exact copy. In a process of
 * several threads the child releases the locks that vanished threads held. POSIX lets such a child call only
 * async-signal-safe functions, so it does not need the data that a vanished thread left half changed.
 */
#ifndef WEIR_THREADS_FORK_H
#define WEIR_THREADS_FORK_H

#include <stdbool.h>

#include "runtime/os/lock.h"

/* Register the handlers, unless that was done. The code that registers the program's fork handlers calls this
 * first (swap/fork.c). Any thread; it may allocate. */
void fork_handle(void);

/* Have a part's functions called around fork. `before` takes the part's locks by lock_acquire_soon; the first
 * of them has this rank. If it cannot get all of them, it releases those that it has taken and returns false.
 * `after` releases them by lock_after_fork. In the child of an empty fork `after` is called although `before`
 * was not; lock_may_repair says what it may touch. Any thread that holds no lock of rank LOCK_RANK_FORK or
 * higher. A second call for a part does nothing: so threads that use a part first at the same time each call
 * this, and note afterwards that it was done. */
void fork_call(enum lock_rank rank, bool (*before)(void), void (*after)(bool child));

/* Held while the runtime or a part of it starts. */
extern lock_t fork_start_lock;

#endif
