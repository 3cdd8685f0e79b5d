/* operations_arena: arenas as stacks of objects, places and cleanups; strings built in them. */
#include <stdio.h>
#include <weir/arena.h>
#include <weir/builder.h>

#include "tests/fuzz/operations.h"
#include "tests/unit/support.h"

enum { ARENAS = 3, OBJECTS = 48, PLACES = 4 };

typedef struct object {
    char *p;
    size_t size;
    uint64_t pattern;
} object_t;

typedef struct shadow {
    weir_arena *arena; /* NULL: there is none */
    object_t objects[OBJECTS];
    size_t count, cleanups;
    size_t ran; /* of the cleanups, since the last look */
    struct {
        weir_arena_place place;
        size_t count, cleanups;
    } places[PLACES];
    size_t place_count;
} shadow_t;

static shadow_t shadows[ARENAS];
static uint64_t patterns;

static void check_objects(const shadow_t *shadow)
{
    for (size_t i = 0; i < shadow->count; i++) {
        const object_t *object = &shadow->objects[i];
        CHECK(pattern_intact(object->p, object->size, object->size, object->pattern));
    }
}

static void pop_to(shadow_t *shadow, size_t count, size_t cleanups)
{
    CHECK(shadow->ran == shadow->cleanups - cleanups);
    shadow->count = count;
    shadow->cleanups = cleanups;
    shadow->ran = 0;
    check_objects(shadow);
}

static void count_cleanup(void *context)
{
    ++*(size_t *)context;
}

static void note_object(shadow_t *shadow, char *p, size_t size)
{
    CHECK(p || operations_may_fail);
    if (!p)
        return;
    shadow->objects[shadow->count++] = (object_t){p, size, ++patterns};
    pattern_fill(p, size, patterns);
}

static void allocate(shadow_t *shadow, input_t *input)
{
    uint32_t how = input_below(input, 4), alignment = 1u << input_below(input, 13);
    size_t size = operations_size(input);
    char *p = how == 0   ? weir_arena_alloc_zeroed(shadow->arena, size)
              : how == 1 ? weir_arena_alloc_aligned(shadow->arena, alignment, size)
                         : weir_arena_alloc(shadow->arena, size);
    CHECK(how != 0 || !p || is_zero(p, size));
    CHECK(how != 1 || (uintptr_t)p % alignment == 0);
    note_object(shadow, p, size);
}

/* Resize the last object, which may grow in place, or any object allocated after the last place. */
static void resize(shadow_t *shadow, input_t *input)
{
    size_t least = shadow->place_count ? shadow->places[shadow->place_count - 1].count : 0;
    size_t size = operations_size(input), which = input_below(input, OBJECTS);
    which = which < shadow->count ? which : shadow->count - 1;
    if (shadow->count == 0 || which < least)
        return;
    object_t *object = &shadow->objects[which];
    char *p = weir_arena_resize(shadow->arena, object->p, object->size, size);
    CHECK(p || operations_may_fail);
    if (!p)
        return;
    CHECK(pattern_intact(p, object->size, size < object->size ? size : object->size, object->pattern));
    *object = (object_t){p, size, object->pattern};
    pattern_fill(p, size, object->pattern);
}

/* A string in pieces, against the same one built by the C library; then it is an object like any other. */
static void build(shadow_t *shadow, input_t *input)
{
    char expected[4096];
    size_t length = 0;
    weir_builder text = weir_builder_on(shadow->arena, input_byte(input));
    bool good = true;
    for (uint32_t pieces = input_below(input, 20); pieces > 0; pieces--) {
        uint32_t piece = input_byte(input), width = piece * (piece % 3);
        length += (size_t)snprintf(expected + length, sizeof expected - length, "%*u,", (int)width, piece);
        good &= weir_builder_printf(&text, "%*u,", (int)width, piece);
        if (length > sizeof expected - 600)
            break;
    }
    expected[length] = '\0';
    char *string = weir_builder_string(&text);
    CHECK((good && string) || operations_may_fail);
    if (good && string) {
        CHECK(strcmp(string, expected) == 0);
        note_object(shadow, string, length + 1);
    }
}

static void rewind_to(shadow_t *shadow, input_t *input)
{
    if (shadow->place_count == 0)
        return;
    size_t i = input_below(input, PLACES);
    i = i < shadow->place_count ? i : shadow->place_count - 1;
    weir_arena_rewind(shadow->arena, shadow->places[i].place);
    pop_to(shadow, shadow->places[i].count, shadow->places[i].cleanups);
    shadow->place_count = i + 1;
}

static void empty(shadow_t *shadow, uint32_t how)
{
    if (how == 0)
        weir_arena_reset(shadow->arena);
    else if (how == 1)
        weir_arena_release(shadow->arena);
    else
        weir_arena_free(shadow->arena);
    pop_to(shadow, 0, 0);
    shadow->place_count = 0;
    if (how > 1)
        shadow->arena = NULL;
}

/* The other arena's objects are this one's, and all places before are still places. */
static void adopt(shadow_t *into, shadow_t *from)
{
    if (into == from || !from->arena || from->cleanups || into->count + from->count > OBJECTS)
        return;
    weir_arena_adopt(into->arena, from->arena);
    memcpy(into->objects + into->count, from->objects, from->count * sizeof *from->objects);
    into->count += from->count;
    *from = (shadow_t){.arena = NULL};
    check_objects(into);
}

static void mark(shadow_t *shadow)
{
    if (shadow->place_count == PLACES)
        return;
    shadow->places[shadow->place_count].place = weir_arena_mark(shadow->arena);
    shadow->places[shadow->place_count].count = shadow->count;
    shadow->places[shadow->place_count++].cleanups = shadow->cleanups;
}

void arena_step(input_t *input)
{
    uint32_t kind = input_byte(input);
    shadow_t *shadow = &shadows[kind % ARENAS];
    if (!shadow->arena) {
        weir_arena_options wanted = {.block_size = (size_t)input_byte(input) << input_below(input, 10),
                                     .check = kind > 250,
                                     .scan = kind & 1};
        shadow->arena = weir_arena_new(&wanted);
        CHECK(shadow->arena || operations_may_fail);
        return;
    }
    switch (kind / ARENAS % 16) {
    default:
        if (shadow->count < OBJECTS)
            allocate(shadow, input);
        break;
    case 8:
        resize(shadow, input);
        break;
    case 9:
        if (shadow->count < OBJECTS)
            build(shadow, input);
        break;
    case 10:
        mark(shadow);
        break;
    case 11:
        rewind_to(shadow, input);
        break;
    case 12:
        if (weir_arena_cleanup(shadow->arena, count_cleanup, &shadow->ran))
            shadow->cleanups++;
        else
            CHECK(operations_may_fail);
        break;
    case 13:
        empty(shadow, input_below(input, 3));
        break;
    case 14:
        adopt(shadow, &shadows[input_below(input, ARENAS)]);
        break;
    case 15:
        check_objects(shadow);
        break;
    }
}

void arena_end(void)
{
    for (size_t i = 0; i < ARENAS; i++)
        if (shadows[i].arena)
            empty(&shadows[i], 2);
}
