/* pages: see pages.h. */
#include "runtime/pages/pages.h"

#include <errno.h>
#include <string.h>

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/bits.h"
#include "runtime/pages/growth.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/provider.h"

ledger_t ledger;
_Atomic uint32_t pages_due;

/* Room for the heap of a program of one thread, which then maps no metadata of its own. */
static _Alignas(64) char first_metadata[OS_PAGE];

static struct {
    lock_t lock;
    uint32_t low, end;  /* chunks that may have free slots are in [low, end) */
    int64_t soft, hard; /* bytes; INT64_MAX: none */
    void (*refused)(void *context, size_t wanted);
    void *refused_context;
    _Atomic bool pressed;
    growth_t growth;
    char *metadata, *metadata_end; /* the unused rest of the last piece */
} pages = {.lock = LOCK_INIT(LOCK_RANK_PAGES),
           .soft = INT64_MAX,
           .hard = INT64_MAX,
           .growth = GROWTH_UNHEEDED,
           .metadata = first_metadata,
           .metadata_end = first_metadata + sizeof first_metadata};

/* Waking the provider costs about 0.4 MiB: a program of many classes and few objects should not have to. */
enum { DIRECT_CHUNKS = 8 };
enum { FIRST_COMMIT = 4 /* slots */, METADATA_PIECE = 256 * 1024 };

/* --- the clock --- */

static size_t lower_limit(void)
{
    return (size_t)(pages.soft < pages.hard ? pages.soft : pages.hard);
}

/* The limit is the more urgent reason. */
static void raise_due(enum pages_due reason)
{
    if (pages_due < reason)
        atomic_store_explicit(&pages_due, reason, memory_order_relaxed);
}

static void inuse_fell(void)
{
    growth_fell(&pages.growth, idle_inuse_bytes(), idle_gc_percent());
    idle_apply_rule();
}

static void restart_growth(void)
{
    growth_restart(&pages.growth, idle_inuse_bytes(), idle_gc_percent(), lower_limit());
}

/* May `fresh` more bytes become resident? Releases idle memory for the limits' sake. */
static bool admit(size_t fresh)
{
    size_t limit = lower_limit();
    size_t wanted = idle_held_bytes() + fresh;
    if (UNLIKELY(idle_inuse_bytes() + fresh >= pages.growth.at))
        raise_due(PAGES_DUE_GROWTH);
    if (LIKELY(wanted <= limit))
        return true;
    size_t excess = wanted - limit, held = idle_bytes();
    if (idle_release_to(held > excess ? held - excess : 0))
        ledger.limit_releases++;
    wanted = idle_held_bytes() + fresh;
    atomic_store_explicit(&pages.pressed, wanted > limit, memory_order_relaxed);
    if (wanted > limit && idle_inuse_bytes() + fresh >= pages.growth.pressed_at)
        raise_due(PAGES_DUE_LIMIT);
    return wanted <= (size_t)pages.hard;
}

/* --- chunks --- */

static void chunk_add(void *memory, bool from_provider, uint8_t committed)
{
    uint32_t index = region_slot(memory) / CHUNK_SLOTS;
    region.chunks[index] = (chunk_t){
        .free = ~(uint64_t)0, .committed = committed, .from_provider = from_provider, .known = true};
    ledger.slots += CHUNK_SLOTS;
    region_note_used(memory, CHUNK_SIZE);
    if (index < pages.low)
        pages.low = index;
    if (index >= pages.end)
        pages.end = index + 1;
}

/* The provider's memory may have been used before: what was touched comes along. */
static void chunk_take_touched(uint32_t index)
{
    size_t touched = region_touched(index * CHUNK_SLOTS, CHUNK_SLOTS);
    region.chunks[index].dirty = region_dirty(index);
    ledger.huge_idle -= touched * OS_PAGE;
    ledger.pages_idle += touched;
    atomic_fetch_add_explicit(&ledger.touched, touched, memory_order_relaxed);
}

