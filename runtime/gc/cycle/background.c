/* background: see background.h. */
#include "runtime/gc/cycle/background.h"

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/futex.h"
#include "runtime/cells/cache.h"
#include "runtime/os/os.h"
#include "runtime/os/uncounted.h"
#include "runtime/pages/collapse.h"
#include "runtime/policy/saturate.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/helper.h"
#include "runtime/threads/world.h"

/* No thread waits while the state is STARTING: pthread_create may wait for a lock of the C library that
 * another thread holds while it allocates. If that thread waited here, neither would go on. */
enum background_state { NONE, STARTING, IDLE, ASKED, TRACED, SETTLING, SETTLING_ASKED };

static struct {
    _Atomic uint32_t state; /* enum background_state; a futex for the thread and for those that wait for it */
    _Atomic uint64_t collapse_ns;    /* not yet taken: the thread adds to it, any thread takes it */
    void (*_Atomic run_cycle)(void); /* with `collapse`: written by each thread that asks; always the same */
    bool (*_Atomic collapse)(void);
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

/* --- while nothing is asked for --- */

static bool is_idle(void)
{
    return atomic_load(&background.state) == IDLE;
}

/* Sleep while the thread is idle, but no longer than this; in a blocking section (world.h), so that a stop
 * need not wait for it. */
static void rest(uint64_t ns)
{
    world_block_begin();
    os_futex_wait_for(&background.state, IDLE, ns);
    world_block_end();
}

/* Put the heap on huge pages again. A thread of the program that faults in a page meanwhile waits for the
 * kernel. So the kernel works for a part of the time, and for a small share of the time from one cycle to the
 * next. */
static void collapse_while_idle(void)
{
    enum { SHARE = 16, REST_TIMES = 3, REST_LEAST_NS = 100 * 1000 };
    static uint64_t last_ns; /* when the thread became idle last; 0: never */
    uint64_t now = os_now_ns(), spent = 0, budget = last_ns ? (now - last_ns) / SHARE : 0;
    last_ns = now;
    for (bool more = is_idle() && collapse_begin(); more && spent < budget && is_idle();) {
        uint64_t began = os_now_ns();
        more = atomic_load(&background.collapse)();
        uint64_t took = os_now_ns() - began;
        spent += took;
        rest(most(REST_TIMES * took, REST_LEAST_NS));
    }
    atomic_fetch_add(&background.collapse_ns, spent);
}

/* The thread becomes IDLE in a blocking section: while it is idle, no frame of its last cycle is scanned. */
static void sleep_while_not_asked(bool has_run)
{
    if (has_run) {
        world_block_begin();
        end_cycle();
        world_block_end();
        collapse_while_idle();
    }
    world_block_begin();
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

bool background_ask(void (*run_cycle)(void), bool (*collapse)(void))
{
    uint32_t none = NONE, idle = IDLE, settling = SETTLING;
    if (atomic_load(&background.state) == ASKED)
        return true;
    if (atomic_compare_exchange_strong(&background.state, &settling, SETTLING_ASKED) ||
        settling == SETTLING_ASKED)
        return true;
    background.run_cycle = run_cycle;
    background.collapse = collapse;
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

bool background_is_settling(void)
{
    uint32_t state = atomic_load_explicit(&background.state, memory_order_relaxed);
    return state == SETTLING || state == SETTLING_ASKED;
}

void background_wait_for(uint64_t ns)
{
    os_futex_wait_for(&background.state, ASKED, ns);
}

uint64_t background_take_collapse_ns(void)
{
    return atomic_exchange(&background.collapse_ns, 0);
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
