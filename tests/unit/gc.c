/* gc: what the collector keeps and what it frees: a random graph against a model that knows reachability,
 * kinds, roots, threads, fork, and marking with next to no memory. */
#include <criterion/criterion.h>
#include <sys/resource.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <weir/control.h>
#include <weir/gc.h>

#include "runtime/collect/gc.h"
#include "runtime/collect/mark.h"
#include "runtime/collect/work.h"
#include "runtime/heap/collected.h"
#include "runtime/os/cpu.h"
#include "runtime/os/options.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

/* --- one object --- */

static void *volatile root;

__attribute__((noinline)) static hidden_t make(size_t size, size_t offset)
{
    char *p = weir_gc_alloc(size);
    cr_assert_not_null(p);
    root = p + offset;
    return hide(p);
}

static void check_kept_then_freed(size_t size, size_t offset)
{
    hidden_t p = make(size, offset);
    collect();
    cr_expect(is_alive(p), "%zu bytes, pointed to at %zu", size, offset);
    root = NULL;
    collect();
    cr_expect_not(is_alive(p), "%zu bytes", size);
}

Test(gc, an_object_lives_as_long_as_a_root_points_into_it)
{
    const size_t sizes[] = {1, 16, 24, 100, 256, 1000, 4096, 5000, 32768, 40000, 200000, MIB(2), MIB(5)};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        check_kept_then_freed(sizes[i], 0);
        check_kept_then_freed(sizes[i], sizes[i] / 2);
        check_kept_then_freed(sizes[i], sizes[i] - 1);
    }
}

/* C allows a pointer to the end. Sizes that are those of cells, and of pages, and others. */
static const size_t ends[] = {0,    15,   16,    32,        64,      1000,        1024,   1040,
                              2048, 4096, 32768, SMALL_MAX, KIB(64), KIB(64) + 1, MIB(1), MIB(4)};

Test(gc, an_object_lives_as_long_as_a_root_points_to_its_end)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        check_kept_then_freed(ends[i], ends[i]);
}

static hidden_t objects_of_a_gib[400];

/* The last of them has a multiple of 1 GiB in it. */
__attribute__((noinline)) static size_t allocate_up_to_1_gib(void)
{
    const uintptr_t size = MIB(5), gib = (uintptr_t)1 << 30;
    size_t count = 0;
    for (bool found = false; !found && count < COUNT(objects_of_a_gib); count++) {
        uintptr_t p = (uintptr_t)weir_gc_alloc_noscan(size);
        cr_assert_neq(p, 0);
        found = p / gib != (p + size - 1) / gib || p % gib == 0;
        objects_of_a_gib[count] = hide((void *)p);
    }
    return count;
}

/* jemalloc keeps in thread-local memory which GiB it has looked for last: no pointer, but as good as one to the object that
 * lies at its start. */
Test(gc, an_object_at_a_multiple_of_1_gib_is_freed)
{
    weir_gc_disable();
    size_t count = allocate_up_to_1_gib();
    weir_gc_enable();
    collect();
    for (size_t i = 0; i < count; i++)
        cr_expect_not(is_alive(objects_of_a_gib[i]), "%zu of %zu", i, count);
}

__attribute__((noinline)) static hidden_t make_other(int how, size_t size)
{
    static const uint64_t none[1] = {0};
    static const weir_type type = {.name = "word", .size = 8, .pointers = none};
    char *p = how == 0   ? weir_gc_alloc_noscan(size)
              : how == 1 ? weir_gc_alloc_typed(&type, size / 8)
              : how == 2 ? weir_gc_realloc(weir_gc_alloc(1), size)
                         : weir_gc_realloc(weir_gc_alloc_noscan(size + size / 4), size);
    cr_assert_not_null(p);
    root = p + (how == 1 ? size / 8 * 8 : size);
    return hide(p);
}

Test(gc, so_does_an_object_of_each_kind_and_one_that_was_resized)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        for (int how = 0; how < 4; how++) {
            hidden_t p = make_other(how, ends[i]);
            collect();
            cr_expect(is_alive(p), "%zu bytes, %d", ends[i], how);
        }
}

/* The byte that the end lies in is not the program's, and as zero as the rest. */
Test(gc, an_object_grows_to_all_that_it_has_and_keeps_its_end)
{
    char *p = weir_gc_alloc(100);
    size_t room = heap_usable_size(p);
    memset(p, 1, room);
    char *q = weir_gc_realloc(p, room - 1);
    cr_expect_eq(q, p);
    cr_expect_eq(q[room - 1], 0);
    q = weir_gc_realloc(q, room);
    cr_expect_gt(heap_usable_size(q), room);
    cr_expect(is_zero(q + room - 1, heap_usable_size(q) - room + 1));
}

