/* arena: how an arena begins and ends, and how it gets memory: see arena/arena.h.
 *
 * How a request is met if the current block has no room for it:
 *
 *     1. find a spare block with enough room, or take a new one: of the usual size, or, if the request is
 *        more than a quarter of that, of the request's size
 *     2. if that block then has more room left than the current one, it becomes the current one; else it is
 *        taken, and the current block stays
 *
 * So at most a quarter of a block is lost at its end, and a large object takes no more than its own size.
 */
#include "arena/arena.h"

#include <errno.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/profile/budget.h"
#include "runtime/region/region.h"
#include "runtime/threads/attach.h"

enum {
    HUGE_FROM =
        8 * 1024 * 1024, /* bytes held: from here on one more block of BLOCK_HUGE is at most a quarter more */
    SPARES_TRIED = 4,    /* by a large request; a small one tries all, and mostly takes the first */
    ARENA_SIZE = (sizeof(arena_t) + 15) & ~15u,
};
/* The most bytes of an ordinary block: rounding them up to a page does not overflow. */
static const size_t BLOCK_SIZE_MAX = PTRDIFF_MAX & ~(size_t)(OS_PAGE - 1);
_Static_assert(BLOCK_HEAD + ARENA_SIZE + 64 <= WEIR_ARENA_FIRST_BLOCK_MIN, "there is room for something");
_Static_assert((int)WATCH_GAP % 16 == 0 && (int)BLOCK_HEAD % 16 == 0, "what follows is aligned");

