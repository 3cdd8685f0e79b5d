/* heap_call: which call of the program allocates or frees: its allocations and frees go in pairs, which
 * hardening checks. */
#ifndef WEIR_CELLS_HEAP_CALL_H
#define WEIR_CELLS_HEAP_CALL_H

#include <stdint.h>

enum heap_call { HEAP_CALL_MALLOC, HEAP_CALL_NEW, HEAP_CALL_NEW_ARRAY };
#define HEAP_SIZE_UNKNOWN SIZE_MAX

#endif
