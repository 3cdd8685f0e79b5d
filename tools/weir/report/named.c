/* named: see named.h. A function is a name and a source file: all frames are sorted by these, and a
 * function's number is its rank. Its two strings are put behind those that the profile has.
 */
#include "tools/weir/report/named.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "runtime/observe/proto.h"
#include "tools/weir/report/wire.h"

/* The fields of the messages, by their names in profile.proto. */
enum { MAPPING_HAS_FUNCTIONS = 7, MAPPING_HAS_FILENAMES, MAPPING_HAS_LINES, MAPPING_HAS_INLINED };
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID, LOCATION_ADDRESS, LOCATION_LINE };
enum { LINE_FUNCTION_ID = 1, LINE_NUMBER };
enum { SAMPLE_LABEL = 3, LABEL_KEY = 1, LABEL_TEXT };
enum { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_SYSTEM_NAME, FUNCTION_FILE };

/* The frames with a name, each function once, in order. */
typedef struct functions {
    const frame_t **sorted;
    size_t count;
} functions_t;

static int by_name(const void *left, const void *right)
{
    const frame_t *a = *(const frame_t *const *)left, *b = *(const frame_t *const *)right;
    int order = strcmp(a->function, b->function);
    return order ? order : strcmp(a->file ? a->file : "", b->file ? b->file : "");
}

static functions_t find_functions(const profile_t *profile)
{
    size_t frames = 0, count = 0;
    functions_t functions = {NULL, 0};
    for (size_t i = 0; i < profile->location_count; i++)
        frames += profile->locations[i].frame_count;
    functions.sorted = profile_room(frames, sizeof *functions.sorted);
    for (size_t i = 0; i < profile->location_count; i++)
        for (size_t j = 0; j < profile->locations[i].frame_count; j++)
            if (profile->locations[i].frames[j].is_named)
                functions.sorted[count++] = &profile->locations[i].frames[j];
    qsort(functions.sorted, count, sizeof *functions.sorted, by_name);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || by_name(&functions.sorted[i], &functions.sorted[functions.count - 1]) != 0)
            functions.sorted[functions.count++] = functions.sorted[i];
    return functions;
}

/* From 1 on. */
static size_t number_of(const functions_t *functions, const frame_t *frame)
{
    const frame_t **found =
        bsearch(&frame, functions->sorted, functions->count, sizeof *functions->sorted, by_name);
    return (size_t)(found - functions->sorted) + 1;
}

static void put_location(proto_t *to, const functions_t *functions, const location_t *location)
{
    uint8_t room[2048]; /* a frame takes 20 bytes at most, and a location has 32 */
    proto_t message = {room, sizeof room, 0};
    proto_number(&message, LOCATION_ID, location->id);
    proto_number(&message, LOCATION_MAPPING_ID, location->mapping);
    proto_number(&message, LOCATION_ADDRESS, location->address);
    for (size_t i = 0; i < location->frame_count && message.length + 32 < sizeof room; i++) {
        const frame_t *frame = &location->frames[i];
        uint8_t line_room[32];
        proto_t line = {line_room, sizeof line_room, 0};
        if (!frame->is_named)
            continue;
        proto_number(&line, LINE_FUNCTION_ID, number_of(functions, frame));
        proto_number(&line, LINE_NUMBER, frame->line > 0 ? (uint64_t)frame->line : 0);
        proto_bytes(&message, LOCATION_LINE, line_room, line.length);
    }
    proto_bytes(to, P_LOCATION, room, message.length);
}

static void put_functions(proto_t *to, const functions_t *functions, size_t string)
{
    for (size_t i = 0; i < functions->count; i++, string += 2) {
        uint8_t room[64];
        proto_t function = {room, sizeof room, 0};
        proto_number(&function, FUNCTION_ID, i + 1);
        proto_number(&function, FUNCTION_NAME, string);
        proto_number(&function, FUNCTION_SYSTEM_NAME, string);
        proto_number(&function, FUNCTION_FILE, string + 1);
        proto_bytes(to, P_FUNCTION, room, function.length);
    }
    for (size_t i = 0; i < functions->count; i++) {
        const frame_t *frame = functions->sorted[i];
        const char *file = frame->file ? frame->file : "";
        proto_bytes(to, P_STRING, frame->function, strlen(frame->function));
        proto_bytes(to, P_STRING, file, strlen(file));
    }
}

/* --- advice: a label of the samples that weir advise has something to say of --- */

enum { ADVICE_MOST = 16 };

/* Its texts, each once; their numbers follow that of the key. */
typedef struct advice_texts {
    const char *texts[ADVICE_MOST];
    size_t count, key; /* key: the number of its string */
} advice_texts_t;

