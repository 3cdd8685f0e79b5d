/* leaks_signal: see leaks_signal.h. */
#include "runtime/service/leaks_signal.h"

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/futex.h"
#include "runtime/base/text.h"
#include "runtime/config/options.h"
#include "runtime/os/uncounted.h"
#include "runtime/service/turns.h"
#include "runtime/threads/world.h"

static turns_t turns;
static void (*print_report)(void);

static void on_leaks_signal(int number)
{
    (void)number;
    turns_ask(&turns);
}

/* Several signals that arrive before the thread wakes count as one. */
static void *leaks_main(void *unused)
{
    uint32_t seen = 0;
    for (;;) {
        world_block_begin();
        while (atomic_load(&turns.asked) == seen)
            os_futex_wait(&turns.asked, seen);
        world_block_end();
        seen = atomic_load(&turns.asked);
        if (!turns_begin(&turns)) {
            uncounted_ends();
            return unused;
        }
        print_report();
        turns_end(&turns);
    }
}

void leaks_signal_prepare(void (*print)(void))
{
    print_report = print;
    int64_t number = options.leaksignal;
    if (number == 0)
        return;
    if (!turns_signal_is_free(number) || !turns_start(&turns, leaks_main, 0) ||
        !turns_take_signal(number, on_leaks_signal))
        text_say("weir: WEIR_DEBUG=leaksignal: the signal cannot be used; there is a report at exit only\n");
}

void leaks_signal_end(void)
{
    turns_at_exit(&turns);
}
