/* divert: see divert.h. */
#include "runtime/control/divert.h"

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/malloc/span.h"
#include "runtime/profile/budget.h"
#include "runtime/profile/sampled.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/bias.h"
#include "runtime/threads/world.h"

/* Give the cells of the heap's lists and buffers back to their spans, so that the next allocation of each
 * class takes the slow path. */
static void empty_lists(heap_t *heap)
{
    world_enter();
    collected_thread_end(heap);
    world_leave();
    bias_enter(heap);
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        span_deactivate(heap, cls);
    bias_leave(heap);
}

static void divert(heap_t *heap, bool diverted)
{
    if (!heap->sampling)
        heap->sampling = sampled_make_idle();
    if (!heap->sampling || sampled_is_diverted(heap->sampling) == diverted)
        return;
    empty_lists(heap);
    sampled_divert(heap->sampling, diverted);
}

void divert_for_caller(weir_account *(*of_caller)(const heap_t *heap))
{
    budget_set_caller(of_caller);
    if (cache.heap)
        divert(cache.heap, true);
}

weir_account *divert_to(weir_account *account)
{
    weir_account *before = budget_current;
    heap_t *heap = account != before && !options.harden ? thread_heap() : NULL;
    if (!heap)
        return before;
    budget_current = account;
    divert(heap, account != NULL || budget_asks_caller());
    thread_return_borrowed();
    return before;
}

void divert_thread_begin(heap_t *heap)
{
    budget_current = NULL;
    if (heap->sampling && sampled_is_diverted(heap->sampling) != budget_asks_caller())
        sampled_divert(heap->sampling, budget_asks_caller());
}

weir_account *divert_to_account_of(const void *block)
{
    weir_account *account = budget_find(block);
    return account ? divert_to(account) : budget_current;
}
