/* collected_span: see collected_span.h. */
#include "runtime/gc/cells/collected_span.h"

#include <errno.h>
#include <string.h>

#include "runtime/cells/bitmaps.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/slots.h"
#include "runtime/config/options.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/sampled.h"

_Alignas(64) _Atomic size_t collected_bytes_since;
_Alignas(64) _Atomic size_t collected_bytes_held;
_Alignas(64) _Atomic ptrdiff_t collected_old_bytes;
_Atomic ptrdiff_t collected_old_objects;

struct collected_release collected_release;
struct collected_lists collected_lists = {.lock = LOCK_INIT(LOCK_RANK_COLLECTED)};

/* --- the lists of spans; under the lock --- */

static uint32_t *list_of(const span_t *span)
{
    return &collected_lists.spans[span->kind - KIND_SCAN][span->cls];
}

static void list_remove(span_t *span)
{
    if (collected_lists.releasing == span_slot(span))
        collected_lists.releasing = span->next;
    uint32_t *cursor = &collected_lists.cursor[span->kind - KIND_SCAN][span->cls];
    if (*cursor == span_slot(span))
        *cursor = span->next;
    span_unlink(list_of(span), span);
}

/* Move the span, which is swept, to the front of its list: before the cursor. */
static void list_to_front(span_t *span)
{
    list_remove(span);
    span_link(list_of(span), span);
}

/* --- spans --- */

span_t *collected_span_new(heap_t *self, enum span_kind kind, uint32_t cls)
{
    uint32_t slot = slots_take(kind);
    if (!slot)
        return NULL;
    lock_acquire(&collected_lists.lock);
    bool ready = bitmaps_prepare(slot, 1);
    if (ready) {
        span_t *span = span_of_slot(slot);
        uint32_t size = class_size(cls);
        *span = (span_t){.cell_size = size,
                         .cells = (uint16_t)(SLOT_SIZE / size),
                         .cls = (uint8_t)cls,
                         .kind = (uint8_t)kind,
                         .touched = span->touched,
                         .pile = self->collected->pile,
                         .heap = self};
        memset(bitmaps_of(slot), 0, SLOT_WORDS * sizeof(bits_t));
        memset(bitmaps_scanned_of(slot), 0, SLOT_WORDS * sizeof(uint64_t));
        span->epoch = collected_lists.epoch;
        span_link(list_of(span), span);
        collected_bytes_held += SLOT_SIZE;
        span_set_state(span, SPAN_COLLECTED);
        bitmaps_set_slot_kind(slot, (slot_kind_t){.cls = (uint8_t)cls, .kind = (uint8_t)kind});
    }
    lock_release(&collected_lists.lock);
    if (ready)
        return span_of_slot(slot);
    pages_give(slot, 1, SLOT_PAGES);
    errno = ENOMEM;
    return NULL;
}

/* Written word by word: markers may read the words beside the program, and know a poisoned one. */
void collected_poison(char *cell, size_t size)
{
    for (size_t at = 0; at < size; at += sizeof(uint64_t))
        __atomic_store_n((uint64_t *)(void *)(cell + at), COLLECTED_POISON, __ATOMIC_RELAXED);
}

static void poison_dead(const span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    for (uint32_t cell = 0; cell < span->cells; cell++) {
        uint64_t allocs = __atomic_load_n(&bits[cell / 64].allocs, __ATOMIC_RELAXED);
        uint64_t marks = __atomic_load_n(&bits[cell / 64].marks, __ATOMIC_RELAXED);
        if ((allocs & ~marks) >> cell % 64 & 1)
            collected_poison(span_start(span) + (size_t)cell * span->cell_size, span->cell_size);
    }
}

/* The state of a span that was just swept; under the lock. `heap` is cleared, too: a thread that vanished in
 * a fork may have claimed the span and not yet entered it in `active`, where the end of a trace looks. */
static void span_renew(span_t *span)
{
    __atomic_store_n(&span->heap, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&span->epoch, collected_lists.epoch, __ATOMIC_RELAXED);
    __atomic_store_n(&span->freed, 0, __ATOMIC_RELAXED);
    span->is_offered = false;
    span->position = 0;
}

/* Cells freed by hand can be allocated again, and so no longer count as allocated; under the lock. */
static void settle(span_t *span)
{
    size_t freed = __atomic_exchange_n(&span->freed, 0, __ATOMIC_RELAXED);
    atomic_fetch_sub_explicit(&collected_bytes_since, freed * span->cell_size, memory_order_relaxed);
}

/* The span is swept, unclaimed, and has free cells: a thread that needs some may claim it. Under the lock.
 *
 * It goes to the front of its list, so that it is among the first to be swept after the next trace. A young
 * trace frees nothing in most spans. If those came first, a thread would sweep SWEEPS_MAX of them in vain and
 * then take a new span, although there are free cells. While a walk goes on that gives the lock up in
 * between (`releasing`), the span stays where it is: collected_forget_marks must not miss it. */
void collected_span_offer(span_t *span)
{
    uint32_t *list = &collected_lists.reclaim[span->pile][span->kind - KIND_SCAN][span->cls];
    DEBUG_CHECK(!span->heap && span->epoch == collected_lists.epoch);
    if (span->is_offered)
        return;
    span->is_offered = true;
    span->next_offered = *list;
    *list = span_slot(span);
    if (!collected_lists.releasing)
        list_to_front(span);
}

