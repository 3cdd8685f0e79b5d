/* shed_tests: what the tests of shedding share. */
#ifndef WEIR_TESTS_UNIT_SHED_TESTS_H
#define WEIR_TESTS_UNIT_SHED_TESTS_H

#include <criterion/criterion.h>
#include <sys/time.h>
#include <weir/control.h>
#include "runtime/control/shed.h"
#include "runtime/control/trim.h"
#include "tests/unit/support.h"

enum { OBJECT = 100 * 1000, OBJECTS = 160 /* 16 MiB */, SMALL = 1000 };

static inline uint64_t taken(weir_rung rung)
{
    return shed_count(rung).taken;
}

static inline size_t held_now(void)
{
    return pages_inuse() + PAGE_STAT(pages_idle) * OS_PAGE + PAGE_STAT(huge_idle);
}

/* No cycle but one for the limit. */
static inline void begin(void)
{
    weir_set_gc_percent(WEIR_GC_OFF);
}

/* Nothing is idle, and the limit is so many bytes above what is held. */
static inline void leave(size_t bytes)
{
    trim_all(0);
    weir_set_memory_limit((int64_t)(held_now() + bytes));
}

static inline void *write_block(size_t size)
{
    void *p = heap_malloc(size);
    return p ? memset(p, 1, size) : NULL;
}

/* Blocks that stay, so many bytes in all. */
static inline void use(size_t bytes)
{
    for (size_t used = 0; used < bytes; used += OBJECT)
        cr_assert_not_null(write_block(OBJECT));
}

static inline void expect_last(weir_rung last)
{
    static const char *const names[] = {"idle",      "caches",     "victims",  "pools",
                                        "shrinkers", "collection", "callback", "refusal"};
    cr_expect_gt(taken(last), 0, "%s", names[last]);
    for (int rung = (int)last + 1; rung < WEIR_RUNGS; rung++)
        cr_expect_eq(taken((weir_rung)rung), 0, "%s after %s", names[rung], names[last]);
    cr_expect_leq(held_now(), (size_t)weir_set_memory_limit(-1));
    pages_verify();
}

typedef struct store {
    int number;
    void *blocks[40]; /* 4 MiB */
} store_t;

__attribute__((unused)) static int order[100], calls;

static inline void fill_store(store_t *store)
{
    for (size_t i = 0; i < COUNT(store->blocks); i++)
        store->blocks[i] = write_block(OBJECT);
}

static inline size_t empty_store(void *context, size_t wanted)
{
    store_t *store = context;
    size_t given = 0;
    CHECK(wanted > 0);
    if (!store->blocks[0])
        return 0;
    order[calls++ % 100] = store->number;
    for (size_t i = 0; i < COUNT(store->blocks); i++) {
        given += heap_usable_size(store->blocks[i]);
        heap_free(store->blocks[i]);
        store->blocks[i] = NULL;
    }
    return given;
}

#endif
