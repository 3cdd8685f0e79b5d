/* gc_threads: threads allocate, free, wait and fork while others collect. */
#include <criterion/criterion.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <weir/gc.h>

#include "runtime/base/cpu.h"
#include "runtime/base/futex.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cells/collected_span.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/gc_state.h"
#include "runtime/os/os.h"
#include "tests/unit/gc/cycle/gc_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

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

Test(gc_threads, threads_allocate_while_others_collect)
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

/* Large objects are allocated while the unmarked ones of the last trace are being freed. */
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

Test(gc_threads, large_objects_are_born_while_others_are_freed)
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

static void *end_release(void *argument)
{
    (void)argument;
    usleep(5000);
    collected_release.under_way = 0;
    os_futex_wake_all(&collected_release.under_way);
    return NULL;
}

/* As if another thread had just collected in a stop, and released nothing yet. A release that does not get on
 * for 100 ms is not waited for: on a busy machine end_release may come too late. */
Test(gc_threads, a_large_object_waits_until_as_much_was_released)
{
    pthread_t thread;
    weir_gc_alloc_noscan(64); /* the collector has started, and has a goal */
    weir_gc();
    collected_release.held = collected_bytes_held;
    collected_release.under_way = 1;
    pthread_create(&thread, NULL, end_release, NULL);
    uint64_t began = os_now_ns();
    weir_gc_alloc_noscan(gc.published.bound);
    cr_expect(collected_release.under_way == 0 || os_now_ns() - began >= 100u * 1000 * 1000);
    pthread_join(thread, NULL);
}

Test(gc_threads, what_outgrows_a_release)
{
    weir_gc_alloc_noscan(64);
    collected_release.held = collected_bytes_held + MIB(8);
    cr_expect_not(collected_outgrows_release(MIB(8), 0));
    cr_expect(collected_outgrows_release(MIB(8) + 1, 0));
    cr_expect_not(collected_outgrows_release(MIB(9), MIB(1)));
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

Test(gc_threads, threads_free_what_others_allocated)
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

Test(gc_threads, a_blocked_thread_is_not_disturbed)
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

/* In a blocking section the registers of the thread that began it may hold the only pointer to an object. The
 * thread spins, so that the pointer stays in its register. */
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
    clear_stack(); /* overwrites what the call's frames left, as any other call would */
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

Test(gc_threads, registers_count_in_a_blocking_section)
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
Test(gc_threads, a_child_of_fork_collects_alone, .disabled = WATCHED)
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
