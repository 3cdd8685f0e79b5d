/* escape: see escape.h. Places and ends are found in hash tables of open addressing (Knuth, The Art of
 * Computer Programming 3, 6.4); none is ever removed. Trails are cut from one column in units. Free trails of
 * the same number of units are on one list. */
#include "runtime/profile/escape.h"

#include <stdatomic.h>
#include <string.h>

#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/profile/column.h"

enum {
    SITES = 256 * 1024,
    PLACES = 128 * 1024,
    ENDS = 256 * 1024,
    TRAIL_UNITS = 1 << 23,
    FAR = 64 * 1024 /* from a thread's first call to the end of its stack: thread-local memory lies between */
};

typedef struct unit {
    char bytes[64];
} unit_t;

typedef struct trail {
    uint32_t site, thread;
    uint16_t depth;
    bool is_whole, is_moved;
    uint32_t order; /* among the blocks of its place */
    uint64_t requested;
    escape_chain_t chain;
    unwind_place_t places[];
} trail_t;

/* What is known of a site; 0: none. */
typedef struct fact {
    uint32_t place, first_end;
} fact_t;

static struct {
    heap_column_t facts; /* by site */
    heap_column_t places, place_index, ends, end_index;
    heap_column_t trails;
    uint32_t place_count, end_count, units; /* from 1 on; number 0 stands for none */
    uint32_t free_trails[(sizeof(trail_t) + ESCAPE_FRAMES * sizeof(unwind_place_t)) / sizeof(unit_t) + 2];
    bool is_ready, without; /* there is no memory for it */
} escape;

bool escape_is_on(void)
{
    return options.escape != 0 && !options.collect;
}

/* --- memory --- */

static bool prepare_columns(void)
{
    if (escape.is_ready || escape.without)
        return escape.is_ready;
    escape.is_ready = column_reserve(&escape.facts, SITES * sizeof(fact_t)) &&
                      column_reserve(&escape.places, PLACES * sizeof(escape_place_t)) &&
                      column_reserve(&escape.place_index, 2 * PLACES * sizeof(uint32_t)) &&
                      column_extend(&escape.place_index, 2 * PLACES * sizeof(uint32_t)) &&
                      column_reserve(&escape.ends, ENDS * sizeof(escape_end_t)) &&
                      column_reserve(&escape.end_index, 2 * ENDS * sizeof(uint32_t)) &&
                      column_extend(&escape.end_index, 2 * ENDS * sizeof(uint32_t)) &&
                      column_reserve(&escape.trails, (size_t)TRAIL_UNITS * sizeof(unit_t));
    escape.without = !escape.is_ready;
    escape.place_count = escape.end_count = escape.units = 1;
    return escape.is_ready;
}

static fact_t *fact_of(uint32_t site)
{
    return column_extend(&escape.facts, (site + 1) * sizeof(fact_t))
               ? (fact_t *)(void *)escape.facts.start + site
               : NULL;
}

static escape_place_t *place_at(uint32_t number)
{
    return (escape_place_t *)(void *)escape.places.start + number;
}

static escape_end_t *end_at(uint32_t number)
{
    return (escape_end_t *)(void *)escape.ends.start + number;
}

static trail_t *trail_at(uint32_t number)
{
    return (trail_t *)(void *)((unit_t *)(void *)escape.trails.start + number);
}

static uint32_t units_of(uint32_t depth)
{
    return (uint32_t)((sizeof(trail_t) + depth * sizeof(unwind_place_t) + sizeof(unit_t) - 1) /
                      sizeof(unit_t));
}

/* A free trail has the number of the next free one in place of its site. */
static uint32_t take_trail(uint32_t depth)
{
    uint32_t units = units_of(depth), number = escape.free_trails[units];
    if (number) {
        escape.free_trails[units] = trail_at(number)->site;
        return number;
    }
    number = escape.units;
    if (number + units > TRAIL_UNITS || !column_extend(&escape.trails, (number + units) * sizeof(unit_t)))
        return 0;
    escape.units += units;
    return number;
}

static void give_trail(uint32_t number)
{
    trail_t *trail = trail_at(number);
    uint32_t units = units_of(trail->depth);
    trail->site = escape.free_trails[units];
    escape.free_trails[units] = number;
}

/* --- looking --- */

static uint32_t thread_number(void)
{
    static _Atomic uint32_t last;
    static __thread uint32_t number __attribute__((tls_model("initial-exec")));
    if (!number)
        number = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return number;
}

/* The memory of a coroutine's stack may be a part of the thread's stack. Then the coroutine's first call is
 * not at the end of the thread's stack. */
