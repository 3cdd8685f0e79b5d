/* operations_collected: a graph of collected objects, and what the model knows of each. */
#include <stdatomic.h>
#include <weir/control.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "tests/fuzz/operations.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

enum { NODES = 64, EDGES = 2, ROOTS = 6, NONE = -1 };

typedef struct node {
    struct node *edges[EDGES];
    uintptr_t number;
    char bytes[];
} node_t;

/* The model holds numbers and hidden addresses, so that it is no root. Only the fields marked as roots are
 * roots. */
static struct {
    hidden_t at[NODES];
    bool exists[NODES], has_finalizer[NODES];
    size_t size[NODES]; /* of `bytes` */
    int edges[NODES][EDGES], entry[NODES];
    bool reached[NODES];
    weir_weak *weak[NODES]; /* roots */
    node_t *roots[ROOTS];   /* roots */
    weir_weak_map *map;     /* root */
    int root_numbers[ROOTS];
    uint32_t disabled;
} model;

/* Written by the thread that makes the calls. */
static _Atomic uint32_t finalized[NODES], cleaned[NODES];

static node_t *node_at(int i)
{
    return reveal(model.at[i]);
}

static void finalizer(void *object, void *context)
{
    const node_t *node = object;
    CHECK(node->number < NODES && (uintptr_t)context == node->number + 1);
    CHECK(finalized[node->number]++ == 0 && cleaned[node->number] == 0);
}

static void cleanup(void *argument)
{
    CHECK((uintptr_t)argument < NODES && cleaned[(uintptr_t)argument]++ == 0);
}

/* --- what is reached --- */

static void walk(int i)
{
    if (i == NONE || model.reached[i])
        return;
    model.reached[i] = true;
    for (int e = 0; e < EDGES; e++)
        walk(model.edges[i][e]);
}

static void find_reached(void)
{
    memset(model.reached, 0, sizeof model.reached);
    for (int r = 0; r < ROOTS; r++)
        walk(model.root_numbers[r]);
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < NODES; i++)
            if (model.reached[i] && model.entry[i] != NONE && !model.reached[model.entry[i]]) {
                walk(model.entry[i]);
                changed = true;
            }
    }
}

/* The first that is reached from a number on; NONE: nothing is. */
static int pick_reached(uint32_t from)
{
    find_reached();
    for (uint32_t i = from; i < from + NODES; i++)
        if (model.reached[i % NODES])
            return (int)(i % NODES);
    return NONE;
}

static void check_reached(int i)
{
    const node_t *node = node_at(i);
    CHECK(weir_gc_base(node) == node && node->number == (uintptr_t)i);
    CHECK(finalized[i] == 0 && cleaned[i] == 0);
    CHECK(pattern_intact(node->bytes, model.size[i], model.size[i], (uint64_t)i));
    for (int e = 0; e < EDGES; e++)
        CHECK(node->edges[e] == (model.edges[i][e] == NONE ? NULL : node_at(model.edges[i][e])));
    CHECK(weir_weak_get(model.weak[i]) == node);
    CHECK(weir_weak_map_get(model.map, node) == (model.entry[i] == NONE ? NULL : node_at(model.entry[i])));
}

/* An unreached object is there and whole, or it is gone for good. */
static void check_unreached(int i)
{
    const node_t *node = weir_weak_get(model.weak[i]);
    CHECK(!node || (node == node_at(i) && node->number == (uintptr_t)i && finalized[i] == 0));
    if (node)
        CHECK(pattern_intact(node->bytes, model.size[i], model.size[i], (uint64_t)i));
}

/* A number is free again when all calls for it have been made. */
static void forget_gone(void)
{
    for (int i = 0; i < NODES; i++)
        if (model.exists[i] && !model.reached[i] && !weir_weak_get(model.weak[i]) && cleaned[i])
            model.exists[i] = false;
}

static void check_all(void)
{
    find_reached();
    for (int i = 0; i < NODES; i++)
        if (model.reached[i])
            check_reached(i);
        else if (model.exists[i])
            check_unreached(i);
    forget_gone();
}

/* --- steps; in frames of their own, so that the caller's holds no object --- */

