/* arena: what is inside of an arena; include/weir/arena.h says what it does.
 *
 * All blocks of an arena are one chain, and `current` points to one of them:
 *
 *     first --> block --> block --> current --> block --> block --> block --> 0
 *     |<--- in use, as they are --->|  window   | taken    spare    taken
 *
 * There are two kinds of blocks after the current one. Spare blocks are empty. Taken blocks hold objects:
 * they were sized for one large object, which must not waste the rest of the current block, or they come from
 * adopted arenas. Moving on makes the next spare block the current one. Going back makes an earlier block the
 * current one, and does nothing else: from then on, every block after it that is not taken is spare. A reset
 * goes back to the start of the first block.
 *
 * Serials tell what is newer than a place. Taken blocks and cleanups are stacks. Each entry has a serial,
 * which it got from the arena's counter. Rewinding pops the entries whose serials are above the place's.
 *
 *     taken block:  serial > 0, on arena->taken; the serials fall from top to bottom
 *     cleanup:      likewise on arena->cleanups; a child arena is a cleanup that lies in the child
 *
 * The collector may stop the thread anywhere and walk the chain (live.h). So a block is linked last, by one
 * store to `newer`.
 */
#ifndef WEIR_ARENA_ARENA_H
#define WEIR_ARENA_ARENA_H

#include <weir/arena.h>

#include "arena/block.h"
#include "arena/live.h"
#include "arena/watch.h"

typedef struct cleanup {
    struct cleanup *older, *newer; /* on arena->cleanups */
    uint64_t serial;
    void (*run)(void *context);
    void *context;
} cleanup_t;

/* For use by the thread that the arena is confined to, except `live` and what live.h reads. */
typedef struct arena {
    weir_arena window; /* of the current block; empty while watched, so that every allocation is a slow one */
    char *end;         /* of the current block: window.end, unless watched */
    _Atomic(arena_block_t *) first; /* this struct lies in it */
    _Atomic(arena_block_t *) current;
    arena_block_t *taken;
    cleanup_t *cleanups;
    uint64_t serial;    /* the last one given out */
    size_t next_size;   /* of the next block */
    size_t first_size;  /* what next_size begins with */
    size_t held, limit; /* bytes of blocks that are not the caller's */
    block_owner_t owner;
    watch_t *watch; /* NULL: no tool watches */
    bool checked;
    _Atomic bool
        scanned; /* the collector scans it; free parts of its blocks in use are zero. Also read by live.h */
    struct arena *parent;
    cleanup_t as_child; /* on parent->cleanups, while there is a parent */
    live_t live;
} arena_t;

static inline arena_t *arena_of(weir_arena *window)
{
    return (arena_t *)(void *)window;
}

/* Take room for an object. The size is rounded up; 0 counts as 1. NULL: ENOMEM. */
void *arena_take(arena_t *arena, size_t alignment, size_t size);

/* Give all spare blocks back. */
void arena_give_spares(arena_t *arena);

/* Clear a part of a scanned arena that becomes free, so that the collector finds no pointer there. */
void arena_clear(const arena_t *arena, char *from, char *to);

/* Set where the window of the current block begins. */
static inline void arena_set_next(arena_t *arena, char *next)
{
    arena->window.next = next;
    arena->window.end = arena->watch ? next : arena->end;
}

/* Run and forget cleanups and children that are newer than the serial, latest first. */
void cleanup_run(arena_t *arena, uint64_t serial);
/* Make `child` a child of `parent`. Take it from its parent, if it has one. */
void cleanup_adopt_child(arena_t *parent, arena_t *child);
void cleanup_leave_parent(arena_t *child);
/* Move the cleanups of `from` to `into`, as its latest ones. */
void cleanup_move(arena_t *into, arena_t *from);

#endif
