/* heap_call: which calls of the program allocate and free a block. A block of malloc, new or new[] has to be
 * freed by the call that matches; hardening checks this. */
#ifndef WEIR_CELLS_HEAP_CALL_H
#define WEIR_CELLS_HEAP_CALL_H

#include <stdint.h>

enum heap_call { HEAP_CALL_MALLOC, HEAP_CALL_NEW, HEAP_CALL_NEW_ARRAY };
#define HEAP_SIZE_UNKNOWN SIZE_MAX

#endif
