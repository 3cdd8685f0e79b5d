/* trim: giving memory back: what threads cache becomes idle memory, idle memory goes to the kernel. */
#ifndef WEIR_CONTROL_TRIM_H
#define WEIR_CONTROL_TRIM_H

#include <stdbool.h>
#include <stddef.h>

/* Release idle memory to the kernel, except for `keep` bytes, after trim_caches(true). True if anything was
 * released. */
bool trim_all(size_t keep);
/* Give up what this thread and sleeping threads cache: empty spans become idle memory. `every`: see
 * tend_all. */
void trim_caches(bool every);
/* The same for this thread alone. */
void trim_own(void);

#endif
