/* baseline: see baseline.h. show_json writes each proposal on a line of its own, and on that line first the
 * members that are read here. */
#include "tools/weir/advise/baseline.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/advise/show.h"
#include "tools/weir/saturate.h"

static void add_entry(baseline_t *baseline, const char *name, bool is_layout, uint64_t bytes)
{
    for (size_t i = 0; i < baseline->count; i++)
        if (baseline->of[i].is_layout == is_layout && strcmp(baseline->of[i].name, name) == 0) {
            add_to(&baseline->of[i].bytes, bytes);
            return;
        }
    if (baseline->count == baseline->room) {
        size_t room = baseline->room ? 2 * baseline->room : 64;
        baseline_entry_t *of = profile_room(room, sizeof *of);
        if (baseline->count)
            memcpy(of, baseline->of, baseline->count * sizeof *of);
        free(baseline->of);
        baseline->of = of;
        baseline->room = room;
    }
    baseline->of[baseline->count++] = (baseline_entry_t){profile_copy(name, strlen(name)), is_layout, bytes};
}

/* The text between two others; it is ended in place. NULL: it is not there. */
static char *between(char **at, const char *before, const char *behind)
{
    char *from = strstr(*at, before);
    char *to = from ? strstr(from + strlen(before), behind) : NULL;
    if (!to)
        return NULL;
    *to = '\0';
    *at = to + 1;
    return from + strlen(before);
}

static void take_line(baseline_t *baseline, char *line)
{
    char *at = line, *advice = between(&at, "{\"advice\":\"", "\",");
    char *name = advice ? between(&at, "\"name\":\"", "\",") : NULL;
    char *bytes = name ? between(&at, "\"saved_bytes\":", ",") : NULL;
    if (bytes && isdigit((unsigned char)*bytes) && strtoull(bytes, NULL, 10))
        add_entry(baseline, name, strcmp(advice, "layout") == 0, strtoull(bytes, NULL, 10));
}

bool baseline_read(const char *path, baseline_t *baseline)
{
    static const char begins[] = "{\"exact\":";
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    *baseline = (baseline_t){NULL, 0, 0};
    if (!file) {
        fprintf(stderr, "weir advise: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool is_ours = getline(&line, &room, file) > 0 && strncmp(line, begins, sizeof begins - 1) == 0;
    while (is_ours && getline(&line, &room, file) > 0)
        take_line(baseline, line);
    if (!is_ours)
        fprintf(stderr, "weir advise: %s: expected what weir advise --json has written\n", path);
    free(line);
    fclose(file);
    return is_ours;
}

static uint64_t bytes_of(const baseline_t *baseline, const baseline_entry_t *like)
{
    for (size_t i = 0; i < baseline->count; i++)
        if (baseline->of[i].is_layout == like->is_layout && strcmp(baseline->of[i].name, like->name) == 0)
            return baseline->of[i].bytes;
    return 0;
}

uint64_t baseline_excess(const baseline_t *baseline, const profile_t *profile, const proposals_t *proposals)
{
    baseline_t now = {NULL, 0, 0};
    uint64_t excess = 0;
    for (size_t i = 0; i < proposals->count; i++) {
        const proposal_t *proposal = &proposals->of[i];
        const frame_t *site = show_site(profile, proposal);
        if (proposal->saved_bytes)
            add_entry(&now,
                      proposal->layout ? proposal->layout->record->name
                      : site           ? site->function
                                       : "?",
                      proposal->layout != NULL, proposal->saved_bytes);
    }
    for (size_t i = 0; i < now.count; i++) {
        uint64_t then = bytes_of(baseline, &now.of[i]);
        if (now.of[i].bytes <= then)
            continue;
        fprintf(stderr, "weir advise: %s%s: %" PRIu64 " bytes could be saved, before: %" PRIu64 "\n",
                now.of[i].is_layout ? "struct " : "", now.of[i].name, now.of[i].bytes, then);
        add_to(&excess, now.of[i].bytes - then);
    }
    return excess;
}