/* A chunk from the region itself; never goes back. */
static bool chunk_carve(void)
{
    void *memory = region_carve(CHUNK_SIZE, CHUNK_SIZE, false);
    if (memory)
        chunk_add(memory, false, 0);
    return memory != NULL;
}

static bool chunk_get(void)
{
    void *memory = provider_take(CHUNK_SIZE, CHUNK_SIZE);
    if (!memory)
        return false;
    chunk_add(memory, true, CHUNK_SLOTS);
    chunk_take_touched(region_slot(memory) / CHUNK_SLOTS);
    return true;
}

/* All slots are free: the provider may have it for something else. Its pages come along as they are. */
static void chunk_put(uint32_t index)
{
    chunk_t *chunk = &region.chunks[index];
    size_t touched = region_touched(index * CHUNK_SLOTS, CHUNK_SLOTS);
    ledger.pages_idle -= touched;
    atomic_fetch_sub_explicit(&ledger.touched, touched, memory_order_relaxed);
    ledger.huge_idle += touched * OS_PAGE;
    ledger.slots -= CHUNK_SLOTS;
    *chunk = (chunk_t){.free = 0};
    provider_give(region_address(index * CHUNK_SLOTS), CHUNK_SIZE);
}

static bool chunk_commit(uint32_t index, uint32_t slots)
{
    chunk_t *chunk = &region.chunks[index];
    if (LIKELY(slots <= chunk->committed))
        return true;
    uint32_t want = chunk->committed * 2u;
    want = want < FIRST_COMMIT ? FIRST_COMMIT : want;
    want = want < slots ? slots : want > CHUNK_SLOTS ? CHUNK_SLOTS : want;
    char *from = region_address(index * CHUNK_SLOTS + chunk->committed);
    if (!os_commit(from, (size_t)(want - chunk->committed) << SLOT_SHIFT)) {
        want = slots;
        if (!os_commit(from, (size_t)(want - chunk->committed) << SLOT_SHIFT))
            return false;
    }
    chunk->committed = (uint8_t)want;
    return true;
}

/* --- slots --- */

enum which { DIRTY, COMMITTED, ANY };

static uint64_t bits_of(const chunk_t *chunk, enum which which)
{
    if (which == DIRTY)
        return chunk->dirty;
    if (which == COMMITTED)
        return chunk->committed ? chunk->free & bits_run(0, chunk->committed) : 0;
    return chunk->free;
}

/* Find a run of free slots; 0: none. */
static uint32_t find_run(uint32_t count, uint64_t aligned, enum which which)
{
    for (uint32_t i = pages.low; i < pages.end; i++) {
        uint64_t word = bits_of(&region.chunks[i], which);
        if (!word)
            continue;
        uint64_t starts = bits_starts(word, count) & aligned;
        if (starts)
            return i * CHUNK_SLOTS + (uint32_t)__builtin_ctzll(starts);
    }
    return 0;
}

static void advance_low(void)
{
    while (pages.low < pages.end && !region.chunks[pages.low].free)
        pages.low++;
}

static void mark_taken(uint32_t slot, uint32_t count)
{
    chunk_t *chunk = &region.chunks[slot / CHUNK_SLOTS];
    uint64_t run = bits_run(slot % CHUNK_SLOTS, count);
    DEBUG_CHECK(chunk->known && (chunk->free & run) == run && (chunk->dirty & ~chunk->free) == 0);
    if (chunk->dirty & run) {
        ledger.pages_idle -= region_touched(slot, count);
        chunk->dirty &= ~run;
    }
    chunk->free &= ~run;
    ledger.slots_inuse += count;
    if (!chunk->free)
        advance_low();
}

