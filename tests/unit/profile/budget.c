/* budget: what is charged to an account, from malloc to the last free; its limit, its shrinker; arenas, pools and
 * collected objects; threads. */
#include <criterion/criterion.h>
#include <errno.h>
#include <weir/account.h>
#include <weir/arena.h>
#include <weir/gc.h>
#include <weir/heap.h>
#include <weir/pool.h>

#include "runtime/debug/verify.h"
#include "runtime/profile/block_map.h"
#include "runtime/profile/budget.h"
#include "tests/unit/support.h"

static weir_account_stats figures(const weir_account *account)
{
    weir_account_stats stats;
    weir_account_read(account, &stats);
    return stats;
}

static uint64_t held(const weir_account *account)
{
    return figures(account).held;
}

static weir_account *account_of(int64_t limit)
{
    weir_account *account = weir_account_new("part", limit);
    cr_assert_neq(account, NULL);
    return account;
}

static const size_t sizes[] = {1, 16, 17, 100, 1000, 5000, 32768, 40000, KIB(100), MIB(1), MIB(5)};

Test(budget, a_block_is_charged_until_it_is_freed)
{
    weir_account *account = account_of(WEIR_NO_LIMIT);
    void *before = weir_malloc(100), *blocks[COUNT(sizes)];
    uint64_t sum = 0;
    cr_assert_eq(weir_account_enter(account), NULL);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        blocks[i] = weir_malloc(sizes[i]);
        sum += weir_usable_size(blocks[i]);
        cr_expect_eq(held(account), sum, "%zu bytes", sizes[i]);
        memset(blocks[i], 1, sizes[i]);
    }
    cr_assert_eq(weir_account_enter(NULL), account);
    void *after = weir_malloc(100);
    weir_free(before);
    weir_free(after);
    cr_expect_eq(held(account), sum, "neither was the account's");
    for (size_t i = 0; i < COUNT(sizes); i++) {
        sum -= weir_usable_size(blocks[i]);
        weir_free(blocks[i]);
        cr_expect_eq(held(account), sum, "%zu bytes", sizes[i]);
    }
    cr_expect_eq(figures(account).charged, COUNT(sizes));
    cr_expect_eq(figures(account).refused, 0);
    verify_heap(cache.heap);
}

Test(budget, the_peak_can_be_reset)
{
    weir_account *account = account_of(WEIR_NO_LIMIT);
    weir_account_enter(account);
    void *large = weir_malloc(MIB(3)), *small = weir_malloc(1000);
    weir_free(large);
    cr_expect_geq(figures(account).peak, MIB(3));
    weir_account_reset_peak(account);
    cr_expect_eq(figures(account).peak, held(account));
    weir_free(small);
}

Test(budget, the_limit_refuses_what_does_not_fit_and_nothing_else)
{
    weir_account *account = account_of(MIB(1));
    weir_account_enter(account);
    void *blocks[2000];
    size_t count = 0;
    while (count < COUNT(blocks) && (blocks[count] = weir_malloc(1000)))
        count++;
    cr_expect_eq(errno, ENOMEM);
    cr_expect_eq(count, MIB(1) / weir_usable_size(blocks[0]));
    cr_expect_eq(figures(account).refused, 1);
    cr_expect_eq(weir_malloc(MIB(2)), NULL);
    cr_expect_eq(weir_calloc(1, KIB(64)), NULL);
    cr_expect_eq(weir_aligned_alloc(64, 4096), NULL);
    cr_expect_eq(weir_realloc(NULL, KIB(100)), NULL);
    cr_expect_eq(weir_gc_alloc(2000), NULL);
    cr_expect_eq(figures(account).refused, 6);
    weir_account_enter(NULL);
    void *of_nobody = weir_malloc(MIB(2));
    cr_expect_neq(of_nobody, NULL);
    weir_free(of_nobody);
    weir_account_enter(account);
    weir_free(blocks[--count]);
    cr_expect_neq(blocks[count] = weir_malloc(1000), NULL, "what was freed can be had again");
    cr_expect_eq(weir_account_set_limit(account, WEIR_NO_LIMIT), MIB(1));
    void *more = weir_malloc(MIB(2));
    cr_expect_neq(more, NULL);
    weir_free(more);
    for (size_t i = 0; i <= count; i++)
        weir_free(blocks[i]);
    cr_expect_eq(held(account), 0);
    verify_heap(cache.heap);
}

