/* arena: what is inside of an arena; include/weir/arena.h says what it does.
 *
 * All blocks of an arena are one chain, in which `current` is a point:
 *
 *     first --> block --> block --> current --> block --> block --> block --> 0
 *     |<--- in use, as they are --->|  window   | taken    spare    taken
 *
 * Behind the current block are spare blocks, empty, and taken ones: those that were sized for one large
 * object, which must not waste the rest of the current block, and those of adopted arenas. Moving on makes
 * the next spare block the current one. Going back makes an earlier one current, and is no more than that:
 * whatever is behind it and not taken is spare. Reset is going back to the start of the first block.
 *
 * Serials tell what is older than a place. Taken blocks and cleanups are stacks, each entry with the number
 * it got from the arena's counter; rewinding pops those with a number above the place's.
 *
 *     taken block:  serial > 0, on arena->taken, which falls from top to bottom
 *     cleanup:      likewise on arena->cleanups; a child arena is a cleanup that lies in the child
 *
 * A thread that stops another one may walk the chain (live.h): `newer` is written last, one store.
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

/* All of it is for the thread that the arena is confined to, but for `live`, and what live.h reads. */
typedef struct arena {
    weir_arena window; /* of the current block; empty while watched: every allocation then is a slow one */
    char *end;         /* of the current block: window.end, unless watched */
    _Atomic(arena_block_t *) first; /* lies in it, mostly: this struct */
    _Atomic(arena_block_t *) current;
    arena_block_t *taken;
    cleanup_t *cleanups;
    uint64_t serial;    /* the last one given out */
    size_t next_size;   /* of the next block */
    size_t first_size;  /* where that begins */
    size_t held, limit; /* bytes of blocks that are not the caller's */
    block_owner_t owner;
    watch_t *watch; /* NULL: no tool watches */
    bool checked;
    _Atomic bool
        scanned; /* the collector looks in; what is free of the blocks in use is zero. Also read by live.h */
    struct arena *parent;
    cleanup_t as_child; /* on parent->cleanups, while there is a parent */
    live_t live;
} arena_t;

static inline arena_t *arena_of(weir_arena *window)
{
    return (arena_t *)(void *)window;
}

/* Room for an object; size > 0 is rounded up. NULL: ENOMEM. */
void *arena_take(arena_t *arena, size_t alignment, size_t size);

/* Give all spare blocks back. */
void arena_give_spares(arena_t *arena);

/* The window of the current block begins here. */
static inline void arena_set_next(arena_t *arena, char *next)
{
    arena->window.next = next;
    arena->window.end = arena->watch ? next : arena->end;
}

/* Run and forget cleanups and children that are newer than the serial, latest first. */
void cleanup_run(arena_t *arena, uint64_t serial);
/* The arena becomes a child; and is none any more. */
void cleanup_adopt_child(arena_t *parent, arena_t *child);
void cleanup_leave_parent(arena_t *child);
/* Those of `from` become the latest of `into`. */
void cleanup_move(arena_t *into, arena_t *from);

#endif
