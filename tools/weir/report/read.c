/* read: from a profile.proto to a profile_t. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tools/weir/command.h"
#include "tools/weir/report/profile.h"
#include "tools/weir/report/wire.h"
#include "tools/weir/saturate.h"

const char *const profile_value_names[PROFILE_VALUES] = {"alloc_objects", "alloc_space", "inuse_objects",
                                                         "inuse_space"};

static void *checked(void *p)
{
    if (!p) {
        fprintf(stderr, "weir report: out of memory\n");
        exit(EXIT_OWN_FAILURE);
    }
    return p;
}

void *profile_room(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size));
}

char *profile_copy(const char *start, size_t length)
{
    char *copy = profile_room(length + 1, 1);
    return memcpy(copy, start, length);
}

/* --- the messages, by the names and numbers of profile.proto --- */

/* A function as the file has it. */
typedef struct function_name {
    uint64_t id;
    const char *name, *file;
} function_name_t;

/* What is needed while the file is decoded: the sample types by their strings' numbers, and the functions. */
typedef struct raw {
    profile_t *profile;
    uint64_t types[PROFILE_VALUES];
    size_t type_count;
    function_name_t *functions; /* of a profile that was named before */
    size_t function_count;
    bool bad;
} raw_t;

static const char *string_at(const raw_t *raw, uint64_t number)
{
    return number < raw->profile->string_count ? raw->profile->strings[number] : "";
}

static void take_mapping(raw_t *raw, wire_t in)
{
    mapping_t *mapping = &raw->profile->mappings[raw->profile->mapping_count++];
    for (wire_field_t field; wire_next(&in, &field);)
        switch (field.number) {
        case 1:
            mapping->id = field.value;
            break;
        case 2:
            mapping->start = field.value;
            break;
        case 3:
            mapping->limit = field.value;
            break;
        case 4:
            mapping->offset = field.value;
            break;
        case 5:
            mapping->file = string_at(raw, field.value);
            break;
        case 6:
            mapping->build_id = string_at(raw, field.value);
            break;
        default:
            break;
        }
    raw->bad |= in.bad;
}

static void take_function(raw_t *raw, wire_t in)
{
    function_name_t *function = &raw->functions[raw->function_count++];
    for (wire_field_t field; wire_next(&in, &field);)
        if (field.number == 1)
            function->id = field.value;
        else if (field.number == 2)
            function->name = string_at(raw, field.value);
        else if (field.number == 4)
            function->file = string_at(raw, field.value);
    raw->bad |= in.bad;
}

