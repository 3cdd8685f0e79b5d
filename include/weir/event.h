/* weir/event.h: events: the runtime calls listeners when it does something. A listener may be a tracer, a
 * log, or the program's own controller.
 *
 * A cycle, in order of its events; the indented ones only if there is collected memory:
 *
 *     CYCLE_BEGIN        a cycle begins: the heap has grown, a limit cannot be held, or the program asked. Or
 *                        much was allocated since the last cycle though the heap did not grow: in such a
 *                        cycle pools age, but nothing is collected
 *     LIMIT_REACHED      if the cycle runs because of a limit
 *     POOLS_AGED         objects that were not used across two cycles are about to be dropped. In a cycle for
 *                        a limit this comes once for each rung of pools that is taken (weir/control.h), and
 *                        the indented events follow only if these rungs were not enough
 *         STOP_BEGIN     threads are asked to stop
 *         STOPPED        all threads are stopped                     * the world is stopped
 *         MARKED         everything that is reached is marked        * the world is stopped
 *         STARTED        the threads run again. Marking beside the program has two stops; MARKED comes in the
 *                        second one only
 *         COLLECTED      spans and large objects without a live object were given back; the figures of this
 *                        collection are complete
 *     CYCLE_END          pools have dropped objects, idle memory has been released
 *
 * At any time: GOAL_CHANGED (by a cycle, or by a knob); LIMITER_ON (under a limit, half of the CPU time went
 * into collections: from now on the limit may be exceeded); LIMITER_OFF (the limit holds again).
 *
 * If a thread cannot be stopped, for example because it blocks the signal, CYCLE_END follows STOP_BEGIN at
 * once.
 *
 * A listener runs on the thread that runs the cycle; this may be any thread that allocates. Locks of the
 * runtime are held. The listener may write to its own memory and make system calls (write, clock_gettime). It
 * may not allocate, nor call weir, nor take a lock that a thread could hold while it allocates. While the
 * world is stopped (*), a stopped thread may hold any lock, also the C library's; so a listener may not call
 * printf then. Only at CYCLE_END no lock is held, and a listener may do anything. No cycle begins inside of
 * it, but another thread may have begun one.
 *
 * After Whippet's gc-event-listener.h. Go reports the same by runtime/trace.
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
    size_t size; /* of this struct, in the version of the library */
    weir_event_kind kind;
    weir_event_reason reason; /* of the cycle; not for GOAL_CHANGED */
    uint64_t time_ns;         /* now, on the monotonic clock */
    /* From STOP_BEGIN to COLLECTED, and of the limiter's: */
    uint64_t collection; /* the number of this one, from 1 */
    uint64_t heap_began; /* bytes of collected memory when it began */
    /* From MARKED on: */
    uint64_t live, live_objects; /* marked */
    uint64_t roots;              /* looked through as roots */
    /* Of COLLECTED: how long it took to stop all threads, to mark, and to let them run again. Their sum is
     * the pause. */
    uint64_t stop_ns, mark_ns, start_ns;
    /* Of all collections: the processor time that they took, and all the processor time that there was since
     * weir began. */
    uint64_t collector_cpu_ns, available_cpu_ns;
    unsigned processors;
    /* STOP_BEGIN and later: the goal of this cycle. GOAL_CHANGED: the new one; UINT64_MAX: none. */
    uint64_t goal;
} weir_event;

typedef void weir_event_listener(void *context, const weir_event *event);

/* The kinds of events that a listener wants: a sum of these bits. */
#define WEIR_EVENT_BIT(kind) ((uint32_t)1 << (kind))
#define WEIR_EVENT_ALL UINT32_MAX

WEIR_API_BEGIN

/* Have listener(context, event) called for these kinds of events from now on. Several listeners are mostly
 * called in the order in which they were added. Returns 0; -1 with ENOMEM: there are 16 already. Any thread
 * may call it at any time. */
WEIR_API int weir_event_listen(uint32_t kinds, weir_event_listener *listener, void *context) WEIR_NOEXCEPT;

/* Remove the listener. When this returns the listener is not running, unless a listener has called this. Does
 * nothing if there is no such listener. */
WEIR_API void weir_event_unlisten(weir_event_listener *listener, void *context) WEIR_NOEXCEPT;

WEIR_API_END

#endif
