/* sparse: the part of a large object that has been written, as the kernel knows it (process/written.h): what
 * was never touched is zero, holds no pointer, and need not be made resident by looking.
 *
 * The object is asked about in pieces. Of a piece with many ranges of written pages the last ones are taken
 * together.
 */
#ifndef WEIR_GC_MARK_SPARSE_H
#define WEIR_GC_MARK_SPARSE_H

#include <stddef.h>
#include <stdint.h>

/* From this size on it is worth the system calls. */
enum { SPARSE_MIN = 1 << 20 };

typedef void sparse_visit(void *context, uintptr_t from, uintptr_t to);

/* Call the function for what has been written of [from, to), or for more, up to all of it. With the world
 * stopped, by several markers at once. */
void sparse_each(uintptr_t from, uintptr_t to, sparse_visit *visit, void *context);

/* No thread runs it. So it is in a child of fork too, which has not the threads that did. */
void sparse_clear(void);

#endif
