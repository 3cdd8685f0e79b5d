/* timed: a thread notes when the timeout of its call will be over. A call that a stop of the threads cuts
 * short goes on for the time that is left (stop/tracer_again.c). */
#ifndef WEIR_SWAP_TIMED_H
#define WEIR_SWAP_TIMED_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* NULL, or a negative number of milliseconds: the call lasts for ever. Returns what the thread had noted
 * before, for a call that a signal handler has interrupted; timed_end restores it. */
uint64_t timed_begin(const struct timespec *timeout);
uint64_t timed_begin_timeval(const struct timeval *timeout);
uint64_t timed_begin_ms(int timeout);
void timed_end(uint64_t before);

#endif
