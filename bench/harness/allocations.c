/* allocations: how much has been allocated so far, asked of weir if this process has one.
 *
 * The harness does not link weir, so that programs under any malloc can be measured with it. dlsym finds the
 * function in libweir.so, linked or preloaded as libweir-malloc.so; the weak reference finds it in a program
 * that has libweir.a in it. The reference alone is not enough: the linker may have resolved it to NULL.
 */
#include <dlfcn.h>
#include <stddef.h>

#include <weir/stats.h>

#include "bench/harness/harness.h"

#pragma weak weir_read_mem_stats_sized

typedef size_t read_account(void *stats, size_t size);

static read_account *find_reader(void)
{
    static read_account *found;
    static bool looked;
    if (!looked) {
        void *symbol = dlsym(RTLD_DEFAULT, "weir_read_mem_stats_sized");
        found = symbol != NULL ? (read_account *)symbol : &weir_read_mem_stats_sized;
        looked = true;
    }
    return found;
}

bool allocations_read(struct allocated *now)
{
    weir_mem_stats stats;
    read_account *reader = find_reader();
    *now = (struct allocated){0};
    if (reader == NULL)
        return false;
    reader(&stats, sizeof stats);
    *now = (struct allocated){.blocks = stats.mallocs,
                              .bytes = stats.total_alloc,
                              .released = stats.os_released_bytes,
                              .collector_ns = stats.gc_cpu_ns};
    return true;
}
