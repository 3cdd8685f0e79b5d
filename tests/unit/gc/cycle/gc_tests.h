/* gc_tests: what several tests of the collector share. */
#ifndef WEIR_TESTS_UNIT_GC_TESTS_H
#define WEIR_TESTS_UNIT_GC_TESTS_H

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <weir/gc.h>
#include "runtime/base/cpu.h"
#include "runtime/config/options.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

__attribute__((unused)) static void *volatile root;

__attribute__((noinline, unused)) static hidden_t make(size_t size, size_t offset)
{
    char *p = weir_gc_alloc(size);
    cr_assert_not_null(p);
    root = p + offset;
    return hide(p);
}

/* Sizes of objects with a pointer to their end, which C allows: sizes of cells, of pages, and others. */
__attribute__((unused)) static const size_t ends[] = {
    0, 15, 16, 32, 64, 1000, 1024, 1040, 2048, 4096, 32768, SMALL_MAX, KIB(64), KIB(64) + 1, MIB(1), MIB(4)};

/* --- lists of numbered links --- */

typedef struct link {
    struct link *next;
    uint64_t number;
} link_t;

static inline void list_check(const link_t *list, uint64_t from, size_t count)
{
    for (size_t i = 0; i < count; i++, list = list->next)
        CHECK(list && list->number == from - i, "link %zu", i);
    CHECK(!list);
}

#endif
