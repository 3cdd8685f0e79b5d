/* side_table_model: a random graph of objects with finalizers, cleanups, weak references and entries in a
 * weak map, against a model that knows what is reached. Nothing happens to reached objects. Each call for an
 * unreached object comes once and in order, and nearly all unreached objects are freed (a stray word on a
 * stack may keep a few). */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/mark/work.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

enum { NODES = 400, EDGES = 3, ROOTS = 12, NONE = -1 };

typedef struct node {
    struct node *edges[EDGES];
    uintptr_t number;
} node_t;

/* The model holds numbers and hidden addresses, so that it is no root. Only the fields marked as roots are
 * roots. */
static struct {
    hidden_t at[NODES];
    bool exists[NODES]; /* until its cleanup has run */
    bool has_finalizer[NODES], has_weak[NODES];
    int edges[NODES][EDGES], entry[NODES]; /* entry: the value in the map under this key */
    bool reached[NODES], from[NODES];
    weir_weak *weak[NODES]; /* roots */
    node_t *roots[ROOTS];   /* roots */
    weir_weak_map *map;     /* root */
    int root_numbers[ROOTS];
    uint64_t random;
    size_t finalized, cleaned, revived; /* so far */
} model;

/* Written by the thread that makes the calls: the turn of the call for each node; 0: not called yet. */
static _Atomic uint32_t finalized[NODES], cleaned[NODES], turns;

static size_t below(size_t bound)
{
    return random_below(&model.random, bound);
}

static node_t *node_at(int i)
{
    return reveal(model.at[i]);
}

/* --- the calls --- */

static void finalizer(void *object, void *context)
{
    const node_t *node = object;
    CHECK(weir_gc_base(node) == node && node->number < NODES);
    CHECK((uintptr_t)context == node->number + 1);
    CHECK(!finalized[node->number] && !cleaned[node->number]);
    for (int e = 0; e < EDGES; e++)
        CHECK(!node->edges[e] || weir_gc_base(node->edges[e]) == node->edges[e]);
    finalized[node->number] = ++turns;
}

static void cleanup(void *argument)
{
    CHECK(!cleaned[(uintptr_t)argument]);
    cleaned[(uintptr_t)argument] = ++turns;
}

/* --- what is reached --- */

static void walk(int i, bool *seen)
{
    if (i < 0 || seen[i])
        return;
    seen[i] = true;
    for (int e = 0; e < EDGES; e++)
        walk(model.edges[i][e], seen);
}

static void find_reached(void)
{
    bool changed = true;
    memset(model.reached, 0, sizeof model.reached);
    for (int r = 0; r < ROOTS; r++)
        walk(model.root_numbers[r], model.reached);
    while (changed) {
        changed = false;
        for (int i = 0; i < NODES; i++)
            if (model.reached[i] && model.entry[i] != NONE && !model.reached[model.entry[i]]) {
                walk(model.entry[i], model.reached);
                changed = true;
            }
    }
}

static int pick_reached(void)
{
    int i = (int)below(NODES);
    for (int tries = 0; tries < NODES; tries++, i = (i + 1) % NODES)
        if (model.reached[i])
            return i;
    return NONE;
}

/* --- steps; each in a frame of its own, so that the test's frame holds no object --- */

static void hang_on(int i, node_t *node)
{
    find_reached();
    int from = below(4) ? pick_reached() : NONE;
    if (from == NONE) {
        size_t r = below(ROOTS);
        model.roots[r] = node;
        model.root_numbers[r] = i;
    } else {
        size_t e = below(EDGES);
        node_at(from)->edges[e] = node;
        model.edges[from][e] = i;
    }
}

__attribute__((noinline)) static void make(int i)
{
    size_t size = sizeof(node_t) + below(8) * below(8) * 16 + (below(60) ? 0 : 60000);
    node_t *node = weir_gc_alloc(size);
    CHECK(node && is_zero(node, size));
    node->number = (uintptr_t)i;
    finalized[i] = cleaned[i] = 0;
    model.exists[i] = true;
    model.entry[i] = NONE;
    model.has_finalizer[i] = below(3) == 0;
    model.has_weak[i] = below(3) != 0;
    for (int e = 0; e < EDGES; e++)
        model.edges[i][e] = NONE;
    if (model.has_finalizer[i])
        CHECK(weir_gc_set_finalizer(node, finalizer, (void *)(uintptr_t)(i + 1)) == 0);
    CHECK(weir_gc_add_cleanup(node, cleanup, (void *)(uintptr_t)i).id);
    model.weak[i] = model.has_weak[i] ? weir_weak_new(node) : NULL;
    if (below(8) == 0)
        node = weir_gc_realloc(node, size * 3);
    model.at[i] = hide(node);
    if (below(20) == 0) {
        weir_gc_free(node); /* nothing leads to it yet; its finalizer will not come */
        model.has_finalizer[i] = false;
    } else {
        hang_on(i, node);
    }
}

