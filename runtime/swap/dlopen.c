/* dlopen: libraries find this malloc also when they are opened with RTLD_DEEPBIND.
 *
 * The flag has a library look for symbols in its own dependencies first, libc among them, before the program
 * and what is preloaded. So such a library would call libc's free on blocks of this heap, and give the
 * program blocks of libc's. The flag is cleared here; sanitizers ask their users to do that. A library that
 * relies on the flag, to have its own symbols preferred to the program's of the same name, loses that.
 *
 * dlopen finds its caller by the return address, and uses the caller's search path and namespace. So this
 * function continues with a jump, which leaves the return address in its place.
 */
#include <dlfcn.h>
#include <stdint.h>

#include "runtime/os/os.h"
#include "runtime/swap/swap.h"

typedef void *opener(const char *path, int mode);

#ifdef __x86_64__
/* Called by the code below. */
HIDDEN opener *dlopen_next(void);
HIDDEN opener *dlopen_next(void)
{
    static opener *_Atomic next;
    if (!next)
        next = (opener *)(uintptr_t)dlsym(RTLD_NEXT, "dlopen");
    return next;
}

EXPORT __attribute__((naked)) void *dlopen(const char *path __attribute__((unused)),
                                           int mode __attribute__((unused)))
{
    __asm__("and $~8, %esi\n\t" /* RTLD_DEEPBIND */
            "push %rdi\n\t"
            "push %rsi\n\t"
            "sub $8, %rsp\n\t" /* aligned to 16 at the call */
            "call dlopen_next\n\t"
            "add $8, %rsp\n\t"
            "pop %rsi\n\t"
            "pop %rdi\n\t"
            "jmp *%rax");
}
_Static_assert(RTLD_DEEPBIND == 8, "the code above has the number");
#endif
