/* report: profiles as `weir report` reads them, unpacked, and all that it prints of them. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tracked.h"
#include "tools/weir/report/flame.h"
#include "tools/weir/report/graph.h"
#include "tools/weir/report/named.h"
#include "tools/weir/report/print.h"

/* In place of elfutils: a name for each address, some of them the same. */
static void name_locations(profile_t *profile)
{
    for (size_t i = 0; i < profile->location_count; i++) {
        location_t *location = &profile->locations[i];
        location->frame_count = location->address % 3;
        location->frames = profile_room(location->frame_count, sizeof *location->frames);
        for (size_t j = 0; j < location->frame_count; j++) {
            char name[32];
            snprintf(name, sizeof name, "f<%u>", (unsigned)(location->address / 3 % 7));
            location->frames[j] = (frame_t){.function = profile_copy(name, strlen(name)), .is_named = j == 0};
        }
    }
}

static void print_all(const profile_t *profile, enum profile_value value, FILE *nowhere)
{
    graph_t graph = {.value = value};
    graph_add(&graph, profile, 1);
    report_top(&graph, 10, false);
    report_top(&graph, 3, true);
    report_peek(&graph, "f");
    report_tree(&graph);
    report_lifetimes(&graph, 5);
    report_owners(&graph, 5);
    flame_write(&graph, "fuzz", nowhere);
    graph_add(&graph, profile, -1);
    report_top(&graph, 10, false);
    report_lifetimes(&graph, 5);
    flame_write(&graph, "fuzz", nowhere);
}

/* What is written with names is read again, and has as many samples. */
static void write_named(const uint8_t *bytes, size_t size, const profile_t *profile)
{
    size_t length;
    uint8_t *named = named_encode(bytes, size, profile, &length);
    profile_t again;
    if (profile_decode(named, length, &again) != NULL || again.sample_count != profile->sample_count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    input_t input = {data, data + size};
    enum profile_value value = (enum profile_value)input_below(&input, PROFILE_VALUES);
    uint8_t *bytes = input_rest(&input, &size);
    profile_t profile;
    const char *problem = profile_decode(bytes, size, &profile);
    if (problem == NULL) {
        name_locations(&profile);
        write_named(bytes, size, &profile);
        print_all(&profile, value, nowhere);
    }
    free(bytes);
    tracked_free_all();
    return 0;
}
