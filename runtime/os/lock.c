/* lock: the slow paths of the futex lock: spin a little, then sleep in the kernel. */
#include "runtime/os/lock.h"

#include "runtime/base/cpu.h"
#include "runtime/base/futex.h"
#include "runtime/os/check.h"

enum { SPINS = 60 }; /* about as long as the longest critical section without a system call */

__thread uint32_t lock_depth, lock_sections;
bool lock_keeps_own;
void (*_Atomic lock_section_ended)(void);

/* Others may sleep too, so a thread that has slept takes the lock with LOCK_WAITS set. `until`: the deadline,
 * in nanoseconds of os_now_ns; 0: there is none. */
static bool wait_until(lock_t *lock, uint64_t until)
{
    const uint32_t self = lock_self();
    for (int i = 0; i < SPINS; i++) {
        uint32_t expected = 0;
        if (atomic_compare_exchange_weak_explicit(&lock->word, &expected, self, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
        cpu_pause();
    }
    for (uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);;) {
        uint32_t marked = word == 0 ? self | LOCK_WAITS : word | LOCK_WAITS;
        if (word != marked && !atomic_compare_exchange_weak_explicit(
                                  &lock->word, &word, marked, memory_order_acquire, memory_order_relaxed))
            continue;
        if (word == 0)
            return true;
        uint64_t now = until ? os_now_ns() : 0;
        if (until && now >= until)
            return false;
        if (until)
            os_futex_wait_for(&lock->word, marked, until - now);
        else
            os_futex_wait(&lock->word, marked);
        word = atomic_load_explicit(&lock->word, memory_order_relaxed);
    }
}

void lock_wait(lock_t *lock)
{
    wait_until(lock, 0);
}

void lock_wake(lock_t *lock)
{
    os_futex_wake(&lock->word);
}

void lock_await_taker(const lock_t *lock)
{
    enum { MOST_NS = 100 * 1000 };
    uint64_t until = os_now_ns() + MOST_NS;
    while (!lock_is_taken(lock) && os_now_ns() < until)
        os_yield();
}

bool lock_acquire_soon(lock_t *lock)
{
    enum { SOON_NS = 50 * 1000 * 1000 };
    lock_check_order(lock);
    lock_section_begin(lock);
    uint32_t expected = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, lock_self(), memory_order_acquire,
                                                 memory_order_relaxed) &&
        !wait_until(lock, os_now_ns() + SOON_NS)) {
        lock_section_end(lock);
        return false;
    }
    lock_note_taken(lock);
    return true;
}

bool lock_try(lock_t *lock)
{
    uint32_t expected = 0;
    lock_section_begin(lock);
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, lock_self(), memory_order_acquire,
                                                 memory_order_relaxed)) {
        lock_section_end(lock);
        return false;
    }
    lock_note_taken(lock);
    return true;
}

#ifdef WEIR_DEBUG_CHECKS
static __thread uint32_t ranks_held; /* one bit each */

void lock_check_order(const lock_t *lock)
{
    DEBUG_CHECK(lock->rank == LOCK_RANK_NONE || ranks_held >> lock->rank == 0);
}

void lock_note_taken(const lock_t *lock)
{
    DEBUG_CHECK(lock->rank == LOCK_RANK_NONE || (ranks_held >> lock->rank & 1) == 0);
    ranks_held |= lock->rank ? (uint32_t)1 << lock->rank : 0;
}

void lock_note_given(const lock_t *lock)
{
    ranks_held &= ~((uint32_t)1 << lock->rank);
}
#endif