__attribute__((noinline)) static void cut(void)
{
    find_reached();
    int from = pick_reached();
    if (from == NONE)
        return;
    size_t e = below(EDGES);
    node_at(from)->edges[e] = NULL;
    model.edges[from][e] = NONE;
}

__attribute__((noinline)) static void join(void)
{
    find_reached();
    int from = pick_reached(), to = pick_reached();
    if (from == NONE)
        return;
    size_t e = below(EDGES);
    node_at(from)->edges[e] = node_at(to);
    model.edges[from][e] = to;
}

__attribute__((noinline)) static void change_entry(void)
{
    find_reached();
    int key = pick_reached(), value = pick_reached();
    if (key == NONE)
        return;
    if (below(4)) {
        CHECK(weir_weak_map_set(model.map, node_at(key), node_at(value)) == 0);
        model.entry[key] = value;
    } else {
        CHECK(weir_weak_map_remove(model.map, node_at(key)) == (model.entry[key] != NONE));
        model.entry[key] = NONE;
    }
}

__attribute__((noinline)) static void change_finalizer(void)
{
    find_reached();
    int i = pick_reached();
    if (i == NONE)
        return;
    model.has_finalizer[i] = !model.has_finalizer[i];
    CHECK(weir_gc_set_finalizer(node_at(i), model.has_finalizer[i] ? finalizer : NULL,
                                (void *)(uintptr_t)(i + 1)) == 0);
}

/* Bring an object back by its weak reference, reached or not. While the reference is not cleared, all that
 * the object reaches is there. */
__attribute__((noinline)) static void revive(void)
{
    int i = (int)below(NODES);
    node_t *node = model.exists[i] && model.has_weak[i] ? weir_weak_get(model.weak[i]) : NULL;
    if (!node)
        return;
    CHECK(node == node_at(i) && !finalized[i] && !cleaned[i]);
    size_t r = below(ROOTS);
    model.roots[r] = node;
    model.root_numbers[r] = i;
    model.revived++;
}

/* --- comparing --- */

static void check_reached(int i)
{
    const node_t *node = node_at(i);
    CHECK(weir_gc_base(node) == node && node->number == (uintptr_t)i, "node %d", i);
    CHECK(!finalized[i] && !cleaned[i], "node %d", i);
    for (int e = 0; e < EDGES; e++) {
        int to = model.edges[i][e];
        CHECK(node->edges[e] == (to == NONE ? NULL : node_at(to)), "node %d", i);
    }
    CHECK(!model.has_weak[i] || weir_weak_get(model.weak[i]) == node, "node %d", i);
    const void *value = weir_weak_map_get(model.map, node);
    CHECK(value == (model.entry[i] == NONE ? NULL : node_at(model.entry[i])), "node %d", i);
}

/* Does the node reach itself, by way of others? */
static bool is_in_ring(int i)
{
    memset(model.from, 0, sizeof model.from);
    for (int e = 0; e < EDGES; e++)
        walk(model.edges[i][e], model.from);
    return model.from[i];
}

/* Of those that are not reached: was `a`, which has a finalizer, finalized before anything happened to what
 * it reaches? */
static void check_order(int a)
{
    uint32_t happened[NODES];
    for (int b = 0; b < NODES; b++) { /* read before the turn of a: another thread may collect in between */
        uint32_t gone = cleaned[b], turn = finalized[b];
        happened[b] = turn ? turn : gone;
    }
    bool ring = is_in_ring(a);
    uint32_t turn = finalized[a];
    CHECK(!ring || !turn, "node %d is in a ring", a);
    CHECK(!cleaned[a] || (turn && turn < cleaned[a]), "node %d", a);
    for (int b = 0; b < NODES; b++)
        if (b != a && model.from[b] && happened[b])
            CHECK(turn && turn < happened[b], "node %d reaches %d", a, b);
}

/* Weak references to a node that was cleaned up or finalized are cleared. After its cleanup the node's number
 * is free again. */
