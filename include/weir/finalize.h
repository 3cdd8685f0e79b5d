/* weir/finalize.h: calls when a collected object is gone, or about to be.
 *
 *     finalizer   gets the object itself, once nothing reaches it any more. One for an object. For what can
 *                 only be told from the object's contents. As Go's runtime.SetFinalizer.
 *     cleanup     gets an argument of its own, once the object is gone. As many as wanted. Prefer it: it
 *                 delays nothing, and rings do not hinder it. As Go's runtime.AddCleanup.
 *
 *     static void close_file(void *fd) { close((int)(intptr_t)fd); }
 *
 *     struct log *log = weir_gc_alloc(sizeof *log);
 *     log->fd = open(...);
 *     weir_gc_add_cleanup(log, close_file, (void *)(intptr_t)log->fd);
 *
 * When an object with a finalizer is no longer reached, the collection keeps it, and all that it points to,
 * for the finalizer; a later collection frees it, unless the finalizer has stored it where it is reached
 * again, or given it a finalizer again. Order: if a points to b and both have finalizers, a's runs first, and
 * b's in a later cycle than the one that frees a. Objects with finalizers that point to each other in a ring,
 * or one to itself, are never finalized, and never freed: break the ring, or use a cleanup. An object's
 * cleanups run after its finalizer, when it is gone for good. Weak references to an object, and to all that
 * only it reaches, are cleared before its finalizer runs (weir/weak.h).
 *
 * Holds for every function here:
 *   object       the start of a collected object (weir/gc.h); else EINVAL.
 *   argument     the context and the argument are kept alive until the call has been made. If the object can
 *                be reached from there, it is never gone: the call never comes.
 *   calls        are made on threads of weir's own, with no lock held; the first is started when there is
 *                something to call. It calls one after the other. While a call takes longer than from one
 *                collection to the next, the others are called on further threads, up to four in all; if all
 *                are held up, the rest waits. They run with all signals blocked but those of faults. The
 *                callee may allocate, collect, and call everything here but weir_gc_wait_finalizers; what
 *                other threads, or other calls, use as well it has to lock. It must not leave by longjmp,
 *                pthread_exit or an exception.
 *   when         some time after the collection that finds the object gone. There may never be one: at the
 *                end of the program nothing is called, as in Go. What must happen is to be done by hand.
 *   by hand      weir_gc_free takes the finalizer off without calling it, and has the cleanups called.
 *                weir_gc_realloc takes all along to where the object is then.
 *   fork         the child has everything that was attached or waiting in the parent, and calls it as well,
 *                with a thread of its own. A call that the parent was in is not repeated there.
 *   threads      any thread may call these at any time, except from a signal handler.
 *   failure      ENOMEM.
 */
#ifndef WEIR_FINALIZE_H
#define WEIR_FINALIZE_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* Have finalizer(object, context) called. In place of the one that the object has, if any (Go ends the
 * program); NULL takes that off. Returns 0, or -1 with errno. */
WEIR_API int weir_gc_set_finalizer(void *object, void (*finalizer)(void *object, void *context),
                                   const void *context) WEIR_NOEXCEPT;

/* What stops a cleanup. May be copied and forgotten; needs no freeing. */
typedef struct weir_cleanup {
    uint64_t id; /* 0: there is none */
} weir_cleanup;

/* Have cleanup(argument) called when the object is gone; any place in it will do. id == 0 and errno: it will
 * not be. Also EINVAL: the argument points into the object, which would keep it for ever (Go ends the
 * program). */
WEIR_API weir_cleanup weir_gc_add_cleanup(const void *object, void (*cleanup)(void *argument),
                                          const void *argument) WEIR_NOEXCEPT;

/* True: it is not called any more. False: it was called or stopped before, or is just being called. */
WEIR_API bool weir_gc_stop_cleanup(weir_cleanup cleanup) WEIR_NOEXCEPT;

/* Wait until all calls have been made that were due when this was called; what a collection in between finds
 * may come later. For tests, and for the end of a program: weir_gc() and then this. ns: at most so many
 * nanoseconds; < 0: as long as it takes. Returns 0; or -1 with ETIMEDOUT, EAGAIN (no thread can be started),
 * EDEADLK (this is the thread that makes the calls). */
WEIR_API int weir_gc_wait_finalizers(int64_t ns) WEIR_NOEXCEPT;

WEIR_API_END

#endif
