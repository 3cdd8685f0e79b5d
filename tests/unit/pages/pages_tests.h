/* pages_tests: what the tests of slots and idle memory share. */
#ifndef WEIR_TESTS_UNIT_PAGES_TESTS_H
#define WEIR_TESTS_UNIT_PAGES_TESTS_H

#include <criterion/criterion.h>
#include <unistd.h>
#include "runtime/config/options.h"
#include "runtime/control/trim.h"
#include "runtime/policy/release.h"
#include "tests/unit/support.h"

static inline void start(int64_t gc_percent)
{
    heap_free(heap_malloc(1));
    trim_all(0);
    pages_set_gc_percent(gc_percent);
}

enum { BLOCK = 16 /* slots: 1 MiB */, BLOCKS = 256 };

__attribute__((unused)) static uint32_t blocks[BLOCKS];

/* As the heap does: what is refused is tried again after a cycle. */
static inline uint32_t take_twice(uint8_t *before)
{
    uint32_t slot = pages_take(BLOCK, BLOCK * SLOT_PAGES, 1, before);
    if (slot)
        return slot;
    pages_cycle_done();
    pages_retry_begins();
    slot = pages_take(BLOCK, BLOCK * SLOT_PAGES, 1, before);
    pages_retry_ends();
    return slot;
}

static inline uint32_t block_take(void)
{
    uint8_t before[BLOCK];
    uint32_t slot = take_twice(before);
    if (slot)
        memset(region_address(slot), 1, BLOCK * SLOT_SIZE);
    return slot;
}

static inline void block_give(uint32_t *slot)
{
    if (*slot)
        pages_give(*slot, BLOCK, BLOCK * SLOT_PAGES);
    *slot = 0;
}

static inline void blocks_take(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = block_take();
        cr_assert_neq(blocks[i], 0);
    }
}

static inline size_t idle_of(const page_stats_t *held)
{
    return held->pages_idle * OS_PAGE + held->huge_idle;
}

#endif
