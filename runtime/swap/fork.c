/* fork: the program's fork handlers are registered after the heap's, in any order of the calls: so theirs are
 * prepared before the heap's locks are taken, and may allocate (runtime/threads/fork.h). pthread_atfork,
 * which is linked into each library, calls this function.
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
