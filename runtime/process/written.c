/* written: see written.h. The format of both files: Linux, Documentation/filesystems/proc.rst and
 * Documentation/admin-guide/mm/pagemap.rst. */
#include "runtime/process/written.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/os/os.h"
#include "runtime/process/maps.h"
#include "runtime/process/pagemap.h"
#include "runtime/process/peek.h"

/* Bits of a page's word in /proc/thread-self/pagemap. A private page of a file is OF_FILE until it is
 * written. */
#define PRESENT ((uint64_t)1 << 63)
#define SWAPPED ((uint64_t)1 << 62)
#define OF_FILE ((uint64_t)1 << 61)
#define GUARD ((uint64_t)1 << 58)

static int open_for_reading(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

/* --- the mappings --- */

/* Open while written_each_mapping runs; else -1. */
static int open_pagemap = -1;

static bool is_kernels(const char *name, size_t length)
{
    return length >= 2 && name[0] == '[' && name[1] == 'v';
}

/* "[heap]" is the memory of brk; "[anon:NAME]" has got a name by prctl. */
static unsigned anonymous(const char *name, size_t length)
{
    bool is = length == 0 || (length >= 2 && name[0] == '[' && (name[1] == 'a' || name[1] == 'h'));
    return is ? WRITTEN_IS_ANONYMOUS : 0;
}

bool written_each_mapping(written_mapping *mapping)
{
    static char piece[4096]; /* not on a stack that may be small; one caller at a time */
    maps_t maps;
    maps_line_t line;
    char name[2];
    bool any = false;
    if (!maps_open(&maps, piece, sizeof piece))
        return false;
    open_pagemap = open_for_reading("/proc/thread-self/pagemap");
    for (; maps_next(&maps, &line, name, sizeof name); any = true)
        if (line.may & MAPS_PRIVATE && !is_kernels(name, line.length))
            mapping(line.from, line.to, (line.may & WRITTEN_MAY) | anonymous(name, line.length));
    if (open_pagemap >= 0)
        syscall(SYS_close, open_pagemap);
    open_pagemap = -1;
    maps_close(&maps);
    return any;
}

/* --- the pages --- */

static bool is_written(uint64_t page)
{
    return page & SWAPPED || (page & PRESENT && !(page & OF_FILE));
}

/* What is visited: the written part of [from, to), of a mapping that permits `may`. */
typedef struct look {
    uintptr_t from, to;
    unsigned may;
    written_range *visit;
} look_t;

static void visit_within(const void *of, uintptr_t low, uintptr_t high)
{
    const look_t *look = of;
    look->visit(low > look->from ? low : look->from, high < look->to ? high : look->to);
}

/* Whole pages, all of them present or none. */
static void visit_pages(const look_t *look, uintptr_t low, uintptr_t high, bool present)
{
    if (present || !(look->may & WRITTEN_MAY_READ))
        visit_within(look, low, high);
    else
        peek_each_readable(low, high, visit_within, look);
}

static void each_written(const uint64_t *pages, size_t count, uintptr_t start, const look_t *look)
{
    for (size_t i = 0, first = 0; i < count; first = i) {
        bool present = pages[i] & PRESENT;
        while (i < count && is_written(pages[i]) && (bool)(pages[i] & PRESENT) == present)
            i++;
        if (i > first)
            visit_pages(look, start + first * OS_PAGE, start + i * OS_PAGE, present);
        else
            i++;
    }
}

static bool read_pages(int fd, const look_t *look)
{
    enum { PAGES = 2048 };
    static uint64_t pages[PAGES];
    uintptr_t at = look->from & ~(uintptr_t)(OS_PAGE - 1);
    long got = 1;
    while (at < look->to && got > 0) {
        size_t wanted = (look->to - at + OS_PAGE - 1) / OS_PAGE;
        wanted = wanted < PAGES ? wanted : PAGES;
        got = syscall(SYS_pread64, fd, pages, wanted * sizeof *pages, at / OS_PAGE * sizeof *pages);
        if (got > 0) {
            each_written(pages, (size_t)got / sizeof *pages, at, look);
            at += (size_t)got / sizeof *pages * OS_PAGE;
        }
    }
    return got > 0;
}

/* Addresses that were left in static data or on the stack would be roots for the collector. */
static void forget(void *addresses, size_t size)
{
    memset(addresses, 0, size);
    __asm__ volatile("" : : "r"(addresses) : "memory");
}

/* False: the kernel has no such call. */
static bool scan_written_pages(int fd, const look_t *look)
{
    enum { REGIONS = 512 };
    static pagemap_region_t regions[REGIONS];
    pagemap_scan_t scan = {.start = look->from & ~(uintptr_t)(OS_PAGE - 1),
                           .end = look->to,
                           .regions = (uintptr_t)regions,
                           .region_count = REGIONS,
                           .inverted = PAGEMAP_FILE | PAGEMAP_ZERO,
                           .all_of = PAGEMAP_FILE | PAGEMAP_ZERO,
                           .any_of = PAGEMAP_PRESENT | PAGEMAP_SWAPPED,
                           .returned = PAGEMAP_PRESENT};
    bool known = true;
    for (; known && scan.start < look->to; scan.start = scan.walk_end) {
        long count = pagemap_scan(fd, &scan);
        known = count >= 0 && scan.walk_end > scan.start;
        for (long i = 0; known && i < count; i++)
            visit_pages(look, regions[i].start, regions[i].end, regions[i].categories & PAGEMAP_PRESENT);
        forget(regions, count > 0 ? (size_t)count * sizeof *regions : 0);
    }
    forget(&scan, sizeof scan);
    return known;
}

bool written_each_range(uintptr_t from, uintptr_t to, unsigned may, written_range *visit)
{
    const look_t look = {from, to, may, visit};
    int fd = open_pagemap >= 0 ? open_pagemap : open_for_reading("/proc/thread-self/pagemap");
    if (fd < 0)
        return false;
    bool known = scan_written_pages(fd, &look) || read_pages(fd, &look);
    if (fd != open_pagemap)
        syscall(SYS_close, fd);
    return known;
}

/* Is it known that nothing is mapped there? */
static bool is_unmapped(uintptr_t address)
{
    unsigned char resident;
    uintptr_t page = address & ~(uintptr_t)(OS_PAGE - 1);
    return filter_permits(FILTER_PAGES) && mincore((void *)page, OS_PAGE, &resident) < 0 && errno == ENOMEM;
}

/* Does the kernel say that the page holds nothing, and that every access to it faults (Linux 6.15)? */
static bool is_guard(uintptr_t address)
{
    uint64_t page = 0;
    int fd = open_for_reading("/proc/thread-self/pagemap");
    bool known = fd >= 0 && syscall(SYS_pread64, fd, &page, sizeof page, address / OS_PAGE * sizeof page) > 0;
    if (fd >= 0)
        syscall(SYS_close, fd);
    return known && page & GUARD;
}

/* Another task may unmap the page and map it again, between the reading and the question: so both are
 * repeated. */
static enum written_copied copy_page(int fd, void *to, uintptr_t from, size_t size)
{
    enum { TRIES = 16 };
    for (int i = 0; i < TRIES; i++) {
        if (syscall(SYS_pread64, fd, to, size, from) == (long)size)
            return WRITTEN_COPIED;
        if (is_unmapped(from) || is_guard(from))
            return WRITTEN_GONE;
    }
    return WRITTEN_REFUSED;
}

/* /proc/thread-self/mem can be read whatever access the mapping allows. */
enum written_copied written_copy(void *to, uintptr_t from, size_t size)
{
    int error = errno, fd = open_for_reading("/proc/thread-self/mem");
    enum written_copied copied = fd < 0 ? WRITTEN_REFUSED : copy_page(fd, to, from, size);
    if (fd >= 0)
        syscall(SYS_close, fd);
    errno = error;
    return copied;
}

static void ignore_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    (void)from, (void)to, (void)may;
}

static void ignore_range(uintptr_t from, uintptr_t to)
{
    (void)from, (void)to;
}

bool written_is_known(void)
{
    uintptr_t here = (uintptr_t)&open_pagemap & ~(uintptr_t)(OS_PAGE - 1);
    return written_each_mapping(ignore_mapping) &&
           written_each_range(here, here + OS_PAGE, WRITTEN_MAY_READ, ignore_range);
}
