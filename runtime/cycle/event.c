/* event: see event.h. */
#include "runtime/cycle/event.h"

#include "runtime/base/probe.h"

enum { LISTENERS = 16 };

/* A slot is free (FREE), being filled (FILLED, kinds == 0), or listens (FILLED, kinds != 0). `kinds` is
 * written last and cleared first. */
enum { FREE, FILLED };
static struct slot {
    _Atomic int state;
    _Atomic uint32_t kinds; /* 0: not yet, or no more */
    weir_event_listener *_Atomic listener;
    void *_Atomic context; /* both written before kinds; read by event_unlisten, too, to find its slot */
} slots[LISTENERS];

_Atomic uint32_t event_wanted;
static _Atomic uint32_t telling; /* threads that are calling listeners */
static __thread uint32_t own_telling __attribute__((tls_model("initial-exec")));

void event_probe(const weir_event *event, weir_event_kind kind)
{
    switch ((int)kind) {
    case WEIR_EVENT_STOP_BEGIN:
        probe_gc_start(event->collection, event->heap_began);
        break;
    case WEIR_EVENT_COLLECTED:
        probe_stop(event->stop_ns + event->mark_ns + event->start_ns);
        probe_gc_done(event->collection, event->live);
        break;
    case WEIR_EVENT_GOAL_CHANGED:
        probe_goal(event->goal);
        break;
    case WEIR_EVENT_LIMIT_REACHED:
        probe_limit();
        break;
    default:
        break;
    }
}

void event_tell_wanted(weir_event *event, weir_event_kind kind)
{
    event->size = sizeof *event;
    event->kind = kind;
    event->time_ns = os_now_ns();
    if (own_telling++ == 0)
        atomic_fetch_add(&telling, 1);
    for (size_t i = 0; i < LISTENERS; i++)
        if (atomic_load(&slots[i].kinds) & WEIR_EVENT_BIT(kind))
            slots[i].listener(slots[i].context, event);
    if (--own_telling == 0)
        atomic_fetch_sub(&telling, 1);
}

bool event_listen(uint32_t kinds, weir_event_listener *listener, void *context)
{
    for (size_t i = 0; i < LISTENERS; i++) {
        int expected = FREE;
        if (!atomic_compare_exchange_strong(&slots[i].state, &expected, FILLED))
            continue;
        slots[i].listener = listener;
        slots[i].context = context;
        atomic_store(&slots[i].kinds, kinds);
        atomic_fetch_or(&event_wanted, kinds);
        return true;
    }
    return false;
}

/* A thread that has read `kinds` before it was cleared may still call the listener: it counts in `telling`
 * until it has called all of them. */
static void wait_for_tellers(void)
{
    if (own_telling)
        return;
    while (atomic_load(&telling))
        os_yield();
}

void event_unlisten(weir_event_listener *listener, void *context)
{
    for (size_t i = 0; i < LISTENERS; i++) {
        struct slot *slot = &slots[i];
        if (!atomic_load(&slot->kinds) || slot->listener != listener || slot->context != context)
            continue;
        atomic_store(&slot->kinds, 0);
        wait_for_tellers();
        atomic_store(&slot->state, FREE);
        return;
    }
}

void event_after_fork_child(void)
{
    atomic_store(&telling, own_telling ? 1 : 0);
}
