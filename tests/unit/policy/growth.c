/* growth: the trigger of cycles, as arithmetic. */
#include <criterion/criterion.h>

#include "runtime/policy/growth.h"
#include "tests/unit/support.h"

Test(growth, unsubscribed_it_requests_nothing)
{
    growth_t growth = GROWTH_UNSUBSCRIBED;
    growth_fell(&growth, 0, 100);
    growth_aim(&growth, 100);
    cr_expect_eq(growth.trigger, SIZE_MAX);
}

Test(growth, triggered_after_the_percentage_of_what_was_in_use)
{
    growth_t growth = GROWTH_UNSUBSCRIBED;
    growth_restart(&growth, 1000 * MIB(1), 100);
    cr_expect_eq(growth.trigger, 2000 * MIB(1));
    growth_aim(&growth, 50);
    cr_expect_eq(growth.trigger, 1500 * MIB(1));
    growth_aim(&growth, -1);
    cr_expect_eq(growth.trigger, SIZE_MAX);
}

Test(growth, a_small_heap_grows_by_four_mebibytes)
{
    growth_t growth = GROWTH_UNSUBSCRIBED;
    growth_restart(&growth, 100, 100);
    cr_expect_eq(growth.trigger, 100 + MIB(4) / 100 * 100);
}

Test(growth, measured_from_the_lowest)
{
    growth_t growth = GROWTH_UNSUBSCRIBED;
    growth_restart(&growth, 100 * MIB(1), 100);
    growth_fell(&growth, 20 * MIB(1), 100);
    growth_fell(&growth, 30 * MIB(1), 100);
    cr_expect_leq(growth.trigger, 40 * MIB(1));
    cr_expect_geq(growth.trigger, 39 * MIB(1));
}

Test(growth, does_not_overflow)
{
    growth_t growth = GROWTH_UNSUBSCRIBED;
    growth_restart(&growth, SIZE_MAX / 4, INT32_MAX);
    cr_expect_eq(growth.trigger, SIZE_MAX);
    growth_restart(&growth, SIZE_MAX - 10, 100);
    cr_expect_eq(growth.trigger, SIZE_MAX);
}
