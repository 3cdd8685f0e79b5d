/* concurrent_threads: threads come and go, and processes fork, in the middle of a trace beside the program. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/whole/concurrent_tests.h"

/* --- threads that come and go --- */

static void *short_life(void *argument)
{
    thing_t *list = NULL;
    for (uint64_t i = 1; i < 200; i++) {
        thing_t *thing = weir_gc_alloc(sizeof *thing);
        *thing = (thing_t){.number = i, .check = ~i, .child = list};
        list = thing;
    }
    for (const thing_t *thing = list; thing; thing = thing->child)
        CHECK(thing->check == ~thing->number);
    *(thing_t **)argument = list;
    return NULL;
}

static void start_threads(size_t number)
{
    thing_t **holder = weir_gc_alloc(sizeof(void *));
    for (int i = 0; i < (WATCHED ? 5 : 40); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, short_life, holder);
        pthread_join(thread, NULL);
        uint64_t length = 0;
        for (const thing_t *thing = *holder; thing; thing = thing->child, length++)
            CHECK(thing->check == ~thing->number);
        CHECK(length == 199, "%zu", number);
    }
}

Test(concurrent_threads, threads_come_and_go, .init = begin)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    threads_run(WRITERS, start_threads);
    done = true;
    pthread_join(collector, NULL);
}

/* --- forks --- */

static void check_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG);
        for (int i = 0; i < 300; i++)
            step(&writers[0]);
        weir_gc();
        check_all(&writers[0]);
        collected_verify();
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

Test(concurrent_threads, children_of_fork_go_on_alone, .init = begin, .disabled = WATCHED)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    writer_init(0);
    for (int i = 0; i < (SANITIZED ? 10 : 40); i++) {
        for (int j = 0; j < 500; j++)
            step(&writers[0]);
        check_child();
    }
    done = true;
    pthread_join(collector, NULL);
}

static volatile int bad_status;

static void fork_in_handler(int signal)
{
    (void)signal;
    if (is_child || forks >= 40 ||
        cache.no_stop) /* a no-stop section: the stop waits for it, and a fork in it for the stop */
        return;
    int status;
    pid_t child = fork();
    is_child = child == 0;
    forks++;
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
        bad_status = 1;
}

static void end_as_child(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(HANG);
    weir_gc();
    for (int i = 0; i < 300; i++)
        step(&writers[0]);
    weir_gc();
    check_all(&writers[0]);
    _exit(0);
}

Test(concurrent_threads, children_of_a_handler_have_no_half_trace, .init = begin, .disabled = SANITIZED)
{
    options.gcjitter = 300;
    sigset_t alarm, before;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &before); /* only this thread takes SIGALRM */
    pthread_t collector = collector_start();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    writer_init(0);
    writers[0].forks = true;
    signal(SIGALRM, fork_in_handler);
    setitimer(ITIMER_REAL,
              &(struct itimerval){.it_interval = {.tv_usec = 3000}, .it_value = {.tv_usec = 3000}}, NULL);
    while (forks < 40) {
        for (int i = 0; i < 100; i++)
            step(&writers[0]);
        if (is_child)
            end_as_child();
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    if (is_child)
        end_as_child();
    done = true;
    pthread_join(collector, NULL);
    cr_expect_eq(bad_status, 0);
}
