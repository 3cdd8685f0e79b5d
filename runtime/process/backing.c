/* backing: see backing.h. */
#include "runtime/process/backing.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/descriptor.h"
#include "runtime/base/filter.h"
#include "runtime/os/os.h"
#include "runtime/process/pagemap.h"

int backing_open(void)
{
    return filter_permits(FILTER_DIRTY) ? descriptor_open("/proc/self/pagemap") : -1;
}

/* Neighbouring pages of the same categories are one region. The program may have closed the descriptor, and
 * opened a file under its number: such a file does not know the request. */
static bool is_by_small_pages(int descriptor, uintptr_t from, uintptr_t to)
{
    pagemap_region_t region;
    pagemap_scan_t scan = {.start = from,
                           .end = to,
                           .regions = (uintptr_t)&region,
                           .region_count = 1,
                           .all_of = PAGEMAP_PRESENT,
                           .returned = PAGEMAP_PRESENT | PAGEMAP_FILE | PAGEMAP_ZERO | PAGEMAP_HUGE};
    return pagemap_scan(descriptor, &scan) == 1 && region.start == from && region.end == to &&
           region.categories == PAGEMAP_PRESENT;
}

/* After a fork, parent and child share their pages. */
static bool is_mapped_once(int descriptor, uintptr_t from)
{
    enum { PAGES = OS_HUGE_PAGE / OS_PAGE };
    const uint64_t mapped_once = (uint64_t)1 << 56;
    uint64_t pages[PAGES];
    if (syscall(SYS_pread64, descriptor, pages, sizeof pages, from / OS_PAGE * sizeof *pages) !=
        (long)sizeof pages)
        return false;
    uint64_t all = UINT64_MAX;
    for (size_t i = 0; i < PAGES; i++)
        all &= pages[i];
    return all & mapped_once;
}

bool backing_is_by_own_small_pages(int descriptor, const void *start)
{
    int saved = errno;
    uintptr_t from = (uintptr_t)start;
    bool is = is_by_small_pages(descriptor, from, from + OS_HUGE_PAGE) && is_mapped_once(descriptor, from);
    errno = saved;
    return is;
}
