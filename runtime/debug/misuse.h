/* misuse: what is said when a program misuses the heap: one line on stderr, then abort, or, with
 * WEIR_DEBUG=onerror=warn, back to the caller, which does nothing.
 *
 *     weir: double free of 0x7f00c0010040 (96-byte cell) in free()
 */
#ifndef WEIR_DEBUG_MISUSE_H
#define WEIR_DEBUG_MISUSE_H

#include <stddef.h>

/* `size`: of the cell the address belongs to; 0: none is known. */
void misuse_report(const char *what, const void *p, size_t size, const char *call);

/* An address that is not in the region, given to `call`. What no allocator can have handed out (unaligned,
 * unmapped, on the caller's stack) is a misuse; the rest is another allocator's: said, and ignored. So are,
 * in silence, the blocks of bootstrap.h. */
void misuse_outside(const void *p, const char *call);

/* The structures of the heap contradict each other: always abort. */
_Noreturn void misuse_corrupted(const char *what, const void *where);

#endif
