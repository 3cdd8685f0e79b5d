/* mask: see mask.c. */
#ifndef WEIR_SWAP_MASK_H
#define WEIR_SWAP_MASK_H

#include <signal.h>

/* The set without the signal that stops threads, if threads are stopped by a signal. */
sigset_t mask_without_stop(const sigset_t *set);

#endif
