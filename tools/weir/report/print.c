/* print: see print.h. */
#include "tools/weir/report/print.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/saturate.h"

const char *report_value(enum profile_value kind, int64_t value, char *room)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)value;
    size_t unit = 0;
    if (kind == ALLOC_OBJECTS || kind == INUSE_OBJECTS) {
        snprintf(room, 32, "%lld", (long long)value);
        return room;
    }
    for (; (size >= 1024 || size <= -1024) && unit < 4; unit++)
        size /= 1024;
    snprintf(room, 32, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return room;
}

/* A long name is shown without what is in brackets. Valid until the next call. */
static const char *short_name(const char *name)
{
    enum { LONG = 72 };
    static char room[512];
    size_t used = 0;
    int depth = 0;
    if (strlen(name) <= LONG)
        return name;
    for (const char *c = name; *c && used + 1 < sizeof room; c++) {
        bool opens = *c == '<' || *c == '(', closes = (*c == '>' || *c == ')') && depth > 0;
        depth -= closes;
        if (depth == 0)
            room[used++] = *c;
        depth += opens;
    }
    room[used] = '\0';
    return room;
}

static double percent(const graph_t *graph, int64_t value)
{
    return graph->total ? 100.0 * (double)value / (double)graph->total : 0;
}

static void print_heading(const graph_t *graph)
{
    char room[32];
    printf("%s: %s in all", profile_value_names[graph->value],
           report_value(graph->value, graph->total, room));
    if (graph->total > 0)
        printf("; %.1f %% of it in functions with a name, %.1f %% with a stack that is cut",
               percent(graph, graph->named), percent(graph, graph->cut));
    printf("\n");
}

void report_top(const graph_t *graph, size_t most, bool by_cum)
{
    size_t *order = graph_sorted(graph, by_cum);
    print_heading(graph);
    printf("%12s %7s %7s %12s %7s %12s  %s\n", "flat", "flat%", "sum%", "cum", "cum%", "rounding",
           "function");
    double sum = 0;
    for (size_t i = 0; i < graph->function_count && i < most; i++) {
        const function_t *function = &graph->functions[order[i]];
        char flat[32], cum[32], lost[32];
        if (function->flat == 0 && function->cum == 0)
            continue;
        sum += percent(graph, function->flat);
        printf("%12s %6.1f%% %6.1f%% %12s %6.1f%% %12s  %s\n",
               report_value(graph->value, function->flat, flat), percent(graph, function->flat), sum,
               report_value(graph->value, function->cum, cum), percent(graph, function->cum),
               report_value(graph->value, function->lost, lost), short_name(function->name));
    }
    free(order);
}

/* --- callers and callees --- */

static void print_neighbours(const graph_t *graph, size_t of, bool callers)
{
    int64_t *values = profile_room(graph->function_count, sizeof *values);
    for (size_t i = 0; i < graph->stack_count; i++) {
        const call_stack_t *stack = &graph->stacks[i];
        for (size_t j = 0; j < stack->depth; j++) {
            if (stack->functions[j] != of)
                continue;
            bool has = callers ? j + 1 < stack->depth : j > 0;
            if (has)
                add_to_signed(&values[stack->functions[callers ? j + 1 : j - 1]], stack->value);
            break; /* a function that calls itself counts once */
        }
    }
    for (;;) {
        size_t best = graph->function_count;
        for (size_t i = 0; i < graph->function_count; i++)
            if (values[i] &&
                (best == graph->function_count || magnitude(values[i]) > magnitude(values[best])))
                best = i;
        if (best == graph->function_count)
            break;
        char room[32];
        printf("%12s %6.1f%%   %s %s\n", report_value(graph->value, values[best], room),
               percent(graph, values[best]), callers ? "|" : "  |", short_name(graph->functions[best].name));
        values[best] = 0;
    }
    free(values);
}

bool report_peek(const graph_t *graph, const char *part)
{
    size_t *order = graph_sorted(graph, true);
    bool found = false;
    print_heading(graph);
    for (size_t i = 0; i < graph->function_count; i++) {
        const function_t *function = &graph->functions[order[i]];
        char flat[32], cum[32];
        if (!strstr(function->name, part))
            continue;
        found = true;
        printf("\n");
        print_neighbours(graph, order[i], true);
        printf("%12s %6.1f%% %s   (itself %s)\n", report_value(graph->value, function->cum, cum),
               percent(graph, function->cum), short_name(function->name),
               report_value(graph->value, function->flat, flat));
        print_neighbours(graph, order[i], false);
    }
    free(order);
    return found;
}

/* --- the tree --- */

