/* hollow: after a trim only those pages are held that live cells reach into, and all cells can be used as
 * before. */
#include <criterion/criterion.h>
#include <errno.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/control/control.h"
#include "runtime/control/trim.h"
#include "tests/unit/support.h"

enum { BLOCKS = 40000 };

static struct block {
    char *at;
    size_t size;
} blocks[BLOCKS];
static uint64_t random_state;

static void take(struct block *block, size_t size)
{
    block->at = heap_malloc(size);
    block->size = size;
    cr_assert_not_null(block->at);
    pattern_fill(block->at, size, (uintptr_t)block);
}

static void give(struct block *block)
{
    cr_assert(pattern_intact(block->at, block->size, block->size, (uintptr_t)block));
    heap_free(block->at);
    block->at = NULL;
}

static size_t size_of_class(uint32_t cls)
{
    return class_size(cls) - random_below(&random_state, 8);
}

/* Pages that live blocks reach into, plus one for each span: the page in which its untouched cells begin. */
static size_t pages_of_live(void)
{
    static uint8_t reached[1 << 18];
    memset(reached, 0, sizeof reached);
    size_t count = 0, spans = PAGE_STAT(slots_inuse);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (!blocks[i].at)
            continue;
        size_t first = ((uintptr_t)blocks[i].at - region_base) / OS_PAGE;
        size_t last = ((uintptr_t)blocks[i].at + heap_usable_size(blocks[i].at) - 1 - region_base) / OS_PAGE;
        for (size_t page = first; page <= last; page++) {
            cr_assert_lt(page, COUNT(reached));
            count += !reached[page];
            reached[page] = 1;
        }
    }
    return count + spans;
}

static void check_trimmed(void)
{
    trim_all(0);
    verify_own();
    size_t touched = PAGE_STAT(touched);
    cr_expect_leq(touched, pages_of_live());
    size_t own = pages_extents_metadata(), end = region_base + region.size;
    if (!SANITIZED)
        cr_expect_leq(resident_between(region_base + ZERO_ZONE, end), touched * OS_PAGE + own);
}

static void fill_and_thin_out(uint32_t first_class, uint32_t last_class, size_t bytes)
{
    heap_free(heap_malloc(1));
    for (int round = 0; round < 4; round++) {
        size_t kept = 1 + random_below(&random_state, 60), held = 0;
        for (size_t i = 0; i < BLOCKS; i++) {
            uint32_t cls = first_class + (uint32_t)random_below(&random_state, last_class - first_class + 1);
            if (!blocks[i].at && held < bytes)
                take(&blocks[i], size_of_class(cls));
            held += blocks[i].at ? blocks[i].size : 0;
        }
        for (size_t i = 0; i < BLOCKS; i++)
            if (blocks[i].at && random_below(&random_state, kept))
                give(&blocks[i]);
        check_trimmed();
    }
    for (size_t i = 0; i < BLOCKS; i++)
        if (blocks[i].at)
            give(&blocks[i]);
    trim_all(0);
    cr_expect_eq(PAGE_STAT(touched), 0);
    cr_expect_eq(PAGE_STAT(slots_inuse), 0);
    verify_own();
}

Test(hollow, each_class)
{
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls += 3)
        fill_and_thin_out(cls, cls, MIB(1));
}

Test(hollow, all_classes_at_once)
{
    for (int i = 0; i < 4; i++)
        fill_and_thin_out(1, CLASS_COUNT - 1, MIB(32));
}

/* A page that becomes resident again is charged: the hard limit holds, and refuses nothing that it has room
 * for. */
Test(hollow, pages_that_come_back_are_charged)
{
    enum { SIZE = 1000 };
    for (size_t i = 0; i < BLOCKS; i++)
        take(&blocks[i], SIZE);
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % 60)
            give(&blocks[i]);
    check_trimmed();
    page_stats_t held = pages_stats();
    size_t room = BLOCKS / 2 * SIZE;
    control_set_hard_limit((int64_t)(held.touched * OS_PAGE + region_table_bytes() + held.metadata + room));
    size_t had = 0;
    for (size_t i = 0; i < BLOCKS; i++)
        if (!blocks[i].at && (blocks[i].at = heap_malloc(SIZE)) != NULL) {
            pattern_fill(blocks[i].at, SIZE, (uintptr_t)&blocks[i]);
            had += SIZE;
        }
    cr_expect_geq(had, room / 10 * 9, "%zu of %zu", had, room);
    cr_expect_leq(had, room + room / 10);
    verify_own();
}

/* A second free is noticed although the mark of the free cell went with its page. */
Test(hollow, a_second_free_is_seen)
{
    static char *cells[SLOT_SIZE / 64];
    options.onerror = OPTIONS_ONERROR_WARN;
    for (size_t i = 0; i < COUNT(cells); i++)
        cells[i] = heap_malloc(64);
    for (size_t i = 1; i < COUNT(cells); i++)
        heap_free(cells[i]);
    trim_all(0);
    char *gone = cells[COUNT(cells) / 2];
    cr_assert_eq(span_of_slot(region_slot(gone))->hollow, 0xfffe);
    heap_free(gone);
    size_t seen = 0;
    for (size_t i = 1; i < COUNT(cells); i++)
        seen += heap_malloc(64) == gone;
    cr_expect_eq(seen, 1);
    verify_own();
}
