/* sparse: the part of a large object that has been written, as the kernel knows it (process/written.h): what
 * was never touched is zero, holds no pointer, and need not be made resident by looking.
 *
 * The kernel is asked about one piece of the object at a time. If a piece has too many ranges of written
 * pages, the last ones are taken as one.
 */
#ifndef WEIR_GC_MARK_SPARSE_H
#define WEIR_GC_MARK_SPARSE_H

#include <stddef.h>
#include <stdint.h>

/* From this size on it is worth the system calls. */
enum { SPARSE_MIN = 1 << 20 };

typedef void sparse_visit(void *context, uintptr_t from, uintptr_t to);

/* Call the function for what has been written of [from, to), or for more, up to all of it. Several markers
 * may call this at once, in a stop or in a concurrent trace. */
void sparse_each(uintptr_t from, uintptr_t to, sparse_visit *visit, void *context);

/* Reset the lock, while no marker is at work; so also in the child of a fork, which does not have its
 * parent's markers. */
void sparse_clear(void);

#endif
