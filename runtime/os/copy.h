/* copy: copying and clearing memory without writing zeros to pages that were never written.
 *
 * A block of a gigabyte of which two pages were written has two pages of memory. memcpy would give its copy a
 * gigabyte. So a page of zeros is not written where the target reads as zero already. Reading a page that was
 * never written costs a fault, but no memory.
 */
#ifndef WEIR_OS_COPY_H
#define WEIR_OS_COPY_H

#include <stddef.h>

/* Like memcpy: the ranges do not overlap. */
void os_copy_written(void *to, const void *from, size_t size);
/* Like memset with zero. */
void os_clear_written(void *start, size_t size);

#endif
