/* profile_encode: see profile_encode.h. The profile is encoded twice under the profile's lock: first to find
 * its length, then into memory of that length. */
#include "runtime/observe/profile_encode.h"

#include <string.h>

#include "runtime/observe/proto.h"
#include "runtime/os/os.h"
#include "runtime/process/modules.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/sample.h"

/* --- the table of strings: fixed ones, name and build id of each module, names of the owners --- */

enum string {
    STRING_EMPTY,
    STRING_ALLOC_OBJECTS,
    STRING_COUNT,
    STRING_ALLOC_SPACE,
    STRING_BYTES,
    STRING_INUSE_OBJECTS,
    STRING_INUSE_SPACE,
    STRING_SPACE,
    STRING_REQUESTED,
    STRING_LIFETIME,
    STRING_PASSED,
    STRING_STACK,
    STRING_CUT,
    STRING_POOL,
    STRING_ARENA,
    STRING_BUDGET,
    STRING_ESCAPE,
    STRING_ESCAPE_FIRST,
    STRING_FRAME = STRING_ESCAPE_FIRST + ESCAPE_HOWS,
    STRING_FREE,
    STRING_CHANGED,
    STRING_RETURNED,
    STRING_LEAST,
    STRING_MOST,
    STRING_LIVE,
    STRING_LIVE_BYTES,
    STRING_GROWN,
    STRING_EMPTIED,
    STRING_PLACE,
    STRING_CHAINS,
    STRING_LINKS,
    STRING_COPIED,
    STRING_FINAL_LEAST,
    STRING_FINAL_MOST,
    STRING_LIFETIME_FIRST,
    STRING_MODULES = STRING_LIFETIME_FIRST + PROFILE_LIFETIMES
};

static const char *const strings[STRING_MODULES] = {
    "",           "alloc_objects", "count",       "alloc_space",
    "bytes",      "inuse_objects", "inuse_space", "space",
    "requested",  "lifetime",      "passed",      "stack",
    "cut",        "pool",          "arena",       "budget",
    "escape",     "frame",         "thread",      "unknown",
    "moved",      "frame",         "free",        "changed",
    "returned",   "least",         "most",        "live",
    "live_bytes", "grown",         "emptied",     "place",
    "chains",     "links",         "copied",      "final_least",
    "final_most", "<10us",         "<100us",      "<1ms",
    "<10ms",      "<100ms",        "<1s",         "<10s",
    ">=10s"};

static const enum string owner_keys[] = {
    [PROFILE_POOL] = STRING_POOL, [PROFILE_ARENA] = STRING_ARENA, [PROFILE_BUDGET] = STRING_BUDGET};

/* The fields of the messages, by their names in profile.proto. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE,
    PROFILE_MAPPING,
    PROFILE_LOCATION,
    PROFILE_FUNCTION,
    PROFILE_STRING_TABLE
};
enum {
    PROFILE_TIME_NANOS = 9,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14
};
enum { VALUE_TYPE = 1, VALUE_UNIT };
enum { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STR, LABEL_NUM, LABEL_NUM_UNIT };
enum { MAPPING_ID = 1, MAPPING_START, MAPPING_LIMIT, MAPPING_OFFSET, MAPPING_FILENAME, MAPPING_BUILD_ID };
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID, LOCATION_ADDRESS };

enum { MODULES = 2048, NAMES = 256 * 1024 };

/* The encoder's working memory. One thread uses it at a time (profile_encode.h). */
static struct {
    module_t *modules; /* MODULES of them, and NAMES bytes behind; kept for the next time */
    size_t module_count;
    uintptr_t *addresses; /* by hash; 0: free. A location's id is its place + 1 */
    size_t address_room;  /* a power of two */
    /* Of the sample that is being written. Not on the stack, which may be small. */
    uint8_t sample[2048], ids[PROFILE_FRAMES * 5];
} encoder;

/* --- locations --- */

static size_t place_of(uintptr_t address)
{
    size_t place = address * 0x9e3779b97f4a7c15u >> 20 & (encoder.address_room - 1);
    while (encoder.addresses[place] && encoder.addresses[place] != address)
        place = (place + 1) & (encoder.address_room - 1);
    return place;
}

