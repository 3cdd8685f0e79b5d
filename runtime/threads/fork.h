/* fork: one set of fork handlers for the whole runtime.
 *
 * At a fork the thread takes every lock whose data the child will use, so that the child finds it in order.
 * Fork handlers are prepared in the reverse order of registration (POSIX), and then glibc's fork takes the
 * lock of its list of streams. The runtime's handlers are registered before all others, so all
 * others' preparation is done, and may have allocated or waited for threads that allocate, before they take a
 * lock; and they take the streams' lock first.
 *
 *     others' handlers | streams (base/stdio.h) | start | this module | the parts, by rank | clone
 *
 * A signal handler may fork while the thread it interrupts holds one of these locks, or waits for it; is in a
 * section that the collector waits for (world.h); or is itself in fork. Taking locks then would wait for
 * ever. Such a fork takes none of the runtime's (an empty fork), but the streams', in the same order: glibc
 * takes it in both.
 *
 * So a thread that has the streams' lock may wait for one of ours that is held below a handler which waits
 * for the streams'. A thread that takes them for a fork therefore gives all of them up, and the streams', if
 * one cannot be had soon, and begins again. In a process of one thread nothing is lost: the child is an exact
 * copy. Otherwise the child frees what vanished threads held; POSIX lets it call async-signal-safe functions
 * only, so nothing that such a thread left half done need be used.
 */
#ifndef WEIR_THREADS_FORK_H
#define WEIR_THREADS_FORK_H

#include <stdbool.h>

#include "runtime/os/lock.h"

/* Register the handlers, unless that was done. Code that registers handlers for others calls this first. Any
 * thread; it may allocate. */
void fork_handle(void);

/* Have a part's functions called around fork: `before` takes its locks, the first of which has the rank, by
 * lock_acquire_soon; false: it has none of them. `after` gives them up by lock_after_fork. In the child of an
 * empty fork `before` was not called, and lock_may_repair says what may be touched. Any thread, once a part,
 * without a lock from LOCK_RANK_FORK on. */
void fork_call(enum lock_rank rank, bool (*before)(void), void (*after)(bool child));

/* Held while the runtime or a part of it starts. */
extern lock_t fork_start_lock;

#endif
