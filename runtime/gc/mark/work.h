/* work: what is left to mark, and how markers share it. Each marker has its own queue of grey spans. A marker
 * that has many leaves a part of its queue, a packet, for those that have none. Ranges, of large objects and
 * of roots, are shared by all: markers take pieces of them.
 *
 *     marker's queue --half of it--> packets --> another marker's queue
 *     large objects, roots --------> ranges  --> pieces
 *
 * A span is in one queue or packet at most, so the memory for marking is bounded: a link for each slot. If
 * there is no room among the ranges for a large object, the caller makes its first slot grey.
 *
 * Any marker may call these functions, except work_prepare, work_clear and work_set_range_limit. Markers run
 * in the stopped world, or beside the program, which makes nothing grey.
 */
#ifndef WEIR_GC_MARK_WORK_H
#define WEIR_GC_MARK_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/bitmaps.h"

/* A queue of grey spans, linked by their grey_t; first in, first out. */
typedef struct queue {
    uint32_t first, last, count; /* slots; 0: none */
} queue_t;

/* False: out of memory. With the world running. */
bool work_prepare(void);
/* Forget all work, while no marker runs; also in the child of a fork. */
void work_clear(void);
/* `members` markers begin, of which those from `active` on are spare: they wait until work_hasten. */
void work_begin(uint32_t members, uint32_t active);
/* Called by each marker first. False: it is spare, was not needed, and all work is done. */
bool work_join(uint32_t member);
/* Have the spare markers join. By any thread, also when no marker is at work. */
void work_hasten(void);
/* When it was first called since work_begin, in nanoseconds; 0: it was not. */
uint64_t work_hastened_ns(void);

static inline void work_add(queue_t *queue, uint32_t slot)
{
    bitmaps_grey[slot].next = 0;
    if (queue->count++)
        bitmaps_grey[queue->last].next = slot;
    else
        queue->first = slot;
    queue->last = slot;
}

/* Are more markers idle than there are packets to take? */
bool work_is_wanted(void);
/* Make a packet of half of the queue, from its front, if the queue is long enough and there is room for a
 * packet. */
void work_give(queue_t *queue);
/* Take a packet into an empty queue. False: there is none. */
bool work_take(queue_t *queue);

typedef struct work_piece {
    uintptr_t from, to;
    bool may_vanish; /* another thread may unmap it */
} work_piece_t;

/* False: there is no room for it. */
bool work_share_range(uintptr_t from, uintptr_t to, bool may_vanish);
/* The next piece to scan; false: nothing is left. */
bool work_take_piece(work_piece_t *piece);

/* Wait for work; called by a marker that has none. False: no marker has any, so none can come. */
bool work_wait(void);

/* How many ranges can be shared, for tests: 0 for the usual. */
void work_set_range_limit(uint32_t ranges);

#endif
