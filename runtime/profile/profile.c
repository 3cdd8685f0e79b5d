/* profile: see profile.h. */
#include "runtime/profile/profile.h"

#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/block_map.h"
#include "runtime/profile/column.h"
#include "runtime/profile/escape.h"
#include "runtime/profile/sample.h"
#include "runtime/unwind/unwind.h"

enum { SITES = 256 * 1024, INDEX = 2 * SITES, FRAMES = 4 * 1024 * 1024, OWNERS = 256 };

const uint64_t profile_lifetime_bounds[PROFILE_LIFETIMES] = {10000,     100000,     1000000,     10000000,
                                                             100000000, 1000000000, 10000000000, UINT64_MAX};

typedef struct sample {
    uintptr_t block;      /* 0: a free entry of the map */
    uint32_t site, trail; /* trail: see escape.h; 0: none */
    uint64_t born_at;     /* nanoseconds of the monotonic clock */
    uint64_t born_past;   /* bytes that the process had allocated */
} sample_t;

__thread profile_owner_t profile_owner;

/* A copy, since the pool or arena may be gone when the profile is written. */
typedef struct owner {
    char name[PROFILE_OWNER_NAME];
    enum profile_owner_kind kind;
} owner_t;

static struct {
    lock_t lock;
    block_map_t samples; /* of sample_t */
    heap_column_t sites, frames;
    uint32_t *index; /* numbers of sites by hash; 0: free */
    uint32_t site_count, frame_count;
    owner_t owners[OWNERS]; /* from number 1 on; when they are used up, samples have no owner */
    uint32_t owner_count;   /* without number 0 */
    bool without;           /* there was no memory for the tables */
    _Atomic uint64_t live, allocated;
    _Atomic size_t index_bytes;
} profile = {.lock = LOCK_INIT(LOCK_RANK_PROFILE), .samples = BLOCK_MAP_OF(sample_t)};

bool profile_is_on(void)
{
    return options.profile != 0 && !options.leaks;
}

uint64_t profile_rate(void)
{
    return options.profile_rate < 1 ? 1 : (uint64_t)options.profile_rate;
}

uint64_t profile_live_bytes(void)
{
    return atomic_load_explicit(&profile.live, memory_order_relaxed);
}

/* --- memory --- */

size_t profile_table_bytes(void)
{
    return atomic_load(&profile.index_bytes) + block_map_bytes(&profile.samples) + column_bytes();
}

static uint32_t *take_index(void)
{
    size_t bytes = INDEX * sizeof *profile.index;
    uint32_t *index = os_take(bytes);
    if (!index)
        return NULL;
    atomic_fetch_add(&page_stats.metadata, bytes);
    atomic_store(&profile.index_bytes, bytes);
    return index;
}

/* --- sites --- */

static profile_site_t *site_at(uint32_t number)
{
    return (profile_site_t *)(void *)profile.sites.start + number;
}

static uintptr_t *frames_of(const profile_site_t *site)
{
    return (uintptr_t *)(void *)profile.frames.start + site->frames;
}

uint32_t profile_sites(void)
{
    return profile.site_count;
}

const profile_site_t *profile_site(uint32_t number)
{
    return site_at(number);
}

const uintptr_t *profile_frames(const profile_site_t *site)
{
    return frames_of(site);
}

/* Under the lock. */
static uint16_t find_owner(void)
{
    if (!profile_owner.name || !profile_owner.name[0])
        return 0;
    owner_t owner = {.kind = profile_owner.kind};
    memcpy(owner.name, profile_owner.name, strnlen(profile_owner.name, sizeof owner.name - 1));
    uint32_t number = 1;
    for (; number <= profile.owner_count; number++)
        if (profile.owners[number].kind == owner.kind && strcmp(profile.owners[number].name, owner.name) == 0)
            return (uint16_t)number;
    if (number == OWNERS)
        return 0;
    profile.owners[number] = owner;
    profile.owner_count++;
    return (uint16_t)number;
}

uint32_t profile_owners(void)
{
    return profile.owner_count;
}

profile_owner_t profile_owner_at(uint32_t number)
{
    const owner_t *owner = &profile.owners[number];
    return (profile_owner_t){owner->name, owner->kind};
}

typedef struct profile_calls {
    uintptr_t frames[PROFILE_FRAMES];
    uint32_t depth, hash;
    uint16_t owner;
    bool whole;
} profile_calls_t;

