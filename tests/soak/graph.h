/* graph: collected objects of all kinds that point to each other at random, beside a model that knows what is
 * reachable.
 *
 * The model knows each object by a hidden address, which the collector does not recognise. Whoever wants an
 * object walks to it from a root, by pointers, and every step is compared with the model; contents are a
 * function of the object's seed. So an object that was freed while it could be reached, or moved, or
 * overwritten, ends the program. Unreachable objects are left to the collector; graph_reach's sum shows how
 * much of them it keeps.
 *
 * Only one thread at a time, the owner, uses a graph. The owner may change, and the roots may lie wherever
 * the collector has to look.
 */
#ifndef WEIR_SOAK_GRAPH_H
#define WEIR_SOAK_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GRAPH_NODES = 4096, GRAPH_EDGES = 4, GRAPH_ROOTS = 12 };

typedef enum node_kind { NODE_SCAN, NODE_NOSCAN, NODE_BITMAP, NODE_TRACED, NODE_KINDS } node_kind_t;

/* Of one object; -1: no edge. */
typedef struct node {
    uintptr_t hidden; /* 0: the number is free */
    size_t size;
    uint64_t seed; /* of the contents behind the edges */
    int edges[GRAPH_EDGES];
    int references; /* edges and roots that lead here, from wherever */
    uint8_t kind;
} node_t;

typedef struct graph {
    void **roots; /* GRAPH_ROOTS of them: where the collector sees them */
    int root_nodes[GRAPH_ROOTS];
    uint64_t random;
    uint64_t steps, made, freed, resized;
    int free_from; /* numbers below are in use, or were when last asked */
    int reached[GRAPH_NODES];
    node_t *nodes; /* GRAPH_NODES, in memory that is no root */
} graph_t;

/* Types with a trace function are used, too (set it before graph_init). With one in use, no trace is
 * young. */
extern bool graph_uses_functions;

/* Roots are all NULL and stay where they are. */
void graph_init(graph_t *graph, void **roots, uint64_t seed);

/* The words of the roots have moved. Call this after they are copied, before the old place is written
 * over. */
void graph_move_roots(graph_t *graph, void **roots);

/* Something at random: make, cut, link, free by hand, resize, walk and compare, make garbage. */
void graph_step(graph_t *graph);

/* Compare all that can be reached with the model, and forget the rest. Returns how many bytes were asked for,
 * of all that can be reached. */
size_t graph_reach(graph_t *graph);

#endif