static void print_node(const graph_t *graph, const node_t *node, int depth)
{
    char room[32];
    if (multiply(100, magnitude(node->cum)) < magnitude(graph->total))
        return;
    if (depth >= 0)
        printf("%12s %6.1f%%  %*s%s\n", report_value(graph->value, node->cum, room),
               percent(graph, node->cum), 2 * depth, "", short_name(graph->functions[node->function].name));
    for (const node_t *child = node->children; child; child = child->next)
        print_node(graph, child, depth + 1);
}

void report_tree(const graph_t *graph)
{
    print_heading(graph);
    print_node(graph, graph_tree(graph), -1);
}

/* --- lifetimes --- */

static const char *const lifetimes[] = {"<10us", "<100us", "<1ms", "<10ms", "<100ms", "<1s", "<10s", ">=10s"};
enum { LIFETIMES = sizeof lifetimes / sizeof lifetimes[0] };

typedef struct site {
    size_t function;
    int64_t values[LIFETIMES + 1], total; /* the last: in use */
    double passed;                        /* bytes, weighted by value */
} site_t;

static int by_total(const void *left, const void *right)
{
    const site_t *a = left, *b = right;
    return (a->total < b->total) - (a->total > b->total);
}

static size_t lifetime_of(const sample_t *sample)
{
    size_t i = 0;
    while (i < LIFETIMES && (!sample->lifetime || strcmp(sample->lifetime, lifetimes[i]) != 0))
        i++;
    return i;
}

void report_lifetimes(const graph_t *graph, size_t most)
{
    site_t *sites = profile_room(graph->function_count, sizeof *sites);
    for (size_t i = 0; i < graph->stack_count; i++) {
        const call_stack_t *stack = &graph->stacks[i];
        site_t *site = &sites[stack->depth ? stack->functions[0] : 0];
        site->function = stack->depth ? stack->functions[0] : 0;
        add_to_signed(&site->values[lifetime_of(stack->sample)], stack->value);
        add_to_signed(&site->total, stack->value);
        site->passed += (double)stack->sample->passed * (double)stack->value;
    }
    qsort(sites, graph->function_count, sizeof *sites, by_total);
    print_heading(graph);
    printf("%12s", "allocated");
    for (size_t i = 0; i < LIFETIMES; i++)
        printf(" %7s", lifetimes[i]);
    printf(" %7s %12s  %s\n", "in use", "meanwhile", "function");
    for (size_t i = 0; i < graph->function_count && i < most && sites[i].total > 0; i++) {
        const site_t *site = &sites[i];
        char room[32];
        printf("%12s", report_value(graph->value, site->total, room));
        for (size_t j = 0; j <= LIFETIMES; j++)
            printf(" %6.0f%%", 100.0 * (double)site->values[j] / (double)site->total);
        int64_t ended = subtract_signed(site->total, site->values[LIFETIMES]);
        printf(" %12s  %s\n",
               report_value(ALLOC_SPACE, ended > 0 ? whole_signed(site->passed / (double)ended) : 0, room),
               short_name(graph->functions[site->function].name));
    }
    free(sites);
}

/* --- owners --- */

typedef struct owner {
    const char *kind, *name;
    int64_t value;
} owner_t;

static int by_value(const void *left, const void *right)
{
    const owner_t *a = left, *b = right;
    return (a->value < b->value) - (a->value > b->value);
}

static void add_owner(owner_t *owners, size_t *count, const call_stack_t *stack)
{
    const sample_t *sample = stack->sample;
    const char *kind = sample->pool     ? "pool"
                       : sample->arena  ? "arena"
                       : sample->budget ? "budget"
                                        : "no name";
    const char *name = sample->pool     ? sample->pool
                       : sample->arena  ? sample->arena
                       : sample->budget ? sample->budget
                                        : "";
    size_t i = 0;
    while (i < *count && (strcmp(owners[i].kind, kind) != 0 || strcmp(owners[i].name, name) != 0))
        i++;
    if (i == *count)
        owners[(*count)++] = (owner_t){kind, name, 0};
    add_to_signed(&owners[i].value, stack->value);
}

void report_owners(const graph_t *graph, size_t most)
{
    owner_t *owners = profile_room(graph->stack_count + 1, sizeof *owners);
    size_t count = 0;
    for (size_t i = 0; i < graph->stack_count; i++)
        add_owner(owners, &count, &graph->stacks[i]);
    qsort(owners, count, sizeof *owners, by_value);
    print_heading(graph);
    for (size_t i = 0; i < count && i < most && owners[i].value != 0; i++) {
        char room[32];
        printf("%12s  %s %s\n", report_value(graph->value, owners[i].value, room), owners[i].kind,
               owners[i].name);
    }
    free(owners);
}