/* The end of one is the start of the next. */
Test(gc, an_exact_object_takes_what_was_asked_for)
{
    static const size_t sizes[] = {16, 32, 64, 1024};
    cr_expect_neq(weir_gc_alloc_exact(0), NULL);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *p = weir_gc_alloc_exact(sizes[i]);
        cr_expect_eq(heap_usable_size(p), sizes[i]);
        cr_expect(is_zero(p, sizes[i]));
        memset(p, 1, sizes[i]);
        char *q = weir_gc_realloc(p, sizes[i]);
        cr_expect_eq(q[sizes[i] - 1], 1, "the last byte is kept");
        cr_expect_gt(heap_usable_size(q), sizes[i], "and has a byte behind it now");
        root = weir_gc_alloc_exact(sizes[i]);
        hidden_t kept = hide(root);
        collect();
        cr_expect(is_alive(kept));
        root = NULL;
        collect();
        cr_expect_not(is_alive(kept));
    }
}

/* Of a large object that nobody has written to, marking reads nothing: no page of it becomes known to the
 * process. */

Test(gc, what_was_never_written_is_not_looked_at)
{
    struct rusage before, after;
    root = weir_gc_alloc(MIB(256));
    void **words = root;
    words[MIB(128) / sizeof *words] = weir_gc_alloc(100);
    hidden_t inner = hide(words[MIB(128) / sizeof *words]);
    collect();
    getrusage(RUSAGE_SELF, &before);
    collect();
    getrusage(RUSAGE_SELF, &after);
    cr_expect(is_alive(inner));
    cr_expect_leq(after.ru_minflt - before.ru_minflt, 2000, "of 65536 pages");
    cr_expect_leq(resident_region(), MIB(8));
    root = NULL;
}

Test(gc, objects_are_zero_and_aligned)
{
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        size_t size = 1 + random_below(&random, random_below(&random, 50) ? 600 : 100000);
        char *p = random_below(&random, 2) ? weir_gc_alloc(size) : weir_gc_alloc_noscan(size);
        cr_assert_not_null(p);
        cr_assert_eq((uintptr_t)p % 16, 0);
        cr_assert(is_zero(p, size), "object %d of %zu bytes", i, size);
        memset(p, 0xff, size);
    }
}

Test(gc, sizes_that_cannot_be)
{
    errno = 0;
    volatile size_t huge = SIZE_MAX;
    cr_expect_null(weir_gc_alloc(huge));
    cr_expect_eq(errno, ENOMEM);
    static const uint64_t none[1];
    const weir_type type = {.name = "t", .size = 64, .pointers = none};
    cr_expect_null(weir_gc_alloc_typed(&type, SIZE_MAX / 8));
    cr_expect_not_null(weir_gc_alloc(0));
}

/* --- kinds --- */

typedef struct pair {
    void *first, *second;
} pair_t;

__attribute__((noinline)) static hidden_t put_inside(void **where)
{
    void *p = weir_gc_alloc(48);
    *where = p;
    return hide(p);
}

Test(gc, noscan_objects_keep_nothing)
{
    void **holder = weir_gc_alloc_noscan(sizeof(pair_t));
    root = holder;
    hidden_t inside = put_inside(holder);
    collect();
    cr_expect(is_alive(hide(holder)));
    cr_expect_not(is_alive(inside));
}

Test(gc, typed_objects_are_followed_where_they_say)
{
    weir_gc_disable(); /* what is freed is not to be used again while we look */
    static const uint64_t second_only[1] = {2};
    static const weir_type type = {.name = "pair", .size = sizeof(pair_t), .pointers = second_only};
    enum { PAIRS = 100 };
    pair_t *pairs = weir_gc_alloc_typed(&type, PAIRS);
    hidden_t first[PAIRS], second[PAIRS];
    root = pairs;
    for (size_t i = 0; i < PAIRS; i++) {
        first[i] = put_inside(&pairs[i].first);
        second[i] = put_inside(&pairs[i].second);
    }
    collect();
    for (size_t i = 0; i < PAIRS; i++) {
        cr_expect_not(is_alive(first[i]) && i > 0, "%zu", i);
        cr_expect(is_alive(second[i]), "%zu", i);
    }
    weir_gc_enable();
}

