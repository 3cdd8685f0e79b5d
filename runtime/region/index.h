/* index: which chunks are worth a look, so that a search is not linear in the heap.
 *
 * For each group of 64 chunks (256 MiB) it has an upper bound on the longest run of free slots in any of
 * them, and another one on the longest run of dirty slots. It also notes whether any of them may hold idle
 * memory, or slack (slack.h). Giving a run back raises the bounds; a search of the group that finds nothing
 * lowers them. So each search in vain is paid for by a run that was given back.
 *
 * All of this is under the pages' lock. */
#ifndef WEIR_REGION_INDEX_H
#define WEIR_REGION_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/region/region.h"

enum index_kind { INDEX_FREE, INDEX_DIRTY, INDEX_KINDS };
enum { INDEX_CHUNKS = 64, INDEX_GROUPS = (1 << 18) / INDEX_CHUNKS /* of a region of 1 TiB */ };

extern struct index_group {
    uint8_t longest[INDEX_KINDS]; /* at least as long as any run */
    bool idle;                    /* chunk->idle of any of them */
    bool slack;                   /* chunk->slack of any of them, which may be released */
} index_groups[INDEX_GROUPS];

/* The chunk has a run of so many slots now: raise the group's bound. */
static inline void index_raise(uint32_t chunk, enum index_kind kind, uint32_t slots)
{
    uint8_t *longest = &index_groups[chunk / INDEX_CHUNKS].longest[kind];
    if (*longest < slots)
        *longest = (uint8_t)slots;
}

/* No chunk of the group has a run of so many slots: lower the bound. */
static inline void index_lower(uint32_t group, enum index_kind kind, uint32_t slots)
{
    index_groups[group].longest[kind] = (uint8_t)(slots - 1);
}

/* Idle memory may be in the chunk, in its free slots or in the extent allocator's part of it. */
static inline void index_set_idle(uint32_t chunk)
{
    region.chunks[chunk].idle = true;
    index_groups[chunk / INDEX_CHUNKS].idle = true;
}

/* The highest chunk below `end` in which idle memory may be; 0: none. */
uint32_t index_last_idle(uint32_t end);

#endif