/* Enough of the span has been freed to claim it once more, if it is swept and unclaimed. */
COLD void collected_span_reclaim(span_t *span)
{
    lock_acquire(&collected_lists.lock);
    if (!__atomic_load_n(&span->heap, __ATOMIC_ACQUIRE) && span->epoch == collected_lists.epoch) {
        settle(span);
        collected_span_offer(span);
    }
    lock_release(&collected_lists.lock);
}

/* Clears `heap`, then reads `freed`; collected_free raises `freed`, then reads `heap`. So at least one of the
 * two threads offers the span. */
void collected_span_leave(span_t *span)
{
    __atomic_store_n(&span->heap, NULL, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&span->freed, __ATOMIC_SEQ_CST) >= collected_span_worth(span))
        collected_span_reclaim(span);
}

/* Of a word of the bitmaps, free the cells that are not marked; returns which are in use then. Other threads
 * may meanwhile ask whether their objects are allocated, and free them: so each word is written by one store,
 * and no store sets a mark. */
static uint64_t sweep_allocs(bits_t *bits)
{
    uint64_t live =
        __atomic_load_n(&bits->marks, __ATOMIC_RELAXED) & __atomic_load_n(&bits->allocs, __ATOMIC_ACQUIRE);
    __atomic_store_n(&bits->allocs, live, __ATOMIC_RELAXED);
    return live;
}

static uint64_t sweep_word(bits_t *bits, uint64_t *scanned)
{
    uint64_t live = sweep_allocs(bits);
    __atomic_store_n(&bits->marks, 0, __ATOMIC_RELAXED);
    *scanned = 0;
    return live;
}

/* The same if marks stay; the thread that frees a marked cell clears its other bits after allocs
 * (collected_free). */
static uint64_t sweep_word_young(bits_t *bits, uint64_t *scanned)
{
    uint64_t live = sweep_allocs(bits);
    __atomic_fetch_and(&bits->marks, live, __ATOMIC_RELAXED);
    __atomic_fetch_and(scanned, live, __ATOMIC_RELAXED);
    return live;
}

/* Returns the number of cells in use. */
static uint32_t sweep_words(span_t *span)
{
    bits_t *bits = bitmaps_of(span_slot(span));
    uint64_t *scanned = bitmaps_scanned_of(span_slot(span));
    uint32_t used = 0, words = bitmaps_words(span);
    if (LIKELY(!collected_lists.keeps_marks)) {
        for (uint32_t word = 0; word < words; word++)
            used += (uint32_t)__builtin_popcountll(sweep_word(&bits[word], &scanned[word]));
        return used;
    }
    for (uint32_t word = 0; word < words; word++)
        used += (uint32_t)__builtin_popcountll(sweep_word_young(&bits[word], &scanned[word]));
    collected_count_old(used, (ptrdiff_t)used * span->cell_size);
    return used;
}

uint32_t collected_span_sweep(span_t *span)
{
    if (UNLIKELY(options.poison))
        poison_dead(span);
    if (UNLIKELY(sampled_has_span(span)))
        sampled_collected_sweep(span);
    uint32_t used = sweep_words(span);
    span_renew(span);
    return used;
}

void collected_span_keep(span_t *span)
{
    collected_span_sweep(span);
    list_to_front(span);
    collected_span_offer(span);
}

void collected_span_discard(span_t *span)
{
    if (UNLIKELY(sampled_has_span(span)))
        sampled_collected_sweep(span);
    list_remove(span);
    bitmaps_set_watch(span_slot(span), 0); /* what comes here next may be larger */
    bitmaps_set_slot_kind(span_slot(span), (slot_kind_t){.cls = 0});
    collected_bytes_held -= SLOT_SIZE;
    span_set_state(span, SPAN_NONE);
    span->kind = KIND_MANUAL;
    __atomic_store_n(&span->heap, NULL, __ATOMIC_RELAXED);
    pages_give(span_slot(span), 1, SLOT_PAGES);
}

/* Take a span that was offered: if there is one, from the thread's own pile, since its memory may be in this
 * processor's cache. Under the lock. */
static span_t *take_offered(const heap_t *self, enum span_kind kind, uint32_t cls)
{
    for (uint32_t i = 0; i < COLLECTED_PILES; i++) {
        uint32_t pile = (self->collected->pile + i) % COLLECTED_PILES;
        uint32_t *list = &collected_lists.reclaim[pile][kind - KIND_SCAN][cls];
        if (!*list)
            continue;
        span_t *span = span_of_slot(*list);
        *list = span->next_offered;
        settle(span);
        span_renew(span);
        return span;
    }
    return NULL;
}

/* Sweeps spans at the cursor until one has free cells; else takes one that was offered. */
span_t *collected_span_claim(heap_t *self, enum span_kind kind, uint32_t cls, uint32_t sweeps)
{
    uint32_t *cursor = &collected_lists.cursor[kind - KIND_SCAN][cls];
    span_t *found = NULL;
    lock_acquire(&collected_lists.lock);
    for (; *cursor && !found && sweeps > 0; sweeps--) {
        span_t *span = span_of_slot(*cursor);
        *cursor = span->next;
        if (collected_span_sweep(span) < span->cells)
            found = span;
    }
    if (!found)
        found = take_offered(self, kind, cls);
    if (found) {
        found->pile = self->collected->pile;
        __atomic_store_n(&found->heap, self, __ATOMIC_RELAXED);
    }
    lock_release(&collected_lists.lock);
    return found;
}
