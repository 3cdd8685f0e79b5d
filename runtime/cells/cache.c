/* cache: see cache.h. */
#include "runtime/cells/cache.h"

__thread cache_t cache;
struct heaps heaps = {.lock = LOCK_INIT(LOCK_RANK_HEAPS)};