static void collect_addresses(void)
{
    for (uint32_t number = 0; number < profile_sites(); number++) {
        const profile_site_t *site = profile_site(number);
        const uintptr_t *frames = profile_frames(site);
        for (uint32_t i = 0; i < site->depth; i++)
            encoder.addresses[place_of(frames[i])] = frames[i];
    }
}

/* The number of the address's module, from 1 on; 0: none. */
static size_t module_of(uintptr_t address)
{
    size_t low = 0, high = encoder.module_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address >= encoder.modules[middle].to)
            low = middle + 1;
        else
            high = middle;
    }
    return low < encoder.module_count && address >= encoder.modules[low].from ? low + 1 : 0;
}

static void put_locations(proto_t *to)
{
    for (size_t place = 0; place < encoder.address_room; place++) {
        if (!encoder.addresses[place])
            continue;
        uint8_t room[64];
        proto_t location = {room, sizeof room, 0};
        proto_number(&location, LOCATION_ID, place + 1);
        proto_number(&location, LOCATION_MAPPING_ID, module_of(encoder.addresses[place]));
        proto_number(&location, LOCATION_ADDRESS, encoder.addresses[place]);
        proto_bytes(to, PROFILE_LOCATION, room, location.length);
    }
}

/* --- mappings and strings --- */

static void put_mappings(proto_t *to)
{
    for (size_t i = 0; i < encoder.module_count; i++) {
        const module_t *module = &encoder.modules[i];
        uint8_t room[128];
        proto_t mapping = {room, sizeof room, 0};
        proto_number(&mapping, MAPPING_ID, i + 1);
        proto_number(&mapping, MAPPING_START, module->from);
        proto_number(&mapping, MAPPING_LIMIT, module->to);
        proto_number(&mapping, MAPPING_OFFSET, module->offset);
        proto_number(&mapping, MAPPING_FILENAME, STRING_MODULES + 2 * i);
        proto_number(&mapping, MAPPING_BUILD_ID, STRING_MODULES + 2 * i + 1);
        proto_bytes(to, PROFILE_MAPPING, room, mapping.length);
    }
}

static void put_strings(proto_t *to)
{
    for (size_t i = 0; i < STRING_MODULES; i++)
        proto_bytes(to, PROFILE_STRING_TABLE, strings[i], strlen(strings[i]));
    for (size_t i = 0; i < encoder.module_count; i++) {
        const module_t *module = &encoder.modules[i];
        char id[2 * MODULES_ID];
        for (uint32_t j = 0; j < 2 * module->id_length; j++)
            id[j] = "0123456789abcdef"[module->id[j / 2] >> (j % 2 ? 0 : 4) & 15];
        proto_bytes(to, PROFILE_STRING_TABLE, module->name, module->name_length);
        proto_bytes(to, PROFILE_STRING_TABLE, id, 2 * (size_t)module->id_length);
    }
    for (uint32_t number = 1; number <= profile_owners(); number++) {
        const char *name = profile_owner_at(number).name;
        proto_bytes(to, PROFILE_STRING_TABLE, name, strlen(name));
    }
}

static void put_type(proto_t *to, uint32_t field, enum string type, enum string unit)
{
    uint8_t room[16];
    proto_t value = {room, sizeof room, 0};
    proto_number(&value, VALUE_TYPE, type);
    proto_number(&value, VALUE_UNIT, unit);
    proto_bytes(to, field, room, value.length);
}

/* --- samples --- */

/* `unit`: of a number; STRING_EMPTY for a string. */
static void put_label(proto_t *to, enum string key, uint32_t field, uint64_t value, enum string unit)
{
    uint8_t room[32];
    proto_t label = {room, sizeof room, 0};
    proto_number(&label, LABEL_KEY, key);
    proto_number(&label, field, value);
    if (field == LABEL_NUM)
        proto_number(&label, LABEL_NUM_UNIT, unit);
    proto_bytes(to, SAMPLE_LABEL, room, label.length);
}

