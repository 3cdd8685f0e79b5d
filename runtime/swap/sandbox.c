/* sandbox: the call by which a program prepares a filter of its system calls, noted (os/sandbox.h).
 *
 * Without privileges PR_SET_NO_NEW_PRIVS comes before any filter, and libseccomp sets it by itself. One that was set before
 * the program began (by a container, by systemd) is not seen: nothing that weir does at its start was in its way. */
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/sandbox.h"
#include "runtime/swap/swap.h"

EXPORT int prctl(int option, ...)
{
    enum { ARGUMENTS = 4 };
    unsigned long argument[ARGUMENTS];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < ARGUMENTS; i++)
        argument[i] = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_SET_NO_NEW_PRIVS || option == PR_SET_SECCOMP)
        sandbox_begin();
    return (int)syscall(SYS_prctl, option, argument[0], argument[1], argument[2], argument[3]);
}
