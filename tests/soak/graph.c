/* graph: see graph.h. */
#include "tests/soak/graph.h"

#include <weir/gc.h>

#include "tests/unit/support.h"

/* How all but NOSCAN begin. `decoy` holds a real address where no pointer is declared: it must not keep
 * anything. */
typedef struct object {
    uint64_t decoy;
    struct object *edges[GRAPH_EDGES];
    uint64_t seed;
    uint8_t contents[];
} object_t;

enum { HEAD = sizeof(object_t), UNIT = 64 /* bytes of an element of the types */ };

static void trace(const void *start, size_t count, void (*visit)(void *context, const void *p), void *context)
{
    const object_t *object = start;
    for (int e = 0; count && e < GRAPH_EDGES; e++)
        visit(context, object->edges[e]);
}

/* The pointers of every element. In elements behind the first these words are contents, which look like no
 * address. */
static const uint64_t edge_words[] = {0x1e};
static const weir_type bitmap_type = {.name = "bitmap", .size = UNIT, .pointers = edge_words};
static const weir_type traced_type = {.name = "traced", .size = UNIT, .trace = trace};

bool graph_uses_functions = true;

static object_t *reveal(uintptr_t hidden)
{
    return (object_t *)~hidden;
}

static void *taken(void *p)
{
    CHECK(p, "%m");
    return p;
}

static size_t pick_size(uint64_t *random)
{
    switch (random_below(random, 1000)) {
    case 0:
        return MIB(1) + random_below(random, MIB(2));
    case 1 ... 8:
        return KIB(32) + random_below(random, KIB(200));
    case 9 ... 100:
        return KIB(1) + random_below(random, KIB(31));
    default:
        return HEAD + 1 + random_below(random, 400);
    }
}

static void *allocate(node_kind_t kind, size_t size)
{
    switch (kind) {
    case NODE_SCAN:
        return taken(weir_gc_alloc(size));
    case NODE_NOSCAN:
        return taken(weir_gc_alloc_noscan(size));
    case NODE_BITMAP:
        return taken(weir_gc_alloc_typed(&bitmap_type, size / UNIT));
    default:
        return taken(weir_gc_alloc_typed(graph_uses_functions ? &traced_type : &bitmap_type, size / UNIT));
    }
}

/* --- contents --- */

static void write_contents(const node_t *node)
{
    object_t *object = reveal(node->hidden);
    object->seed = node->seed;
    pattern_fill(object->contents, node->size - HEAD, node->seed);
}

/* Pointers are compared too. */
static void check_node(const graph_t *graph, int i)
{
    const node_t *node = &graph->nodes[i];
    const object_t *object = reveal(node->hidden);
    CHECK(object->seed == node->seed, "node %d at %p: another object's", i, (const void *)object);
    CHECK(pattern_intact(object->contents, node->size - HEAD, node->size - HEAD, node->seed),
          "node %d at %p: contents", i, (const void *)object);
    for (int e = 0; e < GRAPH_EDGES; e++) {
        int to = node->edges[e];
        CHECK(object->edges[e] == (to < 0 ? NULL : reveal(graph->nodes[to].hidden)), "node %d, edge %d", i,
              e);
    }
}

/* --- walking --- */

static size_t below(graph_t *graph, size_t bound)
{
    return random_below(&graph->random, bound);
}

static int pick_root(graph_t *graph)
{
    int r = (int)below(graph, GRAPH_ROOTS), to = graph->root_nodes[r];
    CHECK(graph->roots[r] == (to < 0 ? NULL : (void *)reveal(graph->nodes[to].hidden)), "root %d", r);
    return to;
}

/* A reachable node, some steps from a random root; -1 if that root is empty. */
static int walk(graph_t *graph)
{
    int at = pick_root(graph);
    for (size_t steps = below(graph, 12); at >= 0 && steps > 0; steps--) {
        int next = graph->nodes[at].edges[below(graph, GRAPH_EDGES)];
        if (next < 0)
            break;
        CHECK(reveal(graph->nodes[next].hidden)->seed == graph->nodes[next].seed, "node %d", next);
        at = next;
    }
    return at;
}

