/* verdict: see verdict.h. */
#include "tools/weir/advise/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/advise/code.h"

/* --- how one way of being freed is to be read --- */

static uint64_t address_at(const profile_t *profile, const sample_t *sample, size_t frame)
{
    return profile->locations[sample->locations[frame]].address;
}

static const code_function_t *function_at(const profile_t *profile, const sample_t *sample, size_t frame)
{
    return code_function_at(profile, address_at(profile, sample, frame));
}

/* Question 2 of verdict.h, but for the last: has the innermost common function always allocated before it frees? */
static bool allocates_before(const profile_t *profile, const sample_t *sample)
{
    size_t frame = sample->escape.frame;
    uint64_t allocates = address_at(profile, sample, frame);
    const code_function_t *function = function_at(profile, sample, frame);
    bool does = function && code_function_at(profile, sample->escape.free) == function &&
                code_precedes(function, allocates, sample->escape.free);
    for (size_t inner = 0; inner < frame && does; inner++) {
        const code_function_t *called = function_at(profile, sample, inner);
        does = called && code_is_always_reached(called, address_at(profile, sample, inner));
    }
    return does;
}

static bool is_start(const frame_t *frame)
{
    static const char *const names[] = {"_start",
                                        "__libc_start_main",
                                        "__libc_start_main_impl",
                                        "__libc_start_call_main",
                                        "start_thread",
                                        "clone",
                                        "clone3",
                                        "__clone3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(frame->function, names[i]) == 0)
            return true;
    return false;
}

static bool is_of_libc(const profile_t *profile, const location_t *location)
{
    const char *file = NULL;
    for (size_t i = 0; i < profile->mapping_count; i++)
        if (profile->mappings[i].id == location->mapping)
            file = profile->mappings[i].file;
    const char *slash = file ? strrchr(file, '/') : NULL;
    return slash && (strncmp(slash, "/libc.", 6) == 0 || strncmp(slash, "/ld-", 4) == 0);
}

/* What the C library does before main, or before a thread's function, it does once. */
static bool is_before_program(const profile_t *profile, const sample_t *sample, size_t frame)
{
    for (size_t outer = frame; outer < sample->depth; outer++) {
        const location_t *location = &profile->locations[sample->locations[outer]];
        bool is_named = location->frame_count && is_start(&location->frames[location->frame_count - 1]);
        if (!is_named && !is_of_libc(profile, location))
            return false;
    }
    return true;
}

/* Is the function that this one has called the same that it still was in when the block was freed? */
static bool is_same_call(const profile_t *profile, const sample_t *sample, size_t frame, int *ordered,
                         bool *is_likely)
{
    const escape_t *escape = &sample->escape;
    const code_function_t *function = function_at(profile, sample, frame);
    if (is_before_program(profile, sample, frame) ||
        (function && !code_repeats(function, address_at(profile, sample, frame))))
        return true;
    if (*ordered < 0)
        *ordered = allocates_before(profile, sample);
    if (!*ordered)
        return false;
    if (profile->period == 1 && escape->live <= 1)
        return true;
    bool is_unchanged = !(escape->changed >> frame & 1);
    *is_likely |= is_unchanged;
    return is_unchanged;
}

/* The call that allocates and the one that frees may be of two functions, one of which has taken the other's place. */
static bool is_one_function(const profile_t *profile, const sample_t *sample)
{
    uint64_t allocates = address_at(profile, sample, sample->escape.frame);
    const code_function_t *function = code_function_at(profile, allocates);
    return allocates == sample->escape.free ||
           (function && function == code_function_at(profile, sample->escape.free));
}

static size_t holder_of(const profile_t *profile, const sample_t *sample, bool *is_likely)
{
    const escape_t *escape = &sample->escape;
    int ordered = -1;
    if (escape->frame >= sample->depth)
        return VERDICT_NONE;
    for (size_t frame = sample->depth - 1; frame > escape->frame; frame--)
        if (!is_same_call(profile, sample, frame, &ordered, is_likely))
            return frame;
    if (is_one_function(profile, sample))
        return escape->frame;
    return escape->frame + 1 < sample->depth ? escape->frame + 1 : VERDICT_NONE;
}

/* --- places --- */

static int by_place(const void *left, const void *right)
{
    const sample_t *const *a = left, *const *b = right;
    return ((*a)->escape.place > (*b)->escape.place) - ((*a)->escape.place < (*b)->escape.place);
}

static double samples_of(const profile_t *profile, const sample_t *sample)
{
    double size = (double)sample->size, rate = profile->period > 0 ? (double)profile->period : 1;
    return (double)sample->values[ALLOC_OBJECTS] * (1 - exp(-size / rate));
}

static void add(const profile_t *profile, place_t *place, const sample_t *sample)
{
    uint64_t objects = (uint64_t)sample->values[ALLOC_OBJECTS];
    const char *how = sample->escape.how;
    place->samples += (uint64_t)(samples_of(profile, sample) + 0.5);
    place->objects += objects;
    place->bytes += objects * sample->requested;
    place->cells += (uint64_t)sample->values[ALLOC_SPACE];
    place->in_use += (uint64_t)sample->values[INUSE_OBJECTS];
    if (!how) {
        place->unknown += objects - (uint64_t)sample->values[INUSE_OBJECTS];
    } else if (strcmp(how, "thread") == 0) {
        place->by_thread += objects;
    } else if (strcmp(how, "moved") == 0) {
        place->moved += objects;
    } else if (strcmp(how, "frame") != 0) {
        place->unknown += objects;
    } else {
        size_t holder = holder_of(profile, sample, &place->is_likely);
        if (holder > place->holder)
            place->holder = holder;
    }
}

/* What may still be in use when a frame is left outlives it. */
static void conclude(place_t *place)
{
    if (place->in_use || place->by_thread || place->unknown || place->moved == place->objects)
        place->holder = VERDICT_NONE;
    if (place->holder == VERDICT_NONE)
        place->is_likely = false;
}

bool verdict_is_same(const place_t *a, const place_t *b, size_t depth)
{
    return a->sample->depth >= depth && b->sample->depth >= depth &&
           memcmp(a->sample->locations, b->sample->locations, depth * sizeof a->sample->locations[0]) == 0;
}

/* What is said of a function has to hold whoever calls it: of places that are the same up to it, the one that outlives the most
 * counts. */
static bool agree(place_t *place, const places_t *places)
{
    for (size_t i = 0; i < places->count && place->holder != VERDICT_NONE; i++) {
        const place_t *other = &places->of[i];
        if (other == place || other->moved == other->objects ||
            !verdict_is_same(place, other, place->holder + 1))
            continue;
        place->is_likely |= other->is_likely;
        if (other->holder > place->holder) {
            bool is_shared =
                other->holder != VERDICT_NONE && verdict_is_same(place, other, other->holder + 1);
            place->holder = is_shared ? other->holder : VERDICT_NONE;
            return true;
        }
    }
    return false;
}

places_t verdict_find(const profile_t *profile)
{
    const sample_t **sorted = profile_room(profile->sample_count + 1, sizeof *sorted);
    places_t places = {profile_room(profile->sample_count + 1, sizeof *places.of), 0};
    size_t count = 0;
    for (size_t i = 0; i < profile->sample_count; i++)
        if (profile->samples[i].escape.place && profile->samples[i].depth)
            sorted[count++] = &profile->samples[i];
    qsort(sorted, count, sizeof *sorted, by_place);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_place(&sorted[i - 1], &sorted[i]) != 0)
            places.of[places.count++] = (place_t){.sample = sorted[i]};
        add(profile, &places.of[places.count - 1], sorted[i]);
    }
    for (size_t i = 0; i < places.count; i++)
        conclude(&places.of[i]);
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < places.count; i++)
            again |= agree(&places.of[i], &places);
    }
    free(sorted);
    return places;
}
