/* finalize: see finalize.h. */
#include "runtime/gc/refs/finalize.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "runtime/base/cpu.h"
#include "runtime/base/futex.h"
#include "runtime/cells/cache.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/os/os.h"
#include "runtime/os/uncounted.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/helper.h"
#include "runtime/threads/world.h"

enum { CALLERS = 4 };

/* A thread that calls finalizers and cleanups. */
typedef struct caller {
    _Atomic bool exists; /* or is being started */
    /* The record that it is calling, by its number in the order of the queue, from 1; 0: none. Written under
     * the lock. */
    _Atomic uint32_t calls;
} caller_t;

/* Under the lock of the side table. Without it, sleeping callers read `queued`, and threads in finalize_wait
 * read the other atomics. */
static struct {
    uint32_t first, last;    /* the queue, linked by next */
    _Atomic uint32_t queued; /* how many records were ever put in; wraps around, and skips 0 */
    _Atomic uint32_t taken;  /* how many of them callers have taken */
    _Atomic uint32_t done;   /* how many calls have ended; a futex */
    caller_t callers[CALLERS];
    _Atomic uint32_t stuck[CALLERS]; /* `calls` of each when the last cycle ended */
} finalize;

/* The calling thread's entry in finalize.callers; NULL: it is not a caller. */
static __thread caller_t *own_caller;

static uint32_t number_after(uint32_t number)
{
    return number + 1 ? number + 1 : 1;
}

/* --- attaching --- */

bool finalizer_set(void *object, finalizer_t *finalizer, const void *context)
{
    if (!side_table_lock())
        return false;
    uint32_t number = side_table_find((uintptr_t)object, SIDE_FINALIZER);
    if (!finalizer && number)
        side_table_drop(number);
    else if (finalizer && !number)
        number = side_table_add((uintptr_t)object, SIDE_FINALIZER);
    if (finalizer && number) {
        side_table_at(number)->finalizer = finalizer;
        side_table_strong(number)->argument = context;
    }
    side_table_unlock();
    return !finalizer || number;
}

uint64_t cleanup_add(const void *object, cleanup_t *cleanup, const void *argument)
{
    uint64_t handle = 0;
    if (!side_table_lock())
        return 0;
    uint32_t number = side_table_add((uintptr_t)object, SIDE_CLEANUP);
    if (number) {
        side_table_at(number)->cleanup = cleanup;
        side_table_strong(number)->argument = argument;
        handle = (uint64_t)side_table_at(number)->generation << 32 | number;
    }
    side_table_unlock();
    return handle;
}

/* A cleanup that is in the queue stays there, since the queue is linked in one direction only. Without its
 * function nothing is called. */
bool cleanup_stop(uint64_t handle)
{
    uint32_t number = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    bool stopped = false;
    if (!side_table_lock())
        return false;
    if (number && number < side_table_end()) {
        side_record_t *record = side_table_at(number);
        stopped = record->kind == SIDE_CLEANUP && record->generation == generation && record->cleanup;
        if (stopped && record->object)
            side_table_drop(number);
        else if (stopped)
            record->cleanup = NULL;
    }
    side_table_unlock();
    return stopped;
}

/* --- the queue --- */

void finalize_queue(uint32_t number)
{
    side_table_unhook(number);
    side_record_t *record = side_table_at(number);
    if (record->kind == SIDE_FINALIZER)
        side_table_strong(number)->object = (const void *)record->object;
    record->object = 0;
    record->next = 0;
    if (finalize.last)
        side_table_at(finalize.last)->next = number;
    else
        finalize.first = number;
    finalize.last = number;
    atomic_store(&finalize.queued, number_after(finalize.queued));
}

typedef struct job {
    side_record_t record;
    strong_t strong;
} job_t;

/* Take the first record of the queue. From here on the caller's stack keeps alive what the job points to. */
static bool take(job_t *job)
{
    if (!side_table_lock())
        return false;
    uint32_t number = finalize.first;
    if (number) {
        job->record = *side_table_at(number);
        job->strong = *side_table_strong(number);
        finalize.first = job->record.next;
        if (!finalize.first)
            finalize.last = 0;
        atomic_store(&own_caller->calls, number_after(finalize.taken));
        atomic_store(&finalize.taken, own_caller->calls);
        side_table_free(number);
    }
    side_table_unlock();
    return number != 0;
}

/* Not inlined: the caller then overwrites this frame (clear_stack), so that what is left in it keeps no
 * object alive. */
