/* pool: what goes in comes out, once; who may take what; when it is given up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pool/pool.h"
#include "runtime/heap/control.h"
#include "runtime/heap/cycle.h"
#include "runtime/os/options.h"
#include "tests/unit/support.h"

/* Under AddressSanitizer too it is the magazines that are tested. */
static void start(void)
{
    heap_free(heap_malloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
}

enum { BURST = 64, MANY = 1000 };

static atomic_int made, dropped, resets;

static void *make_counted(void *ctx)
{
    made++;
    return heap_malloc(ctx ? (size_t)(uintptr_t)ctx : 100);
}

static void drop_counted(void *ctx, void *p)
{
    (void)ctx;
    dropped++;
    heap_free(p);
}

static void reset_counted(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
    resets++;
}

static const weir_pool_options counted = {
    .new_object = make_counted, .drop = drop_counted, .name = "counted"};

static void age(void)
{
    cr_assert(cycle_run(CYCLE_FORCED));
}

static void check_algebra(weir_pool *pool)
{
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.gets, stats.hits + stats.misses);
    cr_expect_eq(stats.held, stats.puts - stats.hits - stats.drops);
    cr_expect_eq(stats.drops, (uint64_t)dropped);
}

Test(pool, an_object_comes_back)
{
    start();
    weir_pool *pool = weir_pool_new(&counted);
    void *p = weir_pool_get(pool);
    cr_assert_not_null(p);
    for (int i = 0; i < MANY; i++) {
        weir_pool_put(pool, p);
        cr_expect_eq(weir_pool_get(pool), p);
    }
    cr_expect_eq(made, 1);
    weir_pool_put(pool, p);
    check_algebra(pool);
    weir_pool_free(pool);
    cr_expect_eq(dropped, 1);
}

/* Programs have compiled these places into themselves: they change with the digit in the name only. */
_Static_assert(offsetof(struct weir_pool_local, busy) == 0 &&
                   offsetof(struct weir_pool_local, unbiased) == 4 &&
                   offsetof(struct weir_pool_local, count) == 8 &&
                   offsetof(struct weir_pool_local, capacity) == 12 &&
                   offsetof(struct weir_pool_local, rounds) == 16 &&
                   offsetof(struct weir_pool_local, hits) == 24,
               "version 1 of the inline paths");
_Static_assert(offsetof(struct weir_pool_thread, size) == 0 && offsetof(struct weir_pool_thread, of) == 8 &&
                   offsetof(struct weir_pool, head) == 0 && offsetof(struct weir_pool_head, id) == 0,
               "version 1 of the inline paths");

static struct weir_pool_local *inline_local(const weir_pool *pool)
{
    cr_assert_lt(pool->head.id, weir_pool_thread_1.size);
    return weir_pool_thread_1.of[pool->head.id];
}

Test(pool, the_inline_paths_find_the_object_at_hand)
{
    start();
    weir_pool *pool = weir_pool_new(&counted);
    void *p = weir_pool_get(pool);
    weir_pool_put(pool, p);
    cr_expect_eq(weir_pool_get(pool), p);
    weir_pool_put(pool, p);
    const struct weir_pool_local *local = inline_local(pool);
    cr_expect_eq(local, &local_of(pool)->hot);
    cr_expect_eq(local->count, 1);
    cr_expect_eq(local->hits, 1);
    cr_expect_eq(local->rounds[0], p);
    cr_expect_eq(local->busy, 0);
    cr_expect_eq(local->unbiased, fence_is_cheap() ? 0 : POOL_UNBIASED);
    cr_expect_gt(local->capacity, BURST, "a burst of 64 stays inline");
    weir_pool_free(pool);
}

/* What a later library does for programs that were compiled with an older header. */
Test(pool, without_the_inline_paths_all_goes_out_of_line)
{
    start();
    weir_pool *pool = weir_pool_new(&counted);
    void *p = weir_pool_get(pool);
    struct weir_pool_thread inlined = weir_pool_thread_1;
    weir_pool_thread_1 = (struct weir_pool_thread){0};
    for (int i = 0; i < MANY; i++) {
        weir_pool_put(pool, p);
        weir_pool_put(pool, NULL);
        cr_expect_eq(weir_pool_get(pool), p);
    }
    weir_pool_put(pool, p);
    weir_pool_thread_1 = inlined;
    check_algebra(pool);
    weir_pool_free(pool);
}

