/* growth: see growth.h. */
#include "runtime/policy/growth.h"

enum { GROWTH_FLOOR = 4 * 1024 * 1024 };

void growth_aim(growth_t *growth, int64_t percent)
{
    size_t base = growth->low > GROWTH_FLOOR ? growth->low : GROWTH_FLOOR, step;
    if (!growth->subscribed || percent < 0 || __builtin_mul_overflow(base / 100, (size_t)percent, &step) ||
        __builtin_add_overflow(growth->low, step, &growth->trigger))
        growth->trigger = SIZE_MAX;
}

void growth_restart(growth_t *growth, size_t inuse, int64_t percent)
{
    growth->subscribed = true;
    growth->low = inuse;
    growth_aim(growth, percent);
}
