/* proposal: see proposal.h. First places are united to proposals. Then each is judged by itself: the first
 * rule that fits decides. */
#include "tools/weir/advise/proposal.h"

#include <stdlib.h>
#include <string.h>

#include "tools/weir/saturate.h"

const char *const proposal_names[] = {"stack",   "reuse",   "arena", "local",  "look", "pool",
                                      "presize", "builder", "fewer", "layout", "leave"};

enum {
    SAMPLES_LEAST = 10,
    STACK_SIZE = 1024, /* bytes; larger ones may be too much for small stacks */
    STACK_LIVE = 8,
    STACK_FAR = 2, /* calls between the function that wants the memory and the one that outlives it */
    REUSE_LIVE = 2,
    POOL_TURNS = 10, /* uses of each block that would be kept, at least, on average */
    FEWER_LIVE = 1000,
    FEWER_SIZE = 128,
    FEWER_IN_ONE = 64
};

/* --- together --- */

/* Is it a function that others allocate with, such as xmalloc, strdup, list_resize? By its name. */
static bool is_wrapper(const location_t *location)
{
    static const char *const parts[] = {"alloc", "strdup", "strndup", "resize", "operator new"};
    const char *name = location->frame_count ? location->frames[location->frame_count - 1].function : "";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcasestr(name, parts[i]))
            return true;
    return false;
}

size_t proposal_site(const profile_t *profile, const sample_t *sample)
{
    size_t call = 0;
    while (call + 1 < sample->depth && is_wrapper(&profile->locations[sample->locations[call]]))
        call++;
    return call;
}

/* How many calls places must have in common to be one proposal: those up to the holder; without a holder, up
 * to the function that allocates and its caller. */
static size_t depth_of(const profile_t *profile, const place_t *place)
{
    size_t depth =
        place->holder == VERDICT_NONE ? proposal_site(profile, place->sample) + 2 : place->holder + 1;
    return depth < place->sample->depth ? depth : place->sample->depth;
}

static bool belongs(const proposal_t *proposal, const place_t *place, size_t depth)
{
    return proposal->place.holder == place->holder && proposal->depth == depth &&
           verdict_is_same(&proposal->place, place, proposal->depth);
}

static void add_place(proposal_t *proposal, const place_t *place)
{
    verdict_add_counts(&proposal->place, place);
    add_to(&proposal->live, place->escape.live);
    verdict_add_escape(&proposal->escape, &place->escape);
}

static void put_together(const profile_t *profile, proposals_t *proposals, const place_t *place)
{
    size_t depth = depth_of(profile, place);
    for (size_t i = 0; i < proposals->count; i++)
        if (belongs(&proposals->of[i], place, depth)) {
            add_place(&proposals->of[i], place);
            return;
        }
    proposals->of[proposals->count++] =
        (proposal_t){.place = *place, .depth = depth, .escape = place->escape, .live = place->escape.live};
}

/* --- what is advised --- */

/* What chains of realloc ask for. The bytes copied tell how a block grows: if it doubles each time, they are
 * about the size of the last block; if it grows by pieces, they are many times that. */
static enum proposal_kind kind_of_chain(const proposal_t *proposal)
{
    const escape_t *escape = &proposal->escape;
    uint64_t last = multiply(escape->chains, escape->final_most);
    return escape->copied > multiply(3, last) ? PROPOSE_BUILDER : PROPOSE_PRESIZE;
}

/* About how many blocks were in use at once: a sample stands for several. */
static uint64_t scaled(const proposal_t *proposal, uint64_t live)
{
    const place_t *place = &proposal->place;
    return place->samples ? multiply(live, place->objects) / place->samples : live;
}

/* It is not known whether the places have their blocks at the same time. PROPOSE_REUSE and PROPOSE_POOL
 * assume that they have (proposal->live), PROPOSE_FEWER that they have not (escape->live). */
