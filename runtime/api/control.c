/* control: the public functions for the knobs. */
#include <weir/control.h>

#include <errno.h>

#include "runtime/control/control.h"
#include "runtime/cycle/shrinker.h"

int weir_set_gc_percent(int percent)
{
    return control_set_gc_percent(percent);
}

int64_t weir_set_memory_limit(int64_t bytes)
{
    return control_set_memory_limit(bytes);
}

weir_limit_scope weir_set_memory_limit_scope(weir_limit_scope scope)
{
    return control_set_limit_scope(scope != WEIR_SCOPE_WEIR) ? WEIR_SCOPE_PROCESS : WEIR_SCOPE_WEIR;
}

int64_t weir_set_hard_limit(int64_t bytes)
{
    return control_set_hard_limit(bytes);
}

void weir_set_hard_limit_callback(void (*callback)(void *context, size_t wanted), void *context)
{
    control_set_hard_limit_callback(callback, context);
}

int weir_shrinker_add(weir_shrinker *shrinker, void *context, int priority)
{
    if (shrinker_add(shrinker, context, priority))
        return 0;
    errno = ENOMEM;
    return -1;
}

void weir_shrinker_remove(weir_shrinker *shrinker, void *context)
{
    shrinker_remove(shrinker, context);
}

void weir_set_pressure_callback(int percent, weir_pressure_callback *callback, void *context)
{
    control_set_pressure_callback(percent < 1 ? 1 : percent > 100 ? 100 : percent, callback, context);
}

void weir_thread_idle(void)
{
    control_thread_idle();
}

void weir_tick(void)
{
    control_tick();
}

void weir_free_os_memory(void)
{
    control_free_os_memory();
}