static void put_values(proto_t *to, const profile_site_t *site, uint64_t allocated, uint64_t in_use)
{
    double weight = sample_weight(site->size, profile_rate());
    uint8_t room[48];
    proto_t values = {room, sizeof room, 0};
    const uint64_t samples[] = {allocated, in_use};
    for (size_t i = 0; i < 2; i++) {
        double blocks = (double)samples[i] * weight;
        proto_varint(&values, (uint64_t)(blocks + 0.5));
        proto_varint(&values, (uint64_t)(blocks * (double)site->size + 0.5));
    }
    proto_bytes(to, SAMPLE_VALUE, room, values.length);
}

static void put_bytes(proto_t *to, enum string key, uint64_t bytes)
{
    put_label(to, key, LABEL_NUM, bytes, STRING_BYTES);
}

static void put_count(proto_t *to, enum string key, uint64_t count)
{
    put_label(to, key, LABEL_NUM, count, STRING_COUNT);
}

static void put_text(proto_t *to, enum string key, uint64_t text)
{
    put_label(to, key, LABEL_STR, text, STRING_EMPTY);
}

/* The blocks of a site that make one sample: those in use, those of one lifetime that were freed in one way,
 * or the others of a lifetime. */
typedef struct ended {
    uint64_t samples, passed;
    uint32_t lifetime;       /* PROFILE_LIFETIMES: they are in use */
    const escape_end_t *end; /* NULL: it is not known how */
} ended_t;

static void put_end(proto_t *to, const escape_end_t *end)
{
    put_text(to, STRING_ESCAPE, STRING_ESCAPE_FIRST + end->how);
    if (end->how != ESCAPE_FRAME)
        return;
    put_count(to, STRING_FRAME, end->frame);
    put_count(to, STRING_FREE, end->call);
    put_count(to, STRING_CHANGED, end->changed);
    put_count(to, STRING_RETURNED, end->has_moved);
}

static void put_place(proto_t *to, const escape_place_t *place)
{
    put_count(to, STRING_PLACE, place->hash >> 1);
    put_bytes(to, STRING_LEAST, place->least);
    put_bytes(to, STRING_MOST, place->most);
    put_count(to, STRING_LIVE, place->most_live);
    put_bytes(to, STRING_LIVE_BYTES, place->most_live_bytes);
    put_count(to, STRING_GROWN, place->grown);
    put_count(to, STRING_EMPTIED, place->emptied);
    if (place->chains == 0)
        return;
    put_count(to, STRING_CHAINS, place->chains);
    put_count(to, STRING_LINKS, place->links);
    put_bytes(to, STRING_COPIED, place->copied);
    put_bytes(to, STRING_FINAL_LEAST, place->least_final);
    put_bytes(to, STRING_FINAL_MOST, place->most_final);
}

static void put_sample(proto_t *to, const profile_site_t *site, uint32_t number, const ended_t *ended)
{
    proto_t sample = {encoder.sample, sizeof encoder.sample, 0};
    proto_t locations = {encoder.ids, sizeof encoder.ids, 0};
    bool has_ended = ended->lifetime < PROFILE_LIFETIMES;
    if (ended->samples == 0)
        return;
    const uintptr_t *frames = profile_frames(site);
    for (uint32_t i = 0; i < site->depth; i++)
        proto_varint(&locations, place_of(frames[i]) + 1);
    proto_bytes(&sample, SAMPLE_LOCATION_ID, encoder.ids, locations.length);
    put_values(&sample, site, ended->samples, has_ended ? 0 : ended->samples);
    put_bytes(&sample, STRING_BYTES, site->size);
    put_bytes(&sample, STRING_REQUESTED, site->requested / site->allocs);
    if (has_ended) {
        put_text(&sample, STRING_LIFETIME, STRING_LIFETIME_FIRST + ended->lifetime);
        put_bytes(&sample, STRING_PASSED, (ended->passed << 10) / ended->samples);
    }
    if (ended->end)
        put_end(&sample, ended->end);
    if (escape_place_of(number))
        put_place(&sample, escape_place_of(number));
    if (site->owner)
        put_text(&sample, owner_keys[profile_owner_at(site->owner).kind],
                 STRING_MODULES + 2 * encoder.module_count + site->owner - 1);
    if (!site->whole)
        put_text(&sample, STRING_STACK, STRING_CUT);
    proto_bytes(to, PROFILE_SAMPLE, encoder.sample, sample.length);
}

