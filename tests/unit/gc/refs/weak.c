/* weak: references that do not keep what they lead to; threads and fork. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/config/options.h"
#include "tests/unit/gc/refs/weak_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

static int finalized;

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

/* --- threads, fork --- */

static weir_weak *_Atomic shared_weak;

static atomic_bool stop;

/* The references come from another thread: the collector has to know this thread before it reads the
 * first. */
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