static enum proposal_kind kind_of_free(const proposal_t *proposal, bool is_exact)
{
    const escape_t *escape = &proposal->escape;
    if (escape->least != escape->most)
        return PROPOSE_LEAVE;
    if (is_exact && proposal->live <= REUSE_LIVE && proposal->place.objects > POOL_TURNS &&
        !proposal->place.by_thread)
        return PROPOSE_REUSE;
    if (proposal->place.objects >= multiply(POOL_TURNS, most(scaled(proposal, proposal->live), 1)))
        return PROPOSE_POOL;
    bool is_fewer = escape->most <= FEWER_SIZE && scaled(proposal, escape->live) >= FEWER_LIVE;
    return is_fewer ? PROPOSE_FEWER : PROPOSE_LEAVE;
}

static enum proposal_kind kind_of_held(const proposal_t *proposal, bool is_exact)
{
    const escape_t *escape = &proposal->escape;
    bool is_near = proposal->is_near;
    if (!is_exact)
        return proposal->place.is_likely ? PROPOSE_LOOK : PROPOSE_LOCAL;
    if (is_near && escape->live <= STACK_LIVE && escape->most <= STACK_SIZE)
        return PROPOSE_STACK;
    if (is_near && escape->live <= REUSE_LIVE)
        return PROPOSE_REUSE;
    bool is_batch = escape->emptied && proposal->place.objects / escape->emptied <= multiply(2, escape->live);
    return is_batch && escape->live > STACK_LIVE ? PROPOSE_ARENA : kind_of_free(proposal, true);
}

static enum proposal_kind kind_of(const proposal_t *proposal, bool is_exact)
{
    if (!is_exact && proposal->place.samples < SAMPLES_LEAST)
        return PROPOSE_LEAVE;
    const escape_t *escape = &proposal->escape;
    uint64_t finished = subtract(proposal->place.objects, proposal->place.moved);
    uint64_t twice = multiply(2, escape->chains);
    if (escape->chains && escape->links >= twice && twice >= finished / 2)
        return kind_of_chain(proposal);
    if (is_exact && multiply(2, escape->grown) >= proposal->place.objects)
        return PROPOSE_BUILDER;
    return proposal->place.holder != VERDICT_NONE ? kind_of_held(proposal, is_exact)
                                                  : kind_of_free(proposal, is_exact);
}

/* --- what it saves --- */

static void estimate(proposal_t *proposal)
{
    const place_t *place = &proposal->place;
    const escape_t *escape = &proposal->escape;
    double mean_cell = place->objects ? (double)place->cells / (double)place->objects : 0;
    switch (proposal->kind) {
    case PROPOSE_STACK:
    case PROPOSE_REUSE:
    case PROPOSE_LOCAL:
    case PROPOSE_LOOK:
        proposal->saved_objects = place->objects;
        proposal->saved_bytes = place->cells;
        break;
    case PROPOSE_ARENA:
        proposal->saved_objects = subtract(place->objects, escape->emptied);
        proposal->saved_bytes = subtract(place->cells, place->bytes);
        break;
    case PROPOSE_POOL:
        proposal->saved_objects = subtract(place->objects, scaled(proposal, proposal->live));
        proposal->saved_bytes = whole(mean_cell * (double)proposal->saved_objects);
        break;
    case PROPOSE_PRESIZE:
        proposal->saved_objects = escape->links;
        proposal->saved_bytes = escape->copied;
        proposal->size = escape->final_most;
        break;
    case PROPOSE_BUILDER:
        proposal->saved_objects = most(escape->grown, escape->links);
        proposal->saved_bytes = whole(mean_cell * (double)proposal->saved_objects);
        break;
    case PROPOSE_FEWER:
        proposal->saved_objects = place->objects - place->objects / FEWER_IN_ONE;
        proposal->saved_bytes = subtract(place->cells, place->bytes);
        break;
    default:
        break;
    }
}

proposals_t proposals_make(const profile_t *profile, const cost_t *cost, uint64_t least)
{
    places_t places = verdict_find(profile);
    proposals_t all = {profile_room(places.count + 1, sizeof *all.of), 0, places.is_exact};
    proposals_t proposals = {profile_room(places.count + 1, sizeof *all.of), 0, places.is_exact};
    for (size_t i = 0; i < places.count; i++)
        put_together(profile, &all, &places.of[i]);
    for (size_t i = 0; i < all.count; i++) {
        proposal_t *proposal = &all.of[i];
        if (proposal->place.objects < least)
            continue;
        proposal->is_near =
            proposal->place.holder <= proposal_site(profile, proposal->place.sample) + STACK_FAR;
        if (proposal->is_near)
            proposal->live = proposal->escape.live;
        proposal->kind = kind_of(proposal, proposals.is_exact);
        estimate(proposal);
        uint64_t mean = proposal->place.bytes / most(proposal->place.objects, 1);
        proposal->saved_ns = (double)proposal->saved_objects * cost_of(cost, mean);
        proposals.of[proposals.count++] = *proposal;
    }
    free(all.of);
    free(places.of);
    return proposals;
}

