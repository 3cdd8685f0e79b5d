/* weir/finalize.h: calls when a collected object is gone, or about to be.
 *
 *     finalizer   is called with the object itself, when nothing reaches it any more. An object has at most
 *                 one. Use it if the call needs the object's contents. As Go's runtime.SetFinalizer.
 *     cleanup     is called with an argument of its own, when the object is gone. An object may have many.
 *                 Prefer cleanups: they do not delay the freeing of the object, and also work for objects
 *                 that point to each other. As Go's runtime.AddCleanup.
 *
 *     static void close_file(void *fd) { close((int)(intptr_t)fd); }
 *
 *     struct log *log = weir_gc_alloc(sizeof *log);
 *     log->fd = open(...);
 *     weir_gc_add_cleanup(log, close_file, (void *)(intptr_t)log->fd);
 *
 * When an object with a finalizer is no longer reached, the collection keeps it, and all that it points to,
 * for the finalizer. A later collection frees it, unless the finalizer has stored it where it is reached
 * again, or has given it a finalizer again. If a points to b and both have finalizers, a's finalizer runs
 * first, and b's runs after the collection that frees a. Objects with finalizers that point to each other in
 * a ring, or to themselves, are never finalized and never freed: break the ring, or use a cleanup.
 * An object's cleanups run after its finalizer, when the object is gone for good. Weak references to an
 * object, and to all that only it reaches, are cleared before its finalizer runs (weir/weak.h).
 *
 * These rules hold for every function here:
 *   object       the start of a collected object (weir/gc.h); else EINVAL.
 *   argument     the context and the argument are kept alive until the call has been made. If the object can
 *                be reached from them, it is never gone, and the call is never made.
 *   calls        are made on threads of weir's own, with no lock held. The first thread is started when there
 *                is something to call, and makes one call after the other. If a call takes longer than the
 *                time from one collection to the next, further threads make the other calls, up to four
 *                threads in all; if all of them are blocked, the other calls wait. These threads have all
 *                signals blocked except those of faults. The function that is called may allocate, collect,
 *                and call everything here except weir_gc_wait_finalizers. It has to lock data that other
 *                threads or other calls use. It must not leave by longjmp, pthread_exit or an exception.
 *   when         some time after the collection that finds the object gone. Such a collection may never come,
 *                and at the end of the program nothing is called, as in Go. What must happen has to be done
 *                by hand.
 *   by hand      weir_gc_free removes the finalizer without calling it, and has the cleanups called.
 *                weir_gc_realloc keeps finalizer and cleanups attached to the object, also if it moves.
 *   fork         in the child, everything is attached or waiting as in the parent, and is called there as
 *                well, on a thread of the child's own. A call that was running in the parent is not repeated
 *                in the child.
 *   threads      any thread may call these at any time, except from a signal handler.
 *   failure      ENOMEM.
 */
#ifndef WEIR_FINALIZE_H
#define WEIR_FINALIZE_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* Have finalizer(object, context) called. It replaces the finalizer that the object has (Go would end the
 * program); NULL removes it. Returns 0, or -1 with errno. */
WEIR_API int weir_gc_set_finalizer(void *object, void (*finalizer)(void *object, void *context),
                                   const void *context) WEIR_NOEXCEPT;

/* The handle of a cleanup, to stop it. It may be copied, and need not be freed. */
typedef struct weir_cleanup {
    uint64_t id; /* 0: there is none */
} weir_cleanup;

/* Have cleanup(argument) called when the object is gone. `object` may point to any place in it. If the
 * cleanup was not added, id is 0, and errno says why; EINVAL also if the argument points into the object,
 * which would keep it for ever (Go would end the program). */
WEIR_API weir_cleanup weir_gc_add_cleanup(const void *object, void (*cleanup)(void *argument),
                                          const void *argument) WEIR_NOEXCEPT;

/* Stop a cleanup. True: it will not be called. False: it was called or stopped before, or is being called
 * now. */
WEIR_API bool weir_gc_stop_cleanup(weir_cleanup cleanup) WEIR_NOEXCEPT;

/* Wait until all calls have been made that were due when this was called. Calls that a collection finds in
 * the meantime may come later. For tests, and for the end of a program: call weir_gc() and then this. It
 * waits at most `ns` nanoseconds; if ns < 0, as long as it takes. Returns 0; or -1 with ETIMEDOUT, EAGAIN (no
 * thread can be started), EDEADLK (the caller is a thread that makes the calls). */
WEIR_API int weir_gc_wait_finalizers(int64_t ns) WEIR_NOEXCEPT;

WEIR_API_END

#endif