/* --- changing --- */

static int free_number(graph_t *graph)
{
    while (graph->free_from < GRAPH_NODES && graph->nodes[graph->free_from].hidden)
        graph->free_from++;
    return graph->free_from < GRAPH_NODES ? graph->free_from : -1;
}

static void unlink_edge(graph_t *graph, int from, int e)
{
    node_t *node = &graph->nodes[from];
    if (node->edges[e] >= 0)
        graph->nodes[node->edges[e]].references--;
    node->edges[e] = -1;
    reveal(node->hidden)->edges[e] = NULL;
}

static void link_edge(graph_t *graph, int from, int e, int to)
{
    unlink_edge(graph, from, e);
    graph->nodes[from].edges[e] = to;
    graph->nodes[to].references++;
    reveal(graph->nodes[from].hidden)->edges[e] = reveal(graph->nodes[to].hidden);
}

static void set_root(graph_t *graph, size_t r, int to)
{
    if (graph->root_nodes[r] >= 0)
        graph->nodes[graph->root_nodes[r]].references--;
    graph->root_nodes[r] = to;
    graph->roots[r] = NULL;
    if (to >= 0) {
        graph->nodes[to].references++;
        graph->roots[r] = reveal(graph->nodes[to].hidden);
    }
}

static bool has_edges(const node_t *node)
{
    return node->kind != NODE_NOSCAN;
}

__attribute__((noinline)) static void make(graph_t *graph)
{
    int i = free_number(graph), from = -1;
    for (int tries = 0; tries < 4 && (from < 0 || !has_edges(&graph->nodes[from])); tries++)
        from = walk(graph);
    if (i < 0)
        return;
    node_t *node = &graph->nodes[i];
    node_kind_t kind = (node_kind_t)below(graph, NODE_KINDS);
    size_t size = pick_size(&graph->random);
    if (kind == NODE_BITMAP || kind == NODE_TRACED)
        size = (size + UNIT - 1) / UNIT * UNIT;
    object_t *object = allocate(kind, size);
    for (size_t at = 0; at < size && at < KIB(4); at++)
        CHECK(((char *)object)[at] == 0, "not zero: %zu of %zu", at, size);
    *node = (node_t){.hidden = ~(uintptr_t)object,
                     .size = size,
                     .seed = random_next(&graph->random),
                     .edges = {-1, -1, -1, -1},
                     .kind = (uint8_t)kind};
    write_contents(node);
    if (from >= 0 && has_edges(&graph->nodes[from]) && below(graph, 200))
        link_edge(graph, from, (int)below(graph, GRAPH_EDGES), i);
    else
        set_root(graph, below(graph, GRAPH_ROOTS), i);
    if (kind != NODE_SCAN && from >= 0)
        object->decoy = (uint64_t)(uintptr_t)reveal(graph->nodes[from].hidden);
    graph->made++;
}

static void cut(graph_t *graph)
{
    int from = walk(graph);
    if (from >= 0 && has_edges(&graph->nodes[from]))
        unlink_edge(graph, from, (int)below(graph, GRAPH_EDGES));
}

static void link_two(graph_t *graph)
{
    int from = walk(graph), to = walk(graph);
    if (from >= 0 && to >= 0 && has_edges(&graph->nodes[from]))
        link_edge(graph, from, (int)below(graph, GRAPH_EDGES), to);
}

/* Free by hand a node that one edge alone points to. The nodes that it points to stay. */
static void free_one(graph_t *graph)
{
    int from = walk(graph), e = (int)below(graph, GRAPH_EDGES);
    int to = from >= 0 ? graph->nodes[from].edges[e] : -1;
    if (to < 0 || to == from || graph->nodes[to].references != 1)
        return;
    check_node(graph, to);
    unlink_edge(graph, from, e);
    for (int other = 0; other < GRAPH_EDGES; other++)
        if (graph->nodes[to].edges[other] >= 0)
            unlink_edge(graph, to, other);
    weir_gc_free(reveal(graph->nodes[to].hidden));
    graph->nodes[to].hidden = 0;
    graph->free_from = to < graph->free_from ? to : graph->free_from;
    graph->freed++;
}

