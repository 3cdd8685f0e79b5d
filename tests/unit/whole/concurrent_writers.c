/* concurrent_writers: random writers beside a trace, against a model; and beside the thread that collects by itself. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <weir/control.h>
#include <weir/event.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/gc/cycle/background.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/pages/collapse.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/whole/concurrent_tests.h"

static void write_against_a_model(void)
{
    pthread_t collector = collector_start();
    threads_run(WRITERS, writer_run);
    done = true;
    pthread_join(collector, NULL);
    cr_expect(trace_last()->beside);
    weir_gc();
    for (size_t i = 0; i < WRITERS; i++)
        check_all(&writers[i]);
}

Test(concurrent_writers, random_writers_against_a_model, .init = begin)
{
    options.gcjitter = 300;
    write_against_a_model();
}

/* --- while the kernel puts pages together --- */

static void *collapse_until_done(void *argument)
{
    (void)argument;
    while (!done)
        for (bool more = collapse_begin(); more && !done;)
            more = collapse_next();
    return NULL;
}

/* Cycles that begin by themselves would run in the background, which then collapses, too: one thread may. */
Test(concurrent_writers, random_writers_while_pages_are_put_together, .init = begin)
{
    enum { OBJECTS = 32 * 1024, ROUNDS = SANITIZED ? 2 : 8 };
    void **ballast = weir_gc_alloc(OBJECTS * sizeof *ballast);
    weir_set_gc_percent(WEIR_GC_OFF);
    for (size_t i = 0; i < OBJECTS; i++)
        ballast[i] = weir_gc_alloc(1000);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        memset(writers, 0, sizeof writers);
        done = false;
        cr_assert_eq(pthread_create(&thread, NULL, collapse_until_done, NULL), 0);
        write_against_a_model();
        pthread_join(thread, NULL);
    }
    for (size_t i = 0; i < OBJECTS; i++)
        cr_assert(is_zero(ballast[i], 1000));
}

/* --- a table that is written all the time --- */

/* Each entry points to an object that holds its number. Only the table and the writer's stack point to them. */
enum { ENTRIES = WATCHED ? 20000 : 200000, TAKEN = 64, TRACES = WATCHED ? 5 : 40 };

static uint64_t **table;

__attribute__((noinline)) static void make_table(void)
{
    table = weir_gc_alloc(ENTRIES * sizeof *table);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        table[i] = weir_gc_alloc(sizeof **table);
        *table[i] = i;
    }
}

/* So that most pages of the table are written in each round. */
static void write_all_over(uint64_t *random, uint64_t times)
{
    while (times-- > 0) {
        uint64_t **entry = &table[random_below(random, ENTRIES)];
        *(uint64_t *volatile *)entry = *entry;
    }
}

/* Take objects out of the table before the trace has scanned it, and put them back in one of its rounds. */
static void *exchange(void *argument)
{
    uint64_t random = 1, *taken[TAKEN], from[TAKEN];
    weir_gc_attach_thread();
    while (!done) {
        for (size_t i = 0; i < TAKEN; i++) {
            do
                from[i] = random_below(&random, ENTRIES);
            while (!table[from[i]]);
            taken[i] = table[from[i]];
            table[from[i]] = NULL;
        }
        write_all_over(&random, random_below(&random, 30000));
        for (size_t i = 0; i < TAKEN; i++)
            table[from[i]] = taken[TAKEN - 1 - i];
    }
    return argument;
}

/* The rounds go on: from the third on, pages of the table are compared with their shadows. */
Test(concurrent_writers, a_table_that_is_written_all_the_time, .init = begin)
{
    pthread_t thread;
    uint64_t before = weir_gc_set_pause_budget(0), sum = 0;
    make_table();
    pthread_create(&thread, NULL, exchange, NULL);
    for (int i = 0; i < TRACES; i++)
        weir_gc();
    done = true;
    pthread_join(thread, NULL);
    for (size_t i = 0; i < ENTRIES; i++)
        sum += *table[i];
    cr_expect_eq(sum, (uint64_t)ENTRIES * (ENTRIES - 1) / 2);
    cr_expect_eq(before, 1000000u);
}

/* Cycles begin by themselves, on a thread of the runtime's. */
static void write_until_collected(size_t number)
{
    writer_init(number);
    while (!done)
        for (int i = 0; i < 1000; i++)
            step(&writers[number]);
    check_all(&writers[number]);
}

enum { CYCLES = WATCHED ? 3 : 20 };

static atomic_uint cycles_of_others;

static void note_thread(void *context, const weir_event *event)
{
    (void)event;
    cycles_of_others += !pthread_equal(pthread_self(), *(pthread_t *)context);
    done = cycles_of_others >= CYCLES;
}

Test(concurrent_writers, the_background_collects, .init = begin)
{
    pthread_t self = pthread_self();
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_COLLECTED), note_thread, &self), 0);
    write_until_collected(0);
    weir_event_unlisten(note_thread, &self);
    cr_expect_geq(cycles_of_others, CYCLES);
}

/* One request passes the goal, so the thread waits. The background collects nevertheless: then the wait
 * counts, and the next trace begins earlier. */
static void note_waits(void *context, const weir_event *event)
{
    unsigned *waits = context;
    (void)event;
    *waits += background_is_caller() ? (unsigned)trace_last()->waits : 0;
}

Test(concurrent_writers, one_request_may_pass_the_goal, .init = begin)
{
    enum { REQUESTS = 8, SIZE = 8 << 20 };
    unsigned waits = 0;
    pthread_t self = pthread_self();
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_COLLECTED), note_waits, &waits), 0);
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_COLLECTED), note_thread, &self), 0);
    for (int i = 0; i < REQUESTS; i++)
        cr_expect_not_null(weir_gc_alloc_noscan(SIZE));
    weir_event_unlisten(note_thread, &self);
    weir_event_unlisten(note_waits, &waits);
    cr_expect_gt(cycles_of_others, 0u);
    cr_expect_gt(waits, 0u);
}
