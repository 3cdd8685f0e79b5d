/* weak: references and maps that do not keep what they lead to; ephemerons. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/collect/side_table.h"
#include "runtime/os/options.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

typedef struct node {
    struct node *next;
    uintptr_t number;
} node_t;

/* Roots; the tests' own frames and registers never hold an object. */
static node_t *volatile root;
static weir_weak *volatile weak;
static weir_weak_map *volatile map;
static int finalized;

static void settle(void)
{
    collect();
}

static void drop(void)
{
    root = NULL;
}

__attribute__((noinline)) static hidden_t put(uintptr_t number, size_t size)
{
    root = weir_gc_alloc(size > sizeof(node_t) ? size : sizeof(node_t));
    root->number = number;
    return hide(root);
}

__attribute__((noinline)) static void refer(void)
{
    weak = weir_weak_new(root);
    cr_assert_not_null(weak);
}

__attribute__((noinline)) static bool leads_to(hidden_t p)
{
    return weir_weak_get(weak) == reveal(p);
}

__attribute__((noinline)) static bool leads_nowhere(void)
{
    return weir_weak_get(weak) == NULL;
}

/* --- references --- */

Test(weak, a_reference_is_cleared_when_its_target_is_gone)
{
    for (size_t size = 1; size <= MIB(4); size *= 4) {
        hidden_t p = put(1, size);
        refer();
        settle();
        cr_expect(leads_to(p), "%zu bytes", size);
        drop();
        settle();
        cr_expect(leads_nowhere(), "%zu bytes", size);
        cr_expect_not(is_alive(p), "%zu bytes", size);
    }
}

Test(weak, two_to_one_object_are_the_same)
{
    put(1, 0);
    refer();
    cr_expect_eq(weir_weak_new(root), weak);
    put(2, 0);
    cr_expect_neq(weir_weak_new(root), weak);
}

static size_t count_records(enum side_kind kind)
{
    size_t count = 0;
    for (uint32_t number = 1; number < side_table_end(); number++)
        count += side_table_at(number)->kind == kind;
    return count;
}

/* Nobody has the reference, the target lives on. */
Test(weak, references_are_collected)
{
    put(1, 0);
    refer();
    weak = NULL;
    settle();
    settle();
    cr_expect_eq(count_records(SIDE_REFERENCE), 0);
    refer();
    weir_gc_free((void *)weak);
    cr_expect_eq(count_records(SIDE_REFERENCE), 0);
    weak = NULL;
    drop();
    settle();
}

__attribute__((noinline)) static void free_by_hand(void)
{
    weir_gc_free((void *)root);
    drop();
}

__attribute__((noinline)) static hidden_t resize(size_t size)
{
    root = weir_gc_realloc((void *)root, size);
    return hide(root);
}

Test(weak, by_hand)
{
    put(1, 0);
    refer();
    free_by_hand();
    cr_expect(leads_nowhere());
    put(2, 0);
    refer();
    hidden_t p = resize(4000);
    cr_expect(leads_to(p));
    settle();
    cr_expect(leads_to(p));
    drop();
    settle();
    cr_expect(leads_nowhere());
}

/* As Go's weak.Make(nil). */
Test(weak, a_reference_to_nothing)
{
    weir_weak *none = weir_weak_new(NULL);
    cr_assert_not_null(none);
    cr_expect_eq(none, weir_weak_new(NULL));
    cr_expect_null(weir_weak_get(none));
    settle();
    cr_expect_null(weir_weak_get(none));
}

enum { WITHIN = 48 };
static weir_weak *volatile within;

__attribute__((noinline)) static void refer_within(void)
{
    refer();
    within = weir_weak_new((char *)root + WITHIN);
    cr_assert_not_null(within);
    cr_expect_neq(within, weak);
    cr_expect_eq(within, weir_weak_new((char *)root + WITHIN));
    cr_expect_neq(within, weir_weak_new((char *)root + WITHIN + 1));
}

__attribute__((noinline)) static bool leads_within(hidden_t p)
{
    return weir_weak_get(within) == (char *)reveal(p) + WITHIN;
}

Test(weak, a_reference_to_a_place_in_an_object_lives_and_goes_with_it)
{
    hidden_t p = put(1, 100);
    refer_within();
    settle();
    cr_expect(leads_to(p) && leads_within(p));
    p = resize(4000);
    settle();
    cr_expect(leads_to(p) && leads_within(p));
    drop();
    settle();
    cr_expect(leads_nowhere() && !weir_weak_get(within));
    put(2, 100);
    refer_within();
    free_by_hand();
    cr_expect(leads_nowhere() && !weir_weak_get(within));
}

/* A reference that is freed by hand is forgotten: clearing it would write into whatever is there then. */
Test(weak, a_reference_to_a_place_is_freed_by_hand)
{
    put(1, 100);
    refer_within();
    weir_gc_free(within);
    uint64_t *others[8];
    for (size_t i = 0; i < COUNT(others); i++) {
        others[i] = weir_gc_alloc_noscan(sizeof *others[i]);
        *others[i] = 77;
    }
    free_by_hand();
    for (size_t i = 0; i < COUNT(others); i++)
        cr_expect_eq(*others[i], 77);
}

