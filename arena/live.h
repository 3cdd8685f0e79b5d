/* live: the list of all arenas, and the blocks of those that the collector scans.
 *
 * The list has sixteen parts, each under its own lock, so that threads which make and free arenas all the
 * time seldom wait for each other: an arena goes into the part of the thread that makes it.
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

/* Take all locks of the list, before other threads are stopped: so none of them is stopped in the middle of a
 * change. */
void live_lock(void);
void live_unlock(void);

/* Call `range` for each range in which a scanned arena may have objects: each of its blocks in use, as a
 * whole. That includes the whole current block, because only a register of the thread may know where its free
 * part begins. The free parts of these blocks are zero. Called between live_lock and live_unlock. The thread
 * of each arena has to be stopped, or be the caller: otherwise blocks might be visited that it has already
 * given back. */
void arena_each_block(void (*range)(uintptr_t from, uintptr_t to));

/* Called when there is a scanned arena: has the collector scan arenas from now on. */
void live_provide_roots(void);

#endif
