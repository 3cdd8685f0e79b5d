/* stop_choice: which of the two stop signals (stop/signal.h) stops a thread: the stopper's side, and the
 * handler's. What a thread does about its own mask is in stop_by.h, and the rules are there, too.
 *
 * Sets are as the kernel has them: signal 1 is bit 0.
 */
#ifndef WEIR_THREADS_STOP_CHOICE_H
#define WEIR_THREADS_STOP_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/os/mask.h"

static inline bool stop_choice_has(uint64_t set, int number)
{
    return set & OS_SIGNAL(number);
}

/* The program uses these: it handles them, or waits for them alone. It reads these from a descriptor for
 * both. */
void stop_choice_use(uint64_t set);
void stop_choice_read_for_both(uint64_t set);
/* Which one is to be open in a thread in which the program blocks `blocked`. */
int stop_choice_for(uint64_t blocked);

/* os_stop_calls_t.swap */
bool stop_choice_swap(int number, uint64_t blocked);

/* For the stopper: does the thread block both signals? If it blocks its own, or if the program uses that,
 * take the other. These read a file of /proc. */
bool stop_choice_none(const heap_t *heap);
void stop_choice_open(heap_t *heap);
void stop_choice_unused(heap_t *heap);

#endif
