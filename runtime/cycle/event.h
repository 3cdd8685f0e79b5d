/* event: listeners to what the runtime does; include/weir/event.h is the manual.
 *
 * A fixed table without a lock: events are told while the world is stopped, too, and a stopped thread may
 * have been in the middle of adding or removing a listener.
 */
#ifndef WEIR_CYCLE_EVENT_H
#define WEIR_CYCLE_EVENT_H

#include <stdatomic.h>
#include <weir/event.h>

#include "runtime/os/os.h"

/* The kinds of events that have listeners, and perhaps some that have none any more. */
extern _Atomic uint32_t event_wanted;

/* Fills in the size, the kind and the time. */
void event_tell_wanted(weir_event *event, weir_event_kind kind);

/* The probes that tracers outside of the process see. */
void event_probe(const weir_event *event, weir_event_kind kind);

static inline void event_tell(weir_event *event, weir_event_kind kind)
{
    event_probe(event, kind);
    if (UNLIKELY(atomic_load_explicit(&event_wanted, memory_order_relaxed) & WEIR_EVENT_BIT(kind)))
        event_tell_wanted(event, kind);
}

/* False: there is no room. */
bool event_listen(uint32_t kinds, weir_event_listener *listener, void *context);
void event_unlisten(weir_event_listener *listener, void *context);

/* In the child of a fork: other threads that were calling listeners are gone. */
void event_after_fork_child(void);

#endif