static bool is_first_call(uintptr_t limit, uintptr_t end, uintptr_t frame)
{
    uintptr_t from = limit == 0 ? (uintptr_t)os_first_stack_start() : end;
    return end != 0 && from - frame < (limit == 0 ? 2 * OS_PAGE / 16 : FAR);
}

void escape_look(uintptr_t limit, uintptr_t end, escape_stack_t *stack)
{
    unwind_stack_t own = {limit != UINTPTR_MAX ? limit : 0, end};
    bool whole;
    stack->depth = unwind_places(own, stack->calls, stack->places, ESCAPE_FRAMES, &whole);
    stack->thread = thread_number();
    stack->is_whole =
        whole && stack->depth > 0 && is_first_call(limit, end, stack->places[stack->depth - 1].frame);
}

/* --- places --- */

static uint64_t hash_stack(const escape_stack_t *stack)
{
    uint64_t hash = stack->depth + 1;
    for (uint32_t i = 0; i < stack->depth; i++)
        hash = (hash ^ stack->calls[i]) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
    return hash;
}

/* Stacks are told apart by 64 bits of their hash. 0: there is no room. */
static uint32_t find_place(uint64_t hash)
{
    uint32_t *index = (uint32_t *)(void *)escape.place_index.start;
    size_t at = hash >> 20 & (2 * PLACES - 1);
    for (; index[at]; at = (at + 1) & (2 * PLACES - 1))
        if (place_at(index[at])->hash == hash)
            return index[at];
    uint32_t number = escape.place_count;
    if (number == PLACES || !column_extend(&escape.places, (number + 1) * sizeof(escape_place_t)))
        return 0;
    *place_at(number) = (escape_place_t){.hash = hash, .least = UINT64_MAX, .least_final = UINT64_MAX};
    escape.place_count++;
    return index[at] = number;
}

/* Called before a count changes, not after: when realloc replaces a block, both count for a moment, although
 * they are never both in use. */
static void note_peak(escape_place_t *place)
{
    if (place->live > place->most_live)
        place->most_live = place->live;
    if (place->live_bytes > place->most_live_bytes)
        place->most_live_bytes = place->live_bytes;
}

static void add_to_place(escape_place_t *place, uint64_t requested)
{
    note_peak(place);
    place->allocs++;
    place->latest = requested;
    place->live++;
    place->live_bytes += requested;
    if (requested < place->least)
        place->least = requested;
    if (requested > place->most)
        place->most = requested;
}

static void take_from_place(escape_place_t *place, const trail_t *trail)
{
    note_peak(place);
    place->live--;
    place->live_bytes -= trail->requested;
    place->emptied += place->live == 0;
}

static void note_end(escape_place_t *place, const trail_t *trail)
{
    const escape_chain_t *chain = &trail->chain;
    if (place->allocs - trail->order == 1 && place->latest > trail->requested)
        place->grown++;
    if (chain->links == 0)
        return;
    place->chains++;
    place->links += chain->links;
    place->copied += chain->copied;
    if (trail->requested < place->least_final)
        place->least_final = trail->requested;
    if (trail->requested > place->most_final)
        place->most_final = trail->requested;
}

/* --- allocated --- */

uint32_t escape_born(uint32_t site, const escape_stack_t *stack, uint64_t requested)
{
    fact_t *fact = prepare_columns() && site ? fact_of(site) : NULL;
    if (!fact)
        return 0;
    if (!fact->place)
        fact->place = find_place(hash_stack(stack));
    escape_place_t *place = place_at(fact->place);
    if (fact->place)
        add_to_place(place, requested);
    uint32_t number = take_trail(stack->depth);
    if (!number)
        return 0; /* the block counts as in use for ever: to count too many is safe, too few is not */
    *trail_at(number) = (trail_t){.site = site,
                                  .thread = stack->thread,
                                  .depth = (uint16_t)stack->depth,
                                  .is_whole = stack->is_whole,
                                  .order = fact->place ? (uint32_t)place->allocs : 0,
                                  .requested = requested};
    memcpy(trail_at(number)->places, stack->places, stack->depth * sizeof stack->places[0]);
    return number;
}

escape_chain_t escape_chain_of(uint32_t number)
{
    trail_t *trail = trail_at(number);
    if (!trail->is_moved && fact_of(trail->site)->place) {
        escape_place_t *place = place_at(fact_of(trail->site)->place);
        place->live--;
        place->live_bytes -= trail->requested;
    }
    trail->is_moved = true;
    return (escape_chain_t){trail->chain.links + 1, trail->chain.copied + trail->requested};
}

