/* cycle: one round of what the runtime does to shrink.
 *
 * A cycle has no thread and no timer of its own. It is triggered when the heap has grown by GOGC percent
 * (policy/growth.h), when the limit cannot be held by releasing idle memory, and when the program asks. In
 * the first two cases pages_requested is set under the pages' lock. The thread that next ends a slow
 * allocation sees the request and runs the cycle, with no lock held and with every structure of the heap in
 * order, since listeners may run the program's code.
 *
 * A program may allocate and free without growing. So when the bytes allocated since the last cycle reach the
 * amount by which the heap may grow, a volume cycle runs. It only lets what is not used grow older (AGE,
 * SETTLE): it traces nothing, and growth is not measured anew. There are volume cycles only if AGE has a
 * listener.
 *
 * A cycle has phases, in this order. In each phase the listeners run in the order in which they were added:
 *
 *     GATHER   prepare what the trace needs            without a lock: it starts threads, which takes locks
 *                                                        of the C library; threads that hold those may
 *                                                        wait for the cycle
 *     AGE      let what was not used grow older        under the cycle's lock: one thread at a time,
 *     TRACE    find what is reachable                    no code of the program's, no allocation
 *     SETTLE   give back what has come of age          without a lock: callbacks of the program may allocate,
 *                                                        free, and use pools; a cycle in them does nothing
 *
 * AGE comes before TRACE so that the trace does not reach what has come of age: Go, too, empties its pools
 * before it marks. A cycle for the limit runs the phases one by one, and only as far as it has to: shed.h.
 * After a cycle growth is measured anew, and idle memory is released to what the limit allows.
 *
 * This folder: the cycle, in which everything that can shrink gives memory back; the events that report it;
 * the percentage that triggers it.
 */
#ifndef WEIR_CYCLE_CYCLE_H
#define WEIR_CYCLE_CYCLE_H

#include <stdbool.h>
#include <weir/event.h>

#include "runtime/cells/cache.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

/* CYCLE_PRESSED: in a cycle for the limit, the rung that takes only what was not used (control/shed.h). */
enum cycle_reason { CYCLE_FORCED, CYCLE_GROWTH, CYCLE_LIMIT, CYCLE_VOLUME, CYCLE_PRESSED };
enum cycle_phase { CYCLE_GATHER, CYCLE_AGE, CYCLE_TRACE, CYCLE_SETTLE, CYCLE_PHASES };

/* The reason as include/weir/event.h names it. */
static inline weir_event_reason cycle_event_reason(enum cycle_reason reason)
{
    bool is_for_limit = reason == CYCLE_LIMIT || reason == CYCLE_PRESSED;
    return reason == CYCLE_FORCED ? WEIR_EVENT_FORCED : is_for_limit ? WEIR_EVENT_LIMIT : WEIR_EVENT_GROWTH;
}

typedef void cycle_listener(void *context, enum cycle_reason reason);

/* Have the listener called in this phase of every cycle from now on, and subscribe. There is room for a few
 * listeners, and no way to remove one. */
void cycle_listen(enum cycle_phase phase, cycle_listener *listener, void *context);

/* There is a subscriber: growth triggers cycles from now on. */
void cycle_subscribe(void);

/* Run a cycle now. If another thread is in a cycle, a forced one waits until that has ended and then runs;
 * one for growth is left to that thread. False: none ran, because this thread is in a cycle already, or at
 * its end, or a child of vfork in its parent's memory (world_vfork_begin). Keeps errno. */
bool cycle_run(enum cycle_reason reason);

/* For a cycle for the limit (shed.h): run one phase, under the cycle's lock unless it is SETTLE. */
void cycle_phase(enum cycle_phase phase, enum cycle_reason reason);
/* Does the phase have a listener? */
bool cycle_is_listened(enum cycle_phase phase);

/* Called once, at the start. `room` makes room when the limit is reached; `tell` tells the program that a
 * share of the limit was passed. Cycles for the limit run from then on. */
void cycle_serve_limit(void (*room)(void), void (*tell)(void));

/* Wait until no other thread is in AGE or TRACE. Not to be called from those phases. */
void cycle_wait(void);

/* Run the requested cycle. A cycle for the limit is left to another thread that already runs one, unless the
 * caller's allocation was refused (is_refused). True: this or another thread has run it, and a refused
 * allocation may be tried again. */
bool cycle_run_requested(bool is_refused);

/* Request a volume cycle if the last cycle ended at least this long ago. */
void cycle_age_if_older(uint64_t ns);

/* So many bytes have been allocated, in reused memory or new. That may trigger a cycle. */
void cycle_add_volume(size_t bytes);

/* The same for a thread's heap, which reports a megabyte at a time. */
static inline void cycle_note_volume(heap_t *heap, size_t bytes)
{
    enum { STEP = 1024 * 1024 };
    size_t sum = heap->volume + bytes;
    heap->volume = sum < STEP ? (uint32_t)sum : 0;
    if (UNLIKELY(sum >= STEP))
        cycle_add_volume(sum);
}

static inline bool cycle_is_requested(void)
{
    return UNLIKELY(atomic_load_explicit(&pages_requested, memory_order_relaxed) != PAGES_REQUEST_NONE);
}

#endif
