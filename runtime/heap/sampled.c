/* sampled: see sampled.h. Of the descriptor of a span of samples: free lists its free cells, wait counts
 * those in use, next and prev link the spans of a class that have room. All under the lock.
 */
#include "runtime/heap/sampled.h"

#include "runtime/heap/guard.h"
#include "runtime/heap/large.h"
#include "runtime/heap/profile.h"
#include "runtime/os/check.h"
#include "runtime/os/lock.h"
#include "runtime/os/options.h"
#include "runtime/os/os.h"
#include "runtime/os/probe.h"
#include "runtime/pages/pages.h"

static struct {
    lock_t lock;
    uint32_t with_room[CLASS_COUNT];     /* slots; 0: none */
    _Atomic uint64_t frees[CLASS_COUNT]; /* ever; without the lock */
} sampled = {.lock = LOCK_INIT(LOCK_RANK_SAMPLED)};

/* --- when --- */

/* Guarded blocks are one in so many of all, whatever their size; a class that is too large for a page is never due. */
static void draw(sampling_t *sampling, uint32_t cls)
{
    if (guard_is_on()) {
        bool fits = class_size(cls) <= OS_PAGE;
        sampling->until[cls] =
            fits ? sample_skip(&sampling->sampler, 1, (uint64_t)options.guard) : UINT32_MAX;
        return;
    }
    sampling->until[cls] = sample_skip(&sampling->sampler, class_size(cls), profile_rate());
}

static void draw_collected(sampling_t *sampling, uint32_t kind, uint32_t cls)
{
    if (guard_is_on())
        sampling->until_collected[kind][cls] = UINT32_MAX;
    else
        sampling->until_collected[kind][cls] =
            sample_skip(&sampling->sampler, class_size(cls), profile_rate());
}

sampling_t *sampled_make(void)
{
    sampling_t *sampling = profile_is_on() || guard_is_on() ? pages_metadata(sizeof *sampling) : NULL;
    for (uint32_t cls = 1; sampling && cls < CLASS_COUNT; cls++) {
        draw(sampling, cls);
        for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
            draw_collected(sampling, kind, cls);
    }
    return sampling;
}

/* --- spans of samples --- */

static bool has_room(const span_t *span)
{
    return span->free || span->initialized < span->cells;
}

static void span_begin(uint32_t slot, uint32_t cls)
{
    span_t *span = span_of_slot(slot);
    uint32_t size = class_size(cls);
    *span = (span_t){.cell_size = size,
                     .cells = (uint16_t)(SLOT_SIZE / size),
                     .cls = (uint8_t)cls,
                     .kind = KIND_MANUAL,
                     .state = SPAN_SAMPLED,
                     .touched = span->touched};
}

/* The last span of a class with room stays. */
static void free_cell(span_t *span, cell_t *cell)
{
    uint32_t *list = &sampled.with_room[span->cls];
    lock_acquire(&sampled.lock);
    DEBUG_CHECK(span->state == SPAN_SAMPLED && span->frees_until_event > 0);
    bool had_room = has_room(span);
    cell->next = span->free;
    cell->mark = span;
    span->free = cell;
    __atomic_store_n(&span->frees_until_event, span->frees_until_event - 1, __ATOMIC_RELAXED);
    if (!had_room)
        span_link(list, span);
    bool is_over = span->frees_until_event == 0 && (span->next || span->prev);
    if (is_over) {
        span_unlink(list, span);
        span_set_state(span, SPAN_NONE);
    }
    lock_release(&sampled.lock);
    if (is_over)
        pages_give(span_slot(span), 1, SLOT_PAGES);
}

/* Counts as used from here on. */
static void *take_cell(uint32_t cls)
{
    span_t *span = span_of_slot(sampled.with_room[cls]);
    cell_t *cell = span->free;
    if (cell) {
        span->free = cell->next;
    } else {
        cell = (cell_t *)(void *)(span_start(span) + (size_t)span->initialized * span->cell_size);
        __atomic_store_n(&span->initialized, (uint16_t)(span->initialized + 1), __ATOMIC_RELAXED);
    }
    cell->mark = NULL;
    __atomic_store_n(&span->frees_until_event, span->frees_until_event + 1, __ATOMIC_RELAXED);
    if (!has_room(span))
        span_unlink(&sampled.with_room[cls], span);
    return cell;
}

/* A span that no other thread knows yet; all its pages are charged at once. 0: refused. What may call the program
 * back, when a limit refuses, is done without the lock. */
static uint32_t take_span(uint32_t cls)
{
    uint32_t slot = pages_take_span(false);
    if (!slot)
        return 0;
    span_begin(slot, cls);
    span_t *span = span_of_slot(slot);
    if (span_touch(span, span->cells))
        return slot;
    span_set_state(span, SPAN_NONE);
    pages_give(slot, 1, SLOT_PAGES);
    return 0;
}

static void *alloc_cell(uint32_t cls)
{
    lock_acquire(&sampled.lock);
    if (!sampled.with_room[cls]) {
        lock_release(&sampled.lock);
        uint32_t slot = take_span(cls);
        lock_acquire(&sampled.lock);
        if (slot)
            span_link(&sampled.with_room[cls], span_of_slot(slot));
    }
    void *p = sampled.with_room[cls] ? take_cell(cls) : NULL;
    lock_release(&sampled.lock);
    return p;
}

