/* mark_phases: the phases of marking (prepare, begin, run, end), and the questions of mark.h about
 * addresses. */
#include <stdatomic.h>
#include <string.h>

#include "runtime/config/options.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/mark/marker.h"
#include "runtime/gc/mark/sparse.h"
#include "runtime/gc/mark/work.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/pages/pages.h"
#include "runtime/threads/workers.h"

marker_t *marker_all;
marker_state_t marker_state;
uint32_t marker_cell_size[CLASS_COUNT];
_Atomic bool marker_any_put_off;
_Atomic bool marker_any_function;

static uint32_t prepared;      /* markers */
static _Atomic bool base_only; /* from the next collection on */

bool mark_prepare(uint32_t members)
{
    if (!marker_all) {
        for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
            marker_cell_size[cls] = class_size(cls);
        marker_all = pages_metadata(WORKERS_MAX * sizeof *marker_all);
    }
    prepared = members;
    return marker_all && work_prepare();
}

void mark_prepare_beside(void)
{
    static char *copies;
    if (!copies)
        copies = pages_metadata(WORKERS_MAX * MARKER_COPY);
    marker_state.copies = !options.collect && root_watch_begin() ? copies : NULL;
}

bool mark_can_go_on(void)
{
    return !atomic_load_explicit(&marker_any_function, memory_order_relaxed) &&
           marker_state.base_only == base_only;
}

void mark_begin(void)
{
    marker_state.members = 1;
    marker_state.beside = false;
    marker_state.base_only = base_only;
    marker_any_put_off = false;
    memset(marker_all, 0, prepared * sizeof *marker_all);
    work_clear();
    sparse_clear();
}

void mark_run_spare(uint32_t members, uint32_t active)
{
    marker_state.members = members < prepared ? members : prepared;
    work_begin(marker_state.members, active);
    workers_run(marker_state.members, marker_work);
    marker_written_clear();
}

void mark_run(uint32_t members)
{
    mark_run_spare(members, members);
}

/* Markers write their counts while this reads them. */
__attribute__((no_sanitize("thread"))) size_t mark_progress(void)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < prepared; i++)
        bytes += __atomic_load_n(&marker_all[i].bytes, __ATOMIC_RELAXED);
    return bytes;
}

void mark_beside(bool beside)
{
    marker_state.beside = beside;
}

void mark_watch(bool watching)
{
    marker_state.watching = watching;
}

mark_result_t mark_end(void)
{
    mark_result_t result = {.root_bytes = marker_state.root_bytes};
    for (uint32_t i = 0; i < prepared; i++) {
        result.bytes += marker_all[i].bytes;
        result.objects += marker_all[i].objects;
    }
    return result;
}

bool mark_set_base_only(bool on)
{
    return atomic_exchange(&base_only, on);
}

/* --- questions about addresses --- */

void *mark_base(const void *p)
{
    if (!collected_is_used() || !bitmaps_cover(p))
        return NULL;
    objref_t target = objref_at(p);
    if (!target || !objref_has_bit(__atomic_load_n(&objref_bits(target)->allocs, __ATOMIC_RELAXED), target))
        return NULL;
    return (void *)objref_start(target);
}

bool mark_keeps(const void *p)
{
    if (!marker_state.base_only || !bitmaps_cover(p))
        return true;
    objref_t target = objref_at(p);
    return !target || objref_start(target) == (uintptr_t)p;
}
