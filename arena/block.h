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

/* The head of a block, in it. For the thread of the arena; `newer` is also read by live.h. */
typedef struct block {
    _Atomic(struct block *) newer; /* the chain of the arena */
    struct block *older_taken;     /* while taken */
    uint64_t serial;               /* when it was taken; 0: it is not */
    char *start, *end;             /* for objects */
    enum block_kind kind;
} block_t;

enum { BLOCK_HEAD = (sizeof(block_t) + 15) & ~15u };

/* A block of so many bytes, head included; all zero, if asked for. `name`: of the arena, for the heap profile, or NULL.
 * NULL: ENOMEM. */
block_t *block_take(size_t bytes, enum block_kind kind, bool zero, const char *name);
/* A block in the caller's memory. */
block_t *block_lay(void *memory, size_t bytes);
/* Give it back: to the heap, into the grave, or not at all. */
void block_give(block_t *block);
/* Bytes of it that count as held. */
size_t block_held(const block_t *block);
/* The end of a mapped block, from a page's start on, goes into grave. Returns how many bytes. */
size_t block_cut(block_t *block, char *from);

static inline block_t *block_newer(const block_t *block)
{
    return atomic_load_explicit(&block->newer, memory_order_relaxed);
}

static inline void block_link(block_t *block, block_t *newer)
{
    atomic_store_explicit(&block->newer, newer, memory_order_release);
}

/* The next block that is not taken: spare, if `block` is the current one. */
static inline block_t *block_next_spare(const block_t *block)
{
    block_t *next = block_newer(block);
    while (next && next->serial)
        next = block_newer(next);
    return next;
}

#endif
