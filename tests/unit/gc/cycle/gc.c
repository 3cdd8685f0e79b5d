/* gc: what the collector keeps of one object, by its kind, from each kind of root; freeing and resizing by hand. */
#include <criterion/criterion.h>
#include <sys/resource.h>
#include <errno.h>
#include <weir/gc.h>

#include "runtime/base/cpu.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "tests/unit/gc/cycle/gc_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

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

Test(gc, an_object_lives_as_long_as_a_root_points_to_its_end)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        check_kept_then_freed(ends[i], ends[i]);
}

static hidden_t objects_of_a_gib[400];

/* Allocate objects until one contains a multiple of 1 GiB. Returns their number. */
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

/* jemalloc keeps in thread-local memory which GiB it looked up last. That is no pointer, but equals the
 * address of an object at the start of this GiB. */
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

/* A pointer to the end points to the byte behind those that the program may use. That byte is zero like the
 * rest. */
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

/* An exact object has no byte of its own for a pointer to its end: the end is the start of the next
 * object. */
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

/* Marking reads nothing of a large object that nobody has written to: none of its pages is faulted in. */

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

/* This works before the first collection, and needs none of its tables. */
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
