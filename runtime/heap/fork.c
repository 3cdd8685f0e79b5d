/* fork: see fork.h. */
#include "runtime/heap/fork.h"

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/os/stdio.h"

enum { PARTS = 16 };

lock_t fork_start_lock = LOCK_INIT(LOCK_RANK_START);

static struct {
    lock_t lock; /* protects this; held from the preparation to the end of a fork that is not empty */
    struct part {
        enum lock_rank rank;
        void (*before)(void);
        void (*after)(bool child);
    } parts[PARTS]; /* by ascending rank */
    uint32_t count;
} forks = {.lock = LOCK_INIT(LOCK_RANK_FORK)};

/* Of the calling thread, and of its signal handlers: how many of the forks that it is in are empty, and how many times it
 * has taken the streams' lock for those that are not. */
static __thread struct {
    uint32_t empty, streams;
} own __attribute__((tls_model("initial-exec")));

void fork_call(enum lock_rank rank, void (*before)(void), void (*after)(bool child))
{
    lock_acquire(&forks.lock);
    ALWAYS_CHECK(forks.count < PARTS);
    uint32_t at = forks.count++;
    for (; at > 0 && forks.parts[at - 1].rank > rank; at--)
        forks.parts[at] = forks.parts[at - 1];
    forks.parts[at] = (struct part){rank, before, after};
    lock_release(&forks.lock);
}

/* Forks in signal handlers nest; an empty one is inside of all that are not, and what it contains is empty too. */
static void prepare(void)
{
    if (own.empty || lock_depth) {
        own.empty++;
        return;
    }
    own.streams += stdio_lock();
    lock_acquire(&fork_start_lock);
    lock_acquire(&forks.lock);
    for (uint32_t i = 0; i < forks.count; i++)
        forks.parts[i].before();
}

static void give_up(bool child)
{
    for (uint32_t i = forks.count; i-- > 0;)
        forks.parts[i].after(child);
    lock_after_fork(&forks.lock, child);
    lock_after_fork(&fork_start_lock, child);
}

static void after_in_parent(void)
{
    if (own.empty) {
        own.empty--;
        return;
    }
    give_up(false);
    if (own.streams) {
        own.streams--;
        stdio_unlock();
    }
}

/* fork has made the streams' lock new. Frames below that are in a fork which had taken it will give it up once each. */
static void after_in_child(void)
{
    bool is_empty = own.empty > 0;
    lock_keeps_own = is_empty;
    give_up(true);
    lock_keeps_own = false;
    if (is_empty)
        own.empty--;
    else if (own.streams)
        own.streams--, stdio_reset();
    for (uint32_t i = 0; i < own.streams; i++)
        stdio_lock();
}

void fork_handle(void)
{
    static _Atomic uintptr_t registers; /* the thread that does; 1: it has */
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

/* Before the program's, also where the runtime is linked and starts later. */
__attribute__((constructor)) static void register_early(void)
{
    fork_handle();
}
