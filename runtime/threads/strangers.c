/* strangers: see strangers.h. */
#include "runtime/threads/strangers.h"

#include "runtime/cells/cache.h"
#include "runtime/os/self.h"
#include "runtime/threads/workers.h"

/* The task that traces the threads has a process of its own. */
bool strangers_run(void)
{
    uint32_t known = workers_started(), count = os_thread_count();
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        known += heap_has_thread(heap);
    return count == 0 || count > known;
}
