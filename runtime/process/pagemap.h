/* pagemap: one question to the kernel about all pages of a range: PAGEMAP_SCAN (Linux 6.7;
 * Documentation/admin-guide/mm/pagemap.rst). The kernel skips what has no page tables: a terabyte that was
 * never touched costs nothing. The numbers are those of linux/fs.h, repeated here because the installed
 * header may be too old.
 */
#ifndef WEIR_PROCESS_PAGEMAP_H
#define WEIR_PROCESS_PAGEMAP_H

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The categories of a page. */
enum {
    PAGEMAP_WRITTEN = 1 << 1, /* since it was write-protected */
    PAGEMAP_FILE = 1 << 2,    /* of a file, or shared */
    PAGEMAP_PRESENT = 1 << 3,
    PAGEMAP_SWAPPED = 1 << 4,
    PAGEMAP_ZERO = 1 << 5, /* read, and never written */
    PAGEMAP_HUGE = 1 << 6, /* part of a huge page, mapped as one */
};
/* Flags. PROTECT: write-protect the pages that are reported. ASYNC: fail where write protection is not
 * asynchronous. */
enum { PAGEMAP_PROTECT = 1 << 0, PAGEMAP_ASYNC = 1 << 1 };

typedef struct pagemap_region {
    uint64_t start, end, categories;
} pagemap_region_t;

/* A page is reported if its categories, after those of `inverted` were inverted, include all of `all_of` and
 * any of `any_of`. */
typedef struct pagemap_scan {
    uint64_t size, flags;
    uint64_t start, end; /* multiples of the page */
    uint64_t walk_end;   /* out: where the scan stopped: before `end` if `regions` was full */
    uint64_t regions, region_count;
    uint64_t max_pages;
    uint64_t inverted, all_of, any_of;
    uint64_t returned; /* the categories to report; neighbouring regions differ in them */
} pagemap_scan_t;

/* Returns how many regions were found, or -1 with errno. `fd`: an open pagemap of /proc. Makes one system
 * call. */
static inline long pagemap_scan(int fd, pagemap_scan_t *scan)
{
    scan->size = sizeof *scan;
    return syscall(SYS_ioctl, fd, _IOWR('f', 16, pagemap_scan_t), scan);
}

#endif
