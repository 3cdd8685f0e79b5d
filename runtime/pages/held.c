/* held: see held.h. */
#include "runtime/pages/held.h"

#include "runtime/os/os.h"
#include "runtime/pages/pages_state.h"
#include "runtime/region/region.h"

static size_t peak;

size_t held_idle(void)
{
    return page_stats.pages_idle * OS_PAGE + page_stats.huge_idle;
}

size_t held_inuse(void)
{
    return page_stats.pages_inuse * OS_PAGE + page_stats.huge_inuse;
}

size_t held_bytes(void)
{
    return atomic_load(&page_stats.touched) * OS_PAGE + page_stats.huge_inuse - page_stats.huge_moving +
           page_stats.huge_idle + region_table_bytes() + atomic_load(&page_stats.metadata);
}

void held_raise_peak(size_t held)
{
    if (held > peak)
        peak = held;
}

size_t held_peak(bool reset)
{
    if (reset)
        peak = 0;
    held_raise_peak(held_bytes());
    return peak;
}
