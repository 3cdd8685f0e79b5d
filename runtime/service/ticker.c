/* ticker: see ticker.h. */
#include "runtime/service/ticker.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/futex.h"
#include "runtime/base/text.h"
#include "runtime/config/options.h"
#include "runtime/control/control.h"
#include "runtime/observe/stats_print.h"
#include "runtime/os/os.h"
#include "runtime/os/uncounted.h"
#include "runtime/service/turns.h"
#include "runtime/threads/world.h"

enum { TICK_NS = 100 * 1000 * 1000, STACK = 256 * 1024 /* callbacks of the program's run on it */ };
static const uint64_t second_ns = 1000 * 1000 * 1000;

static turns_t turns;

static void on_ticker_signal(int number)
{
    (void)number;
    turns_ask(&turns);
}

/* Sleep until the account is asked for, or the next turn is due. True: the account is asked for. */
static bool wait_for_turn(uint32_t seen, uint64_t print_at)
{
    uint64_t now = os_now_ns(), pause = options.background ? TICK_NS : UINT64_MAX;
    uint64_t left = print_at > now ? print_at - now : 0;
    if (options.statsevery && left < pause)
        pause = left;
    world_block_begin();
    if (pause == UINT64_MAX)
        os_futex_wait(&turns.asked, seen);
    else
        os_futex_wait_for(&turns.asked, seen, pause);
    world_block_end();
    return atomic_load(&turns.asked) != seen;
}

/* Several signals that arrive before the thread wakes count as one. */
static void *ticker_main(void *unused)
{
    const uint64_t every = (uint64_t)options.statsevery * second_ns;
    uint64_t print_at = os_now_ns() + every;
    for (uint32_t seen = 0;;) {
        bool prints = wait_for_turn(seen, print_at);
        seen = atomic_load(&turns.asked);
        if (!turns_begin(&turns)) {
            uncounted_ends();
            return unused;
        }
        if (every && os_now_ns() >= print_at) {
            prints = true;
            print_at += every;
        }
        if (prints)
            stats_print_now();
        if (options.background)
            control_tick();
        turns_end(&turns);
    }
}

static void ticker_start(void)
{
    if (!turns_start(&turns, ticker_main, STACK)) {
        text_say(
            "weir: WEIR_BACKGROUND, statsevery, statssignal: no thread can be created; they have no effect\n");
        return;
    }
    int64_t number = options.statssignal;
    if (number != 0 && !(turns_signal_is_free(number) && turns_take_signal(number, on_ticker_signal)))
        text_say("weir: WEIR_DEBUG=statssignal: the signal cannot be used\n");
}

void ticker_prepare(void)
{
    bool prints = (options.statsevery != 0 || options.statssignal != 0) && stats_print_is_asked();
    if (options.background || prints)
        ticker_start();
}

void ticker_at_exit(void)
{
    turns_at_exit(&turns);
}
