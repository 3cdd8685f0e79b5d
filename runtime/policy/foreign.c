/* foreign: see foreign.h. */
#include "runtime/policy/foreign.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* If the window has ended, it becomes the one before. If the window after it has ended as well, neither
 * counts any more. */
static void turn_windows(foreign_t *foreign, uint64_t now)
{
    if (now < foreign->window_ends)
        return;
    foreign->highest[1] = now < foreign->window_ends + FOREIGN_WINDOW_NS ? foreign->highest[0] : 0;
    foreign->highest[0] = 0;
    foreign->window_ends = now + FOREIGN_WINDOW_NS;
}

void foreign_note(foreign_t *foreign, size_t resident, size_t held, size_t step, uint64_t now)
{
    size_t difference = resident > held ? resident - held : 0;
    turn_windows(foreign, now);
    foreign->resident = resident;
    foreign->highest[0] = larger(foreign->highest[0], difference);
    size_t highest = larger(foreign->highest[0], foreign->highest[1]);
    if (highest > foreign->bytes || highest + 2 * step <= foreign->bytes)
        foreign->bytes = (highest + step - 1) / step * step;
}
