/* walk: the public functions for the walk through the heap. */
#include <weir/walk.h>

#include "runtime/control/walk.h"

void weir_heap_walk(bool (*visit)(void *ctx, const weir_span *span, size_t size), void *ctx)
{
    walk_slot_t found;
    for (uint32_t slot = walk_first(); slot < walk_end(); slot++)
        if (walk_read(slot, &found) && !visit(ctx, &found.span, sizeof found.span))
            return;
}
