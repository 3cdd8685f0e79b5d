/* helper: threads of the runtime's own that have a heap and may call the program: for finalizers, for
 * collecting. */
#ifndef WEIR_COLLECT_HELPER_H
#define WEIR_COLLECT_HELPER_H

#include <stdbool.h>

/* Detached; it blocks all signals but the one that stops it, and faults. False: there is none to be had. */
bool helper_start(void *(*main)(void *argument), void *argument);

#endif
