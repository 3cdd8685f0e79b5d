// held: compares each part of the account with the most that the design allows for it at that moment:
//
//     held   = cells + holes + idle + tables                    = sys - heap_released, all of one account
//
//     cells  <= 105 % of the largest goal + manual              allocated, or garbage that is not swept yet
//     holes  <= sum over classes (most cells ever - cells now)  a span is cut only when its class has no free cell: so
//               + threads * classes * span                      each class has spans for the most cells it ever had, and
//               + large objects * (slot - page)                 each thread one span of it beyond that. A large object may
//               + 2 runs, in heaps of 64 MiB                    end within a slot. A run of slots may be unused for each of
//                                                               two kinds of spans (runtime/cells/slots.h)
//     idle   <= 65/64 * min(plain + peak * min(G, 1), most)     the release rule (runtime/policy/release.h): what it has
//               + 256 KiB                                       learnt is at most `peak`, the most in use so far. It acts
//       plain = max(G * spans, G * 16 MiB)                      when 256 KiB more than its bound are idle; 1/64 is
//       most  = peak - spans + max(G * peak, G * 16 MiB)        tolerance
//     fresh  <= threads * classes * slot                        growth of the heap beyond its maximum, in one cycle, while
//               + large objects * (slot - page)                 more than `spare` is idle. Idle slots are taken before
//                                                               fresh ones: so only slots that were touched in part grow
//     spare   = 0, if no object is larger than a slot           + a run, in heaps of 64 MiB
//             = cells / 2, else                                 idle memory in pieces that are too small for an object:
//                                                               Knuth's fifty-percent rule (The Art of Computer
//                                                               Programming, 2.5)
//     tables <= (addresses ever used + the zero zone) / 32      1554 bytes for a slot and 4 KiB for a chunk are 2.5 % of
//               + 1 MiB                                         the addresses; tables are never given back. The 1 MiB is
//                                                               for the tables that do not grow. In heaps of 64 MiB,
//                                                               tables come by huge pages: those of 256 MiB of
//                                                               addresses at a time (runtime/cells/bitmaps.c)
//     kernel <= 101 % of held + what the process had before     the process's anonymous memory (smaps_rollup), read
//               + 64 KiB for each thread's stack                whenever held has a new maximum. Pages of libraries do
//                                                               not count: the kernel decides how many it maps
//
// G is GOGC / 100; `spans` the bytes of spans and large objects (heap_inuse); `manual` what the program allocated by hand;
// `cells` the collected objects and `manual` (heap_alloc). Between two looks each part may change by as many bytes as were
// allocated: each bound is larger by that much.
//
// No lock of its own: the caller has one.
#pragma once
#include <weir.h>

#include "../workloads/workload.h"

enum held_part { HELD_CELLS, HELD_HOLES, HELD_IDLE, HELD_FRESH, HELD_TABLES, HELD_KERNEL, HELD_PARTS };
enum {
    HELD_SLOT = 64 << 10,
    HELD_PAGE = 4 << 10,
    HELD_FLOOR = 16 << 20,
    HELD_ZERO_ZONE = 16 << 20,
    HELD_STEP = 256 << 10,
    HELD_RUN = 2 << 20,
    HELD_TABLE_STEP = 256 << 20
};

static struct {
    size_t threads, between; // bytes that may be allocated between two looks
    bool single;             // no object is larger than a slot
    uint64_t manual;         // bytes that are not collected
    uint64_t before;         // private memory at the start, apart from what weir held then
    uint64_t goal, cells, class_cells[WEIR_STATS_CLASSES]; // the most so far
    uint64_t peak, addresses;                              // likewise, of heap_inuse and of heap_sys
    uint64_t run;                    // HELD_RUN, once the heap was large enough for runs
    uint64_t large_objects, classes; // the most so far; the classes ever used
    uint64_t most, allowed;          // the largest `held`; its bound at that moment
    uint64_t heap;                   // the most of the heap alone, in spans and idle
    uint64_t idle, cycle;            // as of the last look
    uint64_t grown;                  // beyond `heap`, in this cycle, while more than `spare` was idle
    struct {
        uint64_t found, allowed; // of the look at which found / allowed was largest
    } parts[HELD_PARTS];
} held;

static inline uint64_t held_of(const weir_mem_stats *stats)
{
    return stats->sys - stats->heap_released;
}

// Exact: the kernel walks the page tables for it.
static inline uint64_t held_private(void)
{
    return proc_number("/proc/self/smaps_rollup", "\nAnonymous:") * KIB;
}

static inline uint64_t held_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t held_idle_rule(const weir_mem_stats *stats)
{
    if (stats->gc_percent < 0)
        return UINT64_MAX / 4;
    uint64_t percent = (uint64_t)stats->gc_percent, floor = HELD_FLOOR * percent / 100;
    uint64_t share = held.peak * percent / 100, now = stats->heap_inuse * percent / 100;
    uint64_t learnt = (now > floor ? now : floor) + (percent < 100 ? share : held.peak);
    uint64_t most = held.peak - stats->heap_inuse + (share > floor ? share : floor);
    return held_least(learnt, most) * 65 / 64 + HELD_STEP;
}

