/* fork: the heap's fork handlers are registered before any of the program's, whoever calls first. So the
 * program's prepare handlers run before the heap's locks are taken, and may allocate
 * (runtime/threads/fork.h). pthread_atfork, which is linked into each library, calls this function.
 */
#include "runtime/threads/fork.h"

#include <dlfcn.h>
#include <stdint.h>

#include "runtime/swap/swap.h"

EXPORT int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library)
{
    typedef int registration(void (*)(void), void (*)(void), void (*)(void), void *);
    static registration *_Atomic next;
    fork_handle();
    if (!next)
        next = (registration *)(uintptr_t)dlsym(RTLD_NEXT, "__register_atfork");
    return next(prepare, parent, child, library);
}
