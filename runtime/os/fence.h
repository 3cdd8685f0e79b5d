/* fence: a memory fence that one thread executes on behalf of all others.
 *
 * Two threads that each write a word and then read the other's need a full fence between write and read, on
 * both sides (Dekker). Where one side is hot and the other rare, the rare one can pay for both: the hot side
 * only keeps the compiler from reordering (fence_hot), and the rare side has the kernel interrupt every
 * running thread of the process (fence_cold; membarrier(2), private expedited, about 0.4 us). Where the
 * kernel refuses membarrier, the hot side has to execute a fence itself: fence_is_cheap tells.
 */
#ifndef WEIR_OS_FENCE_H
#define WEIR_OS_FENCE_H

#include <stdatomic.h>
#include <stdbool.h>

/* Ask the kernel; call it before the first of the others, once. */
void fence_init(void);

/* May the hot side do without a fence of its own? Constant after fence_init. */
bool fence_is_cheap(void);

/* Is fence_cold still enough on the rare side? Not if the hot side relies on membarrier and a seccomp filter
 * forbids it now (filter.h): from then on no protocol that pairs fence_hot with fence_cold may begin. */
bool fence_works(void);

/* Between the hot side's write and its read. */
static inline void fence_hot(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* Between the rare side's write and its read. On return the caller sees what each thread wrote before its
 * last fence_hot. What a thread reads after a later fence_hot includes what the caller wrote before the call.
 * Keeps errno. */
void fence_cold(void);

#endif
