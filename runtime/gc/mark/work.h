/* work: what is left to mark, and how markers share it. Each has a queue of grey spans of its own. One that
 * has much leaves a part of its queue, a packet, for those that have nothing. Large objects and root ranges
 * are everybody's: pieces are taken of them.
 *
 *     marker's queue --half of it--> packets --> another marker's queue
 *     large objects, roots --------> ranges  --> pieces
 *
 * A span is in one queue or packet at most, so the memory for marking is bounded: a link for each slot. For a
 * large object that finds no place among the ranges the caller makes its first slot grey.
 *
 * All of this by any marker, in the stopped world, but work_prepare, work_clear and work_set_range_limit.
 * Beside the program the same, as it makes nothing grey.
 */
#ifndef WEIR_GC_MARK_WORK_H
#define WEIR_GC_MARK_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/range.h"
#include "runtime/cells/bitmaps.h"

/* Of grey spans, linked by their grey_t; first in, first out. */
typedef struct queue {
    uint32_t first, last, count; /* slots; 0: none */
} queue_t;

/* False: out of memory. With the world running. */
bool work_prepare(void);
/* Nothing is left to mark, and no marker runs. A child of fork may be told so too. */
void work_clear(void);
/* So many markers begin. */
void work_begin(uint32_t members);

static inline void work_add(queue_t *queue, uint32_t slot)
{
    bitmaps_grey[slot].next = 0;
    if (queue->count++)
        bitmaps_grey[queue->last].next = slot;
    else
        queue->first = slot;
    queue->last = slot;
}

/* Has another marker nothing to do, and no packet to take? */
bool work_is_wanted(void);
/* Half of the queue, from its front, if it is long enough to be shared and there is room for a packet. */
void work_give(queue_t *queue);
/* A packet into an empty queue; false: there is none. */
bool work_take(queue_t *queue);

/* False: there is no room for it. */
bool work_share_range(uintptr_t from, uintptr_t to);
/* The next piece to scan; false: nothing is left. */
bool work_take_piece(range_t *piece);

/* By a marker that has no work. False: no marker has any, so none can come. */
bool work_wait(void);

/* How many ranges can be shared, for tests: 0 for the usual. */
void work_set_range_limit(uint32_t ranges);

#endif
