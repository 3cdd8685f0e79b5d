/* control: see control.h. */
#include "runtime/control/control.h"

#include <stdatomic.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/control/shed.h"
#include "runtime/control/trim.h"
#include "runtime/cycle/cycle.h"
#include "runtime/cycle/percent.h"
#include "runtime/pages/pages.h"
#include "runtime/threads/attach.h"

static uint64_t started_ns; /* written once, at the start */

/* Start the runtime before a knob is turned: the start sets the knobs from the environment, and would undo
 * what was turned before the first allocation. */
static void start(void)
{
    thread_heap();
    thread_return_borrowed();
}

void control_init(void)
{
    started_ns = os_now_ns();
    percent_set(options.gogc > INT32_MAX ? INT32_MAX : (int)options.gogc);
    pages_set_limit_scope(options.memlimit_scope == OPTIONS_SCOPE_PROCESS);
    pages_set_soft_limit(options.memlimit);
    pages_set_hard_limit(options.hardlimit);
    pages_follow_memory(options.shares[OPTIONS_memlimit], options.shares[OPTIONS_hardlimit]);
    cycle_serve_limit(shed_run, shed_tell);
}

int control_set_gc_percent(int percent)
{
    start();
    return percent_set(percent);
}

static void run_what_is_due(void)
{
    if (cycle_is_requested())
        cycle_run_requested(false);
}

int64_t control_set_memory_limit(int64_t bytes)
{
    start();
    if (bytes < 0)
        return pages_soft_limit();
    int64_t old = pages_set_soft_limit(bytes);
    run_what_is_due();
    return old;
}

int64_t control_set_hard_limit(int64_t bytes)
{
    start();
    if (bytes < 0)
        return pages_hard_limit();
    int64_t old = pages_set_hard_limit(bytes);
    run_what_is_due();
    return old;
}

bool control_set_limit_scope(bool is_process)
{
    start();
    bool old = pages_set_limit_scope(is_process);
    run_what_is_due();
    return old;
}

void control_set_hard_limit_callback(void (*callback)(void *context, size_t wanted), void *context)
{
    pages_set_refusal_callback(callback, context);
}

void control_set_pressure_callback(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                                   void *context)
{
    start();
    pages_watch_pressure(percent, callback, context);
    run_what_is_due();
}

void control_thread_idle(void)
{
    if (!cache.heap)
        return;
    trim_own();
    pages_apply_rule();
    run_what_is_due();
}

/* Does nothing within 100 ms of the last time. Of several threads one goes on: the one that moves next_ns. */
void control_tick(void)
{
    static const uint64_t pause_ns = 100 * 1000 * 1000;
    static _Atomic uint64_t next_ns;
    uint64_t now = os_now_coarse_ns(), next = next_ns;
    if (now < next || !atomic_compare_exchange_strong(&next_ns, &next, now + pause_ns))
        return;
    start();
    pages_look(0);
    pages_apply_rule();
    cycle_age_if_older(10 * (uint64_t)1000 * 1000 * 1000);
    run_what_is_due();
}

void control_free_os_memory(void)
{
    cycle_run(CYCLE_FORCED);
    trim_all(0);
}

uint64_t control_started_ns(void)
{
    return started_ns;
}

int64_t control_memory_limit(void)
{
    return pages_soft_limit();
}

int64_t control_hard_limit(void)
{
    return pages_hard_limit();
}
