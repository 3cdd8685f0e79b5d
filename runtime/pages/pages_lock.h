/* pages_lock: the lock of all that is in this folder, and the page statistics, which are written under it. */
#ifndef WEIR_PAGES_PAGES_LOCK_H
#define WEIR_PAGES_PAGES_LOCK_H

#include <stdbool.h>

#include "runtime/os/lock.h"
#include "runtime/pages/pages_state.h"

HIDDEN extern lock_t pages_lock;

/* Give the lock up for a while, in the middle of what one does under it. */
void pages_lock_pause(void);
void pages_lock_resume(void);
/* In the middle of what takes long: let threads that sleep on the lock have it first. True: one had it. */
bool pages_lock_breathe(void);

#endif