static void trace_first(const void *object, size_t count, void (*visit)(void *context, const void *p),
                        void *context)
{
    const pair_t *pairs = object;
    for (size_t i = 0; i < count; i++)
        visit(context, pairs[i].first);
}

Test(gc, typed_objects_may_be_traced_by_a_function)
{
    static const weir_type type = {.name = "pair", .size = sizeof(pair_t), .trace = trace_first};
    enum { PAIRS = 5000 }; /* a large object */
    pair_t *pairs = weir_gc_alloc_typed(&type, PAIRS);
    root = pairs;
    hidden_t first = put_inside(&pairs[PAIRS - 1].first), second = put_inside(&pairs[PAIRS - 1].second);
    collect();
    cr_expect(is_alive(first));
    cr_expect_not(is_alive(second));
}

/* --- roots --- */

Test(gc, ranges_are_roots_while_they_are_added)
{
    void **range = heap_calloc(1000, sizeof *range);
    hidden_t p = put_inside(&range[777]);
    cr_expect_eq(weir_gc_add_roots(range, 1000 * sizeof *range), 0);
    collect();
    cr_expect(is_alive(p));
    weir_gc_remove_roots(range);
    collect();
    cr_expect_not(is_alive(p));
}

static __thread void *thread_root;

Test(gc, thread_local_memory_is_a_root)
{
    hidden_t p = put_inside(&thread_root);
    collect();
    cr_expect(is_alive(p));
    thread_root = NULL;
    collect();
    cr_expect_not(is_alive(p));
}

/* --- freeing and resizing --- */

Test(gc, an_object_may_be_freed_by_hand)
{
    void *p = weir_gc_alloc(100), *large = weir_gc_alloc(MIB(1));
    weir_gc_free(p);
    heap_free(large);
    cr_expect_null(weir_gc_base(p));
    cr_expect_null(weir_gc_base(large));
    collect();
}

/* What is freed by hand can be had again without a collection. */
Test(gc, freeing_by_hand_saves_collections)
{
    enum { OBJECTS = 20000, SIZE = 200, ROUNDS = 200 };
    static void *objects[OBJECTS];
    uint64_t random = 1, cycles = gc_read_stats().cycles;
    for (size_t i = 0; i < OBJECTS; i++)
        objects[i] = weir_gc_alloc(SIZE);
    for (size_t i = 0; i < (size_t)OBJECTS * ROUNDS / 10; i++) {
        size_t at = random_below(&random, OBJECTS);
        weir_gc_free(objects[at]);
        objects[at] = weir_gc_alloc(SIZE);
        cr_assert(is_zero(objects[at], SIZE));
        memset(objects[at], 0xa5, SIZE);
    }
    if (!options.gcstress)
        cr_expect_leq(gc_read_stats().cycles - cycles, 2, "%zu", gc_read_stats().cycles - cycles);
    for (size_t i = 0; i < OBJECTS; i++)
        weir_gc_free(objects[i]);
    collected_verify();
}

Test(gc, a_double_free_ends_the_program, .signal = SIGABRT)
{
    void *p = weir_gc_alloc(100);
    weir_gc_free(p);
    weir_gc_free(p);
}

/* Before the first collection, whose tables it does not need. */
Test(gc, an_object_is_found_by_what_points_into_it)
{
    for (size_t size = 16; size < MIB(3); size += size / 3) {
        char *first = weir_gc_alloc(size), *second = weir_gc_alloc(size);
        cr_expect_eq(weir_gc_base(first), first, "%zu", size);
        cr_expect_eq(weir_gc_base(second + size - 1), second, "%zu", size);
    }
    int here;
    cr_expect_null(weir_gc_base(&here));
}

Test(gc, realloc_keeps_what_fits_and_zeroes_the_rest)
{
    char *p = weir_gc_alloc(100);
    memset(p, 7, 100);
    p = weir_gc_realloc(p, 50000);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(p[i], 7);
    cr_expect(is_zero(p + 112, 50000 - 112));
    p = weir_gc_realloc(p, 40);
    for (size_t i = 0; i < 40; i++)
        cr_assert_eq(p[i], 7);
    errno = 0;
    cr_expect_null(weir_gc_realloc(p + 1, 10));
    cr_expect_eq(errno, EINVAL);
}

