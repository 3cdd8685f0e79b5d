/* crew: see crew.h. */
#include "runtime/collect/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "runtime/collect/roots.h"
#include "runtime/os/filter.h"
#include "runtime/os/futex.h"
#include "runtime/os/os.h"
#include "runtime/os/signal.h"

enum { READY_NS = 2 * 1000 * 1000 }; /* who needs longer is not waited for */

/* A run is one word, so that who wakes knows whether he is part of it: its number and its members. */
typedef uint32_t run_t;
_Static_assert(CREW_MAX < 32, "run_t has five bits for them");

static struct {
    uint32_t started;         /* threads; with the collector's lock */
    void *stacks[CREW_MAX];   /* of threads that were ever started; likewise */
    void (*work)(uint32_t);   /* of this run */
    _Atomic uint32_t ready;   /* threads that have come so far that they wait for a run */
    _Atomic run_t run;        /* the present one, or the last */
    _Atomic uint32_t working; /* members that have not finished it */
} crew;

static inline bool is_member(run_t run, uint32_t number)
{
    return number < run % 32;
}

static inline run_t run_after(run_t run, uint32_t members)
{
    return (run / 32 + 1) * 32 + members;
}

/* A thread is counted when it runs, not when it was made: in the child of a fork what it needs before may be
 * locked for ever by a thread of the parent's (AddressSanitizer's allocator is). Whoever is counted has read
 * the run before. */
static void *member_main(void *argument)
{
    (void)argument;
    run_t run = atomic_load(&crew.run);
    uint32_t number = atomic_fetch_add(&crew.ready, 1) + 1;
    os_futex_wake(&crew.ready);
    for (;;) {
        while (atomic_load(&crew.run) == run)
            os_futex_wait(&crew.run, run);
        run = atomic_load(&crew.run);
        if (!is_member(run, number))
            continue;
        crew.work(number);
        if (atomic_fetch_sub(&crew.working, 1) == 1)
            os_futex_wake(&crew.working);
    }
    return NULL;
}

/* On a stack of the runtime's own, which is no root: it is full of addresses of objects. But what the C
 * library has allocated for the thread is known by its record there alone. */
static int create_on_own_stack(uint32_t nth, pthread_t *thread)
{
    enum { STACK = 1024 * 1024 };
    pthread_attr_t attributes;
    if (!crew.stacks[nth])
        crew.stacks[nth] = os_reserve(STACK, OS_PAGE);
    if (!crew.stacks[nth] || !os_commit(crew.stacks[nth], STACK) || pthread_attr_init(&attributes) != 0)
        return ENOMEM;
    int error = pthread_attr_setstack(&attributes, crew.stacks[nth], STACK);
    error = error ? error : pthread_create(thread, &attributes, member_main, NULL);
    pthread_attr_destroy(&attributes);
    if (!error)
        roots_add((uintptr_t)*thread, OS_THREAD_RECORD);
    return error;
}

static int thread_start(uint32_t nth)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = create_on_own_stack(nth, &thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!error)
        pthread_detach(thread);
    return error;
}

static void wait_until_ready(void)
{
    uint64_t now = os_now_ns(), until = now + READY_NS;
    for (uint32_t ready; (ready = atomic_load(&crew.ready)) < crew.started && now < until; now = os_now_ns())
        os_futex_wait_for(&crew.ready, ready, until - now);
}

uint32_t crew_gather(uint32_t wanted)
{
    wanted = wanted < CREW_MAX ? wanted : CREW_MAX;
    uint32_t before = crew.started;
    while (crew.started + 1 < wanted && filter_permits(FILTER_THREADS) && thread_start(crew.started) == 0)
        crew.started++;
    if (crew.started > before)
        wait_until_ready();
    return atomic_load(&crew.ready) + 1;
}

void crew_run(uint32_t members, void (*work)(uint32_t member))
{
    crew.work = work;
    atomic_store(&crew.working, members - 1);
    if (members > 1) {
        atomic_store(&crew.run, run_after(atomic_load(&crew.run), members));
        os_futex_wake_all(&crew.run);
    }
    work(0);
    for (uint32_t left; (left = atomic_load(&crew.working)) > 0;)
        os_futex_wait(&crew.working, left);
}

/* The stacks were those of the parent's members, whose records are still roots. */
void crew_forget(void)
{
    memset(crew.stacks, 0, sizeof crew.stacks);
    crew.started = 0;
    atomic_store(&crew.ready, 0);
}
