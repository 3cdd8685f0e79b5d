/* finalize: finalizers and cleanups: that they come, once, in order, and not too early; threads and fork. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/os/signal.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

typedef struct node {
    struct node *next;
    uintptr_t number;
} node_t;

enum { NUMBERS = 1 << 16 };

/* By number: how often, and as the how-manieth call. */
static _Atomic uint32_t finalized[NUMBERS], cleaned[NUMBERS], turn[NUMBERS], turns;
static node_t *volatile root, *volatile resurrected;

static void finalizer(void *object, void *context)
{
    node_t *node = object;
    CHECK(weir_gc_base(node) == node);
    CHECK(!context || context == (void *)turn);
    CHECK(node->number < NUMBERS, "%zu", node->number);
    for (const node_t *at = node->next; at && at != node; at = at->next)
        CHECK(weir_gc_base(at) == at && at->number < NUMBERS, "what it points to is gone");
    turn[node->number] = ++turns;
    finalized[node->number]++;
}

static void cleanup(void *argument)
{
    cleaned[(uintptr_t)argument]++;
}

static node_t *node_new(uintptr_t number, node_t *next)
{
    node_t *node = weir_gc_alloc(sizeof *node + number % 5 * 16);
    cr_assert_not_null(node);
    node->number = number;
    node->next = next;
    return node;
}

static node_t *finalizable(uintptr_t number, node_t *next)
{
    node_t *node = node_new(number, next);
    cr_assert_eq(weir_gc_set_finalizer(node, finalizer, (void *)turn), 0);
    return node;
}

/* Collect, and let all be called. A frame with room in it would keep what lay there before. */
__attribute__((noinline)) static void collect_and_wait(void)
{
    collect();
    cr_assert_eq(weir_gc_wait_finalizers(-1), 0);
}

static void settle(void)
{
    clear_stack();
    collect_and_wait();
}

/* The tests' own frames and registers never hold an object: that would keep it. */
__attribute__((noinline)) static hidden_t put(uintptr_t number, node_t *next)
{
    root = finalizable(number, next);
    return hide(root);
}

__attribute__((noinline)) static hidden_t put_plain(uintptr_t number)
{
    root = node_new(number, NULL);
    return hide(root);
}

__attribute__((noinline)) static weir_cleanup add_cleanup(void (*call)(void *argument), uintptr_t argument)
{
    weir_cleanup added = weir_gc_add_cleanup((void *)root, call, (void *)argument);
    cr_assert_neq(added.id, 0);
    return added;
}

__attribute__((noinline)) static void change_finalizer(void (*to)(void *object, void *context))
{
    cr_assert_eq(weir_gc_set_finalizer((void *)root, to, NULL), 0);
}

__attribute__((noinline)) static void drop(void)
{
    root = NULL;
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

/* Stacks are scanned conservatively: a stray word in a frame of the test's runner may lie in an object of megabytes, and
 * keeps it as long as the frame lives. Then it cannot keep the next one, which lies elsewhere. */
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

/* Signals to the process go to threads of the program; faults, and what a filter of system calls raises, to who did it. */
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

/* --- cleanups --- */

Test(finalize, cleanups_run_when_the_object_is_gone)
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

Test(finalize, a_cleanup_waits_for_the_finalizer)
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

Test(finalize, a_ring_is_cleaned_up)
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

Test(finalize, an_argument_lives_until_it_was_passed)
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

Test(finalize, cleanups_can_be_stopped)
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

/* As long as all threads that call are held up, what waits can still be stopped, and waiting for it takes as
 * long as it may. */
Test(finalize, what_waits_can_be_stopped)
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

Test(finalize, threads_attach_while_others_collect)
{
    threads_run(THREADS, thread_main);
    expect_nearly_all(THREADS * EACH);
}

Test(finalize, many_on_one_object)
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

Test(finalize, a_child_of_fork_has_a_thread_of_its_own)
{
    put(THREADS * EACH, NULL);
    drop();
    settle(); /* the parent's is running */
    for (int i = 0; i < 10; i++) {
        put(0, NULL);
        drop();
        pid_t child = fork();
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

Test(finalize, a_cleanup_may_fork)
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

/* Collections until it is so, however many; the first finds objects gone, the second callers held up. */
__attribute__((noinline)) static void wait_for(const _Atomic uint32_t *count, uint32_t wanted)
{
    for (; *count < wanted; usleep(2000)) {
        clear_stack();
        collect();
    }
}

Test(finalize, a_call_that_blocks_does_not_hold_up_the_others)
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
