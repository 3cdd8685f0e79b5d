/* verdict: see verdict.h. */
#include "tools/weir/advise/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/advise/code.h"
#include "tools/weir/saturate.h"

/* --- the holder of a sample's blocks --- */

static uint64_t address_at(const profile_t *profile, const sample_t *sample, size_t frame)
{
    return profile->locations[sample->locations[frame]].address;
}

static const code_function_t *function_at(const profile_t *profile, const sample_t *sample, size_t frame)
{
    return code_read_function(profile, address_at(profile, sample, frame));
}

/* The innermost function on both stacks. It may have returned in between: is_same_call answers that. */
typedef struct common {
    size_t frame;
    uint64_t allocates, frees; /* its calls */
    bool is_tail;              /* it ended in a tail call, which led to the free */
} common_t;

/* Does the call instruction in `frame` + 1 name the function of `frame` as its target? If so, any other
 * function that this call led to was reached by a tail call of that function, whose own frame is gone. */
static bool is_called_directly(const profile_t *profile, const sample_t *sample, size_t frame)
{
    if (frame + 1 >= sample->depth)
        return false;
    const code_function_t *caller = function_at(profile, sample, frame + 1);
    const code_function_t *called = function_at(profile, sample, frame);
    return caller && called && code_calls(caller, address_at(profile, sample, frame + 1), called);
}

static common_t common_of(const profile_t *profile, const sample_t *sample)
{
    size_t frame = sample->escape.frame;
    common_t common = {frame, address_at(profile, sample, frame), sample->escape.free, false};
    const code_function_t *function = code_read_function(profile, common.allocates);
    bool is_one_call = common.allocates == common.frees;
    if (!is_one_call && function && function == code_read_function(profile, common.frees))
        return common;
    if (is_one_call && frame > 0 && !sample->escape.returned &&
        is_called_directly(profile, sample, frame - 1))
        return (common_t){frame - 1, address_at(profile, sample, frame - 1), 0, true};
    if (is_one_call)
        return common;
    if (is_called_directly(profile, sample, frame))
        return (common_t){frame, common.allocates, 0, true};
    if (frame + 1 == sample->depth)
        return (common_t){VERDICT_NONE, 0, 0, false};
    uint64_t calls = address_at(profile, sample, frame + 1);
    return (common_t){frame + 1, calls, calls, false};
}

/* Question 2 of verdict.h without its last condition: has the common function always allocated before it
 * frees? If one and the same call leads to both, either may come first. */
static bool allocates_before(const profile_t *profile, const sample_t *sample, const common_t *common)
{
    const code_function_t *function = code_read_function(profile, common->allocates);
    if (!function || common->allocates == common->frees)
        return false;
    bool does = common->is_tail ? code_precedes_tail(function, common->allocates)
                                : code_precedes(function, common->allocates, common->frees);
    for (size_t inner = 0; inner < common->frame && does; inner++) {
        const code_function_t *called = function_at(profile, sample, inner);
        does = called && code_is_always_reached(called, address_at(profile, sample, inner));
    }
    return does;
}

/* May one call of the common function allocate several blocks? If not, blocks in use at once are of several
 * calls. */
static bool allocates_again(const profile_t *profile, const sample_t *sample, const common_t *common)
{
    for (size_t frame = 0; frame <= common->frame; frame++) {
        const code_function_t *function = function_at(profile, sample, frame);
        if (!function || code_repeats(function, address_at(profile, sample, frame)))
            return true;
    }
    return false;
}

