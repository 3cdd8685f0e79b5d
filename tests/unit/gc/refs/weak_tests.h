/* weak_tests: what the tests of weak references and maps share. */
#ifndef WEIR_TESTS_UNIT_WEAK_TESTS_H
#define WEIR_TESTS_UNIT_WEAK_TESTS_H

#include <criterion/criterion.h>
#include <weir/gc.h>
#include <weir/weak.h>
#include "runtime/config/options.h"
#include "runtime/gc/cells/side_table.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

typedef struct node {
    struct node *next;
    uintptr_t number;
} node_t;

/* Roots; the tests' own frames and registers never hold an object. */
__attribute__((unused)) static node_t *volatile root;

__attribute__((unused)) static weir_weak *volatile weak;

__attribute__((unused)) static weir_weak_map *volatile map;

static inline void settle(void)
{
    collect();
}

static inline void drop(void)
{
    root = NULL;
}

__attribute__((noinline, unused)) static hidden_t put(uintptr_t number, size_t size)
{
    root = weir_gc_alloc(size > sizeof(node_t) ? size : sizeof(node_t));
    root->number = number;
    return hide(root);
}

static inline size_t count_records(enum side_kind kind)
{
    size_t count = 0;
    for (uint32_t number = 1; number < side_table_end(); number++)
        count += side_table_at(number)->kind == kind;
    return count;
}

__attribute__((noinline, unused)) static void free_by_hand(void)
{
    weir_gc_free((void *)root);
    drop();
}

__attribute__((noinline, unused)) static hidden_t resize(size_t size)
{
    root = weir_gc_realloc((void *)root, size);
    return hide(root);
}

__attribute__((noinline, unused)) static void entry(uintptr_t key_number, bool to_key)
{
    put(key_number, 0);
    node_t *value = weir_gc_alloc(sizeof *value);
    value->number = key_number + 1000;
    value->next = to_key ? root : NULL;
    cr_assert_eq(weir_weak_map_set(map, root, value), 0);
}

__attribute__((noinline, unused)) static uintptr_t value_number(void)
{
    const node_t *value = weir_weak_map_get(map, root);
    return value && weir_gc_base(value) == value ? value->number : 0;
}

#endif
