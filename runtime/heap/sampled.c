/* sampled: see sampled.h. Of the descriptor of a span of samples: free lists its free cells, wait counts
 * those in use, next and prev link the spans of a class that have room. All under the lock.
 */
#include "runtime/heap/sampled.h"

#include "runtime/heap/large.h"
#include "runtime/heap/profile.h"
#include "runtime/os/check.h"
#include "runtime/os/lock.h"
#include "runtime/os/probe.h"
#include "runtime/pages/pages.h"

static struct {
    lock_t lock;
    uint32_t with_room[CLASS_COUNT];     /* slots; 0: none */
    _Atomic uint64_t frees[CLASS_COUNT]; /* ever; without the lock */
} sampled = {.lock = LOCK_INIT(LOCK_RANK_SAMPLED)};

/* --- when --- */

static void draw(sampling_t *sampling, uint32_t cls)
{
    sampling->until[cls] = sample_skip(&sampling->sampler, class_size(cls), profile_rate());
}

sampling_t *sampled_make(void)
{
    sampling_t *sampling = profile_is_on() ? pages_metadata(sizeof *sampling) : NULL;
    for (uint32_t cls = 1; sampling && cls < CLASS_COUNT; cls++)
        draw(sampling, cls);
    return sampling;
}

/* --- spans of samples --- */

static bool has_room(const span_t *span)
{
    return span->free || span->extended < span->cells;
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
    DEBUG_CHECK(span->state == SPAN_SAMPLED && span->wait > 0);
    bool had_room = has_room(span);
    cell->next = span->free;
    cell->mark = span;
    span->free = cell;
    __atomic_store_n(&span->wait, span->wait - 1, __ATOMIC_RELAXED);
    if (!had_room)
        span_link(list, span);
    bool is_over = span->wait == 0 && (span->next || span->prev);
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
        cell = (cell_t *)(void *)(span_start(span) + (size_t)span->extended * span->cell_size);
        __atomic_store_n(&span->extended, (uint16_t)(span->extended + 1), __ATOMIC_RELAXED);
    }
    cell->mark = NULL;
    __atomic_store_n(&span->wait, span->wait + 1, __ATOMIC_RELAXED);
    if (!has_room(span))
        span_unlink(&sampled.with_room[cls], span);
    return cell;
}

/* A span that nobody knows yet; all its pages are charged at once. 0: refused. What may call the program
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

void sampled_count(uint64_t frees[CLASS_COUNT])
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        frees[cls] += atomic_load(&sampled.frees[cls]);
}

/* --- large objects --- */

/* In span->wait of a manual one, which no list counts. */
enum { LARGE_SAMPLED = 1 };

void sampled_large(heap_t *self, span_t *span, size_t size)
{
    size_t bytes = large_usable(span);
    sampled_large_free(span);
    if (!sample_take(&self->sampling->sampler, bytes, profile_rate()) ||
        !profile_note(self, span_start(span), bytes, size))
        return;
    span->wait = LARGE_SAMPLED;
    probe_sample_alloc(span_start(span), size, profile_scaled(bytes));
    profile_look_at_growth();
}

void sampled_large_free(span_t *span)
{
    if (span->wait != LARGE_SAMPLED)
        return;
    probe_sample_free(span_start(span));
    profile_forget(span_start(span));
    span->wait = 0;
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