static void hash_site_calls(size_t size, profile_calls_t *calls)
{
    uint64_t hash = calls->depth ^ size * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < calls->depth; i++)
        hash = (hash ^ calls->frames[i]) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
    calls->hash = (uint32_t)(hash >> 8);
}

static void find_site_calls(const heap_t *heap, size_t size, profile_calls_t *calls)
{
    calls->depth =
        unwind_calls(thread_state_stack(&heap->thread), calls->frames, PROFILE_FRAMES, &calls->whole);
    hash_site_calls(size, calls);
}

static bool is_site(const profile_site_t *site, const profile_calls_t *calls, size_t size)
{
    return site->hash == calls->hash && site->size == size && site->depth == calls->depth &&
           site->owner == calls->owner &&
           memcmp(frames_of(site), calls->frames, calls->depth * sizeof calls->frames[0]) == 0;
}

/* The number of the site. If there is no room for one, site 0, which has no frames. Under the lock. */
static uint32_t find_site(const profile_calls_t *calls, size_t size)
{
    uint32_t place = (calls->hash + calls->owner) % INDEX;
    for (; profile.index[place]; place = (place + 1) % INDEX)
        if (is_site(site_at(profile.index[place]), calls, size))
            return profile.index[place];
    uint32_t number = profile.site_count, frames = profile.frame_count;
    if (number == SITES || !column_extend(&profile.sites, (number + 1) * sizeof(profile_site_t)) ||
        !column_extend(&profile.frames, (frames + calls->depth) * sizeof(uintptr_t)))
        return 0;
    profile_site_t *site = site_at(number);
    *site = (profile_site_t){.hash = calls->hash,
                             .frames = frames,
                             .depth = (uint16_t)calls->depth,
                             .owner = calls->owner,
                             .whole = calls->whole,
                             .size = size};
    memcpy(frames_of(site), calls->frames, calls->depth * sizeof calls->frames[0]);
    profile.index[place] = number;
    profile.site_count++;
    profile.frame_count += calls->depth;
    return number;
}

/* --- samples; under the lock --- */

/* The sample of the block, new or in place of an old one. NULL: there is no memory for the tables. */
static sample_t *take_sample_of(const void *block)
{
    if (!profile.index && !profile.without) {
        profile.index = take_index();
        profile.without = !profile.index ||
                          !column_reserve(&profile.sites, (size_t)SITES * sizeof(profile_site_t)) ||
                          !column_reserve(&profile.frames, (size_t)FRAMES * sizeof(uintptr_t)) ||
                          !column_extend(&profile.sites, sizeof(profile_site_t));
        profile.site_count = 1;
    }
    sample_t *sample = profile.without ? NULL : block_map_put(&profile.samples, block);
    profile.without = !sample;
    return sample;
}

/* --- allocated --- */

uint64_t profile_scaled(size_t size)
{
    return (uint64_t)((double)size * sample_weight(size, profile_rate()));
}

static bool note_sample_now(const void *p, size_t size, size_t requested, profile_calls_t *calls,
                            const escape_stack_t *stack)
{
    uint64_t now = os_now_ns();
    lock_acquire(&profile.lock);
    sample_t *sample = take_sample_of(p);
    if (sample) {
        calls->owner = find_owner();
        *sample = (sample_t){.block = (uintptr_t)p, .site = find_site(calls, size), .born_at = now};
        profile_site_t *site = site_at(sample->site);
        site->allocs++;
        site->requested += requested;
        uint64_t bytes = profile_scaled(size);
        sample->born_past = atomic_fetch_add_explicit(&profile.allocated, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&profile.live, bytes, memory_order_relaxed);
        if (stack)
            sample->trail = escape_born(sample->site, stack, requested);
    }
    lock_release(&profile.lock);
    return sample != NULL;
}

/* Not inlined, since it needs much stack, and the program's stacks may be small. */
__attribute__((noinline)) static bool note_with_trail(const heap_t *heap, const void *p, size_t size,
                                                      size_t requested, profile_calls_t *calls)
{
    escape_stack_t stack;
    escape_look(heap->thread.stack_limit, heap->thread.stack_to, &stack);
    calls->depth = stack.depth;
    calls->whole = stack.is_whole;
    memcpy(calls->frames, stack.calls, stack.depth * sizeof stack.calls[0]);
    hash_site_calls(size, calls);
    return note_sample_now(p, size, requested, calls, &stack);
}

