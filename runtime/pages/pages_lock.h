/* pages_lock: the one lock of this folder. It also protects the page statistics. */
#ifndef WEIR_PAGES_PAGES_LOCK_H
#define WEIR_PAGES_PAGES_LOCK_H

#include <stdbool.h>

#include "runtime/os/lock.h"
#include "runtime/pages/pages_state.h"

HIDDEN extern lock_t pages_lock;

/* Give the lock up in the middle of some work under it, and take it again. */
void pages_lock_pause(void);
void pages_lock_resume(void);
/* In the middle of long work: if threads sleep on the lock, let them have it first. True: the lock was given
 * up. */
bool pages_lock_breathe(void);

#endif