static bool is_of(const sample_t *sample, const proposal_t *proposal, const size_t *numbers)
{
    bool is_so = sample->depth >= proposal->depth && proposal->depth > 0;
    for (size_t i = 0; i < proposal->depth && is_so; i++)
        is_so = numbers[sample->locations[i]] == proposal->place.stack[i];
    return is_so;
}

/* If several proposals fit a sample, the one with the longest stack counts. */
void proposals_label(const proposals_t *proposals, profile_t *profile)
{
    size_t *numbers = verdict_number_lines(profile);
    for (size_t i = 0; i < profile->sample_count; i++) {
        size_t longest = 0;
        for (size_t j = 0; j < proposals->count; j++) {
            const proposal_t *proposal = &proposals->of[j];
            if (proposal->depth <= longest || !is_of(&profile->samples[i], proposal, numbers))
                continue;
            longest = proposal->depth;
            profile->samples[i].advice = proposal_names[proposal->kind];
        }
    }
    free(numbers);
}

/* --- order --- */

static double all_bytes, all_ns; /* of what is being sorted */

static int by_bytes(const void *left, const void *right)
{
    const proposal_t *a = left, *b = right;
    if (a->saved_bytes != b->saved_bytes)
        return a->saved_bytes < b->saved_bytes ? 1 : -1;
    return (a->saved_objects < b->saved_objects) - (a->saved_objects > b->saved_objects);
}

static int by_objects(const void *left, const void *right)
{
    const proposal_t *a = left, *b = right;
    if (a->saved_objects != b->saved_objects)
        return a->saved_objects < b->saved_objects ? 1 : -1;
    return by_bytes(a, b);
}

static int by_time(const void *left, const void *right)
{
    const proposal_t *a = left, *b = right;
    if (a->saved_ns < b->saved_ns || a->saved_ns > b->saved_ns)
        return a->saved_ns < b->saved_ns ? 1 : -1;
    return by_bytes(a, b);
}

/* Of all that could be saved: bytes and nanoseconds count alike. */
static double share_of(const proposal_t *proposal)
{
    return (double)proposal->saved_bytes / all_bytes + proposal->saved_ns / all_ns;
}

static int by_share(const void *left, const void *right)
{
    double a = share_of(left), b = share_of(right);
    return a < b || a > b ? (a < b ? 1 : -1) : by_objects(left, right);
}

void proposals_sort(proposals_t *proposals, const char *by)
{
    all_bytes = all_ns = 1;
    for (size_t i = 0; i < proposals->count; i++) {
        all_bytes += (double)proposals->of[i].saved_bytes;
        all_ns += proposals->of[i].saved_ns;
    }
    qsort(proposals->of, proposals->count, sizeof *proposals->of,
          strcmp(by, "time") == 0      ? by_time
          : strcmp(by, "objects") == 0 ? by_objects
          : strcmp(by, "bytes") == 0   ? by_bytes
                                       : by_share);
}

/* --- shown --- */

const frame_t *proposal_frames(const profile_t *profile, const proposal_t *proposal, size_t call,
                               size_t *count)
{
    const sample_t *sample = proposal->place.sample;
    *count = 0;
    if (!sample || call >= sample->depth)
        return NULL;
    const location_t *location = &profile->locations[sample->locations[call]];
    *count = location->frame_count;
    return location->frames;
}

const frame_t *proposal_frame(const profile_t *profile, const proposal_t *proposal, size_t call)
{
    size_t count;
    const frame_t *frames = proposal_frames(profile, proposal, call, &count);
    return count ? &frames[count - 1] : NULL;
}
