/* spare: see spare.h. */
#include "runtime/malloc/spare.h"

#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/cycle/percent.h"
#include "runtime/pages/pages.h"

enum {
    WISHES = 16,             /* times that a larger share would have served, before it grows */
    WISHES_AGAIN = 255,      /* the same, once the share was given up near a limit */
    SHARE_STEP = 256 * 1024, /* bytes; then it doubles */
    SHARE_MAX = 8 * 1024 * 1024,
    SHARES_FLOOR = 16 * 1024 * 1024,
    SHARES_PART = 8, /* of what is in use */
    BINS_UP = 2,     /* a run from two bins above wastes a quarter */
};

/* --- bins --- */

/* The number of pages of a bin is 9 to 16 times a power of two. */
static uint32_t scale_of(uint32_t pages)
{
    return pages <= 16 ? 0 : 28 - (uint32_t)__builtin_clz(pages - 1);
}

/* The lowest bin all of whose runs have at least so many pages. */
static uint32_t bin_above(uint32_t pages)
{
    uint32_t scale = scale_of(pages);
    return scale * 8 + ((pages + (1u << scale) - 1) >> scale) - 8;
}

static uint32_t bin_pages(uint32_t bin)
{
    uint32_t scale = (bin - 1) / 8;
    return (bin - scale * 8 + 8) << scale;
}

/* The highest bin whose requests a run of so many pages can serve. */
static uint32_t bin_below(uint32_t pages)
{
    uint32_t bin = bin_above(pages);
    return bin_pages(bin) > pages ? bin - 1 : bin;
}

size_t spare_round(const heap_t *self, size_t bytes)
{
    return self->spare.share ? (size_t)bin_pages(bin_above((uint32_t)(bytes / OS_PAGE))) * OS_PAGE : bytes;
}

/* --- the share --- */

static bool may_have_spares(const heap_t *self)
{
    return self == cache.heap && self->bins == cache.bins && !cache.ended && !pages_is_pressed();
}

/* What is in use is read without the lock: a guess. */
__attribute__((no_sanitize("thread"))) static size_t shares_bound(void)
{
    size_t inuse = __atomic_load_n(&page_stats.pages_inuse, __ATOMIC_RELAXED) * OS_PAGE;
    size_t bound = inuse / SHARES_PART > SHARES_FLOOR ? inuse / SHARES_PART : SHARES_FLOOR;
    int percent = percent_get();
    return percent < 0 || percent >= 100 ? bound : bound / 100 * (size_t)percent;
}

static void grow_share(heap_t *self)
{
    struct spare *spare = &self->spare;
    size_t more = spare->share ? spare->share : SHARE_STEP;
    if (spare->share + more > SHARE_MAX)
        return;
    if (atomic_fetch_add_explicit(&page_stats.spare, more, memory_order_relaxed) + more > shares_bound())
        atomic_fetch_sub_explicit(&page_stats.spare, more, memory_order_relaxed);
    else
        spare->share += (uint32_t)more;
}

/* --- taking and keeping --- */

/* Read without the lock: a thread that sees a new value late gives up its share late. */
__attribute__((no_sanitize("thread"))) static uint8_t releases_for_limit(void)
{
    return (uint8_t)__atomic_load_n(&page_stats.limit_releases, __ATOMIC_RELAXED);
}

/* If idle memory was released for a limit since the thread looked last, give up the share. While the thread
 * keeps its runs, other memory is released in their place, which has to be faulted in again when it is
 * needed. */
static void give_up_near_limit(heap_t *self)
{
    uint8_t releases = releases_for_limit();
    if (LIKELY(self->spare.releases == releases))
        return;
    self->spare.releases = releases;
    self->spare.gave_up = true;
    spare_release(self);
}

static uint32_t pop(heap_t *self, uint32_t bin, size_t bytes)
{
    struct spare *spare = &self->spare;
    uint32_t slot = spare->bins[bin];
    spare->bins[bin] = span_of_slot(slot)->next;
    spare->bytes -= (uint32_t)bytes;
    return slot;
}

/* No spare run fits. If one was not kept before, a larger share would have served. Returns 0: take a run from
 * the pages. */
static uint32_t missed(heap_t *self)
{
    struct spare *spare = &self->spare;
    uint8_t wishes = spare->gave_up ? WISHES_AGAIN : WISHES;
    if (spare->was_full && may_have_spares(self) && ++spare->wishes >= wishes) {
        spare->wishes = 0;
        grow_share(self);
    }
    spare->was_full = false;
    return 0;
}

uint32_t spare_take_large(heap_t *self, size_t bytes)
{
    uint32_t bin = bin_above((uint32_t)(bytes / OS_PAGE)), last = bin + BINS_UP;
    if (self->spare.bytes)
        for (; bin <= last && bin < SPARE_BINS; bin++)
            if (self->spare.bins[bin])
                return pop(self, bin, *span_bytes(span_of_slot(self->spare.bins[bin])));
    return missed(self);
}

uint32_t spare_take_small(heap_t *self)
{
    return self->spare.bins[0] ? pop(self, 0, SLOT_SIZE) : missed(self);
}

static void give_one(heap_t *self, uint32_t bin)
{
    size_t bytes = bin ? *span_bytes(span_of_slot(self->spare.bins[bin])) : SLOT_SIZE;
    pages_give(pop(self, bin, bytes), large_slots(bytes), bytes / OS_PAGE);
}

/* Give up other runs, from one bin after the other, so that no run stays for ever without being used. */
static void make_room(heap_t *self, size_t bytes)
{
    struct spare *spare = &self->spare;
    while (spare->bytes + bytes > spare->share) {
        while (!spare->bins[spare->next])
            spare->next = (uint8_t)((spare->next + 1) % SPARE_BINS);
        give_one(self, spare->next);
        spare->next = (uint8_t)((spare->next + 1) % SPARE_BINS);
    }
}

static bool put(heap_t *self, span_t *span, uint32_t bin, size_t bytes)
{
    struct spare *spare = &self->spare;
    give_up_near_limit(self);
    if (spare->bytes + bytes > spare->share) {
        spare->was_full = true;
        if (bytes > spare->share / 2 || !may_have_spares(self))
            return false;
        make_room(self, bytes);
    }
    if (pages_is_pressed())
        return false;
    span->next = spare->bins[bin];
    spare->bins[bin] = span_slot(span);
    spare->bytes += (uint32_t)bytes;
    return true;
}

bool spare_put_large(heap_t *self, span_t *span, size_t bytes)
{
    return put(self, span, bin_below((uint32_t)(bytes / OS_PAGE)), bytes);
}

bool spare_put_small(heap_t *self, span_t *span)
{
    return !span->hollow && put(self, span, 0, SLOT_SIZE);
}

void spare_release(heap_t *self)
{
    struct spare *spare = &self->spare;
    for (uint32_t bin = 0; bin < SPARE_BINS; bin++)
        while (spare->bins[bin])
            give_one(self, bin);
    atomic_fetch_sub_explicit(&page_stats.spare, spare->share, memory_order_relaxed);
    spare->share = 0;
    spare->wishes = 0;
}
