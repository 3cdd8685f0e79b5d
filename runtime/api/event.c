/* event: the public functions for events. */
#include <weir/event.h>

#include <errno.h>

#include "runtime/cycle/cycle.h"
#include "runtime/cycle/event.h"
#include "runtime/threads/attach.h"

/* A listener alone would hear of few cycles: without a subscriber growth triggers none. */
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
