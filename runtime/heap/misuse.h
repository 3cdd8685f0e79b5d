/* misuse: reports that the program misuses the heap: one line on stderr, then abort. With
 * WEIR_DEBUG=onerror=warn it returns instead, and the caller does nothing.
 *
 *     weir: double free of 0x7f00c0010040 (96-byte cell) in free()
 */
#ifndef WEIR_HEAP_MISUSE_H
#define WEIR_HEAP_MISUSE_H

#include <stddef.h>

/* `size`: of the cell the address belongs to; 0: none is known. */
void misuse_report(const char *what, const void *p, size_t size, const char *call);

/* An address outside of the region was given to `call`. If no allocator can have handed it out (unaligned,
 * unmapped, on the caller's stack), that is misuse. Otherwise it is taken for another allocator's, reported
 * and ignored. Blocks of bootstrap.h are ignored without a report. */
void misuse_outside(const void *p, const char *call);

/* The structures of the heap contradict each other: always abort. */
_Noreturn void misuse_corrupted(const char *what, const void *where);

#endif
