/* fork: prepare handlers that the program registered before the heap started run before the heap takes its
 * locks; a fork by a thread that holds a lock. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/gc/cycle/gc.h"
#include "runtime/heap/heap.h"
#include "runtime/os/lock.h"
#include "runtime/threads/fork.h"
#include "tests/unit/support.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stop;
static _Atomic unsigned handled;

static void allocate(void)
{
    for (size_t size = 10; size < 3000000; size *= 5)
        heap_free(heap_malloc(size));
}

static void before(void)
{
    pthread_mutex_lock(&mutex);
    allocate();
    handled++;
}

static void after(void)
{
    allocate();
    pthread_mutex_unlock(&mutex);
}

static void *hold_mutex(void *unused)
{
    while (!stop) {
        pthread_mutex_lock(&mutex);
        allocate();
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

static void fork_and_wait(void (*child_main)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG);
        child_main();
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

Test(fork, handlers_of_the_program_may_wait_for_a_thread_that_allocates)
{
    pthread_t thread;
    cr_assert_eq(pthread_atfork(before, after, after), 0);
    cr_assert_eq(pthread_create(&thread, NULL, hold_mutex, NULL), 0);
    for (int i = 0; i < 50; i++)
        fork_and_wait(allocate);
    stop = true;
    pthread_join(thread, NULL);
    cr_assert_eq(handled, 50);
}

/* --- a fork in the midst of a section --- */

static lock_t held = LOCK_INIT(LOCK_RANK_NONE);
static lock_t of_another = LOCK_INIT(LOCK_RANK_NONE);

static bool take_and_leave(void)
{
    return lock_acquire_soon(&held);
}

static void give_both(bool child)
{
    lock_after_fork(&held, child);
    if (child)
        lock_after_fork(&of_another, child);
}

static void *take_of_another(void *unused)
{
    lock_acquire(&of_another);
    for (;;)
        pause();
    return unused;
}

static void check_what_is_held(void)
{
    cr_assert(lock_is_own(&held), "the child goes on in the section");
    cr_assert_eq(of_another.word, 0, "whoever held this is gone");
    lock_release(&held);
    fork_and_wait(allocate);
}

Test(fork, in_a_section_leaves_the_sections_lock_held_and_frees_what_others_held)
{
    pthread_t thread;
    heap_free(heap_malloc(1));
    fork_call(LOCK_RANK_NONE, take_and_leave, give_both);
    cr_assert_eq(pthread_create(&thread, NULL, take_of_another, NULL), 0);
    while (!of_another.word)
        sched_yield();
    lock_acquire(&held);
    fork_and_wait(check_what_is_held);
    cr_assert(lock_is_own(&held));
    lock_release(&held);
    cr_assert_eq(held.word, 0);
}
