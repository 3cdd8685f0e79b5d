/* stdio: see stdio.h. The functions belong to glibc's interface for old C++ libraries; its headers do not
 * declare them. */
#include "runtime/base/stdio.h"

#include <features.h> /* says whether this is glibc */

#ifdef __GLIBC__

#include <sys/single_threaded.h>

void _IO_list_lock(void) __attribute__((weak));
void _IO_list_unlock(void) __attribute__((weak));
void _IO_list_resetlock(void) __attribute__((weak));

bool stdio_lock(void)
{
    if (__libc_single_threaded || !_IO_list_lock || !_IO_list_unlock || !_IO_list_resetlock)
        return false;
    _IO_list_lock();
    return true;
}

void stdio_unlock(void)
{
    _IO_list_unlock();
}

void stdio_reset(void)
{
    _IO_list_resetlock();
}

#else /* other C libraries have no such functions, and look after their streams in fork themselves */

bool stdio_lock(void)
{
    return false;
}

void stdio_unlock(void)
{
}

void stdio_reset(void)
{
}

#endif