/* Dirty ones first. *full: there is no such run; else it may be that none can be committed. */
static uint32_t take_run(uint32_t count, size_t use, uint64_t aligned, bool *full)
{
    *full = false;
    uint32_t slot = ledger.pages_idle ? find_run(count, aligned, DIRTY) : 0;
    size_t fresh = slot ? 0 : use * OS_PAGE;
    if (!admit(fresh))
        return 0;
    if (!slot)
        slot = find_run(count, aligned, ANY);
    *full = !slot;
    if (slot && !chunk_commit(slot / CHUNK_SLOTS, slot % CHUNK_SLOTS + count))
        slot = find_run(count, aligned, COMMITTED);
    if (slot)
        mark_taken(slot, count);
    return slot;
}

/* Count the pages of a large run as touched from the start: what the program asked for it will write. */
static void touch_run(uint32_t slot, uint32_t count, size_t use)
{
    size_t added = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t part = use > SLOT_PAGES ? SLOT_PAGES : use;
        span_t *span = span_of_slot(slot + i);
        if (span->touched < part) {
            added += part - span->touched;
            span->touched = (uint8_t)part;
        }
        use -= part;
    }
    if (added)
        atomic_fetch_add_explicit(&ledger.touched, added, memory_order_relaxed);
}

/* Of a large run in use: small spans count as touched throughout. */
static size_t slack_of(uint32_t slot, uint32_t count, size_t use)
{
    size_t touched = region_touched(slot, count);
    return touched > use ? touched - use : 0;
}

/* Whoever finds the direct chunks full wakes the provider. `carve`: a chunk without memory is of use too. */
static void more_room(bool carve)
{
    bool direct = !provider_is_awake() && ledger.slots < DIRECT_CHUNKS * CHUNK_SLOTS;
    if ((!carve || !direct) && provider_wake() && chunk_get())
        return;
    if (carve)
        chunk_carve();
}

/* Would the hard limit refuse this many more bytes? Counts it, if a cycle cannot help. */
static bool is_refused(size_t bytes)
{
    bool refused = idle_held_bytes() + bytes > (size_t)pages.hard;
    if (refused && !pages.growth.spent)
        raise_due(PAGES_DUE_LIMIT);
    else
        ledger.refusals += refused;
    return refused;
}

/* The limit refuses `wanted` bytes: ask the program, without the lock. True: it may have made room. */
COLD static bool ask_program(size_t wanted)
{
    static __thread bool asking __attribute__((tls_model("initial-exec")));
    if (!pages.refused || asking || pages_due == PAGES_DUE_LIMIT /* a cycle comes first */)
        return false;
    asking = true;
    pages.refused(pages.refused_context, wanted);
    asking = false;
    return true;
}

static uint32_t take_new_run(uint32_t count, size_t use, uint64_t aligned, bool full)
{
    uint32_t slot;
    do {
        more_room(full);
        slot = take_run(count, use, aligned, &full);
    } while (!slot && idle_give_up_commitment());
    return slot;
}

/* One attempt; *refused: by the hard limit. */
static uint32_t try_take(uint32_t count, size_t use, uint64_t aligned, uint8_t *before, bool *refused)
{
    bool full;
    lock_acquire(&pages.lock);
    uint32_t slot = take_run(count, use, aligned, &full);
    *refused = !slot && is_refused(use * OS_PAGE);
    if (!slot && !*refused)
        slot = take_new_run(count, use, aligned, full);
    if (slot) {
        for (uint32_t i = 0; before && i < count; i++)
            before[i] = span_of_slot(slot + i)->touched;
        ledger.pages_inuse += use;
        pages.growth.spent = !pages.growth.heeded;
        if (before)
            touch_run(slot, count, use);
        ledger.pages_slack += slack_of(slot, count, use);
    }
    lock_release(&pages.lock);
    return slot;
}

uint32_t pages_take(uint32_t count, size_t use, uint32_t alignment, uint8_t *before)
{
    uint64_t aligned = alignment > 1 ? bits_multiples(alignment) : ~(uint64_t)0;
    bool refused;
    uint32_t slot = try_take(count, use, aligned, before, &refused);
    if (UNLIKELY(refused) && ask_program(use * OS_PAGE))
        slot = try_take(count, use, aligned, before, &refused);
    if (UNLIKELY(!slot))
        errno = ENOMEM;
    return slot;
}

