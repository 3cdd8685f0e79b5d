/* ephemeron: weak maps: an entry lives as long as its key. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <time.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/config/options.h"
#include "tests/unit/gc/refs/weak_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

Test(ephemeron, a_value_lives_as_long_as_its_key)
{
    map = weir_weak_map_new();
    for (int to_key = 0; to_key < 2; to_key++) {
        entry(1, to_key);
        settle();
        cr_expect_eq(value_number(), 1001);
        cr_expect_eq(weir_weak_map_count(map), 1);
        drop();
        settle();
        cr_expect_eq(weir_weak_map_count(map), 0, "a value that points to its key does not keep it");
    }
}

Test(ephemeron, entries_can_be_changed_and_removed)
{
    map = weir_weak_map_new();
    entry(1, false);
    cr_expect_eq(weir_weak_map_set(map, root, "text"), 0);
    cr_expect_str_eq(weir_weak_map_get(map, root), "text");
    cr_expect_eq(weir_weak_map_count(map), 1);
    cr_expect(weir_weak_map_remove(map, root));
    cr_expect_not(weir_weak_map_remove(map, root));
    cr_expect_null(weir_weak_map_get(map, root));
    cr_expect_eq(weir_weak_map_count(map), 0);
    entry(2, false);
    free_by_hand();
    cr_expect_eq(weir_weak_map_count(map), 0, "its key is freed by hand");
    entry(3, true);
    resize(5000);
    settle();
    cr_expect_eq(value_number(), 1003);
}

/* A map that is gone keeps no values, not even those whose keys live. */
Test(ephemeron, a_map_goes_with_its_entries)
{
    map = weir_weak_map_new();
    entry(1, false);
    map = weir_weak_map_new();
    cr_assert_eq(weir_weak_map_set(map, root, "other"), 0);
    settle();
    cr_expect_eq(count_records(SIDE_ENTRY), 1);
    cr_expect_eq(count_records(SIDE_MAP), 1);
    weir_gc_free((void *)map);
    cr_expect_eq(count_records(SIDE_ENTRY), 0);
    cr_expect_eq(count_records(SIDE_MAP), 0);
}

/* The owner of a weak map with two entries: the key of one is a root, nothing reaches the key of the
 * other. */
typedef struct owner {
    void *map;
} owner_t;

static void *strong_key, *seen_value, *seen_other;

static hidden_t weak_key;

static size_t seen_entries;

static atomic_int looked;

static void look_into_map(void *object, void *context)
{
    owner_t *owner = object;
    (void)context;
    seen_entries = weir_weak_map_count(owner->map);
    seen_value = weir_weak_map_get(owner->map, strong_key);
    seen_other = weir_weak_map_get(owner->map, reveal(weak_key));
    looked++;
}

__attribute__((noinline)) static hidden_t make_owner(void)
{
    owner_t *owner = weir_gc_alloc(sizeof *owner);
    void **value = weir_gc_alloc(32), *other = weir_gc_alloc(32);
    owner->map = weir_weak_map_new();
    *value = (void *)1234;
    strong_key = weir_gc_alloc(32);
    weak_key = hide(other);
    cr_assert(weir_weak_map_set(owner->map, strong_key, value) == 0);
    cr_assert(weir_weak_map_set(owner->map, other, value) == 0);
    cr_assert(weir_gc_set_finalizer(owner, look_into_map, NULL) == 0);
    return hide(value);
}

/* As in Go: an entry lives by its key, and the map is still there when the finalizer runs. */
Test(ephemeron, a_map_that_a_finalizer_comes_to_has_the_entries_whose_keys_live)
{
    hidden_t value = make_owner();
    collect();
    weir_gc_wait_finalizers(-1);
    cr_expect_eq(looked, 1);
    cr_expect_eq(seen_entries, 1);
    cr_expect_eq(seen_value, reveal(value));
    cr_expect_null(seen_other);
}

Test(ephemeron, maps_in_maps)
{
    static weir_weak_map *volatile outer;
    outer = weir_weak_map_new();
    map = weir_weak_map_new();
    entry(1, true);
    node_t *volatile kept = root;
    cr_assert_eq(weir_weak_map_set(outer, kept, map), 0);
    map = NULL;
    drop();
    settle();
    cr_assert_eq(weir_weak_map_count(outer), 1);
    map = weir_weak_map_get(outer, kept);
    root = kept;
    cr_expect_eq(value_number(), 1001);
}

/* Each value is the next key, which nothing else reaches. Going over all entries until nothing changes, as
 * the second tracer of gcverify does, takes links * links steps. */
static size_t links;

__attribute__((noinline)) static void chain(bool forwards)
{
    map = weir_weak_map_new();
    node_t **nodes = heap_malloc(links * sizeof *nodes);
    cr_assert_eq(weir_gc_add_roots(nodes, links * sizeof *nodes), 0);
    for (size_t i = 0; i < links; i++) {
        nodes[i] = weir_gc_alloc(sizeof **nodes);
        nodes[i]->number = i;
    }
    for (size_t i = 0; i < links - 1; i++) {
        size_t at = forwards ? i : links - 2 - i;
        cr_assert_eq(weir_weak_map_set(map, nodes[at], nodes[at + 1]), 0);
    }
    root = nodes[0];
    weir_gc_remove_roots(nodes);
    memset(nodes, 0, links * sizeof *nodes);
    heap_free(nodes);
}

__attribute__((noinline)) static size_t chain_length(void)
{
    size_t length = 0;
    for (const node_t *node = root; node; node = weir_weak_map_get(map, node)) {
        cr_assert_eq(weir_gc_base(node), node);
        cr_assert_eq(node->number, length);
        length++;
    }
    return length;
}

/* Processor time of all threads. */
static double cpu_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* The processor time of collecting a chain of so many links, divided by that of following it once. */
static double chain_cost(size_t length, bool forwards)
{
    links = length;
    chain(forwards);
    double begin = cpu_seconds();
    settle();
    double cost = cpu_seconds() - begin;
    begin = cpu_seconds();
    cr_assert_eq(chain_length(), links);
    double walk = cpu_seconds() - begin;
    cr_expect_eq(weir_weak_map_count(map), links - 1);
    drop();
    settle();
    cr_expect_leq(weir_weak_map_count(map), 2);
    return cost / walk;
}

/* Collecting and following touch each link in the same memory. A collection that passed over all links for
 * each link would cost as much as LINKS walks. The cheapest of three attempts counts. */
static void expect_linear(bool forwards)
{
    enum { LINKS = 160000, MOST = 500 };
    double least = 1e9;
    for (int i = 0; i < 3; i++) {
        double cost = chain_cost(LINKS, forwards);
        least = cost < least ? cost : least;
    }
    cr_expect_lt(least, MOST, "a collection costs as much as %.1f walks", least);
}

Test(ephemeron, a_long_chain_of_entries)
{
    map = weir_weak_map_new(); /* from here on the options are known */
    for (int forwards = 0; forwards < 2; forwards++) {
        if (options.gcverify)
            chain_cost(500, forwards);
        else
            expect_linear(forwards);
    }
}
