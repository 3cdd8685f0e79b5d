/* structs: what `weir layout` would change, for the objects of the profile, as proposals. */
#include <stdlib.h>
#include <string.h>

#include "tools/weir/advise/proposal.h"

/* Is a call of the profile, with a known line of source, in this file? The files in the system's folders are
 * not the program's. */
static bool is_of_interest(const profile_t *profile, const mapping_t *mapping)
{
    if (!mapping->file || strncmp(mapping->file, "/usr/", 5) == 0 || strncmp(mapping->file, "/lib", 4) == 0)
        return false;
    for (size_t i = 0; i < profile->location_count; i++)
        if (profile->locations[i].mapping == mapping->id && profile->locations[i].frame_count &&
            profile->locations[i].frames[0].file)
            return true;
    return false;
}

static bool is_first_of_file(const profile_t *profile, size_t number)
{
    for (size_t i = 0; i < number; i++)
        if (profile->mappings[i].file &&
            strcmp(profile->mappings[i].file, profile->mappings[number].file) == 0)
            return false;
    return true;
}

static void add_layout(proposals_t *proposals, const advice_t *advice, const char *file)
{
    proposal_t *grown = profile_room(proposals->count + 1, sizeof *grown);
    memcpy(grown, proposals->of, proposals->count * sizeof *grown);
    free(proposals->of);
    proposals->of = grown;
    advice_t *kept = profile_room(1, sizeof *kept);
    *kept = *advice;
    grown[proposals->count++] = (proposal_t){.kind = PROPOSE_LAYOUT,
                                             .place.holder = VERDICT_NONE,
                                             .layout = kept,
                                             .layout_file = file,
                                             .saved_bytes = draw_saving(advice)};
}

/* The profile without what is in use, so that all objects ever allocated count, as in all savings here. */
static profile_t all_ever(const profile_t *profile)
{
    profile_t ever = *profile;
    ever.samples = profile_room(profile->sample_count + 1, sizeof *ever.samples);
    for (size_t i = 0; i < profile->sample_count; i++) {
        ever.samples[i] = profile->samples[i];
        ever.samples[i].values[INUSE_OBJECTS] = ever.samples[i].values[INUSE_SPACE] = 0;
    }
    return ever;
}

void proposals_add_layouts(proposals_t *proposals, const profile_t *profile, const char *debug_folder)
{
    profile_t ever = all_ever(profile);
    for (size_t i = 0; i < profile->mapping_count; i++) {
        const mapping_t *mapping = &profile->mappings[i];
        records_t records = {0};
        bool is_ever;
        if (!is_of_interest(profile, mapping) || !is_first_of_file(profile, i) ||
            !records_read(mapping->file, NULL, debug_folder, &records))
            continue;
        use_t *uses = uses_find(&ever, &records, &is_ever);
        for (size_t j = 0; j < records.count; j++) {
            if (uses[j].sure == 0 && uses[j].likely == 0)
                continue;
            advice_t advice = {.record = &records.of[j], .order = order_best(&records.of[j]), .use = uses[j]};
            if (draw_saving(&advice))
                add_layout(proposals, &advice, mapping->file);
        }
        free(uses);
    }
    free(ever.samples);
}