static void give_run(uint32_t slot, uint32_t count)
{
    uint32_t index = slot / CHUNK_SLOTS;
    chunk_t *chunk = &region.chunks[index];
    for (uint32_t i = 0; i < count; i++) {
        span_t *span = span_of_slot(slot + i);
        DEBUG_CHECK(!(chunk->free >> (slot + i) % CHUNK_SLOTS & 1));
        if (span->touched) {
            chunk->dirty |= (uint64_t)1 << (slot + i) % CHUNK_SLOTS;
            ledger.pages_idle += span->touched;
        }
    }
    chunk->free |= bits_run(slot % CHUNK_SLOTS, count);
    ledger.slots_inuse -= count;
    if (index < pages.low)
        pages.low = index;
    if (chunk->free == ~(uint64_t)0 && chunk->from_provider &&
        ledger.slots - ledger.slots_inuse > 2 * CHUNK_SLOTS)
        chunk_put(index);
}

void pages_give(uint32_t slot, uint32_t count, size_t use)
{
    lock_acquire(&pages.lock);
    ledger.pages_slack -= slack_of(slot, count, use);
    give_run(slot, count);
    ledger.pages_inuse -= use;
    inuse_fell();
    lock_release(&pages.lock);
}

bool pages_extend(uint32_t slot, uint32_t count, size_t use, uint32_t new_count, size_t new_use)
{
    uint32_t more = new_count - count, next = slot + count;
    if (slot % CHUNK_SLOTS + new_count > CHUNK_SLOTS)
        return false;
    lock_acquire(&pages.lock);
    uint64_t run = more ? bits_run(next % CHUNK_SLOTS, more) : 0;
    chunk_t *chunk = &region.chunks[slot / CHUNK_SLOTS];
    bool granted = (chunk->free & run) == run && admit((new_use - use) * OS_PAGE) &&
                   chunk_commit(slot / CHUNK_SLOTS, slot % CHUNK_SLOTS + new_count);
    if (granted) {
        ledger.pages_slack -= slack_of(slot, count, use);
        if (more)
            mark_taken(next, more);
        touch_run(slot, new_count, new_use);
        ledger.pages_slack += slack_of(slot, new_count, new_use);
        ledger.pages_inuse += new_use - use;
    }
    lock_release(&pages.lock);
    return granted;
}

void pages_shrink(uint32_t slot, uint32_t count, size_t use, uint32_t new_count, size_t new_use)
{
    lock_acquire(&pages.lock);
    ledger.pages_slack -= slack_of(slot, count, use);
    if (count > new_count)
        give_run(slot + new_count, count - new_count);
    ledger.pages_slack += slack_of(slot, new_count, new_use);
    ledger.pages_inuse -= use - new_use;
    inuse_fell();
    lock_release(&pages.lock);
}

/* --- huge objects --- */

/* How much of a range the provider had for reuse, in bytes; it is no longer. Those pages may hold anything, the
 * others are zero. */
static size_t huge_take_touched(char *memory, size_t size, bool zeroed)
{
    size_t touched = 0;
    span_t *span = span_of_slot(region_slot(memory));
    DEBUG_CHECK(size % SLOT_SIZE == 0 && !region.chunks[region_slot(memory) / CHUNK_SLOTS].known);
    for (size_t i = 0; i < size / SLOT_SIZE; i++) {
        if (zeroed && span[i].touched)
            memset(memory + (i << SLOT_SHIFT), 0, (size_t)span[i].touched * OS_PAGE);
        touched += span[i].touched;
        span[i].touched = 0;
    }
    return touched * OS_PAGE;
}

/* What was expected to come out of idle memory may have come fresh instead, so the limit is asked again. */
static void huge_taken(void *memory, size_t size, bool zeroed)
{
    region_note_used(memory, size);
    ledger.huge_idle -= huge_take_touched(memory, size, zeroed);
    ledger.huge_inuse += size;
    pages.growth.spent = !pages.growth.heeded;
    admit(0);
}

