/* What tests of the collector share: addresses that it does not recognise, stacks without leftovers, and
 * whether an object is still there. */
#ifndef WEIR_UNIT_HIDDEN_H
#define WEIR_UNIT_HIDDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <weir/gc.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/background.h"

/* An address that the collector does not recognise. */
typedef struct hidden {
    uintptr_t bits;
} hidden_t;

static inline hidden_t hide(const void *p)
{
    return (hidden_t){~(uintptr_t)p};
}

static inline void *reveal(hidden_t p)
{
    return (void *)~p.bits;
}

/* What an earlier frame left behind on the stack may keep an object alive: write over it. */
__attribute__((noinline, unused, no_sanitize("address"))) static void clear_stack(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

/* A frame that begins with zeros. A compiler may push a register for alignment, and a register in which a
 * function returned a bool may hold an address of which only the last byte was overwritten. */
__attribute__((noinline, unused, no_sanitize("address"))) static void collect_below(void)
{
    volatile uintptr_t own[4] = {0};
    clear_stack();
    weir_gc();
    collected_verify();
    (void)own[0];
}

/* The frame just below the test's may have gaps that show what stood there before, so clear that first. The
 * thread that marks beside the program also keeps an object whose address it has, so wait until it rests. */
__attribute__((always_inline, unused)) static inline void collect(void)
{
    for (int i = 0; i < 10000 && !background_is_at_rest(); i++)
        usleep(100);
    clear_stack();
    collect_below();
}

/* Is the object that was there still allocated? Garbage is, until its span is swept. */
__attribute__((noinline, unused)) static bool is_alive(hidden_t p)
{
    collected_sweep_rest();
    return weir_gc_base(reveal(p)) != NULL;
}

#endif
