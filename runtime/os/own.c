/* own: see own.h. */
#include "runtime/os/own.h"

#include <stdatomic.h>
#include <stddef.h>

#include "runtime/os/os.h"

enum { RANGES = 4096 };

/* Entered in order, never taken out. */
static struct {
    _Atomic uintptr_t from, to;
} ranges[RANGES];
static _Atomic uint32_t count;

/* This library, or the program that it is linked into, from its first header to the end of its data: the linker's. */
HIDDEN extern const char __ehdr_start[], _end[];

void own_add(uintptr_t from, uintptr_t to)
{
    uint32_t place = atomic_fetch_add(&count, 1);
    if (place >= RANGES)
        return;
    ranges[place].from = from;
    ranges[place].to = to;
}

/* The lowest of the own ranges that reach into [at, to): *from and *end; false: there is none. */
static bool next_own(uintptr_t at, uintptr_t to, uintptr_t *from, uintptr_t *end)
{
    uint32_t known = count < RANGES ? count : RANGES;
    *from = (uintptr_t)__ehdr_start;
    *end = (uintptr_t)_end;
    bool found = *from<to && * end> at;
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
