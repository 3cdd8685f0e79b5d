/* backing: by which pages the kernel backs memory of this process (/proc/self/pagemap; PAGEMAP_SCAN, Linux
 * 6.7; Documentation/admin-guide/mm/pagemap.rst).
 *
 * Only system calls; nothing allocates; errno is kept. Any thread. */
#ifndef WEIR_PROCESS_BACKING_H
#define WEIR_PROCESS_BACKING_H

#include <stdbool.h>

/* Open what is asked; closed by descriptor_close. -1: it cannot be opened, or a filter of the program's does
 * not allow it. */
int backing_open(void);
/* Is the memory of one huge page from here on backed by small pages, all of them present, private, and mapped
 * by no other process? False also if the kernel does not say. */
bool backing_is_by_own_small_pages(int descriptor, const void *start);

#endif
