/* live: all arenas that there are, and the blocks of those that the collector looks through.
 *
 * A list under a lock, in sixteen parts, so that threads which make and free arenas all the time seldom meet:
 * an arena goes into the part of the thread that makes it.
 */
#ifndef WEIR_ARENA_LIVE_H
#define WEIR_ARENA_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* An arena's place in the list. Under the lock of its part. */
typedef struct live {
    struct arena *next, *prev;
    uint32_t part;
} live_t;

void live_add(struct arena *arena);
void live_remove(struct arena *arena);

/* Take all locks of the list, before other threads are stopped; none of them then is within a change of
 * it. */
void live_lock(void);
void live_unlock(void);

/* Every stretch of memory in which a scanned arena may have objects: each block that is in use, whole, the
 * current one too, for where its free part begins is in a register of the thread now and then. Between
 * live_lock and live_unlock. An arena whose thread is running may be seen with blocks it has already given
 * back, so its thread is the caller, or stopped. What is free in these blocks is zero. */
void arena_each_block(void (*range)(uintptr_t from, uintptr_t to));

/* There is a scanned arena: have the collector look. */
void live_provide_roots(void);

#endif
