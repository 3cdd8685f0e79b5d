/* cleanup: what is to be called when an arena is rewound: a stack of records. Each child of an arena has a
 * record, too. The record of a program's cleanup is an object of the arena; that of a child lies in the
 * child.
 */
#include <stddef.h>

#include "arena/arena.h"

static void push(arena_t *arena, cleanup_t *cleanup)
{
    cleanup->serial = ++arena->serial;
    cleanup->newer = NULL;
    cleanup->older = arena->cleanups;
    if (arena->cleanups)
        arena->cleanups->newer = cleanup;
    arena->cleanups = cleanup;
}

static void take_out(arena_t *arena, cleanup_t *cleanup)
{
    if (cleanup->newer)
        cleanup->newer->older = cleanup->older;
    else
        arena->cleanups = cleanup->older;
    if (cleanup->older)
        cleanup->older->newer = cleanup->newer;
}

void cleanup_run(arena_t *arena, uint64_t serial)
{
    while (arena->cleanups && arena->cleanups->serial > serial) {
        cleanup_t *latest = arena->cleanups;
        take_out(arena, latest);
        latest->run(latest->context);
    }
}

bool weir_arena_cleanup(weir_arena *window, void (*run)(void *context), void *context)
{
    arena_t *arena = arena_of(window);
    cleanup_t *cleanup = weir_arena_alloc(window, sizeof *cleanup);
    if (!cleanup)
        return false;
    *cleanup = (cleanup_t){.run = run, .context = context};
    push(arena, cleanup);
    return true;
}

/* --- children --- */

static void free_child(void *context)
{
    arena_t *child = context;
    child->parent = NULL; /* its record is off the stack already */
    weir_arena_free(&child->window);
}

void cleanup_adopt_child(arena_t *parent, arena_t *child)
{
    child->parent = parent;
    child->as_child = (cleanup_t){.run = free_child, .context = child};
    push(parent, &child->as_child);
}

void cleanup_leave_parent(arena_t *child)
{
    if (child->parent)
        take_out(child->parent, &child->as_child);
    child->parent = NULL;
}

void cleanup_move(arena_t *into, arena_t *from)
{
    cleanup_t *oldest = from->cleanups;
    while (oldest && oldest->older)
        oldest = oldest->older;
    for (cleanup_t *next; oldest; oldest = next) {
        next = oldest->newer;
        if (oldest->run == free_child)
            ((arena_t *)oldest->context)->parent = into;
        push(into, oldest);
    }
    from->cleanups = NULL;
}