static void retire(int i)
{
    bool was_cleaned = cleaned[i], was_finalized = finalized[i];
    if (model.has_weak[i] && (was_cleaned || was_finalized))
        CHECK(weir_weak_get(model.weak[i]) == NULL, "node %d", i);
    if (!was_cleaned)
        return;
    model.exists[i] = false;
    model.cleaned++;
    model.finalized += was_finalized;
    for (int from = 0; from < NODES; from++) {
        for (int e = 0; e < EDGES; e++)
            if (model.edges[from][e] == i)
                model.edges[from][e] = NONE;
        if (model.entry[from] == i)
            model.entry[from] = NONE;
    }
}

static void check(void)
{
    find_reached();
    for (int i = 0; i < NODES; i++)
        if (model.exists[i] && model.reached[i])
            check_reached(i);
        else if (model.exists[i] && model.has_finalizer[i])
            check_order(i);
    for (int i = 0; i < NODES; i++)
        if (model.exists[i] && !model.reached[i])
            retire(i);
}

static void settle(void)
{
    collect();
    CHECK(weir_gc_wait_finalizers(-1) == 0);
}

static void run(int batches)
{
    for (int batch = 0; batch < batches; batch++) {
        for (int step = 0; step < NODES; step++) {
            int i = (int)below(NODES);
            if (!model.exists[i])
                make(i);
            void (*const steps[])(void) = {cut, cut, cut, join, change_entry, change_finalizer, revive};
            steps[below(COUNT(steps))]();
        }
        clear_stack();
        settle();
        check();
    }
}

static void begin(uint64_t seed)
{
    model.random = seed;
    model.map = weir_weak_map_new();
    for (int r = 0; r < ROOTS; r++)
        model.root_numbers[r] = NONE;
    for (int i = 0; i < NODES; i++) {
        model.entry[i] = NONE;
        for (int e = 0; e < EDGES; e++)
            model.edges[i][e] = NONE;
    }
}

/* The least number of stray words that can keep what is left, apart from the nodes in `stuck`: one word keeps
 * all that its node leads to. */
static size_t count_heads(const bool *stuck)
{
    static bool seen[NODES][NODES];
    size_t heads = 0;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < NODES; i++)
        if (model.exists[i] && !stuck[i])
            walk(i, seen[i]);
    for (int i = 0; i < NODES; i++) {
        bool is_head = model.exists[i] && !stuck[i];
        for (int j = 0; is_head && j < NODES; j++)
            is_head = j == i || !seen[j][i] || (seen[i][j] && i < j);
        heads += is_head;
    }
    return heads;
}

/* Everything is let go: what is left is in rings with finalizers, is reached from there, or is kept by a
 * stray word. */
static void end(void)
{
    memset(model.roots, 0, sizeof model.roots);
    for (int r = 0; r < ROOTS; r++)
        model.root_numbers[r] = NONE;
    /* A chain of finalizers loses one object in each collection, so collect until no more objects go. */
    for (size_t idle = 0, before = model.cleaned; idle < 5; idle++) {
        clear_stack();
        settle();
        check();
        if (model.cleaned != before)
            idle = 0;
        before = model.cleaned;
    }
    static bool stuck[NODES];
    memset(stuck, 0, sizeof stuck);
    for (int i = 0; i < NODES; i++)
        if (model.exists[i] && model.has_finalizer[i] && is_in_ring(i))
            walk(i, stuck);
    size_t words = count_heads(stuck);
    cr_expect_leq(words, 4, "%zu", words);
    cr_expect_gt(model.finalized, 50);
    cr_expect_gt(model.cleaned, model.finalized);
    cr_expect_gt(model.revived, 20);
}

Test(side_table_model, one_thread)
{
    begin(1);
    run(60);
    end();
}

Test(side_table_model, with_next_to_no_memory_for_marking)
{
    begin(2);
    work_set_range_limit(1);
    run(20);
    work_set_range_limit(0);
    end();
}

static atomic_bool stop;

static void *noise_main(void *argument)
{
    for (uint64_t random = (uintptr_t)argument; !stop; usleep(500)) {
        for (int i = 0; i < 200; i++)
            CHECK(weir_gc_alloc(1 + random_below(&random, 1000)));
        weir_gc();
    }
    return NULL;
}

Test(side_table_model, others_collect_meanwhile)
{
    pthread_t threads[2];
    begin(3);
    for (uintptr_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, noise_main, (void *)(i + 1));
    run(30);
    stop = true;
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    end();
}

Test(side_table_model, children_of_fork_go_on_alone)
{
    begin(4);
    for (int i = 0; i < 5; i++) {
        run(4);
        pid_t child = fork_beside_threads();
        if (child == 0) {
            run(4);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0);
    }
    end();
}
