/* index: see index.h. */
#include "runtime/region/index.h"

struct index_group index_groups[INDEX_GROUPS];

static uint32_t last_of(uint32_t group, uint32_t end)
{
    uint32_t first = group * INDEX_CHUNKS, i = first + INDEX_CHUNKS;
    bool is_whole = i <= end;
    i = is_whole ? i : end;
    while (i-- > first)
        if (region.chunks[i].idle)
            return i;
    index_groups[group].idle = !is_whole;
    return 0;
}

uint32_t index_last_idle(uint32_t end)
{
    for (uint32_t group = (end + INDEX_CHUNKS - 1) / INDEX_CHUNKS; group-- > 0;) {
        uint32_t chunk = index_groups[group].idle ? last_of(group, end) : 0;
        if (chunk)
            return chunk;
    }
    return 0;
}
