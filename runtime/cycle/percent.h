/* percent: by how many percent of what is live the heap grows before a cycle (GOGC); what it may hold idle,
 * and what threads keep, follow it. Negative: off.
 */
#ifndef WEIR_CYCLE_PERCENT_H
#define WEIR_CYCLE_PERCENT_H

#include <stdatomic.h>

#include "runtime/base/compiler.h"

HIDDEN extern _Atomic int percent_now;
static inline int percent_get(void)
{
    return percent_now;
}
/* The old one. */
int percent_set(int percent);

#endif
