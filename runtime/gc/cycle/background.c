/* background: see background.h. */
#include "runtime/gc/cycle/background.h"

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/futex.h"
#include "runtime/cells/cache.h"
#include "runtime/os/os.h"
#include "runtime/os/uncounted.h"
#include "runtime/pages/collapse.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/helper.h"
#include "runtime/threads/world.h"

/* No thread waits while the state is STARTING: pthread_create may wait for a lock of the C library that
 * another thread holds while it allocates. If that thread waited here, neither would go on. */
enum background_state { NONE, STARTING, IDLE, ASKED, TRACED, SETTLING, SETTLING_ASKED };

static struct {
    _Atomic uint32_t state; /* enum background_state; a futex for the thread and for those that wait for it */
    _Atomic uint64_t collapse_ns;    /* not yet taken; the thread adds to it, any thread takes it */
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

/* While nothing is asked for, put the heap on huge pages again. A thread of the program that faults in a page
 * meanwhile waits for the kernel. So the kernel works for a part of the time, and for a small share of the
 * time from one cycle to the next. */
static void collapse_while_idle(void)
{
    enum { SHORT_NS = 20 * 1000, REST_TIMES = 3, SHARE = 16 };
    static uint64_t last_ns; /* when the thread became idle last; 0: never */
    uint64_t idle_ns = os_now_ns(), spent = 0, budget = last_ns ? (idle_ns - last_ns) / SHARE : 0;
    last_ns = idle_ns;
    if (!collapse_begin())
        return;
    for (bool more = true; more && spent < budget && atomic_load(&background.state) == IDLE;) {
        uint64_t began = os_now_ns();
        more = collapse_next();
        uint64_t took = os_now_ns() - began;
        spent += took;
        if (took > SHORT_NS)
            os_futex_wait_for(&background.state, IDLE, REST_TIMES * took);
    }
    atomic_fetch_add(&background.collapse_ns, spent);
    collapse_end();
}

/* The thread sleeps in a blocking section (world.h), so that a stop need not wait for it. It becomes IDLE
 * only there: while it is idle, no frame of its last cycle is scanned. */
static void sleep_while_not_asked(bool has_run)
{
    world_block_begin();
    if (has_run) {
        end_cycle();
        collapse_while_idle();
    }
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
    collapse_after_fork_child();
}
