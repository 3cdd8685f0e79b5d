/* sampled: see sampled.h. In the descriptor of a span of samples, `free` lists its free cells,
 * frees_until_event counts those in use, and next and prev link the spans of a class that have room. All of
 * them are protected by the lock.
 */
#include "runtime/profile/sampled.h"

#include <string.h>

#include "runtime/base/probe.h"
#include "runtime/cells/bitmaps.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/os/check.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/budget.h"
#include "runtime/profile/guard.h"
#include "runtime/profile/profile.h"

static struct {
    lock_t lock;
    uint32_t with_room[CLASS_COUNT];     /* slots; 0: none */
    _Atomic uint64_t frees[CLASS_COUNT]; /* ever; without the lock */
} sampled = {.lock = LOCK_INIT(LOCK_RANK_SAMPLED)};

/* --- when --- */

/* How many cells of the class the thread gets before the next sample. With guarded blocks one block in N is
 * due, whatever its size; but a block that does not fit into a page is never due. */
static uint32_t drawn(sampling_t *sampling, uint32_t cls)
{
    if (guard_is_on())
        return class_size(cls) <= OS_PAGE ? sample_skip(&sampling->sampler, 1, (uint64_t)options.guard)
                                          : UINT32_MAX;
    return profile_is_on() ? sample_skip(&sampling->sampler, class_size(cls), profile_rate()) : UINT32_MAX;
}

static uint32_t drawn_collected(sampling_t *sampling, uint32_t cls)
{
    return profile_is_on() && !guard_is_on()
               ? sample_skip(&sampling->sampler, class_size(cls), profile_rate())
               : UINT32_MAX;
}

sampling_t *sampled_make_idle(void)
{
    sampling_t *sampling = pages_metadata(sizeof *sampling);
    for (uint32_t cls = 1; sampling && cls < CLASS_COUNT; cls++) {
        sampling->until[cls] = drawn(sampling, cls);
        for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
            sampling->until_collected[kind][cls] = drawn_collected(sampling, cls);
    }
    return sampling;
}

sampling_t *sampled_make(void)
{
    sampling_t *sampling =
        profile_is_on() || guard_is_on() || budget_asks_caller() ? sampled_make_idle() : NULL;
    if (sampling && budget_asks_caller())
        sampled_divert(sampling, true);
    return sampling;
}

void sampled_divert(sampling_t *sampling, bool diverted)
{
    _Static_assert(sizeof sampling->kept == sizeof sampling->until, "one for one");
    _Static_assert(sizeof sampling->kept_collected == sizeof sampling->until_collected, "one for one");
    sampling->is_diverted = diverted;
    if (diverted) {
        memcpy(sampling->kept, sampling->until, sizeof sampling->kept);
        memcpy(sampling->kept_collected, sampling->until_collected, sizeof sampling->kept_collected);
        memset(sampling->until, 0, sizeof sampling->until);
        memset(sampling->until_collected, 0, sizeof sampling->until_collected);
    } else {
        memcpy(sampling->until, sampling->kept, sizeof sampling->until);
        memcpy(sampling->until_collected, sampling->kept_collected, sizeof sampling->until_collected);
    }
}

/* Is the block that is allocated here a sample of the profile? For a diverted thread each block is drawn;
 * another thread comes here only when a sample is due. */
static bool is_drawn(heap_t *self, size_t bytes)
{
    return profile_is_on() &&
           (!self->sampling->is_diverted || sample_take(&self->sampling->sampler, bytes, profile_rate()));
}

/* --- spans of samples --- */

static bool has_sample_room(const span_t *span)
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