static size_t advice_number(const advice_texts_t *advice, const char *text)
{
    size_t number = 0;
    while (number < advice->count && strcmp(advice->texts[number], text) != 0)
        number++;
    return number;
}

static advice_texts_t find_advice(const profile_t *profile, const functions_t *functions)
{
    advice_texts_t advice = {.key = profile->string_count + 2 * functions->count};
    for (size_t i = 0; i < profile->sample_count; i++) {
        const char *text = profile->samples[i].advice;
        if (text && advice.count < ADVICE_MOST && advice_number(&advice, text) == advice.count)
            advice.texts[advice.count++] = text;
    }
    return advice;
}

static void put_labelled(proto_t *to, wire_t bytes, const advice_texts_t *advice, const char *text)
{
    uint8_t label_room[32], message_room[40];
    proto_t label = {label_room, sizeof label_room, 0}, more = {message_room, sizeof message_room, 0};
    size_t length = (size_t)(bytes.end - bytes.at),
           number = text ? advice_number(advice, text) : advice->count;
    if (number < advice->count) {
        proto_number(&label, LABEL_KEY, advice->key);
        proto_number(&label, LABEL_TEXT, advice->key + 1 + number);
        proto_bytes(&more, SAMPLE_LABEL, label_room, label.length);
    }
    uint8_t *room = profile_room(length + more.length, 1);
    memcpy(room, bytes.at, length);
    memcpy(room + length, message_room, more.length);
    proto_bytes(to, P_SAMPLE, room, length + more.length);
    free(room);
}

static void put_advice_texts(proto_t *to, const advice_texts_t *advice)
{
    static const char key[] = "advice";
    if (advice->count)
        proto_bytes(to, P_STRING, key, sizeof key - 1);
    for (size_t i = 0; i < advice->count; i++)
        proto_bytes(to, P_STRING, advice->texts[i], strlen(advice->texts[i]));
}

/* --- the whole --- */

/* These flags tell readers to look for no names of their own. */
static void put_mapping(proto_t *to, wire_t bytes)
{
    uint8_t flags[16];
    proto_t more = {flags, sizeof flags, 0};
    for (uint32_t flag = MAPPING_HAS_FUNCTIONS; flag <= MAPPING_HAS_INLINED; flag++)
        proto_number(&more, flag, 1);
    size_t length = (size_t)(bytes.end - bytes.at);
    uint8_t *room = profile_room(length + more.length, 1);
    memcpy(room, bytes.at, length);
    memcpy(room + length, flags, more.length);
    proto_bytes(to, P_MAPPING, room, length + more.length);
    free(room);
}

static void put_field(proto_t *to, const wire_field_t *field)
{
    if (field->number == P_LOCATION || field->number == P_FUNCTION)
        return; /* anew */
    if (field->number == P_MAPPING && field->bytes.at)
        put_mapping(to, field->bytes);
    else if (field->bytes.at)
        proto_bytes(to, field->number, field->bytes.at, (size_t)(field->bytes.end - field->bytes.at));
    else
        proto_number(to, field->number, field->value);
}

static void put_all(proto_t *to, wire_t in, const functions_t *functions, const profile_t *profile)
{
    advice_texts_t advice = find_advice(profile, functions);
    size_t sample = 0;
    for (wire_field_t field; wire_next(&in, &field);)
        if (field.number == P_SAMPLE && field.bytes.at && sample < profile->sample_count)
            put_labelled(to, field.bytes, &advice, profile->samples[sample++].advice);
        else
            put_field(to, &field);
    for (size_t i = 0; i < profile->location_count; i++)
        put_location(to, functions, &profile->locations[i]);
    put_functions(to, functions, profile->string_count);
    put_advice_texts(to, &advice);
}

uint8_t *named_encode(const uint8_t *bytes, size_t length, const profile_t *profile, size_t *named_length)
{
    functions_t functions = find_functions(profile);
    wire_t in = {bytes, bytes + length, false};
    proto_t to = {NULL, 0, 0};
    put_all(&to, in, &functions, profile);
    to.size = to.length;
    to.length = 0;
    to.start = profile_room(to.size, 1);
    put_all(&to, in, &functions, profile);
    free(functions.sorted);
    *named_length = to.length;
    return to.start;
}

bool named_write(const profile_t *profile, const char *path)
{
    size_t length, written = 0;
    uint8_t *bytes = named_encode(profile->bytes, profile->length, profile, &length);
    errno = 0;
    gzFile file = gzopen(path, "wb");
    while (file && written < length) {
        size_t part = length - written < 1 << 20 ? length - written : 1 << 20;
        if (gzwrite(file, bytes + written, (unsigned)part) <= 0)
            break;
        written += part;
    }
    free(bytes);
    bool closed = file && gzclose(file) == Z_OK;
    return closed && written == length;
}