Test(gc, realloc_of_a_typed_object_keeps_the_type)
{
    static const uint64_t second_only[1] = {2};
    static const weir_type type = {.name = "pair", .size = sizeof(pair_t), .pointers = second_only};
    root = weir_gc_alloc_typed(&type, 3);
    for (size_t count = 10; count <= 10000; count *= 10) {
        root = weir_gc_realloc(root, count * sizeof(pair_t));
        cr_assert_not_null(root);
        hidden_t first = put_inside(&((pair_t *)root)[count - 1].first);
        hidden_t second = put_inside(&((pair_t *)root)[count - 1].second);
        collect();
        cr_expect_not(is_alive(first), "%zu", count);
        cr_expect(is_alive(second), "%zu", count);
    }
    errno = 0;
    volatile size_t huge = SIZE_MAX;
    cr_expect_null(weir_gc_realloc(root, huge));
    cr_expect_eq(errno, ENOMEM);
}

/* --- what is collected, and when --- */

Test(gc, nothing_is_collected_in_a_forbidden_section)
{
    hidden_t p = make(100, 0);
    root = NULL;
    weir_gc_forbid_begin();
    weir_gc_forbid_begin();
    collect();
    weir_gc_forbid_end();
    collect();
    cr_expect(is_alive(p));
    cr_expect_eq(gc_read_stats().cycles, 0);
    weir_gc_forbid_end();
    collect();
    cr_expect_not(is_alive(p));
}

__attribute__((noinline)) static hidden_t put_interior(void **where, size_t offset)
{
    char *p = weir_gc_alloc(100);
    *where = p + offset;
    return hide(p);
}

static void check_base_only(size_t size)
{
    root = weir_gc_alloc(size);
    hidden_t start = put_interior(root, 0), inside = put_interior((void **)root + 1, 16);
    collect();
    cr_expect(is_alive(inside), "%zu bytes", size);
    cr_expect_not(weir_gc_set_base_only(true));
    collect();
    cr_expect(is_alive(start), "%zu bytes", size);
    cr_expect_not(is_alive(inside), "%zu bytes", size);
    cr_expect(weir_gc_set_base_only(false));
    inside = put_interior((void **)&root, 16);
    weir_gc_set_base_only(true);
    collect();
    cr_expect(is_alive(inside), "a root");
    weir_gc_set_base_only(false);
}

Test(gc, only_pointers_to_a_start_may_count_within_objects)
{
    check_base_only(64);
    check_base_only(100000);
}

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

Test(gc, a_random_graph_against_a_model)
{
    weir_gc_disable(); /* the model forgets garbage when it collects */
    graph_run(1, 40);
    weir_gc_enable();
}

Test(gc, marking_with_next_to_no_memory)
{
    weir_gc_disable();
    work_set_range_limit(1);
    graph_run(2, 10);
    work_set_range_limit(0);
    weir_gc_enable();
}

/* --- many objects, collected as they come; under ThreadSanitizer, which holds signals back and cannot start
 * threads after fork, on one thread only --- */

typedef struct link {
    struct link *next;
    uint64_t number;
} link_t;

static void list_check(const link_t *list, uint64_t from, size_t count)
{
    for (size_t i = 0; i < count; i++, list = list->next)
        CHECK(list && list->number == from - i, "link %zu", i);
    CHECK(!list);
}

Test(gc, collections_begin_by_themselves)
{
    enum { KEPT = 1000, ALL = 4 * 1000 * 1000 };
    link_t *kept = weir_gc_alloc(sizeof *kept);
    if (options.gcstress) /* then they do not */
        return;
    kept = NULL;
    for (uint64_t i = 0; i < ALL; i++) {
        link_t *link = weir_gc_alloc(sizeof *link);
        link->number = i;
        if (i < KEPT) {
            link->next = kept;
            kept = link;
        }
    }
    list_check(kept, KEPT - 1, KEPT);
    cr_expect_gt(gc_read_stats().cycles, 5);
    cr_expect_lt(PAGE_STAT(touched) * OS_PAGE, MIB(12));
}

static atomic_bool stop;

static int thread_rounds = 60;

static void *thread_main(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    for (int round = 0; round < thread_rounds; round++) {
        link_t *list = NULL;
        size_t count = 100 + random_below(&random, 3000);
        for (uint64_t i = 0; i < count; i++) {
            link_t *link = weir_gc_alloc(sizeof *link + random_below(&random, 200));
            link->number = i;
            link->next = list;
            list = link;
            void *garbage = weir_gc_alloc_noscan(random_below(&random, 400));
            CHECK(garbage);
        }
        list_check(list, count - 1, count);
    }
    return NULL;
}

