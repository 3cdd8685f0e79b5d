/* finalize: finalizers: that they come, once, in order, and not too early; objects freed and resized by hand. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <weir/finalize.h>
#include <weir/gc.h>

#include "runtime/stop/signal.h"
#include "tests/unit/gc/refs/finalize_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

__attribute__((noinline)) static void change_finalizer(void (*to)(void *object, void *context))
{
    cr_assert_eq(weir_gc_set_finalizer((void *)root, to, NULL), 0);
}

/* --- finalizers --- */

Test(finalize, a_finalizer_runs_once_and_the_object_goes)
{
    hidden_t p = put(1, NULL);
    settle();
    cr_expect_eq(finalized[1], 0, "while it is reached");
    drop();
    settle();
    cr_expect_eq(finalized[1], 1);
    settle();
    cr_expect_eq(finalized[1], 1);
    cr_expect_not(is_alive(p));
}

__attribute__((noinline)) static hidden_t put_of_kind(int kind, size_t size, uintptr_t number)
{
    static const uint64_t first[1] = {1};
    static const weir_type type = {.name = "node", .size = sizeof(node_t), .pointers = first};
    root = kind == 0   ? weir_gc_alloc(size)
           : kind == 1 ? weir_gc_alloc_noscan(size)
                       : weir_gc_alloc_typed(&type, size / sizeof(node_t));
    root->number = number;
    change_finalizer(finalizer);
    return hide(root);
}

/* Once let go: is it finalized, and then collected? */
static bool goes(int kind, size_t size, uintptr_t number)
{
    uint32_t before = finalized[number];
    hidden_t p = put_of_kind(kind, size, number);
    drop();
    settle();
    bool is_finalized = finalized[number] == before + 1;
    settle();
    return is_finalized && !is_alive(p);
}

/* Stacks are scanned conservatively: a stray word in a frame of the test's runner may point into an object of
 * megabytes, and keeps it while the frame lives. It cannot keep the next object too, so there are several
 * tries. */
Test(finalize, large_and_noscan_and_typed_objects)
{
    for (int kind = 0; kind < 3; kind++)
        for (size_t size = 16; size <= MIB(4); size *= 8) {
            bool gone = false;
            for (int tries = size < MIB(1) ? 1 : 3; tries > 0 && !gone; tries--)
                gone = goes(kind, size, 100 + (uintptr_t)kind);
            cr_expect(gone, "kind %d, %zu bytes", kind, size);
        }
}

__attribute__((noinline)) static void put_before(uintptr_t number)
{
    put(number, root);
}

Test(finalize, of_a_chain_the_first_is_first)
{
    enum { LENGTH = 5 };
    for (uintptr_t i = LENGTH; i-- > 0;)
        put_before(i);
    drop();
    for (uintptr_t cycle = 0; cycle < LENGTH; cycle++) {
        settle(); /* finalizes one, frees the one before */
        for (uintptr_t i = 0; i < LENGTH; i++)
            cr_expect_eq(finalized[i], i <= cycle, "object %zu, cycle %zu", i, cycle);
    }
}

__attribute__((noinline)) static hidden_t put_pair(void)
{
    hidden_t first = put(1, NULL);
    root->next = finalizable(2, root);
    drop();
    return first;
}

__attribute__((noinline)) static hidden_t put_self(void)
{
    hidden_t self = put(3, NULL);
    root->next = root;
    drop();
    return self;
}

/* Two in a ring, and one that points to itself. */
Test(finalize, a_ring_is_never_finalized)
{
    hidden_t first = put_pair(), self = put_self();
    for (int i = 0; i < 3; i++)
        settle();
    cr_expect_eq(finalized[1] + finalized[2] + finalized[3], 0);
    cr_expect(is_alive(first));
    cr_expect(is_alive(self));
}

static void resurrect(void *object, void *context)
{
    (void)context;
    finalized[((node_t *)object)->number]++;
    resurrected = object;
}

__attribute__((noinline)) static void let_go_again(void)
{
    cr_expect_eq(resurrected->number, 7);
    weir_gc_set_finalizer(resurrected, finalizer, NULL);
    resurrected = NULL;
}

Test(finalize, a_finalizer_may_bring_its_object_back)
{
    hidden_t p = put(7, NULL);
    change_finalizer(resurrect);
    drop();
    settle();
    settle();
    cr_assert(is_alive(p));
    cr_expect_eq(finalized[7], 1);
    let_go_again();
    settle();
    cr_expect_eq(finalized[7], 2);
    settle();
    cr_expect_not(is_alive(p));
}

