/* mask: see mask.c. */
#ifndef WEIR_SWAP_MASK_H
#define WEIR_SWAP_MASK_H

#include <signal.h>

#include "runtime/threads/stop_by.h"

/* Before a call that sets a mask for its time: *set, which may be NULL, becomes what the call is to be given,
 * in *room. The result is for stop_by_block_end. */
stop_by_t mask_begin(const sigset_t **set, sigset_t *room);

#endif