Test(pool, options_may_be_null)
{
    start();
    weir_pool *pool = weir_pool_new(NULL);
    cr_expect_null(weir_pool_get(pool));
    weir_pool_put(pool, NULL);
    cr_expect_null(weir_pool_get(pool));
    void *p = heap_malloc(10);
    weir_pool_put(pool, p);
    cr_expect_eq(weir_pool_get(pool), p);
    weir_pool_put(pool, p);
    weir_pool_free(pool);
    weir_pool_free(NULL);
}

Test(pool, bursts_of_any_size_come_out_whole)
{
    start();
    static void *held[MANY];
    weir_pool *pool = weir_pool_new(&counted);
    for (size_t burst = 1; burst <= MANY; burst += 37)
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < burst; i++) {
                held[i] = weir_pool_get(pool);
                memset(held[i], (int)i, 100);
            }
            for (size_t i = 0; i < burst; i++)
                cr_expect(((unsigned char *)held[i])[99] == (unsigned char)i, "given out twice");
            for (size_t i = 0; i < burst; i++)
                weir_pool_put(pool, held[i]);
        }
    cr_expect_leq(made, MANY);
    check_algebra(pool);
    weir_pool_free(pool);
    cr_expect_eq(dropped, made);
}

Test(pool, reset_is_called_on_put)
{
    start();
    weir_pool_options resetting = counted;
    resetting.reset = reset_counted;
    weir_pool *pool = weir_pool_new(&resetting);
    for (int i = 0; i < 5; i++)
        weir_pool_put(pool, weir_pool_get(pool));
    cr_expect_eq(resets, 5);
    cr_expect_eq(made, 1);
    weir_pool_free(pool);
}

/* --- cycles --- */

Test(pool, what_is_not_used_is_dropped_at_the_second_cycle)
{
    start();
    static void *held[MANY];
    weir_pool *pool = weir_pool_new(&counted);
    for (int i = 0; i < MANY; i++)
        held[i] = weir_pool_get(pool);
    for (int i = 0; i < MANY; i++)
        weir_pool_put(pool, held[i]);
    age();
    cr_expect_eq(dropped, 0);
    void *p = weir_pool_get(pool);
    cr_expect_eq(made, MANY, "victims are used again");
    weir_pool_put(pool, p);
    check_algebra(pool);
    age();
    /* The magazine that p came with is young again. */
    cr_expect_geq(dropped, MANY - MAGAZINE_ROUNDS);
    cr_expect_lt(dropped, MANY);
    age();
    cr_expect_eq(dropped, MANY);
    check_algebra(pool);
    weir_pool_free(pool);
}

Test(pool, the_limit_empties_it_at_once)
{
    start();
    weir_pool *pool = weir_pool_new(&counted);
    weir_pool_put(pool, weir_pool_get(pool));
    control_set_memory_limit(1);
    cr_expect_eq(dropped, 1);
    weir_pool_free(pool);
}

static weir_pool *shared;
static _Atomic int stage;

static void wait_for(int what)
{
    while (stage != what)
        usleep(100);
}

static void fill_and_sleep(size_t number)
{
    (void)number;
    static void *held[BURST];
    for (int i = 0; i < BURST; i++)
        held[i] = weir_pool_get(shared);
    for (int i = 0; i < BURST; i++)
        weir_pool_put(shared, held[i]);
    stage = 1;
    wait_for(2);
    weir_pool_put(shared, weir_pool_get(shared));
}

Test(pool, a_sleeping_thread_keeps_nothing)
{
    start();
    shared = weir_pool_new(&counted);
    pthread_t thread;
    struct threads_start start = {fill_and_sleep, 0};
    pthread_create(&thread, NULL, threads_enter, &start);
    wait_for(1);
    age();
    age();
    cr_expect_eq(dropped, BURST);
    stage = 2;
    pthread_join(thread, NULL);
    cr_expect_eq(made, BURST + 1);
    check_algebra(shared);
    weir_pool_free(shared);
}