void *sampled_alloc(heap_t *self, uint32_t cls, size_t size)
{
    draw(self->sampling, cls);
    if (guard_is_on()) {
        void *guarded = guard_alloc(self, cls, size);
        count_add(&self->taken[cls], guarded != NULL);
        return guarded;
    }
    void *p = alloc_cell(cls);
    if (!p)
        return NULL;
    if (profile_note(self, p, class_size(cls), size))
        probe_sample_alloc(p, size, profile_scaled(class_size(cls)));
    count_add(&self->taken[cls], 1);
    profile_look_at_growth();
    return p;
}

void sampled_free(span_t *span, void *p)
{
    probe_sample_free(p);
    profile_forget(p);
    atomic_fetch_add(&sampled.frees[span->cls], 1);
    free_cell(span, p);
}

void sampled_guarded_free(const heap_t *self, void *p)
{
    uint32_t cls = guard_free(self, p);
    if (cls)
        atomic_fetch_add(&sampled.frees[cls], 1);
}

void sampled_count(uint64_t frees[CLASS_COUNT])
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        frees[cls] += atomic_load(&sampled.frees[cls]);
}

/* --- large objects --- */

/* In span->frees_until_event, which no list counts; collected ones have the collector's flags there too. */
enum { LARGE_SAMPLED = COLLECTED_SAMPLED };

void sampled_large(heap_t *self, span_t *span, size_t size)
{
    size_t bytes = large_usable(span);
    escape_chain_t chain = profile_chain_of(span_start(span));
    sampled_large_free(span);
    if (!profile_is_on() || !sample_take(&self->sampling->sampler, bytes, profile_rate()) ||
        !profile_note(self, span_start(span), bytes, size))
        return;
    profile_chain_set(span_start(span), chain);
    collected_set_flag(span, LARGE_SAMPLED);
    probe_sample_alloc(span_start(span), size, profile_scaled(bytes));
    profile_look_at_growth();
}

void sampled_large_free(span_t *span)
{
    if (!collected_has_flag(span, LARGE_SAMPLED))
        return;
    probe_sample_free(span_start(span));
    if (span->kind == KIND_MANUAL)
        profile_forget(span_start(span));
    else
        profile_forget_collected(span_start(span));
    collected_clear_flag(span, LARGE_SAMPLED);
}

/* --- cells that are collected --- */

uint32_t sampled_run(sampling_t *sampling, const span_t *span, uint32_t cells)
{
    uint32_t *until = &sampling->until_collected[span->kind - KIND_SCAN][span->cls];
    if (*until == 0)
        return 1;
    uint32_t taken = cells < *until ? cells : *until;
    *until -= taken;
    return taken;
}

/* Others free cells of the span meanwhile. */
static void note_cell(span_t *span, uint16_t cell)
{
    uint16_t has = __atomic_load_n(&span->samples, __ATOMIC_RELAXED), shall;
    do {
        shall = has == 0 ? (uint16_t)(cell + 1) : SAMPLED_SEVERAL;
    } while (
        !__atomic_compare_exchange_n(&span->samples, &has, shall, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static uint32_t cell_of(const span_t *span, const void *p)
{
    return bitmaps_cell(span->cls, (uintptr_t)p % SLOT_SIZE);
}

void sampled_collected(heap_t *self, void *p, size_t size)
{
    span_t *span = span_of_slot(region_slot(p));
    draw_collected(self->sampling, span->kind - KIND_SCAN, span->cls);
    if (!profile_is_on() || !profile_note(self, p, span->cell_size, size))
        return;
    note_cell(span, (uint16_t)cell_of(span, p));
    probe_sample_alloc(p, size, profile_scaled(span->cell_size));
}

/* The one sample of the span, if it has no more, is gone. */
static void forget_only(span_t *span, uint16_t only)
{
    __atomic_compare_exchange_n(&span->samples, &only, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void sampled_collected_free(span_t *span, const void *p)
{
    uint16_t has = __atomic_load_n(&span->samples, __ATOMIC_RELAXED);
    uint32_t cell = cell_of(span, p);
    if (has != SAMPLED_SEVERAL && has != cell + 1)
        return;
    probe_sample_free(p);
    profile_forget_collected(p);
    if (has != SAMPLED_SEVERAL)
        forget_only(span, has);
}

void sampled_collected_sweep(span_t *span)
{
    const bits_t *bits = bitmaps_of(span_slot(span));
    uint16_t has = __atomic_load_n(&span->samples, __ATOMIC_RELAXED);
    uint64_t dead[SLOT_WORDS];
    for (uint32_t word = 0; word < bitmaps_words(span); word++)
        dead[word] = __atomic_load_n(&bits[word].allocs, __ATOMIC_RELAXED) &
                     ~__atomic_load_n(&bits[word].marks, __ATOMIC_RELAXED);
    if (has == SAMPLED_SEVERAL) {
        profile_forget_cells(span_start(span), span->cell_size, dead, bitmaps_words(span));
    } else if (dead[(has - 1) / 64] >> (has - 1) % 64 & 1) {
        profile_forget_collected(span_start(span) + (size_t)(has - 1) * span->cell_size);
        forget_only(span, has);
    }
}

/* --- fork --- */

bool sampled_before_fork(void)
{
    return lock_acquire_soon(&sampled.lock);
}

void sampled_after_fork(bool child)
{
    lock_after_fork(&sampled.lock, child);
}
