/* stats: see stats.h. The heap's counts and the page statistics, put into Go's fields. */
#include "runtime/observe/stats.h"

#include <string.h>

#include "runtime/control/account.h"
#include "runtime/control/control.h"
#include "runtime/control/shed.h"
#include "runtime/cycle/percent.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/profile.h"

_Static_assert((int)WEIR_RUNGS == (int)WEIR_STATS_RUNGS, "each rung has its counts");

static void fill_objects(weir_mem_stats *stats, const account_t *account)
{
    stats->num_size_classes = CLASS_COUNT;
    stats->mallocs = account->large_allocs;
    stats->frees = account->large_frees;
    stats->large_objects = account->large_allocs - account->large_frees;
    stats->large_bytes = account->large_alloc_bytes - account->large_free_bytes;
    stats->total_alloc = account->large_alloc_bytes;
    stats->heap_alloc = stats->large_bytes;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
        weir_size_class_stats *row = &stats->by_size[cls];
        row->size = class_size(cls);
        row->mallocs = account->mallocs[cls];
        row->frees = account->frees[cls];
        stats->mallocs += row->mallocs;
        stats->frees += row->frees;
        stats->total_alloc += row->mallocs * row->size;
        stats->heap_alloc += (row->mallocs - row->frees) * row->size;
    }
    stats->heap_objects = stats->mallocs - stats->frees;
    stats->arena_bytes = account->arena_taken - account->arena_given;
    stats->alloc = stats->heap_alloc;
}

/* heap_alloc was read before the pages, so frees in between can leave heap_alloc > heap_inuse. These bytes
 * count as in use and are taken off idle. Otherwise the sum would be more than was ever held, and might seem
 * to pass a limit. */
static void count_freed_since(weir_mem_stats *stats)
{
    if (stats->heap_inuse >= stats->heap_alloc)
        return;
    uint64_t freed = stats->heap_alloc - stats->heap_inuse;
    stats->heap_inuse += freed;
    stats->heap_idle -= freed < stats->heap_idle ? freed : stats->heap_idle;
    if (stats->heap_released > stats->heap_idle)
        stats->heap_released = stats->heap_idle;
}

/* The ends of slots in use that were never touched count as released: the kernel has provided no memory for
 * them. */
static void fill_heap(weir_mem_stats *stats, const page_stats_t *held)
{
    uint64_t resident_slots = (uint64_t)held->touched * OS_PAGE;
    uint64_t idle = (uint64_t)held->pages_idle * OS_PAGE;
    uint64_t slots = (uint64_t)held->slots * SLOT_SIZE;
    stats->heap_inuse = resident_slots - idle + held->huge_inuse;
    stats->heap_idle = idle + slots - resident_slots + held->huge_idle;
    stats->heap_released = slots - resident_slots;
    count_freed_since(stats);
    stats->heap_sys = stats->heap_inuse + stats->heap_idle;
}

static void fill_overhead(weir_mem_stats *stats, const page_stats_t *held, const account_t *account)
{
    stats->mspan_inuse = stats->mspan_sys = region_table_bytes();
    stats->mcache_inuse = stats->mcache_sys = account->heap_bytes;
    /* The tables may have grown since the page statistics were read. */
    size_t others = held->metadata - stats->gc_sys - account->heap_bytes, profile = profile_table_bytes();
    stats->buck_hash_sys = profile < others ? profile : others;
    stats->other_sys = others - stats->buck_hash_sys + pages_extents_metadata();
    stats->sys = stats->heap_sys + stats->mspan_sys + stats->mcache_sys + stats->buck_hash_sys +
                 stats->gc_sys + stats->other_sys;
}

/* gc_cpu_fraction is, as Go's GCCPUFraction, a share of the time of all processors since the start. */
static void fill_collector(weir_mem_stats *stats)
{
    gc_stats_t gc = gc_read_stats();
    stats->next_gc = gc.goal;
    stats->last_gc = gc.last_end_ns;
    stats->pause_total_ns = gc.pause_total_ns;
    stats->pause_max_ns = gc.pause_max_ns;
    memcpy(stats->pause_ns, gc.pauses, sizeof stats->pause_ns);
    memcpy(stats->pause_end, gc.pause_ends, sizeof stats->pause_end);
    stats->gc_live = gc.live;
    stats->gc_heap = gc.heap;
    stats->gc_cpu_ns = gc.collector_ns;
    stats->num_gc = gc.cycles;
    stats->num_forced_gc = gc.forced;
    stats->gc_cpu_fraction = gc.available_ns ? (double)gc.collector_ns / (double)gc.available_ns : 0;
}

/* The peak is at least what is held now: this sum has tables that the page statistics count differently. */
static void fill_peak(weir_mem_stats *stats)
{
    uint64_t held = stats->sys - stats->heap_released, peak = pages_peak_held(false);
    stats->peak_held = peak > held ? peak : held;
}

void stats_read_memory(weir_mem_stats *stats)
{
    account_t account;
    memset(stats, 0, sizeof *stats);
    gc_await_release();
    account_read(&account);
    stats->gc_sys = collected_table_bytes(); /* before the page statistics, which count them too */
    page_stats_t held = pages_stats();
    fill_objects(stats, &account);
    fill_heap(stats, &held);
    fill_overhead(stats, &held, &account);
    stats->gc_percent = percent_get();
    stats->memory_limit = control_memory_limit();
    stats->hard_limit = control_hard_limit();
    stats->enable_gc = true;
    stats->hard_limit_refusals = held.refusals;
    stats->os_releases = held.releases;
    stats->os_released_bytes = (uint64_t)held.released_pages * OS_PAGE;
    stats->limit_releases = held.limit_releases;
    size_t resident, foreign;
    pages_read_process(&resident, &foreign);
    stats->process_resident = resident;
    stats->foreign_bytes = foreign;
    fill_peak(stats);
    for (int rung = 0; rung < WEIR_RUNGS; rung++) {
        shed_count_t count = shed_count((weir_rung)rung);
        stats->shed[rung] = (weir_shed_stats){count.taken, count.bytes};
    }
}

void stats_read(weir_mem_stats *stats)
{
    stats_read_memory(stats);
    fill_collector(stats);
}
