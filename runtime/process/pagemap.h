/* pagemap: one question to the kernel about all pages of a range: PAGEMAP_SCAN (Linux 6.7;
 * Documentation/admin-guide/mm/pagemap.rst). It passes over what has no page tables: a terabyte that was
 * never touched costs nothing. Names and numbers are those of linux/fs.h, which may be older.
 */
#ifndef WEIR_PROCESS_PAGEMAP_H
#define WEIR_PROCESS_PAGEMAP_H

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a page may be. */
enum {
    PAGEMAP_WRITTEN = 1 << 1, /* since it was write-protected */
    PAGEMAP_FILE = 1 << 2,    /* of a file, or shared */
    PAGEMAP_PRESENT = 1 << 3,
    PAGEMAP_SWAPPED = 1 << 4,
    PAGEMAP_ZERO = 1 << 5, /* read, and never written */
};
/* Flags: write-protect what is reported; only where that is watched asynchronously. */
enum { PAGEMAP_PROTECT = 1 << 0, PAGEMAP_ASYNC = 1 << 1 };

typedef struct pagemap_region {
    uint64_t start, end, categories;
} pagemap_region_t;

/* A page is reported if it is, after `inverted` was applied, all of `all_of` and any of `any_of`. */
typedef struct pagemap_scan {
    uint64_t size, flags;
    uint64_t start, end; /* multiples of the page */
    uint64_t walk_end;   /* out: how far it got; regions may have been too few */
    uint64_t regions, region_count;
    uint64_t max_pages;
    uint64_t inverted, all_of, any_of;
    uint64_t returned; /* regions differ in these */
} pagemap_scan_t;

/* How many regions were found; -1, and errno. fd: a pagemap of /proc. Only a system call. */
static inline long pagemap_scan(int fd, pagemap_scan_t *scan)
{
    scan->size = sizeof *scan;
    return syscall(SYS_ioctl, fd, _IOWR('f', 16, pagemap_scan_t), scan);
}

#endif
