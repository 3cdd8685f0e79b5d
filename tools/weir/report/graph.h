/* graph: the samples of a profile by function: what each allocated itself (flat) and with all that it called
 * (cum), who called whom, and the tree of calls.
 *
 *     flat(f) = sum of the samples whose innermost function is f
 *     cum(f)  = sum of the samples that f is in, each once, however often it is in
 *     lost(f) = of flat(f), what rounding up to the sizes of cells takes: bytes - requested of each block
 */
#ifndef WEIR_TOOLS_REPORT_GRAPH_H
#define WEIR_TOOLS_REPORT_GRAPH_H

#include "tools/weir/report/profile.h"

typedef struct function {
    const char *name;
    bool is_named;
    int64_t flat, cum, lost;
    size_t last_sample; /* that was counted for cum, plus one */
} function_t;

/* A sample as functions, innermost first. */
typedef struct stack {
    size_t *functions;
    size_t depth;
    int64_t value;
    const sample_t *sample;
} call_stack_t;

typedef struct graph {
    function_t *functions;
    size_t function_count, function_room;
    size_t *index; /* by hash of the name: place + 1 */
    size_t index_room;
    call_stack_t *stacks;
    size_t stack_count, stack_room;
    int64_t total, cut,
        named; /* of all samples; of those whose stack is cut; of those with a name innermost */
    enum profile_value value;
} graph_t;

/* Add a profile's samples, times `sign`: a base is subtracted. */
void graph_add(graph_t *graph, const profile_t *profile, int sign);

/* The functions with the largest first: by flat, or by cum. */
size_t *graph_sorted(const graph_t *graph, bool by_cum);

/* A node of the tree of calls, outermost first. */
typedef struct node {
    size_t function;
    int64_t cum, flat;
    struct node *children, *next;
    size_t child_count;
} node_t;
/* The root stands for the whole; children are sorted, the largest first. */
node_t *graph_tree(const graph_t *graph);

#endif
