/* waits: see waits.h. */
#include "runtime/gc/cycle/waits.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/os/os.h"

/* One word, so that both parts are of the same moment:
 *
 *      63      44 43                                0
 *     +----------+-----------------------------------+
 *     | threads  | ends - begins, in microseconds    |
 *     +----------+-----------------------------------+
 *      that wait   modulo 2^44: 203 days
 */
enum { US_BITS = 44 };
static const uint64_t US_MASK = ((uint64_t)1 << US_BITS) - 1;

static struct {
    _Atomic uint64_t word;  /* any thread writes it */
    _Atomic uint64_t begun; /* waits that have begun; any thread writes it */
} waits;

static uint64_t word_of(uint64_t threads, uint64_t us)
{
    return threads << US_BITS | (us & US_MASK);
}

static uint64_t now_us(void)
{
    return os_now_ns() / 1000;
}

/* The time is read after the word. So no time in the word is later than it, and the difference is not
 * negative. */
static void change(uint64_t threads, bool begins)
{
    uint64_t word = atomic_load(&waits.word), next;
    do {
        uint64_t now = now_us();
        next = word_of((word >> US_BITS) + threads, begins ? word - now : word + now);
    } while (!atomic_compare_exchange_weak(&waits.word, &word, next));
}

void waits_begin(void)
{
    atomic_fetch_add(&waits.begun, 1);
    change(1, true);
}

void waits_end(void)
{
    change((uint64_t)-1, false);
}

/* What goes on counts as if it had ended now, and begun again. */
waits_t waits_take(void)
{
    uint64_t word = atomic_load(&waits.word), threads, now;
    do {
        now = now_us();
        threads = word >> US_BITS;
    } while (!atomic_compare_exchange_weak(&waits.word, &word, word_of(threads, 0 - threads * now)));
    return (waits_t){.count = atomic_exchange(&waits.begun, threads),
                     .ns = ((word + threads * now) & US_MASK) * 1000};
}

uint64_t waits_begun(void)
{
    return atomic_load_explicit(&waits.begun, memory_order_relaxed);
}

void waits_after_fork_child(void)
{
    atomic_store(&waits.word, 0);
    atomic_store(&waits.begun, 0);
}
