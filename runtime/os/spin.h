/* spin: a spin lock for critical sections of a few instructions. */
#ifndef WEIR_OS_SPIN_H
#define WEIR_OS_SPIN_H

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/cpu.h"
#include "runtime/os/os.h"

typedef struct spin {
    _Atomic uint32_t held;
} spin_t;

/* Wait for one turn. After many turns, yield: the thread that is waited for may need this processor. */
static inline void spin_pause(uint32_t turns)
{
    enum { TURNS = 200 };
    if (turns < TURNS)
        cpu_pause();
    else
        os_yield();
}

static inline void spin_acquire(spin_t *spin)
{
    for (uint32_t turns = 0; atomic_exchange_explicit(&spin->held, 1, memory_order_acquire); turns++)
        spin_pause(turns);
}

static inline void spin_release(spin_t *spin)
{
    atomic_store_explicit(&spin->held, 0, memory_order_release);
}

#endif