/* Part of it may come out of idle memory, as long as that is not released to make room. */
static bool admit_huge(size_t size)
{
    size_t idle;
    do {
        idle = ledger.huge_idle;
        if (!admit(size > idle ? size - idle : 0))
            return false;
    } while (ledger.huge_idle != idle);
    return true;
}

static void *take_huge_locked(size_t *size, size_t alignment, bool zeroed, bool *refused)
{
    *refused = false;
    size_t rounded = provider_wake() ? provider_rounded(*size, alignment) : 0;
    if (!rounded)
        return NULL;
    *size = rounded;
    if (!admit_huge(rounded)) {
        *refused = is_refused(rounded);
        return NULL;
    }
    void *memory = provider_take(rounded, alignment);
    if (!memory && idle_give_up_commitment())
        memory = provider_take(rounded, alignment);
    if (memory) {
        huge_taken(memory, rounded, zeroed);
        ledger.huge_count++;
    }
    return memory;
}

static void *take_huge(size_t *size, size_t alignment, bool zeroed, bool *refused)
{
    lock_acquire(&pages.lock);
    void *memory = take_huge_locked(size, alignment, zeroed, refused);
    lock_release(&pages.lock);
    return memory;
}

void *pages_take_huge(size_t *size, size_t alignment, bool zeroed)
{
    bool refused;
    alignment = alignment < SLOT_SIZE ? SLOT_SIZE : alignment;
    void *memory = take_huge(size, alignment, zeroed, &refused);
    if (UNLIKELY(refused) && ask_program(*size))
        memory = take_huge(size, alignment, zeroed, &refused);
    if (!memory)
        errno = ENOMEM;
    return memory;
}

void pages_give_huge(void *memory, size_t size)
{
    lock_acquire(&pages.lock);
    span_t *span = span_of_slot(region_slot(memory));
    for (size_t i = 0; i < size / SLOT_SIZE; i++)
        span[i].touched = SLOT_PAGES;
    provider_give(memory, size);
    ledger.huge_inuse -= size;
    ledger.huge_idle += size;
    ledger.huge_count--;
    inuse_fell();
    lock_release(&pages.lock);
}

size_t pages_extend_huge(void *memory, size_t size, size_t wanted)
{
    lock_acquire(&pages.lock);
    size_t now = admit(wanted - size) ? provider_extend(memory, size, wanted) : 0;
    if (now)
        huge_taken((char *)memory + size, now - size, false);
    lock_release(&pages.lock);
    return now;
}

/* --- metadata --- */

void *pages_metadata(size_t size)
{
    size = (size + 63) & ~(size_t)63;
    lock_acquire(&pages.lock);
    if ((size_t)(pages.metadata_end - pages.metadata) < size) {
        size_t piece = size > METADATA_PIECE ? size : METADATA_PIECE;
        pages.metadata = os_reserve(piece, OS_PAGE);
        if (!pages.metadata || !os_commit(pages.metadata, piece))
            pages.metadata = pages.metadata_end = NULL;
        else
            pages.metadata_end = pages.metadata + piece;
    }
    void *memory = NULL;
    if (pages.metadata) {
        memory = pages.metadata;
        pages.metadata += size;
        atomic_fetch_add_explicit(&ledger.metadata, size, memory_order_relaxed);
    }
    lock_release(&pages.lock);
    return memory;
}

/* --- knobs and reports --- */

bool pages_trim(size_t keep)
{
    lock_acquire(&pages.lock);
    bool released = idle_release_to(keep);
    lock_release(&pages.lock);
    return released;
}

void pages_set_gc_percent(int64_t percent)
{
    lock_acquire(&pages.lock);
    growth_aim(&pages.growth, percent);
    idle_set_gc_percent(percent);
    lock_release(&pages.lock);
}