bool profile_note(const heap_t *heap, const void *p, size_t size, size_t requested)
{
    profile_calls_t calls;
    if (escape_is_on())
        return note_with_trail(heap, p, size, requested, &calls);
    find_site_calls(heap, size, &calls);
    return note_sample_now(p, size, requested, &calls, NULL);
}

/* --- freed --- */

static uint32_t lifetime_of(uint64_t ns)
{
    uint32_t lifetime = 0;
    while (ns >= profile_lifetime_bounds[lifetime] && lifetime < PROFILE_LIFETIMES - 1)
        lifetime++;
    return lifetime;
}

/* Under the lock. stack: see escape_died. */
static void forget_sample(const void *p, uint64_t now, const escape_stack_t *stack)
{
    sample_t *sample = block_map_find(&profile.samples, p);
    if (!sample)
        return;
    profile_site_t *site = site_at(sample->site);
    uint32_t lifetime = lifetime_of(now - sample->born_at);
    uint64_t passed =
        (atomic_load_explicit(&profile.allocated, memory_order_relaxed) - sample->born_past) >> 10;
    site->ended[lifetime]++;
    site->passed[lifetime] += passed;
    if (sample->trail)
        escape_died(sample->trail, frames_of(site), stack, lifetime, passed);
    atomic_fetch_sub_explicit(&profile.live, profile_scaled(site->size), memory_order_relaxed);
    block_map_remove(&profile.samples, sample);
}

static void forget_locked(const void *p, const escape_stack_t *stack)
{
    uint64_t now = os_now_ns();
    lock_acquire(&profile.lock);
    forget_sample(p, now, stack);
    lock_release(&profile.lock);
}

__attribute__((noinline)) static void forget_with_trail(const void *p)
{
    const heap_t *heap = cache.heap;
    escape_stack_t stack;
    escape_look(heap ? heap->thread.stack_limit : UINTPTR_MAX, heap ? heap->thread.stack_to : 0, &stack);
    forget_locked(p, &stack);
}

void profile_forget(const void *p)
{
    if (escape_is_on())
        forget_with_trail(p);
    else
        forget_locked(p, NULL);
}

void profile_forget_collected(const void *p)
{
    forget_locked(p, NULL);
}

void profile_forget_cells(const char *start, size_t size, const uint64_t *cells, uint32_t words)
{
    uint64_t now = os_now_ns();
    lock_acquire(&profile.lock);
    for (uint32_t word = 0; word < words; word++)
        for (uint64_t left = cells[word]; left; left &= left - 1)
            forget_sample(start + (64 * word + (size_t)__builtin_ctzll(left)) * size, now, NULL);
    lock_release(&profile.lock);
}

/* --- realloc --- */

static uint32_t trail_of(const void *p)
{
    const sample_t *sample = block_map_find(&profile.samples, p);
    return sample ? sample->trail : 0;
}

escape_chain_t profile_chain_of(const void *p)
{
    escape_chain_t chain = {0, 0};
    if (!escape_is_on())
        return chain;
    lock_acquire(&profile.lock);
    if (trail_of(p))
        chain = escape_chain_of(trail_of(p));
    lock_release(&profile.lock);
    return chain;
}

void profile_chain_set(const void *p, escape_chain_t chain)
{
    if (chain.links == 0)
        return;
    lock_acquire(&profile.lock);
    if (trail_of(p))
        escape_chain_set(trail_of(p), chain);
    lock_release(&profile.lock);
}

void profile_becomes(const void *from, const void *to)
{
    profile_chain_set(to, profile_chain_of(from));
}

/* --- readers, fork --- */

bool profile_lock(bool wait)
{
    if (!wait)
        return lock_try(&profile.lock);
    lock_acquire(&profile.lock);
    return true;
}

void profile_unlock(void)
{
    lock_release(&profile.lock);
}

void profile_calls_of(const void *p, uintptr_t *calls, uint32_t room)
{
    const sample_t *sample = block_map_find(&profile.samples, p);
    if (!sample)
        return;
    const profile_site_t *site = site_at(sample->site);
    for (uint32_t i = 0; i < site->depth && i < room; i++)
        calls[i] = frames_of(site)[i];
}

bool profile_before_fork(void)
{
    return lock_acquire_soon(&profile.lock);
}

void profile_after_fork(bool child)
{
    lock_after_fork(&profile.lock, child);
}
