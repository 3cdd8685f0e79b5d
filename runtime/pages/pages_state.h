/* pages_state: what the modules of this folder share, and what others read without its lock: the page
 * statistics, and the flags that say that memory is short.
 */
#ifndef WEIR_PAGES_PAGES_STATE_H
#define WEIR_PAGES_PAGES_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/compiler.h"

/* In pages of OS_PAGE unless the name or the comment says otherwise; held.h adds up what may be resident.
 * Written under the lock, except the atomic fields: owners of small spans, for instance, add to `touched`. */
typedef struct page_stats {
    _Atomic size_t touched; /* of all slots, in use or free */
    size_t slots;           /* slots of all chunks: free or in use */
    size_t slots_inuse;
    size_t pages_inuse; /* of slots in use, as if small spans were touched throughout */
    size_t pages_idle;  /* touched, in free slots */
    size_t pages_slack; /* resident pages past a large object's end, left by the former user of its slots */
    size_t huge_inuse,
        huge_idle; /* bytes; idle: what the extent allocator has for reuse and may be resident */
    /* Bytes counted in huge_inuse of which the pages are still in another block: pages_take_huge_to_move. */
    size_t huge_moving;
    size_t huge_count;
    size_t releases, released_pages; /* madvise calls and what they gave back, ever */
    size_t limit_releases;           /* how often memory was released for a limit */
    size_t limit_released_pages;     /* and what that gave back */
    size_t refusals;                 /* by the hard limit */
    size_t unused;                   /* bytes of free cells in spans, as idle.c has counted them last */
    _Atomic size_t metadata;         /* bytes of heaps and other tables */
    _Atomic size_t spare; /* bytes in use that threads may keep free for themselves (malloc/spare.h) */
} page_stats_t;
extern page_stats_t page_stats;

/* What the lock protects, read together. */
page_stats_t pages_stats(void);

/* From now on a subscriber runs the cycles that are requested for growth. Before, none are. */
void pages_subscribe_growth(void);
/* From now on the heap runs the cycles that are requested for the limit. */
void pages_subscribe_limit(void);
/* Called when a cycle has ended: growth is measured from here, and idle memory that a limit does not allow is
 * released. */
void pages_cycle_done(void);
/* Called before and after the calling thread repeats a refused request after a cycle. If the repeated request
 * is refused, the program's callback is asked for room. */
void pages_retry_begins(void);
void pages_retry_ends(void);

/* Called when the calling thread ends. If the thread allocates again afterwards, it has to be called
 * again. */
void pages_thread_end(void);

/* For a reader of descriptors: between these two calls no slot changes its owner, and no page of a slot is
 * unmapped. They take the lock, so the time between them has to be short. */
void pages_read_begin(void);
void pages_read_end(void);

/* Was memory taken beyond the lower of the two limits, with no idle memory left to release? Then the heap
 * gives back what it can. */
HIDDEN extern _Atomic bool pages_pressed;
static inline bool pages_is_pressed(void)
{
    return UNLIKELY(atomic_load_explicit(&pages_pressed, memory_order_relaxed));
}
/* Is there a limit at all? Read by any thread. */
HIDDEN extern _Atomic bool pages_limited;
static inline bool pages_is_limited(void)
{
    return UNLIKELY(atomic_load_explicit(&pages_limited, memory_order_relaxed));
}
/* How much of the limit is in use: see pages_watch_pressure. */
typedef struct pages_pressure {
    void (*callback)(void *context, size_t inuse, size_t limit);
    void *context;
    size_t inuse, limit; /* bytes */
} pages_pressure_t;

/* Why a cycle is requested, the least urgent reason first. Raised here and in cycle/cycle.c, read by any
 * thread. */
enum pages_request {
    PAGES_REQUEST_NONE,
    PAGES_REQUEST_VOLUME, /* cycle/cycle.h */
    PAGES_REQUEST_GROWTH,
    PAGES_REQUEST_PRESSURE, /* control/shed.h: no cycle, but the program wants to know */
    PAGES_REQUEST_LIMIT
};
HIDDEN extern _Atomic uint32_t pages_requested;

#endif