Test(budget, a_block_keeps_its_account_when_it_is_resized)
{
    weir_account *account = account_of(MIB(8));
    weir_account_enter(account);
    char *p = weir_malloc(MIB(3));
    weir_account_enter(NULL);
    p = weir_realloc(p, MIB(2));
    cr_expect_eq(held(account), weir_usable_size(p));
    p = weir_realloc(p, KIB(100));
    cr_expect_eq(held(account), weir_usable_size(p));
    p = weir_realloc(p, 1000);
    cr_expect_eq(held(account), weir_usable_size(p));
    p = weir_realloc(p, 2000);
    cr_expect_eq(held(account), weir_usable_size(p));
    cr_expect_eq(weir_realloc(p, MIB(9)), NULL);
    cr_expect_eq(budget_current, NULL);
    weir_free(p);
    cr_expect_eq(held(account), 0);
}

Test(budget, growth_in_place_is_refused_too)
{
    weir_account *account = account_of(KIB(200));
    weir_account_enter(account);
    char *p = weir_malloc(KIB(100));
    memset(p, 7, KIB(100));
    cr_expect_eq(weir_realloc(p, KIB(300)), NULL);
    cr_expect_eq(held(account), weir_usable_size(p), "as if it had not been asked");
    for (size_t i = 0; i < KIB(100); i++)
        cr_assert_eq(p[i], 7);
    weir_free(p);
    cr_expect_eq(held(account), 0);
}

static void *cache_of_program;
static int asked;

static size_t give_up(void *context, size_t wanted)
{
    asked++;
    cr_expect_eq(context, &cache_of_program);
    cr_expect_gt(wanted, 0);
    void *given = cache_of_program;
    cache_of_program = NULL;
    weir_free(given);
    return given ? MIB(1) : 0;
}

Test(budget, the_shrinker_is_asked_first)
{
    weir_account *account = account_of(MIB(2));
    weir_account_set_shrinker(account, give_up, &cache_of_program);
    weir_account_enter(account);
    cache_of_program = weir_malloc(MIB(1));
    void *p = weir_malloc(MIB(1) + KIB(512));
    cr_expect_neq(p, NULL);
    cr_expect_eq(asked, 1);
    cr_expect_eq(figures(account).refused, 0);
    cr_expect_eq(weir_malloc(MIB(1)), NULL);
    cr_expect_eq(asked, 2);
    cr_expect_eq(figures(account).refused, 1);
    weir_free(p);
}

Test(budget, collected_objects_are_charged_until_they_are_collected)
{
    weir_account *account = account_of(WEIR_NO_LIMIT);
    weir_gc_disable();
    weir_account_enter(account);
    for (int i = 0; i < 1000; i++)
        cr_assert_neq(weir_gc_alloc(i % 10 ? 100 : 50000), NULL);
    weir_gc_free(weir_gc_alloc(200));
    cr_expect_geq(held(account), 900 * 100 + 100 * 50000);
    weir_account_enter(NULL);
    weir_gc_enable();
    weir_gc();
    weir_gc();
    cr_expect_leq(held(account), 60000, "%llu: a stale word may keep one", (unsigned long long)held(account));
}

Test(budget, at_the_limit_collected_memory_is_collected)
{
    weir_account *account = account_of(MIB(1));
    weir_account_enter(account);
    for (int i = 0; i < 100000; i++)
        cr_assert_neq(weir_gc_alloc(100), NULL, "%d", i);
    cr_expect_leq(figures(account).peak, MIB(1));
}

static void *new_object(void *unused)
{
    (void)unused;
    return weir_malloc(1000);
}

