/* collected_flags: what is noted in the descriptors of collected spans. */
#ifndef WEIR_CELLS_COLLECTED_FLAGS_H
#define WEIR_CELLS_COLLECTED_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/region/region.h"

enum { COLLECTED_KINDS = KIND_COUNT - KIND_SCAN };

/* What the collector notes about a span of its, small or large, in the word that spans of manual cells count
 * in.
 *   HAS_RECORD   something hangs on one of its objects, or did (gc/cells/side_table.h). Set by any thread,
 *                for good
 *   WATCHED      while marking: news of one of its objects is waited for (gc/refs/ephemeron.h). By the
 *                collector
 *   PUT_OFF      while marking beside the program: an object of its is to be scanned in the stop
 *                (gc/mark/mark.c). Markers'
 *   SAMPLED      a large object that the heap profile has as a sample (profile/sampled.h) */
enum { COLLECTED_HAS_RECORD = 1, COLLECTED_WATCHED = 2, COLLECTED_PUT_OFF = 4, COLLECTED_SAMPLED = 8 };
static inline bool collected_has_flag(const span_t *span, uint32_t flag)
{
    return __atomic_load_n(&span->flags, __ATOMIC_RELAXED) & flag;
}
static inline void collected_set_flag(span_t *span, uint32_t flag)
{
    __atomic_fetch_or(&span->flags, flag, __ATOMIC_RELAXED);
}
static inline void collected_clear_flag(span_t *span, uint32_t flag)
{
    __atomic_fetch_and(&span->flags, ~flag, __ATOMIC_RELAXED);
}

/* Every word of an object that was freed, under WEIR_DEBUG=poison. */
#define COLLECTED_POISON 0xdbdbdbdbdbdbdbdbu

#endif
