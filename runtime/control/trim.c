/* trim: see trim.h. */
#include "runtime/control/trim.h"

#include "runtime/cells/cache.h"
#include "runtime/cells/hollow.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/harden/harden.h"
#include "runtime/malloc/orphans.h"
#include "runtime/malloc/remote.h"
#include "runtime/malloc/span.h"
#include "runtime/malloc/spare.h"
#include "runtime/malloc/tend.h"
#include "runtime/pages/pages.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/bias.h"

static bool has_mail(const heap_t *self)
{
    return atomic_load_explicit(&self->inbox, memory_order_relaxed) != NULL;
}

static void shed_own(heap_t *self)
{
    bias_enter(self);
    remote_flush(self);
    remote_drain(self);
    span_release_empty(self);
    spare_release(self);
    hollow_heap(self, NULL);
    bias_leave(self);
}

void trim_caches(bool every)
{
    heap_t *self = thread_heap();
    if (!self)
        return;
    if (options.harden)
        harden_shed(self);
    shed_own(self);
    tend_all(every);
    if (has_mail(self))
        shed_own(self); /* cells of this heap that other threads had in their outboxes */
    orphans_release_empty();
    thread_return_borrowed();
}

void trim_own(void)
{
    heap_t *self = thread_heap();
    if (self)
        shed_own(self);
    thread_return_borrowed();
}

bool trim_all(size_t keep)
{
    trim_caches(true);
    bool trimmed = collected_trim();
    return pages_trim(keep) || trimmed;
}
