/* swap: what the sources of libweir-malloc.so share.
 *
 * This folder: functions of the C library and of C++ that libweir-malloc.so takes the place of.
 */
#ifndef WEIR_SWAP_SWAP_H
#define WEIR_SWAP_SWAP_H

#include <stdbool.h>
#include <stddef.h>

/* The library hides its symbols, except the functions that replace those of the C library. */
#define EXPORT __attribute__((visibility("default")))

/* Exported functions that the headers of this C library do not declare (any more, or yet). */
void cfree(void *p);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t alignment, size_t size);

static inline bool swap_is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

#endif
