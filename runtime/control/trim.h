/* trim: giving memory back: what threads cache becomes idle memory, idle memory goes to the kernel. */
#ifndef WEIR_CONTROL_TRIM_H
#define WEIR_CONTROL_TRIM_H

#include <stdbool.h>
#include <stddef.h>

/* Give back what is idle but for `keep` bytes, the empty spans of this thread and of those that sleep
 * included. True if anything went to the kernel. */
bool trim_all(size_t keep);
/* Give up what this thread and those that sleep cache: empty spans become idle memory. `every`: see
 * tend_all. */
void trim_caches(bool every);
/* This thread alone. */
void trim_own(void);

#endif
