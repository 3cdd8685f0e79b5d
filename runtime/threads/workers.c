/* workers: see workers.h. */
#include "runtime/threads/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "runtime/base/filter.h"
#include "runtime/base/futex.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/os/uncounted.h"
#include "runtime/threads/stop_by.h"

enum {
    STACK = 1024 * 1024,       /* bytes */
    READY_NS = 2 * 1000 * 1000 /* a thread that needs longer is not waited for */
};

/* A round is one word, which holds its number and how many members take part, so that a thread that wakes
 * knows whether it takes part. */
typedef uint32_t round_t;
_Static_assert(WORKERS_MAX < 32, "round_t has five bits for them");

/* From before the thread is created, all of its stack is a root, because the C library writes the thread's
 * record there at once. When the record's address is known, only the record is a root, because marking leaves
 * addresses of objects on the stack. */
typedef struct member {
    _Atomic uintptr_t stack;  /* 0: never needed; written by the thread that has `starting` */
    _Atomic uintptr_t record; /* 0: not known yet; likewise */
} member_t;

static struct {
    _Atomic bool starting;    /* a thread is in workers_start, or was when the process forked */
    _Atomic uint32_t started; /* threads; changed by the thread that has `starting` */
    member_t of[WORKERS_MAX]; /* member n + 1 is of[n] */
    void (*work)(uint32_t);   /* of this round */
    _Atomic uint32_t ready;   /* threads that have begun to run, and take part in later rounds */
    _Atomic round_t round;    /* the present one, or the last */
    _Atomic uint32_t working; /* members that have not finished it */
} workers;

static inline bool is_member(round_t round, uint32_t number)
{
    return number < round % 32;
}

static inline round_t round_after(round_t round, uint32_t members)
{
    return (round / 32 + 1) * 32 + members;
}

/* A thread is counted as ready when it runs, not when it is created: in the child of a fork a lock that it
 * needs before that may be held for ever, by a thread of the parent (AddressSanitizer's allocator has one). A
 * thread reads the round before it is counted. */
static void *member_main(void *argument)
{
    (void)argument;
    os_block_signals();
    round_t round = atomic_load(&workers.round);
    uint32_t number = atomic_fetch_add(&workers.ready, 1) + 1;
    os_futex_wake(&workers.ready);
    for (;;) {
        while (atomic_load(&workers.round) == round)
            os_futex_wait(&workers.round, round);
        round = atomic_load(&workers.round);
        if (!is_member(round, number))
            continue;
        workers.work(number);
        if (atomic_fetch_sub(&workers.working, 1) == 1)
            os_futex_wake(&workers.working);
    }
    return NULL;
}

static bool have_stack(member_t *member)
{
    if (!member->stack)
        member->stack = (uintptr_t)os_take(STACK);
    return member->stack;
}

static bool thread_start(member_t *member)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (!have_stack(member) || pthread_attr_init(&attributes) != 0)
        return false;
    bool started = pthread_attr_setstack(&attributes, (void *)member->stack, STACK) == 0 &&
                   pthread_create(&thread, &attributes, member_main, NULL) == 0;
    pthread_attr_destroy(&attributes);
    if (started) {
        uncounted_began();
        member->record = (uintptr_t)thread;
        pthread_detach(thread);
    }
    return started;
}

static void wait_until_ready(void)
{
    uint64_t now = os_now_ns(), until = now + READY_NS;
    for (uint32_t ready; (ready = atomic_load(&workers.ready)) < workers.started && now < until;
         now = os_now_ns())
        os_futex_wait_for(&workers.ready, ready, until - now);
}

/* Signals of the program are blocked meanwhile, but not the one that stops this thread: it may wait for a
 * lock of the C library, which a stopped thread holds. */
static void start_undisturbed(uint32_t wanted)
{
    uint64_t signals = os_block_heard_signals();
    bool hidden = stop_by_hide();
    uint32_t before = workers.started;
    while (workers.started + 1 < wanted && filter_permits(FILTER_THREADS) &&
           thread_start(&workers.of[workers.started]))
        workers.started++;
    if (workers.started > before)
        wait_until_ready();
    stop_by_unhide(hidden);
    os_restore_signals(signals);
}

static uint32_t at_most(uint32_t members)
{
    return members < WORKERS_MAX ? members : WORKERS_MAX;
}

void workers_start(uint32_t wanted)
{
    if (atomic_load(&workers.ready) + 1 >= at_most(wanted) || atomic_exchange(&workers.starting, true))
        return;
    start_undisturbed(at_most(wanted));
    atomic_store(&workers.starting, false);
}

uint32_t workers_ready(uint32_t wanted)
{
    uint32_t ready = atomic_load(&workers.ready) + 1;
    return ready < at_most(wanted) ? ready : at_most(wanted);
}

uint32_t workers_started(void)
{
    return atomic_load(&workers.started);
}

void workers_each_root(void (*range)(uintptr_t from, uintptr_t to))
{
    for (const member_t *member = workers.of; member < workers.of + WORKERS_MAX && member->stack; member++)
        if (member->record)
            range(member->record, member->record + OS_THREAD_RECORD);
        else
            range(member->stack, member->stack + STACK);
}

void workers_run(uint32_t members, void (*work)(uint32_t member))
{
    workers.work = work;
    atomic_store(&workers.working, members - 1);
    if (members > 1) {
        atomic_store(&workers.round, round_after(atomic_load(&workers.round), members));
        os_futex_wake_all(&workers.round);
    }
    work(0);
    for (uint32_t left; (left = atomic_load(&workers.working)) > 0;)
        os_futex_wait(&workers.working, left);
}

/* The stacks and records are those of the parent's threads, which the child's C library no longer knows. */
void workers_forget(void)
{
    memset(workers.of, 0, sizeof workers.of);
    workers.started = 0;
    atomic_store(&workers.ready, 0);
    atomic_store(&workers.starting, false);
}
