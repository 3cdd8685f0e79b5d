/* weir/event.h: what the runtime does, told as it does it: to a tracer, to a log, to a controller of the
 * program's own.
 *
 * A cycle, in order of its events; the indented ones only if there is collected memory:
 *
 *     CYCLE_BEGIN        a cycle begins: the heap has grown, a limit cannot be held, or the program asked; or
 *                        so much was allocated since the last cycle, though the heap is flat: then only pools
 *                        age
 *     LIMIT_REACHED      if it runs for the limit's sake
 *     POOLS_AGED         what was not used across two cycles is about to be dropped; in a cycle for the
 *                        limit's sake once for each rung of pools that it takes (weir/control.h), and what
 *                        follows only if it comes to that
 *         STOP_BEGIN     threads are asked to stop
 *         STOPPED        they stand still                             * the world stands still
 *         MARKED         what is reached is marked                    * the same
 *         STARTED        they run again. Marking beside the program has two stops: only in the second MARKED
 *                        is told
 *         COLLECTED      what is garbage as a whole is given back; the figures of this collection are
 *                        complete
 *     CYCLE_END          pools have dropped, idle memory has been released
 *
 * At any time: GOAL_CHANGED (by a cycle, or by a knob), LIMITER_ON and LIMITER_OFF (under a limit half of the
 * CPU went into collecting: from now on the limit may be exceeded; and no more).
 *
 * If a thread blocks the signal that stops it, STOP_BEGIN is followed by CYCLE_END at once.
 *
 * A listener runs on the thread that runs the cycle, which is any thread that allocates, with locks of the
 * runtime held. It may write to memory of its own and use system calls (write, clock_gettime), but may
 * neither allocate nor call weir, nor take a lock that a thread could hold while it allocates. While the
 * world stands still (*) a stopped thread may hold any lock: the C library's too, so no printf. CYCLE_END
 * alone comes with no lock held: its listener may do anything; a cycle does not begin in it, but another
 * thread's may have begun.
 *
 * After Whippet's gc-event-listener.h; Go tells as much by runtime/trace.
 */
#ifndef WEIR_EVENT_H
#define WEIR_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

typedef enum weir_event_kind {
    WEIR_EVENT_CYCLE_BEGIN,
    WEIR_EVENT_LIMIT_REACHED,
    WEIR_EVENT_POOLS_AGED,
    WEIR_EVENT_STOP_BEGIN,
    WEIR_EVENT_STOPPED,
    WEIR_EVENT_MARKED,
    WEIR_EVENT_STARTED,
    WEIR_EVENT_COLLECTED,
    WEIR_EVENT_CYCLE_END,
    WEIR_EVENT_GOAL_CHANGED,
    WEIR_EVENT_LIMITER_ON,
    WEIR_EVENT_LIMITER_OFF
} weir_event_kind;

typedef enum weir_event_reason {
    WEIR_EVENT_FORCED, /* by weir_gc or weir_free_os_memory */
    WEIR_EVENT_GROWTH,
    WEIR_EVENT_LIMIT
} weir_event_reason;

/* Sizes are bytes, times nanoseconds. A field is zero where its event does not know it. */
typedef struct weir_event {
    size_t size; /* of this struct, as the library has it */
    weir_event_kind kind;
    weir_event_reason reason; /* of the cycle; not for GOAL_CHANGED */
    uint64_t time_ns;         /* now, on the monotonic clock */
    /* From STOP_BEGIN to COLLECTED, and of the limiter's: */
    uint64_t collection; /* the number of this one, from 1 */
    uint64_t heap_began; /* collected memory when it began */
    /* From MARKED on: */
    uint64_t live, live_objects; /* marked */
    uint64_t roots;              /* looked through as roots */
    /* Of COLLECTED: how long it took until all stood still, to mark, until all could run again. Their sum is
     * the pause. */
    uint64_t stop_ns, mark_ns, start_ns;
    /* Of all collections: what they cost on all processors, of what there was since weir began. */
    uint64_t collector_cpu_ns, available_cpu_ns;
    unsigned processors;
    /* STOP_BEGIN and later: the goal of this cycle. GOAL_CHANGED: the new one; UINT64_MAX: none. */
    uint64_t goal;
} weir_event;

typedef void weir_event_listener(void *context, const weir_event *event);

/* Of the kinds that a listener wants; add them up. */
#define WEIR_EVENT_BIT(kind) ((uint32_t)1 << (kind))
#define WEIR_EVENT_ALL UINT32_MAX

WEIR_API_BEGIN

/* Have listener(context, event) called for these kinds of events from now on. Several may listen, in the
 * order in which they came, mostly. Returns 0; -1 with ENOMEM: there is room for 16. Any thread, at any
 * time. */
WEIR_API int weir_event_listen(uint32_t kinds, weir_event_listener *listener, void *context) WEIR_NOEXCEPT;

/* No more. When it returns the listener is not running, unless this is called by a listener. Nothing if there
 * is none such. */
WEIR_API void weir_event_unlisten(weir_event_listener *listener, void *context) WEIR_NOEXCEPT;

WEIR_API_END

#endif
