/* misuse: reports that the program misuses the heap: one line on stderr, then abort. With
 * WEIR_DEBUG=onerror=warn it returns instead, and the caller does nothing.
 *
 *     weir: double free of 0x7f00c0010040 (96-byte cell) in free()
 *
 * This folder: finding and telling what a program does wrong, and checking the heap itself.
 */
#ifndef WEIR_DEBUG_MISUSE_H
#define WEIR_DEBUG_MISUSE_H

#include <stddef.h>

/* `size`: of the cell the address belongs to; 0: none is known. */
void misuse_report(const char *what, const void *p, size_t size, const char *call);

/* `call` was given an address outside of the region. If no allocator can have handed it out (it is unaligned,
 * unmapped, or on the caller's stack), this reports a misuse. Any other is taken for another allocator's: a
 * line says so, and the call does nothing. Blocks of bootstrap.h are ignored without a line. */
void misuse_outside(const void *p, const char *call);

/* The structures of the heap contradict each other: always abort. */
_Noreturn void misuse_corrupted(const char *what, const void *where);

#endif
