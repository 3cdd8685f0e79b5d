/* gc_graph: what the collector keeps and frees of a random graph, against a model that knows reachability; the same with
 * next to no memory for marking. */
#include <criterion/criterion.h>
#include <errno.h>
#include <weir/gc.h>

#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/mark/work.h"
#include "tests/unit/gc/cycle/gc_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

/* --- a graph and its model --- */

enum { NODES = 3000, EDGES = 4 };

typedef struct node {
    struct node *edges[EDGES];
    uint64_t number;
} node_t;

/* The model holds addresses hidden, so that it is no root. */
static struct {
    hidden_t at[NODES];
    bool exists[NODES], reached[NODES];
    int edges[NODES][EDGES];
    node_t *roots[16]; /* in static data: these are seen */
    int root_numbers[16];
    uint64_t random;
} graph;

static size_t node_size(int i)
{
    return sizeof(node_t) + (size_t)(i % 13) * (size_t)(i % 7) * 24 + (i % 101 ? 0 : 50000);
}

static void reach(int i)
{
    if (i < 0 || graph.reached[i])
        return;
    graph.reached[i] = true;
    for (int e = 0; e < EDGES; e++)
        reach(graph.edges[i][e]);
}

static void graph_reach(void)
{
    memset(graph.reached, 0, sizeof graph.reached);
    for (size_t r = 0; r < COUNT(graph.roots); r++)
        reach(graph.root_numbers[r]);
}

static int pick_reached(void)
{
    int i = (int)random_below(&graph.random, NODES);
    for (int tries = 0; tries < NODES; tries++, i = (i + 1) % NODES)
        if (graph.reached[i])
            return i;
    return -1;
}

/* Every new node hangs on a root or on a node that is reached. */
__attribute__((noinline)) static void graph_make(int i)
{
    node_t *node = weir_gc_alloc(node_size(i));
    cr_assert(is_zero(node, node_size(i)));
    node->number = (uint64_t)i;
    graph.at[i] = hide(node);
    graph.exists[i] = true;
    for (int e = 0; e < EDGES; e++)
        graph.edges[i][e] = -1;
    int from = random_below(&graph.random, 4) ? pick_reached() : -1;
    if (from >= 0) {
        int e = (int)random_below(&graph.random, EDGES);
        ((node_t *)~graph.at[from].bits)->edges[e] = node;
        graph.edges[from][e] = i;
    } else {
        size_t r = random_below(&graph.random, COUNT(graph.roots));
        graph.roots[r] = node;
        graph.root_numbers[r] = i;
    }
}

static void graph_cut(void)
{
    int from = pick_reached();
    if (from < 0)
        return;
    int e = (int)random_below(&graph.random, EDGES);
    ((node_t *)~graph.at[from].bits)->edges[e] = NULL;
    graph.edges[from][e] = -1;
}

/* All that is reached is there and whole. Of the rest a stray word may keep a little. */
static void graph_check(void)
{
    size_t kept = 0, garbage = 0;
    graph_reach();
    for (int i = 0; i < NODES; i++) {
        if (!graph.exists[i])
            continue;
        if (graph.reached[i]) {
            const node_t *node = (node_t *)~graph.at[i].bits;
            cr_assert(is_alive(graph.at[i]), "node %d was freed", i);
            cr_assert_eq(node->number, (uint64_t)i, "node %d was overwritten", i);
            for (int e = 0; e < EDGES; e++) {
                int to = graph.edges[i][e];
                cr_assert_eq(node->edges[e], to < 0 ? NULL : (node_t *)~graph.at[to].bits, "node %d", i);
            }
        } else {
            garbage++;
            kept += is_alive(graph.at[i]);
            graph.exists[i] = false;
        }
    }
    cr_expect_leq(kept, garbage / 10 + 20, "%zu of %zu", kept, garbage);
}

static void graph_run(uint64_t seed, int steps)
{
    graph.random = seed;
    for (size_t r = 0; r < COUNT(graph.roots); r++)
        graph.root_numbers[r] = -1;
    for (int step = 0; step < steps; step++) {
        for (int i = 0; i < NODES; i++) {
            if (!graph.exists[i] && random_below(&graph.random, 3) == 0)
                graph_make(i);
            if (random_below(&graph.random, 3) == 0)
                graph_cut();
            if (i % 64 == 0)
                graph_reach();
        }
        collect();
        graph_check();
    }
}

Test(gc_graph, a_random_graph_against_a_model)
{
    weir_gc_disable(); /* the model forgets garbage when it collects */
    graph_run(1, 40);
    weir_gc_enable();
}

Test(gc_graph, marking_with_next_to_no_memory)
{
    weir_gc_disable();
    work_set_range_limit(1);
    graph_run(2, 10);
    work_set_range_limit(0);
    weir_gc_enable();
}
