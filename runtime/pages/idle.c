/* idle: see idle.h. */
#include "runtime/pages/idle.h"

#include "runtime/os/os.h"
#include "runtime/pages/bits.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/provider.h"
#include "runtime/pages/release.h"

enum { REFUSED_PAUSE = 256 /* attempts */ };

static struct {
    release_t rule;
    uint32_t pause; /* so many attempts to release are let go by: the kernel refused the last one */
    size_t unused;  /* the sum of chunk->unused */
    uint32_t next;  /* the chunk to be counted next */
} idle = {.rule = RELEASE_INIT, .next = ZERO_ZONE / CHUNK_SIZE};

/* --- what is held --- */

size_t idle_bytes(void)
{
    return ledger.pages_idle * OS_PAGE + ledger.huge_idle;
}

size_t idle_inuse_bytes(void)
{
    return ledger.pages_inuse * OS_PAGE + ledger.huge_inuse;
}

size_t idle_held_bytes(void)
{
    return atomic_load(&ledger.touched) * OS_PAGE + ledger.huge_inuse - ledger.huge_moving +
           ledger.huge_idle + region_table_bytes() + atomic_load(&ledger.metadata);
}

/* --- releasing --- */

/* Release the highest run of ones in `dirty`, slots of one chunk that may be resident. A kernel that refuses madvise
 * leaves them as they are: 0. Else the pages, which are no longer. */
static size_t release_run(uint32_t index, uint64_t *dirty)
{
    uint32_t last = 63 - (uint32_t)__builtin_clzll(*dirty), first = last;
    while (first > 0 && *dirty >> (first - 1) & 1)
        first--;
    uint32_t slot = index * CHUNK_SLOTS + first, count = last - first + 1;
    if (!os_release(region_address(slot), (size_t)count << SLOT_SHIFT))
        return 0;
    size_t pages = region_forget_touched(slot, count);
    *dirty &= ~bits_run(first, count);
    ledger.releases++;
    ledger.released_pages += pages;
    return pages;
}

/* Of addresses that the provider has, what it holds for reuse is touched; a huge object in use counts as not touched.
 * The provider need not know that slots were released: it takes all that it has for written. */
static bool release_chunk(uint32_t index, size_t bound)
{
    chunk_t *chunk = &region.chunks[index];
    uint64_t of_provider = chunk->known || !ledger.huge_idle ? 0 : region_dirty(index);
    uint64_t *dirty = chunk->known ? &chunk->dirty : &of_provider;
    while (*dirty && idle_bytes() > bound) {
        size_t pages = release_run(index, dirty);
        if (!pages)
            return false;
        if (chunk->known) {
            ledger.pages_idle -= pages;
            atomic_fetch_sub_explicit(&ledger.touched, pages, memory_order_relaxed);
        } else {
            ledger.huge_idle -= pages * OS_PAGE;
        }
    }
    return true;
}

/* Where the kernel refuses (a sandbox without madvise, locked memory), trying at each free would cost and change
 * nothing. */
bool idle_release_to(size_t bound)
{
    size_t before = ledger.releases;
    if (idle.pause > 0) {
        idle.pause--;
        return false;
    }
    for (uint32_t i = (uint32_t)(region.used >> CHUNK_SHIFT);
         i-- > ZERO_ZONE / CHUNK_SIZE && idle_bytes() > bound;)
        if (!release_chunk(i, bound)) {
            idle.pause = REFUSED_PAUSE;
            break;
        }
    return ledger.releases != before;
}

bool idle_give_up_commitment(void)
{
    size_t decommits = provider_decommits(), purged = provider_purge();
    ledger.huge_idle -= purged;
    ledger.released_pages += purged / OS_PAGE;
    ledger.releases += purged > 0;
    return provider_decommits() != decommits;
}

/* --- what is in spans and in no use --- */

/* Their owners count meanwhile: each number is read whole, before or after. */
__attribute__((no_sanitize("thread"))) static size_t unused_of(const span_t *span)
{
    bool is_small = span->state == SPAN_ACTIVE || span->state == SPAN_PARTIAL || span->state == SPAN_FULL;
    return is_small ? SLOT_SIZE - (size_t)(uint32_t)(span->wait + span->wait_bias) * span->cell_size : 0;
}

static void set_unused(uint32_t index, uint32_t bytes)
{
    idle.unused += (size_t)bytes - region.chunks[index].unused;
    region.chunks[index].unused = bytes;
}

/* Count the next chunk. False: that was the last of a round. */
static bool count_on(void)
{
    if (idle.next >= region.used >> CHUNK_SHIFT) {
        idle.next = ZERO_ZONE / CHUNK_SIZE;
        return false;
    }
    size_t unused = 0;
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
        unused += unused_of(span_of_slot(idle.next * CHUNK_SLOTS + i));
    set_unused(idle.next++, (uint32_t)unused);
    return true;
}

static void count_all(void)
{
    idle.next = ZERO_ZONE / CHUNK_SIZE;
    while (count_on())
        ;
}

void idle_forget_chunk(uint32_t index)
{
    set_unused(index, 0);
}

/* --- the rule --- */

static release_sizes_t sizes_now(void)
{
    size_t inuse = idle_inuse_bytes();
    return (release_sizes_t){inuse, idle.unused < inuse ? idle.unused : inuse, idle_bytes()};
}

static void fade(void)
{
    release_fade(&idle.rule, idle_inuse_bytes(), os_now_coarse_ns());
}

void idle_note_taken(size_t fresh)
{
    release_note_inuse(&idle.rule, idle_inuse_bytes());
    if (fresh > 0 && idle.rule.given > 0) {
        fade();
        release_note_fresh(&idle.rule, fresh);
    }
}

/* Counting is left to when the bound is not far, and looking at the clock to when something was learnt or is
 * released. */
void idle_apply_rule(void)
{
    if (idle.rule.percent < 0 || idle_bytes() <= release_floor(&idle.rule))
        return;
    release_sizes_t sizes = sizes_now();
    if (sizes.idle > release_bound(&idle.rule, sizes.inuse, sizes.unused) / 2)
        count_on();
    if (idle.rule.learnt > 0)
        fade();
    sizes = sizes_now();
    size_t excess = release_excess(&idle.rule, sizes), before = ledger.released_pages;
    if (excess > 0 && idle_release_to(sizes.idle - excess)) {
        fade();
        release_note_given(&idle.rule, (ledger.released_pages - before) * OS_PAGE);
    }
}

int64_t idle_gc_percent(void)
{
    return idle.rule.percent;
}

void idle_set_gc_percent(int64_t percent)
{
    idle.rule.percent = percent;
    count_all();
    idle_apply_rule();
}