Test(finalize, a_finalizer_can_be_changed_and_taken_off)
{
    put(1, NULL);
    change_finalizer(resurrect);
    change_finalizer(finalizer);
    drop();
    hidden_t p = put(2, NULL);
    change_finalizer(NULL);
    change_finalizer(NULL);
    drop();
    settle();
    cr_expect_eq(finalized[1], 1);
    cr_expect_null(resurrected);
    cr_expect_eq(finalized[2], 0);
    cr_expect_not(is_alive(p));
}

static void collect_inside(void *object, void *context)
{
    (void)context;
    for (uintptr_t i = 0; i < 20000; i++)
        CHECK(weir_gc_alloc(100));
    weir_gc();
    CHECK(weir_gc_base(object) == object);
    CHECK(weir_gc_wait_finalizers(0) == -1 && errno == EDEADLK);
    finalized[((node_t *)object)->number]++;
}

Test(finalize, a_finalizer_may_allocate_and_collect)
{
    for (uintptr_t i = 0; i < 5; i++) {
        put(i, NULL);
        change_finalizer(collect_inside);
    }
    drop();
    settle();
    for (uintptr_t i = 0; i < 5; i++)
        cr_expect_eq(finalized[i], 1);
}

static sigset_t blocked_inside;

static void read_mask(void *object, void *context)
{
    (void)object;
    (void)context;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked_inside);
}

/* Signals to the process go to threads of the program. A fault, or SIGSYS of a filter of system calls, goes
 * to the thread that caused it. */
Test(finalize, a_finalizer_hears_no_signal_but_faults)
{
    static const int of_program[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGPROF, SIGCHLD, SIGABRT};
    static const int of_thread[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    put(1, NULL);
    change_finalizer(read_mask);
    drop();
    settle();
    for (size_t i = 0; i < COUNT(of_program); i++)
        cr_expect_eq(sigismember(&blocked_inside, of_program[i]), 1, "%d", of_program[i]);
    for (size_t i = 0; i < COUNT(of_thread); i++)
        cr_expect_eq(sigismember(&blocked_inside, of_thread[i]), 0, "%d", of_thread[i]);
    cr_expect_eq(sigismember(&blocked_inside, os_stop_signal()), 0);
}

static void not_one(const void *p)
{
    errno = 0;
    cr_expect_eq(weir_gc_set_finalizer((void *)p, finalizer, NULL), -1);
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_eq(weir_gc_add_cleanup(p, cleanup, NULL).id, 0);
    cr_expect_eq(errno, EINVAL);
}

Test(finalize, what_is_no_object)
{
    not_one(NULL);
    not_one(turn);
    char *p = weir_gc_alloc(64), *manual = heap_malloc(64);
    not_one(manual);
    errno = 0;
    cr_expect_eq(weir_gc_set_finalizer(p + 16, finalizer, NULL), -1);
    cr_expect_eq(errno, EINVAL);
    /* An argument in the object itself. */
    for (size_t at = 0; at < 64; at += 21) {
        errno = 0;
        cr_expect_eq(weir_gc_add_cleanup(p, cleanup, p + at).id, 0);
        cr_expect_eq(errno, EINVAL);
    }
    cr_expect_neq(weir_gc_add_cleanup(p + 16, cleanup, NULL).id, 0,
                  "a cleanup hangs on any place of an object");
    errno = 77;
    cr_expect_eq(weir_gc_set_finalizer(p, finalizer, NULL), 0);
    cr_expect_eq(weir_gc_set_finalizer(p, NULL, NULL), 0);
    cr_expect_eq(errno, 77, "success keeps errno");
    cr_expect_eq(weir_gc_wait_finalizers(0), 0);
}

/* --- by hand --- */

__attribute__((noinline)) static void free_by_hand(void)
{
    weir_gc_free((void *)root);
    drop();
}

__attribute__((noinline)) static void resize(size_t size)
{
    root = weir_gc_realloc((void *)root, size);
}

Test(finalize, freed_by_hand)
{
    put(1, NULL);
    add_cleanup(cleanup, 1);
    free_by_hand();
    cr_expect_eq(weir_gc_wait_finalizers(-1), 0);
    cr_expect_eq(finalized[1], 0, "the object is gone");
    cr_expect_eq(cleaned[1], 1);
    settle();
    cr_expect_eq(finalized[1], 0);
    cr_expect_eq(cleaned[1], 1);
}

Test(finalize, what_hangs_on_an_object_moves_with_it)
{
    put(1, NULL);
    weir_cleanup stopped = add_cleanup(cleanup, 2);
    add_cleanup(cleanup, 1);
    resize(5000);
    settle();
    resize(100000);
    settle();
    cr_expect_eq(finalized[1] + cleaned[1], 0);
    cr_expect(weir_gc_stop_cleanup(stopped));
    drop();
    settle();
    cr_expect_eq(finalized[1], 1);
    settle();
    cr_expect_eq(cleaned[1], 1);
    cr_expect_eq(cleaned[2], 0);
}