__attribute__((noinline)) static void make(input_t *input)
{
    int i = 0;
    while (i < NODES && model.exists[i])
        i++;
    if (i == NODES)
        return;
    size_t size = operations_size(input);
    int root = (int)input_below(input, ROOTS), from = pick_reached(input_byte(input));
    node_t *node = weir_gc_alloc(sizeof *node + size);
    CHECK(node || operations_may_fail);
    if (!node)
        return;
    CHECK(is_zero(node, sizeof *node + size));
    node->number = (uintptr_t)i;
    pattern_fill(node->bytes, size, (uint64_t)i);
    finalized[i] = cleaned[i] = 0;
    weir_weak *weak = weir_weak_new(node);
    if (!weak || weir_gc_add_cleanup(node, cleanup, (void *)(uintptr_t)i).id == 0) {
        CHECK(operations_may_fail);
        return;
    }
    model.weak[i] = weak;
    model.at[i] = hide(node);
    model.exists[i] = true;
    model.has_finalizer[i] = false;
    model.size[i] = size;
    model.edges[i][0] = model.edges[i][1] = model.entry[i] = NONE;
    if (root % 2 && from != NONE) {
        node_at(from)->edges[0] = node;
        model.edges[from][0] = i;
    } else {
        model.roots[root] = node;
        model.root_numbers[root] = i;
    }
}

__attribute__((noinline)) static void join(input_t *input)
{
    int from = pick_reached(input_byte(input)), to = pick_reached(input_byte(input));
    uint32_t e = input_below(input, 2 * EDGES);
    if (from == NONE)
        return;
    if (e >= EDGES)
        to = NONE;
    node_at(from)->edges[e % EDGES] = to == NONE ? NULL : node_at(to);
    model.edges[from][e % EDGES] = to;
}

__attribute__((noinline)) static void change_entry(input_t *input)
{
    int key = pick_reached(input_byte(input)), value = pick_reached(input_byte(input));
    if (key == NONE)
        return;
    if (input_byte(input) & 1) {
        if (weir_weak_map_set(model.map, node_at(key), node_at(value)) == 0)
            model.entry[key] = value;
        else
            CHECK(operations_may_fail);
    } else {
        CHECK(weir_weak_map_remove(model.map, node_at(key)) == (model.entry[key] != NONE));
        model.entry[key] = NONE;
    }
}

__attribute__((noinline)) static void change_finalizer(input_t *input)
{
    int i = pick_reached(input_byte(input));
    if (i == NONE)
        return;
    bool wanted = !model.has_finalizer[i];
    if (weir_gc_set_finalizer(node_at(i), wanted ? finalizer : NULL, (void *)(uintptr_t)(i + 1)) == 0)
        model.has_finalizer[i] = wanted;
    else
        CHECK(operations_may_fail);
}

__attribute__((noinline)) static void revive(input_t *input)
{
    int i = (int)input_below(input, NODES), root = (int)input_below(input, ROOTS);
    node_t *node = model.exists[i] ? weir_weak_get(model.weak[i]) : NULL;
    if (!node)
        return;
    CHECK(node == node_at(i) && finalized[i] == 0 && cleaned[i] == 0);
    model.roots[root] = node;
    model.root_numbers[root] = i;
}

static void drop_root(input_t *input)
{
    int root = (int)input_below(input, ROOTS);
    model.roots[root] = NULL;
    model.root_numbers[root] = NONE;
}

static void collect_now(input_t *input)
{
    if (input_byte(input) & 1)
        weir_gc_step(1);
    else
        weir_gc();
    CHECK(weir_gc_wait_finalizers(-1) == 0);
    check_all();
}

static void disable(input_t *input)
{
    if (input_byte(input) & 1 && model.disabled < 4) {
        weir_gc_disable();
        model.disabled++;
    } else if (model.disabled > 0) {
        weir_gc_enable();
        model.disabled--;
    }
}

static void garbage(input_t *input)
{
    for (uint32_t n = input_byte(input); n > 0; n--) {
        char *p = n & 1 ? weir_gc_alloc_noscan(n * 16) : weir_gc_alloc(n);
        CHECK(p || operations_may_fail);
        if (p)
            memset(p, 0xa5, n);
    }
}

void collected_begin(void)
{
    model.map = weir_weak_map_new();
    CHECK(model.map);
    for (int r = 0; r < ROOTS; r++)
        model.root_numbers[r] = NONE;
    for (int i = 0; i < NODES; i++)
        model.entry[i] = NONE;
}

void collected_step(input_t *input)
{
    static void (*const steps[])(input_t *) = {
        make,   make,      join,        join,    change_entry, change_finalizer,
        revive, drop_root, collect_now, disable, garbage};
    steps[input_below(input, COUNT(steps))](input);
}

void collected_end(void)
{
    for (; model.disabled > 0; model.disabled--)
        weir_gc_enable();
    for (int r = 0; r < ROOTS; r++) {
        model.roots[r] = NULL;
        model.root_numbers[r] = NONE;
    }
    clear_stack();
    weir_gc();
    CHECK(weir_gc_wait_finalizers(-1) == 0);
    check_all();
}