static char *align_up(char *p, size_t alignment)
{
    return (char *)(((uintptr_t)p + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) & ~(unit - 1);
}

/* --- blocks --- */

static enum block_kind kind_of_blocks(const arena_t *arena)
{
    return arena->checked ? BLOCK_MAPPED : BLOCK_OF_HEAP;
}

static size_t round_block(size_t bytes, bool checked)
{
    return round_up(bytes, checked || bytes > SMALL_MAX ? OS_PAGE : 16);
}

/* The size of the next ordinary block. */
static size_t usual_size(const arena_t *arena)
{
    return arena->next_size == BLOCK_LARGE && arena->held >= HUGE_FROM ? BLOCK_HUGE : arena->next_size;
}

/* Add a new block with room for `need` bytes after the current one. NULL: ENOMEM. */
static arena_block_t *add_block(arena_t *arena, size_t need, bool large)
{
    size_t least = round_block(need + BLOCK_HEAD, arena->checked);
    size_t bytes = large ? least : round_block(usual_size(arena), arena->checked);
    size_t left = arena->limit > arena->held ? arena->limit - arena->held : 0;
    if (bytes > left)
        bytes = left & ~(size_t)(arena->checked ? OS_PAGE - 1 : 15);
    arena_block_t *block =
        bytes >= least ? block_take(bytes, kind_of_blocks(arena), arena->scanned, arena->owner) : NULL;
    if (!block) {
        errno = ENOMEM;
        return NULL;
    }
    if (arena->watch)
        watch_hide(arena->watch, block->start, block->end);
    arena->held += bytes;
    if (arena->next_size < BLOCK_LARGE)
        arena->next_size *= 2;
    block_link(block, block_newer(arena->current));
    block_link(arena->current, block);
    return block;
}

void arena_clear(const arena_t *arena, char *from, char *to)
{
    if (arena->watch)
        watch_show(arena->watch, from, to);
    memset(from, 0, (size_t)(to - from));
    if (arena->watch)
        watch_hide(arena->watch, from, to);
}

static arena_block_t *find_spare(const arena_t *arena, size_t need, bool large)
{
    int tries = large ? SPARES_TRIED : INT32_MAX;
    arena_block_t *block = block_next_spare(arena->current);
    while (block && (size_t)(block->end - block->start) < need)
        block = --tries > 0 ? block_next_spare(block) : NULL;
    return block;
}

static void give_block(arena_t *arena, arena_block_t *block)
{
    if (arena->watch)
        watch_show(arena->watch, block->start, block->end);
    arena->held -= block_held(block);
    block_give(block);
}

void arena_give_spares(arena_t *arena)
{
    arena_block_t *before = arena->current;
    for (arena_block_t *block; (block = block_newer(before)) != NULL;) {
        if (block->serial) {
            before = block;
            continue;
        }
        block_link(before, block_newer(block));
        give_block(arena, block);
    }
}

static void make_current(arena_t *arena, arena_block_t *block, char *next)
{
    arena->current = block;
    arena->end = block->end;
    arena_set_next(arena, next);
}

static void mark_taken(arena_t *arena, arena_block_t *block)
{
    block->serial = ++arena->serial;
    block->older_taken = arena->taken;
    arena->taken = block;
}

/* --- objects --- */

static void *take_from_other_block(arena_t *arena, size_t alignment, size_t size)
{
    size_t need = size + (alignment > 16 ? alignment - 16 : 0);
    bool large = need > usual_size(arena) / 4;
    arena_block_t *block = find_spare(arena, need, large);
    if (block && arena->scanned)
        arena_clear(arena, block->start, block->end);
    if (!block)
        block = add_block(arena, need, large);
    if (!block)
        return NULL;
    char *object = align_up(block->start, alignment);
    if (block->end - (object + size) > arena->end - arena->window.next)
        make_current(arena, block, object + size);
    else
        mark_taken(arena, block);
    return object;
}

static void *take_room(arena_t *arena, size_t alignment, size_t size)
{
    char *object = align_up(arena->window.next, alignment);
    if (object > arena->end || size > (size_t)(arena->end - object))
        return take_from_other_block(arena, alignment, size);
    arena_set_next(arena, object + size);
    return object;
}

COLD static void *take_watched(arena_t *arena, size_t alignment, size_t size)
{
    char *object = take_room(arena, alignment, round_up(size, 16) + WATCH_GAP);
    if (!object || watch_object(arena->watch, object, size))
        return object;
    errno = ENOMEM;
    return NULL;
}

void *arena_take(arena_t *arena, size_t alignment, size_t size)
{
    if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    size += size == 0;
    return UNLIKELY(arena->watch) ? take_watched(arena, alignment, size)
                                  : take_room(arena, alignment, round_up(size, 16));
}

/* --- the beginning --- */

/* In collect mode any object may hold a pointer. */
static bool is_scanned(const weir_arena_options *wanted)
{
    return wanted->scan || options.collect;
}

/* An arena is charged to the account of the thread that makes it. */
static block_owner_t owner_of(const weir_arena_options *wanted)
{
    return (block_owner_t){.name = wanted->name, .account = budget_current};
}

static arena_block_t *first_block(const weir_arena_options *wanted, bool checked)
{
    if (wanted->first_block) {
        if (wanted->first_block_size >= WEIR_ARENA_FIRST_BLOCK_MIN &&
            wanted->first_block_size <= UINTPTR_MAX - (uintptr_t)wanted->first_block) {
            if (is_scanned(wanted))
                memset(wanted->first_block, 0, wanted->first_block_size);
            return block_lay(wanted->first_block, wanted->first_block_size);
        }
        errno = EINVAL;
        return NULL;
    }
    size_t bytes = wanted->block_size ? wanted->block_size : BLOCK_SMALL;
    bytes = bytes < WEIR_ARENA_FIRST_BLOCK_MIN ? WEIR_ARENA_FIRST_BLOCK_MIN : bytes;
    if (wanted->limit && bytes > wanted->limit)
        bytes = wanted->limit & ~(size_t)15;
    if (bytes >= WEIR_ARENA_FIRST_BLOCK_MIN && bytes <= PTRDIFF_MAX)
        return block_take(round_block(bytes, checked), checked ? BLOCK_MAPPED : BLOCK_OF_HEAP,
                          is_scanned(wanted), owner_of(wanted));
    errno = ENOMEM;
    return NULL;
}

/* Make the arena in its first block. Objects of a checked arena begin on a page of their own, and never lie
 * in the caller's memory. */
static arena_t *lay_arena(arena_block_t *first, const weir_arena_options *wanted, bool checked)
{
    arena_t *arena = (arena_t *)(void *)first->start;
    first->start += ARENA_SIZE;
    if (checked)
        first->start = first->kind == BLOCK_MAPPED ? align_up(first->start, OS_PAGE) : first->end;
    size_t size = wanted->block_size > BLOCK_SMALL ? wanted->block_size : BLOCK_SMALL;
    size = size > BLOCK_SIZE_MAX ? BLOCK_SIZE_MAX : size;
    size = first->kind == BLOCK_OF_CALLER || size >= BLOCK_LARGE ? size : size * 2;
    *arena = (arena_t){.first = first,
                       .next_size = size,
                       .first_size = size,
                       .held = block_held(first),
                       .owner = owner_of(wanted),
                       .limit = wanted->limit ? wanted->limit : SIZE_MAX,
                       .checked = checked,
                       .scanned = is_scanned(wanted)};
    return arena;
}

weir_arena *weir_arena_new(const weir_arena_options *wanted)
{
    static const weir_arena_options defaults;
    wanted = wanted ? wanted : &defaults;
    thread_heap(); /* the options are read when the heap starts */
    thread_return_borrowed();
    bool checked = wanted->check || options.arenacheck;
    watch_t *watch = UNLIKELY(watch_is_wanted()) ? watch_begin() : NULL;
    arena_block_t *first = watch || !watch_is_wanted() ? first_block(wanted, checked) : NULL;
    if (!first) {
        if (watch)
            watch_end(watch);
        return NULL;
    }
    arena_t *arena = lay_arena(first, wanted, checked);
    arena->watch = watch;
    if (watch)
        watch_hide(watch, first->start, first->end);
    make_current(arena, first, first->start);
    if (wanted->parent)
        cleanup_adopt_child(arena_of(wanted->parent), arena);
    live_add(arena);
    if (arena->scanned)
        live_provide_roots();
    return &arena->window;
}

/* --- going back --- */

weir_arena_place weir_arena_mark(weir_arena *window)
{
    arena_t *arena = arena_of(window);
    /* What comes after a place has to have pages of its own, which can be made inaccessible. */
    if (UNLIKELY(arena->checked) && arena->window.next < arena->end)
        arena_set_next(arena, align_up(arena->window.next, OS_PAGE));
    return (weir_arena_place){.block = arena->current,
                              .next = arena->window.next,
                              .serial = arena->serial,
                              .objects = arena->watch ? arena->watch->count : 0};
}

COLD static void quarantine_rest(arena_t *arena)
{
    arena_give_spares(arena);
    arena_block_t *block = arena->current;
    if (block->kind != BLOCK_MAPPED)
        return;
    if (arena->watch)
        watch_show(arena->watch, arena->window.next, block->end);
    arena->held -= block_cut(block, arena->window.next);
    make_current(arena, block, block->end);
}

/* Clear what is given up in the block that becomes the current one. */
COLD static void clear_behind(const arena_t *arena, const weir_arena_place *place)
{
    const arena_block_t *block = place->block;
    char *end = block == arena->current ? arena->window.next : block->end;
    if (end > place->next) /* the object before the place may have shrunk */
        arena_clear(arena, place->next, end);
}

void weir_arena_rewind(weir_arena *window, weir_arena_place place)
{
    arena_t *arena = arena_of(window);
    DEBUG_CHECK(place.serial <= arena->serial);
    cleanup_run(arena, place.serial);
    if (arena->watch)
        watch_forget(arena->watch, place.objects);
    for (; arena->taken && arena->taken->serial > place.serial; arena->taken = arena->taken->older_taken)
        arena->taken->serial = 0;
    if (UNLIKELY(arena->scanned))
        clear_behind(arena, &place);
    make_current(arena, place.block, place.next);
    if (UNLIKELY(arena->checked))
        quarantine_rest(arena);
}

void weir_arena_reset(weir_arena *window)
{
    arena_block_t *first = arena_of(window)->first;
    weir_arena_rewind(window, (weir_arena_place){.block = first, .next = first->start});
}

void weir_arena_release(weir_arena *window)
{
    arena_t *arena = arena_of(window);
    weir_arena_reset(window);
    arena_give_spares(arena);
    arena->next_size = arena->first_size;
}

/* The arena lies in its first block, so that is given back last. */
void weir_arena_free(weir_arena *window)
{
    if (!window)
        return;
    arena_t *arena = arena_of(window);
    weir_arena_reset(window);
    cleanup_leave_parent(arena);
    live_remove(arena);
    arena_give_spares(arena);
    if (arena->watch) {
        watch_show(arena->watch, arena->current->start, arena->current->end);
        watch_end(arena->watch);
    }
    block_give(arena->first);
}

/* --- adopting --- */

/* Insert the blocks of `from` after the current block of `into`, in their order: the used ones become taken,
 * the others spare. For a moment they are in both chains. That has to be so as long as `from` is in the list
 * of live arenas: the collector must find them all the time. */
static void move_blocks(arena_t *into, arena_t *from)
{
    arena_block_t *last = from->first;
    bool is_behind = false;
    for (arena_block_t *block = from->first; block; block = block_newer(block)) {
        bool in_use = !is_behind || block->serial;
        is_behind |= block == from->current;
        if (in_use)
            mark_taken(into, block);
        last = block;
    }
    if (from->scanned && !into->scanned) {
        arena_clear(into, into->window.next, into->end);
        into->scanned = true;
    }
    block_link(last, block_newer(into->current));
    block_link(into->current, from->first);
    into->held += from->held;
}

void weir_arena_adopt(weir_arena *into_window, weir_arena *from_window)
{
    arena_t *into = arena_of(into_window), *from = arena_of(from_window);
    cleanup_leave_parent(from);
    if (into->watch && from->watch && !watch_move(into->watch, from->watch))
        from->watch->count = 0; /* the tools are not told when the objects end; the objects stay valid */
    if (from->watch) {
        from->watch->count = 0;
        watch_end(from->watch);
    }
    move_blocks(into, from);
    cleanup_move(into, from);
    live_remove(from);
}

size_t weir_arena_held(const weir_arena *window)
{
    return ((const arena_t *)(const void *)window)->held;
}
