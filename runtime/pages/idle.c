/* idle: see idle.h. */
#include "runtime/pages/idle.h"

#include "runtime/os/os.h"
#include "runtime/pages/bits.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/provider.h"

/* The rule's floor. 4 MiB had small programs that breathe (mstress, 12 MiB) pay six times the page faults. */
enum { IDLE_FLOOR = 16 * 1024 * 1024 };
enum { RELEASE_MIN = 64 /* pages */ };
enum { REFUSED_PAUSE = 256 /* attempts */ };

static struct {
    int64_t gc_percent;
    uint32_t pause;     /* so many attempts to release are let go by: the kernel refused the last one */
    size_t unused;      /* bytes of cells in no use, as counted last */
    size_t until_count; /* applications of the rule before the next count */
} idle = {.gc_percent = 100};

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

/* --- the rule --- */

/* Their owners count meanwhile: each number is read whole, before or after. */
__attribute__((no_sanitize("thread"))) static size_t count_unused(void)
{
    size_t unused = 0;
    uint32_t end = (uint32_t)(region.used >> SLOT_SHIFT);
    for (uint32_t slot = ZERO_ZONE / SLOT_SIZE; slot < end; slot++) {
        const span_t *span = span_of_slot(slot);
        if (span->state == SPAN_ACTIVE || span->state == SPAN_PARTIAL || span->state == SPAN_FULL)
            unused += SLOT_SIZE - (size_t)(uint32_t)(span->wait + span->wait_bias) * span->cell_size;
    }
    return unused;
}

/* Counting reads every descriptor, so it is done once in so many applications as there are descriptors / 16. */
static size_t unused_bytes(void)
{
    if (idle.until_count > 0) {
        idle.until_count--;
    } else {
        idle.unused = count_unused();
        idle.until_count = ledger.slots / 16;
    }
    size_t inuse = idle_inuse_bytes();
    return idle.unused < inuse ? idle.unused : inuse;
}

static size_t share(size_t bytes)
{
    return bytes / 100 * (size_t)idle.gc_percent;
}

static size_t idle_bound(void)
{
    size_t unused = unused_bytes(), allowed = share(idle_inuse_bytes() - unused), floor = share(IDLE_FLOOR);
    return allowed > floor + unused ? allowed - unused : floor;
}

void idle_apply_rule(void)
{
    if (idle.gc_percent < 0 || idle_bytes() <= share(IDLE_FLOOR))
        return;
    size_t bound = idle_bound(), slack = bound / 16;
    if (slack < RELEASE_MIN * OS_PAGE)
        slack = RELEASE_MIN * OS_PAGE;
    if (idle_bytes() > bound + slack)
        idle_release_to(bound);
}

int64_t idle_gc_percent(void)
{
    return idle.gc_percent;
}

void idle_set_gc_percent(int64_t percent)
{
    idle.gc_percent = percent;
    idle.until_count = 0;
    idle_apply_rule();
}