enum { BIG = 1 << 20, BIG_COUNT = 500 };

static void fill_big(weir_pool *pool)
{
    static void *held[BIG_COUNT];
    for (int i = 0; i < BIG_COUNT; i++)
        memset(held[i] = weir_pool_get(pool), 1, BIG);
    for (int i = 0; i < BIG_COUNT; i++)
        weir_pool_put(pool, held[i]);
}

/* ThreadSanitizer may leave so few addresses that the account of the region's tables is far too high. */
static void start_big(void)
{
    start();
    if (WATCHED)
        cr_skip_test("depends on how many addresses there are");
}

static const weir_pool_options big = {.new_object = make_counted, .ctx = (void *)BIG, .name = "big"};

static uint64_t bytes_held(weir_pool *pool)
{
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    return stats.bytes_held;
}

Test(pool, half_a_gigabyte_left_idle_is_gone_after_two_cycles)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    cr_expect_geq(bytes_held(pool), MIB(500));
    cr_expect_geq(resident_region(), MIB(500));
    control_free_os_memory();
    cr_expect_geq(bytes_held(pool), MIB(500));
    control_free_os_memory();
    cr_expect_eq(bytes_held(pool), 0);
    cr_expect_leq(resident_region(), MIB(8));
    weir_pool_free(pool);
}

Test(pool, half_a_gigabyte_gives_way_to_a_limit)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    control_set_memory_limit((int64_t)MIB(64));
    cr_expect_eq(bytes_held(pool), 0);
    cr_expect_leq(resident_region(), MIB(64));
    weir_pool_free(pool);
}

Test(pool, it_gives_way_to_memory_in_use_before_the_limit_is_passed)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    control_set_memory_limit((int64_t)MIB(600));
    static void *blocks[300];
    size_t most = 0;
    for (size_t i = 0; i < COUNT(blocks); i++) {
        memset(blocks[i] = heap_malloc(BIG), 1, BIG);
        size_t now = i % 10 ? 0 : resident_region();
        most = now > most ? now : most;
    }
    cr_expect_leq(most, MIB(604));
    cr_expect_eq(bytes_held(pool), 0);
    weir_pool_free(pool);
}

Test(pool, it_gives_way_before_the_hard_limit_refuses)
{
    start_big();
    weir_pool *pool = weir_pool_new(&big);
    fill_big(pool);
    control_set_hard_limit((int64_t)MIB(520));
    cr_assert_not_null(heap_malloc(MIB(256)));
    cr_assert_not_null(heap_malloc(MIB(256)));
    errno = 0;
    cr_assert_null(heap_malloc(MIB(100)));
    cr_expect_eq(errno, ENOMEM);
    weir_pool_free(pool);
}

Test(pool, growth_makes_the_clock_tick)
{
    start();
    weir_pool *pool = weir_pool_new(&counted);
    weir_pool_put(pool, weir_pool_get(pool));
    for (size_t i = 0; i < 20 && !dropped; i++)
        heap_malloc(MIB(1)); /* from 0: cycles at 4 and 8 MiB */
    cr_expect_eq(dropped, 1);
    weir_pool_free(pool);
}

Test(pool, growth_does_not_when_gogc_is_off)
{
    start();
    control_set_gc_percent(-1);
    weir_pool *pool = weir_pool_new(&counted);
    weir_pool_put(pool, weir_pool_get(pool));
    for (size_t i = 0; i < 100; i++)
        heap_malloc(MIB(1));
    cr_expect_eq(dropped, 0);
    weir_pool_free(pool);
}

/* --- callbacks --- */

static void *make_nested(void *ctx)
{
    (void)ctx;
    if (made++ > 3)
        return heap_malloc(64);
    void *inner = weir_pool_get(shared);
    weir_pool_put(shared, inner);
    return heap_malloc(64);
}

Test(pool, a_constructor_may_use_its_own_pool)
{
    start();
    shared = weir_pool_new(&(weir_pool_options){.new_object = make_nested});
    void *p = weir_pool_get(shared), *q = weir_pool_get(shared);
    cr_expect(p && q && p != q);
    weir_pool_free(shared);
}

