/* stats: the public functions for the account. The caller gets as much of weir_mem_stats as it was compiled
 * with. */
#include <weir/stats.h>

#include <string.h>

#include "runtime/observe/stats.h"
#include "runtime/pages/pages.h"

void weir_reset_peak_held(void)
{
    pages_peak_held(true);
}

size_t weir_read_mem_stats_sized(void *stats, size_t size)
{
    weir_mem_stats known;
    stats_read(&known);
    memcpy(stats, &known, size < sizeof known ? size : sizeof known);
    if (size > sizeof known)
        memset((char *)stats + sizeof known, 0, size - sizeof known);
    return sizeof known;
}
