/* heaps: see heaps.h. */
#include "runtime/malloc/heaps.h"

#include "runtime/cells/cache.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/sampled.h"

void heaps_set_owner(heap_t *heap, uintptr_t word)
{
    heap->word = word;
    for (uint32_t slot = heap->spans; slot; slot = span_of_slot(slot)->all_next)
        __atomic_store_n(&span_of_slot(slot)->owner, word, __ATOMIC_RELAXED);
}

heap_t *heaps_make(void)
{
    _Static_assert(sizeof(heap_t) <= OS_PAGE, "a program of one thread maps no metadata: pages/metadata.c");
    heap_t *heap = pages_metadata(sizeof(heap_t) + (heaps_use_own_bins() ? sizeof cache.bins : 0));
    if (!heap)
        return NULL;
    heap->sampling = sampled_make();
    heap->bins = heaps_use_own_bins() ? heaps_own_bins(heap) : NULL;
    heap->next = heaps.all;
    heaps.all = heap;
    return heap;
}
