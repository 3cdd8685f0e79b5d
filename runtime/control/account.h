/* account: adds up what the heaps have counted in bulk. The statistics are made from it. */
#ifndef WEIR_CONTROL_ACCOUNT_H
#define WEIR_CONTROL_ACCOUNT_H

#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/classes.h"

typedef struct account {
    uint64_t mallocs[CLASS_COUNT], frees[CLASS_COUNT]; /* cells, ever; class 0: objects of zero bytes */
    uint64_t large_allocs, large_frees, large_alloc_bytes, large_free_bytes;
    uint64_t arena_taken, arena_given; /* bytes in blocks of arenas, ever; the allocated bytes include them */
    uint64_t heaps;                    /* how many there are */
    uint64_t heap_bytes;
} account_t;

/* No count ever decreases from one account to the next, and none exceeds the true one. For threads that
 * allocate meanwhile it may lag by the cells in their caches; for all others it is exact. Takes the lock of
 * the heaps. */
void account_read(account_t *account);

#endif