static void *collector_main(void *argument)
{
    (void)argument;
    while (!stop) {
        weir_gc();
        usleep(200);
    }
    return NULL;
}

Test(gc, threads_allocate_while_others_collect)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS], collectors[2];
    for (size_t i = 0; i < 2; i++)
        pthread_create(&collectors[i], NULL, collector_main, NULL);
    for (int wave = 0; wave < 3; wave++) {
        for (uintptr_t i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, thread_main, (void *)(i + 1));
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    stop = true;
    for (size_t i = 0; i < 2; i++)
        pthread_join(collectors[i], NULL);
    collect();
}

/* What was swept ahead can be had: after a collection the heap does not grow as long as there is garbage to
 * reuse. */
Test(gc, cells_that_were_swept_ahead_are_used)
{
    enum { SIZE = 64, OBJECTS = 200 * 1000 };
    static void *kept[OBJECTS / 8];
    for (size_t i = 0; i < OBJECTS; i++) {
        void *object = weir_gc_alloc(SIZE);
        if (i % 8 == 0)
            kept[i / 8] = object;
    }
    collect();
    while (weir_gc_step(1000))
        ;
    size_t before = collected_bytes_held;
    weir_gc_disable();
    for (size_t i = 0; i < (before - sizeof kept / sizeof *kept * SIZE) / SIZE / 2; i++)
        weir_gc_alloc(SIZE);
    cr_expect_leq(collected_bytes_held, before + KIB(256), "%zu, then %zu", before,
                  (size_t)collected_bytes_held);
    weir_gc_enable();
    collected_verify();
    weir_gc_keep_alive(kept[0]);
}

/* Large ones are born while the unmarked ones of the last trace are being freed. */
static void *large_main(void *argument)
{
    enum { SIZE = 100 * 1000, KEPT = 16 };
    char *kept[KEPT] = {NULL};
    uint64_t random = (uintptr_t)argument;
    for (int i = 0; i < 20000; i++) {
        char **place = &kept[random_below(&random, KEPT)];
        CHECK(!*place || (weir_gc_base(*place) == *place && **place == (char)(*place)[SIZE - 1]));
        *place = weir_gc_alloc(SIZE);
        CHECK(*place);
        (*place)[0] = (*place)[SIZE - 1] = (char)i;
    }
    return NULL;
}

Test(gc, large_objects_are_born_while_others_are_freed)
{
    pthread_t threads[2], collector;
    stop = false;
    pthread_create(&collector, NULL, collector_main, NULL);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, large_main, (void *)(i + 1));
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    stop = true;
    pthread_join(collector, NULL);
    collect();
}

/* Threads free each other's objects, in spans that others sweep and allocate from at the same time. */
static _Atomic(uint64_t *) exchanged[4096];

static void *exchange_main(void *argument)
{
    enum { WORDS = 9 };
    uint64_t random = (uintptr_t)argument;
    for (int i = 0; i < 300 * 1000; i++) {
        uint64_t number = random_next(&random), *object = weir_gc_alloc(WORDS * sizeof *object);
        CHECK(object && is_zero(object, WORDS * sizeof *object));
        for (size_t word = 0; word < WORDS; word++)
            object[word] = number;
        object = atomic_exchange(&exchanged[random_below(&random, COUNT(exchanged))], object);
        if (!object)
            continue;
        for (size_t word = 1; word < WORDS; word++)
            CHECK(object[word] == object[0]);
        weir_gc_free(object);
    }
    return NULL;
}

Test(gc, threads_free_what_others_allocated)
{
    pthread_t threads[4], collector;
    stop = false;
    pthread_create(&collector, NULL, collector_main, NULL);
    for (uintptr_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, exchange_main, (void *)(i + 1));
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    stop = true;
    pthread_join(collector, NULL);
    collect();
}

/* A thread that waits in a declared section keeps what it has on its stack. */
static sem_t waiting, go_on;

static void *blocked_main(void *argument)
{
    (void)argument;
    link_t *mine = weir_gc_alloc(sizeof *mine);
    mine->number = 42;
    weir_gc_block_begin();
    sem_post(&waiting);
    while (sem_wait(&go_on) != 0)
        continue;
    weir_gc_block_end();
    CHECK(mine->number == 42);
    CHECK(weir_gc_base(mine) == mine);
    return NULL;
}

