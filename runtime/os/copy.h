/* copy: memory that was never written stays so in the copy, and where it is cleared.
 *
 * A block of a gigabyte of which two pages were written has two pages. Copied by memcpy it has a gigabyte,
 * twice while both are there. So what holds zeros only is not written where the target holds zeros as well;
 * to look at a page that was never written costs a fault, but no memory.
 */
#ifndef WEIR_OS_COPY_H
#define WEIR_OS_COPY_H

#include <stddef.h>

/* Like memcpy: the ranges do not overlap. */
void os_copy_written(void *to, const void *from, size_t size);
/* Like memset with zero. */
void os_clear_written(void *start, size_t size);

#endif
