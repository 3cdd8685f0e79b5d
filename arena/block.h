/* block: the memory that arenas are made of.
 *
 *     heap      from the heap, like any allocation: a cell up to 32 KiB, slots beyond. The idle rule keeps
 *               what was given back for the next arena, as far as WEIR_GOGC allows
 *     mapped    of a checked arena: a mapping of its own, so that it can be made inaccessible and stay so
 *     caller's  the first_block of the options
 *
 * A block of BLOCK_HUGE bytes is one that the kernel may back by a huge page: one page fault in place of 512.
 */
#ifndef WEIR_ARENA_BLOCK_H
#define WEIR_ARENA_BLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BLOCK_SMALL = 4 * 1024,
    BLOCK_LARGE = 1024 * 1024,
    BLOCK_HUGE = 2 * 1024 * 1024,
};

enum block_kind { BLOCK_OF_HEAP, BLOCK_MAPPED, BLOCK_OF_CALLER };

/* The head of a block, at its start. For use by the thread of the arena; `newer` is also read by live.h. */
typedef struct arena_block {
    _Atomic(struct arena_block *) newer; /* the chain of the arena */
    struct arena_block *older_taken;     /* while taken */
    uint64_t serial;                     /* of a taken block; 0: it is not taken */
    char *start, *end;                   /* for objects */
    enum block_kind kind;
} arena_block_t;

enum { BLOCK_HEAD = (sizeof(arena_block_t) + 15) & ~15u };

/* What the blocks of an arena belong to: the arena's name for the heap profile, or NULL; and the account that
 * they are charged to, or NULL. */
typedef struct block_owner {
    const char *name;
    struct weir_account *account;
} block_owner_t;

/* Take a block of `bytes` bytes, head included; all zero, if asked for. NULL: ENOMEM. */
arena_block_t *block_take(size_t bytes, enum block_kind kind, bool zero, block_owner_t owner);
/* Make a block in the caller's memory. */
arena_block_t *block_lay(void *memory, size_t bytes);
/* Give it back: to the heap, into quarantine, or not at all. */
void block_give(arena_block_t *block);
/* Bytes of it that count as held. */
size_t block_held(const arena_block_t *block);
/* Cut off the end of a mapped block, from a page's start on, and put it into quarantine. Returns how many
 * bytes that is. */
size_t block_cut(arena_block_t *block, char *from);

static inline arena_block_t *block_newer(const arena_block_t *block)
{
    return atomic_load_explicit(&block->newer, memory_order_relaxed);
}

static inline void block_link(arena_block_t *block, arena_block_t *newer)
{
    atomic_store_explicit(&block->newer, newer, memory_order_release);
}

/* The next block that is not taken. After the current block, that is a spare one. */
static inline arena_block_t *block_next_spare(const arena_block_t *block)
{
    arena_block_t *next = block_newer(block);
    while (next && next->serial)
        next = block_newer(next);
    return next;
}

#endif