__attribute__((noinline)) static bool run_one(void)
{
    job_t job;
    if (!take(&job))
        return false;
    if (job.record.kind == SIDE_FINALIZER)
        job.record.finalizer((void *)(uintptr_t)job.strong.object, (void *)(uintptr_t)job.strong.argument);
    else if (job.record.cleanup)
        job.record.cleanup((void *)(uintptr_t)job.strong.argument);
    return true;
}

__attribute__((noinline, no_sanitize("address"))) static void clear_stack(void)
{
    volatile char below[2048];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

/* --- the thread --- */

static void call_all(void)
{
    while (run_one()) {
        clear_stack();
        cpu_clear_vectors(); /* the copies of the job went through them */
        atomic_store(&own_caller->calls, 0);
        atomic_fetch_add(&finalize.done, 1);
        os_futex_wake_all(&finalize.done);
    }
}

/* The first caller stays; a stop need not wait for it while it sleeps. The others end when the queue is
 * empty; what is queued later wakes the first, or starts another one. */
static void *finalizer_main(void *caller)
{
    own_caller = caller;
    for (bool stays = helper_begin(); stays; stays = own_caller == finalize.callers) {
        uint32_t seen = atomic_load(&finalize.queued);
        call_all();
        if (own_caller != finalize.callers)
            break;
        world_block_begin();
        while (atomic_load(&finalize.queued) == seen)
            os_futex_wait(&finalize.queued, seen);
        world_block_end();
    }
    atomic_store(&own_caller->exists, false);
    uncounted_ends();
    return NULL;
}

static bool anything_waits(void)
{
    return atomic_load(&finalize.queued) != atomic_load(&finalize.taken);
}

/* Start the caller if it does not exist. False: it could not be started. */
static bool have_caller(caller_t *caller)
{
    if (atomic_exchange(&caller->exists, true))
        return true;
    if (helper_start(finalizer_main, caller))
        return true;
    atomic_store(&caller->exists, false);
    return false;
}

void finalize_wake(void)
{
    if (anything_waits() && have_caller(finalize.callers))
        os_futex_wake(&finalize.queued);
}

/* Start one more caller if records wait, and every caller is still in the call that it was in when the last
 * cycle ended. */
void finalize_wake_after_cycle(void)
{
    bool stuck = anything_waits();
    for (size_t i = 0; i < CALLERS; i++) {
        uint32_t calls = atomic_load(&finalize.callers[i].calls);
        bool same = calls && calls == atomic_exchange(&finalize.stuck[i], calls);
        stuck &= same || !atomic_load(&finalize.callers[i].exists);
    }
    finalize_wake();
    for (size_t i = 1; stuck && i < CALLERS; i++)
        if (!atomic_load(&finalize.callers[i].exists)) {
            have_caller(&finalize.callers[i]);
            return;
        }
}

/* Have the calls of all records up to number `until` ended? */
static bool all_done(uint32_t until)
{
    if ((int32_t)(atomic_load(&finalize.taken) - until) < 0)
        return false;
    for (size_t i = 0; i < CALLERS; i++) {
        uint32_t calls = atomic_load(&finalize.callers[i].calls);
        if (calls && (int32_t)(calls - until) <= 0)
            return false;
    }
    return true;
}

/* Looks again every LOOK_NS: a caller that another thread has started may end without a call, and wake
 * nobody. */
int finalize_wait(int64_t ns)
{
    enum { LOOK_NS = 100 * 1000 * 1000 };
    if (own_caller)
        return EDEADLK;
    uint32_t until = atomic_load(&finalize.queued);
    uint64_t start = os_now_ns();
    finalize_wake();
    for (uint32_t done; done = atomic_load(&finalize.done), !all_done(until);) {
        if (!atomic_load(&finalize.callers[0].exists))
            return EAGAIN;
        uint64_t passed = os_now_ns() - start, left = LOOK_NS;
        if (ns >= 0 && passed >= (uint64_t)ns)
            return ETIMEDOUT;
        if (ns >= 0 && (uint64_t)ns - passed < left)
            left = (uint64_t)ns - passed;
        os_futex_wait_for(&finalize.done, done, left);
    }
    return 0;
}

/* In the child, the calls that other threads were in count as done, because those threads do not exist. A
 * finalizer that has called fork goes on in the child. */
void finalize_after_fork_child(void)
{
    for (size_t i = 0; i < CALLERS; i++)
        if (&finalize.callers[i] != own_caller) {
            atomic_store(&finalize.callers[i].calls, 0);
            atomic_store(&finalize.callers[i].exists, false);
        }
}