/* Question 3: once it has allocated, does it always come to where it frees before it returns? */
static bool always_frees(const profile_t *profile, const common_t *common)
{
    const code_function_t *function = code_read_function(profile, common->allocates);
    return function && !common->is_tail && code_leads_to(function, common->allocates, common->frees);
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

/* The C library's calls that lead to main, or to a thread's function, are made once: _start,
 * __libc_start_main and what that calls; clone and start_thread. */
static bool is_before_program(const profile_t *profile, const sample_t *sample, size_t frame)
{
    enum { MOST = 3 };
    if (frame + MOST < sample->depth)
        return false;
    for (size_t outer = frame; outer + 1 < sample->depth; outer++) {
        const location_t *location = &profile->locations[sample->locations[outer]];
        bool is_named = location->frame_count && is_start(&location->frames[location->frame_count - 1]);
        if (!is_named && !is_of_libc(profile, location))
            return false;
    }
    return true;
}

/* Is the call that a frame made at the allocation still under way at the free, and how sure is that? */
typedef struct verdict_question {
    const profile_t *profile;
    bool is_exact;
    const sample_t *sample;
    common_t common;
    enum { NOT_ASKED, YES, NO } ordered; /* allocates_before */
    bool is_likely;                      /* of all answers so far */
} verdict_question_t;

static bool is_same_call(verdict_question_t *question, size_t frame)
{
    const profile_t *profile = question->profile;
    const sample_t *sample = question->sample;
    const code_function_t *function = function_at(profile, sample, frame);
    if (is_before_program(profile, sample, frame) ||
        (function && !code_repeats(function, address_at(profile, sample, frame))))
        return true;
    if (question->is_exact && sample->escape.live <= 1) {
        if (question->ordered == NOT_ASKED)
            question->ordered = allocates_before(profile, sample, &question->common) ? YES : NO;
        return question->ordered == YES;
    }
    if (sample->escape.live > 1 && !allocates_again(profile, sample, &question->common))
        return false;
    bool is_changed = frame >= 64 || sample->escape.changed >> frame & 1;
    bool is_likely = !is_changed && always_frees(profile, &question->common);
    question->is_likely |= is_likely;
    return is_likely;
}

static size_t holder_of(const profile_t *profile, const sample_t *sample, bool is_exact, bool *is_likely)
{
    verdict_question_t question = {.profile = profile, .is_exact = is_exact, .sample = sample};
    size_t frame = sample->depth - 1;
    if (sample->escape.frame >= sample->depth)
        return VERDICT_NONE;
    question.common = common_of(profile, sample);
    if (question.common.frame == VERDICT_NONE)
        return VERDICT_NONE;
    while (frame > question.common.frame && is_same_call(&question, frame))
        frame--;
    *is_likely |= question.is_likely;
    return frame;
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

static void add_sample(const profile_t *profile, place_t *place, const sample_t *sample, bool is_exact)
{
    uint64_t objects = to_unsigned(sample->values[ALLOC_OBJECTS]);
    uint64_t in_use = to_unsigned(sample->values[INUSE_OBJECTS]);
    const char *how = sample->escape.how;
    add_to(&place->samples, whole(samples_of(profile, sample) + 0.5));
    add_to(&place->objects, objects);
    add_to(&place->bytes, multiply(objects, sample->requested));
    add_to(&place->cells, to_unsigned(sample->values[ALLOC_SPACE]));
    add_to(&place->in_use, in_use);
    if (!how) {
        add_to(&place->unknown, subtract(objects, in_use));
    } else if (strcmp(how, "thread") == 0) {
        add_to(&place->by_thread, objects);
    } else if (strcmp(how, "moved") == 0) {
        add_to(&place->moved, objects);
    } else if (strcmp(how, "frame") != 0) {
        add_to(&place->unknown, objects);
    } else {
        size_t holder = holder_of(profile, sample, is_exact, &place->is_likely);
        if (holder > place->holder)
            place->holder = holder;
    }
}

/* A function that is far from the one that allocates knows nothing of the block. A function without a name,
 * or of the C library, is no help. */
static bool is_of_use(const profile_t *profile, const place_t *place)
{
    enum { FAR = 8 };
    if (place->holder > FAR || is_before_program(profile, place->sample, place->holder))
        return false;
    const location_t *location = &profile->locations[place->sample->locations[place->holder]];
    return location->frame_count && location->frames[location->frame_count - 1].is_named &&
           !is_of_libc(profile, location);
}

/* A place has no holder if a block of it is in use, or was freed by another thread or in an unknown way. */
static void conclude(const profile_t *profile, place_t *place)
{
    if (place->holder != VERDICT_NONE && !is_of_use(profile, place))
        place->holder = VERDICT_NONE;
    if (place->in_use || place->by_thread || place->unknown || place->moved == place->objects)
        place->holder = VERDICT_NONE;
    if (place->holder == VERDICT_NONE)
        place->is_likely = false;
}

/* --- stacks, line by line --- */

static bool is_same_line(const location_t *a, const location_t *b)
{
    bool is_same = a->frame_count == b->frame_count && a->frame_count > 0;
    for (size_t i = 0; i < a->frame_count && is_same; i++) {
        const frame_t *one = &a->frames[i], *other = &b->frames[i];
        is_same = one->file && other->file && one->line == other->line &&
                  strcmp(one->file, other->file) == 0 && strcmp(one->function, other->function) == 0;
    }
    return is_same;
}

/* For each location the index of the first one with the same line. */
size_t *verdict_number_lines(const profile_t *profile)
{
    size_t *numbers = profile_room(profile->location_count + 1, sizeof *numbers);
    for (size_t i = 0; i < profile->location_count; i++)
        while (numbers[i] < i && !is_same_line(&profile->locations[numbers[i]], &profile->locations[i]))
            numbers[i]++;
    return numbers;
}

static const size_t *stack_of(const sample_t *sample, const size_t *numbers)
{
    size_t *stack = profile_room(sample->depth, sizeof *stack);
    for (size_t i = 0; i < sample->depth; i++)
        stack[i] = numbers[sample->locations[i]];
    return stack;
}

bool verdict_is_same(const place_t *a, const place_t *b, size_t depth)
{
    return a->sample->depth >= depth && b->sample->depth >= depth &&
           memcmp(a->stack, b->stack, depth * sizeof *a->stack) == 0;
}

void verdict_add_escape(escape_t *to, const escape_t *from)
{
    to->least = least(to->least, from->least);
    to->most = most(to->most, from->most);
    to->live = most(to->live, from->live);
    to->live_bytes = most(to->live_bytes, from->live_bytes);
    add_to(&to->grown, from->grown);
    add_to(&to->emptied, from->emptied);
    if (from->chains)
        to->final_least = to->chains ? least(to->final_least, from->final_least) : from->final_least;
    to->final_most = most(to->final_most, from->final_most);
    add_to(&to->chains, from->chains);
    add_to(&to->links, from->links);
    add_to(&to->copied, from->copied);
}

void verdict_add_counts(place_t *to, const place_t *from)
{
    add_to(&to->samples, from->samples);
    add_to(&to->objects, from->objects);
    add_to(&to->bytes, from->bytes);
    add_to(&to->cells, from->cells);
    add_to(&to->in_use, from->in_use);
    add_to(&to->by_thread, from->by_thread);
    add_to(&to->unknown, from->unknown);
    add_to(&to->moved, from->moved);
    to->is_likely |= from->is_likely;
}

/* Blocks of both may be in use at the same time. */
static void unite(place_t *place, const place_t *other)
{
    uint64_t live = add(place->escape.live, other->escape.live);
    uint64_t live_bytes = add(place->escape.live_bytes, other->escape.live_bytes);
    verdict_add_counts(place, other);
    place->holder = place->holder > other->holder ? place->holder : other->holder;
    verdict_add_escape(&place->escape, &other->escape);
    place->escape.live = live;
    place->escape.live_bytes = live_bytes;
}

static void unite_lines(places_t *places)
{
    size_t kept = 0;
    for (size_t i = 0; i < places->count; i++) {
        const place_t *place = &places->of[i];
        size_t same = 0;
        while (same < kept && (places->of[same].sample->depth != place->sample->depth ||
                               !verdict_is_same(&places->of[same], place, place->sample->depth)))
            same++;
        if (same < kept)
            unite(&places->of[same], place);
        else
            places->of[kept++] = *place;
    }
    places->count = kept;
}

/* Advice for a function has to hold whoever calls it. So of places that are the same up to the holder, the
 * one with the outermost holder decides. */
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

/* Was each block a sample, and has each sample a place? One without had no room in the tables. */
static bool is_exact(const profile_t *profile)
{
    for (size_t i = 0; i < profile->sample_count; i++)
        if (!profile->samples[i].escape.place)
            return false;
    return profile->period == 1;
}

places_t verdict_find(const profile_t *profile)
{
    const sample_t **sorted = profile_room(profile->sample_count + 1, sizeof *sorted);
    places_t places = {profile_room(profile->sample_count + 1, sizeof *places.of), 0, is_exact(profile)};
    size_t count = 0, *numbers = verdict_number_lines(profile);
    for (size_t i = 0; i < profile->sample_count; i++)
        if (profile->samples[i].escape.place && profile->samples[i].depth)
            sorted[count++] = &profile->samples[i];
    qsort(sorted, count, sizeof *sorted, by_place);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_place(&sorted[i - 1], &sorted[i]) != 0)
            places.of[places.count++] = (place_t){
                .sample = sorted[i], .stack = stack_of(sorted[i], numbers), .escape = sorted[i]->escape};
        add_sample(profile, &places.of[places.count - 1], sorted[i], places.is_exact);
    }
    for (size_t i = 0; i < places.count; i++)
        conclude(profile, &places.of[i]);
    unite_lines(&places);
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < places.count; i++)
            again |= agree(&places.of[i], &places);
    }
    free(numbers);
    free(sorted);
    return places;
}
