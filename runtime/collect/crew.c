/* crew: see crew.h. */
#include "runtime/collect/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "runtime/collect/roots.h"
#include "runtime/os/futex.h"
#include "runtime/os/os.h"
#include "runtime/os/signal.h"

static struct {
    uint32_t members;         /* that were started; with the collector's lock */
    void *stacks[CREW_MAX];   /* of members that were ever started; likewise */
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

/* On a stack of the runtime's own, which is no root: it is full of addresses of objects. But what the C library has
 * allocated for the thread is known by its record there alone. */
static int create_on_own_stack(uint32_t member, pthread_t *thread, void *argument)
{
    enum { STACK = 1024 * 1024 };
    pthread_attr_t attributes;
    if (!crew.stacks[member])
        crew.stacks[member] = os_reserve(STACK, OS_PAGE);
    if (!crew.stacks[member] || !os_commit(crew.stacks[member], STACK) || pthread_attr_init(&attributes) != 0)
        return ENOMEM;
    int error = pthread_attr_setstack(&attributes, crew.stacks[member], STACK);
    error = error ? error : pthread_create(thread, &attributes, member_main, argument);
    pthread_attr_destroy(&attributes);
    if (!error)
        roots_add((uintptr_t)*thread, OS_THREAD_RECORD);
    return error;
}

static int member_start(uint32_t member)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    uintptr_t argument =
        (uintptr_t)atomic_load(&crew.run) << 32 | member; /* the run that it is not part of */
    int error = create_on_own_stack(member, &thread, (void *)argument);
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

/* The stacks were those of the parent's members, whose records are still roots. */
void crew_forget(void)
{
    memset(crew.stacks, 0, sizeof crew.stacks);
    crew.members = 0;
    atomic_store(&crew.run, 0);
}
