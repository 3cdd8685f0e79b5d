/* finalize_cleanups: cleanups: that they come when the object is gone, and can be stopped. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <weir/finalize.h>
#include <weir/gc.h>

#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/gc/refs/finalize_tests.h"

/* --- cleanups --- */

Test(finalize_cleanups, cleanups_run_when_the_object_is_gone)
{
    hidden_t p = put_plain(1);
    for (uintptr_t i = 0; i < 100; i++)
        add_cleanup(cleanup, i);
    settle();
    cr_expect_eq(cleaned[0], 0);
    drop();
    settle();
    for (uintptr_t i = 0; i < 100; i++)
        cr_expect_eq(cleaned[i], 1, "%zu", i);
    cr_expect_not(is_alive(p), "a cleanup does not keep the object");
}

Test(finalize_cleanups, a_cleanup_waits_for_the_finalizer)
{
    put(1, NULL);
    add_cleanup(cleanup, 1);
    drop();
    settle();
    cr_expect_eq(finalized[1], 1);
    cr_expect_eq(cleaned[1], 0);
    settle();
    cr_expect_eq(cleaned[1], 1);
}

__attribute__((noinline)) static void put_ring(void)
{
    put_plain(2);
    add_cleanup(cleanup, 2);
    node_t *second = root;
    put_plain(1);
    add_cleanup(cleanup, 1);
    root->next = second;
    second->next = root;
}

Test(finalize_cleanups, a_ring_is_cleaned_up)
{
    put_ring();
    drop();
    settle();
    cr_expect_eq(cleaned[1] + cleaned[2], 2);
}

static void cleanup_of(void *argument)
{
    CHECK(weir_gc_base(argument) == argument);
    cleaned[((node_t *)argument)->number]++;
}

__attribute__((noinline)) static hidden_t with_argument(uintptr_t number, bool reaches_it)
{
    root = node_new(number, NULL);
    node_t *argument = node_new(number, reaches_it ? root : NULL);
    weir_gc_add_cleanup(root, cleanup_of, argument);
    return hide(argument);
}

Test(finalize_cleanups, an_argument_lives_until_it_was_passed)
{
    hidden_t argument = with_argument(1, false);
    settle();
    cr_assert(is_alive(argument));
    drop();
    settle();
    cr_expect_eq(cleaned[1], 1);
    settle();
    cr_expect_not(is_alive(argument));
    with_argument(2, true);
    drop();
    settle();
    settle();
    cr_expect_eq(cleaned[2], 0, "its argument reaches the object");
}

Test(finalize_cleanups, cleanups_can_be_stopped)
{
    put_plain(1);
    weir_cleanup kept = add_cleanup(cleanup, 1);
    weir_cleanup stopped = add_cleanup(cleanup, 2);
    cr_expect(weir_gc_stop_cleanup(stopped));
    cr_expect_not(weir_gc_stop_cleanup(stopped));
    weir_cleanup next = add_cleanup(cleanup, 3); /* where the stopped one was */
    cr_expect_not(weir_gc_stop_cleanup(stopped));
    cr_expect_not(weir_gc_stop_cleanup((weir_cleanup){0}));
    cr_expect_not(weir_gc_stop_cleanup((weir_cleanup){UINT64_MAX}));
    drop();
    settle();
    cr_expect_eq(cleaned[1], 1);
    cr_expect_eq(cleaned[2], 0);
    cr_expect_eq(cleaned[3], 1);
    cr_expect_not(weir_gc_stop_cleanup(kept));
    cr_expect_not(weir_gc_stop_cleanup(next));
}

static atomic_int holding;

static atomic_bool may_go;

static void hold(void *argument)
{
    (void)argument;
    holding++;
    while (!may_go)
        usleep(1000);
}

/* While all threads that make the calls are blocked, a waiting cleanup can still be stopped, and waiting for
 * it times out. */
Test(finalize_cleanups, what_waits_can_be_stopped)
{
    enum { CALLERS = 4 };
    put_plain(1);
    for (int i = 0; i < CALLERS; i++)
        add_cleanup(hold, 0);
    drop();
    while (holding < CALLERS) {
        collect();
        usleep(1000);
    }
    put_plain(2);
    add_cleanup(cleanup, 2);
    weir_cleanup second = add_cleanup(cleanup, 3);
    drop();
    collect();
    errno = 0;
    cr_expect_eq(weir_gc_wait_finalizers(20 * 1000 * 1000), -1);
    cr_expect_eq(errno, ETIMEDOUT);
    cr_expect(weir_gc_stop_cleanup(second));
    may_go = true;
    settle();
    cr_expect_eq(cleaned[2], 1);
    cr_expect_eq(cleaned[3], 0);
}
