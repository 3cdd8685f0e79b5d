/* malloc_report: the C library's functions that report on malloc, answered from the heap's account
 * (weir/stats.h); and glibc's knobs, which this heap does not have.
 *
 *     arena, "system bytes"      bytes held from the kernel for the heap: heap_sys - heap_released
 *     uordblks, "in use bytes"   bytes in allocated blocks: heap_alloc
 *     fordblks                   the rest of what is held
 *     keepcost                   what malloc_trim(0) could give back: the idle part of what is held
 *
 * Nothing is mapped block by block, so the fields for mmap are 0; so are the counts of free pieces, which
 * this heap does not keep.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <weir/stats.h>

#include "runtime/base/text.h"
#include "runtime/observe/stats.h"
#include "runtime/os/os.h"
#include "runtime/swap/swap.h"

/* The figures that these functions report. A weir_mem_stats has 7 KiB, too much for a small stack, so it is
 * read into memory of its own. All zero: the kernel has no memory for it. */
typedef struct report {
    uint64_t held, system, in_use, idle_held;
} report_t;

static report_t report_read(void)
{
    int saved = errno;
    report_t report = {0};
    size_t size = os_page_up(sizeof(weir_mem_stats));
    weir_mem_stats *stats = os_take(size);
    if (stats) {
        stats_read_memory(stats);
        report = (report_t){.held = stats->heap_sys - stats->heap_released,
                            .system = stats->heap_sys,
                            .in_use = stats->heap_alloc,
                            .idle_held = stats->heap_idle - stats->heap_released};
        os_unreserve(stats, size);
    }
    errno = saved;
    return report;
}

EXPORT struct mallinfo2 mallinfo2(void)
{
    report_t report = report_read();
    return (struct mallinfo2){
        .arena = report.held,
        .uordblks = report.in_use,
        .fordblks = report.held - report.in_use,
        .keepcost = report.idle_held,
    };
}

/* The older form counts in int. Sizes beyond it stay at INT_MAX, where glibc's wrap around. */
static int clamp_to_int(size_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

EXPORT struct mallinfo mallinfo(void)
{
    struct mallinfo2 info = mallinfo2();
    return (struct mallinfo){
        .arena = clamp_to_int(info.arena),
        .uordblks = clamp_to_int(info.uordblks),
        .fordblks = clamp_to_int(info.fordblks),
        .keepcost = clamp_to_int(info.keepcost),
    };
}

/* In glibc's words: scripts read them. */
EXPORT void malloc_stats(void)
{
    report_t report = report_read();
    char room[256];
    text_t lines = text_on(room, sizeof room);
    text_add_str(&lines, "Total (incl. mmap):\nsystem bytes     = ");
    text_add_u64(&lines, report.held);
    text_add_str(&lines, "\nin use bytes     = ");
    text_add_u64(&lines, report.in_use);
    text_add_str(&lines, "\nmax mmap regions = 0\nmax mmap bytes   = 0\n");
    text_flush(&lines, STDERR_FILENO);
}

static void print_total(FILE *to, const char *type, uint64_t count, uint64_t size)
{
    fprintf(to, "<total type=\"%s\" count=\"%" PRIu64 "\" size=\"%" PRIu64 "\"/>\n", type, count, size);
}

static void print_space(FILE *to, const report_t *report)
{
    fprintf(to,
            "<system type=\"current\" size=\"%" PRIu64 "\"/>\n"
            "<system type=\"max\" size=\"%" PRIu64 "\"/>\n"
            "<aspace type=\"total\" size=\"%" PRIu64 "\"/>\n"
            "<aspace type=\"mprotect\" size=\"%" PRIu64 "\"/>\n",
            report->held, report->system, report->system, report->system);
}

/* glibc's elements, version 1, and their order, with one <heap>; scripts read them. Its <sizes> list free
 * pieces, which this heap does not count by size. */
EXPORT int malloc_info(int options, FILE *to)
{
    if (options != 0)
        return EINVAL;
    report_t report = report_read();
    uint64_t rest = report.held - report.in_use;
    fputs("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n</sizes>\n", to);
    print_total(to, "fast", 0, 0);
    print_total(to, "rest", 0, rest);
    print_space(to, &report);
    fputs("</heap>\n", to);
    print_total(to, "fast", 0, 0);
    print_total(to, "rest", 0, rest);
    print_total(to, "mmap", 0, 0);
    print_space(to, &report);
    fputs("</malloc>\n", to);
    return 0;
}

/* glibc's parameters control mechanisms that this heap does not have; its own knobs (WEIR_GOGC,
 * WEIR_MEMLIMIT) belong to the user who starts the program. The parameters are accepted where glibc accepts
 * them, since programs check that, and have no effect. */
EXPORT int mallopt(int parameter, int value)
{
    enum { MXFAST_LARGEST = 80 * sizeof(size_t) / 4 };
    switch (parameter) {
    case M_MXFAST:
        return value >= 0 && value <= MXFAST_LARGEST;
    case M_NLBLKS:
    case M_GRAIN:
    case M_KEEP:
    case M_TRIM_THRESHOLD:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
    case M_ARENA_MAX:
        return 1;
    default:
        return 0;
    }
}