Test(gc, a_blocked_thread_is_not_disturbed)
{
    pthread_t thread;
    sem_init(&waiting, 0, 0);
    sem_init(&go_on, 0, 0);
    pthread_create(&thread, NULL, blocked_main, NULL);
    sem_wait(&waiting);
    for (int i = 0; i < 10; i++)
        collect();
    sem_post(&go_on);
    pthread_join(thread, NULL);
}

/* In a section the registers of its beginner may be all that points to an object: it spins. */
static _Atomic int in_section, section_over;

__attribute__((noinline)) static void hold_in_register(void)
{
#ifdef __x86_64__
    register link_t *mine __asm__("rbx") = weir_gc_alloc(sizeof *mine);
#else
    register link_t *mine __asm__("x19") = weir_gc_alloc(sizeof *mine);
#endif
    mine->number = 42;
    __asm__ volatile("" : "+r"(mine));
    weir_gc_block_begin();
    clear_stack(); /* what the frames of the call had is written over, as any other call would */
    in_section = 1;
    while (!section_over)
        cpu_pause();
    weir_gc_block_end();
    __asm__ volatile("" : "+r"(mine));
    CHECK(weir_gc_base(mine) == mine);
    CHECK(mine->number == 42);
}

static void *register_main(void *argument)
{
    (void)argument;
    hold_in_register();
    return NULL;
}

Test(gc, registers_count_in_a_blocking_section)
{
    pthread_t thread;
    pthread_create(&thread, NULL, register_main, NULL);
    while (!in_section)
        sched_yield();
    for (int i = 0; i < 3; i++)
        collect();
    collected_sweep_rest();
    section_over = 1;
    pthread_join(thread, NULL);
}

/* ThreadSanitizer's own list of locks overflows in the child. */
Test(gc, a_child_of_fork_collects_alone, .disabled = WATCHED)
{
    link_t *kept = weir_gc_alloc(sizeof *kept);
    kept->number = 7;
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, thread_main, (void *)(i + 1));
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            thread_rounds = 2;
            for (int round = 0; round < 3; round++) {
                weir_gc();
                thread_main((void *)9);
            }
            _exit(kept->number == 7 && weir_gc_base(kept) == kept ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0);
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* Neither growth of manual memory, nor a limit, nor a refusal collects while that is disabled; who asks,
 * does. */
static void grow_by(size_t bytes)
{
    for (size_t held = 0; held < bytes; held += KIB(64)) {
        void *p = heap_malloc(KIB(64));
        if (!p)
            return;
        memset(p, 1, KIB(64));
    }
}

Test(gc, disabled_is_disabled_for_all_that_begins_by_itself)
{
    weir_gc_alloc(100);
    weir_gc_disable();
    uint64_t before = gc_read_stats().cycles;
    weir_set_memory_limit((int64_t)MIB(64));
    grow_by(MIB(100));
    for (size_t i = 0; i < 1000; i++)
        weir_gc_alloc_noscan(KIB(50));
    weir_set_hard_limit((int64_t)MIB(200));
    grow_by(MIB(200));
    cr_expect_null(weir_gc_alloc_noscan(MIB(100)));
    cr_expect_eq(gc_read_stats().cycles, before);
    weir_gc();
    cr_expect_eq(gc_read_stats().cycles, before + 1, "who asks for one gets one");
    weir_free_os_memory();
    cr_expect_eq(gc_read_stats().cycles, before + 2);
    weir_gc_enable();
    weir_gc_alloc_noscan(MIB(100));
    cr_expect_gt(gc_read_stats().cycles, before + 2, "enabled, it collects before it refuses");
}

/* Manual growth collects too: what is collected may own it, by a cleanup. It does so as often as the heap
 * doubles. */
Test(gc, growth_of_manual_memory_collects_as_often_as_it_doubles, .disabled = SANITIZED)
{
    weir_gc_alloc(100);
    uint64_t before = gc_read_stats().cycles;
    grow_by(MIB(512));
    uint64_t cycles = gc_read_stats().cycles - before;
    cr_expect_geq(cycles, 4, "%zu", (size_t)cycles);
    cr_expect_leq(cycles, 8, "%zu", (size_t)cycles);
}

/* The share of the processors' time counts from the beginning, not from the first collected object. */
Test(gc, the_share_of_time_is_of_all_time)
{
    enum { BEFORE_US = 50 * 1000 };
    heap_free(heap_malloc(1));
    usleep(BEFORE_US);
    weir_gc_alloc(1);
    weir_gc();
    cr_expect_geq(gc_read_stats().available_ns, (uint64_t)BEFORE_US * 1000 * os_processors());
}
