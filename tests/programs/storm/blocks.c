/* blocks: contents that follow from a seed; lists of them; the market where threads hand them over. */
#include <malloc.h>

#include "tests/programs/storm/storm.h"

enum { FILLED = 256 /* bytes at each end */, MARKET = 128 };
static const uint64_t GUARD = 0x73746f726d;

static unsigned char byte_at(uint64_t seed, size_t i)
{
    return (unsigned char)((seed >> (i % 7)) + i * 13);
}

static void fill_between(block_t *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        b->bytes[i] = byte_at(b->seed, i);
}

static void block_fill(block_t *b)
{
    b->guard = GUARD ^ b->size ^ b->seed;
    if (b->size <= 2 * FILLED) {
        fill_between(b, 0, b->size);
    } else {
        fill_between(b, 0, FILLED);
        fill_between(b, b->size - FILLED, b->size);
    }
}

static bool is_right_between(const block_t *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (b->bytes[i] != byte_at(b->seed, i))
            return false;
    return true;
}

void block_check(const block_t *b)
{
    CHECK(b->guard == (GUARD ^ b->size ^ b->seed));
    if (b->size <= 2 * FILLED)
        CHECK(is_right_between(b, 0, b->size));
    else
        CHECK(is_right_between(b, 0, FILLED) && is_right_between(b, b->size - FILLED, b->size));
}

static size_t random_length(uint64_t *random, size_t most)
{
    unsigned high = 0;
    while ((size_t)2 << high <= most)
        high++;
    if (below(random, 16)) /* mostly small */
        high = high > 10 ? 10 : high;
    return random_size(random, high ? high : 1);
}

static void *allocate(uint64_t *random, size_t size)
{
    void *p = NULL;
    size_t alignment = (size_t)16 << below(random, 9);
    switch (below(random, 8)) {
    case 0: {
        p = calloc(1, size);
        CHECK(p != NULL && is_zero(p, size));
        break;
    }
    case 1:
        CHECK(posix_memalign(&p, alignment, size) == 0 && (uintptr_t)p % alignment == 0);
        break;
    case 2:
        p = aligned_alloc(alignment, size);
        CHECK((uintptr_t)p % alignment == 0);
        break;
    case 3:
        p = realloc(NULL, size);
        break;
    default:
        p = malloc(size);
    }
    CHECK(p != NULL && (uintptr_t)p % 16 == 0 && malloc_usable_size(p) >= size);
    return p;
}

block_t *block_new(uint64_t *random, size_t most)
{
    size_t size = random_length(random, most);
    block_t *b = allocate(random, sizeof *b + size);
    *b = (block_t){.size = size, .seed = random_next(random)};
    block_fill(b);
    return b;
}

block_t *block_resize(block_t *b, uint64_t *random, size_t most)
{
    block_check(b);
    size_t size = random_length(random, most), kept = size < b->size ? size : b->size;
    bool had_ends = b->size > 2 * FILLED;
    block_t *moved = realloc(b, sizeof *b + size);
    CHECK(moved != NULL);
    CHECK(moved->guard == (GUARD ^ moved->size ^ moved->seed));
    CHECK(is_right_between(moved, 0, had_ends && kept > FILLED ? FILLED : kept));
    moved->size = size;
    block_fill(moved);
    return moved;
}

void block_free(block_t *b)
{
    if (!b)
        return;
    block_check(b);
    if (settings.drop && b->seed % 4 == 0) {
        /* A stale word may keep this block; that must not keep what is later allocated where the next block
         * of its chain was. */
        b->next = NULL;
        return;
    }
    b->guard = 0; /* who still has a pointer to it sees that */
    free(b);
}

block_t *chain_new(uint64_t *random, int count, size_t most)
{
    block_t *first = NULL;
    for (int i = 0; i < count; i++) {
        block_t *b = block_new(random, most);
        b->next = first;
        first = b;
    }
    return first;
}

void chain_check(const block_t *first, int count)
{
    for (; first; first = first->next, count--)
        block_check(first);
    CHECK(count == 0);
}

void chain_free(block_t *first)
{
    while (first) {
        block_t *next = first->next;
        block_free(first);
        first = next;
    }
}

static _Atomic(block_t *) market[MARKET];

block_t *market_swap(uint64_t *random, block_t *block)
{
    block_t *got = atomic_exchange(&market[below(random, MARKET)], block);
    if (got)
        block_check(got);
    return got;
}

void market_close(void)
{
    for (int i = 0; i < MARKET; i++)
        block_free(atomic_exchange(&market[i], NULL));
}

uint64_t churn_sum(uint64_t seed, int count)
{
    enum { KEPT = 64 };
    uint64_t random = seed * 2 + 1, sum = 0;
    block_t *kept[KEPT] = {NULL};
    for (int i = 0; i < count; i++) {
        block_t **b = &kept[below(&random, KEPT)];
        if (*b) {
            block_check(*b);
            sum = sum * 31 + (*b)->size + (*b)->bytes[(*b)->size / 2 < FILLED ? (*b)->size / 2 : 0];
        }
        block_free(*b);
        *b = block_new(&random, 1 << 15);
    }
    for (int i = 0; i < KEPT; i++)
        block_free(kept[i]);
    return sum;
}