static void resize_one(graph_t *graph)
{
    int from = walk(graph), e = (int)below(graph, GRAPH_EDGES);
    int to = from >= 0 ? graph->nodes[from].edges[e] : -1;
    if (to < 0 || to == from || graph->nodes[to].references != 1)
        return;
    node_t *node = &graph->nodes[to];
    if (node->kind != NODE_SCAN && node->kind != NODE_NOSCAN)
        return;
    check_node(graph, to);
    size_t size = pick_size(&graph->random), kept = size < node->size ? size : node->size;
    object_t *object = taken(weir_gc_realloc(reveal(node->hidden), size));
    CHECK(object->seed == node->seed &&
              pattern_intact(object->contents, node->size - HEAD, kept - HEAD, node->seed),
          "from %zu to %zu", node->size, size);
    node->hidden = ~(uintptr_t)object;
    node->size = size;
    write_contents(node);
    reveal(graph->nodes[from].hidden)->edges[e] = object;
    graph->resized++;
}

static void make_garbage(graph_t *graph)
{
    size_t size = pick_size(&graph->random);
    char *p = below(graph, 2) ? taken(weir_gc_alloc(size)) : taken(weir_gc_alloc_noscan(size));
    memset(p, 0xee, size < KIB(4) ? size : KIB(4));
}

/* --- the entries --- */

void graph_init(graph_t *graph, void **roots, uint64_t seed)
{
    graph->random = seed;
    graph->roots = roots;
    for (int r = 0; r < GRAPH_ROOTS; r++) {
        graph->root_nodes[r] = -1;
        roots[r] = NULL;
    }
}

void graph_move_roots(graph_t *graph, void **roots)
{
    graph->roots = roots;
}

void graph_step(graph_t *graph)
{
    graph->steps++;
    switch (below(graph, 20)) {
    case 0 ... 6:
        make(graph);
        break;
    case 7 ... 9:
        cut(graph);
        break;
    case 10:
        link_two(graph);
        break;
    case 11 ... 12:
        free_one(graph);
        break;
    case 13:
        resize_one(graph);
        break;
    case 14 ... 17: {
        int at = walk(graph);
        if (at >= 0)
            check_node(graph, at);
        break;
    }
    default:
        make_garbage(graph);
    }
}

/* `reached` is the queue and the result in one: the nodes found, in the order in which they were found. */
size_t graph_reach(graph_t *graph)
{
    static __thread bool seen[GRAPH_NODES];
    int count = 0;
    size_t bytes = 0;
    memset(seen, 0, sizeof seen);
    for (int r = 0; r < GRAPH_ROOTS; r++) {
        int to = graph->root_nodes[r];
        if (to >= 0 && !seen[to]) {
            seen[to] = true;
            graph->reached[count++] = to;
        }
    }
    for (int next = 0; next < count; next++) {
        const node_t *node = &graph->nodes[graph->reached[next]];
        check_node(graph, graph->reached[next]);
        bytes += node->size;
        for (int e = 0; e < GRAPH_EDGES; e++)
            if (node->edges[e] >= 0 && !seen[node->edges[e]]) {
                seen[node->edges[e]] = true;
                graph->reached[count++] = node->edges[e];
            }
    }
    for (int i = 0; i < GRAPH_NODES; i++)
        if (!seen[i] && graph->nodes[i].hidden) {
            for (int e = 0; e < GRAPH_EDGES; e++)
                if (graph->nodes[i].edges[e] >= 0)
                    graph->nodes[graph->nodes[i].edges[e]].references--;
            graph->nodes[i].hidden = 0;
        }
    graph->free_from = 0;
    return bytes;
}
