/* retry: what ends an allocation that memory was not there for. A refused one is tried once more after the
 * cycle, or the shrinker of an account, that may have made room; what fails has errno = ENOMEM.
 */
#ifndef WEIR_HEAP_RETRY_H
#define WEIR_HEAP_RETRY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/cycle/cycle.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/budget.h"

static inline void *retry_no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

/* After an allocation on a slow path, p its result: run the cycle if one is requested, and ask the account
 * that has refused it. True: p was refused and either may have made room; the caller allocates again and
 * passes the result through `retry_result`. */
static inline bool retry_is_worth(const void *p)
{
    bool is_answered = UNLIKELY(!p) && budget_answer();
    if (!is_answered && (LIKELY(!cycle_is_requested()) || !cycle_run_requested(p == NULL) || p))
        return false;
    pages_retry_begins();
    return true;
}

static inline void *retry_result(void *p)
{
    pages_retry_ends();
    return p;
}

#endif