static int by_function_id(const void *left, const void *right)
{
    const function_name_t *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* A function and a line in it: one more frame of the location. */
static void take_line(raw_t *raw, location_t *location, wire_t in)
{
    function_name_t key = {.id = 0};
    uint64_t line = 0;
    for (wire_field_t field; wire_next(&in, &field);)
        if (field.number == 1)
            key.id = field.value;
        else if (field.number == 2)
            line = field.value;
    const function_name_t *found =
        bsearch(&key, raw->functions, raw->function_count, sizeof key, by_function_id);
    raw->bad |= in.bad;
    if (!found || !found->name || !*found->name)
        return;
    size_t count = location->frame_count++;
    location->frames = checked(realloc(location->frames, (count + 1) * sizeof *location->frames));
    location->frames[count] = (frame_t){.function = found->name,
                                        .file = found->file && *found->file ? found->file : NULL,
                                        .line = line_of(line),
                                        .is_named = true};
}

static void take_location(raw_t *raw, wire_t in)
{
    location_t *location = &raw->profile->locations[raw->profile->location_count++];
    for (wire_field_t field; wire_next(&in, &field);)
        switch (field.number) {
        case 1:
            location->id = field.value;
            break;
        case 2:
            location->mapping = field.value;
            break;
        case 3:
            location->address = field.value;
            break;
        case 4:
            take_line(raw, location, field.bytes);
            break;
        default:
            break;
        }
    raw->bad |= in.bad;
}

/* Where a sample keeps a label's text, or number. */
typedef struct label {
    const char *key;
    size_t text, number; /* offset in sample_t; 0: not kept */
} label_t;

static const label_t labels[] = {
    {"bytes", 0, offsetof(sample_t, size)},
    {"requested", 0, offsetof(sample_t, requested)},
    {"passed", 0, offsetof(sample_t, passed)},
    {"lifetime", offsetof(sample_t, lifetime), 0},
    {"pool", offsetof(sample_t, pool), 0},
    {"arena", offsetof(sample_t, arena), 0},
    {"budget", offsetof(sample_t, budget), 0},
    {"advice", offsetof(sample_t, advice), 0},
    {"escape", offsetof(sample_t, escape.how), 0},
    {"frame", 0, offsetof(sample_t, escape.frame)},
    {"free", 0, offsetof(sample_t, escape.free)},
    {"changed", 0, offsetof(sample_t, escape.changed)},
    {"returned", 0, offsetof(sample_t, escape.returned)},
    {"place", 0, offsetof(sample_t, escape.place)},
    {"least", 0, offsetof(sample_t, escape.least)},
    {"most", 0, offsetof(sample_t, escape.most)},
    {"live", 0, offsetof(sample_t, escape.live)},
    {"live_bytes", 0, offsetof(sample_t, escape.live_bytes)},
    {"emptied", 0, offsetof(sample_t, escape.emptied)},
    {"grown", 0, offsetof(sample_t, escape.grown)},
    {"chains", 0, offsetof(sample_t, escape.chains)},
    {"links", 0, offsetof(sample_t, escape.links)},
    {"copied", 0, offsetof(sample_t, escape.copied)},
    {"final_least", 0, offsetof(sample_t, escape.final_least)},
    {"final_most", 0, offsetof(sample_t, escape.final_most)},
};

static void keep_label(sample_t *sample, const char *key, const char *text, uint64_t number)
{
    for (const label_t *label = labels; label < labels + sizeof labels / sizeof labels[0]; label++) {
        if (strcmp(key, label->key) != 0)
            continue;
        if (label->text)
            memcpy((char *)sample + label->text, &text, sizeof text);
        else
            memcpy((char *)sample + label->number, &number, sizeof number);
    }
    if (strcmp(key, "stack") == 0)
        sample->is_cut = true;
}

static void take_label(raw_t *raw, sample_t *sample, wire_t in)
{
    const char *key = "", *text = NULL;
    uint64_t number = 0;
    for (wire_field_t field; wire_next(&in, &field);)
        switch (field.number) {
        case 1:
            key = string_at(raw, field.value);
            break;
        case 2:
            text = string_at(raw, field.value);
            break;
        case 3:
            number = field.value;
            break;
        default:
            break;
        }
    keep_label(sample, key, text, number);
    raw->bad |= in.bad;
}

/* An id of a packed field, or of a field by itself. */
static void take_location_id(sample_t *sample, uint64_t id)
{
    sample->locations[sample->depth++] = (size_t)id;
}

static void take_sample(raw_t *raw, wire_t in)
{
    sample_t *sample = &raw->profile->samples[raw->profile->sample_count++];
    size_t values = 0;
    sample->locations = profile_room((size_t)(in.end - in.at) + 1, sizeof *sample->locations);
    for (wire_field_t field; wire_next(&in, &field);) {
        if (field.number == 1 && !field.bytes.at)
            take_location_id(sample, field.value);
        while (field.number == 1 && field.bytes.at < field.bytes.end)
            take_location_id(sample, wire_varint(&field.bytes));
        if (field.number == 2 && !field.bytes.at && values < PROFILE_VALUES)
            sample->values[values++] = (int64_t)field.value;
        while (field.number == 2 && field.bytes.at < field.bytes.end && values < PROFILE_VALUES)
            sample->values[values++] = (int64_t)wire_varint(&field.bytes);
        if (field.number == 3)
            take_label(raw, sample, field.bytes);
    }
    sample->locations = checked(realloc(sample->locations, (sample->depth + 1) * sizeof *sample->locations));
    raw->bad |= in.bad;
}

static void take_type(raw_t *raw, wire_t in)
{
    for (wire_field_t field; wire_next(&in, &field);)
        if (field.number == 1 && raw->type_count < PROFILE_VALUES)
            raw->types[raw->type_count++] = field.value;
}

/* How many fields of each number there are: the arrays are made for them. */
static bool count_fields(wire_t in, size_t *counts)
{
    for (wire_field_t field; wire_next(&in, &field);)
        if (field.number < P_FIELDS)
            counts[field.number]++;
    return !in.bad;
}

static void each_field(raw_t *raw, wire_t in, uint32_t number, void (*take)(raw_t *raw, wire_t in))
{
    for (wire_field_t field; wire_next(&in, &field);)
        if (field.number == number && field.bytes.at)
            take(raw, field.bytes);
        else if (field.number == P_PERIOD)
            raw->profile->period = (int64_t)field.value;
}

static void take_string(raw_t *raw, wire_t in)
{
    raw->profile->strings[raw->profile->string_count++] =
        profile_copy((const char *)in.at, (size_t)(in.end - in.at));
}

static int by_id(const void *left, const void *right)
{
    const location_t *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Ids become places. False: one names no location. */
static bool link_locations(profile_t *profile)
{
    qsort(profile->locations, profile->location_count, sizeof *profile->locations, by_id);
    for (size_t i = 0; i < profile->sample_count; i++)
        for (size_t j = 0; j < profile->samples[i].depth; j++) {
            location_t key = {.id = profile->samples[i].locations[j]};
            location_t *found = bsearch(&key, profile->locations, profile->location_count, sizeof key, by_id);
            if (!found)
                return false;
            profile->samples[i].locations[j] = (size_t)(found - profile->locations);
        }
    return true;
}

static bool has_heap_types(const raw_t *raw)
{
    for (size_t i = 0; i < PROFILE_VALUES; i++)
        if (raw->type_count != PROFILE_VALUES ||
            strcmp(string_at(raw, raw->types[i]), profile_value_names[i]) != 0)
            return false;
    return true;
}

const char *profile_decode(const uint8_t *bytes, size_t length, profile_t *profile)
{
    wire_t in = {bytes, bytes + length, false};
    size_t counts[P_FIELDS] = {0};
    raw_t raw = {.profile = profile};
    *profile = (profile_t){.samples = NULL};
    if (!count_fields(in, counts))
        return "is damaged";
    profile->strings = profile_room(counts[P_STRING], sizeof *profile->strings);
    profile->samples = profile_room(counts[P_SAMPLE], sizeof *profile->samples);
    profile->locations = profile_room(counts[P_LOCATION], sizeof *profile->locations);
    profile->mappings = profile_room(counts[P_MAPPING], sizeof *profile->mappings);
    raw.functions = profile_room(counts[P_FUNCTION], sizeof *raw.functions);
    each_field(&raw, in, P_STRING, take_string);
    each_field(&raw, in, P_SAMPLE_TYPE, take_type);
    if (!has_heap_types(&raw))
        return "is no heap profile";
    each_field(&raw, in, P_MAPPING, take_mapping);
    each_field(&raw, in, P_FUNCTION, take_function);
    qsort(raw.functions, raw.function_count, sizeof *raw.functions, by_function_id);
    each_field(&raw, in, P_LOCATION, take_location);
    each_field(&raw, in, P_SAMPLE, take_sample);
    free(raw.functions);
    return raw.bad || !link_locations(profile) ? "is damaged" : NULL;
}

/* --- the file --- */

/* zlib reads what is not compressed as it is. */
static uint8_t *read_all(const char *path, size_t *length)
{
    gzFile file = gzopen(path, "rb");
    const size_t most = 1 << 30; /* at a time: gzread takes no more than an int has */
    size_t room = 1 << 16;
    uint8_t *bytes = profile_room(room, 1);
    int got = 0;
    *length = 0;
    while (file && (got = gzread(file, bytes + *length, (unsigned)least(room - *length, most))) > 0) {
        *length += (size_t)got;
        if (*length == room)
            bytes = checked(realloc(bytes, room *= 2));
    }
    if (!file || got < 0) {
        free(bytes);
        bytes = NULL;
    }
    if (file && gzclose(file) != Z_OK) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

bool profile_read(const char *path, profile_t *profile)
{
    size_t length;
    errno = 0;
    uint8_t *bytes = read_all(path, &length);
    if (!bytes) {
        fprintf(stderr, "weir report: %s: %s\n", path, errno ? strerror(errno) : "is damaged");
        return false;
    }
    const char *problem = profile_decode(bytes, length, profile);
    profile->bytes = bytes;
    profile->length = length;
    if (problem)
        fprintf(stderr, "weir report: %s: %s\n", path, problem);
    return problem == NULL;
}
