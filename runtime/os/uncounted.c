/* uncounted: see uncounted.h. glibc's count is `__nptl_nthreads`, which libthread_db reads too. It is looked
 * up by name, and not linked to: a reference to one of glibc's private names would keep packages of the
 * library from being installed. Other C libraries have no such variable; with them the process goes on when
 * only threads of the runtime are left. */
#define _GNU_SOURCE
#include "runtime/os/uncounted.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

#ifdef __GLIBC__
static unsigned *find_count(void)
{
    static unsigned *_Atomic found;
    unsigned *count = atomic_load(&found);
    if (!count) {
        count = dlvsym(RTLD_DEFAULT, "__nptl_nthreads", "GLIBC_PRIVATE");
        atomic_store(&found, count);
    }
    return count;
}
#else
static unsigned *find_count(void)
{
    return NULL;
}
#endif

/* A thread of the runtime may start another one when no thread of the program is left: the count never
 * becomes 0 here. */
void uncounted_began(void)
{
    unsigned *count = find_count();
    unsigned before = count ? __atomic_load_n(count, __ATOMIC_RELAXED) : 0;
    while (before > 1 &&
           !__atomic_compare_exchange_n(count, &before, before - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

void uncounted_ends(void)
{
    unsigned *count = find_count();
    if (count)
        __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
}
