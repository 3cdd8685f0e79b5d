/* finalize_threads: many finalizers and cleanups, threads, fork, calls that take long. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <weir/finalize.h>
#include <weir/gc.h>

#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/gc/refs/finalize_tests.h"

/* --- many, threads, fork --- */

enum { EACH = 3000, THREADS = 4 };

static void thread_main(size_t thread)
{
    uint64_t random = thread + 1;
    node_t *kept[16] = {0};
    for (uintptr_t i = 0; i < EACH; i++) {
        uintptr_t number = thread * EACH + i;
        node_t *node = node_new(number, NULL);
        CHECK(weir_gc_set_finalizer(node, finalizer, NULL) == 0);
        CHECK(weir_gc_add_cleanup(node, cleanup, (void *)number).id);
        weir_cleanup none = weir_gc_add_cleanup(node, cleanup, (void *)number);
        if (random_below(&random, 2))
            kept[random_below(&random, COUNT(kept))] = node;
        CHECK(weir_gc_stop_cleanup(none));
        if (random_below(&random, 500) == 0)
            weir_gc();
    }
    for (size_t i = 0; i < COUNT(kept); i++)
        CHECK(!kept[i] || (weir_gc_base(kept[i]) == kept[i] && finalized[kept[i]->number] == 0));
}

static uint32_t count(const _Atomic uint32_t *numbers)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < THREADS * EACH; i++) {
        cr_assert_leq(numbers[i], 1, "%zu", i);
        sum += numbers[i];
    }
    return sum;
}

/* Here and there a stray word keeps one. */
static void expect_nearly_all(size_t all)
{
    for (int i = 0; i < 3; i++)
        settle();
    cr_expect_geq(count(finalized), all - all / 100 - 16);
    cr_expect_geq(count(cleaned), all - all / 100 - 16);
}

Test(finalize_threads, threads_attach_while_others_collect)
{
    threads_run(THREADS, thread_main);
    expect_nearly_all(THREADS * EACH);
}

Test(finalize_threads, many_on_one_object)
{
    put_plain(1);
    for (uintptr_t i = 0; i < THREADS * EACH; i++)
        add_cleanup(cleanup, i);
    drop();
    settle();
    cr_expect_eq(count(cleaned), THREADS * EACH);
}

static int in_child(void)
{
    settle(); /* what was attached in the parent */
    thread_main(1);
    settle();
    return finalized[0] == 1 && count(finalized) > EACH / 2 ? 0 : 1;
}

Test(finalize_threads, a_child_of_fork_has_a_thread_of_its_own)
{
    put(THREADS * EACH, NULL);
    drop();
    settle(); /* starts the parent's finalizer thread */
    for (int i = 0; i < 10; i++) {
        put(0, NULL);
        drop();
        pid_t child = fork_beside_threads();
        if (child == 0)
            _exit(in_child());
        int status;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0);
        settle();
        cr_assert_eq(finalized[0], 1);
        finalized[0] = 0;
    }
}

static void fork_inside(void *argument)
{
    pid_t child = fork();
    if (child == 0)
        _exit(weir_gc_wait_finalizers(0) == -1 && errno == EDEADLK ? 0 : 1);
    int status;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    cleanup(argument);
}

Test(finalize_threads, a_cleanup_may_fork)
{
    put_plain(1);
    add_cleanup(fork_inside, 1);
    add_cleanup(cleanup, 2);
    drop();
    settle();
    cr_expect_eq(cleaned[1] + cleaned[2], 2);
}

/* --- calls that take long --- */

static atomic_bool released;

static atomic_int begun, ended;

static void block(void *argument)
{
    (void)argument;
    begun++;
    while (!released)
        usleep(1000);
    ended++;
}

__attribute__((noinline)) static void put_blocking(void (*call)(void *), size_t count, uintptr_t number)
{
    for (size_t i = 0; i < count; i++)
        cr_assert_neq(weir_gc_add_cleanup(weir_gc_alloc(64), call, (void *)number).id, 0);
}

/* Collect until the count is reached: the first collection finds objects dead, the second finds calls that
 * last, and starts another thread. */
__attribute__((noinline)) static void wait_for(const _Atomic uint32_t *count, uint32_t wanted)
{
    for (; *count < wanted; usleep(2000)) {
        clear_stack();
        collect();
    }
}

Test(finalize_threads, a_call_that_blocks_does_not_hold_up_the_others)
{
    put_blocking(block, 3, 0);
    put_blocking(cleanup, 20, 5);
    wait_for(&cleaned[5], 18); /* two may be on an old stack */
    cr_expect_eq(ended, 0);
    cr_expect_geq(begun, 1);
    cr_expect_eq(weir_gc_wait_finalizers(1000 * 1000), -1);
    cr_expect_eq(errno, ETIMEDOUT, "what blocks is waited for, though others were called since");
    released = true;
    cr_expect_eq(weir_gc_wait_finalizers(-1), 0);
    cr_expect_eq(ended, begun);
    /* The first thread goes on alone. */
    put_blocking(cleanup, 20, 6);
    wait_for(&cleaned[6], 18);
}
