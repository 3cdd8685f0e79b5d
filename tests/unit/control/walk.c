// The walk through the heap: it visits the program's blocks, each one and no others, and tells what memory
// survivors pin.
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

#include "tests/unit/support.h"

enum { PAGE = 4096 };

typedef struct seen {
    uintptr_t wanted;                             /* an address in a block; 0: none */
    bool is_used;                                 /* it was among the blocks in use */
    size_t size, blocks, bytes, pinned, resident; /* of spans with blocks of `size`; 0: of all */
    const char *last;
} seen_t;

static bool look(void *ctx, const weir_span *span, size_t size)
{
    seen_t *seen = ctx;
    cr_assert_eq(size, sizeof *span);
    cr_assert((const char *)span->start > seen->last, "not ascending");
    seen->last = span->start;
    cr_assert(span->used_blocks >= 1 && span->used_blocks <= span->blocks);
    cr_assert(span->pinned <= span->resident || span->blocks > 1);
    size_t used = 0;
    for (size_t i = 0; i < span->blocks; i++) {
        uintptr_t block = (uintptr_t)span->start + i * span->block_size;
        bool is_used = span->used[i / 64] >> i % 64 & 1;
        used += is_used;
        seen->is_used |= is_used && seen->wanted >= block && seen->wanted < block + span->block_size;
    }
    cr_assert_eq(used, span->used_blocks);
    if (seen->size == 0 || span->block_size == seen->size) {
        seen->blocks += used;
        seen->bytes += used * span->block_size;
        seen->pinned += span->pinned;
        seen->resident += span->resident;
    }
    return true;
}

static seen_t see(size_t size, uintptr_t wanted)
{
    seen_t seen = {.size = size, .wanted = wanted};
    weir_heap_walk(look, &seen);
    return seen;
}

Test(walk, each_block_is_seen_until_it_is_freed)
{
    static const size_t sizes[] = {1, 16, 100, 1000, 5000, 32768, 40000, 1 << 20, 3 << 20, 20 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *block = weir_malloc(sizes[i]);
        memset(block, 1, sizes[i]);
        size_t usable = weir_usable_size(block);
        uintptr_t at = (uintptr_t)block;
        cr_assert(see(0, at).is_used, "%zu bytes", sizes[i]);
        cr_assert(see(0, at + usable - 1).is_used, "the end of %zu bytes", sizes[i]);
        weir_free(block);
        cr_assert_not(see(0, at).is_used, "%zu bytes, freed", sizes[i]);
    }
}

// Model: as many blocks are seen as were allocated and not freed. No other block has this size.
Test(walk, counts_are_those_of_the_program)
{
    enum { COUNT = 5000, SIZE = 448 };
    static char *blocks[COUNT];
    size_t size = 0, before = 0, live = 0;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = weir_malloc(SIZE);
        size = weir_usable_size(blocks[i]);
        live++;
    }
    srand(1);
    for (int i = 0; i < COUNT; i++)
        if (rand() % 3) {
            weir_free(blocks[i]);
            live--;
        }
    cr_assert_eq(see(size, 0).blocks, live + before);
}

// One block in each span survives: it pins only its page, and the other pages are released on demand.
Test(walk, survivors_pin_their_pages)
{
    enum { COUNT = 64 * 64, SIZE = 1024, SPAN = 64 };
    static char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        memset(blocks[i] = weir_malloc(SIZE), 1, SIZE);
    for (int i = 0; i < COUNT; i++)
        if (i % SPAN != 0)
            weir_free(blocks[i]);
    seen_t before = see(SIZE, 0);
    cr_assert_eq(before.blocks, COUNT / SPAN);
    cr_assert_leq(before.pinned, (COUNT / SPAN) * PAGE);
    weir_free_os_memory();
    seen_t after = see(SIZE, 0);
    cr_assert_eq(after.blocks, COUNT / SPAN);
    cr_assert_eq(after.pinned, before.pinned);
    cr_assert_leq(after.resident, before.resident);
}

Test(walk, collected_objects_are_seen)
{
    char *volatile object = weir_gc_alloc(200);
    cr_assert(see(0, (uintptr_t)object).is_used);
    object[0] = 1;
}

static bool once(void *ctx, const weir_span *span, size_t size)
{
    (void)span, (void)size;
    ++*(int *)ctx;
    return false;
}

Test(walk, ends_when_visit_says_so)
{
    int visits = 0;
    char *block = weir_malloc(100), *other = weir_malloc(10000);
    weir_heap_walk(once, &visits);
    cr_assert_eq(visits, 1);
    weir_free(block);
    weir_free(other);
}

static _Atomic bool stop;

static void *churn(void *unused)
{
    (void)unused;
    void *blocks[64] = {NULL};
    for (unsigned i = 0; !stop; i++) {
        weir_free(blocks[i % 64]);
        blocks[i % 64] = weir_malloc(i * 37 % 40000);
    }
    for (int i = 0; i < 64; i++)
        weir_free(blocks[i]);
    return NULL;
}

static bool count(void *ctx, const weir_span *span, size_t size)
{
    (void)size;
    *(size_t *)ctx += span->used_blocks;
    return true;
}

Test(walk, goes_on_beside_threads_that_allocate)
{
    weir_free(weir_malloc(1)); // the heap is there before the threads are
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn, NULL), 0);
    size_t blocks = 0;
    for (int i = 0; i < 50; i++)
        weir_heap_walk(count, &blocks);
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}
