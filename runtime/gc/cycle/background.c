/* background: see background.h. */
#include "runtime/gc/cycle/background.h"

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/futex.h"
#include "runtime/cells/cache.h"
#include "runtime/os/uncounted.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/helper.h"
#include "runtime/threads/world.h"

/* No thread waits while the state is STARTING: pthread_create may wait for a lock of the C library that
 * another thread holds while it allocates. If that thread waited here, neither would go on. */
enum background_state { NONE, STARTING, IDLE, ASKED, TRACED, SETTLING, SETTLING_ASKED };

static struct {
    _Atomic uint32_t state; /* enum background_state; a futex for the thread and for those that wait for it */
    void (*_Atomic run_cycle)(void); /* written by each thread that asks; always the same */
} background;
static __thread bool is_background;

static void set_state(enum background_state state)
{
    atomic_store(&background.state, state);
    os_futex_wake_all(&background.state);
}

static void end_cycle(void)
{
    uint32_t state = atomic_load(&background.state);
    while (!atomic_compare_exchange_weak(&background.state, &state, state == SETTLING_ASKED ? ASKED : IDLE))
        ;
    os_futex_wake_all(&background.state);
}

/* The thread sleeps in a blocking section (world.h), so that a stop need not wait for it. It becomes IDLE
 * only there: while it is idle, no frame of its last cycle is scanned. */
static void sleep_while_not_asked(bool has_run)
{
    world_block_begin();
    if (has_run)
        end_cycle();
    for (uint32_t state; (state = atomic_load(&background.state)) != ASKED;)
        os_futex_wait(&background.state, state);
    world_block_end();
}

static void *background_main(void *argument)
{
    (void)argument;
    is_background = true;
    if (!helper_begin()) {
        set_state(NONE);
        uncounted_ends();
        return NULL;
    }
    for (bool has_run = false;; has_run = true) {
        sleep_while_not_asked(has_run);
        void (*run_cycle)(void) = atomic_load(&background.run_cycle);
        run_cycle();
    }
}

bool background_ask(void (*run_cycle)(void))
{
    uint32_t none = NONE, idle = IDLE, settling = SETTLING;
    if (atomic_load(&background.state) == ASKED)
        return true;
    if (atomic_compare_exchange_strong(&background.state, &settling, SETTLING_ASKED) ||
        settling == SETTLING_ASKED)
        return true;
    background.run_cycle = run_cycle;
    if (atomic_compare_exchange_strong(&background.state, &none, STARTING)) {
        uint32_t starting = STARTING;
        if (!helper_start(background_main, NULL)) {
            set_state(NONE);
            return false;
        }
        bool asked = atomic_compare_exchange_strong(&background.state, &starting, ASKED);
        os_futex_wake_all(&background.state);
        return asked; /* false: the thread got no heap and has ended */
    }
    if (!atomic_compare_exchange_strong(&background.state, &idle, ASKED))
        return false;
    os_futex_wake_all(&background.state);
    return true;
}

bool background_is_asked(void)
{
    return atomic_load_explicit(&background.state, memory_order_relaxed) == ASKED;
}

bool background_is_collecting(void)
{
    uint32_t state = atomic_load_explicit(&background.state, memory_order_relaxed);
    return state == ASKED || state == TRACED;
}

void background_wait(void)
{
    while (atomic_load(&background.state) == ASKED)
        os_futex_wait(&background.state, ASKED);
}

void background_wait_released(void)
{
    for (uint32_t state; (state = atomic_load(&background.state)) == ASKED || state == TRACED;)
        os_futex_wait(&background.state, state);
}

bool background_is_releasing(void)
{
    return atomic_load_explicit(&background.state, memory_order_relaxed) == TRACED;
}

void background_wait_released_for(uint64_t ns)
{
    os_futex_wait_for(&background.state, TRACED, ns);
}

bool background_is_settling(void)
{
    uint32_t state = atomic_load_explicit(&background.state, memory_order_relaxed);
    return state == SETTLING || state == SETTLING_ASKED;
}

void background_wait_for(uint64_t ns)
{
    os_futex_wait_for(&background.state, ASKED, ns);
}

bool background_is_at_rest(void)
{
    uint32_t state = atomic_load(&background.state);
    return state == NONE || state == IDLE;
}

bool background_is_caller(void)
{
    return is_background;
}

void background_traced(void)
{
    if (is_background)
        set_state(TRACED);
}

void background_released(void)
{
    if (is_background)
        set_state(SETTLING);
}

void background_after_fork_child(void)
{
    if (!is_background)
        atomic_store(&background.state, NONE);
}
