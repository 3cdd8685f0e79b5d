/* pool: what goes in comes out, once; its callbacks; buffers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "runtime/control/control.h"
#include "tests/unit/pool/pool_tests.h"
#include "tests/unit/support.h"

static void reset_counted(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
    resets++;
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

/* Compiled programs contain these offsets: they change only with the digit in the name. */
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