/* An empty span is given back, unless it is the only one of its class with room. */
static void free_sampled_cell(span_t *span, cell_t *cell)
{
    uint32_t *list = &sampled.with_room[span->cls];
    lock_acquire(&sampled.lock);
    DEBUG_CHECK(span->state == SPAN_SAMPLED && span->frees_until_event > 0);
    bool had_room = has_sample_room(span);
    cell->next = span->free;
    cell->tag = span;
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

/* The cell counts as used from here on. */
static void *take_sampled_cell(uint32_t cls)
{
    span_t *span = span_of_slot(sampled.with_room[cls]);
    cell_t *cell = span->free;
    if (cell) {
        span->free = cell->next;
    } else {
        cell = (cell_t *)(void *)(span_start(span) + (size_t)span->initialized * span->cell_size);
        __atomic_store_n(&span->initialized, (uint16_t)(span->initialized + 1), __ATOMIC_RELAXED);
    }
    cell->tag = NULL;
    __atomic_store_n(&span->frees_until_event, span->frees_until_event + 1, __ATOMIC_RELAXED);
    if (!has_sample_room(span))
        span_unlink(&sampled.with_room[cls], span);
    return cell;
}

/* A span that no other thread knows yet; all its pages are charged at once. 0: refused. Called without the
 * lock, since a limit that refuses may call the program back. */
static uint32_t take_span(uint32_t cls)
{
    uint32_t slot = pages_take_span(BACKED_BY_SMALL);
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
    void *p = sampled.with_room[cls] ? take_sampled_cell(cls) : NULL;
    lock_release(&sampled.lock);
    return p;
}

/* The block is a sample of the profile. Its owner is the arena or pool that it is for, if that has a name;
 * else the account. False: there is no memory to note it. */
static bool note_sample(const heap_t *self, const void *p, size_t bytes, size_t size,
                        const weir_account *account)
{
    bool has_owner = profile_owner.name && profile_owner.name[0];
    const char *name = account && !has_owner ? budget_name(account) : NULL;
    profile_owner_t before = profile_own(name, PROFILE_BUDGET);
    bool is_noted = profile_note(self, p, bytes, size);
    profile_owner = before;
    if (is_noted)
        probe_sample_alloc(p, size, profile_scaled(bytes));
    return is_noted;
}

/* NULL without *is_refused: the block is neither charged nor drawn, or there is no memory for it. */
static void *alloc_diverted(heap_t *self, uint32_t cls, size_t size, bool *is_refused)
{
    size_t bytes = class_size(cls);
    weir_account *account = budget_account(self);
    bool drawn = is_drawn(self, bytes);
    *is_refused = account && !budget_take(account, bytes);
    if (*is_refused)
        return NULL;
    void *p = account || drawn ? alloc_cell(cls) : NULL;
    if (account && !p)
        budget_give(account, bytes);
    else if (account)
        budget_note(account, p, bytes);
    count_add(&self->counts.taken[cls], p != NULL);
    if (p && drawn) {
        note_sample(self, p, bytes, size, account);
        profile_look_at_growth();
    }
    return p;
}

void *sampled_alloc(heap_t *self, uint32_t cls, size_t size, bool *is_refused)
{
    *is_refused = false;
    if (self->sampling->is_diverted)
        return alloc_diverted(self, cls, size, is_refused);
    self->sampling->until[cls] = drawn(self->sampling, cls);
    void *p = guard_is_on() ? guard_alloc(self, cls, size) : alloc_cell(cls);
    count_add(&self->counts.taken[cls], p != NULL);
    if (p && !guard_is_on()) {
        note_sample(self, p, class_size(cls), size, NULL);
        profile_look_at_growth();
    }
    return p;
}

/* kind: a collected block counts as freed by a collection, since the caller does not know who freed it. */
static void forget_in_profile(const void *p, enum span_kind kind)
{
    if (!profile_is_on())
        return;
    probe_sample_free(p);
    if (kind == KIND_MANUAL)
        profile_forget(p);
    else
        profile_forget_collected(p);
}

static void forget_allocated(const void *p, enum span_kind kind)
{
    budget_forget(p);
    forget_in_profile(p, kind);
}

void sampled_free(span_t *span, void *p)
{
    forget_allocated(p, KIND_MANUAL);
    atomic_fetch_add(&sampled.frees[span->cls], 1);
    free_sampled_cell(span, p);
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

/* In span->flags, where collected objects have the collector's flags, too. */
enum { LARGE_SAMPLED = COLLECTED_SAMPLED };

/* Draw whether the object is a sample of the profile, and note it if it is. */
static bool draw_large(heap_t *self, span_t *span, size_t size, const weir_account *account)
{
    size_t bytes = large_usable(span);
    return profile_is_on() && sample_take(&self->sampling->sampler, bytes, profile_rate()) &&
           note_sample(self, span_start(span), bytes, size, account);
}

bool sampled_large(heap_t *self, span_t *span, size_t size)
{
    size_t bytes = large_usable(span);
    weir_account *account = self->sampling->is_diverted ? budget_account(self) : NULL;
    if (account && !budget_take(account, bytes))
        return false;
    bool is_charged = account && budget_note(account, span_start(span), bytes);
    bool is_drawn = draw_large(self, span, size, account);
    if (is_charged || is_drawn)
        collected_set_flag(span, LARGE_SAMPLED);
    if (is_drawn)
        profile_look_at_growth();
    return true;
}

bool sampled_large_may_resize(const span_t *span, size_t bytes)
{
    return !sampled_has_large(span) || budget_resize(span_start(span), bytes);
}

/* Whether it is a sample of the profile is drawn anew, by its new size. */
void sampled_large_resized(heap_t *self, span_t *span, size_t size)
{
    const weir_account *account = NULL;
    escape_chain_t chain = profile_chain_of(span_start(span));
    if (sampled_has_large(span)) {
        budget_resize(span_start(span), large_usable(span));
        forget_in_profile(span_start(span), span->kind);
        account = budget_find(span_start(span));
        if (!account)
            collected_clear_flag(span, LARGE_SAMPLED);
    }
    if (self->sampling && draw_large(self, span, size, account)) {
        profile_chain_set(span_start(span), chain);
        collected_set_flag(span, LARGE_SAMPLED);
        profile_look_at_growth();
    }
}

void sampled_large_free(span_t *span)
{
    forget_allocated(span_start(span), span->kind);
    collected_clear_flag(span, LARGE_SAMPLED);
}

/* --- cells that are collected --- */

uint32_t sampled_cut(sampling_t *sampling, const span_t *span, uint32_t cells)
{
    uint32_t *until = &sampling->until_collected[span->kind - KIND_SCAN][span->cls];
    if (*until == 0)
        return 1;
    uint32_t taken = cells < *until ? cells : *until;
    *until -= taken;
    return taken;
}

/* Other threads may free cells of the span meanwhile. */
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

/* Of the thread: what the cell is charged to, from sampled_collected_begin on. */
static __thread weir_account *charged_to __attribute__((tls_model("initial-exec")));

bool sampled_collected_begin(const heap_t *self, uint32_t cls)
{
    weir_account *account = self->sampling->is_diverted ? budget_account(self) : NULL;
    if (account && !budget_take(account, class_size(cls)))
        return false;
    charged_to = account;
    return true;
}

void sampled_collected_cancel(uint32_t cls)
{
    if (charged_to)
        budget_give(charged_to, class_size(cls));
    charged_to = NULL;
}

void sampled_collected(heap_t *self, void *p, size_t size)
{
    span_t *span = span_of_slot(region_slot(p));
    size_t bytes = span->cell_size;
    weir_account *account = charged_to;
    bool drawn_now = is_drawn(self, bytes), is_charged = account && budget_note(account, p, bytes);
    charged_to = NULL;
    if (!self->sampling->is_diverted)
        self->sampling->until_collected[span->kind - KIND_SCAN][span->cls] =
            drawn_collected(self->sampling, span->cls);
    bool is_noted = drawn_now && note_sample(self, p, bytes, size, account);
    if (is_charged || is_noted)
        note_cell(span, (uint16_t)cell_of(span, p));
}

/* The sample `only` is gone: if it was the only one of the span, the span has none now. */
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
    forget_allocated(p, span->kind);
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
        budget_forget_cells(span_start(span), span->cell_size, dead, bitmaps_words(span));
    } else if (dead[(has - 1) / 64] >> (has - 1) % 64 & 1) {
        const char *cell = span_start(span) + (size_t)(has - 1) * span->cell_size;
        profile_forget_collected(cell);
        budget_forget(cell);
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
