/* percent: the growth percentage (GOGC): by how many percent of what is live the heap grows before a cycle.
 * The bounds on idle memory and on what threads keep follow from it. Negative: off.
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
/* Returns the old value. */
int percent_set(int percent);

#endif
