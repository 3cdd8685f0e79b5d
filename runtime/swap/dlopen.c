/* dlopen: libraries find this malloc also when they are opened with RTLD_DEEPBIND.
 *
 * The flag has a library look for symbols in its own dependencies first, libc among them, before the program
 * and what is preloaded. So it would call libc's free on blocks of this heap, and give the program blocks of
 * libc's. It is taken away here, as sanitizers have to ask for. A library that uses it to have symbols of its
 * own before the program's of the same name loses that.
 *
 * Whom dlopen is called by it knows from its return address: whose search path holds, in which namespace. So
 * the call goes on as a jump, with the caller's address where it was.
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
