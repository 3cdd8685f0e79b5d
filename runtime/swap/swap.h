/* swap: what the sources of libweir-malloc.so share.
 *
 * This folder: functions of the C library and of C++ that libweir-malloc.so takes the place of.
 */
#ifndef WEIR_SWAP_SWAP_H
#define WEIR_SWAP_SWAP_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/cells/cache.h"
#include "runtime/os/lock.h"
#include "runtime/threads/world.h"

/* The library hides its symbols, except the functions that replace those of the C library. */
#define EXPORT __attribute__((visibility("default")))

/* Exported functions that the headers of this C library do not declare (any more, or yet). */
void cfree(void *p);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);
int pkey_mprotect(void *start, size_t size, int access, int key);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t alignment, size_t size);

/* May this thread wait for the runtime's locks? Not in a signal handler, if the interrupted code may hold one
 * of them; nor in a child that was not made by the C library, where a thread that does not exist may hold
 * one. */
static inline bool swap_may_wait(void)
{
    return lock_depth == 0 && cache.no_stop == 0 && !cache.cycling && world_is_ours();
}

static inline bool swap_is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

#endif
