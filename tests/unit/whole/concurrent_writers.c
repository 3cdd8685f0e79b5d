/* concurrent_writers: random writers beside a trace, against a model; and beside the thread that collects by itself. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <weir/event.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/gc/cycle/trace.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/whole/concurrent_tests.h"

static void write_steps(size_t number)
{
    writer_init(number);
    for (int i = 0; i < (WATCHED ? 1000 : SANITIZED ? 10000 : 60000); i++)
        step(&writers[number]);
    check_all(&writers[number]);
}

Test(concurrent_writers, random_writers_against_a_model, .init = begin)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    threads_run(WRITERS, write_steps);
    done = true;
    pthread_join(collector, NULL);
    cr_expect(trace_last()->beside);
    weir_gc();
    for (size_t i = 0; i < WRITERS; i++)
        check_all(&writers[i]);
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