Test(budget, an_arena_and_a_pool_stay_with_the_account_that_made_them)
{
    weir_account *account = account_of(WEIR_NO_LIMIT);
    weir_account_enter(account);
    weir_arena *arena = weir_arena_new(NULL);
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.new_object = new_object});
    weir_account_enter(NULL);
    uint64_t at_first = held(account);
    for (int i = 0; i < 1000; i++)
        cr_assert_neq(weir_arena_alloc(arena, 1000), NULL);
    cr_expect_geq(held(account), at_first + 1000 * 1000);
    uint64_t with_arena = held(account);
    void *object = weir_pool_get(pool);
    cr_expect_eq(held(account), with_arena + weir_usable_size(object));
    void *of_nobody = weir_malloc(1000);
    cr_expect_eq(held(account), with_arena + weir_usable_size(object));
    weir_free(of_nobody);
    weir_free(object);
    weir_arena_free(arena);
    cr_expect_leq(held(account), at_first);
    weir_pool_free(pool);
}

/* --- threads --- */

static weir_account *shared;

static void *allocate_and_leave(void *argument)
{
    uint64_t state = (uintptr_t)argument;
    void *blocks[100] = {0};
    weir_account_enter(shared);
    for (int i = 0; i < 20000; i++) {
        size_t which = random_next(&state) % COUNT(blocks);
        weir_free(blocks[which]);
        blocks[which] = weir_malloc(random_next(&state) % 3000);
    }
    for (size_t i = 1; i < COUNT(blocks); i++)
        weir_free(blocks[i]);
    return blocks[0];
}

static void *find_no_account(void *unused)
{
    (void)unused;
    weir_free(weir_malloc(100));
    return budget_current;
}

Test(budget, threads_share_an_account_and_others_free_what_they_leave)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    void *left[THREADS];
    shared = account_of(WEIR_NO_LIMIT);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, allocate_and_leave, (void *)(i + 1));
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], &left[i]);
    for (size_t i = 0; i < THREADS; i++)
        weir_free(left[i]);
    cr_expect_eq(held(shared), 0);
    void *account;
    pthread_create(&threads[0], NULL, find_no_account, NULL);
    pthread_join(threads[0], &account);
    cr_expect_eq(account, NULL, "the heap has been an account's, and the thread is in none");
    cr_expect_eq(held(shared), 0);
    verify_heap(cache.heap);
}

Test(budget, names_numbers_and_limits_that_cannot_be)
{
    cr_expect_eq(weir_account_new(NULL, 1), NULL);
    cr_expect_eq(errno, EINVAL);
    cr_expect_eq(weir_account_new("", 1), NULL);
    cr_expect_eq(weir_account_new("x", -1), NULL);
    cr_expect_eq(errno, EINVAL);
    weir_account *account = weir_account_new("a name that is longer than thirty-one bytes", 5);
    cr_expect_str_eq(figures(account).name, "a name that is longer than thir");
    cr_expect_eq(weir_account_set_limit(account, -1), 5);
    cr_expect_eq(weir_account_set_limit(account, -1), 5, "a question");
    for (int i = 1; i < WEIR_ACCOUNTS; i++)
        cr_assert_neq(weir_account_new("x", 0), NULL);
    cr_expect_eq(weir_account_new("x", 0), NULL);
    cr_expect_eq(errno, ENOMEM);
    int count = 0;
    for (weir_account *each = weir_account_next(NULL); each; each = weir_account_next(each))
        count++;
    cr_expect_eq(count, WEIR_ACCOUNTS);
}

/* --- the map --- */

Test(budget, a_map_of_blocks_against_a_model)
{
    enum { BLOCKS = 5000 };
    static uint64_t model[BLOCKS]; /* value + 1; 0: none */
    typedef struct valued {
        uintptr_t block;
        uint64_t value, more;
    } valued_t;
    block_map_t map = BLOCK_MAP_OF(valued_t);
    uint64_t state = 1;
    for (int i = 0; i < 200000; i++) {
        size_t which = random_next(&state) % BLOCKS;
        const void *block = (const void *)(uintptr_t)((which + 1) * 16);
        valued_t *entry = block_map_find(&map, block);
        cr_assert_eq(entry ? entry->value + 1 : 0, model[which]);
        if (entry && random_next(&state) % 2) {
            block_map_remove(&map, entry);
            model[which] = 0;
        } else {
            entry = block_map_put(&map, block);
            cr_assert(entry && entry->block == (uintptr_t)block);
            cr_assert_eq(entry->value, model[which] ? model[which] - 1 : 0);
            *entry = (valued_t){(uintptr_t)block, (uint64_t)i, 0};
            model[which] = (uint64_t)i + 1;
        }
    }
}
