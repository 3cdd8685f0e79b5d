/* operations_manual: blocks of malloc and its relatives; now and then another thread frees them. */
#include <errno.h>
#include <weir/heap.h>

#include "tests/fuzz/operations.h"
#include "tests/unit/support.h"

enum { BLOCKS = 32 };

typedef struct block {
    char *p;
    size_t size;
    uint64_t pattern;
} block_t;

static block_t blocks[BLOCKS];
static uint64_t patterns;

static void check(const block_t *block, size_t kept)
{
    CHECK(pattern_intact(block->p, block->size, kept, block->pattern));
}

static void receive(block_t *block, void *p, size_t size, size_t alignment)
{
    *block = (block_t){p, size, ++patterns};
    CHECK(p || (operations_may_fail && errno == ENOMEM));
    if (!p)
        return;
    CHECK((uintptr_t)p % alignment == 0 && weir_usable_size(p) >= size);
    pattern_fill(p, size, block->pattern);
}

static void release(block_t *block, bool sized)
{
    if (!block->p)
        return;
    check(block, block->size);
    if (sized)
        weir_free_sized(block->p, block->size);
    else
        weir_free(block->p);
    block->p = NULL;
}

static void resize(block_t *block, size_t size)
{
    block_t old = *block;
    if (!old.p)
        return;
    check(&old, old.size);
    char *p = weir_realloc(old.p, size);
    block->p = p || size == 0 ? NULL : old.p;
    CHECK(p || size == 0 || operations_may_fail);
    if (!p)
        return;
    CHECK(pattern_intact(p, old.size, size < old.size ? size : old.size, old.pattern));
    receive(block, p, size, 16);
}

static void release_half(size_t number)
{
    for (size_t i = number; i < BLOCKS; i += 2)
        release(&blocks[i], false);
}

void manual_step(input_t *input)
{
    uint32_t kind = input_byte(input);
    block_t *block = &blocks[kind % BLOCKS];
    size_t size = operations_size(input), alignment = (size_t)1 << input_below(input, 14);
    char *p;
    switch (kind / BLOCKS) {
    case 0:
    case 1:
        release(block, kind & 1);
        receive(block, weir_malloc(size), size, 16);
        break;
    case 2:
        release(block, true);
        p = weir_calloc(size, 1);
        CHECK(!p || is_zero(p, size));
        receive(block, p, size, 16);
        break;
    case 3:
        release(block, true);
        receive(block, weir_aligned_alloc(alignment, size), size, alignment);
        break;
    case 4:
        resize(block, size);
        break;
    case 5:
        release(block, false);
        break;
    case 6:
        if (block->p)
            check(block, block->size);
        break;
    default:
        if (size > 250)
            threads_run(2, release_half);
    }
}

void manual_end(void)
{
    for (size_t i = 0; i < BLOCKS; i++)
        release(&blocks[i], i & 1);
}
