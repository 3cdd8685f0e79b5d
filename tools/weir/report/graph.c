/* graph: see graph.h. */
#include "tools/weir/report/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/command.h"
#include "tools/weir/saturate.h"

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    *room = *room ? 2 * *room : 256;
    array = realloc(array, *room * size);
    if (!array) {
        fprintf(stderr, "weir report: out of memory\n");
        exit(EXIT_OWN_FAILURE);
    }
    return array;
}

/* --- functions by name --- */

static uint64_t hash_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return hash;
}

static size_t *place_of(graph_t *graph, const char *name)
{
    size_t place = hash_of(name) & (graph->index_room - 1);
    while (graph->index[place] && strcmp(graph->functions[graph->index[place] - 1].name, name) != 0)
        place = (place + 1) & (graph->index_room - 1);
    return &graph->index[place];
}

static void grow_index(graph_t *graph)
{
    if (2 * (graph->function_count + 1) <= graph->index_room)
        return;
    free(graph->index);
    graph->index_room = graph->index_room ? 2 * graph->index_room : 1024;
    graph->index = profile_room(graph->index_room, sizeof *graph->index);
    for (size_t i = 0; i < graph->function_count; i++)
        *place_of(graph, graph->functions[i].name) = i + 1;
}

static size_t function_of(graph_t *graph, const frame_t *frame)
{
    grow_index(graph);
    size_t *place = place_of(graph, frame->function);
    if (!*place) {
        graph->functions =
            grown(graph->functions, graph->function_count, &graph->function_room, sizeof *graph->functions);
        graph->functions[graph->function_count++] =
            (function_t){.name = frame->function, .is_named = frame->is_named};
        *place = graph->function_count;
    }
    return *place - 1;
}

/* --- samples --- */

static call_stack_t expand(graph_t *graph, const profile_t *profile, const sample_t *sample)
{
    call_stack_t stack = {.sample = sample};
    size_t depth = 0;
    for (size_t i = 0; i < sample->depth; i++)
        depth += profile->locations[sample->locations[i]].frame_count;
    stack.functions = profile_room(depth, sizeof *stack.functions);
    for (size_t i = 0; i < sample->depth; i++) {
        const location_t *location = &profile->locations[sample->locations[i]];
        for (size_t j = 0; j < location->frame_count; j++)
            stack.functions[stack.depth++] = function_of(graph, &location->frames[j]);
    }
    return stack;
}

static int64_t lost_of(const sample_t *sample, int64_t value)
{
    bool known = sample->size > sample->requested && sample->requested > 0;
    return known ? whole_signed((double)value * (double)(sample->size - sample->requested) /
                                (double)sample->size)
                 : 0;
}

static void count(graph_t *graph, const call_stack_t *stack)
{
    add_to_signed(&graph->total, stack->value);
    add_to_signed(&graph->cut, stack->sample->is_cut ? stack->value : 0);
    if (stack->depth == 0)
        return;
    function_t *innermost = &graph->functions[stack->functions[0]];
    add_to_signed(&innermost->flat, stack->value);
    add_to_signed(&innermost->lost, lost_of(stack->sample, stack->value));
    add_to_signed(&graph->named, innermost->is_named ? stack->value : 0);
    for (size_t i = 0; i < stack->depth; i++) {
        function_t *function = &graph->functions[stack->functions[i]];
        if (function->last_sample != graph->stack_count + 1)
            add_to_signed(&function->cum, stack->value);
        function->last_sample = graph->stack_count + 1;
    }
}

void graph_add(graph_t *graph, const profile_t *profile, int sign)
{
    for (size_t i = 0; i < profile->sample_count; i++) {
        const sample_t *sample = &profile->samples[i];
        if (sample->values[graph->value] == 0)
            continue;
        call_stack_t stack = expand(graph, profile, sample);
        stack.value = sample->values[graph->value];
        if (sign < 0)
            stack.value = subtract_signed(0, stack.value);
        count(graph, &stack);
        graph->stacks = grown(graph->stacks, graph->stack_count, &graph->stack_room, sizeof *graph->stacks);
        graph->stacks[graph->stack_count++] = stack;
    }
}

/* --- in order --- */

static const graph_t *sorted_graph;
static bool sorted_by_cum;

static int by_node_value(const void *left, const void *right)
{
    const function_t *a = &sorted_graph->functions[*(const size_t *)left];
    const function_t *b = &sorted_graph->functions[*(const size_t *)right];
    uint64_t p = magnitude(sorted_by_cum ? a->cum : a->flat), q = magnitude(sorted_by_cum ? b->cum : b->flat);
    return p != q ? (p < q) - (p > q) : strcmp(a->name, b->name);
}

size_t *graph_sorted(const graph_t *graph, bool by_cum)
{
    size_t *order = profile_room(graph->function_count, sizeof *order);
    for (size_t i = 0; i < graph->function_count; i++)
        order[i] = i;
    sorted_graph = graph;
    sorted_by_cum = by_cum;
    qsort(order, graph->function_count, sizeof *order, by_node_value);
    return order;
}

/* --- the tree --- */

static node_t *child_of(node_t *node, size_t function)
{
    for (node_t *child = node->children; child; child = child->next)
        if (child->function == function)
            return child;
    node_t *child = profile_room(1, sizeof *child);
    *child = (node_t){.function = function, .next = node->children};
    node->children = child;
    node->child_count++;
    return child;
}

static int by_cum(const void *left, const void *right)
{
    const node_t *a = *(node_t *const *)left, *b = *(node_t *const *)right;
    return (a->cum < b->cum) - (a->cum > b->cum);
}

static void sort_children(node_t *node)
{
    node_t **order = profile_room(node->child_count, sizeof *order);
    size_t count_of = 0;
    for (node_t *child = node->children; child; child = child->next) {
        sort_children(child);
        order[count_of++] = child;
    }
    qsort(order, count_of, sizeof *order, by_cum);
    node->children = NULL;
    for (size_t i = count_of; i-- > 0;) {
        order[i]->next = node->children;
        node->children = order[i];
    }
    free(order);
}

node_t *graph_tree(const graph_t *graph)
{
    node_t *root = profile_room(1, sizeof *root);
    for (size_t i = 0; i < graph->stack_count; i++) {
        const call_stack_t *stack = &graph->stacks[i];
        node_t *node = root;
        add_to_signed(&node->cum, stack->value);
        for (size_t j = stack->depth; j-- > 0;) {
            node = child_of(node, stack->functions[j]);
            add_to_signed(&node->cum, stack->value);
        }
        add_to_signed(&node->flat, stack->value);
    }
    sort_children(root);
    return root;
}
