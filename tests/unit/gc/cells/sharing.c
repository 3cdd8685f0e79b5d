/* sharing: what threads that allocate collected memory at the same time have in common: spans that were theirs,
 * the count of bytes, the collector's lock. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc_state.h"
#include "tests/unit/support.h"

/* --- spans --- */

enum { THREADS = 2, SPANS = 16, SIZE = 64, OBJECTS = SPANS * SLOT_SIZE / SIZE, ROUNDS = 4 };

/* The test writes `turn` and `round`; a thread writes its own spans. */
static struct {
    sem_t turn, done;
    uint32_t spans[ROUNDS][OBJECTS]; /* the slots of its objects, with repetitions */
} taker[THREADS];
static int round_now;

static void *take_in_rounds(void *argument)
{
    const size_t self = (uintptr_t)argument;
    for (int round = 0; round < ROUNDS; round++) {
        sem_wait(&taker[self].turn);
        for (size_t i = 0; i < OBJECTS; i++)
            taker[self].spans[round][i] = region_slot(weir_gc_alloc_exact(SIZE));
        sem_post(&taker[self].done);
    }
    return NULL;
}

static bool has_taken(size_t thread, int round, uint32_t slot)
{
    for (size_t i = 0; i < OBJECTS; i++)
        if (taker[thread].spans[round][i] == slot)
            return true;
    return false;
}

/* How many of the thread's spans in the present round were the other thread's in the round before. */
static size_t count_changed(size_t thread)
{
    size_t count = 0;
    const uint32_t *spans = taker[thread].spans[round_now];
    for (size_t i = 0; i < OBJECTS; i++)
        if (i == 0 || spans[i] != spans[i - 1])
            count += has_taken(1 - thread, round_now - 1, spans[i]);
    return count;
}

static void have_all_take(void)
{
    for (size_t i = 0; i < THREADS; i++)
        sem_post(&taker[i].turn);
    for (size_t i = 0; i < THREADS; i++)
        sem_wait(&taker[i].done);
}

static void start_takers(pthread_t threads[THREADS])
{
    for (uintptr_t i = 0; i < THREADS; i++) {
        sem_init(&taker[i].turn, 0, 0);
        sem_init(&taker[i].done, 0, 0);
        pthread_create(&threads[i], NULL, take_in_rounds, (void *)i);
    }
}

/* A span in which a stray word keeps an object may go to either thread. A young trace adds to those that were
 * kept before. */
Test(sharing, a_dead_span_goes_back_to_the_thread_that_had_it)
{
    enum { STRAY = 3 };
    pthread_t threads[THREADS];
    start_takers(threads);
    for (round_now = 0; round_now < ROUNDS; round_now++) {
        have_all_take();
        const size_t most = options.gcyoung == OPTIONS_YOUNG_ALWAYS ? STRAY * (size_t)round_now : STRAY;
        for (size_t i = 0; i < THREADS && round_now > 0; i++)
            cr_expect_leq(count_changed(i), most, "round %d: %zu", round_now, count_changed(i));
        gc_run_cycle(CYCLE_GROWTH);
        collected_verify();
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void take(size_t bytes)
{
    for (size_t taken = 0; taken < bytes; taken += SIZE)
        weir_gc_alloc_exact(SIZE);
}

/* What was not used again until the next collection goes then, and all of it goes at a forced one. */
Test(sharing, dead_spans_stay_for_one_cycle)
{
    take(MIB(2));
    gc_run_cycle(CYCLE_GROWTH);
    cr_expect_geq(collected_bytes_held, MIB(1), "%zu", (size_t)collected_bytes_held);
    gc_run_cycle(CYCLE_GROWTH);
    cr_expect_leq(collected_bytes_held, KIB(512), "%zu", (size_t)collected_bytes_held);
    take(MIB(2));
    weir_gc();
    cr_expect_leq(collected_bytes_held, KIB(512), "%zu", (size_t)collected_bytes_held);
    collected_verify();
}

/* --- the threads that allocate --- */

Test(sharing, the_least_goal_grows_with_the_threads_that_allocate)
{
    pthread_t threads[THREADS];
    start_takers(threads);
    for (int round = 0; round < ROUNDS; round++) {
        have_all_take();
        gc_run_cycle(CYCLE_GROWTH);
        cr_expect_eq(gc.pacer.threads, THREADS);
        cr_expect_geq(gc.pacer.goal, THREADS * MIB(4));
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    take(SIZE);
    gc_run_cycle(CYCLE_GROWTH);
    cr_expect_eq(gc.pacer.threads, 1);
}

/* --- the count of bytes --- */

static void *take_one(void *object)
{
    *(void **)object = weir_gc_alloc_exact(SIZE);
    return NULL;
}

Test(sharing, all_that_a_thread_took_is_counted_when_it_has_ended)
{
    enum { OTHERS = 50 };
    static void *objects[OTHERS];
    pthread_t thread;
    take(MIB(1));
    size_t before = collected_bytes_since;
    cr_expect_geq(before, MIB(1) - KIB(32));
    for (size_t i = 0; i < OTHERS; i++) {
        pthread_create(&thread, NULL, take_one, &objects[i]);
        pthread_join(thread, NULL);
    }
    cr_expect_geq(collected_bytes_since, before + OTHERS * SIZE);
}

/* --- the collector's lock --- */

static void *take_some(void *argument)
{
    (void)argument;
    take(KIB(512));
    return NULL;
}

static bool is_parked(void)
{
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap != cache.heap && heap_has_thread(heap) && atomic_load(&heap->thread.parked))
            return true;
    return false;
}

/* While another thread collects, one that allocates goes on, unless it has reached the goal. */
Test(sharing, below_the_goal_no_thread_waits_for_a_collection)
{
    pthread_t thread;
    take(SIZE); /* the collector starts */
    lock_acquire(&gc.lock);
    gc.trigger = 0;
    pthread_create(&thread, NULL, take_some, NULL);
    pthread_join(thread, NULL);
    lock_release(&gc.lock);
}

/* A thread that waits at the goal stands still, as far as a stop is concerned. */
Test(sharing, a_thread_that_waits_at_the_goal_counts_as_stopped)
{
    pthread_t thread;
    take(SIZE); /* the collector starts */
    lock_acquire(&gc.lock);
    gc.trigger = 0;
    uint64_t goal = gc.published.goal;
    __atomic_store_n(&gc.published.goal, 0, __ATOMIC_RELAXED);
    pthread_create(&thread, NULL, take_some, NULL);
    while (!is_parked())
        sched_yield();
    __atomic_store_n(&gc.published.goal, goal, __ATOMIC_RELAXED);
    lock_release(&gc.lock);
    pthread_join(thread, NULL);
}
