/* percent: see percent.h. */
#include "runtime/cycle/percent.h"

#include "runtime/pages/pages.h"

_Atomic int percent_now = 100;

int percent_set(int percent)
{
    int old = atomic_exchange(&percent_now, percent < 0 ? -1 : percent);
    pages_set_gc_percent(percent_now);
    return old;
}