Test(weak, what_is_no_object)
{
    errno = 0;
    cr_expect_null(weir_weak_new(&finalized));
    cr_expect_eq(errno, EINVAL);
    char *p = weir_gc_alloc(100);
    map = weir_weak_map_new();
    cr_expect_eq(weir_weak_map_set(map, p + 8, p), -1);
    errno = 0;
    cr_expect_eq(weir_weak_map_set((void *)p, p, p), -1);
    cr_expect_eq(errno, EINVAL);
    cr_expect_null(weir_weak_map_get((void *)p, p));
    cr_expect_not(weir_weak_map_remove(map, p));
    cr_expect_eq(weir_weak_map_count((void *)p), 0);
}

/* --- before finalizers --- */

static weir_weak *volatile inner_weak;

static void look(void *object, void *context)
{
    (void)context;
    const node_t *node = object;
    CHECK(node->next->number == 2);
    CHECK(weir_weak_get(weak) == NULL, "cleared before the finalizer");
    CHECK(weir_weak_get(inner_weak) == NULL, "and so for what only the object reaches");
    finalized++;
}

__attribute__((noinline)) static void put_two(void)
{
    put(2, 0);
    inner_weak = weir_weak_new(root);
    node_t *inner = root;
    put(1, 0);
    root->next = inner;
    refer();
    weir_gc_set_finalizer((void *)root, look, NULL);
    map = weir_weak_map_new();
    cr_assert_eq(weir_weak_map_set(map, inner, inner), 0);
    drop();
}

Test(weak, references_are_cleared_before_finalizers)
{
    put_two();
    settle();
    cr_expect_eq(weir_gc_wait_finalizers(-1), 0);
    cr_expect_eq(finalized, 1);
    cr_expect_eq(weir_weak_map_count(map), 0);
}

/* --- maps --- */

__attribute__((noinline)) static void entry(uintptr_t key_number, bool to_key)
{
    put(key_number, 0);
    node_t *value = weir_gc_alloc(sizeof *value);
    value->number = key_number + 1000;
    value->next = to_key ? root : NULL;
    cr_assert_eq(weir_weak_map_set(map, root, value), 0);
}

__attribute__((noinline)) static uintptr_t value_number(void)
{
    const node_t *value = weir_weak_map_get(map, root);
    return value && weir_gc_base(value) == value ? value->number : 0;
}

Test(weak, a_value_lives_as_long_as_its_key)
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

Test(weak, entries_can_be_changed_and_removed)
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

/* A map that is gone keeps no values, also of keys that live. */
Test(weak, a_map_goes_with_its_entries)
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

/* Its own map is one of the values; the key of that lives only by another entry. */
/* --- maps that finalizers come to --- */

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

/* As a map of Go's would be: what keeps an entry is its key, and the map is there for the finalizer. */
Test(weak, a_map_that_a_finalizer_comes_to_has_the_entries_whose_keys_live)
{
    hidden_t value = make_owner();
    collect();
    weir_gc_wait_finalizers(-1);
    cr_expect_eq(looked, 1);
    cr_expect_eq(seen_entries, 1);
    cr_expect_eq(seen_value, reveal(value));
    cr_expect_null(seen_other);
}

Test(weak, maps_in_maps)
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

/* Of the processor, by all threads. */
static double cpu_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* What it takes to collect a chain of so many links, against going along it once. */
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

/* Both touch each link in the same memory. If there were a pass over all links for each of them, it would cost as much as
 * LINKS walks. Of three attempts, the cheapest. */
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

Test(weak, a_long_chain_of_entries)
{
    map = weir_weak_map_new(); /* from here on the options are known */
    for (int forwards = 0; forwards < 2; forwards++) {
        if (options.gcverify)
            chain_cost(500, forwards);
        else
            expect_linear(forwards);
    }
}

/* --- threads, fork --- */

static weir_weak *_Atomic shared_weak;
static atomic_bool stop;

/* The references are another thread's: this one has to be known before it reads the first. */
static void read_on(void)
{
    weir_gc_attach_thread();
    while (!stop) {
        const weir_weak *reference = shared_weak;
        node_t *node = reference ? weir_weak_get(reference) : NULL;
        if (node)
            for (int i = 0; i < 50; i++)
                CHECK(node->number == 4711 && weir_gc_base(node) == node);
    }
}

static void write_on(void)
{
    uint64_t random = 1;
    weir_weak_map *own = weir_weak_map_new();
    for (int i = 0; i < (options.gcverify ? 2000 : 20000); i++) {
        node_t *node = weir_gc_alloc(sizeof *node + random_below(&random, 300));
        node->number = 4711;
        shared_weak = weir_weak_new(node);
        CHECK(shared_weak && weir_weak_get(shared_weak) == node);
        CHECK(weir_weak_map_set(own, node, node) == 0);
        if (i % 100 == 0)
            weir_gc();
        CHECK(weir_weak_map_get(own, node) == node);
    }
    stop = true;
    weir_gc();
    weir_gc();
    CHECK(weir_weak_map_count(own) < 100);
}

static void read_or_write(size_t thread)
{
    if (thread)
        read_on();
    else
        write_on();
}

Test(weak, one_thread_reads_while_another_collects)
{
    threads_run(3, read_or_write);
}

/* In a frame of its own: the caller's is not to hold a pointer. */
__attribute__((noinline)) static bool is_kept(void)
{
    return value_number() == 1001 && !leads_nowhere();
}

Test(weak, a_child_of_fork)
{
    map = weir_weak_map_new();
    entry(1, true);
    refer();
    pid_t child = fork();
    if (child == 0) {
        settle();
        bool kept = is_kept();
        drop();
        settle();
        _exit(kept && leads_nowhere() && weir_weak_map_count(map) == 0 ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    cr_expect_eq(status, 0);
}
