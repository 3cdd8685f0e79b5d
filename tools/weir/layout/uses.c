/* uses: see uses.h. */
#include "tools/weir/layout/uses.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/report/source.h"
#include "tools/weir/saturate.h"

static bool is_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool ends_with(const char *text, const char *end, const char *word)
{
    size_t length = strlen(word);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    return (size_t)(end - text) >= length && strncmp(end - length, word, length) == 0;
}

/* `sizeof(NAME`, `struct NAME`, `new NAME`: is what stands before the name one of these? A variable may be
 * called as the type is. */
static bool is_type(const char *text, const char *at)
{
    static const char *const before[] = {"(", "struct", "class", "union", "new", "::", "<", "const"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        if (ends_with(text, at, before[i]))
            return true;
    return false;
}

static bool names_type(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += length)
        if ((at == text || !is_of_word(at[-1])) && !is_of_word(at[length]) && is_type(text, at))
            return true;
    return false;
}

static const char *last_name(const char *name)
{
    for (const char *next; (next = strstr(name, "::"));)
        name = next + 2;
    return name;
}

/* The innermost function of the program's own: its source is known. */
static const frame_t *site_of(const profile_t *profile, const sample_t *sample)
{
    for (size_t i = 0; i < sample->depth; i++) {
        const location_t *location = &profile->locations[sample->locations[i]];
        for (size_t j = 0; j < location->frame_count; j++)
            if (location->frames[j].file)
                return &location->frames[j];
    }
    return NULL;
}

/* If the line names several structs of that size, they are one struct that is declared twice: the first
 * counts. */
static const layout_record_t *find_named(const records_t *records, const char *line, uint64_t size)
{
    bool allocates = line && (strstr(line, "sizeof") || strstr(line, "new "));
    for (size_t i = 0; allocates && i < records->count; i++) {
        const layout_record_t *record = &records->of[i];
        bool fits =
            record->size && (record->size == size || (strstr(line, "sizeof") && size % record->size == 0));
        if (fits && names_type(line, last_name(record->name)))
            return record;
    }
    return NULL;
}

static void note(const profile_t *profile, const sample_t *sample, uint64_t objects, const records_t *records,
                 use_t *uses)
{
    const frame_t *site = site_of(profile, sample);
    char *line = site ? source_line(site->file, site->line) : NULL;
    const layout_record_t *named = find_named(records, line, sample->requested);
    size_t same = 0;
    free(line);
    if (named) {
        add_to(&uses[named - records->of].sure, multiply(objects, sample->requested / named->size));
        return;
    }
    for (size_t i = 0; i < records->count; i++)
        same += records->of[i].size == sample->requested;
    for (size_t i = 0; i < records->count; i++)
        if (records->of[i].size == sample->requested)
            add_to(same == 1 ? &uses[i].likely : &uses[i].unknown, objects);
}

use_t *uses_find(const profile_t *profile, const records_t *records, bool *is_ever)
{
    use_t *uses = profile_room(records->count, sizeof *uses);
    enum profile_value value = ALLOC_OBJECTS;
    for (size_t i = 0; i < profile->sample_count; i++)
        if (profile->samples[i].values[INUSE_OBJECTS] > 0)
            value = INUSE_OBJECTS;
    for (size_t i = 0; i < profile->sample_count; i++) {
        const sample_t *sample = &profile->samples[i];
        if (sample->values[value] > 0)
            note(profile, sample, (uint64_t)sample->values[value], records, uses);
    }
    *is_ever = value == ALLOC_OBJECTS;
    return uses;
}
