/* own: see own.h. */
#include "runtime/os/own.h"

#include <stdatomic.h>
#include <stddef.h>

#include "runtime/base/compiler.h"

enum { RANGES = 4096 };

/* from == 0: the entry is free. to == 0: the range is being added or removed, and is ignored. */
static struct {
    _Atomic uintptr_t from, to;
} ranges[RANGES];
static _Atomic uint32_t count; /* the entries from here on were never used */

/* Defined by the linker: the first header of this library, or of the program that it is linked into, and the
 * end of its data. */
HIDDEN extern const char __ehdr_start[], _end[];

static void count_at_least(uint32_t wanted)
{
    uint32_t known = count;
    while (known < wanted && !atomic_compare_exchange_weak(&count, &known, wanted))
        ;
}

void own_add(uintptr_t from, uintptr_t to)
{
    for (uint32_t i = 0; i < RANGES; i++) {
        uintptr_t nobody = 0;
        if (!atomic_compare_exchange_strong(&ranges[i].from, &nobody, from))
            continue;
        ranges[i].to = to;
        count_at_least(i + 1);
        return;
    }
}

void own_remove(uintptr_t from, uintptr_t to)
{
    for (uint32_t i = 0; i < count; i++)
        if (ranges[i].from == from && ranges[i].to == to) {
            ranges[i].to = 0;
            ranges[i].from = 0;
            return;
        }
}

bool own_has_in_image(uintptr_t address)
{
    return address - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start);
}

/* Find the lowest own range that overlaps [at, to): *from and *end. False: there is none. */
static bool next_own(uintptr_t at, uintptr_t to, uintptr_t *from, uintptr_t *end)
{
    uint32_t known = count;
    *from = (uintptr_t)__ehdr_start;
    *end = (uintptr_t)_end;
    bool found = at < *end && *from < to;
    for (uint32_t i = 0; i < known; i++) {
        uintptr_t low = ranges[i].from, high = ranges[i].to;
        if (low < to && high > at && (!found || low < *from)) {
            *from = low;
            *end = high;
            found = true;
        }
    }
    return found;
}

void own_subtract(uintptr_t from, uintptr_t to, void (*part)(uintptr_t from, uintptr_t to))
{
    uintptr_t low, high;
    while (from < to && next_own(from, to, &low, &high)) {
        if (low > from)
            part(from, low);
        from = high;
    }
    if (from < to)
        part(from, to);
}