void escape_chain_set(uint32_t number, escape_chain_t chain)
{
    trail_at(number)->chain = chain;
}

/* --- freed --- */

/* Fills in what the stacks have in common; see escape.h. calls: those of the trail's site. */
static void compare(const trail_t *trail, const uintptr_t *calls, const escape_stack_t *here,
                    escape_end_t *end)
{
    uint32_t common = trail->depth < here->depth ? trail->depth : here->depth;
    end->how = ESCAPE_UNKNOWN;
    for (uint32_t i = 1; i <= common; i++) {
        uint32_t frame = trail->depth - i;
        const unwind_place_t *then = &trail->places[frame], *now = &here->places[here->depth - i];
        if (then->frame != now->frame) {
            end->has_moved = true;
            return;
        }
        *end = (escape_end_t){.how = ESCAPE_FRAME,
                              .frame = (uint16_t)frame,
                              .call = here->calls[here->depth - i],
                              .changed = end->changed};
        if (calls[frame] != end->call)
            return;
        if (then->registers != now->registers)
            end->has_moved = true;
        if (end->has_moved)
            return;
        end->changed |= (uint64_t)(then->contents != now->contents) << frame;
    }
}

/* Fills in how the sample was freed. */
static void judge_end(const trail_t *trail, const uintptr_t *frames, const escape_stack_t *here,
                      escape_end_t *end)
{
    if (trail->is_moved)
        end->how = ESCAPE_MOVED;
    else if (!here)
        end->how = ESCAPE_UNKNOWN;
    else if (trail->thread != here->thread)
        end->how = ESCAPE_THREAD;
    else if (!trail->is_whole || !here->is_whole)
        end->how = ESCAPE_UNKNOWN;
    else
        compare(trail, frames, here, end);
}

static bool is_same_end(const escape_end_t *a, const escape_end_t *b)
{
    return a->site == b->site && a->how == b->how && a->lifetime == b->lifetime && a->frame == b->frame &&
           a->has_moved == b->has_moved && a->call == b->call;
}

/* NULL: there is no room. Then the sample is not counted as freed. */
static escape_end_t *find_end(const escape_end_t *like, fact_t *fact)
{
    uint32_t *index = (uint32_t *)(void *)escape.end_index.start;
    uint64_t hash =
        ((uint64_t)like->site << 20 ^ like->call ^ (uint64_t)like->frame << 48) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ like->how ^ (uint64_t)like->lifetime << 8 ^ (uint64_t)like->has_moved << 16) *
           0x9e3779b97f4a7c15u;
    size_t at = hash >> 30 & (2 * ENDS - 1);
    for (; index[at]; at = (at + 1) & (2 * ENDS - 1))
        if (is_same_end(end_at(index[at]), like))
            return end_at(index[at]);
    uint32_t number = escape.end_count;
    if (number == ENDS || !column_extend(&escape.ends, (number + 1) * sizeof *like))
        return NULL;
    *end_at(number) = *like;
    end_at(number)->next = fact->first_end;
    fact->first_end = index[at] = number;
    escape.end_count++;
    return end_at(number);
}

void escape_died(uint32_t number, const uintptr_t *frames, const escape_stack_t *stack, uint32_t lifetime,
                 uint64_t passed)
{
    trail_t *trail = trail_at(number);
    fact_t *fact = fact_of(trail->site);
    escape_end_t like = {.how = ESCAPE_UNKNOWN};
    judge_end(trail, frames, stack, &like);
    uint64_t changed = like.changed;
    like.changed = 0;
    like.site = trail->site;
    like.lifetime = (uint8_t)lifetime;
    escape_end_t *end = find_end(&like, fact);
    if (end) {
        end->count++;
        end->passed += passed;
        end->changed |= changed;
    }
    escape_place_t *place = place_at(fact->place);
    if (fact->place && !trail->is_moved) {
        take_from_place(place, trail);
        note_end(place, trail);
    }
    give_trail(number);
}

/* --- readers --- */

uint32_t escape_first(uint32_t site)
{
    bool has = escape.is_ready && (site + 1) * sizeof(fact_t) <= escape.facts.committed;
    return has ? fact_of(site)->first_end : 0;
}

const escape_end_t *escape_end(uint32_t number)
{
    return end_at(number);
}

const escape_place_t *escape_place_of(uint32_t site)
{
    bool has = escape.is_ready && (site + 1) * sizeof(fact_t) <= escape.facts.committed;
    uint32_t number = has ? fact_of(site)->place : 0;
    if (!number)
        return NULL;
    note_peak(place_at(number));
    return place_at(number);
}
