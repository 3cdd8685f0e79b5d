/* retry: the end of an allocation on a slow path. A refused allocation is tried once more after a cycle, or
 * an account's shrinker, that may have made room. One that fails sets errno to ENOMEM.
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

/* Called after an allocation on a slow path; p is its result. If an account has refused it, ask the account's
 * shrinker; otherwise run the cycle that is requested, if one is. True: p is NULL and this may have made
 * room: the caller allocates again and passes the result through `retry_result`. */
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
