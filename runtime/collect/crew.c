/* crew: see crew.h. */
#include "runtime/collect/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "runtime/os/futex.h"

static struct {
    uint32_t members;         /* that were started; with the collector's lock */
    void (*work)(uint32_t);   /* of this run */
    _Atomic uint32_t run;     /* its number */
    _Atomic uint32_t working; /* members that have not finished */
} crew;

static void *member_main(void *argument)
{
    uint32_t member = (uint32_t)(uintptr_t)argument, run = (uint32_t)((uintptr_t)argument >> 32);
    for (;;) {
        while (atomic_load(&crew.run) == run)
            os_futex_wait(&crew.run, run);
        run = atomic_load(&crew.run);
        crew.work(member);
        if (atomic_fetch_sub(&crew.working, 1) == 1)
            os_futex_wake(&crew.working);
    }
    return NULL;
}

static int member_start(uint32_t member)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    uintptr_t argument =
        (uintptr_t)atomic_load(&crew.run) << 32 | member; /* the run that it is not part of */
    int error = pthread_create(&thread, NULL, member_main, (void *)argument);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!error)
        pthread_detach(thread);
    return error;
}

uint32_t crew_gather(uint32_t wanted)
{
    wanted = wanted < CREW_MAX ? wanted : CREW_MAX;
    if (crew.members == 0)
        crew.members = 1;
    while (crew.members < wanted && member_start(crew.members) == 0)
        crew.members++;
    return crew.members;
}

void crew_run(bool alone, void (*work)(uint32_t member))
{
    uint32_t others = alone ? 0 : crew.members - 1;
    crew.work = work;
    atomic_store(&crew.working, others);
    if (others) {
        atomic_fetch_add(&crew.run, 1);
        os_futex_wake_all(&crew.run);
    }
    work(0);
    for (uint32_t left; (left = atomic_load(&crew.working)) > 0;)
        os_futex_wait(&crew.working, left);
}

void crew_forget(void)
{
    crew.members = 0;
    atomic_store(&crew.run, 0);
}
