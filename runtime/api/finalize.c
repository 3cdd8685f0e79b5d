/* finalize: the public functions for finalizers and cleanups. */
#include <weir/finalize.h>

#include <errno.h>

#include "runtime/gc/mark/mark.h"
#include "runtime/gc/refs/finalize.h"

static bool is_object(const void *p)
{
    bool is = p && mark_base(p) == p;
    errno = is ? ENOMEM : EINVAL; /* the error that may still follow */
    return is;
}

int weir_gc_set_finalizer(void *object, void (*finalizer)(void *object, void *context), const void *context)
{
    int saved = errno;
    if (!is_object(object) || !finalizer_set(object, finalizer, context))
        return -1;
    errno = saved;
    return 0;
}

/* A cleanup whose argument leads to the object would keep it alive for ever. The simplest case, an argument
 * that points into the object, is refused, as in Go. */
weir_cleanup weir_gc_add_cleanup(const void *object, void (*cleanup)(void *argument), const void *argument)
{
    int saved = errno;
    const void *base = object ? mark_base(object) : NULL;
    bool good = base && cleanup && (!argument || mark_base(argument) != base);
    errno = good ? ENOMEM : EINVAL;
    weir_cleanup handle = {good ? cleanup_add(base, cleanup, argument) : 0};
    if (handle.id)
        errno = saved;
    return handle;
}

bool weir_gc_stop_cleanup(weir_cleanup cleanup)
{
    return cleanup_stop(cleanup.id);
}

int weir_gc_wait_finalizers(int64_t ns)
{
    int error = finalize_wait(ns);
    if (!error)
        return 0;
    errno = error;
    return -1;
}
