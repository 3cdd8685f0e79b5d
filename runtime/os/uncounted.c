/* uncounted: see uncounted.h. */
#include "runtime/os/uncounted.h"

#include <stddef.h>

/* glibc's count, for its debugging library. Other C libraries have no such variable; there the process does
 * not end. */
extern unsigned int __nptl_nthreads __attribute__((weak));

/* A thread of the runtime may start another one when no thread of the program is left: the count never
 * becomes 0 here. */
void uncounted_began(void)
{
    unsigned int *count = &__nptl_nthreads;
    if (!count)
        return;
    unsigned int before = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (before > 1 &&
           !__atomic_compare_exchange_n(count, &before, before - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

void uncounted_ends(void)
{
    unsigned int *count = &__nptl_nthreads;
    if (count)
        __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
}