void pages_set_limits(int64_t soft, int64_t hard)
{
    lock_acquire(&pages.lock);
    pages.soft = soft;
    pages.hard = hard;
    if (pages.growth.heeded)
        pages.growth.pressed_at = 0; /* of a new limit nobody knows yet whether a cycle helps */
    admit(0);
    lock_release(&pages.lock);
}

void pages_heed_growth(void)
{
    lock_acquire(&pages.lock);
    restart_growth();
    lock_release(&pages.lock);
}

void pages_cycle_done(void)
{
    lock_acquire(&pages.lock);
    restart_growth();
    atomic_store_explicit(&pages_due, PAGES_DUE_NONE, memory_order_relaxed);
    admit(0);
    lock_release(&pages.lock);
}

void pages_set_refusal_callback(void (*callback)(void *context, size_t wanted), void *context)
{
    lock_acquire(&pages.lock);
    pages.refused = callback;
    pages.refused_context = context;
    lock_release(&pages.lock);
}

bool pages_is_limited(void)
{
    lock_acquire(&pages.lock);
    bool limited = pages.soft < INT64_MAX || pages.hard < INT64_MAX;
    lock_release(&pages.lock);
    return limited;
}

bool pages_has_room(size_t bytes)
{
    lock_acquire(&pages.lock);
    bool has_room = idle_held_bytes() + bytes <= lower_limit();
    lock_release(&pages.lock);
    return has_room;
}

bool pages_is_pressed(void)
{
    return atomic_load_explicit(&pages.pressed, memory_order_relaxed);
}

size_t pages_provider_metadata(void)
{
    lock_acquire(&pages.lock);
    size_t bytes = provider_metadata_bytes();
    lock_release(&pages.lock);
    return bytes;
}

/* What the lock does not protect is a word each, read before or after it changes. */
__attribute__((no_sanitize("thread"))) ledger_t pages_ledger(void)
{
    lock_acquire(&pages.lock);
    ledger_t copy = ledger;
    lock_release(&pages.lock);
    return copy;
}

bool pages_init(void)
{
    if (!region_init())
        return false;
    pages.low = pages.end = ZERO_ZONE / CHUNK_SIZE;
    return chunk_carve();
}

void pages_thread_end(void)
{
    if (!provider_knows_thread())
        return;
    lock_acquire(&pages.lock);
    provider_thread_end();
    lock_release(&pages.lock);
}

void pages_before_fork(void)
{
    lock_acquire(&pages.lock);
    provider_before_fork();
}

void pages_after_fork(bool child)
{
    provider_after_fork(child);
    lock_after_fork(&pages.lock, child);
}

/* --- verification --- */

/* Owners of spans write `touched` meanwhile, one byte: any value between is as good. */
__attribute__((no_sanitize("thread"))) static void verify_chunk(uint32_t index, size_t *slots_free,
                                                                size_t *idle)
{
    const chunk_t *chunk = &region.chunks[index];
    ALWAYS_CHECK((chunk->dirty & ~chunk->free) == 0);
    *slots_free += (size_t)__builtin_popcountll(chunk->free);
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
        bool dirty = chunk->dirty >> i & 1;
        uint8_t touched = span_of_slot(index * CHUNK_SLOTS + i)->touched;
        ALWAYS_CHECK(touched <= SLOT_PAGES);
        ALWAYS_CHECK(!(chunk->free >> i & 1) || dirty == (touched > 0));
        *idle += dirty ? touched : 0;
    }
}

void pages_verify(void)
{
    size_t slots_free = 0, idle = 0;
    lock_acquire(&pages.lock);
    for (uint32_t i = 0; i < pages.end; i++)
        if (region.chunks[i].known)
            verify_chunk(i, &slots_free, &idle);
    ALWAYS_CHECK(slots_free + ledger.slots_inuse == ledger.slots);
    ALWAYS_CHECK(idle == ledger.pages_idle);
    ALWAYS_CHECK(ledger.touched <= ledger.pages_inuse + ledger.pages_idle + ledger.pages_slack);
    lock_release(&pages.lock);
}
