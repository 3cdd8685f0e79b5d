/* collected_flags: what is noted in the descriptors of collected spans. */
#ifndef WEIR_CELLS_COLLECTED_FLAGS_H
#define WEIR_CELLS_COLLECTED_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/region/region.h"

enum { COLLECTED_KINDS = KIND_COUNT - KIND_SCAN };

/* The flags of a collected span, small or large: span->flags, the word in which spans of manual cells count.
 *   HAS_RECORD   one of its objects has, or had, a record in the side table (gc/cells/side_table.h). Set by
 *                any thread, never cleared
 *   WATCHED      while marking: an ephemeron waits for one of its objects to be marked (gc/refs/ephemeron.h).
 *                Written by the collector
 *   PUT_OFF      while marking beside the program: the stop has to scan one of its objects (gc/mark/mark.c).
 *                Written by markers
 *   SAMPLED      a large object, manual ones too, that is a sample of the heap profile or charged to an
 *                account (profile/sampled.h)
 *   SHIELDED     a large object, manual ones too, of which the program has protected pages (malloc/shield.h).
 *                Set by any thread; cleared by the one that makes them accessible again
 *   HIDDEN       likewise, and a page is or was unreadable, or is about to be. It stays until the addresses
 *                have another owner */
enum {
    COLLECTED_HAS_RECORD = 1,
    COLLECTED_WATCHED = 2,
    COLLECTED_PUT_OFF = 4,
    COLLECTED_SAMPLED = 8,
    COLLECTED_SHIELDED = 16,
    COLLECTED_HIDDEN = 32
};
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
