/* fork: see fork.h. */
#include "runtime/threads/fork.h"

#include "runtime/base/futex.h"
#include "runtime/base/stdio.h"
#include "runtime/cells/cache.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"

enum { PARTS = 24 };

lock_t fork_start_lock = LOCK_INIT(LOCK_RANK_START);

static struct {
    lock_t lock; /* protects this; held from the preparation to the end of a fork that is not empty */
    struct part {
        enum lock_rank rank;
        bool (*before)(void);
        void (*after)(bool child);
    } parts[PARTS]; /* by ascending rank */
    uint32_t count;
} forks = {.lock = LOCK_INIT(LOCK_RANK_FORK)};

/* Of the forks that the calling thread is in, those in its signal handlers included. empty: how many are
 * empty. streams: one bit for each, the lowest for the innermost; set if that fork has the streams' lock. */
static __thread struct {
    uint32_t empty;
    uint64_t streams;
} own __attribute__((tls_model("initial-exec")));

static bool is_part(bool (*before)(void))
{
    for (uint32_t i = 0; i < forks.count; i++)
        if (forks.parts[i].before == before)
            return true;
    return false;
}

void fork_call(enum lock_rank rank, bool (*before)(void), void (*after)(bool child))
{
    lock_acquire(&forks.lock);
    if (!is_part(before)) {
        ALWAYS_CHECK(forks.count < PARTS);
        uint32_t at = forks.count++;
        for (; at > 0 && forks.parts[at - 1].rank > rank; at--)
            forks.parts[at] = forks.parts[at - 1];
        forks.parts[at] = (struct part){rank, before, after};
    }
    lock_release(&forks.lock);
}

static void give_up(uint32_t parts, bool child)
{
    while (parts-- > 0)
        forks.parts[parts].after(child);
}

/* All locks, or none. */
static bool take_parts(void)
{
    uint32_t taken = 0;
    while (taken < forks.count && forks.parts[taken].before())
        taken++;
    if (taken == forks.count)
        return true;
    give_up(taken, false);
    return false;
}

static bool take_own(void)
{
    if (!lock_acquire_soon(&fork_start_lock))
        return false;
    if (lock_acquire_soon(&forks.lock)) {
        if (take_parts())
            return true;
        lock_release(&forks.lock);
    }
    lock_release(&fork_start_lock);
    return false;
}

/* Forks in signal handlers nest. A fork inside another one is empty, because the thread holds the outer one's
 * locks or the outer one is empty itself. */
static bool is_empty_fork(void)
{
    return own.empty || lock_depth || cache.no_stop;
}

static void pause_shortly(void)
{
    enum { PAUSE_NS = 1000 * 1000 };
    static _Atomic uint32_t never;
    os_futex_wait_for(&never, 0, PAUSE_NS);
}

static void prepare(void)
{
    bool empty = is_empty_fork(), has_streams = stdio_lock();
    while (!empty && !take_own()) {
        if (has_streams)
            stdio_unlock();
        pause_shortly(); /* lets a thread that waits for the streams' lock take it */
        has_streams = stdio_lock();
    }
    own.empty += empty;
    own.streams = own.streams << 1 | has_streams;
}

/* Did the fork that ends have the streams' lock? Removes its bit. */
static bool pop_streams(void)
{
    bool had = own.streams & 1;
    own.streams >>= 1;
    return had;
}

static void give_up_own(bool child)
{
    give_up(forks.count, child);
    lock_after_fork(&forks.lock, child);
    lock_after_fork(&fork_start_lock, child);
}

static void after_in_parent(void)
{
    if (own.empty)
        own.empty--;
    else
        give_up_own(false);
    if (pop_streams())
        stdio_unlock();
}

/* glibc's fork has reset the streams' lock in the child. Each outer fork that had taken it will release it
 * once, so it is taken once for each. */
static void after_in_child(void)
{
    os_note_process(); /* not in a part's `after`: needed even if the runtime has not started */
    lock_keeps_own = own.empty > 0;
    give_up_own(true);
    if (lock_keeps_own)
        own.empty--;
    lock_keeps_own = false;
    if (pop_streams())
        stdio_reset();
    for (uint64_t left = own.streams; left; left &= left - 1)
        stdio_lock();
}

void fork_handle(void)
{
    static _Atomic uintptr_t registers; /* the thread that registers them; 1: they are registered */
    uintptr_t nobody = 0, self = os_thread_word();
    if (LIKELY(atomic_load_explicit(&registers, memory_order_acquire) == 1))
        return;
    if (atomic_compare_exchange_strong(&registers, &nobody, self)) {
        os_call_at_fork(prepare, after_in_parent, after_in_child);
        registers = 1;
    }
    while (registers != 1 && registers != self)
        os_yield();
}

/* Before the program's handlers, even if the runtime is linked into the program and starts later. */
__attribute__((constructor)) static void register_early(void)
{
    fork_handle();
}