static void drop_busily(void *ctx, void *p)
{
    (void)ctx;
    dropped++;
    heap_free(p);
    heap_free(heap_malloc(100));
    control_free_os_memory();
    weir_pool_put(shared, weir_pool_get(shared));
}

Test(pool, a_drop_callback_may_use_everything)
{
    start();
    shared = weir_pool_new(&counted);
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.drop = drop_busily});
    for (int i = 0; i < MANY; i++)
        weir_pool_put(pool, heap_malloc(100));
    for (size_t i = 0; i < 40; i++)
        heap_malloc(MIB(1));
    cr_expect_geq(dropped, MANY);
    weir_pool_free(pool);
    weir_pool_free(shared);
    verify_own();
}

/* --- threads --- */

static void *handed[MANY];

static void put_handed(size_t number)
{
    (void)number;
    for (int i = 0; i < MANY; i++)
        weir_pool_put(shared, handed[i]);
}

Test(pool, what_a_thread_that_ended_had_is_used_by_others)
{
    start();
    shared = weir_pool_new(&counted);
    for (int i = 0; i < MANY; i++)
        handed[i] = weir_pool_get(shared);
    threads_run(1, put_handed);
    for (int i = 0; i < MANY; i++)
        cr_expect_not_null(weir_pool_get(shared));
    cr_expect_eq(made, MANY);
    weir_pool_stats stats;
    weir_read_pool_stats(shared, &stats);
    cr_expect_eq(stats.steals, MANY);
    weir_pool_free(shared);
}

static void use_shortly(size_t number)
{
    (void)number;
    weir_pool_put(shared, weir_pool_get(shared));
}

Test(pool, the_next_thread_takes_the_local_over)
{
    start();
    shared = weir_pool_new(&counted);
    for (int i = 0; i < 100; i++)
        threads_run(1, use_shortly);
    size_t locals = 0;
    for (local_t *local = local_first(shared); local; local = local_next(local))
        locals++;
    cr_expect_eq(locals, 2, "the common one, and one for all");
    cr_expect_eq(made, 1);
    weir_pool_free(shared);
}

Test(pool, many_pools_come_and_go)
{
    start();
    enum { POOLS = 100 };
    static weir_pool *all[POOLS];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < POOLS; i++) {
            all[i] = weir_pool_new(&counted);
            weir_pool_put(all[i], weir_pool_get(all[i]));
        }
        for (int i = 0; i < POOLS; i++)
            weir_pool_free(all[i * 7 % POOLS]);
    }
    cr_expect_eq(made, dropped);
    cr_expect_null(pools.first);
    cr_expect_leq(pool_table->size, 3 * POOLS);
}

static void put_late(size_t number)
{
    static void *held[4];
    held[number] = weir_pool_get(shared);
    stage++;
    while (stage != 100)
        usleep(100);
    weir_pool_put(shared, held[number]);
}

static void *free_the_pool(void *unused)
{
    while (stage != 4)
        usleep(100);
    weir_pool_free(shared);
    stage = 100;
    return unused;
}

Test(pool, holders_may_put_after_the_pool_is_freed)
{
    start();
    pthread_t thread;
    shared = weir_pool_new(&counted);
    pthread_create(&thread, NULL, free_the_pool, NULL);
    threads_run(4, put_late);
    pthread_join(thread, NULL);
    cr_expect_eq(made, 4);
    cr_expect_eq(dropped, 4);
}

/* --- fork --- */

static atomic_bool over;

static void churn(size_t number)
{
    (void)number;
    void *held[BURST];
    while (!over) {
        for (int i = 0; i < BURST; i++)
            CHECK((held[i] = weir_pool_get(shared)) != NULL);
        for (int i = 0; i < BURST; i++)
            weir_pool_put(shared, held[i]);
    }
}

static void *churn_in_threads(void *unused)
{
    threads_run(2, churn);
    return unused;
}

static void check_the_child(void)
{
    void *held[BURST * 4];
    alarm(HANG);
    for (size_t i = 0; i < COUNT(held); i++) {
        held[i] = weir_pool_get(shared);
        memset(held[i], 7, 100);
    }
    for (size_t i = 0; i < COUNT(held); i++)
        weir_pool_put(shared, held[i]);
    bool aged = cycle_run(CYCLE_FORCED);
    weir_pool_free(shared);
    _exit(aged ? 0 : 1);
}

