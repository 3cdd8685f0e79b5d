/* sandbox: has the program begun to filter its own system calls (seccomp)?
 *
 * A filter may end the process at a call that it does not list. So a program that has prepared one meets only the calls that
 * an allocator cannot do without: no file is read any more, no other thread is looked at. The swap-in library notes the
 * call that prepares a filter (runtime/swap/sandbox.c); one that is made without the C library is not seen. */
#ifndef WEIR_OS_SANDBOX_H
#define WEIR_OS_SANDBOX_H

#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/os/os.h"

HIDDEN extern _Atomic bool sandbox_begun; /* never taken back; read by anybody */

static inline bool sandbox_has_begun(void)
{
    return UNLIKELY(atomic_load_explicit(&sandbox_begun, memory_order_relaxed));
}

static inline void sandbox_begin(void)
{
    atomic_store_explicit(&sandbox_begun, true, memory_order_relaxed);
}

#endif
