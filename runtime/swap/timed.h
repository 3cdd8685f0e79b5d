/* timed: the thread notes when the time of a call with a timeout is over. A call that a stop of the threads
 * cuts short goes on with what is left (stop/tracer_again.c). */
#ifndef WEIR_SWAP_TIMED_H
#define WEIR_SWAP_TIMED_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* NULL, or a negative number of milliseconds: the call lasts for ever. Returned is what the thread had noted
 * before, of a call that a signal handler has interrupted: for timed_end. */
uint64_t timed_begin(const struct timespec *timeout);
uint64_t timed_begin_timeval(const struct timeval *timeout);
uint64_t timed_begin_ms(int timeout);
void timed_end(uint64_t before);

#endif