Test(pool, fork_while_others_are_at_it)
{
    start();
    if (WATCHED)
        cr_skip_test("fork with threads is not for ThreadSanitizer");
    pthread_t thread;
    shared = weir_pool_new(&counted);
    pthread_create(&thread, NULL, churn_in_threads, NULL);
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child == 0)
            check_the_child();
        int status;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0, "the child of fork %d", i);
    }
    over = true;
    pthread_join(thread, NULL);
    check_algebra(shared);
    weir_pool_free(shared);
    cr_expect_eq(made, dropped);
}

/* --- buffers --- */

Test(pool, buffers_have_the_size)
{
    start();
    for (size_t size = 1; size <= MIB(3); size += size / 3 + 1) {
        void *p = weir_buffer_pool_get(size);
        cr_assert_geq(heap_usable_size(p), size);
        memset(p, 1, size);
        weir_buffer_pool_put(p);
        void *q = weir_buffer_pool_get(size);
        cr_expect(size > MIB(1) || q == p, "%zu bytes", size);
        heap_free(q);
    }
    weir_buffer_pool_put(NULL);
    void *p = heap_malloc(900);
    weir_buffer_pool_put(p);
    cr_expect_neq(weir_buffer_pool_get(900), p, "it has not as much as all of 1024");
    cr_expect_eq(weir_buffer_pool_get(512), p);
    weir_buffer_pool_put(heap_malloc(8));
}

static bool note_name(void *ctx, const weir_pool_stats *stats, size_t size)
{
    cr_expect_eq(size, sizeof *stats);
    int *found = ctx;
    found[0]++;
    found[1] += strcmp(stats->name, "buffer-4096") == 0 && stats->puts == 1;
    return true;
}

Test(pool, statistics_of_all_pools)
{
    start();
    int found[2] = {0, 0};
    weir_pool *pool = weir_pool_new(&counted);
    weir_buffer_pool_put(weir_buffer_pool_get(4000));
    weir_pool_each(note_name, found);
    cr_expect_eq(found[0], 2);
    cr_expect_eq(found[1], 1);
    weir_pool_free(pool);
}

/* --- no membarrier --- */

/* A system call filter, as sandboxes have it: membarrier is not permitted. */
static void deny_membarrier(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT(code), code};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(pool, works_where_fences_are_not_cheap)
{
    start();
    deny_membarrier();
    shared = weir_pool_new(&counted);
    cr_assert(!fence_is_cheap());
    pthread_t thread;
    pthread_create(&thread, NULL, churn_in_threads, NULL);
    for (int i = 0; i < 200; i++) {
        age();
        usleep(200);
    }
    over = true;
    pthread_join(thread, NULL);
    check_algebra(shared);
    weir_pool_free(shared);
    cr_expect_eq(made, dropped);
}

/* A program whose memory neither grows nor shrinks: its pools age by what it allocates. */
Test(pool, a_flat_heap_ages_its_pools_by_volume)
{
    enum { OBJECTS = 100, BLOCK = 1000, BLOCKS = 512 * 1024 };
    weir_pool *pool = weir_pool_new(NULL);
    for (int i = 0; i < OBJECTS; i++)
        weir_pool_put(pool, heap_malloc(64));
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_assert_eq(stats.held, OBJECTS);
    for (int i = 0; i < BLOCKS; i++)
        heap_free(heap_malloc(BLOCK));
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.held, 0);
    cr_expect_geq(stats.cycles, 2);
    cr_expect_leq(stats.cycles, (uint64_t)BLOCKS * BLOCK / MIB(16) + 2, "%zu", (size_t)stats.cycles);
    control_set_gc_percent(-1);
    uint64_t cycles = stats.cycles;
    for (int i = 0; i < BLOCKS; i++)
        heap_free(heap_malloc(BLOCK));
    weir_read_pool_stats(pool, &stats);
    cr_expect_leq(stats.cycles, cycles + 1, "off is off");
    weir_pool_free(pool);
}