// The most bytes by which spans and large objects can exceed their content, because a slot is used in part.
static inline uint64_t held_in_part(void)
{
    return held.threads * held.classes * HELD_SLOT + held.large_objects * (HELD_SLOT - HELD_PAGE);
}

// The sum over all classes of (most cells ever - cells now), in bytes.
static inline uint64_t held_less_cells(const weir_mem_stats *stats)
{
    uint64_t less = 0;
    for (uint64_t i = 0; i < stats->num_size_classes; i++) {
        const weir_size_class_stats *row = &stats->by_size[i];
        uint64_t cells = (row->mallocs - row->frees) * row->size;
        held.classes += held.class_cells[i] == 0 && cells > 0;
        if (cells > held.class_cells[i])
            held.class_cells[i] = cells;
        less += held.class_cells[i] - cells;
    }
    return less;
}

static inline void held_judge(enum held_part part, uint64_t found, uint64_t allowed)
{
    double before = (double)held.parts[part].found / (double)(held.parts[part].allowed + 1);
    if ((double)found / (double)(allowed + 1) >= before) {
        held.parts[part].found = found;
        held.parts[part].allowed = allowed;
    }
}

static inline void held_begin(size_t threads, size_t between, bool single)
{
    static weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    held.threads = threads, held.between = between * threads, held.single = single;
    uint64_t private = held_private(), of_weir = held_of(&stats);
    held.before = (private > of_weir ? private - of_weir : 0) + threads * 64 * KIB;
}

// Notes what the program has allocated by hand. To be called before it allocates anything collected.
static inline void held_manual(void)
{
    static weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    held.manual = stats.heap_alloc;
}

// Raises the fields that are maxima to the values of this account.
static inline void held_note(const weir_mem_stats *stats)
{
    if (stats->heap_alloc > held.cells)
        held.cells = stats->heap_alloc;
    if (stats->next_gc > held.goal && stats->next_gc != UINT64_MAX)
        held.goal = stats->next_gc;
    if (stats->large_objects > held.large_objects)
        held.large_objects = stats->large_objects;
    if (stats->heap_sys > held.addresses)
        held.addresses = stats->heap_sys;
    if (stats->heap_inuse > held.peak)
        held.peak = stats->heap_inuse;
    if (stats->heap_inuse >= 64 * MIB)
        held.run = HELD_RUN;
}

// Notes growth since the last look, if more than `spare` was idle at both looks.
static inline void held_look_at_growth(const weir_mem_stats *stats, uint64_t heap, uint64_t idle,
                                       uint64_t spare)
{
    if (stats->num_gc != held.cycle)
        held.grown = 0;
    held.cycle = stats->num_gc;
    if (heap > held.heap && held_least(idle, held.idle) > spare)
        held.grown += heap - held.heap;
    held.heap = heap > held.heap ? heap : held.heap;
    held.idle = idle;
    held_judge(HELD_FRESH, held.grown, held_in_part());
}

// The most that the tables take.
static inline uint64_t held_tables(void)
{
    uint64_t addresses = held.addresses + HELD_ZERO_ZONE, step = held.run ? HELD_TABLE_STEP : 1;
    return (addresses + step - 1) / step * step / 32 + MIB;
}

static inline void held_look(const weir_mem_stats *stats)
{
    held_note(stats);
    uint64_t now = held_of(stats), heap = stats->heap_sys - stats->heap_released,
             idle = heap - stats->heap_inuse;
    uint64_t cells = held.goal / 100 * 105 + held.manual + held.between;
    uint64_t tables = held_tables();
    uint64_t holes = held_less_cells(stats) + 2 * held.run + held.between;
    uint64_t rule = held_idle_rule(stats) + held.between;
    uint64_t spare = held_least(rule, (held.single ? held.run : held.cells / 2) + held.between);
    holes += held_in_part();
    held_look_at_growth(stats, heap, idle, spare);
    bool most = now > held.most;
    held.most = most ? now : held.most;
    if (stats->num_gc == 0)
        return; // there is no goal yet
    held_judge(HELD_CELLS, stats->heap_alloc, cells);
    held_judge(HELD_HOLES, stats->heap_inuse - stats->heap_alloc, holes);
    held_judge(HELD_IDLE, idle, rule);
    held_judge(HELD_TABLES, stats->sys - stats->heap_sys, tables);
    if (!most)
        return;
    held.allowed = cells + holes + spare + tables;
    held_judge(HELD_KERNEL, held_private(), now / 100 * 101 + held.before + held.between);
}

static inline void held_print(void)
{
    static const char *const names[HELD_PARTS] = {"cells", "holes", "idle", "fresh", "tables", "kernel"};
    for (int i = 0; i < HELD_PARTS; i++)
        if (held.parts[i].allowed > 0)
            printf("part %s: %" PRIu64 " KiB of %" PRIu64 " KiB allowed\n", names[i],
                   held.parts[i].found / KIB, held.parts[i].allowed / KIB);
    if (held.goal > 0)
        printf("held of goal: %.1f %%, allowed %.1f %%\n", 100.0 * (double)held.most / (double)held.goal,
               100.0 * (double)held.allowed / (double)held.goal);
}