static void put_site(proto_t *to, uint32_t number)
{
    const profile_site_t *site = profile_site(number);
    ended_t of[PROFILE_LIFETIMES + 1] = {{.lifetime = PROFILE_LIFETIMES, .samples = site->allocs}};
    for (uint32_t i = 0; i < PROFILE_LIFETIMES; i++) {
        of[i + 1] = (ended_t){site->ended[i], site->passed[i], i, NULL};
        of[0].samples -= site->ended[i];
    }
    for (uint32_t at = escape_first(number); at; at = escape_end(at)->next) {
        const escape_end_t *end = escape_end(at);
        put_sample(to, site, number, &(ended_t){end->count, end->passed, end->lifetime, end});
        of[end->lifetime + 1].samples -= end->count;
        of[end->lifetime + 1].passed -= end->passed;
    }
    for (uint32_t i = 0; i <= PROFILE_LIFETIMES; i++)
        put_sample(to, site, number, &of[i]);
}

/* --- the whole --- */

static void put_profile(proto_t *to)
{
    put_type(to, PROFILE_SAMPLE_TYPE, STRING_ALLOC_OBJECTS, STRING_COUNT);
    put_type(to, PROFILE_SAMPLE_TYPE, STRING_ALLOC_SPACE, STRING_BYTES);
    put_type(to, PROFILE_SAMPLE_TYPE, STRING_INUSE_OBJECTS, STRING_COUNT);
    put_type(to, PROFILE_SAMPLE_TYPE, STRING_INUSE_SPACE, STRING_BYTES);
    for (uint32_t number = 0; number < profile_sites(); number++)
        put_site(to, number);
    put_mappings(to);
    put_locations(to);
    put_strings(to);
    proto_number(to, PROFILE_TIME_NANOS, os_wall_clock_ns());
    put_type(to, PROFILE_PERIOD_TYPE, STRING_SPACE, STRING_BYTES);
    proto_number(to, PROFILE_PERIOD, profile_rate());
    proto_number(to, PROFILE_DEFAULT_SAMPLE_TYPE, STRING_INUSE_SPACE);
}

static bool read_modules(void)
{
    size_t size = os_page_up(MODULES * sizeof(module_t)) + NAMES;
    if (!encoder.modules)
        encoder.modules = os_take(size);
    if (!encoder.modules)
        return false;
    size_t count = modules_read(encoder.modules, MODULES,
                                (char *)encoder.modules + os_page_up(MODULES * sizeof(module_t)), NAMES);
    if (count > 0) /* else the modules found before are kept */
        encoder.module_count = count;
    return true;
}

void profile_encode_prepare(void)
{
    read_modules();
}

static bool make_addresses(void)
{
    size_t frames = 0;
    for (uint32_t number = 0; number < profile_sites(); number++)
        frames += profile_site(number)->depth;
    for (encoder.address_room = OS_PAGE / sizeof(uintptr_t); encoder.address_room < 2 * frames;)
        encoder.address_room *= 2;
    encoder.addresses = os_take(encoder.address_room * sizeof(uintptr_t));
    if (encoder.addresses)
        collect_addresses();
    return encoder.addresses != NULL;
}

uint8_t *profile_encode(bool wait, size_t *length, size_t *reserved)
{
    if (!read_modules() || !profile_lock(wait))
        return NULL;
    proto_t profile = {NULL, 0, 0};
    if (make_addresses()) {
        put_profile(&profile);
        profile.size = os_page_up(profile.length + 16); /* the time may take a byte more */
        profile.start = os_take(profile.size);
        profile.length = 0;
        if (profile.start)
            put_profile(&profile);
        os_unreserve(encoder.addresses, encoder.address_room * sizeof(uintptr_t));
    }
    profile_unlock();
    *length = profile.length;
    *reserved = profile.size;
    return profile.start;
}
