/* event: the public functions for events. */
#include <weir/event.h>

#include <errno.h>

#include "runtime/cycle/cycle.h"
#include "runtime/cycle/event.h"
#include "runtime/threads/attach.h"

/* Also subscribes to cycles: without a subscriber, growth triggers none, and there would be few events. */
int weir_event_listen(uint32_t kinds, weir_event_listener *listener, void *context)
{
    thread_heap();
    thread_return_borrowed();
    cycle_subscribe();
    if (event_listen(kinds, listener, context))
        return 0;
    errno = ENOMEM;
    return -1;
}

void weir_event_unlisten(weir_event_listener *listener, void *context)
{
    event_unlisten(listener, context);
}
