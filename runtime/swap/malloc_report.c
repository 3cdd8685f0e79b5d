/* malloc_report: what the C library's malloc tells about itself, told from the heap's account (weir/stats.h), and
 * the knobs that glibc has and this heap has not.
 *
 *     arena, "system bytes"      bytes held from the kernel for the heap: heap_sys - heap_released
 *     uordblks, "in use bytes"   bytes in allocated blocks: heap_alloc
 *     fordblks                   the rest of what is held
 *     keepcost                   what malloc_trim(0) could give back: the idle part of it
 *
 * Nothing is mapped block by block, so the fields for mmap are 0; so are the counts of free pieces, which this
 * heap does not keep.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <weir/stats.h>

#include "runtime/os/text.h"
#include "runtime/swap/swap.h"

static uint64_t bytes_held(const weir_mem_stats *stats)
{
    return stats->heap_sys - stats->heap_released;
}

EXPORT struct mallinfo2 mallinfo2(void)
{
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    return (struct mallinfo2){
        .arena = bytes_held(&stats),
        .uordblks = stats.heap_alloc,
        .fordblks = bytes_held(&stats) - stats.heap_alloc,
        .keepcost = stats.heap_idle - stats.heap_released,
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
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    char room[512];
    text_t lines = text_on(room, sizeof room);
    text_add_str(&lines, "Total (incl. mmap):\nsystem bytes     = ");
    text_add_u64(&lines, bytes_held(&stats));
    text_add_str(&lines, "\nin use bytes     = ");
    text_add_u64(&lines, stats.heap_alloc);
    text_add_str(&lines, "\nmax mmap regions = 0\nmax mmap bytes   = 0\n");
    text_flush(&lines, STDERR_FILENO);
}

/* The elements are glibc's, version 1, with one <heap>. Its <sizes> would list free pieces; in their place stand
 * the size classes, with their live blocks. */
EXPORT int malloc_info(int options, FILE *to)
{
    if (options != 0)
        return EINVAL;
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    fputs("<malloc version=\"1\">\n<heap nr=\"0\">\n<classes>\n", to);
    for (uint64_t i = 0; i < stats.num_size_classes; i++) {
        const weir_size_class_stats *cls = &stats.by_size[i];
        uint64_t live = cls->mallocs - cls->frees, smallest = i == 0 ? 1 : cls[-1].size + 1;
        if (live != 0)
            fprintf(to,
                    "  <class from=\"%" PRIu64 "\" to=\"%" PRIu64 "\" total=\"%" PRIu64 "\" count=\"%" PRIu64
                    "\"/>\n",
                    smallest, cls->size, live * cls->size, live);
    }
    fprintf(to,
            "</classes>\n"
            "<total type=\"fast\" count=\"0\" size=\"0\"/>\n"
            "<total type=\"rest\" count=\"0\" size=\"%" PRIu64 "\"/>\n"
            "<system type=\"current\" size=\"%" PRIu64 "\"/>\n"
            "<system type=\"max\" size=\"%" PRIu64 "\"/>\n"
            "<aspace type=\"total\" size=\"%" PRIu64 "\"/>\n"
            "</heap>\n",
            bytes_held(&stats) - stats.heap_alloc, bytes_held(&stats), stats.heap_sys, stats.heap_sys);
    fprintf(to,
            "<total type=\"large\" count=\"%" PRIu64 "\" size=\"%" PRIu64 "\"/>\n"
            "<total type=\"mmap\" count=\"0\" size=\"0\"/>\n"
            "<system type=\"current\" size=\"%" PRIu64 "\"/>\n"
            "<system type=\"max\" size=\"%" PRIu64 "\"/>\n"
            "</malloc>\n",
            stats.large_objects, stats.large_bytes, bytes_held(&stats), stats.heap_sys);
    return 0;
}

/* M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX and the others steer what this heap does not have, and what it
 * has (WEIR_GOGC, WEIR_MEMLIMIT) belongs to whoever starts the program. So each is refused, as mallopt(3) has it. */
EXPORT int mallopt(int parameter, int value)
{
    (void)parameter, (void)value;
    return 0;
}
