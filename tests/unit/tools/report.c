/* weir report: values of a profile that no sum has room for; a profile may come from anybody. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/layout/types.h"
#include "tools/weir/report/flame.h"
#include "tools/weir/report/graph.h"
#include "tools/weir/report/wire.h"
#include "tools/weir/saturate.h"

enum { SAMPLES = 3 };

/* f calls g; the first sample is of f alone. */
static profile_t make_profile(sample_t *samples, const int64_t *values)
{
    static frame_t frames[] = {{.function = "f", .is_named = true}, {.function = "g", .is_named = true}};
    static location_t locations[] = {{.id = 1, .frames = &frames[0], .frame_count = 1},
                                     {.id = 2, .frames = &frames[1], .frame_count = 1}};
    static size_t alone[] = {0}, called[] = {1, 0};
    for (size_t i = 0; i < SAMPLES; i++) {
        samples[i] = (sample_t){.locations = i ? called : alone, .depth = i ? 2 : 1, .is_cut = true};
        samples[i].values[INUSE_SPACE] = values[i];
        samples[i].size = UINT64_MAX;
        samples[i].requested = 1;
    }
    return (profile_t){
        .samples = samples, .sample_count = SAMPLES, .locations = locations, .location_count = 2};
}

static graph_t make_graph(sample_t *samples, const int64_t *values, int sign)
{
    graph_t graph = {.value = INUSE_SPACE};
    profile_t profile = make_profile(samples, values);
    graph_add(&graph, &profile, sign);
    return graph;
}

static void expect_all(const graph_t *graph, int64_t expected)
{
    const function_t *f = &graph->functions[0], *g = &graph->functions[1];
    cr_expect_eq(graph->total, expected);
    cr_expect_eq(graph->cut, expected);
    cr_expect_eq(graph->named, expected);
    cr_expect_eq(f->cum, expected);
    cr_expect_eq(g->flat, expected);
    cr_expect_eq(g->lost, expected);
    const node_t *root = graph_tree(graph), *of_f = root->children, *of_g = of_f->children;
    cr_expect_eq(root->cum, expected);
    cr_expect_eq(of_f->cum, expected);
    cr_expect_eq(of_g->cum, expected);
    cr_expect_eq(of_g->flat, expected);
}

Test(report, sums_end_at_the_largest_value)
{
    sample_t samples[SAMPLES];
    graph_t graph = make_graph(samples, (int64_t[]){1, INT64_MAX, INT64_MAX - 1}, 1);
    expect_all(&graph, INT64_MAX);
}

Test(report, sums_end_at_the_smallest_value)
{
    sample_t samples[SAMPLES];
    graph_t graph = make_graph(samples, (int64_t[]){-1, INT64_MIN, INT64_MIN + 1}, 1);
    expect_all(&graph, INT64_MIN);
}

Test(report, a_base_of_the_smallest_value_is_the_largest)
{
    sample_t samples[SAMPLES];
    graph_t graph = make_graph(samples, (int64_t[]){INT64_MIN, INT64_MIN, INT64_MIN}, -1);
    expect_all(&graph, INT64_MAX);
    cr_expect_eq(graph.stacks[0].value, INT64_MAX);
}

Test(report, the_smallest_value_is_in_front)
{
    sample_t samples[SAMPLES];
    graph_t graph = make_graph(samples, (int64_t[]){INT64_MAX, INT64_MIN, -1}, 1);
    const size_t *by_flat = graph_sorted(&graph, false);
    cr_expect_str_eq(graph.functions[by_flat[0]].name, "g");
    cr_expect_str_eq(graph.functions[by_flat[1]].name, "f");
}

/* Its widest box is 2^63 times the picture. */
Test(report, a_flame_graph_of_the_largest_value)
{
    sample_t samples[SAMPLES];
    graph_t graph = make_graph(samples, (int64_t[]){INT64_MIN + 1, INT64_MAX, 1}, 1);
    char *text;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    cr_expect_eq(graph.total, 1);
    cr_expect(flame_write(&graph, "test", to));
    fclose(to);
    cr_expect_not_null(strstr(text, ">g: 8388608.0 TiB, 922337203685477580800.00%<"), "%s", text);
    free(text);
}

Test(report, an_address_before_its_mapping_is_nowhere)
{
    mapping_t mapping = {.start = 0x1000, .limit = 0x2000, .offset = 0x10};
    cr_expect_eq(profile_offset(&mapping, 0x1008), 0x18);
    cr_expect_eq(profile_offset(&mapping, 0xfff), UINT64_MAX);
    mapping.offset = UINT64_MAX;
    cr_expect_eq(profile_offset(&mapping, 0x1008), UINT64_MAX);
}

/* 2^32 more than the number of a field is another field. */
Test(report, the_number_of_a_field_is_not_cut)
{
    uint8_t bytes[] = {0x90, 0x80, 0x80, 0x80, 0x80, 0x01, 0x05}; /* field 2^32 + 2, the value 5 */
    wire_t in = {bytes, bytes + sizeof bytes, false};
    wire_field_t field;
    cr_expect_not(wire_next(&in, &field));
    cr_expect(in.bad);
}

/* Its bit-fields all begin at bit 0, and reach differently far. */
Test(report, a_union_of_bit_fields_has_no_hole_before_the_first)
{
    member_t members[] = {{.kind = MEMBER_BITS, .size = 4, .align = 4, .bits = 3},
                          {.kind = MEMBER_BITS, .size = 4, .align = 4, .bits = 5}};
    layout_record_t record = {.keyword = "union", .size = 4, .align = 4, .members = members, .count = 2};
    holes_t holes = record_holes(&record);
    cr_expect_eq(holes.bits, 0);
    cr_expect_eq(holes.bit_holes, 0);
}

Test(saturate, ends_of_all)
{
    cr_expect_eq(multiply(UINT64_MAX, 2), UINT64_MAX);
    cr_expect_eq(multiply(UINT32_MAX, UINT32_MAX), 0xfffffffe00000001);
    cr_expect_eq(add_signed(INT64_MIN, INT64_MAX), -1);
    cr_expect_eq(subtract_signed(INT64_MIN, 1), INT64_MIN);
    cr_expect_eq(subtract_signed(1, INT64_MIN), INT64_MAX);
    cr_expect_eq(magnitude(INT64_MIN), (uint64_t)1 << 63);
    cr_expect_eq(magnitude(-5), 5);
    cr_expect_eq(to_signed(UINT64_MAX), INT64_MAX);
    cr_expect_eq(to_unsigned(INT64_MIN), 0);
    cr_expect_eq(line_of(INT_MAX), 0);
    cr_expect_eq(line_of(INT_MAX - 1), INT_MAX - 1);
}

Test(saturate, whole_parts)
{
    cr_expect_eq(whole(2.9), 2);
    cr_expect_eq(whole(-1), 0);
    cr_expect_eq(whole(NAN), 0);
    cr_expect_eq(whole(INFINITY), UINT64_MAX);
    cr_expect_eq(whole(0x1p64), UINT64_MAX);
    cr_expect_eq(whole_signed(-2.9), -2);
    cr_expect_eq(whole_signed(NAN), 0);
    cr_expect_eq(whole_signed(0x1p63), INT64_MAX);
    cr_expect_eq(whole_signed(-0x1p63), INT64_MIN);
    cr_expect_eq(whole_signed(-INFINITY), INT64_MIN);
}
